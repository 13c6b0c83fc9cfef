//! The data device of one storage set: which content and which header of a block
//! a power loss may leave, and what a reader would make of the two.
//!
//! Data and header stand on different pages, so every combination is possible. A
//! header never tears (sixteen share a sector); a torn data page is one more
//! combination that proves nothing, and with a page that has several versions
//! there is one already. Tears are therefore not counted apart.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{PAGE_BYTES, PageIndex, Persistence};
use stormglass_engine::payload::Payload;
use stormglass_engine::storage_set::format::decode_block_header;
use stormglass_engine::storage_set::layout::{BLOCK_HEADER_BYTES, Geometry, HEADERS_PER_PAGE};
use stormglass_engine::vocabulary::{BlockIndex, SequenceId};
use stormglass_sim::device::{CommandNumber, Device};

use super::medium::{Cached, Ended, Fate, Medium};
use super::value::{Bytes64, Candidates, Value, is_zero, lasting, possible};

/// A page of block data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Data {
    bytes: Bytes64,
    checksum: u32,
}

static ZEROES: LazyLock<Data> = LazyLock::new(|| Data::of(&Payload::from_static(&[0; PAGE_BYTES])));

impl Data {
    fn of(page: &Payload) -> Self {
        Data {
            bytes: Bytes64::of_payload(page),
            checksum: page.checksum(),
        }
    }
}

/// What a block's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Header {
    /// The block was never written.
    Fresh,
    Written {
        version: SequenceId,
        checksum: u32,
    },
    /// No header, or another block's.
    Bad,
}

impl Header {
    fn of(block: BlockIndex, bytes: &[u8]) -> Self {
        match decode_block_header(bytes) {
            Ok(None) => Header::Fresh,
            Ok(Some(header)) if header.block == block => Header::Written {
                version: header.version,
                checksum: header.checksum,
            },
            Ok(Some(_)) | Err(_) => Header::Bad,
        }
    }
}

fn read(data: Data, header: Header) -> Value {
    match header {
        Header::Written { version, checksum } if checksum == data.checksum => Value::Proven {
            version,
            bytes: data.bytes,
        },
        Header::Fresh if data.bytes == Bytes64::Zero => Value::PRISTINE,
        Header::Written { .. } | Header::Fresh | Header::Bad => Value::Damaged,
    }
}

/// What is stable of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stable {
    data: Data,
    header: Header,
}

impl Stable {
    fn pristine() -> Self {
        Stable {
            data: *ZEROES,
            header: Header::Fresh,
        }
    }

    /// True if it reads as what it was, or as something newer.
    fn is_at_least(self, before: Stable) -> bool {
        let [is, was] = [self, before].map(|it| read(it.data, it.header));
        match (is, was) {
            (
                Value::Proven { version, .. },
                Value::Proven {
                    version: promised, ..
                },
            ) if is != was => version > promised,
            _ => is == was,
        }
    }
}

/// What a write would make of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Page {
    Data(BlockIndex, Data),
    /// The headers that differ from the stable ones.
    Headers(Vec<(BlockIndex, Header)>),
}

/// A version of a page that is not stable: queued or cached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    number: CommandNumber,
    /// Tells the page's contents apart.
    id: Bytes64,
    page: Page,
}

/// What a data device may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DataImages {
    geometry: Geometry,
    medium: Medium<()>,
    /// Blocks that are not pristine.
    stable: OrdMap<BlockIndex, Stable>,
    /// Pages with a version that is not stable.
    open: OrdMap<PageIndex, Arc<Vec<Version>>>,
    /// What flushes that lied have left in the cache. It counts as stable, for nobody can
    /// know better, until a loss takes it.
    lies: Lies,
}

/// What a device was told to make stable, said it had, and did not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Lies {
    /// The next command to leave the queue is such a flush.
    is_next: bool,
    /// The pages, as long as they are in the cache.
    pages: OrdSet<PageIndex>,
    /// Blocks that were lost with such pages, until somebody asks.
    lapsed: Vec<BlockIndex>,
}

