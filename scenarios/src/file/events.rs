//! What a trigger may wait for: the names of the engine's events.

use stormglass_engine::event::{Event, Phase};

/// Names every event once, for reading and for matching.
macro_rules! events {
    ($($name:literal: $pattern:pat,)*) => {
        /// The names of all events that a trigger may wait for.
        pub const EVENT_NAMES: &[&str] = &[$($name),*];

        /// The name of an event, as a trigger and the timeline write it.
        pub fn event_name(event: &Event) -> &'static str {
            match event {
                $($pattern => $name,)*
            }
        }
    };
}

events! {
    "configuring": Event::Phase(Phase::Configuring),
    "standby": Event::Phase(Phase::Standby),
    "claiming": Event::Phase(Phase::Claiming),
    "recovering": Event::Phase(Phase::Recovering),
    "announcing": Event::Phase(Phase::Announcing),
    "serving": Event::Phase(Phase::Serving),
    "following": Event::Phase(Phase::Following),
    "stopping": Event::Phase(Phase::Halted),
    "fenced": Event::Fenced(_),
    "recovered": Event::Recovered { .. },
    "accepted": Event::Accepted { .. },
    "marked": Event::Marked(_),
    "local durable": Event::LocalDurable(_),
    "set sent": Event::SetSent { .. },
    "replica acked": Event::ReplicaAcked(_),
    "resolved": Event::Resolved(_),
    "replica performed": Event::ReplicaPerformed { .. },
    "session opened": Event::SessionOpened(_),
    "session accepted": Event::SessionAccepted(_),
    "session confirmed": Event::SessionConfirmed(_),
    "session refused": Event::SessionRefused(..),
    "orphan resolved": Event::OrphanResolved(..),
    "copied": Event::Copied { .. },
    "answered": Event::Answered { .. },
    "held back": Event::HeldBack(..),
    "checkpointed": Event::Checkpointed(_),
    "ignored": Event::Ignored(_),
    "halted": Event::Halted(_),
}
