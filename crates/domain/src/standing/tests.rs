//! The truth: a row for each situation in which a campaign can be, and for several at once.
//!
//! Each row is played at 22:22 on Monday, 30 November 2026, by the clocks of Berlin.

use std::time::Duration;

use super::*;
use crate::controls::{Controls, Rate, Schedule, moment_in};
use crate::{
    Action, CampaignId, CampaignStatus, CanaryPhase, PauseCause, Priority, TenantName, WorkerId,
    Zone,
};

/// What a row is made of: a campaign of 2,000 devices of which 400 are done, a tenant that grants
/// 100 calls in 20 s, and a worker.
struct Row {
    controls: Controls,
    status: CampaignStatus,
    reason: &'static str,
    cause: Option<PauseCause>,
    stopped: Option<&'static str>,
    canary_passed: Option<&'static str>,
    canary: CanaryPhase,
    is_whole: bool,
    ended: bool,
    attended: bool,
    jobs: Jobs,
    action: Action,
    lane: Option<Lane<'static>>,
    /// Version, trouble, and by how many seconds the clock is ahead.
    workers: Vec<(&'static str, &'static str, i64)>,
    others: Vec<Other>,
}

/// Another campaign of the tenant.
struct Other {
    name: &'static str,
    controls: Controls,
    status: CampaignStatus,
    left: u64,
}

fn berlin() -> Zone {
    "Europe/Berlin".parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    moment_in(&berlin(), text, Timestamp::default()).unwrap()
}

fn now() -> Timestamp {
    at("2026-11-30 22:22")
}

fn later(seconds: u64) -> Timestamp {
    now().after(Duration::from_secs(seconds))
}

impl Default for Row {
    fn default() -> Self {
        Self {
            controls: Controls {
                schedule: Schedule {
                    zone: berlin(),
                    ..Schedule::default()
                },
                ..Controls::default()
            },
            status: CampaignStatus::Active,
            reason: "",
            cause: None,
            stopped: None,
            canary_passed: None,
            canary: CanaryPhase::Off,
            is_whole: true,
            ended: false,
            attended: true,
            jobs: Jobs {
                total: 2_000,
                left: 1_600,
                succeeded: 400,
                calls: 400,
                ..Jobs::default()
            },
            action: Action::Unassign,
            lane: Some(lane()),
            workers: vec![("0.1.0", "", 0)],
            others: Vec::new(),
        }
    }
}

fn lane() -> Lane<'static> {
    Lane {
        gate: LaneGate::Open,
        granted: 100.0,
        window: Duration::from_secs(20),
        used: 50,
        next_at: None,
    }
}

impl Row {
    /// One that a person or a cause has paused.
    fn paused(cause: PauseCause, reason: &'static str) -> Self {
        Self {
            status: CampaignStatus::Paused,
            cause: Some(cause),
            reason,
            ..Self::default()
        }
    }

    fn windows(mut self, windows: &str) -> Self {
        self.controls.schedule.windows = windows.parse().unwrap();
        self
    }

    fn not_before(mut self, text: &str) -> Self {
        self.controls.schedule.not_before = Some(at(text));
        self
    }

    fn deadline(mut self, at: Timestamp) -> Self {
        self.controls.schedule.deadline = Some(at);
        self
    }

    fn rate(mut self, rate: &str) -> Self {
        self.controls.rate = Some(rate.parse::<Rate>().unwrap());
        self
    }

    fn left(mut self, left: u64) -> Self {
        self.jobs.left = left;
        self
    }

    fn no_worker(mut self) -> Self {
        self.attended = false;
        self.workers.clear();
        self
    }

    fn canary(mut self, phase: CanaryPhase) -> Self {
        self.canary = phase;
        self.controls.canary = Some("20".parse().unwrap());
        self
    }

    fn gate(mut self, gate: LaneGate<'static>) -> Self {
        self.lane = Some(Lane { gate, ..lane() });
        self
    }

