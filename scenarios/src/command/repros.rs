//! Repro files on disk.

use std::fs;
use std::path::Path;

use stormglass_scenarios::files;
use stormglass_scenarios::repro::Repro;

use super::CommandError;

/// Reads one.
pub(crate) fn load(path: &Path) -> Result<Repro, CommandError> {
    let name = || path.display().to_string();
    let text = fs::read_to_string(path).map_err(|reason| CommandError::Unreadable {
        path: name(),
        reason,
    })?;
    Repro::parse(&text).map_err(|error| CommandError::Repro {
        path: name(),
        error,
    })
}

/// Writes one.
pub(crate) fn save(repro: &Repro, path: &Path) -> Result<(), CommandError> {
    let written = files::write(path, repro.to_toml().as_bytes());
    written.map_err(|reason| CommandError::Unwritable {
        path: path.display().to_string(),
        reason,
    })
}
