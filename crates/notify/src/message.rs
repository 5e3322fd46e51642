//! What is told: a row of the audit, and what the campaign has come to.

use repilot_domain::{Actor, AuditEvent, Timestamp};
use repilot_ledger::{AuditRow, Campaign};
use serde::Serialize;
use serde_json::Value;

/// A message; its JSON is what a webhook of its own and a command get.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// The same however often it is sent.
    pub id: String,
    /// What happened, in a word: that of the audit, or `test`.
    pub event: String,
    /// When.
    pub at: Timestamp,
    /// The same for people: RFC 3339, UTC.
    pub at_text: String,
    /// Who did it, and from where.
    pub actor: Actor,
    /// To which campaign.
    pub campaign: Option<CampaignFacts>,
    /// What the audit says of it.
    pub detail: Value,
    /// All of it in a sentence or two.
    pub text: String,
}

/// What a campaign had come to when the message was made.
#[derive(Debug, Clone, Serialize)]
pub struct CampaignFacts {
    /// Its name.
    pub name: String,
    /// Whose devices.
    pub tenant: String,
    /// Jobs in all.
    pub total: i64,
    /// Jobs that are done.
    pub succeeded: i64,
    /// Dead letters.
    pub dead: i64,
    /// Jobs that are not over.
    pub open: i64,
}

impl CampaignFacts {
    fn of(campaign: &Campaign) -> Self {
        let counts = &campaign.counts;
        Self {
            name: campaign.name.clone(),
            tenant: campaign.tenant.to_string(),
            total: counts.total,
            succeeded: counts.succeeded,
            dead: counts.dead,
            open: counts.open(),
        }
    }
}

impl Message {
    /// What is to be told of a row of the audit.
    #[must_use]
    pub fn of(row: &AuditRow, campaign: Option<&Campaign>) -> Self {
        let campaign = campaign.map(CampaignFacts::of);
        Self {
            id: row.hash.clone(),
            event: row.event.to_string(),
            at: row.at,
            at_text: row.at.to_string(),
            actor: Actor::new(&row.actor, &row.origin),
            text: in_words(row, campaign.as_ref()),
            campaign,
            detail: row.detail.clone(),
        }
    }

    /// One that tells of nothing, to see whether it arrives.
    #[must_use]
    pub fn test(by: &Actor, now: Timestamp) -> Self {
        Self {
            id: format!("test-{}", now.as_millis()),
            event: "test".to_owned(),
            at: now,
            at_text: now.to_string(),
            actor: by.clone(),
            campaign: None,
            detail: Value::Null,
            text: format!("A test of Repilot's notifications, by {by}."),
        }
    }
}

fn in_words(row: &AuditRow, campaign: Option<&CampaignFacts>) -> String {
    let reason = row.detail.get("reason").and_then(Value::as_str);
    let reason = reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    let Some(campaign) = campaign else {
        return format!("{}{reason}, by {} ({}).", row.event, row.actor, row.origin);
    };
    let what = match row.event {
        AuditEvent::Paused => format!("is paused{reason}"),
        AuditEvent::Ended => "has ended".to_owned(),
        AuditEvent::BreakerTripped => format!("stopped itself over its dead letters{reason}"),
        AuditEvent::CanaryWaiting => {
            format!("has called its first devices and waits for `repilot campaign resume`{reason}")
        }
        AuditEvent::WithoutUser => {
            let devices = row.detail.get("devices").and_then(Value::as_i64);
            format!(
                "left {} without a user: `repilot dead give-back {}` gives them back, `repilot dead requeue {} --without-user` tries again",
                match devices {
                    Some(1) => "1 device".to_owned(),
                    devices => format!("{} devices", devices.unwrap_or_default()),
                },
                campaign.name,
                campaign.name,
            )
        }
        AuditEvent::CanaryPassed => "goes on: its first devices went well".to_owned(),
        AuditEvent::Resumed => "goes on".to_owned(),
        AuditEvent::Cancelled => "is cancelled".to_owned(),
        event => format!("has a new entry, {event}{reason}"),
    };
    let CampaignFacts {
        name,
        tenant,
        total,
        succeeded,
        dead,
        open,
    } = campaign;
    format!(
        "Campaign {name} (tenant {tenant}) {what}. {succeeded} of {total} succeeded, {dead} dead letters, {open} to go."
    )
}
