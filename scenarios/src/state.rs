//! The state of a world at an instant, for a reader: who is up, what each module is at,
//! what devices hold and what is on its way.

use std::fmt::Write as _;

use serde::Serialize;
use stormglass_engine::d_module::DModule;
use stormglass_engine::storage_set::tables::Tables;
use stormglass_sim::device::Device;
use stormglass_sim::network::Cut;
use stormglass_sim::world::{Component, World};

use crate::actor::Actor;
use crate::experiment::Experiment;
use crate::fault_key;
use crate::file;
use crate::workload::Client;

/// What a world is like at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// The instant, from the run's beginning.
    pub at: String,
    /// Events until then.
    pub events: u64,
    /// Every module, clients among them.
    pub modules: Vec<ModuleState>,
    /// Every device.
    pub devices: Vec<DeviceState>,
    /// Everything that is wrong between machines.
    pub links: Vec<String>,
    /// Messages on their way.
    pub in_flight: Vec<String>,
}

/// What a module is at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModuleState {
    /// Its name.
    pub name: String,
    /// `up`, `down` or `still`.
    pub is: &'static str,
    /// Which of its lives this is.
    pub life: u64,
    /// Inputs that wait for its CPU.
    pub backlog: usize,
    /// What it is at; nothing while it is down.
    pub does: Vec<(String, String)>,
}

/// What a device is at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceState {
    /// Its name.
    pub name: String,
    /// `up`, `gone` or `stalled`.
    pub is: &'static str,
    /// Who holds its reservation.
    pub holder: Option<String>,
    /// Versions of pages in its volatile cache.
    pub cached: usize,
    /// Commands in its queue.
    pub queued: usize,
}

impl State {
    /// The state of an experiment's world.
    pub fn of(experiment: &Experiment) -> State {
        let world = experiment.world();
        let network = world.network();
        let link = |what: &str, cut: &Cut| {
            let machine = |id| &world.machine(id).name;
            let over = world.component_name(Component::Network(cut.network));
            format!(
                "{what}: {} to {} over {over}",
                machine(cut.from),
                machine(cut.to)
            )
        };
        let cuts = network.cuts().map(|cut| link("cut", cut));
        let kinds = network.cut_kinds();
        let kinds = kinds.map(|(cut, kind)| {
            let kind = stormglass_engine::wire::kind::name(kind);
            link(&format!("cut for {kind}"), &cut)
        });
        let clogs = network.clogs().map(|cut| link("clogged", &cut));
        let limits = network.limits().map(|cut| link("narrow", &cut));
        let in_flight = world.in_flight();
        let mut in_flight: Vec<String> = in_flight
            .map(|name| fault_key::packet(&name, world))
            .collect();
        in_flight.sort();
        State {
            at: file::print_duration(experiment.elapsed()),
            events: world.totals().events,
            modules: modules(world),
            devices: world
                .drives()
                .map(|(_, drive)| device(&drive.name, &drive.device))
                .collect(),
            links: cuts.chain(kinds).chain(clogs).chain(limits).collect(),
            in_flight,
        }
    }

