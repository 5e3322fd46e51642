//! A plan into the ledger: streamed in chunks; doing it again adds nothing.

use std::collections::BTreeMap;

use repilot_domain::{Action, CampaignId, Timestamp};
use repilot_ledger::{Enqueued, Ledger, NewCampaign, NewJob, NewList, Refusal};
use repilot_producer::{Fingerprint, Inventory, Resolution, Selection};

use crate::app::App;
use crate::target::Target;

/// Rows a transaction: fast, and soon over for whoever waits.
const CHUNK: usize = 4_096;

/// Enqueues every device of the list that the inventory knows.
pub(crate) async fn enqueue(
    app: &App,
    ledger: &Ledger,
    target: &Target,
    inventory: &Inventory,
    planned_at: Timestamp,
    campaign: &str,
) -> anyhow::Result<(CampaignId, Enqueued)> {
    let new = NewCampaign {
        name: campaign.to_owned(),
        tenant: target.tenant.name.clone(),
        action: Action::Unassign,
    };
    let selection = &target.selection;
    let lists = lists_of(selection);
    // What was planned may have been looked at for a long time since.
    selection.verify()?;
    let opened = ledger.open_campaign(&new, app.now()).await?;
    let into = Into {
        app,
        ledger,
        campaign: opened.id,
        lists: &lists,
    };
    for list in &lists {
        ledger.begin_list(opened.id, list, app.now()).await?;
    }
    let mut jobs = Vec::with_capacity(CHUNK);
    let mut refusals = Vec::new();
    let mut total = Enqueued::default();
    for step in selection.steps(inventory, planned_at)? {
        let step = step?;
        match step.resolution {
            Resolution::Planned { device, .. } => jobs.push(NewJob {
                device: device.clone(),
                line: step.line,
            }),
            Resolution::Merged { .. } | Resolution::LeftOut => {}
            Resolution::Refused(refused) => {
                let refusal = Refusal {
                    line: refused.line,
                    value: refused.value,
                    reason: refused.reason.as_str().to_owned(),
                    detail: refused.detail,
                };
                refusals.push((step.list.unwrap_or_default(), refusal));
            }
        }
        if jobs.len() == CHUNK || refusals.len() == CHUNK {
            into.flush(&mut jobs, &mut refusals, &mut total).await?;
        }
    }
    into.flush(&mut jobs, &mut refusals, &mut total).await?;
    // Whatever changed under our hands is in, and nothing is lost; but it is not what was planned.
    selection.verify()?;
    // The whole last: once it is in, the campaign is resumed and no longer planned.
    for list in lists.iter().rev() {
        ledger
            .finish_list(opened.id, &list.sha256, app.now())
            .await?;
    }
    Ok((opened.id, total))
}

/// What the ledger keeps of a selection: itself, and where it is more than one list, each of those,
/// so that a refused row can be found in its own.
fn lists_of(selection: &Selection) -> Vec<NewList> {
    let whole = NewList {
        sha256: selection.sha256(),
        name: selection.name(),
    };
    if let [list] = selection.lists.as_slice()
        && list.sha256() == whole.sha256
    {
        return vec![whole];
    }
    let mut lists = vec![whole];
    for (number, list) in selection.lists.iter().enumerate() {
        // Of this selection: the same list alone is another one.
        let mut fingerprint = Fingerprint::default();
        fingerprint.part(&lists[0].sha256);
        fingerprint.part(number.to_string());
        lists.push(NewList {
            sha256: fingerprint.finish(),
            name: list.name().to_owned(),
        });
    }
    lists
}

/// Where a selection goes.
struct Into<'a> {
    app: &'a App,
    ledger: &'a Ledger,
    campaign: CampaignId,
    /// Itself, and its parts.
    lists: &'a [NewList],
}

impl Into<'_> {
    async fn flush(
        &self,
        jobs: &mut Vec<NewJob>,
        refusals: &mut Vec<(usize, Refusal)>,
        total: &mut Enqueued,
    ) -> anyhow::Result<()> {
        let now = self.app.now();
        let enqueued = self.ledger.enqueue(self.campaign, jobs, now).await?;
        total.added += enqueued.added;
        total.present += enqueued.present;
        jobs.clear();
        let mut by_list: BTreeMap<usize, Vec<Refusal>> = BTreeMap::new();
        for (list, refusal) in refusals.drain(..) {
            by_list.entry(list).or_default().push(refusal);
        }
        for (list, refusals) in by_list {
            // One list alone is the selection itself.
            let list = self.lists.get(list + 1).unwrap_or(&self.lists[0]);
            self.ledger
                .record_refusals(self.campaign, &list.sha256, &refusals)
                .await?;
        }
        Ok(())
    }
}
