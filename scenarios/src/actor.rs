//! Everything that runs in a scenario's world, as one enum: it serializes and
//! compares, and costs no dynamic dispatch.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::configuration::{Configuration, Hardware};
use stormglass_engine::contract::{Effect, Entropy, Input, LabelKind, Module, OrderKind, Outbox};
use stormglass_engine::d_module::DModule;
use stormglass_engine::event::Event;
use stormglass_engine::local::{Local, NodeOutbox, Order};
use stormglass_engine::m_module::MModule;
use stormglass_engine::mediator::{Mediator, MediatorConfiguration};
use stormglass_engine::n_module::NModule;
use stormglass_engine::time::Instant;
use stormglass_engine::wire::kind;

use crate::workload::{Client, ClientEvent, ClientIdentity};

#[cfg(test)]
pub(crate) mod planted;

/// A module of a scenario's world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// A client.
    Client(Box<Client>),
    /// A node's M-module.
    M(MModule),
    /// A node's N-module.
    N(Box<NModule>),
    /// A node's D-module.
    D(Box<DModule>),
    /// The mediator.
    Mediator(Box<Mediator>),
    /// A client that is not deterministic.
    #[cfg(test)]
    Planted(Box<planted::Planted>),
}

/// What is known of a module before it boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Identity {
    /// A client and its workload.
    Client(Arc<ClientIdentity>),
    /// An M-module with the configuration on its admin device.
    M(Arc<Configuration>),
    /// An N-module.
    N,
    /// A D-module with what it finds in its machine.
    D(Hardware),
    /// The mediator with its configuration.
    Mediator(Arc<MediatorConfiguration>),
}

/// A report of any module.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Report {
    /// Of a client.
    Client(ClientEvent),
    /// Of a node's module, or the mediator.
    Node(Event),
}

impl From<ClientEvent> for Report {
    fn from(event: ClientEvent) -> Self {
        Report::Client(event)
    }
}

impl Actor {
    /// The client, if it is one.
    pub fn as_client(&self) -> Option<&Client> {
        match self {
            Actor::Client(client) => Some(client),
            Actor::M(_) | Actor::N(_) | Actor::D(_) | Actor::Mediator(_) => None,
            #[cfg(test)]
            Actor::Planted(planted) => planted.inner.as_client(),
        }
    }
    /// The D-module, if it is one.
    pub fn as_d_module(&self) -> Option<&DModule> {
        match self {
            Actor::D(module) => Some(module),
            Actor::Client(_) | Actor::M(_) | Actor::N(_) | Actor::Mediator(_) => None,
            #[cfg(test)]
            Actor::Planted(_) => None,
        }
    }
}

/// Runs a node's module with the outbox as it knows it: without clients' reports.
fn with_node<T>(out: &mut Outbox<Local, Report>, act: impl FnOnce(&mut NodeOutbox) -> T) -> T {
    let mut node: NodeOutbox = std::mem::take(out).map_events(|report| match report {
        Report::Node(event) => event,
        Report::Client(_) => unreachable!("a handler finds its outbox empty"),
    });
    let result = act(&mut node);
    *out = node.map_events(Report::Node);
    result
}

// Then an outbox that changes its type keeps its allocation.
const _: () = assert!(size_of::<Effect<Local, Event>>() == size_of::<Effect<Local, Report>>());

impl Module for Actor {
    type Identity = Identity;
    type Local = Local;
    type Event = Report;

    fn boot(
        identity: &Identity,
        entropy: Entropy,
        now: Instant,
        out: &mut Outbox<Local, Report>,
    ) -> Self {
        match identity {
            #[cfg(test)]
            Identity::Client(client) if planted::is_meant(client) => {
                planted::boot(identity, entropy, now, out)
            }
            Identity::Client(identity) => {
                Actor::Client(Box::new(Client::boot(identity, entropy, now, out)))
            }
            Identity::M(configuration) => Actor::M(with_node(out, |out| {
                MModule::boot(configuration, entropy, now, out)
            })),
            Identity::N => Actor::N(Box::new(with_node(out, |out| {
                NModule::boot(entropy, now, out)
            }))),
            Identity::D(hardware) => Actor::D(Box::new(with_node(out, |out| {
                DModule::boot(*hardware, entropy, now, out)
            }))),
            Identity::Mediator(configuration) => Actor::Mediator(Box::new(with_node(out, |out| {
                Mediator::boot(configuration, entropy, now, out)
            }))),
        }
    }

    fn handle(&mut self, now: Instant, input: Input<Local>, out: &mut Outbox<Local, Report>) {
        match self {
            Actor::Client(client) => client.handle(now, input, out),
            Actor::M(module) => with_node(out, |out| module.handle(now, input, out)),
            Actor::N(module) => with_node(out, |out| module.handle(now, input, out)),
            Actor::D(module) => with_node(out, |out| module.handle(now, input, out)),
            Actor::Mediator(mediator) => with_node(out, |out| mediator.handle(now, input, out)),
            #[cfg(test)]
            Actor::Planted(planted) => planted.handle(now, input, out),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        match self {
            Actor::Client(client) => client.next_deadline(),
            Actor::M(module) => module.next_deadline(),
            Actor::N(module) => module.next_deadline(),
            Actor::D(module) => module.next_deadline(),
            Actor::Mediator(mediator) => mediator.next_deadline(),
            #[cfg(test)]
            Actor::Planted(planted) => planted.inner.next_deadline(),
        }
    }

    fn check_invariants(&self) {
        match self {
            Actor::D(module) => module.check_invariants(),
            Actor::Mediator(mediator) => mediator.check_invariants(),
            // A client checks itself; the others have nothing between inputs.
            Actor::Client(_) | Actor::M(_) | Actor::N(_) => {}
            #[cfg(test)]
            Actor::Planted(planted) => planted.inner.check_invariants(),
        }
    }

    fn last_word(&self, out: &mut Outbox<Local, Report>) {
        match self {
            Actor::D(module) => with_node(out, |out| module.last_word(out)),
            Actor::Client(_) | Actor::M(_) | Actor::N(_) | Actor::Mediator(_) => {}
            #[cfg(test)]
            Actor::Planted(_) => {}
        }
    }

    fn kind_name(kind: LabelKind) -> &'static str {
        kind::name(kind)
    }

    fn order(kind: OrderKind) -> Option<Local> {
        Order::of(kind).map(Local::Order)
    }

    fn amended(identity: &Identity, order: OrderKind) -> Option<Identity> {
        let Identity::M(configuration) = identity else {
            return None;
        };
        let amended = MModule::amended(configuration, Order::of(order)?)?;
        Some(Identity::M(Arc::new(amended)))
    }
}
