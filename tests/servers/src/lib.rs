//! Real servers for tests, databases and a front end: started on a free port in a folder of their own, from the
//! system's packages, and gone when the test's process is, however that ends.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::missing_panics_doc, reason = "a test that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "a server is waited for by the clock on the wall"
)]

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

mod nginx;
mod postgres;
mod process;
mod proxy;
mod redis;
mod sentinel;

pub use nginx::Nginx;
pub use postgres::Postgres;
pub use proxy::Proxy;
pub use redis::Redis;
pub use sentinel::Sentinel;

/// How long a server may take to come up.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Ports that are given to nobody who does not ask for one by its number: between the choice of one and
/// the start of its server nothing else gets it.
const PORTS: std::ops::Range<u32> = 10_000..32_000;

/// Processes that run at once begin so far apart.
const APART: u32 = 997;

/// A port that nobody listens on just now, and that no other test of this process is given.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(APART);
    for _ in PORTS {
        let next = first.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + next % (PORTS.end - PORTS.start);
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("every port is in use")
}
