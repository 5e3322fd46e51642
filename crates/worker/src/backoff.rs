//! How long a job waits between two calls.

use std::time::Duration;

use rand::{Rng, RngExt as _};

/// When a job is called again, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySettings {
    /// Attempts a job may spend; throttled and returned calls spend none.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles with each further one.
    pub backoff: Duration,
    /// What the wait never exceeds, unless Graph asks for more.
    pub backoff_max: Duration,
    /// Between an ambiguous answer and the look at the device: a look right after may still show
    /// what was before.
    pub look_after: Duration,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            attempts: 6,
            backoff: Duration::from_secs(2),
            backoff_max: Duration::from_mins(5),
            look_after: Duration::from_secs(5),
        }
    }
}

impl RetrySettings {
    /// Full jitter: anything from nothing to the exponential wait, so that jobs which failed
    /// together do not come back together. `Retry-After` is a floor.
    pub(crate) fn delay(
        &self,
        attempts_spent: u32,
        retry_after: Option<Duration>,
        rng: &mut dyn Rng,
    ) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts_spent);
        let longest = self.backoff.saturating_mul(doubled).min(self.backoff_max);
        let jittered = longest.mul_f64(rng.random::<f64>());
        jittered.max(retry_after.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_is_at_most_the_doubled_backoff_and_at_least_what_graph_asks(
            attempts in 0_u32..200, seed: u64, asked in 0_u64..1_000_000,
        ) {
            let settings = RetrySettings::default();
            let mut rng = StdRng::seed_from_u64(seed);
            let asked = Duration::from_millis(asked);
            let delay = settings.delay(attempts, Some(asked), &mut rng);
            let doubled = settings.backoff.saturating_mul(2_u32.saturating_pow(attempts));
            prop_assert!(delay >= asked);
            prop_assert!(delay <= doubled.min(settings.backoff_max).max(asked));
        }
    }

    #[test]
    fn waits_spread_over_the_whole_range() {
        let settings = RetrySettings::default();
        let mut rng = StdRng::seed_from_u64(7);
        let waits: Vec<Duration> = (0..1_000)
            .map(|_| settings.delay(2, None, &mut rng))
            .collect();
        assert!(waits.iter().any(|wait| *wait < Duration::from_millis(400)));
        assert!(
            waits
                .iter()
                .any(|wait| *wait > Duration::from_millis(7_600))
        );
    }
}
