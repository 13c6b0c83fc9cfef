//! Values that stand as text in a scenario file: durations, ratios, rates and
//! measured numbers. Each is exact and prints in the form in which it is read.

mod decimal;
mod duration_range;
mod duration_text;
mod rate;

pub use decimal::Thousandths;
pub use duration_range::DurationRange;
pub(crate) use duration_text::DurationText;
pub(super) use duration_text::maybe_duration;
pub use duration_text::{parse_duration, print_duration};
pub use rate::Rate;
pub(super) use rate::{RatioText, parse_ratio};

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
