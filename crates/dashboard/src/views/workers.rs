//! Workers: who is there, which version, what they hold, what they lack.

use maud::html;

use super::{Section, ViewContext};
use crate::parts::{ago, chip, count, empty, wide};

pub(super) fn sections(context: &ViewContext) -> Vec<Section> {
    let workers = &context.overview.workers;
    let table = html! {
        table {
            thead { tr {
                th { "Worker" } th { "State" } th { "Host" } th.n { "Process" } th.n { "In flight" }
                th { "Version" } th { "Up since" } th { "Heard of" }
            } }
            tbody {
                @for worker in workers {
                    tr data-key=(worker.id) {
                        td.mono { (worker.id) }
                        td.text { @if worker.trouble.is_empty() { (chip("good", "well")) } @else { (chip("bad", "in trouble")) div { (worker.trouble) } } }
                        td { (worker.host) }
                        td.n { (worker.process_id) }
                        td.n { (count(worker.in_flight)) }
                        td { (worker.version) }
                        td.keep { (ago(worker.started_at)) }
                        td.keep { (ago(worker.heartbeat_at)) }
                    }
                }
            }
        }
    };
    let body = html! {
        h1 { "Workers" }
        @if workers.is_empty() {
            (empty("No worker is running", &html! {
                p { "Campaigns move only while a worker runs. On any machine with these settings:" }
                pre { code { "repilot worker" } }
            }))
        } @else {
            (wide("Workers", &table))
        }
    };
    vec![Section::new("workers", body)]
}
