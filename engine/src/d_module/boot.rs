//! A boot, or a takeover: from the administrator's configuration to a role.
//!
//! ```text
//! configuration -> watch -> claim (both devices, under a new key) -> recovery -> role
//!                                                          ^            |
//!                                                          +-formatting-+ (no content)
//! ```
//!
//! Owns what follows which in that chain. Refuses to know when a set is to be
//! claimed, and what a role does once it is in office.

use std::sync::Arc;

use super::claim::{self, Claim};
use super::context::Office;
use super::formatting::{Formatting, Ring};
use super::heart::Heart;
use super::interconnect;
use super::watch::{Cause, Decision, Farewell, Watch};
use super::{Context, DModule, NEXT_LIFE};
use crate::configuration::{Configuration, D_SLOT, Duty, M_SLOT};
use crate::contract::{Address, IoError, IoId, IoOutput, ReservationKey, Submission};
use crate::event::{Event, IgnoreReason, Phase};
use crate::local::{Local, NodeOutbox};
use crate::storage_set::StorageSet;
use crate::storage_set::destage::{DestageIo, Devices};
use crate::storage_set::format::{Checkpoint, Superblock};
use crate::storage_set::layout::CheckpointSlot;
use crate::storage_set::record::Entry;
use crate::storage_set::recovery::{self, Lost, Recovered, Recovery, RecoveryError};
use crate::storage_set::tables::{Consistency, Mode, Role, Tables};
use crate::time::{Duration, Instant};
use crate::vocabulary::{Lsn, Session, SessionIncarnation, SiteEpoch};

/// How long an unanswered question to the M-module waits before it is repeated.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// What a new volume begins with.
const FIRST_SESSION: Session = Session {
    site_epoch: SiteEpoch::new(1),
    incarnation: SessionIncarnation::new(1),
};

impl DModule {
    pub(super) fn ask(&mut self, now: Instant, out: &mut NodeOutbox) {
        if self.ask_at.is_none_or(|at| at <= now) {
            out.local(M_SLOT, Local::AskConfiguration { from: D_SLOT });
            self.ask_at = Some(now.after(ASK_AGAIN));
        }
    }

    pub(super) fn handle_configuration(
        &mut self,
        configuration: Arc<Configuration>,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        if let Err(error) = configuration.check() {
            panic!("the administrator's configuration cannot work: {error}");
        }
        self.ask_at = None;
        let generation = Arc::make_mut(&mut self.generation);
        generation.handle_configuration(&configuration, out);
        self.adopt(now, out);
    }

    /// A copy of the metadata was read or written.
    pub(super) fn handle_metadata(
        &mut self,
        io: IoId,
        result: Result<IoOutput, IoError>,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let generation = Arc::make_mut(&mut self.generation);
        generation.handle_completion(io, result, now, out);
        self.adopt(now, out);
        self.handle_generation_deadline(now, out);
    }

    /// Where the N-module has found peers.
    pub(super) fn handle_found(
        &mut self,
        nonce: u64,
        found: [Option<Address>; 2],
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let generation = Arc::make_mut(&mut self.generation);
        if !generation.handle_found(nonce, found, out) {
            return;
        }
        // An address may change at any time; nothing that is under way depends on it.
        self.configuration = generation.configuration().cloned();
        if let Some((Office::Owner(owner), _, mut cx)) = self.office(now, out) {
            owner.handle_moved(&mut cx);
        }
        self.handle_paths_moved(now, out);
        self.handle_generation_deadline(now, out);
    }

    /// Goes by what is known. Who is in office goes on with what it began with: its limits
    /// above all have been relied on.
    fn adopt(&mut self, now: Instant, out: &mut NodeOutbox) {
        let known = self.generation.configuration();
        if self.generation.is_reading() || known.is_none() {
            return;
        }
        match self.phase {
            Phase::Configuring => {
                if self.ask_at.is_some() {
                    out.probe("boot from stored metadata");
                    if self.generation.has_found() {
                        out.probe("boot at an address that was found");
                    }
                }
                self.stand_by(None, now, out);
            }
            Phase::Standby => self.configuration = known.cloned(),
            Phase::Claiming
            | Phase::Recovering
            | Phase::Announcing
            | Phase::Serving
            | Phase::Following
            | Phase::Draining
            | Phase::HandingOff
            | Phase::Halted => {}
        }
    }

