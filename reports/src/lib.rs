//! Views of runs: versioned records, and pure functions that turn them into text.
//!
//! This crate owns the *records* (`RunRecord`, `SweepRecord` and their smaller
//! kin), which are the stable JSON contract of the command line, and every view
//! of them. It depends on neither the engine nor the simulator and refuses to
//! know either: whoever runs an experiment fills a record in, and from there on
//! the same record gives the same bytes on any machine.
//!
//! Nothing here reads a clock, a terminal, a file or the environment: whether
//! to colour is the caller's choice ([`Paint`]), and text that came from a
//! scenario or an engine is escaped before it can reach a terminal.

pub mod record;

pub mod timeline;

pub mod tables;

pub mod semantic;

pub mod pipeline;

pub mod html;

mod escape;
mod grid;
mod paint;
mod shell;
pub mod statistics;
mod words;

pub use escape::escape;
pub use paint::Paint;
pub use shell::shell_command;

#[cfg(test)]
mod samples;
