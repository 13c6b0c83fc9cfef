//! What a station hears from everybody but its clients.

use super::*;

impl Station {
    /// A message of the peer.
    pub(crate) fn hear(&mut self, message: &PeerMessage) {
        self.hear_from(0, message);
    }

    /// The same from the node of the other pair at a place.
    pub(crate) fn hear_from(&mut self, place: usize, message: &PeerMessage) {
        let packet = Packet {
            network: PEERS,
            from: self.configuration.peers[place].expect("it is configured"),
            label: Label {
                kind: crate::wire::kind::HELLO,
                incarnation: 0,
                id: 0,
                part: 0,
                attempt: 0,
            },
            frame: peer::encode(message),
        };
        self.input(Input::Packet(packet));
    }

    /// A step of a handshake, from the node of the other pair at a place.
    pub(crate) fn hear_path(&mut self, place: usize, message: &PathMessage) {
        let end = message.end();
        self.input(Input::Packet(Packet {
            network: PEERS,
            from: self.configuration.peers[place].expect("it is configured"),
            label: Label {
                kind: message.kind(),
                incarnation: end.incarnation,
                id: end.nonce,
                part: 0,
                attempt: end.attempt,
            },
            frame: path::encode(message),
        }));
    }

    /// The node of the other pair at a place answers the last question over its path, in
    /// this life of it.
    pub(crate) fn answer_path(&mut self, place: usize, incarnation: u64, standing: Standing) {
        let to = self.configuration.peers[place].expect("it is configured");
        let question = self
            .paths
            .iter()
            .rev()
            .find_map(|(at, message)| match message {
                PathMessage::Open(end) if *at == to => Some(*end),
                PathMessage::Open(_) | PathMessage::Ready(_) => None,
            });
        let ready = PathMessage::Ready(PathEnd {
            node: self.configuration.peer_nodes[place],
            incarnation,
            standing,
            ..question.expect("it was asked")
        });
        self.hear_path(place, &ready);
    }

    /// A message of the partner.
    pub(crate) fn hear_partner(&mut self, message: &PartnerMessage) {
        let joined = self.configuration.interconnect.expect("it is joined");
        self.input(Input::Packet(Packet {
            network: joined.network,
            from: joined.partner.d,
            label: Label {
                kind: message.kind(),
                incarnation: 0,
                id: 0,
                part: 0,
                attempt: 0,
            },
            frame: interconnect::encode(message),
        }));
    }

    /// An answer of the mediator.
    pub(crate) fn hear_mediator(&mut self, reply: &MediatorReply) {
        self.input(Input::Packet(Packet {
            network: THIRD,
            from: MEDIATOR,
            label: Label {
                kind: crate::wire::kind::MEDIATOR_RECORD,
                incarnation: 0,
                id: reply.nonce,
                part: 0,
                attempt: reply.attempt,
            },
            frame: mediator::encode_reply(reply),
        }));
    }

    /// The last question to the mediator that passes.
    pub(crate) fn last_asked(&self, which: impl Fn(Ask) -> bool) -> Option<MediatorRequest> {
        let mut asked = self.asked.iter().rev();
        asked.find(|request| which(request.ask)).copied()
    }
}
