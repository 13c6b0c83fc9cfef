//! A naive device beside the real one: every version of every page is kept, and
//! what a power loss may leave is found by trying all orders of all subsets.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The last one is outside the reservation.
const PAGES: usize = 4;
const CACHE_PAGES: usize = 3;
const QUEUE_MAX: usize = 3;

type Image = Vec<u8>;

/// A version of a page: which write it comes from, and its byte.
type Made = (u64, u8);

#[derive(Clone, Debug, PartialEq)]
enum Wish {
    Write {
        start: usize,
        bytes: Vec<u8>,
        is_forced: bool,
    },
    Flush,
    Read,
    Preempt {
        observed: u64,
    },
}

#[derive(Clone, Debug)]
struct Waiting {
    number: CommandNumber,
    process: u32,
    epoch: u64,
    wish: Wish,
    writes_before: u64,
    effect: IoEffect,
}

/// What the naive device knows.
#[derive(Clone)]
struct Model {
    /// All versions of each page and the position of the one known to be stable.
    history: [(Vec<Made>, usize); PAGES],
    writes: u64,
    /// Epoch of the holder, 0 for none.
    holder: u64,
    waiting: Vec<Waiting>,
    is_gone: bool,
    /// The position of the version that was stable when the page became unreadable.
    spoiled: [Option<usize>; PAGES],
    /// What reads return of a page since a flush of it failed.
    shown: [Option<u8>; PAGES],
    /// Pages that take nothing new.
    full: std::ops::Range<usize>,
    remembered: Option<Image>,
}

impl Model {
    fn new() -> Self {
        let history = [(); PAGES].map(|()| (vec![(0, 0)], 0));
        Model {
            history,
            writes: 0,
            holder: 0,
            waiting: Vec::new(),
            is_gone: false,
            spoiled: [None; PAGES],
            shown: [None; PAGES],
            full: 0..0,
            remembered: None,
        }
    }

    fn stable(&self) -> Image {
        let stable = |(versions, stable): &(Vec<Made>, usize)| versions[*stable].1;
        self.history.iter().map(stable).collect()
    }

    /// True if a page holds nothing that takes space.
    fn is_empty(&self, page: usize) -> bool {
        let (versions, stable) = &self.history[page];
        let is_flushed = versions.len() - 1 == *stable;
        is_flushed && self.shown[page].is_none() && versions[*stable].1 == 0
    }

    fn has_space(&self, wish: &Wish) -> bool {
        let Wish::Write { start, bytes, .. } = wish else {
            return true;
        };
        let mut named = *start..*start + bytes.len();
        !named.any(|page| self.full.contains(&page) && self.is_empty(page))
    }

    /// This content is stable, and nothing is above it.
    fn restart(&mut self, image: &[u8]) {
        for (page, byte) in image.iter().enumerate() {
            self.history[page] = (vec![(0, *byte)], 0);
        }
        self.spoiled = [None; PAGES];
        self.shown = [None; PAGES];
        self.waiting.clear();
    }

    fn admits(&self, waiting: &Waiting) -> bool {
        self.is_let(waiting) && self.has_space(&waiting.wish)
    }

    fn is_let(&self, waiting: &Waiting) -> bool {
        match &waiting.wish {
            Wish::Write { start, .. } => *start == PAGES - 1 || self.is_holder(waiting.epoch),
            Wish::Flush | Wish::Read => self.is_holder(waiting.epoch),
            Wish::Preempt { observed } => *observed == self.holder && waiting.epoch > self.holder,
        }
    }

    /// While there is no holder, nobody is it.
    fn is_holder(&self, epoch: u64) -> bool {
        self.holder > 0 && epoch == self.holder
    }

    /// Carries out what is admitted, without an abort and without a limit.
    fn apply(&mut self, waiting: &Waiting) {
        match &waiting.wish {
            Wish::Write {
                start,
                bytes,
                is_forced,
            } => {
                self.writes += 1;
                for (page, byte) in (*start..).zip(bytes) {
                    let (versions, stable) = &mut self.history[page];
                    self.shown[page] = None;
                    versions.push((self.writes, *byte));
                    if *is_forced {
                        *stable = versions.len() - 1;
                    }
                }
            }
            Wish::Flush => {
                for (versions, stable) in &mut self.history {
                    let covered = |made: &Made| made.0 <= waiting.writes_before;
                    *stable = (*stable).max(versions.iter().rposition(covered).unwrap_or(0));
                }
            }
            Wish::Read => {}
            Wish::Preempt { .. } => self.holder = waiting.epoch,
        }
    }

