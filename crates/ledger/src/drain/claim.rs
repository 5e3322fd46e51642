//! Claims: a queued job of that dispatch becomes the worker's.

use std::collections::{BTreeMap, HashSet};

use repilot_domain::{
    Action, CampaignId, DeviceId, JobEvent, JobId, JobState, Progress, Timestamp,
};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::error::QueryContext as _;
use crate::jobs::claim_key::{SameDispatch, by_dispatch, each_job_once};
use crate::jobs::counters::Deltas;
use crate::jobs::key_runs::{IS_IN_A_RUN, KeyRuns, RUNS};
use crate::jobs::settlement::LOOKED_AT;
use crate::jobs::state_tables;
use crate::storage::dialect::Dialect;
use crate::storage::rows::{Inner, gathered, numbers_of};
use crate::{ClaimKey, LedgerError, Sighting};

/// What a worker needs to know of a job that it has claimed.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// What fences what the worker will say of it.
    pub key: ClaimKey,
    /// The device to act on.
    pub device: DeviceId,
    /// Who is expected on the device: who was assigned when the plan was made, or whom a person
    /// accepted since; empty where nobody was. `None` of a plain job, of which nobody asked so far:
    /// see [`Ledger::expected_user`](crate::Ledger::expected_user).
    pub expected_user: Option<String>,
    /// What is known of this device by itself.
    pub sighting: Option<Sighting>,
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
    /// Its device was looked at since its last call, and was as before.
    pub looked_at: bool,
    /// Until when the claim holds.
    pub lease_until: Timestamp,
}

/// How much is not known of a job: nothing, or what the row says; and more where a call was lost.
const CERTAIN: i64 = 0;
const LOST: i64 = 10;

/// A job that is claimed, and what there is to know of one that is not plainly to be called.
struct HeldClaims {
    key: ClaimKey,
    device: String,
    further: Option<Further>,
}

/// User, attempts, how uncertain; action, steps done, new user and their name; what is known of its
/// device by itself.
type Further = (
    String,
    u32,
    i64,
    Action,
    usize,
    String,
    String,
    Option<Inner<SightingRow>>,
);

/// Who had the device, their name, when that was seen; whom a person accepted.
type SightingRow = (String, String, Timestamp, Option<String>);

/// Claims those of `jobs` that are still queued under their key, and counts them.
pub(crate) async fn claim(
    connection: &mut AnyConnection,
    worker: &str,
    jobs: &[ClaimKey],
    lease_until: Timestamp,
    deltas: &mut Deltas,
) -> Result<Vec<ClaimedJob>, LedgerError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let mut claimed = Vec::with_capacity(jobs.len());
    match Dialect::of(connection) {
        Dialect::Sqlite => {
            for group in by_dispatch(jobs.iter().copied()) {
                let queued = claimable(connection, &group).await?;
                mark_claimed(connection, &queued, worker, lease_until).await?;
                claimed.extend(queued);
            }
        }
        Dialect::Postgres => {
            for group in each_job_once(jobs.iter().copied()) {
                claimed.extend(claim_at_once(connection, group, worker, lease_until).await?);
            }
        }
    }
    let mut by_campaign: BTreeMap<CampaignId, u64> = BTreeMap::new();
    for row in &claimed {
        *by_campaign.entry(row.key.campaign).or_default() += 1;
    }
    for (campaign, count) in by_campaign {
        deltas.moved(campaign, JobState::Queued, JobEvent::Claim, count)?;
    }
    let claimed = claimed.into_iter().map(|row| row.into_job(lease_until));
    Ok(claimed.collect())
}

