//! The journal device of one storage set: which records a recovery after a power
//! loss may read, and what follows for blocks, marks and results.
//!
//! Owns what may stand on that device and answers for it. Refuses to know the data
//! device and the other copy.
//!
//! Recovery starts at the newer checkpoint and stops at the first record that is
//! missing. So with `unstable` records, those of which a page may be lost, it may
//! stop before each of them, or behind the last; nowhere else:
//!
//! ```text
//! lsn        7   8   9   10  11 | head
//! unstable           x       x  |         stops: behind 8, behind 10, behind 11
//! ```
//!
//! A record is certain when no stop lies before it. A block's record is the
//! block's value in some image if a stop lies between it and the block's next
//! record. Nothing here becomes possible by a command's *execution*, it only
//! becomes certain: whoever looks for what is newly possible looks at submissions.
//!
//! Two records that claim one place, or a write over a record that recovery still
//! needs, are irregular whatever comes of them, and reported as such; from there
//! on the images follow what the device shows once it has settled.
//!
//! | File | Owns |
//! |---|---|
//! | `life` | from which record to which something stands |
//! | `blocks` | writes and marks of each block |
//! | `bits` | dirty bits of each region |
//! | `submitted` | what a command in the queue makes possible |
//! | `settled` | what its end makes certain, or takes away |

mod bits;
mod blocks;
mod life;
mod settled;
mod submitted;

use std::sync::Arc;

use imbl::Vector;
use serde::{Deserialize, Serialize};
use stormglass_engine::storage_set::layout::{CheckpointSlot, Geometry};
use stormglass_engine::vocabulary::{BlockIndex, Lsn};
use stormglass_sim::device::{CommandNumber, Device};

use self::bits::Bits;
use self::blocks::Blocks;
use self::life::Life;
use self::settled::stable_checkpoint;
use self::submitted::Half;
use super::link::Link;
use super::medium::Medium;
use super::state::{Changes, Standing, State};
use super::value::Value;

/// What a write to the journal device is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Part {
    Record(Lsn),
    Checkpoint,
    /// It covers a record that recovery may still need.
    Overwrite,
    /// Nothing that an image depends on.
    Other,
}

/// A checkpoint from which recovery may start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tail {
    lsn: Lsn,
    state: State,
}

/// A checkpoint that may be there or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Coming {
    number: CommandNumber,
    slot: CheckpointSlot,
    tail: Arc<Tail>,
    pages_left: u64,
}

/// Where the next record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    lsn: Lsn,
    page: u64,
    chain: u32,
}

/// What a step of the journal device means for others.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// Blocks for which something has become possible, or a mark may be lost.
    pub(super) touched: Vec<BlockIndex>,
    /// A record that was just submitted and fits.
    pub(super) appended: Option<Arc<Link>>,
    /// Records that can never be read any more.
    pub(super) lost: Vec<Arc<Link>>,
    /// What no correct storage set does, and the events that show it.
    pub(super) irregular: Vec<(String, Vec<u64>)>,
}

/// What a journal device may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JournalImages {
    geometry: Geometry,
    medium: Medium<Part>,
    tail: Arc<Tail>,
    tail_slot: CheckpointSlot,
    coming: Vec<Coming>,
    links: Vector<Arc<Link>>,
    /// Records of which pages may be lost, in order, and how many pages.
    unstable: Vec<(Lsn, u64)>,
    head: Head,
    used: u64,
    /// State behind the last record.
    state: State,
    blocks: Blocks,
    bits: Bits,
    /// How the copy stood, from the record on that each stands with.
    standings: Vec<(Lsn, Standing)>,
    /// The last record that says that the data device is lost, behind the tail.
    lost_at: Option<Lsn>,
    half: Option<Half>,
}

/// Pages at risk of a record that another write covers.
const OVERWRITTEN: u64 = u64::MAX;

/// Pages at risk of a record of which a part may be missing while another is under way:
/// only the device can tell, once nothing of it is.
const UNTOLD: u64 = u64::MAX - 1;

impl JournalImages {
    /// Reads a device at rest; nothing if it holds no checkpoint.
    pub(super) fn new(device: &Device, geometry: Geometry) -> Option<Self> {
        let slot = |slot| Some((stable_checkpoint(device, geometry, slot)?, slot));
        let (a, b) = (slot(CheckpointSlot::A), slot(CheckpointSlot::B));
        let is_b_newer = match (&a, &b) {
            (Some((a, _)), Some((b, _))) => b.lsn > a.lsn,
            (None, _) => true,
            (Some(_), None) => false,
        };
        let (checkpoint, tail_slot) = if is_b_newer { b? } else { a? };
        let state = State::of(&checkpoint.tables, checkpoint.lsn);
        let mut images = JournalImages {
            geometry,
            medium: Medium::new(device),
            tail: Arc::new(Tail {
                lsn: checkpoint.lsn,
                state: state.clone(),
            }),
            tail_slot,
            coming: Vec::new(),
            links: Vector::new(),
            unstable: Vec::new(),
            head: Head {
                lsn: checkpoint.lsn.next(),
                page: checkpoint.next_page,
                chain: checkpoint.chain,
            },
            used: 0,
            state,
            blocks: Blocks::default(),
            bits: Bits::default(),
            standings: Vec::new(),
            lost_at: None,
            half: None,
        };
        images.rebuild();
        images.walk(device);
        Some(images)
    }

