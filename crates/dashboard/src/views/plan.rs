//! A plan, as `plan --json` has it, for people: what would be done, when, and what is refused.

use maud::{Markup, html};
use serde_json::Value;

use crate::parts::{fact, wide};

/// Refused rows that the page shows; the file has them all.
pub(crate) const REFUSED_SHOWN: usize = 200;

fn text<'a>(plan: &'a Value, name: &str) -> &'a str {
    plan[name].as_str().unwrap_or_default()
}

fn number(plan: &Value, name: &str) -> u64 {
    plan[name].as_u64().unwrap_or_default()
}

/// A value that stands in a table cell: a text as it is, anything else as JSON says it.
fn cell(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The plan's figures and tables.
pub(crate) fn shown(plan: &Value, campaign: &str, refused_at: Option<&str>) -> Markup {
    let understood = plan["understood"].as_array().cloned().unwrap_or_default();
    let hints = plan["hints"].as_array().cloned().unwrap_or_default();
    html! {
        dl.facts {
            (fact("Campaign", &html! { (campaign) }, &html! { "tenant " (text(plan, "tenant")) }))
            (fact("Devices", &html! { (number(plan, "planned")) }, &html! { "of " (number(plan, "inventory")) " in the inventory" }))
            (fact("Refused", &html! { (number(plan, "refused")) }, &html! { "of " (number(plan, "rows")) " rows" }))
            (fact("Over", &html! { (text(plan, "end")) }, &html! { "at the earliest" }))
        }
        @if !hints.is_empty() {
            div.notice.warn { @for hint in &hints { p { (cell(hint)) } } }
        }
        (wide("How the list was read", &html! {
            table {
                tbody {
                    @for read in &understood { tr { th scope="row" { "Read as" } td { (cell(read)) } } }
                }
            }
        }))
        @if !plan["first"].as_array().is_none_or(Vec::is_empty) { (first(plan)) }
        @if number(plan, "refused") > 0 { (refused(plan, refused_at)) }
    }
}

/// The first devices: a person sees whether it is the right list.
fn first(plan: &Value) -> Markup {
    let devices = plan["first"].as_array().cloned().unwrap_or_default();
    let assigns = devices
        .iter()
        .any(|device| !text(device, "new_user").is_empty());
    wide(
        "The first devices",
        &html! {
            table {
                caption { "The first of " (number(plan, "planned")) " devices" }
                thead { tr {
                    th { "Serial" } th { "Model" } th { "Tag" } th { "User now" }
                    @if assigns { th { "New user" } }
                } }
                tbody {
                    @for device in &devices {
                        tr {
                            td { (text(device, "serial")) }
                            td { (text(device, "model")) }
                            td { (text(device, "group_tag")) }
                            td { (text(device, "user")) }
                            @if assigns { td { (text(device, "new_user")) } }
                        }
                    }
                }
            }
        },
    )
}

/// Refused rows: how many for which reason, and the first of them; all in a file.
fn refused(plan: &Value, at: Option<&str>) -> Markup {
    let reasons = plan["refused_by_reason"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let rows = plan["refusals"].as_array().cloned().unwrap_or_default();
    html! {
        details.refused open[rows.len() <= 20] {
            summary {
                (number(plan, "refused")) " refused rows: "
                @for (index, (reason, count)) in reasons.iter().enumerate() {
                    @if index > 0 { ", " }
                    (reason) " " (count)
                }
            }
            @if let Some(at) = at {
                p { a.button href=(at) download { "Download them" } " " span.soft { "with their reasons; mended, the file reads back in." } }
            }
            (wide("Refused rows", &html! {
                table {
                    thead { tr { th.n { "Row" } th { "Value" } th { "Reason" } th { "What it means" } } }
                    tbody {
                        @for row in rows.iter().take(REFUSED_SHOWN) {
                            tr {
                                td.n { @if let Some(sheet) = row["sheet"].as_str() { (sheet) " " } (number(row, "line")) }
                                td { (text(row, "value")) }
                                td { (text(row, "reason")) }
                                td { (text(row, "detail")) }
                            }
                        }
                    }
                }
            }))
            @if rows.len() > REFUSED_SHOWN {
                p.hint { "and " (rows.len() - REFUSED_SHOWN) " more in the file" }
            }
        }
    }
}
