//! Messages between nodes, and between clients and N-modules: what they say.
//! Their bytes are in `client`, `peer`, `mediator`, `path` and `probe`, one file each.
//!
//! Every message is versioned, checksummed (CRC-32C over head and body) and
//! bounded: decoding never trusts a length that it has not checked. The body of
//! a [`Frame`] is payload only and shared, never copied.

pub mod client;
pub mod forward;
pub mod interconnect;
pub mod mediator;
pub mod path;
pub mod peer;
pub mod probe;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use crate::codec::DecodeError;
use crate::codec::envelope;
use crate::contract::{Frame, LabelKind};
use crate::payload::Payload;
use crate::storage_set::record::CommandResult;
use crate::vocabulary::{
    ClientId, Command, CommandId, Content, CopyNumber, Outcome, Range, SequenceId, Session, SetId,
    SiteEpoch, Status, Ticket, VolumeId, Watermark,
};

/// Blocks of payload that one command, answer, replica or record may carry: 1 MiB,
/// eight times the default of `Limits::command_blocks`, which must not exceed it.
pub const MESSAGE_BLOCKS_MAX: u32 = 256;

/// Bytes of one transfer's payload at most; its head is bounded alike. Room for 64
/// commands of [`MESSAGE_BLOCKS_MAX`] blocks.
pub const TRANSFER_BYTES_MAX: u32 = 64 << 20;

/// Splits a message as it came over a real wire into head and body, by the
/// length that it states. Judges nothing else; decoding does.
pub fn split(message: &Bytes) -> Result<Frame, DecodeError> {
    let head_bytes = envelope::head_bytes(message)?;
    if head_bytes > message.len() {
        return Err(DecodeError::Truncated);
    }
    Ok(Frame {
        head: message.slice(..head_bytes),
        body: message.slice(head_bytes..).into(),
    })
}

/// A client to the N-module.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClientRequest {
    /// Asks for a ticket.
    Connect {
        /// The client.
        client: ClientId,
        /// The volume it wants to use.
        volume: VolumeId,
        /// Transmission number, repeated in the answer.
        attempt: u32,
    },
    /// A command.
    Command(CommandFrame),
}

/// A command as it travels from client to D-module.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CommandFrame {
    /// The command's name for life.
    pub id: CommandId,
    /// The volume.
    pub volume: VolumeId,
    /// Transmission number, repeated in the answer.
    pub attempt: u32,
    /// Proof of freshness.
    pub ticket: Ticket,
    /// The client knows every outcome below this counter, which is at least 1 and
    /// at most the command's own.
    pub watermark: u64,
    /// What to do.
    pub command: Command,
}

/// The N-module to a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClientReply {
    /// Answers `Connect`.
    Connected {
        /// The client.
        client: ClientId,
        /// The transmission that is answered.
        attempt: u32,
        /// A fresh ticket.
        ticket: Ticket,
    },
    /// Provisional: received, not resolved yet (a queue or window is full).
    Retrying {
        /// The command.
        id: CommandId,
        /// The transmission that is answered.
        attempt: u32,
        /// A fresh ticket.
        ticket: Ticket,
    },
    /// The other site owns the volume, or is about to: nothing was done with the frame.
    Elsewhere {
        /// The command, or number 0 of a client that asks for a ticket.
        id: CommandId,
        /// The transmission that is answered.
        attempt: u32,
    },
    /// The attempt's final status.
    Answer {
        /// The command.
        id: CommandId,
        /// The transmission that is answered.
        attempt: u32,
        /// A fresh ticket.
        ticket: Ticket,
        /// The status.
        status: Status,
    },
}

