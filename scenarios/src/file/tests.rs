use std::fs;
use std::path::PathBuf;

use stormglass_engine::configuration::Replication;
use stormglass_engine::time::Duration;

use super::*;

mod fault;
mod malformed;
mod robust;

/// Parses, and renders whatever was found in both ways.
fn exercise(text: &str) -> Result<Scenario, Diagnostics> {
    let parsed = parse("some-file", text);
    match &parsed {
        Ok(scenario) => {
            let again = parse("other-file", &scenario.to_toml()).unwrap();
            assert_eq!(&again, scenario);
        }
        Err(found) => {
            assert!(found.iter().count() > 0);
            for one in found.iter() {
                let span = one.span.as_ref().unwrap();
                assert!(span.line > 0 && span.column > 0 && span.bytes.end <= text.len());
                assert!(!one.message.is_empty() && !one.help.is_empty());
            }
            assert!(!found.render(false, "file.toml", text).contains('\u{1b}'));
            found.render(true, "file.toml", text);
            found.render(false, "file.toml", "another source");
        }
    }
    parsed
}

#[test]
fn an_empty_file_is_a_scenario_of_defaults() {
    let scenario = exercise("").unwrap();
    assert_eq!(
        scenario,
        Scenario {
            name: "some-file".to_owned(),
            ..Scenario::default()
        }
    );
    assert_eq!(scenario.topology.profile, Profile::Metro);
    assert_eq!(scenario.workload.outstanding, 4);
    assert_eq!(scenario.limits.sim_time, Duration::from_secs(60));
}

const EVERYTHING: &str = r#"
name = "everything"
title = "All keys"
description = "Says all that can be said."
covers = ["P1", "O17"]
suites = ["spine"]
probes = ["rare"]

[topology]
profile = "wan"
pairs_per_cluster = 2
owners = ["west"]
volume_blocks = 256
set_blocks = 320
journal_ring_pages = 200
device_cache_pages = 32
region_blocks = 16
mediator = true
peer_addresses = 40
founding = true

[settings]
replication = "chained"
policy = "sync"
timers = { path_timeout = "2.5s", idle_clear = "1500us", resync_pause = "4ms" }
limits = { command_blocks = 8, journal_reserve = 20 }

[devices."east.journal"]
write = "3ms"

[links.inter-cluster]
latency = "5ms"
jitter = "10us"

[workload]
clients = 2
commands = 9
outstanding = 3
hot = [10, 20]
command_blocks = [2, 3]
mix = { read = 1, write = 2, write_zeroes = 3, compare_and_write = 4, flush = 5 }
start = "1s"
think = "1ms"

[weather]
until = "5s"
loss = "1/100"
duplicate = ["0/1", "1/50"]
delay = { ratio = "1/20", max = "7ms" }
corrupt = "1/1000"

[[fault]]
crash = { at = "2s", node = "east-2", restart_after = "1s" }
[[fault]]
crash = { on = { event = "mediator set", node = "mediator" }, node = "mediator" }
[[fault]]
kill = { on = { event = "local durable", node = "east-1", nth = 3 }, node = "west-1", module = "D", restart_after = "10ns" }
[[fault]]
power_off = { at = "2s", cluster = "west", restart_after = "1s" }
[[fault]]
pause = { at = "2s", node = "east-1", duration = "1s" }
[[fault]]
partition = { at = "0s", duration = "1s", from = "clients", to = "east", one_way = true, network = "client" }
[[fault]]
device_gone = { at = "2s", device = "west.data", duration = "1s", returns = "blank" }
[[fault]]
device_gone = { at = "2s", device = "mediator" }
[[fault]]
damage = { at = "2s", device = "east.data", block = 17, kind = "unreadable" }
[[fault]]
damage = { at = "2s", device = "west.data", block = 255, kind = "rot" }

[limits]
sim_time = "30s"
events = 1000

[expect]
verdict = "liveness"
probes = ["rare"]
measures = [{ name = "latency_over_ideal", min = 0.5, max = "1.10" }, { name = "write_local_p50_ms", max = 2 }]
"#;

