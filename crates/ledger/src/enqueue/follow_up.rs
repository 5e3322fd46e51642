//! Devices that a reassignment left without a user: its first step is done, its second is not.
//!
//! A job between two steps is no alarm while a live worker has it: its device is assigned in a moment.
//! It is one as soon as nobody has the job, whatever its state: dead, cancelled, set aside, waiting,
//! or held by a worker whose lease ran out. It is none any more once the job succeeds, a later job that
//! takes it back succeeds, somebody else was seen to have the device, a listing of the inventory shows
//! that it has a user again, or Graph no longer knows the device.
//!
//! Giving devices back, and assigning those whose jobs cannot go round again, is a campaign of its own
//! like any other: each device is looked at before it is called, and one that has a user is left alone.

use std::collections::HashMap;
use std::time::Duration;

use repilot_domain::{
    Action, Actor, AuditEvent, CampaignId, CampaignStatus, Device, EnrollmentState, JobAct,
    JobCondition, JobQuery, JobState, Timestamp,
};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::AssertSqlSafe;
use utoipa::ToSchema;

use crate::error::QueryContext as _;
use crate::jobs::between_steps::{HAS_NO_USER, between_steps};
use crate::search::JobSelection;
use crate::storage::dialect::Dialect;
use crate::storage::rows::{Columns, gathered};
use crate::{
    BUSY, BusyDevice, Campaign, Job, Ledger, LedgerError, Listing, NewCampaign, NewJob, NewList,
    Refusal, Task, audit,
};

/// Time after which a listing shows what was done to a device: Graph shows effects late.
const SHOWN_AFTER: Duration = Duration::from_mins(15);

/// Jobs that one transaction enqueues.
const CHUNK: usize = 4_096;

/// Who is to get devices that have no user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextUser {
    /// Who had each of them before.
    Former,
    /// Whom their campaign was to assign.
    New,
}

/// A campaign that gives devices without a user back, or assigns them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FollowUp {
    /// Its name; none where there is nothing to be done.
    pub campaign: Option<String>,
    /// Devices in it.
    pub jobs: u64,
    /// Devices that had nobody before and cannot be given back.
    pub no_former_user: u64,
    /// Devices that have a job in another open campaign, which goes first.
    pub busy: u64,
    /// Devices whose job still waits in the campaign itself, and goes before all others.
    pub waiting: u64,
}

/// What a second try of assignments came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct TriedAgain {
    /// Dead letters that go round again in their campaign.
    pub requeued: u64,
    /// Those whose jobs cannot go round again, because they were cancelled or set aside.
    #[serde(flatten)]
    pub follow_up: FollowUp,
}

impl Ledger {
    /// Gives devices of a campaign that have no user to somebody, each looked at first: a campaign of
    /// precisely these jobs. Jobs of the campaign that are still to be done are left to it.
    ///
    /// Called again it completes one that was broken off, and takes no device that another open
    /// campaign has.
    pub async fn assign_left_behind(
        &self,
        campaign: &Campaign,
        next: NextUser,
        by: &Actor,
        now: Timestamp,
    ) -> Result<FollowUp, LedgerError> {
        let states: &[JobState] = match next {
            NextUser::Former => &[JobState::Dead, JobState::Cancelled, JobState::Skipped],
            // Dead letters go round again in their own campaign, where it takes them.
            NextUser::New if campaign.status == CampaignStatus::Cancelled => {
                &[JobState::Dead, JobState::Cancelled, JobState::Skipped]
            }
            NextUser::New => &[JobState::Cancelled, JobState::Skipped],
        };
        let unfinished = self.unfinished_follow_up(campaign, next).await?;
        let except = unfinished.as_ref().map(|(id, _)| *id);
        let jobs = self.left_behind(campaign.id, states).await?;
        let busy = self.devices_in_hand(&campaign.tenant, except).await?;
        let open = campaign.counts.without_user_open;
        let mut follow_up = FollowUp {
            waiting: u64::try_from(open).unwrap_or_default(),
            ..FollowUp::default()
        };
        let (mut new, mut refused) = (Vec::new(), Vec::new());
        for job in &jobs {
            if let Some(other) = busy.get(job.device_id.as_str()) {
                follow_up.busy += 1;
                let detail = format!("the device has an open job in campaign {other}");
                refused.push(refusal(job, BUSY, &detail));
                continue;
            }
            let Some(task) = task(job, next) else {
                follow_up.no_former_user += 1;
                let detail = "nobody was assigned before";
                refused.push(refusal(job, "no-former-user", detail));
                continue;
            };
            new.push(NewJob {
                device: device(job),
                line: job.id.0.unsigned_abs(),
                task,
            });
        }
        if new.is_empty() && unfinished.is_none() {
            return Ok(follow_up);
        }
        let name = match unfinished {
            Some((_, name)) => name,
            None => self.free_name(campaign, next).await?,
        };
        let opened = NewCampaign {
            name: name.clone(),
            tenant: campaign.tenant.clone(),
            action: Action::Assign,
            rolls_back: Some(campaign.id),
        };
        let id = self.open_campaign(&opened, by, now).await?.id;
        let list = NewList {
            sha256: fingerprint(&name),
            name: format!("devices of {} without a user", campaign.name),
        };
        self.begin_list(id, &list, by, now).await?;
        for jobs in new.chunks(CHUNK) {
            let enqueued = self.enqueue(id, jobs, now).await?;
            follow_up.jobs += enqueued.added;
            follow_up.busy += enqueued.busy.len() as u64;
            refused.extend(enqueued.busy.iter().map(BusyDevice::refusal));
        }
        for refusals in refused.chunks(CHUNK) {
            self.record_refusals(id, &list.sha256, refusals).await?;
        }
        self.finish_list(id, &list.sha256, by, now).await?;
        let event = match next {
            NextUser::Former => AuditEvent::GivenBack,
            NextUser::New => AuditEvent::AssignedAgain,
        };
        let detail = json!({ "campaign": name, "jobs": follow_up.jobs });
        self.record(by, Some(campaign.id), event, &detail, now)
            .await?;
        follow_up.campaign = Some(name);
        Ok(follow_up)
    }

