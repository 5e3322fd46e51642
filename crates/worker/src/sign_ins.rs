//! Watches the sign-ins that tenants are called with: a campaign that was paused because a person has
//! to sign in again goes on by itself once they have.
//!
//! A sign-in belongs to a machine. Where workers of other machines are alive, the loss of this one's
//! is no reason to stop them: this process then takes no more of the tenant's jobs, and says why.
//! Where there are none, the tenant's campaigns are paused, also those that nothing was called of.
//!
//! The race it accepts: the call that finds a sign-in lost pauses its campaign on whichever machine
//! it is. Another machine's worker resumes it, and by then this one takes no more of its jobs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use repilot_domain::{Clock, TenantName, Timestamp, WithCauses};
use repilot_graph::SignInState;
use repilot_ledger::{Ledger, LedgerError, WorkerRow};
use tokio_util::sync::CancellationToken;

use crate::TenantDirectory;
use crate::heartbeat::Keeper;
use crate::lanes::Lanes;

/// How often sign-ins are looked at: a file each.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Time after which a worker that was not heard of counts as gone.
const HEARD_WITHIN: Duration = Duration::from_secs(15);

/// What this process lacks, in words; empty where nothing is lacking.
pub(crate) type Trouble = Arc<Mutex<String>>;

pub(crate) struct SignIns {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    row: WorkerRow,
    tenants: Arc<dyn TenantDirectory>,
    lanes: Arc<Lanes>,
    trouble: Trouble,
}

impl SignIns {
    /// Watches the sign-ins of what a keeper holds.
    pub(crate) fn beside(keeper: &Keeper) -> Self {
        Self {
            ledger: keeper.ledger.clone(),
            clock: Arc::clone(&keeper.clock),
            row: keeper.row.clone(),
            tenants: Arc::clone(&keeper.tenants),
            lanes: Arc::clone(&keeper.lanes),
            trouble: Arc::clone(&keeper.trouble),
        }
    }

    /// Watches until `ending`.
    pub(crate) async fn run(self, ending: &CancellationToken) {
        loop {
            if let Err(error) = self.look(ending).await {
                tracing::warn!(
                    error = %WithCauses(&error),
                    "the ledger did not take what became of a sign-in; trying again"
                );
            }
            tokio::select! {
                () = ending.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn look(&self, ending: &CancellationToken) -> Result<(), LedgerError> {
        let mut trouble = Vec::new();
        for name in self.tenants.names() {
            let Some(tenant) = self.tenants.tenant(&name) else {
                continue;
            };
            // A refresh may take its time, and the end waits for no sign-in.
            let state = tokio::select! {
                () = ending.cancelled() => return Ok(()),
                state = tenant.client.sign_in() => state,
            };
            match state {
                None => {}
                Some(SignInState::Good) => self.go_on(&name).await?,
                Some(SignInState::Lost(why)) => {
                    self.stop(&name, &why).await?;
                    trouble.push(format!("tenant {name}: {why}"));
                }
            }
        }
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble.join("; ");
        Ok(())
    }

    async fn go_on(&self, tenant: &TenantName) -> Result<(), LedgerError> {
        self.lanes.take_part(tenant, true);
        let (by, now) = (self.row.actor(), self.clock.now());
        let resumed = self.ledger.resume_signed_in(tenant, &by, now);
        let resumed = self.ledger.answered("resume campaigns", resumed).await?;
        for campaign in resumed {
            tracing::info!(
                campaign.id = campaign.0,
                tenant = %tenant,
                "somebody signed in; the campaign goes on"
            );
        }
        Ok(())
    }

    async fn stop(&self, tenant: &TenantName, why: &str) -> Result<(), LedgerError> {
        let now = self.clock.now();
        let others = self.has_others(now).await?;
        self.lanes.take_part(tenant, !others);
        if others {
            return Ok(());
        }
        let by = self.row.actor();
        let paused = self.ledger.pause_signed_out(tenant, why, &by, now);
        let paused = self.ledger.answered("pause campaigns", paused).await?;
        for campaign in paused {
            tracing::error!(
                campaign.id = campaign.0,
                tenant = %tenant,
                why,
                "nobody is signed in; the campaign is paused until somebody is"
            );
        }
        Ok(())
    }

    /// Whether workers of other machines are alive.
    async fn has_others(&self, now: Timestamp) -> Result<bool, LedgerError> {
        let alive = self.ledger.workers(now.before(HEARD_WITHIN));
        let alive = self.ledger.answered("read workers", alive).await?;
        Ok(alive.iter().any(|worker| worker.host != self.row.host))
    }
}
