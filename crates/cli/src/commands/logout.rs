//! `logout`: forgets the tokens of a sign-in.

use repilot_domain::TenantName;

use crate::app::App;
use crate::args::LogoutArguments;
use crate::tenant::sign_ins::{self, Shown};
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{moment, print, print_json};

pub(crate) async fn run(app: &App, arguments: &LogoutArguments) -> anyhow::Result<Exit> {
    let store = sign_ins::store()?;
    let mut forgotten = Vec::new();
    for name in meant(arguments)? {
        forgotten.extend(store.forget(&name).await?);
    }
    if app.json {
        let shown: Vec<Shown> = forgotten.iter().map(Shown::of).collect();
        print_json(&shown)?;
        return Ok(Exit::Done);
    }
    if forgotten.is_empty() {
        print("nobody was signed in");
    }
    for record in &forgotten {
        print(&format!(
            "signed out of {}: the tokens of {} are forgotten here. Whoever had copied the last one could use it until {}; \
             Entra ends all of a person's sign-ins (Users, Revoke sessions)",
            record.tenant,
            record.user,
            moment(record.expires_at)
        ));
    }
    Ok(Exit::Done)
}

fn meant(arguments: &LogoutArguments) -> anyhow::Result<Vec<TenantName>> {
    if let Some(name) = &arguments.tenant {
        return Ok(vec![name.clone()]);
    }
    let records = sign_ins::all();
    let names: Vec<TenantName> = records
        .iter()
        .filter_map(|record| TenantName::new(&record.tenant).ok())
        .collect();
    if names.len() > 1 && !arguments.all {
        let known: Vec<&str> = names.iter().map(TenantName::as_str).collect();
        return Err(Failure::error(
            "somebody is signed in to several tenants",
            format!("choose one with --tenant, or --all: {}", known.join(", ")),
        ));
    }
    Ok(names)
}
