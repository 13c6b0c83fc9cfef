use super::*;
use crate::configuration::{D_SLOT, N_SLOT};
use crate::contract::{Completion, DeviceId, Effect, IoError, IoId};
use crate::storage_set::tables::Role;
use crate::testing::configuration;

#[test]
fn it_answers_whoever_asks_passes_orders_on_and_says_nothing_else() {
    let configuration = Arc::new(configuration(Role::Owner));
    let mut out = NodeOutbox::default();
    let now = Instant::from_nanos(5);
    let mut module = MModule::boot(&configuration, Entropy::new(1), now, &mut out);
    assert!(out.is_empty(), "it never pushes");
    for from in [D_SLOT, N_SLOT] {
        module.handle(
            now,
            Input::Local(Local::AskConfiguration { from }),
            &mut out,
        );
        let answer = Effect::Local {
            to: from,
            message: Local::Configuration(Arc::clone(&configuration)),
        };
        assert_eq!(out.drain().collect::<Vec<_>>(), [answer]);
    }
    let order = Local::Order(crate::local::Order::HandOver);
    module.handle(now, Input::Local(order.clone()), &mut out);
    let passed_on = Effect::Local {
        to: D_SLOT,
        message: order,
    };
    assert_eq!(out.drain().collect::<Vec<_>>(), [passed_on]);
    module.handle(now, Input::Deadline, &mut out);
    assert!(out.is_empty());
    assert_eq!(module.next_deadline(), None);
}

#[test]
fn a_new_version_is_told_to_who_asks_from_then_on_and_survives_it() {
    let first = Arc::new(configuration(Role::Owner));
    let second = MModule::amended(&first, Order::NewConfiguration).expect("it changes that");
    assert_eq!(second.version, first.version + 1);
    assert_eq!(second.peers, first.peers);
    assert_eq!(MModule::amended(&first, Order::HandOver), None);
    let now = Instant::from_nanos(0);
    let mut out = NodeOutbox::default();
    let mut module = MModule::boot(&first, Entropy::new(1), now, &mut out);
    let order = Input::Local(Local::Order(Order::NewConfiguration));
    module.handle(now, order, &mut out);
    assert!(out.is_empty(), "nobody is told who does not ask");
    let asks = Input::Local(Local::AskConfiguration { from: D_SLOT });
    module.handle(now, asks, &mut out);
    let answer = Effect::Local {
        to: D_SLOT,
        message: Local::Configuration(Arc::new(second)),
    };
    assert_eq!(out.drain().collect::<Vec<_>>(), [answer]);
}

#[test]
fn what_is_not_for_it_is_ignored_with_a_reason() {
    let configuration = Arc::new(configuration(Role::Owner));
    let mut out = NodeOutbox::default();
    let now = Instant::from_nanos(0);
    let mut module = MModule::boot(&configuration, Entropy::new(1), now, &mut out);
    let completion = Completion {
        device: DeviceId::new(0),
        io: IoId(1),
        result: Err(IoError::Gone),
    };
    for input in [
        Input::Local(Local::Configuration(Arc::clone(&configuration))),
        Input::Completion(completion),
    ] {
        module.handle(now, input, &mut out);
        let ignored = Effect::Trace(Event::Ignored(IgnoreReason::Misrouted));
        assert_eq!(out.drain().collect::<Vec<_>>(), [ignored]);
    }
}
