//! Clients: what they ask for, how they insist, and what they report.
//!
//! A [`Client`] is a module like any of the cluster's: inputs in, effects out.
//! It plays both the application, which draws commands from a seed, and the
//! client library, which gets each of them to an end over a network that loses
//! things. What it does and learns leaves as [`ClientEvent`]s; the oracles judge
//! by those alone, and the client itself judges nothing.
//!
//! It refuses to know: where a volume lives, which of a pair's nodes serves it, and
//! what time it is in the world.

mod belief;
mod census;
mod client;
mod draw;
mod event;
mod identity;
mod nodes;
mod operation;
pub mod provenance;
mod tickets;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

pub use census::Census;
pub use client::{Client, REISSUES_MAX};
pub use event::{ClientEvent, CommandKind, Ignored, StatusSummary};
pub use identity::{ClientIdentity, ClientTimers, Listed, Mix, Workload};
pub use operation::RENEWALS_MAX;
pub use provenance::BlockValue;
