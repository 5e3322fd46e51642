//! Device lists that come by upload. Who makes a plan of one knows tenants and inventories, which a
//! dashboard does not: it is handed in.

use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use repilot_domain::{
    Action, Actor, Canary, MaxFailures, Priority, Rate, Reading, Repairs, SightedWithin,
    TenantName, Windows, Zone,
};
use tempfile::{NamedTempFile, TempPath};

/// A device list that somebody uploaded, and what is to become of it.
#[derive(Debug)]
pub struct UploadedList {
    /// What it is called.
    pub name: String,
    /// Whose devices it names.
    pub tenant: TenantName,
    /// Into which campaign its devices go.
    pub campaign: String,
    /// What is done to them.
    pub deed: Deed,
    pub(crate) file: NamedTempFile,
}

/// What holds a campaign back from its beginning. What is left out is as the settings say, or the campaign
/// that is added to.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// Devices that go first.
    pub canary: Option<Canary>,
    /// Whether all go at once, whatever the settings say.
    pub no_canary: bool,
    /// Dead letters that pause it.
    pub max_failures: Option<MaxFailures>,
    /// Largest rate.
    pub rate: Option<Rate>,
    /// Hours in which it runs.
    pub windows: Option<Windows>,
    /// Zone whose clocks are meant.
    pub zone: Option<Zone>,
    /// Moment before which nothing goes out, as it was typed.
    pub not_before: Option<String>,
    /// Moment from which on nothing goes out, as it was typed.
    pub deadline: Option<String>,
    /// Which campaign of the tenant goes first.
    pub priority: Option<Priority>,
    /// Whether it begins paused.
    pub paused: bool,
}

/// What is done to the devices of a list.
#[derive(Debug, Clone, Default)]
pub struct Deed {
    /// The action; none where nobody said which. Then the users are unassigned, and a list that says who is
    /// to be assigned is refused.
    pub action: Option<Action>,
    /// The list's column that says who is to be assigned, where its name does not say so.
    pub user_column: Option<String>,
    /// Whether the tenant's directory is asked for them; unless it is said, where the app may.
    pub check_users: Option<bool>,
    /// Whether a device with an open job in another campaign waits for its end, instead of being refused.
    pub after_others: bool,
    /// Longest age of the knowledge of who has a device before its call; that of the settings, or of the
    /// campaign, where it is left out.
    pub sighted_within: Option<SightedWithin>,
    /// What holds the campaign back.
    pub held: Held,
    /// What is overlooked between a serial of the list and a device's.
    pub repairs: Repairs,
    /// How the list is read, where its content does not say it.
    pub reading: Reading,
}

impl UploadedList {
    /// Where it lies, for as long as this is there.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

/// What would be done, as the command line says it.
#[derive(Debug, Clone)]
pub struct ListPlan {
    /// The plan in words, in lines.
    pub text: String,
    /// The same, as `plan --json` prints it.
    pub plan: serde_json::Value,
    /// The devices of it.
    pub devices: u64,
    /// Rows that were refused, as a CSV file that reads back whole; none where none was.
    pub rejects: Option<Arc<TempPath>>,
    /// What is asked before it is done.
    pub question: String,
    /// Of the devices: what is enqueued later must be the same.
    pub fingerprint: String,
}

/// Why there is no plan, or nothing was enqueued.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Why.
    pub why: String,
    /// What to do about it.
    pub advice: String,
}

/// Makes plans of lists, and enqueues them.
pub trait Lists: Send + Sync + 'static {
    /// The tenants that a list may be of.
    fn tenants(&self) -> Vec<TenantName>;

    /// Holds a list against its tenant's inventory.
    fn plan<'a>(&'a self, list: &'a UploadedList) -> BoxFuture<'a, Result<ListPlan, Refused>>;

    /// Enqueues precisely the devices of a plan; how many jobs that made. It refuses when by now
    /// they would be others.
    fn enqueue<'a>(
        &'a self,
        list: &'a UploadedList,
        fingerprint: &'a str,
        by: Actor,
    ) -> BoxFuture<'a, Result<u64, Refused>>;
}
