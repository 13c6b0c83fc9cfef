//! A story is held against what the run itself counts.

use std::sync::atomic::AtomicU64;

use stormglass_engine::time::Duration;
use stormglass_reports::record::{
    Befell, DeviceCommandEnd, LaneKind, Message, MessageEnd, StoryRecord, TimelineKind, Track,
    Verdict,
};

use crate::catalogue;
use crate::experiment::Experiment;
use crate::file::{self, Scenario};
use crate::run::{self, Keep};

fn scenario(name: &str) -> Scenario {
    let text = catalogue::find(name).expect("it is in the catalogue");
    file::parse(name, text).expect("it is valid")
}

fn tell(scenario: &Scenario, seed: u64) -> StoryRecord {
    let experiment = Experiment::new(scenario, seed);
    run::tell_on(scenario, seed, experiment, &AtomicU64::new(0))
}

fn count(of: &[Message], is_it: impl Fn(&&Message) -> bool) -> u64 {
    of.iter().filter(is_it).count() as u64
}

#[test]
fn a_run_that_is_recorded_is_the_same_run() {
    for name in ["owner-dies", "storm-pair", "three-pairs"] {
        let scenario = scenario(name);
        let told = tell(&scenario, 3).run;
        assert_eq!(told, run::run(&scenario, 3, Keep::Timeline), "{name}");
    }
}

/// Arrivals are computed and cuts are judged by the world at arrival: were an arrival
/// at another instant, its cut would find no message.
#[test]
fn every_message_is_there_and_what_befell_it_is_what_the_run_counts() {
    let mut seen = [0; 8];
    for (name, seed) in [
        ("storm-pair", 1),
        ("storm-pair", 3),
        ("storm-mediator", 2),
        ("storm-mediator", 5),
        ("lossy-network", 1),
        ("link-cut", 1),
    ] {
        let story = tell(&scenario(name), seed);
        let messages = &story.messages;
        let befell = |what| count(messages, |it| it.befell.contains(&what));
        let ended = |end| count(messages, |it| it.end == end);
        let copies = befell(Befell::Copy);
        let fault = |kind: &str| story.run.faults.get(kind).copied().unwrap_or(0);
        assert_eq!(messages.len() as u64, story.run.messages + copies, "{name}");
        let found = [
            (copies, "duplicate"),
            (befell(Befell::Delayed), "delay"),
            (befell(Befell::Corrupt), "corrupt"),
            (befell(Befell::Clogged), "clogged-packet"),
            (befell(Befell::Queued), "queued-packet"),
            (ended(MessageEnd::Lost), "loss"),
            (ended(MessageEnd::CutOff), "partitioned-packet"),
            (ended(MessageEnd::NoRoom), "path-overflow"),
        ];
        for ((found, kind), seen) in found.into_iter().zip(&mut seen) {
            assert_eq!(found, fault(kind), "{name} {seed}: {kind}");
            *seen += found;
        }
        assert!(messages.is_sorted_by_key(|it| it.sent));
        assert!(messages.iter().all(|it| it.sent <= it.arrives));
    }
    // What never happens here is not tested here.
    for (seen, kind) in seen
        .into_iter()
        .zip(["duplicate", "delay", "corrupt", "clogged"])
    {
        assert!(seen > 0, "{kind}");
    }
    assert!(seen[4] > 0 && seen[5] > 0 && seen[6] > 0, "{seen:?}");
}

#[test]
fn what_is_told_of_clients_is_what_the_run_counts() {
    let story = tell(&scenario("owner-dies"), 3);
    let commands = story.run.commands;
    let outcome = |word: &str| {
        let ended = story.attempts.iter();
        ended.filter(|it| it.outcome.starts_with(word)).count() as u64
    };
    assert_eq!(outcome("success"), commands.success);
    assert_eq!(outcome("mismatch"), commands.mismatch);
    assert_eq!(outcome("unknown"), commands.unknown);
    assert!(commands.unknown > 0, "a takeover leaves questions");
    let first = story.attempts.iter().filter(|it| it.attempt == 0);
    assert_eq!(first.count() as u64, commands.issued);
    let ends = story.attempts.iter().map(|it| (it.begin, it.end));
    for (begin, end) in ends {
        assert!(end.is_some_and(|end| end >= begin));
    }
}

