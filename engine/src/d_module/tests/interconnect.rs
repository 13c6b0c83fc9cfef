//! What partners say to each other over their interconnect, and what comes of it.

use super::mirror::hello_ack;
use crate::contract::{Effect, Label, ReservationKey};
use crate::d_module::interconnect::Line;
use crate::d_module::watch::Word;
use crate::event::{Event, OrderRefusal, Phase};
use crate::local::{NodeOutbox, Order};
use crate::storage_set::tables::Role;
use crate::testing::{Station, Twins, id, joined_configuration, write};
use crate::time::{Duration, Instant};
use crate::vocabulary::NodeId;
use crate::wire::interconnect::{self, Alive, AskHandOver, PartnerMessage, Standing};

const FIRST: usize = 0;
const SECOND: usize = 1;
const BOTH: [usize; 2] = [FIRST, SECOND];
const BEAT: Duration = Duration::from_millis(100);

fn twins() -> Twins {
    Twins::new(joined_configuration(Role::Owner), Role::Owner)
}

fn alive(beat: u64) -> Alive {
    Alive {
        node: NodeId::new(1),
        incarnation: 9,
        beat,
        epoch: 1,
        standing: Standing::Serves,
    }
}

fn notices(station: &Station) -> Vec<Alive> {
    let notice = |(_, message): &(Label, PartnerMessage)| match message {
        PartnerMessage::Alive(alive) => Some(*alive),
        PartnerMessage::AskHandOver(_) | PartnerMessage::Notice(_) => None,
    };
    station.whispers.iter().filter_map(notice).collect()
}

fn asks(station: &Station) -> Vec<(Label, AskHandOver)> {
    let ask = |(label, message): &(Label, PartnerMessage)| match message {
        PartnerMessage::AskHandOver(ask) => Some((*label, *ask)),
        PartnerMessage::Alive(_) | PartnerMessage::Notice(_) => None,
    };
    station.whispers.iter().filter_map(ask).collect()
}

fn held_by(station: &Station) -> ReservationKey {
    let disk = &station.disks[&crate::testing::JOURNAL];
    disk.holder.expect("it is held")
}

/// The first stands still; the second hears it over the interconnect all the same.
fn stand_still(twins: &mut Twins, beats: std::ops::Range<u64>) {
    for beat in beats {
        let second = twins.on(SECOND);
        second.hear_partner(&PartnerMessage::Alive(alive(beat)));
        twins.pass(BEAT, &[SECOND]);
    }
}

#[test]
fn each_says_once_in_a_heartbeat_what_it_does_and_numbers_what_it_says() {
    let mut twins = twins();
    twins.pass(BEAT.times(3), &BOTH);
    let epoch = held_by(twins.on(FIRST)).epoch;
    let first = notices(twins.on(FIRST));
    assert_eq!(first[0].standing, Standing::Watches);
    let last = *first.last().expect("it has spoken");
    assert_eq!((last.standing, last.epoch), (Standing::Serves, epoch));
    let second = notices(twins.on(SECOND));
    let beats: Vec<u64> = second.iter().map(|alive| alive.beat).collect();
    assert_eq!(beats, [1, 2, 3, 4]);
    let watches = |alive: &Alive| (alive.standing, alive.epoch) == (Standing::Watches, 0);
    assert!(second.iter().all(watches));
    let labels = twins.on(SECOND).whispers.iter().map(|(label, _)| label.id);
    assert_eq!(labels.collect::<Vec<_>>(), beats);
}

#[test]
fn a_notice_that_was_overtaken_does_not_count() {
    let mut second = Line::start(Instant::from_nanos(0));
    let mut bench = crate::testing::Bench::new();
    let silence = Duration::from_secs(1);
    assert_eq!(second.word(bench.now, silence), Word::SILENT);
    second.handle_alive(alive(2), &mut bench.context());
    assert_eq!(second.word(bench.now, silence), Word::HEARD);
    bench.now = bench.now.after(silence);
    for old in [1, 2] {
        second.handle_alive(alive(old), &mut bench.context());
        assert_eq!(second.word(bench.now, silence), Word::SILENT, "{old}");
    }
    second.handle_alive(alive(3), &mut bench.context());
    assert_eq!(second.word(bench.now, silence), Word::HEARD);
}

#[test]
fn who_is_silent_in_the_mailbox_only_is_asked_under_another_attempt_each_time() {
    let mut twins = twins();
    stand_still(&mut twins, 1..16);
    let epoch = held_by(twins.on(SECOND)).epoch;
    let second = twins.on(SECOND);
    let partner = second.configuration.partner;
    assert!(second.has_seen(&Event::HandOverAsked(partner)));
    assert!(!second.has_seen(&Event::PartnerSilent(partner)));
    let asks = asks(second);
    assert!(asks.len() > 1);
    assert!(asks.iter().all(|(_, ask)| ask.epoch == epoch));
    let mut labels: Vec<Label> = asks.iter().map(|(label, _)| *label).collect();
    labels.dedup();
    assert_eq!(labels.len(), asks.len());
    stand_still(&mut twins, 16..26);
    let second = twins.on(SECOND);
    assert!(second.has_seen(&Event::PartnerSilent(partner)));
    assert!(second.probes.contains(&"partner asked in vain taken over"));
    assert_ne!(second.module.phase(), Phase::Standby);
}

