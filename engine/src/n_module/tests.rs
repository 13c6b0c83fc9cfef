use bytes::Bytes;

use super::*;
use crate::contract::{Address, Effect, Frame, LabelKind, NetworkId};
use crate::payload::Payload;
use crate::storage_set::tables::Role;
use crate::testing::{
    BETWEEN, CLIENT, PEERS, VOLUME, configuration, id, joined_configuration, range,
};
use crate::vocabulary::{ClientId, Command, NodeId, Status, Ticket, VolumeId};
use crate::wire::CommandFrame;
use crate::wire::forward::{self, Direction, Forwarded};
use crate::wire::interconnect::{self, Alive, PartnerMessage, Standing};

type Effects = Vec<Effect<Local, Event>>;

struct Node {
    module: NModule,
    now: Instant,
    out: NodeOutbox,
}

const CLIENTS: NetworkId = NetworkId::new(0);

impl Node {
    fn boot() -> Self {
        let mut out = NodeOutbox::default();
        let now = Instant::from_nanos(0);
        let module = NModule::boot(Entropy::new(77), now, &mut out);
        Node { module, now, out }
    }

    fn configured() -> Self {
        let mut node = Node::boot();
        let configuration = Arc::new(configuration(Role::Owner));
        node.input(Input::Local(Local::Configuration(configuration)));
        node
    }

    fn input(&mut self, input: Input<Local>) -> Effects {
        self.out = NodeOutbox::default();
        self.module.handle(self.now, input, &mut self.out);
        self.out.drain().collect()
    }

    fn packet(&mut self, network: NetworkId, frame: Frame) -> Effects {
        let label = label(kind::COMMAND, 0, 0);
        self.input(Input::Packet(Packet {
            network,
            from: CLIENT,
            label,
            frame,
        }))
    }
}

fn label(kind: LabelKind, id: u64, attempt: u32) -> Label {
    Label {
        kind,
        incarnation: 77,
        id,
        part: 0,
        attempt,
    }
}

fn ignored(reason: IgnoreReason) -> Effects {
    vec![Effect::Trace(Event::Ignored(reason))]
}

fn ticket() -> Ticket {
    Ticket {
        incarnation: 9,
        issued: Instant::from_nanos(3),
    }
}

fn read(volume: VolumeId) -> ClientRequest {
    ClientRequest::Command(CommandFrame {
        id: id(4),
        volume,
        attempt: 2,
        ticket: ticket(),
        watermark: 3,
        command: Command::Read(range(1, 2)),
    })
}

#[test]
fn it_asks_for_its_configuration_until_it_has_it() {
    let mut node = Node::boot();
    let ask = Effect::Local {
        to: M_SLOT,
        message: Local::AskConfiguration { from: N_SLOT },
    };
    assert_eq!(node.out.effects(), std::slice::from_ref(&ask));
    let again = Instant::from_nanos(10_000_000);
    assert_eq!(node.module.next_deadline(), Some(again));
    assert_eq!(node.input(Input::Deadline), []);
    node.now = again;
    assert_eq!(node.input(Input::Deadline), [ask]);
    let configuration = Arc::new(configuration(Role::Owner));
    node.input(Input::Local(Local::Configuration(configuration)));
    assert_eq!(node.module.next_deadline(), None);
}

#[test]
fn a_request_goes_to_the_d_module_with_its_senders_address() {
    let mut node = Node::configured();
    let request = read(VOLUME);
    let effects = node.packet(CLIENTS, client::encode_request(&request));
    let routed = Effect::Local {
        to: D_SLOT,
        message: Local::Request {
            client: Way::to(CLIENT),
            request,
        },
    };
    assert_eq!(effects, [routed]);
}