    fn execute(&mut self, position: usize, bits: &mut Bits) {
        let waiting = self.waiting.remove(position);
        if self.is_gone || !self.admits(&waiting) || self.goes_wrong(&waiting, bits) {
            return;
        }
        self.apply(&waiting);
        if let Wish::Preempt { .. } = waiting.wish {
            self.waiting.retain(|other| other.epoch == waiting.epoch);
        }
        self.destage();
    }

    /// True if something went wrong with the command, which then did no more than that.
    fn goes_wrong(&mut self, waiting: &Waiting, bits: &mut Bits) -> bool {
        match (waiting.effect, &waiting.wish) {
            (IoEffect::Error, _) => true,
            (IoEffect::Lost, Wish::Write { .. }) | (IoEffect::FlushLies, Wish::Flush) => true,
            (IoEffect::Misdirected(PageIndex(to)), Wish::Write { start, bytes, .. }) => {
                let to = usize::try_from(to).expect("small");
                let mut landing = to..to + bytes.len();
                let named = *start..*start + bytes.len();
                if landing.end > PAGES || landing.any(|page| named.contains(&page)) {
                    return false;
                }
                for (page, byte) in (to..).zip(bytes) {
                    let (versions, stable) = &mut self.history[page];
                    versions[*stable].1 = *byte;
                    self.spoiled[page] = None;
                }
                true
            }
            (IoEffect::FlushFails, Wish::Flush) => {
                (0..PAGES).for_each(|page| self.fail_flush(page, bits));
                true
            }
            _ => false,
        }
    }

    /// One of a page's possible versions is the stable one now; its newest is shown.
    fn fail_flush(&mut self, page: usize, bits: &mut Bits) {
        let is_spoiled = self.spoiled[page] == Some(self.history[page].1);
        let (versions, stable) = &mut self.history[page];
        let possible = &versions[*stable..];
        if possible.len() == 1 {
            return;
        }
        self.shown[page] = possible.last().map(|made| made.1);
        let is_open = possible.iter().any(|made| made.1 != possible[0].1);
        let kept = if is_open || is_spoiled {
            bits.below(possible.len())
        } else {
            0
        };
        *stable += kept;
        versions.truncate(*stable + 1);
    }

    fn destage(&mut self) {
        let unflushed = |(versions, stable): &(Vec<Made>, usize)| versions.len() - 1 - stable;
        while self.history.iter().map(unflushed).sum::<usize>() > CACHE_PAGES {
            let candidates = (0..PAGES).filter(|page| unflushed(&self.history[*page]) > 0);
            let oldest = candidates.min_by_key(|page| {
                let (versions, stable) = &self.history[*page];
                versions[stable + 1].0
            });
            self.history[oldest.expect("something is unflushed")].1 += 1;
        }
    }

    fn befall(&mut self, fate: Fate) {
        match fate {
            Fate::Gone => self.is_gone = true,
            Fate::Returns(Return::Intact) => self.is_gone = false,
            Fate::Returns(Return::Blank) if self.is_gone => {
                let remembered = self.remembered.take();
                *self = Model {
                    remembered,
                    ..Model::new()
                };
            }
            Fate::Returns(Return::Stale) if self.is_gone => {
                self.is_gone = false;
                if let Some(image) = self.remembered.clone() {
                    self.restart(&image);
                }
            }
            Fate::Returns(Return::Blank | Return::Stale) => {}
            Fate::Full(first, last) => self.full = first..last + 1,
            Fate::Room => self.full = 0..0,
            Fate::Remember => self.remembered = Some(self.stable()),
            Fate::Restored(page) => {
                if let Some(image) = &self.remembered {
                    let (versions, stable) = &mut self.history[page];
                    versions[*stable].1 = image[page];
                    self.spoiled[page] = None;
                }
            }
            Fate::Damaged(page, Damage::Unreadable) => {
                self.spoiled[page] = Some(self.history[page].1);
            }
            Fate::Damaged(page, Damage::Rot) => {
                let (versions, stable) = &mut self.history[page];
                versions[*stable].1 = versions[*stable].1.wrapping_add(37);
            }
        }
    }

