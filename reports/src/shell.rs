//! Command lines to copy and paste.

use std::fmt::Write as _;

use crate::escape;
use crate::grid::{WIDTH, width_of};

/// The words as one command line, quoted so that a shell splits it into the
/// same words again.
///
/// Control characters take bash's and zsh's `$'…'`, so that the line can be
/// printed; all else is quoted as POSIX has it.
pub fn shell_command<W: AsRef<str>>(words: &[W]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quote(word.as_ref())).collect();
    quoted.join(" ")
}

fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if escape(word) == word {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut quoted = "$'".to_owned();
    for char in word.chars() {
        let _ = match char {
            '\'' | '\\' => write!(quoted, "\\{char}"),
            char if escape(char.encode_utf8(&mut [0; 4])) == char.to_string() => {
                write!(quoted, "{char}")
            }
            char => write!(quoted, "\\U{:08x}", u32::from(char)),
        };
    }
    quoted.push('\'');
    quoted
}

/// A command line in lines that fit, each but the last continued by a
/// backslash, so that it can still be pasted as it stands. A single word that
/// is too long stays whole: broken, it would be another word.
pub(crate) fn command_lines(indent: usize, command: &str) -> Vec<String> {
    const CONTINUED: &str = " \\";
    const DEEPER: usize = 4;
    let command = escape(command);
    let mut lines: Vec<String> = Vec::new();
    let mut line = " ".repeat(indent);
    let mut is_fresh = true;
    for word in shell_words(&command) {
        let grown = width_of(&line) + 1 + width_of(word) + CONTINUED.len();
        if !is_fresh && grown > WIDTH {
            line.push_str(CONTINUED);
            lines.push(std::mem::replace(&mut line, " ".repeat(indent + DEEPER)));
            is_fresh = true;
        }
        if !is_fresh {
            line.push(' ');
        }
        line.push_str(word);
        is_fresh = false;
    }
    lines.push(line);
    lines
}

/// The command split at blanks that no quote protects.
fn shell_words(command: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut quote = Quote::None;
    let mut previous = ' ';
    let mut chars = command.char_indices();
    while let Some((at, char)) = chars.next() {
        quote = match (quote, char) {
            (Quote::None, ' ') => {
                words.push(&command[start..at]);
                start = at + 1;
                Quote::None
            }
            (Quote::None, '\'') if previous == '$' => Quote::Dollar,
            (Quote::None, '\'') => Quote::Single,
            (Quote::None, '"') => Quote::Double,
            (Quote::Single | Quote::Dollar, '\'') | (Quote::Double, '"') => Quote::None,
            (Quote::None | Quote::Double | Quote::Dollar, '\\') => {
                chars.next();
                quote
            }
            _ => quote,
        };
        previous = char;
    }
    words.push(&command[start..]);
    words.retain(|word| !word.is_empty());
    words
}

#[derive(Debug, Clone, Copy)]
enum Quote {
    None,
    Single,
    Double,
    Dollar,
}

#[cfg(test)]
mod tests;
