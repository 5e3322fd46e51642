//! The way to Graph and Entra: which proxy, which root certificates, and why a connection failed.

mod proxy;
mod roots;
mod trouble;

pub use proxy::{Proxy, ProxyError, ProxySource};
pub use roots::{Roots, RootsError};
pub(crate) use trouble::Trouble;
