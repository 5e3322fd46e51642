//! What a token says of itself, for people: Graph alone decides.

use base64::Engine as _;
use serde::Deserialize;

/// What the newest page asks for.
const WRITE: &str = "DeviceManagementServiceConfig.ReadWrite.All";

/// What the documentation lists, too: least first.
const LISTED: [&str; 3] = [
    "DeviceManagementServiceConfig.Read.All",
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
];

/// What lets an app ask whether a user exists: the one to grant first.
const READS_USERS: [&str; 5] = [
    "User.Read.All",
    "User.ReadBasic.All",
    "User.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];

/// The claims of a token, unverified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct TokenClaims {
    /// Application permissions.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Delegated permissions, separated by spaces.
    #[serde(default, rename = "scp")]
    pub scopes: String,
    /// The tenant.
    #[serde(default, rename = "tid")]
    pub tenant_id: String,
    /// The app.
    #[serde(default, rename = "appid")]
    pub app_id: String,
    /// When it expires, in seconds since 1970.
    #[serde(default, rename = "exp")]
    pub expires_at_seconds: i64,
}

/// Whether a token carries what the action needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sufficiency {
    /// It carries the permission that the newest documentation asks for.
    Enough,
    /// It carries one that the documentation lists as lesser or older; Graph may refuse it.
    Perhaps(String),
    /// It carries none of them.
    Missing,
}

impl TokenClaims {
    /// Reads a token's payload; `None` where it is no JWT.
    #[must_use]
    pub fn read(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(payload.trim_end_matches('='))
            .ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Every permission, application and delegated.
    pub fn permissions(&self) -> impl Iterator<Item = &str> {
        let delegated = self.scopes.split_whitespace();
        self.roles.iter().map(String::as_str).chain(delegated)
    }

    /// Whether they suffice for unassigning.
    #[must_use]
    pub fn sufficiency(&self) -> Sufficiency {
        if self.permissions().any(|permission| permission == WRITE) {
            return Sufficiency::Enough;
        }
        self.permissions()
            .find(|permission| LISTED.contains(permission))
            .map_or(Sufficiency::Missing, |permission| {
                Sufficiency::Perhaps(permission.to_owned())
            })
    }

    /// Whether they suffice for asking whether a user exists.
    #[must_use]
    pub fn reads_users(&self) -> bool {
        self.permissions()
            .any(|permission| READS_USERS.contains(&permission))
    }

    /// The permission to ask for where users are looked up.
    #[must_use]
    pub const fn wanted_for_users() -> &'static str {
        READS_USERS[0]
    }

    /// The permission to ask for.
    #[must_use]
    pub const fn wanted() -> &'static str {
        WRITE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload);
        format!("e30.{encoded}.")
    }

    #[test]
    fn roles_and_scopes_are_held_against_the_list() {
        let enough = TokenClaims::read(&token(&format!(r#"{{"roles":["{WRITE}"]}}"#))).unwrap();
        assert_eq!(enough.sufficiency(), Sufficiency::Enough);
        let delegated = token(&format!(r#"{{"scp":"User.Read {}"}}"#, LISTED[0]));
        let perhaps = TokenClaims::read(&delegated).unwrap().sufficiency();
        assert_eq!(perhaps, Sufficiency::Perhaps(LISTED[0].to_owned()));
        let missing = TokenClaims::read(&token(r#"{"scp":"User.Read"}"#)).unwrap();
        assert_eq!(missing.sufficiency(), Sufficiency::Missing);
        assert_eq!(TokenClaims::read("opaque"), None);
    }
}
