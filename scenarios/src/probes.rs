//! Every probe of the engine: the share of able seeds that must reach it, and why one
//! is on no scenario's list.
//!
//! A scenario lists the probes that its seeds can reach; a sweep then says which were
//! reached too seldom.

use stormglass_reports::record::{ProbeTally, Share};

/// The share of able seeds that must reach a probe.
pub fn required(name: &str) -> Share {
    let rare = RARE.iter().find(|(rare, _, _)| *rare == name);
    rare.map_or(ProbeTally::REQUIRED, |(_, share, _)| *share)
}

/// Probes with a share of their own, in parts per million, and why.
const RARE: [(&str, Share, &str); 0] = [];

/// Probes that no scenario of the catalogue lists, and why.
#[cfg(test)]
const UNLISTED: [(&str, &str); 31] = [
    ("orphan judged here, for the mirror is lost", UNIT_TEST),
    (
        "bad block on both copies",
        "no scenario damages one block of both copies",
    ),
    (
        "copy waits for a pending execution",
        "needs a mirror that is slow to perform under a resync",
    ),
    (
        "dirty region cannot be read",
        "no scenario damages a dirty region that nobody writes anew",
    ),
    ("entry waits for room in the journal", UNIT_TEST),
    ("fetched block is bad on both copies", UNIT_TEST),
    ("hand-off refused", UNIT_TEST),
    ("no lease of a mirror that may be deposed", UNIT_TEST),
    ("no lease of a site that is to be the owner", UNIT_TEST),
    ("owner confirmed by the administrator", UNIT_TEST),
    ("reign waits for a lease of this site", UNIT_TEST),
    ("switchover given up", UNIT_TEST),
    ("finish waits for a lone command", UNIT_TEST),
    (
        "foreign set refused",
        "no scenario puts another set's devices in place",
    ),
    (
        "mediator: written again, for it is not there",
        "no weather loses a write of the mediator's device",
    ),
    ("mediator names another owner", SWITCHOVER),
    (
        "mediator told again that the copies are in sync",
        "slow-record aims at it: an owner that crashes between the durable mode and the record",
    ),
    ("mediator: a question waits for a write", UNIT_TEST),
    ("mediator: an outdated mirror is not promoted", SWITCHOVER),
    ("mediator: too many questions behind a write", UNIT_TEST),
    ("dirty block bad on both copies", UNIT_TEST),
    ("session lost over a question without an answer", UNIT_TEST),
    ("end of the volume without authority", UNIT_TEST),
    ("no block of a mirror that may be deposed", UNIT_TEST),
    (
        "dirty block lost here and older at the mirror",
        "no scenario damages a dirty block that was resolved alone yet",
    ),
    (
        "unreadable dirty block asked of the mirror",
        "no scenario aims at a dirty block that goes bad before it is copied yet",
    ),
    ("missing region not proven by the mirror", UNIT_TEST),
    (
        "replica that overlaps, at a mirror that may be deposed",
        "storm-pair reaches it in fewer seeds than a list asks for; seed 259 is one",
    ),
    ("owner without its data device frozen", UNIT_TEST),
    (
        "replica of a pending execution dropped",
        "needs a mirror that is slower to perform than a path is to time out",
    ),
    (
        "waiting command failed by a retry",
        "needs a command that waits for its range longer than its client does for a status",
    ),
];

/// A named test of the engine reaches it.
#[cfg(test)]
const UNIT_TEST: &str = "a test of the engine reaches it; no scenario does yet";
/// Of two that would have to meet.
#[cfg(test)]
const SWITCHOVER: &str = "needs a switchover at an instant at which no scenario aims yet";

#[cfg(test)]
mod tests;
