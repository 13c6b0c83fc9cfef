//! What happened in one run, in full: what a page needs to draw it.
//!
//! Plain data with a bound on each of its lists: a run that is longer keeps what
//! came last, where its findings are, and says how much is left out. Instants are
//! nanoseconds of simulated time, as integers, so that JSON holds them exactly.

use serde::{Deserialize, Serialize};

use super::{RunRecord, SchemaVersion, TimelineKind};

/// Messages that a story keeps.
pub const MESSAGES_MAX: usize = 60_000;
/// Device commands that a story keeps.
pub const DEVICE_COMMANDS_MAX: usize = 60_000;
/// Attempts of client commands that a story keeps.
pub const ATTEMPTS_MAX: usize = 30_000;
/// Marks that a story keeps.
pub const MARKS_MAX: usize = 30_000;
/// Spans that a story keeps.
pub const SPANS_MAX: usize = 30_000;

/// One run's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryRecord {
    /// The version of this record.
    pub schema_version: SchemaVersion,
    /// What the run came to; its timeline is in the marks.
    pub run: RunRecord,
    /// When the recording began.
    pub begin: u64,
    /// When it ended.
    pub end: u64,
    /// Who and what was there. Everything else names a lane by its place here.
    pub lanes: Vec<Lane>,
    /// States that lasted, each list in the order of their ends.
    pub spans: Vec<Span>,
    /// What happened at an instant.
    pub marks: Vec<Mark>,
    /// Messages, by when they left.
    pub messages: Vec<Message>,
    /// Names of message kinds; a message has its place here.
    pub message_kinds: Vec<String>,
    /// Attempts of client commands, by when they began.
    pub attempts: Vec<Attempt>,
    /// Device commands, by when they were submitted.
    pub device_commands: Vec<DeviceCommand>,
    /// When the events happened that findings cite.
    pub cited: Vec<Cited>,
    /// What is left out because a list is full.
    pub left_out: Vec<LeftOut>,
}

impl StoryRecord {
    /// The story of a run of which nothing was recorded.
    pub fn untold(run: RunRecord) -> Self {
        StoryRecord {
            schema_version: SchemaVersion,
            begin: 0,
            end: u64::try_from(run.simulated.as_nanos()).unwrap_or(u64::MAX),
            run,
            lanes: Vec::new(),
            spans: Vec::new(),
            marks: Vec::new(),
            messages: Vec::new(),
            message_kinds: Vec::new(),
            attempts: Vec::new(),
            device_commands: Vec::new(),
            cited: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

/// Something with a lane of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lane {
    /// What it is.
    pub kind: LaneKind,
    /// Where it belongs: a cluster, a network.
    pub group: String,
    /// Its name: `east-1`, `east.journal`, `east-1 – west-1`.
    pub name: String,
}

/// What has a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneKind {
    /// Issues commands.
    Client,
    /// A node of the cluster.
    Node,
    /// A disk.
    Device,
    /// The third site.
    Mediator,
    /// What two machines send each other over one network.
    Link,
}

/// A state that lasted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Whose.
    pub lane: u32,
    /// What sort of state; each lane is in at most one of a sort.
    pub track: Track,
    /// From when on.
    pub from: u64,
    /// Until when; the end of the run if it never ended.
    pub to: u64,
    /// The state, a word or two: `serving`, `in sync`, `cut`.
    pub state: String,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Sorts of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Track {
    /// Whether a machine is up, and which of its modules are not.
    Power,
    /// A node's role; who owns, as the mediator has it.
    Role,
    /// The epoch under which a node holds its set.
    Epoch,
    /// How a node's copy stands to the other one.
    Sync,
    /// What is wrong with a device, a CPU or a clock.
    Trouble,
    /// What is wrong with the way from a link's first machine to its second.
    There,
    /// The same, back.
    Back,
}

/// Something that happened at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// When.
    pub at: u64,
    /// The number of the event.
    pub event: u64,
    /// Where, if it is any lane's.
    pub lane: Option<u32>,
    /// What sort of thing.
    pub kind: TimelineKind,
    /// What, in a few words.
    pub text: String,
    /// A fault's semantic key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
}

/// One message; in JSON a list of its fields, for there are many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "MessageRow", into = "MessageRow")]
pub struct Message {
    /// When it left.
    pub sent: u64,
    /// When it arrived, or would have.
    pub arrives: u64,
    /// Over which link.
    pub link: u32,
    /// From which lane.
    pub from: u32,
    /// To which.
    pub to: u32,
    /// Its kind's place among the names.
    pub kind: u32,
    /// What it is about, with part and attempt: `17 part 0 attempt 2`.
    pub label: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// What became of it.
    pub end: MessageEnd,
    /// What befell it on its way.
    pub befell: Vec<Befell>,
}

