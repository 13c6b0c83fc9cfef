//! Weather.

use stormglass_engine::time::Duration;

use super::Check;
use crate::file::Action;
use crate::file::diagnostic::{Path, at_path};
use crate::file::text::{DurationRange, Rate, print_duration};
use crate::file::weather::{Burst, Delay, Recurring, RecurringKind, Weather};

/// The most by which a burst may hasten faults.
const BURST_FACTOR_MAX: u32 = 1_000;

impl Check<'_> {
    pub(super) fn weather(&mut self) {
        let Weather {
            until,
            swarm: _,
            loss,
            duplicate,
            ref delay,
            corrupt,
            ref io,
            ref recurring,
            burst,
            calm: _,
        } = self.scenario.weather;
        let at = at_path!("weather");
        if !self.scenario.weather.is_calm() {
            self.positive(until, at.then("until"));
            self.within_run(until, at.then("until"));
        }
        self.rate(loss, at.then("loss"));
        self.rate(duplicate, at.then("duplicate"));
        self.rate(corrupt, at.then("corrupt"));
        self.delay(delay, "delay", &at.then("delay"));
        for (name, rate) in io.rates() {
            let at = at.then("io").then(name);
            match name {
                "slow" => self.delay(&io.slow, "slow", &at),
                _ => self.rate(rate, at),
            }
        }
        if let Some(silent) = io.mailbox {
            let at = at.then("io").then("mailbox");
            self.node(silent.node, at.then("node"));
            self.positive(silent.lasts, at.then("lasts"));
            self.require(
                silent.at.plus(silent.lasts) <= until,
                [at.then("lasts"), at_path!("weather", "until")],
                "heartbeats wait beyond the weather's end",
                "write a later `until` under [weather]: then everything is to be well again",
            );
        }
        self.require(
            io.lying_flush.is_zero() || !self.devices_lose_power(),
            at.then("io").then("lying_flush"),
            "a device whose flush has lied may not lose power: nothing tells what it lost",
            "leave out `lying_flush`, or every `power_off` and `swap`",
        );
        for (kind, one) in recurring {
            let at = at.then("recurring").then(kind.to_string().as_str());
            self.recurring(*kind, *one, &at);
        }
        if let Some(burst) = burst {
            self.burst(burst, &at.then("burst"));
        }
    }

    /// True if a device may lose power.
    fn devices_lose_power(&self) -> bool {
        let recurring = self.scenario.weather.recurring.keys();
        let mut recurring = recurring.copied();
        let mut scheduled = self.scenario.faults.iter();
        recurring.any(|kind| matches!(kind, RecurringKind::PowerOff | RecurringKind::Swap))
            || scheduled
                .any(|fault| matches!(fault.action, Action::PowerOff { .. } | Action::Swap { .. }))
    }

    fn delay(&mut self, delay: &Delay, name: &str, at: &Path) {
        self.rate(delay.ratio, at.then("ratio"));
        self.require(
            delay.ratio.is_zero() || delay.max > Duration::ZERO,
            at.clone(),
            "a delay of at most nothing delays nothing",
            format!("add `max`, as in {name} = {{ ratio = \"1/50\", max = \"5ms\" }}"),
        );
    }

    fn recurring(&mut self, kind: RecurringKind, one: Recurring, at: &Path) {
        self.stretch(one.every, at.then("every"));
        if !kind.is_instant() {
            self.stretch(one.lasts, at.then("lasts"));
        }
        self.require(
            !kind.is_instant() || one.lasts == DurationRange::default(),
            at.then("lasts"),
            format!("{kind} is done in an instant"),
            "leave `lasts` out",
        );
    }

    fn burst(&mut self, burst: Burst, at: &Path) {
        self.stretch(burst.every, at.then("every"));
        self.stretch(burst.lasts, at.then("lasts"));
        self.require(
            (2..=BURST_FACTOR_MAX).contains(&burst.factor),
            at.then("factor"),
            format!("a burst that hastens faults {} times is none", burst.factor),
            format!("write a number from 2 to {BURST_FACTOR_MAX}"),
        );
    }

    /// Two ends, the smaller one first and more than nothing.
    fn stretch(&mut self, range: DurationRange, path: Path) {
        self.positive(range.low, path.clone());
        let [low, high] = [range.low, range.high].map(print_duration);
        self.require(
            range.low <= range.high,
            path,
            format!("the range from {low} to {high} is empty"),
            "write the shorter duration first",
        );
    }

    fn rate(&mut self, rate: Rate, path: Path) {
        self.require(
            !rate.is_empty(),
            path,
            format!("the range from {} to {} is empty", rate.low, rate.high),
            "write the smaller ratio first",
        );
    }
}
