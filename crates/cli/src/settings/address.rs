//! The address of a database, which may hold a password.

use std::path::Path;

use serde::{Deserialize, Serialize, Serializer};

use super::SettingsError;

/// A URL or a path; its password is shown to nobody.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Address(String);

impl Address {
    /// As it was given, password and all.
    pub(crate) fn as_given(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The address that stands in a file, where one is named and not empty, so that its password is in no
    /// environment; else this one.
    pub(crate) fn or_of(self, file: &Path) -> Result<Self, SettingsError> {
        if file.as_os_str().is_empty() {
            return Ok(self);
        }
        let text = std::fs::read_to_string(file).map_err(|source| SettingsError::Read {
            path: file.to_owned(),
            source,
        })?;
        let text = text.trim_start_matches('\u{feff}').trim();
        Ok(match text {
            "" => self,
            address => Self(address.to_owned()),
        })
    }
}

/// Parameters of a URL's query that hold no secret, as PostgreSQL's and Redis's clients know them.
/// The value of any other is masked.
const HARMLESS_PARAMETERS: [&str; 19] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "db",
    "dbname",
    "gssencmode",
    "host",
    "hostaddr",
    "options",
    "port",
    "protocol",
    "sslcert",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "statement-cache-capacity",
    "target_session_attrs",
    "user",
    "username",
];

/// A URL's query with the values masked that may be secrets.
fn shown_query(query: &str) -> String {
    let shown: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((key, _)) if HARMLESS_PARAMETERS.contains(&key) => pair.to_owned(),
            Some((key, _)) => format!("{key}=***"),
            None => "***".to_owned(),
        })
        .collect();
    shown.join("&")
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return formatter.write_str(&self.0);
        };
        // A password may hold an @ or a ? that nobody escaped: where something that is no port
        // follows the first colon, all up to the last @ is taken for a name and its password.
        let (before_query, _) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = before_query.split('/').next().unwrap_or_default();
        let names_port = authority
            .rsplit_once(':')
            .is_none_or(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
        let place = if authority.contains('@') {
            before_query.rfind('@')
        } else if names_port {
            None
        } else {
            rest.rfind('@')
        };
        write!(formatter, "{scheme}://")?;
        let host = match place {
            Some(at) => {
                let user = &rest[..at];
                let name = user.split(':').next().unwrap_or_default();
                formatter.write_str(name)?;
                if user.contains(':') {
                    formatter.write_str(":***")?;
                }
                formatter.write_str("@")?;
                &rest[at + 1..]
            }
            None => rest,
        };
        match host.split_once('?') {
            Some((host, query)) => write!(formatter, "{host}?{}", shown_query(query)),
            None => formatter.write_str(host),
        }
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{self}")
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_to_nobody() {
        for (address, shown) in [
            (
                "postgres://me:pa:ss@host:5432/db",
                "postgres://me:***@host:5432/db",
            ),
            ("redis://:p@ss@host/0", "redis://:***@host/0"),
            ("redis://host:6379", "redis://host:6379"),
            ("rediss://me:a/b@host", "rediss://me:***@host"),
            ("rediss://me:a?b@host", "rediss://me:***@host"),
            ("/var/lib/a@b/ledger.db", "/var/lib/a@b/ledger.db"),
            (
                "postgres://u@h/db?password=p@ss&sslmode=require",
                "postgres://u@h/db?password=***&sslmode=require",
            ),
            (
                "redis://host:6379?Password=x",
                "redis://host:6379?Password=***",
            ),
            (
                "postgres:///db?host=/run/postgresql&user=me&sslpassword=x",
                "postgres:///db?host=/run/postgresql&user=me&sslpassword=***",
            ),
            ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
            ("redis://[::1]/0", "redis://[::1]/0"),
        ] {
            let address = Address(address.to_owned());
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), shown);
            assert_eq!(
                serde_json::to_string(&address).unwrap(),
                format!("\"{shown}\"")
            );
        }
    }
}
