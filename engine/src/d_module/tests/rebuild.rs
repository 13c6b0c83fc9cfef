//! An owner loses its data device: what it knows of that, what it answers meanwhile,
//! and how everything comes back.

use super::alone::{forsaken, success};
use super::mirror::{copy_ack, hello_ack, set_ack};
use super::writes::entry;
use crate::configuration::Configuration;
use crate::contract::DeviceId;
use crate::event::{Event, Phase};
use crate::storage_set::record::{CommandResult, Entry, Mode};
use crate::storage_set::tables::Role;
use crate::testing::{
    DATA, Disk, GEOMETRY, JOURNAL, Pair, Station, VOLUME, configuration, fill, id, range, session,
    sync_configuration, write,
};
use crate::time::Duration;
use crate::vocabulary::{
    Command, CommandId, Content, Outcome, Range, RefusedReason, SequenceId, Session, Status,
};
use crate::wire::{HelloRefusal, PeerMessage};

/// An owner in session 2 that has destaged a write of sevens to block 3 and holds one of
/// fives to block 20 in its journal only.
fn written(configuration: Configuration) -> Station {
    let mut owner = Station::with(configuration, Role::Owner);
    owner.serve();
    owner.ask(id(1), write(3, 1, 7));
    owner.run();
    owner.hear(&set_ack(session(2), 1, 0));
    owner.pass_running(Duration::from_secs(1));
    owner.ask(id(2), write(20, 1, 5));
    owner.run_records();
    owner.hear(&set_ack(session(2), 2, 0));
    // Its mark ends, and no destage begins.
    owner.pass(Duration::from_millis(25));
    owner.run_records();
    owner.answers();
    owner
}

/// The same, booted anew on an empty data device, the first command of recovery queued.
fn bereft_with(configuration: Configuration) -> Station {
    let mut owner = written(configuration);
    lose_disk(&mut owner);
    owner
}

fn bereft() -> Station {
    bereft_with(configuration(Role::Owner))
}

fn lose_disk(owner: &mut Station) {
    owner.disks.insert(DATA, Disk::default());
    owner.reboot();
}

/// The same, serving in session 3, its first region asked for.
fn rebuilding() -> Station {
    let mut owner = bereft();
    owner.serve();
    owner.run_records();
    owner
}

/// Goes on until a device command waits that recovery does not read.
fn until_written(owner: &mut Station) -> DeviceId {
    for _ in 0..100 {
        let next = &owner.queue[0];
        let is_write = matches!(next.request, crate::contract::IoRequest::Write { .. });
        if is_write {
            return next.device;
        }
        owner.complete(0);
    }
    panic!("nothing is written");
}

/// What the data device holds of a block.
fn stored(station: &Station, block: u64) -> u8 {
    let page = GEOMETRY.data_page(range(block, 1).start());
    let page = station.disks[&DATA].pages.get(&page.0);
    page.map_or(0, |page| page[0])
}

fn missing(owner: &Station) -> Vec<u64> {
    owner.tables().missing.iter().copied().collect()
}

/// A question to the mirror: session, nonce, range, transmission, and about whom.
type Question = (Session, u64, Range, u32, Option<CommandId>);

fn questions(owner: &mut Station) -> Vec<Question> {
    let question = |message| match message {
        PeerMessage::Fetch {
            session,
            nonce,
            range,
            attempt,
            command,
            ..
        } => Some((session, nonce, range, attempt, command)),
        _ => None,
    };
    let sent = owner.take_sent().into_iter();
    sent.filter_map(|sent| question(sent.message)).collect()
}

/// The mirror's answer: blocks of a byte and a version.
fn answer(
    (session, nonce, range, attempt, _): Question,
    (byte, version): (u8, u64),
    outcome: Option<Outcome>,
) -> PeerMessage {
    PeerMessage::Fetched {
        volume: VOLUME,
        session,
        nonce,
        range,
        attempt,
        outcome,
        versions: vec![SequenceId::new(version); range.count() as usize],
        data: fill(byte, range.count()),
    }
}

