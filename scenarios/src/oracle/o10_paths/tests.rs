use stormglass_engine::contract::{IoError, ReservationKey};
use stormglass_engine::vocabulary::{SessionIncarnation, SiteEpoch};
use stormglass_engine::wire::path::Standing;
use stormglass_sim::time::WorldTime;

use super::super::moment;
use super::*;

const EAST: [ProcessId; 2] = [ProcessId(1), ProcessId(2)];
const WEST: ProcessId = ProcessId(3);
const PEERS: [NodeId; 2] = [NodeId::new(3), NodeId::new(4)];

/// What happened, each in a step of its own; what was found.
fn told(story: &[(ProcessId, Event)]) -> Vec<String> {
    told_from(story, usize::MAX)
}

/// What happened in one step after such; what was found.
fn told_at_once(before: &[(ProcessId, Event)], story: &[(ProcessId, Event)]) -> Vec<String> {
    let (mut paths, mut findings) = (Paths::default(), Vec::new());
    let places = before
        .iter()
        .zip(0..)
        .map(|(told, step)| (told, moment(step, 0)));
    let at_once = story
        .iter()
        .zip(0..)
        .map(|(told, place)| (told, moment(100, place)));
    let at = WorldTime::ZERO;
    for ((process, event), moment) in places.chain(at_once) {
        paths.observe(
            *process,
            None,
            event,
            When { at, event: moment },
            &mut findings,
        );
    }
    let event = moment(101, 0);
    paths.finish(When { at, event }, &mut findings);
    findings.into_iter().map(|finding| finding.says).collect()
}

/// The same where the other site's reign begins with a step.
fn told_from(story: &[(ProcessId, Event)], reign: usize) -> Vec<String> {
    let (mut paths, mut findings) = (Paths::default(), Vec::new());
    let when = |step: usize| When {
        at: WorldTime::ZERO,
        event: moment(step as u64, 0),
    };
    for (step, (process, event)) in story.iter().enumerate() {
        let (site, owner) = (usize::from(*process == WEST), usize::from(step >= reign));
        let owner = (site == owner).then_some(site);
        paths.observe(*process, owner, event, when(step), &mut findings);
    }
    paths.finish(when(story.len()), &mut findings);
    findings.into_iter().map(|finding| finding.says).collect()
}

fn session(incarnation: u64) -> Session {
    Session {
        site_epoch: SiteEpoch::new(1),
        incarnation: SessionIncarnation::new(incarnation),
    }
}

fn accepted(incarnation: u64) -> (ProcessId, Event) {
    (WEST, Event::SessionAccepted(session(incarnation)))
}

fn active(process: ProcessId, peer: usize, incarnation: u64) -> (ProcessId, Event) {
    let event = Event::PathActive(PEERS[peer], session(incarnation));
    (process, event)
}

fn inactive(process: ProcessId, peer: usize) -> (ProcessId, Event) {
    (process, Event::PathInactive(PEERS[peer]))
}

fn lost(process: ProcessId, peer: usize) -> (ProcessId, Event) {
    (process, Event::PathLost(PEERS[peer]))
}

fn begun(peer: usize, incarnation: u64) -> (ProcessId, Event) {
    (WEST, Event::PathsBegun(PEERS[peer], incarnation))
}

fn ready(process: ProcessId, peer: usize, incarnation: u64) -> (ProcessId, Event) {
    let event = Event::PathReady {
        peer: PEERS[peer],
        incarnation,
        standing: Standing::Holds,
    };
    (process, event)
}

fn standby(process: ProcessId) -> (ProcessId, Event) {
    (process, Event::Phase(Phase::Standby))
}

#[test]
fn one_active_path_after_the_other_is_right() {
    let story = [
        accepted(2),
        active(EAST[0], 0, 2),
        inactive(EAST[0], 0),
        active(EAST[0], 1, 2),
        lost(EAST[0], 1),
        standby(EAST[0]),
        accepted(3),
        active(EAST[1], 1, 3),
        // Its HelloAck comes late.
        active(EAST[0], 1, 2),
    ];
    assert_eq!(told(&story), [""; 0]);
}

