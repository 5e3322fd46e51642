//! What is measured of campaigns.

use std::time::Duration;

use repilot_domain::{CampaignId, Timestamp};
use repilot_ledger::Campaign;

use super::exposition::{Exposition, Kind};
use crate::live::Overview;

/// A campaign that has ended is measured for so long: long enough for every scraper to see its end.
const MEASURED_AFTER_ITS_END: Duration = Duration::from_hours(1);

/// The campaigns that are measured.
fn measured(overview: &Overview) -> impl Iterator<Item = &Campaign> {
    overview.campaigns.iter().filter(|campaign| {
        campaign
            .ended_at
            .is_none_or(|ended| overview.at.since(ended) < MEASURED_AFTER_ITS_END)
    })
}

pub(super) fn write(text: &mut Exposition, overview: &Overview) {
    let name = "repilot_jobs";
    text.metric(name, Kind::Gauge, "Jobs of a campaign by state.");
    for campaign in measured(overview) {
        let counts = &campaign.counts;
        for (state, jobs) in [
            ("pending", counts.pending),
            ("queued", counts.queued),
            ("running", counts.running),
            ("succeeded", counts.succeeded),
            ("dead", counts.dead),
            ("cancelled", counts.cancelled),
            ("skipped", counts.skipped),
        ] {
            sample(text, name, campaign, &[("state", state)], jobs as f64);
        }
    }
    let name = "repilot_dead_letters";
    text.metric(name, Kind::Gauge, "Dead letters of a campaign by reason.");
    for campaign in measured(overview) {
        for (reason, jobs) in &campaign.counts.dead_by_reason {
            sample(text, name, campaign, &[("reason", reason)], *jobs as f64);
        }
    }
    let name = "repilot_campaign_status";
    text.metric(
        name,
        Kind::Gauge,
        "1 for the status that a campaign has: active, paused, cancelled or ended.",
    );
    for campaign in measured(overview) {
        let status = if campaign.has_ended() {
            "ended"
        } else {
            campaign.status.as_str()
        };
        sample(text, name, campaign, &[("status", status)], 1.0);
    }
    let name = "repilot_campaign_jobs_per_second";
    text.metric(
        name,
        Kind::Gauge,
        "Jobs of a campaign a second that came to an end, of late.",
    );
    for campaign in measured(overview) {
        if let Some(rate) = overview.rates.get(&campaign.id) {
            sample(text, name, campaign, &[], *rate);
        }
    }
    let name = "repilot_campaign_calls_total";
    text.metric(name, Kind::Counter, "Calls to Graph for a campaign.");
    for campaign in measured(overview) {
        sample(text, name, campaign, &[], campaign.counts.calls as f64);
    }
    let name = "repilot_campaign_throttled_calls_total";
    text.metric(
        name,
        Kind::Counter,
        "Calls to Graph for a campaign that were answered with 429.",
    );
    for campaign in measured(overview) {
        sample(text, name, campaign, &[], campaign.counts.throttled as f64);
    }
}

pub(super) fn write_queue_age(
    text: &mut Exposition,
    overview: &Overview,
    oldest: &[(CampaignId, Timestamp)],
    now: Timestamp,
) {
    let name = "repilot_campaign_queue_age_seconds";
    text.metric(
        name,
        Kind::Gauge,
        "How long the job of a campaign has been due that has been due longest.",
    );
    for campaign in measured(overview) {
        let due = oldest.iter().find(|(id, _)| *id == campaign.id);
        let age = due.map_or(0.0, |(_, due)| now.since(*due).as_secs_f64());
        sample(text, name, campaign, &[], age);
    }
}

fn sample(
    text: &mut Exposition,
    name: &str,
    campaign: &Campaign,
    more: &[(&str, &str)],
    value: f64,
) {
    let mut labels = vec![
        ("campaign", campaign.name.as_str()),
        ("tenant", campaign.tenant.as_str()),
    ];
    labels.extend_from_slice(more);
    text.sample(name, &labels, value);
}