fn is_accepted(owner: &Station, counter: u64) -> bool {
    let is_it =
        |event: &Event| matches!(event, Event::Accepted { command, .. } if *command == id(counter));
    owner.events.iter().any(is_it)
}

fn read(counter: u64, byte: u8, count: u32) -> (CommandId, Status) {
    (id(counter), Status::Success(Some(fill(byte, count))))
}

#[test]
fn that_all_is_missing_is_durable_before_the_device_is_recognised_again() {
    let mut owner = bereft();
    assert_eq!(until_written(&mut owner), JOURNAL);
    assert_eq!(entry(&owner, 0), Entry::Lost);
    assert!(owner.disks[&DATA].pages.is_empty());
    owner.complete(0);
    assert_eq!(owner.queue.len(), 1);
    assert_eq!(until_written(&mut owner), DATA);
    assert!(!owner.has_seen(&Event::DataLost));
    owner.complete(0);
    assert!(owner.has_seen(&Event::DataLost));
    owner.run();
    assert_eq!(owner.module.phase(), Phase::Announcing);
    assert_eq!(missing(&owner), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(owner.tables().mode, Mode::InSync);
}

#[test]
fn a_crash_on_the_way_leaves_a_device_that_is_lost_still() {
    for (steps, records) in [(0, 1), (1, 0), (2, 0)] {
        let mut owner = bereft();
        for _ in 0..steps {
            until_written(&mut owner);
            owner.complete(0);
        }
        owner.reboot();
        let mut written = 0;
        while owner.module.phase() != Phase::Announcing {
            if until_written(&mut owner) == JOURNAL && entry(&owner, 0) == Entry::Lost {
                written += 1;
            }
            while owner.module.phase() == Phase::Recovering {
                owner.complete(0);
                if owner.queue.is_empty() {
                    break;
                }
                let is_write = matches!(
                    owner.queue[0].request,
                    crate::contract::IoRequest::Write { .. }
                );
                if is_write {
                    break;
                }
            }
        }
        assert_eq!(written, records, "{steps}");
        owner.run();
        assert_eq!(missing(&owner).len(), 8, "{steps}");
    }
}

#[test]
fn an_owner_out_of_sync_or_with_a_foreign_device_is_frozen() {
    let mut owner = forsaken();
    owner.run();
    assert_ne!(owner.tables().mode, Mode::InSync);
    lose_disk(&mut owner);
    let before = owner.disks[&JOURNAL].pages.clone();
    owner.run();
    assert_eq!(owner.module.phase(), Phase::Halted);
    let frozen = "owner without its data device frozen";
    assert!(owner.probes.contains(&frozen));
    let content = |pages: &std::collections::BTreeMap<u64, crate::payload::Payload>| {
        let mut pages = pages.clone();
        pages.split_off(&GEOMETRY.mailbox_start().0);
        pages
    };
    assert!(content(&owner.disks[&JOURNAL].pages) == content(&before));
    assert!(owner.disks[&DATA].pages.is_empty());

    let mut owner = written(configuration(Role::Owner));
    let mut foreign = configuration(Role::Owner);
    foreign.set.format = 10;
    let other = Station::with(foreign, Role::Owner).disks.remove(&DATA);
    owner.disks.insert(DATA, other.expect("it is there"));
    owner.reboot();
    owner.run();
    assert_eq!(owner.module.phase(), Phase::Halted);
}

#[test]
fn a_missing_block_is_the_mirrors_unless_the_journal_holds_it() {
    let mut owner = rebuilding();
    owner.take_sent();
    owner.ask(id(3), Command::Read(range(20, 1)));
    assert_eq!(owner.answers(), [read(3, 5, 1)], "from the journal");
    owner.ask(id(4), Command::Read(range(3, 1)));
    owner.run_records();
    assert_eq!(owner.answers(), [], "whatever the device shows");
    let asked = questions(&mut owner);
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].0, asked[0].2), (session(3), range(3, 1)));
    owner.hear(&answer(asked[0], (7, 1), None));
    owner.run_records();
    assert_eq!(owner.answers(), [read(4, 7, 1)]);
    assert!(missing(&owner).contains(&0), "the region's others are");
}

