//! What every request shares.

use std::sync::Arc;

use repilot_domain::{Clock, Timestamp};
use repilot_ledger::Ledger;
use tokio_util::sync::CancellationToken;

use crate::access::{Limiter, OneTimeLink};
use crate::options::Options;

/// What every request shares; cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    /// What signs in whoever started the dashboard.
    pub(crate) link: OneTimeLink,
    pub(crate) limiter: Limiter,
    /// Ends what would not end by itself.
    pub(crate) stop: CancellationToken,
}

impl App {
    pub(crate) fn new(
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        options: Options,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Shared {
            ledger,
            clock,
            options,
            link: OneTimeLink::default(),
            limiter: Limiter::default(),
            stop,
        }))
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