impl HeldClaims {
    fn into_job(self, lease_until: Timestamp) -> ClaimedJob {
        let plain = ClaimedJob {
            key: self.key,
            device: DeviceId(self.device),
            expected_user: None,
            sighting: None,
            progress: Progress::new(Action::Unassign, 0),
            new_user: String::new(),
            new_user_name: String::new(),
            attempts: 0,
            uncertain: false,
            lost: false,
            looked_at: false,
            lease_until,
        };
        let Some(further) = self.further else {
            return plain;
        };
        let (planned, attempts, doubt, action, steps_done, new_user, new_user_name, row) = further;
        let (sighting, accepted) = match row {
            Some(Inner((user, name, seen_at, accepted))) => (
                Some(Sighting {
                    user,
                    name,
                    seen_at,
                }),
                accepted,
            ),
            None => (None, None),
        };
        ClaimedJob {
            expected_user: Some(accepted.unwrap_or(planned)),
            sighting,
            progress: Progress::new(action, steps_done),
            new_user,
            new_user_name,
            attempts,
            uncertain: doubt != CERTAIN,
            lost: doubt > LOST,
            looked_at: doubt % LOST == LOOKED_AT,
            ..plain
        }
    }
}

/// That a job is not just unassigned, or not called for the first time, as most are.
const HAS_FURTHER: &str = "(jobs.action <> 'unassign' OR jobs.attempts > 0 OR jobs.uncertain > 0)";

/// That something is known of a job's device by itself: of most jobs nothing is.
const HAS_SIGHTING: &str = "EXISTS (SELECT 1 FROM sightings WHERE sightings.id = jobs.id)";

/// What is to be known of such jobs. The few that are uncertain have their attempts looked up.
fn further(dialect: Dialect) -> String {
    let sighting = dialect.found_array(
        "user_principal_name, addressable_user_name, seen_at, accepted_user",
        "FROM sightings WHERE sightings.id = jobs.id",
    );
    dialect.array(&format!(
        "jobs.user_principal_name,
         jobs.attempts,
         CASE
             WHEN jobs.uncertain > 0 AND EXISTS (
                 SELECT 1 FROM attempts
                 WHERE attempts.job_id = jobs.id AND attempts.outcome IN ('ambiguous', 'lost')
             ) THEN jobs.uncertain + {LOST}
             ELSE jobs.uncertain
         END,
         jobs.action, jobs.steps_done,
         jobs.new_user_principal_name, jobs.new_addressable_user_name,
         {sighting}",
    ))
}

