//! The module as a whole: what it does before a crash, between and after, on
//! devices and a network that the test conducts.

mod alone;
mod boot;
mod follower;
mod formatting;
mod growth;
mod handover;
mod interconnect;
mod leases;
mod lost_records;
mod mirror;
mod orphans;
mod rebuild;
mod repair;
mod reported;
mod resync;
mod room;
mod sessions;
mod switchover;
mod takeover;
mod watermarks;
mod writes;
