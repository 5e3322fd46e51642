//! What the dashboard does with campaigns afterwards: verified and rolled back as by the commands.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use repilot_dashboard::{
    Progress, Refused, RollbackMeant, RollbackPlan, RolledBack, VerificationReport, Verify,
    VerifyAndRollback,
};
use repilot_domain::{Actor, JobQuery, TenantName};
use repilot_ledger::{Campaign, Ledger};
use repilot_producer::Fingerprint;

use crate::app::{self, App};
use crate::args::RollbackArguments;
use crate::campaign::rollback::{self, WayBack};
use crate::campaign::verification;
use crate::dashboard_services::plan_list::{apart, refused};
use crate::inventory::{self, Freshness};
use crate::plan::least_time::least_time;
use crate::tenant::tenants;
use crate::terminal::failure::Failure;
use crate::terminal::output::moment;

/// What verifies and rolls back; a rehearsal's tenant lives only as long as its run.
pub(crate) fn aftermath(app: &App, ledger: &Ledger) -> Option<Arc<dyn VerifyAndRollback>> {
    if app.is_simulated() {
        return None;
    }
    Some(Arc::new(Afterwards {
        app: app.clone(),
        ledger: ledger.clone(),
    }))
}

#[derive(Clone)]
struct Afterwards {
    app: App,
    ledger: Ledger,
}

/// A rollback as it would be enqueued.
struct Made {
    campaign: Campaign,
    name: String,
    back: WayBack,
    listed_at: repilot_domain::Timestamp,
}

impl Made {
    /// Of the devices and who they go back to.
    fn sha256(&self) -> String {
        let mut fingerprint = Fingerprint::default();
        for job in &self.back.jobs {
            fingerprint.part(job.device.id.as_str());
            fingerprint.part(job.task.action.as_str());
            fingerprint.part(&job.task.new_user);
        }
        fingerprint.finish()
    }
}

impl Afterwards {
    fn acting_for(&self, by: Actor) -> Self {
        let mut own = self.clone();
        own.app.actor = by;
        own
    }

    async fn verified(
        self,
        name: String,
        verify: Verify,
        progress: Progress,
    ) -> anyhow::Result<VerificationReport> {
        let campaign = app::campaign(&self.ledger, &name).await?;
        verification::must_be_known(&campaign)?;
        let until = self.app.now().before(verify.after);
        let ready = self.ledger.verifiable(campaign.id, until).await?;
        if ready.old_enough == 0 {
            let why = verification::nothing(ready.too_young, verify.after);
            return Err(Failure::error(
                format!("nothing to verify: {why}"),
                "Verify later, or with a shorter time.",
            ));
        }
        let verified =
            verification::verify(&self.app, &self.ledger, &campaign, verify, &progress).await?;
        Ok(verified.report)
    }

    async fn made(
        &self,
        name: &str,
        freshness: Freshness,
        progress: &Progress,
    ) -> anyhow::Result<Made> {
        let campaign = app::campaign(&self.ledger, name).await?;
        verification::must_be_known(&campaign)?;
        let tenant = tenants::build(&self.app.settings, &self.app.clock, &campaign.tenant)?;
        let arguments = RollbackArguments::of(name);
        let all = JobQuery::default();
        let name = rollback::name_of(&self.ledger, &arguments, &campaign, &all).await?;
        let known = self.ledger.campaign(&name).await?;
        if known.as_ref().is_some_and(|known| !known.is_incomplete()) {
            return Err(Failure::error(
                format!("campaign `{name}` is taking it back already"),
                "Look at that campaign; nothing was enqueued.",
            ));
        }
        let listed =
            inventory::obtain(&self.app, &self.ledger, &tenant, freshness, progress).await?;
        let known = known.map(|known| known.id);
        let busy = self.ledger.devices_in_hand(&campaign.tenant, known).await?;
        let inventory = &listed.inventory;
        let back = rollback::plan(&self.ledger, &campaign, &all, inventory, &busy).await?;
        rollback::accept(&self.app, &arguments, &campaign, &back)?;
        Ok(Made {
            campaign,
            name,
            back,
            listed_at: listed.listed_at,
        })
    }

