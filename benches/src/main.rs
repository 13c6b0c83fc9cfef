//! `stormglass-benches compare [--json] [--rounds N] [--messages N]`.

use std::process::ExitCode;

use stormglass_benches::compare::{compare, table};

const USAGE: &str = "usage: stormglass-benches compare [--json] [--rounds N] [--messages N]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<String, String> {
    let (command, options) = arguments.split_first().ok_or("what is to be done?")?;
    if command != "compare" {
        return Err(format!("unknown command `{command}`"));
    }
    let (mut is_json, mut rounds, mut messages) = (false, 31, 50_000);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut number = || {
            let value = options.next().ok_or(format!("`{option}` takes a number"))?;
            let number: u64 = value
                .parse()
                .map_err(|_| format!("`{value}` is no number"))?;
            (number > 0)
                .then_some(number)
                .ok_or(format!("`{option}` is at least 1"))
        };
        match option.as_str() {
            "--json" => is_json = true,
            "--rounds" => rounds = number()?,
            "--messages" => messages = number()?,
            _ => return Err(format!("unknown option `{option}`")),
        }
    }
    let rounds = usize::try_from(rounds).map_err(|error| error.to_string())?;
    let rows = compare(rounds, messages);
    if is_json {
        let object = serde_json::json!({ "schema_version": 1, "rows": rows });
        Ok(object.to_string())
    } else {
        Ok(table(&rows))
    }
}
