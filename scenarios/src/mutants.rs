//! The table of mutants, as docs/mutants.md has it.

/// A patch that breaks the engine on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// Its number and name.
    pub name: &'static str,
    /// The rows that it breaks, parted by spaces.
    rows: &'static str,
    /// True if a sweep noticed.
    pub is_killed: bool,
}

const TABLE: &str = include_str!("../../docs/mutants.md");

/// All mutants in the table's order.
pub fn all() -> impl Iterator<Item = Mutant> {
    TABLE.lines().filter_map(|line| {
        let cells: Vec<&'static str> = line.strip_prefix("| ")?.split(" | ").collect();
        let [name, rows, _rule, killed, ..] = cells[..] else {
            return None;
        };
        let name = name.split(':').next()?;
        let is_row = name.starts_with(|first: char| first.is_ascii_digit());
        is_row.then_some(Mutant {
            name,
            rows,
            is_killed: killed == "yes",
        })
    })
}

/// The mutants that break a row, killed ones first.
pub fn of_row(id: &str) -> Vec<Mutant> {
    let mut found: Vec<Mutant> = all()
        .filter(|mutant| mutant.rows.split_whitespace().any(|row| row == id))
        .collect();
    found.sort_by_key(|mutant| !mutant.is_killed);
    found
}
