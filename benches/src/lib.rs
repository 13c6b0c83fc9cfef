//! What is measured, and beside what.
//!
//! [`ping_pong`] is the workload for the kernel, [`bare_loop`] the same workload
//! without a kernel: the limit. [`compare`] runs both in turns and takes ratios,
//! which hold on a busy machine where single figures do not.

pub mod bare_loop;
pub mod cluster;
pub mod compare;
pub mod one_write;
pub mod ping_pong;
pub mod workload;
