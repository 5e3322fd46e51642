//! Who has which parcel: a worker removes what was taken up, and what it leaves goes back.
//!
//! Both are scripts, so that a worker which was thought gone and comes back cannot remove what
//! another has fetched meanwhile.

use std::sync::LazyLock;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};
use repilot_domain::Timestamp;

use super::queue::Queue;

/// A worker that has not shown itself for so long is gone. As long as a lease: what the worker
/// had not handed over runs again as soon as what it had.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(10);

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
         -- ARGV: workers last seen before this second are gone; where tasks are announced;
         --       workers that leave
         local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1])
         for index = 3, #ARGV do
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
         if returned > 0 then
             redis.call('PUBLISH', ARGV[2], returned)
         end
         return returned",
    )
});

/// Removes a parcel that handlers have taken up.
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

/// Puts back what gone workers and those that leave have fetched and not handed over, and forgets
/// those workers.
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
        .arg(seen_before)
        .arg(&queue.channel);
    if let Some(leaving) = leaving {
        script.arg(leaving);
    }
    let returned: u64 = script.invoke_async(redis).await?;
    if returned > 0 {
        tracing::info!(
            parcels = returned,
            "put jobs back on the wire that a worker had left"
        );
    }
    Ok(())
}
