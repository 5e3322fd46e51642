//! A campaign over time, drawn here: jobs that came to an end as bars, refusals by throttling on top
//! of their own axis below.

use maud::{Markup, html};
use repilot_domain::Timestamp;
use repilot_ledger::{Minute, Minutes};

use super::number::{count, lasting};
use super::when::utc;

/// The chart's size in its own units; it is stretched to the page.
const WIDTH: i64 = 960;
const UPPER: i64 = 120;
const LOWER: i64 = 34;
const GAP: i64 = 6;

/// Shorter charts say nothing.
const POINTS_LEAST: usize = 2;

/// The chart, and the same as words for those who do not see it; none where there is too little.
pub(crate) fn chart(minutes: &Minutes) -> Option<Markup> {
    let points = &minutes.points;
    if points.len() < POINTS_LEAST {
        return None;
    }
    let over = |point: &Minute| point.counts.succeeded + point.counts.dead;
    let highest = points.iter().map(over).max().unwrap_or(0).max(1);
    let most_refused = points.iter().map(|point| point.counts.throttled).max();
    let most_refused = most_refused.unwrap_or(0);
    let slot = WIDTH as f64 / points.len() as f64;
    let width = (slot * 0.86).max(0.5);
    let step = lasting(std::time::Duration::from_millis(
        minutes.step_ms.unsigned_abs(),
    ));
    let all = |of: fn(&Minute) -> i64| points.iter().map(of).sum::<i64>();
    let label = format!(
        "Over time: {} succeeded, {} dead, {} calls refused by throttling; at most {} done in {step}",
        count(all(|point| point.counts.succeeded)),
        count(all(|point| point.counts.dead)),
        count(all(|point| point.counts.throttled)),
        count(highest),
    );
    let height = UPPER + GAP + LOWER;
    Some(html! {
        figure.chart {
            svg viewBox=(format!("0 0 {WIDTH} {height}")) preserveAspectRatio="none" role="img" aria-label=(label) {
                line.grid x1="0" x2=(WIDTH) y1="0.5" y2="0.5" {}
                line.grid x1="0" x2=(WIDTH) y1=(UPPER / 2) y2=(UPPER / 2) {}
                line.axis x1="0" x2=(WIDTH) y1=(UPPER) y2=(UPPER) {}
                @for (place, point) in points.iter().enumerate() {
                    ({ column(point, place as f64 * slot, width, (highest, most_refused), &step) })
                }
            }
            figcaption {
                span { (day(points.first())) }
                span.legend {
                    i.s-succeeded {} " succeeded "
                    i.s-dead {} " dead "
                    i.s-throttled {} " 429s, below"
                    " · bars of " (step) ", highest " (count(highest))
                    @if most_refused > 0 { " done, " (count(most_refused)) " refused" }
                }
                span { (day(points.last())) }
            }
        }
    })
}

fn column(
    point: &Minute,
    x: f64,
    width: f64,
    (highest, refused): (i64, i64),
    step: &str,
) -> Markup {
    let counts = &point.counts;
    let tall = |jobs: i64| jobs as f64 * UPPER as f64 / highest as f64;
    let (succeeded, dead) = (tall(counts.succeeded), tall(counts.dead));
    let throttled = counts.throttled as f64 * LOWER as f64 / refused.max(1) as f64;
    let floor = UPPER as f64;
    let placed = |value: f64| format!("{value:.2}");
    html! {
        g {
            title {
                (utc(point.at)) ", " (step) ": " (count(counts.succeeded)) " succeeded, "
                (count(counts.dead)) " dead, " (count(counts.throttled)) " × 429"
            }
            @if counts.succeeded > 0 {
                rect.s-succeeded x=(placed(x)) width=(placed(width)) y=(placed(floor - succeeded)) height=(placed(succeeded)) {}
            }
            @if counts.dead > 0 {
                rect.s-dead x=(placed(x)) width=(placed(width)) y=(placed(floor - succeeded - dead)) height=(placed(dead)) {}
            }
            @if counts.throttled > 0 {
                rect.s-throttled x=(placed(x)) width=(placed(width)) y=(UPPER + GAP) height=(placed(throttled)) {}
            }
        }
    }
}

fn day(point: Option<&Minute>) -> Markup {
    let at = point.map_or(Timestamp::from_millis(0), |point| point.at);
    super::when::clock(at)
}

#[cfg(test)]
mod tests {
    use repilot_ledger::MinuteCounts;

    use super::*;

    fn minute(minute: i64, succeeded: i64, throttled: i64) -> Minute {
        Minute {
            at: Timestamp::from_millis(minute * 60_000),
            counts: MinuteCounts {
                succeeded,
                throttled,
                ..MinuteCounts::default()
            },
        }
    }

    #[test]
    fn bars_are_as_tall_as_what_they_count_and_say_it_in_words() {
        let minutes = Minutes {
            step_ms: 60_000,
            points: vec![minute(0, 100, 0), minute(1, 50, 8)],
        };
        let drawn = chart(&minutes).unwrap().into_string();
        assert!(
            drawn.contains("150 succeeded, 0 dead, 8 calls refused"),
            "{drawn}"
        );
        assert!(drawn.contains(r#"y="0.00" height="120.00""#), "{drawn}");
        assert!(drawn.contains(r#"y="60.00" height="60.00""#), "{drawn}");
    }

    #[test]
    fn one_minute_alone_is_no_chart() {
        let minutes = Minutes {
            step_ms: 60_000,
            points: vec![minute(0, 100, 0)],
        };
        assert!(chart(&minutes).is_none());
    }
}
