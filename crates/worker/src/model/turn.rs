//! A worker's turn with a job, in the model's words: claim, look or act, and the word for it.

use repilot_domain::{JobState, Step};

use super::event::{Answer, Status, User};
use super::job::{Hand, NEVER, Said, UnderWay, left_by};
use super::reference::{ATTEMPTS, LEASE, Model, WITHIN};

/// What precedes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Look,
    /// It is known that somebody else than expected has the device, or nobody.
    Judge(User),
}

impl Model {
    pub(super) fn claim(&mut self, worker: usize, place: usize, stale: bool) {
        let job = &mut self.jobs[place];
        if job.state != JobState::Queued || stale {
            return;
        }
        job.state = JobState::Running;
        job.lease = self.now + LEASE;
        job.holder = (worker, self.generations[worker]);
        let device = &mut self.devices[job.device];
        if device.speaker != place && job.knows != device.changes {
            device.is_astray = true;
        }
        device.speaker = place;
        self.hands.push(Hand {
            worker,
            job: place,
            dispatch: job.dispatch,
            lease: job.lease,
            steps: job.steps,
            spent: job.spent,
            uncertain: job.uncertain,
            was_lost: job.uncertain && job.was_lost,
            was_looked_at: job.uncertain && job.is_looked_at,
            looks_only: job.looks_only,
            has_looked: false,
            goes_on: false,
            seen: job.seen,
            looked_at: None,
            has_called: false,
            said: None,
        });
    }

    pub(super) fn call(&mut self, place: usize, answer: Answer) {
        let Some(hand) = self.hands.get(place) else {
            return;
        };
        if hand.said.is_some() || !self.covers(hand) {
            return;
        }
        let job = &self.jobs[hand.job];
        let step = job.action.steps()[hand.steps];
        let before = self.before(hand);
        let looks = before == Before::Look;
        // Whatever is heard of this call, one that was lost may still arrive.
        let (unknown, may_arrive) = (hand.uncertain, looks && hand.uncertain || hand.was_lost);
        if let Before::Judge(shown) = before {
            // What was seen decides, and nothing is asked.
            let said = self.judge(place, step, shown, false);
            if said.is_some() {
                self.hands[place].said = said;
                return;
            }
        }
        let hand = &self.hands[place];
        let job = &self.jobs[hand.job];
        let most = if looks { ATTEMPTS * 2 } else { ATTEMPTS };
        let again = |spent| Said::Again {
            spent,
            uncertain: unknown,
            pause: false,
        };
        let dead = Said::Dead {
            uncertain: may_arrive,
            is_taken: false,
        };
        let fault = if hand.spent + 1 >= most {
            dead
        } else {
            again(true)
        };
        let said = match answer {
            Answer::Done if looks => {
                let shown = self.devices[job.device].user;
                self.judge(place, step, shown, true)
            }
            // A look changes nothing, so a lost one is a fault.
            Answer::DoneUnheard | Answer::LostUndone | Answer::LostUnderWay if looks => Some(fault),
            // Nor does one that a page stands for say anything of the job.
            Answer::StrangeDone { repeats } | Answer::StrangeUndone { repeats } if looks => {
                Some(Said::Again {
                    spent: false,
                    uncertain: unknown,
                    pause: repeats,
                })
            }
            Answer::Done => {
                self.act(place, step);
                Some(Said::StepDone)
            }
            Answer::StrangeDone { repeats } => {
                self.act(place, step);
                Some(Said::Strange { pause: repeats })
            }
            Answer::StrangeUndone { repeats } => Some(Said::Strange { pause: repeats }),
            Answer::DoneUnheard => {
                self.act(place, step);
                Some(Said::Lost)
            }
            Answer::LostUnderWay => {
                self.under_way.push(UnderWay {
                    job: hand.job,
                    round: job.round,
                    leaves: left_by(step, job),
                    is_overlooked: false,
                });
                Some(Said::Lost)
            }
            Answer::LostUndone => Some(Said::Lost),
            Answer::Fault => Some(fault),
            Answer::Throttled | Answer::Unreachable | Answer::TokenRefused => Some(again(false)),
            Answer::TenantRefuses => Some(Said::Again {
                spent: false,
                uncertain: unknown,
                pause: true,
            }),
            Answer::NotFound | Answer::Refused => Some(dead),
        };
        let hand = &mut self.hands[place];
        hand.has_called |= !looks && answer != Answer::Throttled;
        hand.said = match said {
            None if hand.looks_only => Some(Said::LookedAt),
            // It has stopped already.
            Some(Said::Again {
                spent, uncertain, ..
            }) if hand.looks_only => Some(Said::Again {
                spent,
                uncertain,
                pause: false,
            }),
            said => said,
        };
    }