    /// Keeps the copies of the metadata equal, and looks for peers that are silent.
    pub(super) fn handle_generation_deadline(&mut self, now: Instant, out: &mut NodeOutbox) {
        let key = self.held_under();
        if self.phase == Phase::Standby && self.generation.is_due(now) {
            let generation = Arc::make_mut(&mut self.generation);
            generation.refresh(now, out);
        } else if let Some(key) = key
            && self.generation.is_behind()
            && self.generation.is_due(now)
        {
            let generation = Arc::make_mut(&mut self.generation);
            generation.store(key, out);
        }
        let silent_since = self.silent_since();
        let search = self.generation.next_search(silent_since);
        if search.is_some_and(|at| at <= now) {
            let generation = Arc::make_mut(&mut self.generation);
            generation.seek(self.incarnation, now, out);
        } else if silent_since.is_none() && self.generation.is_seeking() {
            Arc::make_mut(&mut self.generation).end_search();
        }
    }

    /// When one of the two is due.
    pub(super) fn generation_deadline(&self) -> Option<Instant> {
        let keeps = self.phase == Phase::Standby
            || (self.held_under().is_some() && self.generation.is_behind());
        let copies = self.generation.next_deadline().filter(|_| keeps);
        let search = self.generation.next_search(self.silent_since());
        copies.into_iter().chain(search).min()
    }

    fn held_under(&self) -> Option<ReservationKey> {
        self.set.as_ref()?;
        Some(self.heart.as_ref()?.key())
    }

    /// Since when the peers have left a Hello without an answer.
    pub(super) fn silent_since(&self) -> Option<Instant> {
        self.owner.as_deref()?.unanswered_since()
    }

    /// Watches the partner from now on.
    pub(super) fn stand_by(
        &mut self,
        farewell: Option<Farewell>,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        self.enter(Phase::Standby, out);
        self.configuration = self.generation.configuration().cloned();
        self.open_line(now, out);
        self.watch = Some(Box::new(Watch::start(farewell, now)));
        self.handle_watch_deadline(now, out);
        self.handle_generation_deadline(now, out);
    }

    pub(super) fn handle_watch_deadline(&mut self, now: Instant, out: &mut NodeOutbox) {
        let Some((watch, mut cx)) = self.post(now, out) else {
            return;
        };
        watch.handle_deadline(&mut cx);
    }

