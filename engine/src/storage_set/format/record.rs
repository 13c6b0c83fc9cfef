//! The journal record: a head in whole pages, then the payload's own pages.
//!
//! ```text
//! 0   envelope  20 bytes  kind = which entry, body = the payload
//! 20  lsn       u64
//! 28  key       u64, u32  HA epoch, node
//! 40  previous  u32       checksum of the record before
//! 44  durable   u64       the last record that was durable when this one was written
//! 52  page      u64       its own page in the ring
//! 60  entry               its values; zeroes to the end of the page
//!     payload             whole pages, slices of the command's own buffer
//! ```
//!
//! The envelope's checksum is the record's: the next record repeats it.

use super::super::record::{Entry, Mark, Mode, Perform, Record, Route};
use super::{check_padding, check_pages, into_pages, pages_of};
use crate::codec::envelope::{ENVELOPE_BYTES, Envelope, Format, seal};
use crate::codec::payload::{Gather, get_content, join, put_content};
use crate::codec::{Coded, coded_enum, coded_struct, finish, get_many, put_many};
use crate::contract::{PAGE_BYTES, ReservationKey};
use crate::payload::Payload;
use crate::vocabulary::{Lsn, Outcome};
use crate::wire::{DecodeError, MESSAGE_BLOCKS_MAX};

const FORMAT: Format = Format {
    magic: *b"SGJR",
    // 5: reigns begin and end. 6: volumes grow.
    version: 6,
};

/// Bytes of a record's head at most. The longest is a copy's: a result takes 26
/// bytes at most, so there is room for 10,000, over twice 64 clients' windows of 64.
pub const RECORD_HEAD_MAX: usize = 64 * PAGE_BYTES;

/// Room that holds nearly every head, so that it is allocated once.
const HEAD_ROOM: usize = 192;

/// Bytes before an entry's own values.
const HEAD_BYTES: usize = 60;

/// Marks that a mark's record may clear at most, and still take one page: 52 bytes
/// of its own, 12 of watermark, 4 of count, 12 for each, 1 of route.
pub const CLEARS_MAX: u32 = 330;

const _: () = assert!(
    HEAD_BYTES + 52 + 12 + 4 + 12 * (CLEARS_MAX as usize) < PAGE_BYTES,
    "a mark takes one page"
);

/// Pages of a copy of so many blocks with so many results; `None` if its head is
/// longer than a head may be.
pub fn copy_pages_max(results: u64, blocks: u64) -> Option<u64> {
    let fixed = HEAD_BYTES as u64 + 8 + 12 + 1 + 4 + 1;
    let head = results.checked_mul(26)?.checked_add(fixed + 8 * blocks)?;
    let fits = head <= RECORD_HEAD_MAX as u64;
    fits.then(|| head.div_ceil(PAGE_BYTES as u64) + blocks)
}

const MARK: u8 = 1;
const PERFORM: u8 = 2;
const FAIL: u8 = 3;
const CLEAR: u8 = 4;
const SESSION: u8 = 5;
const FENCE: u8 = 6;
const COPY: u8 = 7;
const DIRTY: u8 = 8;
const FINISH: u8 = 9;
const REPAIR: u8 = 10;
const LOST: u8 = 11;
const ACTIVATE: u8 = 12;
const HAND_OFF: u8 = 13;
const STAND_DOWN: u8 = 14;
const GROW: u8 = 15;

coded_enum!(Mode, "mode" { InSync = 1, OosPending = 2, OutOfSync = 3, Resync = 4 });
coded_enum!(Route, "route" { Replicated = 1, LocalOnly = 2 });
coded_struct!(Mark {
    command,
    sequence,
    range,
    checksum,
    session
});

/// Encodes a record into pages and returns its checksum.
pub fn encode_record(record: &Record) -> (Vec<Payload>, u32) {
    let (mut head, payload) = put_record(record, HEAD_ROOM);
    let checksum = seal(&mut head, &payload);
    let payload_bytes: usize = payload.iter().map(|piece| piece.len()).sum();
    let mut pages = into_pages(head, payload_bytes / PAGE_BYTES);
    for piece in &payload {
        assert!(
            piece.len().is_multiple_of(PAGE_BYTES),
            "payload is whole pages"
        );
        pages.extend(pages_of(piece));
    }
    (pages, checksum)
}

/// Pages that the record will take.
pub fn record_pages(record: &Record) -> u64 {
    let (head, payload) = put_record(record, 0);
    let payload_bytes: usize = payload.iter().map(|piece| piece.len()).sum();
    pages_for(head.len()) + pages_for(payload_bytes)
}