    fn current(&self) -> Image {
        let pages = self.history.iter().zip(&self.shown);
        let current =
            pages.map(|((versions, _), shown)| shown.unwrap_or(versions[versions.len() - 1].1));
        current.collect()
    }

    /// The bytes that each page may hold after a power loss, nothing queued.
    fn candidates(&self) -> Vec<BTreeSet<u8>> {
        let unflushed = |(versions, stable): &(Vec<Made>, usize)| {
            versions[*stable..].iter().map(|made| made.1).collect()
        };
        self.history.iter().map(unflushed).collect()
    }

    /// Every image and holder that a power loss may leave: whatever subset of the
    /// queue executes in whatever order, and whatever is kept of each page. What
    /// was under way counts as unflushed, forced or not.
    fn losses(&self) -> BTreeSet<(Image, u64)> {
        let mut found = BTreeSet::new();
        for image in images(&self.candidates()) {
            found.insert((image, self.holder));
        }
        let queue = if self.is_gone { 0 } else { self.waiting.len() };
        for position in 0..queue {
            let mut next = self.clone();
            let mut waiting = next.waiting.remove(position);
            if let Wish::Write { is_forced, .. } = &mut waiting.wish {
                *is_forced = false;
            }
            if next.admits(&waiting) && waiting.wish != Wish::Flush {
                next.apply(&waiting);
                found.extend(next.losses());
            }
        }
        found
    }
}

/// All images with one of its candidates on each page.
fn images(candidates: &[BTreeSet<u8>]) -> Vec<Image> {
    candidates.iter().fold(vec![Vec::new()], |images, page| {
        let grow = |image: &Image| {
            let image = image.clone();
            page.iter()
                .map(move |byte| image.iter().copied().chain([*byte]).collect())
        };
        images.iter().flat_map(grow).collect()
    })
}

#[derive(Clone, Debug)]
enum Step {
    Submit {
        process: u32,
        wish: Wish,
        effect: IoEffect,
    },
    /// Preempts with a fresh epoch, having seen the holder or somebody else.
    Preempt {
        process: u32,
        is_mistaken: bool,
    },
    /// The n-th command in the queue, and what a flush that fails leaves.
    Execute(usize, u64),
    Kill(u32),
    /// The process's machine loses power.
    Unplug {
        process: u32,
        bits: u64,
    },
    Restore,
    Befall(Fate),
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Gone,
    Returns(Return),
    Damaged(usize, Damage),
    /// From the first of these pages to the last.
    Full(usize, usize),
    Room,
    Remember,
    Restored(usize),
}

struct Pair {
    device: Device,
    model: Model,
    /// The latest key of each process.
    epochs: [u64; 2],
    epoch_max: u64,
}

impl Pair {
    fn new() -> Self {
        let unreserved = Some(PageRange {
            start: PageIndex(PAGES as u64 - 1),
            count: 1,
        });
        let cache_pages = u32::try_from(CACHE_PAGES).expect("small");
        let spec = DeviceSpec {
            pages: PAGES as u64,
            cache_pages,
            unreserved,
        };
        Pair {
            device: Device::new(spec),
            model: Model::new(),
            epochs: [0; 2],
            epoch_max: 0,
        }
    }

