//! The page on which an operator changes when, how fast and how long a campaign runs.

use std::str::FromStr;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use repilot_domain::{Change, ControlChanges, ControlError, Controls, Timestamp, Zone, moment_in};
use repilot_ledger::{Campaign, LedgerError};
use serde::Deserialize;

use crate::access::{Act, Visitor};
use crate::actions::campaign::campaign;
use crate::error::Refusal;
use crate::links;
use crate::pages::{self, Done, Here};
use crate::parts::Form;
use crate::state::App;

/// What the form says, as people write it; an empty field means none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub(crate) struct Fields {
    #[serde(default)]
    rate: String,
    #[serde(default)]
    windows: String,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    not_before: String,
    #[serde(default)]
    deadline: String,
    #[serde(default)]
    priority: String,
    #[serde(default)]
    max_failures: String,
    #[serde(default)]
    sighted_within: String,
}

impl Fields {
    fn of(controls: &Controls) -> Self {
        fn word<T: ToString>(value: Option<&T>) -> String {
            value.map(ToString::to_string).unwrap_or_default()
        }
        let schedule = &controls.schedule;
        let windows = Some(&schedule.windows).filter(|windows| !windows.is_empty());
        Self {
            rate: word(controls.rate.as_ref()),
            windows: word(windows),
            zone: schedule.zone.to_string(),
            not_before: word(schedule.not_before.as_ref()),
            deadline: word(schedule.deadline.as_ref()),
            priority: controls.priority.to_string(),
            max_failures: word(controls.max_failures.as_ref()),
            sighted_within: controls.sighted_within.to_string(),
        }
    }

    /// What they change of the controls that `shown` shows.
    fn changes(&self, shown: &Self, now: Timestamp) -> Result<ControlChanges, ControlError> {
        let zone: Change<Zone> = change(&self.zone, &shown.zone, str::parse)?;
        let in_zone = match &zone {
            Change::Set(zone) => zone.clone(),
            Change::Clear => Zone::default(),
            Change::Keep => shown.zone.parse()?,
        };
        let moment = |text: &str| moment_in(&in_zone, text, now);
        Ok(ControlChanges {
            rate: change(&self.rate, &shown.rate, FromStr::from_str)?,
            windows: change(&self.windows, &shown.windows, FromStr::from_str)?,
            not_before: change(&self.not_before, &shown.not_before, moment)?,
            deadline: change(&self.deadline, &shown.deadline, moment)?,
            priority: change(&self.priority, &shown.priority, FromStr::from_str)?,
            max_failures: change(&self.max_failures, &shown.max_failures, FromStr::from_str)?,
            sighted_within: change(
                &self.sighted_within,
                &shown.sighted_within,
                FromStr::from_str,
            )?,
            zone,
            ..ControlChanges::default()
        })
    }
}

/// What became of one field.
fn change<T>(
    said: &str,
    shown: &str,
    read: impl FnOnce(&str) -> Result<T, ControlError>,
) -> Result<Change<T>, ControlError> {
    Ok(match said.trim() {
        same if same == shown => Change::Keep,
        "" => Change::Clear,
        said => Change::Set(read(said)?),
    })
}

pub(crate) async fn page(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    if !visitor.is_operator() {
        return Err(Refusal::Role);
    }
    let campaign = campaign(&app, &name).await?;
    let fields = Fields::of(&campaign.controls);
    Ok(form(&visitor, &campaign, &fields, None))
}

