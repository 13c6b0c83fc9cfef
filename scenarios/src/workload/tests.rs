use std::collections::BTreeMap;

use stormglass_engine::contract::{
    Address, Effect, Entropy, Frame, Input, Label, LabelKind, Outbox, Packet,
};
use stormglass_engine::time::{Duration, Instant};
use stormglass_engine::vocabulary::*;
use stormglass_engine::wire::client::decode_request;
use stormglass_engine::wire::{ClientReply, ClientRequest, CommandFrame, kind};

use super::draw::Plan;
use super::fake::*;
use super::*;
use stormglass_engine::wire::client::encode_reply;

/// One client whose other end is the test.
struct Bench {
    client: Client,
    now: Instant,
    requests: Vec<(Label, ClientRequest)>,
    /// Where they went.
    targets: Vec<Address>,
    events: Vec<ClientEvent>,
    /// What the node's clock is ahead; each ticket is newer than the last.
    tickets: u64,
}

impl Bench {
    fn new(identity: &ClientIdentity) -> Self {
        let mut out = Outbox::<(), ClientEvent>::default();
        let now = Instant::from_nanos(1_000_000_000);
        let client = Client::boot(identity, Entropy::new(99), now, &mut out);
        assert!(out.is_empty(), "nothing before the start");
        let (requests, targets, events) = Default::default();
        let mut bench = Bench {
            client,
            now,
            requests,
            targets,
            events,
            tickets: 0,
        };
        bench.wait();
        bench
    }

    /// A client with a ticket, whose first commands are on their way.
    fn connected(identity: &ClientIdentity) -> Self {
        let mut bench = Bench::new(identity);
        let (_, request) = bench.requests.remove(0);
        let ClientRequest::Connect {
            client, attempt, ..
        } = request
        else {
            panic!("{request:?}")
        };
        let ticket = bench.ticket();
        bench.tell(ClientReply::Connected {
            client,
            attempt,
            ticket,
        });
        bench
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket {
            incarnation: 1,
            issued: Instant::from_nanos(self.tickets),
        }
    }

