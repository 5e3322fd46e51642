//! Listing a tenant's inventory, page by page, to its end: an incomplete one is an error.

use std::collections::HashSet;
use std::time::Duration;

use repilot_graph::{CallRecord, GraphError, NextLink};
use repilot_producer::Inventory;
use repilot_throttle::{Answer, Lane};
use repilot_worker::Tenant;

use crate::failure::Failure;
use crate::progress::Spinner;

/// A page may fail so often before the listing is given up.
const PAGE_ATTEMPTS: u32 = 6;

/// The wait before a page is asked for again doubles from here.
const BACKOFF: Duration = Duration::from_millis(500);

/// Lists every device of the tenant through a lane of reads.
pub(crate) async fn list(tenant: &Tenant, lane: &Lane) -> anyhow::Result<Inventory> {
    let spinner = Spinner::start("listing the inventory");
    let mut inventory = Inventory::default();
    let mut next: Option<NextLink> = None;
    let mut followed = HashSet::new();
    let mut failures = 0;
    loop {
        let permit = lane.acquire().await;
        let call = tenant.client.inventory_page(next.as_ref()).await;
        permit.settle(match &call.result {
            Ok(_) => Answer::Accepted,
            Err(GraphError::Throttled { retry_after }) => Answer::Throttled {
                retry_after: *retry_after,
            },
            Err(GraphError::Unreachable) => Answer::NotSent,
            Err(_) => Answer::Failed,
        });
        match call.result {
            Ok(page) => {
                failures = 0;
                for device in page.devices {
                    inventory.push(device);
                }
                spinner.show(&format!(
                    "listing the inventory: {} devices",
                    inventory.len()
                ));
                let Some(link) = page.next else {
                    return Ok(inventory);
                };
                if !followed.insert(link.clone()) {
                    let message = "the pages of Graph's listing lead round in a circle";
                    let hint = "run the same command again; nothing was enqueued";
                    return Err(incomplete(
                        tenant,
                        inventory.len(),
                        Failure::error(message, hint),
                    ));
                }
                next = Some(link);
            }
            // The lane waits for as long as Graph asks.
            Err(GraphError::Throttled { .. }) => {}
            Err(GraphError::Unauthorized) if failures == 0 => failures += 1,
            Err(error) => {
                failures += 1;
                let passing = matches!(
                    error,
                    GraphError::Transient { .. } | GraphError::Unreachable | GraphError::Unreadable
                );
                if !passing || failures >= PAGE_ATTEMPTS {
                    return Err(given_up(tenant, &error, &call.record, inventory.len()));
                }
                tokio::time::sleep(BACKOFF * 2_u32.pow(failures - 1)).await;
            }
        }
    }
}

fn given_up(
    tenant: &Tenant,
    error: &GraphError,
    record: &CallRecord,
    listed: usize,
) -> anyhow::Error {
    let hint = match error {
        GraphError::Unreachable => {
            "check the network, DNS and proxy, and `[graph] cloud` or `root`"
        }
        GraphError::Systemic(_) | GraphError::Unauthorized => {
            "run `repilot check` to see what is missing"
        }
        _ => "run the same command again; nothing was enqueued",
    };
    let said = record.message.clone().unwrap_or_default();
    let mut message = error.to_string();
    // A refusal of the whole tenant has Graph's words in it already.
    if !message.contains(&said) {
        message = format!("{message}: {said}");
    }
    if let Some(request) = &record.request_id {
        message = format!("{message} (request-id {request})");
    }
    incomplete(tenant, listed, Failure::error(message, hint))
}

fn incomplete(tenant: &Tenant, listed: usize, error: anyhow::Error) -> anyhow::Error {
    error.context(format!(
        "the inventory of tenant `{}` is incomplete after {listed} devices, so nothing was planned",
        tenant.name
    ))
}
