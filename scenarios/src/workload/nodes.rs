//! Which node a client speaks to: of the pair that owns its volume, or of the other site's.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::Address;

/// Transmissions of one frame that go to the same node: the network may have lost
/// the first, and the node is no worse for it.
const TRANSMISSIONS_TO_ONE: u32 = 2;

/// The nodes of the site that the client takes for the owner's, the one first with which it
/// goes on; and those of the other site, if it knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Nodes {
    here: [Address; 2],
    there: Option<[Address; 2]>,
}

impl Nodes {
    /// Starts with the first one.
    pub(super) fn new(here: [Address; 2], there: Option<[Address; 2]>) -> Self {
        Nodes { here, there }
    }

    /// Where a transmission goes that `earlier` unanswered ones of the same frame
    /// preceded: after two, to each in turn.
    pub(super) fn target(&self, earlier: u32) -> Address {
        let [first, second] = self.here;
        let Some(turn) = earlier.checked_sub(TRANSMISSIONS_TO_ONE) else {
            return first;
        };
        match self.there {
            None => [second, first][(turn % 2) as usize],
            Some([third, fourth]) => [third, second, fourth, first][(turn % 4) as usize],
        }
    }

    /// A node has answered: it is the one to go on with. True if it is of the other site.
    pub(super) fn hear(&mut self, from: Address) -> bool {
        let is_there = self.there.is_some_and(|there| there.contains(&from));
        if is_there {
            self.change_sites();
        }
        if self.here[1] == from {
            self.here.swap(0, 1);
        }
        is_there
    }

    /// A node has said that it does not serve: its partner may, or the other site.
    pub(super) fn turn_from(&mut self, from: Address) {
        if self.here[0] == from {
            self.here.swap(0, 1);
            self.change_sites();
        }
    }

    /// A node has said that the other site is the owner, or will be.
    pub(super) fn leave_site(&mut self, from: Address) {
        if self.here.contains(&from) {
            self.change_sites();
        }
    }

    fn change_sites(&mut self) {
        if let Some(there) = &mut self.there {
            std::mem::swap(&mut self.here, there);
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
        let nodes = Nodes::new([FIRST, SECOND], None);
        let targets = [0, 1, 2, 3, 4, 5].map(|earlier| nodes.target(earlier));
        assert_eq!(targets, [FIRST, FIRST, SECOND, FIRST, SECOND, FIRST]);
    }

    #[test]
    fn the_other_site_is_asked_before_the_partner_and_left_when_it_says_so() {
        let site = [Address::new(3), Address::new(4)];
        let mut nodes = Nodes::new([FIRST, SECOND], Some(site));
        let targets = |nodes: Nodes| [0, 1, 2, 3, 4, 5, 6].map(|it| nodes.target(it).value());
        assert_eq!(targets(nodes), [1, 1, 3, 2, 4, 1, 3]);
        nodes.hear(site[1]);
        assert_eq!(targets(nodes), [4, 4, 1, 3, 2, 4, 1]);
        nodes.leave_site(site[1]);
        assert_eq!(targets(nodes), [1, 1, 4, 2, 3, 1, 4]);
        nodes.turn_from(FIRST);
        assert_eq!(targets(nodes), [4, 4, 2, 3, 1, 4, 2]);
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
