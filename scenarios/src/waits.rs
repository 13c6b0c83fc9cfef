//! Who waits for what: the words of a stall.

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
            waits.push(format!("{name} is {phase}{still}{held}"));
        }
    }
    waits.join("; ")
}
