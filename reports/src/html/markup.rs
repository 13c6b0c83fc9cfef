//! Text on its way into a page.

use serde::Serialize;

use crate::escape;

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
