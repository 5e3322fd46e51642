//! A tenant's inventory: from the ledger while it is fresh, else from Graph, page by page, to its
//! end. An incomplete one is an error.

pub(crate) mod read_retry;

use std::collections::HashSet;
use std::time::Duration;

use repilot_dashboard::Progress;
use repilot_domain::Timestamp;
use repilot_graph::{CallRecord, GraphError, ListingCheck, NextLink};
use repilot_ledger::{Ledger, LedgerError, Listing};
use repilot_producer::Inventory;
use repilot_worker::Tenant;

use crate::app::App;
use crate::inventory::read_retry::{Failures, said_on_record, with_request_id};
use crate::profile;
use crate::terminal::failure::Failure;
use crate::terminal::output::{lasting, say};
use crate::terminal::progress::Spinner;

/// A listing that was broken off longer ago is begun anew: its link may be forgotten, and its first
/// pages are old.
const RESUME_WITHIN: Duration = Duration::from_hours(1);

/// An inventory and how old it is.
pub(crate) struct ListedInventory {
    pub(crate) inventory: Inventory,
    /// What it says is no younger.
    pub(crate) listed_at: Timestamp,
    /// Items that could not be read and are left out, in words.
    pub(crate) unreadable: Vec<String>,
}

/// How fresh an inventory must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// No older than the setting says.
    Setting,
    /// Listed now; a listing that was broken off is gone on with.
    Now,
    /// Listed now from its first page: somebody asks for it, or the fleet of that name is another.
    Anew,
}

/// The tenant's inventory.
pub(crate) async fn obtain(
    app: &App,
    ledger: &Ledger,
    tenant: &Tenant,
    freshness: Freshness,
    progress: &Progress,
) -> anyhow::Result<ListedInventory> {
    if freshness == Freshness::Setting
        && let Some(kept) = ledger.listing(&tenant.name, &tenant.source, true).await?
    {
        let age = app.now().since(kept.begun_at);
        if age <= app.settings.inventory.max_age.0 && kept.begun_at <= app.now() {
            say(&format!(
                "inventory of {} devices, listed {} ago; --refresh lists it anew",
                kept.devices,
                lasting(age)
            ));
            return load(ledger, &kept).await;
        }
    }
    let listing = list(app, ledger, tenant, freshness, progress).await?;
    load(ledger, &listing).await
}

/// The devices of a complete listing.
pub(crate) async fn load(ledger: &Ledger, listing: &Listing) -> anyhow::Result<ListedInventory> {
    let mut inventory = Inventory::default();
    ledger
        .listed_devices(listing, |device| inventory.push(device))
        .await?;
    Ok(ListedInventory {
        inventory,
        listed_at: listing.begun_at,
        unreadable: listing.unreadable.clone(),
    })
}

/// How long a claim on a listing holds; it is renewed with each page.
const CLAIM: Duration = Duration::from_secs(45);

/// Between two looks at whether another process has listed the tenant.
const CLAIM_AGAIN: Duration = Duration::from_millis(200);

/// Lists every device of the tenant into the ledger; `progress` says how far it is to others. Waits
/// while another process lists it.
pub(crate) async fn list(
    app: &App,
    ledger: &Ledger,
    tenant: &Tenant,
    freshness: Freshness,
    progress: &Progress,
) -> anyhow::Result<Listing> {
    let owner = format!("{} {}", std::process::id(), app.now().as_millis());
    let mut waits = false;
    while !claim(app, ledger, tenant, &owner).await? {
        if !std::mem::replace(&mut waits, true) {
            say("another process lists this tenant just now; waiting for it");
        }
        tokio::time::sleep(CLAIM_AGAIN).await;
    }
    let listed = list_claimed(app, ledger, tenant, (freshness, &owner), progress).await;
    let released = ledger.release_listing(&tenant.name, &owner, Timestamp::default());
    // What failed first is what is told.
    let released = released.await;
    let listing = listed?;
    released?;
    Ok(listing)
}

async fn claim(app: &App, ledger: &Ledger, tenant: &Tenant, owner: &str) -> anyhow::Result<bool> {
    let now = app.now();
    let claimed = ledger.claim_listing(&tenant.name, owner, now, now.after(CLAIM));
    Ok(claimed.await?)
}

