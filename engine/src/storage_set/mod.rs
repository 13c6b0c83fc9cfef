//! The storage set: everything that is durable, and how it gets there.
pub mod format;
pub mod layout;
pub mod record;
pub mod tables;
