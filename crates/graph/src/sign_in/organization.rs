//! What a tenant is called, as Graph says.

use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::SignedIn;
use crate::answer::read_bounded;
use crate::{GraphRoot, http};

/// An organisation with all its plans and domains is below 200 kB.
const BODY_MAX_BYTES: usize = 1024 * 1024;

/// A domain's name is no reason to wait.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(15);

#[derive(Deserialize)]
struct Organizations {
    value: Vec<Organization>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Organization {
    #[serde(default)]
    verified_domains: Vec<Domain>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Domain {
    name: String,
    #[serde(default)]
    is_default: bool,
    #[serde(default)]
    is_initial: bool,
}

/// The domain that a tenant goes by, where Graph says it to whoever signed in. Not every sign-in may
/// ask: then it is none.
pub async fn domain_of(root: &GraphRoot, signed_in: &SignedIn) -> Option<String> {
    let client = http::graph_clients(root, WITHIN).ok()?.any;
    let mut url = root.below("v1.0/organization");
    url.set_query(Some("$select=id,verifiedDomains"));
    let bearer = format!("Bearer {}", signed_in.access_token.expose_secret());
    let mut bearer = HeaderValue::from_str(&bearer).ok()?;
    bearer.set_sensitive(true);
    let answer = client.get(url).header(AUTHORIZATION, bearer).send().await;
    let answer = answer.ok().filter(|answer| answer.status().is_success())?;
    let bytes = read_bounded(answer, BODY_MAX_BYTES).await.ok()?;
    let organizations: Organizations = serde_json::from_slice(&bytes).ok()?;
    let domains = organizations.value.into_iter().next()?.verified_domains;
    let by = |wanted: fn(&Domain) -> bool| domains.iter().find(|domain| wanted(domain));
    let named = by(|domain| domain.is_default).or_else(|| by(|domain| domain.is_initial))?;
    Some(named.name.to_lowercase())
}
