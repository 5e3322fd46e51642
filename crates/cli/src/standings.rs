//! How campaigns stand, as the command line says it.

use std::collections::HashMap;

use repilot_domain::standing::{Act, Notice, Standing};
use repilot_domain::{TenantName, Timestamp};
use repilot_ledger::{
    Campaign, HEARD_WITHIN, LaneState, Ledger, LedgerError, StandingCampaign, Surroundings,
    WorkerRow, standings, worker_notices,
};

use crate::app::{App, quoted};
use crate::terminal::output;

/// What is around campaigns just now.
pub(crate) struct Around {
    pub(crate) now: Timestamp,
    pub(crate) lanes: Vec<LaneState>,
    pub(crate) workers: Vec<WorkerRow>,
    /// Campaigns that have not ended, of the tenants in question.
    pub(crate) open: Vec<Campaign>,
}

impl Around {
    /// What is around the campaigns of one tenant.
    pub(crate) async fn of_tenant(
        app: &App,
        ledger: &Ledger,
        tenant: &TenantName,
    ) -> Result<Self, LedgerError> {
        let open = ledger.open_campaigns(tenant, app.now()).await?;
        Self::with(app, ledger, open).await
    }

    /// What is around these campaigns, which are all of their tenants that have not ended.
    pub(crate) async fn with(
        app: &App,
        ledger: &Ledger,
        open: Vec<Campaign>,
    ) -> Result<Self, LedgerError> {
        let now = app.now();
        Ok(Self {
            lanes: ledger.lane_states().await?,
            workers: ledger.workers(now.before(HEARD_WITHIN)).await?,
            open,
            now,
        })
    }

    fn surroundings<T>(&self, then: impl FnOnce(&Surroundings<'_>) -> T) -> T {
        then(&Surroundings {
            now: self.now,
            zone: output::zone(),
            version: env!("CARGO_PKG_VERSION"),
            lanes: &self.lanes,
            workers: &self.workers,
            rates: &HashMap::new(),
        })
    }

    /// How campaigns stand, in their order.
    pub(crate) fn all(&self, campaigns: &[Campaign]) -> Vec<Standing> {
        self.surroundings(|around| standings(campaigns, &self.open, around))
    }

    /// How a campaign stands.
    pub(crate) fn of(&self, campaign: &Campaign) -> Standing {
        let mut found = self.all(std::slice::from_ref(campaign));
        found.remove(0)
    }

    /// What is wrong with the workers.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        self.surroundings(worker_notices)
    }
}

/// What to type for an act, where the command line has something for it; `command` is how the person
/// calls the program.
pub(crate) fn to_type(act: Act, campaign: &Campaign, command: &str) -> Option<String> {
    let name = quoted(&campaign.name);
    Some(match act {
        Act::StartWorker => format!("{command} worker"),
        Act::Resume | Act::PassCanary => format!("{command} campaign resume {name}"),
        Act::LookAtCanary => format!("{command} jobs {name}"),
        Act::Cancel => format!("{command} campaign cancel {name}"),
        Act::SetDeadline => format!("{command} campaign set {name} --deadline MOMENT"),
        Act::ChangeControls => format!("{command} campaign set {name} --help"),
        Act::LookAtDead => format!("{command} dead list --campaign {name}"),
        Act::Check => format!("{command} check"),
        Act::SignIn => format!("{command} login"),
        Act::EnqueueAgain | Act::Update | Act::SetClock => return None,
    })
}

/// A campaign, and how it stands now.
pub(crate) async fn stood(
    app: &App,
    ledger: &Ledger,
    campaign: Campaign,
) -> Result<StandingCampaign, LedgerError> {
    let around = Around::of_tenant(app, ledger, &campaign.tenant).await?;
    let standing = around.of(&campaign);
    Ok(StandingCampaign { campaign, standing })
}
