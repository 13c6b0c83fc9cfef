//! Text on its way into a page.

use serde::Serialize;

use crate::escape;
use crate::shell::command_lines;

/// Text for between tags and for quoted attributes. Characters that are not seen, or
/// turn what is read around, are shown by their names.
pub(super) fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for char in escape(text).chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            char => safe.push(char),
        }
    }
    safe
}

/// A record as JSON for inside a `script` element. There a tag would end the element,
/// or begin a comment, wherever it stands; in JSON such characters stand in strings
/// only, and every one of them has another name there.
pub(super) fn json<T: Serialize>(record: &T) -> String {
    let plain = crate::record::to_json(record);
    let mut safe = String::with_capacity(plain.len() + plain.len() / 16);
    for char in plain.chars() {
        match char {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            char => safe.push(char),
        }
    }
    safe
}

/// A table of names and values, under a heading.
pub(super) fn table(heading: &str, rows: &[(String, String)], nothing: &str) -> String {
    let heading = text(heading);
    if rows.is_empty() {
        let nothing = text(nothing);
        return format!("<div><h2>{heading}</h2><p class=\"none\">{nothing}</p></div>\n");
    }
    let row = |(name, value): &(String, String)| {
        let (name, value) = (text(name), text(value));
        format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>\n")
    };
    let rows: String = rows.iter().map(row).collect();
    format!("<div><h2>{heading}</h2><table>\n{rows}</table></div>\n")
}

/// A heading, and what stands under it.
pub(super) fn section(heading: &str, content: &str) -> String {
    format!("<section><h2>{}</h2>\n{content}</section>\n", text(heading))
}

/// A command line, cut where a shell reads on.
pub(super) fn lines(command: &str) -> String {
    let lines = command_lines(0, command);
    let lines: Vec<String> = lines.iter().map(|line| text(line)).collect();
    lines.join("\n")
}

/// Shares of a whole as a bar, each part in its class's colour. A part that is there is
/// seen, however small. Attributes do it: the policy admits no style of an element's own.
pub(super) fn bar(says: &str, parts: &[(&str, u64)], whole: u64) -> String {
    const WIDTH: u64 = 1_000;
    let mut left = 0;
    let mut shapes = String::new();
    for (class, count) in parts.iter().filter(|(_, count)| *count > 0) {
        let share = u128::from(*count) * u128::from(WIDTH) / u128::from(whole.max(1));
        let share = u64::try_from(share).unwrap_or(WIDTH).clamp(4, WIDTH);
        let start = left.min(WIDTH - share);
        shapes += &format!(
            "<rect class=\"{class}\" x=\"{start}\" width=\"{share}\" height=\"10\"></rect>"
        );
        left = start + share;
    }
    let says = text(says);
    format!(
        "<svg role=\"img\" aria-label=\"{says}\" viewBox=\"0 0 {WIDTH} 10\" \
         preserveAspectRatio=\"none\">{shapes}</svg>"
    )
}
