//! Bytes between clients and N-modules.

#[cfg(test)]
mod tests;

use super::{ClientReply, ClientRequest, CommandFrame, DecodeError, MESSAGE_BLOCKS_MAX, kind};
use crate::codec::envelope::{Format, open_frame, seal_frame};
use crate::codec::payload::{Gather, get_payload, join, put_payload};
use crate::codec::{Coded, coded_enum, finish};
use crate::contract::Frame;
use crate::payload::Payload;
use crate::vocabulary::{BLOCK_BYTES, Command, RefusedReason, Status, UnknownReason};

const FORMAT: Format = Format {
    magic: *b"SGCL",
    version: 1,
};

/// Encodes a request. Written data becomes the body by reference; the two
/// buffers of a compare-and-write are joined, `expected` first.
pub fn encode_request(request: &ClientRequest) -> Frame {
    match request {
        ClientRequest::Connect {
            client,
            volume,
            attempt,
        } => {
            let mut head = FORMAT.begin(kind::CONNECT.0);
            client.put(&mut head);
            volume.put(&mut head);
            attempt.put(&mut head);
            seal_frame(head, Payload::new())
        }
        ClientRequest::Command(frame) => {
            let mut head = FORMAT.begin(kind::COMMAND.0);
            frame.id.put(&mut head);
            frame.volume.put(&mut head);
            frame.attempt.put(&mut head);
            frame.ticket.put(&mut head);
            frame.watermark.put(&mut head);
            let body = put_command(&frame.command, &mut head);
            seal_frame(head, body)
        }
    }
}

/// Decodes a request; payload shares the frame's body.
pub fn decode_request(frame: &Frame) -> Result<ClientRequest, DecodeError> {
    let (kind, mut input) = open_frame(FORMAT, frame)?;
    let input = &mut input;
    let mut payload = Gather::new(std::slice::from_ref(&frame.body));
    let request = match kind {
        kind::CONNECT => ClientRequest::Connect {
            client: Coded::get(input)?,
            volume: Coded::get(input)?,
            attempt: Coded::get(input)?,
        },
        kind::COMMAND => {
            let frame = CommandFrame {
                id: Coded::get(input)?,
                volume: Coded::get(input)?,
                attempt: Coded::get(input)?,
                ticket: Coded::get(input)?,
                watermark: Coded::get(input)?,
                command: get_command(input, &mut payload)?,
            };
            // Who asks about an id does not know its outcome.
            if !(1..=frame.id.counter).contains(&frame.watermark) {
                return Err(DecodeError::Field("watermark"));
            }
            ClientRequest::Command(frame)
        }
        _ => return Err(DecodeError::Field("kind")),
    };
    finish(input)?;
    payload.finish()?;
    Ok(request)
}

/// Encodes a reply. Data that was read becomes the body by reference.
pub fn encode_reply(reply: &ClientReply) -> Frame {
    match reply {
        ClientReply::Connected {
            client,
            attempt,
            ticket,
        } => {
            let mut head = FORMAT.begin(kind::CONNECTED.0);
            client.put(&mut head);
            attempt.put(&mut head);
            ticket.put(&mut head);
            seal_frame(head, Payload::new())
        }
        ClientReply::Retrying {
            id,
            attempt,
            ticket,
        } => {
            let mut head = FORMAT.begin(kind::RETRYING.0);
            id.put(&mut head);
            attempt.put(&mut head);
            ticket.put(&mut head);
            seal_frame(head, Payload::new())
        }
        ClientReply::Elsewhere { id, attempt } => {
            let mut head = FORMAT.begin(kind::ELSEWHERE.0);
            id.put(&mut head);
            attempt.put(&mut head);
            seal_frame(head, Payload::new())
        }
        ClientReply::Answer {
            id,
            attempt,
            ticket,
            status,
        } => {
            let mut head = FORMAT.begin(kind::ANSWER.0);
            id.put(&mut head);
            attempt.put(&mut head);
            ticket.put(&mut head);
            let body = put_status(status, &mut head);
            seal_frame(head, body)
        }
    }
}

/// Decodes a reply; data shares the frame's body.
pub fn decode_reply(frame: &Frame) -> Result<ClientReply, DecodeError> {
    let (kind, mut input) = open_frame(FORMAT, frame)?;
    let input = &mut input;
    let mut payload = Gather::new(std::slice::from_ref(&frame.body));
    let reply = match kind {
        kind::CONNECTED => ClientReply::Connected {
            client: Coded::get(input)?,
            attempt: Coded::get(input)?,
            ticket: Coded::get(input)?,
        },
        kind::RETRYING => ClientReply::Retrying {
            id: Coded::get(input)?,
            attempt: Coded::get(input)?,
            ticket: Coded::get(input)?,
        },
        kind::ELSEWHERE => ClientReply::Elsewhere {
            id: Coded::get(input)?,
            attempt: Coded::get(input)?,
        },
        kind::ANSWER => ClientReply::Answer {
            id: Coded::get(input)?,
            attempt: Coded::get(input)?,
            ticket: Coded::get(input)?,
            status: get_status(input, &mut payload)?,
        },
        _ => return Err(DecodeError::Field("kind")),
    };
    finish(input)?;
    payload.finish()?;
    Ok(reply)
}

