use super::*;
use crate::contract::PAGE_BYTES;
use crate::storage_set::format::encode_heartbeat;
use crate::testing::{Bench, JOURNAL};
use crate::time::Duration;

const OWN: u32 = 1;
const PARTNER: u32 = 2;

fn key(node: u32, epoch: u64) -> Option<ReservationKey> {
    Some(ReservationKey { epoch, node })
}

fn page(node: u32, beat: u64, epoch: u64) -> Payload {
    encode_heartbeat(&Heartbeat {
        node: NodeId::new(node),
        incarnation: 9,
        beat,
        epoch,
    })
}

/// One look at a mailbox whose own slot and partner's slot hold these pages.
fn look(
    watch: &mut Watch,
    bench: &mut Bench,
    pages: [Payload; 2],
    holder: Option<ReservationKey>,
) -> Decision {
    let mut cx = bench.context();
    watch.handle_deadline(&mut cx);
    let (slots, asked) = (watch.slots.expect("asked"), watch.holder.expect("asked"));
    let data = watch.data.expect("asked");
    let early = watch.handle_completion(data, Ok(IoOutput::Reservation(None)), &cx);
    assert_eq!(early, Decision::Wait);
    let first = watch.handle_completion(slots, Ok(IoOutput::Pages(pages.into())), &cx);
    assert_eq!(first, Decision::Wait, "half of the facts decide nothing");
    watch.handle_completion(asked, Ok(IoOutput::Reservation(holder)), &cx)
}

fn empty() -> Payload {
    Payload::from_static(&[0; PAGE_BYTES])
}

fn bench(duty: Duty) -> Bench {
    let mut bench = Bench::new();
    bench.configuration.duty = duty;
    bench
}

fn claim(observed: Option<ReservationKey>) -> Decision {
    Decision::Claim {
        takes_over: false,
        waits: false,
        observed,
    }
}

#[test]
fn a_its_own_set_is_claimed_at_once_and_served_at_once_if_it_was_before() {
    for duty in [Duty::Primary, Duty::Standby] {
        let mut bench = bench(duty);
        let mut watch = Watch::start(bench.now);
        let pages = [page(OWN, 5, 3), page(PARTNER, 1, 2)];
        assert_eq!(
            look(&mut watch, &mut bench, pages, key(OWN, 3)),
            claim(key(OWN, 3))
        );
    }
}

#[test]
fn a_a_set_won_and_not_yet_served_still_waits_for_the_former_holder() {
    for own in [empty(), page(OWN, 5, 1), page(OWN, 5, 0)] {
        let mut bench = bench(Duty::Primary);
        let mut watch = Watch::start(bench.now);
        let pages = [own, page(PARTNER, 1, 2)];
        let waits = Decision::Claim {
            takes_over: false,
            waits: true,
            observed: key(OWN, 3),
        };
        assert_eq!(look(&mut watch, &mut bench, pages, key(OWN, 3)), waits);
    }
}

#[test]
fn b_c_d_nobodys_set_is_the_primarys_at_once_and_the_standbys_after_a_while() {
    let mut primary = bench(Duty::Primary);
    let mut watch = Watch::start(primary.now);
    assert_eq!(
        look(&mut watch, &mut primary, [empty(), empty()], None),
        claim(None)
    );

    let mut standby = bench(Duty::Standby);
    let mut watch = Watch::start(standby.now);
    let pages = [empty(), empty()];
    assert_eq!(
        look(&mut watch, &mut standby, pages.clone(), None),
        Decision::Wait
    );
    standby.now = standby
        .now
        .after(standby.configuration.timers.takeover_after);
    assert_eq!(look(&mut watch, &mut standby, pages, None), claim(None));
}

#[test]
fn e_f_a_partner_is_taken_over_once_its_heartbeat_stood_still_long_enough() {
    let mut bench = bench(Duty::Primary);
    let mut watch = Watch::start(bench.now);
    let silence = bench.configuration.timers.takeover_after;
    let partner = key(PARTNER, 4);
    for beat in 1..5 {
        bench.now = bench
            .now
            .after(Duration::from_nanos(silence.as_nanos() - 1));
        let pages = [empty(), page(PARTNER, beat, 4)];
        let decision = look(&mut watch, &mut bench, pages, partner);
        assert_eq!(decision, Decision::Wait, "beat {beat} was new");
    }
    bench.now = bench.now.after(silence);
    let decision = look(
        &mut watch,
        &mut bench,
        [empty(), page(PARTNER, 4, 4)],
        partner,
    );
    let takeover = Decision::Claim {
        takes_over: true,
        waits: true,
        observed: partner,
    };
    assert_eq!(decision, takeover);
}

#[test]
fn who_cannot_read_the_mailbox_decides_nothing() {
    let mut bench = bench(Duty::Primary);
    let mut watch = Watch::start(bench.now);
    bench.now = bench.now.after(bench.configuration.timers.takeover_after);
    let mut cx = bench.context();
    watch.handle_deadline(&mut cx);
    let slots = watch.slots.expect("asked");
    let asked = watch.holder.expect("asked");
    let gone = watch.handle_completion(slots, Err(IoError::Gone), &cx);
    assert_eq!(gone, Decision::Wait);
    let gone = watch.handle_completion(asked, Err(IoError::Gone), &cx);
    assert_eq!(gone, Decision::Wait);
    assert!(
        watch.next_deadline().is_some_and(|at| at > bench.now),
        "it asks again"
    );
    assert_eq!(bench.configuration.set.journal, JOURNAL);
}
