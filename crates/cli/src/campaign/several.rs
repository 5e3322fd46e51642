//! Pausing and resuming campaigns by name, by pattern, or all of them.
//!
//! A pattern or `--all` means the campaigns that it can mean: those that are active to pause, and to
//! resume those that a person paused. A canary that waits, a breaker that tripped or a tenant that
//! refuses asks for a look at that one campaign, so these go on by their own name alone.

use repilot_domain::{Actor, Pattern, PauseCause, TenantName};
use repilot_ledger::{Campaign, Ledger};
use serde::Serialize;

use crate::app::{self, App};
use crate::args::WhichCampaigns;
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{ask, moment, plain, plural, print, print_json, say};

/// The campaigns that a person means.
pub(crate) enum Meant {
    /// One, by its name.
    One(Box<Campaign>),
    /// Those that fit, the newest first.
    Several(Vec<Campaign>),
}

impl WhichCampaigns {
    /// Looks the campaigns up. One name alone must be the name of a campaign.
    pub(crate) async fn look_up(&self, app: &App, ledger: &Ledger) -> anyhow::Result<Meant> {
        if let [name] = self.names.as_slice()
            && self.tenant.is_none()
        {
            match ledger.campaign_at(name, app.now()).await? {
                Some(found) => return Ok(Meant::One(Box::new(found))),
                None if !is_pattern(name) => {
                    return Ok(Meant::One(Box::new(app::campaign(ledger, name).await?)));
                }
                None => {}
            }
        }
        let mut found = ledger.campaigns_at(app.now()).await?;
        found.retain(|campaign| self.means(campaign));
        for name in &self.names {
            if !found.iter().any(|campaign| fits(name, &campaign.name)) {
                return Err(Failure::error(
                    format!("no campaign{} fits `{name}`", self.of_tenant()),
                    format!(
                        "`{} campaign list` names them; nothing was changed",
                        app.command()?
                    ),
                ));
            }
        }
        Ok(Meant::Several(found))
    }

    fn means(&self, campaign: &Campaign) -> bool {
        let named = self.all || self.names.iter().any(|name| fits(name, &campaign.name));
        named && is_of(self.tenant.as_ref(), campaign)
    }

    fn of_tenant(&self) -> String {
        self.tenant
            .as_ref()
            .map(|tenant| format!(" of tenant {tenant}"))
            .unwrap_or_default()
    }
}

/// Whether a campaign belongs to a tenant, where one is named.
pub(crate) fn is_of(tenant: Option<&TenantName>, campaign: &Campaign) -> bool {
    tenant.is_none_or(|tenant| *tenant == campaign.tenant)
}

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?'])
}

fn fits(said: &str, name: &str) -> bool {
    said == name || (is_pattern(said) && Pattern::new(said).fits(name))
}

/// What came of one campaign of several.
#[derive(Serialize)]
struct Done {
    campaign: String,
    tenant: TenantName,
    changed: bool,
    /// Why it was left as it was; empty where it was changed.
    why: String,
}

impl Done {
    fn of(campaign: &Campaign, why: &str) -> Self {
        Self {
            campaign: campaign.name.clone(),
            tenant: campaign.tenant.clone(),
            changed: why.is_empty(),
            why: why.to_owned(),
        }
    }
}

/// Pauses those of several that are active.
pub(crate) async fn pause(
    app: &App,
    ledger: &Ledger,
    campaigns: &[Campaign],
    reason: &str,
) -> anyhow::Result<Exit> {
    let mut done = Vec::new();
    for campaign in campaigns.iter().filter(|found| !found.has_ended()) {
        let by = app.actor(&campaign.tenant);
        let paused = ledger
            .pause_by_person(campaign.id, reason, &by, app.now())
            .await?;
        let why = if paused { "" } else { "is not active" };
        done.push(Done::of(campaign, why));
    }
    tell(app, &done, "is paused; what is in flight ends")
}

/// Lets those of several go on that a person paused, if that is meant.
pub(crate) async fn resume(
    app: &App,
    ledger: &Ledger,
    campaigns: &[Campaign],
    yes: bool,
) -> anyhow::Result<Exit> {
    let (meant, left): (Vec<_>, Vec<_>) = campaigns
        .iter()
        .filter(|found| !found.has_ended() && found.pause_cause.is_some())
        .partition(|found| kept_back(found, app).is_none());
    let open: i64 = meant.iter().map(|found| found.counts.open()).sum();
    if !meant.is_empty() && !yes {
        let names: Vec<String> = meant.iter().map(|found| plain(&found.name)).collect();
        let question = format!(
            "Let {} go on, with {} left: {}?",
            plural(meant.len(), "campaign", "campaigns"),
            plural(open, "device", "devices"),
            names.join(", ")
        );
        if !ask(&question)? {
            say("nothing was changed");
            return Ok(Exit::Error);
        }
    }
    let mut done = Vec::new();
    for campaign in meant {
        let by: Actor = app.actor(&campaign.tenant);
        let resumed = ledger.resume(campaign.id, &by, app.now()).await?;
        let why = if resumed { "" } else { "is not paused" };
        done.push(Done::of(campaign, why));
    }
    let kept = left.iter().filter_map(|campaign| {
        let why = kept_back(campaign, app)?;
        Some(Done::of(campaign, &why))
    });
    done.extend(kept);
    tell(app, &done, "may go on")
}

/// Why a paused campaign goes on by its own name alone; `None` where it need not.
fn kept_back(campaign: &Campaign, app: &App) -> Option<String> {
    let now = app.now();
    let why = match campaign.pause_cause? {
        PauseCause::Person => match campaign.passed_deadline(now) {
            Some(deadline) => format!("stays paused: its deadline {} has passed", moment(deadline)),
            None => return None,
        },
        PauseCause::Canary => "stays paused: its canary waits to be looked at".to_owned(),
        PauseCause::Breaker => "stays paused: its breaker tripped".to_owned(),
        PauseCause::Deadline => "stays paused: its deadline has passed".to_owned(),
        PauseCause::Tenant => "stays paused: its tenant refuses".to_owned(),
        PauseCause::SignIn => "stays paused until somebody signs in".to_owned(),
    };
    Some(why)
}

/// Says what came of each; it is a failure where nothing was there to change.
fn tell(app: &App, done: &[Done], changed: &str) -> anyhow::Result<Exit> {
    if app.json {
        print_json(&done)?;
    } else {
        for one in done {
            let what = if one.changed { changed } else { &one.why };
            print(&format!("campaign {} {what}", plain(&one.campaign)));
        }
    }
    if done.is_empty() {
        return Err(Failure::error(
            "none of these campaigns can be changed like that: they have ended, or are so already",
            format!("`{} campaign list` shows how they stand", app.command()?),
        ));
    }
    if app.json || done.iter().any(|one| one.changed) {
        return Ok(Exit::Done);
    }
    say("nothing was changed; `campaign resume NAME` lets one of them go on");
    Ok(Exit::Error)
}
