//! What holds a campaign back, as the command line says it.

use repilot_domain::{Change, ControlChanges, Controls, Timestamp, Zone, moment_in};
use repilot_ledger::Campaign;

use crate::app::App;
use crate::args::ControlArguments;
use crate::settings::CampaignSettings;
use crate::terminal::failure::Failure;

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
