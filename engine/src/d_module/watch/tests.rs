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
    drained(node, beat, epoch, 0)
}

fn drained(node: u32, beat: u64, epoch: u64, drained: u64) -> Payload {
    encode_heartbeat(&Heartbeat {
        node: NodeId::new(node),
        incarnation: 9,
        beat,
        epoch,
        drained,
    })
}

/// One look at a mailbox whose own slot and partner's slot hold these pages.
fn look(
    watch: &mut Watch,
    bench: &mut Bench,
    pages: [Payload; 2],
    holder: Option<ReservationKey>,
) -> Decision {
    look_and_hear(watch, bench, pages, holder, Word::SILENT)
}

/// The same, with something heard over the interconnect, or nothing.
fn look_and_hear(
    watch: &mut Watch,
    bench: &mut Bench,
    pages: [Payload; 2],
    holder: Option<ReservationKey>,
    word: Word,
) -> Decision {
    let mut cx = bench.context();
    watch.handle_deadline(&mut cx);
    let (slots, asked) = (watch.slots.expect("asked"), watch.holder.expect("asked"));
    let data = watch.data.expect("asked");
    let early = watch.handle_completion((data, Ok(IoOutput::Reservation(None))), word, &mut cx);
    assert_eq!(early, Decision::Wait);
    let first = watch.handle_completion((slots, Ok(IoOutput::Pages(pages.into()))), word, &mut cx);
    assert_eq!(first, Decision::Wait, "half of the facts decide nothing");
    watch.handle_completion((asked, Ok(IoOutput::Reservation(holder))), word, &mut cx)
}

fn empty() -> Payload {
    Payload::from_static(&[0; PAGE_BYTES])
}

fn bench(duty: Duty) -> Bench {
    let mut bench = Bench::new();
    bench.configuration.duty = duty;
    bench
}

fn claim(cause: Cause, observed: Option<ReservationKey>) -> Decision {
    Decision::Claim { cause, observed }
}

#[test]
fn a_its_own_set_is_claimed_at_once_and_served_at_once_if_it_was_before() {
    for duty in [Duty::Primary, Duty::Standby] {
        let mut bench = bench(duty);
        let mut watch = Watch::start(None, bench.now);
        let pages = [page(OWN, 5, 3), page(PARTNER, 1, 2)];
        assert_eq!(
            look(&mut watch, &mut bench, pages, key(OWN, 3)),
            claim(Cause::Own, key(OWN, 3))
        );
    }
}

#[test]
fn a_a_set_won_and_not_yet_served_still_waits_for_the_former_holder() {
    for own in [empty(), page(OWN, 5, 1), page(OWN, 5, 0)] {
        let mut bench = bench(Duty::Primary);
        let mut watch = Watch::start(None, bench.now);
        let pages = [own, page(PARTNER, 1, 2)];
        let waits = claim(Cause::OwnUnserved, key(OWN, 3));
        assert!(Cause::OwnUnserved.waits());
        assert_eq!(look(&mut watch, &mut bench, pages, key(OWN, 3)), waits);
    }
}

#[test]
fn b_c_d_nobodys_set_is_the_primarys_at_once_and_the_standbys_after_a_while() {
    let mut primary = bench(Duty::Primary);
    let mut watch = Watch::start(None, primary.now);
    assert_eq!(
        look(&mut watch, &mut primary, [empty(), empty()], None),
        claim(Cause::Unclaimed, None)
    );

    let mut standby = bench(Duty::Standby);
    let mut watch = Watch::start(None, standby.now);
    let pages = [empty(), empty()];
    assert_eq!(
        look(&mut watch, &mut standby, pages.clone(), None),
        Decision::Wait
    );
    standby.now = standby
        .now
        .after(standby.configuration.timers.takeover_after);
    assert_eq!(
        look(&mut watch, &mut standby, pages, None),
        claim(Cause::Unclaimed, None)
    );
}

#[test]
fn e_f_a_partner_is_taken_over_once_its_heartbeat_stood_still_long_enough() {
    let mut bench = bench(Duty::Primary);
    let mut watch = Watch::start(None, bench.now);
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
    assert_eq!(decision, claim(Cause::Silent, partner));
    assert!(Cause::Silent.waits());
}

#[test]
fn f_a_partner_that_is_alive_in_the_mailbox_is_not_taken_over_whatever_is_heard() {
    for word in [Word::SILENT, Word::HEARD] {
        let mut bench = bench(Duty::Standby);
        let mut watch = Watch::start(None, bench.now);
        for beat in 1..20 {
            bench.now = bench.now.after(Duration::from_millis(900));
            let pages = [empty(), page(PARTNER, beat, 4)];
            let decision = look_and_hear(&mut watch, &mut bench, pages, key(PARTNER, 4), word);
            assert_eq!(decision, Decision::Wait, "{word:?}");
        }
    }
}