impl DataImages {
    /// Reads a device at rest.
    pub(super) fn new(device: &Device, geometry: Geometry) -> Self {
        let mut images = DataImages {
            geometry,
            medium: Medium::new(device),
            stable: OrdMap::new(),
            open: OrdMap::new(),
            lies: Lies::default(),
        };
        for page in 1..=geometry.header_pages() {
            let headers = &lasting(device, PageIndex(page));
            if is_zero(headers) {
                continue;
            }
            for (block, bytes) in images.headers_in(PageIndex(page), headers) {
                let header = Header::of(block, bytes);
                if header != Header::Fresh {
                    let data = Data::of(&lasting(device, geometry.data_page(block)));
                    images.stable.insert(block, Stable { data, header });
                }
            }
        }
        images
    }

    /// Blocks that were ever written here.
    pub(super) fn blocks(&self) -> impl Iterator<Item = BlockIndex> {
        self.stable.keys().copied()
    }

    /// Every block that there is room for.
    pub(super) fn volume(&self) -> impl Iterator<Item = BlockIndex> + use<> {
        (0..self.geometry.blocks).map(BlockIndex::new)
    }

    /// True if a power loss would leave one content.
    pub(super) fn is_at_rest(&self) -> bool {
        self.medium.is_at_rest()
    }

    /// Adds every value that the block may have here.
    pub(super) fn add_values(&self, block: BlockIndex, values: &mut Candidates) {
        let Stable { data, header } = self.stable_of(block);
        values.add(read(data, header));
        if self.open.is_empty() {
            return;
        }
        let data_versions = self.open.get(&self.geometry.data_page(block));
        let header_versions = self.open.get(&self.geometry.header_page(block));
        let datas = data_versions
            .into_iter()
            .flat_map(|versions| versions.iter());
        let datas = datas.filter_map(|version| match &version.page {
            Page::Data(_, data) => Some(*data),
            Page::Headers(_) => None,
        });
        for data in datas.chain([data]) {
            values.add(read(data, header));
            let versions = header_versions
                .into_iter()
                .flat_map(|versions| versions.iter());
            for version in versions {
                if let Page::Headers(changes) = &version.page
                    && let Some(header) = find(changes, block)
                {
                    values.add(read(data, header));
                }
            }
        }
    }

    /// Takes note of a write in the queue, and of the blocks it may change.
    pub(super) fn submitted_write(
        &mut self,
        number: CommandNumber,
        (start, pages): (PageIndex, &[Payload]),
        persistence: Persistence,
        device: &Device,
        touched: &mut Vec<BlockIndex>,
    ) {
        let count = pages.len() as u64;
        self.medium
            .submit_write(number, (start, count), persistence, ());
        for (content, index) in pages.iter().zip(0..) {
            let (content, place) = (&content.filled_up(PAGE_BYTES), start.plus(index));
            let Some(page) = self.page(place, content, &lasting(device, place)) else {
                continue;
            };
            match &page {
                Page::Data(block, _) => touched.push(*block),
                Page::Headers(changes) => touched.extend(changes.iter().map(|(block, _)| *block)),
            }
            let id = match &page {
                Page::Data(_, data) => data.bytes,
                Page::Headers(_) => Bytes64::of_payload(content),
            };
            let version = Version { number, id, page };
            let versions = self.open.entry(place).or_default();
            Arc::make_mut(versions).push(version);
        }
    }

    /// Takes note of a flush in the queue.
    pub(super) fn submitted_flush(&mut self, number: CommandNumber) {
        self.medium.submit_flush(number);
    }

    /// Takes note of a preempt in the queue.
    pub(super) fn submitted_preempt(&mut self, number: CommandNumber) {
        self.medium.submit_preempt(number);
    }

    /// The next command to leave the queue is a flush that lies.
    pub(super) fn lied(&mut self) {
        self.lies.is_next = true;
    }

    /// Blocks that a loss of power took although a flush had covered them, as it said;
    /// each is told once.
    pub(super) fn take_lapsed(&mut self) -> Vec<BlockIndex> {
        std::mem::take(&mut self.lies.lapsed)
    }

    /// A command left the queue. True if others may have left with it.
    pub(super) fn executed(
        &mut self,
        number: CommandNumber,
        succeeded: bool,
        device: &Device,
    ) -> bool {
        let mut fates = Vec::new();
        let is_lie = std::mem::take(&mut self.lies.is_next);
        let counts = succeeded || is_lie;
        let ended = self.medium.execute(number, counts, &mut fates);
        if is_lie {
            let covered = fates.iter().map(|fate| match *fate {
                Fate::Dropped(_, page, ()) | Fate::Stable(_, page, ()) => page,
            });
            self.lies.pages.extend(covered);
        }
        self.lies.pages = cached_of(&self.lies.pages, device);
        match ended {
            Ended::Done => {}
            Ended::Undone(write) => {
                for index in 0..write.count {
                    self.take_version(number, write.start.plus(index));
                }
            }
            Ended::Preempted => return true,
        }
        for fate in fates {
            match fate {
                Fate::Dropped(number, page, ()) => {
                    self.take_version(number, page);
                }
                Fate::Stable(number, page, ()) => {
                    if let Some(version) = self.take_version(number, page) {
                        self.make_stable(page, version.page);
                    }
                }
            }
        }
        false
    }