fn data(cluster: Cluster) -> DriveName {
    let kind = DeviceKind::Data;
    DriveName::Set(DeviceName {
        cluster,
        pair: PairIndex::FIRST,
        kind,
    })
}

fn faults() -> Vec<Fault> {
    let east_1 = NodeName {
        cluster: Cluster::East,
        number: 1,
    };
    let east_2 = NodeName {
        cluster: Cluster::East,
        number: 2,
    };
    let west_1 = NodeName {
        cluster: Cluster::West,
        number: 1,
    };
    let (one, two) = (Duration::from_secs(1), Duration::from_secs(2));
    let partition = Partition {
        from: Endpoint::Clients,
        to: Endpoint::Cluster(Cluster::East),
        network: NetworkName::Client,
        direction: Direction::OneWay,
        kind: None,
        duration: one,
    };
    let restart_after = Duration::from_nanos(10);
    vec![
        Action::Crash {
            node: east_2.into(),
            restart_after: Some(one),
        }
        .at(two),
        Action::Crash {
            node: MachineName::Mediator,
            restart_after: None,
        }
        .on("mediator set", MachineName::Mediator, 1),
        Action::Kill {
            node: west_1,
            module: ModuleName::D,
            restart_after: Some(restart_after),
        }
        .on("local durable", east_1, 3),
        Action::PowerOff {
            cluster: Cluster::West.into(),
            restart_after: Some(one),
        }
        .at(two),
        Action::Pause {
            node: east_1,
            duration: one,
        }
        .at(two),
        Action::Partition(partition).at(Duration::ZERO),
        Action::DeviceGone {
            device: data(Cluster::West),
            duration: Some(one),
            returns: ReturnKind::Blank,
        }
        .at(two),
        Action::DeviceGone {
            device: DriveName::Mediator,
            duration: None,
            returns: ReturnKind::Intact,
        }
        .at(two),
        Action::Damage {
            device: data(Cluster::East),
            block: 17,
            kind: DamageKind::Unreadable,
        }
        .at(two),
        Action::Damage {
            device: data(Cluster::West),
            block: 255,
            kind: DamageKind::Rot,
        }
        .at(two),
    ]
}

fn everything() -> Builder {
    let journal = DeviceName {
        cluster: Cluster::East,
        pair: PairIndex::FIRST,
        kind: DeviceKind::Journal,
    };
    let ratio = |numerator, denominator| Ratio::new(numerator, denominator).unwrap();
    let bound = |name: &str, min, max| Measure {
        name: name.to_owned(),
        min,
        max,
    };
    let builder = Scenario::builder("everything")
        .title("All keys")
        .description("Says all that can be said.")
        .covers("P1")
        .covers("O17")
        .suite("spine")
        .topology(Topology {
            profile: Profile::Wan,
            pairs_per_cluster: 2,
            owners: vec![Cluster::West],
            volume_blocks: 256,
            set_blocks: Some(320),
            journal_ring_pages: 200,
            device_cache_pages: 32,
            region_blocks: 16,
            mediator: true,
            interconnect: false,
            service_address: false,
            peer_addresses: 40,
            founding: true,
        })
        .replication(Replication::Chained)
        .policy(Policy::Sync)
        .timers(|timers| {
            timers.path_timeout = Duration::from_millis(2500);
            timers.idle_clear = Duration::from_micros(1500);
            timers.resync_pause = Duration::from_millis(4);
        })
        .limits(|limits| {
            limits.command_blocks = 8;
            limits.journal_reserve = 20;
        })
        .device(
            journal,
            DeviceTimes {
                write: Some(Duration::from_millis(3)),
                ..Default::default()
            },
        )
        .link(
            NetworkName::InterCluster,
            LinkTimes {
                latency: Some(Duration::from_millis(5)),
                jitter: Some(Duration::from_micros(10)),
            },
        )
        .clients(2)
        .commands(9)
        .outstanding(3)
        .hot([10, 20])
        .command_blocks([2, 3])
        .mix(Mix {
            read: 1,
            write: 2,
            write_zeroes: 3,
            compare_and_write: 4,
            flush: 5,
        })
        .start(Duration::from_secs(1))
        .think(Duration::from_millis(1))
        .weather(Weather {
            until: Duration::from_secs(5),
            loss: Rate::fixed(ratio(1, 100)),
            duplicate: Rate {
                low: ratio(0, 1),
                high: ratio(1, 50),
            },
            delay: Delay {
                ratio: Rate::fixed(ratio(1, 20)),
                max: Duration::from_millis(7),
            },
            corrupt: Rate::fixed(ratio(1, 1000)),
            ..Weather::default()
        })
        .sim_time(Duration::from_secs(30))
        .events(1000)
        .expect_verdict(Verdict::Liveness)
        .expect_probe("rare")
        .expect_measure(bound(
            "latency_over_ideal",
            Some(Thousandths::new(500)),
            Some(Thousandths::new(1100)),
        ))
        .expect_measure(bound(
            "write_local_p50_ms",
            None,
            Some(Thousandths::new(2000)),
        ));
    faults().into_iter().fold(builder, Builder::fault)
}

