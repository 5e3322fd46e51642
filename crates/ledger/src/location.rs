//! Where a ledger is.

use std::path::{Path, PathBuf};

use crate::LedgerError;

/// What `[ledger] url` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerLocation {
    /// A `SQLite` file.
    File(PathBuf),
}

impl LedgerLocation {
    /// Reads a path or a `sqlite:` URL.
    pub fn parse(url: &str) -> Result<Self, LedgerError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Self::of_path(path, url);
        }
        if url.contains("://") {
            // The URL may carry a password: name its scheme alone.
            let scheme = url.split("://").next().unwrap_or_default();
            return Err(LedgerError::UnknownKind(format!("{scheme}://…")));
        }
        Self::of_path(url, url)
    }

    fn of_path(path: &str, url: &str) -> Result<Self, LedgerError> {
        if path.is_empty() {
            return Err(LedgerError::UnknownKind(url.to_owned()));
        }
        Ok(Self::File(PathBuf::from(path)))
    }

    /// The file, where it is one.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
        }
    }
}

impl std::fmt::Display for LedgerLocation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_file_and_another_scheme_is_refused_without_its_password() {
        let file = LedgerLocation::parse("/var/lib/repilot/ledger.db").unwrap();
        assert_eq!(file.path(), Path::new("/var/lib/repilot/ledger.db"));
        let url = LedgerLocation::parse("sqlite://ledger.db").unwrap();
        assert_eq!(url.path(), Path::new("ledger.db"));
        let error = LedgerLocation::parse("mysql://me:secret@host/db").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
