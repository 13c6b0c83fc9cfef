//! Where two values of one type differ.
//!
//! Serde pushes leaves and cannot be asked for the next one, so the two walks are
//! not taken in step but one after the other: the first pass keeps rolling hashes
//! at marks, few of them however large the value is; the second looks only at the
//! leaves behind the last mark at which both were equal.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use serde::Serialize;

use super::{Base, Leaf, Step, display, walk};
use crate::trace::Rolling;

/// Most marks that a first pass keeps; then every second is dropped.
const MARKS_MAX: usize = 1_024;
/// Leaves that a second pass looks at, at least.
const LEAVES_MIN: usize = 1 << 14;

/// Where two values differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafDifference {
    /// The path of fields.
    pub path: String,
    /// What stands there on the left, for people.
    pub left: String,
    /// What stands there on the right.
    pub right: String,
}

/// The first difference between two values of one type.
pub fn difference<T: Serialize + ?Sized>(left: &T, right: &T) -> Option<LeafDifference> {
    differences(left, right, 1).pop()
}

/// The differences between two values of one type, in order, `most` at most, and only
/// those that stand near the first.
///
/// Of what one side lacks only the outermost path is named. How long a list or map is
/// counts only if nothing in it differs.
pub fn differences<T: Serialize + ?Sized>(left: &T, right: &T, most: usize) -> Vec<LeafDifference> {
    let marks = [Marks::of(left), Marks::of(right)];
    let Some(window) = window(marks) else {
        return Vec::new();
    };
    let [left, right] = [Part::of(left, &window), Part::of(right, &window)];
    Comparison {
        sides: [&left, &right],
        places: [0, 0],
        found: Vec::new(),
        most,
    }
    .compare()
}

/// Rolling hashes of a walk, one after each `stride` leaves.
struct Marks {
    stride: usize,
    hashes: Vec<Rolling>,
    hash: Rolling,
    count: usize,
}

impl Marks {
    fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        let mut marks = Marks {
            stride: 1,
            hashes: Vec::new(),
            hash: Rolling::START,
            count: 0,
        };
        let mut bytes = Vec::new();
        walk(value, Base::Absolute, &mut |path: &[Step], leaf: Leaf| {
            bytes.clear();
            leaf.write(&mut bytes);
            marks.hash.fold(path.len() as u64);
            marks.hash.fold_bytes(&bytes);
            marks.add();
            ControlFlow::Continue(())
        });
        marks
    }

    fn add(&mut self) {
        self.count += 1;
        if self.count.is_multiple_of(self.stride) {
            self.hashes.push(self.hash);
        }
        if self.hashes.len() > MARKS_MAX {
            self.thin();
        }
    }

    fn thin(&mut self) {
        self.stride *= 2;
        let own = std::mem::take(&mut self.hashes);
        self.hashes = own.into_iter().skip(1).step_by(2).collect();
    }
}

/// The leaves to look at.
struct Window {
    start: usize,
    length: usize,
}

/// The leaves from the last equal mark on; none if the walks are equal.
fn window([mut left, mut right]: [Marks; 2]) -> Option<Window> {
    if left.hash == right.hash && left.count == right.count {
        return None;
    }
    // The shorter walk has marked more finely.
    while left.stride < right.stride {
        left.thin();
    }
    while right.stride < left.stride {
        right.thin();
    }
    let pairs = left.hashes.iter().zip(&right.hashes);
    let equal = pairs.take_while(|(left, right)| left == right).count();
    Some(Window {
        start: equal * left.stride,
        length: LEAVES_MIN.max(2 * left.stride),
    })
}

/// Consecutive leaves of a walk.
struct Part {
    leaves: Vec<(Vec<Step>, Leaf)>,
    /// All paths among them, and those of the items that they are in.
    paths: BTreeSet<String>,
    /// No leaf follows.
    is_last: bool,
}

impl Part {
    fn of<T: Serialize + ?Sized>(value: &T, window: &Window) -> Self {
        let mut leaves = Vec::new();
        let mut count = 0;
        let mut is_last = true;
        walk(value, Base::Absolute, &mut |path: &[Step], leaf: Leaf| {
            count += 1;
            if count <= window.start {
                return ControlFlow::Continue(());
            }
            if leaves.len() == window.length {
                is_last = false;
                return ControlFlow::Break(());
            }
            leaves.push((path.to_vec(), leaf));
            ControlFlow::Continue(())
        });
        let mut paths = BTreeSet::new();
        for (path, _) in &leaves {
            paths.extend(items(path).map(display));
            paths.insert(display(path));
        }
        Part {
            leaves,
            paths,
            is_last,
        }
    }
}