const READ: u8 = 1;
const WRITE: u8 = 2;
const WRITE_ZEROES: u8 = 3;
const COMPARE_AND_WRITE: u8 = 4;
const FLUSH: u8 = 5;
const RETRY: u8 = 6;

/// Appends a command and returns its payload.
fn put_command(command: &Command, out: &mut Vec<u8>) -> Payload {
    let mut payload = Vec::new();
    match command {
        Command::Read(range) => {
            READ.put(out);
            range.put(out);
        }
        Command::Write(range, data) => {
            WRITE.put(out);
            range.put(out);
            put_payload(*range, data, &mut payload);
        }
        Command::WriteZeroes(range) => {
            WRITE_ZEROES.put(out);
            range.put(out);
        }
        Command::CompareAndWrite {
            range,
            expected,
            data,
        } => {
            COMPARE_AND_WRITE.put(out);
            range.put(out);
            put_payload(*range, expected, &mut payload);
            put_payload(*range, data, &mut payload);
        }
        Command::Flush => FLUSH.put(out),
        Command::Retry => RETRY.put(out),
    }
    join(&payload)
}

fn get_command(input: &mut &[u8], payload: &mut Gather<'_>) -> Result<Command, DecodeError> {
    Ok(match u8::get(input)? {
        READ => Command::Read(Coded::get(input)?),
        WRITE => {
            let range = Coded::get(input)?;
            Command::Write(range, get_payload(range, payload)?)
        }
        WRITE_ZEROES => Command::WriteZeroes(Coded::get(input)?),
        COMPARE_AND_WRITE => {
            let range = Coded::get(input)?;
            let expected = get_payload(range, payload)?;
            let data = get_payload(range, payload)?;
            Command::CompareAndWrite {
                range,
                expected,
                data,
            }
        }
        FLUSH => Command::Flush,
        RETRY => Command::Retry,
        _ => return Err(DecodeError::Field("command")),
    })
}

coded_enum!(RefusedReason, "refused reason" {
    OutOfRange = 1,
    TooLarge = 2,
    UnknownVolume = 3,
    NotPerformed = 4,
    Unreadable = 5,
    Moved = 6,
});
coded_enum!(UnknownReason, "unknown reason" {
    TimedOut = 1,
    StaleTicket = 2,
    TooOld = 3,
    Halted = 4,
    NotServing = 5,
});

const SUCCESS: u8 = 1;
const SUCCESS_WITH_DATA: u8 = 2;
const MISMATCH: u8 = 3;
const REFUSED: u8 = 4;
const CANCELLED: u8 = 5;
const UNKNOWN: u8 = 6;

/// Appends a status and returns its payload.
fn put_status(status: &Status, out: &mut Vec<u8>) -> Payload {
    match status {
        Status::Success(None) => SUCCESS.put(out),
        Status::Success(Some(data)) => {
            assert!(
                is_block_data(data.len()),
                "an answer with {} bytes of data",
                data.len()
            );
            SUCCESS_WITH_DATA.put(out);
            return data.clone();
        }
        Status::Mismatch => MISMATCH.put(out),
        Status::Refused(reason) => {
            REFUSED.put(out);
            reason.put(out);
        }
        Status::Cancelled => CANCELLED.put(out),
        Status::Unknown(reason) => {
            UNKNOWN.put(out);
            reason.put(out);
        }
    }
    Payload::new()
}

fn get_status(input: &mut &[u8], payload: &mut Gather<'_>) -> Result<Status, DecodeError> {
    Ok(match u8::get(input)? {
        SUCCESS => Status::Success(None),
        SUCCESS_WITH_DATA => {
            let count = payload.left();
            if !is_block_data(count) {
                return Err(DecodeError::Field("payload length"));
            }
            Status::Success(Some(payload.take(count)?))
        }
        MISMATCH => Status::Mismatch,
        REFUSED => Status::Refused(Coded::get(input)?),
        CANCELLED => Status::Cancelled,
        UNKNOWN => Status::Unknown(Coded::get(input)?),
        _ => return Err(DecodeError::Field("status")),
    })
}

/// True for the length of a run of blocks that fits a message.
fn is_block_data(bytes: usize) -> bool {
    let blocks_max = MESSAGE_BLOCKS_MAX as usize;
    bytes > 0 && bytes.is_multiple_of(BLOCK_BYTES) && bytes / BLOCK_BYTES <= blocks_max
}
