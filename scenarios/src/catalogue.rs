//! The scenarios that are compiled in: a file each, a folder for each design.

/// Embeds each file of a folder under its own name.
macro_rules! embed {
    ($($folder:literal: $($name:literal)*;)*) => {
        &[$($((
            $name,
            include_str!(concat!("../catalogue/", $folder, "/", $name, ".toml")),
        ),)*)*]
    };
}

const FILES: &[(&str, &str)] = embed! {
    "replication":
        "replicated-write"
        "parallel-latency"
        "lossy-network"
        "owner-crash"
        "mirror-crash"
        "journal-full"
        "overlapping-writers"
        "mirror-silent"
        "slow-owner"
        "slow-mirror"
        "owner-crash-again"
        "crash-in-the-queue"
        "module-restart"
        "late-commands"
        "reads-among-writes"
        "late-replicas";
    "boot":
        "boot-stored"
        "configuration-anew"
        "peers-moved"
        "metadata-damaged"
        "search-without-n-module"
        "peers-unreachable"
        "boot-unstored";
    "takeover":
        "both-owners-die"
        "claim-pauses"
        "crash-in-takeover"
        "deposed"
        "disk-heartbeat-returns"
        "disk-heartbeat-stalls"
        "drain-in-vain"
        "drain-interrupted"
        "drained-and-dead"
        "first-boot"
        "forwarding-in-a-storm"
        "giveback"
        "giveback-automatic"
        "hardware-notice"
        "heir-dies"
        "heirs-meet"
        "interconnect-cut"
        "large-commands"
        "late-notice"
        "lost-notices"
        "mirror-dies"
        "one-active-path"
        "owner-dies"
        "owner-pauses"
        "partial-takeover"
        "path-promoted"
        "planned-takeover"
        "planned-takeover-of-mirror"
        "readers"
        "retried-after-takeover"
        "roles-while-down"
        "service-address"
        "service-address-in-a-storm"
        "takeover-by-phase";
    "switchover":
        "attested-switchover"
        "automatic-switchover"
        "blank-at-the-partner"
        "forced-in-resync"
        "forced-switchover"
        "growth-given-up"
        "isolated-owner"
        "leases-of-the-mirror"
        "log-unreadable"
        "outdated-mirror"
        "planned-switchover"
        "planned-without-mediator"
        "promotion-refused"
        "switchover-in-a-storm"
        "switchover-taken-back"
        "there-and-back"
        "wiped-node-rejoins";
    "resync":
        "failure-in-the-finish"
        "growth-alone"
        "growth-in-a-resync"
        "growth-in-sync"
        "growth-interrupted"
        "mirror-lost"
        "link-cut"
        "mirror-flaps"
        "resync-interrupted"
        "mediator-lost"
        "mediator-replaced"
        "bad-block"
        "bad-block-dirty"
        "repair-in-a-resync"
        "owner-disk-gone"
        "device-lost"
        "mirror-journal-rots"
        "owner-disk-replaced"
        "rebuild-interrupted"
        "orphans-without-disk"
        "slow-record"
        "lying-flush"
        "late-word"
        "short-outages"
        "resync-of-in-flight"
        "resync-of-dirty"
        "writes-around-the-cursor"
        "progress-survives"
        "target-is-no-copy"
        "short-interruption"
        "resync-under-load";
    "pairs":
        "three-pairs";
    "storm":
        "storm-pair"
        "storm-mediator"
        "storm-pairs";
};

/// Name and text of every scenario, in the order in which they are listed.
pub fn all() -> &'static [(&'static str, &'static str)] {
    FILES
}

/// The text of the scenario of this name.
pub fn find(name: &str) -> Option<&'static str> {
    FILES
        .iter()
        .find(|(own, _)| *own == name)
        .map(|(_, text)| *text)
}

#[cfg(test)]
mod tests;