    fn handle(&mut self, input: Input<()>) {
        let mut out = Outbox::<(), ClientEvent>::default();
        self.client.handle(self.now, input, &mut out);
        for effect in out.drain() {
            match effect {
                Effect::Send {
                    to, label, frame, ..
                } => {
                    self.targets.push(to);
                    self.requests
                        .push((label, decode_request(&frame).expect("well-formed")));
                }
                Effect::Trace(event) => self.events.push(event),
                Effect::Probe(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn tell(&mut self, reply: ClientReply) {
        self.tell_from(NODE, &reply);
    }

    fn tell_from(&mut self, from: Address, reply: &ClientReply) {
        let label = Label {
            kind: kind::ANSWER,
            incarnation: 5,
            id: 0,
            part: 0,
            attempt: 0,
        };
        self.handle(Input::Packet(Packet {
            network: NETWORK,
            from,
            label,
            frame: encode_reply(reply),
        }));
    }

    fn answer(&mut self, frame: &CommandFrame, status: Status) {
        self.answer_from(NODE, frame, status);
    }

    fn answer_from(&mut self, from: Address, frame: &CommandFrame, status: Status) {
        let ticket = self.ticket();
        let reply = ClientReply::Answer {
            id: frame.id,
            attempt: frame.attempt,
            ticket,
            status,
        };
        self.tell_from(from, &reply);
    }

    /// Goes on to the next deadline; how long that took.
    fn wait(&mut self) -> Duration {
        let next = self.client.next_deadline().expect("waits for something");
        assert!(next > self.now, "a deadline in the past");
        let waited = next.since(self.now);
        self.now = next;
        self.handle(Input::Deadline);
        waited
    }

    /// The only command frame sent since the last look.
    fn sent(&mut self) -> CommandFrame {
        let mut frames = self.all_sent();
        assert_eq!(frames.len(), 1, "one frame");
        frames.remove(0)
    }

    fn all_sent(&mut self) -> Vec<CommandFrame> {
        self.requests
            .drain(..)
            .map(|(label, request)| match request {
                ClientRequest::Command(frame) => {
                    let of_frame = (kind::COMMAND, 99, frame.id.counter, 0, frame.attempt);
                    let Label {
                        kind,
                        incarnation,
                        id,
                        part,
                        attempt,
                    } = label;
                    assert_eq!((kind, incarnation, id, part, attempt), of_frame);
                    frame
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn events(&mut self) -> Vec<ClientEvent> {
        std::mem::take(&mut self.events)
    }
}

fn id(counter: u64) -> CommandId {
    CommandId {
        client: ClientId::new(1),
        counter,
    }
}

fn ended(counter: u64, attempt: u32, status: StatusSummary) -> ClientEvent {
    ClientEvent::AttemptEnded {
        id: id(counter),
        attempt,
        status,
    }
}

const TIMED_OUT: StatusSummary = StatusSummary::Unknown(UnknownReason::TimedOut);
const MS: fn(u64) -> Duration = Duration::from_millis;

/// Lets it send so often, and says where each went.
fn targets(bench: &mut Bench, count: usize) -> Vec<Address> {
    while bench.targets.len() < count {
        bench.wait();
    }
    std::mem::take(&mut bench.targets)
}

#[test]
fn a_frame_that_stays_unanswered_goes_to_either_node_in_turn() {
    let mut bench = Bench::new(&identity(1, 1, 1, only(CommandKind::Write)));
    let connects = targets(&mut bench, 5);
    assert_eq!(connects, [NODE, NODE, OTHER, NODE, OTHER]);
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    bench.targets.remove(0);
    let frames = targets(&mut bench, 5);
    assert_eq!(frames, [NODE, NODE, OTHER, NODE, OTHER]);
}

#[test]
fn the_node_that_answers_is_the_one_to_go_on_with() {
    let mut bench = Bench::connected(&identity(1, 3, 1, only(CommandKind::Write)));
    let first = bench.sent();
    bench.targets.clear();
    bench.answer_from(OTHER, &first, Status::Success(None));
    assert_eq!(targets(&mut bench, 3), [OTHER, OTHER, NODE]);
    // Its first transmission is answered late, by the node from before.
    let second = bench.all_sent().remove(0);
    bench.answer_from(NODE, &second, Status::Success(None));
    assert_eq!(targets(&mut bench, 1), [NODE]);
}

#[test]
fn a_node_that_does_not_serve_is_left_for_the_other() {
    for reason in [UnknownReason::NotServing, UnknownReason::Halted] {
        let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
        let first = bench.sent();
        bench.targets.clear();
        bench.answer(&first, Status::Unknown(reason));
        assert_eq!(targets(&mut bench, 1), [OTHER]);
        // Which does not help either: back to the first.
        let question = bench.sent();
        assert_eq!(question.command, Command::Retry, "only attempt 0 executes");
        assert_eq!(
            question.attempt,
            first.attempt + 1,
            "no two labels are alike"
        );
        bench.answer_from(OTHER, &question, Status::Unknown(reason));
        assert_eq!(targets(&mut bench, 1), [NODE]);
    }
    // No other reason says so.
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    let first = bench.sent();
    bench.targets.clear();
    bench.answer(&first, Status::Unknown(UnknownReason::TimedOut));
    assert_eq!(targets(&mut bench, 1), [NODE]);
}

#[test]
fn a_client_asks_for_a_ticket_until_it_has_one() {
    let mut bench = Bench::new(&identity(1, 1, 1, only(CommandKind::Write)));
    assert_eq!(bench.wait(), MS(200));
    assert_eq!(bench.wait(), MS(400));
    let attempts: Vec<_> = bench
        .requests
        .iter()
        .map(|(label, request)| {
            let ClientRequest::Connect { attempt, .. } = request else {
                panic!("{request:?}")
            };
            (label.attempt, *attempt)
        })
        .collect();
    assert_eq!(attempts, [(0, 0), (1, 1), (2, 2)]);
}

#[test]
fn an_unanswered_frame_is_sent_again_under_a_rising_attempt_until_the_limit() {
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    let first = bench.sent();
    let begin = bench.now;
    for attempt in 1.. {
        bench.wait();
        if bench.now.since(begin) == Duration::from_secs(6) {
            break;
        }
        assert_eq!(
            bench.sent(),
            CommandFrame {
                attempt,
                ..first.clone()
            }
        );
    }
    assert_eq!(
        bench.events()[1..],
        [
            ended(1, 0, TIMED_OUT),
            ClientEvent::Retried {
                id: id(1),
                attempt: 1
            },
        ]
    );
}

/// Lets the attempt that is going on run into its limit, and gives the next one
/// a ticket.
fn time_out(bench: &mut Bench) {
    let unknown = bench.client.census().unknown;
    while bench.client.census().unknown == unknown {
        bench.requests.clear();
        bench.wait();
    }
    let Some((
        _,
        ClientRequest::Connect {
            client, attempt, ..
        },
    )) = bench.requests.pop()
    else {
        panic!("the ticket is older than half the limit");
    };
    bench.requests.clear();
    let ticket = bench.ticket();
    bench.tell(ClientReply::Connected {
        client,
        attempt,
        ticket,
    });
}

#[test]
fn a_mutation_is_asked_about_under_its_id_until_there_is_an_outcome() {
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    let first = bench.sent();
    time_out(&mut bench);
    let second = bench.sent();
    assert_eq!(
        (second.id, second.command.clone()),
        (first.id, Command::Retry)
    );
    assert!(second.attempt > first.attempt);
    assert_ne!(second.ticket, first.ticket);

    bench.answer(&second, Status::Unknown(UnknownReason::Halted));
    assert!(
        bench.requests.is_empty(),
        "a pause before the next question"
    );
    bench.wait();
    let third = bench.sent();
    bench.answer(&third, Status::Success(None));
    assert_eq!(
        bench.events()[1..],
        [
            ended(1, 0, TIMED_OUT),
            ClientEvent::Retried {
                id: id(1),
                attempt: 1
            },
            ended(1, 1, StatusSummary::Unknown(UnknownReason::Halted)),
            ClientEvent::Retried {
                id: id(1),
                attempt: 2
            },
            ended(1, 2, StatusSummary::Success),
        ]
    );
    assert!(bench.client.is_done());
    assert_eq!(bench.client.next_deadline(), None);
}

#[test]
fn a_read_without_a_verdict_starts_over_under_a_new_id() {
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Read)));
    let first = bench.sent();
    bench.answer(&first, Status::Unknown(UnknownReason::NotServing));
    bench.wait();
    let second = bench.sent();
    assert_eq!((second.id, &second.command), (id(2), &first.command));
    assert_eq!(
        second.watermark, 2,
        "a read that is over is never asked about"
    );

    let Command::Read(range) = second.command else {
        panic!()
    };
    bench.answer(
        &second,
        Status::Success(Some(provenance::payload(id(9), range))),
    );
    let values = vec![BlockValue::written(id(9)); range.count() as usize];
    assert_eq!(
        bench.events()[3..],
        [
            ClientEvent::ReadReturned { id: id(2), values },
            ended(2, 0, StatusSummary::Success),
        ]
    );
    assert_eq!(bench.client.census().reissued, 1);
}

#[test]
fn a_stale_ticket_is_renewed_within_the_attempt() {
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    let first = bench.sent();
    let stale = Status::Unknown(UnknownReason::StaleTicket);
    bench.now = bench.now.after(MS(150));
    bench.answer(&first, stale.clone());
    let begin = bench.now;
    let second = bench.sent();
    assert_eq!((second.id, &second.command), (first.id, &first.command));
    assert_eq!(
        (second.attempt, second.ticket.issued),
        (1, Instant::from_nanos(2))
    );

    bench.answer(&first, stale.clone());
    assert_eq!(
        bench.events().pop(),
        Some(ClientEvent::Ignored(Ignored::Outdated))
    );
    bench.answer(&second, stale);
    assert!(
        bench.requests.is_empty(),
        "a pause before the second renewal"
    );
    bench.wait();
    let third = bench.sent();
    assert!(third.ticket.issued > second.ticket.issued);
    assert!(bench.now > begin);
    let begin = bench.now;
    while bench.events.is_empty() {
        bench.wait();
    }
    assert_eq!(
        bench.now.since(begin),
        Duration::from_secs(6),
        "the time started anew"
    );
    assert_eq!(bench.events()[0], ended(1, 0, TIMED_OUT));
}

#[test]
fn only_a_question_crosses_to_another_incarnation() {
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    let first = bench.sent();
    bench.events();
    let ticket = Ticket {
        incarnation: 2,
        issued: bench.now,
    };
    let stale = UnknownReason::StaleTicket;
    bench.tell(ClientReply::Answer {
        id: first.id,
        attempt: first.attempt,
        ticket,
        status: Status::Unknown(stale),
    });
    let question = bench.sent();
    assert_eq!(
        (question.id, &question.command),
        (first.id, &Command::Retry)
    );
    assert_eq!(question.ticket, ticket);
    assert_eq!(
        bench.events(),
        [
            ended(1, 0, StatusSummary::Unknown(stale)),
            ClientEvent::Retried {
                id: id(1),
                attempt: 1
            },
        ]
    );
    assert_eq!(bench.client.census().renewals, 0);
}

#[test]
fn a_renewal_under_another_incarnation_asks_and_does_not_execute() {
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    let first = bench.sent();
    let stale = Status::Unknown(UnknownReason::StaleTicket);
    bench.answer(&first, stale.clone());
    let second = bench.sent();
    bench.answer(&second, stale);
    bench.events();
    // The second renewal waits, and meanwhile another incarnation serves.
    let ticket = Ticket {
        incarnation: 2,
        issued: bench.now,
    };
    bench.tell(ClientReply::Retrying {
        id: first.id,
        attempt: second.attempt,
        ticket,
    });
    bench.wait();
    let question = bench.sent();
    assert_eq!(
        (question.id, &question.command, question.ticket),
        (first.id, &Command::Retry, ticket)
    );
    let crossed = StatusSummary::Unknown(UnknownReason::StaleTicket);
    assert!(bench.events().contains(&ended(1, 0, crossed)));
}

#[test]
fn what_is_refused_because_the_set_moves_is_issued_again_at_the_other_node() {
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    let first = bench.sent();
    bench.answer(&first, Status::Refused(RefusedReason::Moved));
    bench.wait();
    let again = bench.sent();
    assert_ne!(again.id, first.id);
    assert_eq!(bench.client.census().reissued, 1);
}

#[test]
fn an_attempt_has_its_full_time_from_the_first_use_of_each_ticket() {
    let mut bench = Bench::new(&identity(1, 1, 1, only(CommandKind::Write)));
    let invoked = bench.now;
    let (_, request) = bench.requests.remove(0);
    let ClientRequest::Connect {
        client, attempt, ..
    } = request
    else {
        panic!("{request:?}")
    };
    bench.now = invoked.after(MS(100));
    let ticket = bench.ticket();
    bench.tell(ClientReply::Connected {
        client,
        attempt,
        ticket,
    });
    let first = bench.sent();
    bench.now = invoked.after(MS(200));
    bench.answer(&first, Status::Unknown(UnknownReason::StaleTicket));
    bench.events();
    while bench.events.is_empty() {
        bench.wait();
    }
    assert_eq!(bench.now, invoked.after(MS(6_200)));

    let mut untouched = Bench::new(&identity(1, 1, 1, only(CommandKind::Write)));
    untouched.events();
    while untouched.events.is_empty() {
        untouched.wait();
    }
    assert_eq!(
        untouched.now,
        invoked.after(MS(6_000)),
        "without a ticket, from its beginning"
    );
}

#[test]
fn a_notice_changes_nothing_but_the_ticket() {
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    let first = bench.sent();
    let (before, ticket) = (bench.client.next_deadline(), bench.ticket());
    bench.events();
    bench.tell(ClientReply::Retrying {
        id: first.id,
        attempt: 0,
        ticket,
    });
    assert_eq!(bench.client.next_deadline(), before);
    assert_eq!(bench.events(), []);
    assert_eq!(bench.client.census().notices, 1);
}

#[test]
fn what_was_not_performed_is_issued_again_under_a_new_id() {
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    let first = bench.sent();
    time_out(&mut bench);
    let question = bench.sent();
    bench.answer(&question, Status::Refused(RefusedReason::NotPerformed));
    bench.wait();
    let second = bench.sent();
    assert_eq!((second.id, second.watermark), (id(2), 2));
    assert_eq!(second.command.range(), first.command.range());
    assert_ne!(
        second.command, first.command,
        "its content names its own id"
    );
    assert_eq!(bench.client.census().reissued, 1);
    assert!(!bench.client.is_done());

    bench.answer(&second, Status::Refused(RefusedReason::TooLarge));
    assert!(bench.client.is_done(), "another refusal is final");
}

#[test]
fn answers_to_what_is_over_are_reported_and_change_nothing() {
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    let first = bench.sent();
    bench.answer(&first, Status::Success(None));
    bench.events();
    bench.answer(&first, Status::Refused(RefusedReason::NotPerformed));
    bench.answer(&first, Status::Unknown(UnknownReason::TimedOut));
    let refused = StatusSummary::Refused(RefusedReason::NotPerformed);
    assert_eq!(
        bench.events(),
        [
            ClientEvent::AnsweredAgain {
                id: id(1),
                status: refused
            },
            ClientEvent::Ignored(Ignored::Outdated),
        ]
    );
}

#[test]
fn a_verdict_counts_from_any_transmission_and_a_missing_one_only_from_its_own() {
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    let first = bench.sent();
    time_out(&mut bench);
    bench.events();
    bench.answer(&first, Status::Unknown(UnknownReason::TimedOut));
    assert_eq!(bench.events(), [ClientEvent::Ignored(Ignored::Outdated)]);
    bench.answer(&first, Status::Success(None));
    assert_eq!(bench.events(), [ended(1, 1, StatusSummary::Success)]);
}

#[test]
fn what_is_not_for_the_client_is_ignored() {
    let mut bench = Bench::connected(&identity(1, 1, 1, only(CommandKind::Write)));
    let first = bench.sent();
    bench.events();
    let elsewhere = CommandId {
        client: ClientId::new(2),
        ..first.id
    };
    for frame in [
        CommandFrame {
            id: elsewhere,
            ..first.clone()
        },
        CommandFrame {
            id: id(2),
            ..first.clone()
        },
        CommandFrame {
            attempt: 1,
            ..first.clone()
        },
    ] {
        bench.answer(&frame, Status::Success(None));
        assert_eq!(bench.events(), [ClientEvent::Ignored(Ignored::NotForUs)]);
    }
    let label = Label {
        kind: LabelKind(5),
        incarnation: 5,
        id: 0,
        part: 0,
        attempt: 0,
    };
    bench.handle(packet_of(
        label,
        Frame {
            head: vec![1, 2, 3].into(),
            body: Vec::new().into(),
        },
    ));
    bench.handle(Input::Local(()));
    assert_eq!(
        bench.events(),
        [
            ClientEvent::Ignored(Ignored::Undecodable),
            ClientEvent::Ignored(Ignored::NotAMessage),
        ]
    );
}

#[test]
fn no_id_is_given_out_beyond_the_window_over_the_oldest_unresolved() {
    let mut identity = identity(1, 100, 4, only(CommandKind::Write));
    identity.window = 6;
    let mut bench = Bench::connected(&identity);
    let oldest = bench.all_sent().remove(0);
    for _ in 0..20 {
        bench.now = bench.now.after(MS(1));
        for counter in 2..=6 {
            let frame = CommandFrame {
                id: id(counter),
                attempt: 0,
                ..oldest.clone()
            };
            bench.answer(&frame, Status::Success(None));
        }
    }
    let sent = bench.all_sent();
    assert_eq!(sent.iter().map(|frame| frame.id.counter).max(), Some(6));
    assert!(sent.iter().all(|frame| frame.watermark == 1));
    bench.answer(&oldest, Status::Success(None));
    bench.now = bench.now.after(MS(1));
    bench.handle(Input::Deadline);
    let next = bench.all_sent();
    assert_eq!((next[0].id, next[0].watermark), (id(7), 7));
}

#[test]
fn the_library_gives_up_a_command_that_has_spent_its_ids() {
    let mut identity = identity(1, 1, 1, only(CommandKind::Flush));
    identity.timers.resend_max = identity.timers.resend_min;
    let mut bench = Bench::connected(&identity);
    for _ in 0..=REISSUES_MAX {
        let frame = bench.all_sent().pop().expect("tries again");
        bench.answer(&frame, Status::Unknown(UnknownReason::NotServing));
        if !bench.client.is_done() {
            bench.wait();
        }
    }
    assert!(bench.client.is_done());
    assert_eq!(bench.client.census().abandoned, 1);
}

const FAIR: Weather = Weather {
    seed: 1,
    loss: 0,
    duplicates: 0,
    delay_max: 2,
    restart: 1_000_000_000,
};
const STORM: Weather = Weather {
    seed: 1,
    loss: 450,
    duplicates: 300,
    delay_max: 1_500,
    restart: 4_000,
};

#[test]
fn compares_match_and_fail_in_fair_weather_and_with_one_client_alone() {
    let mix = Mix {
        compare_and_write: 10,
        write: 3,
        ..only(CommandKind::Read)
    };
    let ended = run(&[identity(1, 400, 1, mix)], Flaw::None, FAIR);
    let census = ended.clients[0].census();
    assert!(census.mutated > 100, "{census:?}");
    assert!(census.mismatched > 10, "{census:?}");
    assert!(census.invoked > 400, "some compares look first: {census:?}");
    assert_eq!(
        (census.finished, census.unknown, census.reissued),
        (400, 0, 0)
    );
}

#[test]
fn every_command_ends_and_every_attempt_once_in_a_storm() {
    let identities = [1, 2, 3].map(|client| identity(client, 150, 4, Mix::default()));
    let ended = run(&identities, Flaw::None, STORM);
    let mut open = BTreeMap::new();
    for (_, event) in &ended.history {
        match event {
            ClientEvent::Invoked { id, .. } => assert_eq!(open.insert(*id, 0), None),
            ClientEvent::Retried { id, attempt } => assert_eq!(open.insert(*id, *attempt), None),
            ClientEvent::AttemptEnded { id, attempt, .. } => {
                assert_eq!(open.remove(id), Some(*attempt));
            }
            _ => {}
        }
    }
    assert_eq!(open, BTreeMap::new());
    let counted: Vec<_> = ended.clients.iter().map(Client::census).collect();
    for census in &counted {
        assert_eq!((census.finished, census.abandoned), (150, 0), "{census:?}");
    }
    let sum = |of: fn(&Census) -> u64| counted.iter().map(of).sum::<u64>();
    assert!(sum(|census| census.retries) > 10, "{counted:?}");
    assert!(sum(|census| census.reissued) > 10, "{counted:?}");
    assert!(sum(|census| census.failed) > 0, "{counted:?}");
}

#[test]
fn the_same_seed_gives_the_same_run_and_weather_moves_no_choice() {
    let identities = [1, 2].map(|client| identity(client, 60, 2, Mix::default()));
    let (first, again) = (
        run(&identities, Flaw::None, STORM),
        run(&identities, Flaw::None, STORM),
    );
    assert_eq!(first.history, again.history);
    assert_eq!(first.clients, again.clients);

    let begun = |history: &History| {
        let mut ranges: Vec<_> = history
            .iter()
            .filter_map(|(_, event)| match event {
                ClientEvent::Invoked {
                    kind: CommandKind::Write,
                    range,
                    ..
                } => *range,
                _ => None,
            })
            .collect();
        ranges.sort();
        ranges.dedup();
        ranges
    };
    assert_eq!(
        begun(&first.history),
        begun(&run(&identities, Flaw::None, FAIR).history)
    );
}

#[test]
fn a_client_survives_being_stored() {
    let mut bench = Bench::connected(&identity(1, 5, 3, Mix::default()));
    bench.wait();
    let bytes = postcard::to_stdvec(&bench.client).unwrap();
    assert_eq!(
        postcard::from_bytes::<Client>(&bytes).unwrap(),
        bench.client
    );
}

#[test]
fn plans_follow_the_weights_and_stay_in_the_area() {
    let identity = identity(
        1,
        0,
        1,
        Mix {
            read: 3,
            write: 1,
            ..only(CommandKind::Read)
        },
    );
    let workload = &identity.workload;
    let plans: Vec<_> = (0..4_000)
        .map(|number| Plan::new(workload, 5, identity.client, number))
        .collect();
    let reads = plans
        .iter()
        .filter(|plan| plan.kind == CommandKind::Read)
        .count();
    assert!((2_850..3_150).contains(&reads), "{reads}");
    for plan in &plans {
        assert!(plan.range.start() >= workload.blocks.start());
        assert!(plan.range.end() <= workload.blocks.end());
        assert!((1..=3).contains(&plan.range.count()));
    }
    for start in 4..10 {
        assert!(plans.iter().any(|plan| plan.range.start().value() == start));
    }
}

#[test]
#[should_panic(expected = "largest command above the area")]
fn a_command_larger_than_the_area_is_turned_down() {
    let mut identity = identity(1, 1, 1, Mix::default());
    identity.workload.command_blocks_max = 7;
    Client::boot(
        &identity,
        Entropy::new(0),
        Instant::from_nanos(0),
        &mut Outbox::<(), ClientEvent>::default(),
    );
}
