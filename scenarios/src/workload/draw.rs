//! The application's choices: each follows from seed, client and the number of
//! the command alone, so that timing and other commands do not move it.

use stormglass_engine::vocabulary::{BlockIndex, ClientId, Range};

use super::event::CommandKind;
use super::identity::{Mix, Workload};
use super::provenance::mix;

/// What the application wants with its command of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) kind: CommandKind,
    /// What it touches; a flush ignores it.
    pub(super) range: Range,
    /// How a compare-and-write comes by what it expects.
    pub(super) guess: Guess,
}

/// How a compare-and-write comes by what it expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    /// What the client believes, zeroes where it believes nothing.
    Believed,
    /// What the client believes, after a read if it believes nothing.
    Looked,
    /// Something that it does not believe.
    Wrong,
}

/// One compare in this many expects what the client does not believe.
const WRONG_GUESSES_ONE_IN: u64 = 8;

impl Plan {
    /// The plan for command `number` of a client.
    pub(super) fn new(workload: &Workload, seed: u64, client: ClientId, number: u64) -> Plan {
        let key = mix(mix(seed, u64::from(client.value())), number);
        let bits = |purpose: Purpose| mix(key, purpose as u64);

        let spread = workload.command_blocks_max - workload.command_blocks_min + 1;
        let count = workload.command_blocks_min + below(bits(Purpose::Count), spread.into()) as u32;
        let places = u64::from(workload.blocks.count() - count) + 1;
        let start = workload.blocks.start().value() + below(bits(Purpose::Start), places);
        let drawn = Plan {
            kind: workload.mix.kind(bits(Purpose::Kind)),
            range: Range::new(BlockIndex::new(start), count).unwrap_or(workload.blocks),
            guess: match below(bits(Purpose::Guess), WRONG_GUESSES_ONE_IN) {
                0 => Guess::Wrong,
                odd if odd % 2 == 1 => Guess::Looked,
                _ => Guess::Believed,
            },
        };
        let mut listed = workload.listed.iter().flatten();
        match listed.find(|it| it.number == number) {
            None => drawn,
            Some(it) => Plan {
                kind: it.kind,
                range: it.range,
                ..drawn
            },
        }
    }
}

/// What a number is drawn for.
#[derive(Clone, Copy)]
enum Purpose {
    Kind = 1,
    Count,
    Start,
    Guess,
}

impl Mix {
    fn kind(&self, bits: u64) -> CommandKind {
        let weights = [
            (self.read, CommandKind::Read),
            (self.write, CommandKind::Write),
            (self.write_zeroes, CommandKind::WriteZeroes),
            (self.compare_and_write, CommandKind::CompareAndWrite),
            (self.flush, CommandKind::Flush),
        ];
        let mut left = below(bits, self.total());
        for (weight, kind) in weights {
            match left.checked_sub(weight.into()) {
                Some(rest) => left = rest,
                None => return kind,
            }
        }
        unreachable!("drawn below the sum of the weights")
    }
}

/// A number below `bound`, which is not zero; biased by less than `bound`/2^64.
pub(super) fn below(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}
