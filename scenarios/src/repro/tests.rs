use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use stormglass_engine::contract::{Address, IoId, Label, NetworkId, PageIndex};
use stormglass_engine::local::Order;
use stormglass_engine::time::Duration;
use stormglass_engine::wire::kind;
use stormglass_reports::record::{ReplayRecord, Replayed};
use stormglass_sim::clock::ClockRate;
use stormglass_sim::device::{Damage, PageRange};
use stormglass_sim::network::{Bandwidth, Cut, PathLimit};
use stormglass_sim::occurrence::{IoName, PacketName};
use stormglass_sim::service_time::Pace;
use stormglass_sim::world::{DeviceIndex, MachineId, ProcessId};

use super::*;
use crate::cluster::PEER_NETWORK;
use crate::file::{
    DeviceName, DeviceTimes, LinkTimes, Measure, NetworkName, PlannedKind, Rate, Ratio,
};
use crate::source::Source;
use crate::weather::Rest;

fn progress() -> AtomicU64 {
    AtomicU64::new(0)
}

fn play(repro: &Repro, cue: Cue) -> ReplayRecord {
    repro.play(cue, Keep::Counts, &progress())
}

/// One client's writes on a lossy link, none of which may take long: one that meets a
/// loss does.
pub(crate) fn slow_writes(seed: u64, commands: u32) -> Repro {
    let most = |millis: u64| Measure {
        name: "write_remote_p99_ms".to_owned(),
        min: None,
        max: Some(millis.to_string().parse().unwrap()),
    };
    let times = DeviceTimes {
        read: Some(Duration::from_millis(1)),
        write: Some(Duration::from_millis(1)),
        flush: Some(Duration::from_millis(1)),
    };
    let devices = DeviceName::all(1);
    let builder = devices.fold(Scenario::builder("slow-writes"), |builder, device| {
        builder.device(device, times.clone())
    });
    let mut scenario = builder
        .volume_blocks(64)
        .clients(1)
        .commands(commands)
        .outstanding(1)
        .expect_measure(most(45))
        .build()
        .unwrap();
    let rate = |numerator, denominator| {
        let ratio = Ratio::new(numerator, denominator).unwrap();
        Rate {
            low: ratio,
            high: ratio,
        }
    };
    scenario.weather.loss = rate(1, 20);
    scenario.weather.duplicate = rate(1, 20);
    let (mut repro, record) = Repro::record(&scenario, seed, Keep::Counts, &progress());
    assert_eq!(
        record.verdict,
        Verdict::Expectation,
        "{:?}",
        record.findings
    );
    // A client's messages tell the time; these do not.
    repro.entries.retain(|entry| match entry.act {
        Act::Message { name, .. } => [kind::SET, kind::SET_ACK].contains(&name.label.kind),
        _ => true,
    });
    let (replayed, repro) = repro.play_again(Cue::Names, &progress());
    assert_eq!(replayed.outcome, Replayed::Same);
    assert!(repro.faults() > 2);
    repro
}

#[test]
fn a_repro_is_the_same_run_event_for_event() {
    let runs = [
        ("lossy-network", 11),
        ("owner-crash", 11),
        ("owner-pauses", 11),
        ("resync-interrupted", 3),
        ("mediator-replaced", 11),
        ("mirror-journal-rots", 11),
        ("owner-disk-replaced", 11),
        ("storm-pair", 5),
        ("storm-mediator", 11),
        ("storm-mediator", 12),
        ("three-pairs", 3),
    ];
    for (name, seed) in runs {
        let scenario = Source::load(name, &[]).unwrap().scenario;
        let (repro, record) = Repro::record(&scenario, seed, Keep::Counts, &progress());
        assert_eq!(repro.about, "", "{name}, seed {seed}");
        let text = repro.to_toml();
        let read = Repro::parse(&text);
        let read = read.unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        assert_eq!(read, repro, "{name}, seed {seed}");
        let again = play(&read, Cue::Exact);
        let parts = |run: &RunRecord| (run.trace_hash.clone(), run.events, run.verdict);
        assert_eq!(parts(&again.run), parts(&record), "{name}, seed {seed}");
        assert_eq!(again.stale_keys, [], "{name}, seed {seed}");
        let counted = |run: &RunRecord| {
            let mut faults: BTreeMap<_, _> = run.faults.clone();
            faults.retain(|_, count| *count > 0);
            faults
        };
        assert_eq!(counted(&again.run), counted(&record), "{name}, seed {seed}");
    }
}