#[test]
fn what_cannot_be_routed_is_ignored_with_a_reason() {
    let good = client::encode_request(&read(VOLUME));
    let early = Node::boot().packet(CLIENTS, good.clone());
    assert_eq!(early, ignored(IgnoreReason::WrongPhase));
    let mut node = Node::configured();
    let foreign = client::encode_request(&read(VolumeId::new(2)));
    assert_eq!(
        node.packet(CLIENTS, foreign),
        ignored(IgnoreReason::Misrouted)
    );
    assert_eq!(node.packet(PEERS, good), ignored(IgnoreReason::Misrouted));
    let noise = Frame {
        head: Bytes::from_static(b"noise"),
        body: Payload::new(),
    };
    assert_eq!(
        node.packet(CLIENTS, noise),
        ignored(IgnoreReason::Undecodable)
    );
    let ask = Input::Local(Local::AskConfiguration { from: D_SLOT });
    assert_eq!(node.input(ask), ignored(IgnoreReason::Misrouted));
}

#[test]
fn a_reply_goes_out_under_a_label_of_its_command_and_transmission() {
    let mut node = Node::configured();
    let client = ClientId::new(7);
    let place = 7 << 40 | 4;
    for (reply, label) in [
        (
            ClientReply::Answer {
                id: id(4),
                attempt: 2,
                ticket: ticket(),
                status: Status::Success(None),
            },
            label(kind::ANSWER, place, 2),
        ),
        (
            ClientReply::Retrying {
                id: id(4),
                attempt: 2,
                ticket: ticket(),
            },
            label(kind::RETRYING, place, 2),
        ),
        (
            ClientReply::Connected {
                client,
                attempt: 5,
                ticket: ticket(),
            },
            label(kind::CONNECTED, 7 << 40, 5),
        ),
    ] {
        let frame = client::encode_reply(&reply);
        let input = Input::Local(Local::Reply {
            client: Way::to(CLIENT),
            reply,
        });
        let sent = Effect::Send {
            network: CLIENTS,
            to: CLIENT,
            label,
            frame,
        };
        assert_eq!(node.input(input), [sent]);
    }
}

/// A node with an interconnect, whose partner says what it does.
fn joined(standing: Option<Standing>) -> Node {
    let mut node = Node::boot();
    let configuration = Arc::new(joined_configuration(Role::Owner));
    node.input(Input::Local(Local::Configuration(configuration)));
    if let Some(standing) = standing {
        node.hear(1, standing);
    }
    node
}

const OWN: Address = Address::new(101);
const PARTNER: Address = Address::new(102);

impl Node {
    fn hear(&mut self, beat: u64, standing: Standing) {
        let alive = PartnerMessage::Alive(Alive {
            node: NodeId::new(2),
            incarnation: 5,
            beat,
            epoch: 3,
            standing,
        });
        let heard = self.partner_sends(interconnect::encode(&alive));
        assert_eq!(heard, []);
    }

    fn partner_sends(&mut self, frame: Frame) -> Effects {
        self.input(Input::Packet(Packet {
            network: BETWEEN,
            from: PARTNER,
            label: label(kind::ALIVE, 0, 0),
            frame,
        }))
    }
}

fn forwarded(direction: Direction, message: Frame) -> Forwarded {
    Forwarded {
        direction,
        client: CLIENT,
        message,
    }
}

#[test]
fn a_request_is_forwarded_exactly_while_the_partner_says_that_it_serves() {
    let request = read(VOLUME);
    let frame = client::encode_request(&request);
    let own = [Effect::Local {
        to: D_SLOT,
        message: Local::Request {
            client: Way::to(CLIENT),
            request,
        },
    }];
    for standing in [
        None,
        Some(Standing::Idle),
        Some(Standing::Watches),
        Some(Standing::Holds),
    ] {
        let mut node = joined(standing);
        assert_eq!(node.packet(CLIENTS, frame.clone()), own, "{standing:?}");
    }
    let mut node = joined(Some(Standing::Serves));
    let message = forwarded(Direction::Request, frame.clone());
    let there = [
        Effect::Probe("request forwarded to the partner"),
        Effect::Send {
            network: BETWEEN,
            to: PARTNER,
            label: label(kind::FORWARD, 7 << 40 | 4, 2),
            frame: forward::encode(&message),
        },
    ];
    assert_eq!(node.packet(CLIENTS, frame.clone()), there);
    node.now = Instant::from_nanos(999_999_999);
    assert_eq!(node.packet(CLIENTS, frame.clone()), there);
    node.now = Instant::from_nanos(1_000_000_000);
    assert_eq!(node.packet(CLIENTS, frame.clone()), own, "it is silent");
    node.hear(3, Standing::Serves);
    node.hear(2, Standing::Watches);
    assert_eq!(
        node.packet(CLIENTS, frame.clone()),
        there,
        "that was before"
    );
    node.hear(4, Standing::Watches);
    assert_eq!(node.packet(CLIENTS, frame), own);
}