    /// Power was lost, or commands were aborted: asks the device what is left of
    /// every page that was not certain.
    pub(super) fn settled(&mut self, device: &Device, touched: &mut Vec<BlockIndex>) {
        let open = std::mem::take(&mut self.open);
        self.medium.settle(device, |cached, content| {
            let versions = open.get(&cached.page).into_iter();
            let mut versions = versions.flat_map(|versions| versions.iter());
            let version = versions.find(|version| version.number == cached.number);
            version.is_some_and(|version| version.id == Bytes64::of_payload(content))
        });
        let left = cached_of(&self.lies.pages, device);
        let gone = std::mem::replace(&mut self.lies.pages, left.clone());
        let gone: Vec<_> = gone.relative_complement(left).into_iter().collect();
        let promised = gone.iter().flat_map(|page| self.blocks_of(*page));
        // A block may stand on both of its pages.
        let promised: BTreeMap<_, _> = promised
            .map(|block| (block, self.stable_of(block)))
            .collect();
        for page in gone.into_iter().filter(|page| !open.contains_key(page)) {
            self.settle_page(page, device);
        }
        for (place, versions) in open {
            for version in versions.iter() {
                match &version.page {
                    Page::Data(block, _) => touched.push(*block),
                    Page::Headers(changes) => {
                        touched.extend(changes.iter().map(|(block, _)| *block));
                    }
                }
            }
            self.settle_page(place, device);
        }
        for (block, before) in promised {
            if !self.stable_of(block).is_at_least(before) {
                self.lies.lapsed.push(block);
                touched.push(block);
            }
        }
    }

    /// The blocks that a page stands for.
    fn blocks_of(&self, page: PageIndex) -> impl Iterator<Item = BlockIndex> + use<> {
        blocks_of(page, &self.geometry)
    }

    fn settle_page(&mut self, place: PageIndex, device: &Device) {
        let contents = possible(device, place);
        let is_here = |cached: &&Cached<()>| cached.page == place;
        let cached = self.medium.cached().filter(is_here);
        let numbers: Vec<_> = cached.map(|cached| cached.number).collect();
        // What lies have left in the cache counts as stable: the newest of it, if any.
        let lied = match self.lies.pages.contains(&place) {
            true => {
                let in_cache = device.cached().filter(|(page, _)| *page == place);
                in_cache.count().saturating_sub(numbers.len())
            }
            false => 0,
        };
        let (known, open) = contents.split_at(1 + lied);
        let Some(stable) = known.last() else { return };
        match self.page(place, stable, stable) {
            Some(page @ Page::Data(..)) => self.make_stable(place, page),
            Some(Page::Headers(_)) => self.reload_headers(place, stable, device),
            None => return,
        }
        let queued = self.medium.queued_writes();
        let queued = queued.filter(|write| write.covers(place));
        let queued = queued.map(|write| write.number);
        let versions: Vec<_> = numbers
            .into_iter()
            .chain(queued)
            .zip(open)
            .filter_map(|(number, content)| {
                let page = self.page(place, content, stable)?;
                let id = Bytes64::of_payload(content);
                Some(Version { number, id, page })
            })
            .collect();
        if !versions.is_empty() {
            self.open.insert(place, Arc::new(versions));
        }
    }

    fn reload_headers(&mut self, place: PageIndex, content: &Payload, device: &Device) {
        for (block, bytes) in self.headers_in(place, content) {
            let header = Header::of(block, bytes);
            let mut stable = self.stable_of(block);
            if stable.header != header {
                stable = Stable {
                    header,
                    data: Data::of(&lasting(device, self.geometry.data_page(block))),
                };
                self.stable.insert(block, stable);
            }
        }
    }

    fn stable_of(&self, block: BlockIndex) -> Stable {
        self.stable
            .get(&block)
            .copied()
            .unwrap_or_else(Stable::pristine)
    }

