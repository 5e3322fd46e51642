//! Wires, and handlers that tell what they do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_domain::{CampaignId, JobId, SystemClock, TenantName, Timestamp};
use repilot_ledger::{ClaimKey, DispatchToken, Dispatched};
use repilot_queue::{Delivery, Receiver, Wire, WireError, WireHealth};
use repilot_redis::RedisAddress;
use servers::Redis;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn tenant() -> TenantName {
    TenantName::new("contoso").unwrap()
}

pub(crate) fn jobs(numbers: impl IntoIterator<Item = i64>) -> Vec<Dispatched> {
    let numbers = numbers.into_iter();
    let jobs = numbers.map(|number| Dispatched {
        sighting: None,
        looks_only: false,
        key: ClaimKey {
            job: JobId(number),
            dispatch: 1,
            campaign: CampaignId(7),
            token: DispatchToken::random(&mut StdRng::seed_from_u64(7)),
        },
        until: Some(Timestamp::from_millis(number)),
        rate: "2/s".parse().ok(),
    });
    jobs.collect()
}

/// A handler that handles each job by itself, and frees its place when that is done.
pub(crate) fn each<Fut: Future<Output = ()> + Send + 'static>(
    handle: impl Fn(i64) -> Fut + Clone + Send + Sync + 'static,
) -> impl Fn(Delivery) -> BoxFuture<'static, ()> + Clone + Send + Sync + 'static {
    move |mut delivery: Delivery| {
        for job in delivery.jobs {
            let place = delivery.slots.split(1).unwrap();
            let handling = handle(job.key.job.0);
            tokio::spawn(async move {
                handling.await;
                drop(place);
            });
        }
        Box::pin(async {})
    }
}

/// The ends of a wire over this Redis, in what could be one process of several.
pub(crate) fn ends(redis: &Redis) -> (Wire, Receiver) {
    let address = RedisAddress::parse(&redis.url()).unwrap();
    Wire::shared(address, "test", Arc::new(SystemClock))
}

/// A running receiver whose handlers tell when they begin, and end when they are let.
pub(crate) struct Running {
    begun: mpsc::UnboundedReceiver<i64>,
    gate: Arc<Semaphore>,
    stop: CancellationToken,
    run: JoinHandle<Result<(), WireError>>,
}

impl Running {
    /// Handlers end only as [`let_end`](Self::let_end) lets them.
    pub(crate) fn held(receiver: Receiver, name: &'static str, concurrency: usize) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let (tell, begun) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let handler = {
            let gate = Arc::clone(&gate);
            each(move |job| {
                let (gate, tell) = (Arc::clone(&gate), tell.clone());
                async move {
                    // The test may be over.
                    let _ = tell.send(job);
                    gate.acquire().await.unwrap().forget();
                }
            })
        };
        let stopped = stop.clone();
        let run =
            tokio::spawn(async move { receiver.run(name, concurrency, handler, stopped).await });
        Self {
            begun,
            gate,
            stop,
            run,
        }
    }

    /// Handlers end at once.
    pub(crate) fn free(receiver: Receiver, name: &'static str, concurrency: usize) -> Self {
        let running = Self::held(receiver, name, concurrency);
        running.let_end(Semaphore::MAX_PERMITS);
        running
    }

    pub(crate) fn let_end(&self, handlers: usize) {
        self.gate.add_permits(handlers);
    }

    /// The next job that a handler begins with.
    pub(crate) async fn next(&mut self) -> i64 {
        let next = tokio::time::timeout(PATIENCE, self.begun.recv()).await;
        next.expect("nothing arrives").unwrap()
    }

    /// Waits until all of these have arrived, and perhaps others or some twice.
    pub(crate) async fn arrive(&mut self, numbers: impl IntoIterator<Item = i64>) {
        let mut missing: BTreeSet<i64> = numbers.into_iter().collect();
        while !missing.is_empty() {
            missing.remove(&self.next().await);
        }
    }

    /// What has arrived and was not asked for.
    pub(crate) fn arrived(&mut self) -> Vec<i64> {
        std::iter::from_fn(|| self.begun.try_recv().ok()).collect()
    }

    pub(crate) fn begin_stop(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn stopped(self) {
        self.stop.cancel();
        let stopped = tokio::time::timeout(PATIENCE, self.run).await;
        stopped.expect("it does not stop").unwrap().unwrap();
    }

    /// As when its process is killed.
    pub(crate) async fn kill(self) {
        self.run.abort();
        let _ = self.run.await;
    }
}

/// Waits until the wire's health is as wanted.
pub(crate) async fn until(wire: &Wire, wanted: impl FnMut(&WireHealth) -> bool) -> WireHealth {
    let mut health = wire.health();
    let health = tokio::time::timeout(PATIENCE, health.wait_for(wanted)).await;
    health
        .expect("the wire's health does not change")
        .unwrap()
        .clone()
}

pub(crate) async fn up(wire: &Wire) -> WireHealth {
    until(wire, |health| matches!(health, WireHealth::Up { .. })).await
}

pub(crate) async fn down(wire: &Wire) -> WireHealth {
    until(wire, |health| matches!(health, WireHealth::Down { .. })).await
}

/// A connection of the test's own.
pub(crate) async fn connect(redis: &Redis) -> redis::aio::MultiplexedConnection {
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    redis::Client::open(redis.url())
        .unwrap()
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .unwrap()
}
