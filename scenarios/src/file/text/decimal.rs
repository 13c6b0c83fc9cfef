//! Decimal numbers without rounding.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Complaint, quoted};

/// `number` (digits, perhaps a point and more digits) times `scale`, if that is
/// a whole number that fits.
pub(super) fn scaled(number: &str, scale: u128) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| (!text.is_empty()).then(|| text.bytes().all(|b| b.is_ascii_digit()));
    if !digits(whole)? || !digits(fraction)? || fraction.len() > 9 {
        return None;
    }
    let parts = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let fraction = u128::from(fraction.parse::<u64>().ok()?) * scale;
    if !fraction.is_multiple_of(parts) {
        return None;
    }
    let whole = u128::from(whole.parse::<u64>().ok()?) * scale;
    u64::try_from(whole + fraction / parts).ok()
}

/// `value / scale` without a rounding: `1.5`, `20`. `scale` is a power of ten.
pub(super) fn unscaled(value: u64, scale: u64) -> String {
    let (whole, rest) = (value / scale, value % scale);
    if rest == 0 {
        return whole.to_string();
    }
    let width = usize::try_from(scale.ilog10()).unwrap_or(0);
    let fraction = format!("{rest:0width$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
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
                format!("{} is no number with at most three decimals", quoted(text)),
                "write a number from 0, as in 1.10",
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
