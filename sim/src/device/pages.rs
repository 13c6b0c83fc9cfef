//! What a device holds for good: copy-on-write pages.
//!
//! A radix of four levels behind `Arc`s. A clone is one reference count; a write
//! copies at most one node of each level, and of the page itself only the
//! reference; a comparison skips what two devices share. Leaves are small, because
//! every page in one costs a reference count when it is copied: for 64 MiB a write
//! after a clone copies 0.5 KB, a leaf of 4 pages of 32 bytes and 16, 16 and 16
//! pointers.
//!
//! A page that comes without the zeros at its end, as a journal record's head does, is
//! kept like that, and of one that is zeros but for its beginning only the beginning is.

use std::fmt;
use std::sync::Arc;
use stormglass_engine::contract::{PAGE_BYTES, PageIndex};
use stormglass_engine::payload::Payload;

/// Pages of a leaf.
const LEAF: usize = 4;
/// Children of a node between root and leaf.
const FAN_OUT: usize = 16;

/// Pages without some of the zeros at their ends. One content has several forms, which
/// nobody sees: `==` goes by the content.
type Leaf = [Payload; LEAF];
type Branch<T> = [Option<Arc<T>>; FAN_OUT];
type Root = [Option<Arc<Branch<Branch<Leaf>>>>];

static ZEROS: Payload = Payload::from_static(&[0; PAGE_BYTES]);
static NOTHING: Payload = Payload::new();

/// What is at most so long is kept without the zeros behind it, however it came.
const BEGINNING_BYTES: usize = PAGE_BYTES / 4;
/// The shortest beginning that is kept, but for that of a page of zeros.
const SMALLEST_BYTES: usize = 64;

/// Pages of [`PAGE_BYTES`] bytes, zeros at first.
#[derive(Clone)]
pub(super) struct Pages {
    root: Arc<Root>,
    capacity: u64,
}

/// Where a page stands: its position on each level.
struct Place {
    root: usize,
    upper: usize,
    lower: usize,
    leaf: usize,
}

impl Place {
    fn of(page: PageIndex) -> Self {
        let index = usize::try_from(page.0).expect("a page that fits the host's memory");
        Place {
            root: index / (LEAF * FAN_OUT * FAN_OUT),
            upper: index / (LEAF * FAN_OUT) % FAN_OUT,
            lower: index / LEAF % FAN_OUT,
            leaf: index % LEAF,
        }
    }
}

impl Pages {
    /// `capacity` pages of zeros.
    pub(super) fn new(capacity: u64) -> Self {
        let last = Place::of(PageIndex(capacity.saturating_sub(1)));
        Pages {
            root: vec![None; last.root + 1].into(),
            capacity,
        }
    }

    /// What a page holds.
    #[inline]
    pub(super) fn read(&self, page: PageIndex) -> Payload {
        whole(self.kept(page))
    }

    /// True if a page holds nothing but zeros.
    pub(super) fn is_zero(&self, page: PageIndex) -> bool {
        content_of(self.kept(page)).is_empty()
    }

    #[inline]
    fn kept(&self, page: PageIndex) -> &Payload {
        self.assert_inside(page);
        let place = Place::of(page);
        let leaf = self.leaf(&place);
        leaf.map_or(&NOTHING, |leaf| &leaf[place.leaf])
    }

    fn leaf(&self, place: &Place) -> Option<&Leaf> {
        let upper = self.root[place.root].as_ref()?;
        let lower = upper[place.upper].as_ref()?;
        lower[place.lower].as_deref()
    }

    /// Replaces a page with `content` and zeros behind it. Keeps a reference to it, which
    /// may be a slice of something larger, unless a short copy will do.
    #[inline]
    pub(super) fn write(&mut self, page: PageIndex, content: &Payload) {
        self.assert_inside(page);
        assert!(content.len() <= PAGE_BYTES, "a page is no longer than that");
        let place = Place::of(page);
        let content = match content.len() < PAGE_BYTES {
            true => content.clone(),
            false => beginning(content),
        };
        let upper = child(&mut Arc::make_mut(&mut self.root)[place.root]);
        let lower = child(&mut upper[place.upper]);
        child(&mut lower[place.lower])[place.leaf] = content;
    }

