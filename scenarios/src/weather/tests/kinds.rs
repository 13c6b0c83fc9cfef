//! Storms of one kind alone: it comes, it is counted, it does what docs/faults.md says and
//! nothing else, and calm leaves what it says.

use std::sync::atomic::AtomicU64;

use stormglass_engine::contract::{IoRequest, LabelKind, PageIndex};
use stormglass_engine::payload::Payload;
use stormglass_reports::record::Verdict;
use stormglass_sim::device::{Device, IoEffect};
use stormglass_sim::fault::Fault;
use stormglass_sim::network::Cut;
use stormglass_sim::occurrence::{Happened, Occurrence};
use stormglass_sim::world::{DeviceIndex, ProcessId};

use super::*;
use crate::actor::Report;
use crate::cluster::device;
use crate::fault_kinds;
use crate::file::{DeviceKind, DeviceName, DurationRange, Recurring};
use crate::repro::{Act, Cue, Entry, Hardware, Repro};
use crate::run::Keep;
use crate::witness::{How, Witness};

/// The storm over two pairs with a mediator, shorter and without any fault.
fn quiet() -> Scenario {
    let mut scenario = storm("storm-mediator");
    scenario.workload.commands = 120;
    scenario.expect.measures.clear();
    scenario.weather = file::Weather {
        until: Duration::from_secs(4),
        ..file::Weather::default()
    };
    scenario
}

/// The same with one kind that comes every so many milliseconds.
fn storm_of(kind: RecurringKind, every: u64) -> Scenario {
    let mut scenario = quiet();
    let range = |low, high| DurationRange {
        low: Duration::from_millis(low),
        high: Duration::from_millis(high),
    };
    let lasts = match kind.is_instant() {
        true => DurationRange::default(),
        false => range(50, 400),
    };
    let every = range(every, every);
    scenario.weather.recurring = [(kind, Recurring { every, lasts })].into();
    scenario
}

/// What is done to the hardware and what leaves in a step.
#[derive(Default)]
struct Seen {
    fault: Option<Fault>,
    packets: Vec<Departure>,
}

impl Witness for Seen {
    fn packet(&mut self, departure: &Departure, _: &PacketFate) {
        self.packets.push(*departure);
    }
    fn fault(&mut self, fault: &Fault, _: &World<Actor>, _: How) {
        self.fault = Some(fault.clone());
    }
}

/// A step.
struct Moment<'a> {
    before: &'a Experiment,
    after: &'a Experiment,
    seen: &'a Seen,
    log: &'a [Occurrence<Report>],
}

impl Moment<'_> {
    fn happened(&self) -> impl Iterator<Item = &Happened> {
        self.log.iter().filter_map(|occurrence| match occurrence {
            Occurrence::Fault(happened) => Some(happened),
            _ => None,
        })
    }

    fn is_stormy(&self) -> bool {
        let weather = self.before.weather().unwrap();
        !weather.is_calm(self.before.world().now())
    }

    /// A device before and after the step.
    fn device(&self, device: DeviceIndex) -> [&Device; 2] {
        [self.before, self.after].map(|side| &side.world().drive(device).device)
    }
}

/// Runs a seed to its end, a step at a time, and judges it.
fn watch(scenario: &Scenario, seed: u64, mut see: impl FnMut(&Moment)) -> Experiment {
    let mut experiment = Experiment::new(scenario, seed);
    let mut bench = Bench::default();
    loop {
        let before = experiment.clone();
        let mut seen = Seen::default();
        let goes_on = experiment.step_before(&mut bench, &mut seen);
        if !goes_on || experiment.elapsed() > Duration::from_secs(40) {
            break;
        }
        see(&Moment {
            before: &before,
            after: &experiment,
            seen: &seen,
            log: &bench.log,
        });
    }
    experiment.finish();
    experiment
}

