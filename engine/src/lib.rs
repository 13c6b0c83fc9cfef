//! The cluster's software, as it would ship.
mod codec;
pub mod configuration;
pub mod contract;
pub mod storage_set;
pub mod time;
pub mod vocabulary;
pub mod wire;
