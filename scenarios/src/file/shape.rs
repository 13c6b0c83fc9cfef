//! Holds a parsed file against the format's schema, so that every wrong key and
//! type is reported at once and at its place.
//!
//! The schema is the one that [`super::schema`] publishes, so the two cannot say
//! different things. Only the words that it uses are understood here.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Path, Span};
use super::names::{DeviceName, DriveName, Endpoint, Extent, MachineName, MessageKind, NodeName};
use super::text::{Complaint, Thousandths, parse_duration, parse_ratio, quoted};
use super::words::choice;

/// Everything in `document` that the schema does not allow.
pub(super) fn check(
    schema: &Value,
    text: &str,
    document: &Spanned<DeTable<'_>>,
) -> Vec<Diagnostic> {
    let mut walk = Walk {
        root: schema,
        text,
        found: Vec::new(),
    };
    let place = Place {
        path: Path::default(),
        span: 0..0,
        what: "the file".to_owned(),
    };
    walk.table(schema, document.get_ref(), &place);
    walk.found
}

struct Walk<'a> {
    root: &'a Value,
    text: &'a str,
    found: Vec<Diagnostic>,
}

/// A value's path, its stretch of text, and what to call it.
struct Place {
    path: Path,
    span: Range<usize>,
    what: String,
}

impl Place {
    fn key(&self, key: &Spanned<toml::de::DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Place {
        let what = quoted(key.get_ref());
        Place {
            path: self.path.then(key.get_ref().as_ref()),
            span: value.span(),
            what,
        }
    }
    fn element(&self, index: usize, value: &Spanned<DeValue<'_>>) -> Place {
        let what = format!("element {} of {}", index + 1, self.what);
        Place {
            path: self.path.then(index),
            span: value.span(),
            what,
        }
    }
}

impl<'a> Walk<'a> {
    fn report(&mut self, path: Path, span: Range<usize>, complaint: Complaint) {
        let span = Span::new(self.text, span);
        self.found.push(Diagnostic::new(path, complaint).at(span));
    }

    fn wrong(&mut self, place: &Place, complaint: Complaint) {
        self.report(place.path.clone(), place.span.clone(), complaint);
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let name = schema["$ref"]
            .as_str()
            .and_then(|to| to.strip_prefix("#/$defs/"));
        name.map_or(schema, |name| &self.root["$defs"][name])
    }

    fn value(&mut self, schema: &'a Value, value: &DeValue<'_>, place: &Place) {
        let schema = self.resolve(schema);
        let ends = match schema["x-form"].as_str() {
            Some("rate") => Some(("ratio", "[\"0/1\", \"1/50\"]")),
            Some("durations") => Some(("duration", "[\"10ms\", \"2s\"]")),
            _ => None,
        };
        if let (Some(form), Some(ends)) = (ends, value.as_array()) {
            return self.range(form, ends, place);
        }
        if let Some(form) = schema["x-form"].as_str() {
            if let Err(complaint) = check_form(form, value, &place.what) {
                self.wrong(place, complaint);
            }
            return;
        }
        if let Some(names) = names(schema) {
            return self.name(&names, value, place);
        }
        match (schema["type"].as_str(), value) {
            (Some("object"), DeValue::Table(table)) => self.table(schema, table, place),
            (None, DeValue::Table(table)) => self.tagged(schema, table, place),
            (Some("array"), DeValue::Array(_)) => self.array(schema, value, place),
            (Some("integer"), DeValue::Integer(_)) => self.integer(schema, value, place),
            (Some("string"), DeValue::String(_)) | (Some("boolean"), DeValue::Boolean(_)) => {}
            (kind, _) => {
                let right = match kind {
                    Some("array") if schema["items"]["type"] == "string" => {
                        "a list, as in [\"one\"]"
                    }
                    Some("array") => "a list, as in [1, 2]",
                    Some("integer") => "a whole number",
                    Some("string") => "a text in double quotes",
                    Some("boolean") => "true or false",
                    _ => "a table, as in { key = value }",
                };
                self.wrong(place, mistyped(&place.what, value, right));
            }
        }
    }

