//! The wire across processes: apalis over `apalis-redis`.
//!
//! One queue for all tenants and all processes. Jobs travel in messages, several of one tenant
//! in one apalis task, so that a round trip to Redis moves many. apalis pushes, fetches and keeps
//! track of workers; what it leaves behind is dealt with here:
//!
//! - It dates what is pushed by the pusher's clock, fetches no task before its date, and promotes
//!   all that are due in one `unpack`: at about 8,000 it wedges for good. So the sender promotes
//!   what it has pushed itself, and more than [`PARCELS_MAX`] never wait (tests
//!   `a_backlog_passes_where_apalis_alone_wedges`, `a_wedged_queue_moves_again`).
//! - It announces nothing. So the sender does; see [`prompt`].
//! - It keeps finished tasks and their results. So results are switched off, and a message is
//!   removed when handlers have taken it up (test `redis_does_not_grow_while_deliveries_pass`).
//! - It keeps the registrations of workers that are gone, and hands on tasks whose data is gone,
//!   which ends whoever fetches them. So messages change hands in [`in_flight`] only.
//! - Its worker ends when Redis does. So the receiver builds it again, under a new name.
//!
//! From the moment that handlers have taken a message up, the ledger's lease answers for it. Races
//! that are accepted, since a claim drops what is delivered twice: a message is handed over whole
//! again when its consumer stops or is cut off in the middle of it; and several processes that push at
//! once may each exceed the bound by one push.

mod announcements;
mod connection;
mod consumer;
mod in_flight;
mod message;
mod queue;
mod receiver;
mod sender;

use repilot_redis::RedisAddress;
use std::sync::Arc;

use repilot_domain::Clock;
use tokio::sync::watch;

use crate::WireHealth;
use connection::Redis;
use queue::Queue;

pub(crate) use receiver::Receiver;
pub(crate) use sender::{Sender, share};

/// The most messages that wait: half of what wedges the queue, so that there is room for what
/// several processes push at the same time.
const PARCELS_MAX: usize = 4_096;

/// The two ends of the wire in one process.
pub(crate) fn wire(
    address: RedisAddress,
    prefix: &str,
    clock: Arc<dyn Clock>,
) -> (Sender, Receiver) {
    let redis = Redis::new(address);
    let queue = Arc::new(Queue::new(prefix));
    let health = watch::Sender::new(WireHealth::Down {
        since: clock.now(),
        why: "nothing was taken from it yet".to_owned(),
    });
    let sender = Sender::new(redis.clone(), Arc::clone(&queue), health.subscribe());
    (sender, Receiver::new(redis, queue, health, clock))
}
