//! Ratios, and rates that may be drawn by each seed.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use stormglass_sim::random::Ratio;

use super::{Complaint, quoted};

/// Reads a share from 0 to 1 such as `1/100`.
pub(in crate::file) fn parse_ratio(text: &str) -> Result<Ratio, Complaint> {
    text.parse().map_err(|error| {
        let message = format!("{} is no share: {error}", quoted(text));
        Complaint::new(message, "write a share from 0 to 1, as in \"1/100\"")
    })
}

/// The schema of a ratio; the value itself is the simulator's `Ratio`.
pub(in crate::file) struct RatioText;

impl JsonSchema for RatioText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ratio".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A share from 0 to 1, such as 1/100.",
            "pattern": "^[0-9]+/[0-9]+$",
            "x-form": "ratio",
        })
    }
}

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
    pub const ZERO: Rate = Rate::fixed(Ratio::NEVER);

    /// The same in every seed.
    pub const fn fixed(ratio: Ratio) -> Self {
        Rate {
            low: ratio,
            high: ratio,
        }
    }
    /// True if there is nothing between the two ends.
    pub fn is_empty(self) -> bool {
        let (low, high) = (self.low, self.high);
        u64::from(high.numerator()) * u64::from(low.denominator())
            < u64::from(low.numerator()) * u64::from(high.denominator())
    }
    /// True if no seed draws more than zero.
    pub const fn is_zero(self) -> bool {
        self.high.is_never()
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
                parse_ratio(text).map(Rate::fixed).map_err(E::custom)
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
        let ratio = generator.subschema_for::<RatioText>();
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