/// That nothing but these was switched on and happened, each of it at least once.
fn check_counts(scenario: &Scenario, experiment: &Experiment, kinds: &[&str]) {
    let enabled: Vec<_> = fault_kinds::enabled(scenario, experiment.weather()).collect();
    assert!(
        enabled.iter().all(|kind| kinds.contains(kind)),
        "{enabled:?}"
    );
    let counted = experiment.tally().faults.keys().map(|kind| &**kind);
    let mut counted: Vec<_> = counted.collect();
    counted.sort_unstable();
    assert_eq!(counted, kinds);
}

fn counted(experiment: &Experiment, kind: &str) -> u64 {
    experiment.tally().faults.get(kind).copied().unwrap_or(0)
}

/// That in the end nothing is broken, every command has ended and the copies are equal.
fn check_mended(experiment: &Experiment) {
    assert_eq!(experiment.findings(), []);
    assert!(experiment.clients_are_done());
    assert!(
        experiment
            .weather()
            .unwrap()
            .is_calm(experiment.world().now())
    );
    for (_, drive) in experiment.world().drives() {
        assert!(!drive.device.is_gone(), "{}", drive.name);
        assert_eq!(drive.device.full(), None, "{}", drive.name);
    }
    let network = experiment.world().network();
    assert_eq!(network.cuts().count() + network.cut_kinds().count(), 0);
}

fn set_device(cluster: Cluster, kind: DeviceKind) -> DeviceIndex {
    device(DeviceName {
        cluster,
        pair: PairIndex::FIRST,
        kind,
    })
}

/// All that a device shows.
fn content(device: &Device) -> Vec<Payload> {
    let pages = (0..device.whole().count).map(PageIndex);
    pages.map(|page| device.current(page)).collect()
}

/// All that a device holds for good.
fn stable(device: &Device) -> Vec<Payload> {
    let pages = (0..device.whole().count).map(PageIndex);
    pages.map(|page| device.stable(page)).collect()
}

fn is_zero(page: &Payload) -> bool {
    page.iter().all(|byte| *byte == 0)
}

#[test]
fn a_cut_for_one_kind_stops_that_kind_and_lets_others_through() {
    let scenario = storm_of(RecurringKind::CutKind, 150);
    let (mut stopped, mut passed, mut stopped_in_all) = (0, 0, 0);
    for seed in 0..12 {
        let path = |experiment: &Experiment, network, from: ProcessId, to: ProcessId| {
            let machine = |process| experiment.world().process(process).machine;
            let (from, to) = (machine(from), machine(to));
            Cut { network, from, to }
        };
        let is_cut = |experiment: &Experiment, cut: Cut, kind: LabelKind| {
            let mut cuts = experiment.world().network().cut_kinds();
            cuts.any(|it| it == (cut, kind))
        };
        let experiment = watch(&scenario, seed, |moment| {
            for happened in moment.happened() {
                let Happened::Partitioned(name) = happened else {
                    assert_eq!(happened.kind(), "partition");
                    continue;
                };
                let cut = path(moment.before, name.network, name.from, name.to);
                assert!(is_cut(moment.before, cut, name.label.kind), "{name:?}");
                assert!(moment.is_stormy());
                stopped += 1;
            }
            assert_eq!(moment.before.world().network().cuts().count(), 0);
            for packet in &moment.seen.packets {
                let cut = path(moment.before, packet.network, packet.from, packet.to);
                let mut cuts = moment.before.world().network().cut_kinds();
                let mut of_path = cuts.by_ref().filter(|(it, _)| *it == cut).peekable();
                let is_beside =
                    of_path.peek().is_some() && of_path.all(|(_, kind)| kind != packet.label.kind);
                passed += u32::from(is_beside);
            }
        });
        check_mended(&experiment);
        let all = counted(&experiment, "partitioned-packet");
        assert_eq!(stopped, all, "each is counted");
        stopped_in_all += std::mem::take(&mut stopped);
    }
    assert!(
        stopped_in_all > 20 && passed > 100,
        "{stopped_in_all} {passed}"
    );
}

