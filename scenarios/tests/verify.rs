//! What differs only between processes is found through their checkpoints.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use std::{env, fs, process};

use stormglass_scenarios::source::Source;
use stormglass_scenarios::verify::{Depth, Processes, Subject, Way, verify};

/// Stands for a program that is not deterministic: in every second process the
/// owner crashes 100 ms later.
const SCRIPT: &str = "#!/bin/sh
if mkdir FOLDER/second 2>/dev/null; then
    exec PROGRAM \"$@\"
fi
rmdir FOLDER/second
exec PROGRAM \"$@\" --set fault.0.crash.at=600ms
";

#[test]
fn what_differs_only_between_processes_is_bisected_to_its_event_and_component() {
    let folder = env::temp_dir().join(format!("stormglass-differs-{}", process::id()));
    fs::create_dir(&folder).unwrap();
    let program = folder.join("stormglass");
    let script = SCRIPT
        .replace("FOLDER", folder.to_str().unwrap())
        .replace("PROGRAM", env!("CARGO_BIN_EXE_stormglass"));
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();

    let watchdog = Duration::from_secs(30);
    let source = Source::load("owner-crash", &[]).unwrap();
    let subject = Subject::new(&source, 1, watchdog);
    let processes = Processes {
        program,
        words: source.run_words(1),
        watchdog,
    };
    // The first process is the usual one: only a full comparison sees the second.
    let quick = verify(&subject, Some(&processes), Depth::Quick).unwrap();
    fs::remove_dir(folder.join("second")).unwrap();
    assert!(quick.record.deterministic);
    let verified = verify(&subject, Some(&processes), Depth::Full);
    fs::remove_dir_all(&folder).unwrap();
    let verified = verified.unwrap();
    assert_eq!(verified.parted, [Way::FreshProcess]);
    assert_eq!(verified.record.exit().code(), 4);
    // The schedule is other from the beginning, long before that shows.
    let found = verified.record.first_difference.unwrap();
    assert_eq!((found.event, found.component.as_str()), (0, "schedule"));
    assert!(found.field.starts_with("agenda.timed"), "{found:?}");
    let names_a_crash = ["500ms", "600ms"].iter().any(|at| found.field.contains(at));
    assert!(names_a_crash, "{found:?}");
}
