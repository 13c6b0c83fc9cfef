//! Who a client is and what it is to do: plain data, checked once at boot.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Address, NetworkId};
use stormglass_engine::time::Duration;
use stormglass_engine::vocabulary::{ClientId, Range, VolumeId};

use super::event::CommandKind;

/// A client before it boots.
///
/// A client id is good for one boot: counters start at 1, and a second boot
/// would give old names to new commands. A client that comes back is a new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientIdentity {
    /// Its name, part of every command's id.
    pub client: ClientId,
    /// The volume it uses.
    pub volume: VolumeId,
    /// The network over which it speaks.
    pub network: NetworkId,
    /// The N-modules of the owning cluster's pair; it begins with the first.
    pub nodes: [Address; 2],
    /// Those of the other cluster's, if the client knows them.
    pub other_site: Option<[Address; 2]>,
    /// What the application does.
    pub workload: Workload,
    /// How long the library waits.
    pub timers: ClientTimers,
    /// Ids between the oldest without a known outcome and the newest, at most;
    /// the cluster's own limit of that name, or less.
    pub window: u64,
    /// From which the application's choices are drawn, and nothing else is.
    pub seed: u64,
}

/// What the application does: a closed loop over a part of the volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// How many commands in all. A read that precedes a compare, and a command
    /// that is issued again under another id, are not counted again.
    pub commands: u64,
    /// How many at once, at least 1.
    pub outstanding: u32,
    /// The part of the volume.
    pub blocks: Range,
    /// Blocks in the smallest command, at least 1.
    pub command_blocks_min: u32,
    /// Blocks in the largest command, at most as many as `blocks` has.
    pub command_blocks_max: u32,
    /// How often each kind of command is drawn.
    pub mix: Mix,
    /// From a command's end to the next one's beginning.
    pub think: Duration,
    /// From boot to the first command.
    pub start: Duration,
    /// The commands, by rising number, if they are not drawn.
    pub listed: Option<Vec<Listed>>,
}

/// A command that is not drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its number, which names it.
    pub number: u64,
    /// Not before its clock shows this.
    pub at: Duration,
    /// What it is.
    pub kind: CommandKind,
    /// What it touches.
    pub range: Range,
}

impl Workload {
    /// How many commands there are.
    pub(super) fn count(&self) -> u64 {
        self.listed
            .as_ref()
            .map_or(self.commands, |listed| listed.len() as u64)
    }

    /// The number of the command at a place, and what the clock shows when it may begin.
    pub(super) fn at(&self, place: u64) -> (u64, Duration) {
        let listed = self.listed.as_ref();
        let found = listed.and_then(|listed| listed.get(usize::try_from(place).ok()?));
        found.map_or((place, Duration::ZERO), |it| (it.number, it.at))
    }
}

/// Weights of the kinds of commands; at least one is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mix {
    /// Weight of `Read`.
    pub read: u32,
    /// Weight of `Write`.
    pub write: u32,
    /// Weight of `WriteZeroes`.
    pub write_zeroes: u32,
    /// Weight of `CompareAndWrite`.
    pub compare_and_write: u32,
    /// Weight of `Flush`.
    pub flush: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Mix {
            read: 40,
            write: 40,
            write_zeroes: 5,
            compare_and_write: 10,
            flush: 5,
        }
    }
}

/// How long the client library waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientTimers {
    /// An attempt without a status ends as `Unknown` this long after its ticket
    /// was first used; the cluster's own setting of that name, or more, or a
    /// frame may execute after its client has given it up. Default 6 s.
    pub status_limit: Duration,
    /// An unanswered frame is sent again after this long, doubled with each
    /// time up to `resend_max`. Default 200 ms.
    pub resend_min: Duration,
    /// Longest interval between transmissions. Default 1.6 s.
    pub resend_max: Duration,
}

impl Default for ClientTimers {
    fn default() -> Self {
        ClientTimers {
            status_limit: Duration::from_secs(6),
            resend_min: Duration::from_millis(200),
            resend_max: Duration::from_millis(1_600),
        }
    }
}

impl ClientTimers {
    /// How long to wait after the transmission that `earlier` others preceded.
    pub(super) fn backoff(&self, earlier: u32) -> Duration {
        self.resend_min
            .times(1 << earlier.min(32))
            .min(self.resend_max)
    }
    /// Beyond this age a ticket is not used for a new attempt: what is left of
    /// it has to outlast the way and the queue at the other end.
    pub(super) fn ticket_age_max(&self) -> Duration {
        self.status_limit.divided_by(2)
    }
}

impl ClientIdentity {
    /// Asserts what the fields' comments promise.
    pub(super) fn check(&self) {
        let Workload {
            blocks,
            command_blocks_min,
            command_blocks_max,
            outstanding,
            ..
        } = self.workload;
        assert!(outstanding > 0, "a workload needs a command at a time");
        assert!(command_blocks_min > 0, "a command touches a block");
        assert!(
            command_blocks_min <= command_blocks_max,
            "smallest above largest command"
        );
        assert!(
            command_blocks_max <= blocks.count(),
            "largest command above the area"
        );
        assert!(self.workload.mix.total() > 0, "a mix needs a weight");
        assert!(self.window > 0, "a window of no ids");
        assert!(
            self.timers.resend_min > Duration::ZERO,
            "resending without a pause"
        );
        assert!(
            self.timers.resend_min <= self.timers.resend_max,
            "resend_min above resend_max"
        );
    }
}

impl Mix {
    /// Sum of all weights.
    pub(super) fn total(&self) -> u64 {
        [
            self.read,
            self.write,
            self.write_zeroes,
            self.compare_and_write,
            self.flush,
        ]
        .into_iter()
        .map(u64::from)
        .sum()
    }
}
