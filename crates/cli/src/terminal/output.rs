//! stdout is data, stderr is talk. Nothing else in the program prints.

use std::io::{BufRead, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use comfy_table::{ContentArrangement, Table, presets};
use repilot_domain::{Timestamp, WithCauses, Zone};
use serde::Serialize;

use crate::terminal::failure::{Failure, hint};

/// Says something to the person, on stderr. What came from outside cannot steer the terminal. When
/// nobody listens any more the work goes on.
pub(crate) fn say(text: &str) {
    let _unheard = writeln!(std::io::stderr(), "{}", plain_lines(text));
}

/// Prints data. A reader that has gone, as `head` does, is no error; a full disk is.
pub(crate) fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let printed = writeln!(stdout, "{}", plain_lines(text)).and_then(|()| stdout.flush());
    if let Err(error) = printed
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        say(&format!("error: cannot write to standard output: {error}"));
        std::process::exit(1);
    }
}

/// Prints data as JSON.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// An array of any length, printed element by element. Nothing is printed before the first, or its end:
/// what fails earlier prints no half of one.
pub(crate) struct JsonArray {
    out: std::io::BufWriter<std::io::Stdout>,
    is_empty: bool,
}

impl JsonArray {
    pub(crate) fn begin() -> Self {
        Self {
            out: std::io::BufWriter::new(std::io::stdout()),
            is_empty: true,
        }
    }

    pub(crate) fn push(&mut self, element: &impl Serialize) -> anyhow::Result<()> {
        let before: &[u8] = if self.is_empty { b"[\n" } else { b",\n" };
        self.out.write_all(before)?;
        self.is_empty = false;
        serde_json::to_writer(&mut self.out, element)?;
        Ok(())
    }

    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        let end: &[u8] = if self.is_empty { b"[\n]\n" } else { b"\n]\n" };
        self.out.write_all(end)?;
        self.out.flush()?;
        Ok(())
    }
}

/// Whether what was printed to has gone, as `head` does: that is no error.
pub(crate) fn reader_has_gone(error: &anyhow::Error) -> bool {
    let broken = |kind| kind == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        let by_csv = cause.downcast_ref::<csv::Error>().is_some_and(
            |error| matches!(error.kind(), csv::ErrorKind::Io(error) if broken(error.kind())),
        );
        let by_json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind)
            .is_some_and(broken);
        let plain = cause.downcast_ref::<std::io::Error>();
        by_csv || by_json || plain.is_some_and(|error| broken(error.kind()))
    })
}

/// Says what failed, and what to do about it.
pub(crate) fn complain(error: &anyhow::Error) {
    say(&format!("error: {}", causes(error)));
    if let Some(hint) = hint(error) {
        say(&format!("hint: {hint}"));
    }
}

/// An error and its causes on one line.
pub(crate) fn causes(error: &anyhow::Error) -> String {
    WithCauses(error.as_ref()).to_string()
}

/// Asks a person whether something is meant. Where nobody can be asked, nobody has said yes.
pub(crate) fn ask(question: &str) -> anyhow::Result<bool> {
    let nobody = || {
        Failure::error(
            format!("there is no terminal to ask on: {question}"),
            "a script says --yes; nothing was done",
        )
    };
    if !std::io::stderr().is_terminal() {
        return Err(nobody());
    }
    let answer = if std::io::stdin().is_terminal() {
        answer_from(std::io::stdin().lock(), question)
    } else {
        // A list on standard input leaves the terminal itself.
        let Ok(terminal) = std::fs::File::open(TERMINAL) else {
            return Err(nobody());
        };
        answer_from(std::io::BufReader::new(terminal), question)
    };
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(unix)]
const TERMINAL: &str = "/dev/tty";
#[cfg(windows)]
const TERMINAL: &str = "CONIN$";

fn answer_from(mut input: impl BufRead, question: &str) -> String {
    let _unheard = write!(std::io::stderr(), "{} [y/N] ", plain_lines(question));
    let mut answer = String::new();
    // Whoever cannot be heard has not said yes.
    match input.read_line(&mut answer) {
        Ok(_) => answer,
        Err(_) => String::new(),
    }
}

/// Clears the terminal for a view that is shown anew; a pipe gets one view after the other.
pub(crate) fn clear() {
    let terminal = console::Term::stdout();
    if terminal.is_term() {
        let _ = terminal.clear_screen();
    }
}

/// A text of at most so many characters: what is cut off shows as an ellipsis.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

/// A number of things: `1 device`, `20 devices`.
pub(crate) fn plural<N: Copy + PartialEq + From<u8> + std::fmt::Display>(
    number: N,
    one: &str,
    many: &str,
) -> String {
    let noun = if number == N::from(1) { one } else { many };
    format!("{number} {noun}")
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

/// By whose clocks this process shows times; UTC until it is told.
static ZONE: OnceLock<Zone> = OnceLock::new();

/// Has this process show times in UTC, or else by the clocks of this machine's zone.
pub(crate) fn go_by(utc: bool) {
    let zone = if utc { Zone::default() } else { Zone::here() };
    let _set_before = ZONE.set(zone);
}

/// By whose clocks this process shows times.
pub(crate) fn zone() -> &'static Zone {
    ZONE.get_or_init(Zone::default)
}

/// An instant for people: to the second, by the clocks of [`zone`].
pub(crate) fn moment(instant: Timestamp) -> String {
    zone().sortable(instant)
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

/// The same for text of several lines.
fn plain_lines(text: &str) -> String {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.chars()
        .map(|c| if steers(c) { ' ' } else { c })
        .collect()
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
    fn moments_are_to_the_second_by_the_clocks_of_a_zone() {
        let at = Timestamp::from_millis(1_772_352_930_250);
        let shown = |zone: &str| zone.parse::<Zone>().unwrap().sortable(at);
        assert_eq!(shown("UTC"), "2026-03-01 08:15:30Z");
        assert_eq!(shown("Europe/Berlin"), "2026-03-01 09:15:30 CET");
        assert_eq!(shown("+05:30"), "2026-03-01 13:45:30 +05:30");
    }

    #[test]
    fn what_comes_from_outside_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\nc"), "a [31mb c");
    }
}
