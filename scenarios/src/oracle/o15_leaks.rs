//! O15: after quiesce nothing leaks: no range is held, no command waits, no
//! transfer is unacknowledged, nothing is in pieces, no mark stands, the journal
//! is empty.

use serde::{Deserialize, Serialize};
use stormglass_engine::d_module::Census;
use stormglass_sim::time::WorldTime;

use super::{Finding, OracleId};

/// Judges what modules still hold at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaks {
    checks: u64,
}

impl Leaks {
    /// Judges one module's census, taken at rest.
    pub fn finish(
        &mut self,
        at: WorldTime,
        event: u64,
        name: &str,
        census: &Census,
        findings: &mut Vec<Finding>,
    ) {
        for (what, count) in census.counts() {
            self.checks += 1;
            if count > 0 {
                let says = format!("{name} is at rest with {count} {what}");
                findings.push(Finding::new(OracleId::O15, at, says, vec![event]));
            }
        }
    }

    /// How much was judged.
    pub fn checks(&self) -> u64 {
        self.checks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_module_leaks_nothing_and_each_kind_of_rest_is_found() {
        let mut leaks = Leaks::default();
        let mut findings = Vec::new();
        leaks.finish(
            WorldTime::ZERO,
            1,
            "east-1",
            &Census::default(),
            &mut findings,
        );
        assert!(findings.is_empty());
        let leaky = Census {
            held_ranges: 1,
            marks: 2,
            promised_pages: 3,
            ..Census::default()
        };
        leaks.finish(WorldTime::ZERO, 1, "east-1", &leaky, &mut findings);
        let says: Vec<&str> = findings
            .iter()
            .map(|finding| finding.says.as_str())
            .collect();
        assert_eq!(
            says,
            [
                "east-1 is at rest with 1 ranges held",
                "east-1 is at rest with 2 marks standing",
                "east-1 is at rest with 3 journal pages promised",
            ]
        );
    }
}
