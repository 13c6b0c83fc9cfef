//! The cluster's software, as it would ship: pure state machines, inputs in,
//! effects out. See ARCHITECTURE.md for the map.

#![cfg_attr(
    test,
    expect(
        clippy::wildcard_enum_match_arm,
        reason = "a test looks for one kind and fails on all others"
    )
)]

pub mod contract;
pub mod payload;
pub mod time;
pub mod vocabulary;

mod codec;
pub mod collections;
pub mod configuration;
pub mod d_module;
pub mod event;
pub mod local;
pub mod m_module;
pub mod mediator;
pub mod metadata;
pub mod n_module;
pub mod storage_set;
#[cfg(test)]
mod testing;
pub mod wire;
