//! `dashboard`: pages in the browser, by themselves or beside a run.

use std::net::SocketAddr;

use anyhow::Context as _;
use repilot_dashboard::{Dashboard, Hands, ServeError};
use repilot_ledger::Ledger;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::args::DashboardArguments;
use crate::drain;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{causes, print, print_json, say};
use crate::{afterwards, dashboard_options, uploads};

pub(crate) async fn run(app: &App, arguments: &DashboardArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger().await?;
    let stop = CancellationToken::new();
    let dashboard = bind(app, &ledger, arguments.listen, &stop).await?;
    let link = dashboard.sign_in_link();
    if app.json {
        print_json(&serde_json::json!({ "url": dashboard.url(), "sign_in_link": link }))?;
    } else {
        print(&format!("the dashboard is at {}", dashboard.url()));
        if let Some(link) = link {
            print(&format!("sign in, once, by opening {link}"));
        }
    }
    let mut serving = tokio::spawn(dashboard.serve());
    tokio::select! {
        served = &mut serving => served.context("the dashboard failed")??,
        () = drain::interrupted() => {
            stop.cancel();
            serving.await.context("the dashboard failed")??;
        }
    }
    ledger.close().await;
    Ok(Exit::Done)
}

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

async fn bind(
    app: &App,
    ledger: &Ledger,
    listen: Option<SocketAddr>,
    stop: &CancellationToken,
) -> anyhow::Result<Dashboard> {
    let options = dashboard_options::options(app, listen)?;
    let clock = std::sync::Arc::clone(&app.clock);
    let hands = Hands {
        lists: uploads::lists(app, ledger),
        aftermath: afterwards::aftermath(app, ledger),
    };
    let bound = Dashboard::bind(ledger.clone(), clock, options, hands, stop.clone()).await;
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
