//! Who waits for what: the words of a stall.

use stormglass_engine::storage_set::StorageSet;
use stormglass_sim::world::World;

use crate::actor::Actor;

/// Who is down or stands still, what each D-module does, and each client's oldest
/// command without an end.
pub fn waits(world: &World<Actor>) -> String {
    let mut waits = Vec::new();
    for (_, process) in world.processes() {
        let name = &world.machine(process.machine).name;
        let Some(module) = &process.module else {
            waits.push(format!("{name}.{} is down", process.name));
            continue;
        };
        if let Some(client) = module.as_client()
            && let Some((id, _)) = client.unresolved().next()
        {
            waits.push(format!("{name} waits for {id}"));
        }
        if let Some(module) = module.as_d_module() {
            let still = if process.is_paused {
                " and stands still"
            } else {
                ""
            };
            let phase = format!("{:?}", module.phase()).to_lowercase();
            let held = module.census().counts().into_iter();
            let held = held.filter(|(_, count)| *count > 0);
            let held: String = held
                .map(|(what, count)| format!(", {count} {what}"))
                .collect();
            let copies = module.set().map(copies).unwrap_or_default();
            waits.push(format!("{name} is {phase}{still}{held}{copies}"));
        }
    }
    waits.join("; ")
}

/// What a set says of its copy, where it is not all: dirty and missing regions.
fn copies(set: &StorageSet) -> String {
    let list = |what: &str, regions: Vec<u64>| match regions.as_slice() {
        [] => String::new(),
        few => format!(", {what} regions {few:?}"),
    };
    let tables = set.tables();
    let dirty = list("dirty", tables.dirty.iter().copied().collect());
    let missing = list("missing", tables.missing.iter().copied().collect());
    dirty + &missing
}
