//! Containers that are cheap to fork: what a copy of a module or an oracle costs
//! is what its tables hold, not how they might grow.
//!
//! [`Table`] and [`Set`] for the few things that are going on, [`Layered`] for the
//! many of which a few are touched at a time.

mod layered;
mod table;
#[cfg(test)]
mod tests;

pub use layered::Layered;
pub use table::{Set, Table};
