use std::sync::Arc;

use super::mirror::{hello, hello_ack, messages};
use crate::configuration::{Configuration, D_SLOT, Duty, M_SLOT};
use crate::contract::{
    DeviceId, Effect, Entropy, Input, IoError, IoRequest, PageIndex, ReservationKey,
};
use crate::d_module::{Census, DModule};
use crate::event::{Event, IgnoreReason, Phase};
use crate::local::{Local, NodeOutbox, Order};
use crate::storage_set::tables::Role;
use crate::testing::{
    DATA, JOURNAL, Station, VOLUME, configuration, hardware, id, range, session, write,
};
use crate::time::Instant;
use crate::vocabulary::{Command, Status, UnknownReason};
use crate::wire::PeerMessage;

fn booted_as(change: impl FnOnce(&mut Configuration)) -> Phase {
    let mut owner = Station::new(Role::Owner);
    let mut configuration = (*owner.configuration).clone();
    change(&mut configuration);
    owner.configuration = Arc::new(configuration);
    owner.reboot();
    owner.run();
    owner.module.phase()
}

#[test]
fn a_set_that_is_not_the_configured_one_is_not_touched() {
    assert_eq!(booted_as(|_| {}), Phase::Announcing);
    assert_eq!(booted_as(|c| c.set.format = 10), Phase::Halted);
    assert_eq!(booted_as(|c| c.set.geometry.blocks = 65), Phase::Halted);
}

/// Boots on a set that is not the configured one.
fn refuse_set(station: &mut Station) {
    let mut configuration = (*station.configuration).clone();
    configuration.set.format = 10;
    station.configuration = Arc::new(configuration);
    station.reboot();
    station.run();
}

/// A module in a phase, with a device command of its own in the queue wherever
/// it can have one.
fn at(phase: Phase) -> Station {
    let mut station = match phase {
        Phase::Following => Station::new(Role::Mirror),
        _ => Station::new(Role::Owner),
    };
    match phase {
        Phase::Configuring => station.reboot_unasked(),
        Phase::Standby => {
            let mut configuration = (*station.configuration).clone();
            configuration.duty = Duty::Standby;
            station.configuration = Arc::new(configuration);
            station.reboot();
        }
        Phase::Claiming => {}
        Phase::Recovering | Phase::Announcing => {
            while station.module.phase() != phase {
                station.complete(0);
            }
        }
        Phase::Following => {
            station.run();
            station.hear(&hello(session(2)));
        }
        Phase::Serving => {
            station.serve();
            station.ask(id(1), write(0, 1, 1));
        }
        Phase::Draining => {
            station.serve();
            station.ask(id(1), write(0, 1, 1));
            station.drain();
        }
        Phase::HandingOff => {
            station.serve();
            station.order(Order::SwitchOver);
            station.run();
        }
        Phase::Halted => refuse_set(&mut station),
    }
    assert_eq!(station.module.phase(), phase);
    station.events.clear();
    station.sent.clear();
    station
}

const PHASES: [Phase; 10] = [
    Phase::Configuring,
    Phase::Standby,
    Phase::Claiming,
    Phase::Recovering,
    Phase::Announcing,
    Phase::Serving,
    Phase::Following,
    Phase::Draining,
    Phase::HandingOff,
    Phase::Halted,
];

/// How often the module asked for its configuration.
fn questions(out: &mut NodeOutbox) -> usize {
    let ask = Local::AskConfiguration { from: D_SLOT };
    let is_question = |effect| match effect {
        Effect::Local { to, message } => to == M_SLOT && message == ask,
        _ => false,
    };
    out.drain().map(is_question).filter(|is| *is).count()
}

#[test]
fn a_module_asks_for_its_configuration_until_it_has_it() {
    let mut out = NodeOutbox::default();
    let hardware = hardware(&configuration(Role::Owner));
    let mut module = DModule::boot(hardware, Entropy::new(1), Instant::from_nanos(0), &mut out);
    let mut asked = vec![questions(&mut out)];
    for milliseconds in [9, 10, 11, 20] {
        let now = Instant::from_nanos(milliseconds * 1_000_000);
        module.handle(now, Input::Deadline, &mut out);
        asked.push(questions(&mut out));
    }
    assert_eq!(asked, [1, 0, 1, 0, 1]);
    assert_eq!(module.phase(), Phase::Configuring);
}

