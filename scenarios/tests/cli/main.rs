//! The command line as a user or a script meets it.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, process};

use serde_json::Value;

mod differences;
mod errors;
mod lists;
mod many;
mod repros;
mod runs;
mod shards;

fn stormglass(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stormglass"));
    command.args(args).env_remove("CLICOLOR_FORCE");
    // Where these tests run in a pipeline themselves, it is not to hear of them.
    command.env_remove("GITHUB_ACTIONS");
    command.env_remove("GITHUB_STEP_SUMMARY");
    command
}

fn output(args: &[&str]) -> Output {
    stormglass(args).output().expect("the program starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("the program ends by itself")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("text")
}

/// Standard output as one JSON value, of a command that ends with `expected`.
fn json(args: &[&str], expected: i32) -> Value {
    let output = output(args);
    assert_eq!(code(&output), expected, "{args:?}: {}", stderr(&output));
    serde_json::from_str(stdout(&output)).expect("one JSON value")
}

/// A folder of this test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("stormglass-cli-{}-{number}", process::id()));
        fs::create_dir(&folder).expect("a fresh folder");
        Folder(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("text").to_owned()
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