    /// A claimed job goes back as it came, or as a look has found it.
    pub(super) fn withhold(&mut self, place: usize) {
        let Some(hand) = self.hands.get_mut(place) else {
            return;
        };
        if hand.said.is_some() || hand.goes_on || hand.looks_only {
            return;
        }
        let is_looked_at = hand.uncertain && (hand.has_looked || hand.was_looked_at);
        hand.said = Some(if is_looked_at {
            Said::LookedAt
        } else {
            Said::Again {
                spent: false,
                uncertain: hand.uncertain,
                pause: false,
            }
        });
    }

    /// What precedes a call.
    fn before(&self, hand: &Hand) -> Before {
        let job = &self.jobs[hand.job];
        let is_fresh = |at: i64| at > NEVER && self.now - at <= WITHIN;
        let look_unless = |known: bool| if known { Before::Nothing } else { Before::Look };
        match (hand.seen, hand.looked_at) {
            _ if hand.looks_only => Before::Look,
            _ if hand.uncertain && hand.has_looked => Before::Nothing,
            (Some((_, at)), _) if hand.uncertain => {
                let is_cleared = hand.was_looked_at && hand.steps == 0 && is_fresh(at);
                if is_cleared {
                    self.known(hand)
                } else {
                    Before::Look
                }
            }
            _ if hand.uncertain => Before::Look,
            (_, Some(at)) => look_unless(is_fresh(at)),
            _ if hand.steps > 0 && !hand.goes_on => Before::Look,
            (None, None) => look_unless(is_fresh(job.rule.0)),
            (Some((_, at)), None) if !is_fresh(at) => Before::Look,
            _ => self.known(hand),
        }
    }

    /// What precedes a call by what is known of its device by itself.
    fn known(&self, hand: &Hand) -> Before {
        match hand.seen {
            Some((user, _)) if !hand.goes_on && user != self.jobs[hand.job].expected() => {
                Before::Judge(user)
            }
            _ => Before::Nothing,
        }
    }

    fn act(&mut self, place: usize, step: Step) {
        let hand = &self.hands[place];
        let job = &self.jobs[hand.job];
        let device = &mut self.devices[job.device];
        if let Some(at) = device.meddled_at.take()
            && !hand.uncertain
            && device.user != job.expected()
            && device.user != User::Nobody
        {
            let late = self.now - at;
            assert!(
                late <= WITHIN,
                "a device was touched {late} ms after it changed hands"
            );
        }
        device.user = left_by(step, job);
        device.is_astray = false;
        device.changes += 1;
    }

    /// What a look says, or a listing; nothing where the act may follow.
    fn judge(&mut self, place: usize, step: Step, shown: User, looks: bool) -> Option<Said> {
        let now = self.now;
        let hand = &mut self.hands[place];
        let job = &mut self.jobs[hand.job];
        let device = &mut self.devices[job.device];
        let expected = job.expected();
        let is_as_before = shown == expected || job.rule.1 && shown == User::Nobody;
        let at = if looks {
            now
        } else {
            hand.seen.map_or(now, |(_, at)| at)
        };
        let found = match (step, shown) {
            (_, shown) if shown != User::Nobody && shown == job.wanted => Some(Said::AllDone),
            (Step::Unassign, User::Nobody) if !is_as_before => Some(Said::StepDone),
            (Step::Assign, User::Nobody) => None,
            _ if is_as_before => None,
            _ => Some(Said::Dead {
                uncertain: false,
                is_taken: true,
            }),
        };
        if matches!(found, Some(Said::StepDone)) && device.user == User::Nobody {
            device.is_astray = false;
        }
        let is_taken = matches!(found, Some(Said::Dead { .. }));
        if hand.steps == 0 || is_taken {
            let is_expected = hand.steps == 0 && shown == expected;
            let owner = match job.seen {
                _ if is_expected || !job.was_called => shown,
                Some((user, seen_at)) if seen_at > NEVER => user,
                _ => job.previous,
            };
            job.seen = Some((owner, at));
            job.found = is_taken.then_some((shown, at));
        }
        if looks {
            hand.looked_at = Some(now);
        }
        if found.is_none() && hand.spent >= ATTEMPTS {
            return Some(Said::Dead {
                uncertain: hand.was_lost,
                is_taken: false,
            });
        }
        hand.has_looked = found.is_none();
        let (place, looked) = (hand.job, hand.has_looked);
        let calls = self.under_way.iter_mut();
        calls
            .filter(|call| looked && call.job == place)
            .for_each(|call| call.is_overlooked = true);
        found
    }

