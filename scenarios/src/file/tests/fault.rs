//! Every kind of fault as a file writes it.

use stormglass_engine::wire::kind;

use super::*;

fn set(cluster: Cluster, kind: DeviceKind) -> DriveName {
    DriveName::Set(DeviceName {
        cluster,
        pair: PairIndex::FIRST,
        kind,
    })
}

fn node(name: &str) -> NodeName {
    name.parse().unwrap()
}

/// The one fault of a scenario with a mediator.
fn read(fault: &str) -> Fault {
    let text = format!("[topology]\nmediator = true\n\n[[fault]]\n{fault}\n");
    let scenario = exercise(&text).unwrap_or_else(|found| panic!("{fault}: {found}"));
    scenario.faults[0].clone()
}

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn check<const N: usize>(rows: [(&str, Action); N]) {
    for (text, action) in rows {
        assert_eq!(read(text), action.at(SECOND), "{text}");
    }
}

#[test]
fn every_action_on_machines_has_its_form() {
    check([
        (
            "power_off = { at = \"1s\", cluster = \"all\" }",
            Action::PowerOff {
                cluster: Extent::All,
                restart_after: None,
            },
        ),
        (
            "slow_cpu = { at = \"1s\", node = \"mediator\", factor = 3, duration = \"1ms\" }",
            Action::SlowCpu {
                node: MachineName::Mediator,
                factor: 3,
                duration: MS,
            },
        ),
        (
            "crash_loop = { at = \"1s\", node = \"west-2\", times = 3, interval = \"1s\", restart_after = \"1ms\" }",
            Action::CrashLoop {
                node: node("west-2").into(),
                times: 3,
                interval: SECOND,
                restart_after: MS,
            },
        ),
        (
            "clock = { at = \"1s\", node = \"west-2\", drift_ppm = 3, way = \"both\", every = \"1ms\", duration = \"1s\" }",
            Action::Clock {
                node: node("west-2").into(),
                drift_ppm: 3,
                way: ClockWay::Both,
                every: Some(MS),
                duration: Some(SECOND),
                beyond_bound: false,
            },
        ),
        (
            "clock = { at = \"1s\", node = \"west-2\", drift_ppm = 300000, beyond_bound = true }",
            Action::Clock {
                node: node("west-2").into(),
                drift_ppm: 300_000,
                way: ClockWay::Fast,
                every: None,
                duration: None,
                beyond_bound: true,
            },
        ),
        (
            "order = { at = \"1s\", node = \"west-2\", order = \"hand-over\" }",
            Action::Order {
                node: node("west-2"),
                order: OrderName::HandOver,
            },
        ),
    ]);
}

#[test]
fn an_order_that_nobody_gives_says_what_there_is() {
    let text = "[[fault]]\norder = { at = \"1s\", node = \"east-1\", order = \"hand-back\" }\n";
    let found = exercise(text).unwrap_err().to_string();
    assert!(found.contains("`order` cannot be"), "{found}");
    assert!(found.contains("hand-over"), "{found}");
}

#[test]
fn every_action_on_devices_has_its_form() {
    let (journal, data) = (DeviceKind::Journal, DeviceKind::Data);
    check([
        (
            "device_gone = { at = \"1s\", device = \"east.data\", duration = \"1ms\", returns = \"stale\" }",
            Action::DeviceGone {
                device: set(Cluster::East, data),
                duration: Some(MS),
                returns: ReturnKind::Stale,
            },
        ),
        (
            "device_slow = { at = \"1s\", device = \"east.journal\", duration = \"1ms\" }",
            Action::DeviceSlow {
                device: set(Cluster::East, journal),
                factor: 100,
                duration: MS,
            },
        ),
        (
            "device_stall = { at = \"1s\", device = \"mediator\", duration = \"1ms\" }",
            Action::DeviceStall {
                device: DriveName::Mediator,
                duration: MS,
            },
        ),
        (
            "device_full = { at = \"1s\", device = \"west.data\", area = \"metadata\" }",
            Action::DeviceFull {
                device: set(Cluster::West, data),
                area: Some(AreaKind::Metadata),
                duration: None,
            },
        ),
        (
            "remember = { at = \"1s\", device = \"west.data\" }",
            Action::Remember {
                device: set(Cluster::West, data),
            },
        ),
        (
            "stale_pages = { at = \"1s\", device = \"west.data\", start = 5, count = 2 }",
            Action::StalePages {
                device: set(Cluster::West, data),
                start: 5,
                count: 2,
            },
        ),
        (
            "swap = { at = \"1s\", device = \"west.data\", with = \"east.data\" }",
            Action::Swap {
                device: set(Cluster::West, data),
                with: set(Cluster::East, data),
            },
        ),
    ]);
}

#[test]
fn every_action_on_networks_has_its_form() {
    let east = Endpoint::Cluster(Cluster::East);
    let west = Endpoint::Cluster(Cluster::West);
    let network = NetworkName::InterCluster;
    let inter_cluster = |kind| Partition {
        from: east,
        to: west,
        network,
        direction: Direction::BothWays,
        kind,
        duration: MS,
    };
    check([
        (
            "partition = { at = \"1s\", from = \"east\", to = \"west\", kind = \"set-ack\", duration = \"1ms\" }",
            Action::Partition(inter_cluster(Some(MessageKind(kind::SET_ACK)))),
        ),
        (
            "isolate = { at = \"1s\", side = \"east\", networks = [\"mediator\", \"inter-cluster\"], duration = \"1ms\" }",
            Action::Isolate {
                side: east,
                networks: vec![NetworkName::InterCluster, NetworkName::Mediator].into(),
                duration: MS,
            },
        ),
        (
            "clog = { at = \"1s\", from = \"east\", to = \"west\", one_way = true, duration = \"1s\", interval = \"1ms\" }",
            Action::Clog {
                from: east,
                to: west,
                network,
                one_way: Direction::OneWay,
                duration: SECOND,
                interval: Some(MS),
            },
        ),
        (
            "narrow = { at = \"1s\", from = \"east\", to = \"west\", bytes_per_second = 1000, queue_bytes = 10, mtu = 9, duration = \"1ms\" }",
            Action::Narrow {
                from: east,
                to: west,
                network,
                one_way: Direction::BothWays,
                bytes_per_second: Some(1_000),
                queue_bytes: Some(10),
                mtu: Some(9),
                duration: MS,
            },
        ),
    ]);
}

#[test]
fn a_trigger_waits_for_an_event_a_probe_or_an_execution() {
    let pause = Action::Pause {
        node: node("east-1"),
        duration: Duration::from_millis(1),
    };
    for (text, cue, nth) in [
        ("event = \"marked\"", Cue::Event("marked".into()), 1),
        (
            "probe = \"a rare place\", nth = 2",
            Cue::Probe("a rare place".into()),
            2,
        ),
        (
            "executed = \"journal\", nth = 40",
            Cue::Executed(DeviceKind::Journal),
            40,
        ),
        ("executed = \"data\"", Cue::Executed(DeviceKind::Data), 1),
    ] {
        let fault = format!(
            "pause = {{ on = {{ {text}, node = \"east-1\" }}, node = \"east-1\", duration = \"1ms\" }}"
        );
        let node = node("east-1").into();
        assert_eq!(read(&fault), pause.upon(Trigger { cue, node, nth }));
    }
}