/// Between the D-modules of a mirror relationship.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PeerMessage {
    /// Owner to mirror: the first message of a session.
    Hello(Hello),
    /// Mirror to owner: the session is durably accepted.
    HelloAck {
        /// The volume.
        volume: VolumeId,
        /// The session.
        session: Session,
        /// The transmission that is answered.
        attempt: u32,
        /// What may differ as far as the mirror knows: its own marks' regions and
        /// its dirty ones.
        dirty: Vec<Range>,
        /// Regions in which it had something else from a reign of its own, until a session
        /// of the present one copied them.
        rolled_back: Vec<Range>,
    },
    /// Mirror to owner: the session is not accepted.
    HelloRefused {
        /// The volume.
        volume: VolumeId,
        /// The session that was refused.
        session: Session,
        /// The transmission that is answered.
        attempt: u32,
        /// Why.
        reason: HelloRefusal,
    },
    /// Owner to mirror: a piece of a transfer.
    Portion(Portion),
    /// Mirror to owner: every member of the set is performed.
    SetAck {
        /// The volume.
        volume: VolumeId,
        /// The session.
        session: Session,
        /// The set.
        set: SetId,
        /// The transmission that is answered.
        attempt: u32,
    },
    /// Mirror to owner: the copy is durable.
    CopyAck {
        /// The volume.
        volume: VolumeId,
        /// The session.
        session: Session,
        /// The copy.
        copy: CopyNumber,
        /// The transmission that is answered.
        attempt: u32,
    },
    /// Owner to mirror: every dirty region is copied; from now on the mirror's copy
    /// is as good as the owner's.
    Finish {
        /// The volume.
        volume: VolumeId,
        /// The session.
        session: Session,
        /// Transmission number, repeated in the answer.
        attempt: u32,
    },
    /// Mirror to owner: its copy is durably consistent.
    FinishAck {
        /// The volume.
        volume: VolumeId,
        /// The session.
        session: Session,
        /// The transmission that is answered.
        attempt: u32,
        /// As in `HelloAck`.
        rolled_back: Vec<Range>,
    },
    /// From who was the owner and answers nothing any more to the mirror: a reign of the
    /// mirror's site is to begin. With a mediator a hint that its record says so; without,
    /// the only word for it.
    HandOff {
        /// The volume.
        volume: VolumeId,
        /// The session that ended with it.
        session: Session,
        /// The site epoch of the new reign.
        epoch: SiteEpoch,
        /// Transmission number, repeated in the answer.
        attempt: u32,
    },
    /// The answer, if there is not and never will be such a reign.
    HandOffRefused {
        /// The volume.
        volume: VolumeId,
        /// The session.
        session: Session,
        /// The site epoch.
        epoch: SiteEpoch,
        /// The transmission that is answered.
        attempt: u32,
    },
    /// Owner to mirror: asks for a term in which the mirror will not be promoted.
    Lease {
        /// The volume.
        volume: VolumeId,
        /// The session.
        session: Session,
        /// Names the question; the holder's term starts when it was sent.
        nonce: u64,
    },
    /// Mirror to owner: granted.
    Granted {
        /// The volume.
        volume: VolumeId,
        /// The session.
        session: Session,
        /// The question that is answered.
        nonce: u64,
    },
    /// Owner to mirror: asks for blocks that the owner cannot read.
    Fetch {
        /// The volume.
        volume: VolumeId,
        /// The session.
        session: Session,
        /// Names the question.
        nonce: u64,
        /// The blocks.
        range: Range,
        /// Transmission number, repeated in the answer.
        attempt: u32,
        /// An orphan of which the owner wants to know what became.
        command: Option<CommandId>,
    },
    /// Mirror to owner: the blocks, proven.
    Fetched {
        /// The volume.
        volume: VolumeId,
        /// The session.
        session: Session,
        /// The question that is answered.
        nonce: u64,
        /// The blocks.
        range: Range,
        /// The transmission that is answered.
        attempt: u32,
        /// What became of the command that was asked about, as far as the mirror knows.
        outcome: Option<Outcome>,
        /// Version of every block in the range.
        versions: Vec<SequenceId>,
        /// The blocks' bytes: the frame's body.
        data: Payload,
    },
    /// Mirror to owner: some of the blocks do not prove themselves here either.
    Unproven {
        /// The volume.
        volume: VolumeId,
        /// The session.
        session: Session,
        /// The question that is answered.
        nonce: u64,
        /// The transmission that is answered.
        attempt: u32,
    },
    /// Mirror side to owner: this node does not own the mirror's set.
    NotOwner {
        /// The volume.
        volume: VolumeId,
        /// The session of the message that is answered.
        session: Session,
        /// The transmission that is answered.
        attempt: u32,
    },
}