#[test]
fn a_full_device_refuses_writes_to_empty_pages_as_a_whole() {
    let scenario = storm_of(RecurringKind::DeviceFull, 60);
    let (mut refused, mut filled, mut refused_in_all) = (0, 0, 0);
    for seed in 0..6 {
        let experiment = watch(&scenario, seed, |moment| {
            filled += u32::from(matches!(moment.seen.fault, Some(Fault::DeviceFull(..))));
            for happened in moment.happened() {
                let Happened::Defect {
                    name,
                    effect: IoEffect::Full,
                    pages: Some(pages),
                } = *happened
                else {
                    panic!("{happened:?}")
                };
                let [before, after] = moment.device(name.device);
                let full = before.full().expect("it is full");
                let named = (0..pages.count).map(|index| pages.start.plus(index));
                let takes_space = |page: &PageIndex| {
                    let (start, count) = (*page, 1);
                    full.meets(stormglass_sim::device::PageRange { start, count })
                        && is_zero(&before.current(*page))
                };
                assert!(named.clone().any(|page| takes_space(&page)));
                for page in named {
                    assert_eq!(before.current(page), after.current(page));
                }
                assert!(moment.is_stormy());
                refused += 1;
            }
        });
        check_mended(&experiment);
        let all = counted(&experiment, "device-full");
        assert_eq!(refused, all, "each is counted");
        refused_in_all += std::mem::take(&mut refused);
    }
    assert!(
        filled > 40 && refused_in_all > 0,
        "{filled} {refused_in_all}"
    );
}

#[test]
fn a_replaced_device_of_the_mirror_is_blank_and_nobodys() {
    let scenario = storm_of(RecurringKind::DeviceReplaced, 900);
    let west = [DeviceKind::Journal, DeviceKind::Data].map(|kind| set_device(Cluster::West, kind));
    let mut replaced = Vec::new();
    for seed in 0..4 {
        let experiment = watch(&scenario, seed, |moment| {
            for happened in moment.happened() {
                let (Happened::DeviceGone(device) | Happened::DeviceReplaced(device)) = *happened
                else {
                    panic!("{happened:?}")
                };
                assert!(west.contains(&device), "the owner's are spared");
                if *happened == Happened::DeviceGone(device) {
                    continue;
                }
                let [before, after] = moment.device(device);
                assert!(before.is_gone() && !after.is_gone());
                assert!(content(after).iter().all(is_zero));
                assert!(stable(after).iter().all(is_zero));
                assert_eq!((after.holder(), after.queued().count()), (None, 0));
                replaced.push(device);
            }
        });
        check_counts(&scenario, &experiment, &["device-gone", "device-replaced"]);
        // O16 among others: the copies are in sync.
        check_mended(&experiment);
    }
    assert!(west.iter().all(|device| replaced.contains(device)));
}

/// The content that a device was to remember last.
fn remembered(moment: &Moment, of: DeviceIndex, memory: &mut Option<Vec<Payload>>) {
    if moment.seen.fault == Some(Fault::Remember(of)) {
        *memory = Some(stable(moment.device(of)[1]));
    }
}

#[test]
fn a_stale_device_is_as_it_was_remembered_and_reserved_as_before() {
    let scenario = storm_of(RecurringKind::DeviceStale, 400);
    for seed in 0..4 {
        let place = set_device(
            recurring::damaged(PairIndex::FIRST, Seed(seed)),
            DeviceKind::Data,
        );
        let (mut memory, mut returned) = (None, 0);
        let experiment = watch(&scenario, seed, |moment| {
            remembered(moment, place, &mut memory);
            for happened in moment.happened() {
                let Happened::DeviceStale { device, pages } = *happened else {
                    assert_eq!(*happened, Happened::DeviceGone(place));
                    continue;
                };
                let [before, after] = moment.device(device);
                assert_eq!((device, pages), (place, after.whole()));
                assert_eq!(Some(content(after)), memory);
                assert_eq!(after.cached().count() + after.queued().count(), 0);
                assert_eq!(before.holder(), after.holder());
                returned += 1;
            }
        });
        assert!(returned > 0);
        check_counts(&scenario, &experiment, &["device-gone", "device-stale"]);
        // What is stale stays so, and what comes of it is out of model.
        assert!(!experiment.world().drive(place).device.is_gone());
    }
}

