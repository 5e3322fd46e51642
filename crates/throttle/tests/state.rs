//! A core that is stored and taken up again at every step decides as one that is not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_throttle::{Answer, Core, CoreState, LaneSeed, LaneSettings};

const SETTINGS: LaneSettings = LaneSettings {
    limit: 40,
    window: Duration::from_secs(20),
    in_flight: None,
};

#[derive(Debug, Clone)]
enum Step {
    Wait(Duration),
    Ask,
    Settle(usize, Answer),
    Hold(Duration),
    Forecast(Duration),
}

fn answers() -> impl Strategy<Value = Answer> {
    prop_oneof![
        10 => Just(Answer::Accepted),
        1 => Just(Answer::Failed),
        1 => Just(Answer::NotSent),
        1 => proptest::option::of(0..30_000_u64).prop_map(|millis| Answer::Throttled {
            retry_after: millis.map(Duration::from_millis),
        }),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..8_000_000_000_u64).prop_map(|nanos| Step::Wait(Duration::from_nanos(nanos))),
        12 => Just(Step::Ask),
        12 => (any::<usize>(), answers()).prop_map(|(which, answer)| Step::Settle(which, answer)),
        1 => (0..5_000_u64).prop_map(|millis| Step::Hold(Duration::from_millis(millis))),
        2 => (0..5_000_u64).prop_map(|millis| Step::Forecast(Duration::from_millis(millis))),
    ]
}

/// The core as another process would find it. Its chance is the step's, so that both draw alike.
fn taken_up(core: &Core, step: usize) -> Core {
    let stored = serde_json::to_string(core.state()).unwrap();
    let state: CoreState = serde_json::from_str(&stored).unwrap();
    let rng = StdRng::seed_from_u64(step as u64);
    let taken_up = Core::resume(SETTINGS, state, Box::new(rng));
    assert_eq!(taken_up.state(), core.state());
    taken_up
}

proptest! {
    #[test]
    fn a_core_that_is_stored_at_every_step_decides_as_one_that_is_not(
        steps in proptest::collection::vec(steps(), 1..400),
    ) {
        let rng = || Box::new(StdRng::seed_from_u64(1));
        let mut kept = Core::new(SETTINGS, &LaneSeed::default(), rng());
        let mut stored = Core::new(SETTINGS, &LaneSeed::default(), rng());
        let mut now = kept.start();
        let mut grants = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            stored = taken_up(&stored, number);
            let rng = Box::new(StdRng::seed_from_u64(number as u64));
            kept = Core::resume(SETTINGS, kept.state().clone(), rng);
            match step {
                Step::Wait(time) => now += time,
                Step::Ask => {
                    let grant = kept.try_grant(now);
                    prop_assert_eq!(grant, stored.try_grant(now));
                    grants.extend(grant.ok());
                }
                Step::Settle(which, answer) if !grants.is_empty() => {
                    let grant = grants.swap_remove(which % grants.len());
                    kept.settle(grant, answer, now);
                    stored.settle(grant, answer, now);
                }
                Step::Settle(..) => {}
                Step::Hold(time) => {
                    kept.hold(now, time);
                    stored.hold(now, time);
                }
                Step::Forecast(within) => {
                    prop_assert_eq!(kept.forecast(now, within), stored.forecast(now, within));
                }
            }
            prop_assert_eq!(kept.snapshot(now), stored.snapshot(now));
        }
    }
}

#[test]
fn a_stored_core_is_some_kilobytes_at_any_limit() {
    let settings = LaneSettings {
        limit: 1_000_000,
        ..SETTINGS
    };
    let rng = Box::new(StdRng::seed_from_u64(1));
    let mut core = Core::new(settings, &LaneSeed::default(), rng);
    for call in 0..900_000_u64 {
        let now = core.start() + Duration::from_micros(call * 22);
        let grant = core.try_grant(now).unwrap();
        core.settle(grant, Answer::Accepted, now);
    }
    let stored = serde_json::to_vec(core.state()).unwrap();
    assert!(stored.len() < 10_000, "{}", stored.len());
}
