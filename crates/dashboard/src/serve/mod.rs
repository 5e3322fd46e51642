//! Serving: the server, its routes and guard, TLS, and what strangers' connections may cost.

pub(crate) mod assets;
mod connections;
mod files;
mod guard;
mod routes;
mod server;
mod tls;

pub use server::Dashboard;
