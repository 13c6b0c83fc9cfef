//! Values that stand as text in a scenario file: durations, ratios, rates and
//! measured numbers. Each is exact and prints in the form in which it is read.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use stormglass_engine::time::Duration;

/// What is wrong with a value, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct Complaint {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl Complaint {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Complaint {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// A user's text in a message: quoted, escaped, and cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Serializes a type as the text that it prints and parses.
macro_rules! text_form {
    ($name:ident, $form:literal, $pattern:literal, $says:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(D::Error::custom)
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "description": $says,
                    "pattern": $pattern,
                    "x-form": $form,
                })
            }
        }
    };
}
pub(super) use text_form;

const DURATION_HELP: &str =
    "write a number and a unit, as in \"1.5s\", \"3ms\", \"200us\" or \"10ns\"";

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
    Ok(Duration::from_nanos(nanoseconds))
}

/// `number` (digits, perhaps a point and more digits) times `scale`, if that is
/// a whole number that fits.
fn scaled(number: &str, scale: u128) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| (!text.is_empty()).then(|| text.bytes().all(|b| b.is_ascii_digit()));
    if !digits(whole)? || !digits(fraction)? || fraction.len() > 9 {
        return None;
    }
    let parts = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let fraction = u128::from(fraction.parse::<u64>().ok()?) * scale;
    if fraction % parts != 0 {
        return None;
    }
    let whole = u128::from(whole.parse::<u64>().ok()?) * scale;
    u64::try_from(whole + fraction / parts).ok()
}

/// `value / scale` without a rounding: `1.5`, `20`. `scale` is a power of ten.
fn unscaled(value: u64, scale: u64) -> String {
    let (whole, rest) = (value / scale, value % scale);
    if rest == 0 {
        return whole.to_string();
    }
    let width = usize::try_from(scale.ilog10()).unwrap_or(0);
    let fraction = format!("{rest:0width$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
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
pub(super) struct DurationText(Duration);

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print_duration(self.0))
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

/// A duration field, for `#[serde(with = "duration")]`.
pub(super) mod duration {
    use super::{Deserialize, Deserializer, Duration, DurationText, Serialize, Serializer};

    pub(in crate::file) fn serialize<S: Serializer>(
        duration: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        DurationText(*duration).serialize(to)
    }

    pub(in crate::file) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        DurationText::deserialize(from).map(|text| text.0)
    }

    /// A duration field that may be absent.
    pub(in crate::file) mod option {
        use super::{Deserialize, Deserializer, Duration, DurationText, Serialize, Serializer};

        pub(in crate::file) fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            duration.map(DurationText).serialize(to)
        }

        pub(in crate::file) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<DurationText>::deserialize(from)?.map(|text| text.0))
        }
    }
}

/// A share from 0 to 1, exactly: `1/100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ratio {
    numerator: u32,
    denominator: u32,
}

impl Ratio {
    /// Nothing.
    pub const ZERO: Ratio = Ratio {
        numerator: 0,
        denominator: 1,
    };

    /// `numerator` of `denominator`; `None` above 1 or over 0.
    pub const fn new(numerator: u32, denominator: u32) -> Option<Self> {
        if denominator == 0 || numerator > denominator {
            return None;
        }
        Some(Ratio {
            numerator,
            denominator,
        })
    }
    /// How many.
    pub const fn numerator(self) -> u32 {
        self.numerator
    }
    /// Of how many, never 0.
    pub const fn denominator(self) -> u32 {
        self.denominator
    }
    /// True if it never happens.
    pub const fn is_zero(self) -> bool {
        self.numerator == 0
    }
    /// True if it is a smaller share than `other`.
    pub fn is_less(self, other: Ratio) -> bool {
        u64::from(self.numerator) * u64::from(other.denominator)
            < u64::from(other.numerator) * u64::from(self.denominator)
    }
}

