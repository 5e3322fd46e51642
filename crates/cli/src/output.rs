//! stdout is data, stderr is talk. Nothing else in the program prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is where printing happens"
)]

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use repilot_domain::Timestamp;
use serde::Serialize;

use crate::failure::hint;

/// Says something to the person, on stderr.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Prints data. A reader that has gone, as `head` does, is no error.
pub(crate) fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{text}");
}

/// Prints data as JSON.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Says what failed, and what to do about it.
pub(crate) fn complain(error: &anyhow::Error) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    eprintln!("error: {}", causes.join(": "));
    if let Some(hint) = hint(error) {
        eprintln!("hint: {hint}");
    }
}

/// Asks a person; whoever cannot be asked has said yes by not being a terminal.
pub(crate) fn confirm(question: &str) -> bool {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return true;
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    if std::io::stdin().read_line(&mut answer).is_err() {
        return false;
    }
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Clears the terminal for a view that is shown anew.
pub(crate) fn clear() {
    print!("\u{1b}[2J\u{1b}[H");
}

/// A table for people.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.iter().copied());
    table
}

/// A table as text, without blanks at the ends of its lines.
pub(crate) fn rendered(table: &Table) -> String {
    let text = table.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// An instant for people: to the second, UTC.
pub(crate) fn moment(instant: Timestamp) -> String {
    let text = instant.to_string();
    let (seconds, _) = text.split_once('.').unwrap_or((&text, ""));
    format!("{}Z", seconds.replace('T', " "))
}

/// A duration for people: `1 h 02 min`, `3 min 20 s`, `12 s`.
pub(crate) fn lasting(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// Keeps what came from outside from moving the cursor or colouring the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(lasting(Duration::from_secs(12)), "12 s");
        assert_eq!(lasting(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(lasting(Duration::from_mins(62)), "1 h 02 min");
    }

    #[test]
    fn moments_are_utc_to_the_second() {
        assert_eq!(
            moment(Timestamp::from_millis(1_772_352_930_250)),
            "2026-03-01 08:15:30Z"
        );
    }

    #[test]
    fn what_comes_from_outside_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\nc"), "a [31mb c");
    }
}
