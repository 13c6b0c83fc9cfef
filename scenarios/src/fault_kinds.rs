//! Which kinds of faults a scenario switches on, by the names under which they
//! are counted. A kind that is switched on and never happens tests nothing, so
//! reports show it with zero.

use crate::file::{Action, ReturnKind, Scenario};

/// The kinds that a scenario switches on.
pub fn enabled(scenario: &Scenario) -> impl Iterator<Item = &'static str> {
    let weather = &scenario.weather;
    let drawn = [
        ("loss", weather.loss),
        ("duplicate", weather.duplicate),
        ("delay", weather.delay.ratio),
        ("corrupt", weather.corrupt),
    ];
    let drawn = drawn
        .into_iter()
        .filter(|(_, rate)| !rate.is_zero())
        .map(|(kind, _)| kind);
    let scheduled = scenario
        .faults
        .iter()
        .flat_map(|fault| scheduled(&fault.action));
    drawn.chain(scheduled.copied())
}

/// What surely happens with a scheduled fault.
fn scheduled(action: &Action) -> &'static [&'static str] {
    match action {
        Action::Crash { .. } => &["crash"],
        Action::Kill { .. } => &["kill"],
        Action::PowerOff { .. } => &["crash", "device-power-loss"],
        Action::Pause { .. } => &["pause"],
        Action::Partition(_) => &["partition"],
        Action::DeviceGone {
            duration: Some(_),
            returns: ReturnKind::Blank,
            ..
        } => &["device-gone", "device-replaced"],
        Action::DeviceGone { .. } => &["device-gone"],
        Action::Damage { .. } => &["damage"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    #[test]
    fn weather_and_schedule_are_switched_on_and_calm_is_not() {
        let kinds =
            |name| -> Vec<&str> { enabled(&Source::load(name, &[]).unwrap().scenario).collect() };
        assert_eq!(
            kinds("owner-crash"),
            ["loss", "crash", "crash", "crash", "device-power-loss"]
        );
        assert!(kinds("parallel-latency").is_empty());
    }
}
