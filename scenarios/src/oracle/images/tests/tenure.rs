//! O4 and O10 on histories made by hand.

use stormglass_engine::contract::{IoRequest, PageIndex, Persistence, ReservationKey};
use stormglass_engine::event::Verdict;
use stormglass_engine::storage_set::format::{Heartbeat, encode_heartbeat};
use stormglass_engine::vocabulary::NodeId;
use stormglass_sim::device::CommandNumber;
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::ProcessId;

use super::super::When;
use super::rig::{self, Drive, MIRROR, OWNER, Rig, command, index, range};
use super::write;
use crate::oracle::drained::Drained;
use crate::oracle::o4_epochs::Epochs;
use crate::oracle::o10_takeover::Takeover;
use crate::oracle::{Finding, OracleId};

const PROCESS: ProcessId = ProcessId(1);
const OTHER: ProcessId = ProcessId(2);

fn when(event: u64) -> When {
    When {
        at: WorldTime::from_nanos(event),
        event,
    }
}

fn key(epoch: u64, node: u32) -> ReservationKey {
    ReservationKey { epoch, node }
}

fn expect(findings: &[Finding], oracle: OracleId, words: &str) {
    let first = findings.first();
    let first = first.unwrap_or_else(|| panic!("nothing was found, wanted \"{words}\""));
    assert_eq!(first.oracle, oracle);
    assert!(first.says.contains(words), "{}", first.says);
    assert!(!first.events.is_empty());
}

/// Submits a preempt, and lets it be carried out.
fn preempt(rig: &mut Rig, epochs: &mut Epochs, epoch: u64, findings: &mut Vec<Finding>) {
    let number = submit_preempt(rig, epochs, epoch);
    rig.execute(OWNER, Drive::Journal, number);
    let (_, event) = rig.now();
    let journal = index(OWNER, Drive::Journal);
    epochs.executed(journal, number, true, when(event), findings);
}

fn submit_preempt(rig: &mut Rig, epochs: &mut Epochs, epoch: u64) -> CommandNumber {
    let observed = rig.device(OWNER, Drive::Journal).holder();
    let preempt = IoRequest::Preempt { observed };
    let number = rig.submit_under(epoch, OWNER, Drive::Journal, preempt);
    let (_, event) = rig.now();
    let journal = index(OWNER, Drive::Journal);
    let device = rig.device(OWNER, Drive::Journal);
    epochs.submitted(journal, number, device, event);
    number
}

#[test]
fn o4_finds_a_command_of_an_older_epoch_and_passes_over_a_refused_one() {
    let (mut rig, mut epochs, mut findings) = (Rig::new(), Epochs::default(), vec![]);
    preempt(&mut rig, &mut epochs, 5, &mut findings);
    let journal = index(OWNER, Drive::Journal);
    let stale = |rig: &mut Rig, epochs: &mut Epochs| {
        let page = rig::write(PageIndex(0), vec![rig.block(1)]);
        let number = rig.submit_under(4, OWNER, Drive::Journal, page);
        let device = rig.device(OWNER, Drive::Journal);
        epochs.submitted(journal, number, device, 70);
        number
    };
    let number = stale(&mut rig, &mut epochs);
    epochs.executed(journal, number, false, when(71), &mut findings);
    assert_eq!(findings, []);
    let number = stale(&mut rig, &mut epochs);
    epochs.executed(journal, number, true, when(72), &mut findings);
    expect(&findings, OracleId::O4, "epoch 4 after one of epoch 5");
}

