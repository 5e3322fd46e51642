//! The lines about the way to Graph and Entra: proxy, root certificates, authority.

use repilot_graph::{Cloud, Proxy, Roots};

use super::Line;
use crate::app::App;
use crate::settings::{CredentialKind, Settings};

/// The variable by which Azure's libraries are told where Entra is.
const AUTHORITY_VARIABLE: &str = "AZURE_AUTHORITY_HOST";

pub(super) fn lines(app: &App) -> Vec<Line> {
    let mut lines = vec![proxy(&app.settings), roots()];
    let named = std::env::var(AUTHORITY_VARIABLE).unwrap_or_default();
    lines.extend(authority(&app.settings, &named));
    lines
}

fn proxy(settings: &Settings) -> Line {
    let proxy = match Proxy::from_environment() {
        Ok(proxy) => proxy,
        Err(error) => {
            let hint = format!(
                "mend or unset {}; docs/proxies.md shows how it is written",
                error.variable
            );
            return Line::bad("proxy", error.to_string(), hint);
        }
    };
    let mut says = proxy.described();
    let cloud: Option<Cloud> = settings.graph.cloud.parse().ok();
    let root = match settings.graph.root.as_str() {
        "" => cloud.map_or("", Cloud::root),
        root => root,
    };
    let authority = cloud.map_or("", Cloud::authority);
    // Where one of the two goes another way, that is what a person looks for.
    for address in [root, authority] {
        match proxy.on_the_way_to(address) {
            Some(through) if !says.contains(&through) => {
                says = format!("{says}; {address} by way of {through}");
            }
            None if proxy.is_named() => says = format!("{says}; {address} is called directly"),
            Some(_) | None => {}
        }
    }
    Line::advised("proxy", says, proxy.advice())
}

fn roots() -> Line {
    match Roots::find() {
        Ok(roots) => Line::ok("root certificates", roots.described()),
        Err(error) => Line::bad("root certificates", error.to_string(), error.hint()),
    }
}

/// A variable that other programs heed, and that this one does not, where it means another Entra.
fn authority(settings: &Settings, named: &str) -> Option<Line> {
    let cloud: Cloud = settings.graph.cloud.parse().ok()?;
    let plain = |address: &str| address.trim_end_matches('/').to_lowercase();
    if named.is_empty() || plain(named) == plain(cloud.authority()) {
        return None;
    }
    let mut tenants = settings.tenants.values();
    let is_federated = tenants.any(|tenant| tenant.credential == CredentialKind::WorkloadIdentity);
    let says = format!(
        "{AUTHORITY_VARIABLE} names {named} and is not used: with `[graph] cloud` = \"{}\" tokens come from {}",
        settings.graph.cloud,
        cloud.authority()
    );
    let known = [Cloud::Global, Cloud::UsGov, Cloud::China].into_iter();
    let word = known.zip(["global", "us-gov", "china"]);
    let meant = word
        .filter(|(other, _)| plain(other.authority()) == plain(named))
        .map(|(_, word)| {
            format!("if that is where the tenant is, set `[graph] cloud` = \"{word}\"")
        })
        .next();
    let hint = meant.unwrap_or_else(|| "see that `[graph] cloud` is the tenant's".to_owned());
    // Kubernetes sets it beside the federated token, for the cloud that it runs in.
    Some(if is_federated {
        Line::bad("authority", says, hint)
    } else {
        Line::advised("authority", says, Some(hint))
    })
}
