//! Durations with their unit.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use stormglass_engine::time::Duration;

use super::decimal::{scaled, unscaled};
use super::{Complaint, quoted, text_form};

const DURATION_HELP: &str =
    "write a number and a unit, as in \"1.5s\", \"3ms\", \"200us\" or \"10ns\"";

/// The longest duration that is read: nothing simulated takes a year, and sums of
/// a few stay far from the end of time.
const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Reads a duration such as `1.5s`, `3ms`, `200us` or `10ns`.
pub fn parse_duration(text: &str) -> Result<Duration, Complaint> {
    let bad = |message: String| Complaint::new(message, DURATION_HELP);
    if text.starts_with('-') {
        return Err(bad(format!("the duration {} is negative", quoted(text))));
    }
    let unit_at = text
        .find(|c: char| c != '.' && !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let scale: u128 = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "" if !number.is_empty() => {
            return Err(bad(format!("the duration {} has no unit", quoted(text))));
        }
        _ if number.is_empty() => return Err(bad(format!("{} is no duration", quoted(text)))),
        _ => {
            return Err(bad(format!("{} is no unit of time", quoted(unit))));
        }
    };
    let nanoseconds = scaled(number, scale).ok_or_else(|| {
        bad(format!(
            "{} is no duration in whole nanoseconds up to 584 years",
            quoted(text)
        ))
    })?;
    if nanoseconds > DURATION_MAX.as_nanos() {
        return Err(Complaint::new(
            format!("{} is longer than a year", quoted(text)),
            "write at most \"31536000s\"",
        ));
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Prints a duration exactly as [`parse_duration`] reads it.
pub fn print_duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    let (scale, unit) = match nanoseconds {
        0 => (1_000_000_000, "s"),
        1..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    format!("{}{unit}", unscaled(nanoseconds, scale))
}

/// The schema of a duration; the value itself is the engine's `Duration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DurationText(Duration);

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print_duration(self.0))
    }
}

impl From<Duration> for DurationText {
    fn from(duration: Duration) -> Self {
        DurationText(duration)
    }
}

impl From<DurationText> for Duration {
    fn from(text: DurationText) -> Self {
        text.0
    }
}

impl FromStr for DurationText {
    type Err = Complaint;
    fn from_str(text: &str) -> Result<Self, Complaint> {
        parse_duration(text).map(DurationText)
    }
}

text_form!(
    DurationText,
    "duration",
    r"^[0-9]+(\.[0-9]{1,9})?(ns|us|ms|s)$",
    "A duration, such as 1.5s, 3ms, 200us or 10ns."
);

/// For a field, which takes its schema from the same word:
/// `#[serde(with = "DurationText")]`.
impl DurationText {
    pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&DurationText(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        <Self as Deserialize>::deserialize(from).map(|text| text.0)
    }
}

/// A duration field that may be absent.
pub(crate) mod maybe_duration {
    use super::{Deserialize, Deserializer, Duration, DurationText, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        duration.map(DurationText).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<DurationText>::deserialize(from)?.map(|text| text.0))
    }
}
