//! Lists a tenant when many of its devices are about to be called and were seen too long ago.
//!
//! One request shows a thousand devices, where a look shows one: whichever costs fewer requests is
//! made. One process lists for all of them, by a claim in the ledger; the others hold jobs back that
//! need what it will show, and look at their devices one by one where it takes too long or fails.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use repilot_domain::{Clock, LaneKind, TenantName, Timestamp, WithCauses, WorkerId};
use repilot_graph::{GraphError, ListingCheck, ListingFault, NextLink};
use repilot_ledger::{Ledger, LedgerError, ListingCost, SightingNeed};
use repilot_throttle::LaneSettings;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::lanes::TenantLanes;

/// Devices on a page of Graph's.
const PAGE: u64 = 1_000;

/// How long a claim on a listing holds; it is renewed with each page.
const CLAIM: Duration = Duration::from_secs(45);

/// How long a page waits for leave, and for its answer's second and third chance.
const PAGE_PATIENCE: Duration = Duration::from_secs(30);
const TRIES: u32 = 3;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// After a listing that failed devices are looked at one by one for as long.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// The longest that jobs are held back for a listing.
const HOLD_MAX: Duration = Duration::from_secs(30);

/// What is done about devices that were seen too long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// There are none.
    Nothing,
    /// They wait for a listing.
    Listing,
    /// Each is looked at before its call.
    Looks,
}

