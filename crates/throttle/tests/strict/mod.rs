//! A server that counts arrivals in a strict sliding window, by one clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use repilot_throttle::Answer;
use tokio::time::{Instant, sleep};

/// How long a call takes there, and back.
const WAY: Duration = Duration::from_millis(2);

pub(crate) struct Graph {
    limit: u32,
    window: Duration,
    begun_at: Instant,
    open_for: Duration,
    arrivals: Mutex<Vec<Instant>>,
}

impl Graph {
    pub(crate) fn new(limit: u32, window: Duration, open_for: Duration) -> Arc<Self> {
        Arc::new(Self {
            limit,
            window,
            begun_at: Instant::now(),
            open_for,
            arrivals: Mutex::default(),
        })
    }

    pub(crate) fn is_over(&self) -> bool {
        self.begun_at.elapsed() >= self.open_for
    }

    pub(crate) async fn call(&self) -> Answer {
        sleep(WAY).await;
        self.arrivals.lock().unwrap().push(Instant::now());
        sleep(WAY).await;
        Answer::Accepted
    }

    /// Arrivals that a strict server would have refused.
    pub(crate) fn overruns(&self) -> usize {
        let mut arrivals = self.arrivals.lock().unwrap().clone();
        arrivals.sort_unstable();
        let limit = self.limit as usize;
        let windows = arrivals.windows(limit + 1);
        windows
            .filter(|calls| calls[limit].duration_since(calls[0]) < self.window)
            .count()
    }

    /// The share of the quota that was used from then until then: the time that the calls take at
    /// the limit, beside the time that they took.
    pub(crate) fn used_between(&self, from: Duration, until: Duration) -> f64 {
        let arrivals = self.arrivals.lock().unwrap();
        let mut arrivals: Vec<Duration> = arrivals
            .iter()
            .map(|at| at.duration_since(self.begun_at))
            .filter(|at| *at >= from && *at < until)
            .collect();
        arrivals.sort_unstable();
        let limit = self.limit as usize;
        let windows = u32::try_from(arrivals.len().saturating_sub(1) / limit).unwrap();
        if windows == 0 {
            return 0.0;
        }
        let took = arrivals[windows as usize * limit].saturating_sub(arrivals[0]);
        self.window.as_secs_f64() * f64::from(windows) / took.as_secs_f64()
    }
}
