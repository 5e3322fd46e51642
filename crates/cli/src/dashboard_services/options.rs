//! From settings to the dashboard's options.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context as _;
use ipnet::IpNet;
use repilot_dashboard::{OidcOptions, Options, SigningAlgorithm, TlsFiles};
use secrecy::ExposeSecret as _;

use crate::app::App;
use crate::drain::notify;
use crate::settings::OidcSettings;
use crate::terminal::failure::Failure;

/// The dashboard's options by the settings; `listen` goes before theirs.
pub(crate) fn options(app: &App, listen: Option<SocketAddr>) -> anyhow::Result<Options> {
    let settings = &app.settings.dashboard;
    let public_url = match settings.public_url.as_str() {
        "" => None,
        url => Some(url.parse().with_context(|| {
            format!(
                "`[dashboard] public_url` is `{url}`, and should be as https://repilot.contoso.com"
            )
        })?),
    };
    let files = (&settings.certificate_file, &settings.key_file);
    let tls = match (
        files.0.as_os_str().is_empty(),
        files.1.as_os_str().is_empty(),
    ) {
        (true, true) => None,
        (false, false) => Some(TlsFiles {
            certificate: files.0.clone(),
            key: files.1.clone(),
        }),
        _ => {
            return Err(Failure::error(
                "`[dashboard]` has one of certificate_file and key_file, and TLS needs both",
                "set the other one as well",
            ));
        }
    };
    let proxies = settings.trusted_proxies.split(',').map(str::trim);
    let trusted_proxies = proxies
        .filter(|text| !text.is_empty())
        .map(|text| {
            let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
            let network = text.parse::<IpNet>().ok().or_else(address);
            network.ok_or_else(|| {
                Failure::error(
                    format!(
                        "`[dashboard] trusted_proxies` has `{text}`, which is no address or network"
                    ),
                    "write them as in 10.0.0.7, 10.1.0.0/16",
                )
            })
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(Options {
        listen: listen.unwrap_or(settings.listen),
        public_url,
        tls,
        trusted_proxies,
        session: settings.session.0,
        oidc: oidc(&settings.oidc)?,
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// By whom people sign in; nobody where no issuer is set.
fn oidc(settings: &OidcSettings) -> anyhow::Result<Option<OidcOptions>> {
    if settings.issuer.is_empty() {
        return Ok(None);
    }
    let section = "[dashboard.oidc]";
    let issuer = settings
        .issuer
        .parse()
        .with_context(|| format!("{section} issuer is `{}`", settings.issuer))?;
    let secret = notify::secret(
        section,
        "client_secret",
        &settings.client_secret_env,
        &settings.client_secret_file,
    )?;
    let Some(client_secret) = secret.filter(|_| !settings.client_id.is_empty()) else {
        return Err(Failure::error(
            format!("{section} has an issuer, and lacks client_id or a client secret"),
            "set client_id, and client_secret_env or client_secret_file",
        ));
    };
    if !settings.scopes.iter().any(|scope| scope == "openid") {
        return Err(Failure::error(
            format!("{section} scopes lacks `openid`, without which there is no sign-in"),
            "add it, as in scopes = [\"openid\", \"profile\", \"email\", \"groups\"]",
        ));
    }
    if settings.operators.is_empty() && settings.viewers.is_empty() {
        return Err(Failure::error(
            format!("{section} lets nobody in"),
            "name groups or app roles in operators and viewers",
        ));
    }
    Ok(Some(OidcOptions {
        issuer,
        client_id: settings.client_id.clone(),
        client_secret: client_secret.expose_secret().trim().to_owned().into(),
        operators: settings.operators.clone(),
        viewers: settings.viewers.clone(),
        group_claims: settings.group_claims.clone(),
        scopes: settings.scopes.clone(),
        algorithms: algorithms(section, &settings.algorithms)?,
    }))
}

/// Algorithms by their names; all that can be checked where none is named.
fn algorithms(section: &str, names: &[String]) -> anyhow::Result<Vec<SigningAlgorithm>> {
    if names.is_empty() {
        return Ok(SigningAlgorithm::ALL.to_vec());
    }
    let algorithms = names.iter().map(|name| {
        SigningAlgorithm::named(name).ok_or_else(|| {
            let known: Vec<&str> = SigningAlgorithm::ALL
                .iter()
                .map(|one| one.as_str())
                .collect();
            Failure::error(
                format!("{section} algorithms names `{name}`, which cannot be checked"),
                format!("name some of {}", known.join(", ")),
            )
        })
    });
    algorithms.collect()
}
