//! From the ledger onto the wire.

use std::time::Duration;

use repilot_domain::{TenantName, Timestamp, WorkerId};
use repilot_ledger::{Ledger, LedgerError};

use crate::{Delivery, Wire, WireError};

/// A dispatch that failed.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The wire failed; what was queued on it is rescued when its lease runs out.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Puts due jobs on the wire, in a worker's name.
pub struct Dispatcher {
    ledger: Ledger,
    wire: Wire,
    worker: WorkerId,
    lease: Duration,
    turn: usize,
}

impl Dispatcher {
    /// A dispatcher whose jobs are the worker's for `lease`, unless renewed.
    #[must_use]
    pub fn new(ledger: Ledger, wire: Wire, worker: WorkerId, lease: Duration) -> Self {
        Self {
            ledger,
            wire,
            worker,
            lease,
            turn: 0,
        }
    }

    /// How many of a tenant's jobs are on the wire.
    #[must_use]
    pub fn waiting(&self, tenant: &TenantName) -> usize {
        self.wire.waiting(tenant)
    }

    /// Puts up to `limit` due jobs of a tenant on the wire; how many it were.
    pub async fn dispatch(
        &mut self,
        tenant: &TenantName,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, DispatchError> {
        self.turn = self.turn.wrapping_add(1);
        let dispatched = self
            .ledger
            .dispatch(
                tenant,
                &self.worker,
                limit,
                self.turn,
                now,
                now.after(self.lease),
            )
            .await?;
        let count = dispatched.len();
        let deliveries = dispatched
            .into_iter()
            .map(|queued| Delivery {
                tenant: tenant.clone(),
                job: queued.job,
                dispatch: queued.dispatch,
            })
            .collect();
        self.wire.push(tenant, deliveries).await?;
        Ok(count)
    }
}
