//! Numbers of a record: fixed-point inside, so that records compare, and a
//! plain decimal number in JSON.

use std::fmt;
use std::time::Duration;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MILLION: i128 = 1_000_000;

/// A decimal number with six places, such as a measure or a rate.
///
/// JSON carries it as an integer where it is whole and as a float where it is
/// not; up to 2·10⁹ in magnitude it reads back unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Decimal {
    millionths: i128,
}

impl Decimal {
    /// A whole number: a count, or bytes.
    pub const fn whole(value: u64) -> Self {
        Decimal {
            millionths: value as i128 * MILLION,
        }
    }

    /// `millionths` / 1,000,000.
    pub const fn from_millionths(millionths: i64) -> Self {
        Decimal {
            millionths: millionths as i128,
        }
    }

    /// `part / whole`, rounded down to a millionth; zero when `whole` is zero,
    /// for a share of nothing is shown as none.
    pub const fn ratio(part: u64, whole: u64) -> Self {
        if whole == 0 {
            return Decimal { millionths: 0 };
        }
        Decimal {
            millionths: part as i128 * MILLION / whole as i128,
        }
    }

    /// A span in milliseconds, exact.
    pub const fn milliseconds(span: Duration) -> Self {
        // A nanosecond is a millionth of a millisecond.
        Decimal {
            millionths: span.as_nanos() as i128,
        }
    }

    /// A span in seconds, rounded down to a microsecond.
    pub const fn seconds(span: Duration) -> Self {
        Decimal {
            millionths: span.as_micros() as i128,
        }
    }

    /// The number for arithmetic in a view.
    pub fn to_f64(self) -> f64 {
        self.millionths as f64 / MILLION as f64
    }

    fn from_f64(value: f64) -> Option<Self> {
        let millionths = (value * MILLION as f64).round();
        // Half the range of i128 is far beyond any measure and safe to cast.
        let fits = millionths.is_finite() && millionths.abs() < 2f64.powi(126);
        fits.then_some(Decimal {
            millionths: millionths as i128,
        })
    }
}

/// Shortest exact form: `412`, `412.5`, `-0.25`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.millionths.unsigned_abs();
        let (whole, rest) = (magnitude / 1_000_000, magnitude % 1_000_000);
        let sign = if self.millionths < 0 { "-" } else { "" };
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let places = format!("{rest:06}");
        write!(f, "{sign}{whole}.{}", places.trim_end_matches('0'))
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(self.millionths / MILLION) {
            Ok(whole) if self.millionths % MILLION == 0 => serializer.serialize_i64(whole),
            _ => serializer.serialize_f64(self.to_f64()),
        }
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DecimalVisitor)
    }
}

struct DecimalVisitor;

impl Visitor<'_> for DecimalVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Decimal, E> {
        Ok(Decimal::whole(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Decimal, E> {
        Ok(Decimal {
            millionths: i128::from(value) * MILLION,
        })
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Decimal, E> {
        Decimal::from_f64(value).ok_or_else(|| E::custom("the number is out of range"))
    }
}

/// A share of a whole, in parts per million, between none and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Share {
    parts_per_million: u32,
}

impl Share {
    /// None of it.
    pub const NONE: Share = Share {
        parts_per_million: 0,
    };

    /// All of it.
    pub const ALL: Share = Share {
        parts_per_million: 1_000_000,
    };

    /// `percent` hundredths, at most 100.
    pub const fn percent(percent: u32) -> Self {
        assert!(percent <= 100, "a share is at most the whole");
        Share {
            parts_per_million: percent * 10_000,
        }
    }

    /// Parts in a million, or nothing where that is more than the whole.
    pub const fn from_parts_per_million(parts_per_million: u32) -> Option<Self> {
        if parts_per_million > Share::ALL.parts_per_million {
            return None;
        }
        Some(Share { parts_per_million })
    }

    /// This share in parts per million.
    pub const fn parts_per_million(self) -> u32 {
        self.parts_per_million
    }

    /// How `part` of `whole` compares with this share, without rounding.
    pub const fn is_reached_by(self, part: u64, whole: u64) -> bool {
        part as u128 * 1_000_000 >= whole as u128 * self.parts_per_million as u128
    }

    /// Whether `part` of `whole` is strictly more than this share.
    pub const fn is_exceeded_by(self, part: u64, whole: u64) -> bool {
        part as u128 * 1_000_000 > whole as u128 * self.parts_per_million as u128
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parts = u32::deserialize(deserializer)?;
        Share::from_parts_per_million(parts)
            .ok_or_else(|| D::Error::custom("a share is at most 1000000 parts per million"))
    }
}

/// Serde form of a span or an instant since the start of a run: seconds as a
/// decimal number. Exact to the nanosecond for the first 97 days (2²³ s, where
/// the spacing of doubles passes a nanosecond).
pub(super) mod seconds {
    use super::{Deserialize, Deserializer, Duration, Serializer};
    use serde::de::Error as _;

    pub(in crate::record) fn serialize<S: Serializer>(
        span: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        // Not `as_secs_f64`: it rounds twice, and 2.104 s would not always
        // print as 2.104. One division of exact integers rounds once.
        serializer.serialize_f64(span.as_nanos() as f64 / 1e9)
    }

    pub(in crate::record) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)
    }
}
