//! Campaigns' own ceilings: at most so many calls of a campaign in any window, whoever makes them.
//!
//! A ceiling is a lane beside the tenant's, with the campaign's rate for its limit, and a call needs
//! leave of both. So it holds as the tenant's own budget does: over a sliding window, across all
//! processes through Redis, or in the one process that holds the tenant's lane, which begins it with
//! what the ledger knows of the campaign's calls. It is never told of a throttle, and learns nothing.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_domain::{CampaignId, Clock, Rate, WithCauses};
use repilot_ledger::{Ledger, LedgerError, RatedCampaign};
use repilot_throttle::{CallHistory, Lane, LaneSeed, LaneSettings, SeededCall, SharedBudgets};

/// The ceilings of a tenant's campaigns, as far as this process knows them.
#[derive(Default)]
pub(crate) struct Ceilings(RwLock<HashMap<CampaignId, (Rate, Lane)>>);

impl Ceilings {
    /// Knows from now on these ceilings, and no others.
    pub(crate) async fn learn(
        &self,
        ledger: &Ledger,
        budgets: Option<&SharedBudgets>,
        rated: &[&RatedCampaign],
        clock: &Arc<dyn Clock>,
    ) -> Result<(), LedgerError> {
        for campaign in rated {
            if self.lane(campaign.id, campaign.rate).is_none() {
                let lane = begin(ledger, budgets, campaign, clock).await?;
                let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
                known.insert(campaign.id, (campaign.rate, lane));
            }
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|id, _| rated.iter().any(|campaign| campaign.id == *id));
        Ok(())
    }

    /// The lane that a campaign's calls need leave of; none while this process does not know the
    /// campaign at this rate.
    pub(crate) fn lane(&self, campaign: CampaignId, rate: Rate) -> Option<Lane> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (known_rate, lane) = known.get(&campaign)?;
        (*known_rate == rate).then(|| lane.clone())
    }

    /// How many calls of each campaign could leave within that time.
    pub(crate) fn forecasts(&self, within: Duration) -> Vec<(CampaignId, usize)> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let forecast = |(id, (_, lane)): (&CampaignId, &(Rate, Lane))| {
            let calls = usize::try_from(lane.forecast(within)).unwrap_or(usize::MAX);
            (*id, calls)
        };
        known.iter().map(forecast).collect()
    }
}

async fn begin(
    ledger: &Ledger,
    budgets: Option<&SharedBudgets>,
    campaign: &RatedCampaign,
    clock: &Arc<dyn Clock>,
) -> Result<Lane, LedgerError> {
    let rate = campaign.rate;
    let settings = LaneSettings {
        limit: rate.calls,
        window: rate.window,
        in_flight: None,
    };
    let seed = LaneSeed {
        recent: calls(ledger, campaign.id, rate, clock.as_ref()).await?,
        ..LaneSeed::default()
    };
    let rng = Box::new(StdRng::from_rng(&mut rand::rng()));
    Ok(match budgets {
        Some(budgets) => {
            let name = format!("{}:campaign-{}:{rate}", campaign.tenant, campaign.id);
            let history = history(ledger.clone(), campaign.id, rate, Arc::clone(clock));
            Lane::shared(budgets, &name, settings, seed, Some(history), rng)
        }
        None => Lane::new(settings, &seed, rng),
    })
}

/// What the ledger knows of a campaign's calls, whenever it is asked.
fn history(ledger: Ledger, campaign: CampaignId, rate: Rate, clock: Arc<dyn Clock>) -> CallHistory {
    Arc::new(move || {
        let (ledger, clock) = (ledger.clone(), Arc::clone(&clock));
        Box::pin(async move {
            match calls(&ledger, campaign, rate, clock.as_ref()).await {
                Ok(calls) => Some(calls),
                Err(error) => {
                    tracing::warn!(
                        campaign.id = campaign.0,
                        error = %WithCauses(&error),
                        "the ledger did not say which calls left lately"
                    );
                    None
                }
            }
        })
    })
}

async fn calls(
    ledger: &Ledger,
    campaign: CampaignId,
    rate: Rate,
    clock: &dyn Clock,
) -> Result<Vec<SeededCall>, LedgerError> {
    let now = clock.now();
    let since = now.before(rate.window);
    let calls = ledger.campaign_calls(campaign, since, now).await?;
    let seeded = calls.iter().map(|answered_at| SeededCall {
        answered_ago: now.since(*answered_at),
        throttled: false,
    });
    Ok(seeded.collect())
}
