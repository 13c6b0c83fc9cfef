//! What of a cluster a repro can do without: nodes, the mediator, most of the volume.

use super::Work;
use crate::file::{Cluster, NetworkName, NodeName, PairIndex, Scenario};
use crate::repro::{Repro, nodes};
use crate::weather::{Core, Rest};

impl Work<'_> {
    /// Nodes that never boot: standbys first, for they are needed least.
    pub(super) fn drop_nodes(&mut self) -> (u64, u64) {
        let scenario = self.best.scenario.clone();
        let mut all: Vec<NodeName> = nodes(&scenario).collect();
        let count = all.len() as u64;
        let present = |repro: &Repro| count - repro.absent.len() as u64;
        let before = present(&self.best);
        all.sort_by_key(|node| (node.is_primary(), std::cmp::Reverse(node.number)));
        for node in all {
            if self.best.absent.contains(&node) || self.watcher.is_stopped() {
                continue;
            }
            let mut candidate = self.best.clone();
            candidate.absent.push(node);
            candidate.absent.sort_unstable();
            if let Some(core) = &mut candidate.core {
                let before = core.outside();
                let mut outside = before.to_vec();
                let places = outside.iter_mut().zip(nodes(&scenario));
                for (rest, _) in places.filter(|(_, it)| *it == node) {
                    *rest = Some(Rest::Down);
                }
                if !is_workable(&scenario, before, &outside) {
                    continue;
                }
                *core = Core::without(outside);
            }
            self.attempt(&candidate);
        }
        (before, present(&self.best))
    }

    /// No third site. Who waits for it, or needs it for a calm without a mirror, keeps it.
    pub(super) fn drop_mediator(&mut self) -> (u64, u64) {
        let count = |repro: &Repro| u64::from(repro.scenario.topology.mediator);
        let before = count(&self.best);
        let nobody = vec![None; nodes(&self.best.scenario).count()];
        let core = self.best.core.as_ref();
        let has_mirrors =
            core.is_none_or(|core| is_workable(&self.best.scenario, &nobody, core.outside()));
        if before > 0 && has_mirrors {
            let mut scenario = self.best.scenario.clone();
            scenario.topology.mediator = false;
            scenario.links.remove(&NetworkName::Mediator);
            self.attempt_in(scenario);
        }
        (before, count(&self.best))
    }

    /// A volume that holds what the commands touch and little more; in blocks.
    pub(super) fn drop_volume(&mut self) -> (u64, u64) {
        let before = self.best.scenario.topology.volume_blocks;
        let listed = self.best.scenario.workload.listed.iter();
        let needed = listed.map(|it| it.block + u64::from(it.blocks)).max();
        // Where clients draw their commands, they draw them from all of it.
        let Some(needed) = needed else {
            return (before, before);
        };
        let whole = |blocks: u64| {
            let region = self.best.scenario.topology.region_blocks.max(1);
            blocks.div_ceil(region) * region
        };
        let least = whole(needed);
        let sizes = std::iter::successors(Some(least), |size| size.checked_mul(4));
        let sizes: Vec<u64> = sizes.take_while(|size| *size < before).collect();
        for blocks in sizes {
            let mut scenario = self.best.scenario.clone();
            scenario.topology.volume_blocks = blocks;
            // From where commands would be drawn, if they were.
            let workload = &mut scenario.workload;
            workload.hot = None;
            let most = u32::try_from(blocks).unwrap_or(u32::MAX);
            workload.command_blocks = workload.command_blocks.map(|it| it.min(most));
            if self.watcher.is_stopped() || self.attempt_in(scenario) {
                break;
            }
        }
        (before, self.best.scenario.topology.volume_blocks)
    }

    /// Tries the best under another scenario, if that can be.
    fn attempt_in(&mut self, scenario: Scenario) -> bool {
        let moved = self.best.moved_to(scenario);
        moved.is_some_and(|candidate| self.attempt(&candidate))
    }
}

/// True if, of every volume, the owner's pair has a node in a core, and the mirror's where
/// it had one before.
fn is_workable(scenario: &Scenario, before: &[Option<Rest>], outside: &[Option<Rest>]) -> bool {
    let is_left = |outside: &[Option<Rest>], (cluster, pair): (Cluster, PairIndex)| {
        let mut own = nodes(scenario).zip(outside);
        own.any(|(node, rest)| (node.cluster, node.pair()) == (cluster, pair) && rest.is_none())
    };
    scenario.topology.pairs().all(|pair| {
        let owner = scenario.topology.owner(pair);
        let mirror = (owner.other(), pair);
        is_left(outside, (owner, pair)) && (is_left(outside, mirror) || !is_left(before, mirror))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_workable_if_each_volume_keeps_its_owner_and_the_mirror_that_it_had() {
        let mut scenario = Scenario::builder("two").build().unwrap();
        scenario.topology.pairs_per_cluster = 2;
        scenario.topology.owners = vec![Cluster::East, Cluster::West];
        let without = |places: &[usize]| {
            let mut outside = vec![None; 8];
            for place in places {
                outside[*place] = Some(Rest::Down);
            }
            outside
        };
        let whole = without(&[]);
        for (places, expected) in [
            (&[0, 3, 5, 6][..], true),
            // The owner of the first volume, then its mirror.
            (&[0, 1], false),
            (&[2, 3], false),
            // Those of the second one.
            (&[6, 7], false),
            (&[4, 5], false),
        ] {
            let outside = without(places);
            assert_eq!(
                is_workable(&scenario, &whole, &outside),
                expected,
                "{places:?}"
            );
        }
        // A mirror that was out before need not come back.
        let before = without(&[4, 5]);
        assert!(is_workable(&scenario, &before, &without(&[0, 4, 5])));
    }
}
