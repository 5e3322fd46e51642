//! What to do next, for each failure that a person can do something about.

use repilot_ledger::LedgerError;
use repilot_producer::ListError;

/// A failure of the program's own, with its hint.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
    hint: String,
}

impl Failure {
    pub(crate) fn error(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self {
            message: message.into(),
            hint: hint.into(),
        })
    }
}

/// What to do about an error, by the first cause that knows.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return Some(failure.hint.clone());
        }
        if let Some(error) = cause.downcast_ref::<ListError>() {
            return Some(error.hint());
        }
        cause.downcast_ref::<LedgerError>().and_then(of_ledger)
    })
}

fn of_ledger(error: &LedgerError) -> Option<String> {
    let hint = match error {
        _ if error.is_disk_full() => {
            "make room on the disk and run the same command again; nothing is lost"
        }
        LedgerError::File { .. } => {
            "check that the folder exists and is yours, or choose another with --ledger FILE"
        }
        LedgerError::Open { .. } => {
            "is it a ledger at all? choose another file with --ledger FILE, or restore a copy"
        }
        LedgerError::Newer { .. } => {
            "install the newer program, or choose another file with --ledger FILE"
        }
        LedgerError::Migrate { .. } => {
            "keep a copy of the file, then report this with the whole message"
        }
        LedgerError::UnknownKind(_) => "set `[ledger] url` to the path of a SQLite file",
        LedgerError::OtherTenant { .. } => "choose another name with --campaign NAME",
        LedgerError::Query { .. } if error.is_passing() => {
            "another process may be busy with the ledger; run the same command again, nothing is lost"
        }
        LedgerError::Query { .. } | LedgerError::BadData { .. } => return None,
    };
    Some(hint.to_owned())
}
