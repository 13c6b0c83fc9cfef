//! All oracles of an experiment, fed from one place.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{PageIndex, ReservationKey};
use stormglass_engine::event::{Event, Phase};
use stormglass_engine::vocabulary::{BlockIndex, Range};
use stormglass_reports::record::{self, OracleLine, OracleVerdict};
use stormglass_sim::occurrence::{Happened, Occurrence};
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::{DeviceIndex, ProcessId, World};

use super::atlas::{Atlas, Bad, Destroyed};
use super::images::{Devices, Images, SetDevices, When, is_blank};
use super::o4_epochs::Epochs;
use super::o10_takeover::Takeover;
use super::o12_intact::Intact;
use super::o15_leaks::Leaks;
use super::o16_liveness::{Bounds, Liveness, Sync};
use super::{Consulted, Finding, Linearizable, OracleId, Outcomes, Reference};
use crate::actor::{Actor, Report};
use crate::cluster::{self, Map};
use crate::file::{Cluster, DeviceKind, DeviceName};
use crate::waits;
use crate::workload::{BlockValue, Client, provenance};

/// The lowest bits of an oracle's event number tell apart what happened in one
/// event of the world; what is above them is that event's number.
const MOMENT_BITS: u32 = 8;

/// The oracles' number for the `place`th occurrence of an event: it rises with
/// each, for it is their clock.
pub fn moment(event: u64, place: usize) -> u64 {
    let place = u64::try_from(place).unwrap_or(u64::MAX);
    event << MOMENT_BITS | place.min((1 << MOMENT_BITS) - 1)
}

/// The world's event of an oracles' number.
pub fn event_of(number: u64) -> u64 {
    number >> MOMENT_BITS
}

/// The oracles of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oracles {
    images: Images,
    linearizable: Linearizable,
    outcomes: Outcomes,
    reference: Reference,
    leaks: Leaks,
    epochs: Epochs,
    takeover: Takeover,
    liveness: Liveness,
    intact: Intact,
    atlas: Atlas,
}

impl Oracles {
    /// Oracles that have seen nothing. `owed` says within which bounds things have to end
    /// in calm, and what is owed of the copies; `is_charting`, whether devices lose what
    /// they hold.
    pub fn new(
        world: &World<Actor>,
        map: &Map,
        (bounds, sync): (Bounds, Sync),
        is_charting: bool,
    ) -> Self {
        let sets = Cluster::ALL.map(|cluster| SetDevices {
            journal: cluster::device(DeviceName {
                cluster,
                kind: DeviceKind::Journal,
            }),
            data: cluster::device(DeviceName {
                cluster,
                kind: DeviceKind::Data,
            }),
            geometry: map.geometry,
        });
        Oracles {
            images: Images::new(sets, world),
            linearizable: Linearizable::default(),
            outcomes: Outcomes::default(),
            reference: Reference::default(),
            leaks: Leaks::default(),
            epochs: Epochs::default(),
            takeover: Takeover::default(),
            liveness: Liveness::new(bounds, sync),
            intact: Intact::default(),
            atlas: Atlas::new(map.geometry, is_charting),
        }
    }

    /// A block of which no good copy was left, if there was one.
    pub fn destroyed(&self) -> Option<Destroyed> {
        self.atlas.destroyed()
    }

    /// True from calm on.
    pub fn is_calm(&self) -> bool {
        self.liveness.is_calm()
    }

    /// True once all that calm owes is due.
    pub fn is_past_calm(&self, now: WorldTime) -> bool {
        self.liveness.is_past(now)
    }

    /// It is calm from now on: everything that was begun has to end.
    pub fn begin_calm(&mut self, at: WorldTime, world: &World<Actor>, map: &Map) {
        let clients = map.clients.iter().filter_map(|id| {
            let module = world.process(*id).module.as_ref()?;
            module.as_client()
        });
        let open = clients.flat_map(Client::unresolved);
        self.liveness.begin_calm(at, open);
    }

