//! Where a campaign stands: whether it goes, how fast, until when, and what is wrong.

use std::time::Duration;

use repilot_domain::{CampaignStatus, Timestamp};
use repilot_ledger::{Campaign, Gate, LaneState};

use crate::live::Overview;
use crate::parts::{devices, lasting, per_second};

/// Where a campaign stands, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Running,
    /// It could go, and no worker moves it.
    Waiting,
    Paused,
    /// A list is not all in.
    Incomplete,
    Ended,
    Cancelled,
}

impl Standing {
    pub(crate) fn of(campaign: &Campaign, now: Timestamp) -> Self {
        match campaign.status {
            CampaignStatus::Cancelled => Self::Cancelled,
            _ if campaign.has_ended() => Self::Ended,
            CampaignStatus::Paused => Self::Paused,
            CampaignStatus::Active if campaign.attended_until < now => Self::Waiting,
            CampaignStatus::Active if campaign.is_incomplete() => Self::Incomplete,
            CampaignStatus::Active => Self::Running,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waits for a worker",
            Self::Paused => "paused",
            Self::Incomplete => "list not all in",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    /// How its word looks.
    pub(crate) const fn look(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting | Self::Incomplete => "waiting",
            Self::Paused => "paused",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) const fn is_open(self) -> bool {
        !matches!(self, Self::Ended | Self::Cancelled)
    }
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grade {
    Warn,
    Bad,
}

impl Grade {
    pub(crate) const fn look(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// Something that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) grade: Grade,
    pub(crate) what: String,
    pub(crate) advice: String,
}

/// What is wrong with a campaign; the worst first.
pub(crate) fn troubles(campaign: &Campaign, overview: &Overview, now: Timestamp) -> Vec<Trouble> {
    let mut found = Vec::new();
    let mut say = |grade, what: String, advice: &str| {
        found.push(Trouble {
            grade,
            what,
            advice: advice.to_owned(),
        });
    };
    match Standing::of(campaign, now) {
        Standing::Paused if campaign.is_paused_by_person() => {
            say(
                Grade::Warn,
                reason(campaign),
                "It goes on when somebody resumes it.",
            );
        }
        Standing::Paused => {
            say(
                Grade::Bad,
                reason(campaign),
                "Mend the cause, then resume it.",
            );
        }
        Standing::Waiting => say(
            Grade::Bad,
            "No worker is moving this campaign on".to_owned(),
            "Start `repilot worker` with the settings of its tenant, or run its list again.",
        ),
        Standing::Incomplete => say(
            Grade::Warn,
            "A list of this campaign is not all in".to_owned(),
            "If nobody is enqueueing it now, run the same command again, or upload the list again.",
        ),
        Standing::Running | Standing::Ended | Standing::Cancelled => {}
    }
    if Standing::of(campaign, now) == Standing::Running
        && let Some(lane) = overview.lane(&campaign.tenant)
    {
        match lane.gate {
            Gate::Unreachable => say(
                Grade::Bad,
                match lane.gate_reason.as_str() {
                    "" => "Graph cannot be reached".to_owned(),
                    why => why.to_owned(),
                },
                "Check network, DNS and proxy of the workers. It goes on by itself.",
            ),
            Gate::Closed => say(
                Grade::Warn,
                "The tenant throttles: nothing leaves for the moment".to_owned(),
                "Nothing to do; it goes on by itself.",
            ),
            Gate::Open | Gate::Reopening => {}
        }
    }
    if campaign.counts.dead > 0 {
        say(
            Grade::Warn,
            format!("{} could not be done", devices(campaign.counts.dead)),
            "Look at the dead letters below: requeue what is mended, discard the rest.",
        );
    }
    found.sort_by_key(|trouble| trouble.grade != Grade::Bad);
    found
}

/// Why a campaign is paused, as a sentence.
fn reason(campaign: &Campaign) -> String {
    let said = campaign.status_reason.trim();
    crate::pages::capitalised(if said.is_empty() { "paused" } else { said })
}

/// Jobs a second, of late; none where nothing says so.
pub(crate) fn rate(campaign: &Campaign, overview: &Overview) -> Option<f64> {
    if campaign.has_ended() {
        return None;
    }
    let measured = overview.rates.get(&campaign.id).copied();
    measured.or_else(|| {
        let shares = |other: &&Campaign| {
            other.tenant == campaign.tenant && !other.has_ended() && other.counts.open() > 0
        };
        let alone = overview.campaigns.iter().filter(shares).count() == 1;
        let lane = overview.lane(&campaign.tenant).filter(|_| alone)?;
        Some(lane.rate_per_second)
    })
}

/// The same, in words.
pub(crate) fn rate_in_words(campaign: &Campaign, overview: &Overview) -> String {
    rate(campaign, overview).map_or_else(|| "–".to_owned(), per_second)
}

/// How long the rest takes at what the tenant grants; none where nobody can say.
pub(crate) fn time_left(campaign: &Campaign, overview: &Overview) -> Option<Duration> {
    let lane = overview.lane(&campaign.tenant)?;
    // Campaigns of one tenant share what it grants.
    let open: i64 = overview
        .campaigns
        .iter()
        .filter(|other| other.tenant == campaign.tenant)
        .filter(|other| other.status == CampaignStatus::Active && !other.has_ended())
        .map(|other| other.counts.open().min(campaign.counts.open()))
        .sum();
    if open == 0 {
        return None;
    }
    let limit = granted(lane);
    let free = (limit - lane.used as f64).max(0.0);
    let windows = (open as f64 - free).max(0.0) / limit.max(1.0);
    Duration::try_from_secs_f64(windows * lane.window_ms as f64 / 1_000.0).ok()
}

/// Calls a window that a lane takes to be granted.
pub(crate) fn granted(lane: &LaneState) -> f64 {
    lane.learnt_limit.unwrap_or(lane.configured_limit as f64)
}

/// When it is over, in words, with the instant.
pub(crate) fn end(
    campaign: &Campaign,
    overview: &Overview,
    now: Timestamp,
) -> Option<(String, Timestamp)> {
    if Standing::of(campaign, now) != Standing::Running {
        return None;
    }
    let left = time_left(campaign, overview)?;
    Some((lasting(left), now.after(left)))
}
