//! The cluster's software, as it would ship.
pub mod configuration;
pub mod contract;
pub mod event;
pub mod storage_set;
pub mod time;
pub mod vocabulary;
pub mod wire;
