//! The module as a whole: what it does before a crash, between and after, on
//! devices and a network that the test conducts.

mod boot;
mod mirror;
mod orphans;
mod room;
mod sessions;
mod watermarks;
mod writes;
