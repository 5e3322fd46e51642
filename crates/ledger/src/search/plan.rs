//! Which indexes a search goes along.

use repilot_domain::{CampaignId, DeadReason, JobId, JobState, JobText, Pattern, Verification};
use sqlx::AnyConnection;

use super::resolve::Resolved;
use super::sort::JobSort;
use super::sql::list;
use super::test::{Term, Test, column};
use crate::LedgerError;
use crate::error::QueryContext as _;
use crate::storage::rows::Columns;

/// More walks beside each other than this are slower than one through everything.
const WALKS: usize = 32;

/// An index that is walked along, in the order of job numbers if nothing else is said.
#[derive(Debug, Clone)]
pub(super) enum Walk {
    /// A campaign's jobs; also by serial.
    Campaign(CampaignId),
    /// Those of them with this very text in a column of `job_keys`.
    Text(CampaignId, &'static str, String),
    /// Its dead letters with this reason.
    Dead(CampaignId, DeadReason),
    /// Those that wait to be dispatched.
    Pending(CampaignId),
    /// Those of which the inventory said this.
    Verified(CampaignId, Verification),
    /// Every job.
    Everything,
}

/// Jobs that an index leads to in another order than the page's.
#[derive(Debug, Clone)]
pub(super) enum Few {
    Job(JobId),
    /// Of this device.
    Device(String),
    /// With this number, device, serial or user.
    Named(String),
    /// On the wire or in a worker's hands.
    InFlight,
    /// Between two steps.
    BetweenSteps,
    /// Dead letters.
    Dead,
    /// All of the campaigns.
    All,
    /// With one of these very texts in a column of `job_keys`.
    Texts(&'static str, Vec<String>),
    /// With a text that begins so.
    Prefix(&'static str, String),
}

/// How a search may be gone about, best first; where one way leads to too many jobs, the next.
#[derive(Debug)]
pub(super) enum Way {
    /// All are read and sorted.
    Gather(Few),
    /// Page by page: what these walks, which have no job in common, come by and what these tests let
    /// through. What a walk leads to is not tested again.
    Walk(Vec<Walk>, Vec<Term>),
}

/// The ways for a search. The last of them always leads somewhere, unless the order bars it.
pub(super) async fn ways(
    connection: &mut AnyConnection,
    resolved: &Resolved,
    sort: JobSort,
) -> Result<Vec<Way>, LedgerError> {
    let mut ways: Vec<(u8, Way)> = Vec::new();
    let positive = resolved.terms.iter().enumerate();
    for (place, term) in positive.filter(|(_, term)| !term.negated) {
        let others = || {
            let mut terms = resolved.walked_terms();
            terms.remove(place);
            terms
        };
        if let Some(few) = few(&term.test) {
            ways.push((rank(&few), Way::Gather(few)));
        }
        if sort == JobSort::Job
            && matches!(&term.test, Test::State(states) if states == &[JobState::Pending])
            && resolved.campaigns.len() <= WALKS
        {
            let walks = resolved.campaigns.iter().copied().map(Walk::Pending);
            ways.push((RANK_OF_PENDING_WALKS, Way::Walk(walks.collect(), others())));
        }
        if sort == JobSort::Job
            && let Test::Verification(said) = &term.test
            && said.len() * resolved.campaigns.len() <= WALKS
        {
            // Each once, however often it was said.
            let said = || Verification::ALL.iter().filter(|word| said.contains(word));
            let walks = resolved
                .campaigns
                .iter()
                .flat_map(|campaign| said().map(|said| Walk::Verified(*campaign, *said)));
            ways.push((RANK_OF_TEXT_WALKS, Way::Walk(walks.collect(), others())));
        }
        if sort == JobSort::Job
            && let Some(walks) = text_walks(&term.test, &resolved.campaigns)
        {
            ways.push((RANK_OF_TEXT_WALKS, Way::Walk(walks, others())));
        }
    }
    if sort == JobSort::Job
        && let Some(reasons) = dead_reasons(&resolved.terms)
    {
        let walks = dead_walks(connection, resolved, &reasons).await?;
        if walks.len() <= WALKS {
            ways.push((
                RANK_OF_DEAD_WALKS,
                Way::Walk(walks, resolved.walked_terms()),
            ));
        }
    }
    ways.sort_by_key(|(rank, _)| *rank);
    let mut ways: Vec<Way> = ways.into_iter().map(|(_, way)| way).collect();
    match (sort, resolved.campaigns.as_slice()) {
        (JobSort::Job | JobSort::Serial, [campaign]) => {
            let walks = vec![Walk::Campaign(*campaign)];
            ways.push(Way::Walk(walks, resolved.walked_terms()));
        }
        (JobSort::Job, _) => {
            let walks = vec![Walk::Everything];
            ways.push(Way::Walk(walks, resolved.walked_terms()));
        }
        (JobSort::Serial | JobSort::Finished, _) => {
            if dead_reasons(&resolved.terms).is_some() {
                ways.push(Way::Gather(Few::Dead));
            }
            ways.push(Way::Gather(Few::All));
        }
    }
    Ok(ways)
}

const RANK_OF_DEAD_WALKS: u8 = 3;
const RANK_OF_PENDING_WALKS: u8 = 5;
const RANK_OF_TEXT_WALKS: u8 = 6;

/// The fewer jobs it can be expected to lead to, the earlier.
const fn rank(few: &Few) -> u8 {
    match few {
        Few::Job(_) | Few::Device(_) | Few::Named(_) => 0,
        Few::Texts(..) => 1,
        Few::InFlight | Few::BetweenSteps => 2,
        Few::Dead => RANK_OF_DEAD_WALKS,
        Few::All => u8::MAX,
        Few::Prefix(..) => 4,
    }
}

fn few(test: &Test) -> Option<Few> {
    match test {
        Test::Job(job) => Some(Few::Job(*job)),
        Test::Device(device) => Some(Few::Device(device.clone())),
        Test::Named(name) => Some(Few::Named(name.clone())),
        Test::State(states) => {
            let in_flight = |state| matches!(state, &JobState::Queued | &JobState::Running);
            states.iter().all(in_flight).then_some(Few::InFlight)
        }
        Test::Text(which, patterns) => match (exact(patterns), patterns.as_slice()) {
            (Some(texts), _) => Some(Few::Texts(column(*which), texts)),
            (None, [pattern]) if !pattern.prefix().is_empty() => {
                Some(Few::Prefix(column(*which), pattern.prefix().to_owned()))
            }
            _ => None,
        },
        Test::WithoutUser => Some(Few::BetweenSteps),
        Test::Reason(_) | Test::Verification(_) | Test::Campaign(_) | Test::Contains(_) => None,
    }
}

fn text_walks(test: &Test, campaigns: &[CampaignId]) -> Option<Vec<Walk>> {
    let Test::Text(which, patterns) = test else {
        return None;
    };
    let (column, texts) = match (exact(patterns), domains(patterns)) {
        (Some(texts), _) => (column(*which), texts),
        (None, Some(domains)) if *which == JobText::User => ("user_domain", domains),
        _ => return None,
    };
    if texts.len() * campaigns.len() > WALKS {
        return None;
    }
    let walks = campaigns.iter().flat_map(|campaign| {
        texts
            .iter()
            .map(move |text| Walk::Text(*campaign, column, text.clone()))
    });
    Some(walks.collect())
}

fn exact(patterns: &[Pattern]) -> Option<Vec<String>> {
    let mut texts: Vec<String> = patterns
        .iter()
        .map(|pattern| pattern.as_exact().map(str::to_owned))
        .collect::<Option<_>>()?;
    texts.sort();
    texts.dedup();
    Some(texts)
}

fn domains(patterns: &[Pattern]) -> Option<Vec<String>> {
    let mut domains: Vec<String> = patterns
        .iter()
        .map(|pattern| pattern.as_domain().map(str::to_owned))
        .collect::<Option<_>>()?;
    domains.sort();
    domains.dedup();
    Some(domains)
}

/// The reasons to be walked along, where nothing but dead letters is meant.
fn dead_reasons(terms: &[Term]) -> Option<Vec<DeadReason>> {
    let positive = || terms.iter().filter(|term| !term.negated);
    let only_dead = positive().any(|term| {
        matches!(&term.test, Test::State(states) if states.iter().all(|state| *state == JobState::Dead))
    });
    let mut reasons = DeadReason::ALL.to_vec();
    for term in positive() {
        if let Test::Reason(words) = &term.test {
            reasons.retain(|reason| words.iter().any(|word| word == reason.as_str()));
        }
    }
    only_dead.then_some(reasons)
}

/// Walks along what the counters say is there.
async fn dead_walks(
    connection: &mut AnyConnection,
    resolved: &Resolved,
    reasons: &[DeadReason],
) -> Result<Vec<Walk>, LedgerError> {
    let campaigns = list(resolved.campaigns.iter().map(|campaign| campaign.0));
    let sql = format!(
        "SELECT campaign_id, reason FROM counters
         WHERE campaign_id IN {campaigns}
           AND name = 'dead'
           AND reason <> ''
           AND value > 0"
    );
    let rows = super::sql::Values::default()
        .query(sql)
        .fetch_all(connection)
        .await
        .doing("read counters")?;
    let mut walks = Vec::new();
    for row in &rows {
        let columns = Columns::of("counters", row);
        let reason = columns.word("reason")?;
        if reasons.contains(&reason) {
            walks.push(Walk::Dead(CampaignId(columns.get("campaign_id")?), reason));
        }
    }
    Ok(walks)
}
