//! Paths: what is known ahead of any session of the two D-modules of the other pair.
//!
//! ```text
//! Unready --its end answers--> Inactive <--a session opens, and ends--> Active
//!    ^                            |                                       |
//!    +--- its end is silent, or has begun a new life; no paths are kept --+
//! ```
//!
//! Whoever knows its configuration keeps both paths, standby or holder. An end is asked once
//! in a while who it is now; one that becomes something else asks at once, and whoever hears
//! that asks back. So a takeover knows whom to speak to. Only an answer to a question that is
//! open counts: what an earlier life has said may come at any time.
//!
//! The session goes over one path: that is the active one, as long as its end is ready and
//! says, later than the other, that it holds its set. There is none beside it, for it is
//! worked out after each input from what the role says of its session.
//!
//! Owns what is believed of the ends, and asks. Refuses to know what a session says: no
//! safety rests on any of this, for a Hello to the wrong node is refused there.

mod doors;

use serde::{Deserialize, Serialize};

use crate::configuration::Configuration;
use crate::contract::Label;
use crate::event::Event;
use crate::local::NodeOutbox;
use crate::time::{Duration, Instant};
use crate::vocabulary::{NodeId, Session};
use crate::wire::path::{self, PathEnd, PathMessage, Standing};

/// The two nodes of the other pair, by their places in the configuration.
const PLACES: [u8; 2] = [0, 1];

/// This end of both paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// The life of this module.
    pub incarnation: u64,
    /// What it is to its set.
    pub standing: Standing,
    /// It holds the set because it has taken it over.
    pub is_heir: bool,
}

/// An open session, and the node of the other pair that it is spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// The node's place.
    pub place: u8,
    /// The session.
    pub session: Session,
}

/// State of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Unready,
    /// Ready, and no session goes over it.
    Inactive,
    Active(Session),
}

impl State {
    fn can_become(self, next: State) -> bool {
        match self {
            State::Unready => next == State::Inactive,
            State::Inactive => next != State::Inactive,
            State::Active(_) => !matches!(next, State::Active(_)),
        }
    }
}

/// What is believed of the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    incarnation: u64,
    standing: Standing,
    /// When it was learnt.
    since: Instant,
    /// It holds its set, and its partner was thought to when that was learnt.
    is_heir: bool,
}

/// An open question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Question {
    nonce: u64,
    attempt: u32,
    since: Instant,
    sent_at: Instant,
    interval: Duration,
    /// What its end said of itself meanwhile. If the answer says something else, it may
    /// have been overtaken.
    heard: Option<(u64, Standing)>,
}

impl Question {
    fn next(&self) -> Instant {
        self.sent_at.after(self.interval)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Path {
    state: State,
    /// There is one exactly when the path is ready.
    end: Option<End>,
    question: Option<Question>,
    /// When the next question is due, if none is open.
    refresh_at: Instant,
}

impl Path {
    fn enter(&mut self, next: State) {
        assert!(
            self.state.can_become(next),
            "a path goes {:?} -> {next:?}",
            self.state
        );
        self.state = next;
    }

    fn next_deadline(&self) -> Instant {
        self.question.map_or(self.refresh_at, |it| it.next())
    }
}

/// What this room needs for one input.
#[derive(Debug)]
struct Desk<'a> {
    now: Instant,
    configuration: &'a Configuration,
    out: &'a mut NodeOutbox,
}

impl Desk<'_> {
    fn node(&self, place: u8) -> NodeId {
        self.configuration.peer_nodes[usize::from(place)]
    }
}

/// The paths of a D-module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paths {
    /// None as long as no paths are kept.
    own: Option<Own>,
    traffic: Option<Traffic>,
    /// Where the last session went.
    last: Option<u8>,
    paths: [Path; 2],
    questions: u64,
}

impl Paths {
    /// None kept yet.
    pub fn new(now: Instant) -> Self {
        let path = Path {
            state: State::Unready,
            end: None,
            question: None,
            refresh_at: now,
        };
        Paths {
            own: None,
            traffic: None,
            last: None,
            paths: [path; 2],
            questions: 0,
        }
    }

    /// Where the node of the other pair is that holds its set, as a ready path says: of two
    /// that say so, the one that became it later.
    pub fn holder(&self) -> Option<u8> {
        let ends = PLACES.into_iter().zip(&self.paths);
        let holders = ends.filter_map(|(place, path)| {
            let end = path.end.filter(|end| end.standing == Standing::Holds)?;
            Some((end.since, place))
        });
        holders.max().map(|(_, place)| place)
    }

