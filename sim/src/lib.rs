//! Virtual hardware: a seeded discrete-event world of machines, devices,
//! networks and clocks. Knows the engine's contract and no protocol.
pub mod time;
