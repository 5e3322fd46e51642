//! What holds a campaign back, as the command line says it.

use clap::Args;
use repilot_domain::{
    Canary, Change, ControlChanges, Controls, MaxFailures, Priority, Rate, Share, SightedWithin,
    Timestamp, Windows, Zone, moment_in,
};
use repilot_ledger::Campaign;

use crate::app::App;
use crate::settings::CampaignSettings;
use crate::terminal::failure::Failure;
use crate::terminal::output::moment;

/// What holds a campaign back.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each takes away what another option gives"
)]
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Start small, stop by itself, when and how fast")]
pub(crate) struct ControlArguments {
    /// So many devices first, as in 20 or 2%, spread over group tags and models; then it waits, paused
    #[arg(long, value_name = "N|SHARE", conflicts_with = "no_canary")]
    pub(crate) canary: Option<Canary>,
    /// It goes on by itself when at least this share of the canary succeeded, as in 0.98
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["no_canary", "no_canary_auto"])]
    pub(crate) canary_auto: Option<Share>,
    /// It pauses when so many of the last 1,000 outcomes are dead letters, as in 10 or 1%
    #[arg(long, value_name = "N|SHARE", conflicts_with = "no_max_failures")]
    pub(crate) max_failures: Option<MaxFailures>,
    /// Nothing goes out before: 2026-03-01T20:00Z, "2026-03-01 20:00" or 20:00 (in --zone), +2h
    #[arg(long, value_name = "MOMENT", conflicts_with = "no_not_before")]
    pub(crate) not_before: Option<String>,
    /// What is not done by then waits, paused
    #[arg(long, value_name = "MOMENT", conflicts_with = "no_deadline")]
    pub(crate) deadline: Option<String>,
    /// Only within these hours, as in "Mon-Fri 20:00-06:00, Sat,Sun 00:00-24:00"
    #[arg(long, value_name = "HOURS", conflicts_with = "no_window")]
    pub(crate) window: Option<Windows>,
    /// Whose clocks are meant, as in Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<Zone>,
    /// Which campaign of the tenant goes first: low, normal, high or a number
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<Priority>,
    /// No faster than this, whatever the tenant grants: 2/s, 100/20s, 300/min
    #[arg(long, value_name = "RATE", conflicts_with = "no_rate")]
    pub(crate) rate: Option<Rate>,
    /// Who has a device is asked no longer than this before its call: 2min, 30s, 0s (a look right
    /// before each call) or never
    #[arg(long, value_name = "TIME")]
    pub(crate) sighted_within: Option<SightedWithin>,
    /// No canary; one that runs or waits is let go
    #[arg(long)]
    pub(crate) no_canary: bool,
    /// After the canary it waits, whatever came of it
    #[arg(long)]
    pub(crate) no_canary_auto: bool,
    /// It goes on however many fail
    #[arg(long)]
    pub(crate) no_max_failures: bool,
    /// It may begin at once
    #[arg(long)]
    pub(crate) no_not_before: bool,
    /// It has no deadline
    #[arg(long)]
    pub(crate) no_deadline: bool,
    /// At any hour
    #[arg(long)]
    pub(crate) no_window: bool,
    /// As fast as the tenant grants
    #[arg(long)]
    pub(crate) no_rate: bool,
}

fn change<T: Clone>(value: Option<&T>, clear: bool) -> Change<T> {
    match (value, clear) {
        (Some(value), _) => Change::Set(value.clone()),
        (None, true) => Change::Clear,
        (None, false) => Change::Keep,
    }
}

impl ControlArguments {
    /// The changes that are meant; local times are those of `zone`, unless another one is named.
    pub(crate) fn changes(&self, zone: &Zone, now: Timestamp) -> anyhow::Result<ControlChanges> {
        let zone = self.zone.as_ref().unwrap_or(zone);
        let moment = |text: Option<&String>| {
            let moment = text.map(|text| moment_in(zone, text, now)).transpose();
            moment.map_err(|error| {
                Failure::error(
                    error.to_string(),
                    "`repilot campaign set --help` has examples",
                )
            })
        };
        Ok(ControlChanges {
            canary: change(self.canary.as_ref(), self.no_canary),
            canary_auto: change(self.canary_auto.as_ref(), self.no_canary_auto),
            max_failures: change(self.max_failures.as_ref(), self.no_max_failures),
            not_before: change(
                moment(self.not_before.as_ref())?.as_ref(),
                self.no_not_before,
            ),
            deadline: change(moment(self.deadline.as_ref())?.as_ref(), self.no_deadline),
            windows: change(self.window.as_ref(), self.no_window),
            zone: change(self.zone.as_ref(), false),
            priority: change(self.priority.as_ref(), false),
            rate: change(self.rate.as_ref(), self.no_rate),
            sighted_within: change(self.sighted_within.as_ref(), false),
        })
    }