/// Length in pages of the record that starts in this page, and its lsn, if it
/// looks like one. Its checksum is not judged: most of it stands elsewhere.
pub fn peek_record(page: &[u8]) -> Result<(u64, Lsn), DecodeError> {
    let envelope = peek_bounded(page)?;
    let mut input = page.get(ENVELOPE_BYTES..).ok_or(DecodeError::Truncated)?;
    let lsn = Coded::get(&mut input)?;
    let head_pages = pages_for(envelope.head_bytes as usize);
    Ok((head_pages + pages_for(envelope.body_bytes as usize), lsn))
}

/// Decodes a record from its pages, no more and no fewer, and returns its
/// checksum.
pub fn decode_record(pages: &[Payload]) -> Result<(Record, u32), DecodeError> {
    let first = pages.first().ok_or(DecodeError::Truncated)?;
    let head_bytes = peek_bounded(first)?.head_bytes as usize;
    check_pages(pages, head_bytes)?;
    let (head_pages, payload_pages) = pages
        .split_at_checked(head_bytes.div_ceil(PAGE_BYTES))
        .ok_or(DecodeError::Truncated)?;
    let joined;
    let head = match head_pages {
        [page] => page,
        pages => {
            joined = join(pages);
            &joined
        }
    };
    let (head, padding) = head
        .split_at_checked(head_bytes)
        .ok_or(DecodeError::Truncated)?;
    let (envelope, mut input) = FORMAT.open(head, payload_pages)?;
    check_padding(padding)?;

    let input = &mut input;
    let mut payload = Gather::new(payload_pages);
    let record = Record {
        lsn: Coded::get(input)?,
        key: ReservationKey::get(input)?,
        previous: Coded::get(input)?,
        durable: Coded::get(input)?,
        page: Coded::get(input)?,
        entry: get_entry(envelope.kind, input, &mut payload)?,
    };
    finish(input)?;
    payload.finish()?;
    Ok((record, envelope.checksum))
}

fn pages_for(bytes: usize) -> u64 {
    bytes.div_ceil(PAGE_BYTES) as u64
}

/// The envelope of a record whose lengths a record can have.
fn peek_bounded(page: &[u8]) -> Result<Envelope, DecodeError> {
    let envelope = FORMAT.peek(page)?;
    let (head_bytes, body_bytes) = (envelope.head_bytes as usize, envelope.body_bytes as usize);
    if !(ENVELOPE_BYTES..=RECORD_HEAD_MAX).contains(&head_bytes) {
        return Err(DecodeError::Field("record head length"));
    }
    let is_whole = body_bytes.is_multiple_of(PAGE_BYTES);
    if !is_whole || body_bytes > MESSAGE_BLOCKS_MAX as usize * PAGE_BYTES {
        return Err(DecodeError::Field("payload length"));
    }
    Ok(envelope)
}

/// The unsealed head, with room for so many bytes, and the payload.
fn put_record(record: &Record, room: usize) -> (Vec<u8>, Vec<Payload>) {
    let mut head = FORMAT.begin_with_room(entry_kind(&record.entry), room);
    let mut payload = Vec::new();
    record.lsn.put(&mut head);
    record.key.put(&mut head);
    record.previous.put(&mut head);
    record.durable.put(&mut head);
    record.page.put(&mut head);
    put_entry(&record.entry, &mut head, &mut payload);
    assert!(
        head.len() <= RECORD_HEAD_MAX,
        "a record's head of {} bytes",
        head.len()
    );
    (head, payload)
}

fn entry_kind(entry: &Entry) -> u8 {
    match entry {
        Entry::Mark { .. } => MARK,
        Entry::Perform(_) => PERFORM,
        Entry::Fail { .. } => FAIL,
        Entry::Clear { .. } => CLEAR,
        Entry::Session { .. } => SESSION,
        Entry::Fence { .. } => FENCE,
        Entry::Copy { .. } => COPY,
        Entry::Dirty { .. } => DIRTY,
        Entry::Finish => FINISH,
        Entry::Repair { .. } => REPAIR,
        Entry::Lost => LOST,
        Entry::Activate { .. } => ACTIVATE,
        Entry::HandOff { .. } => HAND_OFF,
        Entry::StandDown { .. } => STAND_DOWN,
        Entry::Grow { .. } => GROW,
    }
}

