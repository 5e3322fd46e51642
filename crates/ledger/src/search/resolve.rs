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
    let mut meant: Vec<&Known> = all.iter().collect();
    for JobTerm { negated, condition } in &query.terms {
        let (patterns, name): (_, fn(&Known) -> &str) = match condition {
            JobCondition::Campaign(patterns) => (patterns, |known| &known.name),
            JobCondition::Tenant(patterns) => (patterns, |known| &known.tenant),
            _ => continue,
        };
        let fits = |known: &Known| patterns.iter().any(|pattern| pattern.fits(name(known)));
        meant.retain(|known| fits(known) != *negated);
        resolved.everywhere = false;
    }
    resolved.campaigns = meant.iter().map(|known| known.id).collect();
    for JobTerm { negated, condition } in &query.terms {
        let test = match condition {
            JobCondition::Campaign(_) | JobCondition::Tenant(_) => continue,
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

/// A campaign, as searches name it.
struct Known {
    id: CampaignId,
    name: String,
    tenant: String,
}

/// The campaigns, their names and their tenants'.
async fn campaigns(
    connection: &mut AnyConnection,
    campaign: Option<CampaignId>,
) -> Result<Vec<Known>, LedgerError> {
    let rows = sqlx::query(
        "SELECT id, name, tenant FROM campaigns
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
            Ok(Known {
                id: CampaignId(columns.get("id")?),
                name: columns.get("name")?,
                tenant: columns.get("tenant")?,
            })
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