#[test]
fn a_repro_fails_as_it_did_and_without_its_faults_it_passes() {
    let mut repro = slow_writes(1, 40);
    let replayed = play(&repro, Cue::Exact);
    assert_eq!(replayed.outcome, Replayed::Same);
    assert_eq!(replayed.exit().code(), 1);
    repro.entries.clear();
    let replayed = play(&repro, Cue::Exact);
    assert_eq!(replayed.outcome, Replayed::Passed);
    assert_eq!(replayed.exit().code(), 0);
    // Another failure is no answer.
    repro.failure.signature = "O2: something else".to_owned();
    let mut other = slow_writes(1, 40);
    other.failure = repro.failure;
    let replayed = play(&other, Cue::Exact);
    assert_eq!(replayed.outcome, Replayed::Other);
    assert_eq!(replayed.exit().code(), 125);
}

/// The text of a repro with one word in place of another.
fn edited(repro: &Repro, from: &str, to: &str) -> Result<Repro, ReproError> {
    let text = repro.to_toml();
    assert!(text.contains(from), "{from}\n{text}");
    Repro::parse(&text.replacen(from, to, 1))
}

#[test]
fn a_key_that_means_nothing_any_more_is_stale_and_says_why() {
    let repro = slow_writes(1, 40);
    let content = repro.entries.iter().find_map(|entry| match entry.act {
        Act::Message { fingerprint, .. } => Some(fingerprint),
        _ => None,
    });
    let content = content.unwrap();
    let written = format!("{content:016x}");
    for (from, to, why) in [
        (" attempt 0 of", " attempt 77 of", Staleness::Absent),
        (
            written.as_str(),
            "00000000000000ff",
            Staleness::Changed { content },
        ),
        (" from east-1", " from east-9", Staleness::Unknown),
    ] {
        let replayed = play(&edited(&repro, from, to).unwrap(), Cue::Exact);
        // A fault that is not there changes what comes after it.
        let first = &replayed.stale_keys[0];
        assert_eq!(first.why, why.to_string(), "{to}: {first:?}");
        let is_named = !matches!(why, Staleness::Changed { .. });
        assert!(
            !is_named || first.key.contains(to.trim()),
            "{to}: {first:?}"
        );
        assert_eq!(replayed.exit().code(), 125);
    }
}

#[test]
fn a_key_that_is_written_wrongly_is_a_mistake_in_the_file() {
    let repro = slow_writes(1, 40);
    for (from, to) in [
        (" attempt 0 of", " attempt x of"),
        (" over inter-cluster", " across inter-cluster"),
        ("content = \"", "content = \"g"),
    ] {
        let wrong = edited(&repro, from, to);
        assert!(matches!(wrong, Err(ReproError::Fault { .. })), "{wrong:?}");
    }
    let wrong = edited(&repro, "repro = 1", "repro = 2");
    assert!(matches!(wrong, Err(ReproError::Format { found: 2 })));
    let wrong = edited(&repro, "what =", "wat =");
    assert!(matches!(wrong, Err(ReproError::Malformed(_))));
    let wrong = edited(&repro, "volume_blocks = 64", "volume_blocks = 0");
    assert!(matches!(wrong, Err(ReproError::Scenario(_))));
    for text in ["", "repro", "x = 1", "repro = \"1\""] {
        assert!(
            matches!(Repro::parse(text), Err(ReproError::Malformed(_))),
            "{text}"
        );
    }
}

#[test]
fn an_added_draw_of_another_component_changes_nothing() {
    let mut repro = slow_writes(1, 40);
    let before = play(&repro, Cue::Exact);
    // Every message between client and cluster takes another time.
    let link = LinkTimes {
        latency: None,
        jitter: Some(Duration::from_micros(777)),
    };
    repro.scenario.links.insert(NetworkName::Client, link);
    let after = play(&repro, Cue::Exact);
    assert_ne!(after.run.trace_hash, before.run.trace_hash);
    assert_eq!(after.stale_keys, []);
    assert_eq!(after.outcome, Replayed::Same);
}

