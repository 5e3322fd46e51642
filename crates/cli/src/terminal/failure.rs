//! What to do next, for each failure that a person can do something about.

use std::sync::Arc;

use repilot_domain::JobQueryError;
use repilot_graph::{
    AuthorityError, CertificateError, ProxyError, RootError, SetupError, SignInError, StoreError,
};
use repilot_graph_sim::ScenarioError;
use repilot_ledger::LedgerError;
use repilot_producer::ListError;
use repilot_worker::WorkerError;

use crate::settings::SettingsError;

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
    error.chain().find_map(of_cause)
}

fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(failure.hint.clone());
    }
    if let Some(error) = cause.downcast_ref::<ListError>() {
        return Some(error.hint());
    }
    if let Some(error) = cause.downcast_ref::<SettingsError>() {
        return Some(error.hint().to_owned());
    }
    if let Some(error) = cause.downcast_ref::<SetupError>() {
        return of_setup(error);
    }
    if let Some(SignInError::Setup(error)) = cause.downcast_ref() {
        return of_setup(error);
    }
    if let Some(error) = cause.downcast_ref::<SignInError>() {
        return Some(error.hint());
    }
    if let Some(error) = cause.downcast_ref::<StoreError>() {
        return Some(error.hint().to_owned());
    }
    if let Some(error) = cause.downcast_ref::<CertificateError>() {
        return Some(error.hint().to_owned());
    }
    if cause.is::<AuthorityError>() {
        return Some("set `[graph] cloud` and leave `authority` empty".to_owned());
    }
    if cause.is::<JobQueryError>() {
        return Some("`repilot jobs --help` shows how jobs are searched for".to_owned());
    }
    if cause.is::<RootError>() {
        return Some(
            "set `[graph] cloud` and leave `root` empty, or write the root as https://…".to_owned(),
        );
    }
    if cause.is::<ScenarioError>() {
        return Some("`repilot simulate --help` says where the format is explained".to_owned());
    }
    // Transparent errors hide the ledger's from the chain.
    let ledger = cause
        .downcast_ref::<LedgerError>()
        .or_else(|| cause.downcast_ref::<Arc<LedgerError>>().map(Arc::as_ref))
        .or_else(|| match cause.downcast_ref::<WorkerError>()? {
            WorkerError::Ledger(error) => Some(error),
            WorkerError::Commit(_) | WorkerError::Thread(_) | WorkerError::Wire(_) => None,
        });
    ledger.and_then(of_ledger)
}

fn of_setup(error: &SetupError) -> Option<String> {
    let hint = match error {
        SetupError::RouteNeedsBeta => return None,
        SetupError::Roots(error) => return Some(error.hint()),
        SetupError::Proxy(ProxyError { variable, .. }) => {
            return Some(format!(
                "mend or unset {variable}; docs/proxies.md shows how it is written"
            ));
        }
        SetupError::Http(_) => {
            "TLS needs the system's root certificates: install the package ca-certificates"
        }
        SetupError::Credential(_) => {
            "check tenant_id, client_id and the credential; `repilot config default` explains each"
        }
    };
    Some(hint.to_owned())
}

fn of_ledger(error: &LedgerError) -> Option<String> {
    let hint = match error {
        _ if error.is_disk_full() => {
            "make room on the disk and run the same command again; nothing is lost"
        }
        LedgerError::File { .. } => {
            "check that the folder exists and is yours, or choose another with --ledger FILE"
        }
        LedgerError::Open { location, .. } if location.starts_with("postgres") => {
            "is the server up, and do host, port, database, user and password belong together? \
             `psql` with the same URL tells more"
        }
        LedgerError::Open { .. } => {
            "is it a ledger at all? choose another with --ledger, or restore a copy"
        }
        LedgerError::Newer { .. } => {
            "install the newer program, or choose another ledger with --ledger"
        }
        LedgerError::Migrate { .. } => {
            "keep a copy of the ledger, then report this with the whole message"
        }
        LedgerError::UnknownKind(_) | LedgerError::BadUrl { .. } => {
            "set `[ledger] url` to the path of a SQLite file or to \
             postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters as %40"
        }
        LedgerError::NotEmpty { .. } => "copy into a new file, or into a database of its own",
        LedgerError::InUse { .. } => {
            "stop the workers and wait a minute, or copy all the same with --force"
        }
        LedgerError::InDoubt { .. } => {
            "see that the ledger can be reached, then run the same command again; \
             nothing is done twice"
        }
        LedgerError::Control(_) => {
            "`repilot campaign set --help` has examples; nothing was changed"
        }
        LedgerError::TooManyToSort { .. } => {
            "narrow the search, or sort by job; one campaign alone is sorted by serial at any size"
        }
        LedgerError::OtherTenant { .. }
        | LedgerError::OtherAction { .. }
        | LedgerError::Cancelled(_)
        | LedgerError::Forgotten(_) => "choose another name with --campaign NAME",
        _ if error.is_passing() => {
            "another process may be busy with the ledger; run the same command again, nothing is lost"
        }
        LedgerError::Query { .. }
        | LedgerError::BadData { .. }
        | LedgerError::Incomplete { .. }
        | LedgerError::Batch(_)
        | LedgerError::Contended
        | LedgerError::Transition(_) => {
            return None;
        }
    };
    Some(hint.to_owned())
}
