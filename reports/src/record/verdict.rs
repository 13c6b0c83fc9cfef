//! What a run came to, and the exit code that tells a script.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What one run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every oracle held and every expectation was met.
    Pass,
    /// An oracle saw what must never happen.
    Safety,
    /// The engine panicked or one of its assertions failed.
    Crash,
    /// Something that must end did not: a command, a takeover, the run itself.
    Liveness,
    /// The run was sound, but not what the scenario expects of it.
    Expectation,
    /// The injected faults destroyed the last good copy of something.
    Unrecoverable,
}

impl Verdict {
    /// The word of the JSON contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Safety => "safety",
            Verdict::Crash => "crash",
            Verdict::Liveness => "liveness",
            Verdict::Expectation => "expectation",
            Verdict::Unrecoverable => "unrecoverable",
        }
    }

    /// How a command that saw only this verdict exits.
    pub const fn exit(self) -> Exit {
        match self {
            Verdict::Pass => Exit::Pass,
            Verdict::Safety | Verdict::Crash => Exit::Safety,
            Verdict::Liveness => Exit::Liveness,
            Verdict::Expectation => Exit::Expectation,
            Verdict::Unrecoverable => Exit::Unrecoverable,
        }
    }

    /// The process exit code of [`exit`](Self::exit).
    pub const fn exit_code(self) -> u8 {
        self.exit().code()
    }

    /// The verdict that decides over many: the one of the lowest exit code
    /// that is not a pass. Of nothing at all: a pass.
    pub fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
        // The order of the variants is the order of the exit codes.
        let failures = verdicts.into_iter().filter(|v| *v != Verdict::Pass);
        failures.min().unwrap_or(Verdict::Pass)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a command exits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 0: passed.
    Pass,
    /// 1: a safety violation, or the engine crashed.
    Safety,
    /// 1: two runs differ. Only `diff` exits so, as the Unix command of that name does.
    Differs,
    /// 2: the command line or the scenario is wrong.
    Usage,
    /// 3: a liveness failure.
    Liveness,
    /// 4: the same run came out differently twice.
    Nondeterminism,
    /// 5: an expectation or a snapshot was not met.
    Expectation,
    /// 6: more runs unrecoverable by design than allowed.
    Unrecoverable,
    /// 70: an internal error of the testbed.
    Internal,
    /// 125: a replay that says nothing of the failure that it was recorded with.
    Unknown,
}

impl Exit {
    /// The process exit code.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Pass => 0,
            Exit::Safety | Exit::Differs => 1,
            Exit::Usage => 2,
            Exit::Liveness => 3,
            Exit::Nondeterminism => 4,
            Exit::Expectation => 5,
            Exit::Unrecoverable => 6,
            Exit::Internal => 70,
            Exit::Unknown => 125,
        }
    }

    /// The exit of a command that saw many: the lowest of 1, 3, 4, 5 and 6 that
    /// occurred. Only where none did, an internal error or a wrong scenario
    /// among passes decides: a violation found is worth more than either.
    pub fn worst(exits: impl IntoIterator<Item = Exit>) -> Exit {
        let failures = exits.into_iter().filter(|e| *e != Exit::Pass);
        failures.min_by_key(|e| e.rank()).unwrap_or(Exit::Pass)
    }

    const fn rank(self) -> u8 {
        match self {
            Exit::Internal => 100,
            Exit::Usage => 101,
            other => other.code(),
        }
    }
}