    /// Takes note of what happened, and judges what can be judged now.
    pub fn observe(
        &mut self,
        at: WorldTime,
        event: u64,
        occurrence: &Occurrence<Report>,
        world: &World<Actor>,
        findings: &mut Vec<Finding>,
    ) {
        if let Occurrence::Fault(happened) = occurrence {
            self.observe_damage(happened, world, event);
        }
        self.images.observe(at, event, occurrence, world, findings);
        self.liveness
            .check(at, event, || waits::waits(world), findings);
        match occurrence {
            Occurrence::Event {
                event: Report::Client(report),
                ..
            } => {
                self.linearizable.observe(at, event, report, findings);
                self.outcomes.observe(at, event, report, findings);
                self.reference.observe(at, event, report, findings);
                self.liveness.observe_client(at, report);
                self.intact.observe_client(at, event, report, findings);
                self.images.observe_client(at, event, report, findings);
            }
            Occurrence::Event {
                process,
                event: Report::Node(report),
            } => {
                let when = When { at, event };
                self.liveness.observe_node(at, report);
                self.atlas.observe_node(at, report);
                self.observe_node(*process, report, world, when, findings);
            }
            Occurrence::Submitted { device, number } => {
                let disk = world.device(*device);
                self.epochs.submitted(*device, *number, disk, event);
                self.intact.submitted((at, event), *number, disk, findings);
            }
            Occurrence::Executed {
                device,
                number,
                succeeded,
                ..
            } => {
                let when = When { at, event };
                self.epochs
                    .executed(*device, *number, *succeeded, when, findings);
            }
            Occurrence::Settled { device } => {
                let disk = world.device(*device);
                self.epochs.settled(*device, disk);
                if is_blank(disk) {
                    self.epochs.replaced(*device);
                    if let Some(copy) = self.images.copy_of(*device) {
                        self.takeover.replaced(copy);
                        if copy == 1 {
                            self.atlas.mirror_lost();
                        }
                    }
                }
            }
            Occurrence::Booted { process } | Occurrence::Stopped { process } => {
                self.epochs.reborn(*process);
                self.takeover.reborn(*process);
            }
            Occurrence::Probe { .. } | Occurrence::Fault(_) => {}
        }
    }

    /// What was done to a device is no fault of who reads it.
    fn observe_damage(&mut self, happened: &Happened, world: &World<Actor>, event: u64) {
        for (device, pages) in happened.damaged() {
            // What a journal holds is no block's good copy.
            let is_data = self.images.journal_of(device) != Some(device);
            if let Some(copy) = self.images.copy_of(device).filter(|_| !is_data) {
                self.intact.journal_damaged(copy);
            }
            for page in (0..pages.count).map(|index| pages.start.plus(index)) {
                self.images.damaged(device, page);
                self.intact.damaged();
                if is_data {
                    self.chart((device, page), world, event);
                }
            }
        }
        if matches!(
            happened,
            Happened::Damage { .. }
                | Happened::Defect { .. }
                | Happened::DeviceGone(_)
                | Happened::Restored { .. }
                | Happened::DeviceStale { .. }
                | Happened::Swapped { .. }
        ) {
            self.outcomes.damaged();
        }
    }

    /// Enters damage into the atlas.
    fn chart(
        &mut self,
        (device, page): (DeviceIndex, PageIndex),
        world: &World<Actor>,
        event: u64,
    ) {
        let Some(copy) = self.images.copy_of(device) else {
            return;
        };
        let is_readable = !world.device(device).is_unreadable(page);
        for block in self.images.blocks_of(page) {
            self.atlas.damaged(copy, block, Bad { is_readable, event });
        }
    }