    /// The path that is to be active.
    fn due(&self) -> Option<Traffic> {
        self.traffic.filter(|it| self.holder() == Some(it.place))
    }

    fn active(&self) -> Option<Traffic> {
        let paths = PLACES.into_iter().zip(&self.paths);
        let mut active = paths.filter_map(|(place, path)| match path.state {
            State::Active(session) => Some(Traffic { place, session }),
            State::Inactive | State::Unready => None,
        });
        active.next()
    }

    /// True if nothing has changed.
    fn is_settled(&self, own: Option<Own>, traffic: Option<Traffic>) -> bool {
        self.own == own && self.traffic == traffic && self.active() == self.due()
    }

    fn settle(&mut self, own: Option<Own>, traffic: Option<Traffic>, desk: &mut Desk<'_>) {
        if self.own != own {
            self.become_other(own, desk);
        }
        let is_new = self.traffic != traffic;
        self.traffic = traffic;
        let due = self.due();
        for place in PLACES {
            let path = self.path(place);
            if let State::Active(session) = path.state
                && due != Some(Traffic { place, session })
            {
                path.enter(State::Inactive);
                desk.out.trace(Event::PathInactive(desk.node(place)));
            }
        }
        match due {
            Some(due) => self.activate(due, desk),
            // Whoever answers in the session is there, whatever is believed of it.
            None => {
                if let Some(traffic) = traffic.filter(|_| is_new) {
                    self.ask_soon(traffic.place, None, desk);
                }
            }
        }
    }

    /// This end is something else from now on: both others are told, and asked.
    fn become_other(&mut self, own: Option<Own>, desk: &mut Desk<'_>) {
        let former = self.own.map(|own| own.incarnation);
        self.own = own;
        for place in PLACES {
            if own.is_some() {
                self.ask(place, desk);
            } else {
                self.lose(place, desk);
                self.path(place).question = None;
            }
        }
        if let Some(own) = own.filter(|own| Some(own.incarnation) != former) {
            let node = desk.configuration.node;
            desk.out.trace(Event::PathsBegun(node, own.incarnation));
        }
    }

    fn activate(&mut self, due: Traffic, desk: &mut Desk<'_>) {
        let Traffic { place, session } = due;
        if self.path(place).state == State::Active(session) {
            return;
        }
        self.path(place).enter(State::Active(session));
        desk.out.trace(Event::PathActive(desk.node(place), session));
        let is_heir = self.own.is_some_and(|own| own.is_heir);
        if is_heir && self.path(place).end.is_some_and(|end| end.is_heir) {
            desk.out.probe("path between two heirs");
        }
        if self.last.replace(place).is_some_and(|last| last != place) {
            desk.out.probe("active path gives way to the other");
        }
    }

    fn path(&mut self, place: u8) -> &mut Path {
        &mut self.paths[usize::from(place)]
    }

    fn lose(&mut self, place: u8, desk: &mut Desk<'_>) {
        let path = self.path(place);
        if path.end.take().is_some() {
            path.enter(State::Unready);
            desk.out.trace(Event::PathLost(desk.node(place)));
        }
    }

    /// Asks a new question in place of whatever was asked.
    fn ask(&mut self, place: u8, desk: &mut Desk<'_>) {
        let interval = desk.configuration.timers.retransmit_min;
        self.ask_every(interval, place, desk);
    }

    fn ask_every(&mut self, interval: Duration, place: u8, desk: &mut Desk<'_>) {
        let Some(own) = self.own else {
            return;
        };
        self.questions += 1;
        // Of this life: an answer to an earlier one's question is none to any of these.
        let question = Question {
            nonce: own.incarnation.wrapping_add(self.questions),
            attempt: 0,
            since: desk.now,
            sent_at: desk.now,
            interval,
            heard: None,
        };
        self.path(place).question = Some(question);
        self.send(place, desk);
    }

    /// Asks, unless a question has only just left.
    fn ask_soon(&mut self, place: u8, heard: Option<(u64, Standing)>, desk: &mut Desk<'_>) {
        let interval = desk.configuration.timers.retransmit_min;
        let Some(question) = &mut self.path(place).question else {
            return self.ask(place, desk);
        };
        question.heard = heard.or(question.heard);
        if desk.now.since(question.sent_at) >= interval {
            question.attempt += 1;
            question.sent_at = desk.now;
            question.interval = interval;
            self.send(place, desk);
        }
    }