#[test]
fn o4_finds_an_answer_of_a_deposed_owner_unless_both_copies_had_it() {
    let (mut rig, mut epochs, mut findings) = (Rig::new(), Epochs::default(), vec![]);
    write(&mut rig, 1, 0, 1);
    preempt(&mut rig, &mut epochs, 5, &mut findings);
    epochs.fenced(PROCESS, key(5, 1));
    let success = |counter| (command(counter), Verdict::Success);
    let mut answered = |epochs: &mut Epochs, rig: &Rig, counter, holder| {
        findings.clear();
        let answer = success(counter);
        epochs.answered(
            PROCESS,
            answer,
            (Some(index(OWNER, Drive::Journal)), holder),
            (&rig.images, &Drained::default()),
            when(1000),
            &mut findings,
        );
        findings.clone()
    };
    let own = Some(key(5, 1));
    let others = Some(key(6, 2));
    assert_eq!(answered(&mut epochs, &rig, 1, own), []);
    assert_eq!(answered(&mut epochs, &rig, 77, own), []);
    // The write was on both before. A read goes on under the lease, until it is over.
    assert_eq!(answered(&mut epochs, &rig, 1, others), []);
    assert_eq!(answered(&mut epochs, &rig, 77, others), []);
    epochs.fenced(OTHER, key(6, 2));
    assert_eq!(answered(&mut epochs, &rig, 77, others), []);
    epochs.lease_waited_out(OTHER, Some(index(OWNER, Drive::Journal)));
    let found = answered(&mut epochs, &rig, 77, others);
    expect(&found, OracleId::O4, "held under epoch 6 of node");
    // What was submitted after the fence was not.
    rig.writers[OWNER].key.epoch = 5;
    write(&mut rig, 2, 1, 1);
    let found = answered(&mut epochs, &rig, 2, others);
    expect(&found, OracleId::O4, "c1:2 is answered under epoch 5");
}

#[test]
fn o4_finds_an_answer_of_a_process_that_never_won_its_set() {
    let (rig, mut epochs, mut findings) = (Rig::new(), Epochs::default(), vec![]);
    let answer = (command(1), Verdict::Success);
    epochs.answered(
        OTHER,
        answer,
        (None, None),
        (&rig.images, &Drained::default()),
        when(9),
        &mut findings,
    );
    expect(&findings, OracleId::O4, "answered under none");
}

fn won(takeover: &mut Takeover, process: ProcessId, key: ReservationKey) -> Vec<Finding> {
    won_after(takeover, process, key, |_| false)
}

/// The same where the holder before it may have drained it.
fn won_after(
    takeover: &mut Takeover,
    process: ProcessId,
    key: ReservationKey,
    is_drained: impl Fn(ReservationKey) -> bool,
) -> Vec<Finding> {
    let mut findings = vec![];
    let (who, when) = (((process, 0), is_drained), when(key.epoch * 10));
    takeover.fenced(who, key, Some(key), when, &mut findings);
    findings
}

/// Submits the word of a node that it has drained its set.
fn submit_word(rig: &mut Rig, drained: &mut Drained, epoch: u64) -> CommandNumber {
    let page = encode_heartbeat(&Heartbeat {
        node: NodeId::new(1),
        incarnation: 7,
        beat: 3,
        epoch: 0,
        drained: epoch,
    });
    let place = rig.mailbox();
    let word = IoRequest::Write {
        start: place,
        pages: vec![page],
        persistence: Persistence::ForceUnitAccess,
    };
    let number = rig.submit_under(5, OWNER, Drive::Journal, word);
    let device = rig.device(OWNER, Drive::Journal);
    drained.submitted(index(OWNER, Drive::Journal), number, device);
    number
}

#[test]
fn o4_finds_any_answer_under_a_key_that_was_drained() {
    let (mut rig, mut epochs) = (Rig::new(), Epochs::default());
    let (mut drained, mut findings) = (Drained::default(), vec![]);
    let journal = index(OWNER, Drive::Journal);
    preempt(&mut rig, &mut epochs, 5, &mut findings);
    epochs.fenced(PROCESS, key(5, 1));
    let number = submit_word(&mut rig, &mut drained, 5);
    let answered = |epochs: &mut Epochs, rig: &Rig, drained: &Drained, verdict| {
        let mut findings = vec![];
        let set = (Some(journal), Some(key(5, 1)));
        let known = (&rig.images, drained);
        epochs.answered(
            PROCESS,
            (command(77), verdict),
            set,
            known,
            when(1000),
            &mut findings,
        );
        findings
    };
    let success = Verdict::Success;
    assert_eq!(answered(&mut epochs, &rig, &drained, success), []);
    drained.executed((journal, number), true, 90);
    for verdict in [success, Verdict::Refused] {
        let found = answered(&mut epochs, &rig, &drained, verdict);
        expect(&found, OracleId::O4, "which has been drained");
    }
    // Of another key it says nothing.
    epochs.fenced(PROCESS, key(6, 1));
    let found = answered(&mut epochs, &rig, &drained, Verdict::Refused);
    assert_eq!(found, []);
}

