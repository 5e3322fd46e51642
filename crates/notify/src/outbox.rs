//! The outbox: from the audit to the destinations, beside the work and never in its way.
//!
//! A destination is told in the audit's order. Its cursor lies in the ledger and is leased to one
//! process at a time, so that several seldom tell it the same; one that dies between a message and
//! its cursor's move lets the next tell it again, under the same id. One that fails is tried again
//! with growing pauses, and holds up no other, nor does one that hangs. What is a day old is told to nobody.

use std::sync::Arc;
use std::time::Duration;

use repilot_domain::{Clock, WithCauses};
use repilot_ledger::{AuditFilter, AuditRow, Ledger, LedgerError};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Destination, Message};

/// How often somebody looks whether there is anything to tell.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Longer than any message takes; renewed with each.
const LEASE: Duration = Duration::from_mins(1);

/// The pause after a failure doubles from here to there.
const BACKOFF: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_mins(10);

/// Longest time that a receiver may ask to be left alone for.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// Nobody wants to be woken by what happened the day before.
const STALE_AFTER: Duration = Duration::from_hours(24);

/// How long a process that ends goes on telling.
const FAREWELL: Duration = Duration::from_secs(10);

/// Rows of the audit read at once.
const ROWS: u32 = 50;

/// What there is to tell, and to whom.
pub struct Outbox {
    /// Where the audit is.
    pub ledger: Ledger,
    /// The time that leases go by.
    pub clock: Arc<dyn Clock>,
    /// Who tells: of this process alone.
    pub owner: String,
    /// To whom.
    pub destinations: Vec<Destination>,
}

/// An outbox at work.
pub struct Notifier {
    stop: CancellationToken,
    tasks: JoinSet<()>,
    ledger: Ledger,
    owner: String,
}

impl Notifier {
    /// Tells what happens from now on, and what was left untold, until it is ended.
    pub async fn start(outbox: Outbox) -> Self {
        let Outbox {
            ledger,
            clock,
            owner,
            destinations,
        } = outbox;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for destination in destinations {
            let round = Round {
                ledger: ledger.clone(),
                clock: Arc::clone(&clock),
                owner: owner.clone(),
                destination,
            };
            // At once, so that nothing is missed that happens in a moment.
            if let Err(error) = round.open().await {
                tracing::warn!(error = %WithCauses(&error), "cannot open the outbox; trying again");
            }
            tasks.spawn(round.run(stop.clone()));
        }
        Self {
            stop,
            tasks,
            ledger,
            owner,
        }
    }

    /// Tells what happened until now, within a few seconds, and ends. What does not arrive in that
    /// time stays in the ledger for the next process.
    pub async fn end(self) {
        self.stop.cancel();
        // One that panicked has told nothing, and the next process will.
        let mut tasks = self.tasks;
        while tasks.join_next().await.is_some() {}
        if let Err(error) = self.ledger.release_notify_cursors(&self.owner).await {
            tracing::debug!(error = %WithCauses(&error), "the outbox's leases run out by themselves");
        }
    }
}

/// What one destination is told, by a task of its own: one that hangs holds up no other.
struct Round {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    owner: String,
    destination: Destination,
}

impl Round {
    async fn run(self, stop: CancellationToken) {
        while let Err(error) = self.open().await {
            tracing::warn!(error = %WithCauses(&error), "cannot open the outbox; trying again");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        while !stop.is_cancelled() {
            self.tell_patiently().await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        let begun = Instant::now();
        let farewell = async {
            while self.tell_patiently().await && begun.elapsed() < FAREWELL {
                tokio::time::sleep(BACKOFF).await;
            }
        };
        // A message that hangs is broken off: it is told again.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }

    /// Makes the destination known: it is told of what happens from now on.
    async fn open(&self) -> Result<(), LedgerError> {
        self.ledger.open_notify_cursor(&self.destination.name).await
    }

    /// Tells what there is; whether there is more.
    async fn tell_patiently(&self) -> bool {
        let told = async {
            let name = &self.destination.name;
            let now = self.clock.now();
            let due = self.ledger.due_notify_cursors(&self.owner, now).await?;
            if due.contains(name) {
                self.tell().await?;
            }
            self.ledger.has_unsent(vec![name]).await
        };
        match told.await {
            Ok(more) => more,
            Err(error) => {
                tracing::warn!(error = %WithCauses(&error), "the outbox cannot read the ledger; trying again");
                true
            }
        }
    }

    /// Tells all that it has not been told, until it fails.
    async fn tell(&self) -> Result<(), LedgerError> {
        let destination = &self.destination;
        let name = destination.name.as_str();
        loop {
            let now = self.clock.now();
            let lease_until = now.after(LEASE);
            let claimed = self
                .ledger
                .claim_notify_cursor(name, &self.owner, now, lease_until)
                .await?;
            let Some(cursor) = claimed else {
                return Ok(());
            };
            let rows = self
                .ledger
                .audit(&AuditFilter::default(), cursor.seq, ROWS)
                .await?;
            let wanted = |row: &&AuditRow| {
                destination.events.contains(&row.event) && now.since(row.at) < STALE_AFTER
            };
            let Some(row) = rows.iter().find(wanted) else {
                let Some(last) = rows.last() else {
                    return Ok(());
                };
                self.ledger
                    .advance_notify_cursor(name, &self.owner, last.seq)
                    .await?;
                continue;
            };
            let campaign = match &row.campaign {
                Some(name) => self.ledger.campaign(name).await?,
                None => None,
            };
            let message = Message::of(row, campaign.as_ref());
            match destination.send(&message, now).await {
                Ok(()) => {
                    tracing::debug!(destination = name, event = %row.event, "told");
                    self.ledger
                        .advance_notify_cursor(name, &self.owner, row.seq)
                        .await?;
                }
                Err(error) => {
                    let pause = pause(cursor.failures, error.retry_after());
                    let next_at = self.clock.now().after(pause);
                    let why = WithCauses(&error).to_string();
                    tracing::warn!(
                        destination = name,
                        event = %row.event,
                        error = why,
                        "a notification did not arrive; it is sent again"
                    );
                    return self
                        .ledger
                        .fail_notify_cursor(name, &self.owner, next_at, &why)
                        .await;
                }
            }
        }
    }
}

/// The pause after so many failures before: as long as the other side asks for at least, within reason.
fn pause(failures: i64, asked_for: Option<Duration>) -> Duration {
    let doublings = u32::try_from(failures.clamp(0, 20)).unwrap_or(0);
    let backoff = BACKOFF
        .saturating_mul(2_u32.pow(doublings))
        .min(BACKOFF_MAX);
    backoff.max(asked_for.unwrap_or_default().min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_to_its_limit() {
        assert_eq!(pause(0, None), Duration::from_secs(1));
        assert_eq!(pause(3, None), Duration::from_secs(8));
        assert_eq!(pause(400, None), BACKOFF_MAX);
    }

    #[test]
    fn what_a_receiver_asks_for_is_kept_within_reason() {
        let asked = Some(Duration::from_secs(30));
        assert_eq!(pause(0, asked), Duration::from_secs(30));
        assert_eq!(pause(6, asked), Duration::from_secs(64));
        assert_eq!(pause(0, Some(Duration::from_hours(48))), RETRY_AFTER_MAX);
    }
}