/// The paths of the items of lists and maps that a path leads into, the outermost first.
fn items(path: &[Step]) -> impl Iterator<Item = &[Step]> {
    let is_item = |step: &Step| matches!(step, Step::Item(_) | Step::Key(_));
    let ends = (1..=path.len()).filter(move |end| is_item(&path[end - 1]));
    ends.map(|end| &path[..end])
}

/// Two parts that are compared from their beginnings on.
struct Comparison<'a> {
    sides: [&'a Part; 2],
    places: [usize; 2],
    found: Vec<LeafDifference>,
    most: usize,
}

impl Comparison<'_> {
    fn compare(mut self) -> Vec<LeafDifference> {
        while self.found.len() < self.most {
            let [left, right] = [0, 1].map(|side| self.sides[side].leaves.get(self.places[side]));
            match (left, right) {
                (Some(left), Some(right)) if left == right => {
                    self.places = self.places.map(|place| place + 1);
                }
                (Some((here, own)), Some((there, other))) if here == there => {
                    let is_length = matches!((own, other), (Leaf::Length(_), Leaf::Length(_)));
                    match is_length && self.is_told_within(here) {
                        true => self.skip([true, true], here),
                        false => self.tell([true, true], here),
                    }
                }
                (Some((here, _)), Some((there, _))) => {
                    // One has what the other lacks, or each does. A list's own leaf
                    // stands behind all its items, perhaps beyond what is looked at.
                    let is_behind = there.starts_with(here)
                        || (!here.starts_with(there)
                            && self.sides[1].paths.contains(&display(here)));
                    match is_behind {
                        true => self.tell([false, true], there),
                        false => self.tell([true, false], here),
                    }
                }
                // Where a part was cut off, nobody knows what follows.
                (Some((here, _)), None) if self.sides[1].is_last => self.tell([true, false], here),
                (None, Some((there, _))) if self.sides[0].is_last => {
                    self.tell([false, true], there);
                }
                (Some(_) | None, None) | (None, Some(_)) => break,
            }
        }
        self.found
    }

    /// Notes that the sides differ at a path, and goes on behind it on those sides that
    /// have it.
    fn tell(&mut self, has: [bool; 2], path: &[Step]) {
        let absent = has.iter().position(|has| !has);
        let path = match absent {
            Some(side) => self.outermost(path, side).to_vec(),
            None => path.to_vec(),
        };
        let [left, right] = [0, 1].map(|side| match has[side] {
            true => content(&self.sides[side].leaves[self.places[side]..], &path),
            false => "absent".to_owned(),
        });
        self.found.push(LeafDifference {
            path: display(&path),
            left,
            right,
        });
        self.skip(has, &path);
    }

    /// The path of the item that a side lacks, where it lacks all of it.
    fn outermost<'p>(&self, path: &'p [Step], side: usize) -> &'p [Step] {
        let paths = &self.sides[side].paths;
        let mut lacking = items(path).filter(|item| !paths.contains(&display(item)));
        lacking.next().unwrap_or(path)
    }

    fn skip(&mut self, has: [bool; 2], path: &[Step]) {
        let path = path.to_vec();
        for side in [0, 1] {
            let leaves = &self.sides[side].leaves;
            let place = &mut self.places[side];
            while has[side]
                && leaves
                    .get(*place)
                    .is_some_and(|(it, _)| it.starts_with(&path))
            {
                *place += 1;
            }
        }
    }

    /// Whether a difference within a list or map has been told.
    fn is_told_within(&self, path: &[Step]) -> bool {
        let outer = display(path);
        self.found.iter().any(|found| {
            let rest = found.path.strip_prefix(&outer);
            rest.is_some_and(|rest| rest.starts_with(['[', '.']) || outer.is_empty())
        })
    }
}

/// What stands under a path, for people: the leaf, or of what is there the first
/// leaf with the rest of its path.
fn content(leaves: &[(Vec<Step>, Leaf)], path: &[Step]) -> String {
    let own = leaves
        .iter()
        .take_while(|(inner, _)| inner.starts_with(path));
    let mut parts = Vec::new();
    for (inner, leaf) in own {
        if matches!(leaf, Leaf::Something | Leaf::Key(_)) {
            continue;
        }
        let rest = display(&inner[path.len()..]);
        let colon = if rest.is_empty() { "" } else { ": " };
        parts.push(format!("{rest}{colon}{leaf}"));
        if !matches!(leaf, Leaf::Variant(_)) {
            break;
        }
    }
    if parts.is_empty() {
        "absent".to_owned()
    } else {
        parts.join(" ")
    }
}
