//! The part of a form that says what holds a campaign back, and what follows of it in words.

use std::collections::HashMap;
use std::str::FromStr;

use axum::extract::{Query, State};
use maud::{Markup, html};
use repilot_domain::standing::what_comes_next;
use repilot_domain::{ControlError, Schedule, Timestamp, Zone, Zones, moment_in};

use crate::access::Visitor;
use crate::error::Refusal;
use crate::state::App;
use crate::tenant_services::plan_list::Held;

/// Days as windows name them.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Fields of the form; each may come several times.
#[derive(Debug, Default)]
pub(crate) struct HeldFields(HashMap<String, Vec<String>>);

impl HeldFields {
    /// Names of its fields.
    pub(crate) const NAMES: [&str; 12] = [
        "canary",
        "max_failures",
        "rate",
        "day",
        "window_from",
        "window_to",
        "windows",
        "zone",
        "not_before",
        "deadline",
        "priority",
        "paused",
    ];

    /// Keeps what a field says; an empty one says nothing.
    pub(crate) fn keep(&mut self, name: &str, said: &str) {
        let said = said.trim();
        if !said.is_empty() {
            let all = self.0.entry(name.to_owned()).or_default();
            all.push(said.to_owned());
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        Some(self.0.get(name)?.first()?.as_str())
    }

    fn parsed<T: FromStr<Err = ControlError>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, ControlError> {
        self.text(name).map(str::parse).transpose()
    }

    /// Windows as they are written, or as days and hours were picked; none where neither was.
    fn windows(&self) -> Option<String> {
        if let Some(written) = self.text("windows") {
            return Some(written.to_owned());
        }
        let (from, to) = (self.text("window_from"), self.text("window_to"));
        let days = self.0.get("day").map(|days| days.join(","));
        if from.is_none() && to.is_none() && days.is_none() {
            return None;
        }
        let hours = format!("{}-{}", from.unwrap_or("00:00"), to.unwrap_or("24:00"));
        Some(days.map_or(hours.clone(), |days| format!("{days} {hours}")))
    }

    /// What they say.
    pub(crate) fn held(&self) -> Result<Held, ControlError> {
        let canary = self.text("canary");
        let no_canary = canary.is_some_and(|said| said.eq_ignore_ascii_case("none"));
        Ok(Held {
            canary: if no_canary {
                None
            } else {
                self.parsed("canary")?
            },
            no_canary,
            max_failures: self.parsed("max_failures")?,
            rate: self.parsed("rate")?,
            windows: self.windows().map(|windows| windows.parse()).transpose()?,
            zone: self.parsed("zone")?,
            not_before: self.text("not_before").map(str::to_owned),
            deadline: self.text("deadline").map(str::to_owned),
            priority: self.parsed("priority")?,
            paused: self.text("paused").is_some(),
        })
    }

    /// When a campaign that is held back like that may run next, in words.
    fn what_comes_next(&self, now: Timestamp) -> Result<String, ControlError> {
        let held = self.held()?;
        let zone = held.zone.unwrap_or_else(Zone::here);
        let moment =
            |said: Option<&String>| said.map(|text| moment_in(&zone, text, now)).transpose();
        let schedule = Schedule {
            not_before: moment(held.not_before.as_ref())?,
            deadline: moment(held.deadline.as_ref())?,
            windows: held.windows.unwrap_or_default(),
            zone,
        };
        Ok(what_comes_next(&schedule, now))
    }
}

/// Fields of a form that makes a campaign, or adds to one that is there.
pub(crate) fn fields(is_new: bool) -> Markup {
    let field = |name: &str, label: &str, value: &str, example: &str, hint: &str| {
        let described = format!("{name}-hint");
        html! {
            label for=(name) { (label) }
            input id=(name) name=(name) value=(value) placeholder=(example) maxlength="200"
                autocomplete="off" aria-describedby=(described);
            p.hint id=(described) { (hint) }
        }
    };
    let canary = if is_new { "20" } else { "" };
    html! {
        fieldset.stack data-held {
            legend { "Start small, stop by itself, when and how fast" }
            p.hint { "An empty field means what the settings say, or the campaign that it is added to." }
            (field("canary", "Devices first", canary, "20",
                "So many, or a share as in 2%; then it waits, paused, until somebody has looked. none: all at once."))
            (field("max_failures", "Stop at dead letters", "", "10",
                "A number, or a share of the last 1,000 outcomes as in 1%."))
            (field("rate", "At most", "", "2/s",
                "2/s, 100/20s or 300/min, for all workers together."))
            fieldset {
                legend { "Only on these days and between these hours" }
                div.row {
                    @for day in DAYS {
                        label { input type="checkbox" name="day" value=(day); " " (day) }
                    }
                }
                div.row {
                    label { "from " input type="time" name="window_from" aria-label="Window begins"; }
                    label { " to " input type="time" name="window_to" aria-label="Window ends"; }
                }
                p.hint { "An end before the beginning is that of the next day." }
            }
            (field("windows", "or several windows, written out", "", "Mon-Fri 20:00-06:00, Sat,Sun 00:00-24:00",
                "Where days and hours above do not say it."))
            label for="zone" { "By the clocks of" }
            input #zone name="zone" list="zones" maxlength="200" autocomplete="off" placeholder=(Zone::here()) aria-describedby="zone-hint";
            datalist #zones { @for zone in Zones::current().names() { option value=(zone); } }
            p.hint #zone-hint { "Europe/Berlin, W. Europe Standard Time or +01:00." }
            (field("not_before", "Not before", "", "20:00", "2026-03-01 20:00, 20:00, +2h or +1d, by those clocks."))
            (field("deadline", "Until", "", "+8h", "What is left then waits, paused."))
            (field("priority", "Priority", "", "normal",
                "low, normal, high or a number: the tenant's other campaigns wait for a higher one."))
            label { input type="checkbox" name="paused" value="true"; " Start paused: nothing goes out before somebody resumes it" }
            p role="status" data-next { }
        }
    }
}

/// Says what follows of days, hours and moments, while they are typed.
pub(crate) async fn next(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<String, Refusal> {
    if !visitor.is_operator() {
        return Err(Refusal::Role);
    }
    let mut fields = HeldFields::default();
    for (name, said) in &query {
        fields.keep(name, said);
    }
    // What is not written to its end yet is no fault of anybody's: it is said, with a 200.
    Ok(fields
        .what_comes_next(app.now())
        .unwrap_or_else(|error| error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(said: &[(&str, &str)]) -> HeldFields {
        let mut fields = HeldFields::default();
        for (name, said) in said {
            fields.keep(name, said);
        }
        fields
    }

    #[test]
    fn picked_days_and_hours_are_a_window() {
        let picked = |said: &[(&str, &str)]| fields(said).windows();
        assert_eq!(
            picked(&[
                ("day", "Mon"),
                ("day", "Tue"),
                ("window_from", "20:00"),
                ("window_to", "06:00")
            ]),
            Some("Mon,Tue 20:00-06:00".to_owned())
        );
        assert_eq!(
            picked(&[("window_from", "20:00")]),
            Some("20:00-24:00".to_owned())
        );
        assert_eq!(
            picked(&[("day", "Sat")]),
            Some("Sat 00:00-24:00".to_owned())
        );
        assert_eq!(
            picked(&[("day", "Sat"), ("windows", "02:00-05:00")]),
            Some("02:00-05:00".to_owned())
        );
        assert_eq!(picked(&[("window_to", " ")]), None);
        assert!(
            fields(&[("window_from", "20:00")])
                .held()
                .unwrap()
                .windows
                .is_some()
        );
    }

    #[test]
    fn what_is_picked_is_what_holds_it_back() {
        let held = fields(&[
            ("canary", "20"),
            ("rate", "2/s"),
            ("zone", "Europe/Berlin"),
            ("paused", "true"),
        ]);
        let held = held.held().unwrap();
        assert_eq!(held.canary, Some("20".parse().unwrap()));
        assert_eq!(held.rate, Some("2/s".parse().unwrap()));
        assert!(held.paused && !held.no_canary);
        assert!(fields(&[("canary", "None")]).held().unwrap().no_canary);
        let wrong = fields(&[("rate", "fast")]).held().unwrap_err();
        assert!(wrong.to_string().contains("fast"), "{wrong}");
    }

    #[test]
    fn a_sentence_says_what_follows() {
        let tuesday: Timestamp = moment_in(
            &"Europe/Berlin".parse().unwrap(),
            "2026-12-01 22:00",
            Timestamp::default(),
        )
        .unwrap();
        let asked = fields(&[
            ("window_from", "02:00"),
            ("window_to", "05:00"),
            ("zone", "Europe/Berlin"),
        ]);
        assert_eq!(
            asked.what_comes_next(tuesday).unwrap(),
            "next: Wed 2 Dec 02:00 CET, for 3 h 00 min"
        );
    }
}
