//! Which kinds of faults a run switches on, by the names under which they are
//! counted: what its scenario schedules, and what its seed drew. A kind that is
//! switched on and never happens tests nothing, so reports show it with zero.

use stormglass_engine::event::Shortage;

use crate::file::{Action, RecurringKind, ReturnKind, Scenario};
use crate::weather::Weather;

/// The kinds that a run switches on.
pub fn enabled(
    scenario: &Scenario,
    weather: Option<&Weather>,
) -> impl Iterator<Item = &'static str> {
    let strength = weather.map(Weather::strength);
    let drawn = strength.map(|strength| {
        [
            ("loss", strength.loss),
            ("duplicate", strength.duplicate),
            ("delay", strength.delay),
            ("corrupt", strength.corrupt),
            ("slow-io", strength.io.slow),
            ("io-error", strength.io.error),
            ("failed-flush", strength.io.failed_flush),
            ("lost-write", strength.io.lost_write),
            ("misdirected-write", strength.io.misdirected_write),
            ("lying-flush", strength.io.lying_flush),
        ]
    });
    let drawn = drawn
        .into_iter()
        .flatten()
        .filter(|(_, rate)| !rate.is_never())
        .map(|(kind, _)| kind);
    let recurring = weather.into_iter().flat_map(Weather::recurring);
    let recurring = recurring.flat_map(recurring_kinds).copied();
    let scheduled = scenario
        .faults
        .iter()
        .flat_map(|fault| scheduled(&fault.action));
    let recurring: Vec<&str> = recurring.collect();
    drawn.chain(recurring).chain(scheduled.copied())
}

/// A limit that a command met, as it is counted: nobody injects it, limits and load do.
pub fn shortage(what: Shortage) -> &'static str {
    match what {
        Shortage::Queue => "queue-full",
        Shortage::Window => "window-full",
        Shortage::Clients => "clients-full",
        Shortage::Journal => "journal-full",
        Shortage::Owner => "no-owner",
    }
}

/// What happens with a recurring fault.
fn recurring_kinds(kind: RecurringKind) -> &'static [&'static str] {
    match kind {
        RecurringKind::Crash => &["crash"],
        RecurringKind::Kill => &["kill"],
        RecurringKind::Pause => &["pause"],
        RecurringKind::PowerOff => &["crash", "device-power-loss"],
        RecurringKind::Partition => &["partition"],
        RecurringKind::DeviceGone => &["device-gone"],
        RecurringKind::Damage => &["damage"],
        RecurringKind::DeviceSlow => &["device-slow"],
        RecurringKind::DeviceStall => &["device-stalled"],
        RecurringKind::Clog => &["clogged-packet"],
        RecurringKind::Narrow => &["queued-packet", "path-overflow", "oversized-packet"],
        RecurringKind::SlowCpu => &["cpu-slow"],
        RecurringKind::CrashLoop => &["crash"],
        RecurringKind::Clock => &["clock-rate"],
        RecurringKind::CutKind => &["partition"],
        RecurringKind::DeviceFull => &["device-full"],
        RecurringKind::DeviceReplaced => &["device-gone", "device-replaced"],
        RecurringKind::StalePages => &["stale-pages"],
        RecurringKind::DeviceStale => &["device-gone", "device-stale"],
        RecurringKind::Swap => &["device-power-loss", "devices-swapped"],
    }
}

/// What happens with a scheduled fault, if it meets anything.
fn scheduled(action: &Action) -> &'static [&'static str] {
    match action {
        Action::Crash { .. } => &["crash"],
        Action::Kill { .. } => &["kill"],
        Action::PowerOff { .. } => &["crash", "device-power-loss"],
        Action::Pause { .. } => &["pause"],
        Action::Readdress { .. } => &["address-change"],
        Action::Partition(_) | Action::Isolate { .. } => &["partition"],
        Action::DeviceGone {
            duration: Some(_),
            returns: ReturnKind::Blank,
            ..
        } => &["device-gone", "device-replaced"],
        Action::DeviceGone {
            duration: Some(_),
            returns: ReturnKind::Stale,
            ..
        } => &["device-gone", "device-stale"],
        Action::DeviceGone { .. } => &["device-gone"],
        Action::DeviceSlow { .. } => &["device-slow"],
        Action::DeviceStall { .. } => &["device-stalled"],
        Action::DeviceFull { .. } => &["device-full"],
        Action::Remember { .. } => &[],
        Action::StalePages { .. } => &["stale-pages"],
        Action::Swap { .. } => &["device-power-loss", "devices-swapped"],
        Action::Clog { .. } => &["clogged-packet"],
        Action::Narrow {
            bytes_per_second: Some(_),
            mtu: Some(_),
            ..
        } => &["queued-packet", "path-overflow", "oversized-packet"],
        Action::Narrow { mtu: Some(_), .. } => &["oversized-packet"],
        Action::Narrow { .. } => &["queued-packet", "path-overflow"],
        Action::SlowCpu { .. } => &["cpu-slow"],
        Action::CrashLoop { .. } => &["crash"],
        Action::Clock {
            beyond_bound: true, ..
        } => &["clock-beyond-bound"],
        Action::Clock { .. } => &["clock-rate"],
        Action::Order { .. } => &["order"],
        Action::Damage { .. } | Action::DamageRecord { .. } | Action::DamageMetadata { .. } => {
            &["damage"]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Experiment;
    use crate::source::Source;

    fn kinds(name: &str, seed: u64) -> Vec<&'static str> {
        let scenario = Source::load(name, &[]).unwrap().scenario;
        let experiment = Experiment::new(&scenario, seed);
        enabled(&scenario, experiment.weather()).collect()
    }

    #[test]
    fn weather_and_schedule_are_switched_on_and_calm_is_not() {
        assert_eq!(
            kinds("owner-crash", 1),
            ["loss", "crash", "crash", "crash", "device-power-loss"]
        );
        assert!(kinds("parallel-latency", 1).is_empty());
    }

    #[test]
    fn a_seed_of_a_storm_switches_on_what_it_drew() {
        let drawn: Vec<Vec<&str>> = (0..40).map(|seed| kinds("storm-pair", seed)).collect();
        let with = |kind| drawn.iter().filter(|kinds| kinds.contains(&kind)).count();
        for kind in ["loss", "delay", "kill", "pause", "partition", "device-gone"] {
            assert!((10..40).contains(&with(kind)), "{kind}: {}", with(kind));
        }
    }
}
