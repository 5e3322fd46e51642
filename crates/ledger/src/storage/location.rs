//! Where a ledger is.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use url::Url;

use crate::LedgerError;

/// What `[ledger] url` names. Wherever it is shown, it is shown without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerLocation {
    /// A `SQLite` file.
    File(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresUrl),
}

/// Where a PostgreSQL database is, and the password that goes with it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Url);

impl LedgerLocation {
    /// Reads a path, a path after `sqlite:` or `sqlite://`, or a `postgres:` URL. A path is taken as it
    /// stands: nothing in it is an escape or a parameter.
    pub fn parse(url: &str) -> Result<Self, LedgerError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Self::of_path(without_slash_before_drive(path), url);
        }
        let Some(scheme) = scheme(url) else {
            return Self::of_path(url, url);
        };
        // The URL may carry a password: name its scheme alone.
        let unknown = || LedgerError::UnknownKind(format!("{scheme}://…"));
        match scheme {
            "postgres" | "postgresql" => {
                let url = Url::parse(url).map_err(|source| LedgerError::BadUrl {
                    scheme: scheme.to_owned(),
                    source: source.into(),
                })?;
                Ok(Self::Postgres(PostgresUrl(url)))
            }
            _ => Err(unknown()),
        }
    }

    fn of_path(path: &str, url: &str) -> Result<Self, LedgerError> {
        if path.is_empty() {
            return Err(LedgerError::UnknownKind(url.to_owned()));
        }
        Ok(Self::File(PathBuf::from(path)))
    }

    /// The file, where it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

/// Returns what stands before `://` where that is a scheme, and no part of a path: a scheme has at least
/// two letters, since `C://ledgers` is a folder of a drive.
fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once("://")?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let is_scheme = scheme.len() >= 2
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(is_part);
    is_scheme.then_some(scheme)
}

/// `sqlite:///C:/ledgers/l.db`, as other programs write it, means the drive.
fn without_slash_before_drive(path: &str) -> &str {
    match path.as_bytes() {
        [b'/', drive, b':', b'/' | b'\\', ..] if cfg!(windows) && drive.is_ascii_alphabetic() => {
            &path[1..]
        }
        _ => path,
    }
}

impl PostgresUrl {
    /// All of it, with the password.
    pub(crate) fn reveal(&self) -> &str {
        self.0.as_str()
    }
}

/// The parameters of a URL that may carry a secret.
const SECRET_PARAMETERS: [&str; 2] = ["password", "sslkey"];

impl std::fmt::Display for PostgresUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = self.0.clone();
        // Only a URL without a host refuses, and that has no password either.
        let _ = shown.set_password(None);
        let harmless: Vec<(String, String)> = self
            .0
            .query_pairs()
            .filter(|(key, _)| !SECRET_PARAMETERS.contains(&&**key))
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        shown.set_query(None);
        if !harmless.is_empty() {
            shown.query_pairs_mut().extend_pairs(harmless);
        }
        formatter.write_str(shown.as_str())
    }
}

impl std::fmt::Debug for PostgresUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}", self.to_string())
    }
}

impl std::fmt::Display for LedgerLocation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Postgres(url) => url.fmt(formatter),
        }
    }
}

impl Serialize for LedgerLocation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_file_and_another_scheme_is_refused_without_its_password() {
        let file = LedgerLocation::parse("/var/lib/repilot/ledger.db").unwrap();
        assert_eq!(file.path(), Some(Path::new("/var/lib/repilot/ledger.db")));
        let url = LedgerLocation::parse("sqlite://ledger.db").unwrap();
        assert_eq!(url.path(), Some(Path::new("ledger.db")));
        let error = LedgerLocation::parse("mysql://me:secret@host/db").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn a_path_with_any_signs_is_taken_as_it_stands() {
        for path in [
            r"C:\Users\ada\ledger.db",
            "C:/Users/ada/ledger.db",
            "C://Users/ada/ledger.db",
            r"\\server\share\l.db",
            "//server/share/l.db",
            r"\\?\C:\l.db",
            "two words#1 100%41?.db",
            "/srv/x://y/l.db",
            "./http://l.db",
        ] {
            let location = LedgerLocation::parse(path).unwrap();
            assert_eq!(location.path(), Some(Path::new(path)));
            assert_eq!(location.to_string(), path);
            let after_scheme = LedgerLocation::parse(&format!("sqlite:{path}")).unwrap();
            let path = path.strip_prefix("//").unwrap_or(path);
            assert_eq!(after_scheme.path(), Some(Path::new(path)));
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://me:s3cret@db.example:5433/repilot?sslmode=require",
            "postgresql://me:s3cret@db.example/repilot",
            "postgres://me@db.example/repilot?password=s3cret&sslmode=require",
            "postgres:///repilot?host=/run/postgresql&user=me&password=s3cret",
            "postgres://me:p%40s3cret@db.example/repilot",
        ] {
            let location = LedgerLocation::parse(url).unwrap();
            let json = serde_json::to_string(&location).unwrap();
            for shown in [format!("{location}"), format!("{location:?}"), json] {
                assert!(!shown.contains("s3cret"), "{shown}");
                assert!(shown.contains("/repilot"), "{shown}");
            }
        }
        for url in [
            "postgres://me:s3cret@:x/",
            "postgres://me:s3cret@host:99999/",
        ] {
            let error = LedgerLocation::parse(url).unwrap_err();
            assert!(
                !format!("{error} {error:?}").contains("s3cret"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn what_is_shown_of_a_url_still_says_how_it_is_reached() {
        let url = "postgres://me:s3cret@db.example:5433/repilot?sslmode=require&password=x";
        let location = LedgerLocation::parse(url).unwrap();
        assert_eq!(
            location.to_string(),
            "postgres://me@db.example:5433/repilot?sslmode=require"
        );
        assert_eq!(location.path(), None);
    }
}