    /// Tries the assignments of a campaign's devices without a user again: dead letters go round again
    /// where they are, what was cancelled or set aside in a campaign of its own.
    pub async fn try_assigning_again(
        &self,
        campaign: &Campaign,
        by: &Actor,
        now: Timestamp,
    ) -> Result<TriedAgain, LedgerError> {
        let query = JobQuery::default()
            .and(JobCondition::State(vec![JobState::Dead]))
            .and(JobCondition::WithoutUser);
        let meant = self.jobs_meant(Some(campaign.id), &query).await?;
        let selection = JobSelection::All {
            campaign: Some(campaign.id),
            query,
            meant,
        };
        let requeued = self.act(JobAct::Requeue, &selection, by, now).await?.jobs;
        let follow_up = self
            .assign_left_behind(campaign, NextUser::New, by, now)
            .await?;
        Ok(TriedAgain {
            requeued,
            follow_up,
        })
    }

    /// Takes note of a complete listing: of each job that stopped between its steps long enough before
    /// it, whether it shows that the device has a user again.
    pub(crate) async fn note_users_again(&self, listing: &Listing) -> Result<(), LedgerError> {
        let before = listing.begun_at.before(SHOWN_AFTER);
        let left: HashMap<String, i64> = {
            let mut reader = self.reader().await?;
            let sql = format!(
                "SELECT {gathered}
                 FROM campaigns
                 JOIN job_rows AS stopped ON stopped.campaign_id = campaigns.id
                 WHERE campaigns.tenant = $1
                   AND campaigns.action = 'reassign'
                   AND stopped.stepped_at <= $2
                   AND {HAS_NO_USER}",
                gathered = Dialect::of(&reader).gathered("stopped.device_id, stopped.id")
            );
            let query = sqlx::query(AssertSqlSafe(sql))
                .bind(listing.tenant.as_str())
                .bind(before.as_millis());
            let rows: Vec<(String, i64)> =
                gathered(query, &mut reader, "look for devices without a user").await?;
            rows.into_iter().collect()
        };
        if left.is_empty() {
            return Ok(());
        }
        let mut again = Vec::new();
        let mut page = 0;
        while let Some((number, devices)) = self.listed_page(listing, page).await? {
            page = number;
            again.extend(devices.iter().filter_map(|device| {
                let has_user = !device.user_principal_name.trim().is_empty();
                left.get(device.id.as_str()).filter(|_| has_user).copied()
            }));
        }
        if again.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let sql = format!(
            "INSERT INTO users_again (job_id, seen_at)
             SELECT id, $2 FROM {} AS seen
             WHERE TRUE
             ON CONFLICT DO NOTHING",
            Dialect::of(&transaction).each_id()
        );
        let numbers = Dialect::of(&transaction).numbers(again);
        sqlx::query(AssertSqlSafe(sql))
            .bind(numbers)
            .bind(listing.begun_at.as_millis())
            .execute(&mut *transaction)
            .await
            .doing("note devices that have a user again")?;
        self.commit(transaction, "note devices that have a user again")
            .await
    }

    /// Records once in the audit, of each campaign that left devices without a user, how many: for
    /// whoever is notified. What is still to be done and not held back is no news.
    pub async fn tell_of_devices_without_user(
        &self,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let mut reader = self.reader().await?;
        let counts = between_steps(&mut reader, None, now).await?;
        let rows = sqlx::query(
            "SELECT id, status, without_user_told FROM campaigns
             WHERE action = 'reassign' AND pruned_at IS NULL",
        )
        .fetch_all(&mut *reader)
        .await
        .doing("look for devices without a user")?;
        drop(reader);
        let mut told_of = 0;
        for row in &rows {
            let columns = Columns::of("campaigns", row);
            let campaign = CampaignId(columns.get("id")?);
            let status: CampaignStatus = columns.word("status")?;
            let told: i64 = columns.get("without_user_told")?;
            let found = counts.get(&campaign).copied().unwrap_or_default();
            let devices = match status {
                CampaignStatus::Active => found.without_user - found.without_user_open,
                CampaignStatus::Paused | CampaignStatus::Cancelled => found.without_user,
            };
            if (devices > 0) != (told > 0) {
                told_of += self.tell_of(campaign, devices, told, by, now).await?;
            }
        }
        Ok(told_of)
    }

