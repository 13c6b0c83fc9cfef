//! The scenario of one run of a resync study.
//!
//! ```text
//! 200 ms   light load, in sync: what the log costs is measured here
//! 600 ms   the mirror's cluster is cut off; its nodes lose power, and for a full copy its
//!          data device is replaced by a blank one
//! 700 ms   a write finds out, and the mirror is given up
//! 1 s      clients write the blocks that the point asks for, each once
//! then     the mirror is heard again, under the point's load
//! ```
//!
//! Refuses to know how a run is measured.

use stormglass_engine::time::Duration;
use stormglass_sim::random::{Draw, Seed};

use super::{Point, Policy, Study, StudyError};
use crate::file::{
    self, Action, Cluster, DeviceKind, DeviceName, Direction, DriveName, Endpoint, Extent,
    NetworkName, PairIndex, Partition, Planned, PlannedKind, ReturnKind, Scenario,
};

const SCENARIO: &str = include_str!("../../studies/resync.toml");

/// When the light load begins: the pair serves by then.
pub(super) const CALM_FROM: Duration = Duration::from_millis(200);
/// Its writes, one in a millisecond.
const CALM_WRITES: u64 = 200;
/// When the mirror is cut off.
pub(super) const AWAY_FROM: Duration = Duration::from_millis(600);
/// A write that nobody acknowledges: without one an owner does not notice that its mirror is
/// away. It is of a block that is written again.
const NOTICED_FROM: Duration = Duration::from_millis(700);
/// When the writes begin that make blocks dirty: the mirror has been given up.
pub(super) const DIRTY_FROM: Duration = Duration::from_secs(1);
/// From one of them to the next: no more than the owner's journal can take for long.
const DIRTY_EVERY: Duration = Duration::from_micros(500);
/// From the last of them until it has ended, and from there to the mirror's return: longer
/// than clocks may drift.
const SETTLED: Duration = Duration::from_millis(100);
/// What a region takes at most, with its pause: so long there has to be a load.
const REGION_MAX: Duration = Duration::from_millis(6);

/// Blocks that are written while the mirror is away: one at least.
pub(super) fn dirtied(volume_blocks: u64, point: Point) -> u64 {
    (volume_blocks * u64::from(point.dirty_permille) / 1_000).max(1)
}

/// What is run.
pub(super) struct Plan {
    pub(super) scenario: Scenario,
    /// When every write has ended that makes blocks dirty.
    pub(super) quiet_at: Duration,
    /// When the copies have to be in sync.
    pub(super) ends_at: Duration,
}

/// The plan of one run.
pub(super) fn make(
    study: &Study,
    point: Point,
    policy: Policy,
    seed: u64,
) -> Result<Plan, StudyError> {
    let unfit = |says: String| StudyError::Scenario(says);
    let parsed = file::parse("resync", SCENARIO);
    let mut scenario = parsed.map_err(|error| unfit(error.to_string()))?;
    scenario.topology.volume_blocks = study.volume_blocks;
    scenario.topology.region_blocks = point.region_blocks;
    let dirty = dirtied(study.volume_blocks, point);
    let quiet_at = DIRTY_FROM.plus(DIRTY_EVERY.times(dirty)).plus(SETTLED);
    let back_at = quiet_at.plus(SETTLED);
    let regions = scenario.topology.geometry().region_count();
    let loaded = REGION_MAX.times(regions).plus(Duration::from_millis(500));
    absence(&mut scenario, policy, back_at);
    let ends_at = back_at.plus(loaded);
    scenario.limits.sim_time = ends_at;
    let checked = scenario.check();
    checked.map_err(|error| unfit(error.to_string()))?;
    // Not checked: thousands of commands, each inside the volume and with a number of its own.
    scenario.workload.listed = Commands::new(study.volume_blocks, seed, &scenario)
        .calm()
        .dirtying(dirty)
        .load(back_at, point.writes_per_second, loaded)
        .listed;
    Ok(Plan {
        scenario,
        quiet_at,
        ends_at,
    })
}

/// Cuts the mirror's cluster off until then.
fn absence(scenario: &mut Scenario, policy: Policy, back_at: Duration) {
    let faults = &mut scenario.faults;
    let cut = Action::Partition(Partition {
        from: Endpoint::Cluster(Cluster::East),
        to: Endpoint::Cluster(Cluster::West),
        network: NetworkName::InterCluster,
        direction: Direction::BothWays,
        kind: None,
        duration: Duration::from_nanos(back_at.as_nanos() - AWAY_FROM.as_nanos()),
    });
    faults.push(cut.at(AWAY_FROM));
    let after = |millis| AWAY_FROM.plus(Duration::from_millis(millis));
    let off = Action::PowerOff {
        cluster: Extent::Cluster(Cluster::West),
        restart_after: Some(Duration::from_millis(100)),
    };
    faults.push(off.at(after(10)));
    if policy == Policy::Full {
        let replaced = Action::DeviceGone {
            device: DriveName::Set(DeviceName {
                cluster: Cluster::West,
                pair: PairIndex::FIRST,
                kind: DeviceKind::Data,
            }),
            duration: Some(Duration::from_millis(20)),
            returns: ReturnKind::Blank,
        };
        faults.push(replaced.at(after(30)));
    }
}

/// Writes of one block, dealt to the clients in turn.
struct Commands {
    draw: Draw,
    blocks: u64,
    clients: u64,
    listed: Vec<Planned>,
}

impl Commands {
    fn new(blocks: u64, seed: u64, scenario: &Scenario) -> Self {
        Commands {
            draw: Seed(seed).draw(0, "blocks of a resync study"),
            blocks,
            clients: u64::from(scenario.workload.clients),
            listed: Vec::new(),
        }
    }

    fn push(&mut self, at: Duration, block: u64) {
        let place = self.listed.len() as u64;
        self.listed.push(Planned {
            client: (place % self.clients) as u32 + 1,
            number: (place / self.clients) as u32,
            at,
            kind: PlannedKind::Write,
            block,
            blocks: 1,
        });
    }

    fn calm(mut self) -> Self {
        for number in 0..CALM_WRITES {
            let at = CALM_FROM.plus(Duration::from_millis(1 + number));
            let block = self.draw.at(&[0, number, 0, 0]).below(self.blocks);
            self.push(at, block);
        }
        self
    }

    /// So many different blocks.
    fn dirtying(mut self, count: u64) -> Self {
        let mut blocks: Vec<u64> = (0..self.blocks).collect();
        for number in 0..count {
            let left = self.blocks - number;
            let chosen = number + self.draw.at(&[1, number, 0, 0]).below(left);
            blocks.swap(number as usize, chosen as usize);
            if number == 0 {
                self.push(NOTICED_FROM, blocks[0]);
            }
            let at = DIRTY_FROM.plus(DIRTY_EVERY.times(1 + number));
            self.push(at, blocks[number as usize]);
        }
        self
    }

    /// So many in a second, for so long: each at an instant of its own within its turn.
    fn load(mut self, from: Duration, per_second: u32, span: Duration) -> Self {
        if per_second == 0 {
            return self;
        }
        let every = Duration::from_secs(1).divided_by(u64::from(per_second));
        for number in 0..span.as_nanos() / every.as_nanos() {
            let sample = self.draw.at(&[2, number, 0, 0]);
            let within = sample.further(1).below(every.as_nanos());
            let at = from
                .plus(every.times(number))
                .plus(Duration::from_nanos(within));
            let block = sample.below(self.blocks);
            self.push(at, block);
        }
        self
    }
}
