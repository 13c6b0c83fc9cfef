//! A point of a run.

use std::fmt;
use std::str::FromStr;

use stormglass_engine::time::Duration;

use crate::experiment::Experiment;
use crate::file;

/// A point of a run, by the clock or by the count of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Everything up to and at this instant has happened.
    At(Duration),
    /// So many events have happened.
    Event(u64),
}

impl Moment {
    /// True once an experiment is there.
    pub fn is_reached(self, experiment: &Experiment) -> bool {
        match self {
            Moment::Event(count) => experiment.world().totals().events >= count,
            Moment::At(span) => {
                let end = experiment.start().after(span);
                experiment.next_at().is_some_and(|next| next > end)
            }
        }
    }
}

/// Why a text is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write an instant such as 2.1s, or the number of an event such as 4411")]
pub struct MomentError;

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        let event = text.parse().map(Moment::Event);
        event.or_else(|_| {
            let span = file::parse_duration(text).map_err(|_| MomentError)?;
            Ok(Moment::At(span))
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::At(span) => f.write_str(&file::print_duration(*span)),
            Moment::Event(count) => write!(f, "event {count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_an_instant_or_a_number() {
        assert_eq!("4411".parse(), Ok(Moment::Event(4_411)));
        assert_eq!("2.1s".parse(), Ok(Moment::At(Duration::from_millis(2_100))));
        for wrong in ["", "-1", "1.5", "2.1 s", "soon"] {
            assert_eq!(wrong.parse::<Moment>(), Err(MomentError), "{wrong}");
        }
    }
}
