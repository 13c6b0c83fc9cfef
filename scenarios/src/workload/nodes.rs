//! Which of a pair's nodes a client speaks to.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::Address;

/// Transmissions of one frame that go to the same node: the network may have lost
/// the first, and the node is no worse for it.
const TRANSMISSIONS_TO_ONE: u32 = 2;

/// The pair's nodes, the one first with which the client goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Nodes([Address; 2]);

impl Nodes {
    /// Starts with the first one.
    pub(super) fn new(nodes: [Address; 2]) -> Self {
        Nodes(nodes)
    }

    /// Where a transmission goes that `earlier` unanswered ones of the same frame
    /// preceded: after two, to either in turn.
    pub(super) fn target(&self, earlier: u32) -> Address {
        let is_turned = earlier >= TRANSMISSIONS_TO_ONE && earlier.is_multiple_of(2);
        self.0[usize::from(is_turned)]
    }

    /// A node has answered: it is the one to go on with.
    pub(super) fn hear(&mut self, from: Address) {
        if self.0[1] == from {
            self.0.swap(0, 1);
        }
    }

    /// A node has said that it does not serve: the other one may.
    pub(super) fn turn_from(&mut self, from: Address) {
        if self.0[0] == from {
            self.0.swap(0, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Address = Address::new(1);
    const SECOND: Address = Address::new(2);

    #[test]
    fn the_third_transmission_goes_to_the_other_node_and_then_to_either_in_turn() {
        let nodes = Nodes::new([FIRST, SECOND]);
        let targets = [0, 1, 2, 3, 4, 5].map(|earlier| nodes.target(earlier));
        assert_eq!(targets, [FIRST, FIRST, SECOND, FIRST, SECOND, FIRST]);
    }

    #[test]
    fn whoever_answers_is_the_one_to_go_on_with() {
        let mut nodes = Nodes::new([FIRST, SECOND]);
        nodes.hear(FIRST);
        assert_eq!(nodes.target(0), FIRST);
        nodes.hear(SECOND);
        assert_eq!(nodes.target(0), SECOND);
        nodes.hear(Address::new(9));
        assert_eq!(nodes.target(0), SECOND, "a stranger steers nobody");
    }

    #[test]
    fn whoever_does_not_serve_is_left() {
        let mut nodes = Nodes::new([FIRST, SECOND]);
        nodes.turn_from(SECOND);
        assert_eq!(nodes.target(0), FIRST, "it was not asked last");
        nodes.turn_from(FIRST);
        assert_eq!(nodes.target(0), SECOND);
    }
}
