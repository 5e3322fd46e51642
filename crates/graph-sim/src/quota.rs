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
    peak: usize,
}

impl Window {
    pub(crate) fn new(span: Duration) -> Self {
        Self {
            span,
            arrivals: VecDeque::new(),
            peak: 0,
        }
    }

    /// Counts an arrival if fewer than `granted` count; else says how long until one may.
    pub(crate) fn arrive(
        &mut self,
        now: Duration,
        granted: u32,
        refused_count: bool,
    ) -> Result<(), Duration> {
        while self
            .arrivals
            .front()
            .is_some_and(|at| *at + self.span <= now)
        {
            self.arrivals.pop_front();
        }
        let granted = usize::try_from(granted).unwrap_or(usize::MAX);
        if self.arrivals.len() < granted {
            self.arrivals.push_back(now);
            self.peak = self.peak.max(self.arrivals.len());
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

    /// The most accepted arrivals that any window held.
    pub(crate) fn peak(&self) -> usize {
        self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
