//! What is recorded, held against the model and against the devices.

use std::sync::Arc;

use proptest_state_machine::StateMachineTest;
use repilot_domain::{JobState, Step};
use repilot_ledger::Job;

use super::campaigns;
use super::event::{Event, Status};
use super::reference::Model;
use super::system::System;
use super::world::name_of;

/// Whom a device may have, as its job says.
fn may_have(row: &Job) -> Vec<&str> {
    let wanted = row.new_user_principal_name.as_str();
    let done = usize::try_from(row.steps_done).unwrap();
    let as_it_stands = match done {
        0 => row.user_principal_name.as_str(),
        _ => "",
    };
    match row.state {
        // Of an unassignment it is nobody.
        JobState::Succeeded => vec![wanted],
        _ if row.uncertain || row.state == JobState::Running => {
            let after = match row.action.steps()[done] {
                Step::Unassign => "",
                Step::Assign => wanted,
            };
            vec![as_it_stands, after]
        }
        _ => vec![as_it_stands],
    }
}

impl System {
    async fn assert_sound(&self, model: &Model) {
        let found = self.ledger.check().await.unwrap();
        assert!(found.is_sound(), "{found:?}");
        let rows = self.rows().await;
        for (number, id) in self.campaigns.iter().enumerate() {
            let name = campaigns::name((number > 0).then_some(*id));
            let campaign = self.ledger.campaign(&name).await.unwrap().unwrap();
            let rows = rows.iter().filter(|row| row.campaign == *id);
            let count = |state| {
                let rows = rows.clone().filter(|row| row.state == state);
                i64::try_from(rows.count()).unwrap()
            };
            let counts = &campaign.counts;
            assert_eq!(
                [
                    counts.pending,
                    counts.queued,
                    counts.running,
                    counts.succeeded,
                    counts.dead
                ],
                [
                    count(JobState::Pending),
                    count(JobState::Queued),
                    count(JobState::Running),
                    count(JobState::Succeeded),
                    count(JobState::Dead)
                ]
            );
            assert_eq!(counts.open() == 0, campaign.has_ended());
            assert_eq!(campaign.has_ended(), model.has_ended(number));
            let status = match model.campaigns[number] {
                Status::Active => "active",
                Status::Paused | Status::Refused => "paused",
                Status::Cancelled => "cancelled",
            };
            assert_eq!(campaign.status.as_str(), status);
        }
    }

    /// Whatever became of a device that its job cannot know, a verification tells.
    async fn assert_verification_tells(&self, model: &Model) {
        for campaign in 0..self.campaigns.len() {
            self.verify(campaign).await;
        }
        for (row, job) in self.rows().await.iter().zip(&model.jobs) {
            let shown = model.devices[job.device].user;
            assert_eq!(row.verification, job.judged(shown), "{shown:?} {row:?}");
        }
    }
}

impl StateMachineTest for System {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        Self::of(model)
    }

    fn apply(mut system: Self, _: &Model, event: Event) -> Self {
        let runtime = Arc::clone(&system.runtime);
        runtime.block_on(system.happen(event));
        system
    }

    fn check_invariants(system: &Self, model: &Model) {
        let rows = system.runtime.block_on(system.rows());
        assert_eq!(rows.len(), model.jobs.len(), "{rows:?}");
        for (place, (row, expected)) in rows.iter().zip(&model.jobs).enumerate() {
            let device = &model.devices[expected.device];
            let user = name_of(device.user, expected.device);
            assert_eq!(system.world.users[expected.device], user, "{row:?}");
            if device.speaker == place && !device.is_astray {
                let may_have = may_have(row);
                assert!(
                    may_have.contains(&user.as_str()),
                    "{} is {user:?}, and its job says {may_have:?}: {row:?}",
                    row.serial
                );
            }
            let recorded = (row.state, row.steps_done, row.uncertain, row.attempts);
            let steps = i64::try_from(expected.steps).unwrap();
            let spent = i64::from(expected.spent);
            assert_eq!(
                recorded,
                (expected.state, steps, expected.uncertain, spent),
                "{row:?}"
            );
            assert_eq!(row.action, expected.action, "{row:?}");
            assert_eq!(row.verification, expected.verification, "{row:?}");
        }
    }

    fn teardown(system: Self, model: Model) {
        let checked = async {
            system.assert_sound(&model).await;
            system.assert_verification_tells(&model).await;
        };
        system.runtime.block_on(checked);
    }
}
