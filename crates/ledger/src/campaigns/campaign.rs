//! Campaigns and what is counted of them.

use std::collections::{BTreeMap, HashMap};

use repilot_domain::{
    Action, Actor, AuditEvent, CampaignId, CampaignStatus, CanaryPhase, Controls, PauseCause,
    TenantName, Timestamp,
};
use serde::Serialize;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use utoipa::ToSchema;

use crate::campaigns::controls;
use crate::error::QueryContext as _;
use crate::jobs::between_steps::between_steps;
use crate::jobs::counters::{CALLS, REFUSED, THROTTLED, VERIFIED};
use crate::jobs::in_doubt;
use crate::storage::rows::Columns;
use crate::storage::sequences::take_ids;
use crate::{Ledger, LedgerError, audit};

/// The time at which no lease has run out.
const ALL_ARE_ALIVE: Timestamp = Timestamp::from_millis(0);

/// A campaign to be opened.
#[derive(Debug, Clone)]
pub struct NewCampaign {
    /// Unique in the ledger.
    pub name: String,
    /// Whose devices.
    pub tenant: TenantName,
    /// What is done to them.
    pub action: Action,
    /// The campaign that this one takes back.
    pub rolls_back: Option<CampaignId>,
}

/// What [`Ledger::open_campaign`] found or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenedCampaign {
    /// The campaign.
    pub id: CampaignId,
    /// Whether it was there before.
    pub existed: bool,
}

/// A campaign as the ledger has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Campaign {
    /// Its number.
    pub id: CampaignId,
    /// Its name.
    pub name: String,
    /// Whose devices.
    pub tenant: TenantName,
    /// What is done to them; of one that takes another back, the most that is done to any.
    pub action: Action,
    /// The campaign that this one takes back.
    pub rolls_back: Option<CampaignId>,
    /// Whether it may go on.
    pub status: CampaignStatus,
    /// Why it is paused or cancelled, in words.
    pub status_reason: String,
    /// What paused it, where that is known.
    pub pause_cause: Option<PauseCause>,
    /// Who paused or cancelled it, as the audit names them; empty where nobody did, or nobody knows.
    pub stopped_by: String,
    /// When it was paused or cancelled.
    pub stopped_at: Option<Timestamp>,
    /// Who passed its canary; empty where nobody did, as where it went on by itself.
    pub canary_by: String,
    /// When somebody passed its canary.
    pub canary_at: Option<Timestamp>,
    /// What holds it back.
    pub controls: Controls,
    /// Where it stands with its canary.
    pub canary_phase: CanaryPhase,
    /// The device lists that were enqueued into it, oldest first.
    pub lists: Vec<CampaignList>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the last of its lists was all in; none while one is not.
    pub enqueued_at: Option<Timestamp>,
    /// When its first job was claimed.
    pub started_at: Option<Timestamp>,
    /// When its last job became terminal.
    pub ended_at: Option<Timestamp>,
    /// Until when a process has promised to move it on.
    pub attended_until: Timestamp,
    /// How old the inventory is that its devices were last held against.
    pub verified_at: Option<Timestamp>,
    /// When its jobs were forgotten; its totals are kept.
    pub pruned_at: Option<Timestamp>,
    /// What is counted.
    pub counts: CampaignCounts,
}

/// A device list of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CampaignList {
    /// Of its bytes, in hexadecimal.
    pub sha256: String,
    /// What it was called: a file's name.
    pub name: String,
    /// When it was first enqueued.
    pub begun_at: Timestamp,
    /// When the whole of it was in; none while it is not.
    pub enqueued_at: Option<Timestamp>,
}

/// What is counted of a campaign.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct CampaignCounts {
    /// Jobs in all.
    pub total: i64,
    /// Jobs that wait.
    pub pending: i64,
    /// Jobs on the wire.
    pub queued: i64,
    /// Jobs that a worker holds.
    pub running: i64,
    /// Jobs that are done.
    pub succeeded: i64,
    /// Dead letters.
    pub dead: i64,
    /// Jobs that were cancelled.
    pub cancelled: i64,
    /// Jobs that a person set aside.
    pub skipped: i64,
    /// Jobs that stand between two steps, whatever became of them: their devices were changed, and
    /// are not yet what they shall be.
    pub between_steps: i64,
    /// Those of these whose device has no user now, and that no live worker has.
    pub without_user: i64,
    /// Those of these that are still to be done in the campaign itself, before all others.
    pub without_user_open: i64,
    /// Open jobs whose calls may have taken effect unseen: their devices are looked at first, also
    /// where the campaign was paused or cancelled meanwhile.
    pub uncertain: i64,
    /// Dead letters by reason.
    pub dead_by_reason: BTreeMap<String, i64>,
    /// Rows of the list that the plan refused, by reason.
    pub refused_by_reason: BTreeMap<String, i64>,
    /// Jobs that succeeded, by what the inventory said of them later.
    pub verification: BTreeMap<String, i64>,
    /// Calls to Graph.
    pub calls: i64,
    /// Calls that Graph answered with 429.
    pub throttled: i64,
}

