use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;
use crate::source::Source;

/// Every probe that the engine's sources name.
fn of_engine() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/src");
    let mut folders = vec![engine];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the engine's sources") {
            let path = entry.expect("an entry").path();
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
            if path.is_dir() && !is_test {
                folders.push(path);
            } else if path.is_file() && !is_test {
                let text = fs::read_to_string(&path).expect("text");
                names.extend(calls(&text));
            }
        }
    }
    names
}

/// The texts in the calls of `probe`.
fn calls(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, call) in source.match_indices("probe(") {
        if source[..at].ends_with("fn ") {
            continue;
        }
        let mut depth = 0;
        let mut parts = source[at + call.len() - 1..].split('"');
        while let Some(code) = parts.next() {
            for char in code.chars() {
                match char {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            if depth == 0 {
                break;
            }
            names.extend(parts.next().map(str::to_owned));
        }
    }
    names
}

/// Every probe that a scenario of the catalogue lists.
fn listed() -> BTreeSet<String> {
    let sources = Source::catalogue(&[]).expect("the catalogue is valid");
    let probes = sources.into_iter().flat_map(|one| one.scenario.probes);
    probes.collect()
}

#[test]
fn calls_are_found_wherever_they_are_broken() {
    let source = r#"
        fn probe(&mut self, name: &'static str) {}
        out.probe("one");
        cx.out.probe(if waits(set) { "two" } else { "three" });
        cx.out.probe(
            "four",
        );
        say("not one");
    "#;
    assert_eq!(calls(source), ["one", "two", "three", "four"]);
}

#[test]
fn every_probe_is_on_a_list_or_has_a_reason_not_to_be() {
    let engine = of_engine();
    assert!(engine.len() > 40, "the engine has its probes: {engine:?}");
    let listed = listed();
    let excused: BTreeSet<String> = UNLISTED.map(|(name, _)| name.to_owned()).into();
    let lost: Vec<_> = engine
        .iter()
        .filter(|name| !listed.contains(*name) && !excused.contains(*name))
        .collect();
    assert!(
        lost.is_empty(),
        "no scenario lists {lost:?}: list each where seeds reach it, or say why not"
    );
    for name in &listed {
        assert!(engine.contains(name), "the engine has no probe \"{name}\"");
    }
    for (name, _) in UNLISTED {
        assert!(engine.contains(name), "the engine has no probe \"{name}\"");
        assert!(
            !listed.contains(name),
            "\"{name}\" is listed, so it needs no excuse"
        );
    }
    for (name, _, _) in RARE {
        assert!(listed.contains(name), "no scenario lists \"{name}\"");
    }
}

#[test]
fn a_share_is_the_usual_one_unless_declared() {
    assert_eq!(required("in sync again"), ProbeTally::REQUIRED);
    for (name, share, _) in RARE {
        assert_eq!(required(name), share);
        assert_ne!(share, ProbeTally::REQUIRED, "{name}");
    }
}
