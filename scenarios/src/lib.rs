//! Experiments, oracles and everything behind the `stormglass` command line.

pub mod actor;
pub mod agenda;
pub mod catalogue;
pub mod checkpoint;
pub mod cluster;
pub mod experiment;
pub mod fault_kinds;
pub mod features;
pub mod file;
pub mod files;
pub mod measure;
pub mod moment;
pub mod mutants;
pub mod oracle;
pub mod panics;
pub mod profile;
pub mod run;
pub mod schedule;
pub mod source;
pub mod sweep;
pub mod timeline;
pub mod verify;
pub mod waits;
pub mod watchdog;
pub mod weather;
pub mod workload;
