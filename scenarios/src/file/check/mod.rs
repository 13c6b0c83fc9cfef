//! Whether the parts of a scenario fit together. Knows values and their paths,
//! nothing of files: [`super::parse`] and the builder both come through here.

mod activity;
mod cluster;
mod fault;
mod identity;
mod weather;

use stormglass_engine::time::Duration;

use super::diagnostic::{Diagnostic, Path, Places, at_path};
use super::model::Scenario;
use super::text::{Complaint, print_duration};

/// Everything about `scenario` that does not fit.
pub(super) fn check(scenario: &Scenario) -> Vec<Diagnostic> {
    let mut check = Check {
        scenario,
        found: Vec::new(),
    };
    check.identity();
    check.expect();
    check.topology();
    check.timers();
    check.limits();
    check.workload();
    for (index, fault) in scenario.faults.iter().enumerate() {
        check.fault(fault, &at_path!("fault", index, fault.action.kind()));
    }
    check.weather();
    check.found
}

struct Check<'a> {
    scenario: &'a Scenario,
    found: Vec<Diagnostic>,
}

impl Check<'_> {
    /// Reports the value at the first place, and what it collides with at the
    /// others, unless it `holds`.
    fn require(
        &mut self,
        holds: bool,
        places: impl Into<Places>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if !holds {
            self.found
                .push(Diagnostic::new(places, Complaint::new(message, help)));
        }
    }

    fn positive(&mut self, duration: Duration, path: Path) {
        self.require(
            duration > Duration::ZERO,
            path,
            "this duration must not be zero",
            "write a longer one, such as \"1ms\"",
        );
    }

    fn within_run(&mut self, instant: Duration, path: Path) {
        let end = self.scenario.limits.sim_time;
        self.require(
            instant < end,
            [path, at_path!("limits", "sim_time")],
            format!("the run has ended before {}", print_duration(instant)),
            format!(
                "write less than {}, or raise `limits.sim_time`",
                print_duration(end)
            ),
        );
    }
}