#[test]
fn a_block_that_was_destaged_since_is_the_mirrors_too() {
    let mut owner = rebuilding();
    owner.pass_running(Duration::from_millis(300));
    assert_eq!(owner.census().undestaged_blocks, 0);
    owner.take_sent();
    owner.ask(id(3), Command::Read(range(20, 1)));
    owner.run();
    assert_eq!(owner.answers(), []);
    let asked = questions(&mut owner);
    assert_eq!(asked[0].2, range(20, 1));
}

#[test]
fn regions_are_rebuilt_from_the_highest_down_and_open_when_they_are_durable() {
    let mut owner = rebuilding();
    let asked = questions(&mut owner);
    assert_eq!(asked.len(), 1);
    let (of, _, region, attempt, about) = asked[0];
    assert_eq!((of, region), (session(3), range(56, 8)));
    assert_eq!((attempt, about), (0, None));
    owner.ask(id(3), write(60, 1, 3));
    assert!(!is_accepted(&owner, 3), "nothing begins in it");
    owner.ask(id(4), write(50, 1, 4));
    assert!(is_accepted(&owner, 4));
    owner.run_records();
    owner.hear(&answer(asked[0], (9, 1), None));
    let Entry::Repair {
        range: blocks,
        content,
        versions,
        verdict,
    } = entry(&owner, 0)
    else {
        panic!("the region is written")
    };
    assert_eq!((blocks, verdict), (range(56, 8), None));
    assert_eq!(content, Content::Data(fill(9, 8)));
    assert_eq!(versions, [SequenceId::new(1); 8]);
    assert!(missing(&owner).contains(&7), "not durable");
    assert!(!is_accepted(&owner, 3));
    owner.complete(0);
    assert!(owner.has_seen(&Event::RegionRebuilt(range(56, 8))));
    assert!(!missing(&owner).contains(&7));
    assert!(is_accepted(&owner, 3));
    assert_eq!(questions(&mut owner), [], "a mutation is under way there");
    assert!(owner.probes.contains(&"region waits for a mutation in it"));
}

#[test]
fn a_region_is_not_asked_for_before_its_mutations_and_marks_have_ended() {
    let mut owner = bereft();
    owner.serve();
    // The session is open and the first region closed; it is not the one that waits.
    let first = questions(&mut owner);
    owner.ask(id(3), write(50, 1, 4));
    owner.run_records();
    owner.hear(&answer(first[0], (9, 1), None));
    owner.run_records();
    assert!(owner.has_seen(&Event::RegionRebuilt(range(56, 8))));
    assert_eq!(questions(&mut owner), []);
    owner.hear(&set_ack(session(3), 1, 0));
    assert_eq!(questions(&mut owner), [], "its mark stands");
    assert!(matches!(entry(&owner, 0), Entry::Clear { .. }));
    owner.run_records();
    let next = questions(&mut owner);
    assert_eq!(next[0].2, range(48, 8));
}

#[test]
fn a_question_that_is_lost_is_asked_again_and_in_the_next_session_too() {
    let mut owner = rebuilding();
    let asked = questions(&mut owner);
    owner.pass(Duration::from_millis(50));
    let again = questions(&mut owner);
    assert_eq!((again[0].1, again[0].2), (asked[0].1, range(56, 8)));
    assert_eq!(again[0].3, 1);
    // A command that the mirror leaves unanswered ends the session.
    owner.ask(id(3), write(0, 1, 3));
    owner.pass_running(Duration::from_millis(3_200));
    assert_eq!(owner.hello_session(), session(4));
    owner.take_sent();
    owner.ask(id(4), write(60, 1, 3));
    owner.hear(&answer(asked[0], (9, 1), None));
    owner.hear(&hello_ack(session(4), 0));
    owner.pass(Duration::from_millis(50));
    let anew = questions(&mut owner);
    assert_eq!((anew[0].0, anew[0].2), (session(4), range(56, 8)));
    assert!(!is_accepted(&owner, 4), "closed all the while");
    owner.run();
    assert!(missing(&owner).contains(&7), "that session was over");
    owner.hear(&answer(anew[0], (9, 1), None));
    owner.run();
    assert!(!missing(&owner).contains(&7));
}

