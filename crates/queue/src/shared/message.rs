//! Several jobs of one tenant that travel together.

use apalis_core::task::Task;
use apalis_redis::RedisTask;
use repilot_domain::TenantName;
use repilot_ledger::Dispatched;
use serde::{Deserialize, Serialize};

use crate::handler_pool::message_size;

/// What one apalis task carries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Message {
    /// Jobs of a tenant.
    Jobs {
        tenant: TenantName,
        jobs: Vec<Dispatched>,
    },
    /// Whatever else lies there: it must not end who fetches it.
    Unreadable(serde_json::Value),
}

impl Message {
    /// Jobs of a tenant, in as many messages as they need, as apalis carries them.
    pub(super) fn pack(
        tenant: &TenantName,
        jobs: &[Dispatched],
    ) -> serde_json::Result<Vec<RedisTask>> {
        let messages = jobs.chunks(message_size(jobs.len()));
        messages
            .map(|jobs| Self::Jobs {
                tenant: tenant.clone(),
                jobs: jobs.to_vec(),
            })
            .map(|message| serde_json::to_vec(&message).map(Task::new))
            .collect()
    }

    /// What is in it, if it can be read.
    pub(super) fn open(self) -> Option<(TenantName, Vec<Dispatched>)> {
        match self {
            Self::Jobs { tenant, jobs } => Some((tenant, jobs)),
            Self::Unreadable(_) => {
                tracing::warn!("dropped what nobody can read from the wire; its jobs come again");
                None
            }
        }
    }
}
