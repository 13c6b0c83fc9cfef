//! All oracles of an experiment, fed from one place.

use serde::{Deserialize, Serialize};
use stormglass_engine::vocabulary::{BlockIndex, Range};
use stormglass_reports::record::{self, OracleLine, OracleVerdict};
use stormglass_sim::occurrence::Occurrence;
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::World;

use super::o15_leaks::Leaks;
use super::{Finding, Linearizable, OracleId, Outcomes, Reference};
use crate::actor::{Actor, Report};
use crate::cluster::{self, Map};
use crate::file::{Cluster, DeviceKind, DeviceName};
use crate::workload::{BlockValue, provenance};

/// The oracles of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oracles {
    linearizable: Linearizable,
    outcomes: Outcomes,
    reference: Reference,
    leaks: Leaks,
}

impl Oracles {
    /// Oracles that have seen nothing.
    pub fn new(_world: &World<Actor>, _map: &Map) -> Self {
        Oracles {
            linearizable: Linearizable::default(),
            outcomes: Outcomes::default(),
            reference: Reference::default(),
            leaks: Leaks::default(),
        }
    }

    /// Takes note of what happened, and judges what can be judged now.
    pub fn observe(
        &mut self,
        at: WorldTime,
        event: u64,
        occurrence: &Occurrence<Report>,
        _world: &World<Actor>,
        findings: &mut Vec<Finding>,
    ) {
        if let Occurrence::Event {
            event: Report::Client(report),
            ..
        } = occurrence
        {
            self.linearizable.observe(at, event, report, findings);
            self.outcomes.observe(at, event, report, findings);
            self.reference.observe(at, event, report, findings);
        }
    }

    /// Judges what can only be judged at rest.
    pub fn finish(
        &mut self,
        at: WorldTime,
        event: u64,
        world: &World<Actor>,
        map: &Map,
        findings: &mut Vec<Finding>,
    ) {
        self.linearizable.finish(at, findings);
        self.outcomes.finish(at, findings);
        let area = Range::new(BlockIndex::new(0), volume_blocks(map)).expect("a volume has blocks");
        for cluster in Cluster::ALL {
            let content = |block| stored_block(world, map, cluster, block);
            self.reference.finish(at, area, content, findings);
        }
        for (_, process) in world.processes() {
            let module = process.module.as_ref().and_then(Actor::as_d_module);
            if let Some(module) = module {
                let name = &world.machine(process.machine).name;
                self.leaks
                    .finish(at, event, name, &module.census(), findings);
            }
        }
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
        vec![
            line(OracleId::O2, self.linearizable.checks()),
            line(OracleId::O8, self.outcomes.checks()),
            line(OracleId::O15, self.leaks.checks()),
            line(OracleId::O17, self.reference.checks()),
        ]
    }
}

fn volume_blocks(map: &Map) -> u32 {
    u32::try_from(map.geometry.blocks).expect("a simulated volume is small")
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
    provenance::read_range(range, bytes)[0]
}

impl OracleId {
    /// What it states, in a line.
    pub fn statement(self) -> &'static str {
        match self {
            OracleId::O2 => "clients see linearizable blocks",
            OracleId::O8 => "one final status an attempt, one definite outcome an id",
            OracleId::O15 => "nothing is left over at rest",
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
            events: self.events.clone(),
        }
    }
}
