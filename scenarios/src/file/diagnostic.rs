//! What is wrong with a scenario, where, and what would be right.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::text::Complaint;

/// A step into a file's tree of tables and arrays.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// A key of a table.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Step::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Step::Index(index)
    }
}

/// The way from a scenario's root to one of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path(Vec<Step>);

impl Path {
    /// The path one step further on.
    #[must_use]
    pub(super) fn then(&self, step: impl Into<Step>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Path(steps)
    }
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }
    /// True for the whole scenario.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

/// A value, and the values that it collides with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    value: Path,
    beside: Vec<Path>,
}

impl From<Path> for Places {
    fn from(value: Path) -> Self {
        Places {
            value,
            beside: Vec::new(),
        }
    }
}

impl From<[Path; 2]> for Places {
    fn from([value, other]: [Path; 2]) -> Self {
        Places {
            value,
            beside: vec![other],
        }
    }
}

impl From<[Path; 3]> for Places {
    fn from([value, other, third]: [Path; 3]) -> Self {
        Places {
            value,
            beside: vec![other, third],
        }
    }
}

/// The path of a value: `at_path!("workload", "hot", 0)`.
macro_rules! at_path {
    ($($step:expr),* $(,)?) => { $crate::file::diagnostic::Path::default()$(.then($step))* };
}
pub(super) use at_path;

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if index == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A stretch of a file's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offsets in bytes.
    pub bytes: Range<usize>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Span {
    /// The place of `bytes` in `text`, moved onto characters that exist.
    pub(super) fn new(text: &str, bytes: Range<usize>) -> Self {
        let start = text.floor_char_boundary(bytes.start);
        let end = text.ceil_char_boundary(bytes.end).max(start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Span {
            bytes: start..end,
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// One thing that is wrong with a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The value that is wrong, as far as it is known.
    pub path: Path,
    /// Where that stands; `None` for a scenario that was not read from a file.
    pub span: Option<Span>,
    /// The values that it collides with.
    pub beside: Vec<Path>,
    /// Where those of them stand that stand somewhere.
    pub context: Vec<Span>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl Diagnostic {
    pub(super) fn new(places: impl Into<Places>, complaint: Complaint) -> Self {
        let Places { value, beside } = places.into();
        let Complaint { message, help } = complaint;
        Diagnostic {
            path: value,
            span: None,
            beside,
            context: Vec::new(),
            message,
            help,
        }
    }

    #[must_use]
    pub(super) fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(span) = &self.span {
            write!(f, "{}:{}: ", span.line, span.column)?;
        }
        if !self.path.is_root() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} (help: {})", self.message, self.help)
    }
}

/// Everything that was found wrong with a scenario; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// `Ok` if nothing was found; else all of it, in the file's order.
    pub(super) fn found(mut found: Vec<Diagnostic>) -> Result<(), Self> {
        found.sort_by_key(|one| one.span.as_ref().map(|span| span.bytes.start));
        if found.is_empty() {
            Ok(())
        } else {
            Err(Diagnostics(found))
        }
    }

    pub(super) fn one(found: Diagnostic) -> Self {
        Diagnostics(vec![found])
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// For a person: each with the lines of `source` that it is about. `origin`
    /// is what to call the file.
    pub fn render(&self, colour: bool, origin: &str, source: &str) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut reports: Vec<String> = self
            .0
            .iter()
            .take(RENDERED_MAX)
            .map(|one| renderer.render(&[report(one, origin, source)]))
            .collect();
        if self.0.len() > RENDERED_MAX {
            reports.push(format!("and {} more", self.0.len() - RENDERED_MAX));
        }
        reports.join("\n\n") + "\n"
    }
}

/// Complaints that are shown at a time.
const RENDERED_MAX: usize = 50;

fn report<'a>(one: &'a Diagnostic, origin: &'a str, source: &'a str) -> Group<'a> {
    let title = Level::ERROR.primary_title(one.message.as_str());
    let help = Level::HELP.message(one.help.as_str());
    match &one.span {
        Some(span) => {
            // Another source than the one that was read must not break this.
            let bytes = Span::new(source, span.bytes.clone()).bytes;
            let context = one.context.iter().map(|span| {
                AnnotationKind::Context.span(Span::new(source, span.bytes.clone()).bytes)
            });
            let snippet = Snippet::source(source)
                .path(origin)
                .annotation(AnnotationKind::Primary.span(bytes))
                .annotations(context);
            title.element(snippet).element(help)
        }
        None => title.element(help),
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, one) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            one.fmt(f)?;
        }
        Ok(())
    }
}
