//! Parts of a conversation, and what one role alone needs to be asked something.

use super::*;
use crate::storage_set::format::{Heartbeat, decode_heartbeat};

/// How a transfer is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    pub(crate) session: Session,
    pub(crate) oldest: u64,
    pub(crate) attempt: u32,
}

/// The first transmission in session 2, the first that a mirror accepts here.
pub(crate) const FIRST: Sending = Sending {
    session: session(2),
    oldest: 1,
    attempt: 0,
};

/// The portions of a transfer, a block of payload in each.
pub(crate) fn portions(sending: &Sending, id: TransferId, transfer: &Transfer) -> Vec<Portion> {
    let encoded = peer::encode_transfer(transfer);
    let slices = peer::cut(&encoded, 4096);
    let count = u16::try_from(slices.len()).expect("few");
    let portion = |(index, slice): (u16, peer::Slice)| Portion {
        volume: VOLUME,
        session: sending.session,
        transfer: id,
        oldest_set: SetId::new(sending.oldest),
        attempt: sending.attempt,
        index,
        count,
        head_bytes: encoded.head_bytes(),
        payload_bytes: encoded.payload_bytes(),
        watermarks: vec![Watermark {
            client: ClientId::new(7),
            counter: 1,
        }],
        head: slice.head,
        slice: slice.payload,
    };
    (0..count).zip(slices).map(portion).collect()
}

/// The portions of a set of one.
pub(crate) fn set(sending: &Sending, number: u64, member: Member) -> Vec<Portion> {
    let id = TransferId::Set(SetId::new(number));
    portions(sending, id, &Transfer::Set(vec![member]))
}

/// What a role needs while it handles one input, outside a module.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) configuration: Configuration,
    pub(crate) now: Instant,
    pub(crate) ids: IoIds,
    pub(crate) out: NodeOutbox,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Bench {
            configuration: configuration(Role::Owner),
            now: Instant::from_nanos(0),
            ids: IoIds::default(),
            out: NodeOutbox::default(),
        }
    }

    pub(crate) fn context(&mut self) -> Context<'_> {
        Context {
            now: self.now,
            incarnation: 1,
            configuration: &self.configuration,
            is_fresh: true,
            holder: None,
            ids: &mut self.ids,
            out: &mut self.out,
        }
    }

    /// Takes the heartbeats that were written, beside everything else.
    pub(crate) fn beats(&mut self) -> Vec<Heartbeat> {
        let beat = |effect| match effect {
            Effect::Submit(Submission {
                request: IoRequest::Write { pages, .. },
                ..
            }) => decode_heartbeat(&pages[0]).ok(),
            _ => None,
        };
        self.out.drain().filter_map(beat).collect()
    }

    /// Takes the messages to the peer.
    pub(crate) fn sent(&mut self) -> Vec<Sent> {
        let sent = |effect| match effect {
            Effect::Send {
                to, label, frame, ..
            } => {
                let message = peer::decode(&frame).expect("modules send what they decode");
                Some(Sent { to, label, message })
            }
            _ => None,
        };
        self.out.drain().filter_map(sent).collect()
    }
}