impl PeerMessage {
    /// The volume that the message is about.
    pub fn volume(&self) -> VolumeId {
        match self {
            PeerMessage::Hello(hello) => hello.volume,
            PeerMessage::Portion(portion) => portion.volume,
            PeerMessage::HelloAck { volume, .. }
            | PeerMessage::HelloRefused { volume, .. }
            | PeerMessage::SetAck { volume, .. }
            | PeerMessage::CopyAck { volume, .. }
            | PeerMessage::Finish { volume, .. }
            | PeerMessage::FinishAck { volume, .. }
            | PeerMessage::HandOff { volume, .. }
            | PeerMessage::HandOffRefused { volume, .. }
            | PeerMessage::Lease { volume, .. }
            | PeerMessage::Granted { volume, .. }
            | PeerMessage::Fetch { volume, .. }
            | PeerMessage::Fetched { volume, .. }
            | PeerMessage::Unproven { volume, .. }
            | PeerMessage::NotOwner { volume, .. } => *volume,
        }
    }
}

/// The first message of a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hello {
    /// The volume.
    pub volume: VolumeId,
    /// The session it opens.
    pub session: Session,
    /// Transmission number, repeated in the answer.
    pub attempt: u32,
    /// Identity of the sender's set format; another one is a foreign set.
    pub format: u64,
    /// Every client's watermark.
    pub watermarks: Vec<Watermark>,
    /// The owner copies what may differ: the mirror's copy is inconsistent from now
    /// on, until the session's Finish.
    pub resync: bool,
    /// Blocks of the volume.
    pub blocks: u64,
}

/// Why a Hello was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HelloRefusal {
    /// The receiver's role is not Mirror.
    NotMirror,
    /// A session as high or higher, or a higher site epoch, is known.
    Stale,
    /// The receiver has marks or dirty regions of its own.
    NotClean,
    /// The set's format is foreign.
    Foreign,
}

/// What a transfer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TransferId {
    /// A replica command set.
    Set(SetId),
    /// A copy of a range.
    Copy(CopyNumber),
}

/// One packet of a transfer. The session is checked before anything else, and
/// redundancy by transfer id before anything is buffered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Portion {
    /// The volume.
    pub volume: VolumeId,
    /// The session.
    pub session: Session,
    /// Which transfer it is a piece of.
    pub transfer: TransferId,
    /// The lowest set that the sender still waits for, this one included; what
    /// lies below will never be sent again.
    pub oldest_set: SetId,
    /// Transmission number of the transfer, repeated in the answer.
    pub attempt: u32,
    /// This portion's place, from 0.
    pub index: u16,
    /// Number of portions, at least 1.
    pub count: u16,
    /// Length of the whole transfer's head in bytes.
    pub head_bytes: u32,
    /// Length of the whole transfer's payload in bytes.
    pub payload_bytes: u32,
    /// Watermarks of the clients in the transfer.
    pub watermarks: Vec<Watermark>,
    /// This portion's slice of the transfer's head; travels in the frame's head,
    /// so that the payload's buffer stays the frame's body.
    pub head: Bytes,
    /// This portion's slice of the transfer's payload: the frame's body.
    pub slice: Payload,
}

