//! The oracles of one volume: what happened to its two storage sets and to its clients
//! goes to each that needs it. They see nothing of other volumes.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{PageIndex, ReservationKey};
use stormglass_engine::event::{Event, Phase};
use stormglass_engine::storage_set::tables::Mode;
use stormglass_engine::vocabulary::{BlockIndex, Range};
use stormglass_sim::occurrence::{Happened, Occurrence};
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::{DeviceIndex, ProcessId, World};

use super::atlas::{Atlas, Bad, Destroyed};
use super::drained::Drained;
use super::growth::Growth;
use super::images::{Devices, Images, NewReign, SetDevices, When, is_blank};
use super::o4_epochs::Epochs;
use super::o10_paths::Paths;
use super::o10_takeover::Takeover;
use super::o12_intact::Intact;
use super::o16_liveness::{Bounds, Liveness, Sync};
use super::{Consulted, Finding, Linearizable, OracleId, Outcomes, Reference};
use crate::actor::{Actor, Report};
use crate::cluster::{self, Map};
use crate::file::{Cluster, DeviceName, PairIndex};
use crate::waits;
use crate::workload::{BlockValue, Client, provenance};

/// The oracles of a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VolumeOracles {
    volume: PairIndex,
    images: Images,
    linearizable: Linearizable,
    outcomes: Outcomes,
    reference: Reference,
    epochs: Epochs,
    takeover: Takeover,
    paths: Paths,
    liveness: Liveness,
    intact: Intact,
    atlas: Atlas,
    drained: Drained,
    growth: Growth,
}

impl VolumeOracles {
    /// Oracles that have seen nothing. `owed` says within which bounds things have to end
    /// in calm, and what is owed of the copies; `is_charting`, whether devices lose what
    /// they hold.
    pub(super) fn new(
        (world, map): (&World<Actor>, &Map),
        volume: PairIndex,
        (bounds, sync): (Bounds, Sync),
        is_charting: bool,
    ) -> Self {
        let sets = map.copies(volume).map(|cluster| {
            let [journal, data] = DeviceName::of_set(cluster, volume).map(cluster::device);
            let geometry = map.geometry;
            SetDevices {
                journal,
                data,
                geometry,
            }
        });
        VolumeOracles {
            volume,
            images: Images::new(sets, world),
            linearizable: Linearizable::default(),
            outcomes: Outcomes::default(),
            reference: Reference::default(),
            epochs: Epochs::default(),
            takeover: Takeover::default(),
            paths: Paths::default(),
            liveness: Liveness::new(bounds, sync),
            intact: Intact::default(),
            atlas: Atlas::new(map.geometry, is_charting),
            drained: Drained::default(),
            growth: Growth::new(map.volume_blocks, map.geometry.blocks),
        }
    }

    /// The volume.
    pub(super) fn volume(&self) -> PairIndex {
        self.volume
    }

    /// A block of which no good copy was left, if there was one.
    pub(super) fn destroyed(&self) -> Option<Destroyed> {
        self.atlas.destroyed()
    }

    /// True if it is charted where the last good copies are.
    pub(super) fn is_charting(&self) -> bool {
        self.atlas.is_charting()
    }

    /// Charts from now on.
    pub(super) fn expect_loss(&mut self) {
        self.atlas.chart();
    }

    /// True from calm on.
    pub(super) fn is_calm(&self) -> bool {
        self.liveness.is_calm()
    }

    /// True once all that calm owes is due.
    pub(super) fn is_past_calm(&self, now: WorldTime) -> bool {
        self.liveness.is_past(now)
    }

    /// It is calm from now on: everything that was begun has to end.
    pub(super) fn begin_calm(&mut self, at: WorldTime, world: &World<Actor>, map: &Map) {
        let own = map.clients.iter();
        let own = own.filter(|id| map.volume_of(**id) == self.volume);
        let clients = own.filter_map(|id| {
            let module = world.process(*id).module.as_ref()?;
            module.as_client()
        });
        let open = clients.flat_map(Client::unresolved);
        self.liveness.begin_calm(at, open);
    }

    /// Follows its devices.
    pub(super) fn follow(
        &mut self,
        When { at, event }: When,
        occurrence: &Occurrence<Report>,
        world: &World<Actor>,
        findings: &mut Vec<Finding>,
    ) {
        self.images.observe(at, event, occurrence, world, findings);
        for (copy, block) in self.images.take_lapsed() {
            let is_readable = true;
            self.atlas.damaged(copy, block, Bad { is_readable, event });
        }
        if let Some(news) = self.images.take_news() {
            self.switch(&news, When { at, event }, findings);
        }
    }

    /// The other site is the owner from now on.
    fn switch(&mut self, news: &NewReign, when: When, findings: &mut Vec<Finding>) {
        self.atlas.switch(news.is_in_sync);
        let is_forced = news.given_up.is_some();
        self.growth
            .reign_begins(is_forced, &self.images, when, findings);
        if let Some(given_up) = &news.given_up {
            let event = when.event;
            let values = self.linearizable.give_up(event, given_up);
            self.reference.give_up(event, &values);
            self.outcomes.give_up();
        }
    }