/// A device command as the table of the boot has it.
fn asked(station: &Station) -> (Phase, DeviceId, &'static str) {
    let submission = &station.queue[0];
    let request = match &submission.request {
        IoRequest::ReadReservation => "holder",
        IoRequest::Preempt { .. } => "preempt",
        IoRequest::Read { .. } => "read",
        IoRequest::Write { .. } => "write",
        IoRequest::Flush => "flush",
    };
    (station.module.phase(), submission.device, request)
}

#[test]
fn a_boot_claims_both_devices_then_reads_both_then_takes_its_role() {
    let claim = [
        (Phase::Claiming, JOURNAL, "holder"),
        (Phase::Claiming, DATA, "holder"),
        (Phase::Claiming, JOURNAL, "preempt"),
        (Phase::Claiming, DATA, "preempt"),
    ];
    for role in [Role::Owner, Role::Mirror] {
        let mut station = Station::new(role);
        for step in claim {
            assert_eq!(station.queue.len(), 1);
            assert_eq!(asked(&station), step);
            station.complete(0);
        }
        assert_eq!(asked(&station), (Phase::Recovering, DATA, "read"));
        station.complete(0);
        while station.module.phase() == Phase::Recovering {
            assert_eq!(asked(&station), (Phase::Recovering, JOURNAL, "read"));
            station.complete(0);
        }
        match role {
            Role::Owner => {
                assert_eq!(asked(&station), (Phase::Announcing, JOURNAL, "write"));
                assert_eq!(station.take_sent(), []);
                station.complete(0);
                assert_eq!(station.hello_session(), session(2));
                station.hear(&hello_ack(session(2), 0));
                assert_eq!(station.module.phase(), Phase::Serving);
            }
            Role::Mirror | Role::HandOff => {
                assert_eq!(station.module.phase(), Phase::Following);
            }
        }
        assert!(station.queue.is_empty());
    }
}

#[test]
fn an_error_of_a_device_ends_an_office_unless_it_reads_for_a_client() {
    let fenced = [IoError::ReservationConflict, IoError::Aborted];
    let broken = [IoError::Gone, IoError::Unreadable(PageIndex(0))];
    for phase in [
        Phase::Claiming,
        Phase::Recovering,
        Phase::Announcing,
        Phase::Serving,
        Phase::Following,
    ] {
        for error in fenced.into_iter().chain(broken) {
            // Recovery passes over a page that it cannot read.
            if phase == Phase::Recovering && matches!(error, IoError::Unreadable(_)) {
                continue;
            }
            let mut station = at(phase);
            station.holds_mail = true;
            station.mail.clear();
            station.fail(0, error);
            assert_eq!(
                station.module.phase(),
                Phase::Standby,
                "{phase:?} {error:?}"
            );
            assert!(station.has_seen(&Event::Halted(error)));
            assert!(station.module.set().is_none());
            assert_eq!(station.census(), Census::default());
            assert_eq!(
                station.mail.len(),
                5,
                "it watches its partner, and reads the metadata, at once"
            );
        }
    }
    for error in fenced.into_iter().chain(broken) {
        let mut owner = Station::new(Role::Owner);
        owner.serve();
        owner.holds_mail = true;
        owner.ask(id(1), Command::Read(range(0, 1)));
        owner.fail(0, error);
        let is_lost = owner.module.phase() == Phase::Standby;
        assert_eq!(is_lost, fenced.contains(&error), "{error:?}");
    }
}

/// An owner that has just lost its set to its partner, two writes unresolved.
fn deposed() -> Station {
    let mut owner = at(Phase::Serving);
    owner.ask(id(2), write(5, 1, 1));
    for disk in owner.disks.values_mut() {
        disk.holder = Some(ReservationKey { epoch: 9, node: 2 });
    }
    owner.complete(0);
    assert_eq!(owner.module.phase(), Phase::Standby);
    owner.queue.clear();
    owner
}

