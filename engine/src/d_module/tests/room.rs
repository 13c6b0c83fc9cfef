use crate::contract::IoError;
use crate::event::{Event, Phase};
use crate::storage_set::tables::Role;
use crate::testing::{Station, id, write};
use crate::time::Duration;

#[test]
fn a_halted_module_asks_for_no_deadline() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id(1), write(0, 1, 1));
    owner.fail(0, IoError::ReservationConflict);
    assert_eq!(owner.module.phase(), Phase::Halted);
    assert!(owner.has_seen(&Event::Halted(IoError::ReservationConflict)));
    owner.pass(Duration::from_secs(10));
    assert_eq!(owner.module.next_deadline(), None);
}