#[test]
fn an_added_message_elsewhere_changes_nothing() {
    let mut repro = slow_writes(1, 40);
    let before = play(&repro, Cue::Exact);
    // Somebody else reads where nobody writes, after all that is wanted.
    let (_, mut commands) = repro.begun(&progress());
    let last = commands.last().unwrap().at;
    commands.push(Planned {
        client: 2,
        number: 0,
        at: last.plus(Duration::from_millis(1)),
        kind: PlannedKind::Read,
        block: 63,
        blocks: 1,
    });
    repro.scenario.workload.clients = 2;
    let repro = repro.with_commands(commands);
    let after = play(&repro, Cue::Exact);
    assert!(after.run.messages > before.run.messages);
    assert_eq!(after.stale_keys, []);
    assert_eq!(after.outcome, Replayed::Same);
}

#[test]
fn listed_commands_are_those_that_were_drawn() {
    let repro = slow_writes(1, 40);
    let (before, commands) = repro.begun(&progress());
    assert_eq!(commands.len(), 40);
    let listed = repro.with_commands(commands);
    listed.scenario.check().unwrap();
    let after = play(&listed, Cue::Exact);
    assert_eq!(after.run.trace_hash, before.trace_hash);
}

fn hardware(fault: Fault) -> Entry {
    Entry {
        at: Duration::from_millis(1_500),
        act: Act::Hardware(Box::new(Hardware {
            fault,
            after: None,
            late: 0,
            is_scheduled: false,
            draw: 0,
        })),
    }
}

/// One fault of every kind.
fn everything() -> Repro {
    let path = Cut {
        network: NetworkId::new(1),
        from: MachineId(0),
        to: MachineId(2),
    };
    let device = DeviceIndex(1);
    let pages = PageRange {
        start: PageIndex(3),
        count: 2,
    };
    let pace = Pace {
        factor: 4,
        extra: Duration::from_micros(10),
    };
    let limit = PathLimit {
        bandwidth: Some(Bandwidth {
            bytes_per_second: 9_000,
            queue_bytes: u64::MAX,
        }),
        mtu: Some(1_500),
    };
    let rate = ClockRate {
        drift_ppb: -7_000,
        is_beyond_bound: true,
    };
    let damage = |damage| Fault::Damage {
        device,
        page: PageIndex(9),
        damage,
    };
    let faults = [
        Fault::Crash(MachineId(0)),
        Fault::Kill(ProcessId(2)),
        Fault::DevicePowerLoss(device),
        Fault::Boot(ProcessId(2)),
        Fault::Pause(MachineId(1)),
        Fault::Resume(MachineId(1)),
        Fault::Cut(path),
        Fault::Heal(path),
        Fault::DeviceGone(device),
        Fault::DeviceReturns(device, Return::Intact),
        Fault::DeviceReturns(device, Return::Blank),
        Fault::DeviceReturns(device, Return::Stale),
        damage(Damage::Unreadable),
        damage(Damage::Rot),
        Fault::DevicePace(device, pace),
        Fault::DeviceStalls(device),
        Fault::DeviceGoesOn(device),
        Fault::DeviceFull(device, pages),
        Fault::DeviceHasRoom(device),
        Fault::Remember(device),
        Fault::Restore(device, pages),
        Fault::Swap([DeviceIndex(0), device]),
        Fault::CutKind(path, kind::SET),
        Fault::HealKind(path, kind::SET),
        Fault::Clog(path),
        Fault::Release(path),
        Fault::Limit(path, limit),
        Fault::Limit(path, PathLimit::default()),
        Fault::Unlimit(path),
        Fault::Readdress {
            process: ProcessId(2),
            network: NetworkId::new(1),
            address: Address::new(900),
        },
        Fault::CpuPace(MachineId(0), pace),
        Fault::ClockRate(MachineId(0), rate),
        Fault::Order(ProcessId(0), Order::HandOver.kind()),
    ];
    let mut entries: Vec<Entry> = faults.into_iter().map(hardware).collect();
    entries.extend(named());
    let scenario = Scenario::builder("everything").commands(3).build().unwrap();
    Repro {
        scenario: without_faults(&scenario),
        seed: u64::MAX,
        failure: Failure {
            verdict: Verdict::Safety,
            signature: "O2: block stood".to_owned(),
            says: "block 7 \"stood\"".to_owned(),
        },
        core: Some(Core::without(vec![
            None,
            Some(Rest::Down),
            Some(Rest::Still),
            None,
        ])),
        absent: vec![form::nodes(&scenario).nth(3).unwrap()],
        entries,
        written_by: "0.0.0".to_owned(),
        about: "One of each.".to_owned(),
    }
}