#[test]
fn stale_pages_are_as_they_were_remembered_and_all_others_as_they_are() {
    let scenario = storm_of(RecurringKind::StalePages, 60);
    let mut restored = 0;
    for seed in 0..4 {
        let place = set_device(
            recurring::damaged(PairIndex::FIRST, Seed(seed)),
            DeviceKind::Data,
        );
        let blocks = scenario.topology.geometry().blocks;
        let first = scenario
            .topology
            .geometry()
            .data_page(stormglass_engine::vocabulary::BlockIndex::new(0));
        let mut memory = None;
        let experiment = watch(&scenario, seed, |moment| {
            remembered(moment, place, &mut memory);
            for happened in moment.happened() {
                let Happened::Restored { device, pages } = *happened else {
                    panic!("{happened:?}")
                };
                assert_eq!((device, pages.count), (place, 1));
                assert!((first.0..first.0 + blocks).contains(&pages.start.0));
                let [before, after] = moment.device(device);
                let page = usize::try_from(pages.start.0).unwrap();
                let [old, mut new] = [before, after].map(stable);
                assert_ne!(old[page], new[page], "else nothing has happened");
                assert_eq!(new[page], memory.as_ref().unwrap()[page]);
                new[page].clone_from(&old[page]);
                assert_eq!(old, new);
                assert!(moment.is_stormy());
                restored += 1;
            }
        });
        check_counts(&scenario, &experiment, &["stale-pages"]);
        check_mended(&experiment);
    }
    assert!(restored > 10, "{restored}");
}

#[test]
fn swapped_devices_have_lost_power_and_stand_in_each_others_place() {
    let scenario = storm_of(RecurringKind::Swap, 900);
    for seed in 0..4 {
        let cluster = recurring::damaged(PairIndex::FIRST, Seed(seed));
        let places = [DeviceKind::Data, DeviceKind::Journal].map(|kind| set_device(cluster, kind));
        let sizes = |experiment: &Experiment| {
            places.map(|place| experiment.world().drive(place).device.whole())
        };
        let (mut losses, mut swaps) = (0, 0);
        let experiment = watch(&scenario, seed, |moment| {
            for happened in moment.happened() {
                if let Happened::DevicePowerLoss(device) = happened {
                    assert!(places.contains(device));
                    losses += 1;
                    continue;
                }
                let Happened::Swapped { devices, .. } = *happened else {
                    panic!("{happened:?}")
                };
                assert_eq!(devices, places);
                swaps += 1;
                assert_eq!(losses, 2 * swaps, "both have lost power before");
                for (one, other) in [(0, 1), (1, 0)] {
                    let [before, _] = moment.device(places[one]);
                    let [_, after] = moment.device(places[other]);
                    assert_eq!(before.cached().count(), 0);
                    assert_eq!(content(before), content(after));
                    assert_eq!(before.holder(), after.holder());
                    assert_eq!(after.queued().count(), 0);
                }
                assert!(moment.is_stormy());
            }
        });
        assert!(swaps > 0);
        check_counts(
            &scenario,
            &experiment,
            &["device-power-loss", "devices-swapped"],
        );
        // Calm does not take devices out of where they stand.
        let mut original = sizes(&Experiment::new(&scenario, seed));
        if swaps % 2 == 1 {
            original.reverse();
        }
        assert_eq!(sizes(&experiment), original);
    }
}

