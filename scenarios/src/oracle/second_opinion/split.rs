//! A history taken apart into blocks: what each command did to each, and by when.
//!
//! The rule for commands of several blocks is O2's: each block is judged by itself.
//! A failed compare of several blocks says nothing of any single one.

use std::collections::BTreeMap;

use stormglass_engine::vocabulary::{BlockIndex, CommandId, Range};

use super::search::{Operation, Step};
use crate::oracle::o2_linearizable::{Ending, Record};
use crate::workload::{BlockValue, CommandKind};

/// All that concerns one block.
#[derive(Default)]
pub(super) struct BlockHistory {
    pub(super) operations: Vec<Operation>,
}

impl BlockHistory {
    /// The events that the history consists of.
    pub(super) fn events(&self) -> Vec<u64> {
        let operations = self.operations.iter();
        let events = operations.flat_map(|operation| [operation.invoked, operation.limit]);
        events.filter(|event| *event != u64::MAX).collect()
    }
}

/// The history, a block at a time.
pub(super) fn blocks<'a>(
    history: impl Iterator<Item = (CommandId, &'a Record)>,
) -> BTreeMap<BlockIndex, BlockHistory> {
    let commands: Vec<(CommandId, &Record)> = history.collect();
    let overtaking: Vec<(Range, u64, u64)> = commands
        .iter()
        .filter(|(_, record)| record.kind.is_mutation())
        .filter_map(|(_, record)| match record.ended? {
            (answered, Ending::Success) => Some((record.range, record.invoked, answered)),
            _ => None,
        })
        .collect();
    let mut blocks: BTreeMap<BlockIndex, BlockHistory> = BTreeMap::new();
    for (id, record) in &commands {
        let limit = limit(record, &overtaking);
        for (place, block) in record.range.blocks().enumerate() {
            let Some(step) = step(*id, record, place) else {
                continue;
            };
            blocks.entry(block).or_default().operations.push(Operation {
                invoked: record.invoked,
                limit,
                is_optional: record.ended.is_none(),
                step,
            });
        }
    }
    for history in blocks.values_mut() {
        forget_unseen(&mut history.operations);
    }
    blocks
}

/// By when the command has had its effect, if it has one: by its answer, or by that
/// of a mutation that overlaps it and was invoked after it was reported unknown.
fn limit(record: &Record, overtaking: &[(Range, u64, u64)]) -> u64 {
    let answered = record.ended.map_or(u64::MAX, |(when, _)| when);
    let Some(unknown) = record.unknown else {
        return answered;
    };
    if matches!(record.ended, Some((_, Ending::Mismatch | Ending::Failed))) {
        return answered;
    }
    overtaking
        .iter()
        .filter(|(range, invoked, _)| *invoked > unknown && range.overlaps(record.range))
        .fold(answered, |limit, (_, _, answered)| limit.min(*answered))
}

/// What the command did to one of its blocks; none if nothing that can be judged.
fn step(id: CommandId, record: &Record, place: usize) -> Option<Step> {
    let ending = record.ended.map(|(_, ending)| ending);
    let value = record.values.get(place).copied();
    match (record.kind, ending) {
        (_, Some(Ending::Failed)) | (CommandKind::Flush, _) => None,
        // What is no value at all is a finding of its own.
        (CommandKind::Read, Some(Ending::Success)) => {
            value.filter(|value| value.is_whole()).map(Step::Find)
        }
        (CommandKind::Read, _) => None,
        (CommandKind::CompareAndWrite, Some(Ending::Mismatch)) => {
            value.filter(|_| record.range.count() == 1).map(Step::Miss)
        }
        (_, Some(Ending::Mismatch)) => None,
        (CommandKind::Write, None | Some(Ending::Success)) => {
            Some(Step::Put(BlockValue::written(id)))
        }
        (CommandKind::WriteZeroes, None | Some(Ending::Success)) => {
            Some(Step::Put(BlockValue::Zero))
        }
        (CommandKind::CompareAndWrite, None | Some(Ending::Success)) => {
            value.map(|expected| Step::Replace {
                expected,
                by: BlockValue::written(id),
            })
        }
    }
}

/// Leaves out what may not have happened and whose value nobody saw: any order with
/// it is one without it as well, unless a failed compare can only be owed to it.
fn forget_unseen(operations: &mut Vec<Operation>) {
    let misses = operations
        .iter()
        .any(|operation| matches!(operation.step, Step::Miss(_)));
    if misses {
        return;
    }
    loop {
        let seen: Vec<BlockValue> = operations
            .iter()
            .filter_map(|operation| operation.step.needs())
            .collect();
        let before = operations.len();
        operations.retain(|operation| {
            let unseen = |value: BlockValue| !seen.contains(&value);
            !operation.is_optional || !operation.step.leaves().is_some_and(unseen)
        });
        if operations.len() == before {
            return;
        }
    }
}
