//! From settings to a tenant that can be called.

use std::sync::Arc;

use anyhow::Context as _;
use repilot_domain::{Clock, TenantName};
use repilot_graph::{
    ApiVersion, Authority, Cloud, GraphClient, GraphRoot, GraphSettings, Route, SignInSource,
    TokenSource,
};
use repilot_throttle::LaneSettings;
use repilot_worker::Tenant;
use secrecy::SecretString;

use crate::settings::{CredentialKind, Settings, TenantSettings};
use crate::tenant::credentials::Proof;
use crate::tenant::{credentials, sign_ins};
use crate::terminal::failure::Failure;

/// The tenant that a fixed token makes.
const DEFAULT: &str = "default";

/// The tenant of every rehearsal.
pub(crate) const SIMULATED: &str = "simulated";

/// The names of every tenant that can be called.
pub(crate) fn names(settings: &Settings) -> anyhow::Result<Vec<TenantName>> {
    if settings.tenants.is_empty() && settings.token.is_some() {
        return Ok(vec![TenantName::new(DEFAULT)?]);
    }
    let mut names: Vec<TenantName> = settings.tenants.keys().cloned().collect();
    if settings.token.is_none() {
        names.extend(sign_ins::own_tenants(settings));
    }
    Ok(names)
}

/// The tenant that was asked for, or the only one.
pub(crate) fn choose(
    settings: &Settings,
    asked: Option<&TenantName>,
) -> anyhow::Result<TenantName> {
    let known = names(settings)?;
    let list = || {
        known
            .iter()
            .map(TenantName::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (asked, known.as_slice()) {
        (Some(asked), _) if known.contains(asked) => Ok(asked.clone()),
        (Some(asked), []) => Err(Failure::error(
            format!("there is no tenant `{asked}`: the settings name none"),
            format!(
                "sign in with `repilot login`, or add a section [tenants.{asked}] to repilot.toml; `repilot config default` shows how"
            ),
        )),
        (Some(asked), _) => Err(Failure::error(
            format!("there is no tenant `{asked}`"),
            format!("known are {}", list()),
        )),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(Failure::error(
            "no tenant is set up",
            "sign in with `repilot login`, add a section [tenants.NAME] to repilot.toml (`repilot config default` shows how), \
             or rehearse with --simulate",
        )),
        (None, _) => Err(Failure::error(
            "there are several tenants",
            format!("choose one with --tenant: {}", list()),
        )),
    }
}

/// Sets a tenant up; nothing is called yet.
pub(crate) fn build(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    name: &TenantName,
) -> anyhow::Result<Tenant> {
    let signed_in = match settings.tenants.get(name) {
        None if settings.token.is_none() => sign_ins::of(name)?,
        _ => None,
    };
    // Without a section, the sign-in says of which cloud it is.
    let cloud: Cloud = match &signed_in {
        Some(record) => record.cloud.parse()?,
        None => settings.graph.cloud.parse().context("[graph] cloud")?,
    };
    let section = settings.tenants.get(name);
    let own_root = section.map_or("", |section| section.root.as_str());
    let root = match (own_root, settings.graph.root.as_str()) {
        ("", "") => GraphRoot::parse(cloud.root())?,
        ("", root) => GraphRoot::parse(root).context("[graph] root")?,
        (root, _) => GraphRoot::parse(root).with_context(|| format!("[tenants.{name}] root"))?,
    };
    let graph = GraphSettings {
        root,
        version: version(&settings.graph.version)?,
        route: route(&settings.graph.route)?,
        timeout: settings.graph.timeout.0,
    };
    let has_token = |section: &TenantSettings| section.credential == CredentialKind::Token;
    // A token is one tenant's: with another's devices it would make dead letters of them all.
    let served = settings
        .tenants
        .values()
        .filter(|section| !has_token(section));
    if settings.token.is_some() && !section.is_some_and(has_token) && served.count() > 1 {
        return Err(Failure::error(
            "REPILOT_GRAPH__TOKEN is set, and the settings name several tenants: one token cannot serve them all",
            "unset REPILOT_GRAPH__TOKEN, or use a settings file with one tenant",
        ));
    }
    let own = section.filter(|section| settings.token.is_none() || has_token(section));
    let tokens = match (own, &settings.token) {
        (Some(section), _) => match credentials::of(name, section, clock.now())? {
            Proof::Azure(credential) => TokenSource::Azure {
                credential,
                cloud,
                authority: authority(settings, cloud)?,
            },
            Proof::SignIn => sign_in(settings, cloud, name)?,
            Proof::Token(token) => TokenSource::Fixed(token),
        },
        (None, Some(token)) => TokenSource::Fixed(token.clone()),
        (None, None) if signed_in.is_some() => sign_in(settings, cloud, name)?,
        (None, None) => {
            return choose(settings, Some(name)).and_then(|name| build(settings, clock, &name));
        }
    };
    with(settings, clock, name.clone(), graph, tokens)
}

/// Where a person signs in.
pub(crate) fn authority(settings: &Settings, cloud: Cloud) -> anyhow::Result<Authority> {
    match settings.graph.authority.as_str() {
        "" => Ok(Authority::of(cloud)?),
        other => Authority::parse(other).context("[graph] authority"),
    }
}

fn sign_in(settings: &Settings, cloud: Cloud, name: &TenantName) -> anyhow::Result<TokenSource> {
    let (store, authority) = (sign_ins::store()?, authority(settings, cloud)?);
    let source = SignInSource::new(store, name.clone(), &authority)?;
    Ok(TokenSource::SignIn(Box::new(source)))
}

/// A tenant of a simulated Graph.
pub(crate) fn simulated(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    root: &str,
    token: &str,
) -> anyhow::Result<Tenant> {
    let graph = GraphSettings {
        root: GraphRoot::parse(root)?,
        version: version(&settings.graph.version)?,
        route: route(&settings.graph.route)?,
        timeout: settings.graph.timeout.0,
    };
    let tokens = TokenSource::Fixed(SecretString::from(token.to_owned()));
    let name = TenantName::new(SIMULATED)?;
    with(settings, clock, name, graph, tokens)
}

fn with(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    name: TenantName,
    graph: GraphSettings,
    tokens: TokenSource,
) -> anyhow::Result<Tenant> {
    let throttle = &settings.throttle;
    let any_kind = LaneSettings {
        limit: throttle.reads,
        window: throttle.window.0,
        in_flight: Some(throttle.in_flight).filter(|calls| *calls > 0),
    };
    let client = GraphClient::new(graph, tokens, Arc::clone(clock))
        .with_context(|| format!("tenant `{name}` cannot be set up"))?;
    let (writes, reads) = any_kind.share(throttle.writes);
    Ok(Tenant {
        client,
        writes,
        reads,
        source: source(settings, &name),
        name,
        revision: 0,
    })
}

/// Which Graph and which tenant id a tenant's name stands for just now.
pub(crate) fn source(settings: &Settings, tenant: &TenantName) -> String {
    let graph = &settings.graph;
    let section = settings.tenants.get(tenant);
    let own_root = section.map_or("", |section| section.root.as_str());
    let roots = [own_root, &graph.root, &graph.cloud];
    let root = roots.into_iter().find(|root| !root.is_empty());
    let root = root.unwrap_or_default();
    let id = section.map_or("", |section| section.tenant_id.as_str());
    format!("{root} {id}")
}

fn version(word: &str) -> anyhow::Result<ApiVersion> {
    match word {
        "v1.0" => Ok(ApiVersion::V1),
        "beta" => Ok(ApiVersion::Beta),
        other => Err(Failure::error(
            format!("[graph] version is `{other}`"),
            "write \"v1.0\" or \"beta\"",
        )),
    }
}

fn route(word: &str) -> anyhow::Result<Route> {
    match word {
        "identity" => Ok(Route::Identity),
        "deployment-profile" => Ok(Route::DeploymentProfile),
        other => Err(Failure::error(
            format!("[graph] route is `{other}`"),
            "write \"identity\" or \"deployment-profile\"",
        )),
    }
}
