//! Files of this process: each connection is one, and the system allows a number of them.

use std::io;
use std::net::SocketAddr;

/// Largest number of connections at once, whatever the system allows.
const CONNECTIONS_MAX: usize = 4_096;

/// Files that are left to everything else in this process: a drain's calls, the ledger, the log.
#[cfg(unix)]
const FOR_THE_REST: u64 = 512;

/// Raises the number of files that this process may have open as far as it may itself, and says how many
/// connections that leaves room for.
#[cfg(unix)]
pub(crate) fn room_for_connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let wanted = CONNECTIONS_MAX as u64 + FOR_THE_REST;
    let current = limit.current.unwrap_or(u64::MAX);
    let raised = wanted.min(limit.maximum.unwrap_or(u64::MAX)).max(current);
    let allowed = if raised > current {
        let raise = Rlimit {
            current: Some(raised),
            maximum: limit.maximum,
        };
        match setrlimit(Resource::Nofile, raise) {
            Ok(()) => raised,
            Err(error) => {
                tracing::debug!(%error, "the limit of open files cannot be raised");
                current
            }
        }
    } else {
        current
    };
    // Where little is allowed, the rest has half of it.
    let for_connections = allowed.saturating_sub(FOR_THE_REST).max(allowed / 2);
    usize::try_from(for_connections)
        .unwrap_or(CONNECTIONS_MAX)
        .min(CONNECTIONS_MAX)
}

/// Windows counts handles by the million.
#[cfg(not(unix))]
pub(crate) fn room_for_connections() -> usize {
    CONNECTIONS_MAX
}

/// Says in the log why a connection could not be accepted.
pub(crate) fn report_refused_connection(_from: Option<&SocketAddr>, error: &io::Error) {
    if is_out_of_files(error) {
        tracing::error!(
            %error,
            "the dashboard cannot accept connections: this process has as many files open as the system allows; raise its limit (`ulimit -n`, systemd's LimitNOFILE)"
        );
    } else {
        tracing::debug!(%error, "a connection came to nothing before it was accepted");
    }
}

#[cfg(unix)]
fn is_out_of_files(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    code == Some(rustix::io::Errno::MFILE.raw_os_error())
        || code == Some(rustix::io::Errno::NFILE.raw_os_error())
}

#[cfg(not(unix))]
fn is_out_of_files(_error: &io::Error) -> bool {
    false
}