#[test]
fn who_is_asked_drains_at_once_and_its_partner_claims_without_a_wait() {
    let mut twins = twins();
    stand_still(&mut twins, 1..13);
    let ask = asks(twins.on(SECOND)).pop().expect("it is asked").1;
    let first = twins.on(FIRST);
    first.hear_partner(&PartnerMessage::AskHandOver(ask));
    assert!(first.has_seen(&Event::Phase(Phase::Draining)));
    first.run();
    assert_eq!(
        first.module.phase(),
        Phase::Standby,
        "nothing was in flight"
    );
    twins.pass(BEAT.times(2), &[SECOND]);
    let second = twins.on(SECOND);
    assert!(second.has_seen(&Event::PartnerDrained(second.configuration.partner)));
    assert_eq!(second.module.phase(), Phase::Announcing);
}

#[test]
fn an_ask_for_another_epoch_or_of_somebody_else_does_nothing() {
    let mut twins = twins();
    let epoch = held_by(twins.on(FIRST)).epoch;
    let first = twins.on(FIRST);
    let node = first.configuration.partner;
    for (node, epoch) in [
        (node, epoch - 1),
        (node, epoch + 1),
        (NodeId::new(9), epoch),
    ] {
        let ask = AskHandOver {
            node,
            epoch,
            attempt: 0,
        };
        first.hear_partner(&PartnerMessage::AskHandOver(ask));
        assert_eq!(first.module.phase(), Phase::Serving);
    }
}

#[test]
fn who_cannot_hand_over_says_so_and_who_does_is_not_disturbed() {
    let mut twins = twins();
    let epoch = held_by(twins.on(FIRST)).epoch;
    let first = twins.on(FIRST);
    // In flight: it drains, and does not end.
    first.ask(id(1), write(0, 1, 1));
    first.run();
    let ask = PartnerMessage::AskHandOver(AskHandOver {
        node: first.configuration.partner,
        epoch,
        attempt: 0,
    });
    first.hear_partner(&ask);
    assert_eq!(first.module.phase(), Phase::Draining);
    first.hear_partner(&ask);
    assert_eq!(first.module.phase(), Phase::Draining);
    let refused =
        |first: &Station, refusal| first.has_seen(&Event::OrderRefused(Order::HandOver, refusal));
    assert!(
        !refused(first, OrderRefusal::UnderWay),
        "it was asked again, no more"
    );
    first.reboot();
    first.run();
    let epoch = held_by(first).epoch;
    first.hear_partner(&PartnerMessage::AskHandOver(AskHandOver {
        node: first.configuration.partner,
        epoch,
        attempt: 0,
    }));
    assert!(
        refused(first, OrderRefusal::NotHolder),
        "it announces itself"
    );
}

/// What the first's service processor says when the machine loses power.
fn last_word(twins: &mut Twins) -> PartnerMessage {
    let mut out = NodeOutbox::default();
    let first = twins.on(FIRST);
    first.module.last_word(&mut out);
    let Some(Effect::Send {
        network,
        to,
        label,
        frame,
    }) = out.drain().next()
    else {
        panic!("it is told what to say");
    };
    let joined = first.configuration.interconnect.expect("it is joined");
    assert_eq!((network, to), (joined.network, joined.partner.d));
    assert_eq!(label.incarnation, first.incarnation());
    interconnect::decode(&frame).expect("modules send what they decode")
}

#[test]
fn a_notice_takes_the_time_of_the_detection_and_no_step_after_it() {
    let mut twins = twins();
    twins.pass(BEAT.times(3), &BOTH);
    let notice = last_word(&mut twins);
    let second = twins.on(SECOND);
    second.hear_partner(&notice);
    second.run();
    let partner = second.configuration.partner;
    assert!(second.has_seen(&Event::PartnerSilent(partner)));
    assert!(second.probes.contains(&"takeover on a hardware notice"));
    assert_eq!(second.module.phase(), Phase::Announcing);
    let session = second.hello_session();
    second.hear(&hello_ack(session, 0));
    assert_eq!(
        second.module.phase(),
        Phase::Announcing,
        "the former holder's lease is waited out"
    );
    let timers = &second.configuration.timers;
    let term = timers.ha_lease.plus(timers.lease_margin);
    twins.pass(term, &[SECOND]);
    let second = twins.on(SECOND);
    assert!(second.has_seen(&Event::LeaseWaitedOut));
    assert_eq!(second.module.phase(), Phase::Serving);
}

#[test]
fn a_late_notice_of_a_life_before_the_last_heartbeat_does_nothing() {
    let mut twins = twins();
    let notice = last_word(&mut twins);
    let first = twins.on(FIRST);
    first.reboot();
    first.serve();
    twins.pass(BEAT.times(3), &BOTH);
    let second = twins.on(SECOND);
    second.hear_partner(&notice);
    second.run();
    let probes = &second.probes;
    assert!(probes.contains(&"hardware notice of another incarnation"));
    twins.pass(BEAT.times(30), &BOTH);
    assert_eq!(twins.on(SECOND).module.phase(), Phase::Standby);
    assert_eq!(twins.on(FIRST).module.phase(), Phase::Serving);
}

#[test]
fn nothing_is_said_for_a_machine_whose_service_processor_may_not() {
    let mut configuration = joined_configuration(Role::Owner);
    if let Some(joined) = &mut configuration.interconnect {
        joined.hardware_notice = false;
    }
    let station = Station::with(configuration, Role::Owner);
    let mut out = NodeOutbox::default();
    station.module.last_word(&mut out);
    assert!(out.is_empty());
}
