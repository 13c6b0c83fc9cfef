//! Turns what happened into lines that a reader follows, and names events for
//! triggers.

mod fault;

use stormglass_engine::event::{Event, Phase, Verdict};
use stormglass_engine::storage_set::record::Mode;
use stormglass_engine::wire::mediator::MediatorRecord;
use stormglass_engine::wire::path::Standing;
use stormglass_reports::record::TimelineEntry;
use stormglass_reports::record::TimelineKind::{self, Note, Role, Sync};
use stormglass_sim::occurrence::Occurrence;
use stormglass_sim::world::{ProcessId, World};

use crate::actor::{Actor, Report};
use crate::workload::{ClientEvent, StatusSummary};

/// An event's name in triggers; none for those that no trigger waits for.
pub fn event_name(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::Phase(phase) => phase_name(*phase),
        Event::Fenced(_) => "fenced",
        Event::Recovered { .. } => "recovered",
        Event::Accepted { .. } => "accepted",
        Event::Marked(_) => "marked",
        Event::LocalDurable(_) => "local durable",
        Event::SetSent { .. } => "set sent",
        Event::ReplicaAcked(_) => "replica acknowledged",
        Event::Resolved(_) => "resolved",
        Event::ReplicaPerformed { .. } => "replica performed",
        Event::SessionOpened(_) => "session opened",
        Event::SessionAccepted(_) => "session accepted",
        Event::SessionConfirmed(_) => "session confirmed",
        Event::OrphanResolved(..) => "orphan resolved",
        Event::Copied { .. } => "copied",
        Event::Answered { .. } => "answered",
        Event::Checkpointed(_) => "checkpointed",
        Event::Halted(_) => "halted",
        Event::Mode(mode, _) => mode_name(*mode),
        Event::ResolvedAlone(_) => "resolved alone",
        Event::DirtyUnited(_) => "dirty united",
        Event::RegionCopied(_) => "region copied",
        Event::Finished(_) => "finished",
        Event::Repaired(_) => "repaired",
        Event::PartnerSilent(_) => "partner silent",
        Event::LeaseWaitedOut => "lease waited out",
        Event::ServiceAddress(_) => "service address",
        Event::Formatted => "formatted",
        Event::DataLost => "data lost",
        Event::RecordsLost(_) => "records lost",
        Event::RegionRebuilt(_) => "region rebuilt",
        Event::MediatorSet(_) => "mediator set",
        Event::MetadataStored(..) => "metadata stored",
        Event::PeerFound { .. } => "peer found",
        Event::PeersSought => "peers sought",
        Event::Drained(_) => "drained",
        Event::PartnerDrained(_) => "partner drained",
        Event::HandOverAsked(_) => "hand-over asked",
        Event::HandOverGivenUp => "hand-over given up",
        Event::Activated { .. } => "activated",
        Event::HandedOff(_) => "handed off",
        Event::StoodDown => "stood down",
        Event::Grown(_) => "grown",
        Event::RolledBack(_) => "rolled back",
        Event::OrderRefused(..) => "order refused",
        Event::PathReady { .. } => "path ready",
        Event::PathActive(..) => "path active",
        Event::PathInactive(_) => "path inactive",
        Event::PathLost(_) => "path lost",
        Event::SessionRefused(..)
        | Event::HeldBack(..)
        | Event::Ignored(_)
        | Event::PathsBegun(..)
        | Event::MediatorSays(_) => return None,
    })
}

/// Every name that a trigger may use.
pub const EVENT_NAMES: [&str; 59] = [
    "accepted",
    "activated",
    "announcing",
    "answered",
    "checkpointed",
    "claiming",
    "configuring",
    "copied",
    "data lost",
    "dirty united",
    "drained",
    "draining",
    "fenced",
    "finished",
    "following",
    "formatted",
    "grown",
    "halted",
    "hand-over asked",
    "hand-over given up",
    "handed off",
    "handing off",
    "in sync",
    "lease waited out",
    "local durable",
    "marked",
    "mediator set",
    "metadata stored",
    "order refused",
    "orphan resolved",
    "out of sync",
    "out of sync pending",
    "partner drained",
    "partner silent",
    "path active",
    "path inactive",
    "path lost",
    "path ready",
    "peer found",
    "peers sought",
    "recovered",
    "recovering",
    "region copied",
    "region rebuilt",
    "repaired",
    "replica acknowledged",
    "replica performed",
    "resolved",
    "resolved alone",
    "resync",
    "rolled back",
    "serving",
    "session accepted",
    "session confirmed",
    "session opened",
    "set sent",
    "standby",
    "stood down",
    "stopped",
];

