//! Pages: one file each, that a browser shows without a server and a network.
//!
//! Template, style and script are files of their own, embedded when this crate is
//! built. What comes from a run stands in a page as escaped text or as JSON that the
//! script reads; nothing of it ever becomes markup or code. A policy in the page lets
//! the browser run this one script and load nothing at all.

mod markup;
mod run;
mod sweep;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

pub use run::run_page;
pub use sweep::sweep_page;

/// A hash as a content security policy names an embedded style or script.
fn source_hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// A policy for a page with this style and this script, and nothing from elsewhere.
fn policy(style: &str, script: &str) -> String {
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        source_hash(style),
        source_hash(script)
    )
}

/// What stands at the top of a page.
struct Head<'a> {
    /// The title, escaped.
    title: &'a str,
    /// A line below it, escaped.
    facts: &'a str,
    /// The verdict's class and its word.
    verdict: (&'a str, &'a str),
    style: &'a str,
    script: &'a str,
    /// Buttons beside that for light and dark.
    tools: &'a str,
}

impl Head<'_> {
    /// The page up to the end of its header.
    fn text(&self) -> String {
        fill(
            include_str!("head.html"),
            &[
                ("policy", &policy(self.style, self.script)),
                ("style", self.style),
                ("title", self.title),
                ("facts", self.facts),
                ("class", self.verdict.0),
                ("verdict", self.verdict.1),
                ("tools", self.tools),
            ],
        )
    }
}

/// A template with each `{{name}}` replaced by its value; values are not looked at.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut parts = template.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").expect("a name ends");
        let found = values.iter().find(|(own, _)| *own == name);
        let (_, value) = found.expect("every name has a value");
        filled += value;
        filled += rest;
    }
    filled
}

#[cfg(test)]
mod tests;
