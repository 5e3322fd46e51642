//! The verdict on a campaign: what keeps it, in order, and what follows.

use super::pace::Pace;
use super::situation::{LaneGate, Situation, Subject};
use super::words::{about, ahead, counted, moment};
use super::{Act, Deadline, Ends, Grade, Standing, State, Who};
use crate::controls::{End, ScheduleState};
use crate::{CampaignStatus, CanaryPhase, PauseCause, Timestamp, Zone};

/// How the reason of a pause begins that a person made; who it was is said apart.
const BY_PERSON: &str = "paused by a person";

/// Something that keeps a campaign.
struct Obstacle {
    state: State,
    because: Option<String>,
    grade: Grade,
    who: Who,
    acts: Vec<Act>,
    next_at: Option<Timestamp>,
}

impl Obstacle {
    const fn new(state: State, grade: Grade, who: Who) -> Self {
        Self {
            state,
            because: None,
            grade,
            who,
            acts: Vec::new(),
            next_at: None,
        }
    }

    /// One that passes by itself.
    const fn passing(state: State) -> Self {
        Self::new(state, Grade::Fine, Who::Nobody)
    }

    fn because(mut self, because: impl Into<String>) -> Self {
        self.because = Some(because.into());
        self
    }

    fn acts(mut self, acts: &[Act]) -> Self {
        self.acts = acts.to_vec();
        self
    }

    fn until(mut self, next_at: Option<Timestamp>) -> Self {
        self.next_at = next_at;
        self
    }
}

/// A campaign with what is around it.
struct Case<'c, 'a> {
    campaign: &'c Subject<'a>,
    around: &'c Situation<'a>,
    now: Timestamp,
    zone: &'c Zone,
}

pub(super) fn of(campaign: &Subject<'_>, around: &Situation<'_>) -> Standing {
    let own = &campaign.controls.schedule.zone;
    let zone = if own.is_utc() { around.zone } else { own };
    let case = Case {
        campaign,
        around,
        now: around.now,
        zone,
    };
    match case.is_over() {
        Some(over) => over,
        None => case.verdict(),
    }
}

/// Acts once each, as they are to be done: what is paused past its deadline is not resumed before it
/// has another, and a canary that is passed need not be resumed.
fn in_order(acts: &[Act]) -> Vec<Act> {
    let needs_deadline = acts.contains(&Act::SetDeadline);
    let mut ordered = if needs_deadline {
        vec![Act::SetDeadline]
    } else {
        Vec::new()
    };
    for act in acts {
        let is_covered = match act {
            Act::Resume => acts.contains(&Act::PassCanary),
            Act::ChangeControls => needs_deadline,
            _ => false,
        };
        if !is_covered && !ordered.contains(act) {
            ordered.push(*act);
        }
    }
    ordered
}

