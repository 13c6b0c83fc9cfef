//! The rows of the feature tables: what a scenario may say that it covers.

/// A row of a feature table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// A letter for its table and a number.
    pub id: &'static str,
    /// What it promises, in short.
    pub title: &'static str,
}

/// Every row, table by table.
pub fn all() -> &'static [Row] {
    ROWS
}

/// The row with this id.
pub fn find(id: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.id == id)
}

/// What only this row's feature leaves in a run, where there is such a thing: a place in
/// the engine, a kind of fault that happened (`fault: …`), an oracle that had something to
/// judge (`oracle: …`), or a figure that there was (`measure: …`).
pub fn probe(id: &str) -> Option<&'static str> {
    PROBES
        .iter()
        .find(|(row, _)| *row == id)
        .map(|(_, probe)| *probe)
}

const PROBES: &[(&str, &str)] = &[
    ("P1", "mirror answered before the local record"),
    ("P2", "orphan found performed"),
    ("P3", "success waited for the mirror"),
    ("P4", "command waits its turn"),
    ("P5", "attempt answered unknown"),
    ("P6", "read waits for authority"),
    ("P7", "command answered from the result table"),
    ("P8", "bad block fetched from the mirror"),
    ("P9", "acceptance held back by the journal"),
    ("P10", "set without content formatted"),
    ("P11", "orphan over several regions"),
    ("M0", "volume founded"),
    ("M1", "boot from stored metadata"),
    ("M2", "peers' addresses tested"),
    ("M3", "boot at an address that was found"),
    ("M4", "hello to a known holder out of turn"),
    ("M5", "active path gives way to the other"),
    ("M6", "known address overridden by a test"),
    ("M7", "former holder finds that its role has passed"),
    ("M8", "damaged copy of the metadata passed over"),
    ("M9", "request forwarded to the partner"),
    ("M10", "path between two heirs"),
    ("M11", "no peer found at any address"),
    ("M12", "deposed node's device command refused"),
    ("M13", "silent partner asked to hand over"),
    ("M14", "giveback"),
    ("M15", "claim of an earlier life finished"),
    ("M16", "measure: takeover_ms"),
    ("M17", "peers sought again"),
    ("M18", "takeover on a hardware notice"),
    ("M19", "service address moved to the heir"),
    ("R1", "marks ended for a region that is copied"),
    ("R2", "in-flight regions turn dirty"),
    ("R3", "measure: regions_copied"),
    ("R4", "measure: regions_copied"),
    ("R5", "write ahead of the scan stays here"),
    ("R6", "write behind the scan goes to both copies"),
    ("R7", "write waited for the region being copied"),
    ("R8", "measure: regions_copied"),
    ("R9", "volume grown alone"),
    ("R10", "resync begins anew"),
    ("R11", "no lease of a copy that is not consistent"),
    ("R12", "in sync again"),
    ("R13", "former owner is copied to"),
    ("R14", "automatic switchover"),
    ("R15", "copy replaces what an own reign has left"),
    ("R16", "mirror given up"),
    ("R17", "resync pauses for clients"),
    ("R18", "planned switchover between the sites alone"),
    ("S4", "portion of a pending transfer dropped"),
    ("S5", "redundant portion acknowledged again"),
    ("E4", "attempt answered unknown"),
    ("E6", "redundant portion acknowledged again"),
    ("E7", "unresolved command sent in a new session"),
    ("S11", "command waits its turn"),
    ("S12", "performed replica not performed again"),
    ("F1", "fault: partitioned-packet"),
    ("F2", "fault: damage"),
    ("F3", "fault: pause"),
    ("F4", "fault: clock-rate"),
    ("F5", "acceptance held back by the journal"),
    ("F6", "fault: order"),
    ("F8", "oracle: O16"),
    ("O1", "oracle: O1"),
    ("O2", "oracle: O2"),
    ("O3", "oracle: O3"),
    ("O4", "oracle: O4"),
    ("O5", "oracle: O5"),
    ("O6", "oracle: O6"),
    ("O7", "oracle: O7"),
    ("O8", "oracle: O8"),
    ("O9", "oracle: O9"),
    ("O10", "oracle: O10"),
    ("O11", "oracle: O11"),
    ("O12", "oracle: O12"),
    ("O15", "oracle: O15"),
    ("O16", "oracle: O16"),
    ("O17", "oracle: O17"),
];

const fn row(id: &'static str, title: &'static str) -> Row {
    Row { id, title }
}

