//! A report in Markdown, for a ticket.

use std::io::{self, Write};

use repilot_ledger::Minutes;

use super::page::Page;
use crate::terminal::output::moment;

/// A page of Markdown.
pub(crate) struct Markdown<W>(pub(crate) W);

impl<W: Write> Page for Markdown<W> {
    fn begin(&mut self, title: &str) -> io::Result<()> {
        writeln!(self.0, "# {}\n", escaped(title))
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.0, "## {}\n", escaped(text))
    }

    fn paragraph(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.0, "{}\n", escaped(text))
    }

    fn facts(&mut self, facts: &[(&str, String)]) -> io::Result<()> {
        for (name, value) in facts {
            writeln!(self.0, "- {}: **{}**", escaped(name), escaped(value))?;
        }
        writeln!(self.0)
    }

    fn chart(&mut self, minutes: &Minutes) -> io::Result<()> {
        self.table(&["From", "Succeeded", "Dead", "Throttled", "Retried"])?;
        for point in &minutes.points {
            let counts = &point.counts;
            let numbers = [
                counts.succeeded,
                counts.dead,
                counts.throttled,
                counts.retried,
            ];
            let mut cells = vec![moment(point.at)];
            cells.extend(numbers.iter().map(ToString::to_string));
            self.row(&cells)?;
        }
        self.end_table()
    }

    fn table(&mut self, header: &[&str]) -> io::Result<()> {
        let cells: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
        self.row(&cells)?;
        writeln!(self.0, "|{}", " --- |".repeat(header.len()))
    }

    fn row(&mut self, cells: &[String]) -> io::Result<()> {
        let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
        writeln!(self.0, "| {} |", cells.join(" | "))
    }

    fn end_table(&mut self) -> io::Result<()> {
        writeln!(self.0)
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Text as text: neither a mark nor a tag, and on one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_text_on_one_line() {
        let mut bytes = Vec::new();
        let mut page = Markdown(&mut bytes);
        page.table(&["A"]).unwrap();
        page.row(&["a | b\n# c <img> [x](y)".to_owned()]).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text,
            "| A |\n| --- |\n| a \\| b \\# c &lt;img&gt; \\[x\\](y) |\n"
        );
    }
}
