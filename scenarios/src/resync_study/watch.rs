//! Looks on at a run of a resync study: what was dirty when the mirror answered, what was
//! copied until the copies were in sync, and how long clients waited meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use stormglass_engine::contract::{IoRequest, PAGE_BYTES};
use stormglass_engine::event::Event;
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::storage_set::record::Mode;
use stormglass_engine::time::Duration;
use stormglass_engine::vocabulary::{CommandId, Range};
use stormglass_reports::record::LogRun;
use stormglass_sim::device::{CommandNumber, Device};

use stormglass_sim::occurrence::Occurrence;
use stormglass_sim::world::{DeviceIndex, ProcessId, World};

use super::plan::{AWAY_FROM, CALM_FROM, DIRTY_FROM};
use crate::actor::{Actor, Report};
use crate::cluster;
use crate::experiment::Experiment;
use crate::file::{Cluster, DeviceKind, DeviceName, ModuleName, NodeName, PairIndex};
use crate::workload::{ClientEvent, CommandKind, StatusSummary};

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Different blocks that were written since the mirror was away.
    pub(super) dirty_blocks: usize,
    /// Bytes of the regions that were copied.
    pub(super) bytes: u64,
    /// From the mirror's answer to the resync's Hello until the copies were in sync.
    pub(super) took: Duration,
    /// How long writes took that were begun meanwhile, in nanoseconds.
    pub(super) writes: Vec<u64>,
    /// The light load in sync.
    pub(super) calm: LogRun,
    /// The writes while the mirror was away.
    pub(super) alone: LogRun,
}

/// A write that its client waits for.
struct Open {
    begun: Duration,
    accepted: Option<Duration>,
}

/// Looks on at a run.
pub(super) struct Watch {
    owner: ProcessId,
    journal: DeviceIndex,
    geometry: Geometry,
    quiet_at: Duration,
    mode: Mode,
    open: BTreeMap<CommandId, Open>,
    dirty: BTreeSet<u64>,
    begun: Option<Duration>,
    ended: Option<Duration>,
    sample: Sample,
}

impl Watch {
    /// Of a run in which every write that makes blocks dirty has ended by then.
    pub(super) fn new(experiment: &Experiment, quiet_at: Duration) -> Self {
        let cluster = Cluster::East;
        let machine = experiment.map().node(NodeName { cluster, number: 1 });
        let slot = cluster::slot(ModuleName::D);
        let processes = &experiment.world().machine(machine).processes;
        Watch {
            owner: processes[usize::from(slot.0)],
            journal: cluster::device(DeviceName {
                cluster,
                pair: PairIndex::FIRST,
                kind: DeviceKind::Journal,
            }),
            geometry: experiment.map().geometry,
            quiet_at,
            mode: Mode::InSync,
            open: BTreeMap::new(),
            dirty: BTreeSet::new(),
            begun: None,
            ended: None,
            sample: Sample {
                dirty_blocks: 0,
                bytes: 0,
                took: Duration::ZERO,
                writes: Vec::new(),
                calm: LogRun::default(),
                alone: LogRun::default(),
            },
        }
    }

    pub(super) fn observe(
        &mut self,
        at: Duration,
        occurrence: &Occurrence<Report>,
        world: &World<Actor>,
    ) {
        match occurrence {
            Occurrence::Event {
                process,
                event: Report::Node(event),
            } if *process == self.owner => self.observe_owner(at, event),
            Occurrence::Event {
                event: Report::Client(event),
                ..
            } => self.observe_client(at, event),
            Occurrence::Submitted { device, number } if *device == self.journal => {
                let pages = self.pages(&world.drive(*device).device, *number);
                if let Some(log) = self.log(at) {
                    log.journal_pages += pages;
                }
            }
            _ => {}
        }
    }

    fn observe_owner(&mut self, at: Duration, event: &Event) {
        match event {
            Event::Accepted { command, .. } => {
                if let Some(open) = self.open.get_mut(command) {
                    open.accepted = Some(at);
                }
            }
            Event::Marked(command) => {
                let accepted = self.open.get(command).and_then(|open| open.accepted);
                if let (Some(accepted), Some(log)) = (accepted, self.log(at)) {
                    log.marking_nanos.push(span(accepted, at));
                }
            }
            Event::Mode(mode, _) => {
                self.mode = *mode;
                if *mode == Mode::InSync && self.begun.is_some() {
                    self.ended.get_or_insert(at);
                }
            }
            Event::SessionConfirmed(_) if self.mode == Mode::Resync => {
                self.begun.get_or_insert(at);
            }
            Event::RegionCopied(range) if self.ended.is_none() => {
                self.sample.bytes += u64::from(range.count()) * PAGE_BYTES as u64;
            }
            _ => {}
        }
    }

    fn observe_client(&mut self, at: Duration, event: &ClientEvent) {
        match event {
            ClientEvent::Invoked {
                id,
                kind: CommandKind::Write,
                range: Some(range),
                ..
            } if self.ended.is_none() => {
                self.invoked(at, *id, *range);
            }
            ClientEvent::AttemptEnded {
                id,
                status: StatusSummary::Success,
                ..
            } => {
                let Some(open) = self.open.remove(id) else {
                    return;
                };
                let latency = span(open.begun, at);
                if let Some(log) = self.log(open.begun) {
                    log.write_nanos.push(latency);
                } else if self.begun.is_some_and(|begun| begun <= open.begun) {
                    self.sample.writes.push(latency);
                }
            }
            _ => {}
        }
    }

    fn invoked(&mut self, at: Duration, command: CommandId, range: Range) {
        let open = Open {
            begun: at,
            accepted: None,
        };
        self.open.insert(command, open);
        if at >= AWAY_FROM && self.begun.is_none() {
            self.dirty.insert(range.start().value());
        }
    }

    /// The account of a write, or of what it leads to, at this instant.
    fn log(&mut self, at: Duration) -> Option<&mut LogRun> {
        if (CALM_FROM..AWAY_FROM).contains(&at) {
            Some(&mut self.sample.calm)
        } else if (DIRTY_FROM..self.quiet_at).contains(&at) {
            Some(&mut self.sample.alone)
        } else {
            None
        }
    }

    /// Pages that a command writes to the journal's ring; it is still in the queue.
    fn pages(&self, disk: &Device, number: CommandNumber) -> u64 {
        let ring = self.geometry.ring_start()..self.geometry.mailbox_start();
        let mut queued = disk.queued();
        let submission = queued.find(|(own, _)| *own == number);
        match submission.map(|(_, submission)| &submission.request) {
            Some(IoRequest::Write { start, pages, .. }) if ring.contains(start) => {
                pages.len() as u64
            }
            _ => 0,
        }
    }

    /// In sync, and every write has ended that was begun before.
    pub(super) fn is_over(&self) -> bool {
        self.ended.is_some() && self.open.is_empty()
    }

    /// What the run came to; none without a resync.
    pub(super) fn into_sample(self) -> Option<Sample> {
        let (begun, ended) = (self.begun?, self.ended?);
        Some(Sample {
            dirty_blocks: self.dirty.len(),
            took: Duration::from_nanos(span(begun, ended)),
            ..self.sample
        })
    }
}

fn span(from: Duration, to: Duration) -> u64 {
    to.as_nanos() - from.as_nanos()
}