const RATIO_HELP: &str = "write a share from 0 to 1 as in \"1/100\"";

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl FromStr for Ratio {
    type Err = Complaint;
    fn from_str(text: &str) -> Result<Self, Complaint> {
        let bad = |says: &str| Complaint::new(format!("{} {says}", quoted(text)), RATIO_HELP);
        let number = |part: &str| {
            let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| part.parse::<u32>().ok()).flatten()
        };
        let (numerator, denominator) = text
            .split_once('/')
            .ok_or_else(|| bad("is no ratio of two numbers"))?;
        let (Some(numerator), Some(denominator)) = (number(numerator), number(denominator)) else {
            return Err(bad("is no ratio of two numbers below 2^32"));
        };
        if denominator == 0 {
            return Err(bad("divides by zero"));
        }
        Ratio::new(numerator, denominator).ok_or_else(|| bad("is more than 1"))
    }
}

text_form!(
    Ratio,
    "ratio",
    r"^[0-9]+/[0-9]+$",
    "A share from 0 to 1, such as 1/100."
);

/// How often something happens: a fixed ratio, or a range from which each seed
/// draws its own, so that some runs are calm and some are wild.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// The least that a seed draws.
    pub low: Ratio,
    /// The most that a seed draws; equal to `low` for a fixed rate.
    pub high: Ratio,
}

impl Rate {
    /// Never.
    pub const ZERO: Rate = Rate::fixed(Ratio::ZERO);

    /// The same in every seed.
    pub const fn fixed(ratio: Ratio) -> Self {
        Rate {
            low: ratio,
            high: ratio,
        }
    }
    /// True if no seed draws more than zero.
    pub const fn is_zero(self) -> bool {
        self.high.is_zero()
    }
}

impl Default for Rate {
    fn default() -> Self {
        Rate::ZERO
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() && self.low == self.high {
            self.low.serialize(to)
        } else {
            [self.low, self.high].serialize(to)
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Rate;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a ratio such as \"1/100\", or a range [\"0/1\", \"1/50\"]")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Rate, E> {
                text.parse().map(Rate::fixed).map_err(E::custom)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Rate, A::Error> {
                let mut next = |index| {
                    seq.next_element()?
                        .ok_or_else(|| A::Error::invalid_length(index, &Form))
                };
                let (low, high) = (next(0)?, next(1)?);
                Ok(Rate { low, high })
            }
        }
        if from.is_human_readable() {
            from.deserialize_any(Form)
        } else {
            <[Ratio; 2]>::deserialize(from).map(|[low, high]| Rate { low, high })
        }
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let ratio = generator.subschema_for::<Ratio>();
        json_schema!({
            "description": "A ratio such as 1/100, or a range of ratios from which each seed draws.",
            "anyOf": [
                ratio,
                { "type": "array", "items": ratio, "minItems": 2, "maxItems": 2 },
            ],
            "x-form": "rate",
        })
    }
}

/// A measured number in thousandths: `"1.10"` is 1100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thousandths(u64);

impl Thousandths {
    /// A number of thousandths.
    pub const fn new(thousandths: u64) -> Self {
        Thousandths(thousandths)
    }
    /// The number of thousandths.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&unscaled(self.0, 1_000))
    }
}

impl FromStr for Thousandths {
    type Err = Complaint;
    fn from_str(text: &str) -> Result<Self, Complaint> {
        scaled(text, 1_000).map(Thousandths).ok_or_else(|| {
            Complaint::new(
                format!("{} is no number of thousandths", quoted(text)),
                "write a number from 0 with at most three decimals, as in 1.10",
            )
        })
    }
}

impl Serialize for Thousandths {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            to.collect_str(self)
        } else {
            to.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Thousandths {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Form;
        impl Visitor<'_> for Form {
            type Value = Thousandths;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number with at most three decimals")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Thousandths, E> {
                text.parse().map_err(E::custom)
            }
            // A float prints as the shortest decimal that reads back the same,
            // which is what stood in the file; the text decides.
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Thousandths, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Thousandths, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Thousandths, E> {
                self.visit_str(&number.to_string())
            }
        }
        if from.is_human_readable() {
            from.deserialize_any(Form)
        } else {
            u64::deserialize(from).map(Thousandths)
        }
    }
}

impl JsonSchema for Thousandths {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Thousandths".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number from 0 with at most three decimals, such as 1.10.",
            "anyOf": [
                { "type": "number", "minimum": 0 },
                { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$" },
            ],
            "x-form": "thousandths",
        })
    }
}