    /// Judges what is overdue, whoever something happens to.
    pub(super) fn check_overdue(
        &mut self,
        When { at, event }: When,
        world: &World<Actor>,
        findings: &mut Vec<Finding>,
    ) {
        self.liveness
            .check(at, event, || waits::waits(world), findings);
    }

    /// Takes note of what happened on its nodes, devices or clients, and judges what can
    /// be judged now.
    pub(super) fn observe(
        &mut self,
        When { at, event }: When,
        occurrence: &Occurrence<Report>,
        world: &World<Actor>,
        findings: &mut Vec<Finding>,
    ) {
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
                self.growth
                    .observe_client(report, &self.images, When { at, event }, findings);
            }
            Occurrence::Event {
                process,
                event: Report::Node(report),
            } => {
                let when = When { at, event };
                self.liveness.observe_node(at, *process, report);
                self.atlas.observe_node(at, report);
                let copy = self.copy_of(*process);
                let owner = copy.filter(|copy| *copy == 0);
                let owner = owner.map(|copy| self.images.site_of(copy));
                self.paths.observe(*process, owner, report, when, findings);
                self.observe_node(*process, report, world, when, findings);
            }
            Occurrence::Submitted { device, number } => {
                let disk = world.device(*device);
                self.epochs.submitted(*device, *number, disk, event);
                self.drained.submitted(*device, *number, disk);
                self.intact.submitted((at, event), *number, disk, findings);
            }
            Occurrence::Executed {
                device,
                number,
                succeeded,
                ..
            } => {
                let when = When { at, event };
                let place = (*device, *number);
                self.drained.executed(place, *succeeded, event);
                self.epochs
                    .executed(*device, *number, *succeeded, when, findings);
            }
            Occurrence::Settled { device } => {
                let disk = world.device(*device);
                self.epochs.settled(*device, disk);
                self.drained.settled(*device, disk, event);
                if is_blank(disk) {
                    self.epochs.replaced(*device);
                    self.drained.replaced(*device);
                    if let Some(copy) = self.images.copy_of(*device) {
                        let is_journal = self.images.journal_of(*device) == Some(*device);
                        self.takeover
                            .replaced(self.images.site_of(copy), is_journal);
                        if copy == 1 {
                            self.atlas.mirror_lost();
                        }
                    }
                }
            }
            Occurrence::Booted { process } | Occurrence::Stopped { process } => {
                self.epochs.reborn(*process);
                self.takeover.reborn(*process);
                self.paths.reborn(*process);
                self.liveness.reborn(*process);
            }
            Occurrence::Probe { .. } | Occurrence::Fault(_) => {}
        }
    }

    /// What was done to a device is no fault of who reads it. What is nobody's set concerns
    /// every volume.
    pub(super) fn observe_damage(
        &mut self,
        happened: &Happened,
        (world, map): (&World<Actor>, &Map),
        event: u64,
    ) {
        let volume = self.volume;
        let is_met = |device| map.volume_of_device(device).is_none_or(|own| own == volume);
        let damaged = happened.damaged().into_iter();
        for (device, pages) in damaged.filter(|(device, _)| is_met(*device)) {
            // What a journal holds is no block's good copy.
            let is_data = self.images.journal_of(device) != Some(device);
            if let Some(copy) = self.images.copy_of(device).filter(|_| !is_data) {
                self.intact.journal_damaged(self.images.site_of(copy));
            }
            for page in (0..pages.count).map(|index| pages.start.plus(index)) {
                self.images.damaged(device, page);
                self.intact.damaged();
                if is_data {
                    self.chart((device, page), world, event);
                }
            }
        }
        if spoiled(happened).iter().flatten().any(|it| is_met(*it)) {
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
                let (journal, holder) = self.holder_of(process, world);
                if let (Some(copy), Some(journal)) = (self.copy_of(process), journal) {
                    let who = (process, self.images.site_of(copy));
                    let is_drained = |key| self.drained.since(journal, key).is_some();
                    self.takeover
                        .fenced((who, is_drained), *key, holder, when, findings);
                }
            }
            Event::Drained(key) => {
                let (journal, _) = self.holder_of(process, world);
                let is_written = journal.is_some_and(|it| self.drained.is_written(it, *key));
                self.takeover.drained(*key, is_written, when, findings);
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
                let (when, site) = ((at, event), self.images.site_of(copy));
                if self.intact.records_lost(site, *lsn, when, findings)
                    && let Some(journal) = self.images.journal_of(device)
                {
                    // What is left of it owes nothing until it is formatted.
                    self.images.replaced(journal, world);
                    if copy == 1 {
                        self.atlas.mirror_lost();
                    }
                }
            }
            Event::Activated { session, .. } => {
                let (journal, _) = self.holder_of(process, world);
                let site_epoch = session.site_epoch.value();
                self.epochs.reign_begins(site_epoch, journal, event);
            }
            Event::RolledBack(range) => self.images.rolled_back(*range),
            Event::Grown(blocks) if self.copy_of(process) == Some(0) => {
                self.growth.grown(*blocks, &self.images, when, findings);
            }
            Event::Mode(Mode::InSync, session) if self.copy_of(process) == Some(0) => {
                self.growth.in_sync(*session, &self.images, when, findings);
            }
            Event::SessionConfirmed(session) if self.copy_of(process) == Some(0) => {
                self.growth
                    .session_confirmed(*session, &self.images, when, findings);
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
                let known = (&self.images, &self.drained);
                self.epochs
                    .answered(process, answer, set, known, when, findings);
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

    /// Which copy's set a process last tried to take: 0 is the present owner's.
    fn copy_of(&self, process: ProcessId) -> Option<usize> {
        self.images.copy_of(self.epochs.claim_of(process)?)
    }

    /// Judges what can only be judged at rest.
    pub(super) fn finish(
        &mut self,
        When { at, event }: When,
        world: &World<Actor>,
        map: &Map,
        findings: &mut Vec<Finding>,
    ) -> Consulted {
        self.images.finish(at, event, findings);
        self.paths.finish(When { at, event }, findings);
        self.liveness
            .finish(at, event, || waits::waits(world), findings);
        let consulted = self.linearizable.finish(at, findings);
        self.outcomes.finish(at, findings);
        let area = Range::new(BlockIndex::new(0), volume_blocks(map)).expect("a volume has blocks");
        let volume = self.volume;
        for (site, cluster) in map.copies(volume).into_iter().enumerate() {
            let copy = self.images.site_of(site);
            // Of a set that nobody tends, part may stand in the journal alone.
            let is_whole = is_tended(world, map, (cluster, volume));
            // What a copy does not owe is judged where it is owed, if anywhere.
            let content = |block| {
                let is_owed = is_whole && !self.images.is_exempt(copy, block);
                is_owed.then(|| stored_block(world, map, (cluster, volume), block))
            };
            self.reference.finish(at, area, content, findings);
        }
        consulted
    }

    /// How often each of its oracles judged.
    pub(super) fn checks(&self) -> [(OracleId, u64); 14] {
        let images = self.images.checks();
        [
            (OracleId::O1, images.durable + self.growth.durable_checks()),
            (OracleId::O2, self.linearizable.checks()),
            (OracleId::O3, images.reverts),
            (OracleId::O4, self.epochs.checks()),
            (OracleId::O5, images.difference),
            (OracleId::O6, images.resync),
            (OracleId::O7, images.once),
            (
                OracleId::O8,
                self.outcomes.checks() + self.growth.outcome_checks(),
            ),
            (OracleId::O9, images.in_sync),
            (OracleId::O10, self.takeover.checks() + self.paths.checks()),
            (OracleId::O11, images.inconsistent),
            (OracleId::O12, self.intact.checks()),
            (OracleId::O16, self.liveness.checks()),
            (OracleId::O17, self.reference.checks()),
        ]
    }
}

/// Devices that answered otherwise, or not at all, by injection.
fn spoiled(happened: &Happened) -> [Option<DeviceIndex>; 2] {
    match happened {
        Happened::Damage { device, .. }
        | Happened::Restored { device, .. }
        | Happened::DeviceStale { device, .. }
        | Happened::DeviceGone(device) => [Some(*device), None],
        Happened::Defect { name, .. } => [Some(name.device), None],
        Happened::Swapped { devices, .. } => devices.map(Some),
        _ => [None, None],
    }
}

fn volume_blocks(map: &Map) -> u32 {
    u32::try_from(map.geometry.blocks).expect("a simulated volume is small")
}

/// True if a node of the pair goes on and has its set in hand.
fn is_tended(world: &World<Actor>, map: &Map, (cluster, pair): (Cluster, PairIndex)) -> bool {
    let machines = map.pair(cluster, pair).into_iter();
    let mut processes = machines.flat_map(|machine| &world.machine(machine).processes);
    processes.any(|id| {
        let process = world.process(*id);
        let module = process.module.as_ref().and_then(Actor::as_d_module);
        let phase = module.filter(|_| !process.is_paused).map(|it| it.phase());
        matches!(phase, Some(Phase::Serving | Phase::Following))
    })
}

/// What a pair's data device holds of a block, at rest: with an empty journal
/// that is the whole truth.
fn stored_block(
    world: &World<Actor>,
    map: &Map,
    (cluster, pair): (Cluster, PairIndex),
    block: BlockIndex,
) -> BlockValue {
    let [_, data] = DeviceName::of_set(cluster, pair).map(cluster::device);
    let page = map.geometry.data_page(block);
    let bytes = world.drive(data).device.current(page);
    let range = Range::new(block, 1).expect("a block is a range");
    provenance::read_range(range, &bytes)[0]
}
