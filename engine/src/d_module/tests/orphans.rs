use crate::contract::{IoError, PageIndex};
use crate::event::Event;
use crate::storage_set::tables::Role;
use crate::testing::{Station, id, write};
use crate::time::Duration;

/// An owner that has booted on one mark and no record of its command.
fn owner_with_an_orphan() -> Station {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id(1), write(3, 2, 1));
    owner.complete(0);
    assert!(owner.has_seen(&Event::Marked(id(1))));
    owner.reboot();
    owner
}

#[test]
fn an_orphan_that_cannot_be_read_is_read_again() {
    let mut owner = owner_with_an_orphan();
    owner.serve();
    owner.take_sent();
    owner.run_records();
    assert_eq!(owner.queue.len(), 2, "data and headers");
    owner.fail(0, IoError::Unreadable(PageIndex(1)));
    owner.run();
    assert_eq!(owner.census().orphans, 1);
    assert!(owner.take_sent().is_empty(), "nothing unproven is copied");
    owner.pass_running(Duration::from_secs(1));
    assert!(!owner.take_sent().is_empty(), "the copy leaves");
}
