//! Names, rows, probes and expectations.

use super::Check;
use crate::features;
use crate::file::diagnostic::at_path;
use crate::file::model::{Expect, Scenario};
use crate::file::text::quoted;
use crate::file::words::{choice, closest};
use crate::measure;

impl Check<'_> {
    pub(super) fn identity(&mut self) {
        let Scenario {
            name,
            covers,
            suites,
            probes,
            ..
        } = self.scenario;
        self.require(
            is_plain(name),
            at_path!("name"),
            format!("{} is no name for a scenario", quoted(name)),
            "use small letters, digits and hyphens, as in `name = \"owner-crash\"`",
        );
        for (index, suite) in suites.iter().enumerate() {
            self.require(
                is_plain(suite),
                at_path!("suites", index),
                format!("{} is no name for a suite", quoted(suite)),
                "use small letters, digits and hyphens",
            );
        }
        for (index, row) in covers.iter().enumerate() {
            self.require(
                features::find(row).is_some(),
                at_path!("covers", index),
                format!("there is no feature row {}", quoted(row)),
                rows_like(row),
            );
        }
        for (index, probe) in probes.iter().enumerate() {
            let path = at_path!("probes", index);
            self.require(
                !probe.trim().is_empty(),
                path,
                "a probe has no name",
                "name it",
            );
        }
        for (key, list) in [("covers", covers), ("suites", suites), ("probes", probes)] {
            for (index, one) in list.iter().enumerate() {
                self.require(
                    !list[..index].contains(one),
                    at_path!(key, index),
                    format!("{} is listed twice", quoted(one)),
                    "leave one of them out",
                );
            }
        }
    }

    pub(super) fn expect(&mut self) {
        let Expect {
            verdict: _,
            probes,
            unreached,
            measures,
        } = &self.scenario.expect;
        for (index, probe) in probes.iter().enumerate() {
            let known = self.scenario.probes.iter().map(String::as_str);
            let near = closest(probe, known);
            let near = near.map_or_else(String::new, |name| format!("did you mean `{name}`? "));
            self.require(
                self.scenario.probes.contains(probe),
                [at_path!("expect", "probes", index), at_path!("probes")],
                format!("{} is not among the scenario's `probes`", quoted(probe)),
                format!("{near}list it in `probes` as well"),
            );
        }
        for (index, probe) in unreached.iter().enumerate() {
            self.require(
                !probe.trim().is_empty() && !probes.contains(probe),
                at_path!("expect", "unreached", index),
                format!("{} cannot be asked for", quoted(probe)),
                "name a probe, and not one that every run must reach",
            );
        }
        let known = measure::names(self.pair_count());
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        for (index, measure) in measures.iter().enumerate() {
            let at = at_path!("expect", "measures", index);
            let named = !measure.name.trim().is_empty();
            self.require(named, at.then("name"), "a measure has no name", "name it");
            self.require(
                !named || known.contains(&measure.name.as_str()),
                at.then("name"),
                format!("there is no measure {}", quoted(&measure.name)),
                choice("measures", &measure.name, &known),
            );
            self.require(
                measure.min.is_some() || measure.max.is_some(),
                at.clone(),
                format!("the measure {} has no bound", quoted(&measure.name)),
                "add `min` or `max`",
            );
            if let (Some(min), Some(max)) = (measure.min, measure.max) {
                self.require(
                    min <= max,
                    [at.then("max"), at.then("min")],
                    format!("nothing is at least {min} and at most {max}"),
                    "write the smaller number as `min`",
                );
            }
        }
    }
}

/// Help for a row that does not exist: the rows of its table.
fn rows_like(given: &str) -> String {
    let ids = || features::all().iter().map(|row| row.id);
    if let Some(same) = ids().find(|id| id.eq_ignore_ascii_case(given)) {
        return format!("did you mean `{same}`?");
    }
    let table = given
        .chars()
        .next()
        .map(|letter| letter.to_ascii_uppercase());
    let mut rows = ids().filter(|id| id.chars().next() == table);
    match (rows.next(), rows.next_back()) {
        (Some(first), Some(last)) => format!("the rows of this table are {first} to {last}"),
        _ => "`stormglass features` lists the rows".to_owned(),
    }
}

/// True for small letters, digits and inner hyphens.
fn is_plain(name: &str) -> bool {
    const LONGEST: usize = 64;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty()
        && name.len() <= LONGEST
        && name.chars().all(plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