    /// State behind the last record that may be read.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Blocks that stand in the journal or under a mark.
    pub(super) fn blocks(&self) -> impl Iterator<Item = BlockIndex> {
        self.blocks.indices()
    }

    /// True if a power loss would leave one content.
    pub(super) fn is_at_rest(&self) -> bool {
        self.medium.is_at_rest() && self.unstable.is_empty() && self.coming.is_empty()
    }

    /// The last record that every recovery reads.
    pub(super) fn certain_end(&self) -> Lsn {
        let stop = self.unstable.first().map_or(self.head.lsn, |(lsn, _)| *lsn);
        Lsn::new(stop.value() - 1)
    }

    /// The event at which a record was submitted.
    pub(super) fn event_of(&self, lsn: Lsn) -> Option<u64> {
        Some(self.link(lsn)?.event)
    }

    /// Calls back for every value that the journal may give a block; false if a
    /// recovery may find none and has to ask the data device. Of a missing block it
    /// does not: it has no value then.
    pub(super) fn values(&self, block: BlockIndex, found: impl FnMut(Value)) -> bool {
        let coming = self.coming.iter().map(|coming| &coming.tail);
        let starts = std::iter::once(&self.tail).chain(coming);
        let region = self.region_of(block);
        let starts = starts.map(|tail| (tail.lsn, self.is_missing_behind(tail, region)));
        let may_stop = |read, next| self.may_stop(read, next);
        self.blocks.values(block, starts, may_stop, found)
    }

    /// True if a recovery that starts there knows the region as missing as long as it
    /// finds nothing of it in the journal: what ends a missing region writes all of it.
    /// Before the record of a loss, the device is as lost as behind it.
    fn is_missing_behind(&self, tail: &Tail, region: u64) -> bool {
        self.lost_at.is_some_and(|lsn| lsn > tail.lsn) || tail.state.missing().contains(&region)
    }

    /// True if recovery may read `read` and stop before it has read `next`.
    fn may_stop(&self, read: Lsn, next: Lsn) -> bool {
        let place = self.unstable.partition_point(|(lsn, _)| *lsn <= read);
        self.unstable
            .get(place)
            .is_some_and(|(stop, _)| *stop <= next)
    }

    /// True if in every image a mark stands on the block.
    pub(super) fn is_marked(&self, block: BlockIndex) -> bool {
        self.cover(self.blocks.marks(block))
    }

    /// True if in every image the bit of the block's region is set.
    pub(super) fn is_dirty(&self, block: BlockIndex) -> bool {
        self.cover(self.bits.lives(self.region_of(block)))
    }

    /// True if in every image a mark stands on the block, or its region's bit: a
    /// record may turn one into the other.
    pub(super) fn may_differ(&self, block: BlockIndex) -> bool {
        let bits = self.bits.lives(self.region_of(block));
        self.cover(self.blocks.marks(block).chain(bits))
    }

    /// True if this holds of how the copy stands in every image.
    pub(super) fn always(&self, holds: impl Fn(Standing) -> bool) -> bool {
        let behind = |stop: Lsn| {
            let count = self.standings.partition_point(|(from, _)| *from < stop);
            self.standings[count.max(1) - 1].1
        };
        self.stops().all(|stop| holds(behind(stop)))
    }

    fn region_of(&self, block: BlockIndex) -> u64 {
        block.value() / self.geometry.region_blocks
    }

    /// Records before which a recovery may stop.
    fn stops(&self) -> impl Iterator<Item = Lsn> {
        let stops = self.unstable.iter().map(|(stop, _)| *stop);
        stops.chain([self.head.lsn])
    }

    fn cover(&self, lives: impl Iterator<Item = Life> + Clone) -> bool {
        life::cover(lives, self.certain_end(), |lsn| {
            self.stops().find(|stop| *stop > lsn)
        })
    }

    fn behind(&self, link: &Link) -> u64 {
        (link.page + link.pages) % self.geometry.ring_pages
    }

    fn link(&self, lsn: Lsn) -> Option<&Arc<Link>> {
        let first = self.links.front()?.lsn.value();
        let place = lsn.value().checked_sub(first)?;
        self.links.get(usize::try_from(place).ok()?)
    }
}