async fn list_claimed(
    app: &App,
    ledger: &Ledger,
    tenant: &Tenant,
    (freshness, owner): (Freshness, &str),
    progress: &Progress,
) -> anyhow::Result<Listing> {
    let budgets = profile::budgets(app)?;
    let lane = repilot_worker::reads_lane(ledger, budgets.as_ref(), tenant, app.now()).await?;
    let spinner = Spinner::start("listing the inventory");
    let resumed = match freshness {
        Freshness::Anew => None,
        Freshness::Now => broken_off(app, ledger, tenant, RESUME_WITHIN).await?,
        Freshness::Setting => {
            let within = app.settings.inventory.max_age.0.min(RESUME_WITHIN);
            broken_off(app, ledger, tenant, within).await?
        }
    };
    let (mut listing, mut next) = match resumed {
        Some((listing, next)) => {
            say(&format!(
                "going on with a listing that was broken off after {} devices",
                listing.devices
            ));
            (listing, Some(next))
        }
        None => (
            ledger
                .begin_listing(&tenant.name, &tenant.source, app.now())
                .await?,
            None,
        ),
    };
    let mut check = check_of(ledger, &listing).await?;
    let mut from_kept_link = next.is_some();
    let mut followed = HashSet::new();
    let mut failures = Failures::default();
    loop {
        let mut sent_at = app.now();
        let page = async {
            sent_at = app.now();
            tenant.client.inventory_page(next.as_ref()).await
        };
        let call = read_retry::ask(&lane, page).await;
        match call.result {
            Ok(mut page) => {
                failures = Failures::default();
                from_kept_link = false;
                if let Err(fault) = check.take(&mut page) {
                    let hint = "run the same command again: a list that changed meanwhile may be whole then; \
                                if it is not, report it to Microsoft with the request-id; nothing was enqueued";
                    let message = with_request_id(fault.to_string(), &call.record);
                    let listed = listing.devices;
                    return Err(incomplete(tenant, listed, Failure::error(message, hint)));
                }
                listing.promised = check.promised();
                listing.unreadable = check.broken().to_vec();
                if let Some(link) = &page.next
                    && !followed.insert(link.clone())
                {
                    let message = "the pages of Graph's listing lead round in a circle";
                    let hint = "run the same command again; nothing was enqueued";
                    let listed = listing.devices;
                    return Err(incomplete(tenant, listed, Failure::error(message, hint)));
                }
                let link = page.next.as_ref().map(NextLink::as_str);
                let times = (sent_at, app.now());
                keep(ledger, &mut listing, &page.devices, link, times).await?;
                claim(app, ledger, tenant, owner).await?;
                progress.note(listing.devices);
                spinner.show(&format!(
                    "listing the inventory: {} devices",
                    listing.devices
                ));
                if page.next.is_none() {
                    return Ok(listing);
                }
                next = page.next;
            }
            // Graph no longer knows the link.
            Err(GraphError::Rejected | GraphError::LinkForgotten) if from_kept_link => {
                listing = ledger
                    .begin_listing(&tenant.name, &tenant.source, app.now())
                    .await?;
                check = ListingCheck::default();
                next = None;
                from_kept_link = false;
            }
            Err(error) => {
                if !failures.may_pass(&error).await {
                    return Err(given_up(tenant, &error, &call.record, listing.devices));
                }
            }
        }
    }
}

/// What a listing that goes on is held against: what it has brought so far.
async fn check_of(ledger: &Ledger, listing: &Listing) -> anyhow::Result<ListingCheck> {
    if listing.pages == 0 {
        return Ok(ListingCheck::default());
    }
    let (pages, broken) = (listing.pages.unsigned_abs(), listing.unreadable.clone());
    let mut check = ListingCheck::resumed(pages, listing.promised, broken);
    ledger
        .listed_devices(listing, |device| check.know(&device.id))
        .await?;
    Ok(check)
}

/// A listing that was broken off a short while ago, and where it goes on.
async fn broken_off(
    app: &App,
    ledger: &Ledger,
    tenant: &Tenant,
    within: Duration,
) -> anyhow::Result<Option<(Listing, NextLink)>> {
    let Some(listing) = ledger.listing(&tenant.name, &tenant.source, false).await? else {
        return Ok(None);
    };
    if app.now().since(listing.begun_at) > within {
        return Ok(None);
    }
    let link = listing.next_link.clone();
    let next = link.and_then(|link| tenant.client.next_link(link));
    Ok(next.map(|next| (listing, next)))
}

async fn keep(
    ledger: &Ledger,
    listing: &mut Listing,
    devices: &[repilot_domain::Device],
    next: Option<&str>,
    times: (Timestamp, Timestamp),
) -> anyhow::Result<()> {
    match ledger.keep_page(listing, devices, next, times).await {
        Err(LedgerError::Contended) => Err(Failure::error(
            format!(
                "another process has begun to list the inventory of tenant `{}`",
                listing.tenant
            ),
            "wait until it has listed it, and run the same command again",
        )),
        kept => Ok(kept?),
    }
}

fn given_up(
    tenant: &Tenant,
    error: &GraphError,
    record: &CallRecord,
    listed: i64,
) -> anyhow::Error {
    let hint = match error {
        _ if record.hint.is_some() => record.hint.as_deref().unwrap_or_default(),
        GraphError::Unreachable => {
            "check the network, DNS and proxy, and `[graph] cloud` or `root`"
        }
        GraphError::Systemic(_) | GraphError::Unauthorized => {
            "run `repilot check` to see what is missing"
        }
        GraphError::Foreign(_) => read_retry::NOT_GRAPH,
        GraphError::NoCollection(_) => read_retry::NO_COLLECTION,
        _ => "run the same command again; nothing was enqueued",
    };
    let message = said_on_record(error, record);
    incomplete(tenant, listed, Failure::error(message, hint))
}

fn incomplete(tenant: &Tenant, listed: i64, error: anyhow::Error) -> anyhow::Error {
    error.context(format!(
        "the inventory of tenant `{}` is incomplete after {listed} devices, so it is not used",
        tenant.name
    ))
}
