use super::*;
use crate::storage_set::tables::Role;

fn checked(change: impl FnOnce(&mut Configuration)) -> Result<(), ConfigurationError> {
    let mut configuration = crate::testing::configuration(Role::Owner);
    change(&mut configuration);
    configuration.check()
}

#[test]
fn limits_that_do_not_fit_the_geometry_are_refused() {
    use ConfigurationError::{Checkpoint, Clears, Command, Results, Ring, Zero};
    assert_eq!(checked(|_| {}), Ok(()));
    assert_eq!(checked(|c| c.limits.window = 0), Err(Zero("window")));
    assert_eq!(checked(|c| c.limits.clients = 0), Err(Zero("clients")));
    assert_eq!(checked(|c| c.limits.command_blocks = 257), Err(Command));
    assert_eq!(checked(|c| c.limits.clears_per_record = 333), Err(Clears));
    assert_eq!(checked(|c| c.limits.window = 9_999), Err(Results(39_996)));
    assert_eq!(checked(|c| c.set.geometry.ring_pages = 27), Ok(()));
    assert_eq!(checked(|c| c.set.geometry.ring_pages = 26), Err(Ring(27)));
    assert_eq!(checked(|c| c.limits.journal_reserve = 1), Ok(()));
    // 64 results and 32 marks take the first page.
    assert_eq!(checked(|c| c.set.geometry.checkpoint_pages = 1), Ok(()));
    assert_eq!(
        checked(|c| {
            c.set.geometry.checkpoint_pages = 1;
            c.limits.window = 32;
        }),
        Err(Checkpoint(2))
    );
}

#[test]
fn the_defaults_fit_a_checkpoint_of_48_pages() {
    let fits = checked(|c| {
        c.limits = Limits::default();
        c.set.geometry.ring_pages = 128;
        c.set.geometry.checkpoint_pages = 48;
    });
    assert_eq!(fits, Ok(()));
}
