//! Probabilities as fractions.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A fraction in `0/1 ..= 1/1`. Written `1/100`, also in human-readable formats.
///
/// Not reduced: `1/2` and `2/4` mean the same and are not equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    numerator: u32,
    denominator: u32,
}

/// Why two numbers are no [`Ratio`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatioError {
    /// Nothing can be divided by zero.
    #[error("a ratio's denominator must not be 0")]
    ZeroDenominator,
    /// A probability is at most one.
    #[error("{numerator}/{denominator} is more than 1")]
    MoreThanOne {
        /// What was given above the line.
        numerator: u32,
        /// What was given below it.
        denominator: u32,
    },
    /// The text is not two numbers with a slash between them.
    #[error("a ratio is written like 1/100")]
    Malformed,
}

impl Ratio {
    /// Never.
    pub const NEVER: Ratio = Ratio {
        numerator: 0,
        denominator: 1,
    };
    /// Always.
    pub const ALWAYS: Ratio = Ratio {
        numerator: 1,
        denominator: 1,
    };

    /// The fraction `numerator / denominator`.
    pub const fn new(numerator: u32, denominator: u32) -> Result<Self, RatioError> {
        if denominator == 0 {
            return Err(RatioError::ZeroDenominator);
        }
        if numerator > denominator {
            return Err(RatioError::MoreThanOne {
                numerator,
                denominator,
            });
        }
        Ok(Ratio {
            numerator,
            denominator,
        })
    }

    /// What stands above the line.
    pub const fn numerator(self) -> u32 {
        self.numerator
    }

    /// What stands below it, at least 1.
    pub const fn denominator(self) -> u32 {
        self.denominator
    }

    /// True if it stands for an event that does not happen: no need to draw.
    pub const fn is_never(self) -> bool {
        self.numerator == 0
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Ratio {
    type Err = RatioError;

    fn from_str(text: &str) -> Result<Self, RatioError> {
        let (above, below) = text.split_once('/').ok_or(RatioError::Malformed)?;
        let number = |part: &str| part.trim().parse().map_err(|_| RatioError::Malformed);
        Ratio::new(number(above)?, number(below)?)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (self.numerator, self.denominator).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ratio = if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse()
        } else {
            let (numerator, denominator) = Deserialize::deserialize(deserializer)?;
            Ratio::new(numerator, denominator)
        };
        ratio.map_err(de::Error::custom)
    }
}