    async fn planned(self, name: String, progress: Progress) -> anyhow::Result<RollbackPlan> {
        let made = self.made(&name, Freshness::Now, &progress).await?;
        let plan_sha256 = made.sha256();
        let Made {
            campaign,
            name,
            back,
            listed_at,
        } = made;
        let refused = back.refused().into_iter();
        let calls = back.calls();
        let takes = least_time(&self.app, &self.ledger, &campaign.tenant, calls).await?;
        let all = JobQuery::default();
        Ok(RollbackPlan {
            devices: back.jobs.len() as u64,
            refused: refused
                .map(|(reason, count)| (reason.to_owned(), count))
                .collect(),
            nothing_done: back.nothing_done,
            listed_at,
            plan_sha256,
            text: rollback::described(&campaign, &all, &back, &moment(listed_at), takes),
            question: rollback::question(&campaign, &back),
            campaign: name,
        })
    }

    async fn rolled_back(
        self,
        name: String,
        meant: RollbackMeant,
        progress: Progress,
    ) -> anyhow::Result<RolledBack> {
        let RollbackMeant {
            plan_sha256,
            sighted_within,
        } = meant;
        // What was shown was listed a moment ago: its inventory is gone on with while it is fresh.
        let freshness = match plan_sha256 {
            Some(_) => Freshness::Setting,
            None => Freshness::Now,
        };
        let made = self.made(&name, freshness, &progress).await?;
        if plan_sha256.is_some_and(|shown| shown != made.sha256()) {
            return Err(Failure::error(
                "the inventory or the campaign has changed since the plan was shown, and other devices would be meant",
                "Make the plan again, and look at it; nothing was enqueued.",
            ));
        }
        let (of, name, back) = (&made.campaign, &made.name, &made.back);
        let enqueued = rollback::enqueue(
            &self.app,
            &self.ledger,
            of,
            &JobQuery::default(),
            name,
            back,
            (made.listed_at, sighted_within),
        )
        .await?;
        Ok(RolledBack {
            campaign: enqueued.name,
            jobs: enqueued.counts.total,
        })
    }
}

impl VerifyAndRollback for Afterwards {
    fn hindrance(&self, tenant: &TenantName) -> Option<Refused> {
        if tenant.as_str() == tenants::SIMULATED {
            return Some(Refused {
                why: "this campaign was a rehearsal, and its simulated Graph is gone".to_owned(),
                advice: "Rehearse against `repilot simulate`, which stays up.".to_owned(),
            });
        }
        let built = tenants::build(&self.app.settings, &self.app.clock, tenant);
        let error = built.err()?;
        let Refused { why, advice } = refused(&error);
        Some(Refused {
            why: format!("this dashboard cannot ask tenant `{tenant}`: {why}"),
            advice: format!(
                "Give it the tenant's settings and credentials and start it again, or use the command line where they are. ({advice})"
            ),
        })
    }

    fn verify(
        &self,
        campaign: String,
        verify: Verify,
        by: Actor,
        progress: Progress,
    ) -> BoxFuture<'static, Result<VerificationReport, Refused>> {
        apart(self.acting_for(by).verified(campaign, verify, progress)).boxed()
    }

    fn plan_rollback(
        &self,
        campaign: String,
        progress: Progress,
    ) -> BoxFuture<'static, Result<RollbackPlan, Refused>> {
        apart(self.clone().planned(campaign, progress)).boxed()
    }

    fn roll_back(
        &self,
        campaign: String,
        meant: RollbackMeant,
        by: Actor,
        progress: Progress,
    ) -> BoxFuture<'static, Result<RolledBack, Refused>> {
        let own = self.acting_for(by);
        apart(own.rolled_back(campaign, meant, progress)).boxed()
    }
}
