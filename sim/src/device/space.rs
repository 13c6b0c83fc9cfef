//! A device that runs out of space, as a thin one does: a page of zeros takes none, if
//! nothing of it is cached; so what was written once can be written again.

use stormglass_engine::contract::{IoError, IoRequest, PageIndex};

use super::{Device, PageRange, touched};

impl Device {
    /// From now on, a write to a page in this range that takes no space yet is refused
    /// with [`IoError::Full`], whatever else it writes.
    pub fn fill_up(&mut self, pages: PageRange) {
        assert!(self.whole().contains(pages), "beyond the device's end");
        self.trouble.full = Some(pages);
    }

    /// Where it has no more space.
    pub fn full(&self) -> Option<PageRange> {
        self.trouble.full
    }

    /// There is space again. False if there was.
    pub fn make_room(&mut self) -> bool {
        self.trouble.full.is_some() && self.trouble.full.take().is_some()
    }

    /// Whether there is space for a write.
    #[inline]
    pub(super) fn check_space(&self, request: &IoRequest) -> Result<(), IoError> {
        match self.trouble.full {
            None => Ok(()),
            Some(full) => self.check_in(full, request),
        }
    }

    #[cold]
    fn check_in(&self, full: PageRange, request: &IoRequest) -> Result<(), IoError> {
        let IoRequest::Write { .. } = request else {
            return Ok(());
        };
        let named = touched(request).into_iter();
        let mut pages = named.flat_map(|it| (0..it.count).map(move |index| it.start.plus(index)));
        let is_refused = |page: PageIndex| {
            let count = 1;
            let has_space = !full.meets(PageRange { start: page, count });
            !has_space && self.shown(page).is_none() && self.stable.is_zero(page)
        };
        match pages.any(is_refused) {
            true => Err(IoError::Full),
            false => Ok(()),
        }
    }
}