fn put_entry(entry: &Entry, out: &mut Vec<u8>, payload: &mut Vec<Payload>) {
    match entry {
        Entry::Mark {
            mark,
            watermark,
            clears,
            route,
        } => {
            mark.put(out);
            watermark.put(out);
            clears.put(out);
            route.put(out);
        }
        Entry::Perform(perform) => put_perform(perform, out, payload),
        Entry::Fail {
            command,
            range,
            watermark,
        } => {
            command.put(out);
            range.put(out);
            watermark.put(out);
        }
        Entry::Clear { clears } => clears.put(out),
        Entry::Session { session, mode } => {
            session.put(out);
            mode.put(out);
        }
        Entry::Fence {
            session,
            watermarks,
            resync,
            blocks,
        } => {
            session.put(out);
            watermarks.put(out);
            resync.put(out);
            blocks.put(out);
        }
        Entry::Copy {
            copy,
            range,
            content,
            versions,
            results,
            differed,
        } => {
            copy.put(out);
            range.put(out);
            put_content(content, *range, out, payload);
            put_many(range.count(), versions, out);
            results.put(out);
            differed.put(out);
        }
        Entry::Dirty {
            set,
            clear,
            rolled_back,
        } => {
            set.put(out);
            clear.put(out);
            rolled_back.put(out);
        }
        Entry::Activate {
            session,
            mode,
            forced,
        } => {
            session.put(out);
            mode.put(out);
            forced.put(out);
        }
        Entry::HandOff { version } => version.put(out),
        Entry::StandDown { consistency } => consistency.put(out),
        Entry::Finish | Entry::Lost => {}
        Entry::Grow { blocks } => blocks.put(out),
        Entry::Repair {
            range,
            content,
            versions,
            verdict,
        } => {
            range.put(out);
            put_content(content, *range, out, payload);
            put_many(range.count(), versions, out);
            verdict.put(out);
        }
    }
}

fn get_entry(kind: u8, input: &mut &[u8], payload: &mut Gather<'_>) -> Result<Entry, DecodeError> {
    Ok(match kind {
        MARK => Entry::Mark {
            mark: Coded::get(input)?,
            watermark: Coded::get(input)?,
            clears: Coded::get(input)?,
            route: Coded::get(input)?,
        },
        PERFORM => Entry::Perform(get_perform(input, payload)?),
        FAIL => Entry::Fail {
            command: Coded::get(input)?,
            range: Coded::get(input)?,
            watermark: Coded::get(input)?,
        },
        CLEAR => Entry::Clear {
            clears: Coded::get(input)?,
        },
        SESSION => Entry::Session {
            session: Coded::get(input)?,
            mode: Coded::get(input)?,
        },
        FENCE => Entry::Fence {
            session: Coded::get(input)?,
            watermarks: Coded::get(input)?,
            resync: Coded::get(input)?,
            blocks: Coded::get(input)?,
        },
        COPY => {
            let copy = Coded::get(input)?;
            let range = Coded::get(input)?;
            Entry::Copy {
                copy,
                range,
                content: get_content(range, input, payload)?,
                versions: get_many(range.count(), input)?,
                results: Coded::get(input)?,
                differed: Coded::get(input)?,
            }
        }
        DIRTY => Entry::Dirty {
            set: Coded::get(input)?,
            clear: Coded::get(input)?,
            rolled_back: Coded::get(input)?,
        },
        ACTIVATE => Entry::Activate {
            session: Coded::get(input)?,
            mode: Coded::get(input)?,
            forced: Coded::get(input)?,
        },
        HAND_OFF => Entry::HandOff {
            version: Coded::get(input)?,
        },
        STAND_DOWN => Entry::StandDown {
            consistency: Coded::get(input)?,
        },
        FINISH => Entry::Finish,
        REPAIR => {
            let range = Coded::get(input)?;
            Entry::Repair {
                range,
                content: get_content(range, input, payload)?,
                versions: get_many(range.count(), input)?,
                verdict: Coded::get(input)?,
            }
        }
        LOST => Entry::Lost,
        GROW => Entry::Grow {
            blocks: Coded::get(input)?,
        },
        _ => return Err(DecodeError::Field("entry kind")),
    })
}

fn put_perform(perform: &Perform, out: &mut Vec<u8>, payload: &mut Vec<Payload>) {
    assert_ne!(
        perform.outcome,
        Outcome::Failed,
        "a failure has an entry of its own"
    );
    perform.command.put(out);
    perform.sequence.put(out);
    perform.range.put(out);
    put_content(&perform.content, perform.range, out, payload);
    perform.outcome.put(out);
    perform.session.put(out);
    perform.watermark.put(out);
}

fn get_perform(input: &mut &[u8], payload: &mut Gather<'_>) -> Result<Perform, DecodeError> {
    let command = Coded::get(input)?;
    let sequence = Coded::get(input)?;
    let range = Coded::get(input)?;
    let content = get_content(range, input, payload)?;
    let outcome = Coded::get(input)?;
    if outcome == Outcome::Failed {
        return Err(DecodeError::Field("outcome"));
    }
    let session = Coded::get(input)?;
    let watermark = Coded::get(input)?;
    Ok(Perform {
        command,
        sequence,
        range,
        content,
        outcome,
        session,
        watermark,
    })
}