#[test]
fn who_has_lost_its_set_tells_every_client_that_nothing_is_known() {
    let mut owner = deposed();
    let unknown = |counter| (id(counter), Status::Unknown(UnknownReason::Halted));
    assert_eq!(owner.answers(), [unknown(1), unknown(2)]);
}

#[test]
fn who_has_lost_its_set_performs_and_answers_nothing_as_a_standby() {
    let mut owner = deposed();
    owner.sent.clear();
    owner.replies.clear();
    owner.hear(&hello_ack(session(2), 0));
    owner.ask(id(3), write(9, 1, 1));
    owner.input(Input::Deadline);
    let configuration = Arc::clone(&owner.configuration);
    owner.input(Input::Local(Local::Configuration(configuration)));
    assert_eq!(owner.module.phase(), Phase::Standby);
    assert!(owner.queue.is_empty() && owner.sent.is_empty() && owner.replies.is_empty());
    owner.hear(&hello(session(9)));
    let answer = PeerMessage::NotOwner {
        volume: VOLUME,
        session: session(9),
        attempt: 0,
    };
    assert_eq!(messages(&owner.take_sent()), [answer]);
}

#[test]
fn what_ends_late_means_nothing_to_a_module_that_has_lost_its_set() {
    let mut owner = at(Phase::Serving);
    owner.ask(id(2), write(5, 1, 1));
    owner.holds_mail = true;
    owner.fail(0, IoError::Aborted);
    let before = owner.module.clone();
    owner.complete(0);
    assert!(owner.module == before);
    assert!(owner.has_seen(&Event::Ignored(IgnoreReason::LateCompletion)));
}

#[test]
fn a_halted_module_submits_and_sends_nothing_whatever_comes() {
    let mut owner = at(Phase::Halted);
    owner.hear(&hello(session(9)));
    owner.hear(&hello_ack(session(2), 0));
    owner.ask(id(3), write(9, 1, 1));
    owner.input(Input::Deadline);
    let configuration = Arc::clone(&owner.configuration);
    owner.input(Input::Local(Local::Configuration(configuration)));
    assert_eq!(owner.module.phase(), Phase::Halted);
    assert!(owner.queue.is_empty() && owner.sent.is_empty() && owner.replies.is_empty());
    assert!(owner.mail.is_empty());
}

#[test]
fn a_configuration_is_taken_once() {
    for phase in PHASES {
        let mut station = at(phase);
        let configuration = Arc::clone(&station.configuration);
        station.input(Input::Local(Local::Configuration(configuration)));
        let is_first = phase == Phase::Configuring;
        let next = if is_first { Phase::Claiming } else { phase };
        assert_eq!(station.module.phase(), next);
    }
}

#[test]
fn a_message_or_request_out_of_its_phase_is_ignored() {
    let ignored = Event::Ignored(IgnoreReason::WrongPhase);
    for phase in PHASES {
        let has_peer = matches!(
            phase,
            Phase::Announcing | Phase::Serving | Phase::Draining | Phase::HandingOff
        );
        let mut station = at(phase);
        station.hear(&hello_ack(session(1), 0));
        let answered = has_peer || phase == Phase::Standby;
        assert_eq!(station.has_seen(&ignored), !answered, "answer in {phase:?}");
        let mut station = at(phase);
        station.hear(&hello(session(9)));
        // An owner tells an older reign's from a later one's.
        let asked = has_peer || matches!(phase, Phase::Following | Phase::Standby);
        assert_eq!(station.has_seen(&ignored), !asked, "Hello in {phase:?}");
        let mut station = at(phase);
        station.ask(id(2), Command::Flush);
        let is_answered = matches!(phase, Phase::Serving | Phase::Draining);
        assert_eq!(!station.answers().is_empty(), is_answered);
        assert_eq!(station.module.phase(), phase);
    }
}

#[test]
fn a_standby_says_that_it_is_not_the_owner_and_asks_no_device() {
    let mut standby = at(Phase::Standby);
    standby.hear(&hello(session(2)));
    let answer = PeerMessage::NotOwner {
        volume: VOLUME,
        session: session(2),
        attempt: 0,
    };
    assert_eq!(messages(&standby.take_sent()), [answer]);
    assert!(standby.queue.is_empty());
}