#[test]
fn two_active_paths_of_one_module_are_found() {
    let story = [accepted(2), active(WEST, 0, 2), active(WEST, 1, 2)];
    let says = "a D-module has active paths to nodes 3 and 4 at once";
    assert_eq!(told(&story), [says]);
    let story = [
        accepted(2),
        active(WEST, 0, 2),
        inactive(WEST, 1),
        active(WEST, 1, 2),
    ];
    assert_eq!(told(&story), [says], "that was another path's end");
}

#[test]
fn a_session_that_two_owners_carry_is_found() {
    let story = [
        accepted(2),
        active(EAST[0], 0, 2),
        inactive(EAST[0], 0),
        active(EAST[1], 0, 2),
    ];
    let says = "session 1.2 is active at two D-modules of the pair that owns the volume";
    assert_eq!(told(&story), [says]);
}

#[test]
fn a_path_of_the_former_reign_that_comes_up_at_the_heir_is_no_second_owner() {
    let story = [accepted(2), active(EAST[0], 0, 2), active(WEST, 0, 2)];
    assert_eq!(told_from(&story, 2), [""; 0]);
}

#[test]
fn a_session_that_is_active_before_it_is_accepted_is_found() {
    let story = [accepted(2), active(EAST[0], 0, 3)];
    let says = "a path is active in session 1.3 that no mirror has accepted";
    assert_eq!(told(&story), [says]);
}

#[test]
fn a_mirror_that_ended_before_it_could_say_so_may_have_accepted_what_was_open() {
    let opened = (EAST[0], Event::SessionOpened(session(3)));
    let halted = (WEST, Event::Halted(IoError::Gone));
    let story = [accepted(2), opened, halted, active(EAST[0], 0, 3)];
    assert_eq!(told(&story), [""; 0]);
    let [accepted, opened, halted, active_3] = story;
    let says = "a path is active in session 1.3 that no mirror has accepted";
    let fenced = (WEST, Event::Fenced(ReservationKey { epoch: 2, node: 4 }));
    let stands_still = [accepted.clone(), opened.clone(), fenced, active_3.clone()];
    assert_eq!(told(&stands_still), [""; 0], "its partner has the set");
    // Not what is opened afterwards.
    let later = [accepted, halted, opened, active_3];
    assert_eq!(told(&later), [says]);
}

#[test]
fn a_path_that_outlives_the_hold_of_the_set_is_found() {
    let story = [accepted(2), active(EAST[0], 0, 2), standby(EAST[0])];
    let says = "a D-module that holds no set has an active path to node 3";
    assert_eq!(told(&story), [says]);
    let later = [
        accepted(2),
        active(EAST[0], 0, 2),
        standby(EAST[0]),
        accepted(3),
    ];
    assert_eq!(told(&later), [says], "once");
}

/// However it ends, and if another one begins.
#[test]
fn a_path_that_ends_in_the_step_in_which_the_set_is_let_go_of_is_right() {
    let before = [accepted(2), active(EAST[0], 0, 2)];
    let ends = [inactive(EAST[0], 0), lost(EAST[0], 0)];
    for end in ends {
        let story = [standby(EAST[0]), end.clone()];
        assert_eq!(told_at_once(&before, &story), [""; 0]);
        let story = [standby(EAST[0]), end, active(EAST[0], 1, 2)];
        assert_eq!(told_at_once(&before, &story), [""; 0]);
    }
    let story = [standby(EAST[0]), active(EAST[0], 1, 2)];
    let both = "a D-module has active paths to nodes 3 and 4 at once";
    assert_eq!(told_at_once(&before, &story), [both]);
}

#[test]
fn a_path_back_to_an_earlier_life_is_found() {
    let story = [
        begun(0, 7),
        ready(EAST[0], 0, 7),
        begun(0, 8),
        // The other hears late of the new one.
        ready(EAST[1], 0, 7),
        ready(EAST[0], 0, 8),
        ready(EAST[1], 0, 8),
    ];
    assert_eq!(told(&story), [""; 0]);
    let back = [&story[..], &[ready(EAST[1], 0, 7)]].concat();
    let says = "a path leads to a life of node 3 that it had left behind";
    assert_eq!(told(&back), [says]);
    let nobody = [ready(EAST[0], 1, 7)];
    let says = "a path leads to a life of node 4 that has not begun";
    assert_eq!(told(&nobody), [says]);
}