#[test]
fn a_file_and_the_builder_make_the_same_scenario() {
    assert_eq!(exercise(EVERYTHING), everything().build());
    assert!(exercise(EVERYTHING).is_ok());
}

#[test]
fn the_builder_names_what_does_not_fit() {
    let found = Scenario::builder("small")
        .clients(0)
        .commands(0)
        .volume_blocks(2)
        .build();
    insta::assert_snapshot!(found.unwrap_err(), @r"
    workload.clients: with 0 clients there is nothing to run (help: write 1 or more)
    workload.commands: with 0 commands there is nothing to run (help: write 1 or more)
    workload.command_blocks: a command of 4 blocks does not fit into 2 (help: make `command_blocks` smaller, or the hot range or volume larger)
    ");
}

#[test]
fn no_number_is_too_large_to_be_written() {
    let large = Scenario::builder("large").events(u64::MAX);
    let found = large.limits(|limits| limits.window = u64::MAX).build();
    assert_eq!(found.unwrap_err().iter().count(), 2);
}

#[test]
fn what_the_engine_would_refuse_is_refused_before() {
    use stormglass_engine::configuration::Limits;
    type Case = (fn(&mut Limits), &'static str, &'static str);
    let cases: [Case; 5] = [
        (
            |limits| limits.window = 100,
            "commands_in_flight",
            "checkpoint slot",
        ),
        (|limits| limits.window = 10_000, "window", "results"),
        (
            |limits| limits.clients = 100,
            "commands_in_flight",
            "checkpoint slot",
        ),
        (
            |limits| limits.clears_per_record = 333,
            "clears_per_record",
            "marks",
        ),
        (
            |limits| limits.commands_in_flight = 1_000,
            "commands_in_flight",
            "checkpoint slot",
        ),
    ];
    for (change, key, words) in cases {
        let refused = Scenario::builder("limits").limits(change).build();
        let says = refused.unwrap_err().to_string();
        assert!(
            says.starts_with(&format!("settings.limits.{key}: ")),
            "{says}"
        );
        assert!(says.contains(words), "{says}");
    }
}

#[test]
fn a_binary_form_reads_back_the_same() {
    let scenario = everything().build().unwrap();
    let bytes = postcard::to_stdvec(&scenario).unwrap();
    assert_eq!(postcard::from_bytes::<Scenario>(&bytes).unwrap(), scenario);
}

#[test]
fn a_file_without_defaults_is_short() {
    let scenario = Scenario::builder("short").clients(2).build().unwrap();
    insta::assert_snapshot!(scenario.to_toml(), @r#"
    name = "short"

    [workload]
    clients = 2
    "#);
}

#[test]
fn the_published_schema_is_in_step() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/scenario.schema.json");
    if std::env::var_os("STORMGLASS_BLESS").is_some() {
        fs::write(&file, schema()).unwrap();
    }
    let published = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        published == schema(),
        "docs/scenario.schema.json is out of step with the model; \
         run the tests once with STORMGLASS_BLESS=1, or \
         `stormglass schema > docs/scenario.schema.json`"
    );
}

