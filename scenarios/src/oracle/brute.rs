//! For tests: tries every order. Decides linearizability of small histories by
//! the definition and nothing else: commands are atomic over all their blocks.

use std::collections::BTreeMap;

use stormglass_engine::vocabulary::{BlockIndex, CommandId, Range};

use crate::workload::{BlockValue, ClientEvent, CommandKind, StatusSummary};

#[derive(Clone, Debug)]
struct Op {
    id: CommandId,
    kind: CommandKind,
    range: Range,
    values: Vec<BlockValue>,
    invoked: usize,
    unknown: Option<usize>,
    ended: Option<(usize, StatusSummary)>,
    /// By when it had its effect, if it has one.
    limit: usize,
}

impl Op {
    fn is_success(&self) -> bool {
        matches!(self.ended, Some((_, StatusSummary::Success)))
    }
    fn is_optional(&self) -> bool {
        self.ended.is_none()
    }
    /// The state after it; `None` if it cannot happen in this state.
    fn apply(&self, state: &State) -> Option<State> {
        let held = |block| state.get(&block).copied().unwrap_or(BlockValue::Zero);
        let found = self
            .range
            .blocks()
            .zip(&self.values)
            .all(|(block, value)| held(block) == *value);
        let is_mismatch = matches!(self.ended, Some((_, StatusSummary::Mismatch)));
        let written = match self.kind {
            CommandKind::Read | CommandKind::Flush => return found.then(|| state.clone()),
            CommandKind::CompareAndWrite if is_mismatch => return (!found).then(|| state.clone()),
            CommandKind::CompareAndWrite if !found => return None,
            CommandKind::CompareAndWrite | CommandKind::Write => BlockValue::written(self.id),
            CommandKind::WriteZeroes => BlockValue::Zero,
        };
        let mut next = state.clone();
        next.extend(self.range.blocks().map(|block| (block, written)));
        Some(next)
    }
}

type State = BTreeMap<BlockIndex, BlockValue>;

/// True if some order explains all that was seen.
pub(crate) fn is_linearizable(events: &[(u64, ClientEvent)]) -> bool {
    let ops = ops(events);
    assert!(ops.len() <= 12, "too many to try all orders");
    search(&ops, &mut vec![], &State::new())
}

fn search(ops: &[Op], done: &mut Vec<usize>, state: &State) -> bool {
    let open = |at: &usize| !done.contains(at);
    let left: Vec<usize> = (0..ops.len()).filter(open).collect();
    if left.iter().all(|at| ops[*at].is_optional()) {
        return true;
    }
    for at in &left {
        let op = &ops[*at];
        let is_early = left
            .iter()
            .any(|other| !ops[*other].is_optional() && ops[*other].limit < op.invoked);
        let is_late = done.iter().any(|other| ops[*other].invoked > op.limit);
        if is_early || is_late {
            continue;
        }
        let Some(next) = op.apply(state) else {
            continue;
        };
        done.push(*at);
        if search(ops, done, &next) {
            return true;
        }
        done.pop();
    }
    false
}

fn ops(events: &[(u64, ClientEvent)]) -> Vec<Op> {
    let mut ops: BTreeMap<CommandId, Op> = BTreeMap::new();
    for (number, (_, event)) in events.iter().enumerate() {
        match event {
            ClientEvent::Invoked {
                id,
                kind,
                range: Some(range),
                expected,
            } => {
                let op = Op {
                    id: *id,
                    kind: *kind,
                    range: *range,
                    values: expected.clone(),
                    invoked: number,
                    unknown: None,
                    ended: None,
                    limit: usize::MAX,
                };
                ops.insert(*id, op);
            }
            ClientEvent::ReadReturned { id, values } => {
                ops.get_mut(id).unwrap().values = values.clone();
            }
            ClientEvent::AttemptEnded { id, status, .. } => {
                let op = ops.get_mut(id).unwrap();
                if status.is_definite() {
                    op.ended = Some((number, *status));
                } else {
                    op.unknown.get_or_insert(number);
                }
            }
            _ => {}
        }
    }
    let mut ops: Vec<Op> = ops.into_values().collect();
    ops.retain(|op| match op.ended {
        Some((_, StatusSummary::Refused(_) | StatusSummary::Cancelled)) => false,
        None => op.kind.is_mutation(),
        Some(_) => true,
    });
    let overtaking: Vec<Op> = ops
        .iter()
        .filter(|op| op.kind.is_mutation() && op.is_success())
        .cloned()
        .collect();
    for op in &mut ops {
        op.limit = op.ended.map_or(usize::MAX, |(when, _)| when);
        let is_mismatch = matches!(op.ended, Some((_, StatusSummary::Mismatch)));
        let Some(unknown) = op.unknown.filter(|_| !is_mismatch) else {
            continue;
        };
        for other in &overtaking {
            if other.invoked > unknown && other.range.overlaps(op.range) {
                op.limit = op.limit.min(other.ended.unwrap().0);
            }
        }
    }
    ops
}