#[test]
fn a_region_that_the_mirror_cannot_prove_is_let_be_for_a_while() {
    let mut owner = rebuilding();
    let (of, nonce, _, attempt, _) = questions(&mut owner)[0];
    owner.hear(&PeerMessage::Unproven {
        volume: VOLUME,
        session: of,
        nonce,
        attempt,
    });
    for _ in 0..400 {
        owner.pass_running(Duration::from_millis(10));
    }
    assert!(
        owner
            .probes
            .contains(&"missing region not proven by the mirror")
    );
    owner.take_sent();
    owner.pass_running(Duration::from_millis(900));
    let next = questions(&mut owner);
    assert_eq!(next[0].2, range(48, 8), "the next one has its turn");
    owner.ask(id(3), write(60, 1, 3));
    assert!(is_accepted(&owner, 3));
}

#[test]
fn a_mirror_that_alone_has_everything_is_not_given_up() {
    let mut owner = bereft_with(sync_configuration(false));
    owner.run();
    owner.pass_running(Duration::from_secs(10));
    assert_eq!(owner.tables().mode, Mode::InSync);
    let kept = "mirror not given up that alone has everything";
    assert!(owner.probes.contains(&kept));

    let mut owner = bereft_with(sync_configuration(false));
    owner.serve();
    let session = owner.tables().session;
    owner.hear(&PeerMessage::HelloRefused {
        volume: VOLUME,
        session,
        attempt: 0,
        reason: HelloRefusal::NotClean,
    });
    owner.run();
    assert_eq!(owner.tables().mode, Mode::InSync);
    assert!(owner.probes.contains(&kept));
}

#[test]
fn a_read_of_a_missing_block_waits_for_a_silent_mirror() {
    let mut patient = configuration(Role::Owner);
    patient.timers.answer_limit = Duration::from_secs(60);
    patient.timers.status_limit = Duration::from_secs(60);
    let mut owner = bereft_with(patient);
    owner.serve();
    owner.ask(id(3), Command::Read(range(3, 1)));
    // Its session ends, for the mirror does not answer a write either.
    owner.ask(id(4), write(10, 1, 1));
    owner.pass_running(Duration::from_secs(20));
    assert_eq!(owner.answers(), []);
    let session = owner.hello_session();
    owner.take_sent();
    owner.hear(&hello_ack(session, 0));
    owner.pass_running(Duration::from_millis(900));
    let asked = questions(&mut owner);
    let block = asked.iter().find(|it| it.2 == range(3, 1));
    owner.hear(&answer(*block.expect("it is asked for"), (7, 1), None));
    owner.run();
    assert!(owner.answers().contains(&read(3, 7, 1)));
}

#[test]
fn both_copies_are_equal_in_the_end_whoever_boots_meanwhile() {
    for reboots in 0..30 {
        let mut pair = Pair::new();
        for counter in 1..=6 {
            let byte = u8::try_from(counter).expect("few");
            pair.east.ask(id(counter), write(counter * 9, 2, byte));
            pair.settle();
        }
        pair.pass(Duration::from_secs(1));
        pair.east.answers();
        lose_disk(&mut pair.east);
        for _ in 0..reboots {
            pair.east.run_records();
            pair.west.run();
            pair.eastern_mail();
            pair.western_mail();
            if !pair.east.queue.is_empty() {
                pair.east.complete(0);
            }
        }
        pair.east.reboot();
        pair.pass(Duration::from_secs(3));
        assert_eq!(missing(&pair.east), [0; 0], "{reboots}");
        assert_eq!(pair.east.tables().mode, Mode::InSync);
        for block in 0..64 {
            let (east, west) = (stored(&pair.east, block), stored(&pair.west, block));
            assert_eq!(east, west, "block {block} after {reboots}");
        }
        assert_eq!(pair.east.census().held_ranges, 0);
    }
}

