//! The `stormglass` command: reads the command line, calls the library, prints
//! what it answers. Nothing is decided here but words, colours and exit codes.

use std::panic;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use mimalloc::MiMalloc;
use stormglass_reports::record::Exit;

mod command;

use command::{CommandError, Output};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const EXAMPLES: &str = "\
Examples:
  stormglass list                                     what there is to run
  stormglass run owner-crash --seed 7                 one run, as a timeline
  stormglass run owner-crash --seed 7 --json          the same for a script
  stormglass sweep --suite spine --seeds 0..1000      many seeds on all cores
  stormglass verify owner-crash --seed 7              same seed, same bytes?
  stormglass replay repro.toml                        does it still fail as it did?
  stormglass shrink repro.toml --out small.toml       the least that fails so
  stormglass takeover --seeds 0..200                  how long does a takeover take?
  stormglass diff owner-crash@7 owner-crash@8         where do two runs part?
  stormglass fork owner-crash@7 --at 300ms --set weather.loss=1/2     what if?

Exit codes:
  0 pass · 1 safety violation or crash · 2 usage or scenario error · 3 liveness
  failure · 4 nondeterminism · 5 expectation not met · 6 unrecoverable by design
  beyond what is allowed · 70 internal error; of many the lowest of 1, 3, 4, 5, 6.
  `diff` exits with 1 if the sides differ; `replay` as its own help says";

/// A deterministic simulation testbed for a replicated storage cluster.
#[derive(Parser)]
#[command(name = "stormglass", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(arg_required_else_help = true, infer_subcommands = false)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Colour in what is printed; `auto` means on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    /// Run one scenario with one seed and show what happened
    Run(command::run::Args),
    /// Run a repro: does it still fail as it did?
    Replay(command::replay::Args),
    /// Take out of a repro what its failure does not need
    Shrink(command::shrink::Args),
    /// Run a checkpoint on
    Resume(command::resume::Args),
    /// List the scenarios of the catalogue
    List(command::list::Args),
    /// List the features and what shows each
    Features(command::features::Args),
    /// Run one scenario in many ways and compare all that it says
    Verify(command::verify::Args),
    /// Say where two runs, checkpoints or trails part
    Diff(command::diff::Args),
    /// Change something at an instant, and run both futures
    Fork(command::fork::Args),
    /// Run many seeds on all cores and group what fails
    Sweep(command::sweep::Args),
    /// Join the shards of a sweep
    Merge(command::merge::Args),
    /// Time takeovers and boots, by phase, with and without stored metadata
    Takeover(command::takeover::Args),
    /// Measure resyncs: bytes, time and what clients feel, by how much is dirty
    Resync(command::resync::Args),
    /// Print the JSON Schema of scenario files
    Schema,
    /// Print a completion script for a shell
    Completions(command::completions::Args),
}

impl Command {
    fn execute(self, output: &mut Output) -> Result<Exit, CommandError> {
        match self {
            Command::Run(args) => command::run::execute(args, output),
            Command::Replay(args) => command::replay::execute(&args, output),
            Command::Shrink(args) => command::shrink::execute(&args, output),
            Command::Resume(args) => command::resume::execute(&args, output),
            Command::Features(args) => command::features::execute(&args, output),
            Command::Verify(args) => command::verify::execute(&args, output),
            Command::Diff(args) => command::diff::execute(args, output),
            Command::Fork(args) => command::fork::execute(args, output),
            Command::List(args) => command::list::execute(&args, output),
            Command::Sweep(args) => command::sweep::execute(&args, output),
            Command::Takeover(args) => command::takeover::execute(&args, output),
            Command::Resync(args) => command::resync::execute(&args, output),
            Command::Merge(args) => command::merge::execute(&args, output),
            Command::Schema => command::schema::execute(output),
            Command::Completions(args) => command::completions::execute::<Cli>(&args, output),
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::new(match cli.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    });
    let executed =
        panic::catch_unwind(panic::AssertUnwindSafe(|| cli.command.execute(&mut output)));
    match executed {
        Ok(Ok(exit)) => ExitCode::from(exit.code()),
        Ok(Err(error)) => {
            output.explain(&error);
            ExitCode::from(error.exit_code())
        }
        // The panic's message has been printed where it arose.
        Err(_) => ExitCode::from(Exit::Internal.code()),
    }
}
