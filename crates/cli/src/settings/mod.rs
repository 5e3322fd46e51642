//! What the user has set: `config/default.toml`, a file, the environment, the command line.

mod address;
mod dashboard;
mod duration;
mod error;
pub(crate) mod folders;
mod handed_over;
mod layers;
mod notify;
mod perhaps;
mod tenant;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use repilot_domain::{
    Canary, MaxFailures, Priority, Rate, Share, SightedWithin, TenantName, Windows, Zone,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub(crate) use address::Address;
pub(crate) use dashboard::{DashboardSettings, OidcSettings};
pub(crate) use duration::{Age, Span};
pub(crate) use error::SettingsError;
pub(crate) use layers::{DEFAULTS, Loaded, Places, load};
pub(crate) use notify::{CommandSettings, MailSettings, NotifySettings, WebhookSettings};
pub(crate) use perhaps::Perhaps;
pub(crate) use tenant::{CredentialKind, TenantSettings};

/// Everything that can be set; `config/default.toml` says what each means.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) ledger: LedgerSettings,
    pub(crate) redis: RedisSettings,
    pub(crate) graph: GraphSettings,
    pub(crate) throttle: ThrottleSettings,
    pub(crate) inventory: InventorySettings,
    pub(crate) plan: PlanSettings,
    pub(crate) campaign: CampaignSettings,
    pub(crate) retry: RetrySettings,
    pub(crate) worker: WorkerSettings,
    pub(crate) dashboard: DashboardSettings,
    pub(crate) notify: NotifySettings,
    pub(crate) log: LogSettings,
    pub(crate) tenants: BTreeMap<TenantName, TenantSettings>,
    /// From the environment alone; never printed.
    #[serde(skip)]
    pub(crate) token: Option<SecretString>,
}

/// The shortest window that a lane can keep: its margins are milliseconds.
const WINDOW_MIN: Duration = Duration::from_millis(100);

impl Settings {
    /// What is of the right kind and still makes no sense: the key, and what it may be.
    fn nonsense(&self) -> Option<(&'static str, &'static str)> {
        let at_least_one = [
            ("throttle.writes", self.throttle.writes),
            ("retry.attempts", self.retry.attempts),
            ("worker.concurrency", self.worker.concurrency),
        ];
        if let Some((key, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Some((key, "at least 1"));
        }
        if self.throttle.reads < 2 {
            return Some(("throttle.reads", "at least 2: one write and one look"));
        }
        if self.throttle.window.0 < WINDOW_MIN {
            return Some(("throttle.window", "at least 100ms"));
        }
        if self.graph.timeout.0.is_zero() {
            return Some(("graph.timeout", "more than 0s"));
        }
        if self.dashboard.session.0.is_zero() {
            return Some(("dashboard.session", "more than 0s"));
        }
        None
    }
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedgerSettings {
    pub(crate) url: Address,
    pub(crate) url_file: PathBuf,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedisSettings {
    pub(crate) url: Address,
    pub(crate) url_file: PathBuf,
    pub(crate) prefix: String,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GraphSettings {
    pub(crate) cloud: String,
    pub(crate) root: String,
    pub(crate) authority: String,
    pub(crate) version: String,
    pub(crate) route: String,
    pub(crate) timeout: Span,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThrottleSettings {
    pub(crate) writes: u32,
    pub(crate) reads: u32,
    pub(crate) window: Span,
    pub(crate) in_flight: u32,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InventorySettings {
    pub(crate) max_age: Span,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanSettings {
    pub(crate) max_devices: u64,
}

/// What a new campaign is held back by where its command says nothing.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CampaignSettings {
    pub(crate) canary: Perhaps<Canary>,
    pub(crate) canary_auto: Perhaps<Share>,
    pub(crate) max_failures: Perhaps<MaxFailures>,
    pub(crate) window: Perhaps<Windows>,
    pub(crate) zone: Zone,
    pub(crate) priority: Priority,
    pub(crate) rate: Perhaps<Rate>,
    pub(crate) sighted_within: SightedWithin,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetrySettings {
    pub(crate) attempts: u32,
    pub(crate) backoff: Span,
    pub(crate) backoff_max: Span,
    pub(crate) look_after: Span,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerSettings {
    pub(crate) concurrency: u32,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    pub(crate) level: String,
    pub(crate) file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    Auto,
    Human,
    Json,
}