/// What befalls messages and device commands, and a fault that hangs on either.
fn named() -> Vec<Entry> {
    let packet = PacketName {
        network: PEER_NETWORK,
        from: ProcessId(2),
        to: ProcessId(8),
        label: Label {
            kind: kind::SET,
            incarnation: 0xabc,
            id: 4,
            part: 1,
            attempt: 2,
        },
    };
    let command = IoName {
        device: DeviceIndex(1),
        process: ProcessId(2),
        incarnation: 2,
        io: IoId(77),
    };
    let at = Duration::from_nanos(1_234_567);
    let (span, more) = (Duration::from_micros(3), 2);
    let doubled = |more, apart| Aspect::Doubled {
        later: span,
        more,
        apart,
    };
    let aspects = [
        Aspect::Lost,
        doubled(more, span),
        doubled(0, Duration::ZERO),
        Aspect::Delayed(span),
        Aspect::Corrupted(u64::MAX),
    ];
    let messages = aspects.map(|aspect| Act::Message {
        name: packet,
        fingerprint: 0xff,
        aspect,
        times: match aspect {
            Aspect::Lost => vec![2, 3],
            _ => Vec::new(),
        },
    });
    let wrong = |effect, draw| Trouble::Wrong { effect, draw };
    let troubles = [
        Trouble::Slow(span),
        wrong(IoEffect::Lost, 0),
        wrong(IoEffect::Misdirected(PageIndex(5)), 0),
        wrong(IoEffect::Error, 0),
        wrong(IoEffect::Full, 0),
        wrong(IoEffect::FlushLies, 0),
        wrong(IoEffect::FlushFails, 6),
    ];
    let commands = troubles.map(|trouble| Act::Command {
        name: command,
        fingerprint: 1,
        trouble,
    });
    let after = [Departed::Message(packet), Departed::Command(command)];
    let anchored = after.map(|departed| {
        let after = Some(After { departed, span });
        Act::Hardware(Box::new(Hardware {
            fault: Fault::Crash(MachineId(0)),
            after,
            late: 3,
            is_scheduled: true,
            draw: 5,
        }))
    });
    let acts = messages.into_iter().chain(commands).chain(anchored);
    acts.map(|act| Entry { at, act }).collect()
}

#[test]
fn the_file_of_every_fault_stands_as_format_1_has_it() {
    let repro = everything();
    let text = repro.to_toml();
    let mut read = Repro::parse(&text).unwrap();
    assert_eq!(read.scenario.name, "everything");
    // A failed flush alone keeps the number of a loss of power.
    assert_eq!(std::mem::take(&mut read.entries), repro.entries);
    insta::assert_snapshot!(text);
}

#[test]
fn what_no_world_would_take_is_refused() {
    let repro = everything();
    for (from, to) in [
        ("page = 9", "page = 999999"),
        ("pages = [3, 2]", "pages = [3, 0]"),
        ("pages = [3, 2]", "pages = [3, 9223372036854775807]"),
        ("drift_ppb = -7000", "drift_ppb = 500000001"),
        ("address = 900", "address = 65536"),
    ] {
        let wrong = edited(&repro, from, to);
        assert!(
            matches!(wrong, Err(ReproError::Fault { .. })),
            "{to}: {wrong:?}"
        );
    }
}