pub(crate) async fn save(
    State(app): State<App>,
    Path(name): Path<String>,
    Act {
        visitor,
        form: said,
    }: Act<Fields>,
) -> Result<Response, Refusal> {
    let campaign = campaign(&app, &name).await?;
    if campaign.has_ended() {
        return Err(Refusal::Conflict("the campaign has ended".to_owned()));
    }
    let now = app.now();
    let unclear = |why: &ControlError| {
        let page = form(&visitor, &campaign, &said, Some(&why.to_string()));
        (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
    };
    let changes = match said.changes(&Fields::of(&campaign.controls), now) {
        Ok(changes) => changes,
        Err(why) => return Ok(unclear(&why)),
    };
    let by = visitor.actor();
    let saved = app.ledger.change_controls(campaign.id, &changes, &by, now);
    match saved.await {
        Ok(_) => {}
        Err(LedgerError::Control(why)) => return Ok(unclear(&why)),
        Err(error) => return Err(error.into()),
    }
    app.overview_cache.forget().await;
    let address = Done::Controlled.at(&links::campaign(&name));
    Ok(Redirect::to(&address).into_response())
}

fn form(visitor: &Visitor, campaign: &Campaign, fields: &Fields, wrong: Option<&str>) -> Markup {
    let address = links::campaign(&campaign.name);
    let action = format!("{address}/controls");
    let token = visitor.form_token.clone().unwrap_or_default();
    let hidden = Form {
        action: &action,
        token: &token,
        with: &[],
    };
    let field = |name: &str, label: &str, value: &str, example: &str, hint: &str| {
        let described = format!("{name}-hint");
        html! {
            label for=(name) { (label) }
            input id=(name) name=(name) value=(value) placeholder=(example) maxlength="200"
                autocomplete="off" aria-describedby=(described);
            p.hint id=(described) { (hint) }
        }
    };
    let title = format!("When and how fast {} runs", campaign.name);
    let body = html! {
        p.crumbs { a href=(address) { (campaign.name) } }
        h1 { (title) }
        @if let Some(wrong) = wrong {
            div.notice.bad role="alert" { strong { (wrong) } }
        }
        form.card.stack method="post" action=(action) {
            (hidden.hidden())
            (field("rate", "At most", &fields.rate, "2/s",
                "2/s, 100/20s or 300/min, for all workers together; empty: what the tenant grants."))
            (field("windows", "Only within", &fields.windows, "Mon-Fri 20:00-06:00",
                "Several with commas; empty: at any time."))
            (field("zone", "By the clocks of", &fields.zone, "Europe/Berlin", "Europe/Berlin, W. Europe Standard Time, +01:00 or local."))
            (field("not_before", "Not before", &fields.not_before, "20:00",
                "2026-03-01 20:00, 20:00, +2h or +1d, by those clocks."))
            (field("deadline", "Until", &fields.deadline, "+8h",
                "What is left then waits, paused."))
            (field("priority", "Priority", &fields.priority, "normal",
                "low, normal, high or a number: the tenant's other campaigns wait for a higher one."))
            (field("max_failures", "Stop at dead letters", &fields.max_failures, "20%",
                "A number or a share of its recent outcomes; setting it counts anew."))
            (field("sighted_within", "Ask who has a device", &fields.sighted_within, "2min",
                "At most so long before its call: 2min, 30s, 0s (a look right before each) or never; empty: 2min."))
            div.acts { button.primary type="submit" { "Save" } a.button href=(address) { "Back" } }
        }
    };
    pages::page(visitor, Some(Here::Campaigns), &title, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    #[test]
    fn a_form_that_is_sent_back_as_it_was_changes_nothing() {
        let controls = Controls {
            rate: Some("2/s".parse().unwrap()),
            max_failures: Some("20%".parse().unwrap()),
            ..Controls::default()
        };
        let shown = Fields::of(&controls);
        let changes = shown.changes(&shown, NOW).unwrap();
        assert_eq!(changes, ControlChanges::default());
    }

    #[test]
    fn an_empty_field_takes_a_control_away_and_a_wrong_one_says_why() {
        let controls = Controls {
            rate: Some("2/s".parse().unwrap()),
            ..Controls::default()
        };
        let shown = Fields::of(&controls);
        let said = Fields {
            rate: String::new(),
            windows: "Mon-Fri 20:00-06:00".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            ..shown.clone()
        };
        let changes = said.changes(&shown, NOW).unwrap();
        let new = controls.changed(&changes).unwrap();
        assert_eq!(new.rate, None);
        assert_eq!(new.schedule.zone.to_string(), "Europe/Berlin");
        let wrong = Fields {
            rate: "fast".to_owned(),
            ..shown.clone()
        };
        let error = wrong.changes(&shown, NOW).unwrap_err();
        assert!(error.to_string().contains("fast"), "{error}");
    }
}