/// What a listing failed of.
#[derive(Debug, thiserror::Error)]
enum ListingError {
    #[error("Graph did not answer: {0}")]
    Graph(GraphError),
    #[error("the lane of reads gave no leave")]
    NoLeave,
    #[error("the pages lead round in a circle")]
    Circle,
    #[error(transparent)]
    Unbelievable(#[from] ListingFault),
    #[error("the worker stops")]
    Stopped,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Lists tenants beside a worker's other work.
pub(crate) struct Lister {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    owner: WorkerId,
    ending: CancellationToken,
    running: JoinSet<()>,
    /// Since when jobs of a tenant have been held back.
    held_since: HashMap<TenantName, Timestamp>,
}

impl Lister {
    pub(crate) fn new(
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        owner: WorkerId,
        ending: CancellationToken,
    ) -> Self {
        Self {
            ledger,
            clock,
            owner,
            ending,
            running: JoinSet::new(),
            held_since: HashMap::new(),
        }
    }

    /// What is done about the devices of a tenant whose due jobs were held back.
    pub(crate) async fn remedy(
        &mut self,
        lanes: &Arc<TenantLanes>,
        now: Timestamp,
    ) -> Result<Remedy, LedgerError> {
        let name = &lanes.tenant.name;
        let needs = self.ledger.sighting_needs(name, |_| Duration::ZERO, now);
        let needs = needs.await?;
        let Some(within) = needs.iter().map(|need| need.within).min() else {
            self.held_since.remove(name);
            return Ok(Remedy::Nothing);
        };
        let since = *self.held_since.entry(name.clone()).or_insert(now);
        let patience = (within / 2).min(HOLD_MAX);
        if now.since(since) > patience || now < since {
            // Looks, until the devices have been seen otherwise.
            return Ok(Remedy::Looks);
        }
        if self.list_if_cheaper(lanes, &needs, now).await? {
            return Ok(Remedy::Listing);
        }
        self.held_since.remove(name);
        Ok(Remedy::Looks)
    }

    /// Lists a tenant ahead, so that none of its jobs has to wait for it.
    pub(crate) async fn list_ahead(
        &mut self,
        lanes: &Arc<TenantLanes>,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        while self.running.try_join_next().is_some() {}
        let tenant = &lanes.tenant;
        let cost = self.ledger.listing_cost(&tenant.name, &tenant.source);
        let took = cost.await?.map(|cost| cost.took).unwrap_or_default();
        let lead = move |within: Duration| (within / 8).max(took * 2).min(within / 2);
        let needs = self.ledger.sighting_needs(&tenant.name, lead, now).await?;
        if !needs.is_empty() {
            self.list_if_cheaper(lanes, &needs, now).await?;
        }
        Ok(())
    }

    /// Whether the tenant is being listed, from now on or already.
    async fn list_if_cheaper(
        &mut self,
        lanes: &Arc<TenantLanes>,
        needs: &[SightingNeed],
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let tenant = &lanes.tenant;
        let (lease_until, retry_at) = self.ledger.listing_claim(&tenant.name).await?;
        if lease_until >= now && lease_until <= now.after(CLAIM) {
            return Ok(true);
        }
        if retry_at > now && retry_at <= now.after(RETRY_AFTER) {
            return Ok(false);
        }
        let cost = self.ledger.listing_cost(&tenant.name, &tenant.source);
        if !is_listing_cheaper(needs, cost.await?, granted(lanes)) {
            return Ok(false);
        }
        let until = now.after(CLAIM);
        let claimed = self
            .ledger
            .claim_listing(&tenant.name, &self.owner.0, now, until);
        if claimed.await? {
            self.begin(Arc::clone(lanes));
        }
        // Or somebody else was faster.
        Ok(true)
    }

    fn begin(&mut self, lanes: Arc<TenantLanes>) {
        let task = Task {
            ledger: self.ledger.clone(),
            clock: Arc::clone(&self.clock),
            owner: self.owner.clone(),
            ending: self.ending.clone(),
            lanes,
        };
        self.running.spawn(task.run());
    }

    /// Waits until no listing is under way: they end with the worker.
    pub(crate) async fn finish(mut self) {
        while self.running.join_next().await.is_some() {}
    }
}

/// What the tenant grants its writes, as far as is known.
fn granted(lanes: &TenantLanes) -> LaneSettings {
    let writes = lanes.writes.snapshot();
    LaneSettings {
        limit: writes.learnt_limit.unwrap_or(writes.configured_limit),
        window: writes.window,
        in_flight: None,
    }
}

/// So many calls may leave within that time.
fn calls_within(limit: u32, window: Duration, within: Duration) -> u64 {
    let windows = within.as_millis().div_ceil(window.as_millis().max(1));
    u64::try_from(windows)
        .unwrap_or(u64::MAX)
        .saturating_mul(u64::from(limit))
}

/// Whether a listing takes fewer requests than the looks that it saves, and is over long before the
/// first of what it shows is too old.
fn is_listing_cheaper(
    needs: &[SightingNeed],
    cost: Option<ListingCost>,
    writes: LaneSettings,
) -> bool {
    let calls = |need: &SightingNeed| {
        let by_tenant = calls_within(writes.limit, writes.window, need.within);
        let by_rate = need.rate.map_or(u64::MAX, |(limit, window)| {
            calls_within(limit, window, need.within)
        });
        (need.due as u64).min(by_tenant).min(by_rate)
    };
    let Some(within) = needs.iter().map(|need| need.within).min() else {
        return false;
    };
    let (devices, took) = cost.map_or((0, Duration::ZERO), |cost| (cost.devices, cost.took));
    let pages = devices.unsigned_abs().div_ceil(PAGE).max(1);
    let looks: u64 = needs.iter().map(calls).sum();
    pages < looks && took * 2 <= within
}

/// One listing.
struct Task {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    owner: WorkerId,
    ending: CancellationToken,
    lanes: Arc<TenantLanes>,
}

impl Task {
    async fn run(self) {
        let name = &self.lanes.tenant.name;
        let listed = tokio::select! {
            listed = self.list() => listed,
            () = self.ending.cancelled() => Err(ListingError::Stopped),
        };
        let mut retry_at = Timestamp::default();
        match listed {
            Ok(devices) => {
                tracing::debug!(tenant = %name, devices, "listed who has the tenant's devices");
            }
            Err(ListingError::Stopped) => {}
            Err(error) => {
                retry_at = self.clock.now().after(RETRY_AFTER);
                tracing::warn!(
                    tenant = %name,
                    error = %WithCauses(&error),
                    "the tenant could not be listed; its devices are looked at one by one"
                );
            }
        }
        let released = self.ledger.release_listing(name, &self.owner.0, retry_at);
        if let Err(error) = self.ledger.answered("release a listing", released).await {
            tracing::debug!(error = %WithCauses(&error), "the claim on a listing runs out by itself");
        }
    }

    /// Lists all devices; how many they are.
    async fn list(&self) -> Result<i64, ListingError> {
        let tenant = &self.lanes.tenant;
        let begun = self
            .ledger
            .begin_listing(&tenant.name, &tenant.source, self.clock.now());
        let mut listing = begun.await?;
        let mut next: Option<NextLink> = None;
        let mut followed = HashSet::new();
        let mut check = ListingCheck::default();
        loop {
            let (mut page, sent_at) = self.page(next.as_ref()).await?;
            // A listing that cannot be believed shows nobody.
            check.take(&mut page)?;
            listing.promised = check.promised();
            listing.unreadable = check.broken().to_vec();
            if let Some(link) = &page.next
                && !followed.insert(link.clone())
            {
                return Err(ListingError::Circle);
            }
            let now = self.clock.now();
            let link = page.next.as_ref().map(NextLink::as_str);
            self.ledger
                .keep_page(&mut listing, &page.devices, link, (sent_at, now))
                .await?;
            if page.next.is_none() {
                return Ok(listing.devices);
            }
            next = page.next;
            let until = now.after(CLAIM);
            self.ledger
                .claim_listing(&tenant.name, &self.owner.0, now, until)
                .await?;
        }
    }

    /// A page, and when it was asked for.
    async fn page(
        &self,
        next: Option<&NextLink>,
    ) -> Result<(repilot_graph::InventoryPage, Timestamp), ListingError> {
        let mut tries = 0;
        loop {
            let leave = self.lanes.reads.acquire_within(PAGE_PATIENCE).await;
            let permit = leave.ok_or(ListingError::NoLeave)?;
            let sent_at = self.clock.now();
            let call = self.lanes.tenant.client.inventory_page(next).await;
            let answer = self.lanes.heard(LaneKind::Reads, &call, self.clock.now());
            permit.settle(answer);
            tries += 1;
            match call.result {
                Ok(page) => return Ok((page, sent_at)),
                Err(error) if tries >= TRIES => return Err(ListingError::Graph(error)),
                Err(GraphError::Systemic(_) | GraphError::NotFound | GraphError::Rejected) => {
                    tries = TRIES;
                }
                Err(_passing) => tokio::time::sleep(BETWEEN_TRIES).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use repilot_domain::CampaignId;

    use super::*;

    const WRITES: LaneSettings = LaneSettings {
        limit: 100,
        window: Duration::from_secs(20),
        in_flight: None,
    };

    fn need(due: usize) -> SightingNeed {
        SightingNeed {
            campaign: CampaignId(1),
            seen_at: Timestamp::default(),
            within: Duration::from_mins(2),
            due,
            rate: None,
        }
    }

    fn cost(devices: i64, took_seconds: u64) -> ListingCost {
        ListingCost {
            devices,
            took: Duration::from_secs(took_seconds),
        }
    }

    #[test]
    fn whichever_takes_fewer_requests_is_made() {
        let many = [need(10_000)];
        // At 100 calls in 20 s, 600 devices are called before a listing is too old.
        assert!(is_listing_cheaper(&many, Some(cost(599_000, 50)), WRITES));
        assert!(!is_listing_cheaper(&many, Some(cost(600_000, 50)), WRITES));
        assert!(is_listing_cheaper(&[need(2)], Some(cost(1_000, 1)), WRITES));
        assert!(!is_listing_cheaper(
            &[need(1)],
            Some(cost(1_000, 1)),
            WRITES
        ));
        assert!(!is_listing_cheaper(
            &[need(2)],
            Some(cost(1_001, 1)),
            WRITES
        ));
        assert!(is_listing_cheaper(
            &[need(1), need(1)],
            Some(cost(0, 0)),
            WRITES
        ));
        assert!(!is_listing_cheaper(&[], Some(cost(10, 0)), WRITES));
    }

    #[test]
    fn a_campaigns_own_ceiling_counts_too() {
        let slow = SightingNeed {
            rate: Some((1, Duration::from_mins(1))),
            ..need(10_000)
        };
        assert!(is_listing_cheaper(&[slow], Some(cost(1_000, 1)), WRITES));
        assert!(!is_listing_cheaper(&[slow], Some(cost(2_000, 1)), WRITES));
    }

    #[test]
    fn a_listing_that_takes_too_long_is_not_made() {
        assert!(!is_listing_cheaper(
            &[need(10_000)],
            Some(cost(1_000, 61)),
            WRITES
        ));
    }
}
