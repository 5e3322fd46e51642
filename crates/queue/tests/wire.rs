//! What the wire promises.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use repilot_domain::{JobId, TenantName};
use repilot_queue::{Delivery, Wire};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

fn tenant() -> TenantName {
    TenantName::new("contoso").unwrap()
}

fn deliveries(count: i64) -> Vec<Delivery> {
    (1..=count)
        .map(|number| Delivery {
            tenant: tenant(),
            job: JobId(number),
            dispatch: 1,
        })
        .collect()
}

#[tokio::test]
async fn everything_pushed_is_handed_over_once_and_in_order_of_arrival() {
    let (wire, receiver) = Wire::in_memory();
    let (seen, mut arrivals) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let handler = move |delivery: Delivery| {
        let seen = seen.clone();
        async move { seen.send(delivery.job.0).unwrap() }
    };
    let running = tokio::spawn(receiver.run("w", 1, handler, stop.clone()));
    wire.push(&tenant(), deliveries(1_000)).await.unwrap();
    for expected in 1..=1_000 {
        assert_eq!(arrivals.recv().await, Some(expected));
    }
    assert_eq!(wire.waiting(&tenant()), 0);
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn no_more_handlers_run_than_the_concurrency_allows_and_the_rest_waits() {
    let (wire, receiver) = Wire::in_memory();
    let (running_now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let gate = Arc::new(Semaphore::new(0));
    let (started, mut starts) = mpsc::unbounded_channel();
    let handler = {
        let (running_now, peak, gate) = (running_now.clone(), peak.clone(), gate.clone());
        move |_: Delivery| {
            let (running_now, peak, gate) = (running_now.clone(), peak.clone(), gate.clone());
            let started = started.clone();
            async move {
                peak.fetch_max(
                    running_now.fetch_add(1, Ordering::SeqCst) + 1,
                    Ordering::SeqCst,
                );
                started.send(()).unwrap();
                gate.acquire().await.unwrap().forget();
                running_now.fetch_sub(1, Ordering::SeqCst);
            }
        }
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(receiver.run("w", 4, handler, stop.clone()));
    wire.push(&tenant(), deliveries(20)).await.unwrap();
    for _ in 0..4 {
        starts.recv().await.unwrap();
    }
    assert_eq!(wire.waiting(&tenant()), 16);
    gate.add_permits(20);
    for _ in 4..20 {
        starts.recv().await.unwrap();
    }
    assert_eq!(peak.load(Ordering::SeqCst), 4);
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_waits_for_what_has_begun_and_begins_nothing_more() {
    let (wire, receiver) = Wire::in_memory();
    let gate = Arc::new(Semaphore::new(0));
    let done = Arc::new(AtomicUsize::new(0));
    let (started, mut starts) = mpsc::unbounded_channel();
    let handler = {
        let (gate, done) = (gate.clone(), done.clone());
        move |_: Delivery| {
            let (gate, done, started) = (gate.clone(), done.clone(), started.clone());
            async move {
                started.send(()).unwrap();
                gate.acquire().await.unwrap().forget();
                done.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(receiver.run("w", 2, handler, stop.clone()));
    wire.push(&tenant(), deliveries(10)).await.unwrap();
    starts.recv().await.unwrap();
    starts.recv().await.unwrap();
    stop.cancel();
    tokio::task::yield_now().await;
    gate.add_permits(10);
    running.await.unwrap().unwrap();
    assert_eq!(done.load(Ordering::SeqCst), 2);
}
