//! The rolling hashes of a world: what is folded into which.
//!
//! Everything that enters or leaves a component goes into the component's hash;
//! after each handler and each device command, that hash goes into the run's.

use serde::{Deserialize, Serialize};
use std::hash::Hash;
use stormglass_engine::contract::{Effect, Input, Label, Submission};
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
pub(super) fn fold_label(hash: &mut Rolling, label: &Label) {
    let place =
        u64::from(label.kind.0) << 56 | u64::from(label.part) << 32 | u64::from(label.attempt);
    hash.fold_pair(place, label.id);
    hash.fold(label.incarnation);
}

/// Folds in what wakes a module. A packet's head comes as its hash.
#[inline]
pub(super) fn fold_input<L: Hash>(hash: &mut Rolling, input: &Input<L>, head: u64) {
    match input {
        Input::Packet(packet) => {
            fold_label(hash, &packet.label);
            hash.fold_pair(head, u64::from(packet.from.value()));
        }
        Input::Completion(completion) => {
            hash.fold_pair(completion.io.0, u64::from(completion.result.is_ok()));
        }
        Input::Deadline => hash.fold(1),
        Input::Local(message) => hash.fold_value(message),
    }
}

/// Folds in what a module wants, sends apart.
#[inline]
pub(super) fn fold_effect<L: Hash, E: Hash>(hash: &mut Rolling, effect: &Effect<L, E>) {
    match effect {
        // With the head's hash, which the parcel then carries on.
        Effect::Send { .. } => {}
        Effect::Submit(submission) => fold_submission(hash, submission),
        Effect::Local { to, message } => {
            hash.fold(u64::from(to.0));
            hash.fold_value(message);
        }
        Effect::Trace(event) => hash.fold_value(event),
        Effect::Probe(name) => hash.fold_bytes(name.as_bytes()),
    }
}

pub(super) fn fold_submission(hash: &mut Rolling, submission: &Submission) {
    hash.fold_pair(submission.io.0, submission.key.epoch);
}
