//! Stretches of time that may be drawn by each seed, or for each event.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use stormglass_engine::time::Duration;

use super::DurationText;

/// How long something is: a fixed duration, or a range from which one is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DurationRange {
    /// The least.
    pub low: Duration,
    /// The most; equal to `low` for a fixed one.
    pub high: Duration,
}

impl DurationRange {
    /// Always the same.
    pub const fn fixed(duration: Duration) -> Self {
        DurationRange {
            low: duration,
            high: duration,
        }
    }
    /// A range.
    pub const fn between(low: Duration, high: Duration) -> Self {
        DurationRange { low, high }
    }
}

/// As a file has it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Fixed(DurationText),
    Ends([DurationText; 2]),
}

impl Serialize for DurationRange {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if !to.is_human_readable() {
            return [self.low, self.high].serialize(to);
        }
        let [low, high] = [self.low, self.high].map(DurationText::from);
        match self.low == self.high {
            true => Form::Fixed(low).serialize(to),
            false => Form::Ends([low, high]).serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for DurationRange {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if !from.is_human_readable() {
            let [low, high] = <[Duration; 2]>::deserialize(from)?;
            return Ok(DurationRange { low, high });
        }
        Ok(match Form::deserialize(from)? {
            Form::Fixed(duration) => DurationRange::fixed(duration.into()),
            Form::Ends([low, high]) => DurationRange::between(low.into(), high.into()),
        })
    }
}

impl JsonSchema for DurationRange {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DurationRange".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<DurationText>();
        json_schema!({
            "description": "A duration such as 20ms, or a range of durations from which one is drawn.",
            "anyOf": [
                duration,
                { "type": "array", "items": duration, "minItems": 2, "maxItems": 2 },
            ],
            "x-form": "durations",
        })
    }
}
