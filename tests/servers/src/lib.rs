//! Real database servers for tests: started on a free port in a folder of their own, from the
//! system's packages, and gone when the test's process is, however that ends.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::missing_panics_doc, reason = "a test that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "a server is waited for by the clock on the wall"
)]

mod postgres;
mod process;
mod proxy;
mod redis;
mod sentinel;

pub use postgres::Postgres;
pub use proxy::Proxy;
pub use redis::Redis;
pub use sentinel::Sentinel;

/// How long a server may take to come up.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// A port that nobody listens on just now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
