//! Who did something, and from where.

use serde::{Deserialize, Serialize};

use crate::WorkerId;

/// Who did something, and from where: what every row of the audit names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// A person as they are known there, or a worker: `alice`, `worker host-4711-0badcafe`.
    pub name: String,
    /// From where: `cli at HOST`, `dashboard from 10.0.0.7`, a worker's host.
    pub origin: String,
}

impl Actor {
    /// A person, or a program that acts for one.
    #[must_use]
    pub fn new(name: impl Into<String>, origin: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            origin: origin.into(),
        }
    }

    /// A worker process, which acts for nobody.
    #[must_use]
    pub fn worker(id: &WorkerId, host: &str) -> Self {
        Self::new(format!("worker {id}"), host)
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({})", self.name, self.origin)
    }
}