impl Portion {
    /// True if both say the same of the transfer that they are pieces of.
    pub fn is_of_one_transfer_with(&self, other: &Portion) -> bool {
        let shape = |portion: &Portion| {
            let Portion {
                volume,
                session,
                transfer,
                count,
                head_bytes,
                payload_bytes,
                ..
            } = portion;
            (
                *volume,
                *session,
                *transfer,
                (*count, *head_bytes, *payload_bytes),
            )
        };
        shape(self) == shape(other)
    }
}

/// What portions carry together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Transfer {
    /// Replica commands, performed without regard to each other's order.
    Set(Vec<Member>),
    /// A range of the owner's copy.
    Copy(CopyTransfer),
}

/// A replica command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Member {
    /// The command.
    pub command: CommandId,
    /// Its place in the volume's order, shared with the original.
    pub sequence: SequenceId,
    /// The blocks it touches.
    pub range: Range,
    /// Its effect.
    pub content: Content,
}

/// A range of the owner's copy with all that must be known about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CopyTransfer {
    /// The copy's number in the session, from 1; one is outstanding.
    pub copy: CopyNumber,
    /// Blocks to overwrite.
    pub range: Range,
    /// The owner's content.
    pub content: Content,
    /// Version of each block in the range.
    pub versions: Vec<SequenceId>,
    /// The owner's results that touch the range; they overwrite the mirror's.
    pub results: Vec<CommandResult>,
}

/// Label kinds of every message on any network.
pub mod kind {
    use super::LabelKind;
    /// Client to node: asks for a ticket.
    pub const CONNECT: LabelKind = LabelKind(1);
    /// Client to node: a command.
    pub const COMMAND: LabelKind = LabelKind(2);
    /// Node to client: a ticket.
    pub const CONNECTED: LabelKind = LabelKind(3);
    /// Node to client: provisional.
    pub const RETRYING: LabelKind = LabelKind(4);
    /// Node to client: final.
    pub const ANSWER: LabelKind = LabelKind(5);
    /// Owner to mirror: opens a session.
    pub const HELLO: LabelKind = LabelKind(6);
    /// Mirror to owner: session accepted.
    pub const HELLO_ACK: LabelKind = LabelKind(7);
    /// Mirror to owner: session refused.
    pub const HELLO_REFUSED: LabelKind = LabelKind(8);
    /// Owner to mirror: portion of a set.
    pub const SET: LabelKind = LabelKind(9);
    /// Mirror to owner: set performed.
    pub const SET_ACK: LabelKind = LabelKind(10);
    /// Owner to mirror: portion of a copy.
    pub const COPY: LabelKind = LabelKind(11);
    /// Mirror to owner: copy durable.
    pub const COPY_ACK: LabelKind = LabelKind(12);
    /// Mirror side to owner: not the owner of the mirror's set.
    pub const NOT_OWNER: LabelKind = LabelKind(13);
    /// Owner to mirror: the resync is complete.
    pub const FINISH: LabelKind = LabelKind(14);
    /// Mirror to owner: consistent.
    pub const FINISH_ACK: LabelKind = LabelKind(15);
    /// Owner to mirror: asks for a lease.
    pub const LEASE: LabelKind = LabelKind(16);
    /// Mirror to owner: a lease.
    pub const GRANTED: LabelKind = LabelKind(17);
    /// Owner to mirror: asks for blocks.
    pub const FETCH: LabelKind = LabelKind(18);
    /// Mirror to owner: blocks.
    pub const FETCHED: LabelKind = LabelKind(19);
    /// D-module to mediator: compare and set.
    pub const MEDIATOR_CAS: LabelKind = LabelKind(20);
    /// D-module to mediator: asks for the record.
    pub const MEDIATOR_READ: LabelKind = LabelKind(21);
    /// D-module to mediator: asks for a lease.
    pub const MEDIATOR_LEASE: LabelKind = LabelKind(22);
    /// Mediator to D-module: the record.
    pub const MEDIATOR_RECORD: LabelKind = LabelKind(23);
    /// Mediator to D-module: a lease.
    pub const MEDIATOR_GRANTED: LabelKind = LabelKind(24);
    /// D-module to mediator: the other site is the owner.
    pub const MEDIATOR_HAND_OFF: LabelKind = LabelKind(25);
    /// D-module to mediator: this site is, by the administrator's word.
    pub const MEDIATOR_FORCE: LabelKind = LabelKind(26);
    /// Owner to mirror: be the owner.
    pub const HAND_OFF: LabelKind = LabelKind(27);
    /// Mirror to owner: it will not, under this epoch.
    pub const HAND_OFF_REFUSED: LabelKind = LabelKind(28);
    /// Node to client: the other site owns the volume.
    pub const ELSEWHERE: LabelKind = LabelKind(29);
    /// N-module to an address: who is there?
    pub const PROBE: LabelKind = LabelKind(30);
    /// D-module to N-module: this node.
    pub const HERE: LabelKind = LabelKind(31);
    /// D-module to one of the other pair: are you there, and who are you now?
    pub const PATH_OPEN: LabelKind = LabelKind(32);
    /// The answer to that.
    pub const PATH_READY: LabelKind = LabelKind(33);