type MessageRow = (
    u64,
    u64,
    u32,
    u32,
    u32,
    u32,
    String,
    u64,
    MessageEnd,
    Vec<Befell>,
);

impl From<MessageRow> for Message {
    fn from(row: MessageRow) -> Self {
        let (sent, arrives, link, from, to, kind, label, bytes, end, befell) = row;
        Message {
            sent,
            arrives,
            link,
            from,
            to,
            kind,
            label,
            bytes,
            end,
            befell,
        }
    }
}

impl From<Message> for MessageRow {
    fn from(message: Message) -> Self {
        (
            message.sent,
            message.arrives,
            message.link,
            message.from,
            message.to,
            message.kind,
            message.label,
            message.bytes,
            message.end,
            message.befell,
        )
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageEnd {
    /// Its receiver got it.
    Arrived,
    /// It was still on its way when the run ended.
    UnderWay,
    /// It waited at a clog when the run ended.
    Held,
    /// It was lost at its departure.
    Lost,
    /// It met a cut.
    CutOff,
    /// There was no room for it on its path.
    NoRoom,
    /// It was larger than its path carries.
    TooLarge,
    /// Nobody was up to take it.
    Nobody,
}

/// What may befall a message that is not lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Befell {
    /// It took longer than it would have.
    Delayed,
    /// It is a copy of another one.
    Copy,
    /// A bit of it was inverted.
    Corrupt,
    /// It waited for others on its path.
    Queued,
    /// It waited at a clog.
    Clogged,
}

/// One attempt of a client's command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The client.
    pub lane: u32,
    /// The command: `c3:17`.
    pub id: String,
    /// Which of its attempts, from 0.
    pub attempt: u32,
    /// What it asks for: `write`.
    pub kind: String,
    /// Its blocks in words; nothing for a flush.
    pub range: String,
    /// When it began.
    pub begin: u64,
    /// When it ended; open if it never did.
    pub end: Option<u64>,
    /// How it ended; nothing while it is open.
    pub outcome: String,
}

/// One device command; in JSON a list of its fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "DeviceRow", into = "DeviceRow")]
pub struct DeviceCommand {
    /// The device.
    pub device: u32,
    /// Whose it is, if that has a lane.
    pub by: u32,
    /// What it asks for.
    pub kind: DeviceCommandKind,
    /// Its first page.
    pub start: u64,
    /// How many pages; none for a flush.
    pub count: u64,
    /// When it entered the queue.
    pub submitted: u64,
    /// When it left it, if it did.
    pub executed: Option<u64>,
    /// What became of it.
    pub end: DeviceCommandEnd,
}

type DeviceRow = (
    u32,
    u32,
    DeviceCommandKind,
    u64,
    u64,
    u64,
    Option<u64>,
    DeviceCommandEnd,
);

impl From<DeviceRow> for DeviceCommand {
    fn from(row: DeviceRow) -> Self {
        let (device, by, kind, start, count, submitted, executed, end) = row;
        DeviceCommand {
            device,
            by,
            kind,
            start,
            count,
            submitted,
            executed,
            end,
        }
    }
}

impl From<DeviceCommand> for DeviceRow {
    fn from(command: DeviceCommand) -> Self {
        (
            command.device,
            command.by,
            command.kind,
            command.start,
            command.count,
            command.submitted,
            command.executed,
            command.end,
        )
    }
}

/// What a device command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceCommandKind {
    /// Pages.
    Read,
    /// Pages, into the cache.
    Write,
    /// Pages, stable when it completes.
    ForcedWrite,
    /// That what is cached becomes stable.
    Flush,
    /// Who holds the reservation.
    ReadReservation,
    /// The reservation.
    Preempt,
}

/// What became of a device command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceCommandEnd {
    /// It waits in the queue.
    Queued,
    /// It had its effect.
    Done,
    /// It had none, or not all of it.
    Failed,
    /// A power loss or another command took it from the queue.
    Dropped,
}

/// An event that a finding cites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cited {
    /// Its number.
    pub event: u64,
    /// When it happened.
    pub at: u64,
}

/// Part of a run that a story does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Of what: `messages`.
    pub what: String,
    /// How many of the first are left out.
    pub count: u64,
    /// How many a story keeps.
    pub limit: u64,
    /// When the last of what is left out began.
    pub until: u64,
}
