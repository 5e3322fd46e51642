//! Who did what: the audit, newest first.

use maud::{Markup, html};
use repilot_ledger::{AuditFilter, AuditRow};
use serde_json::Value;

use super::{Section, ViewContext};
use crate::error::Refusal;
use crate::links;
use crate::parts::{empty, moment, wide};
use crate::state::App;

/// Rows a page.
const SHOWN: u32 = 50;

pub(crate) struct Details {
    rows: Vec<AuditRow>,
    is_first: bool,
}

pub(super) async fn read(app: &App, before: Option<i64>) -> Result<Details, Refusal> {
    let all = AuditFilter::default();
    let rows = app.ledger.newest_audit(&all, before, SHOWN).await?;
    Ok(Details {
        rows,
        is_first: before.is_none(),
    })
}

pub(super) fn sections(details: &Details, _eyes: &ViewContext) -> Vec<Section> {
    let rows = &details.rows;
    let older = rows
        .last()
        .map(|row| row.seq)
        .filter(|seq| rows.len() == SHOWN as usize && *seq > 1);
    let body = html! {
        h1 { "Activity" }
        p.soft { "Every step that steers, chained by hashes so that none can be taken out unseen: " code { "repilot audit verify" } "." }
        @if rows.is_empty() {
            (empty("Nothing yet", &html! { p { "Whatever somebody does to a campaign stands here." } }))
        } @else {
            (table(rows, true))
        }
        div.pages {
            @if !details.is_first { a.button href="/activity" { "Newest" } }
            @if let Some(seq) = older { a.button href={ "/activity?before=" (seq) } { "Older" } }
        }
    };
    vec![Section::new("activity", body)]
}

/// Steps as a table.
pub(super) fn table(rows: &[AuditRow], with_campaign: bool) -> Markup {
    let table = html! {
        table {
            thead { tr {
                th { "When" } th { "Who" } th { "What" }
                @if with_campaign { th { "Campaign" } }
                th { "Details" }
            } }
            tbody {
                @for row in rows {
                    tr data-key=(row.seq) {
                        td.keep { (moment(row.at)) }
                        td { (row.actor) div.soft { (row.origin) } }
                        td.keep { (row.event.as_str().replace('-', " ")) }
                        @if with_campaign {
                            td { @if let Some(name) = &row.campaign { a href=(links::campaign(name)) { (name) } } }
                        }
                        td.text { (in_words(&row.detail)) }
                    }
                }
            }
        }
    };
    wide("Steps", &table)
}

/// What there is to say of a step: `reason change freeze · jobs 12`.
fn in_words(detail: &Value) -> String {
    let Value::Object(fields) = detail else {
        return plain(detail);
    };
    let said = fields
        .iter()
        .filter(|(_, value)| !matches!(value, Value::Null) && *value != "")
        .map(|(name, value)| format!("{} {}", name.replace('_', " "), plain(value)));
    said.collect::<Vec<_>>().join(" · ")
}

fn plain(value: &Value) -> String {
    match value {
        // A hash is known by its beginning.
        Value::String(text) if is_hash(text) => format!("{}…", &text[..12]),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(_) => in_words(value),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_steps_details_read_as_words() {
        let detail = json!({ "ids": [1, 2], "jobs": 12, "list_name": "", "reason": "freeze" });
        assert_eq!(in_words(&detail), "ids 1, 2 · jobs 12 · reason freeze");
    }
}