impl Campaign {
    /// Its deadline, where that has passed: resumed, it would be paused again at once.
    #[must_use]
    pub fn passed_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let deadline = self.controls.schedule.deadline;
        deadline.filter(|deadline| *deadline <= now)
    }
}

impl CampaignCounts {
    /// Jobs that are not terminal.
    #[must_use]
    pub const fn open(&self) -> i64 {
        self.pending + self.queued + self.running
    }

    /// Devices without a user whose jobs are over: nothing but a person gives them one.
    #[must_use]
    pub const fn left_without_user(&self) -> i64 {
        self.without_user - self.without_user_open
    }

    /// How many devices have no user now, in words; nothing where none is without one.
    #[must_use]
    pub fn without_user_in_words(&self) -> Option<String> {
        match self.without_user {
            ..=0 => None,
            1 => Some("1 device has no user now".to_owned()),
            devices => Some(format!("{devices} devices have no user now")),
        }
    }

    /// Rows of the list that the plan refused.
    #[must_use]
    pub fn refused(&self) -> i64 {
        self.refused_by_reason.values().sum()
    }

    fn add(&mut self, name: &str, reason: String, value: i64) {
        let state = match (name, reason.is_empty()) {
            ("pending", _) => &mut self.pending,
            ("queued", _) => &mut self.queued,
            ("running", _) => &mut self.running,
            ("succeeded", _) => &mut self.succeeded,
            ("dead", true) => &mut self.dead,
            ("cancelled", _) => &mut self.cancelled,
            ("skipped", _) => &mut self.skipped,
            ("dead", false) => {
                if value != 0 {
                    self.dead_by_reason.insert(reason, value);
                }
                return;
            }
            (REFUSED, _) => {
                self.refused_by_reason.insert(reason, value);
                return;
            }
            (VERIFIED, _) => {
                if value != 0 {
                    self.verification.insert(reason, value);
                }
                return;
            }
            (CALLS, _) => {
                self.calls += value;
                return;
            }
            (THROTTLED, _) => {
                self.throttled += value;
                return;
            }
            _ => return,
        };
        *state += value;
        self.total += value;
    }
}

impl Campaign {
    /// Whether its whole list is in and all of its jobs are terminal.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended_at.is_some()
    }

    /// Whether that list was enqueued into it, to its end.
    #[must_use]
    pub fn has_list(&self, sha256: &str) -> bool {
        self.lists
            .iter()
            .any(|list| list.sha256 == sha256 && list.enqueued_at.is_some())
    }

    /// Whether an enqueue was broken off: the same command again completes it.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        self.enqueued_at.is_none()
    }

    fn read(
        row: &AnyRow,
        counts: CampaignCounts,
        lists: Vec<CampaignList>,
    ) -> Result<Self, LedgerError> {
        let columns = Columns::of("campaigns", row);
        Ok(Self {
            id: CampaignId(columns.get("id")?),
            name: columns.get("name")?,
            tenant: columns.word("tenant")?,
            action: columns.word("action")?,
            rolls_back: columns.get::<Option<i64>>("rolls_back")?.map(CampaignId),
            status: columns.word("status")?,
            status_reason: columns.get("status_reason")?,
            pause_cause: columns.word_if_any("pause_cause")?,
            stopped_by: columns.get("stopped_by")?,
            stopped_at: columns.time_if_any("stopped_at")?,
            canary_by: columns.get("canary_by")?,
            canary_at: columns.time_if_any("canary_at")?,
            controls: controls::read(&columns)?,
            canary_phase: columns.word("canary_phase")?,
            lists,
            created_at: columns.time("created_at")?,
            enqueued_at: columns.time_if_any("enqueued_at")?,
            started_at: columns.time_if_any("started_at")?,
            ended_at: columns.time_if_any("ended_at")?,
            attended_until: columns.time("attended_until")?,
            verified_at: columns.time_if_any("verified_at")?,
            pruned_at: columns.time_if_any("pruned_at")?,
            counts,
        })
    }
}

