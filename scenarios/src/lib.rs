pub mod oracle;
pub mod workload;