pub(crate) fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Configuring => "configuring",
        Phase::Standby => "standby",
        Phase::Claiming => "claiming",
        Phase::Recovering => "recovering",
        Phase::Announcing => "announcing",
        Phase::Serving => "serving",
        Phase::Following => "following",
        Phase::Draining => "draining",
        Phase::HandingOff => "handing off",
        Phase::Halted => "stopped",
    }
}

pub(crate) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::InSync => "in sync",
        Mode::OosPending => "out of sync pending",
        Mode::OutOfSync => "out of sync",
        Mode::Resync => "resync",
    }
}

/// The line for an occurrence, if it deserves one.
pub fn entry(occurrence: &Occurrence<Report>, world: &World<Actor>) -> Option<TimelineEntry> {
    let at = std::time::Duration::from_nanos(world.now().as_nanos());
    let lane_of = |process: ProcessId| world.machine(world.process(process).machine).name.clone();
    match occurrence {
        Occurrence::Event {
            process,
            event: Report::Node(event),
        } => {
            let (kind, text, alike) = node_line(event)?;
            let text = match event {
                // The mediator of each volume but the first is called after it.
                Event::MediatorSet(_) if !world.process(*process).name.is_empty() => {
                    format!("{}: {text}", world.process(*process).name)
                }
                _ => text,
            };
            let entry = TimelineEntry::new(at, lane_of(*process), kind, text);
            Some(match alike {
                Some(alike) => entry.one_of(alike),
                None => entry,
            })
        }
        Occurrence::Event {
            process,
            event: Report::Client(event),
        } => {
            let (text, alike) = client_line(event)?;
            let entry = TimelineEntry::new(at, lane_of(*process), TimelineKind::Client, text);
            Some(entry.one_of(alike))
        }
        Occurrence::Fault(happened) => {
            let (lane, text, alike) = fault::line(happened, world);
            let entry = TimelineEntry::new(at, lane, TimelineKind::Fault, text);
            Some(match alike {
                Some(alike) => entry.one_of(alike),
                None => entry,
            })
        }
        Occurrence::Probe { .. }
        | Occurrence::Submitted { .. }
        | Occurrence::Executed { .. }
        | Occurrence::Settled { .. }
        | Occurrence::Booted { .. }
        | Occurrence::Stopped { .. } => None,
    }
}