    /// The pages that are not all zeros, in order, each as it is kept: some of the zeros at
    /// its end may be missing.
    pub(super) fn stored(&self) -> impl Iterator<Item = (PageIndex, &Payload)> {
        let upper = self.root.iter().zip(0..).filter_map(present);
        let lower = upper.flat_map(|(node, at)| below(node, at));
        let leaves = lower.flat_map(|(node, at)| below(node, at));
        leaves.flat_map(|(leaf, at)| {
            let pages = leaf.iter().zip(at * LEAF as u64..);
            let pages = pages.filter(|(page, _)| !content_of(page).is_empty());
            pages.map(|(page, at)| (PageIndex(at), page))
        })
    }

    fn assert_inside(&self, page: PageIndex) {
        assert!(
            page.0 < self.capacity,
            "page {} of {}",
            page.0,
            self.capacity
        );
    }
}

/// The node in a place, made if it is absent, copied if it is shared.
fn child<T: Clone + Default, const N: usize>(place: &mut Option<Arc<[T; N]>>) -> &mut [T; N] {
    let node = place.get_or_insert_with(|| Arc::new(std::array::from_fn(|_| T::default())));
    Arc::make_mut(node)
}

/// A node that is there, with its number on its level.
fn present<T>((node, at): (&Option<Arc<T>>, u64)) -> Option<(&T, u64)> {
    Some((node.as_deref()?, at))
}

/// The children of a branch, with their numbers on their level.
fn below<T>(branch: &Branch<T>, at: u64) -> impl Iterator<Item = (&T, u64)> {
    let children = branch.iter().zip(at * FAN_OUT as u64..);
    children.filter_map(present)
}

/// What is kept of a page: nothing, or the shortest beginning of 64 bytes doubled so
/// often that has all that is not zero, or all of it.
fn beginning(content: &Payload) -> Payload {
    let mut kept = PAGE_BYTES;
    while kept > SMALLEST_BYTES && content[kept / 2..kept] == ZEROS[..kept / 2] {
        kept /= 2;
    }
    if kept > BEGINNING_BYTES {
        return content.clone();
    }
    match kept == SMALLEST_BYTES && content[..kept] == ZEROS[..kept] {
        true => Payload::new(),
        false => Payload::copy_from_slice(&content[..kept]),
    }
}

/// A page of what is there of it.
pub(super) fn whole(part: &Payload) -> Payload {
    match part.is_empty() {
        true => ZEROS.clone(),
        false => part.filled_up(PAGE_BYTES),
    }
}

/// What is there of a page without the zeros at its end.
pub(super) fn content_of(part: &[u8]) -> &[u8] {
    let last = part.iter().rposition(|byte| *byte != 0);
    &part[..last.map_or(0, |last| last + 1)]
}

/// True if two parts are of one page.
fn same_page(left: &Payload, right: &Payload) -> bool {
    left == right || content_of(left) == content_of(right)
}

impl PartialEq for Pages {
    fn eq(&self, other: &Self) -> bool {
        if self.capacity != other.capacity {
            return false;
        }
        if Arc::ptr_eq(&self.root, &other.root) {
            return true;
        }
        same_children(&self.root, &other.root, |left, right| {
            same_children(left, right, |left, right| {
                same_children(left, right, |left, right| {
                    let mut pages = left.iter().zip(right);
                    pages.all(|(left, right)| same_page(left, right))
                })
            })
        })
    }
}

impl Eq for Pages {}

/// Compares the nodes of two rows in pairs, each of which may be absent: then the
/// other must be empty, and is compared with an empty one.
fn same_children<T: Default, const N: usize>(
    left: &[Option<Arc<[T; N]>>],
    right: &[Option<Arc<[T; N]>>],
    same: impl Fn(&[T; N], &[T; N]) -> bool,
) -> bool {
    let empty = || std::array::from_fn(|_| T::default());
    left.iter().zip(right).all(|pair| match pair {
        (Some(left), Some(right)) => Arc::ptr_eq(left, right) || same(left, right),
        (Some(node), None) | (None, Some(node)) => same(node, &empty()),
        (None, None) => true,
    })
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stored = self.stored().count();
        f.debug_struct("Pages")
            .field("capacity", &self.capacity)
            .field("stored", &stored)
            .finish()
    }
}
