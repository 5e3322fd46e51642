//! Where the queue's parts are in Redis.

use std::time::Duration;

use apalis_core::worker::context::WorkerContext;
use apalis_redis::Config;

/// How often a worker shows that it lives: a third of [`GONE_AFTER`].
///
/// [`GONE_AFTER`]: super::in_flight::GONE_AFTER
const HEARTBEAT_EVERY: Duration = Duration::from_secs(3);

/// apalis's own search for vanished workers leaves half of them behind: ours comes long before.
const HEARTBEATS_UNTIL_APALIS_LOOKS: usize = 100;

/// Changes with what a message looks like, so that versions do not read each other's.
const FORMAT: u32 = 2;

/// The queue's configuration, and the names of its keys.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) config: Config,
    /// Where pushes are announced.
    pub(super) channel: String,
}

impl Queue {
    pub(super) fn new(prefix: &str) -> Self {
        let name = format!("{prefix}:wire:{FORMAT}");
        Self {
            channel: format!("{name}:pushed"),
            config: Config::default()
                .queue(name)
                // A message is small enough to wait for, and none waits behind it in this process.
                .batch_size(1)
                .heartbeat_interval(HEARTBEAT_EVERY)
                .missed_heartbeats(HEARTBEATS_UNTIL_APALIS_LOOKS)
                .lock_tasks(false)
                .persist_results(false)
                .emit_events(false),
        }
    }

    /// What a worker has fetched and nobody has taken up.
    pub(super) fn in_flight(&self, worker: &str) -> String {
        self.config.inflight_set_for(&WorkerContext::new(worker))
    }

    /// What apalis notes of a worker.
    pub(super) fn worker_metadata(&self, worker: &str) -> String {
        self.config.worker_metadata_key(&WorkerContext::new(worker))
    }

    /// What apalis notes of a task.
    pub(super) fn task_metadata(&self, task: &str) -> String {
        format!("{}:{task}", self.config.job_meta_hash())
    }
}