    fn beside(mut self, name: &'static str, priority: i32, left: u64) -> Self {
        self.others.push(Other {
            name,
            controls: Controls {
                priority: Priority(priority),
                ..Controls::default()
            },
            status: CampaignStatus::Active,
            left,
        });
        self
    }

    fn worker(mut self, trouble: &'static str, version: &'static str, ahead: i64) -> Self {
        self.workers = vec![(version, trouble, ahead)];
        self
    }

    fn with<T>(&self, then: impl FnOnce(&Subject<'_>, &Situation<'_>) -> T) -> T {
        let tenant: TenantName = "contoso".parse().unwrap();
        let evening = at("2026-11-30 21:19");
        let deed = |by| Deed { by, at: evening };
        let subject = Subject {
            id: CampaignId(1),
            name: "spring",
            tenant: &tenant,
            action: self.action,
            status: self.status,
            reason: self.reason,
            pause_cause: self.cause,
            stopped: self.stopped.map(deed),
            canary_passed: self.canary_passed.map(deed),
            controls: &self.controls,
            canary: self.canary,
            is_whole: self.is_whole,
            ended_at: self.ended.then_some(evening),
            attended_until: if self.attended {
                later(10)
            } else {
                Timestamp::default()
            },
            jobs: self.jobs,
            settled_per_second: Some(4.0),
        };
        let ids: Vec<WorkerId> = (0..self.workers.len())
            .map(|index| WorkerId(format!("here-{index}")))
            .collect();
        let workers: Vec<Worker<'_>> = self
            .workers
            .iter()
            .zip(&ids)
            .map(|((version, trouble, ahead), id)| Worker {
                id,
                version,
                heard_at: Timestamp::from_millis(now().as_millis() + ahead * 1_000),
                trouble,
            })
            .collect();
        let others: Vec<Subject<'_>> = self
            .others
            .iter()
            .zip(2..)
            .map(|(other, id)| Subject {
                id: CampaignId(id),
                name: other.name,
                controls: &other.controls,
                status: other.status,
                jobs: Jobs {
                    total: other.left,
                    left: other.left,
                    ..Jobs::default()
                },
                canary: CanaryPhase::Off,
                ..subject.clone()
            })
            .collect();
        let situation = Situation {
            now: now(),
            zone: &Zone::default(),
            version: "0.1.0",
            lane: self.lane,
            workers: &workers,
            others: &others,
        };
        then(&subject, &situation)
    }

    fn standing(&self) -> Standing {
        self.with(standing)
    }

    /// Everything that is said of it, a line each.
    fn said(&self) -> String {
        let standing = self.standing();
        let acts: Vec<&str> = standing.acts.iter().map(|act| act.as_str()).collect();
        let rate = standing
            .rate_per_second
            .map_or("–".to_owned(), |rate| format!("{rate:.1}/s"));
        let holds = match standing.deadline {
            None => "",
            Some(Deadline {
                holds: Some(true), ..
            }) => ", deadline holds",
            Some(Deadline {
                holds: Some(false), ..
            }) => ", deadline does not hold",
            Some(Deadline { holds: None, .. }) => ", deadline unclear",
        };
        let over = standing.over_in_words(&berlin(), now());
        format!(
            "{}\n{} | {} | {} | {rate} | over {}{holds}",
            standing.in_words(),
            standing.grade,
            standing.who,
            acts.join(", "),
            over.unwrap_or("–".to_owned()),
        )
    }
}

impl Row {
    fn other_rate(mut self, rate: &str) -> Self {
        for other in &mut self.others {
            other.controls.rate = Some(rate.parse::<Rate>().unwrap());
        }
        self
    }

    fn other_windows(mut self, windows: &str) -> Self {
        for other in &mut self.others {
            other.controls.schedule.windows = windows.parse().unwrap();
        }
        self
    }