#[test]
fn durations_print_as_they_read() {
    for (text, nanoseconds) in [
        ("0s", 0),
        ("10ns", 10),
        ("200us", 200_000),
        ("3ms", 3_000_000),
        ("1.5s", 1_500_000_000),
        ("1.000000001s", 1_000_000_001),
        ("90s", 90_000_000_000),
    ] {
        assert_eq!(
            parse_duration(text).unwrap().as_nanos(),
            nanoseconds,
            "{text}"
        );
        assert_eq!(print_duration(Duration::from_nanos(nanoseconds)), text);
    }
    for text in [
        "", "s", "5", "-1s", "1.s", ".5s", "1..5s", "1 s", "1m", "0.5ns", "1e3s", "+1s",
    ] {
        assert!(parse_duration(text).is_err(), "{text}");
    }
    assert!(parse_duration("99999999999999999999s").is_err());
    assert!(parse_duration("18446744073.709551616s").is_err());
}

#[test]
fn numbers_are_read_to_the_thousandth() {
    let read = |text: &str| text.parse::<Thousandths>().ok().map(Thousandths::value);
    assert_eq!(read("1.10"), Some(1100));
    assert_eq!(read("2"), Some(2000));
    assert_eq!(read("0.001"), Some(1));
    assert_eq!(read("0.0001"), None);
    assert_eq!(read("-1"), None);
    assert_eq!(read("nan"), None);
}

#[test]
fn names_go_on_with_the_second_pair() {
    let all: Vec<DeviceName> = DeviceName::all(PairIndex::COUNT_MAX).collect();
    assert_eq!(all.len(), 32);
    for name in &all {
        assert_eq!(name.to_string().parse::<DeviceName>().as_ref(), Ok(name));
    }
    let second: DeviceName = "west.journal-2".parse().unwrap();
    assert_eq!((second.cluster, second.pair.number()), (Cluster::West, 2));
    for wrong in [
        "east.data-1",
        "east.data-0",
        "east.data-9",
        "east.data-02",
        "east-2.data",
    ] {
        assert!(wrong.parse::<DeviceName>().is_err(), "{wrong}");
    }
    let pair = |name: &str| name.parse::<NodeName>().unwrap().pair().number();
    assert_eq!(
        ["east-1", "east-2", "east-3", "west-16"].map(pair),
        [1, 1, 2, 8]
    );
}

#[test]
fn clients_are_spread_over_the_volumes_or_as_the_file_says() {
    let pairs = |text: &str| -> Vec<u8> {
        let scenario = exercise(&format!("[topology]\npairs_per_cluster = 3\n{text}")).unwrap();
        let (workload, topology) = (&scenario.workload, &scenario.topology);
        let pair = |client| workload.pair_of(client, topology).number();
        (0..workload.clients).map(pair).collect()
    };
    assert_eq!(pairs("[workload]\nclients = 5\n"), [1, 2, 3, 1, 2]);
    assert_eq!(
        pairs("[workload]\nclients = 5\nvolumes = [3, 3, 1]\n"),
        [3, 3, 1, 3, 3]
    );
}

#[test]
fn a_volume_serves_so_many_clients_and_a_cluster_more() {
    let limited = |clients: u32, volumes: &str| {
        let text = format!(
            "[topology]\npairs_per_cluster = 3\n[settings.limits]\nclients = 4\n\
             [workload]\nclients = {clients}\nvolumes = {volumes}\n"
        );
        exercise(&text).is_ok()
    };
    assert!(limited(12, "[]") && !limited(13, "[]"));
    assert!(limited(4, "[2]") && !limited(5, "[2]"));
    // Volume 1 has clients 1, 3, 4 and 6, and then 7.
    assert!(limited(6, "[1, 2, 1]") && !limited(7, "[1, 2, 1]"));
}
