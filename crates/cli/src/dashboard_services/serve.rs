//! Serving a dashboard: by itself, or beside a run.

use std::net::SocketAddr;

use repilot_dashboard::{Dashboard, ServeError, TenantServices};
use repilot_ledger::Ledger;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::dashboard_services::{options, plan_list, verify_and_rollback};
use crate::terminal::failure::Failure;
use crate::terminal::output::{causes, say};

/// A dashboard that is served beside something else, until it is dropped.
pub(crate) struct Beside {
    stop: CancellationToken,
    _serving: JoinHandle<Result<(), ServeError>>,
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Serves it beside a run.
pub(crate) async fn beside(app: &App, ledger: &Ledger) -> anyhow::Result<Beside> {
    let stop = CancellationToken::new();
    let dashboard = bind(app, ledger, None, &stop).await?;
    match dashboard.sign_in_link() {
        Some(link) => say(&format!("dashboard: {link} (signs in once)")),
        None => say(&format!("dashboard: {}", dashboard.url())),
    }
    Ok(Beside {
        stop,
        _serving: tokio::spawn(dashboard.serve()),
    })
}

pub(crate) async fn bind(
    app: &App,
    ledger: &Ledger,
    listen: Option<SocketAddr>,
    stop: &CancellationToken,
) -> anyhow::Result<Dashboard> {
    let options = options::options(app, listen)?;
    let clock = std::sync::Arc::clone(&app.clock);
    let services = TenantServices {
        lists: plan_list::lists(app, ledger),
        aftermath: verify_and_rollback::aftermath(app, ledger),
    };
    let bound = Dashboard::bind(ledger.clone(), clock, options, services, stop.clone()).await;
    bound.map_err(|error| match &error {
        ServeError::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            Failure::error(
                format!("{error}: something else does already"),
                "is a dashboard running? choose another address with --listen 127.0.0.1:8701",
            )
        }
        ServeError::Oidc(_) => Failure::error(
            causes(&error.into()),
            "set `[dashboard.oidc] issuer` as in https://login.microsoftonline.com/TENANT-ID/v2.0",
        ),
        ServeError::Open { .. } => Failure::error(
            error.to_string(),
            "make somebody who may sign in, with `repilot user add NAME --role operator`, set up `[dashboard.oidc]`, or listen on 127.0.0.1 alone",
        ),
        _ => error.into(),
    })
}