#[test]
fn everything_has_a_lane_and_everything_told_has_its_lane() {
    let scenario = scenario("storm-mediator");
    let story = tell(&scenario, 3);
    let names = |kind| {
        let own = story.lanes.iter().filter(move |lane| lane.kind == kind);
        own.map(|lane| lane.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(
        names(LaneKind::Node),
        ["east-1", "east-2", "west-1", "west-2"]
    );
    let devices = [
        "east.journal",
        "east.data",
        "west.journal",
        "west.data",
        "mediator.data",
    ];
    assert_eq!(names(LaneKind::Device), devices);
    assert_eq!(names(LaneKind::Mediator), ["mediator"]);
    assert_eq!(
        names(LaneKind::Client).len(),
        usize::try_from(scenario.workload.clients).unwrap()
    );
    assert!(names(LaneKind::Link).contains(&"east-1 – west-1"));
    // Both ways are one link.
    for link in names(LaneKind::Link) {
        let (one, other) = link.split_once(" – ").expect("two machines");
        assert!(!names(LaneKind::Link).contains(&&*format!("{other} – {one}")));
    }
    for message in &story.messages {
        let lane = |place: u32| &story.lanes[place as usize];
        let (link, from, to) = (lane(message.link), lane(message.from), lane(message.to));
        assert_eq!(link.kind, LaneKind::Link);
        let ways = [(from, to), (to, from)].map(|(a, b)| format!("{} – {}", a.name, b.name));
        assert!(ways.contains(&link.name), "{link:?} {ways:?}");
    }
    let is_path = |track| matches!(track, Track::There | Track::Back);
    for span in &story.spans {
        let is_link = story.lanes[span.lane as usize].kind == LaneKind::Link;
        assert_eq!(is_link, is_path(span.track), "{span:?}");
        assert!(span.from < span.to && span.to <= story.end, "{span:?}");
    }
    for command in &story.device_commands {
        assert_eq!(story.lanes[command.device as usize].kind, LaneKind::Device);
    }
}

#[test]
fn a_takeover_can_be_read_from_the_states() {
    let story = tell(&scenario("owner-dies"), 3);
    let states = |name: &str, track| {
        let lane = story.lanes.iter().position(|lane| lane.name == name);
        let lane = u32::try_from(lane.expect("it has a lane")).unwrap();
        let own = story
            .spans
            .iter()
            .filter(move |it| it.lane == lane && it.track == track);
        let mut own: Vec<_> = own.collect();
        own.sort_by_key(|span| span.from);
        own
    };
    let words = |name, track| {
        let spans = states(name, track).into_iter();
        spans.map(|span| span.state.as_str()).collect::<Vec<_>>()
    };
    let power = states("east-1", Track::Power);
    assert_eq!(
        power[..2].iter().map(|it| &*it.state).collect::<Vec<_>>(),
        ["up", "down"]
    );
    let role = states("east-1", Track::Role);
    let served = role
        .iter()
        .find(|it| it.state == "serving")
        .expect("it owned");
    assert_eq!(served.to, power[1].from, "its role ends with its power");
    assert!(words("east-2", Track::Role).ends_with(&[
        "claiming",
        "recovering",
        "announcing",
        "serving"
    ]));
    assert_eq!(words("east-1", Track::Epoch)[0], "epoch 1");
    assert_eq!(words("east-2", Track::Epoch), ["epoch 2"]);
    assert_eq!(words("east-2", Track::Sync), ["in sync"]);
    // In each track a lane is in one state at a time.
    for track in [Track::Power, Track::Role, Track::Sync] {
        for name in ["east-1", "east-2", "west-1"] {
            let own = states(name, track);
            assert!(
                own.windows(2).all(|pair| pair[0].to <= pair[1].from),
                "{name}"
            );
        }
    }
}

#[test]
fn device_commands_end_or_are_dropped() {
    let story = tell(&scenario("storm-pair"), 3);
    let ends = |end| {
        story
            .device_commands
            .iter()
            .filter(|it| it.end == end)
            .count()
    };
    assert!(ends(DeviceCommandEnd::Done) > 1_000);
    assert!(ends(DeviceCommandEnd::Failed) > 0);
    assert!(ends(DeviceCommandEnd::Dropped) > 0);
    for command in &story.device_commands {
        let is_open = command.end == DeviceCommandEnd::Queued;
        assert_eq!(command.executed.is_none(), is_open, "{command:?}");
        assert!(command.executed.is_none_or(|at| at >= command.submitted));
    }
}

#[test]
fn faults_have_marks_with_their_keys() {
    let story = tell(&scenario("storm-pair"), 3);
    for (order, kinds) in [
        ("crash ", &["crash"][..]),
        ("lose ", &["loss", "lost-write"]),
        ("stall ", &["device-stalled"]),
    ] {
        let told = story
            .marks
            .iter()
            .filter(|mark| mark.key.starts_with(order));
        let counts = kinds.iter().filter_map(|kind| story.run.faults.get(*kind));
        let counted = counts.sum::<u64>();
        assert_eq!(told.count() as u64, counted, "{order}");
        assert!(counted > 0, "{order}");
    }
    let mut kinds = story.marks.iter().map(|mark| mark.kind);
    assert!(kinds.any(|kind| kind == TimelineKind::Probe));
}

#[test]
fn events_that_findings_cite_have_their_instants() {
    let mut scenario = scenario("owner-dies");
    scenario.limits.sim_time = Duration::from_millis(700);
    let story = tell(&scenario, 3);
    assert_eq!(story.run.verdict, Verdict::Liveness);
    let [cited] = &story.cited[..] else {
        panic!("one event is cited: {:?}", story.cited);
    };
    assert_eq!([cited.event], story.run.findings[0].events[..]);
    assert_eq!(cited.at, story.end);
}

#[test]
fn a_story_may_begin_in_the_middle() {
    let scenario = scenario("owner-dies");
    let whole = tell(&scenario, 3);
    let moment = "300ms".parse().expect("a moment");
    let begin = Experiment::new(&scenario, 3);
    let progress = AtomicU64::new(0);
    let middle = run::run_to(&scenario, begin, moment, &progress).expect("it goes on for longer");
    let story = run::tell_on(&scenario, 3, middle, &progress);
    assert_eq!(story.run, {
        let mut run = whole.run;
        // The lines before are not heard.
        run.timeline.clone_from(&story.run.timeline);
        run
    });
    assert_eq!(story.end, whole.end);
    assert!((200_000_000..=300_000_000).contains(&story.begin));
    let first = |spans: &[stormglass_reports::record::Span], track| {
        let mut own: Vec<_> = spans
            .iter()
            .filter(|it| it.lane == 0 && it.track == track)
            .collect();
        own.sort_by_key(|span| span.from);
        (own[0].state.clone(), own[0].from)
    };
    assert_eq!(
        first(&story.spans, Track::Role),
        ("serving".to_owned(), story.begin)
    );
    assert_eq!(
        first(&story.spans, Track::Power),
        ("up".to_owned(), story.begin)
    );
}

#[test]
fn several_pairs_have_lanes_and_the_mediator_a_state_for_each_volume() {
    let story = tell(&scenario("three-pairs"), 3);
    let group = |name: &str| {
        let mut lanes = story.lanes.iter();
        lanes
            .find(|lane| lane.name == name)
            .map(|lane| &*lane.group)
    };
    for (name, expected) in [
        ("east-5", "east"),
        ("west-6", "west"),
        ("east.journal-2", "east"),
        ("west.data-3", "west"),
        ("mediator.data", "mediator"),
    ] {
        assert_eq!(group(name), Some(expected), "{name}");
    }
    let is_mediator = |lane: u32| story.lanes[lane as usize].kind == LaneKind::Mediator;
    let own = story.spans.iter();
    let own = own.filter(|it| it.track == Track::Role && is_mediator(it.lane));
    let last = own.max_by_key(|it| it.to).expect("it was asked");
    assert_eq!(
        last.state,
        "volume 1: site 1 owns; volume 2: site 1 owns; volume 3: site 2 owns"
    );
    assert!(
        last.detail.contains("; volume 2: version "),
        "{}",
        last.detail
    );
}