    fn table(&mut self, schema: &'a Value, table: &DeTable<'_>, place: &Place) {
        let no_properties = serde_json::Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&no_properties);
        let known: Vec<&str> = properties.keys().map(String::as_str).collect();
        for (key, value) in table {
            if let Some(property) = property(schema, key.get_ref()) {
                self.value(property, value.get_ref(), &place.key(key, value));
            } else {
                let message = format!("{} has no key {}", place.what, quoted(key.get_ref()));
                let complaint = Complaint::new(message, choice("keys", key.get_ref(), &known));
                self.report(
                    place.path.then(key.get_ref().as_ref()),
                    key.span(),
                    complaint,
                );
            }
        }
        for key in strings(&schema["required"]).filter(|key| !table.contains_key(*key)) {
            let says = self.resolve(&schema["properties"][key])["description"].as_str();
            let own = schema["properties"][key]["description"]
                .as_str()
                .or(says)
                .unwrap_or("");
            let message = format!("{} lacks the key `{key}`", place.what);
            let help = format!("add `{key}`: {}", as_clause(own));
            self.wrong(place, Complaint::new(message, help));
        }
        self.alternatives(schema, table, place);
    }

    /// `oneOf` beside `properties`: exactly one of these keys.
    fn alternatives(&mut self, schema: &'a Value, table: &DeTable<'_>, place: &Place) {
        let Some(alternatives) = schema["oneOf"].as_array() else {
            return;
        };
        let keys: BTreeSet<&str> = alternatives
            .iter()
            .flat_map(|one| strings(&one["required"]))
            .collect();
        let given = keys.iter().filter(|key| table.contains_key(**key)).count();
        let list = keys
            .iter()
            .map(|key| format!("`{key}`"))
            .collect::<Vec<_>>();
        if given == 1 {
            return;
        }
        let message = match given {
            0 => format!("{} has neither {}", place.what, list.join(" nor ")),
            _ => format!("{} has both {}", place.what, list.join(" and ")),
        };
        let help = format!("say exactly one of {}", list.join(" and "));
        self.wrong(place, Complaint::new(message, help));
    }

    /// A table whose one key says of which kind it is.
    fn tagged(&mut self, schema: &'a Value, table: &DeTable<'_>, place: &Place) {
        let kinds: Vec<(&str, &Value)> = schema["oneOf"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["properties"].as_object())
            .flatten()
            .map(|(kind, schema)| (kind.as_str(), schema))
            .collect();
        let known: Vec<&str> = kinds.iter().map(|(kind, _)| *kind).collect();
        let mut first = None;
        for (key, value) in table {
            let given = key.get_ref().as_ref();
            let Some((_, schema)) = kinds.iter().find(|(kind, _)| *kind == given) else {
                let message = format!("{} is no kind of {}", quoted(given), place.what);
                let complaint = Complaint::new(message, choice("kinds", given, &known));
                self.report(place.path.then(given), key.span(), complaint);
                first.get_or_insert(given);
                continue;
            };
            if let Some(other) = first.filter(|other| known.contains(other)) {
                let message = format!("one table is both {} and {}", quoted(other), quoted(given));
                let help = format!("give each its own [[{}]]", place.what.trim_matches('`'));
                let complaint = Complaint::new(message, help);
                self.report(place.path.then(given), key.span(), complaint);
            }
            first = Some(given);
            self.value(schema, value.get_ref(), &place.key(key, value));
        }
        if first.is_none() {
            let message = format!("{} is empty", place.what);
            let help = format!("give it one of the kinds {}", known.join(", "));
            self.wrong(place, Complaint::new(message, help));
        }
    }

    fn array(&mut self, schema: &'a Value, value: &DeValue<'_>, place: &Place) {
        let Some(elements) = value.as_array() else {
            return;
        };
        let length = u64::try_from(elements.len()).unwrap_or(u64::MAX);
        let least = schema["minItems"].as_u64().unwrap_or(0);
        let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        if !(least..=most).contains(&length) {
            let message = format!("{} has {length} elements", place.what);
            self.wrong(
                place,
                Complaint::new(message, format!("write {least} elements")),
            );
        }
        for (index, element) in elements.iter().enumerate() {
            // An element of a list of tables is called by the list's own name.
            let mut inner = place.element(index, element);
            if element.get_ref().is_table() {
                inner.what.clone_from(&place.what);
            }
            self.value(&schema["items"], element.get_ref(), &inner);
        }
    }

