use bytes::Bytes;

use super::*;
use crate::contract::{Effect, Frame, LabelKind, NetworkId};
use crate::payload::Payload;
use crate::storage_set::tables::Role;
use crate::testing::{CLIENT, PEERS, VOLUME, configuration, id, range};
use crate::vocabulary::{ClientId, Command, Status, Ticket, VolumeId};
use crate::wire::CommandFrame;

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
            client: CLIENT,
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
            client: CLIENT,
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
