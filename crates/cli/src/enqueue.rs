//! A plan into the ledger: streamed in chunks; doing it again adds nothing.

use repilot_domain::{Action, CampaignId, CampaignStatus};
use repilot_ledger::{Enqueued, Ledger, NewCampaign, NewJob, Refusal};
use repilot_producer::{Inventory, Planner, Resolution};

use crate::app::App;
use crate::failure::Failure;
use crate::planning::Target;

/// Rows a transaction: fast, and soon over for whoever waits.
const CHUNK: usize = 4_096;

/// Enqueues every device of the list that the inventory knows.
pub(crate) async fn enqueue(
    app: &App,
    ledger: &Ledger,
    target: &Target,
    inventory: &Inventory,
    campaign: &str,
) -> anyhow::Result<(CampaignId, Enqueued)> {
    let new = NewCampaign {
        name: campaign.to_owned(),
        tenant: target.tenant.name.clone(),
        action: Action::Unassign,
        list_name: target.list.name().to_owned(),
        list_sha256: target.list.sha256().to_owned(),
    };
    let opened = ledger.open_campaign(&new, app.now()).await?;
    let cancelled = ledger.campaign(campaign).await?;
    if cancelled.is_some_and(|found| found.status == CampaignStatus::Cancelled) {
        return Err(Failure::error(
            format!("campaign `{campaign}` was cancelled"),
            "choose another name with --campaign NAME",
        ));
    }
    let mut planner = Planner::new(inventory);
    let mut jobs = Vec::with_capacity(CHUNK);
    let mut refusals = Vec::new();
    let mut total = Enqueued::default();
    for row in target.list.rows()? {
        let row = row?;
        let line = row.line;
        match planner.resolve(row) {
            Resolution::Planned(device) => jobs.push(NewJob {
                device: device.clone(),
                line,
            }),
            Resolution::Merged { .. } => {}
            Resolution::Refused(refused) => refusals.push(Refusal {
                line: refused.line,
                value: refused.value,
                reason: refused.reason.as_str().to_owned(),
                detail: refused.detail,
            }),
        }
        if jobs.len() == CHUNK || refusals.len() == CHUNK {
            add(
                &mut total,
                flush(app, ledger, opened.id, &mut jobs, &mut refusals).await?,
            );
        }
    }
    add(
        &mut total,
        flush(app, ledger, opened.id, &mut jobs, &mut refusals).await?,
    );
    // Whatever changed under our hands is in, and nothing is lost; but it is not what was planned.
    target.list.verify()?;
    ledger.finish_enqueue(opened.id, app.now()).await?;
    Ok((opened.id, total))
}

fn add(total: &mut Enqueued, chunk: Enqueued) {
    total.added += chunk.added;
    total.present += chunk.present;
}

async fn flush(
    app: &App,
    ledger: &Ledger,
    campaign: CampaignId,
    jobs: &mut Vec<NewJob>,
    refusals: &mut Vec<Refusal>,
) -> anyhow::Result<Enqueued> {
    let enqueued = ledger.enqueue(campaign, jobs, app.now()).await?;
    if !refusals.is_empty() {
        ledger.record_refusals(campaign, refusals).await?;
    }
    jobs.clear();
    refusals.clear();
    Ok(enqueued)
}
