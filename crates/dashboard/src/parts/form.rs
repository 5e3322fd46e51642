//! Buttons that do something, and words that look like what they say.

use maud::{Markup, html};

/// A form of one button.
pub(crate) struct Form<'a> {
    /// Where it is sent.
    pub(crate) action: &'a str,
    /// What the visitor's forms bring along.
    pub(crate) token: &'a str,
    /// What it sends beside.
    pub(crate) with: &'a [(&'a str, &'a str)],
}

impl Form<'_> {
    /// The form, with a button that says so.
    pub(crate) fn button(&self, says: &str, look: &str) -> Markup {
        html! {
            form method="post" action=(self.action) {
                (self.hidden())
                button class=(look) type="submit" { (says) }
            }
        }
    }

    /// What it sends without being seen.
    pub(crate) fn hidden(&self) -> Markup {
        html! {
            input type="hidden" name="csrf" value=(self.token);
            @for (name, value) in self.with {
                input type="hidden" name=(name) value=(value);
            }
        }
    }
}

/// A word that looks like what it says.
pub(crate) fn chip(look: &str, word: &str) -> Markup {
    html! { span class={ "chip " (look) } { (word) } }
}
