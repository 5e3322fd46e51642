//! The asynchronous shell, on tokio's paused clock.

use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_throttle::{Answer, GateCause, GateState, Lane, LaneSeed, LaneSettings, SeededCall};
use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(20);

fn lane_of(limit: u32, seed: &LaneSeed) -> Lane {
    let settings = LaneSettings {
        limit,
        window: WINDOW,
        in_flight: None,
    };
    Lane::new(settings, seed, Box::new(StdRng::seed_from_u64(1)))
}

fn lane(limit: u32) -> Lane {
    lane_of(limit, &LaneSeed::default())
}

#[tokio::test(start_paused = true)]
async fn the_call_after_a_full_window_waits_for_the_first_answer_to_leave_it() {
    let lane = lane(3);
    let start = Instant::now();
    for _ in 0..3 {
        lane.acquire().await.settle(Answer::Accepted);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    lane.acquire().await.settle(Answer::Accepted);
    assert!(start.elapsed() >= WINDOW && start.elapsed() < WINDOW + Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn callers_leave_in_the_order_in_which_they_came() {
    let lane = lane(1);
    let first = lane.acquire().await;
    let (done, mut order) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..5 {
        let (lane, done) = (lane.clone(), done.clone());
        tokio::spawn(async move {
            let permit = lane.acquire().await;
            done.send(number).unwrap();
            permit.settle(Answer::NotSent);
        });
        tokio::task::yield_now().await;
    }
    first.settle(Answer::NotSent);
    for number in 0..5 {
        assert_eq!(order.recv().await, Some(number));
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_takes_no_slot_with_it() {
    let lane = lane(1);
    let held = lane.acquire().await;
    assert!(lane.acquire_within(Duration::from_secs(1)).await.is_none());
    held.settle(Answer::NotSent);
    assert!(lane.acquire_within(Duration::ZERO).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn leave_for_several_is_as_much_as_there_is_and_never_more_than_was_asked() {
    let lane = lane(8);
    let patience = Duration::from_secs(1);
    let first = lane.acquire_some(3, patience).await;
    assert_eq!(first.len(), 3);
    let rest = lane.acquire_some(8, patience).await;
    assert_eq!(lane.snapshot().in_flight as usize, 3 + rest.len());
    assert!((1..=5).contains(&rest.len()), "{}", rest.len());
    let start = Instant::now();
    assert!(lane.acquire_some(2, patience).await.is_empty());
    assert_eq!(start.elapsed(), patience, "it waits for the first alone");
    for permit in first.into_iter().chain(rest) {
        permit.settle(Answer::NotSent);
    }
    assert_eq!(lane.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_permit_occupies_the_window_as_a_failed_call_would() {
    let lane = lane(1);
    drop(lane.acquire().await);
    assert_eq!((lane.snapshot().used, lane.snapshot().in_flight), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_closed_gate_is_closed_for_everybody_and_patience_knows_it_at_once() {
    let lane = lane(100);
    let start = Instant::now();
    let retry_after = Some(Duration::from_secs(30));
    lane.acquire()
        .await
        .settle(Answer::Throttled { retry_after });
    assert_eq!(lane.forecast(Duration::from_secs(1)), 0);
    assert!(lane.acquire_within(Duration::from_secs(5)).await.is_none());
    assert_eq!(start.elapsed(), Duration::ZERO);
    let snapshot = lane.snapshot();
    assert!(
        matches!(
            snapshot.gate,
            GateState::Closed {
                cause: GateCause::RetryAfter,
                ..
            }
        ),
        "{snapshot:?}"
    );
    lane.acquire().await.settle(Answer::Accepted);
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn calls_throttled_together_are_one_event() {
    let lane = lane(100);
    let mut permits = Vec::new();
    for _ in 0..20 {
        permits.push(lane.acquire().await);
    }
    for (number, permit) in permits.into_iter().enumerate() {
        let answer = match number {
            0..12 => Answer::Accepted,
            _ => Answer::Throttled { retry_after: None },
        };
        permit.settle(answer);
    }
    let snapshot = lane.snapshot();
    assert_eq!((snapshot.throttled, snapshot.throttle_events), (8, 1));
    assert_eq!(
        snapshot.learnt_limit,
        Some(20),
        "one event lowers the limit once"
    );
}

#[tokio::test(start_paused = true)]
async fn only_a_share_of_the_limit_is_under_way_at_once() {
    let lane = lane(200);
    let mut permits = Vec::new();
    while let Some(permit) = lane.acquire_within(Duration::ZERO).await {
        permits.push(permit);
    }
    assert_eq!(permits.len(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_lane_knows_what_the_window_holds_what_was_learnt_and_the_gate() {
    let answered = SeededCall {
        answered_ago: Duration::from_secs(5),
        throttled: false,
    };
    let seed = LaneSeed {
        recent: vec![answered; 40],
        learnt_limit: Some(50),
        gate_closed_for: Some(Duration::from_secs(2)),
    };
    let lane = lane_of(100, &seed);
    let start = Instant::now();
    let snapshot = lane.snapshot();
    assert_eq!((snapshot.used, snapshot.learnt_limit), (40, Some(50)));
    for _ in 0..11 {
        lane.acquire().await.settle(Answer::Accepted);
    }
    assert!(
        start.elapsed() >= Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn the_forecast_is_what_can_be_had() {
    let lane = lane(10);
    assert_eq!(lane.forecast(Duration::ZERO), 10);
    let held = lane.acquire().await;
    assert_eq!(lane.forecast(Duration::ZERO), 9);
    held.settle(Answer::Accepted);
    assert_eq!(lane.forecast(Duration::from_secs(1)), 9);
    assert_eq!(lane.forecast(WINDOW * 2), 10);
}

#[tokio::test(start_paused = true)]
async fn answers_that_take_long_keep_more_calls_under_way() {
    let lane = lane(100);
    let slow = Duration::from_secs(20);
    for _ in 0..8 {
        let mut permits = Vec::new();
        while let Some(permit) = lane.acquire_within(Duration::ZERO).await {
            permits.push(permit);
        }
        tokio::time::sleep(slow).await;
        for permit in permits {
            permit.settle(Answer::Accepted);
        }
        tokio::time::sleep(WINDOW * 2).await;
    }
    let mut permits = Vec::new();
    while let Some(permit) = lane.acquire_within(Duration::ZERO).await {
        permits.push(permit);
    }
    // At 20 s an answer, the whole quota keeps half of the limit under way.
    assert!((50..=63).contains(&permits.len()), "{}", permits.len());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_since_before_a_throttle_does_not_keep_the_lane_closed() {
    let lane = lane(100);
    let hanging = lane.acquire().await;
    let throttled = Answer::Throttled { retry_after: None };
    lane.acquire().await.settle(throttled);
    let start = Instant::now();
    lane.acquire().await.settle(Answer::Accepted);
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    hanging.settle(Answer::Accepted);
}

#[tokio::test(start_paused = true)]
async fn after_a_throttle_one_call_goes_ahead_and_the_others_follow_its_answer() {
    let lane = lane(100);
    let throttled = Answer::Throttled { retry_after: None };
    lane.acquire().await.settle(throttled);
    let ahead = lane.acquire().await;
    assert!(lane.acquire_within(Duration::from_secs(5)).await.is_none());
    ahead.settle(Answer::Accepted);
    assert!(lane.acquire_within(Duration::from_secs(1)).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_of_nothing_closes_the_gate_all_the_same() {
    let lane = lane(100);
    let retry_after = Some(Duration::ZERO);
    lane.acquire()
        .await
        .settle(Answer::Throttled { retry_after });
    let start = Instant::now();
    lane.acquire().await.settle(Answer::Accepted);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_held_waits_and_learns_nothing_from_it() {
    let lane = lane(100);
    lane.hold(Duration::from_secs(7));
    let start = Instant::now();
    lane.acquire().await.settle(Answer::Accepted);
    assert_eq!(start.elapsed(), Duration::from_secs(7));
    let snapshot = lane.snapshot();
    assert_eq!(snapshot.gate, GateState::Open);
    assert_eq!((snapshot.learnt_limit, snapshot.throttle_events), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_nobody_asks_while_it_is_full_still_finds_the_moment_to_probe() {
    let seed = LaneSeed {
        learnt_limit: Some(60),
        ..LaneSeed::default()
    };
    let lane = lane_of(100, &seed);
    tokio::time::sleep(WINDOW * 2).await;
    let start = Instant::now();
    let mut forecast = 0;
    while start.elapsed() < WINDOW / 2 {
        let now_free = lane.forecast(Duration::from_millis(500));
        for _ in 0..now_free {
            lane.acquire().await.settle(Answer::Accepted);
        }
        forecast += now_free;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(forecast, 63, "the window, and then the probe");
}