#[test]
fn o10_waits_for_no_lease_of_who_has_drained_under_this_very_key() {
    for (is_drained, finds) in [(true, false), (false, true)] {
        let mut takeover = Takeover::default();
        won(&mut takeover, PROCESS, key(1, 1));
        let word = |it| is_drained && it == key(1, 1);
        won_after(&mut takeover, OTHER, key(2, 2), word);
        takeover.recovered(OTHER, Some(std::iter::empty()));
        let found = answers(&mut takeover, 1, true);
        assert_eq!(!found.is_empty(), finds, "{found:?}");
    }
}

#[test]
fn o10_has_a_later_life_wait_for_the_lease_that_an_earlier_one_did_not_see_out() {
    for (has_waited, finds) in [(false, true), (true, false)] {
        let mut takeover = Takeover::default();
        won(&mut takeover, PROCESS, key(1, 1));
        won(&mut takeover, OTHER, key(2, 2));
        if has_waited {
            takeover.lease_waited_out(OTHER);
        }
        takeover.reborn(OTHER);
        won(&mut takeover, OTHER, key(3, 2));
        takeover.recovered(OTHER, Some(std::iter::empty()));
        let found = answers(&mut takeover, 1, true);
        assert_eq!(!found.is_empty(), finds, "{found:?}");
    }
}

#[test]
fn o10_finds_a_set_that_is_let_go_of_before_the_mailbox_is_told() {
    let mut rig = Rig::new();
    let (mut drained, mut takeover) = (Drained::default(), Takeover::default());
    let journal = index(OWNER, Drive::Journal);
    let number = submit_word(&mut rig, &mut drained, 5);
    let mut findings = vec![];
    let is_written = drained.is_written(journal, key(5, 1));
    takeover.drained(key(5, 1), is_written, when(9), &mut findings);
    expect(&findings, OracleId::O10, "before the mailbox says so");
    // A device that loses what it was given is no fault of who goes by its word.
    drained.executed((journal, number), false, 9);
    assert!(drained.is_written(journal, key(5, 1)));
    assert_eq!(drained.since(journal, key(5, 1)), None);
    findings.clear();
    takeover.drained(key(5, 1), true, when(10), &mut findings);
    assert_eq!(findings, []);
}

#[test]
fn a_word_that_a_power_loss_carried_out_counts_and_one_that_it_took_does_not() {
    let mut rig = Rig::new();
    let mut drained = Drained::default();
    let journal = index(OWNER, Drive::Journal);
    preempt(&mut rig, &mut Epochs::default(), 5, &mut vec![]);
    let number = submit_word(&mut rig, &mut drained, 5);
    rig.execute(OWNER, Drive::Journal, number);
    let device = rig.device(OWNER, Drive::Journal);
    drained.settled(journal, device, 12);
    assert_eq!(drained.since(journal, key(5, 1)), Some(12));
    drained.replaced(journal);
    assert_eq!(drained.since(journal, key(5, 1)), None);
}

fn answers(takeover: &mut Takeover, counter: u64, read: bool) -> Vec<Finding> {
    let mut findings = vec![];
    let answer = (command(counter), Verdict::Success);
    let read = read.then(|| range(0, 2));
    takeover.answered(OTHER, answer, read, when(99), &mut findings);
    findings
}

#[test]
fn o10_holds_of_a_takeover_in_its_right_order() {
    let mut takeover = Takeover::default();
    assert_eq!(won(&mut takeover, PROCESS, key(1, 1)), []);
    assert_eq!(won(&mut takeover, OTHER, key(2, 2)), []);
    let orphans = [(command(7), range(1, 1))];
    takeover.recovered(OTHER, Some(orphans.into_iter()));
    assert_eq!(answers(&mut takeover, 1, false), [], "a write of before");
    takeover.lease_waited_out(OTHER);
    takeover.resolved(command(7));
    assert_eq!(answers(&mut takeover, 2, true), []);
    assert_eq!(answers(&mut takeover, 7, false), []);
    let mut findings = vec![];
    takeover.accepted(OTHER, command(8), range(1, 1), when(100), &mut findings);
    assert_eq!(findings, []);
    assert!(takeover.checks() > 4);
}

