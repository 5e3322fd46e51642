//! Answers that are none of Graph's: a proxy's page, a web filter's, a sign-in page.
//!
//! An answer is Graph's when it is 204, a 2xx whose body is empty or JSON without `error`, an error in
//! Graph's shape, or anything that is no redirect and carries a `request-id`. Nothing else is a verdict
//! on a device. A 429 is heeded whoever gives it.

use std::fmt;

use reqwest::Response;
use reqwest::header::LOCATION;
use serde_json::Value;
use url::Url;

use crate::body::not_json;

/// Largest number of characters kept of a page's title.
const TITLE_MAX_CHARS: usize = 100;

/// Bytes in which a page's title is looked for.
const TITLE_WITHIN_BYTES: usize = 16 * 1024;

/// An answer that is none of Graph's: who gave it, and what it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignAnswer {
    /// The status.
    pub status: u16,
    /// The host that was asked, with its port where that is not the usual one.
    pub host: String,
    /// What the answer was instead.
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// A web page with its title, or its first words.
    Page(String),
    /// A redirect to this host, if it names one.
    Redirect(Option<String>),
    /// A status of success with an error in its body, in words.
    ErrorInSuccess(String),
    /// A body in no shape of Graph's, with its first words.
    Other(String),
}

impl ForeignAnswer {
    /// A web page with this title in Graph's place.
    #[must_use]
    pub fn page(status: u16, host: &str, title: &str) -> Self {
        Self {
            status,
            host: cleaned(host),
            what: What::Page(cleaned(title)),
        }
    }

    /// What the answer was, without who gave it.
    #[must_use]
    pub fn in_words(&self) -> String {
        match &self.what {
            What::Page(title) if title.is_empty() => "a web page without a title".to_owned(),
            What::Page(title) => format!("a web page, \"{title}\""),
            What::Redirect(Some(host)) => format!("a redirect to {host}"),
            What::Redirect(None) => "a redirect to nowhere".to_owned(),
            What::ErrorInSuccess(words) => format!("an error in its body, \"{words}\""),
            What::Other(words) if words.is_empty() => "no body".to_owned(),
            What::Other(words) => format!("a body of another kind, \"{words}\""),
        }
    }

    /// Whether its status says that the fault passes by itself, as a gateway's 503 does.
    #[must_use]
    pub const fn is_servers_fault(&self) -> bool {
        self.status >= 500
    }
}

impl fmt::Display for ForeignAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} answered {} with {}, which is no answer of Microsoft Graph",
            self.host,
            self.status,
            self.in_words()
        )
    }
}

/// Who answered, before the body is read.
pub(crate) struct Answerer {
    status: u16,
    host: String,
    is_redirect: bool,
    /// The host of its `Location`.
    leads_to: Option<String>,
}

impl Answerer {
    pub(crate) fn of(answer: &Response) -> Self {
        let url = answer.url();
        let is_redirect = answer.status().is_redirection();
        let location = answer.headers().get(LOCATION).filter(|_| is_redirect);
        let target = location.and_then(|location| url.join(location.to_str().ok()?).ok());
        Self {
            status: answer.status().as_u16(),
            host: host(url),
            is_redirect,
            // Its path and query may carry what is not to be shown.
            leads_to: target.as_ref().map(host).filter(|host| !host.is_empty()),
        }
    }

    pub(crate) const fn is_redirect(&self) -> bool {
        self.is_redirect
    }

    /// What a body that is none of Graph's makes of the answer.
    pub(crate) fn foreign(self, body: &[u8]) -> ForeignAnswer {
        let what = if self.is_redirect {
            What::Redirect(self.leads_to)
        } else {
            what(self.status, body)
        };
        ForeignAnswer {
            status: self.status,
            host: self.host,
            what,
        }
    }
}

/// A host as it is shown, with its port where that is not the usual one.
pub(crate) fn host(url: &Url) -> String {
    let name = cleaned(url.host_str().unwrap_or_default());
    match url.port() {
        Some(port) => format!("{name}:{port}"),
        None => name,
    }
}

/// What a success to an action says by its body: `Ok` where it is a success indeed.
pub(crate) fn confirm(body: &[u8]) -> Result<(), ()> {
    let text = text_of(body);
    if text.trim().is_empty() {
        return Ok(());
    }
    match serde_json::from_str::<Value>(&text) {
        Ok(value) if !has_error(&value) => Ok(()),
        Ok(_) | Err(_) => Err(()),
    }
}

/// Whether the body of a success to a question is another's than Graph's.
pub(crate) fn is_foreign_to_a_read(body: &[u8]) -> bool {
    let text = text_of(body);
    match serde_json::from_str::<Value>(&text) {
        Ok(value) => has_error(&value),
        // What begins as JSON was cut off, which passes.
        Err(_) => !text.trim_start().starts_with(['{', '[']),
    }
}