/// An owner of one write to blocks 3 and 4 whose mark stands, whose content, if it was
/// performed, is destaged, and whose data device is lost.
fn bereft_orphan(outcome: Option<Outcome>) -> Station {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id(1), write(3, 2, 1));
    owner.complete(0);
    assert!(owner.has_seen(&Event::Marked(id(1))));
    if outcome.is_some() {
        owner.complete(0);
        assert!(owner.has_seen(&Event::LocalDurable(id(1))));
        owner.pass_running(Duration::from_millis(300));
        assert_eq!(owner.census().undestaged_blocks, 0);
    }
    lose_disk(&mut owner);
    owner.run();
    owner
}

#[test]
fn an_orphan_whose_range_is_lost_is_what_the_mirror_says() {
    let performed = Some(Outcome::Performed);
    for (own, theirs, byte) in [
        (None, None, 0),
        (None, performed, 1),
        (performed, None, 0),
        (performed, performed, 1),
    ] {
        let mut owner = bereft_orphan(own);
        assert_eq!(questions(&mut owner), [], "before its session is accepted");
        owner.hear(&hello_ack(session(3), 0));
        let asked = questions(&mut owner);
        let about = asked.iter().find(|it| it.4 == Some(id(1)));
        let about = *about.expect("the mirror is asked");
        assert_eq!(about.2, range(3, 2));
        owner.ask(id(1), Command::Retry);
        owner.hear(&answer(about, (byte, u64::from(byte)), theirs));
        let verdict = CommandResult {
            command: id(1),
            outcome: theirs.unwrap_or(Outcome::Failed),
            range: Some(range(3, 2)),
        };
        assert!(matches!(
            entry(&owner, 0),
            Entry::Repair { verdict: Some(it), .. } if it == verdict
        ));
        assert_eq!(owner.answers(), []);
        owner.run_records();
        assert_eq!(owner.tables().results[&id(1)].outcome, verdict.outcome);
        assert_eq!(owner.answers(), [], "the mirror is told first");
        owner.hear(&copy_ack(session(3), 1, 0));
        owner.run_records();
        let resolved = Event::OrphanResolved(id(1), verdict.outcome);
        assert!(owner.has_seen(&resolved), "{own:?} {theirs:?}");
        let status = match theirs {
            Some(_) => success(1),
            None => (id(1), Status::Refused(RefusedReason::NotPerformed)),
        };
        assert_eq!(owner.answers(), [status]);
        owner.ask(id(2), Command::Read(range(3, 2)));
        owner.run_records();
        assert_eq!(owner.answers(), [read(2, byte, 2)]);
    }
}

#[test]
fn an_orphan_that_stands_in_the_journal_is_judged_here() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id(1), write(3, 2, 1));
    owner.complete(0);
    owner.complete(0);
    lose_disk(&mut owner);
    owner.serve();
    let about = |it: &Question| it.4.is_some();
    assert!(!questions(&mut owner).iter().any(about));
    assert!(owner.probes.contains(&"orphan found performed"));
    // Destaged before the mirror has answered, it is lost to the next session.
    owner.pass_running(Duration::from_millis(3_500));
    assert_eq!(owner.census().undestaged_blocks, 0);
    owner.take_sent();
    owner.hear(&hello_ack(session(4), 0));
    assert!(questions(&mut owner).iter().any(about));
}

