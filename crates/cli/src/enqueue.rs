//! A plan into the ledger: streamed in chunks; doing it again adds nothing.

use repilot_domain::{Action, CampaignId};
use repilot_ledger::{Enqueued, Ledger, NewCampaign, NewJob, NewList, Refusal};
use repilot_producer::{Inventory, Planner, Resolution};

use crate::app::App;
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
    };
    let list = NewList {
        sha256: target.list.sha256().to_owned(),
        name: target.list.name().to_owned(),
    };
    let opened = ledger.open_campaign(&new, app.now()).await?;
    let into = Into {
        app,
        ledger,
        campaign: opened.id,
        list: &list,
    };
    ledger.begin_list(opened.id, &list, app.now()).await?;
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
            into.flush(&mut jobs, &mut refusals, &mut total).await?;
        }
    }
    into.flush(&mut jobs, &mut refusals, &mut total).await?;
    // Whatever changed under our hands is in, and nothing is lost; but it is not what was planned.
    target.list.verify()?;
    let sha256 = &list.sha256;
    ledger.finish_list(opened.id, sha256, app.now()).await?;
    Ok((opened.id, total))
}

/// Where a list goes.
struct Into<'a> {
    app: &'a App,
    ledger: &'a Ledger,
    campaign: CampaignId,
    list: &'a NewList,
}

impl Into<'_> {
    async fn flush(
        &self,
        jobs: &mut Vec<NewJob>,
        refusals: &mut Vec<Refusal>,
        total: &mut Enqueued,
    ) -> anyhow::Result<()> {
        let now = self.app.now();
        let enqueued = self.ledger.enqueue(self.campaign, jobs, now).await?;
        total.added += enqueued.added;
        total.present += enqueued.present;
        if !refusals.is_empty() {
            let sha256 = &self.list.sha256;
            self.ledger
                .record_refusals(self.campaign, sha256, refusals)
                .await?;
        }
        jobs.clear();
        refusals.clear();
        Ok(())
    }
}
