//! Tables, figures, and what stands where there is nothing.

use maud::{Markup, html};

/// A table that is scrolled sideways where it is wider than the page; by keyboard, too.
pub(crate) fn wide(label: &str, table: &Markup) -> Markup {
    html! {
        div.wide role="region" aria-label=(label) tabindex="0" { (table) }
    }
}

/// A figure and what it is.
pub(crate) fn fact(name: &str, figure: &Markup, beside: &Markup) -> Markup {
    html! {
        div {
            dt { (name) }
            dd { (figure) small { (beside) } }
        }
    }
}

/// What stands where there is nothing: that there is nothing, and what to do.
pub(crate) fn empty(what: &str, advice: &Markup) -> Markup {
    html! {
        div.empty {
            p.lead { (what) }
            (advice)
        }
    }
}