    fn observe_node(
        &mut self,
        process: ProcessId,
        report: &Event,
        world: &World<Actor>,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let When { at, event } = when;
        match report {
            Event::Accepted { command, range, .. } => {
                self.images.accepted(*command, *range);
                self.takeover
                    .accepted(process, *command, *range, when, findings);
            }
            Event::Fenced(key) => {
                self.epochs.fenced(process, *key);
                let (_, holder) = self.holder_of(process, world);
                if let Some(copy) = self.copy_of(process) {
                    let who = (process, copy);
                    self.takeover.fenced(who, *key, holder, when, findings);
                }
            }
            Event::Recovered { .. } => {
                let is_owner = self.copy_of(process) == Some(0);
                let orphans = is_owner.then(|| self.images.marks());
                self.takeover.recovered(process, orphans);
            }
            Event::OrphanResolved(command, _) => self.takeover.resolved(*command),
            Event::LeaseWaitedOut => {
                self.takeover.lease_waited_out(process);
                let (journal, _) = self.holder_of(process, world);
                self.epochs.lease_waited_out(process, journal);
            }
            Event::RecordsLost(lsn) => {
                let claim = self.epochs.claim_of(process);
                let Some((device, copy)) = claim.zip(self.copy_of(process)) else {
                    return;
                };
                let when = (at, event);
                if self.intact.records_lost(copy, *lsn, when, findings)
                    && let Some(journal) = self.images.journal_of(device)
                {
                    // What is left of it owes nothing until it is formatted.
                    self.images.replaced(journal, world);
                    if copy == 1 {
                        self.atlas.mirror_lost();
                    }
                }
            }
            Event::MediatorSays(record) => self.images.mediator(*record, false),
            Event::MediatorSet(record) => self.images.mediator_set(*record, when, findings),
            Event::Formatted => {
                if let Some(device) = self.epochs.claim_of(process) {
                    self.images.formatted(device, world);
                }
            }
            Event::Answered {
                command, verdict, ..
            } => {
                let read = self.images.read_range(*command);
                let answer = (*command, *verdict);
                let set = self.holder_of(process, world);
                self.epochs
                    .answered(process, answer, set, &self.images, when, findings);
                self.takeover
                    .answered(process, answer, read, when, findings);
                self.images
                    .answered(*command, *verdict, at, event, findings);
            }
            Event::ReplicaPerformed {
                session,
                set,
                command,
            } => {
                self.images
                    .replica_performed(*session, *set, *command, at, event, findings);
            }
            _ => {}
        }
    }

    /// The journal of the set that a process last tried to take, and who holds it.
    fn holder_of(
        &self,
        process: ProcessId,
        world: &World<Actor>,
    ) -> (Option<DeviceIndex>, Option<ReservationKey>) {
        let claim = self.epochs.claim_of(process);
        let journal = claim.and_then(|device| self.images.journal_of(device));
        let holder = journal.and_then(|device| world.device(device).holder());
        (journal, holder)
    }

    /// Which copy's set a process last tried to take.
    fn copy_of(&self, process: ProcessId) -> Option<usize> {
        self.images.copy_of(self.epochs.claim_of(process)?)
    }

    /// Judges what can only be judged at rest.
    pub fn finish(
        &mut self,
        at: WorldTime,
        event: u64,
        world: &World<Actor>,
        map: &Map,
        findings: &mut Vec<Finding>,
    ) -> Consulted {
        self.images.finish(at, event, findings);
        self.liveness
            .finish(at, event, || waits::waits(world), findings);
        let consulted = self.linearizable.finish(at, findings);
        self.outcomes.finish(at, findings);
        let area = Range::new(BlockIndex::new(0), volume_blocks(map)).expect("a volume has blocks");
        for cluster in Cluster::ALL {
            let copy = usize::from(cluster == Cluster::West);
            // Of a set that nobody tends, part may stand in the journal alone.
            let is_whole = is_tended(world, map, cluster);
            // What a copy does not owe is judged where it is owed, if anywhere.
            let content = |block| {
                let is_owed = is_whole && !self.images.is_exempt(copy, block);
                is_owed.then(|| stored_block(world, map, cluster, block))
            };
            self.reference.finish(at, area, content, findings);
        }
        for (_, process) in world.processes() {
            let module = process.module.as_ref().and_then(Actor::as_d_module);
            // One that stands still holds what it held.
            if let Some(module) = module.filter(|_| !process.is_paused) {
                let name = &world.machine(process.machine).name;
                self.leaks
                    .finish(at, event, name, &module.census(), findings);
            }
        }
        consulted
    }