    /// The two ends of a range, each in a form; and how the range looks.
    fn range(
        &mut self,
        (form, example): (&str, &str),
        ends: &[Spanned<DeValue<'_>>],
        place: &Place,
    ) {
        if ends.len() != 2 {
            let message = format!("{} has {} elements", place.what, ends.len());
            let help = format!("write the least and the most, as in {example}");
            self.wrong(place, Complaint::new(message, help));
        }
        for (index, end) in ends.iter().enumerate() {
            let inner = place.element(index, end);
            if let Err(complaint) = check_form(form, end.get_ref(), &inner.what) {
                self.wrong(&inner, complaint);
            }
        }
    }

    fn integer(&mut self, schema: &Value, value: &DeValue<'_>, place: &Place) {
        let Some(given) = value.as_integer() else {
            return;
        };
        let digits = given.as_str();
        let least = schema["minimum"].as_u64().unwrap_or(0);
        let most = match schema["format"].as_str() {
            Some("uint32") => u64::from(u32::MAX),
            // A file's integers are 64 bits with a sign.
            _ => i64::MAX.unsigned_abs(),
        };
        let number = i64::from_str_radix(digits, given.radix()).ok();
        let number = number.and_then(|number| u64::try_from(number).ok());
        if number.is_none_or(|number| !(least..=most).contains(&number)) {
            let message = format!("{} cannot be {}", place.what, self.text_of(&place.span));
            let help = format!("write a whole number from {least} to {most}");
            self.wrong(place, Complaint::new(message, help));
        }
    }

    fn name(&mut self, known: &[&str], value: &DeValue<'_>, place: &Place) {
        let Some(given) = value.as_str() else {
            let right = format!("one of {}", known.join(", "));
            return self.wrong(place, mistyped(&place.what, value, &right));
        };
        if !known.contains(&given) {
            let message = format!("{} cannot be {}", place.what, quoted(given));
            self.wrong(
                place,
                Complaint::new(message, choice("choices", given, known)),
            );
        }
    }

    fn text_of(&self, span: &Range<usize>) -> String {
        let span = Span::new(self.text, span.clone()).bytes;
        quoted(&self.text[span])
    }
}

/// The form of a key's value: by its name, or by that of its kind.
fn property<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    let is_of_kind = match schema["x-keys"].as_str() {
        Some("device") => key.parse::<DeviceName>().is_ok(),
        _ => false,
    };
    let of_kind = || schema["patternProperties"].as_object()?.values().next();
    let named = schema["properties"].get(key);
    named.or_else(|| of_kind().filter(|_| is_of_kind))
}

/// The texts that a value may be, if the schema lists them.
fn names(schema: &Value) -> Option<Vec<&str>> {
    if schema["enum"].is_array() {
        return Some(strings(&schema["enum"]).collect());
    }
    if schema["const"].is_string() {
        return Some(schema["const"].as_str().into_iter().collect());
    }
    let alternatives = schema["oneOf"].as_array()?;
    alternatives
        .iter()
        .map(|one| one["const"].as_str())
        .collect()
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// A sentence of the documentation within another.
fn as_clause(sentence: &str) -> String {
    let mut letters = sentence.trim_end_matches('.').chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

fn mistyped(what: &str, value: &DeValue<'_>, right: &str) -> Complaint {
    let given = match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Complaint::new(format!("{what} is {given}"), format!("write {right}"))
}

/// Holds a value against the form of text that the schema names.
fn check_form(form: &str, value: &DeValue<'_>, what: &str) -> Result<(), Complaint> {
    let text = |right: &str| value.as_str().ok_or_else(|| mistyped(what, value, right));
    match form {
        "duration" => {
            let right = "a duration in double quotes, as in \"1.5s\" or \"200us\"";
            parse_duration(text(right)?).map(drop)
        }
        "ratio" => parse_ratio(text("a share in double quotes, as in \"1/100\"")?).map(drop),
        "rate" => {
            let right = "a share, as in \"1/100\", or two, as in [\"0/1\", \"1/50\"]";
            parse_ratio(text(right)?).map(drop)
        }
        "durations" => {
            let right = "a duration, as in \"20ms\", or two, as in [\"10ms\", \"2s\"]";
            parse_duration(text(right)?).map(drop)
        }
        "thousandths" => match value {
            DeValue::Integer(number) => number.to_string().parse::<Thousandths>().map(drop),
            DeValue::Float(number) => number.as_str().parse::<Thousandths>().map(drop),
            _ => text("a number, as in 1.10")?
                .parse::<Thousandths>()
                .map(drop),
        },
        "node" => text("a node's name, as in \"east-1\"")?
            .parse::<NodeName>()
            .map(drop),
        "machine" => text("a machine's name, as in \"east-1\"")?
            .parse::<MachineName>()
            .map(drop),
        "drive" => text("a device's name")?.parse::<DriveName>().map(drop),
        "extent" => text("a cluster's name, or \"all\"")?
            .parse::<Extent>()
            .map(drop),
        "message" => text("a kind of message, as in \"set\"")?
            .parse::<MessageKind>()
            .map(drop),
        "device" => text("a device's name")?.parse::<DeviceName>().map(drop),
        "endpoint" => text("a name, as in \"east-1\"")?
            .parse::<Endpoint>()
            .map(drop),
        _ => Ok(()),
    }
}