    /// The watch, and what it needs for one input.
    fn post<'a>(
        &'a mut self,
        now: Instant,
        out: &'a mut NodeOutbox,
    ) -> Option<(&'a mut Watch, Context<'a>)> {
        let configuration = self.configuration.as_ref()?;
        let cx = Context::outside(now, self.incarnation, configuration, &mut self.ids, out);
        Some((self.watch.as_deref_mut()?, cx))
    }

    pub(super) fn handle_watch(
        &mut self,
        io: IoId,
        result: Result<IoOutput, IoError>,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let word = self.word(now);
        let Some((watch, mut cx)) = self.post(now, out) else {
            return;
        };
        match watch.handle_completion((io, result), word, &mut cx) {
            Decision::Wait => {}
            Decision::Ask(key) => {
                let attempt = u32::try_from(watch.looks()).unwrap_or(u32::MAX);
                interconnect::ask(key.epoch, attempt, &mut cx);
                cx.out.trace(Event::HandOverAsked(cx.configuration.partner));
                cx.out.probe("silent partner asked to hand over");
            }
            Decision::Claim { cause, observed } => {
                let configuration = Arc::clone(self.configuration.as_ref().expect("it watches"));
                report_cause(cause, &configuration, out);
                self.watch = None;
                self.waits = cause.waits();
                self.is_heir = cause.takes_over();
                self.enter(Phase::Claiming, out);
                let devices = devices(&configuration);
                let node = configuration.node;
                let (claim, ask) = Claim::start(devices, node, observed, &mut self.ids);
                self.claim = Some(Box::new(claim));
                out.submit(ask);
            }
        }
    }

    pub(super) fn handle_claim(
        &mut self,
        io: IoId,
        result: Result<IoOutput, IoError>,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let Some(claim) = self.claim.as_mut() else {
            return;
        };
        match claim.handle_completion(io, result, &mut self.ids) {
            None => {}
            Some(claim::Progress::Submit(submission)) => out.submit(submission),
            Some(claim::Progress::Failed(error)) => self.halt(error, now, out),
            Some(claim::Progress::Won(key)) => {
                self.claim = None;
                out.trace(Event::Fenced(key));
                let configuration = self.configuration.as_ref().expect("a claim needs one");
                // From here the former holder executes nothing; what it may answer
                // from memory, it may for one term more.
                let timers = &configuration.timers;
                let term = timers.ha_lease.plus(timers.lease_margin);
                let serves_from = self.waits.then(|| now.after(term));
                self.heart = Some(Heart::start(key, serves_from, now));
                self.recover(key, out);
                // It may take long to read the set back: the partner is to see that
                // somebody does.
                self.handle_heart_deadline(now, out);
            }
        }
    }

    fn recover(&mut self, key: ReservationKey, out: &mut NodeOutbox) {
        if self.phase != Phase::Recovering {
            self.enter(Phase::Recovering, out);
        }
        let configuration = self.configuration.as_ref().expect("a claim needs one");
        let (recovery, io) = Recovery::start(devices(configuration), &mut self.ids);
        self.recovery = Some(Box::new((key, recovery)));
        out.submit(under(key, io));
    }

    pub(super) fn handle_recovery(
        &mut self,
        io: IoId,
        result: Result<IoOutput, IoError>,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let Some((key, recovery)) = self.recovery.as_deref_mut() else {
            return;
        };
        let key = *key;
        let progress = match result {
            Ok(output) => recovery.handle_completion(io, output, &mut self.ids),
            Err(IoError::Unreadable(page)) => {
                out.probe("unreadable page passed over in recovery");
                recovery.handle_unreadable(io, page, &mut self.ids)
            }
            Err(_) => None,
        };
        match progress {
            None => {}
            Some(recovery::Progress::Submit(io)) => out.submit(under(key, io)),
            Some(recovery::Progress::Failed(RecoveryError::NoSuperblock)) => {
                self.recovery = None;
                self.format_empty(key, out);
            }
            Some(recovery::Progress::Failed(RecoveryError::NoCheckpoint)) => self.refuse(out),
            Some(recovery::Progress::Done(recovered)) => {
                self.recovery = None;
                self.take_office(key, *recovered, now, out);
            }
        }
    }

    fn superblock(configuration: &Configuration) -> Superblock {
        Superblock {
            set: configuration.set.id,
            format: configuration.set.format,
            geometry: configuration.set.geometry,
        }
    }

    /// Nothing was ever written, or the journal device was replaced. Whatever an earlier
    /// life of the devices left in the ring is wiped.
    fn format_empty(&mut self, key: ReservationKey, out: &mut NodeOutbox) {
        let configuration = Arc::clone(self.configuration.as_ref().expect("a claim needs one"));
        let tables = match configuration.founding {
            Some(role) => {
                out.probe("volume founded");
                Tables::formatted(role, FIRST_SESSION, configuration.set.volume_blocks)
            }
            None => Tables::blank(FIRST_SESSION, &configuration.set.geometry),
        };
        let checkpoint = Checkpoint {
            lsn: Lsn::new(0),
            next_page: 0,
            chain: 0,
            tables,
        };
        self.format(key, (CheckpointSlot::A, &checkpoint, Ring::Wiped), out);
    }

    /// The data device was replaced under a mirror: its journal still fences, but
    /// nothing of the copy is known.
    fn format_data(&mut self, key: ReservationKey, recovered: Recovered, out: &mut NodeOutbox) {
        let configuration = Arc::clone(self.configuration.as_ref().expect("a claim needs one"));
        let blank = Tables::blank(FIRST_SESSION, &configuration.set.geometry);
        let tables = Tables {
            role: blank.role,
            consistency: Consistency::Unpaired,
            dirty: blank.dirty,
            marks: blank.marks,
            left_at: blank.left_at,
            rolled_back: blank.rolled_back,
            ..recovered.tables
        };
        // A number is left out, so that this checkpoint is the newer one.
        let checkpoint = Checkpoint {
            lsn: recovered.head.lsn,
            next_page: recovered.head.page,
            chain: recovered.head.chain,
            tables,
        };
        self.format(key, (recovered.next_slot, &checkpoint, Ring::Kept), out);
    }

    /// The journal has lost records that were durable: nothing of the copy is known. What stands in the ring is older than all that comes.
    fn begin_anew(
        &mut self,
        key: ReservationKey,
        mut recovered: Recovered,
        lost: Lost,
        out: &mut NodeOutbox,
    ) {
        out.probe(match recovered.tables.role {
            Role::Mirror => "mirror that lost records of its journal made anew",
            Role::Owner | Role::HandOff => "former owner whose log cannot be read made anew",
        });
        recovered.head.lsn = lost.newest.next();
        self.format_data(key, recovered, out);
    }

    /// The data device was replaced under an owner in sync: the mirror has everything.
    /// That all is missing here is durable before the device is recognised again, so a
    /// crash between leaves a set that comes here again.
    fn lose_data(&mut self, key: ReservationKey, recovered: &Recovered, out: &mut NodeOutbox) {
        out.probe("owner's data device lost");
        let configuration = Arc::clone(self.configuration.as_ref().expect("a claim needs one"));
        let devices = devices(&configuration);
        let superblock = DModule::superblock(&configuration);
        // It may be known already, and then there need not be another page for it.
        let is_known = recovered.tables.is_all_missing(&devices.geometry);
        let record = (!is_known).then(|| recovered.next_record(key, Entry::Lost));
        let (formatting, io) =
            Formatting::after_loss(key, devices, &superblock, record, &mut self.ids);
        self.formatting = Some(Box::new((key, formatting)));
        out.submit(io);
    }

    fn format(
        &mut self,
        key: ReservationKey,
        checkpoint: (CheckpointSlot, &Checkpoint, Ring),
        out: &mut NodeOutbox,
    ) {
        out.probe("set without content formatted");
        let configuration = self.configuration.as_ref().expect("a claim needs one");
        let superblock = DModule::superblock(configuration);
        let devices = devices(configuration);
        let (formatting, io) =
            Formatting::start(key, devices, &superblock, checkpoint, &mut self.ids);
        self.formatting = Some(Box::new((key, formatting)));
        out.submit(io);
    }

    pub(super) fn handle_formatting(&mut self, io: IoId, out: &mut NodeOutbox) {
        let Some((key, formatting)) = self.formatting.as_deref_mut() else {
            return;
        };
        let key = *key;
        match formatting.handle_completion(io, &mut self.ids) {
            None => {}
            Some(Some(submission)) => out.submit(submission),
            Some(None) => {
                out.trace(formatting.report());
                self.formatting = None;
                self.recover(key, out);
            }
        }
    }

    /// True if the other site has a reign above the last one that this set knows.
    fn yields(&self, tables: &Tables) -> bool {
        self.yields_to > tables.session.site_epoch
    }

    /// A set is frozen, and the other site speaks: if its reign is a later one, what this set
    /// lost is nobody's any more, and it is read back to be made anew.
    pub(super) fn thaw(&mut self, reign: SiteEpoch, now: Instant, out: &mut NodeOutbox) {
        if self.yields_to >= reign {
            return out.trace(Event::Ignored(IgnoreReason::Redundant));
        }
        out.probe("frozen set yields to a later reign");
        self.yields_to = reign;
        self.incarnation = self.incarnation.wrapping_add(NEXT_LIFE);
        self.stand_by(None, now, out);
    }

    /// The set is read back: goes on in the role that the journal says.
    fn take_office(
        &mut self,
        key: ReservationKey,
        recovered: Recovered,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let configuration = Arc::clone(self.configuration.as_ref().expect("recovery needs one"));
        let own = DModule::superblock(&configuration);
        if recovered.superblock != own {
            out.probe("foreign set refused");
            return self.refuse(out);
        }
        let role = recovered.tables.role;
        if let Some(lost) = recovered.lost {
            out.trace(Event::RecordsLost(lost.first));
            return match role {
                // Its owner has all that it held.
                Role::Mirror => self.begin_anew(key, recovered, lost, out),
                // Marks, results and data are gone, and nobody says which.
                Role::Owner | Role::HandOff if self.yields(&recovered.tables) => {
                    self.begin_anew(key, recovered, lost, out);
                }
                Role::Owner | Role::HandOff => {
                    out.probe("owner that lost records of its journal frozen");
                    self.refuse(out);
                }
            };
        }
        if recovered.data_superblock != Some(own) {
            let is_foreign = recovered.data_superblock.is_some();
            return match (role, recovered.tables.mode) {
                (Role::Mirror, _) => self.format_data(key, recovered, out),
                (Role::Owner, Mode::InSync) if !is_foreign => {
                    self.lose_data(key, &recovered, out);
                }
                (Role::Owner | Role::HandOff, _) if self.yields(&recovered.tables) => {
                    self.format_data(key, recovered, out);
                }
                // The mirror is behind: what the journal does not hold is lost on this
                // site, and only the other one can go on, by a switchover.
                (Role::Owner | Role::HandOff, _) => {
                    out.probe("owner without its data device frozen");
                    self.refuse(out);
                }
            };
        }
        let orphans = u32::try_from(recovered.tables.marks.len()).expect("marks are bounded");
        let last = Lsn::new(recovered.head.lsn.value() - 1);
        out.trace(Event::Recovered {
            last,
            records: recovered.records,
            orphans,
        });
        self.set = Some(StorageSet::new(key, devices(&configuration), recovered));
        self.take_role(role, false, now, out);
        Arc::make_mut(&mut self.generation).take_office();
        self.handle_generation_deadline(now, out);
        if self.phase == Phase::Following {
            self.consider_giveback(now, out);
        }
    }
}

