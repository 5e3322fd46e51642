//! What every request shares.

use std::sync::Arc;

use repilot_domain::{Clock, Timestamp};
use repilot_ledger::{Ledger, LedgerError};
use tokio_util::sync::CancellationToken;

use crate::access::{KnownTokens, Limiter, OneTimeLink, Provider};
use crate::background_tasks::BackgroundTasks;
use crate::live::{Overview, OverviewCache, Streams};
use crate::options::Options;
use crate::pending_uploads::Uploads;
use crate::tenant_services::plan_list::Lists;
use crate::tenant_services::verify_and_rollback::VerifyAndRollback;

/// Who does what takes settings and tenants, which a dashboard does not know; none where nobody can.
#[derive(Clone, Default)]
pub struct TenantServices {
    /// Makes plans of lists, and enqueues them.
    pub lists: Option<Arc<dyn Lists>>,
    /// Verifies campaigns, and rolls them back.
    pub aftermath: Option<Arc<dyn VerifyAndRollback>>,
}

/// How people get in.
#[derive(Default)]
pub(crate) struct Door {
    /// Where they find the dashboard.
    pub(crate) url: String,
    /// By whom they sign in who have no password here.
    pub(crate) oidc: Option<Provider>,
}

/// What every request shares; cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    /// How people get in.
    pub(crate) door: Door,
    /// What signs in whoever started the dashboard.
    pub(crate) link: OneTimeLink,
    pub(crate) limiter: Limiter,
    /// Tokens that open `/metrics` while the ledger does not answer.
    pub(crate) known_tokens: KnownTokens,
    /// Makes plans of uploaded lists, where that can be done.
    pub(crate) lists: Option<Arc<dyn Lists>>,
    pub(crate) uploads: Uploads,
    /// Verifies campaigns and rolls them back, where that can be done.
    pub(crate) aftermath: Option<Arc<dyn VerifyAndRollback>>,
    pub(crate) background_tasks: BackgroundTasks,
    /// What every page shows something of.
    pub(crate) overview_cache: OverviewCache,
    /// Views that somebody looks at.
    pub(crate) streams: Streams,
    /// Ends what would not end by itself.
    pub(crate) stop: CancellationToken,
}

impl App {
    pub(crate) fn new(
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        options: Options,
        services: TenantServices,
        door: Door,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Shared {
            ledger,
            clock,
            options,
            door,
            link: OneTimeLink::default(),
            limiter: Limiter::default(),
            known_tokens: KnownTokens::default(),
            lists: services.lists,
            uploads: Uploads::default(),
            aftermath: services.aftermath,
            background_tasks: BackgroundTasks::default(),
            overview_cache: OverviewCache::default(),
            streams: Streams::default(),
            stop,
        }))
    }

    /// What every page shows something of, read anew once it is a second old.
    pub(crate) async fn overview(&self) -> Result<Arc<Overview>, LedgerError> {
        let (ledger, version) = (&self.ledger, self.options.version);
        let cache = &self.overview_cache;
        cache
            .read(ledger, &self.background_tasks, version, self.now())
            .await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
