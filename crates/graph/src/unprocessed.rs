//! Requests that the other side says it has not looked at.
//!
//! A front end that recycles an HTTP/2 connection ends it with GOAWAY and the number of the last stream
//! that it took; a busy one refuses single streams. Both say that nothing was done (RFC 9113, 6.8 and
//! 8.7), so the request is sent again at once, and neither device nor budget knows of it. What may have
//! been processed is never sent again here: streams up to that number that come to nothing end with
//! another error (`a_stream_that_was_taken_and_lost_is_not_sent_again`).

use std::error::Error;
use std::time::Duration;

use h2::Reason;

/// Largest number of times that one request is sent again. A front end that takes ten requests a
/// connection turns some of sixty at once away a dozen times.
pub(crate) const REPEATS_MAX: u32 = 40;

/// Repeats without a pause before them: one connection that goes away needs one.
const REPEATS_AT_ONCE: u32 = 8;

/// Longest pause before a further repeat, so that who refuses everything is not called in a circle.
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// Time after which a request is not sent again: by then its job's lease may be over.
pub(crate) const REPEAT_WITHIN: Duration = Duration::from_secs(5);

/// Pause before the n-th repeat, counted from 0.
pub(crate) fn pause(repeats: u32) -> Duration {
    match repeats.checked_sub(REPEATS_AT_ONCE) {
        None => Duration::ZERO,
        Some(further) => PAUSE_MAX.min(Duration::from_millis(5) * 2_u32.pow(further.min(6))),
    }
}

/// The error of HTTP/2 that caused this one.
pub(crate) fn of_http2<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a h2::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<h2::Error>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// Whether the other side says that it has not looked at the request, or it was never sent.
pub(crate) fn is_unprocessed(error: &(dyn Error + 'static)) -> bool {
    is_unsent(error) || is_turned_away(error)
}

/// Whether the pool of connections gave a request back, which it says in words alone: one of many
/// connections that were opened at once was taken for all of them, or a connection was closed before
/// anything of the request was written.
fn is_unsent(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(pool) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            return pool.to_string() == "client error (Canceled)";
        }
        cause = error.source();
    }
    false
}

fn is_turned_away(error: &(dyn Error + 'static)) -> bool {
    of_http2(error).is_some_and(|error| {
        let said = |reason| error.is_remote() && error.reason() == Some(reason);
        error.is_go_away() && said(Reason::NO_ERROR)
            || error.is_reset() && said(Reason::REFUSED_STREAM)
    })
}

/// An error of HTTP/2 in words: its own say "not a result of an error" of a connection that was ended
/// in good order.
pub(crate) fn in_words(error: &h2::Error) -> String {
    let reason = error.reason().map_or_else(
        || error.to_string(),
        |reason| match reason {
            Reason::NO_ERROR => "in good order".to_owned(),
            reason => reason.description().to_owned(),
        },
    );
    let who = if error.is_remote() {
        "the other side"
    } else {
        "this side"
    };
    if error.is_go_away() {
        format!("{who} ended the connection: {reason}")
    } else if error.is_reset() {
        format!("{who} broke the request off: {reason}")
    } else {
        error.to_string()
    }
}
