//! Several stations together: a pair on one set, owner and mirror, and the mediator.

use super::*;

/// Both nodes of an HA pair and the devices that they share.
#[derive(Clone, Debug)]
pub(crate) struct Twins {
    stations: [Station; 2],
    /// Who has the devices at hand; only one is conducted at a time.
    at_hand: usize,
}

impl Twins {
    /// The first serves or follows; the second stands by.
    pub(crate) fn new(configuration: Configuration, role: Role) -> Self {
        let partner = configuration.clone().seen_by(configuration.partner);
        let partner = partner.expect("it is of the pair");
        let mut first = Station::with(configuration, role);
        first.run();
        let disks = std::mem::take(&mut first.disks);
        let second = Station::on(disks, partner);
        let stations = [first, second];
        let at_hand = 1;
        let mut twins = Twins { stations, at_hand };
        if role == Role::Owner {
            twins.on(0).serve();
        }
        twins
    }

    /// One of the two, with the devices at hand.
    pub(crate) fn on(&mut self, place: usize) -> &mut Station {
        if place != self.at_hand {
            let disks = std::mem::take(&mut self.stations[self.at_hand].disks);
            self.stations[place].disks = disks;
            self.at_hand = place;
        }
        &mut self.stations[place]
    }

    /// Moves time on for those that live, every device command executed at once.
    pub(crate) fn pass(&mut self, span: Duration, live: &[usize]) {
        let until = self.stations[0].now.max(self.stations[1].now).after(span);
        loop {
            let due = |place: &usize| self.stations[*place].module.next_deadline();
            let next = live.iter().filter_map(due).min();
            let Some(at) = next.filter(|at| *at <= until) else {
                break;
            };
            for place in live {
                let station = self.on(*place);
                station.now = station.now.max(at);
                if station.module.next_deadline().is_some_and(|due| due <= at) {
                    station.input(Input::Deadline);
                }
                station.run();
            }
        }
        for station in &mut self.stations {
            station.now = until;
        }
    }

    /// Moves time on; the devices execute nothing for `slow` but its mailbox.
    pub(crate) fn pass_slowly(&mut self, span: Duration, slow: usize, other: usize) {
        self.on(slow).pass(span);
        self.on(other).pass_running(span);
    }
}

/// A mediator that answers when it is told to, and only what was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Third {
    pub(crate) record: MediatorRecord,
}

impl Third {
    /// The record of a volume in sync, as the configured site owns it.
    pub(crate) fn new() -> Self {
        Third {
            record: MediatorRecord {
                version: SiteEpoch::new(1),
                owner: SiteId::new(1),
                in_sync: true,
            },
        }
    }

    /// What it answers to a question, its record changed if that was asked.
    pub(crate) fn answer(&mut self, request: &MediatorRequest) -> MediatorReply {
        if let Ask::CompareAndSet { expect, in_sync } = request.ask
            && expect == self.record.version
        {
            self.record = MediatorRecord {
                version: SiteEpoch::new(expect.value() + 1),
                owner: request.site,
                in_sync,
            };
        }
        MediatorReply {
            volume: request.volume,
            nonce: request.nonce,
            attempt: request.attempt,
            record: self.record,
            granted: request.ask == Ask::Lease && self.record.owner == request.site,
        }
    }

    /// Answers everything that was asked, in order.
    pub(crate) fn answer_all(&mut self, owner: &mut Station) {
        while !owner.asked.is_empty() {
            let request = owner.asked.remove(0);
            let reply = self.answer(&request);
            owner.hear_mediator(&reply);
        }
    }
}

/// Owner and mirror, and a network that loses nothing unless told to.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) east: Station,
    pub(crate) west: Station,
}

impl Pair {
    /// Both booted, the owner serving.
    pub(crate) fn new() -> Self {
        Pair::with(configuration(Role::Owner))
    }

    /// The same with a configured owner.
    pub(crate) fn with(owner: Configuration) -> Self {
        let mut pair = Pair {
            east: Station::with(owner, Role::Owner),
            west: Station::new(Role::Mirror),
        };
        pair.settle();
        pair
    }

    /// Delivers what the owner has sent.
    pub(crate) fn eastern_mail(&mut self) {
        for sent in self.east.take_sent() {
            self.west.hear(&sent.message);
        }
    }

    /// Delivers what the mirror has sent.
    pub(crate) fn western_mail(&mut self) {
        for sent in self.west.take_sent() {
            self.east.hear(&sent.message);
        }
    }

    /// Runs devices and network until nothing moves.
    pub(crate) fn settle(&mut self) {
        loop {
            self.east.run();
            self.west.run();
            if self.east.sent.is_empty() && self.west.sent.is_empty() {
                return;
            }
            self.eastern_mail();
            self.western_mail();
        }
    }

    /// Moves both clocks on, everything else at rest between.
    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.east.now.after(span);
        loop {
            self.settle();
            let next = [&self.east, &self.west]
                .into_iter()
                .filter_map(|station| station.module.next_deadline())
                .min();
            let Some(at) = next.filter(|at| *at <= until) else {
                break;
            };
            for station in [&mut self.east, &mut self.west] {
                station.now = station.now.max(at);
                if station.module.next_deadline().is_some_and(|due| due <= at) {
                    station.input(Input::Deadline);
                }
            }
        }
        self.east.now = until;
        self.west.now = until;
    }
}