    fn submit(&mut self, process: u32, wish: &Wish, effect: IoEffect) {
        if self.model.waiting.len() == QUEUE_MAX {
            return;
        }
        let epoch = self.epochs[process as usize];
        let request = match wish {
            Wish::Write {
                start,
                bytes,
                is_forced: true,
            } => forced(*start as u64, bytes),
            Wish::Write {
                start,
                bytes,
                is_forced: false,
            } => cached(*start as u64, bytes),
            Wish::Flush => IoRequest::Flush,
            Wish::Read => read(0, 1),
            Wish::Preempt { observed } => IoRequest::Preempt {
                observed: (*observed > 0).then(|| key(*observed)),
            },
        };
        let submitter = Submitter {
            process,
            incarnation: 0,
        };
        let submission = submission(epoch, request);
        let number = self.device.submit_with(submitter, submission, effect);
        let writes_before = self.model.writes;
        let wish = wish.clone();
        self.model.waiting.push(Waiting {
            number,
            process,
            epoch,
            wish,
            writes_before,
            effect,
        });
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Submit {
                process,
                wish,
                effect,
            } => self.submit(*process, wish, *effect),
            Step::Preempt {
                process,
                is_mistaken,
            } => {
                self.epoch_max += 1;
                self.epochs[*process as usize] = self.epoch_max;
                let observed = if *is_mistaken { 99 } else { self.model.holder };
                self.submit(*process, &Wish::Preempt { observed }, IoEffect::Sound);
            }
            Step::Execute(place, bits) => {
                if !self.model.waiting.is_empty() {
                    let position = place % self.model.waiting.len();
                    let number = self.model.waiting[position].number;
                    let _ = self.device.carry_out(number, &mut Bits(*bits));
                    self.model.execute(position, &mut Bits(*bits));
                }
            }
            Step::Kill(process) => {
                self.device.drop_submitter(Submitter {
                    process: *process,
                    incarnation: 0,
                });
            }
            Step::Unplug { process, bits } => {
                let submitter = Submitter {
                    process: *process,
                    incarnation: 0,
                };
                let mut choice = Bits(*bits);
                let _ = self.device.submitter_lost_power(submitter, &mut choice);
                let mut choice = Bits(*bits);
                let own = self.model.waiting.clone();
                for waiting in own.iter().filter(|waiting| waiting.process == *process) {
                    let position = self.model.waiting.iter();
                    let position = position.clone().position(|it| it.number == waiting.number);
                    match (choice.below(2) == 1, position) {
                        (true, Some(position)) => self.model.execute(position, &mut choice),
                        (false, Some(position)) => drop(self.model.waiting.remove(position)),
                        (_, None) => {}
                    }
                }
            }
            Step::Befall(fate) => {
                self.model.befall(*fate);
                match *fate {
                    Fate::Gone => {
                        self.device.go();
                    }
                    Fate::Returns(returns) => {
                        let _ = self.device.come_back(returns);
                    }
                    Fate::Damaged(page, damage) => {
                        self.device.damage(PageIndex(page as u64), damage);
                    }
                    Fate::Full(first, last) => self.device.fill_up(pages(first, last)),
                    Fate::Room => {
                        self.device.make_room();
                    }
                    Fate::Remember => self.device.remember(),
                    Fate::Restored(page) => {
                        self.device.restore(pages(page, page));
                    }
                }
            }
            Step::Restore => {
                let bytes = postcard::to_stdvec(&self.device).expect("serializes");
                let restored: Device = postcard::from_bytes(&bytes).expect("restores");
                assert_eq!(restored, self.device);
                self.device = restored;
            }
        }
    }

    fn check(&self) {
        let queued: Vec<_> = self.device.queued().map(|(number, _)| number).collect();
        let waiting: Vec<_> = self
            .model
            .waiting
            .iter()
            .map(|waiting| waiting.number)
            .collect();
        assert_eq!(queued, waiting);
        assert_eq!(
            bytes_at(&self.device, 0..PAGES as u64),
            self.model.current()
        );
        let mut found = BTreeSet::new();
        every_loss(&self.device, |device| {
            let holder = device.holder().map_or(0, |key| key.epoch);
            found.insert((bytes_at(device, 0..PAGES as u64), holder));
        });
        let expected = self.model.losses();
        assert_eq!(found, expected);
        for page in 0..PAGES {
            let possible: BTreeSet<_> =
                possible_at(&self.device, page as u64).into_iter().collect();
            let expected: BTreeSet<_> = expected.iter().map(|(image, _)| image[page]).collect();
            assert_eq!(possible, expected, "page {page}");
            let is_spoiled = self.model.spoiled[page] == Some(self.model.history[page].1);
            let is_unreadable = self.device.is_unreadable(PageIndex(page as u64));
            assert_eq!(is_unreadable, is_spoiled, "page {page}");
            let is_certain = self.device.is_certain(PageIndex(page as u64));
            assert_eq!(is_certain, expected.len() == 1, "page {page}");
        }
    }
}