const ROWS: &[Row] = &[
    // Replicated commands at the same time.
    row("P1", "Local and replica performance overlap in time"),
    row(
        "P2",
        "The in-flight mark is durable before either copy changes",
    ),
    row(
        "P3",
        "Success only when durable on both copies, or durably out of sync",
    ),
    row("P4", "Overlapping commands have one order on both copies"),
    row(
        "P5",
        "One final status per attempt, one definite outcome per id",
    ),
    row("P6", "Reads come from the fenced owner only"),
    row(
        "P7",
        "A command re-sent after takeover is answered, not performed again",
    ),
    row("P8", "A corrupt block is repaired from the other copy"),
    row(
        "P9",
        "Full and slow devices give back-pressure, never a lost ack",
    ),
    row("P10", "Loss of a whole device has a stated outcome"),
    row(
        "P11",
        "Every kind of command is atomic over borders and takeovers",
    ),
    // Replica command sets and cancellation.
    row("S1", "A set closes at max count or max interval"),
    row("S2", "Portions in any order perform a set exactly once"),
    row(
        "S3",
        "Portions of a performed set are dropped before buffering",
    ),
    row(
        "S4",
        "A duplicate portion of an unperformed set draws no completion",
    ),
    row("S5", "A redundant portion still draws a completion"),
    row("S6", "A cancel ahead of its command leaves a tombstone"),
    row(
        "S7",
        "A cancel before submission frees buffers and performs nothing",
    ),
    row("S8", "A cancel after the local record is answered too late"),
    row("S9", "A cancel that wins on one copy is reconciled"),
    row("S10", "Completion and tombstone memory is bounded"),
    row("S11", "Commands without overlap run in parallel"),
    row("S12", "Dedupe state survives takeover of the receiver"),
    // Errors while performing in parallel.
    row(
        "E1",
        "A short failure that clears within the retries is one success",
    ),
    row("E2", "Retries are spaced and capped"),
    row(
        "E3",
        "A long-term node failure goes to the third node at once",
    ),
    row("E4", "Some status leaves before the status limit"),
    row("E5", "After retrying comes exactly one final status"),
    row("E6", "A lost ack does not apply the replica again"),
    row("E7", "No answer counts as unknown and keeps the mark"),
    row("E8", "Used-up retries become a long-term failure"),
    row("E9", "Undoing a replica spares newer overlapping writes"),
    row(
        "E10",
        "Second and third failing leads to the policy, no false success",
    ),
    row("E11", "The class of an error may change between retries"),
    row(
        "E12",
        "An accepted replica is logged where the partner can replay it",
    ),
    // Metadata, boot and takeover.
    row("M0", "First boot discovers everything and stores it"),
    row("M1", "Boot with unchanged addresses asks nobody"),
    row("M2", "A moved peer costs one fallback"),
    row("M3", "The next boot uses the regenerated copy"),
    row("M4", "Takeover uses metadata the partner already holds"),
    row("M5", "At most one active path per mirror relationship"),
    row(
        "M6",
        "Configuration that probing contradicts is overridden and reported",
    ),
    row("M7", "A role change reaches every node concerned"),
    row("M8", "A torn stored copy is detected and replaced"),
    row("M9", "The D-module moves while a healthy N-module stays"),
    row(
        "M10",
        "An inactive path is promoted after failures on both sides",
    ),
    row("M11", "An unreachable peer is given up within bounds"),
    row("M12", "Takeover fences before it serves"),
    row("M13", "A living disk heartbeat prevents takeover"),
    row("M14", "Giveback drains and never unreserves"),
    row(
        "M15",
        "A crash at any step of boot or takeover is finished later",
    ),
    row("M16", "A takeover's time is broken into phases"),
    row("M17", "The fallback outlasts an N-module that is down"),
    row("M18", "A hardware notice silences one incarnation at once"),
    row("M19", "Planned takeover is a pause to clients"),
    // Out of sync, resync, site switchover.
    row("R1", "In-flight marks clear only after both commits"),
    row("R2", "In-flight regions turn dirty before any lone ack"),
    row(
        "R3",
        "The resync set is exactly in-flight and dirty regions",
    ),
    row("R4", "The scan takes the highest bit and survives crashes"),
    row("R5", "Writes ahead of the scan go to the good copy only"),
    row("R6", "Writes behind the scan go to both copies"),
    row("R7", "Writes that meet the region being copied wait"),
    row("R8", "A dirty bit clears only after a durable newest copy"),
    row("R9", "Growth during resync has its tail copied"),
    row("R10", "A second failure during resync is safe"),
    row("R11", "A resync target serves no reads"),
    row("R12", "In-sync is declared in a fixed order"),
    row("R13", "After a switchover the direction reverses"),
    row(
        "R14",
        "Switchover is planned, mediated or forced, and recorded",
    ),
    row("R15", "A returning primary stands down and rolls back"),
    row("R16", "A short interruption is never seen by clients"),
    row("R17", "Resync is throttled and still ends"),
    row("R18", "Without a mediator there is no automatic failover"),
    // Data protection through queues.
    row("B0", "A token leads to a registered node"),
    row("B1", "Only nodes open connections"),
    row("B2", "A bad token is refused without traffic"),
    row("B3", "Registering twice gives one registration"),
    row("B4", "The topology answer lists the current members"),
    row("B5", "A peer's task runs once on that peer"),
    row("B6", "A redelivered task is executed once"),
    row("B7", "Silence switches to the backup queues"),
    row("B8", "A task on both pairs of queues runs once"),
    row("B9", "The HA partner carries on a dead node's tasks"),
    row("B10", "A crash between execution and deletion is safe"),
    row("B11", "A backup is one point in time under load"),
    row("B12", "Restore gives that point in time"),
    row("B13", "Retention deletes only what is unneeded"),
    row("B14", "Throttling and damage are retried and verified"),
    row("B15", "The executor proves its authority"),
    // Determinism.
    row("K1", "Same scenario, seed and version give the same bytes"),
    row("K2", "Randomness is keyed by what it decides"),
    row("K3", "A rolling hash for every component"),
    row("K4", "Runs are verified and mismatches bisected"),
    row("K5", "No ambient time, threads or iteration order"),
    row("K6", "An experiment is a value"),
    row("K7", "Events are ordered by time and number"),
    row("K8", "Panics and endless loops are verdicts"),
    row("K9", "Forks are cheap and stay cheap"),
    // Faults.
    row("F1", "Network"),
    row("F2", "Device"),
    row("F3", "Process"),
    row("F4", "Clock"),
    row("F5", "Resources"),
    row("F6", "Operator"),
    row("F7", "Cloud"),
    row("F8", "Composition: swarm, bursts and calm"),
    // Oracles.
    row("O1", "Acknowledged writes are recoverable"),
    row("O2", "Blocks are linearizable"),
    row("O3", "A value once read never reverts"),
    row("O4", "One incarnation acts in an epoch"),
    row("O5", "Copies differ only where marked"),
    row("O6", "Dirty bits clear only after newer durable writes"),
    row("O7", "Replica sets and commands are performed at most once"),
    row("O8", "One final status per attempt, one outcome per id"),
    row("O9", "In-sync means equal copies"),
    row("O10", "Takeover serves nothing before replay"),
    row("O11", "An inconsistent copy is never promoted"),
    row("O12", "Damaged data is never returned"),
    row("O13", "A restored backup is one point in time"),
    row("O14", "No inbound connection, no leaked token"),
    row("O15", "Nothing leaks at quiesce"),
    row("O16", "Everything ends within bounds in calm"),
    row("O17", "A reference model agrees with the clients"),
    // Replay, minimise, explore.
    row("X1", "A failing run writes a repro file"),
    row("X2", "A repro replays, and says what is stale"),
    row("X3", "A repro is shrunk"),
    row("X4", "A replay rewinds"),
    row("X5", "An instant is forked and futures compared"),
    row("X6", "Crash points are explored exhaustively"),
    row("X7", "Message fates are explored exhaustively"),
    row("X8", "The point of no return is found"),
    row("X9", "A debugger in the terminal"),
    // Scenarios and CI.
    row("C1", "A scenario is a file with good diagnostics"),
    row("C2", "The catalogue is compiled in"),
    row("C3", "The commands"),
    row("C4", "Sweeps use all cores and resume"),
    row("C5", "Exit codes"),
    row("C6", "Reports for CI"),
    row("C7", "Rare states are probed"),
    row("C8", "Past failures are replayed first"),
    row("C9", "Timelines are kept as snapshots"),
    row("C10", "Sweeps spread over machines"),
    row("C11", "Findability of a failure is computed"),
    // Views and studies.
    row("V1", "A timeline in the terminal"),
    row("V2", "A page for a run"),
    row("V3", "A page for a sweep"),
    row("V4", "The takeover study"),
    row("V5", "Exports for trace viewers"),
    row("V6", "Plots as SVG"),
    // Speed.
    row("Q1", "Benches of every part"),
    row("Q2", "Comparison with other simulators"),
    row("Q3", "Cost per event stays flat"),
    row("Q4", "Benches of the five designs"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_count_on() {
        for pair in all().windows(2) {
            let split = |row: &Row| (row.id[..1].to_owned(), row.id[1..].parse::<u32>().unwrap());
            let (left, right) = (split(&pair[0]), split(&pair[1]));
            assert!(
                right.1 == left.1 + 1 || (right.1 <= 1 && left.0 != right.0),
                "{pair:?}"
            );
        }
        for row in all() {
            assert_eq!(find(row.id), Some(row));
        }
    }
}