    /// What is meant for a campaign, and what it comes to: for one that is new the settings hold
    /// where nothing is said.
    pub(crate) fn meant(&self, app: &App, known: Option<&Campaign>) -> anyhow::Result<Meant> {
        let settings = &app.settings.campaign;
        let now = app.now();
        let old = known
            .map(|known| known.controls.clone())
            .unwrap_or_default();
        let changes = if known.is_some() {
            self.changes(&old.schedule.zone, now)?
        } else {
            self.with_settings(settings, now)?
        };
        if let Change::Set(deadline) = changes.deadline
            && deadline <= now
        {
            return Err(Failure::error(
                format!(
                    "the deadline{}, {}, is past",
                    self.deadline
                        .as_ref()
                        .map(|text| format!(" `{text}`"))
                        .unwrap_or_default(),
                    old.schedule.zone.shown(deadline, Timestamp::default())
                ),
                "give a later one; nothing was changed",
            ));
        }
        let controls = old.changed(&changes).map_err(|error| {
            let typed = [
                ("--not-before", &self.not_before),
                ("--deadline", &self.deadline),
            ];
            let typed = typed
                .into_iter()
                .filter_map(|(option, text)| Some(format!("{option} {}", text.as_ref()?)));
            let typed: Vec<String> = typed.collect();
            let hint = if typed.is_empty() {
                "give others; nothing was changed".to_owned()
            } else {
                format!("you wrote {}; nothing was changed", typed.join(" and "))
            };
            Failure::error(error.to_string(), hint)
        })?;
        Ok(Meant { changes, controls })
    }

    fn with_settings(
        &self,
        settings: &CampaignSettings,
        now: Timestamp,
    ) -> anyhow::Result<ControlChanges> {
        let said = self.changes(&settings.zone, now)?;
        let mut changes = ControlChanges {
            canary: said.canary.or(settings.canary.0),
            canary_auto: said.canary_auto.or(settings.canary_auto.0),
            max_failures: said.max_failures.or(settings.max_failures.0),
            windows: said.windows.or(settings.window.0.clone()),
            zone: said.zone.or(Some(settings.zone.clone())),
            priority: said.priority.or(Some(settings.priority)),
            rate: said.rate.or(settings.rate.0),
            sighted_within: said.sighted_within.or(Some(settings.sighted_within)),
            not_before: said.not_before,
            deadline: said.deadline,
        };
        // A share that the settings name is of no use where there is no canary.
        let has_canary = matches!(changes.canary, Change::Set(_));
        if !has_canary && self.canary_auto.is_none() {
            changes.canary_auto = Change::Keep;
        }
        Ok(changes)
    }
}

/// What a command means to change of a campaign's controls.
pub(crate) struct Meant {
    pub(crate) changes: ControlChanges,
    /// What they are then.
    pub(crate) controls: Controls,
}

/// When it is asked who has a device, in words.
pub(crate) fn sighting(within: SightedWithin) -> String {
    match within.limit() {
        None => "never: nobody asks who has a device before its call".to_owned(),
        Some(limit) if limit.is_zero() => {
            "each device is looked at right before its call".to_owned()
        }
        Some(_) => format!("who has a device is asked {within} before its call at most"),
    }
}

/// What holds a campaign back, in words, a line each; nothing where nothing does.
pub(crate) fn in_words(controls: &Controls) -> Vec<(&'static str, String)> {
    let schedule = &controls.schedule;
    let zone = &schedule.zone;
    // With its year, whatever year it is.
    let in_zone =
        |at: Timestamp| format!("{} ({})", zone.shown(at, Timestamp::default()), moment(at));
    let canary = controls.canary.map(|canary| match controls.canary_auto {
        Some(auto) => format!("{canary} first; it goes on by itself if {auto} of them succeed"),
        None => format!("{canary} first; then it waits for `campaign resume`"),
    });
    let breaker = controls
        .max_failures
        .map(|limit| format!("pauses when {limit} of the recent outcomes are dead letters"));
    let windows = (!schedule.windows.is_empty()).then(|| format!("{}, {zone}", schedule.windows));
    let priority =
        (controls.priority != Priority::default()).then(|| controls.priority.to_string());
    let lines = [
        ("canary", canary),
        ("breaker", breaker),
        ("not before", schedule.not_before.map(in_zone)),
        ("window", windows),
        ("deadline", schedule.deadline.map(in_zone)),
        ("priority", priority),
        ("rate", controls.rate.map(|rate| format!("{rate} at most"))),
        ("sighting", Some(sighting(controls.sighted_within))),
    ];
    lines
        .into_iter()
        .filter_map(|(name, words)| Some((name, words?)))
        .collect()
}
