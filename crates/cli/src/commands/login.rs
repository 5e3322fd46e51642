//! `login`: a person signs in, and campaigns are run as them from then on.

use std::time::Duration;

use anyhow::Context as _;
use repilot_domain::TenantName;
use repilot_graph::{
    ANY_ORGANIZATION, BrowserSignIn, Cloud, DeviceSignIn, GRAPH_COMMAND_LINE_TOOLS, GraphRoot,
    SignInRecord, SignInRequest, SignedIn, TokenClaims, domain_of,
};
use serde::Serialize;

use crate::app::App;
use crate::args::LoginArguments;
use crate::drain;
use crate::settings::{CredentialKind, Settings, TenantSettings};
use crate::tenant::sign_ins::{self, Shown};
use crate::tenant::tenants;
use crate::terminal::browser;
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{moment, print, print_json, say};

/// What `--json` prints.
#[derive(Serialize)]
struct Login {
    #[serde(flatten)]
    sign_in: Shown,
    /// The file that keeps it.
    file: String,
    /// Why the keyring does not keep it; empty where it does, or was not to.
    no_keyring: String,
}

/// Whom somebody signs in for.
struct Meant<'a> {
    /// The section of the settings, where one is meant.
    section: Option<(&'a TenantName, &'a TenantSettings)>,
    request: SignInRequest,
}

pub(crate) async fn run(app: &App, arguments: &LoginArguments) -> anyhow::Result<Exit> {
    let meant = meant(app, arguments)?;
    let signing_in = sign_in(app, arguments, meant.request.clone());
    let signed_in = tokio::select! {
        signed_in = signing_in => signed_in?,
        () = drain::interrupted() => {
            return Err(Failure::error(
                "stopped before anybody had signed in",
                "nothing was changed; sign in again when it is meant",
            ));
        }
    };
    let (name, domain) = name(app, arguments, &meant, &signed_in).await?;
    let store = sign_ins::store()?;
    let with_keyring = !arguments.no_keyring;
    let keeping = store.keep(&name, &domain, signed_in, with_keyring, &*app.clock);
    let (record, why_not) = keeping.await?;
    report(app, &name, &record, why_not)
}

/// What the command line and the settings mean together.
fn meant<'a>(app: &'a App, arguments: &LoginArguments) -> anyhow::Result<Meant<'a>> {
    let settings = &app.settings;
    let asked = arguments.tenant.as_deref();
    let section = section(settings, asked)?;
    let cloud: Cloud = match &arguments.cloud {
        Some(cloud) => cloud.parse().context("--cloud")?,
        None => settings.graph.cloud.parse().context("[graph] cloud")?,
    };
    let client_id = arguments
        .client_id
        .clone()
        .or_else(|| section.map(|(_, section)| section.client_id.clone()))
        .filter(|id| !id.is_empty());
    if client_id.is_none() && !cloud.has_command_line_tools() {
        return Err(Failure::error(
            format!(
                "Microsoft Graph Command Line Tools, the app that is signed in with by default, does not exist in the cloud {}",
                cloud.as_str()
            ),
            "register an app of your own there (a public client with the redirect address http://localhost) and name it with --client-id",
        ));
    }
    let of_section = section
        .map(|(_, section)| section.tenant_id.as_str())
        .filter(|id| !id.is_empty());
    let by_name = section.is_some_and(|(name, _)| Some(name.as_str()) == asked);
    let tenant = of_section
        .or(asked.filter(|_| !by_name))
        .unwrap_or(ANY_ORGANIZATION);
    let earlier = earlier(section.map(|(name, _)| name), asked);
    let earlier_lost = earlier.as_ref().and_then(|record| record.lost.as_ref());
    Ok(Meant {
        section,
        request: SignInRequest {
            authority: tenants::authority(settings, cloud)?,
            cloud,
            tenant: tenant.to_owned(),
            client_id: client_id.unwrap_or_else(|| GRAPH_COMMAND_LINE_TOOLS.to_owned()),
            permissions: permissions(arguments),
            login_hint: earlier_lost.and(earlier.as_ref().map(|record| record.user.clone())),
            claims: earlier_lost.and_then(|lost| lost.claims.clone()),
        },
    })
}

/// The section that is meant: by its name, by its tenant, or as the only one that signs in.
fn section<'a>(
    settings: &'a Settings,
    asked: Option<&str>,
) -> anyhow::Result<Option<(&'a TenantName, &'a TenantSettings)>> {
    let Some(asked) = asked else {
        let mut those = settings
            .tenants
            .iter()
            .filter(|(_, section)| section.credential == CredentialKind::SignIn);
        return match (those.next(), those.next()) {
            (only, None) => Ok(only),
            (_, Some(_)) => Err(Failure::error(
                "several tenants of the settings are signed in to",
                "choose one with --tenant",
            )),
        };
    };
    let by_name = settings
        .tenants
        .iter()
        .find(|(name, _)| name.as_str() == asked);
    let section = by_name.or_else(|| sign_ins::section_of(settings, asked, asked));
    match section {
        Some((name, section)) if section.credential != CredentialKind::SignIn => {
            Err(Failure::error(
                format!("the settings call tenant `{name}` with a credential of its own"),
                format!(
                    "write credential = \"sign-in\" into [tenants.{name}] to run campaigns as whoever signs in"
                ),
            ))
        }
        section => Ok(section),
    }
}

