//! A report as one page of HTML that needs nothing else: no script, no font, no picture from outside.

use std::io::{self, Write};

use repilot_ledger::Minutes;

use super::chart;
use super::page::Page;

const STYLE: &str = include_str!("style.css");

/// Nothing is fetched and nothing runs, whatever stands in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A page of HTML.
pub(crate) struct Html<W>(pub(crate) W);

impl<W: Write> Page for Html<W> {
    fn begin(&mut self, title: &str) -> io::Result<()> {
        let title = escaped(title);
        writeln!(
            self.0,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>"
        )
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.0, "<h2>{}</h2>", escaped(text))
    }

    fn paragraph(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.0, "<p>{}</p>", escaped(text))
    }

    fn facts(&mut self, facts: &[(&str, String)]) -> io::Result<()> {
        writeln!(self.0, "<dl>")?;
        for (name, value) in facts {
            let (name, value) = (escaped(name), escaped(value));
            writeln!(self.0, "<div><dt>{name}</dt><dd>{value}</dd></div>")?;
        }
        writeln!(self.0, "</dl>")
    }

    fn chart(&mut self, minutes: &Minutes) -> io::Result<()> {
        writeln!(self.0, "<figure>{}</figure>", chart::svg(minutes))
    }

    fn table(&mut self, header: &[&str]) -> io::Result<()> {
        write!(self.0, "<div class=\"wide\"><table>\n<thead><tr>")?;
        for cell in header {
            write!(self.0, "<th>{}</th>", escaped(cell))?;
        }
        writeln!(self.0, "</tr></thead>\n<tbody>")
    }

    fn row(&mut self, cells: &[String]) -> io::Result<()> {
        write!(self.0, "<tr>")?;
        for cell in cells {
            write!(self.0, "<td>{}</td>", escaped(cell))?;
        }
        writeln!(self.0, "</tr>")
    }

    fn end_table(&mut self) -> io::Result<()> {
        writeln!(self.0, "</tbody>\n</table></div>")
    }

    fn end(&mut self) -> io::Result<()> {
        writeln!(self.0, "</main>\n</body>\n</html>")?;
        self.0.flush()
    }
}

/// Text as text, between tags and in attributes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // HTML has no other control characters, not even as references.
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A page on which that text stands everywhere.
    fn page(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut page = Html(&mut bytes);
        let owned = text.to_owned();
        page.begin(text).unwrap();
        page.heading(text).unwrap();
        page.paragraph(text).unwrap();
        page.facts(&[(text, owned.clone())]).unwrap();
        page.table(&[text]).unwrap();
        page.row(&[owned]).unwrap();
        page.end_table().unwrap();
        page.end().unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// What marks a page up: everything between `<` and `>`.
    fn tags(page: &str) -> Vec<String> {
        let tags = page.split('<').skip(1);
        let tags = tags.map(|rest| rest.split('>').next().unwrap_or_default().to_owned());
        tags.collect()
    }

    fn unescaped(text: &str) -> String {
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&")
    }

    proptest! {
        #[test]
        fn whatever_stands_on_a_page_is_text(text in "[^\\p{C}]{0,40}|.{0,10}<.{0,10}>.{0,10}|[<>&\"']{0,20}") {
            let written = page(&text);
            prop_assert_eq!(tags(&written), tags(&page("plain")));
            let cell = written.split("<td>").nth(1).and_then(|rest| rest.split("</td>").next());
            let plain: String = text
                .chars()
                .map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { ' ' } else { c })
                .collect();
            prop_assert_eq!(unescaped(cell.unwrap_or_default()), plain);
        }
    }
}
