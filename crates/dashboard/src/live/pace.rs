//! How fast campaigns come along, from what was counted a moment ago.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use repilot_domain::{CampaignId, Timestamp};

/// How far back a rate looks: two of Graph's windows, so that bursts even out.
const LOOKS_BACK: Duration = Duration::from_secs(40);

/// A rate over less than this is noise.
const LEAST: Duration = Duration::from_secs(5);

/// What was over of each campaign, and when.
#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<(Timestamp, HashMap<CampaignId, i64>)>);

impl Pace {
    /// Notes how many jobs of each campaign are over now, and gives the rates.
    pub(super) fn note(
        &mut self,
        over: HashMap<CampaignId, i64>,
        now: Timestamp,
    ) -> HashMap<CampaignId, f64> {
        while self
            .0
            .front()
            .is_some_and(|(at, _)| now.since(*at) > LOOKS_BACK)
        {
            self.0.pop_front();
        }
        let rates = self.0.front().map_or_else(HashMap::new, |(at, before)| {
            let elapsed = now.since(*at);
            if elapsed < LEAST {
                return HashMap::new();
            }
            let rate = |(id, count): (&CampaignId, &i64)| {
                let ended = (count - before.get(id)?).max(0);
                Some((*id, ended as f64 / elapsed.as_secs_f64()))
            };
            over.iter().filter_map(rate).collect()
        });
        self.0.push_back((now, over));
        rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(pace: &mut Pace, second: i64, over: i64) -> Option<f64> {
        let over = HashMap::from([(CampaignId(1), over)]);
        let rates = pace.note(over, Timestamp::from_millis(second * 1_000));
        rates.get(&CampaignId(1)).copied()
    }

    #[test]
    fn a_rate_is_what_came_to_an_end_over_the_last_windows() {
        let mut known = Pace::default();
        assert_eq!(pace(&mut known, 0, 0), None);
        assert_eq!(pace(&mut known, 2, 10), None);
        assert_eq!(pace(&mut known, 10, 50), Some(5.0));
        // What is long ago no longer counts.
        assert_eq!(pace(&mut known, 100, 50), None);
        assert_eq!(pace(&mut known, 110, 60), Some(1.0));
    }
}
