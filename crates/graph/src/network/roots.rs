//! The root certificates that servers are held against.

use std::path::{Path, PathBuf};

/// A variable that names a file of roots in the place of the system's, outside Windows and macOS.
const FILE_VARIABLE: &str = "SSL_CERT_FILE";

/// A variable that names a folder of roots, likewise.
const FOLDER_VARIABLE: &str = "SSL_CERT_DIR";

/// Whether the operating system judges certificates, by a store of its own.
const HAS_STORE: bool = cfg!(any(windows, target_os = "macos"));

/// Roots that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// The operating system judges certificates by a store of its own.
    SystemStore,
    /// Certificates that were read.
    Read {
        /// How many.
        count: usize,
        /// The variable and the path it names; none where the system's own were read.
        named: Option<(&'static str, PathBuf)>,
    },
}

/// Roots that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// The variable names what is not there or may not be read.
    #[error("{variable} names {path}, which cannot be read ({why})")]
    Unreadable {
        /// The variable's name.
        variable: &'static str,
        /// What it names.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The file is binary, as Windows saves certificates.
    #[error("{variable} names {path}, which is a certificate in DER and not in PEM")]
    Der {
        /// The variable's name.
        variable: &'static str,
        /// What it names.
        path: PathBuf,
    },
    /// Nothing in it is a certificate.
    #[error("{variable} names {path}, which holds no certificate in PEM")]
    Empty {
        /// The variable's name.
        variable: &'static str,
        /// What it names.
        path: PathBuf,
    },
    /// The system has none.
    #[error("this machine has no root certificates")]
    None,
}

impl RootsError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { variable, .. } => format!(
                "name a file of certificates in PEM, or unset {variable} to use the system's"
            ),
            Self::Der { path, .. } => format!(
                "convert it: openssl x509 -inform der -in {} -out root.pem",
                path.display()
            ),
            Self::Empty { variable, .. } => format!(
                "put the roots into it in PEM (-----BEGIN CERTIFICATE-----), or unset {variable} to use the system's"
            ),
            Self::None => "install the package ca-certificates".to_owned(),
        }
    }
}

impl Roots {
    /// Finds the roots as the HTTP client does.
    pub fn find() -> Result<Self, RootsError> {
        Self::check_named()?;
        if HAS_STORE {
            return Ok(Self::SystemStore);
        }
        let named = named();
        let count = rustls_native_certs::load_native_certs().certs.len();
        match (count, named) {
            (0, Some((variable, path))) => Err(RootsError::Empty { variable, path }),
            (0, None) => Err(RootsError::None),
            (count, named) => Ok(Self::Read { count, named }),
        }
    }

    /// Checks what a variable names in the place of the system's roots, if any does.
    pub(crate) fn check_named() -> Result<(), RootsError> {
        match named() {
            Some((variable, path)) if !HAS_STORE => check(variable, &path),
            _ => Ok(()),
        }
    }

    /// Says in one line which roots are used.
    #[must_use]
    pub fn described(&self) -> String {
        match self {
            Self::SystemStore => {
                let ignored = named().map(|(variable, _)| variable);
                let ignored = ignored.map(|name| format!("; {name} is set and is not used here"));
                format!(
                    "the system's certificate store{}",
                    ignored.unwrap_or_default()
                )
            }
            Self::Read { count, named: None } => format!("{count} of the system's"),
            Self::Read {
                count,
                named: Some((variable, path)),
            } => format!(
                "{count} in {} ({variable}), and none of the system's",
                path.display()
            ),
        }
    }
}

/// What a variable names, the file first.
fn named() -> Option<(&'static str, PathBuf)> {
    [FILE_VARIABLE, FOLDER_VARIABLE]
        .into_iter()
        .find_map(|variable| {
            let path = std::env::var_os(variable)?;
            Some((variable, PathBuf::from(path)))
        })
}

/// Reads a file of roots far enough to say what is wrong with it.
fn check(variable: &'static str, path: &Path) -> Result<(), RootsError> {
    let path_named = || path.to_owned();
    let unreadable = |error: std::io::Error| RootsError::Unreadable {
        variable,
        path: path_named(),
        why: error.to_string(),
    };
    if variable == FOLDER_VARIABLE {
        return std::fs::read_dir(path).map(drop).map_err(unreadable);
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    if String::from_utf8_lossy(&bytes).contains("-----BEGIN") {
        return Ok(());
    }
    // DER begins with a sequence of a length that takes two bytes.
    if bytes.starts_with(&[0x30, 0x82]) {
        return Err(RootsError::Der {
            variable,
            path: path_named(),
        });
    }
    Err(RootsError::Empty {
        variable,
        path: path_named(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_holds_no_pem_is_named_with_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = |bytes: &[u8]| {
            let path = folder.path().join("root.crt");
            std::fs::write(&path, bytes).unwrap();
            check(FILE_VARIABLE, &path)
        };
        assert_eq!(file(b"-----BEGIN CERTIFICATE-----\n"), Ok(()));
        let der = file(&[0x30, 0x82, 3, 1]).unwrap_err();
        assert!(der.to_string().contains("SSL_CERT_FILE names "), "{der}");
        assert!(
            der.hint().contains("openssl x509 -inform der"),
            "{}",
            der.hint()
        );
        assert!(matches!(file(b""), Err(RootsError::Empty { .. })));
        let missing = check(FILE_VARIABLE, &folder.path().join("none.pem")).unwrap_err();
        assert!(
            matches!(missing, RootsError::Unreadable { .. }),
            "{missing}"
        );
    }
}
