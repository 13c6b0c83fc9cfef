//! Values on the command line that need more than a number.

use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use stormglass_reports::record::Shard;
use stormglass_scenarios::file::parse_duration;
use stormglass_scenarios::moment::{Moment, MomentError};

/// Seeds as `A..B`, without B.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seeds(pub(crate) Range<u64>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SeedsError {
    #[error("write a range of seeds as A..B, as in 0..1000; B is left out")]
    NoRange,
    #[error("the range {0}..{1} holds no seed; B is left out, so write a greater one")]
    Empty(u64, u64),
}

impl FromStr for Seeds {
    type Err = SeedsError;

    fn from_str(text: &str) -> Result<Self, SeedsError> {
        let (first, end) = text.split_once("..").ok_or(SeedsError::NoRange)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| SeedsError::NoRange);
        let (first, end) = (number(first)?, number(end)?);
        if first >= end {
            return Err(SeedsError::Empty(first, end));
        }
        Ok(Seeds(first..end))
    }
}

/// An instant of a run as `2.1s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant(pub(crate) stormglass_engine::time::Duration);

impl FromStr for Instant {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        parse_duration(text).map(Instant).map_err(|_| MomentError)
    }
}

/// A shard as `I/N`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShardOf(pub(crate) Shard);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a shard as I/N with I from 1 to N, as in 2/8")]
pub(crate) struct ShardError;

impl FromStr for ShardOf {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (place, of) = text.split_once('/').ok_or(ShardError)?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| ShardError);
        let shard = Shard::new(number(place)?, number(of)?);
        shard.map(ShardOf).ok_or(ShardError)
    }
}

/// A span of wall time as `90s`, `5m` or `2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wall(pub(crate) Duration);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a time such as 500ms, 90s, 5m or 2h")]
pub(crate) struct WallError;

impl FromStr for Wall {
    type Err = WallError;

    fn from_str(text: &str) -> Result<Self, WallError> {
        let scaled = |number: &str, scale: u64| {
            let number: u64 = number.parse().map_err(|_| WallError)?;
            let seconds = number.checked_mul(scale).ok_or(WallError)?;
            Ok(Wall(Duration::from_secs(seconds)))
        };
        match text.strip_suffix('h') {
            Some(hours) => return scaled(hours, 3_600),
            None => {
                // Not the m of ms, which stands before its s.
                if let Some(minutes) = text.strip_suffix('m') {
                    return scaled(minutes, 60);
                }
            }
        }
        let span = parse_duration(text).map_err(|_| WallError)?;
        Ok(Wall(Duration::from_nanos(span.as_nanos())))
    }
}

/// How long a handler may take, from a second to a year of wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience(pub(crate) Duration);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a time of at least 1s and at most a year, such as 30s")]
pub(crate) struct PatienceError;

impl FromStr for Patience {
    type Err = PatienceError;

    fn from_str(text: &str) -> Result<Self, PatienceError> {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
        let Wall(limit) = text.parse().map_err(|_| PatienceError)?;
        if (Duration::from_secs(1)..=YEAR).contains(&limit) {
            Ok(Patience(limit))
        } else {
            Err(PatienceError)
        }
    }
}

/// A moment and the file to write then, as `T=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckpointAt {
    pub(crate) moment: Moment,
    pub(crate) path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CheckpointAtError {
    #[error("write T=FILE, as in 2.1s=half.checkpoint")]
    NoFile,
    #[error(transparent)]
    Moment(#[from] MomentError),
}

impl FromStr for CheckpointAt {
    type Err = CheckpointAtError;

    fn from_str(text: &str) -> Result<Self, CheckpointAtError> {
        let (moment, path) = text.split_once('=').ok_or(CheckpointAtError::NoFile)?;
        if path.is_empty() {
            return Err(CheckpointAtError::NoFile);
        }
        Ok(CheckpointAt {
            moment: moment.parse()?,
            path: path.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_that_holds_some() {
        assert_eq!("0..200".parse(), Ok(Seeds(0..200)));
        assert_eq!("5..5".parse::<Seeds>(), Err(SeedsError::Empty(5, 5)));
        for wrong in ["", "5", "a..b", "..", "1..-2", "1...3"] {
            assert_eq!(wrong.parse::<Seeds>(), Err(SeedsError::NoRange), "{wrong}");
        }
    }

    #[test]
    fn shards_count_from_one() {
        assert_eq!("2/8".parse().ok(), Shard::new(2, 8).map(ShardOf));
        for wrong in ["", "1", "0/3", "4/3", "1/0", "-1/2", "1/2/3", "a/b"] {
            assert_eq!(wrong.parse::<ShardOf>(), Err(ShardError), "{wrong}");
        }
    }

    #[test]
    fn wall_times_have_units_from_milliseconds_to_hours() {
        let seconds = |text: &str| text.parse::<Wall>().map(|wall| wall.0.as_secs_f64());
        assert_eq!(seconds("500ms"), Ok(0.5));
        assert_eq!(seconds("90s"), Ok(90.0));
        assert_eq!(seconds("5m"), Ok(300.0));
        assert_eq!(seconds("2h"), Ok(7_200.0));
        for wrong in ["", "5", "-1s", "m", "999999999999999999h", "1d"] {
            assert_eq!(seconds(wrong), Err(WallError), "{wrong}");
        }
    }
}
