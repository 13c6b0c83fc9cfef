//! What a mirror answers about a session as a whole. Refuses to know why.

use super::Asker;
use crate::contract::{Label, LabelKind};
use crate::d_module::Context;
use crate::event::Event;
use crate::storage_set::tables::Tables;
use crate::vocabulary::Session;
use crate::wire::{HelloRefusal, PeerMessage, kind, peer};

pub(super) fn acknowledge_finish(
    session: Session,
    asker: Asker,
    tables: &Tables,
    cx: &mut Context<'_>,
) {
    let message = PeerMessage::FinishAck {
        volume: cx.configuration.volume,
        session,
        attempt: asker.attempt,
        rolled_back: tables.rolled_back_runs(&cx.configuration.set.geometry),
    };
    send_session_answer(kind::FINISH_ACK, session, asker, &message, cx);
}

pub(super) fn acknowledge_session(
    session: Session,
    asker: Asker,
    tables: &Tables,
    cx: &mut Context<'_>,
) {
    let volume = cx.configuration.volume;
    let geometry = &cx.configuration.set.geometry;
    let message = PeerMessage::HelloAck {
        volume,
        session,
        attempt: asker.attempt,
        dirty: tables.dirty_runs(geometry),
        rolled_back: tables.rolled_back_runs(geometry),
    };
    send_session_answer(kind::HELLO_ACK, session, asker, &message, cx);
}

pub(super) fn refuse_session(
    session: Session,
    reason: HelloRefusal,
    asker: Asker,
    cx: &mut Context<'_>,
) {
    cx.out.trace(Event::SessionRefused(session, reason));
    let volume = cx.configuration.volume;
    let message = PeerMessage::HelloRefused {
        volume,
        session,
        attempt: asker.attempt,
        reason,
    };
    send_session_answer(kind::HELLO_REFUSED, session, asker, &message, cx);
}

fn send_session_answer(
    kind: LabelKind,
    session: Session,
    asker: Asker,
    message: &PeerMessage,
    cx: &mut Context<'_>,
) {
    let id = session.incarnation.value();
    let label = Label {
        kind,
        incarnation: cx.incarnation,
        id,
        part: 0,
        attempt: asker.attempt,
    };
    cx.out.send(
        cx.configuration.peer_network,
        asker.address,
        label,
        peer::encode(message),
    );
}