#[test]
fn o10_finds_an_epoch_that_is_not_higher() {
    let mut takeover = Takeover::default();
    assert_eq!(won(&mut takeover, PROCESS, key(2, 1)), []);
    let found = won(&mut takeover, OTHER, key(2, 2));
    expect(&found, OracleId::O10, "won under epoch 2");
}

#[test]
fn o10_finds_an_answer_before_the_set_is_read_back() {
    let mut takeover = Takeover::default();
    won(&mut takeover, OTHER, key(2, 2));
    let found = answers(&mut takeover, 1, false);
    expect(&found, OracleId::O10, "before the set is read back");
}

#[test]
fn o10_finds_a_read_before_the_lease_is_over() {
    let mut takeover = Takeover::default();
    won(&mut takeover, PROCESS, key(1, 1));
    won(&mut takeover, OTHER, key(2, 2));
    takeover.recovered(OTHER, Some(std::iter::empty()));
    let found = answers(&mut takeover, 1, true);
    expect(&found, OracleId::O10, "before the lease");
}

#[test]
fn o10_has_nobody_wait_for_the_holder_of_a_set_whose_journal_is_gone() {
    for is_journal in [true, false] {
        let mut takeover = Takeover::default();
        won(&mut takeover, PROCESS, key(5, 1));
        takeover.replaced(OWNER, is_journal);
        assert_eq!(won(&mut takeover, OTHER, key(1, 2)), []);
        takeover.recovered(OTHER, Some(std::iter::empty()));
        let found = answers(&mut takeover, 1, true);
        assert_eq!(found.is_empty(), is_journal, "the data alone fences nobody");
    }
}

#[test]
fn o10_finds_what_passes_over_an_orphan() {
    let mut takeover = Takeover::default();
    won(&mut takeover, OTHER, key(1, 2));
    takeover.recovered(OTHER, Some([(command(7), range(1, 1))].into_iter()));
    let found = answers(&mut takeover, 7, false);
    expect(&found, OracleId::O10, "before orphan c1:7");
    let found = answers(&mut takeover, 2, true);
    expect(&found, OracleId::O10, "before orphan c1:7");
    let mut findings = vec![];
    takeover.accepted(OTHER, command(8), range(0, 2), when(100), &mut findings);
    expect(&findings, OracleId::O10, "accepted over orphan c1:7");
}

#[test]
fn o10_lets_a_former_holder_be_that_does_not_know_yet() {
    let mut takeover = Takeover::default();
    won(&mut takeover, PROCESS, key(1, 1));
    won(&mut takeover, OTHER, key(2, 2));
    takeover.recovered(OTHER, Some([(command(7), range(1, 1))].into_iter()));
    let mut findings = vec![];
    takeover.accepted(PROCESS, command(8), range(0, 2), when(100), &mut findings);
    assert_eq!(findings, []);
}

#[test]
fn o4_finds_an_answer_of_a_site_whose_reign_is_over_unless_both_copies_have_it() {
    let (mut rig, mut epochs, mut findings) = (Rig::new(), Epochs::default(), vec![]);
    write(&mut rig, 1, 0, 1);
    let [own, other] = [OWNER, MIRROR].map(|copy| index(copy, Drive::Journal));
    epochs.fenced(PROCESS, key(5, 1));
    let mut answered = |epochs: &mut Epochs, counter| {
        findings.clear();
        epochs.answered(
            PROCESS,
            (command(counter), Verdict::Success),
            (Some(own), Some(key(5, 1))),
            (&rig.images, &Drained::default()),
            when(1000),
            &mut findings,
        );
        findings.clone()
    };
    assert_eq!(answered(&mut epochs, 77), [], "its reign");
    epochs.reign_begins(2, Some(other), 500);
    // A read, or a write of its own copy alone; and what both copies hold.
    let found = answered(&mut epochs, 77);
    expect(&found, OracleId::O4, "not the owner since epoch 2");
    assert_eq!(answered(&mut epochs, 1), []);
    // An older reign's word that comes late changes nothing; a later reign does.
    epochs.reign_begins(1, Some(own), 600);
    assert_ne!(answered(&mut epochs, 77), []);
    epochs.reign_begins(3, Some(own), 700);
    assert_eq!(answered(&mut epochs, 77), []);
}