    /// D-module to its partner: it lives.
    pub const ALIVE: LabelKind = LabelKind(34);
    /// Standby to its partner: hand the set over.
    pub const ASK_HAND_OVER: LabelKind = LabelKind(35);

    /// A machine's service processor to the partner's D-module: the machine has lost power.
    pub const NOTICE: LabelKind = LabelKind(36);

    /// N-module to its partner's: a client's request.
    pub const FORWARD: LabelKind = LabelKind(37);
    /// N-module to its partner's: the reply to one.
    pub const RETURN: LabelKind = LabelKind(38);
    /// Mirror to owner: blocks that it cannot prove.
    pub const UNPROVEN: LabelKind = LabelKind(39);

    /// True of the kinds that travel between the nodes of a pair only.
    pub fn is_within_a_pair(kind: LabelKind) -> bool {
        matches!(kind, ALIVE | ASK_HAND_OVER | NOTICE | FORWARD | RETURN)
    }

    /// The kind's name in traces and repro files.
    pub fn name(kind: LabelKind) -> &'static str {
        match kind {
            CONNECT => "connect",
            COMMAND => "command",
            CONNECTED => "connected",
            RETRYING => "retrying",
            ANSWER => "answer",
            HELLO => "hello",
            HELLO_ACK => "hello-ack",
            HELLO_REFUSED => "hello-refused",
            SET => "set",
            SET_ACK => "set-ack",
            COPY => "copy",
            COPY_ACK => "copy-ack",
            NOT_OWNER => "not-owner",
            FINISH => "finish",
            FINISH_ACK => "finish-ack",
            LEASE => "lease",
            GRANTED => "granted",
            FETCH => "fetch",
            FETCHED => "fetched",
            MEDIATOR_CAS => "mediator-cas",
            MEDIATOR_READ => "mediator-read",
            MEDIATOR_LEASE => "mediator-lease",
            MEDIATOR_RECORD => "mediator-record",
            MEDIATOR_GRANTED => "mediator-granted",
            MEDIATOR_HAND_OFF => "mediator-hand-off",
            MEDIATOR_FORCE => "mediator-force",
            HAND_OFF => "hand-off",
            HAND_OFF_REFUSED => "hand-off-refused",
            ELSEWHERE => "elsewhere",
            PROBE => "probe",
            HERE => "here",
            PATH_OPEN => "path-open",
            PATH_READY => "path-ready",
            ALIVE => "alive",
            ASK_HAND_OVER => "ask-hand-over",
            NOTICE => "notice",
            FORWARD => "forward",
            RETURN => "return",
            UNPROVEN => "unproven",
            _ => "unknown",
        }
    }
}
