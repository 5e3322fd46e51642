//! Reads the ledger once for all who look.

use std::sync::Arc;
use std::time::Duration;

use repilot_domain::{Timestamp, WithCauses};
use repilot_ledger::{Ledger, LedgerError};
use tokio::time::Instant;

use super::overview::Overview;
use super::pace::Pace;
use crate::background_tasks::BackgroundTasks;

/// How often what is shown is read anew: more often than anybody can read it.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// What every page shows something of, read once for all who look.
#[derive(Default)]
pub(crate) struct OverviewCache {
    /// Locked while it is read, so that all who come meanwhile get what the first one reads.
    known: tokio::sync::Mutex<Known>,
}

#[derive(Default)]
struct Known {
    overview: Option<(Instant, Arc<Overview>)>,
    pace: Pace,
    /// How often the ledger was read.
    reads: u64,
}

impl OverviewCache {
    /// What every page shows something of, no older than a tick. While the ledger does not answer:
    /// what it said last, if it ever did. `version` is the program's, which workers are held against.
    pub(crate) async fn read(
        &self,
        ledger: &Ledger,
        background_tasks: &BackgroundTasks,
        version: &str,
        now: Timestamp,
    ) -> Result<Arc<Overview>, LedgerError> {
        let mut known = self.known.lock().await;
        if let Some((read_at, overview)) = &known.overview
            && read_at.elapsed() < TICK.mul_f64(0.9)
        {
            return Ok(Arc::clone(overview));
        }
        known.reads += 1;
        let overview = match (Overview::read(ledger, now).await, &known.overview) {
            (Ok(mut overview), _) => {
                let open = overview.campaigns.iter().filter(|known| !known.has_ended());
                let over = open.map(|known| (known.id, known.counts.total - known.counts.open()));
                overview.rates = known.pace.note(over.collect(), now);
                overview.background_tasks = background_tasks.of_late(now);
                overview.judge(version);
                overview
            }
            (Err(error), Some((_, last))) => {
                if last.silent_since.is_none() {
                    tracing::warn!(error = %WithCauses(&error), "the ledger does not answer the dashboard");
                }
                Overview {
                    silent_since: last.silent_since.or(Some(now)),
                    background_tasks: background_tasks.of_late(now),
                    ..Overview::clone(last)
                }
            }
            (Err(error), None) => return Err(error),
        };
        let overview = Arc::new(overview);
        known.overview = Some((Instant::now(), Arc::clone(&overview)));
        Ok(overview)
    }

    /// After somebody changed something: the next look is a new one.
    pub(crate) async fn forget(&self) {
        if let Some((read_at, _)) = &mut self.known.lock().await.overview {
            *read_at = Instant::now().checked_sub(TICK).unwrap_or(*read_at);
        }
    }

    /// How often the ledger was read for what all pages show.
    #[cfg(test)]
    pub(crate) async fn reads(&self) -> u64 {
        self.known.lock().await.reads
    }
}
