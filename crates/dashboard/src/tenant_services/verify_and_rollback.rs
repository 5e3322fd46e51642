//! What is done with a campaign afterwards: verified, rolled back. Both ask its tenant's Graph, which
//! a dashboard does not know: who does it is handed in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use repilot_domain::{Actor, SightedWithin, TenantName, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Refused;

/// What a verification says of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VerificationReport {
    /// The campaign's name.
    pub campaign: String,
    /// The inventory is no younger.
    pub listed_at: Timestamp,
    /// Jobs that succeeded, by what it says of them.
    pub verification: BTreeMap<String, i64>,
    /// Jobs that succeeded too short a time before it.
    pub too_young: i64,
    /// Jobs that go round again.
    pub requeued: u64,
}

/// How a campaign is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verify {
    /// Only jobs that succeeded so long before.
    pub after: Duration,
    /// Whether those go round again whose device is as it was before.
    pub requeue: bool,
}

/// What a rollback would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RollbackPlan {
    /// The campaign that would do it.
    pub campaign: String,
    /// Devices that go back to who had them before.
    pub devices: u64,
    /// Devices that are left alone, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Jobs that changed nothing.
    pub nothing_done: u64,
    /// How old the inventory is that it was made of.
    pub listed_at: Timestamp,
    /// Of the devices and who they go back to: what is enqueued later must be the same.
    pub plan_sha256: String,
    /// The plan in words, in lines, as the command line says it.
    pub text: String,
    /// What is asked before it is done.
    pub question: String,
}

/// Which rollback is meant, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RollbackMeant {
    /// That of this plan; whatever it is by now where none is named.
    pub plan_sha256: Option<String>,
    /// Longest age of the knowledge of who has a device before its call; that of the settings where none
    /// is given.
    pub sighted_within: Option<SightedWithin>,
}

/// What a rollback did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RolledBack {
    /// The campaign that does it.
    pub campaign: String,
    /// Its jobs.
    pub jobs: i64,
}

/// How far a listing of the inventory has come; for whoever waits for it.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicI64>);

impl Progress {
    /// So many devices are listed.
    pub fn note(&self, devices: i64) {
        self.0.store(devices, Ordering::Relaxed);
    }

    pub(crate) fn devices(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Verifies campaigns, and rolls them back.
pub trait VerifyAndRollback: Send + Sync + 'static {
    /// Why nothing can be asked of a tenant's Graph from here; none where it can.
    fn hindrance(&self, tenant: &TenantName) -> Option<Refused>;

    /// Holds what succeeded against the inventory, which it lists anew.
    fn verify(
        &self,
        campaign: String,
        verify: Verify,
        by: Actor,
        progress: Progress,
    ) -> BoxFuture<'static, Result<VerificationReport, Refused>>;

    /// What a rollback would do, by the inventory, which it lists anew; it enqueues nothing.
    fn plan_rollback(
        &self,
        campaign: String,
        progress: Progress,
    ) -> BoxFuture<'static, Result<RollbackPlan, Refused>>;

    /// Enqueues a rollback. Where a plan is named that was shown, precisely that one: it refuses when
    /// by now it would be another.
    fn roll_back(
        &self,
        campaign: String,
        meant: RollbackMeant,
        by: Actor,
        progress: Progress,
    ) -> BoxFuture<'static, Result<RolledBack, Refused>>;
}
