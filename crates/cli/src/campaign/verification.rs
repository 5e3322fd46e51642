//! A campaign held against the inventory as it is now: what the command and the dashboard share.

use std::time::Duration;

use repilot_dashboard::{Progress, VerificationReport, Verify};
use repilot_ledger::{Campaign, Ledger, LedgerError};

use crate::app::{self, App};
use crate::inventory::{self, Freshness};
use crate::tenant::tenants;
use crate::terminal::failure::Failure;
use crate::terminal::output::{lasting, moment};

/// What a verification says, and whether the inventory shows any user at all.
pub(crate) struct Verified {
    pub(crate) report: VerificationReport,
    pub(crate) shows_users: bool,
}

/// Holds what succeeded so long ago against the inventory, listed anew.
pub(crate) async fn verify(
    app: &App,
    ledger: &Ledger,
    campaign: &Campaign,
    Verify { after, requeue }: Verify,
    progress: &Progress,
) -> anyhow::Result<Verified> {
    let tenant = tenants::build(&app.settings, &app.clock, &campaign.tenant)?;
    let listing = inventory::list(app, ledger, &tenant, Freshness::Anew, progress).await?;
    let until = listing.begun_at.before(after);
    let by = app.actor(&campaign.tenant);
    let verified = ledger
        .verify(campaign.id, &listing, until, &by, app.now())
        .await;
    let users = match verified {
        Err(LedgerError::Contended) => {
            return Err(Failure::error(
                "the campaign or the inventory changed while it was being verified",
                "run the same command again",
            ));
        }
        verified => verified?,
    };
    let requeued = if requeue {
        ledger.reopen(campaign.id, &by, app.now()).await?
    } else {
        0
    };
    let too_young = ledger.verifiable(campaign.id, until).await?.too_young;
    let campaign = app::campaign(ledger, &campaign.name).await?;
    Ok(Verified {
        report: VerificationReport {
            campaign: campaign.name,
            listed_at: listing.begun_at,
            verification: campaign.counts.verification,
            too_young,
            requeued,
        },
        shows_users: users > 0,
    })
}

/// Of a campaign that was forgotten, or whose Graph is gone, nothing can be verified.
pub(crate) fn must_be_known(campaign: &Campaign) -> anyhow::Result<()> {
    if let Some(pruned_at) = campaign.pruned_at {
        return Err(Failure::error(
            format!(
                "the jobs of campaign `{}` were forgotten on {}",
                campaign.name,
                moment(pruned_at)
            ),
            "its totals, its verification and its audit are kept: `repilot report` shows them",
        ));
    }
    if campaign.tenant.as_str() == tenants::SIMULATED {
        return Err(Failure::error(
            format!(
                "campaign `{}` was a rehearsal, and its simulated Graph is gone",
                campaign.name
            ),
            "rehearse against `repilot simulate`, which stays up",
        ));
    }
    Ok(())
}

/// Why there is nothing to verify yet.
pub(crate) fn nothing(too_young: i64, after: Duration) -> String {
    if too_young == 0 {
        return "no job has succeeded yet".to_owned();
    }
    format!(
        "each of the {too_young} jobs succeeded less than {} ago, and Graph shows effects late",
        lasting(after)
    )
}
