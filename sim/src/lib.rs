//! Virtual hardware: a seeded discrete-event world of machines, devices,
//! networks and clocks. Knows the engine's contract and no protocol.
pub mod device;
pub mod kernel;
pub mod random;
pub mod slots;
pub mod time;