fn pages(first: usize, last: usize) -> PageRange {
    PageRange {
        start: PageIndex(first as u64),
        count: (last - first + 1) as u64,
    }
}

/// Answers from the digits of a number, one for each question.
struct Bits(u64);

impl Bits {
    fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).expect("small");
        let answer = self.0 % count;
        self.0 /= count;
        usize::try_from(answer).expect("small")
    }
}

impl PowerLoss for Bits {
    fn command(&mut self, _: CommandNumber, _: Submitter, _: &Submission) -> CommandFate {
        panic!("the device kept its power")
    }
    fn page(&mut self, _: PageIndex, versions: usize) -> PageFate {
        PageFate::Version(self.below(versions))
    }
    fn sector(&mut self, _: PageIndex, _: usize, _: usize) -> usize {
        panic!("the device kept its power")
    }
    fn executes(&mut self, _: CommandNumber, _: Submitter, _: &Submission) -> bool {
        self.below(2) == 1
    }
}

fn any_write() -> impl Strategy<Value = Wish> {
    let bytes = prop::collection::vec(0..5_u8, 1..3);
    (0..PAGES, bytes, prop::bool::weighted(0.3)).prop_map(|(start, mut bytes, is_forced)| {
        // A write does not run over the end of the device.
        bytes.truncate(PAGES - start);
        Wish::Write {
            start,
            bytes,
            is_forced,
        }
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let wish = prop_oneof![8 => any_write(), 3 => Just(Wish::Flush), 1 => Just(Wish::Read)];
    // Mostly one process at work: two of them mean conflicts.
    let process = prop_oneof![3 => Just(0_u32), 1 => Just(1)];
    let preempt = (process.clone(), prop::bool::weighted(0.1));
    prop_oneof![
        16 => (process.clone(), wish, any_effect())
            .prop_map(|(process, wish, effect)| Step::Submit { process, wish, effect }),
        2 => preempt.prop_map(|(process, is_mistaken)| Step::Preempt { process, is_mistaken }),
        14 => any::<(usize, u64)>().prop_map(|(place, bits)| Step::Execute(place, bits)),
        1 => process.clone().prop_map(Step::Kill),
        1 => (process, any::<u64>()).prop_map(|(process, bits)| Step::Unplug { process, bits }),
        1 => Just(Step::Restore),
        1 => any_fate().prop_map(Step::Befall),
    ]
}

fn any_effect() -> impl Strategy<Value = IoEffect> {
    prop_oneof![
        12 => Just(IoEffect::Sound),
        1 => Just(IoEffect::Lost),
        // Beyond the end now and then.
        2 => (0..=PAGES as u64).prop_map(|page| IoEffect::Misdirected(PageIndex(page))),
        1 => Just(IoEffect::Error),
        1 => Just(IoEffect::FlushLies),
        3 => Just(IoEffect::FlushFails),
    ]
}

fn any_fate() -> impl Strategy<Value = Fate> {
    let damage = prop_oneof![Just(Damage::Unreadable), Just(Damage::Rot)];
    prop_oneof![
        2 => Just(Fate::Gone),
        3 => Just(Fate::Returns(Return::Intact)),
        1 => Just(Fate::Returns(Return::Blank)),
        1 => Just(Fate::Returns(Return::Stale)),
        2 => (0..PAGES, 0..PAGES).prop_map(|(one, other)| Fate::Full(one.min(other), one.max(other))),
        1 => Just(Fate::Room),
        2 => Just(Fate::Remember),
        2 => (0..PAGES).prop_map(Fate::Restored),
        6 => (0..PAGES, damage).prop_map(|(page, damage)| Fate::Damaged(page, damage)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    /// After each step of any history, exactly those images and holders can be
    /// left by a power loss that the naive device allows.
    #[test]
    fn a_power_loss_leaves_what_it_may_and_nothing_else(
        steps in prop::collection::vec(any_step(), 1..40),
    ) {
        let mut pair = Pair::new();
        pair.take(&Step::Preempt { process: 0, is_mistaken: false });
        pair.take(&Step::Execute(0, 0));
        for step in &steps {
            pair.take(step);
            pair.check();
        }
    }
}
