use std::sync::Arc;

use crate::configuration::Configuration;
use crate::event::Phase;
use crate::storage_set::tables::Role;
use crate::testing::Station;

fn booted_as(change: impl FnOnce(&mut Configuration)) -> Phase {
    let mut owner = Station::new(Role::Owner);
    let mut configuration = (*owner.configuration).clone();
    change(&mut configuration);
    owner.configuration = Arc::new(configuration);
    owner.reboot();
    owner.run();
    owner.module.phase()
}

#[test]
fn a_set_that_is_not_the_configured_one_is_not_touched() {
    assert_eq!(booted_as(|_| {}), Phase::Announcing);
    assert_eq!(booted_as(|c| c.set.format = 10), Phase::Halted);
    assert_eq!(booted_as(|c| c.set.geometry.blocks = 65), Phase::Halted);
}