    /// For a reader.
    pub fn render(&self) -> String {
        let mut text = format!("At {}, after {} events\n\n", self.at, self.events);
        for module in &self.modules {
            let ModuleState {
                name,
                is,
                life,
                backlog,
                does,
            } = module;
            let _ = write!(text, "  {name:<12} {is:<6} life {life}");
            if *backlog > 0 {
                let _ = write!(text, ", {backlog} inputs wait");
            }
            for (what, value) in does {
                let _ = write!(text, ", {what} {value}");
            }
            text.push('\n');
        }
        text.push('\n');
        for device in &self.devices {
            let DeviceState {
                name,
                is,
                holder,
                cached,
                queued,
            } = device;
            let holder = holder.as_deref().unwrap_or("nobody");
            let _ = writeln!(
                text,
                "  {name:<12} {is:<7} held by {holder}, {cached} versions cached, {queued} commands queued"
            );
        }
        for (title, lines) in [("Links", &self.links), ("In flight", &self.in_flight)] {
            if !lines.is_empty() {
                let _ = writeln!(text, "\n{title}");
            }
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
        text
    }
}

fn modules(world: &World<Actor>) -> Vec<ModuleState> {
    let modules = world.processes().map(|(id, process)| {
        let does = match &process.module {
            Some(Actor::D(module)) => d_module(module),
            Some(Actor::Client(module)) => client(module),
            Some(_) | None => Vec::new(),
        };
        ModuleState {
            name: world.component_name(Component::Process(id)),
            is: match (&process.module, process.is_paused) {
                (None, _) => "down",
                (Some(_), true) => "still",
                (Some(_), false) => "up",
            },
            life: process.incarnation,
            backlog: process.backlog(),
            does,
        }
    });
    modules.collect()
}

type Facts = Vec<(String, String)>;

fn fact(what: &str, value: impl ToString) -> (String, String) {
    (what.to_owned(), value.to_string())
}

fn d_module(module: &DModule) -> Facts {
    let mut facts = vec![fact(
        "phase",
        format!("{:?}", module.phase()).to_lowercase(),
    )];
    facts.extend(
        module
            .set()
            .map(|set| tables(set.tables()))
            .unwrap_or_default(),
    );
    if let Some((node, session)) = module.active_path() {
        let text = format!("to node {} in {session}", node.value());
        facts.push(fact("path", text));
    }
    let held = module.census().counts().into_iter();
    let held = held.filter(|(_, count)| *count > 0);
    facts.extend(held.map(|(what, count)| fact(what, count)));
    facts
}

fn tables(tables: &Tables) -> Facts {
    let lower = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    let mut facts = vec![
        fact("role", lower(&tables.role)),
        fact("mode", lower(&tables.mode)),
        fact("copy", lower(&tables.consistency)),
        fact("session", tables.session),
        fact("fence", tables.fence),
        fact("marks", tables.marks.len()),
        fact("results", tables.results.len()),
    ];
    for (what, regions) in [("dirty", &tables.dirty), ("missing", &tables.missing)] {
        if !regions.is_empty() {
            let regions: Vec<u64> = regions.iter().copied().collect();
            facts.push(fact(&format!("{what} regions"), format!("{regions:?}")));
        }
    }
    facts
}

fn client(client: &Client) -> Facts {
    let unresolved: Vec<String> = client.unresolved().map(|(id, _)| id.to_string()).collect();
    match unresolved.is_empty() {
        true => vec![fact("waits for", "nothing")],
        false => vec![fact("waits for", unresolved.join(" "))],
    }
}

fn device(name: &str, device: &Device) -> DeviceState {
    DeviceState {
        name: name.to_owned(),
        is: match (device.is_gone(), device.is_stalled()) {
            (true, _) => "gone",
            (false, true) => "stalled",
            (false, false) => "up",
        },
        holder: device
            .holder()
            .map(|key| format!("node {} under epoch {}", key.node, key.epoch)),
        cached: device.cached().count(),
        queued: device.queued().count(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use stormglass_engine::time::Duration;

    use super::*;
    use crate::moment::Moment;
    use crate::run;
    use crate::source::Source;

    #[test]
    fn a_state_tells_who_is_down_and_who_serves() {
        let scenario = Source::load("owner-dies", &[]).unwrap().scenario;
        let at = |millis| {
            let moment = Moment::At(Duration::from_millis(millis));
            let experiment = Experiment::new(&scenario, 3);
            let found = run::run_to(&scenario, experiment, moment, &AtomicU64::new(0));
            State::of(&found.unwrap())
        };
        let is = |state: &State, name: &str| {
            let module = state.modules.iter().find(|it| it.name == name).unwrap();
            (
                module.is,
                module
                    .does
                    .iter()
                    .find(|(what, _)| what == "phase")
                    .cloned(),
            )
        };
        let before = at(300);
        let (up, phase) = is(&before, "east-1.D");
        assert_eq!((up, phase.unwrap().1.as_str()), ("up", "serving"));
        assert!(
            before.render().contains("role owner"),
            "{}",
            before.render()
        );
        let states = (1..20).map(|second| is(&at(second * 500), "east-1.D").0);
        assert!(states.clone().any(|is| is == "down"));
    }
}
