//! What drives the world: events in order of their time.
pub mod wheel;
