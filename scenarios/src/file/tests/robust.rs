//! No input makes the reader panic, and what it accepts it can write.

use proptest::prelude::*;
use stormglass_engine::time::Duration;

use super::{EVERYTHING, exercise};
use crate::catalogue;
use crate::file::{parse_duration, print_duration};

proptest! {
    #[test]
    fn every_duration_reads_back(nanoseconds in 0..=365 * 24 * 3_600 * 1_000_000_000u64) {
        let duration = Duration::from_nanos(nanoseconds);
        prop_assert_eq!(parse_duration(&print_duration(duration)).unwrap(), duration);
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = exercise(&text);
    }

    #[test]
    fn no_text_of_any_characters_panics(text in any::<String>()) {
        let _ = exercise(&text);
    }

    #[test]
    fn no_text_of_tokens_panics(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..40)) {
        let _ = exercise(&tokens.concat());
    }

    #[test]
    fn no_mutation_of_a_scenario_panics(
        which: prop::sample::Index,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..12usize, prop::sample::select(TOKENS)), 1..4),
    ) {
        let (_, text) = which.get(catalogue::all());
        let mut text = format!("{text}{EVERYTHING}");
        if which.index(2) == 0 {
            text = EVERYTHING.to_owned();
        }
        for (place, length, token) in cuts {
            let start = text.floor_char_boundary(place.index(text.len()));
            let end = text.ceil_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, token);
        }
        let _ = exercise(&text);
    }

    #[test]
    fn no_value_at_a_known_key_panics(places in prop::collection::vec((any::<prop::sample::Index>(), value()), 1..4)) {
        let mut table: toml::Table = EVERYTHING.parse().unwrap();
        for (place, value) in places {
            let leaf = place.index(leaves(&mut table).len());
            *leaves(&mut table).swap_remove(leaf) = value;
        }
        let _ = exercise(&table.to_string());
    }
}

const TOKENS: &[&str] = &[
    "",
    "\n",
    " = ",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    ",",
    "\"",
    "'''",
    "\"\"\"",
    "#",
    ".",
    "\t",
    "\r\n",
    "\u{0}",
    "é",
    "\u{1f600}",
    "-1",
    "0",
    "1",
    "1.5",
    "nan",
    "-inf",
    "true",
    "1979-05-27",
    "99999999999999999999",
    "0x_",
    "0xff",
    "\"5s\"",
    "\"1/0\"",
    "\"east-9\"",
    "fault",
    "crash",
    "at",
    "on",
    "node",
    "workload",
    "mix",
    "hot",
    "weather",
    "topology",
    "volume_blocks",
    "name",
    "[[fault]]\n",
    "[workload]\n",
    "crash = {}\n",
    "pause = {}\n",
    "clients = 0\n",
];

/// Any TOML value, a few levels deep.
fn value() -> impl Strategy<Value = toml::Value> {
    let text = prop_oneof![
        any::<String>(),
        prop::sample::select(TOKENS).prop_map(str::to_owned),
        prop::sample::select(&["5s", "-5s", "1/2", "east-3", "east", "clients", "0/0"][..])
            .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        text.clone().prop_map(toml::Value::String),
        any::<i64>().prop_map(toml::Value::Integer),
        (-3i64..70).prop_map(toml::Value::Integer),
        any::<f64>().prop_map(toml::Value::Float),
        any::<bool>().prop_map(toml::Value::Boolean),
    ];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(toml::Value::Array),
            prop::collection::vec((text.clone(), inner), 0..4)
                .prop_map(|pairs| toml::Value::Table(pairs.into_iter().collect())),
        ]
    })
}

/// Every value of a table, tables themselves included.
fn leaves(table: &mut toml::Table) -> Vec<&mut toml::Value> {
    fn inside(value: &mut toml::Value) -> Vec<&mut toml::Value> {
        match value {
            toml::Value::Table(table) => leaves(table),
            toml::Value::Array(array) => array.iter_mut().flat_map(inside).collect(),
            leaf => vec![leaf],
        }
    }
    table
        .iter_mut()
        .flat_map(|(_, value)| inside(value))
        .collect()
}
