//! Several deliveries of one tenant that travel together.

use apalis_core::task::Task;
use apalis_redis::RedisTask;
use repilot_domain::TenantName;
use repilot_ledger::Dispatched;
use serde::{Deserialize, Serialize};

use crate::Delivery;
use crate::hands::parcel;

/// What one apalis task carries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Parcel {
    /// Deliveries of a tenant.
    Jobs {
        tenant: TenantName,
        jobs: Vec<Dispatched>,
    },
    /// Whatever else lies there: it must not end who fetches it.
    Unreadable(serde_json::Value),
}

impl Parcel {
    /// Deliveries of a tenant, in as many parcels as they need, as apalis carries them.
    pub(super) fn pack(
        tenant: &TenantName,
        deliveries: &[Delivery],
    ) -> serde_json::Result<Vec<RedisTask>> {
        let parcels = deliveries
            .chunks(parcel(deliveries.len()))
            .map(|deliveries| Self::Jobs {
                tenant: tenant.clone(),
                jobs: deliveries
                    .iter()
                    .map(|delivery| delivery.dispatched)
                    .collect(),
            });
        parcels
            .map(|parcel| serde_json::to_vec(&parcel).map(Task::new))
            .collect()
    }

    /// What is in it.
    pub(super) fn open(self) -> Vec<Delivery> {
        match self {
            Self::Jobs { tenant, jobs } => jobs
                .into_iter()
                .map(|dispatched| Delivery {
                    tenant: tenant.clone(),
                    dispatched,
                })
                .collect(),
            Self::Unreadable(_) => {
                tracing::warn!("dropped what nobody can read from the wire; its jobs come again");
                Vec::new()
            }
        }
    }
}
