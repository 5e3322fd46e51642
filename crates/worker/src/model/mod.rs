//! The ledger, what workers decide, and a Graph whose answers get lost, against a model of all three:
//! whatever the order of events, crashes and repeats, what is recorded of a device is what it is, or
//! its job says that this is unknown.
//!
//! The model knows nothing of SQL, batches or the policy's code: `reference` says in its own words what
//! must become of each `job` and each device by an `event`, and `turn` what a worker does with it; how
//! often events come is `choice`. `system` does the same things to `campaigns` of a ledger in `SQLite`,
//! with this crate's policy, leases and settlements, before a `world` of devices; `agreement` holds the
//! two against each other.
//!
//! A call that is given up for lost may take effect later. Until its step is done the job says that
//! this is unknown. What comes after that no job can know, nor that somebody else assigned a device:
//! it is astray then, and a verification tells.

mod agreement;
mod campaigns;
mod choice;
mod event;
mod job;
mod reference;
mod system;
mod turn;
mod world;

use proptest_state_machine::prop_state_machine;

use system::System;

prop_state_machine! {
    #![proptest_config(proptest::test_runner::Config {
        cases: 60,
        // A failure names its steps; nothing is kept in a file beside it.
        failure_persistence: None,
        max_shrink_iters: 400,
        .. proptest::test_runner::Config::default()
    })]

    #[test]
    fn what_is_recorded_of_a_device_is_what_it_is_or_is_said_to_be_unknown(sequential 40..120 => System);
}