    /// A line for each oracle: what it states, how often it judged, and how.
    pub fn lines(&self, findings: &[Finding]) -> Vec<OracleLine> {
        let line = |id: OracleId, checks: u64| OracleLine {
            id: id.to_string(),
            statement: id.statement().to_owned(),
            checks,
            verdict: match findings.iter().any(|finding| finding.oracle == id) {
                true => OracleVerdict::Violated,
                false => OracleVerdict::Held,
            },
        };
        let images = self.images.checks();
        vec![
            line(OracleId::O1, images.durable),
            line(OracleId::O2, self.linearizable.checks()),
            line(OracleId::O3, images.reverts),
            line(OracleId::O4, self.epochs.checks()),
            line(OracleId::O5, images.difference),
            line(OracleId::O6, images.resync),
            line(OracleId::O7, images.once),
            line(OracleId::O8, self.outcomes.checks()),
            line(OracleId::O9, images.in_sync),
            line(OracleId::O10, self.takeover.checks()),
            line(OracleId::O11, images.inconsistent),
            line(OracleId::O12, self.intact.checks()),
            line(OracleId::O15, self.leaks.checks()),
            line(OracleId::O16, self.liveness.checks()),
            line(OracleId::O17, self.reference.checks()),
        ]
    }
}

fn volume_blocks(map: &Map) -> u32 {
    u32::try_from(map.geometry.blocks).expect("a simulated volume is small")
}

/// True if a node of the cluster goes on and has its set in hand.
fn is_tended(world: &World<Actor>, map: &Map, cluster: Cluster) -> bool {
    let machines = map.cluster(cluster).iter();
    let mut processes = machines.flat_map(|machine| &world.machine(*machine).processes);
    processes.any(|id| {
        let process = world.process(*id);
        let module = process.module.as_ref().and_then(Actor::as_d_module);
        let phase = module.filter(|_| !process.is_paused).map(|it| it.phase());
        matches!(phase, Some(Phase::Serving | Phase::Following))
    })
}

/// What a cluster's data device holds of a block, at rest: with an empty journal
/// that is the whole truth.
fn stored_block(
    world: &World<Actor>,
    map: &Map,
    cluster: Cluster,
    block: BlockIndex,
) -> BlockValue {
    let data = cluster::device(DeviceName {
        cluster,
        kind: DeviceKind::Data,
    });
    let page = map.geometry.data_page(block);
    let bytes = world.drive(data).device.current(page);
    let range = Range::new(block, 1).expect("a block is a range");
    provenance::read_range(range, &bytes)[0]
}

impl OracleId {
    /// What it states, in a line.
    pub fn statement(self) -> &'static str {
        match self {
            OracleId::O1 => "what is acknowledged is durable on both copies",
            OracleId::O2 => "clients see linearizable blocks",
            OracleId::O3 => "a value once read never reverts",
            OracleId::O4 => "writes and answers of an epoch come from one incarnation",
            OracleId::O5 => "copies differ only under marks, whatever fails now",
            OracleId::O6 => "dirty bits end when the mirror has what they stand for",
            OracleId::O7 => "a command is performed at most once on each storage set",
            OracleId::O8 => "one final status an attempt, one definite outcome an id",
            OracleId::O9 => "at rest the copies are equal and free of marks",
            OracleId::O10 => "a takeover serves nothing before it has read back its set",
            OracleId::O11 => "a copy half overwritten says so until it is whole",
            OracleId::O12 => "damaged data is neither returned nor copied",
            OracleId::O15 => "nothing is left over at rest",
            OracleId::O16 => "in calm every command ends, and the copies are in sync again",
            OracleId::O17 => "a reference model agrees with what clients read",
        }
    }
}

impl Finding {
    /// The finding as reports have it.
    pub fn to_record(&self) -> record::Finding {
        record::Finding {
            oracle: self.oracle.to_string(),
            at: std::time::Duration::from_nanos(self.at.as_nanos()),
            says: self.says.clone(),
            events: self.events.iter().map(|number| event_of(*number)).collect(),
        }
    }
}