/// From one look to the next, and a little more.
const BEAT: Duration = Duration::from_nanos(100_000_002);

/// A look at a partner that stands still in the mailbox, a nanosecond short of a time.
fn nearly(watch: &mut Watch, bench: &mut Bench, word: Word, span: Duration) -> Decision {
    let holder = key(PARTNER, 4);
    bench.now = bench.now.after(Duration::from_nanos(span.as_nanos() - 1));
    let pages = [empty(), page(PARTNER, 1, 4)];
    look_and_hear(watch, bench, pages, holder, word)
}

#[test]
fn j_k_who_is_silent_in_the_mailbox_only_is_asked_and_taken_over_if_that_is_in_vain() {
    let mut bench = bench(Duty::Standby);
    let mut watch = Watch::start(None, bench.now);
    let timers = bench.configuration.timers.clone();
    let partner = key(PARTNER, 4).expect("a key");
    let ask = Decision::Ask(partner);
    let early = look_and_hear(
        &mut watch,
        &mut bench,
        [empty(), page(PARTNER, 1, 4)],
        Some(partner),
        Word::HEARD,
    );
    assert_eq!(early, Decision::Wait);
    let decision = nearly(&mut watch, &mut bench, Word::HEARD, timers.takeover_after);
    assert_eq!(decision, Decision::Wait);
    assert_eq!(nearly(&mut watch, &mut bench, Word::HEARD, BEAT), ask);
    bench.beats();
    let decision = nearly(&mut watch, &mut bench, Word::HEARD, timers.ask_limit);
    assert_eq!(decision, ask, "again");
    assert_eq!(bench.beats().len(), 1, "who asks shows that it watches");
    let vain = claim(Cause::AskedInVain, Some(partner));
    assert_eq!(nearly(&mut watch, &mut bench, Word::HEARD, BEAT), vain);
    assert!(Cause::AskedInVain.waits());
}

#[test]
fn e_who_falls_silent_everywhere_while_it_is_asked_is_taken_over_at_once() {
    let mut bench = bench(Duty::Primary);
    let mut watch = Watch::start(None, bench.now);
    let silence = bench.configuration.timers.takeover_after;
    let beyond = Duration::from_nanos(silence.as_nanos() + 2);
    nearly(&mut watch, &mut bench, Word::HEARD, silence);
    let decision = nearly(&mut watch, &mut bench, Word::HEARD, beyond);
    assert!(matches!(decision, Decision::Ask(_)));
    let decision = nearly(&mut watch, &mut bench, Word::SILENT, BEAT);
    assert_eq!(decision, claim(Cause::Silent, key(PARTNER, 4)));
}

#[test]
fn f_who_beats_again_is_not_held_to_what_it_was_asked() {
    let mut bench = bench(Duty::Standby);
    let mut watch = Watch::start(None, bench.now);
    let timers = bench.configuration.timers.clone();
    let beyond = Duration::from_nanos(timers.takeover_after.as_nanos() + 2);
    nearly(&mut watch, &mut bench, Word::HEARD, beyond);
    let decision = nearly(&mut watch, &mut bench, Word::HEARD, beyond);
    assert!(matches!(decision, Decision::Ask(_)));
    bench.now = bench.now.after(BEAT);
    let pages = [empty(), page(PARTNER, 2, 4)];
    let decision = look_and_hear(&mut watch, &mut bench, pages, key(PARTNER, 4), Word::HEARD);
    assert_eq!(decision, Decision::Wait);
    bench.now = bench
        .now
        .after(timers.ask_limit.plus(timers.takeover_after));
    let pages = [empty(), page(PARTNER, 2, 4)];
    let decision = look_and_hear(&mut watch, &mut bench, pages, key(PARTNER, 4), Word::HEARD);
    assert!(matches!(decision, Decision::Ask(_)), "it has as long again");
}

#[test]
fn l_a_partner_whose_machine_lost_power_is_taken_over_at_once_and_only_in_that_life() {
    // Of the page's incarnation, which is 9, or another one.
    for (dead, is_heard, is_claimed) in [
        (9, false, true),
        (9, true, true),
        (8, false, false),
        (8, true, false),
    ] {
        let mut bench = bench(Duty::Standby);
        let mut watch = Watch::start(None, bench.now);
        let word = Word {
            is_heard,
            dead: Some(dead),
        };
        let pages = [empty(), page(PARTNER, 1, 4)];
        let decision = look_and_hear(&mut watch, &mut bench, pages, key(PARTNER, 4), word);
        let expected = match is_claimed {
            true => claim(Cause::Noticed, key(PARTNER, 4)),
            false => Decision::Wait,
        };
        assert_eq!(decision, expected, "{word:?}");
    }
    assert!(Cause::Noticed.waits());
}

