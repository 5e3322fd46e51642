//! What every wire promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use repilot_queue::{Receiver, Wire};
use servers::Redis;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::harness::{Running, each, ends, jobs, tenant};

/// Runs each claim on each wire.
macro_rules! on_every_wire {
    ($($claim:ident)*) => {
        mod in_memory {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $claim() {
                    super::$claim(repilot_queue::Wire::in_memory()).await;
                }
            )*
        }

        mod over_redis {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $claim() {
                    let redis = super::Redis::start();
                    super::$claim(super::ends(&redis)).await;
                }
            )*
        }
    };
}

on_every_wire! {
    everything_pushed_is_handed_over
    no_more_handlers_run_than_the_concurrency_allows
    a_panicking_handler_takes_nothing_with_it
    stopping_waits_for_what_has_begun_and_begins_nothing_more
}

async fn everything_pushed_is_handed_over((wire, receiver): (Wire, Receiver)) {
    let mut running = Running::free(receiver, "w", 8);
    for batch in 0..10 {
        let numbers = batch * 100..(batch + 1) * 100;
        wire.push(&tenant(), &jobs(numbers)).await.unwrap();
    }
    running.arrive(0..1_000).await;
    running.stopped().await;
}

async fn no_more_handlers_run_than_the_concurrency_allows((wire, receiver): (Wire, Receiver)) {
    let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (start, mut started) = mpsc::unbounded_channel();
    let (end, mut ended) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let handler = {
        let (now, peak, gate) = (now.clone(), peak.clone(), gate.clone());
        each(move |_| {
            let (now, peak, gate) = (now.clone(), peak.clone(), gate.clone());
            let (start, end) = (start.clone(), end.clone());
            async move {
                peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                start.send(()).unwrap();
                gate.acquire().await.unwrap().forget();
                now.fetch_sub(1, Ordering::SeqCst);
                end.send(()).unwrap();
            }
        })
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(receiver.run("w", 4, handler, stop.clone()));
    wire.push(&tenant(), &jobs(0..100)).await.unwrap();
    for _ in 0..4 {
        started.recv().await.unwrap();
    }
    // One by one, so that each that ends lets another begin beside three that stay.
    for _ in 0..100 {
        gate.add_permits(1);
        ended.recv().await.unwrap();
    }
    assert_eq!(peak.load(Ordering::SeqCst), 4);
    stop.cancel();
    running.await.unwrap().unwrap();
}

async fn a_panicking_handler_takes_nothing_with_it((wire, receiver): (Wire, Receiver)) {
    let (end, mut ended) = mpsc::unbounded_channel();
    let handler = each(move |job| {
        let end = end.clone();
        async move {
            assert!(job % 2 == 0, "this one panics, as it should");
            end.send(job).unwrap();
        }
    });
    let stop = CancellationToken::new();
    let running = tokio::spawn(receiver.run("w", 2, handler, stop.clone()));
    wire.push(&tenant(), &jobs(0..100)).await.unwrap();
    for _ in 0..50 {
        ended.recv().await.unwrap();
    }
    stop.cancel();
    running.await.unwrap().unwrap();
}

async fn stopping_waits_for_what_has_begun_and_begins_nothing_more(
    (wire, receiver): (Wire, Receiver),
) {
    let gate = Arc::new(Semaphore::new(0));
    let done = Arc::new(AtomicUsize::new(0));
    let (start, mut started) = mpsc::unbounded_channel();
    let handler = {
        let (gate, done) = (gate.clone(), done.clone());
        each(move |_| {
            let (gate, done, start) = (gate.clone(), done.clone(), start.clone());
            async move {
                start.send(()).unwrap();
                gate.acquire().await.unwrap().forget();
                done.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(receiver.run("w", 2, handler, stop.clone()));
    wire.push(&tenant(), &jobs(0..10)).await.unwrap();
    started.recv().await.unwrap();
    started.recv().await.unwrap();
    stop.cancel();
    tokio::task::yield_now().await;
    gate.add_permits(10);
    running.await.unwrap().unwrap();
    assert_eq!(done.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn within_a_process_deliveries_come_in_order_and_are_counted_until_they_are_taken_up() {
    let (wire, receiver) = Wire::in_memory();
    wire.push(&tenant(), &jobs(0..1_000)).await.unwrap();
    assert_eq!(wire.waiting(&tenant()), Some(1_000));
    let mut running = Running::free(receiver, "w", 1);
    for expected in 0..1_000 {
        assert_eq!(running.next().await, expected);
    }
    assert_eq!(wire.waiting(&tenant()), Some(0));
    running.stopped().await;
}