fn node_line(event: &Event) -> Option<(TimelineKind, String, Option<&'static str>)> {
    Some(match event {
        Event::Phase(Phase::Configuring) => return None,
        Event::Phase(phase) => (Role, phase_name(*phase).to_owned(), None),
        Event::Fenced(key) => (Role, format!("holds the set, epoch {}", key.epoch), None),
        Event::Recovered {
            last,
            records,
            orphans,
        } => {
            let text = format!(
                "read {records} records back to {}, {orphans} orphans",
                last.value()
            );
            (Role, text, None)
        }
        Event::MetadataStored(..) | Event::PeersSought | Event::PeerFound { .. } => {
            return metadata_line(event);
        }
        Event::PathReady { .. }
        | Event::PathActive(..)
        | Event::PathInactive(_)
        | Event::PathLost(_) => return path_line(event),
        Event::SessionOpened(session) => (Sync, format!("opens session {session}"), None),
        Event::SessionAccepted(session) => (Sync, format!("accepts session {session}"), None),
        Event::SessionConfirmed(session) => (Sync, format!("mirror follows in {session}"), None),
        Event::SessionRefused(session, reason) => (
            Sync,
            format!("refuses session {session}: {reason:?}"),
            Some("refused sessions"),
        ),
        Event::OrphanResolved(command, outcome) => {
            let text = format!("orphan {command} resolved: {outcome:?}");
            (Sync, text, Some("resolved orphans"))
        }
        Event::Halted(error) => (Role, format!("gives up the set: {error}"), None),
        Event::Checkpointed(lsn) => (
            Note,
            format!("checkpoint at record {}", lsn.value()),
            Some("checkpoints"),
        ),
        Event::Answered {
            command,
            verdict: Verdict::Unknown(reason),
            ..
        } => (
            Note,
            format!("answers {command}: unknown, {reason:?}"),
            Some("unknown answers"),
        ),
        Event::HeldBack(command, shortage) => (
            Note,
            format!("holds {command} back: {shortage:?}"),
            Some("commands held back"),
        ),
        Event::Mode(mode, session) => {
            let text = format!("{} in session {session}", mode_name(*mode));
            (Sync, text, Some("changes of mode"))
        }
        Event::DirtyUnited(_) | Event::RegionCopied(_) => return resync_line(event),
        Event::Finished(session) => (Sync, format!("consistent again in {session}"), None),
        Event::Repaired(range) => (
            Sync,
            format!("repairs {range} from the mirror"),
            Some("blocks repaired"),
        ),
        Event::PartnerSilent(_)
        | Event::HandOverAsked(_)
        | Event::PartnerDrained(_)
        | Event::Drained(_)
        | Event::HandOverGivenUp
        | Event::OrderRefused(..) => return handover_line(event),
        Event::Activated { .. } | Event::HandedOff(_) | Event::StoodDown | Event::RolledBack(_) => {
            return reign_line(event);
        }
        Event::ServiceAddress(_) => (Role, "takes the service address".to_owned(), None),
        Event::LeaseWaitedOut => (Role, "the partner's lease has run out".to_owned(), None),
        Event::Formatted
        | Event::DataLost
        | Event::RecordsLost(_)
        | Event::RegionRebuilt(_)
        | Event::Grown(_) => return content_line(event),
        Event::MediatorSet(record) => (Sync, mediator_words(*record), None),
        Event::Accepted { .. }
        | Event::Marked(_)
        | Event::ResolvedAlone(_)
        | Event::MediatorSays(_)
        | Event::LocalDurable(_)
        | Event::SetSent { .. }
        | Event::ReplicaAcked(_)
        | Event::Resolved(_)
        | Event::ReplicaPerformed { .. }
        | Event::Copied { .. }
        | Event::Answered { .. }
        | Event::PathsBegun(..)
        | Event::Ignored(_) => return None,
    })
}

/// A resync on its way.
fn resync_line(event: &Event) -> Option<(TimelineKind, String, Option<&'static str>)> {
    Some(match event {
        Event::DirtyUnited(session) => (
            Sync,
            format!("knows the mirror's dirty regions in {session}"),
            None,
        ),
        Event::RegionCopied(range) => (
            Sync,
            format!("copied {range} to the mirror"),
            Some("regions copied"),
        ),
        _ => return None,
    })
}

/// A reign that begins or ends.
fn reign_line(event: &Event) -> Option<(TimelineKind, String, Option<&'static str>)> {
    Some(match event {
        Event::Activated { session, forced } => {
            let word = match forced {
                true => ", forced by the administrator",
                false => "",
            };
            let reign = session.site_epoch.value();
            (
                Role,
                format!("is the owner from epoch {reign} on{word}"),
                None,
            )
        }
        Event::HandedOff(version) => {
            let text = format!("gives its ownership away at version {}", version.value());
            (Role, text, None)
        }
        Event::StoodDown => (Role, "stands down for the other site".to_owned(), None),
        Event::RolledBack(range) => {
            let text = format!("rolled the other site back in {range}");
            (Sync, text, Some("regions rolled back"))
        }
        _ => return None,
    })
}

