//! What a report is written on: a page that takes it piece by piece, however long it gets.

use std::io;

use repilot_ledger::Minutes;

/// A page. All text is text: nothing in it is the page's own language.
pub(crate) trait Page {
    /// Begins it.
    fn begin(&mut self, title: &str) -> io::Result<()>;
    /// A heading.
    fn heading(&mut self, text: &str) -> io::Result<()>;
    /// A paragraph.
    fn paragraph(&mut self, text: &str) -> io::Result<()>;
    /// Names and values.
    fn facts(&mut self, facts: &[(&str, String)]) -> io::Result<()>;
    /// A campaign over time.
    fn chart(&mut self, minutes: &Minutes) -> io::Result<()>;
    /// Begins a table.
    fn table(&mut self, header: &[&str]) -> io::Result<()>;
    /// A row of it.
    fn row(&mut self, cells: &[String]) -> io::Result<()>;
    /// Ends it.
    fn end_table(&mut self) -> io::Result<()>;
    /// Ends the page.
    fn end(&mut self) -> io::Result<()>;
}
