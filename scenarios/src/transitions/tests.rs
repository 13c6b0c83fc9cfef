use std::collections::BTreeSet;

use stormglass_engine::vocabulary::{Session, SessionIncarnation, SiteEpoch};

use super::*;
use crate::run::{self, Keep};
use crate::source::Source;

const OWNER: ProcessId = ProcessId(3);

fn session(incarnation: u64) -> Session {
    Session {
        site_epoch: SiteEpoch::new(1),
        incarnation: SessionIncarnation::new(incarnation),
    }
}

/// What happened, in the order of the names.
fn after(events: &[Event]) -> Vec<String> {
    let mut transitions = Transitions::default();
    for event in events {
        transitions.observe(OWNER, event);
    }
    transitions.counts().into_keys().collect()
}

fn booted() -> Vec<Event> {
    let phases = [
        Phase::Configuring,
        Phase::Standby,
        Phase::Claiming,
        Phase::Recovering,
        Phase::Announcing,
    ];
    phases.map(Event::Phase).into()
}

#[test]
fn an_owner_that_loses_its_mirror_and_gets_it_back() {
    let mut events = booted();
    events.extend([
        Event::SessionOpened(session(1)),
        Event::Mode(Mode::InSync, session(1)),
        Event::SessionConfirmed(session(1)),
        Event::Phase(Phase::Serving),
        Event::SessionOpened(session(2)),
        Event::Mode(Mode::OosPending, session(2)),
        // The same session: the link stays as it is.
        Event::Mode(Mode::OutOfSync, session(2)),
        Event::SessionOpened(session(3)),
        Event::Mode(Mode::Resync, session(3)),
        Event::SessionConfirmed(session(3)),
        Event::Mode(Mode::InSync, session(3)),
    ]);
    let expected = [
        "announcing, announced, in sync -> announcing, open, in sync",
        "announcing, closed -> announcing, announced, in sync",
        "announcing, open, in sync -> serving, open, in sync",
        "claiming -> recovering",
        "configuring -> standby",
        "recovering -> announcing, closed",
        "serving, announced, resync -> serving, open, resync",
        "serving, closed, out of sync -> serving, announced, resync",
        "serving, closed, pending -> serving, closed, out of sync",
        "serving, open, in sync -> serving, closed, pending",
        "serving, open, resync -> serving, open, in sync",
        "standby -> claiming",
    ];
    assert_eq!(after(&events), expected);
    for transition in expected {
        assert!(
            possible().iter().any(|one| one == transition),
            "{transition}"
        );
    }
}

#[test]
fn a_crash_is_no_transition_and_who_boots_begins_anew() {
    let mut events = booted();
    let once = after(&events);
    events.extend(booted());
    assert_eq!(after(&events), once);
    let mut transitions = Transitions::default();
    // What a mediator or an M-module reports is not of interest.
    transitions.observe(OWNER, &Event::SessionConfirmed(session(1)));
    for event in &events {
        transitions.observe(OWNER, event);
    }
    assert!(transitions.counts().values().all(|count| *count == 2));
}

#[test]
fn all_that_happens_is_possible() {
    let possible: BTreeSet<&String> = possible().iter().collect();
    let mut happened = BTreeSet::new();
    for source in Source::catalogue(&[]).unwrap() {
        for seed in 0..2 {
            let record = run::run(&source.scenario, seed, Keep::Counts);
            for (transition, count) in record.transitions {
                assert!(count > 0);
                assert!(
                    possible.contains(&transition),
                    "{}, seed {seed}: {transition}",
                    source.scenario.name
                );
                happened.insert(transition);
            }
        }
    }
    assert!(happened.len() > 15, "{happened:?}");
}

#[test]
fn who_drains_keeps_its_link_and_goes_on_or_stands_by() {
    let mut events = booted();
    events.extend([
        Event::SessionOpened(session(1)),
        Event::Mode(Mode::InSync, session(1)),
        Event::SessionConfirmed(session(1)),
        Event::Phase(Phase::Serving),
        Event::Phase(Phase::Draining),
        Event::Phase(Phase::Serving),
        Event::Phase(Phase::Draining),
        Event::Phase(Phase::Standby),
    ]);
    let happened = after(&events);
    for expected in [
        "draining, open, in sync -> serving, open, in sync",
        "draining, open, in sync -> standby",
        "serving, open, in sync -> draining, open, in sync",
    ] {
        assert!(happened.iter().any(|it| it == expected), "{happened:?}");
        assert!(possible().iter().any(|it| it == expected), "{expected}");
    }
    let mirror = [
        Phase::Configuring,
        Phase::Standby,
        Phase::Claiming,
        Phase::Recovering,
        Phase::Following,
        Phase::Draining,
        Phase::Following,
    ];
    let happened = after(&mirror.map(Event::Phase));
    for expected in [
        "following, closed -> draining mirror, closed",
        "draining mirror, closed -> following, closed",
    ] {
        assert!(happened.iter().any(|it| it == expected), "{happened:?}");
        assert!(possible().iter().any(|it| it == expected), "{expected}");
    }
}