/// The sign-in that this one follows, if it was lost: for the same account, and what it lacked.
fn earlier(section: Option<&TenantName>, asked: Option<&str>) -> Option<SignInRecord> {
    let mut records = sign_ins::all();
    records.retain(|record| match (section, asked) {
        (Some(name), _) => record.tenant == name.as_str(),
        (None, Some(asked)) => [&record.tenant, &record.tenant_id, &record.domain]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(asked)),
        (None, None) => true,
    });
    match records.len() {
        1 => records.pop(),
        _ => None,
    }
}

/// The least that what is asked for takes.
fn permissions(arguments: &LoginArguments) -> Vec<String> {
    let mut permissions = vec![TokenClaims::wanted().to_owned()];
    if arguments.check_users {
        permissions.push(TokenClaims::wanted_for_users().to_owned());
    }
    for permission in &arguments.permissions {
        if !permissions.contains(permission) {
            permissions.push(permission.clone());
        }
    }
    permissions
}

async fn sign_in(
    app: &App,
    arguments: &LoginArguments,
    request: SignInRequest,
) -> anyhow::Result<SignedIn> {
    if arguments.device_code {
        return by_code(app, request).await;
    }
    if let Err(why) = browser::is_here() {
        say(&format!("{why}; signing in with a code instead"));
        return by_code(app, request).await;
    }
    let browser = BrowserSignIn::begin(request.clone()).await?;
    let url = browser.url().to_string();
    if let Err(why) = browser::open(&url).await {
        say(&format!("{why}; signing in with a code instead"));
        return by_code(app, request).await;
    }
    say(&format!(
        "sign in in the browser that opens; if none does, open this address on this machine:\n{url}"
    ));
    Ok(browser.finish(&*app.clock).await?)
}

async fn by_code(app: &App, request: SignInRequest) -> anyhow::Result<SignedIn> {
    let code = DeviceSignIn::begin(request).await?;
    say(&format!(
        "on any machine, open {} and enter the code {} within {} minutes",
        code.address(),
        code.user_code(),
        code.lives()
            .as_secs()
            .div_ceil(Duration::from_mins(1).as_secs())
    ));
    Ok(code.finish(&*app.clock).await?)
}

/// What the tenant is called here, and its domain.
async fn name(
    app: &App,
    arguments: &LoginArguments,
    meant: &Meant<'_>,
    signed_in: &SignedIn,
) -> anyhow::Result<(TenantName, String)> {
    let root = match app.settings.graph.root.as_str() {
        "" => meant.request.cloud.root(),
        root => root,
    };
    let root = GraphRoot::parse(root).context("[graph] root")?;
    let is_domain = |text: &&str| text.contains('.');
    let asked = arguments.tenant.as_deref();
    let domain = match domain_of(&root, signed_in).await {
        Some(domain) => domain,
        None => match asked {
            Some(asked) => Some(asked).filter(is_domain).unwrap_or_default(),
            // Without a tenant that was named it is the account's own.
            None => signed_in
                .user()
                .rsplit_once('@')
                .map_or("", |(_, domain)| domain),
        }
        .to_lowercase(),
    };
    let id = signed_in.tenant_id();
    if let Some((name, section)) = meant.section {
        return belongs(name, section, id, &domain).map(|()| (name.clone(), domain));
    }
    match sign_ins::section_of(&app.settings, id, &domain) {
        Some((name, section)) if section.credential == CredentialKind::SignIn => {
            return Ok((name.clone(), domain));
        }
        Some((name, _)) => say(&format!(
            "note: the settings call this tenant `{name}`, with a credential of its own, and go on to use that; \
             credential = \"sign-in\" in [tenants.{name}] has campaigns run as whoever signs in"
        )),
        None => {}
    }
    let name = TenantName::new(&domain).or_else(|_| TenantName::new(id))?;
    Ok((name, domain))
}

/// Refuses a sign-in to another tenant than the section's.
fn belongs(
    name: &TenantName,
    section: &TenantSettings,
    id: &str,
    domain: &str,
) -> anyhow::Result<()> {
    let meant = section.tenant_id.as_str();
    let is_id = meant.len() == id.len() && !meant.contains('.');
    if is_id && !meant.eq_ignore_ascii_case(id) {
        return Err(Failure::error(
            format!("that account signed in to tenant {id} ({domain}), and `{name}` is {meant}"),
            "sign in with an account of that tenant; nothing was changed",
        ));
    }
    Ok(())
}

fn report(
    app: &App,
    name: &TenantName,
    record: &SignInRecord,
    why_not: Option<String>,
) -> anyhow::Result<Exit> {
    let file = sign_ins::store()?.file(name).display().to_string();
    let wanted = TokenClaims::wanted();
    if !record.permissions.iter().any(|granted| granted == wanted) {
        say(&format!(
            "note: the sign-in does not carry {wanted}, which campaigns need: have it granted, then sign in again"
        ));
    }
    if app.json {
        print_json(&Login {
            sign_in: Shown::of(record),
            file,
            no_keyring: why_not.unwrap_or_default(),
        })?;
        return Ok(Exit::Done);
    }
    let no_keyring = why_not.map_or_else(String::new, |why| format!("; no keyring: {why}"));
    let command = app.command()?;
    print(&format!(
        "signed in to {name} as {}\n\
         \x20 permissions  {}\n\
         \x20 token        until {}, refreshed by itself\n\
         \x20 kept in      {}: {file}{no_keyring}\n\
         \x20 next         {command} plan devices.csv --tenant {name}",
        record.user,
        record.permissions.join(", "),
        moment(record.expires_at),
        record.kept_in,
    ));
    Ok(Exit::Done)
}
