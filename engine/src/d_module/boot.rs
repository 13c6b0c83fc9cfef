//! A boot: from the administrator's configuration to a role.
//!
//! ```text
//! configuration -> claim (both devices, under a new key) -> recovery -> role
//! ```
//!
//! Owns what follows which in that chain. Refuses to know what a role does once
//! it is in office.

use std::sync::Arc;

use super::claim::{self, Claim};
use super::mirror::Mirror;
use super::owner::Owner;
use super::{Context, DModule};
use crate::configuration::{Configuration, D_SLOT, Duty, M_SLOT};
use crate::contract::{IoError, IoId, IoOutput, ReservationKey, Submission};
use crate::event::{Event, IgnoreReason, Phase};
use crate::local::{Local, NodeOutbox};
use crate::storage_set::StorageSet;
use crate::storage_set::destage::{DestageIo, Devices};
use crate::storage_set::format::Superblock;
use crate::storage_set::recovery::{self, Recovered, Recovery};
use crate::storage_set::tables::Role;
use crate::time::{Duration, Instant};
use crate::vocabulary::Lsn;

/// How long an unanswered question to the M-module waits before it is repeated.
const ASK_AGAIN: Duration = Duration::from_millis(10);

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
        out: &mut NodeOutbox,
    ) {
        if self.phase != Phase::Configuring {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        }
        if let Err(error) = configuration.check() {
            panic!("the administrator's configuration cannot work: {error}");
        }
        self.ask_at = None;
        self.configuration = Some(Arc::clone(&configuration));
        match configuration.duty {
            Duty::Standby => self.enter(Phase::Standby, out),
            Duty::Primary => {
                self.enter(Phase::Claiming, out);
                let devices = devices(&configuration);
                let (claim, ask) = Claim::start(devices, configuration.node, &mut self.ids);
                self.claim = Some(claim);
                out.submit(ask);
            }
        }
    }

    pub(super) fn handle_claim(
        &mut self,
        io: IoId,
        result: Result<IoOutput, IoError>,
        out: &mut NodeOutbox,
    ) {
        let Some(claim) = self.claim.as_mut() else {
            return;
        };
        match claim.handle_completion(io, result, &mut self.ids) {
            None => {}
            Some(claim::Progress::Submit(submission)) => out.submit(submission),
            Some(claim::Progress::Failed(error)) => self.halt(error, out),
            Some(claim::Progress::Won(key)) => {
                self.claim = None;
                out.trace(Event::Fenced(key));
                self.enter(Phase::Recovering, out);
                let configuration = self.configuration.as_ref().expect("a claim needs one");
                let (recovery, io) = Recovery::start(devices(configuration), &mut self.ids);
                self.recovery = Some(Box::new((key, recovery)));
                out.submit(under(key, io));
            }
        }
    }

    pub(super) fn handle_recovery(
        &mut self,
        io: IoId,
        output: IoOutput,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let Some((key, recovery)) = self.recovery.as_deref_mut() else {
            return;
        };
        let key = *key;
        match recovery.handle_completion(io, output, &mut self.ids) {
            None => {}
            Some(recovery::Progress::Submit(io)) => out.submit(under(key, io)),
            Some(recovery::Progress::Failed(_)) => self.halt(IoError::Gone, out),
            Some(recovery::Progress::Done(recovered)) => {
                self.recovery = None;
                self.take_office(key, *recovered, now, out);
            }
        }
    }

    /// The set is read back: goes on in the role that the journal says.
    fn take_office(
        &mut self,
        key: ReservationKey,
        recovered: Recovered,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let configuration = self.configuration.clone().expect("recovery needs one");
        let orphans = u32::try_from(recovered.tables.marks.len()).expect("marks are bounded");
        let last = Lsn::new(recovered.head.lsn.value() - 1);
        out.trace(Event::Recovered {
            last,
            records: recovered.records,
            orphans,
        });
        let own = Superblock {
            set: configuration.set.id,
            format: configuration.set.format,
            geometry: configuration.set.geometry,
        };
        if recovered.superblock != own {
            out.probe("foreign set refused");
            return self.halt(IoError::Gone, out);
        }
        let role = recovered.tables.role;
        let mut set = StorageSet::new(key, devices(&configuration), recovered);
        match role {
            Role::Owner => {
                self.enter(Phase::Announcing, out);
                let mut cx = Context {
                    now,
                    incarnation: self.incarnation,
                    configuration: &configuration,
                    ids: &mut self.ids,
                    out,
                };
                self.owner = Some(Box::new(Owner::start(&mut set, &mut cx)));
            }
            Role::Mirror => {
                self.enter(Phase::Following, out);
                self.mirror = Some(Mirror::default());
            }
        }
        self.set = Some(set);
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
