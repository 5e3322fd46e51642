//! The servers start, stop and forget as tests need them to.
#![cfg(unix)]

use servers::Redis;

#[test]
fn redis_comes_back_empty_at_the_same_place() {
    let mut redis = Redis::start();
    let url = redis.url();
    assert!(redis.memory() > 0);
    redis.stop();
    redis.resume();
    redis.flush();
    redis.freeze();
    redis.thaw();
    assert_eq!(redis.url(), url);
    assert!(redis.commands() > 0);
}
