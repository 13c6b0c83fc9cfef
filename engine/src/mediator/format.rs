//! Bytes of a record on the mediator's device: one page, envelope first.

use serde::{Deserialize, Serialize};

use super::DEVICE_PAGES;
use crate::codec::envelope::{Format, seal};
use crate::codec::{Coded, coded_struct, finish};
use crate::contract::{PAGE_BYTES, PageIndex};
use crate::payload::Payload;
use crate::vocabulary::VolumeId;
use crate::wire::DecodeError;
use crate::wire::mediator::MediatorRecord;

const FORMAT: Format = Format {
    magic: *b"SGMR",
    version: 1,
};

/// A volume's record as it stands on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RecordPage {
    /// The volume.
    pub volume: VolumeId,
    /// Its record.
    pub record: MediatorRecord,
}

coded_struct!(RecordPage { volume, record });

impl RecordPage {
    /// Its page among those of its volume: versions alternate, so that writing one spares
    /// the one before it.
    pub fn place(&self) -> PageIndex {
        PageIndex(self.record.version.value() % DEVICE_PAGES)
    }
}

/// Encodes a record into its page.
pub fn encode_page(page: &RecordPage) -> Payload {
    let mut head = FORMAT.begin(0);
    page.put(&mut head);
    seal(&mut head, &[]);
    assert!(head.len() <= PAGE_BYTES, "a record fits its page");
    head.resize(PAGE_BYTES, 0);
    head.into()
}

/// Decodes a page.
pub fn decode_page(page: &[u8]) -> Result<RecordPage, DecodeError> {
    if page.len() != PAGE_BYTES {
        return Err(DecodeError::Field("page length"));
    }
    let envelope = FORMAT.peek(page)?;
    let (head, padding) = page
        .split_at_checked(envelope.head_bytes as usize)
        .ok_or(DecodeError::Truncated)?;
    let mut input = FORMAT.open_only(head)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(DecodeError::Field("padding"));
    }
    let found = RecordPage::get(&mut input)?;
    finish(input)?;
    Ok(found)
}
