//! Claims: a queued job of that dispatch number becomes the worker's.

use std::collections::BTreeMap;

use repilot_domain::{
    Action, CampaignId, DeviceId, JobEvent, JobId, JobState, Progress, Timestamp,
};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::counters::Deltas;
use crate::dialect::Dialect;
use crate::rows::{batch, by_dispatch, gathered};
use crate::{LedgerError, QueuedJob, places};

/// What a worker needs to know of a job that it has claimed.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The job.
    pub id: JobId,
    /// The dispatch number that fences what the worker will say of it.
    pub dispatch: i64,
    /// Its campaign.
    pub campaign: CampaignId,
    /// The device to act on.
    pub device: DeviceId,
    /// Who was assigned when the plan was made; empty where nobody was, or nobody has to look.
    pub previous_user: String,
    /// What is to be done to the device, and how far that is.
    pub progress: Progress,
    /// Who is to be assigned; empty where nobody is.
    pub new_user: String,
    /// Their display name.
    pub new_user_name: String,
    /// Attempts spent so far.
    pub attempts: u32,
    /// A call may have taken effect unseen, or somebody else may have come first: look first.
    pub uncertain: bool,
    /// A call of it was lost, and may still arrive; not so where it only looks first.
    pub lost: bool,
    /// Until when the claim holds.
    pub lease_until: Timestamp,
}

/// How much is not known of a job: nothing, whether somebody came first, what its last calls did.
const CERTAIN: i64 = 0;
const LOST: i64 = 2;

/// A job that is claimed: id, dispatch, campaign, device, and what there is to know of one that is not
/// plainly to be called.
type Claimed = (i64, i64, i64, String, Option<Further>);

/// User, attempts, how uncertain; action, steps done, new user and their name.
type Further = (String, u32, i64, Action, usize, String, String);

/// What is known of a plain job.
fn nothing_further() -> Further {
    let nobody = String::new;
    (
        nobody(),
        0,
        CERTAIN,
        Action::Unassign,
        0,
        nobody(),
        nobody(),
    )
}

/// Claims those of `jobs` that are still queued under their number, and counts them.
pub(crate) async fn claim(
    connection: &mut AnyConnection,
    worker: &str,
    jobs: &[QueuedJob],
    lease_until: Timestamp,
    deltas: &mut Deltas,
) -> Result<Vec<ClaimedJob>, LedgerError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let claims = by_dispatch(jobs.iter().map(|queued| (queued.job, queued.dispatch)));
    let claimed = claimable(connection, claims).await?;
    mark_claimed(connection, &claimed, worker, lease_until).await?;
    let mut by_campaign: BTreeMap<CampaignId, u64> = BTreeMap::new();
    for row in &claimed {
        *by_campaign.entry(CampaignId(row.2)).or_default() += 1;
    }
    for (campaign, count) in by_campaign {
        deltas.moved(campaign, JobState::Queued, JobEvent::Claim, count)?;
    }
    let claimed = claimed.into_iter().map(|row| {
        let (id, dispatch, campaign, device, further) = row;
        let (user, attempts, doubt, action, steps_done, new_user, new_user_name) =
            further.unwrap_or_else(nothing_further);
        ClaimedJob {
            id: JobId(id),
            dispatch,
            campaign: CampaignId(campaign),
            device: DeviceId(device),
            previous_user: user,
            progress: Progress::new(action, steps_done),
            new_user,
            new_user_name,
            attempts,
            uncertain: doubt != CERTAIN,
            lost: doubt == LOST,
            lease_until,
        }
    });
    Ok(claimed.collect())
}

/// What [`Claimed`] is made of. Most jobs are unassigned and are called for the first time: of those
/// there is no more to tell. The few that are uncertain have their attempts looked up.
fn columns(dialect: Dialect) -> String {
    let further = dialect.array(
        "jobs.user_principal_name,
         jobs.attempts,
         CASE
             WHEN jobs.uncertain = 1 AND EXISTS (
                 SELECT 1 FROM attempts
                 WHERE attempts.job_id = jobs.id AND attempts.outcome IN ('ambiguous', 'lost')
             ) THEN 2
             ELSE jobs.uncertain
         END,
         jobs.action, jobs.steps_done,
         jobs.new_user_principal_name, jobs.new_addressable_user_name",
    );
    format!(
        "jobs.id, held.dispatch, jobs.campaign_id, jobs.device_id,
         CASE
             WHEN jobs.action <> 'unassign' OR jobs.attempts > 0 OR jobs.uncertain > 0
             THEN {further}
         END"
    )
}

/// Those of the claims that hold.
async fn claimable(
    connection: &mut AnyConnection,
    claims: BTreeMap<i64, Vec<i64>>,
) -> Result<Vec<Claimed>, LedgerError> {
    let dialect = Dialect::of(connection);
    let sql = format!(
        "SELECT {gathered}
         -- In this order: those in hand are few, the jobs are many.
         FROM jobs_in_hand AS held
         CROSS JOIN job_rows AS jobs
         WHERE held.id {named}
           AND held.dispatch = $2
           AND held.state = 'queued'
           AND jobs.id = held.id",
        gathered = dialect.gathered(&columns(dialect)),
        named = dialect.is_named()
    );
    let mut claimable = Vec::new();
    for (dispatch, jobs) in claims {
        let query = sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(batch(jobs)?)
            .bind(dispatch);
        claimable.extend(gathered(query, connection, "look for claimed jobs").await?);
    }
    Ok(claimable)
}

async fn mark_claimed(
    connection: &mut AnyConnection,
    claimable: &[Claimed],
    worker: &str,
    lease_until: Timestamp,
) -> Result<(), LedgerError> {
    let sql = format!(
        "UPDATE jobs_in_hand
         SET state = 'running', worker = $2, lease_until = $3
         WHERE id {}",
        Dialect::of(connection).is_named()
    );
    let jobs: Vec<i64> = claimable.iter().map(|row| row.0).collect();
    places::change(connection, &sql, &jobs, "claim jobs", |query| {
        query.bind(worker.to_owned()).bind(lease_until.as_millis())
    })
    .await
}