#[test]
fn only_an_answer_to_its_own_durable_session_makes_an_owner_serve() {
    let mut owner = at(Phase::Announcing);
    owner.hear(&hello_ack(session(2), 0));
    assert_eq!(owner.module.phase(), Phase::Announcing, "not durable");
    owner.complete(0);
    for other in [1, 3] {
        owner.hear(&hello_ack(session(other), 0));
        assert_eq!(owner.module.phase(), Phase::Announcing);
    }
    owner.hear(&hello_ack(session(2), 0));
    assert_eq!(owner.module.phase(), Phase::Serving);
}

#[test]
fn each_boot_announces_a_session_above_the_last_that_was_durable() {
    let mut owner = Station::new(Role::Owner);
    for number in 2..=4 {
        for is_durable in [false, true] {
            while owner.module.phase() != Phase::Announcing {
                owner.complete(0);
            }
            assert_eq!(owner.sent, []);
            if is_durable {
                owner.run();
                assert_eq!(owner.hello_session(), session(number));
            }
            owner.reboot();
        }
    }
}

fn holders(station: &Station) -> [Option<ReservationKey>; 2] {
    [JOURNAL, DATA].map(|device| station.disks[&device].holder)
}

#[test]
fn each_boot_takes_both_devices_under_a_key_above_all_before_it() {
    let mut owner = Station::new(Role::Owner);
    for cut in [4, 3, 2, 3, 6, 0, 4] {
        for _ in 0..cut {
            owner.complete(0);
        }
        let highest = holders(&owner).into_iter().max().flatten();
        let epoch = highest.map_or(0, |key| key.epoch) + 1;
        let key = ReservationKey { epoch, node: 1 };
        owner.reboot();
        let mut whole = owner.clone();
        whole.run_only(|submission| {
            let is_question = submission.request == IoRequest::ReadReservation;
            assert!(is_question || submission.key == key, "{cut}");
            true
        });
        assert!(whole.has_seen(&Event::Fenced(key)), "{cut}");
        assert_eq!(holders(&whole), [Some(key); 2]);
    }
}

#[test]
fn what_an_earlier_boot_left_in_a_queue_is_refused() {
    for command in [write(0, 1, 1), Command::Read(range(0, 1))] {
        let mut owner = Station::new(Role::Owner);
        owner.serve();
        owner.ask(id(1), command);
        let mut earlier = owner.clone();
        owner.reboot();
        owner.run();
        earlier.disks = owner.disks.clone();
        earlier.complete(0);
        assert!(earlier.has_seen(&Event::Halted(IoError::ReservationConflict)));
        assert_eq!(earlier.disks, owner.disks);
        owner.reboot();
        owner.serve();
    }
}

#[test]
fn two_nodes_that_claim_at_once_end_with_one_that_holds_the_set() {
    for asked in [1, 2] {
        let mut one = Station::new(Role::Owner);
        for _ in 0..asked {
            one.complete(0);
        }
        let mut partner = (*one.configuration).clone();
        std::mem::swap(&mut partner.node, &mut partner.partner);
        let mut other = Station::on(one.disks.clone(), partner);
        other.run();
        assert_eq!(other.module.phase(), Phase::Announcing);
        let won = holders(&other);
        one.disks = other.disks.clone();
        one.run();
        // Who had asked before the other won comes too late; who had asked the
        // journal device only would have found the data device taken.
        assert_eq!(one.module.phase(), Phase::Standby);
        assert_eq!(holders(&one), won);
    }
}

#[test]
fn a_set_whose_data_device_is_gone_is_not_claimed() {
    let mut owner = at(Phase::Serving);
    owner.holds_mail = true;
    owner.mail.clear();
    owner.fail(0, IoError::Gone);
    for _ in 0..3 {
        while let Some(question) = owner.mail.first() {
            match question.device {
                DATA => owner.fail_mail(0, IoError::Gone),
                _ => owner.deliver(0),
            }
        }
        assert_eq!(owner.module.phase(), Phase::Standby);
        owner.pass(owner.configuration.timers.heartbeat);
    }
    owner.release_mail();
    assert_eq!(owner.module.phase(), Phase::Claiming, "it is back");
}
