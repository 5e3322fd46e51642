//! Lists that come by the dashboard: planned and enqueued as those of the command line are.

use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use repilot_dashboard::{Deed, ListPlan, Lists, Refused, UploadedList};
use repilot_domain::{Actor, TenantName};
use repilot_ledger::Ledger;
use repilot_producer::{DeviceList, Selection};
use tokio::runtime::Handle;

use crate::app::App;
use crate::args::{ControlArguments, SelectionArguments};
use crate::campaign::enqueue;
use crate::plan::check_users::CheckUsers;
use crate::plan::made::{Made, Making};
use crate::plan::target::{self, Target};
use crate::plan::{make, text};
use crate::tenant::tenants;
use crate::terminal::failure::{Failure, hint};
use crate::terminal::output::causes;

/// What makes plans of lists; a rehearsal's tenant lives only as long as its run.
pub(crate) fn lists(app: &App, ledger: &Ledger) -> Option<Arc<dyn Lists>> {
    if app.is_simulated() {
        return None;
    }
    Some(Arc::new(Planner {
        app: app.clone(),
        ledger: ledger.clone(),
    }))
}

#[derive(Clone)]
struct Planner {
    app: App,
    ledger: Ledger,
}

/// A list, as it was uploaded.
struct Given {
    list: DeviceList,
    tenant: TenantName,
    campaign: String,
    deed: Deed,
}

impl Given {
    fn of(uploaded: &UploadedList) -> anyhow::Result<Self> {
        let file = std::fs::File::open(uploaded.path())?;
        Ok(Self {
            list: DeviceList::spool_as(file, &uploaded.name, &uploaded.deed.reading)?,
            tenant: uploaded.tenant.clone(),
            campaign: uploaded.campaign.clone(),
            deed: uploaded.deed.clone(),
        })
    }
}

impl Planner {
    /// Makes the plan; where `rejects` is a file, writes the refused rows into it.
    async fn planned(
        &self,
        given: Given,
        rejects: Option<&Path>,
    ) -> anyhow::Result<(Target, Made)> {
        let controls = controls(&given.deed);
        let name = tenants::choose(&self.app.settings, Some(&given.tenant))?;
        let tenant = tenants::build(&self.app.settings, &self.app.clock, &name)?;
        let selection = Selection {
            lists: vec![given.list],
            action: given.deed.action.unwrap_or_default(),
            user_column: given.deed.user_column,
            repairs: given.deed.repairs,
            ..Selection::default()
        };
        let check_users = CheckUsers::said(given.deed.check_users);
        target::is_plausible(&selection, check_users)?;
        let target = Target {
            selection,
            tenant,
            check_users,
            promised: None,
            simulator: None,
        };
        let known = self.ledger.campaign(&given.campaign).await?;
        if let Some(known) = &known {
            target.fits(known)?;
        }
        // A new campaign is held back as the settings say.
        let meant = controls.meant(&self.app, known.as_ref())?;
        let making = Making {
            every_refusal: rejects.is_some(),
            campaign: known.as_ref(),
            controls: &meant.controls,
        };
        let arguments = SelectionArguments {
            action: given.deed.action,
            rejects: rejects.map(Path::to_owned),
            after_others: given.deed.after_others,
            ..SelectionArguments::default()
        };
        let made = make::plan(&self.app, &self.ledger, &target, &arguments, making).await?;
        make::accept(&self.app, &made.plan, &arguments)?;
        Ok((target, made))
    }

    async fn shown(self, given: Given) -> anyhow::Result<ListPlan> {
        let rejects = tempfile::Builder::new().suffix(".csv").tempfile()?;
        let rejects = rejects.into_temp_path();
        let (target, made) = self.planned(given, Some(&rejects)).await?;
        let plan = &made.plan;
        let rejects = (plan.summary.refused > 0).then(|| Arc::new(rejects));
        Ok(ListPlan {
            rejects,
            text: text::described(plan),
            plan: serde_json::to_value(plan)?,
            devices: plan.summary.planned,
            question: make::question(plan, &target.tenant.name),
            fingerprint: made.devices_sha256,
        })
    }

    async fn enqueued(self, given: Given, fingerprint: String) -> anyhow::Result<u64> {
        let campaign = given.campaign.clone();
        let controls = controls(&given.deed);
        let paused = given.deed.held.paused;
        let (target, made) = self.planned(given, None).await?;
        if made.devices_sha256 != fingerprint {
            return Err(Failure::error(
                "the inventory has changed since the plan was shown, and other devices would be meant",
                "give the list again, and look at its new plan; nothing was enqueued",
            ));
        }
        let known = self.ledger.campaign(&campaign).await?;
        // A new campaign is held back as the settings say.
        let meant = controls.meant(&self.app, known.as_ref())?;
        let enqueued = enqueue::enqueue(
            &self.app,
            &self.ledger,
            &target,
            &made,
            &campaign,
            &meant,
            paused,
        )
        .await?;
        Ok(enqueued.added)
    }
}

/// What an upload says of how the campaign is held back.
fn controls(deed: &Deed) -> ControlArguments {
    let held = deed.held.clone();
    ControlArguments {
        canary: held.canary,
        no_canary: held.no_canary,
        max_failures: held.max_failures,
        rate: held.rate,
        window: held.windows,
        zone: held.zone,
        not_before: held.not_before,
        deadline: held.deadline,
        priority: held.priority,
        sighted_within: deed.sighted_within,
        ..ControlArguments::default()
    }
}

impl Lists for Planner {
    fn tenants(&self) -> Vec<TenantName> {
        tenants::names(&self.app.settings).unwrap_or_default()
    }

    fn plan<'a>(&'a self, list: &'a UploadedList) -> BoxFuture<'a, Result<ListPlan, Refused>> {
        Box::pin(async move {
            let given = Given::of(list).map_err(|error| refused(&error))?;
            apart(self.clone().shown(given)).await
        })
    }

    fn enqueue<'a>(
        &'a self,
        list: &'a UploadedList,
        fingerprint: &'a str,
        by: Actor,
    ) -> BoxFuture<'a, Result<u64, Refused>> {
        Box::pin(async move {
            let given = Given::of(list).map_err(|error| refused(&error))?;
            let mut planner = self.clone();
            planner.app.actor = by;
            apart(planner.enqueued(given, fingerprint.to_owned())).await
        })
    }
}

/// Does it on a thread of its own: a list of a million rows keeps one busy for seconds.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> Result<T, Refused> {
    let runtime = Handle::current();
    let done = tokio::task::spawn_blocking(move || runtime.block_on(work)).await;
    match done {
        Ok(done) => done.map_err(|error| refused(&error)),
        Err(error) => Err(refused(&error.into())),
    }
}

pub(crate) fn refused(error: &anyhow::Error) -> Refused {
    Refused {
        why: causes(error),
        advice: hint(error).unwrap_or_else(|| "Nothing was enqueued.".to_owned()),
    }
}
