//! What the browser shows at the end of a sign-in.

/// It went well.
pub(super) fn signed_in(user: &str) -> String {
    let words = format!("You are signed in as {user}. You can close this page.");
    page("Signed in", &words)
}

/// It did not.
pub(super) fn failed(words: &str) -> String {
    let words = format!("{words}. The terminal says what to do.");
    page("Not signed in", &words)
}

/// Something else than the sign-in that is waited for.
pub(super) fn other(words: &str) -> String {
    page("Nothing happened", words)
}

fn page(title: &str, words: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} · Repilot</title>\
         <style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;\
         max-width:40rem;margin:4rem auto;padding:0 1rem}}</style></head>\
         <body><main><h1>{title}</h1><p>{words}</p></main></body></html>",
        words = escaped(words)
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_outside_are_no_markup() {
        let page = failed("<script>alert('x')</script>");
        assert!(!page.contains("<script>"), "{page}");
        assert!(page.contains("&lt;script&gt;"), "{page}");
    }
}
