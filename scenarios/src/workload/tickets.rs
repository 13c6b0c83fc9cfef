//! The client's ticket, and the requests for a newer one.

use serde::{Deserialize, Serialize};
use stormglass_engine::time::{Duration, Instant};
use stormglass_engine::vocabulary::Ticket;

use super::identity::ClientTimers;

/// The newest ticket, and whether another is being asked for.
#[derive(Clone, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tickets {
    held: Option<Held>,
    fetch: Option<Fetch>,
    /// Requests sent so far, over the client's whole life: no two are alike.
    transmissions: u32,
}

/// A ticket and when it came, by the client's clock. It was issued before that,
/// so it is older than it looks, and a timer that starts here ends late enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    ticket: Ticket,
    received: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fetch {
    due: Instant,
    sent: u32,
}

/// One request for a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TicketRequest {
    /// Its number over the client's life.
    pub(super) number: u32,
    /// Unanswered ones before it.
    pub(super) earlier: u32,
}

impl Tickets {
    /// The ticket, if it came at most `age_max` ago.
    pub(super) fn fresh(&self, now: Instant, age_max: Duration) -> Option<Ticket> {
        let held = self
            .held
            .filter(|held| now.since(held.received) <= age_max)?;
        Some(held.ticket)
    }

    /// Takes a ticket that came with a reply, unless a newer one of the same
    /// incarnation is held. Incarnations have no order: the later arrival wins,
    /// and a wrong guess is put right by the answer to its first use.
    pub(super) fn adopt(&mut self, now: Instant, ticket: Ticket) {
        let is_older = self.held.is_some_and(|held| {
            held.ticket.incarnation == ticket.incarnation && held.ticket.issued >= ticket.issued
        });
        if !is_older {
            self.held = Some(Held {
                ticket,
                received: now,
            });
            self.fetch = None;
        }
    }

    /// Drops a ticket that was turned down.
    pub(super) fn discard(&mut self, refused: Ticket) {
        self.held = self.held.filter(|held| held.ticket != refused);
    }

    /// Starts to ask for a ticket, unless that goes on already.
    pub(super) fn want(&mut self, now: Instant) {
        self.fetch.get_or_insert(Fetch { due: now, sent: 0 });
    }

    /// Stops asking: nobody waits for it any more.
    pub(super) fn unwant(&mut self) {
        self.fetch = None;
    }

    /// The request to be sent now, if one is due.
    pub(super) fn take_due(
        &mut self,
        now: Instant,
        timers: &ClientTimers,
    ) -> Option<TicketRequest> {
        let fetch = self.fetch.as_mut().filter(|fetch| fetch.due <= now)?;
        let earlier = fetch.sent;
        fetch.due = now.after(timers.backoff(earlier));
        fetch.sent += 1;
        let number = self.transmissions;
        self.transmissions += 1;
        Some(TicketRequest { number, earlier })
    }

    /// True if a request of this number was sent.
    pub(super) fn has_sent(&self, number: u32) -> bool {
        number < self.transmissions
    }

    /// When the next request is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.fetch.map(|fetch| fetch.due)
    }
}