/// Those that may be claimed.
async fn claimable(
    connection: &mut AnyConnection,
    group: &SameDispatch,
) -> Result<Vec<HeldClaims>, LedgerError> {
    let dialect = Dialect::of(connection);
    let columns = format!(
        "jobs.id, jobs.campaign_id, jobs.device_id,
         CASE WHEN {HAS_FURTHER} OR {HAS_SIGHTING} THEN {} END",
        further(dialect)
    );
    let sql = format!(
        "SELECT {gathered}
         -- In this order: those in hand are few, the jobs are many.
         FROM jobs_in_hand AS held
         CROSS JOIN job_rows AS jobs
         WHERE held.id {named}
           AND held.dispatch = $2
           AND held.token = $3
           AND held.state = 'queued'
           AND jobs.id = held.id",
        gathered = dialect.gathered(&columns),
        named = dialect.is_named()
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(dialect.numbers(group.jobs.iter().copied()))
        .bind(group.dispatch)
        .bind(group.token.as_number());
    let found: Vec<(i64, i64, String, Option<Further>)> =
        gathered(query, connection, "look for claimed jobs").await?;
    let claimable = found
        .into_iter()
        .map(|(id, campaign, device, further)| HeldClaims {
            key: ClaimKey {
                job: JobId(id),
                dispatch: group.dispatch,
                campaign: CampaignId(campaign),
                token: group.token,
            },
            device,
            further,
        });
    Ok(claimable.collect())
}

async fn mark_claimed(
    connection: &mut AnyConnection,
    claimable: &[HeldClaims],
    worker: &str,
    lease_until: Timestamp,
) -> Result<(), LedgerError> {
    let sql = format!(
        "UPDATE jobs_in_hand
         SET state = 'running', worker = $2, lease_until = $3
         WHERE id {}",
        Dialect::of(connection).is_named()
    );
    let jobs: Vec<i64> = claimable.iter().map(|row| row.key.job.0).collect();
    state_tables::change(connection, &sql, &jobs, "claim jobs", |query| {
        query.bind(worker.to_owned()).bind(lease_until.as_millis())
    })
    .await
}

/// The same in one statement, as PostgreSQL can. What comes of a campaign is one row of an object by id,
/// which costs less than an array of each job's. All jobs that are asked for are read, and where some
/// were not to be had, it is said which were.
async fn claim_at_once(
    connection: &mut AnyConnection,
    keys: Vec<ClaimKey>,
    worker: &str,
    lease_until: Timestamp,
) -> Result<Vec<HeldClaims>, LedgerError> {
    const WHAT: &str = "claim jobs";
    let named = KeyRuns::of(keys.iter().copied());
    let sql = format!(
        "WITH claimed AS (
             UPDATE jobs_in_hand
             SET state = 'running', worker = $2, lease_until = $3
             FROM {RUNS}
             WHERE {IS_IN_A_RUN}
               AND jobs_in_hand.dispatch = run.dispatch
               AND jobs_in_hand.token = run.token
               AND state = 'queued'
             RETURNING id
         )
         SELECT campaign_id,
                CAST(json_object_agg(id, device_id) AS TEXT) AS devices,
                COUNT(*) FILTER (WHERE {HAS_FURTHER})
                    + (SELECT COUNT(*) FROM sightings AS jobs CROSS JOIN {RUNS} WHERE {IS_IN_A_RUN}) AS not_plain,
                (
                    SELECT CASE WHEN COUNT(*) < $4 THEN CAST(array_agg(id) AS TEXT) ELSE 'all' END
                    FROM claimed
                ) AS claimed
         FROM job_rows AS jobs
         CROSS JOIN {RUNS}
         WHERE {IS_IN_A_RUN}
         GROUP BY campaign_id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(named.parameter.as_str())
        .bind(worker)
        .bind(lease_until.as_millis())
        .bind(i64::try_from(named.count).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await
        .doing(WHAT)?;
    let mut claimed = Vec::with_capacity(named.count);
    let mut further = None;
    for row in &rows {
        let campaign: i64 = row.try_get(0).doing(WHAT)?;
        let devices: &str = row.try_get(1).doing(WHAT)?;
        let not_plain: i64 = row.try_get(2).doing(WHAT)?;
        let had: Option<HashSet<i64>> = match row.try_get(3).doing(WHAT)? {
            Some("all") => None,
            had => Some(numbers_of(had)?.into_iter().collect()),
        };
        if not_plain > 0 && further.is_none() {
            further = Some(further_of(connection, &named).await?);
        }
        let devices: BTreeMap<i64, String> =
            serde_json::from_str(devices).map_err(LedgerError::Batch)?;
        let devices = devices.into_iter();
        let devices = devices.filter(|(id, _)| had.as_ref().is_none_or(|had| had.contains(id)));
        for (id, device) in devices {
            let place = keys.binary_search_by_key(&id, |key| key.job.0);
            let Ok(place) = place else { continue };
            let campaign = CampaignId(campaign);
            claimed.push(HeldClaims {
                key: ClaimKey {
                    campaign,
                    ..keys[place]
                },
                device,
                further: further.as_mut().and_then(|further| further.remove(&id)),
            });
        }
    }
    Ok(claimed)
}

/// What is to be known of those that are not plain. Asked for by itself: a statement that may have to
/// say it reads each row to its end, which takes as long as all else about a claim.
async fn further_of(
    connection: &mut AnyConnection,
    named: &KeyRuns,
) -> Result<BTreeMap<i64, Further>, LedgerError> {
    let dialect = Dialect::of(connection);
    let sql = format!(
        "SELECT {gathered}
         FROM job_rows AS jobs
         CROSS JOIN {RUNS}
         WHERE {IS_IN_A_RUN}
           AND ({HAS_FURTHER} OR {HAS_SIGHTING})",
        gathered = dialect.gathered(&format!("jobs.id, {}", further(dialect)))
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(named.parameter.as_str());
    let further: Vec<(i64, Further)> = gathered(query, connection, "look for claimed jobs").await?;
    Ok(further.into_iter().collect())
}
