//! A perfect device: its reservation is checked, and nothing else can go wrong.

use super::*;

/// A device that loses nothing and executes when it is told to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) pages: BTreeMap<u64, Payload>,
    pub(crate) holder: Option<ReservationKey>,
}

impl Disk {
    pub(crate) fn execute(&mut self, submission: &Submission) -> Result<IoOutput, IoError> {
        let mailbox = GEOMETRY.mailbox_start();
        let is_mail = |start: PageIndex| submission.device == JOURNAL && start >= mailbox;
        let is_exempt = match &submission.request {
            IoRequest::ReadReservation | IoRequest::Preempt { .. } => true,
            IoRequest::Read { start, .. } | IoRequest::Write { start, .. } => is_mail(*start),
            IoRequest::Flush => false,
        };
        if !is_exempt && self.holder.is_some_and(|holder| holder != submission.key) {
            return Err(IoError::ReservationConflict);
        }
        match &submission.request {
            IoRequest::Read { start, count } => {
                let zeroes = Payload::from_static(&[0; PAGE_BYTES]);
                let page = |page| self.pages.get(&page).unwrap_or(&zeroes).clone();
                let pages = start.0..start.0 + u64::from(*count);
                Ok(IoOutput::Pages(pages.map(page).collect()))
            }
            IoRequest::Write { start, pages, .. } => {
                for (place, page) in (start.0..).zip(pages) {
                    self.pages.insert(place, page.filled_up(PAGE_BYTES));
                }
                Ok(IoOutput::Done)
            }
            IoRequest::Flush => Ok(IoOutput::Done),
            IoRequest::ReadReservation => Ok(IoOutput::Reservation(self.holder)),
            IoRequest::Preempt { observed } if self.holder == *observed => {
                self.holder = Some(submission.key);
                Ok(IoOutput::Done)
            }
            IoRequest::Preempt { .. } => Err(IoError::ReservationConflict),
        }
    }
}
