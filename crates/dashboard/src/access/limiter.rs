//! How often somebody may fail to sign in, by where they come from and by the name they give.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use repilot_domain::Timestamp;

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
    /// How many seconds somebody has to wait; none where they may try.
    pub(crate) fn wait(&self, address: IpAddr, name: &str, now: Timestamp) -> Option<u64> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |key: &Key, most: usize| {
            let recent: Vec<Timestamp> = failures
                .get(key)?
                .iter()
                .copied()
                .filter(|at| now.since(*at) < REMEMBERED)
                .collect();
            let first_that_counts = recent.len().checked_sub(most)?;
            let until = recent[first_that_counts].after(REMEMBERED);
            Some(until.since(now).as_secs() + 1)
        };
        let by_address = of(&Key::Address(network(address)), OF_ADDRESS);
        by_address.max(of(&Key::Name(name.to_owned()), OF_NAME))
    }

    /// Remembers that somebody failed.
    pub(crate) fn failed(&self, address: IpAddr, name: &str, now: Timestamp) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= KEPT {
            failures.retain(|_, times| times.last().is_some_and(|at| now.since(*at) < REMEMBERED));
        }
        if failures.len() >= KEPT {
            failures.clear();
        }
        for key in [Key::Address(network(address)), Key::Name(name.to_owned())] {
            let times = failures.entry(key).or_default();
            times.retain(|at| now.since(*at) < REMEMBERED);
            times.push(now);
        }
    }

    /// Forgets what a name's owner failed before they got in.
    pub(crate) fn succeeded(&self, address: IpAddr, name: &str) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(&Key::Address(network(address)));
        failures.remove(&Key::Name(name.to_owned()));
    }
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
    fn an_address_that_fails_too_often_waits_until_its_failures_are_old() {
        let limiter = Limiter::default();
        for second in 0..10 {
            assert_eq!(limiter.wait(HERE, "", at(second)), None);
            limiter.failed(HERE, &format!("name-{second}"), at(second));
        }
        assert_eq!(limiter.wait(HERE, "another", at(10)), Some(291));
        assert_eq!(limiter.wait(HERE, "another", at(300)), None);
    }

    #[test]
    fn a_name_is_protected_from_many_addresses() {
        let limiter = Limiter::default();
        for n in 0..20 {
            limiter.failed(IpAddr::from([10, 0, 0, n]), "alice", at(0));
        }
        assert!(limiter.wait(HERE, "alice", at(1)).is_some());
        assert_eq!(limiter.wait(HERE, "bob", at(1)), None);
    }

    #[test]
    fn neighbours_in_one_network_of_ipv6_are_one_address() {
        let limiter = Limiter::default();
        for n in 0..10 {
            limiter.failed(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]), "", at(0));
        }
        let neighbour = IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]);
        assert!(limiter.wait(neighbour, "", at(1)).is_some());
    }

    #[test]
    fn whoever_gets_in_has_a_clean_slate() {
        let limiter = Limiter::default();
        for _ in 0..10 {
            limiter.failed(HERE, "alice", at(0));
        }
        limiter.succeeded(HERE, "alice");
        assert_eq!(limiter.wait(HERE, "alice", at(1)), None);
    }
}