/// A set that is handed over.
fn handover_line(event: &Event) -> Option<(TimelineKind, String, Option<&'static str>)> {
    Some(match event {
        Event::PartnerSilent(node) => {
            let text = format!("hears nothing of node {}: takes over", node.value());
            (Role, text, None)
        }
        Event::HandOverAsked(node) => {
            let text = format!(
                "sees no heartbeat of node {}, and hears it: asks for the set",
                node.value()
            );
            (Role, text, None)
        }
        Event::PartnerDrained(node) => {
            let text = format!("node {} has drained the set: takes it", node.value());
            (Role, text, None)
        }
        Event::Drained(key) => {
            let text = format!("has drained the set under epoch {}", key.epoch);
            (Role, text, None)
        }
        Event::HandOverGivenUp => (Role, "gives the hand-over up".to_owned(), None),
        Event::OrderRefused(order, refusal) => {
            let text = format!("refuses the order to {}: {refusal:?}", order.name());
            (Role, text, None)
        }
        _ => return None,
    })
}

/// Whom a module could speak to, and whom it speaks to.
fn path_line(event: &Event) -> Option<(TimelineKind, String, Option<&'static str>)> {
    Some(match event {
        Event::PathReady { peer, standing, .. } => {
            let word = match standing {
                Standing::Holds => "holds its set",
                Standing::StandsBy => "stands by",
            };
            let text = format!("path to node {}: it {word}", peer.value());
            (Note, text, Some("paths made ready"))
        }
        Event::PathActive(peer, session) => {
            let text = format!("path to node {} active in session {session}", peer.value());
            (Sync, text, None)
        }
        Event::PathInactive(peer) => {
            let text = format!("path to node {} inactive", peer.value());
            (Sync, text, None)
        }
        Event::PathLost(peer) => {
            let text = format!("path to node {} lost", peer.value());
            (Note, text, Some("paths lost"))
        }
        _ => return None,
    })
}

/// What a set has, and has lost.
fn content_line(event: &Event) -> Option<(TimelineKind, String, Option<&'static str>)> {
    Some(match event {
        Event::Formatted => (Role, "formats an empty set".to_owned(), None),
        Event::DataLost => {
            let text = "has lost its data device: all that is not in the journal is missing";
            (Role, text.to_owned(), None)
        }
        Event::RecordsLost(lsn) => {
            let text = format!("has lost record {} of its journal", lsn.value());
            (Role, text, None)
        }
        Event::RegionRebuilt(range) => (
            Sync,
            format!("rebuilds {range} from the mirror"),
            Some("regions rebuilt"),
        ),
        Event::Grown(blocks) => (Role, format!("the volume has {blocks} blocks now"), None),
        _ => return None,
    })
}

/// Where the others are.
fn metadata_line(event: &Event) -> Option<(TimelineKind, String, Option<&'static str>)> {
    Some(match event {
        Event::MetadataStored(version, generation) => (
            Note,
            format!("stores metadata {version}.{generation}"),
            Some("stored copies of metadata"),
        ),
        Event::PeersSought => {
            let text = "has its peers' addresses tested".to_owned();
            (Sync, text, Some("searches for peers"))
        }
        Event::PeerFound { peer, to, .. } => {
            let text = format!("finds node {} at address {}", peer.value(), to.value());
            (Sync, text, None)
        }
        _ => return None,
    })
}

fn mediator_words(record: MediatorRecord) -> String {
    let word = if record.in_sync {
        "in sync"
    } else {
        "out of sync"
    };
    let (version, owner) = (record.version.value(), record.owner.value());
    format!("version {version}: site {owner} owns, {word}")
}

fn client_line(event: &ClientEvent) -> Option<(String, &'static str)> {
    match event {
        ClientEvent::AttemptEnded {
            id,
            attempt,
            status,
        } => {
            let (word, alike) = match status {
                StatusSummary::Success => ("success", "commands acknowledged"),
                StatusSummary::Mismatch => ("mismatch", "compares that failed"),
                StatusSummary::Refused(_) => ("refused", "commands refused"),
                StatusSummary::Cancelled => ("cancelled", "commands cancelled"),
                StatusSummary::Unknown(_) => ("unknown", "attempts without a verdict"),
            };
            let attempt = if *attempt == 0 {
                String::new()
            } else {
                format!(" on attempt {attempt}")
            };
            Some((format!("{id} {word}{attempt}"), alike))
        }
        ClientEvent::Invoked { .. }
        | ClientEvent::Retried { .. }
        | ClientEvent::ReadReturned { .. }
        | ClientEvent::AnsweredAgain { .. }
        | ClientEvent::Ignored(_) => None,
    }
}