#[test]
fn a_lying_flush_makes_nothing_stable_until_a_later_one_does() {
    let mut scenario = quiet();
    scenario.weather.io.lying_flush = Rate::fixed(Ratio::new(1, 3).unwrap());
    let data = Cluster::ALL.map(|cluster| set_device(cluster, DeviceKind::Data));
    let (mut lies, mut made_good) = ([0, 0], [0, 0]);
    for seed in 0..3 {
        // What lies have left in each device's cache.
        let mut left: [Vec<(PageIndex, Payload)>; 2] = [vec![], vec![]];
        let experiment = watch(&scenario, seed, |moment| {
            for occurrence in moment.log {
                let Occurrence::Executed {
                    device,
                    number,
                    succeeded: true,
                    ..
                } = *occurrence
                else {
                    continue;
                };
                let [before, after] = moment.device(device);
                let mut queued = before.queued();
                let is_flush = queued
                    .any(|(it, submission)| it == number && submission.request == IoRequest::Flush);
                let Some(place) = data.iter().position(|it| *it == device && is_flush) else {
                    continue;
                };
                made_good[place] += left[place].len();
                for (page, content) in left[place].drain(..) {
                    let mut cached = after.cached();
                    assert!(!cached.any(|(it, own)| it == page && *own == content));
                }
            }
            for happened in moment.happened() {
                let Happened::Defect {
                    name,
                    effect: IoEffect::FlushLies,
                    pages: None,
                } = *happened
                else {
                    panic!("{happened:?}")
                };
                let place = data.iter().position(|device| *device == name.device);
                let place = place.expect("journals are not flushed");
                let [before, after] = moment.device(name.device);
                assert_eq!(stable(before), stable(after));
                assert!(before.cached().eq(after.cached()));
                let cached = after.cached();
                left[place] = cached.map(|(page, own)| (page, own.clone())).collect();
                assert!(moment.is_stormy());
                lies[place] += 1;
            }
        });
        check_counts(&scenario, &experiment, &["lying-flush"]);
        check_mended(&experiment);
    }
    let is_some = |counts: [usize; 2]| counts.iter().all(|count| *count > 0);
    assert!(
        is_some(lies) && is_some(made_good),
        "{lies:?} {made_good:?}"
    );
}

#[test]
fn what_power_takes_of_lies_is_unrecoverable_only_where_both_copies_lose_it() {
    let mut scenario = quiet();
    scenario.workload.commands = 20;
    scenario.workload.mix = file::Mix {
        read: 0,
        write: 1,
        write_zeroes: 0,
        compare_and_write: 0,
        flush: 0,
    };
    scenario.weather.io.lying_flush = Rate::fixed(Ratio::ALWAYS);
    let progress = AtomicU64::new(0);
    let (repro, record) = Repro::record(&scenario, 1, Keep::Counts, &progress);
    assert_eq!(record.verdict, Verdict::Pass, "{:?}", record.findings);
    let verdict = |clusters: &[Cluster]| {
        let mut repro = repro.clone();
        for cluster in clusters {
            let device = set_device(*cluster, DeviceKind::Data);
            let loss = Hardware {
                fault: Fault::DevicePowerLoss(device),
                after: None,
                late: 0,
                is_scheduled: true,
                draw: 1,
            };
            let at = Duration::from_millis(3_500);
            let act = Act::Hardware(Box::new(loss));
            repro.entries.push(Entry { at, act });
        }
        let played = repro.play(Cue::Exact, Keep::Counts, &progress);
        (played.run.verdict, played.run.findings)
    };
    assert_eq!(verdict(&[]), (Verdict::Pass, vec![]));
    assert_eq!(verdict(&[Cluster::East]).0, Verdict::Pass);
    assert_eq!(verdict(&[Cluster::West]).0, Verdict::Pass);
    let (lost, findings) = verdict(&Cluster::ALL);
    assert_eq!(lost, Verdict::Unrecoverable, "{findings:?}");
}
