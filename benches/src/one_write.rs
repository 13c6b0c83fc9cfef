//! A whole experiment, oracles on, with one write outstanding: what forks of it
//! cost is asked of the bench (time) and of a test (bytes).

use stormglass_engine::time::Duration;
use stormglass_scenarios::actor::Report;
use stormglass_scenarios::experiment::{Bench, Experiment};
use stormglass_scenarios::file::{Mix, Scenario};
use stormglass_scenarios::workload::{ClientEvent, CommandKind};
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
    let mut experiment = Experiment::new(&scenario(400, 1), 1);
    let mut bench = Bench::default();
    let mut outstanding: i64 = 0;
    loop {
        assert!(experiment.step(&mut bench), "the workload is long enough");
        let mut invoked = false;
        for occurrence in &bench.log {
            if let Occurrence::Event {
                event: Report::Client(event),
                ..
            } = occurrence
            {
                match event {
                    ClientEvent::Invoked {
                        kind: CommandKind::Write,
                        ..
                    } => {
                        outstanding += 1;
                        invoked = true;
                    }
                    ClientEvent::AttemptEnded { .. } => outstanding -= 1,
                    _ => {}
                }
            }
        }
        if invoked && outstanding == 1 && experiment.tally().commands.success > 1_000 {
            let mut fork = experiment.clone();
            finish_write(&mut fork, &mut Bench::default());
            if fork.tally().commands.issued == experiment.tally().commands.issued {
                return experiment;
            }
        }
    }
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
