//! The rolling hashes of a world: what is folded into which.
//!
//! Everything that enters or leaves a component goes into the component's hash;
//! after each handler and each device command, that hash goes into the run's.

use serde::{Deserialize, Serialize};
use std::hash::Hash;
use stormglass_engine::contract::{Address, Input, Label, Submission};
use stormglass_engine::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use super::{Component, DeviceIndex, ProcessId};
use crate::trace::Rolling;

/// Flat lists beside the components, so that a fork that only hashes copies no
/// component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hashes {
    pub(super) run: Rolling,
    pub(super) processes: Vec<Rolling>,
    pub(super) devices: Vec<Rolling>,
    pub(super) networks: Vec<Rolling>,
}

impl Hashes {
    pub(super) fn new(networks: usize) -> Self {
        Hashes {
            run: Rolling::START,
            processes: Vec::new(),
            devices: Vec::new(),
            networks: vec![Rolling::START; networks],
        }
    }

    pub(super) fn of(&self, component: Component) -> Rolling {
        match component {
            Component::Process(process) => self.processes[process.index()],
            Component::Device(device) => self.devices[device.index()],
            Component::Network(network) => self.networks[network.index()],
        }
    }

    #[inline]
    pub(super) fn process(&mut self, process: ProcessId) -> &mut Rolling {
        &mut self.processes[process.index()]
    }

    #[inline]
    pub(super) fn device(&mut self, device: DeviceIndex) -> &mut Rolling {
        &mut self.devices[device.index()]
    }
}

/// The hash under which a frame's head is folded in, at departure and arrival.
#[inline]
pub(super) fn head_hash(head: &[u8]) -> u64 {
    xxh3_64(head)
}

#[inline]
fn fold_label(hash: &mut Rolling, label: &Label) {
    let place =
        u64::from(label.kind.0) << 56 | u64::from(label.part) << 32 | u64::from(label.attempt);
    // An incarnation is random: laid over the place it hides nothing.
    hash.fold_pair(place ^ label.incarnation, label.id);
}

/// Folds in that a packet leaves its sender. Its head comes as its hash.
#[inline]
pub(super) fn fold_send(hash: &mut Rolling, to: Address, label: &Label, head: u64) {
    fold_label(hash, label);
    hash.fold_pair(head, u64::from(to.value()));
}

/// Folds in what wakes a module, and when by its clock. A packet's head comes as
/// its hash.
#[inline]
pub(super) fn fold_input<L: Hash>(hash: &mut Rolling, local: Instant, input: &Input<L>, head: u64) {
    let from = match input {
        Input::Packet(packet) => u64::from(packet.from.value()) << 32,
        Input::Completion(_) | Input::Deadline | Input::Local(_) => 0,
    };
    hash.fold_pair(local.as_nanos(), head ^ from);
    match input {
        Input::Packet(packet) => fold_label(hash, &packet.label),
        Input::Completion(completion) => {
            hash.fold_pair(completion.io.0, u64::from(completion.result.is_ok()));
        }
        Input::Deadline => hash.fold(1),
        Input::Local(message) => hash.fold_value(message),
    }
}

pub(super) fn fold_submission(hash: &mut Rolling, submission: &Submission) {
    hash.fold_pair(submission.io.0, submission.key.epoch);
}
