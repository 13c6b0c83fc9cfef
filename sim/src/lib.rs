//! Virtual hardware: a seeded discrete-event world of machines, devices,
//! networks and clocks. Knows the engine's contract and no protocol. Start
//! reading at [`world`].

pub mod choose;
pub mod clock;
pub mod device;
pub mod fault;
mod ids;
pub mod kernel;
pub mod network;
pub mod occurrence;
pub mod process;
pub mod random;
pub mod service_time;
pub mod slots;
pub mod time;
pub mod trace;
pub mod walk;
pub mod world;