impl Ledger {
    /// Finds the campaign of that name or makes it. It is an error if another tenant has it, or if it
    /// does something else.
    pub async fn open_campaign(
        &self,
        new: &NewCampaign,
        by: &Actor,
        now: Timestamp,
    ) -> Result<OpenedCampaign, LedgerError> {
        let mut transaction = self.begin().await?;
        if let Some(id) = found(&mut transaction, new).await? {
            return Ok(OpenedCampaign { id, existed: true });
        }
        let id = take_ids(&mut transaction, "campaign", 1).await?;
        // Whoever makes a campaign holds the sequence: now it is there, or nobody is making it.
        if let Some(id) = found(&mut transaction, new).await? {
            return Ok(OpenedCampaign { id, existed: true });
        }
        sqlx::query(
            "INSERT INTO campaigns (
                 id, name, tenant, action, rolls_back, status, created_at
             )
             VALUES ($1, $2, $3, $4, $5, 'active', $6)",
        )
        .bind(id)
        .bind(&new.name)
        .bind(new.tenant.as_str())
        .bind(new.action.as_str())
        .bind(new.rolls_back.map(|campaign| campaign.0))
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await
        .doing("make a campaign")?;
        let detail = json!({
            "name": new.name,
            "tenant": new.tenant,
            "action": new.action,
        });
        audit::record(
            &mut transaction,
            now,
            by,
            Some(CampaignId(id)),
            AuditEvent::CampaignOpened,
            &detail,
        )
        .await?;
        self.commit(transaction, "make a campaign").await?;
        Ok(OpenedCampaign {
            id: CampaignId(id),
            existed: false,
        })
    }

    /// The campaign of that name, if there is one. Devices of jobs that a worker holds are not counted
    /// as without a user, whether or not it is alive: see [`Ledger::campaign_at`].
    pub async fn campaign(&self, name: &str) -> Result<Option<Campaign>, LedgerError> {
        self.campaign_at(name, ALL_ARE_ALIVE).await
    }

    /// The campaign of that name, if there is one, as it is at that time: what a worker holds whose
    /// lease has run out counts as held by nobody.
    pub async fn campaign_at(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Campaign>, LedgerError> {
        let mut reader = self.reader().await?;
        let row = sqlx::query("SELECT * FROM campaigns WHERE name = $1")
            .bind(name)
            .fetch_optional(&mut *reader)
            .await
            .doing("read a campaign")?;
        let Some(row) = row else { return Ok(None) };
        let id = CampaignId(Columns::of("campaigns", &row).get("id")?);
        let mut counts = counts(&mut reader, Some(id), now).await?;
        let mut lists = lists(&mut reader, Some(id)).await?;
        let (counts, lists) = (counts.remove(&id), lists.remove(&id));
        Campaign::read(&row, counts.unwrap_or_default(), lists.unwrap_or_default()).map(Some)
    }

    /// Campaigns of a tenant that have not ended, newest first; as [`Ledger::campaign_at`] has
    /// them.
    pub async fn open_campaigns(
        &self,
        tenant: &TenantName,
        now: Timestamp,
    ) -> Result<Vec<Campaign>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT * FROM campaigns
             WHERE tenant = $1 AND ended_at IS NULL
             ORDER BY id DESC",
        )
        .bind(tenant.as_str())
        .fetch_all(&mut *reader)
        .await
        .doing("read the open campaigns of a tenant")?;
        let mut campaigns = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = CampaignId(Columns::of("campaigns", row).get("id")?);
            let counts = counts(&mut reader, Some(id), now).await?.remove(&id);
            let lists = lists(&mut reader, Some(id)).await?.remove(&id);
            campaigns.push(Campaign::read(
                row,
                counts.unwrap_or_default(),
                lists.unwrap_or_default(),
            )?);
        }
        Ok(campaigns)
    }

    /// Every campaign, newest first; as [`Ledger::campaign`] has it.
    pub async fn campaigns(&self) -> Result<Vec<Campaign>, LedgerError> {
        self.campaigns_at(ALL_ARE_ALIVE).await
    }

    /// Every campaign, newest first, as it is at that time: see [`Ledger::campaign_at`].
    pub async fn campaigns_at(&self, now: Timestamp) -> Result<Vec<Campaign>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query("SELECT * FROM campaigns ORDER BY id DESC")
            .fetch_all(&mut *reader)
            .await
            .doing("read campaigns")?;
        let mut counts = counts(&mut reader, None, now).await?;
        let mut lists = lists(&mut reader, None).await?;
        let mut campaigns = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = CampaignId(Columns::of("campaigns", row).get("id")?);
            let (counts, lists) = (counts.remove(&id), lists.remove(&id));
            campaigns.push(Campaign::read(
                row,
                counts.unwrap_or_default(),
                lists.unwrap_or_default(),
            )?);
        }
        Ok(campaigns)
    }
}

