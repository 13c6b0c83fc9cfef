use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;
use crate::file;

#[test]
fn every_scenario_is_valid_and_introduces_itself() {
    for (name, text) in all() {
        let scenario = file::parse(name, text)
            .unwrap_or_else(|found| panic!("{}", found.render(false, name, text)));
        assert_eq!(scenario.name, *name);
        assert!(!scenario.title.is_empty(), "{name} has a title");
        assert!(!scenario.description.is_empty(), "{name} has a description");
        assert!(!scenario.covers.is_empty(), "{name} covers a row");
        assert!(!scenario.suites.is_empty(), "{name} is in a suite");
        assert_eq!(find(name), Some(*text));
    }
}

#[test]
fn every_file_of_the_catalogue_is_compiled_in() {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let entries = |folder: &Path| {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    let on_disk: BTreeSet<String> = entries(&folders)
        .flat_map(|folder| entries(&folder).collect::<Vec<_>>())
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let compiled: BTreeSet<String> = all().iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(on_disk, compiled);
    assert_eq!(compiled.len(), all().len(), "names are unique");
}
