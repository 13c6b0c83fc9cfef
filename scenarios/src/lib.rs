//! Experiments, oracles and everything behind the `stormglass` command line.

pub mod catalogue;
pub mod features;
pub mod file;
pub mod oracle;
pub mod workload;
