//! Which node a client speaks to: of the pair that owns its volume, or of the other site's.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::Address;

/// Transmissions of one frame that go to the same node: the network may have lost
/// the first, and the node is no worse for it.
const TRANSMISSIONS_TO_ONE: u32 = 2;

/// The nodes: a pair's two and then another pair's, or the same ones again. The one first
/// with which the client goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Nodes([Address; 4]);

impl Nodes {
    /// Starts with the first one. The other site's nodes may be owners some time.
    pub(super) fn new([first, second]: [Address; 2], other_site: Option<[Address; 2]>) -> Self {
        let [third, fourth] = other_site.unwrap_or([first, second]);
        Nodes([first, second, third, fourth])
    }

    /// Where a transmission goes that `earlier` unanswered ones of the same frame
    /// preceded: after two, to each in turn.
    pub(super) fn target(&self, earlier: u32) -> Address {
        match earlier.checked_sub(TRANSMISSIONS_TO_ONE) {
            None => self.0[0],
            Some(turn) => {
                let place = (turn + 1) % 4;
                self.0[place as usize]
            }
        }
    }

    /// A node has answered: it is the one to go on with.
    pub(super) fn hear(&mut self, from: Address) {
        let Some(place) = self.0.iter().position(|node| *node == from) else {
            return;
        };
        if place >= 2 {
            self.0.rotate_left(2);
        }
        if place % 2 == 1 {
            self.turn();
        }
    }

    /// A node has said that it does not serve: the other one may.
    pub(super) fn turn_from(&mut self, from: Address) {
        if self.0[0] == from {
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.0.swap(0, 1);
        self.0.swap(2, 3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Address = Address::new(1);
    const SECOND: Address = Address::new(2);

    #[test]
    fn the_third_transmission_goes_to_the_other_node_and_then_to_either_in_turn() {
        let nodes = Nodes::new([FIRST, SECOND], None);
        let targets = [0, 1, 2, 3, 4, 5].map(|earlier| nodes.target(earlier));
        assert_eq!(targets, [FIRST, FIRST, SECOND, FIRST, SECOND, FIRST]);
    }

    #[test]
    fn the_other_sites_nodes_come_after_the_pairs() {
        let site = [Address::new(3), Address::new(4)];
        let mut nodes = Nodes::new([FIRST, SECOND], Some(site));
        let targets = [0, 1, 2, 3, 4, 5].map(|earlier| nodes.target(earlier).value());
        assert_eq!(targets, [1, 1, 2, 3, 4, 1]);
        nodes.hear(site[1]);
        let targets = [0, 1, 2, 3, 4, 5].map(|earlier| nodes.target(earlier).value());
        assert_eq!(targets, [4, 4, 3, 2, 1, 4]);
    }

    #[test]
    fn whoever_answers_is_the_one_to_go_on_with() {
        let mut nodes = Nodes::new([FIRST, SECOND], None);
        nodes.hear(FIRST);
        assert_eq!(nodes.target(0), FIRST);
        nodes.hear(SECOND);
        assert_eq!(nodes.target(0), SECOND);
        nodes.hear(Address::new(9));
        assert_eq!(nodes.target(0), SECOND, "a stranger steers nobody");
    }

    #[test]
    fn whoever_does_not_serve_is_left() {
        let mut nodes = Nodes::new([FIRST, SECOND], None);
        nodes.turn_from(SECOND);
        assert_eq!(nodes.target(0), FIRST, "it was not asked last");
        nodes.turn_from(FIRST);
        assert_eq!(nodes.target(0), SECOND);
    }
}
