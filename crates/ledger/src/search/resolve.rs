//! What a query's words stand for in this ledger: which campaigns, and whether a word is a name.

use repilot_domain::{CampaignId, JobCondition, JobQuery, JobTerm, folded};
use sqlx::{AnyConnection, Row as _};

use super::sql::{Values, list};
use super::test::{Term, Test, number};
use crate::LedgerError;
use crate::error::QueryContext as _;
use crate::storage::rows::Columns;

/// A query, with what the ledger knows of the words in it.
#[derive(Debug)]
pub(super) struct Resolved {
    /// The campaigns whose jobs can be meant.
    pub(super) campaigns: Vec<CampaignId>,
    /// Whether these are all that there are.
    pub(super) everywhere: bool,
    /// What must hold beside that.
    pub(super) terms: Vec<Term>,
}

/// Looks up what the words of a query stand for, within one campaign or all.
pub(super) async fn resolve(
    connection: &mut AnyConnection,
    campaign: Option<CampaignId>,
    query: &JobQuery,
) -> Result<Resolved, LedgerError> {
    let mut resolved = Resolved {
        campaigns: Vec::new(),
        everywhere: campaign.is_none(),
        terms: Vec::new(),
    };
    let all = campaigns(connection, campaign).await?;
    resolved.campaigns = all.iter().map(|(id, _)| *id).collect();
    for term in &query.terms {
        if let JobCondition::Campaign(patterns) = &term.condition {
            let fits = |name: &str| patterns.iter().any(|pattern| pattern.fits(name));
            let meant: Vec<CampaignId> = all
                .iter()
                .filter(|(_, name)| fits(name) != term.negated)
                .map(|(id, _)| *id)
                .collect();
            resolved
                .campaigns
                .retain(|campaign| meant.contains(campaign));
            resolved.everywhere = false;
        }
    }
    for JobTerm { negated, condition } in &query.terms {
        let test = match condition {
            JobCondition::Campaign(_) => continue,
            JobCondition::State(states) => Test::State(states.clone()),
            JobCondition::Reason(reasons) => Test::Reason(reasons.clone()),
            JobCondition::Verification(said) => Test::Verification(said.clone()),
            JobCondition::Text(text, patterns) => Test::Text(*text, patterns.clone()),
            JobCondition::WithoutUser => Test::WithoutUser,
            JobCondition::Device(device) => Test::Device(device.clone()),
            JobCondition::Job(job) => Test::Job(*job),
            JobCondition::Free(text) => {
                let text = folded(text);
                if !negated && is_name(connection, &resolved.campaigns, &text).await? {
                    Test::Named(text)
                } else {
                    Test::Contains(text)
                }
            }
        };
        resolved.terms.push(Term {
            negated: *negated,
            test,
        });
    }
    Ok(resolved)
}

/// The campaigns and their names.
async fn campaigns(
    connection: &mut AnyConnection,
    campaign: Option<CampaignId>,
) -> Result<Vec<(CampaignId, String)>, LedgerError> {
    let rows = sqlx::query(
        "SELECT id, name FROM campaigns
         WHERE (id = $1 OR $1 = 0)
           -- Its counters still know of jobs that were forgotten.
           AND pruned_at IS NULL
         ORDER BY id",
    )
    .bind(campaign.map_or(0, |campaign| campaign.0))
    .fetch_all(connection)
    .await
    .doing("read the campaigns' names")?;
    rows.iter()
        .map(|row| {
            let columns = Columns::of("campaigns", row);
            Ok((CampaignId(columns.get("id")?), columns.get("name")?))
        })
        .collect()
}

/// Whether a word is the very number, device, serial or user of a job in these campaigns.
async fn is_name(
    connection: &mut AnyConnection,
    campaigns: &[CampaignId],
    word: &str,
) -> Result<bool, LedgerError> {
    let mut values = Values::default();
    let text = values.text(word);
    let within = list(campaigns.iter().map(|campaign| campaign.0));
    let mut there = vec![
        format!(
            "EXISTS (SELECT 1 FROM jobs
                     WHERE campaign_id IN {within} AND device_id = {text})"
        ),
        format!(
            "EXISTS (SELECT 1 FROM job_keys
                     WHERE campaign_id IN {within} AND serial = {text})"
        ),
        format!(
            "EXISTS (SELECT 1 FROM job_keys
                     WHERE campaign_id IN {within} AND user_principal_name = {text})"
        ),
    ];
    if let Some(number) = number(word) {
        let number = values.number(number);
        there.push(format!(
            "EXISTS (SELECT 1 FROM jobs WHERE campaign_id IN {within} AND id = {number})"
        ));
    }
    let sql = format!(
        "SELECT CAST(CASE WHEN {} THEN 1 ELSE 0 END AS BIGINT)",
        there.join("\n OR ")
    );
    let there: i64 = values
        .query(sql)
        .fetch_one(connection)
        .await
        .and_then(|row| row.try_get(0))
        .doing("look for a name")?;
    Ok(there == 1)
}

impl Resolved {
    /// What a walk tests: of one through everything also that the campaign is meant.
    pub(super) fn walked_terms(&self) -> Vec<Term> {
        let mut terms = self.terms.clone();
        if !self.everywhere {
            terms.push(Term {
                negated: false,
                test: Test::Campaign(self.campaigns.clone()),
            });
        }
        terms
    }
}
