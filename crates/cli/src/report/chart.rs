//! A campaign over time as an SVG of its own: bars, stacked, a legend and two axes.

use std::fmt::Write as _;

use repilot_ledger::{Minute, MinuteCounts, Minutes};

use crate::terminal::output::{lasting, moment};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 34.0;

/// Lines across, for the eye.
const LINES: u32 = 4;

/// A name, and what is counted under it.
type Kind = (&'static str, fn(&MinuteCounts) -> i64);

/// What is stacked, from below; the page's style gives each its colour.
const KINDS: [Kind; 4] = [
    ("succeeded", |counts| counts.succeeded),
    ("dead", |counts| counts.dead),
    ("throttled", |counts| counts.throttled),
    ("retried", |counts| counts.retried),
];

/// The chart; empty where nothing happened.
pub(crate) fn svg(minutes: &Minutes) -> String {
    let (Some(first), Some(last)) = (minutes.points.first(), minutes.points.last()) else {
        return String::new();
    };
    let total = |point: &Minute| -> i64 { KINDS.iter().map(|(_, of)| of(&point.counts)).sum() };
    let most = rounded_up(minutes.points.iter().map(total).max().unwrap_or(0).max(1));
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Outcomes over time\">\n"
    );
    // Writing into a text cannot fail.
    let _ = axes(&mut svg, most);
    let slot = (WIDTH - LEFT - RIGHT) / minutes.points.len() as f64;
    let scale = (HEIGHT - TOP - BOTTOM) / most as f64;
    for (number, point) in minutes.points.iter().enumerate() {
        let _ = bar(&mut svg, point, LEFT + slot * number as f64, slot, scale);
    }
    let step = std::time::Duration::from_millis(minutes.step_ms.unsigned_abs());
    let below = HEIGHT - BOTTOM + 16.0;
    let _ = writeln!(
        svg,
        "<text class=\"axis\" x=\"{LEFT}\" y=\"{below}\">{}</text>\n\
         <text class=\"axis\" x=\"{}\" y=\"{below}\" text-anchor=\"end\">{}</text>\n\
         <text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">a bar is {}</text>",
        moment(first.at),
        WIDTH - RIGHT,
        moment(last.at.after(step)),
        WIDTH / 2.0,
        below,
        lasting(step)
    );
    let _ = legend(&mut svg);
    svg.push_str("</svg>\n");
    svg
}

fn axes(svg: &mut String, most: i64) -> std::fmt::Result {
    for line in 0..=LINES {
        let share = f64::from(line) / f64::from(LINES);
        let y = HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
        let value = most as f64 * share;
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{}\" y2=\"{y:.1}\"/>\
             <text class=\"axis\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.0}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        )?;
    }
    Ok(())
}

fn bar(svg: &mut String, point: &Minute, x: f64, slot: f64, scale: f64) -> std::fmt::Result {
    let width = (slot * 0.85).max(0.5);
    let mut top = HEIGHT - BOTTOM;
    for (kind, of) in KINDS {
        let count = of(&point.counts);
        if count == 0 {
            continue;
        }
        // Whatever happened shows, however little of it.
        let height = (count as f64 * scale).max(1.0);
        top -= height;
        writeln!(
            svg,
            "<rect class=\"{kind}\" x=\"{x:.2}\" y=\"{top:.2}\" width=\"{width:.2}\" \
             height=\"{height:.2}\"><title>{}: {count} {kind}</title></rect>",
            moment(point.at)
        )?;
    }
    Ok(())
}

fn legend(svg: &mut String) -> std::fmt::Result {
    let mut x = LEFT;
    for (kind, _) in KINDS {
        writeln!(
            svg,
            "<rect class=\"{kind}\" x=\"{x}\" y=\"6\" width=\"12\" height=\"12\"/>\
             <text class=\"axis\" x=\"{}\" y=\"16\">{kind}</text>",
            x + 17.0
        )?;
        x += 110.0;
    }
    Ok(())
}

/// The next number that four lines divide evenly: 4, 8, 20, 40, 80, 200, …
fn rounded_up(most: i64) -> i64 {
    let mut unit = 4;
    loop {
        for factor in [1, 2, 5] {
            let rounded = unit * factor;
            if rounded >= most {
                return rounded;
            }
        }
        let Some(next) = unit.checked_mul(10) else {
            return most;
        };
        unit = next;
    }
}

#[cfg(test)]
mod tests {
    use repilot_domain::Timestamp;

    use super::*;

    #[test]
    fn each_kind_has_a_bar_where_it_happened_and_none_where_not() {
        let counts = |succeeded, dead| MinuteCounts {
            succeeded,
            dead,
            ..MinuteCounts::default()
        };
        let point = |minute: i64, counts| Minute {
            at: Timestamp::from_millis(minute * 60_000),
            counts,
        };
        let minutes = Minutes {
            step_ms: 60_000,
            points: vec![point(0, counts(70, 1)), point(1, counts(30, 0))],
        };
        let svg = svg(&minutes);
        assert!(svg.contains(": 70 succeeded<"), "{svg}");
        assert!(svg.contains(": 1 dead<"), "{svg}");
        assert!(!svg.contains(": 0 "), "{svg}");
        assert!(svg.contains(">80</text>"), "{svg}");
    }

    #[test]
    fn a_campaign_in_which_nothing_happened_has_no_chart() {
        let minutes = Minutes {
            step_ms: 60_000,
            points: Vec::new(),
        };
        assert_eq!(svg(&minutes), "");
    }
}
