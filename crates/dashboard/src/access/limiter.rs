//! How often somebody may fail to sign in, by where they come from and by the name they give.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use repilot_domain::Timestamp;

use super::NAME_MAX;

/// How long a failure counts.
const REMEMBERED: Duration = Duration::from_mins(5);

/// Failures from one address: a person's slips, and not a list of passwords.
const OF_ADDRESS: usize = 10;

/// Failures with one name, from wherever: whoever owns it is kept out for minutes at most.
const OF_NAME: usize = 20;

/// Those that are remembered at once; beyond them the oldest are forgotten.
const KEPT: usize = 10_000;

/// Who failed, and when.
#[derive(Debug, Default)]
pub(crate) struct Limiter(Mutex<HashMap<Key, Vec<Timestamp>>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    Name(String),
}

impl Limiter {
    /// Counts an attempt to sign in as a failure before it is checked, so that of many at once no more are
    /// checked than may fail; [`Limiter::succeeded`] takes it back. The seconds to wait where there were
    /// too many: then nothing is counted, and nothing is to be checked.
    pub(crate) fn attempt(&self, address: IpAddr, name: &str, now: Timestamp) -> Result<(), u64> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys(address, name);
        let most = [OF_ADDRESS, OF_NAME];
        let waits = keys.iter().zip(most).filter_map(|(key, most)| {
            let times = failures.get(key)?.iter().copied();
            let recent: Vec<Timestamp> = times.filter(|at| now.since(*at) < REMEMBERED).collect();
            let first_that_counts = recent.len().checked_sub(most)?;
            let until = recent[first_that_counts].after(REMEMBERED);
            Some(until.since(now).as_secs() + 1)
        });
        if let Some(seconds) = waits.max() {
            return Err(seconds);
        }
        if failures.len() >= KEPT {
            failures.retain(|_, times| times.last().is_some_and(|at| now.since(*at) < REMEMBERED));
        }
        if failures.len() >= KEPT {
            failures.clear();
        }
        for key in keys {
            let times = failures.entry(key).or_default();
            times.retain(|at| now.since(*at) < REMEMBERED);
            times.push(now);
        }
        Ok(())
    }

    /// Forgets what a name's owner failed before they got in.
    pub(crate) fn succeeded(&self, address: IpAddr, name: &str) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys(address, name) {
            failures.remove(&key);
        }
    }
}

/// By what an attempt is counted: where it comes from, and the name that it gives, as far as names go.
fn keys(address: IpAddr, name: &str) -> [Key; 2] {
    let name = name.chars().take(NAME_MAX).collect();
    [Key::Address(network(address)), Key::Name(name)]
}

/// Who has one address of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    #[test]
    fn an_address_that_fails_too_often_waits() {
        let limiter = Limiter::default();
        for second in 0..10 {
            let name = format!("name-{second}");
            assert_eq!(limiter.attempt(HERE, &name, at(second)), Ok(()));
        }
        assert_eq!(limiter.attempt(HERE, "another", at(10)), Err(291));
        assert_eq!(limiter.attempt(HERE, "another", at(300)), Ok(()));
    }

    #[test]
    fn a_name_is_protected_from_many_addresses() {
        let limiter = Limiter::default();
        for n in 0..20 {
            let address = IpAddr::from([10, 0, 0, n]);
            assert_eq!(limiter.attempt(address, "alice", at(0)), Ok(()));
        }
        assert!(limiter.attempt(HERE, "alice", at(1)).is_err());
        assert_eq!(limiter.attempt(HERE, "bob", at(1)), Ok(()));
    }

    #[test]
    fn neighbours_in_one_network_of_ipv6_are_one_address() {
        let limiter = Limiter::default();
        for n in 0..10 {
            let address = IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]);
            assert_eq!(limiter.attempt(address, "", at(0)), Ok(()));
        }
        let neighbour = IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]);
        assert!(limiter.attempt(neighbour, "", at(1)).is_err());
    }

    #[test]
    fn whoever_gets_in_has_a_clean_slate() {
        let limiter = Limiter::default();
        for _ in 0..10 {
            let _counted = limiter.attempt(HERE, "alice", at(0));
        }
        assert!(limiter.attempt(HERE, "alice", at(0)).is_err());
        limiter.succeeded(HERE, "alice");
        assert_eq!(limiter.attempt(HERE, "alice", at(1)), Ok(()));
    }

    #[test]
    fn names_are_counted_as_far_as_names_go() {
        let limiter = Limiter::default();
        for n in 0..20 {
            let name = format!("{}{n}", "a".repeat(NAME_MAX));
            let address = IpAddr::from([10, 0, 0, n]);
            assert_eq!(limiter.attempt(address, &name, at(0)), Ok(()));
        }
        let longer = "a".repeat(2_000_000);
        assert!(limiter.attempt(HERE, &longer, at(1)).is_err());
    }
}
