//! What is asked of a job, as SQL over a row that a walk came by.

use std::collections::BTreeSet;

use repilot_domain::{CampaignId, JobId, JobState, JobText, Pattern, Verification};

use super::sql::{Values, list};
use crate::jobs::between_steps::HAS_NO_USER;
use crate::storage::dialect::Dialect;

/// What is asked of a job, with what the ledger knows of the words in it.
#[derive(Debug, Clone)]
pub(super) enum Test {
    State(Vec<JobState>),
    Reason(Vec<String>),
    Verification(Vec<Verification>),
    /// Its device has no user, because it stopped between its steps.
    WithoutUser,
    Text(JobText, Vec<Pattern>),
    Campaign(Vec<CampaignId>),
    Device(String),
    Job(JobId),
    /// Its number, device, serial or user is this.
    Named(String),
    /// Its serial or user contains this.
    Contains(String),
}

/// A test, or its opposite.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) negated: bool,
    pub(super) test: Test,
}

/// What a row that a walk came by has beside `job_id` and `campaign_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried {
    /// Those columns of `job_keys` that are [looked at](columns).
    Keys,
    /// Nothing more.
    Ids,
}

/// The column of `job_keys`.
pub(super) const fn column(text: JobText) -> &'static str {
    match text {
        JobText::Serial => "serial",
        JobText::User => "user_principal_name",
        JobText::Tag => "group_tag",
        JobText::Model => "model",
    }
}

/// The columns of `job_keys` that these look at.
pub(super) fn columns(terms: &[Term]) -> BTreeSet<&'static str> {
    let mut columns = BTreeSet::new();
    for term in terms {
        match &term.test {
            Test::Text(text, _) => {
                columns.insert(column(*text));
            }
            Test::Named(_) | Test::Contains(_) => {
                columns.extend([column(JobText::Serial), column(JobText::User)]);
            }
            Test::State(_)
            | Test::Reason(_)
            | Test::Verification(_)
            | Test::WithoutUser
            | Test::Campaign(_)
            | Test::Device(_)
            | Test::Job(_) => {}
        }
    }
    columns
}

/// A job's number as text, as the program writes it.
pub(super) fn number(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// That all of these hold of the row `walked`.
pub(super) fn all_hold(
    dialect: Dialect,
    terms: &[Term],
    carried: Carried,
    values: &mut Values,
) -> String {
    let mut conditions = Vec::with_capacity(terms.len());
    for term in terms {
        let condition = term.test.as_sql(dialect, carried, values);
        conditions.push(if term.negated {
            format!("NOT ({condition})")
        } else {
            condition
        });
    }
    match conditions.as_slice() {
        [] => "TRUE".to_owned(),
        conditions => conditions.join("\n AND "),
    }
}

impl Test {
    fn as_sql(&self, dialect: Dialect, carried: Carried, values: &mut Values) -> String {
        match self {
            Self::State(states) => {
                let words: Vec<String> = states
                    .iter()
                    .map(|state| values.text(state.as_str()))
                    .collect();
                of_job(&format!("jobs.state IN ({})", words.join(", ")))
            }
            Self::Reason(reasons) => {
                let words: Vec<String> = reasons.iter().map(|reason| values.text(reason)).collect();
                of_job(&format!("jobs.reason IN ({})", words.join(", ")))
            }
            Self::Verification(said) => {
                let words: Vec<String> =
                    said.iter().map(|said| values.text(said.as_str())).collect();
                of_job(&format!("jobs.verification IN ({})", words.join(", ")))
            }
            Self::WithoutUser => format!(
                "EXISTS (SELECT 1 FROM job_rows AS stopped
                         WHERE stopped.id = walked.job_id AND {HAS_NO_USER})"
            ),
            Self::Text(text, patterns) => {
                let column = column(*text);
                let fits: Vec<String> = patterns
                    .iter()
                    .map(|pattern| match pattern.as_exact() {
                        Some(exact) => format!("{column} = {}", values.text(exact)),
                        None => like(column, &values.text(pattern.as_like())),
                    })
                    .collect();
                of_keys(carried, &fits.join(" OR "))
            }
            Self::Campaign(campaigns) => {
                let campaigns = list(campaigns.iter().map(|campaign| campaign.0));
                format!("walked.campaign_id IN {campaigns}")
            }
            Self::Device(device) => of_job(&format!("jobs.device_id = {}", values.text(device))),
            Self::Job(job) => format!("walked.job_id = {}", values.number(job.0)),
            Self::Named(name) => {
                let text = values.text(name);
                let keys = of_keys(
                    carried,
                    &format!("serial = {text} OR user_principal_name = {text}"),
                );
                let device = of_job(&format!("jobs.device_id = {text}"));
                match number(name) {
                    Some(number) => {
                        let number = values.number(number);
                        format!("({keys} OR {device} OR walked.job_id = {number})")
                    }
                    None => format!("({keys} OR {device})"),
                }
            }
            Self::Contains(text) => {
                let text = values.text(text);
                let contains = |column| dialect.contains(column, &text);
                let (serial, user) = (contains("serial"), contains("user_principal_name"));
                of_keys(carried, &format!("{serial} OR {user}"))
            }
        }
    }
}

fn like(column: &str, pattern: &str) -> String {
    format!(r"{column} LIKE {pattern} ESCAPE '\'")
}

/// Of the job's own row, found by its id and in no other way, whatever a planner thinks of it.
fn of_job(condition: &str) -> String {
    format!("(SELECT {condition} FROM jobs WHERE jobs.id = walked.job_id)")
}

fn of_keys(carried: Carried, condition: &str) -> String {
    match carried {
        Carried::Keys => format!("({condition})"),
        Carried::Ids => format!(
            "(SELECT {condition} FROM job_keys
              WHERE job_keys.campaign_id = walked.campaign_id
                AND job_keys.job_id = walked.job_id)"
        ),
    }
}
