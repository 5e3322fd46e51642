//! The ledger, what workers decide, and a Graph whose answers get lost, against a model of all three:
//! whatever the order of events, crashes and repeats, what is recorded of a device is what it is, or
//! its job says that this is unknown.
//!
//! The model knows nothing of SQL, batches or the policy's code: `reference` says in its own words what
//! must become of each job and each device; `system` does the same things to a ledger in `SQLite`, with
//! this crate's policy, leases and settlements.

mod reference;
mod system;

use proptest_state_machine::prop_state_machine;

use system::System;

prop_state_machine! {
    #![proptest_config(proptest::test_runner::Config {
        cases: 40,
        // A failure names its steps; nothing is kept in a file beside it.
        failure_persistence: None,
        max_shrink_iters: 400,
        .. proptest::test_runner::Config::default()
    })]

    #[test]
    fn what_is_recorded_of_a_device_is_what_it_is_or_is_said_to_be_unknown(sequential 40..120 => System);
}