#[test]
fn a_mirror_is_asked_about_an_orphan_until_it_answers_and_for_every_session_anew() {
    let mut owner = bereft_orphan(None);
    owner.hear(&hello_ack(session(3), 0));
    let of = |owner: &mut Station| {
        let asked = questions(owner).into_iter();
        asked.filter(|it| it.4.is_some()).collect::<Vec<_>>()
    };
    let first = of(&mut owner);
    owner.pass(Duration::from_millis(50));
    let second = of(&mut owner);
    assert_eq!((second[0].1, second[0].3), (first[0].1, 1));
    owner.ask(id(9), write(30, 1, 1));
    owner.pass_running(Duration::from_millis(3_500));
    assert_eq!(owner.hello_session(), session(4));
    owner.take_sent();
    owner.hear(&answer(first[0], (1, 1), Some(Outcome::Performed)));
    assert!(
        !owner.tables().results.contains_key(&id(1)),
        "of a session that is over"
    );
    owner.hear(&hello_ack(session(4), 0));
    owner.pass(Duration::from_millis(1));
    let third = of(&mut owner);
    assert_eq!(third[0].0, session(4));
    owner.hear(&answer(third[0], (0, 0), None));
    owner.run_records();
    assert_eq!(owner.tables().results[&id(1)].outcome, Outcome::Failed);
}

#[test]
fn a_crash_while_an_orphan_is_judged_leaves_it_to_the_next_boot() {
    for steps in 0..=3 {
        let mut owner = bereft_orphan(Some(Outcome::Performed));
        owner.hear(&hello_ack(session(3), 0));
        let asked = questions(&mut owner);
        let about = asked.into_iter().find(|it| it.4.is_some());
        let about = about.expect("the mirror is asked");
        if steps >= 1 {
            owner.hear(&answer(about, (0, 0), None));
        }
        if steps >= 2 {
            owner.run_records();
        }
        if steps >= 3 {
            owner.hear(&copy_ack(session(3), 1, 0));
        }
        owner.reboot();
        owner.serve();
        assert_eq!(owner.census().orphans, 1, "{steps}");
        let asks_again = questions(&mut owner).iter().any(|it| it.4.is_some());
        assert_eq!(asks_again, steps < 2, "{steps}");
        let outcome = owner.tables().results[&id(1)].outcome;
        let failed = steps >= 2;
        assert_eq!(outcome == Outcome::Failed, failed, "{steps}");
    }
}

#[test]
fn an_orphan_and_a_lost_device_end_equal_whichever_copy_had_performed() {
    for (here, there) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut pair = Pair::new();
        pair.east.ask(id(1), write(3, 2, 9));
        pair.settle();
        pair.pass(Duration::from_secs(1));
        pair.east.ask(id(2), write(3, 2, 1));
        pair.east.complete(0);
        if there {
            pair.eastern_mail();
            pair.west.run();
            pair.west.take_sent();
        }
        if here {
            pair.east.complete(0);
            pair.east.pass_running(Duration::from_millis(300));
        }
        lose_disk(&mut pair.east);
        pair.pass(Duration::from_secs(3));
        let byte = if there { 1 } else { 9 };
        for station in [&pair.east, &pair.west] {
            assert_eq!([3, 4].map(|it| stored(station, it)), [byte; 2]);
            let outcome = station.tables().results[&id(2)].outcome;
            assert_eq!(outcome == Outcome::Performed, there);
            assert!(station.tables().marks.is_empty());
        }
        assert_eq!(missing(&pair.east), [0; 0]);
    }
}

#[test]
fn the_journals_last_page_is_kept_for_the_loss_of_the_data_device() {
    let mut wide = configuration(Role::Owner);
    wide.limits.window = 200;
    let mut owner = Station::with(wide, Role::Owner);
    owner.serve();
    for counter in 1..100 {
        owner.ask(id(counter), Command::Retry);
        owner.run_records();
    }
    let set = owner.module.set().expect("it serves");
    assert_eq!((set.room(), set.journal().free()), (0, 1));
    // Not even a boot's session takes it.
    owner.reboot();
    owner.run_records();
    lose_disk(&mut owner);
    owner.run();
    assert!(owner.has_seen(&Event::DataLost));
    assert_eq!(missing(&owner).len(), 8);
    assert_eq!(owner.module.phase(), Phase::Announcing);
}
