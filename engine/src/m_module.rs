//! The M-module: holds the administrator's configuration and tells it to the
//! modules beside it, and hears the administrator's orders.
//!
//! It is asked for the configuration, it never pushes: a module that boots later than it
//! would miss the message. So a new version counts from the D-module's next boot. Any other
//! order is for now: it is passed on, and lost with who should carry it out. It knows
//! nothing of clients, sets or peers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::configuration::{Configuration, D_SLOT};
use crate::contract::{Entropy, Input};
use crate::event::{Event, IgnoreReason};
use crate::local::{Local, NodeOutbox, Order};
use crate::time::Instant;

/// A node's M-module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MModule {
    configuration: Arc<Configuration>,
}

impl MModule {
    /// Starts with the configuration on the admin device.
    pub fn boot(
        configuration: &Arc<Configuration>,
        _entropy: Entropy,
        _now: Instant,
        _out: &mut NodeOutbox,
    ) -> Self {
        MModule {
            configuration: Arc::clone(configuration),
        }
    }

    /// The configuration on the admin device once the administrator has ordered this.
    pub fn amended(configuration: &Configuration, order: Order) -> Option<Configuration> {
        (order == Order::NewConfiguration).then(|| configuration.next_version())
    }

    /// Answers questions for the configuration, and passes orders on.
    pub fn handle(&mut self, _now: Instant, input: Input<Local>, out: &mut NodeOutbox) {
        match input {
            Input::Local(Local::AskConfiguration { from }) => {
                out.local(from, Local::Configuration(Arc::clone(&self.configuration)));
            }
            Input::Local(Local::Order(Order::NewConfiguration)) => {
                self.configuration = Arc::new(self.configuration.next_version());
            }
            Input::Local(Local::Order(order)) => out.local(D_SLOT, Local::Order(order)),
            Input::Local(
                Local::Configuration(_)
                | Local::Request { .. }
                | Local::Reply { .. }
                | Local::Search(_)
                | Local::Found { .. }
                | Local::Serves { .. },
            )
            | Input::Packet(_)
            | Input::Completion(_) => out.trace(Event::Ignored(IgnoreReason::Misrouted)),
            Input::Deadline => {}
        }
    }

    /// It waits for nothing.
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

#[cfg(test)]
mod tests;
