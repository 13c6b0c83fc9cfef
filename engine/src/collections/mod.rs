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

/// Adds to a list that seldom gets a second element: room for the first alone, where
/// `Vec::push` makes room for four.
#[inline]
pub fn push_one<T>(list: &mut Vec<T>, element: T) {
    if list.capacity() == 0 {
        list.reserve_exact(1);
    }
    list.push(element);
}
