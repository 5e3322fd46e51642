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

    /// The address that stands in a file, where one is named, so that its password is in no
    /// environment; else this one.
    pub(crate) fn or_of(self, file: &Path) -> Result<Self, SettingsError> {
        if file.as_os_str().is_empty() {
            return Ok(self);
        }
        let text = std::fs::read_to_string(file).map_err(|source| SettingsError::Read {
            path: file.to_owned(),
            source,
        })?;
        Ok(Self(text.trim_start_matches('\u{feff}').trim().to_owned()))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return formatter.write_str(&self.0);
        };
        // A password may hold an @ that nobody escaped, but no host does.
        let authority = rest.split('/').next().unwrap_or_default();
        match rest.rsplit_once('@') {
            Some((user, host)) if authority.contains('@') || user.contains(':') => {
                let name = user.split(':').next().unwrap_or_default();
                write!(formatter, "{scheme}://{name}:***@{host}")
            }
            _ => write!(formatter, "{scheme}://{rest}"),
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
            ("/var/lib/a@b/ledger.db", "/var/lib/a@b/ledger.db"),
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
