//! From settings to a tenant that can be called.

use std::sync::Arc;

use anyhow::Context as _;
use repilot_domain::{Clock, TenantName};
use repilot_graph::{
    ApiVersion, AzureCredential, Cloud, GraphClient, GraphRoot, GraphSettings, Route, TokenSource,
};
use repilot_throttle::LaneSettings;
use repilot_worker::Tenant;
use secrecy::SecretString;

use crate::app::App;
use crate::failure::Failure;
use crate::settings::{CredentialKind, Settings, TenantSettings};

/// The tenant that a fixed token makes.
const DEFAULT: &str = "default";

/// The tenant of every rehearsal.
pub(crate) const SIMULATED: &str = "simulated";

/// The names of every tenant that can be called.
pub(crate) fn names(settings: &Settings) -> anyhow::Result<Vec<TenantName>> {
    if settings.tenants.is_empty() && settings.token.is_some() {
        return Ok(vec![TenantName::new(DEFAULT)?]);
    }
    Ok(settings.tenants.keys().cloned().collect())
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
                "add a section [tenants.{asked}] to repilot.toml; `repilot config default` shows how"
            ),
        )),
        (Some(asked), _) => Err(Failure::error(
            format!("there is no tenant `{asked}`"),
            format!("known are {}", list()),
        )),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(Failure::error(
            "no tenant is set up",
            "add a section [tenants.NAME] to repilot.toml (`repilot config default` shows how), \
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
    let cloud: Cloud = settings.graph.cloud.parse().context("[graph] cloud")?;
    let root = match settings.graph.root.as_str() {
        "" => cloud.root(),
        root => root,
    };
    let graph = GraphSettings {
        root: GraphRoot::parse(root).context("[graph] root")?,
        version: version(&settings.graph.version)?,
        route: route(&settings.graph.route)?,
        timeout: settings.graph.timeout.0,
    };
    // A token is one tenant's: with another's devices it would make dead letters of them all.
    if settings.token.is_some() && settings.tenants.len() > 1 {
        return Err(Failure::error(
            "REPILOT_GRAPH__TOKEN is set, and the settings name several tenants: one token cannot serve them all",
            "unset REPILOT_GRAPH__TOKEN, or use a settings file with one tenant",
        ));
    }
    let tokens = match (&settings.token, settings.tenants.get(name)) {
        (Some(token), _) => TokenSource::Fixed(token.clone()),
        (None, Some(tenant)) => TokenSource::Azure {
            credential: credential(name, tenant)?,
            cloud,
        },
        (None, None) => {
            return choose(settings, Some(name)).and_then(|name| build(settings, clock, &name));
        }
    };
    with(settings, clock, name.clone(), graph, tokens)
}

/// A tenant of a simulated Graph.
pub(crate) fn simulated(app: &App, root: &str, token: &str) -> anyhow::Result<Tenant> {
    let graph = GraphSettings {
        root: GraphRoot::parse(root)?,
        version: version(&app.settings.graph.version)?,
        route: route(&app.settings.graph.route)?,
        timeout: app.settings.graph.timeout.0,
    };
    let tokens = TokenSource::Fixed(SecretString::from(token.to_owned()));
    let name = TenantName::new(SIMULATED)?;
    with(&app.settings, &app.clock, name, graph, tokens)
}

fn with(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    name: TenantName,
    graph: GraphSettings,
    tokens: TokenSource,
) -> anyhow::Result<Tenant> {
    let throttle = &settings.throttle;
    let lane = |limit: u32| LaneSettings {
        limit: limit.max(1),
        window: throttle.window.0,
        in_flight: Some(throttle.in_flight).filter(|calls| *calls > 0),
    };
    let client = GraphClient::new(graph, tokens, Arc::clone(clock))
        .with_context(|| format!("tenant `{name}` cannot be set up"))?;
    Ok(Tenant {
        client,
        writes: lane(throttle.writes),
        reads: lane(throttle.reads),
        name,
        revision: 0,
    })
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

fn credential(name: &TenantName, tenant: &TenantSettings) -> anyhow::Result<AzureCredential> {
    let needed = |value: &str, key: &str| {
        if value.is_empty() {
            let hint = format!("add {key} = \"…\" to [tenants.{name}]");
            return Err(Failure::error(
                format!("tenant `{name}` has no {key}"),
                hint,
            ));
        }
        Ok(value.to_owned())
    };
    let if_any = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
    Ok(match tenant.credential {
        CredentialKind::ClientSecret => AzureCredential::ClientSecret {
            tenant_id: needed(&tenant.tenant_id, "tenant_id")?,
            client_id: needed(&tenant.client_id, "client_id")?,
            secret: secret(name, tenant)?,
        },
        CredentialKind::Certificate => {
            let file = needed(
                &tenant.certificate_file.to_string_lossy(),
                "certificate_file",
            )?;
            let pem = std::fs::read_to_string(&file).with_context(|| {
                format!("cannot read the certificate of tenant `{name}`, {file}")
            })?;
            AzureCredential::Certificate {
                tenant_id: needed(&tenant.tenant_id, "tenant_id")?,
                client_id: needed(&tenant.client_id, "client_id")?,
                pem: SecretString::from(pem),
            }
        }
        CredentialKind::ManagedIdentity => AzureCredential::ManagedIdentity {
            client_id: if_any(&tenant.client_id),
        },
        CredentialKind::WorkloadIdentity => AzureCredential::WorkloadIdentity {
            tenant_id: if_any(&tenant.tenant_id),
            client_id: if_any(&tenant.client_id),
        },
        CredentialKind::AzureCli => AzureCredential::AzureCli {
            tenant_id: if_any(&tenant.tenant_id),
        },
    })
}

fn secret(name: &TenantName, tenant: &TenantSettings) -> anyhow::Result<SecretString> {
    if !tenant.client_secret_env.is_empty() {
        let variable = &tenant.client_secret_env;
        return std::env::var(variable)
            .ok()
            .filter(|secret| !secret.is_empty())
            .map(SecretString::from)
            .ok_or_else(|| {
                Failure::error(
                    format!("the secret of tenant `{name}` is not in the environment variable {variable}"),
                    "set it, or name a file in client_secret_file",
                )
            });
    }
    if tenant.client_secret_file.as_os_str().is_empty() {
        return Err(Failure::error(
            format!("tenant `{name}` has no client secret"),
            "name an environment variable in client_secret_env, or a file in client_secret_file",
        ));
    }
    let file = tenant.client_secret_file.display();
    let text = std::fs::read_to_string(&tenant.client_secret_file)
        .with_context(|| format!("cannot read the secret of tenant `{name}`, {file}"))?;
    // PowerShell's UTF-8 begins with a byte order mark.
    let secret = text.trim_start_matches('\u{feff}').trim();
    if secret.is_empty() {
        return Err(Failure::error(
            format!("the secret of tenant `{name}` is empty: {file}"),
            "write the secret's value, not its id, into the file",
        ));
    }
    Ok(SecretString::from(secret.to_owned()))
}