fn has_error(value: &Value) -> bool {
    value.get("error").is_some_and(|error| !error.is_null())
}

fn text_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.trim_start_matches('\u{feff}').to_owned()
}

fn what(status: u16, body: &[u8]) -> What {
    let text = text_of(body);
    if let Some(title) = title(&text) {
        return What::Page(title);
    }
    let trimmed = text.trim_start();
    if trimmed.starts_with('<') {
        return What::Page(words(&text));
    }
    if (200..300).contains(&status)
        && serde_json::from_str::<Value>(&text).is_ok_and(|value| has_error(&value))
    {
        let body = crate::body::parse(body, repilot_domain::Timestamp::from_millis(0));
        let said = [body.code, body.message.or_else(|| not_json(&text))];
        let said: Vec<String> = said.into_iter().flatten().collect();
        return What::ErrorInSuccess(cleaned(&said.join(": ")));
    }
    What::Other(words(&text))
}

/// The first words of a text, without markup.
fn words(text: &str) -> String {
    cleaned(&not_json(text).unwrap_or_default())
}

/// What stands between `<title>` and `</title>`, if there is a title.
fn title(text: &str) -> Option<String> {
    let mut end = text.len().min(TITLE_WITHIN_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // Letter by letter as long as before, so that places in one are places in the other.
    let head = &text[..end];
    let lower_case = head.to_ascii_lowercase();
    let begin = lower_case.find("<title")?;
    let begin = begin + lower_case[begin..].find('>')? + 1;
    let end = lower_case[begin..]
        .find("</title")
        .map_or(head.len(), |end| begin + end);
    Some(cleaned(&unescaped(&head[begin..end])))
}

/// A title with the commonest entities as what they stand for.
fn unescaped(text: &str) -> String {
    text.replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// One short line without control characters, and without those that turn the direction of writing.
fn cleaned(text: &str) -> String {
    let is_shown = |c: &char| !c.is_control() && !is_invisible(*c);
    let line: Vec<&str> = text.split_whitespace().collect();
    let line: String = line.join(" ").chars().filter(is_shown).collect();
    if line.chars().count() <= TITLE_MAX_CHARS {
        return line;
    }
    let cut: String = line.chars().take(TITLE_MAX_CHARS - 1).collect();
    format!("{cut}…")
}

const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(status: u16, leads_to: Option<&str>, body: &str) -> String {
        let answerer = Answerer {
            status,
            host: "graph.microsoft.com".to_owned(),
            is_redirect: leads_to.is_some(),
            leads_to: leads_to.map(str::to_owned),
        };
        answerer.foreign(body.as_bytes()).to_string()
    }

    #[test]
    fn an_answer_that_is_none_is_said_with_host_status_and_title() {
        let page =
            "<!DOCTYPE html><HTML><Title lang=en>\n Sign in &amp; go\u{7}\u{202e} </TITLE><body>x";
        let rows = [
            (
                of(200, None, page),
                "answered 200 with a web page, \"Sign in & go\",",
            ),
            (
                of(404, None, "<html><h1>404 Not Found</h1><hr>nginx</html>"),
                "answered 404 with a web page, \"404 Not Found nginx\",",
            ),
            (
                of(302, Some("login.corp.example"), ""),
                "answered 302 with a redirect to login.corp.example,",
            ),
            (
                of(200, None, r#"{"error":{"code":"Blocked","message":"No."}}"#),
                "answered 200 with an error in its body, \"Blocked: No.\",",
            ),
            (
                of(401, None, r#"{"statusCode":401,"message":"no key"}"#),
                "answered 401 with a body of another kind, \"{\"statusCode\":401,\"message\":\"no key\"}\",",
            ),
            (of(403, None, ""), "answered 403 with no body,"),
        ];
        for (said, expected) in rows {
            assert!(said.contains(expected), "{said}");
            assert!(said.starts_with("graph.microsoft.com "), "{said}");
        }
    }

    #[test]
    fn only_an_empty_body_or_json_without_an_error_confirms_an_action() {
        for good in [
            "",
            " \r\n",
            "\u{feff}",
            "{}",
            r#"{"@odata.context":"x"}"#,
            r#"{"error":null}"#,
        ] {
            assert_eq!(confirm(good.as_bytes()), Ok(()), "{good}");
        }
        for bad in [
            "<html>",
            "ok",
            r#"{"error":{}}"#,
            r#"{"error":"x"}"#,
            r#"{"a":"#,
        ] {
            assert_eq!(confirm(bad.as_bytes()), Err(()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_page_comes_its_title_is_short_and_clean(body: String, title in ".{0,400}") {
            for page in [body, format!("<title>{title}</title>"), format!("<title {title}")] {
                let said = of(200, None, &page);
                prop_assert!(said.chars().count() < 300, "{}", said);
                prop_assert!(!said.chars().any(char::is_control), "{}", said);
            }
        }
    }
}
