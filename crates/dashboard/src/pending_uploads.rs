//! Uploaded lists whose plans wait for an answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use repilot_domain::Timestamp;
use tempfile::TempPath;

use crate::access::Secret;
use crate::tenant_services::plan_list::UploadedList;

/// How long a plan waits for its answer.
const WAITS: Duration = Duration::from_mins(30);

/// Plans that wait at once; each keeps its list on the disk.
const WAITING_MOST: usize = 16;

/// Plans that wait for their answer.
#[derive(Default)]
pub(crate) struct Uploads(Mutex<HashMap<String, Arc<Waiting>>>);

/// A plan with its list.
pub(crate) struct Waiting {
    pub(crate) list: UploadedList,
    pub(crate) fingerprint: String,
    /// Rows that were refused.
    pub(crate) rejects: Option<Arc<TempPath>>,
    pub(crate) since: Timestamp,
}

impl Uploads {
    /// Keeps one, and says by what it is found again.
    pub(crate) fn keep(&self, waiting: Waiting) -> String {
        let id = Secret::new(rand::random()).reveal().to_owned();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = waiting.since;
        all.retain(|_, kept| now.since(kept.since) < WAITS);
        if all.len() >= WAITING_MOST {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.since);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                all.remove(&oldest);
            }
        }
        all.insert(id.clone(), Arc::new(waiting));
        id
    }

    /// One that still waits.
    pub(crate) fn look(&self, id: &str) -> Option<Arc<Waiting>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(id).cloned()
    }

    /// Takes one away: what is answered once is answered.
    pub(crate) fn take(&self, id: &str) -> Option<Arc<Waiting>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(id)
    }
}
