//! What there is to run, and what each feature is shown by.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One scenario: an element of `list --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRecord {
    /// The name by which it is run.
    pub name: String,
    /// What it shows, in a sentence.
    pub title: String,
    /// The suites it belongs to.
    pub suites: Vec<String>,
    /// The features it covers.
    pub covers: Vec<String>,
}

/// One feature of the system: an element of `features --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureRecord {
    /// The feature's row, such as `T3`.
    pub id: String,
    /// What it promises, in a sentence.
    pub title: String,
    /// The scenarios that show it.
    pub scenarios: Vec<String>,
    /// Whether they do.
    pub status: FeatureStatus,
    /// The rare state that proves that it was exercised.
    pub probe: Option<String>,
    /// The deliberate break of the engine that its scenarios must catch.
    pub mutant: Option<String>,
    /// Whether they do catch it.
    pub guarded: bool,
}

/// Whether a feature is shown to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureStatus {
    /// A scenario covers it and passes.
    Shown,
    /// A scenario covers it and does not pass.
    Failing,
    /// No scenario covers it.
    Missing,
}

impl FeatureStatus {
    /// The word of the JSON contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            FeatureStatus::Shown => "shown",
            FeatureStatus::Failing => "failing",
            FeatureStatus::Missing => "missing",
        }
    }
}

impl fmt::Display for FeatureStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
