//! The table of mutants, as docs/mutants.md has it.

/// A patch that breaks the engine on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// Its number and name.
    pub name: &'static str,
    /// The rows that it breaks, parted by spaces.
    rows: &'static str,
    /// Who noticed: an oracle's row or another word.
    by: &'static str,
    /// True if a sweep noticed.
    pub is_killed: bool,
}

const TABLE: &str = include_str!("../../docs/mutants.md");

/// All mutants in the table's order.
pub fn all() -> impl Iterator<Item = Mutant> {
    TABLE.lines().filter_map(|line| {
        let cells: Vec<&'static str> = line.strip_prefix("| ")?.split(" | ").collect();
        let [name, rows, _rule, killed, _seeds, by] = cells[..] else {
            return None;
        };
        let name = name.split(':').next()?;
        let is_row = name.starts_with(|first: char| first.is_ascii_digit());
        is_row.then_some(Mutant {
            name,
            rows,
            by: by.split(' ').next()?,
            is_killed: killed == "yes",
        })
    })
}

/// The mutants that break a row, or that the oracle of this row noticed; killed ones first.
pub fn of_row(id: &str) -> Vec<Mutant> {
    let is_of = |mutant: &Mutant| mutant.by == id || mutant.rows.split(' ').any(|row| row == id);
    let mut found: Vec<Mutant> = all().filter(is_of).collect();
    found.sort_by_key(|mutant| !mutant.is_killed);
    found
}
