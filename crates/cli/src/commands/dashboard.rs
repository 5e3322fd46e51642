//! `dashboard`: pages in the browser, by themselves or beside a run.

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::args::DashboardArguments;
use crate::dashboard_services::serve;
use crate::drain;
use crate::terminal::exit::Exit;
use crate::terminal::output::{print, print_json};

pub(crate) async fn run(app: &App, arguments: &DashboardArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger().await?;
    let stop = CancellationToken::new();
    let dashboard = serve::bind(app, &ledger, arguments.listen, &stop).await?;
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
