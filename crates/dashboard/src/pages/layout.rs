//! What every page has around it.

use maud::{DOCTYPE, Markup, html};

use super::done::Done;
use crate::access::Visitor;
use crate::serve::assets;
use crate::views::{Section, View};

/// Which part of the dashboard a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Here {
    Campaigns,
    Jobs,
    Dead,
    Lanes,
    Workers,
    Activity,
    Access,
}

const PARTS: [(Here, &str, &str); 7] = [
    (Here::Campaigns, "/", "Campaigns"),
    (Here::Jobs, "/jobs", "Jobs"),
    (Here::Dead, "/dead", "Dead letters"),
    (Here::Lanes, "/lanes", "Lanes"),
    (Here::Workers, "/workers", "Workers"),
    (Here::Activity, "/activity", "Activity"),
    (Here::Access, "/access", "Access"),
];

/// A page that changes by itself.
pub(crate) fn live(
    visitor: &Visitor,
    view: &View,
    done: Option<Done>,
    sections: &[Section],
) -> Markup {
    let body = html! {
        @if let Some(done) = done { (done.in_words()) }
        @for section in sections {
            div.section id={ "s-" (section.name) } { (section.body) }
        }
    };
    let main = Main {
        live: Some(view.address()),
        body: &body,
    };
    around(visitor, Some(view.here()), &view.title(), &main)
}

/// A page for somebody who has signed in.
pub(crate) fn page(visitor: &Visitor, here: Option<Here>, title: &str, body: &Markup) -> Markup {
    around(visitor, here, title, &Main { live: None, body })
}

/// What a page is about.
struct Main<'a> {
    /// The view that it is kept true to.
    live: Option<String>,
    body: &'a Markup,
}

fn around(visitor: &Visitor, here: Option<Here>, title: &str, main: &Main<'_>) -> Markup {
    let body = html! {
        a.skip href="#main" { "To the content" }
        header.top {
            a.brand href="/" { (mark()) "Repilot" }
            nav aria-label="Parts of the dashboard" {
                @for (part, address, name) in PARTS.into_iter().filter(|(part, ..)| *part != Here::Access || visitor.is_operator()) {
                    a href=(address) aria-current=[(here == Some(part)).then_some("page")] { (name) }
                }
            }
            form.find role="search" method="get" action="/find" {
                input type="search" name="q" aria-label="Find a device by serial, id or user" placeholder="Find a device  /" autocomplete="off" autocapitalize="none" spellcheck="false";
            }
            (who(visitor))
        }
        main #main tabindex="-1" data-live=[&main.live] {
            p.notice.warn #offline role="status" hidden { strong { "Not live: the dashboard does not answer." } span { "Trying again by itself." } }
            p.notice.warn #signed-out role="alert" hidden {
                strong { "You are signed out; nothing was changed." }
                span { a href="/sign-in" target="_blank" { "Sign in in a new tab" } ", come back, and do it again: what you picked and typed is kept." }
            }
            (main.body)
        }
        (keys())
    };
    document(title, &body)
}

/// Which keys do what.
fn keys() -> Markup {
    const KEYS: [(&str, &str); 6] = [
        ("/", "search"),
        ("g c, g j, g d", "campaigns, jobs, dead letters"),
        ("g l, g w, g a", "lanes, workers, activity"),
        ("j, k", "the next row, the one before"),
        ("x", "pick the row; with Shift and a click, all between"),
        ("?", "these keys"),
    ];
    html! {
        dialog #keys aria-label="Keys" {
            h2 { "Keys" }
            dl.keys { @for (key, does) in KEYS { dt { kbd { (key) } } dd { (does) } } }
            form method="dialog" { button type="submit" { "Close" } }
        }
    }
}

/// A page for whoever comes by.
pub(crate) fn bare(title: &str, body: &Markup) -> Markup {
    let body = html! {
        main.bare #main {
            p.brand { (mark()) "Repilot" }
            h1 { (title) }
            (body)
        }
    };
    document(title, &body)
}

/// Goes on to an address by itself, as if somebody had followed a link here.
pub(crate) fn hop(to: &str) -> Markup {
    let body = html! {
        main.bare #main { p { a href=(to) { "Go on" } } }
    };
    let refresh = html! { meta http-equiv="refresh" content={ "0;url=" (to) }; };
    whole("One moment", &refresh, &body)
}

fn document(title: &str, body: &Markup) -> Markup {
    whole(title, &html! {}, body)
}

fn whole(title: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                (head)
                title { (title) " · Repilot" }
                link rel="icon" href=(assets::ICON.path) type="image/svg+xml";
                link rel="stylesheet" href=(assets::STYLE.path);
                script type="module" src=(assets::SCRIPT.path) {}
            }
            body { (body) }
        }
    }
}

fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 24 24" aria-hidden="true" {
            path d="M4 18 12 4l8 14-8-4z" {}
        }
    }
}

/// Who is signed in, and the way out.
fn who(visitor: &Visitor) -> Markup {
    html! {
        div.who {
            span title=[visitor.way.map(|way| format!("signed in by {}", way.as_str()))] { (visitor.name) " " span.role { (visitor.role) } }
            @if let Some(token) = &visitor.form_token {
                form method="post" action="/sign-out" {
                    input type="hidden" name="csrf" value=(token);
                    button.quiet type="submit" { "Sign out" }
                }
            }
        }
    }
}

/// A sentence of the program's as a title.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}
