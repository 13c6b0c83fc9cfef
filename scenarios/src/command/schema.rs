//! `schema`: the JSON Schema of scenario files.

use stormglass_reports::record::Exit;
use stormglass_scenarios::file;

use super::{CommandError, Output};

pub(crate) fn execute(output: &mut Output) -> Result<Exit, CommandError> {
    output.print(&file::schema())?;
    Ok(Exit::Pass)
}
