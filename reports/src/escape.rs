//! Text that came from elsewhere, made safe to print.
//!
//! A node's name, a client's payload or a panic's message may hold anything;
//! printed raw it could move the cursor, recolour the terminal, forge a line of
//! a report or, in a pull request, hide what it says.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with every character that could act on a terminal or reorder what is
/// read replaced by its escape: `\n`, `\t`, `\r`, or `\u{1b}` and the like.
///
/// Afterwards it is one line, and each character is drawn where it stands.
/// Backslashes stay as they are: the result is for reading, not for parsing.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        match char {
            '\n' => safe.push_str("\\n"),
            '\t' => safe.push_str("\\t"),
            '\r' => safe.push_str("\\r"),
            char if is_unsafe(char) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(char));
            }
            char => safe.push(char),
        }
    }
    Cow::Owned(safe)
}

fn is_unsafe(char: char) -> bool {
    let is_invisible = matches!(char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
        // Zero-width spaces and joiners, direction marks.
        | '\u{200b}'..='\u{200f}'
        // Line and paragraph separators, direction overrides.
        | '\u{2028}'..='\u{202e}'
        // Invisible operators, direction isolates.
        | '\u{2060}'..='\u{206f}'
        // Tags: invisible copies of ASCII.
        | '\u{e0000}'..='\u{e007f}');
    char.is_control() || is_invisible
}

#[cfg(test)]
mod tests;
