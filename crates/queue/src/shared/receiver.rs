//! The receiving side: an apalis worker, and what builds it again when Redis is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apalis::layers::WorkerBuilderExt as _;
use apalis_core::backend::ext::poll_strategy::PollWith;
use apalis_core::error::WorkerError;
use apalis_core::task::task_id::TaskId;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_redis::RedisStorage;
use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, PushInfo, PushKind};
use repilot_domain::{Clock, WithCauses};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::announcements::Announcements;
use super::connection::Redis;
use super::consumer::Consumer;
use super::in_flight;
use super::message::Message;
use super::queue::Queue;
use crate::handler_pool::HandlerPool;
use crate::{Delivery, WireError, WireHealth};

/// How long after a failure Redis is tried again, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// What fails sooner than this fails again, most likely.
const LASTING: Duration = Duration::from_secs(5);

/// How often what vanished workers left is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// The receiving side.
pub(crate) struct Receiver {
    redis: Redis,
    queue: Arc<Queue>,
    health: watch::Sender<WireHealth>,
    clock: Arc<dyn Clock>,
    outages: AtomicU64,
}

impl Receiver {
    pub(super) fn new(
        redis: Redis,
        queue: Arc<Queue>,
        health: watch::Sender<WireHealth>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            redis,
            queue,
            health,
            clock,
            outages: AtomicU64::new(0),
        }
    }

    /// Hands deliveries to `handler`, up to `concurrency` at once, until `stop`; then waits for
    /// those that have begun.
    pub(crate) async fn run<F, Fut>(
        self,
        name: &str,
        concurrency: usize,
        handler: F,
        stop: CancellationToken,
    ) where
        F: Fn(Delivery) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let pool = HandlerPool::new(handler, concurrency, stop.clone());
        let mut backoff = BACKOFF.0;
        let mut left: Option<String> = None;
        for build in 1_u64.. {
            let worker = format!("{name}/{build}");
            let begun = Instant::now();
            let attended = self.attend(&worker, left.as_deref(), &pool).await;
            if stop.is_cancelled() {
                break;
            }
            if let Err(error) = attended {
                self.is_down(&error);
            }
            backoff = if begun.elapsed() > LASTING {
                BACKOFF.0
            } else {
                BACKOFF.1.min(backoff * 2)
            };
            left = Some(worker);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(backoff) => {}
            }
        }
        pool.rest().await;
    }

    /// Takes deliveries as `worker` until `stop`, or until Redis fails.
    async fn attend<F, Fut>(
        &self,
        worker: &str,
        left: Option<&str>,
        pool: &HandlerPool<F>,
    ) -> Result<(), WireError>
    where
        F: Fn(Delivery) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (announce, announcements) = mpsc::channel(1);
        let closed = CancellationToken::new();
        let disconnection = closed.clone();
        let config = AsyncConnectionConfig::new().set_push_sender(move |push: PushInfo| {
            match push.kind {
                // One that is not heard yet stands for all.
                PushKind::Message => drop(announce.try_send(())),
                PushKind::Disconnection => disconnection.cancel(),
                _ => {}
            }
            Ok::<(), SendError>(())
        });
        let opening = async {
            let mut redis = self.redis.connect(config).await?;
            redis.subscribe(&self.queue.channel).await?;
            in_flight::put_back(&mut redis, &self.queue, left, self.clock.now()).await?;
            Ok(redis)
        };
        let redis = self.redis.in_time(opening).await?;
        self.is_up();
        let ended = tokio::select! {
            ended = self.work(&redis, worker, announcements, pool) => ended,
            failed = self.sweep(redis.clone()) => Err(failed),
            () = closed.cancelled() => {
                let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                Err(self.redis.failed(reset))
            }
        };
        if pool.stop.is_cancelled() {
            self.leave(redis, worker).await;
        }
        ended
    }

    async fn work<F, Fut>(
        &self,
        redis: &MultiplexedConnection,
        worker: &str,
        announcements: mpsc::Receiver<()>,
        pool: &HandlerPool<F>,
    ) -> Result<(), WireError>
    where
        F: Fn(Delivery) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let storage =
            RedisStorage::<Message, _>::new(redis.clone()).with_config(self.queue.config.clone());
        let consumer = Consumer {
            pool: pool.clone(),
            redis: redis.clone(),
            queue: Arc::clone(&self.queue),
            worker: worker.to_owned(),
        };
        let stop = pool.stop.clone();
        let stopped = async move {
            stop.cancelled().await;
            Ok::<(), WorkerError>(())
        };
        WorkerBuilder::new(worker)
            .backend(PollWith::new(storage, Announcements::new(announcements)))
            // The next message is fetched when this one is handed over.
            .concurrency(1)
            .build(move |message: Message, task: TaskId| {
                let consumer = consumer.clone();
                async move { consumer.take_up(message, &task.to_string()).await }
            })
            .run_until(stopped)
            .await
            .map_err(|error| self.redis.failed(error))
    }

    /// Puts back what vanished workers left, until Redis fails.
    async fn sweep(&self, mut redis: MultiplexedConnection) -> WireError {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            let sweeping = in_flight::put_back(&mut redis, &self.queue, None, self.clock.now());
            if let Err(error) = self.redis.in_time(sweeping).await {
                return error;
            }
        }
    }

    /// Leaves nothing behind that others would have to wait for.
    async fn leave(&self, mut redis: MultiplexedConnection, worker: &str) {
        let leaving = in_flight::put_back(&mut redis, &self.queue, Some(worker), self.clock.now());
        if let Err(error) = self.redis.in_time(leaving).await {
            tracing::warn!(
                error = %WithCauses(&error),
                "could not put back what was taken from the wire; others do, or it is dispatched again"
            );
        }
    }

    fn is_up(&self) {
        let outages = self.outages.load(Ordering::Relaxed);
        if outages > 0 {
            tracing::info!("the wire is back");
        }
        self.health.send_replace(WireHealth::Up { outages });
    }

    fn is_down(&self, error: &WireError) {
        let why = WithCauses(error).to_string();
        let (since, is_news) = match &*self.health.borrow() {
            WireHealth::Up { .. } => {
                self.outages.fetch_add(1, Ordering::Relaxed);
                (self.clock.now(), true)
            }
            WireHealth::Down { since, why: before } => (*since, *before != why),
        };
        if is_news {
            tracing::warn!(
                error = %WithCauses(error),
                "nothing comes over the wire; trying again"
            );
        }
        self.health.send_replace(WireHealth::Down { since, why });
    }
}
