//! Who has which message: the queue what was pushed, a worker what it fetched; it removes what was
//! taken up, and what it leaves goes back.
//!
//! Each change is one script, so that a worker which was thought gone and comes back cannot remove
//! what another has fetched meanwhile.

use std::sync::LazyLock;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};
use repilot_domain::Timestamp;

use super::queue::Queue;

/// A worker that has not shown itself for so long is gone. As long as a lease: what the worker
/// had not handed over runs again as soon as what it had.
pub(super) const GONE_AFTER: Duration = repilot_ledger::LEASE;

static OFFER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "-- KEYS: the tasks that were pushed, the tasks that wait
         -- ARGV: where tasks are announced
         local pushed = redis.call('ZPOPMIN', KEYS[1], 1000)
         while #pushed > 0 do
             -- Each is followed by when it was pushed.
             for index = 1, #pushed, 2 do
                 redis.call('RPUSH', KEYS[2], pushed[index])
             end
             pushed = redis.call('ZPOPMIN', KEYS[1], 1000)
         end
         local waiting = redis.call('LLEN', KEYS[2])
         if waiting > 0 then
             redis.call('PUBLISH', ARGV[1], waiting)
         end
         return waiting",
    )
});

static REMOVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "-- KEYS: what the worker has in flight, all tasks' data, the task's metadata
         -- ARGV: the task
         if redis.call('SREM', KEYS[1], ARGV[1]) == 1 then
             redis.call('HDEL', KEYS[2], ARGV[1])
             redis.call('DEL', KEYS[3])
         end",
    )
});

static RETURN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "-- KEYS: the workers, the tasks that wait, all tasks' data,
         --       the prefixes of what workers have in flight and of their metadata
         -- ARGV: workers last seen before this second are gone; workers that leave
         local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1])
         for index = 2, #ARGV do
             table.insert(gone, ARGV[index])
         end
         local returned = 0
         for _, worker in ipairs(gone) do
             local in_flight = KEYS[4] .. worker
             for _, task in ipairs(redis.call('SMEMBERS', in_flight)) do
                 if redis.call('HEXISTS', KEYS[3], task) == 1 then
                     -- In front: it has waited longest.
                     redis.call('LPUSH', KEYS[2], task)
                     returned = returned + 1
                 end
             end
             redis.call('DEL', in_flight, KEYS[5] .. worker)
             redis.call('ZREM', KEYS[1], worker)
         end
         return returned",
    )
});

/// Has what was pushed wait to be fetched, and announces it; how many messages wait then.
pub(super) async fn offer(
    redis: &mut MultiplexedConnection,
    queue: &Queue,
) -> Result<usize, RedisError> {
    OFFER
        .key(queue.config.scheduled_jobs_set())
        .key(queue.config.active_jobs_list())
        .arg(&queue.channel)
        .invoke_async(redis)
        .await
}

/// Removes a message that handlers have taken up.
pub(super) async fn remove(
    redis: &mut MultiplexedConnection,
    queue: &Queue,
    worker: &str,
    task: &str,
) -> Result<(), RedisError> {
    REMOVE
        .key(queue.in_flight(worker))
        .key(queue.config.job_data_hash())
        .key(queue.task_metadata(task))
        .arg(task)
        .invoke_async(redis)
        .await
}

/// Puts back what gone workers and those that leave have fetched and not handed over, forgets those
/// workers, and offers all that waits.
pub(super) async fn put_back(
    redis: &mut MultiplexedConnection,
    queue: &Queue,
    leaving: Option<&str>,
    now: Timestamp,
) -> Result<(), RedisError> {
    let seen_before = now.before(GONE_AFTER).as_millis().div_euclid(1_000);
    let mut script = RETURN.prepare_invoke();
    script
        .key(queue.config.workers_set())
        .key(queue.config.active_jobs_list())
        .key(queue.config.job_data_hash())
        .key(queue.in_flight(""))
        .key(queue.worker_metadata(""))
        .arg(seen_before);
    if let Some(leaving) = leaving {
        script.arg(leaving);
    }
    let returned: u64 = script.invoke_async(redis).await?;
    if returned > 0 {
        tracing::info!(
            messages = returned,
            "put jobs back on the wire that a worker had left"
        );
    }
    offer(redis, queue).await.map(drop)
}