#[test]
fn what_comes_from_the_partner_is_served_here_and_never_forwarded_again() {
    let request = read(VOLUME);
    let message = forwarded(Direction::Request, client::encode_request(&request));
    let mut node = joined(Some(Standing::Serves));
    let way = Way {
        client: CLIENT,
        via: Some(PARTNER),
    };
    let served = Effect::Local {
        to: D_SLOT,
        message: Local::Request {
            client: way,
            request,
        },
    };
    assert_eq!(node.partner_sends(forward::encode(&message)), [served]);
    let foreign = client::encode_request(&read(VolumeId::new(2)));
    let foreign = forward::encode(&forwarded(Direction::Request, foreign));
    assert_eq!(
        node.partner_sends(foreign),
        ignored(IgnoreReason::Misrouted)
    );
}

#[test]
fn a_reply_goes_back_the_way_that_its_request_came() {
    let reply = ClientReply::Answer {
        id: id(4),
        attempt: 2,
        ticket: ticket(),
        status: Status::Success(None),
    };
    let frame = client::encode_reply(&reply);
    let message = forward::encode(&forwarded(Direction::Reply, frame.clone()));
    let mut node = joined(None);
    let way = Way {
        client: CLIENT,
        via: Some(OWN),
    };
    let back = node.input(Input::Local(Local::Reply { client: way, reply }));
    let returned = Label {
        part: u16::from(kind::ANSWER.0),
        ..label(kind::RETURN, 7 << 40 | 4, 2)
    };
    let expected = Effect::Send {
        network: BETWEEN,
        to: OWN,
        label: returned,
        frame: message.clone(),
    };
    assert_eq!(back, [expected]);
    let given = Effect::Send {
        network: CLIENTS,
        to: CLIENT,
        label: label(kind::ANSWER, 7 << 40 | 4, 2),
        frame,
    };
    assert_eq!(node.partner_sends(message), [given]);
}

fn serves(epoch: u64, is_heir: bool) -> Input<Local> {
    Input::Local(Local::Serves { epoch, is_heir })
}

#[test]
fn who_serves_takes_the_service_address_again_and_again_and_says_so_once_an_epoch() {
    let service = Address::new(500);
    let mut node = Node::boot();
    assert_eq!(
        node.input(serves(1, false)),
        ignored(IgnoreReason::WrongPhase)
    );
    let configuration = Configuration {
        service: Some(service),
        ..configuration(Role::Owner)
    };
    node.input(Input::Local(Local::Configuration(Arc::new(configuration))));
    let takes = Effect::Bind {
        network: CLIENTS,
        address: service,
    };
    let says = Effect::Trace(Event::ServiceAddress(service));
    assert_eq!(node.input(serves(1, false)), [says.clone(), takes.clone()]);
    assert_eq!(node.input(serves(1, false)), vec![takes.clone()]);
    let moved = Effect::Probe("service address moved to the heir");
    assert_eq!(
        node.input(serves(3, true)),
        [says.clone(), moved, takes.clone()]
    );
    assert_eq!(node.input(serves(3, true)), [takes]);
}

#[test]
fn a_pair_without_a_service_address_takes_none_and_its_own_word_ends_the_forwarding() {
    let request = read(VOLUME);
    let frame = client::encode_request(&request);
    let mut node = joined(Some(Standing::Serves));
    assert_eq!(node.input(serves(4, true)), []);
    let own = Effect::Local {
        to: D_SLOT,
        message: Local::Request {
            client: Way::to(CLIENT),
            request,
        },
    };
    assert_eq!(node.packet(CLIENTS, frame), [own]);
}