/// The campaign of that name, if there is one; it must be the same tenant's.
async fn found(
    connection: &mut AnyConnection,
    new: &NewCampaign,
) -> Result<Option<CampaignId>, LedgerError> {
    let row = sqlx::query("SELECT id, tenant, action, rolls_back FROM campaigns WHERE name = $1")
        .bind(&new.name)
        .fetch_optional(connection)
        .await
        .doing("look for a campaign")?;
    let Some(row) = row else { return Ok(None) };
    let columns = Columns::of("campaigns", &row);
    let tenant: String = columns.get("tenant")?;
    if tenant != new.tenant.as_str() {
        return Err(LedgerError::OtherTenant {
            name: new.name.clone(),
            tenant,
        });
    }
    let rolls_back: Option<i64> = columns.get("rolls_back")?;
    let action: Action = columns.word("action")?;
    // What takes another back may need more for some devices than for others.
    let is_the_same = match new.rolls_back {
        Some(campaign) => rolls_back == Some(campaign.0),
        None => rolls_back.is_none() && action == new.action,
    };
    if !is_the_same {
        return Err(LedgerError::OtherAction {
            name: new.name.clone(),
            action,
        });
    }
    Ok(Some(CampaignId(columns.get("id")?)))
}

/// Counts of one campaign, or of all.
async fn counts(
    connection: &mut AnyConnection,
    campaign: Option<CampaignId>,
    now: Timestamp,
) -> Result<HashMap<CampaignId, CampaignCounts>, LedgerError> {
    let rows = sqlx::query(
        "SELECT campaign_id, name, reason, value FROM counters
         WHERE campaign_id = $1 OR $1 = 0",
    )
    .bind(campaign.map_or(0, |id| id.0))
    .fetch_all(&mut *connection)
    .await
    .doing("read counters")?;
    let mut counts: HashMap<CampaignId, CampaignCounts> = HashMap::new();
    for row in &rows {
        let columns = Columns::of("counters", row);
        let name: String = columns.get("name")?;
        counts
            .entry(CampaignId(columns.get("campaign_id")?))
            .or_default()
            .add(&name, columns.get("reason")?, columns.get("value")?);
    }
    for (id, between) in between_steps(connection, campaign, now).await? {
        let counts = counts.entry(id).or_default();
        counts.between_steps = between.jobs;
        counts.without_user = between.without_user;
        counts.without_user_open = between.without_user_open;
    }
    for (id, jobs) in in_doubt::count(connection, campaign).await? {
        counts.entry(id).or_default().uncertain = jobs;
    }
    Ok(counts)
}

/// Lists of one campaign, or of all.
async fn lists(
    connection: &mut AnyConnection,
    campaign: Option<CampaignId>,
) -> Result<HashMap<CampaignId, Vec<CampaignList>>, LedgerError> {
    let rows = sqlx::query(
        "SELECT * FROM lists
         WHERE campaign_id = $1 OR $1 = 0
         ORDER BY campaign_id, begun_at, sha256",
    )
    .bind(campaign.map_or(0, |id| id.0))
    .fetch_all(connection)
    .await
    .doing("read lists")?;
    let mut lists: HashMap<CampaignId, Vec<CampaignList>> = HashMap::new();
    for row in &rows {
        let columns = Columns::of("lists", row);
        lists
            .entry(CampaignId(columns.get("campaign_id")?))
            .or_default()
            .push(CampaignList {
                sha256: columns.get("sha256")?,
                name: columns.get("name")?,
                begun_at: columns.time("begun_at")?,
                enqueued_at: columns.time_if_any("enqueued_at")?,
            });
    }
    Ok(lists)
}

/// Whether jobs of a campaign may go round again, or others into it: not where it was cancelled or
/// forgotten.
pub(crate) async fn must_take_jobs(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<(), LedgerError> {
    let row = sqlx::query("SELECT status, pruned_at FROM campaigns WHERE id = $1")
        .bind(campaign.0)
        .fetch_one(connection)
        .await
        .doing("read a campaign's status")?;
    let columns = Columns::of("campaigns", &row);
    if columns.time_if_any("pruned_at")?.is_some() {
        return Err(LedgerError::Forgotten(campaign));
    }
    match columns.word("status")? {
        CampaignStatus::Active | CampaignStatus::Paused => Ok(()),
        CampaignStatus::Cancelled => Err(LedgerError::Cancelled(campaign)),
    }
}
