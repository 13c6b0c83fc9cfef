//! Colour, or none.

use anstyle::{AnsiColor, Style};

/// Whether a view may use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Text without any escape sequence: files, pipes, CI logs.
    Plain,
    /// Text with ANSI colours: a terminal.
    Colour,
}

/// What a piece of text means; its colour follows from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Text,
    Faint,
    Heading,
    Good,
    Caution,
    Bad,
    Role,
    Sync,
    Probe,
}

impl Paint {
    pub(crate) fn paint(self, ink: Ink, text: &str, out: &mut String) {
        if self == Paint::Plain || ink == Ink::Text || text.is_empty() {
            return out.push_str(text);
        }
        let style = ink.style();
        out.push_str(&style.render().to_string());
        out.push_str(text);
        out.push_str(&style.render_reset().to_string());
    }
}

impl Ink {
    const fn style(self) -> Style {
        match self {
            Ink::Text => Style::new(),
            Ink::Faint => Style::new().dimmed(),
            Ink::Heading => Style::new().bold(),
            Ink::Good => AnsiColor::Green.on_default(),
            Ink::Caution => AnsiColor::Yellow.on_default(),
            Ink::Bad => AnsiColor::Red.on_default().bold(),
            Ink::Role => AnsiColor::Cyan.on_default(),
            Ink::Sync => AnsiColor::Blue.on_default(),
            Ink::Probe => AnsiColor::Magenta.on_default(),
        }
    }
}
