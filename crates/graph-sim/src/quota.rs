//! A sliding window of arrivals, and what a 429 says of when to come back.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a 429 says of when to come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RetryAfter {
    /// Whole seconds, rounded up.
    Integer,
    /// Seconds with a fraction, as Microsoft's own sample has them.
    Decimal,
    /// An HTTP date.
    Date,
    /// Nothing.
    Absent,
    /// Always the same words.
    Always(String),
}

impl From<String> for RetryAfter {
    fn from(word: String) -> Self {
        match word.as_str() {
            "integer" => Self::Integer,
            "decimal" => Self::Decimal,
            "date" => Self::Date,
            "absent" => Self::Absent,
            _ => Self::Always(word),
        }
    }
}

impl From<RetryAfter> for String {
    fn from(mode: RetryAfter) -> Self {
        match mode {
            RetryAfter::Integer => "integer".to_owned(),
            RetryAfter::Decimal => "decimal".to_owned(),
            RetryAfter::Date => "date".to_owned(),
            RetryAfter::Absent => "absent".to_owned(),
            RetryAfter::Always(word) => word,
        }
    }
}

/// Arrivals that count.
#[derive(Debug)]
pub(crate) struct Window {
    span: Duration,
    arrivals: VecDeque<Duration>,
}

/// The most arrivals that any window held, refused ones among them.
#[derive(Debug)]
pub(crate) struct Peak {
    span: Duration,
    arrivals: VecDeque<Duration>,
    most: usize,
}

impl Peak {
    pub(crate) fn new(span: Duration) -> Self {
        Self {
            span,
            arrivals: VecDeque::new(),
            most: 0,
        }
    }

    pub(crate) fn arrive(&mut self, now: Duration) {
        leave(&mut self.arrivals, self.span, now);
        self.arrivals.push_back(now);
        self.most = self.most.max(self.arrivals.len());
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }
}

/// Forgets arrivals that have left the window.
fn leave(arrivals: &mut VecDeque<Duration>, span: Duration, now: Duration) {
    while arrivals.front().is_some_and(|at| *at + span <= now) {
        arrivals.pop_front();
    }
}

impl Window {
    pub(crate) fn new(span: Duration) -> Self {
        Self {
            span,
            arrivals: VecDeque::new(),
        }
    }

    /// Counts an arrival if fewer than `granted` count; else says how long until one may.
    pub(crate) fn arrive(
        &mut self,
        now: Duration,
        granted: u32,
        refused_count: bool,
    ) -> Result<(), Duration> {
        leave(&mut self.arrivals, self.span, now);
        let granted = usize::try_from(granted).unwrap_or(usize::MAX);
        if self.arrivals.len() < granted {
            self.arrivals.push_back(now);
            return Ok(());
        }
        if refused_count {
            self.arrivals.push_back(now);
        }
        let must_leave = self.arrivals.len() - granted.min(self.arrivals.len());
        let free_at = self
            .arrivals
            .get(must_leave)
            .or(self.arrivals.back())
            .map_or(now + self.span, |at| *at + self.span);
        Err(free_at.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_most_that_any_window_held() {
        let mut peak = Peak::new(Duration::from_secs(20));
        for second in [0, 1, 2, 19, 20, 21, 60] {
            peak.arrive(Duration::from_secs(second));
        }
        assert_eq!(peak.most(), 4);
    }

    #[test]
    fn refused_arrivals_count_where_they_should() {
        for (refused_count, after_20_s) in [(true, false), (false, true)] {
            let mut window = Window::new(Duration::from_secs(20));
            assert!(window.arrive(Duration::ZERO, 1, refused_count).is_ok());
            let wait = window.arrive(Duration::from_secs(10), 1, refused_count);
            assert!(wait.is_err());
            let later = window.arrive(Duration::from_secs(20), 1, refused_count);
            assert_eq!(later.is_ok(), after_20_s);
        }
    }
}