    pub(super) fn arrive(&mut self, place: usize) {
        if place >= self.under_way.len() {
            return;
        }
        let call = self.under_way.remove(place);
        let job = &self.jobs[call.job];
        let device = &mut self.devices[job.device];
        // Whoever has not come to an end with what the call was for must say that it is unknown.
        let is_awaited = device.speaker == call.job
            && job.round == call.round
            && job.state != JobState::Succeeded;
        if device.user != call.leaves {
            device.is_astray |= !is_awaited;
            device.user = call.leaves;
            device.changes += 1;
        }
    }

    pub(super) fn say(&mut self, place: usize) {
        let Some(hand) = self.hands.get(place).cloned() else {
            return;
        };
        let Some(said) = hand.said else {
            return;
        };
        let holder = (hand.worker, self.generations[hand.worker]);
        let job = &mut self.jobs[hand.job];
        let holds =
            job.state == JobState::Running && job.dispatch == hand.dispatch && job.holder == holder;
        let goes_on = matches!(said, Said::StepDone) && hand.steps + 1 < job.action.steps().len();
        if holds && goes_on {
            (job.steps, job.spent, job.uncertain) = (hand.steps + 1, 0, false);
            job.is_looked_at = false;
            if hand.looks_only {
                job.state = JobState::Pending;
                self.hands.remove(place);
                self.cancel_returned();
                return;
            }
            let hand = &mut self.hands[place];
            (hand.steps, hand.spent, hand.uncertain) = (job.steps, 0, false);
            (hand.was_lost, hand.has_looked, hand.said) = (false, false, None);
            hand.was_looked_at = false;
            job.was_called |= std::mem::take(&mut hand.has_called);
            hand.goes_on = true;
            return;
        }
        self.hands.remove(place);
        if !holds {
            return;
        }
        job.was_called |= hand.has_called;
        job.is_looked_at = false;
        match said {
            Said::LookedAt => {
                job.state = JobState::Pending;
                (job.uncertain, job.is_looked_at) = (true, true);
                self.cancel_returned();
            }
            Said::StepDone | Said::AllDone => {
                job.state = JobState::Succeeded;
                (job.steps, job.uncertain) = (0, false);
                job.spent += 1;
                let device = &mut self.devices[job.device];
                device.is_astray &= device.user != job.wanted;
            }
            Said::Lost => {
                job.state = JobState::Pending;
                (job.uncertain, job.was_lost) = (true, true);
                job.spent += 1;
                self.cancel_returned();
            }
            Said::Strange { pause } => {
                job.state = JobState::Pending;
                (job.uncertain, job.was_lost) = (true, true);
                let campaign = job.campaign;
                if pause {
                    self.stop(campaign, Status::Refused);
                }
                self.cancel_returned();
            }
            Said::Again {
                spent,
                uncertain,
                pause,
            } => {
                job.state = JobState::Pending;
                job.uncertain = uncertain;
                job.spent += u32::from(spent);
                let campaign = job.campaign;
                if pause {
                    self.stop(campaign, Status::Refused);
                }
                self.cancel_returned();
            }
            Said::Dead {
                uncertain,
                is_taken,
            } => {
                job.state = JobState::Dead;
                (job.uncertain, job.is_taken) = (uncertain, is_taken);
                job.spent += 1;
            }
        }
    }
}
