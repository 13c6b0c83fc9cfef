//! Golden bytes: committed text with one section for each value.
//!
//! `[name]` starts a section, bytes stand as hex, `00*4076` repeats one, and `#`
//! starts a comment. A format that changes must change its version and add
//! sections, never edit the old ones.

use std::fmt::Write;

/// Checks that bytes are those of the section.
pub(crate) fn check(text: &str, name: &str, bytes: &[u8]) {
    let golden = section(text, name);
    assert!(
        golden == bytes,
        "golden bytes of [{name}] differ; now they are\n{}",
        dump(name, bytes)
    );
}

/// The bytes of a section; none if there is no such section.
pub(crate) fn section(text: &str, name: &str) -> Vec<u8> {
    let header = format!("[{name}]");
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .skip_while(|line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .flat_map(str::split_whitespace)
        .flat_map(word)
        .collect()
}

/// Hex digits in pairs, or one pair and how often.
fn word(word: &str) -> Vec<u8> {
    let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| {
        let pair = str::from_utf8(pair).expect("golden files are ASCII");
        u8::from_str_radix(pair, 16).expect("a golden byte is two hex digits")
    });
    bytes
        .collect::<Vec<u8>>()
        .repeat(times.parse().expect("a repetition is a number"))
}

/// A section's text: runs of 16 and more as a repetition, else 16 to a line.
fn dump(name: &str, bytes: &[u8]) -> String {
    let mut text = format!("[{name}]\n");
    let mut column = 0;
    for run in bytes.chunk_by(|a, b| a == b) {
        if run.len() >= 16 {
            let break_before = if column > 0 { "\n" } else { "" };
            writeln!(text, "{break_before}{:02x}*{}", run[0], run.len()).expect("a string grows");
            column = 0;
            continue;
        }
        for byte in run {
            let behind = if column == 15 { "\n" } else { " " };
            write!(text, "{byte:02x}{behind}").expect("a string grows");
            column = (column + 1) % 16;
        }
    }
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}