    /// Notes that so many devices were told of, unless another process came first; 1 where it is news.
    async fn tell_of(
        &self,
        campaign: CampaignId,
        devices: i64,
        told: i64,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        let noted = sqlx::query(
            "UPDATE campaigns SET without_user_told = $2
             WHERE id = $1 AND without_user_told = $3",
        )
        .bind(campaign.0)
        .bind(devices)
        .bind(told)
        .execute(&mut *transaction)
        .await
        .doing("tell of devices without a user")?;
        let is_news = noted.rows_affected() == 1 && devices > 0;
        if is_news {
            let detail = json!({ "devices": devices });
            let event = AuditEvent::WithoutUser;
            audit::record(&mut transaction, now, by, Some(campaign), event, &detail).await?;
        }
        self.commit(transaction, "tell of devices without a user")
            .await?;
        Ok(u64::from(is_news))
    }

    /// The jobs of a campaign in these states whose devices have no user, by number.
    async fn left_behind(
        &self,
        campaign: CampaignId,
        states: &[JobState],
    ) -> Result<Vec<Job>, LedgerError> {
        let mut reader = self.reader().await?;
        let states: Vec<String> = states.iter().map(|state| format!("'{state}'")).collect();
        let sql = format!(
            "SELECT {gathered}
             FROM job_rows AS stopped
             WHERE stopped.campaign_id = $1
               AND stopped.state IN ({states})
               AND {HAS_NO_USER}",
            gathered = Dialect::of(&reader).gathered("stopped.id"),
            states = states.join(", ")
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(campaign.0);
        let rows: Vec<(i64,)> =
            gathered(query, &mut reader, "look for devices without a user").await?;
        let mut ids: Vec<i64> = rows.into_iter().map(|(id,)| id).collect();
        ids.sort_unstable();
        Self::jobs_of(&mut reader, &ids).await
    }

    /// The follow-up of a campaign whose enqueue was broken off.
    async fn unfinished_follow_up(
        &self,
        campaign: &Campaign,
        next: NextUser,
    ) -> Result<Option<(CampaignId, String)>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT id, name FROM campaigns
             WHERE rolls_back = $1
               AND action = 'assign'
               AND status <> 'cancelled'
               AND enqueued_at IS NULL
             ORDER BY id",
        )
        .bind(campaign.id.0)
        .fetch_all(&mut *reader)
        .await
        .doing("look for a campaign")?;
        let first = first_name(campaign, next);
        for row in &rows {
            let columns = Columns::of("campaigns", row);
            let name: String = columns.get("name")?;
            if name.starts_with(&first) {
                return Ok(Some((CampaignId(columns.get("id")?), name)));
            }
        }
        Ok(None)
    }

    async fn free_name(&self, campaign: &Campaign, next: NextUser) -> Result<String, LedgerError> {
        let first = first_name(campaign, next);
        let (mut name, mut number) = (first.clone(), 2);
        while self.campaign(&name).await?.is_some() {
            name = format!("{first}-{number}");
            number += 1;
        }
        Ok(name)
    }
}

fn first_name(campaign: &Campaign, next: NextUser) -> String {
    let suffix = match next {
        NextUser::Former => "give-back",
        NextUser::New => "assign",
    };
    format!("{}-{suffix}", campaign.name)
}

fn fingerprint(name: &str) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(format!("devices without a user: {name}"));
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What is done to a job's device; none where nobody can have it.
fn task(job: &Job, next: NextUser) -> Option<Task> {
    let (user, name) = match next {
        // As it was last seen before its call, and not as the plan remembered it.
        NextUser::Former => job.had(),
        NextUser::New => (
            job.new_user_principal_name.as_str(),
            job.new_addressable_user_name.as_str(),
        ),
    };
    let user = user.trim();
    (!user.is_empty()).then(|| Task {
        action: Action::Assign,
        new_user: user.to_owned(),
        new_user_name: name.to_owned(),
        rolls_back: Some(job.id),
        look_first: true,
        after_others: false,
    })
}

/// The device of a job, which has no user now.
fn device(job: &Job) -> Device {
    Device {
        id: job.device_id.clone(),
        serial: job.serial.clone(),
        user_principal_name: String::new(),
        addressable_user_name: String::new(),
        group_tag: job.group_tag.clone(),
        manufacturer: String::new(),
        model: job.model.clone(),
        display_name: String::new(),
        managed_device_id: String::new(),
        entra_device_id: String::new(),
        enrollment_state: EnrollmentState::Unknown,
        last_contacted: None,
    }
}

fn refusal(job: &Job, reason: &str, detail: &str) -> Refusal {
    Refusal {
        line: job.id.0.unsigned_abs(),
        value: job.serial.clone(),
        reason: reason.to_owned(),
        detail: detail.to_owned(),
    }
}