    fn send(&self, place: u8, desk: &mut Desk<'_>) {
        let path = &self.paths[usize::from(place)];
        let to = desk.configuration.peers[usize::from(place)];
        let (Some(own), Some(question), Some(to)) = (self.own, path.question, to) else {
            return;
        };
        let open = PathMessage::Open(PathEnd {
            volume: desk.configuration.volume,
            node: desk.configuration.node,
            incarnation: own.incarnation,
            nonce: question.nonce,
            attempt: question.attempt,
            standing: own.standing,
        });
        let network = desk.configuration.peer_network;
        desk.out
            .send(network, to, label(&open), path::encode(&open));
    }

    /// True if an end says of itself what is not known of it.
    fn is_news(&self, place: u8, end: &PathEnd) -> bool {
        let known = self.paths[usize::from(place)].end;
        known.map(|it| (it.incarnation, it.standing)) != Some((end.incarnation, end.standing))
    }

    /// True if this answers an open question, and in time: what was true longer ago than
    /// that counts for nothing.
    fn awaits(&self, place: u8, nonce: u64, now: Instant, timeout: Duration) -> bool {
        let question = self.paths[usize::from(place)].question;
        question.is_some_and(|it| it.nonce == nonce && now.since(it.since) < timeout)
    }

    /// An end answers; true if it is something else than was known.
    fn handle_ready(&mut self, place: u8, said: &PathEnd, desk: &mut Desk<'_>) -> bool {
        let is_news = self.is_news(place, said);
        let partner = self.paths[usize::from(1 - place)].end;
        let refresh = desk.configuration.timers.path_refresh;
        let path = self.path(place);
        let question = path.question.take();
        path.refresh_at = desk.now.after(refresh);
        if is_news {
            let is_reborn = |end: End| end.incarnation != said.incarnation;
            if path.end.is_some_and(is_reborn) {
                desk.out.probe("path leads to a new life");
                self.lose(place, desk);
            }
            let path = self.path(place);
            if path.state == State::Unready {
                path.enter(State::Inactive);
            }
            let (incarnation, standing) = (said.incarnation, said.standing);
            let holds = standing == Standing::Holds;
            path.end = Some(End {
                incarnation,
                standing,
                since: desk.now,
                is_heir: holds && partner.is_some_and(|it| it.standing == Standing::Holds),
            });
            desk.out.trace(Event::PathReady {
                peer: desk.node(place),
                incarnation,
                standing,
            });
        }
        let heard = question.and_then(|it| it.heard);
        if heard.is_some_and(|heard| heard != (said.incarnation, said.standing)) {
            self.ask(place, desk);
        }
        is_news
    }

    /// Asks what is due, and gives up who is silent.
    fn handle_deadline(&mut self, desk: &mut Desk<'_>) {
        let timers = &desk.configuration.timers;
        let (timeout, refresh) = (timers.path_timeout, timers.path_refresh);
        for place in PLACES {
            let path = self.path(place);
            if path.next_deadline() > desk.now {
                continue;
            }
            match &mut path.question {
                None => self.ask(place, desk),
                Some(question) if desk.now.since(question.since) >= timeout => {
                    self.lose(place, desk);
                    self.ask_every(refresh, place, desk);
                }
                Some(question) => {
                    question.attempt += 1;
                    question.sent_at = desk.now;
                    question.interval = question.interval.times(2).min(refresh);
                    self.send(place, desk);
                }
            }
        }
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.own?;
        self.paths.iter().map(Path::next_deadline).min()
    }

    /// The ends are somewhere else: what they have not answered is asked again.
    fn handle_moved(&mut self, desk: &mut Desk<'_>) {
        for place in PLACES {
            if self.path(place).question.is_some() {
                self.ask_soon(place, None, desk);
            }
        }
    }

    /// Asserts what must hold between any two inputs.
    pub fn check_invariants(&self) {
        for path in &self.paths {
            let is_ready = path.state != State::Unready;
            assert!(is_ready == path.end.is_some(), "a ready path has an end");
        }
        let is_active = |path: &&Path| matches!(path.state, State::Active(_));
        let active = self.paths.iter().filter(is_active).count();
        assert!(active <= 1, "one path is active at a time");
        assert!(self.active() == self.due(), "the active path is worked out");
    }
}

fn label(message: &PathMessage) -> Label {
    let end = message.end();
    Label {
        kind: message.kind(),
        incarnation: end.incarnation,
        id: end.nonce,
        part: 0,
        attempt: end.attempt,
    }
}

#[cfg(test)]
mod tests;