fn report_cause(cause: Cause, configuration: &Configuration, out: &mut NodeOutbox) {
    let partner = configuration.partner;
    match cause {
        Cause::Silent => {
            out.trace(Event::PartnerSilent(partner));
            out.probe("takeover");
        }
        Cause::AskedInVain => {
            out.trace(Event::PartnerSilent(partner));
            out.probe("takeover");
            out.probe("partner asked in vain taken over");
        }
        Cause::Noticed => {
            out.trace(Event::PartnerSilent(partner));
            out.probe("takeover");
            out.probe("takeover on a hardware notice");
        }
        Cause::Drained => {
            out.trace(Event::PartnerDrained(partner));
            out.probe(match configuration.duty {
                Duty::Primary => "giveback",
                Duty::Standby => "planned takeover",
            });
        }
        Cause::Back => out.probe("drained set claimed back"),
        Cause::OwnUnserved => out.probe("claim of an earlier life finished"),
        Cause::Unclaimed | Cause::Own => {}
    }
}

fn devices(configuration: &Configuration) -> Devices {
    let set = &configuration.set;
    Devices {
        journal: set.journal,
        data: set.data,
        geometry: set.geometry,
    }
}

/// A device command of recovery, which has no set to name its key yet.
fn under(key: ReservationKey, io: DestageIo) -> Submission {
    Submission {
        device: io.device,
        io: io.io,
        key,
        request: io.request,
    }
}
