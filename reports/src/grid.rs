//! Rows of cells in aligned columns, never wider than [`WIDTH`].
//!
//! Every view is made of these, and a [`Cell`] escapes its text, so nothing
//! unsafe or too wide gets past here. Table crates measure a coloured cell by
//! its bytes or bring a terminal library with them; this measures first and
//! colours afterwards.

use unicode_width::UnicodeWidthChar;

use crate::escape;
use crate::paint::{Ink, Paint};

/// Columns of a terminal that a line may take.
pub(crate) const WIDTH: usize = 100;

/// Blanks between two columns.
const GAP: usize = 2;

/// One cell: safe text in one colour.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    ink: Ink,
}

impl Cell {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Cell::inked(Ink::Text, text)
    }

    pub(crate) fn inked(ink: Ink, text: impl AsRef<str>) -> Self {
        Cell {
            text: escape(text.as_ref()).into_owned(),
            ink,
        }
    }
}

/// How a column is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    /// To the left, wrapped where the line would grow too wide.
    Left,
    /// To the left, wrapped at this width even where there is room.
    Narrow(usize),
    /// To the right, for numbers.
    Right,
}

/// Rows of cells under a common set of columns.
#[derive(Debug)]
pub(crate) struct Grid<const N: usize> {
    indent: usize,
    columns: [Column; N],
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Grid<N> {
    pub(crate) fn new(indent: usize, columns: [Column; N]) -> Self {
        // Two cells of room for each column: the widest character still fits.
        assert!(indent + N * (GAP + 2) <= WIDTH);
        Grid {
            indent,
            columns,
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: [Cell; N]) {
        self.rows.push(cells);
    }

    pub(crate) fn render(&self, paint: Paint, out: &mut String) {
        let widths = self.widths();
        for row in &self.rows {
            self.render_row(row, &widths, paint, out);
        }
    }

    /// The width of each column: what its widest cell takes, or less where the
    /// row would not fit. The widest column gives way first, so that ids and
    /// numbers stay whole while sentences wrap.
    fn widths(&self) -> [usize; N] {
        let mut widths = [0; N];
        for row in &self.rows {
            for ((width, cell), column) in widths.iter_mut().zip(row).zip(self.columns) {
                let width_max = match column {
                    Column::Narrow(width_max) => width_max,
                    Column::Left | Column::Right => WIDTH,
                };
                *width = (*width).max(width_of(&cell.text).min(width_max));
            }
        }
        let room = WIDTH - self.indent - GAP * N.saturating_sub(1);
        while widths.iter().sum::<usize>() > room {
            if let Some(widest) = widths.iter_mut().max() {
                *widest -= 1;
            }
        }
        widths
    }

    fn render_row(&self, row: &[Cell; N], widths: &[usize; N], paint: Paint, out: &mut String) {
        let cells = row.each_ref();
        let mut wrapped = [const { Vec::new() }; N];
        for ((lines, cell), width) in wrapped.iter_mut().zip(cells).zip(widths) {
            *lines = wrap(&cell.text, *width);
        }
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            // Blanks are owed until something follows, so no line ends in one.
            let mut owed = self.indent;
            for column in 0..N {
                let text = wrapped[column].get(line).copied().unwrap_or("");
                let blank = widths[column] - width_of(text).min(widths[column]);
                let is_right = matches!(self.columns[column], Column::Right);
                let (before, after) = if is_right { (blank, 0) } else { (0, blank) };
                owed += before;
                if !text.is_empty() {
                    out.extend(std::iter::repeat_n(' ', owed));
                    paint.paint(row[column].ink, text, out);
                    owed = 0;
                }
                owed += after + GAP;
            }
            out.push('\n');
        }
    }
}

/// One cell on lines of its own.
pub(crate) fn paragraph(indent: usize, cell: Cell, paint: Paint, out: &mut String) {
    let mut grid = Grid::new(indent, [Column::Left]);
    grid.row([cell]);
    grid.render(paint, out);
}

/// How many columns of a terminal the text takes.
pub(crate) fn width_of(text: &str) -> usize {
    text.chars().map(width_of_char).sum()
}

fn width_of_char(char: char) -> usize {
    char.width().unwrap_or(0)
}

/// The text in lines of at most `width`, broken at blanks where there are any.
/// A character wider than that still gets a line.
fn wrap(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    loop {
        let fitting = fitting_prefix(rest, width);
        if fitting == rest.len() {
            lines.push(rest);
            return lines;
        }
        let blank = rest[..fitting].rfind(' ').filter(|at| *at > 0);
        let cut = if rest[fitting..].starts_with(' ') {
            fitting
        } else {
            blank.unwrap_or(fitting)
        };
        lines.push(rest[..cut].trim_end());
        rest = rest[cut..].trim_start_matches(' ');
    }
}

/// Bytes of the longest prefix that fits, and of one character at least.
fn fitting_prefix(text: &str, width: usize) -> usize {
    let mut taken = 0;
    for (at, char) in text.char_indices() {
        taken += width_of_char(char);
        if taken > width && at > 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests;