impl<'a> Case<'_, 'a> {
    fn moment(&self, at: Timestamp) -> String {
        moment(self.zone, at, self.now)
    }

    fn ahead(&self, at: Timestamp) -> String {
        ahead(self.zone, at, self.now)
    }

    /// `by root at Tue 1 Dec 22:25 CET`, where it is known who did it.
    fn deed(&self, what: &str, deed: Option<super::Deed<'_>>) -> String {
        match deed {
            Some(deed) => format!("{what} by {} at {}", deed.by, self.moment(deed.at)),
            None => what.to_owned(),
        }
    }

    fn is_over(&self) -> Option<Standing> {
        let campaign = self.campaign;
        let state = match campaign.status {
            CampaignStatus::Cancelled => State::Cancelled,
            _ if campaign.ended_at.is_some() => State::Ended,
            CampaignStatus::Active | CampaignStatus::Paused => return None,
        };
        let mut because = Vec::new();
        if state == State::Cancelled && campaign.stopped.is_some() {
            because.push(self.deed("cancelled", campaign.stopped));
        }
        let has_dead = campaign.jobs.dead > 0;
        if has_dead {
            because.push(format!(
                "{} could not be done",
                counted(campaign.jobs.dead, "device", "devices")
            ));
        }
        Some(Standing {
            state,
            says: state.words().to_owned(),
            kept_by: Vec::new(),
            because,
            grade: Grade::Fine,
            who: if has_dead { Who::Operator } else { Who::Nobody },
            acts: if has_dead {
                vec![Act::LookAtDead]
            } else {
                Vec::new()
            },
            next_at: None,
            rate_per_second: None,
            ends: campaign.ended_at.map(|at| Ends::Over { at }),
            deadline: None,
        })
    }

    fn verdict(&self) -> Standing {
        let campaign = self.campaign;
        let pace = Pace::of(campaign, self.around);
        let mut obstacles = self.obstacles(&pace);
        let moves = obstacles.is_empty();
        let waits_for_somebody = obstacles
            .iter()
            .any(|obstacle| obstacle.next_at.is_none() && obstacle.state != State::Throttled);
        // The latest of what passes by itself: before that nothing goes out.
        let goes_on = obstacles.iter().filter_map(|obstacle| obstacle.next_at);
        let goes_on = goes_on.max().filter(|at| *at > self.now);
        let from = goes_on.unwrap_or(self.now);
        let forecast = pace.forecast(campaign, from);
        let stops = forecast.and_then(|forecast| forecast.stops);
        let deadline = self.deadline(forecast.map(|forecast| forecast.end), waits_for_somebody);
        let ends = match forecast.map(|forecast| forecast.end) {
            Some(End::Deadline(at, left)) if at > self.now => Some(Ends::Stopped { at, left }),
            _ if waits_for_somebody || stops.is_some() => None,
            Some(End::Done(at)) if moves => Some(Ends::About { at }),
            Some(End::Done(at)) => Some(Ends::NotBefore { at }),
            None => goes_on.map(|at| Ends::NotBefore { at }),
            Some(End::Never | End::Deadline(..)) => None,
        };
        let state = match obstacles.first() {
            Some(first) => first.state,
            None if campaign.canary == CanaryPhase::Running => State::Canary,
            None => State::Running,
        };
        let mut next_at = goes_on;
        let mut because = Vec::new();
        let kept_by: Vec<State> = obstacles.iter().map(|obstacle| obstacle.state).collect();
        if moves {
            next_at = self.going(stops, &mut because);
        }
        because.extend(
            obstacles
                .iter_mut()
                .filter_map(|found| found.because.take()),
        );
        let mut grade = Grade::Fine;
        let mut who = Who::Nobody;
        let mut acts: Vec<Act> = Vec::new();
        for obstacle in obstacles {
            grade = grade.max(obstacle.grade);
            if who == Who::Nobody {
                who = obstacle.who;
            }
            acts.extend(obstacle.acts);
        }
        if let Some(Deadline {
            at,
            holds: Some(false),
            left,
        }) = deadline
            && at > self.now
        {
            because.push(format!(
                "its deadline {} stops it with about {} left",
                self.moment(at),
                left.unwrap_or_default()
            ));
            grade = grade.max(Grade::Ask);
            if who == Who::Nobody {
                who = Who::Operator;
            }
            acts.push(Act::ChangeControls);
        }
        let acts = in_order(&acts);
        let mut says = self.says(state, &pace);
        let is_active = campaign.status == CampaignStatus::Active;
        if is_active && state != State::NoWorker && kept_by.contains(&State::NoWorker) {
            says.push_str(", no worker");
        }
        Standing {
            state,
            says,
            because,
            grade,
            who,
            acts,
            next_at,
            rate_per_second: campaign.settled_per_second.filter(|_| moves),
            ends,
            deadline,
            kept_by,
        }
    }

    fn says(&self, state: State, pace: &Pace<'_>) -> String {
        match (
            state,
            &pace.first,
            self.campaign.controls.schedule.standing(self.now),
        ) {
            (State::Priority, Some((first, _)), _) => {
                format!("waits for {} (priority)", first.name)
            }
            (State::NotBefore, _, ScheduleState::NotBefore(at)) => {
                format!("begins {}", self.moment(at))
            }
            _ => state.words().to_owned(),
        }
    }

    fn deadline(&self, end: Option<End>, waits_for_somebody: bool) -> Option<Deadline> {
        let at = self.campaign.controls.schedule.deadline?;
        let (holds, left) = match end {
            _ if at <= self.now => (Some(false), Some(self.campaign.jobs.left)),
            Some(End::Deadline(_, left)) => (Some(false), Some(left)),
            Some(End::Done(_)) if !waits_for_somebody => (Some(true), None),
            Some(End::Done(_) | End::Never) | None => (None, None),
        };
        Some(Deadline { at, holds, left })
    }

    /// What there is to say of a campaign whose jobs go out; when something changes next.
    fn going(&self, stops: Option<Timestamp>, because: &mut Vec<String>) -> Option<Timestamp> {
        let campaign = self.campaign;
        let mut next_at = None;
        if campaign.canary == CanaryPhase::Running {
            let size = campaign
                .controls
                .canary
                .map(|canary| canary.of(campaign.jobs.total));
            let first = size.map_or_else(String::new, |size| {
                format!("{} first", counted(size, "device goes", "devices go"))
            });
            let then = match campaign.controls.canary_auto {
                Some(auto) => format!("; the rest follows if {auto} of them succeed"),
                None => "; then a person looks".to_owned(),
            };
            because.push(format!("{first}{then}"));
            next_at = stops;
        } else if let Some(passed) = campaign.canary_passed {
            because.push(self.deed("canary passed", Some(passed)));
        }
        if let Some(lane) = self.around.lane
            && lane.used as f64 >= lane.granted.floor()
            && lane.granted > 0.0
        {
            let next = lane.next_at.filter(|at| *at > self.now);
            because.push(match next {
                Some(at) => format!("quota used, next calls in {}", about(at.since(self.now))),
                None => "quota used".to_owned(),
            });
            next_at = next.or(next_at);
        }
        if let ScheduleState::Open(Some(until)) = campaign.controls.schedule.standing(self.now)
            && campaign.controls.schedule.deadline != Some(until)
        {
            because.push(format!("its window is open until {}", self.moment(until)));
            next_at = next_at.or(Some(until));
        }
        next_at
    }

    /// What keeps it, in order; nothing while its jobs go out.
    fn obstacles(&self, pace: &Pace<'a>) -> Vec<Obstacle> {
        let campaign = self.campaign;
        let is_paused = campaign.status == CampaignStatus::Paused;
        let mut found = Vec::new();
        if is_paused {
            found.push(self.paused());
        }
        found.extend(self.schedule(is_paused));
        if !is_paused && !campaign.is_whole && campaign.canary == CanaryPhase::Choosing {
            found.push(
                Obstacle::new(State::Incomplete, Grade::Ask, Who::Operator)
                    .because(
                        "its list is not all in, and its canary is chosen when it is; if nobody is \
                         enqueueing it now, it was broken off",
                    )
                    .acts(&[Act::EnqueueAgain]),
            );
        }
        let waits = !found.is_empty();
        if campaign.attended_until < self.now {
            found.push(self.no_worker(waits));
            return found;
        }
        if is_paused {
            return found;
        }
        found.extend(self.trouble());
        if !waits {
            found.extend(self.gate());
            if found.is_empty() {
                found.extend(self.priority(pace));
            }
        }
        if found.is_empty() && !campaign.is_whole && campaign.jobs.left == 0 {
            found.push(
                Obstacle::new(State::Incomplete, Grade::Ask, Who::Operator)
                    .because(
                        "a list of it is not all in; if nobody is enqueueing it now, it was broken off",
                    )
                    .acts(&[Act::EnqueueAgain]),
            );
        }
        found
    }

    fn paused(&self) -> Obstacle {
        let campaign = self.campaign;
        let reason = campaign.reason.trim();
        let resume = if campaign.canary == CanaryPhase::Waiting {
            Act::PassCanary
        } else {
            Act::Resume
        };
        let by_person = match campaign.pause_cause {
            None => reason.is_empty() || reason.starts_with(BY_PERSON),
            Some(cause) => cause == PauseCause::Person,
        };
        if by_person {
            let said = reason.strip_prefix(BY_PERSON).unwrap_or(reason);
            let said = said.trim_start_matches([':', ';', ' ']);
            let who = self.deed("paused", campaign.stopped);
            let because = match (campaign.stopped, said) {
                (None, "") => BY_PERSON.to_owned(),
                (None, said) => format!("{BY_PERSON}: {said}"),
                (Some(_), "") => who,
                (Some(_), said) => format!("{who}: {said}"),
            };
            return Obstacle::new(State::Paused, Grade::Fine, Who::Operator)
                .because(because)
                .acts(&[resume]);
        }
        let (state, grade, who, acts): (_, _, _, &[Act]) = match campaign.pause_cause {
            Some(PauseCause::Canary) => (
                State::CanaryWaits,
                Grade::Ask,
                Who::Operator,
                &[Act::LookAtCanary, Act::PassCanary, Act::Cancel],
            ),
            Some(PauseCause::Breaker) => (
                State::Tripped,
                Grade::Alarm,
                Who::Operator,
                &[Act::LookAtDead, Act::Resume],
            ),
            Some(PauseCause::Deadline) => (
                State::DeadlinePassed,
                Grade::Ask,
                Who::Operator,
                &[Act::SetDeadline, Act::Resume],
            ),
            Some(PauseCause::SignIn) => {
                (State::SignIn, Grade::Alarm, Who::Operator, &[Act::SignIn])
            }
            Some(PauseCause::Tenant | PauseCause::Person) | None => (
                State::Refused,
                Grade::Alarm,
                Who::Tenant,
                &[Act::Check, Act::Resume],
            ),
        };
        let because = match campaign.pause_cause {
            Some(PauseCause::Canary) => {
                let said = reason.strip_prefix("canary: ").unwrap_or(reason);
                format!("canary through, {said}; look, then pass it or cancel")
            }
            // Said by its schedule, from what is true now.
            Some(PauseCause::Deadline) if self.has_passed() => String::new(),
            Some(PauseCause::Deadline) => {
                "its deadline had passed; a later one, or none, is set now: resume it".to_owned()
            }
            _ => reason.to_owned(),
        };
        let obstacle = Obstacle::new(state, grade, who).acts(acts);
        if because.is_empty() {
            obstacle
        } else {
            obstacle.because(because)
        }
    }

    fn has_passed(&self) -> bool {
        let deadline = self.campaign.controls.schedule.deadline;
        deadline.is_some_and(|deadline| deadline <= self.now)
    }

    fn schedule(&self, is_paused: bool) -> Option<Obstacle> {
        let schedule = &self.campaign.controls.schedule;
        Some(match schedule.standing(self.now) {
            ScheduleState::Open(_) => return None,
            ScheduleState::Over(deadline) => {
                let left = counted(self.campaign.jobs.left, "job", "jobs");
                let acts: &[Act] = if is_paused {
                    &[Act::SetDeadline, Act::Resume]
                } else {
                    &[Act::SetDeadline]
                };
                Obstacle::new(State::DeadlinePassed, Grade::Ask, Who::Operator)
                    .because(format!(
                        "its deadline {} passed with {left} left; set a later one or none, then resume",
                        self.moment(deadline)
                    ))
                    .acts(acts)
            }
            ScheduleState::NotBefore(_) | ScheduleState::Closed(_) if is_paused => return None,
            ScheduleState::NotBefore(begin) => Obstacle::passing(State::NotBefore)
                .because(format!("that is in {}", about(begin.since(self.now))))
                .until(Some(begin)),
            ScheduleState::Closed(Some(opens)) => Obstacle::passing(State::Window)
                .because(format!(
                    "it runs {} ({}) only, opens {}",
                    schedule.windows,
                    schedule.zone,
                    self.ahead(opens)
                ))
                .until(Some(opens)),
            ScheduleState::Closed(None) => Obstacle::new(State::Window, Grade::Ask, Who::Operator)
                .because(match schedule.deadline {
                    Some(deadline) => format!(
                        "it runs {} ({}) only, which does not open before its deadline {}",
                        schedule.windows,
                        schedule.zone,
                        self.moment(deadline)
                    ),
                    None => format!(
                        "it runs {} ({}) only, which never opens",
                        schedule.windows, schedule.zone
                    ),
                })
                .acts(&[Act::ChangeControls]),
        })
    }

    fn no_worker(&self, waits: bool) -> Obstacle {
        let tenant = self.campaign.tenant;
        let others = match self.around.workers.len() {
            0 => "no worker is running".to_owned(),
            1 => format!("no worker serves tenant {tenant} (the one that runs serves others)"),
            many => format!("no worker serves tenant {tenant} (the {many} that run serve others)"),
        };
        let is_paused = self.campaign.status == CampaignStatus::Paused;
        let (grade, follows) = match (is_paused, waits) {
            (true, _) => (Grade::Fine, "resumed, it would not move"),
            (false, true) => (Grade::Ask, "nothing will happen then either"),
            (false, false) => (Grade::Alarm, "nothing moves"),
        };
        let because = format!("{others}: {follows}");
        Obstacle::new(State::NoWorker, grade, Who::Host)
            .because(because)
            .acts(&[Act::StartWorker])
    }

    /// What all workers lack: where one is well, it goes on with that one.
    fn trouble(&self) -> Option<Obstacle> {
        let mut workers = self.around.workers.iter();
        let first = self.around.workers.first()?;
        workers.all(|worker| !worker.trouble.is_empty()).then(|| {
            Obstacle::new(State::Trouble, Grade::Alarm, Who::Host)
                .because(first.trouble)
                .acts(&[Act::Check])
        })
    }

    fn gate(&self) -> Option<Obstacle> {
        match self.around.lane?.gate {
            LaneGate::Open => None,
            LaneGate::Unreachable(why) => {
                let because = match why {
                    "" => "Graph cannot be reached",
                    why => why,
                };
                Some(
                    Obstacle::new(State::Unreachable, Grade::Alarm, Who::Host)
                        .because(format!("{because}; it goes on by itself when it answers"))
                        .acts(&[Act::Check]),
                )
            }
            LaneGate::Closed(until) => {
                let until = until.filter(|until| *until > self.now);
                let because = match until {
                    Some(until) => format!(
                        "the tenant throttles, nothing leaves for {}",
                        about(until.since(self.now))
                    ),
                    None => "the tenant throttles, nothing leaves for the moment".to_owned(),
                };
                Some(
                    Obstacle::passing(State::Throttled)
                        .because(because)
                        .until(until),
                )
            }
        }
    }

    fn priority(&self, pace: &Pace<'_>) -> Option<Obstacle> {
        let (first, jobs) = pace.first?;
        let after = std::time::Duration::try_from_secs_f64(pace.waits).ok();
        Some(
            Obstacle::passing(State::Priority)
                .because(format!(
                    "{} goes first (priority {} before {}), {} left",
                    first.name,
                    first.controls.priority,
                    self.campaign.controls.priority,
                    counted(jobs, "job", "jobs")
                ))
                .until(after.map(|after| self.now.after(after))),
        )
    }
}