#[test]
fn g_a_set_that_the_partner_has_drained_is_claimed_at_once_and_nothing_is_waited_out() {
    for duty in [Duty::Primary, Duty::Standby] {
        let mut bench = bench(duty);
        let mut watch = Watch::start(None, bench.now);
        let pages = [empty(), drained(PARTNER, 7, 0, 4)];
        let decision = look(&mut watch, &mut bench, pages, key(PARTNER, 4));
        assert_eq!(decision, claim(Cause::Drained, key(PARTNER, 4)));
        assert!(!Cause::Drained.waits());
    }
}

#[test]
fn g_what_was_drained_under_an_older_key_says_nothing_of_this_one() {
    let mut bench = bench(Duty::Primary);
    let mut watch = Watch::start(None, bench.now);
    let pages = [empty(), drained(PARTNER, 7, 0, 4)];
    let decision = look(&mut watch, &mut bench, pages.clone(), key(PARTNER, 5));
    assert_eq!(decision, Decision::Wait);
    bench.now = bench.now.after(bench.configuration.timers.takeover_after);
    let decision = look(&mut watch, &mut bench, pages, key(PARTNER, 5));
    assert_eq!(decision, claim(Cause::Silent, key(PARTNER, 5)));
}

#[test]
fn h_i_a_drained_set_is_the_partners_for_a_while_and_then_claimed_back() {
    let mut bench = bench(Duty::Primary);
    let own = key(OWN, 3).expect("a key");
    let until = bench.now.after(Duration::from_secs(1));
    let farewell = Farewell { key: own, until };
    let mut watch = Watch::start(Some(farewell), bench.now);
    let pages = [drained(OWN, 9, 0, 3), page(PARTNER, 1, 0)];
    let decision = look(&mut watch, &mut bench, pages.clone(), Some(own));
    assert_eq!(decision, Decision::Wait);
    bench.now = until;
    let decision = look(&mut watch, &mut bench, pages, Some(own));
    assert_eq!(decision, claim(Cause::Back, Some(own)));
    assert!(!Cause::Back.waits());
}

#[test]
fn a_who_boots_again_after_it_has_drained_need_not_wait() {
    let mut bench = bench(Duty::Primary);
    let mut watch = Watch::start(None, bench.now);
    let pages = [drained(OWN, 9, 0, 3), page(PARTNER, 1, 0)];
    let decision = look(&mut watch, &mut bench, pages, key(OWN, 3));
    assert_eq!(decision, claim(Cause::Own, key(OWN, 3)));
}

#[test]
fn a_standby_beats_after_each_look_and_repeats_what_it_has_drained() {
    let mut bench = bench(Duty::Primary);
    let own = key(OWN, 3).expect("a key");
    let farewell = Farewell {
        key: own,
        until: bench.now,
    };
    for farewell in [None, Some(farewell)] {
        let mut watch = Watch::start(farewell, bench.now);
        let pages = [page(OWN, 1, 3), page(PARTNER, 1, 4)];
        assert_eq!(
            look(&mut watch, &mut bench, pages, key(PARTNER, 4)),
            Decision::Wait
        );
        let beats: Vec<_> = bench.beats();
        let said = farewell.map_or(0, |farewell| farewell.key.epoch);
        assert_eq!(beats.len(), 1, "one for each look");
        assert_eq!((beats[0].epoch, beats[0].drained), (0, said));
    }
}

#[test]
fn who_cannot_read_the_mailbox_decides_nothing() {
    let mut bench = bench(Duty::Primary);
    let mut watch = Watch::start(None, bench.now);
    bench.now = bench.now.after(bench.configuration.timers.takeover_after);
    let mut cx = bench.context();
    watch.handle_deadline(&mut cx);
    let slots = watch.slots.expect("asked");
    let asked = watch.holder.expect("asked");
    let gone = watch.handle_completion((slots, Err(IoError::Gone)), Word::SILENT, &mut cx);
    assert_eq!(gone, Decision::Wait);
    let gone = watch.handle_completion((asked, Err(IoError::Gone)), Word::SILENT, &mut cx);
    assert_eq!(gone, Decision::Wait);
    assert!(
        watch.next_deadline().is_some_and(|at| at > bench.now),
        "it asks again"
    );
    assert_eq!(bench.configuration.set.journal, JOURNAL);
}
