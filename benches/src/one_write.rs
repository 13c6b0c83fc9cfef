//! A whole experiment, oracles on, with one write outstanding: what forks of it
//! cost is asked of the bench (time) and of a test (bytes).

use stormglass_engine::time::Duration;
use stormglass_scenarios::actor::Report;
use stormglass_scenarios::experiment::{Bench, Commands, Experiment};
use stormglass_scenarios::file::{Mix, Scenario};
use stormglass_scenarios::workload::ClientEvent;
use stormglass_sim::occurrence::Occurrence;

/// 64 MiB in blocks.
const VOLUME_BLOCKS: u64 = 16_384;
/// Four nodes and these are ten machines.
const CLIENTS: u32 = 6;

/// Four nodes and six clients that write, volumes of 64 MiB.
pub fn scenario(commands: u32, outstanding: u32) -> Scenario {
    let mix = Mix {
        write: 1,
        ..Mix::NONE
    };
    let mut scenario = Scenario::builder("bench")
        .build()
        .expect("the defaults are valid");
    scenario.topology.volume_blocks = VOLUME_BLOCKS;
    scenario.workload.clients = CLIENTS;
    scenario.workload.commands = commands;
    scenario.workload.outstanding = outstanding;
    scenario.workload.command_blocks = [1, 1];
    scenario.workload.mix = mix;
    scenario.workload.think = Duration::from_millis(100);
    scenario.check().expect("the bench's scenario is valid");
    scenario
}

/// An experiment well into its work, at an instant at which a write has just been
/// issued, none other is outstanding, and none other is issued before it ends.
pub fn with_one_write_outstanding() -> Experiment {
    let mut experiment = Experiment::new(&scenario(1_500, 1), 1);
    let mut bench = Bench::default();
    while experiment.tally().commands.success <= 1_000 {
        assert!(experiment.step(&mut bench), "the workload is long enough");
    }
    go_to_next_write(&mut experiment, &mut bench);
    experiment
}

/// Runs to the next such instant.
pub fn go_to_next_write(experiment: &mut Experiment, bench: &mut Bench) {
    loop {
        let before = experiment.tally().commands.issued;
        assert!(
            experiment.step(bench),
            "the workload of {before} commands is too short"
        );
        let commands = experiment.tally().commands;
        if commands.issued == before || outstanding(commands) != 1 {
            continue;
        }
        let mut fork = experiment.clone();
        finish_write(&mut fork, &mut Bench::default());
        if fork.tally().commands.issued == commands.issued {
            return;
        }
    }
}

fn outstanding(commands: Commands) -> u64 {
    let Commands {
        issued,
        success,
        mismatch,
        refused,
        unknown,
        cancelled,
    } = commands;
    issued - success - mismatch - refused - unknown - cancelled
}

/// Runs until the outstanding write has its status; the number of events.
pub fn finish_write(experiment: &mut Experiment, bench: &mut Bench) -> u64 {
    let mut events = 0;
    loop {
        assert!(experiment.step(bench), "the write ends");
        events += 1;
        let has_ended = bench.log.iter().any(|occurrence| {
            matches!(
                occurrence,
                Occurrence::Event {
                    event: Report::Client(ClientEvent::AttemptEnded { .. }),
                    ..
                }
            )
        });
        if has_ended {
            return events;
        }
    }
}