    fn other_paused(mut self) -> Self {
        for other in &mut self.others {
            other.status = CampaignStatus::Paused;
        }
        self
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each situation")]
fn every_situation_is_said_as_it_is() {
    let table = vec![
        (
            "goes",
            Row::default(),
            "running\n\
             fine | nobody |  | 4.0/s | over in 5 min",
        ),
        (
            "window closed",
            Row::default().windows("02:00-05:00"),
            "waits for its window: it runs 02:00-05:00 (Europe/Berlin) only, opens Tue 1 Dec 02:00 CET (in 3 h 38 min)\n\
             fine | nobody |  | – | over not before Tue 1 Dec 02:05:10 CET",
        ),
        (
            "window closed, no worker",
            Row::default().windows("02:00-05:00").no_worker(),
            "waits for its window, no worker: it runs 02:00-05:00 (Europe/Berlin) only, opens Tue 1 Dec 02:00 CET (in 3 h 38 min); no worker is running: nothing will happen then either\n\
             ask | host | start-worker | – | over –",
        ),
        (
            "window open until later",
            Row::default().windows("22:00-05:00"),
            "running: its window is open until Tue 1 Dec 05:00 CET\n\
             fine | nobody |  | 4.0/s | over in 5 min",
        ),
        (
            "window never opens before the deadline",
            Row::default()
                .windows("02:00-05:00")
                .deadline(at("2026-12-01 01:00")),
            "waits for its window: it runs 02:00-05:00 (Europe/Berlin) only, which does not open before its deadline Tue 1 Dec 01:00 CET; its deadline Tue 1 Dec 01:00 CET stops it with about 1600 left\n\
             ask | operator | change-controls | – | over deadline Tue 1 Dec 01:00 CET stops it with about 1600 left, deadline does not hold",
        ),
        (
            "not before",
            Row::default().not_before("2026-12-01 00:23"),
            "begins Tue 1 Dec 00:23 CET: that is in 2 h 01 min\n\
             fine | nobody |  | – | over not before Tue 1 Dec 00:28:10 CET",
        ),
        (
            "not before, no worker",
            Row::default().not_before("2026-12-01 00:23").no_worker(),
            "begins Tue 1 Dec 00:23 CET, no worker: that is in 2 h 01 min; no worker is running: nothing will happen then either\n\
             ask | host | start-worker | – | over –",
        ),
        (
            "not before, then a closed window",
            Row::default()
                .windows("02:00-05:00")
                .not_before("2026-12-01 00:23"),
            "waits for its window: it runs 02:00-05:00 (Europe/Berlin) only, opens Tue 1 Dec 02:00 CET (in 3 h 38 min)\n\
             fine | nobody |  | – | over not before Tue 1 Dec 02:05:10 CET",
        ),
        (
            "rate of 1/s, 88 left",
            Row::default().rate("1/s").left(88),
            "running\n\
             fine | nobody |  | 4.0/s | over in 1 min",
        ),
        (
            "rate of 10/min, 190 left",
            Row::default().rate("10/min").left(190),
            "running\n\
             fine | nobody |  | 4.0/s | over in 19 min",
        ),
        (
            "rate of 6/min, 90 left",
            Row::default().rate("6/min").left(90),
            "running\n\
             fine | nobody |  | 4.0/s | over in 15 min",
        ),
        (
            "rate of 3/min, 270 left",
            Row::default().rate("3/min").left(270),
            "running\n\
             fine | nobody |  | 4.0/s | over in 1 h 30 min",
        ),
        (
            "rate, window closed",
            Row::default().rate("1/s").windows("02:00-02:05"),
            "waits for its window: it runs 02:00-02:05 (Europe/Berlin) only, opens Tue 1 Dec 02:00 CET (in 3 h 38 min)\n\
             fine | nobody |  | – | over not before Sun 6 Dec 02:01:35 CET",
        ),
        (
            "deadline that holds",
            Row::default().deadline(at("2026-11-30 23:00")),
            "running\n\
             fine | nobody |  | 4.0/s | over in 5 min, deadline holds",
        ),
        (
            "deadline that cannot be met",
            Row::default().rate("10/min").left(180).deadline(later(15)),
            "running: its deadline Mon 30 Nov 22:22:15 CET stops it with about 178 left\n\
             ask | operator | change-controls | 4.0/s | over deadline Mon 30 Nov 22:22:15 CET stops it with about 178 left, deadline does not hold",
        ),
        (
            "deadline that cannot be met, window closed",
            Row::default()
                .rate("1/min")
                .windows("02:00-05:00")
                .deadline(at("2026-12-01 04:00")),
            "waits for its window: it runs 02:00-05:00 (Europe/Berlin) only, opens Tue 1 Dec 02:00 CET (in 3 h 38 min); its deadline Tue 1 Dec 04:00 CET stops it with about 1480 left\n\
             ask | operator | change-controls | – | over deadline Tue 1 Dec 04:00 CET stops it with about 1480 left, deadline does not hold",
        ),
        (
            "deadline passed",
            Row::paused(
                PauseCause::Deadline,
                "its deadline 2026-11-30T21:20:00.000Z passed with 1600 jobs left",
            )
            .deadline(at("2026-11-30 22:20")),
            "deadline passed: its deadline Mon 30 Nov 22:20 CET passed with 1600 jobs left; set a later one or none, then resume\n\
             ask | operator | set-deadline, resume | – | over –, deadline does not hold",
        ),
        (
            "deadline passed, no worker",
            Row::paused(
                PauseCause::Deadline,
                "its deadline 2026-11-30T21:20:00.000Z passed with 1600 jobs left",
            )
            .deadline(at("2026-11-30 22:20"))
            .no_worker(),
            "deadline passed: its deadline Mon 30 Nov 22:20 CET passed with 1600 jobs left; set a later one or none, then resume; no worker is running: resumed, it would not move\n\
             ask | operator | set-deadline, resume, start-worker | – | over –, deadline does not hold",
        ),
        (
            "deadline passed, not yet noticed",
            Row::default().deadline(at("2026-11-30 22:20")),
            "deadline passed: its deadline Mon 30 Nov 22:20 CET passed with 1600 jobs left; set a later one or none, then resume\n\
             ask | operator | set-deadline | – | over –, deadline does not hold",
        ),
        (
            "deadline passed, a later one set",
            Row::paused(
                PauseCause::Deadline,
                "its deadline 2026-11-30T21:20:00.000Z passed with 1600 jobs left",
            )
            .deadline(at("2026-12-01 22:20")),
            "deadline passed: its deadline had passed; a later one, or none, is set now: resume it\n\
             ask | operator | set-deadline, resume | – | over –, deadline unclear",
        ),
        (
            "lower priority behind a full campaign",
            Row::default().left(40).beside("rr", 10, 337),
            "waits for rr (priority): rr goes first (priority high before normal), 337 jobs left\n\
             fine | nobody |  | – | over not before Mon 30 Nov 22:23:07 CET",
        ),
        (
            "lower priority, the other has a low rate",
            Row::default()
                .left(40)
                .beside("rr", 10, 337)
                .other_rate("1/s"),
            "running\n\
             fine | nobody |  | 4.0/s | over in 0 s",
        ),
        (
            "lower priority, the other waits for its window",
            Row::default()
                .left(40)
                .beside("rr", 10, 337)
                .other_windows("02:00-05:00"),
            "running\n\
             fine | nobody |  | 4.0/s | over in 0 s",
        ),
        (
            "several share",
            Row::default().beside("rr", 0, 10_000),
            "running\n\
             fine | nobody |  | 4.0/s | over in 10 min",
        ),
        (
            "several share, one is paused",
            Row::default().beside("rr", 0, 10_000).other_paused(),
            "running\n\
             fine | nobody |  | 4.0/s | over in 5 min",
        ),
        (
            "paused by a person",
            Row {
                stopped: Some("root"),
                ..Row::paused(PauseCause::Person, "paused by a person: change freeze")
            },
            "paused: paused by root at Mon 30 Nov 21:19 CET: change freeze\n\
             fine | operator | resume | – | over –",
        ),
        (
            "paused by nobody knows whom",
            Row::paused(PauseCause::Person, "paused by a person"),
            "paused: paused by a person\n\
             fine | operator | resume | – | over –",
        ),
        (
            "paused by a person, deadline passed",
            Row {
                stopped: Some("root"),
                ..Row::paused(PauseCause::Person, "paused by a person")
            }
            .deadline(at("2026-11-30 22:20")),
            "paused: paused by root at Mon 30 Nov 21:19 CET; its deadline Mon 30 Nov 22:20 CET passed with 1600 jobs left; set a later one or none, then resume\n\
             ask | operator | set-deadline, resume | – | over –, deadline does not hold",
        ),
        (
            "paused by a person, no worker",
            Row {
                stopped: Some("root"),
                ..Row::paused(PauseCause::Person, "paused by a person")
            }
            .no_worker(),
            "paused: paused by root at Mon 30 Nov 21:19 CET; no worker is running: resumed, it would not move\n\
             fine | operator | resume, start-worker | – | over –",
        ),
        (
            "paused by a person, deadline too near",
            Row {
                stopped: Some("root"),
                ..Row::paused(PauseCause::Person, "paused by a person")
            }
            .deadline(later(60)),
            "paused: paused by root at Mon 30 Nov 21:19 CET; its deadline Mon 30 Nov 22:23 CET stops it with about 1250 left\n\
             ask | operator | resume, change-controls | – | over deadline Mon 30 Nov 22:23 CET stops it with about 1250 left, deadline does not hold",
        ),
        (
            "canary goes",
            Row::default().canary(CanaryPhase::Running).left(1_995),
            "runs its canary: 20 devices go first; then a person looks\n\
             fine | nobody |  | 4.0/s | over –",
        ),
        (
            "canary waits",
            Row::paused(
                PauseCause::Canary,
                "canary: 19 of 20 succeeded, 1 dead (not-found)",
            )
            .canary(CanaryPhase::Waiting),
            "canary to pass: canary through, 19 of 20 succeeded, 1 dead (not-found); look, then pass it or cancel\n\
             ask | operator | look-at-canary, pass-canary, cancel | – | over –",
        ),
        (
            "canary waits, no worker",
            Row::paused(
                PauseCause::Canary,
                "canary: 19 of 20 succeeded, 1 dead (not-found)",
            )
            .canary(CanaryPhase::Waiting)
            .no_worker(),
            "canary to pass: canary through, 19 of 20 succeeded, 1 dead (not-found); look, then pass it or cancel; no worker is running: resumed, it would not move\n\
             ask | operator | look-at-canary, pass-canary, cancel, start-worker | – | over –",
        ),
        (
            "canary waits, deadline passed",
            Row::paused(PauseCause::Canary, "canary: 20 of 20 succeeded")
                .canary(CanaryPhase::Waiting)
                .deadline(at("2026-11-30 22:20")),
            "canary to pass: canary through, 20 of 20 succeeded; look, then pass it or cancel; its deadline Mon 30 Nov 22:20 CET passed with 1600 jobs left; set a later one or none, then resume\n\
             ask | operator | set-deadline, look-at-canary, pass-canary, cancel | – | over –, deadline does not hold",
        ),
        (
            "canary waits, paused by a person",
            Row {
                stopped: Some("root"),
                ..Row::paused(
                    PauseCause::Person,
                    "paused by a person; canary: 20 of 20 succeeded",
                )
            }
            .canary(CanaryPhase::Waiting),
            "paused: paused by root at Mon 30 Nov 21:19 CET: canary: 20 of 20 succeeded\n\
             fine | operator | pass-canary | – | over –",
        ),
        (
            "canary passed",
            Row {
                canary_passed: Some("otto"),
                ..Row::default()
            }
            .canary(CanaryPhase::Passed),
            "running: canary passed by otto at Mon 30 Nov 21:19 CET\n\
             fine | nobody |  | 4.0/s | over in 5 min",
        ),
        (
            "canary not chosen, list not all in",
            Row {
                is_whole: false,
                ..Row::default()
            }
            .canary(CanaryPhase::Choosing),
            "list not all in: its list is not all in, and its canary is chosen when it is; if nobody is enqueueing it now, it was broken off\n\
             ask | operator | enqueue-again | – | over –",
        ),
        (
            "list not all in, its jobs go",
            Row {
                is_whole: false,
                ..Row::default()
            },
            "running\n\
             fine | nobody |  | 4.0/s | over in 5 min",
        ),
        (
            "list not all in, nothing of it left",
            Row {
                is_whole: false,
                ..Row::default()
            }
            .left(0),
            "list not all in: a list of it is not all in; if nobody is enqueueing it now, it was broken off\n\
             ask | operator | enqueue-again | – | over –",
        ),
        (
            "no worker",
            Row::default().no_worker(),
            "waits for a worker: no worker is running: nothing moves\n\
             alarm | host | start-worker | – | over –",
        ),
        (
            "no worker of this tenant",
            Row {
                attended: false,
                ..Row::default()
            },
            "waits for a worker: no worker serves tenant contoso (the one that runs serves others): nothing moves\n\
             alarm | host | start-worker | – | over –",
        ),
        (
            "worker of another version",
            Row::default().worker("", "0.0.9", 0),
            "running\n\
             fine | nobody |  | 4.0/s | over in 5 min",
        ),
        (
            "worker whose clock is ahead",
            Row::default().worker("", "0.1.0", 3 * 3_600),
            "running\n\
             fine | nobody |  | 4.0/s | over in 5 min",
        ),
        (
            "Redis gone",
            Row::default().worker("Redis cannot be reached", "0.1.0", 0),
            "stands still: Redis cannot be reached\n\
             alarm | host | check | – | over –",
        ),
        (
            "Redis gone, window closed",
            Row::default()
                .worker("Redis cannot be reached", "0.1.0", 0)
                .windows("02:00-05:00"),
            "waits for its window: it runs 02:00-05:00 (Europe/Berlin) only, opens Tue 1 Dec 02:00 CET (in 3 h 38 min); Redis cannot be reached\n\
             alarm | host | check | – | over –",
        ),
        (
            "Graph unreachable",
            Row::default().gate(LaneGate::Unreachable(
                "Graph cannot be reached: connection refused",
            )),
            "stands still: Graph cannot be reached: connection refused; it goes on by itself when it answers\n\
             alarm | host | check | – | over –",
        ),
        (
            "Graph unreachable, window closed",
            Row::default()
                .gate(LaneGate::Unreachable("Graph cannot be reached"))
                .windows("02:00-05:00"),
            "waits for its window: it runs 02:00-05:00 (Europe/Berlin) only, opens Tue 1 Dec 02:00 CET (in 3 h 38 min)\n\
             fine | nobody |  | – | over not before Tue 1 Dec 02:05:10 CET",
        ),
        (
            "lane gate closed",
            Row::default().gate(LaneGate::Closed(Some(later(42)))),
            "throttled: the tenant throttles, nothing leaves for 42 s\n\
             fine | nobody |  | – | over not before Mon 30 Nov 22:27:52 CET",
        ),
        (
            "lane gate closed, window closed",
            Row::default()
                .gate(LaneGate::Closed(Some(later(42))))
                .windows("02:00-05:00"),
            "waits for its window: it runs 02:00-05:00 (Europe/Berlin) only, opens Tue 1 Dec 02:00 CET (in 3 h 38 min)\n\
             fine | nobody |  | – | over not before Tue 1 Dec 02:05:10 CET",
        ),
        (
            "lane gate closed, lower priority",
            Row::default()
                .gate(LaneGate::Closed(Some(later(42))))
                .beside("rr", 10, 337),
            "throttled: the tenant throttles, nothing leaves for 42 s\n\
             fine | nobody |  | – | over not before Mon 30 Nov 22:27:52 CET",
        ),
        (
            "quota used up between bursts",
            Row {
                lane: Some(Lane {
                    used: 100,
                    next_at: Some(later(12)),
                    ..lane()
                }),
                ..Row::default()
            },
            "running: quota used, next calls in 12 s\n\
             fine | nobody |  | 4.0/s | over in 5 min",
        ),
        (
            "throttled tenant grants less than is used",
            Row {
                lane: Some(Lane {
                    used: 51,
                    granted: 29.0,
                    ..lane()
                }),
                ..Row::default()
            },
            "running: quota used\n\
             fine | nobody |  | 4.0/s | over in 18 min",
        ),
        (
            "between steps",
            Row {
                action: Action::Reassign,
                jobs: Jobs {
                    total: 115,
                    left: 115,
                    between_steps: 60,
                    calls: 60,
                    ..Jobs::default()
                },
                ..Row::default()
            },
            "running\n\
             fine | nobody |  | 4.0/s | over in 24 s",
        ),
        (
            "never called yet",
            Row {
                lane: None,
                ..Row::default()
            },
            "running\n\
             fine | nobody |  | 4.0/s | over –",
        ),
        (
            "breaker tripped",
            Row::paused(
                PauseCause::Breaker,
                "20 of 66 failed: 10 refused, 10 have a new user",
            ),
            "stopped: too many failed: 20 of 66 failed: 10 refused, 10 have a new user\n\
             alarm | operator | look-at-dead, resume | – | over –",
        ),
        (
            "breaker tripped, no worker",
            Row::paused(
                PauseCause::Breaker,
                "20 of 66 failed: 10 refused, 10 have a new user",
            )
            .no_worker(),
            "stopped: too many failed: 20 of 66 failed: 10 refused, 10 have a new user; no worker is running: resumed, it would not move\n\
             alarm | operator | look-at-dead, resume, start-worker | – | over –",
        ),
        (
            "the tenant refuses",
            Row::paused(PauseCause::Tenant, "Graph answers 403"),
            "stopped: the tenant refuses: Graph answers 403\n\
             alarm | tenant | check, resume | – | over –",
        ),
        (
            "the sign-in ran out",
            Row::paused(PauseCause::SignIn, "otto must sign in again"),
            "waits for a sign-in: otto must sign in again\n\
             alarm | operator | sign-in | – | over –",
        ),
        (
            "ended",
            Row {
                ended: true,
                ..Row::default()
            }
            .left(0),
            "ended\n\
             fine | nobody |  | – | over Mon 30 Nov 21:19 CET",
        ),
        (
            "ended with dead letters",
            Row {
                ended: true,
                jobs: Jobs {
                    total: 20,
                    succeeded: 19,
                    dead: 1,
                    ..Jobs::default()
                },
                ..Row::default()
            },
            "ended: 1 device could not be done\n\
             fine | operator | look-at-dead | – | over Mon 30 Nov 21:19 CET",
        ),
        (
            "cancelled",
            Row {
                status: CampaignStatus::Cancelled,
                ended: true,
                stopped: Some("root"),
                ..Row::default()
            }
            .left(0),
            "cancelled: cancelled by root at Mon 30 Nov 21:19 CET\n\
             fine | nobody |  | – | over Mon 30 Nov 21:19 CET",
        ),
    ];
    for (name, row, expected) in table {
        assert_eq!(row.said(), expected, "{name}");
    }
}

#[test]
fn what_is_wrong_with_workers_is_said_the_worst_first() {
    let said = |row: Row| {
        let found = row.with(|_, around| notices(around));
        let lines = found
            .iter()
            .map(|notice| format!("{}: {}", notice.grade, notice.what));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(said(Row::default()), "");
    assert_eq!(
        said(Row::default().worker("", "0.0.9", 3 * 3_600)),
        "ask: The clock of worker here-0 is 3 h 00 min ahead of this machine's\n\
         ask: Worker here-0 runs version 0.0.9 beside 0.1.0"
    );
    assert_eq!(
        said(Row::default().worker("Redis cannot be reached", "0.1.0", 2)),
        "alarm: Worker here-0 is in trouble: Redis cannot be reached"
    );
}
