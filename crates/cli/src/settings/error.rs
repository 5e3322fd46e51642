//! Settings that cannot be, and what to do about them.

use std::path::PathBuf;

/// A setting that cannot be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("cannot read the settings file {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{place} is not TOML")]
    Syntax {
        place: String,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("{place} sets `{key}`, which is no setting; known here: {known}")]
    UnknownKey {
        place: String,
        key: String,
        known: String,
    },
    #[error("the environment variable {name} is no setting; write {meant}")]
    OneUnderscore { name: String, meant: String },
    #[error("`{key}` is to be {allowed}")]
    Nonsense {
        key: &'static str,
        allowed: &'static str,
    },
    #[error("{place} sets `graph.token`; a token belongs into REPILOT_GRAPH__TOKEN alone")]
    TokenInFile { place: String },
    #[error("{place} has an invalid value")]
    Value {
        place: String,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("the environment variable {name} is not UTF-8")]
    NotText { name: String },
}

impl SettingsError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Read { source, .. } if source.kind() == std::io::ErrorKind::InvalidData => {
                "save the file as UTF-8"
            }
            Self::Read { .. } => "check the path and that you may read it",
            Self::Syntax { source, .. } if is_about_an_escape(source) => {
                "write Windows paths in single quotes: 'C:\\folder\\file'"
            }
            Self::Syntax { .. }
            | Self::UnknownKey { .. }
            | Self::Value { .. }
            | Self::Nonsense { .. } => {
                "`repilot config default` shows every setting and how it is written"
            }
            Self::OneUnderscore { .. } => "section and key stand two underscores apart",
            Self::TokenInFile { .. } => "take it out of the file and set the environment variable",
            Self::NotText { .. } => "set it to UTF-8 text",
        }
    }
}

/// Whether a backslash of a path in double quotes was read as the beginning of an escape.
fn is_about_an_escape(error: &toml::de::Error) -> bool {
    let message = error.message();
    message.contains("escape") || message.contains("unicode")
}