    /// What a content makes of a page; nothing outside headers and data.
    fn page(&self, place: PageIndex, content: &Payload, stable: &Payload) -> Option<Page> {
        let first_data = self.geometry.data_page(BlockIndex::new(0)).0;
        match place.0.checked_sub(first_data) {
            Some(block) if block < self.geometry.blocks => {
                Some(Page::Data(BlockIndex::new(block), Data::of(content)))
            }
            Some(_) => None,
            None if place.0 == 0 => None,
            None => {
                let changes = self
                    .headers_in(place, content)
                    .zip(stable.chunks_exact(BLOCK_HEADER_BYTES))
                    .filter(|((_, new), old)| new != old)
                    .map(|((block, new), _)| (block, Header::of(block, new)));
                Some(Page::Headers(changes.collect()))
            }
        }
    }

    /// The blocks of a header page with the bytes of their headers.
    fn headers_in<'a>(
        &self,
        page: PageIndex,
        content: &'a Payload,
    ) -> impl Iterator<Item = (BlockIndex, &'a [u8])> + use<'a> {
        let (first, blocks) = ((page.0 - 1) * HEADERS_PER_PAGE, self.geometry.blocks);
        let headers = content.chunks_exact(BLOCK_HEADER_BYTES);
        (first..blocks).map(BlockIndex::new).zip(headers)
    }

    fn take_version(&mut self, number: CommandNumber, page: PageIndex) -> Option<Version> {
        let versions = Arc::make_mut(self.open.get_mut(&page)?);
        let place = versions
            .iter()
            .position(|version| version.number == number)?;
        let version = versions.remove(place);
        if versions.is_empty() {
            self.open.remove(&page);
        }
        Some(version)
    }

    fn make_stable(&mut self, place: PageIndex, page: Page) {
        match page {
            Page::Data(block, data) => {
                let stable = self.stable_of(block);
                self.stable.insert(block, Stable { data, ..stable });
            }
            Page::Headers(changes) => {
                let old: Vec<_> = changes
                    .iter()
                    .map(|(block, _)| (*block, self.stable_of(*block).header))
                    .collect();
                for (block, header) in &changes {
                    let stable = self.stable_of(*block);
                    self.stable.insert(
                        *block,
                        Stable {
                            header: *header,
                            ..stable
                        },
                    );
                }
                self.rebase(place, &old, &changes);
            }
        }
    }

    /// The other versions of a header page now differ from another stable one.
    fn rebase(
        &mut self,
        place: PageIndex,
        old: &[(BlockIndex, Header)],
        new: &[(BlockIndex, Header)],
    ) {
        let Some(versions) = self.open.get_mut(&place) else {
            return;
        };
        for version in Arc::make_mut(versions) {
            let Page::Headers(changes) = &mut version.page else {
                continue;
            };
            for ((block, was), (_, is)) in old.iter().zip(new) {
                match changes.binary_search_by_key(block, |(block, _)| *block) {
                    Ok(at) if changes[at].1 == *is => {
                        changes.remove(at);
                    }
                    Ok(_) => {}
                    Err(at) => changes.insert(at, (*block, *was)),
                }
            }
        }
    }
}

/// Those of some pages that a device's cache holds.
fn cached_of(pages: &OrdSet<PageIndex>, device: &Device) -> OrdSet<PageIndex> {
    if pages.is_empty() {
        return OrdSet::new();
    }
    let cached = device.cached().map(|(page, _)| page);
    cached.filter(|page| pages.contains(page)).collect()
}

/// The blocks that a page of a data device stands for: its own, or those whose headers it
/// holds.
pub(super) fn blocks_of(
    page: PageIndex,
    geometry: &Geometry,
) -> impl Iterator<Item = BlockIndex> + use<> {
    let first = geometry.data_page(BlockIndex::new(0)).0;
    let blocks = match page.0.checked_sub(first) {
        Some(block) => block..block + 1,
        None => {
            let start = page.0.saturating_sub(1) * HEADERS_PER_PAGE;
            start..start + HEADERS_PER_PAGE
        }
    };
    let count = geometry.blocks;
    blocks
        .filter(move |block| *block < count)
        .map(BlockIndex::new)
}

fn find(changes: &[(BlockIndex, Header)], block: BlockIndex) -> Option<Header> {
    let at = changes
        .binary_search_by_key(&block, |(block, _)| *block)
        .ok()?;
    Some(changes[at].1)
}
