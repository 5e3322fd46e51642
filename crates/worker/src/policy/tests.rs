//! The table of answers, row by row.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_graph::{ForeignAnswer, SystemicReason};

use super::*;

const LOST: Uncertainty = Uncertainty {
    look_first: true,
    lost: true,
};

const ASKED: Option<Duration> = Some(Duration::from_secs(400));

const IN_DOUBT: GraphError = GraphError::Ambiguous { retry_after: None };

fn page() -> ForeignAnswer {
    ForeignAnswer::page(200, "graph.microsoft.com", "Sign in")
}

fn act(answer: &Result<(), GraphError>, spent: u32) -> Decision {
    let mut rng = StdRng::seed_from_u64(1);
    after_act(
        answer,
        Uncertainty::default(),
        spent,
        &RetrySettings::default(),
        &mut rng,
    )
}

fn look(answer: Result<&str, GraphError>, previous: &str, spent: u32) -> Decision {
    look_before(Step::Unassign, answer, (previous, ""), spent)
}

fn look_before(
    step: Step,
    answer: Result<&str, GraphError>,
    (previous, new): (&str, &str),
    spent: u32,
) -> Decision {
    let mut rng = StdRng::seed_from_u64(1);
    let answer = answer.map(str::to_owned);
    after_look(
        &answer,
        step,
        Users {
            previous,
            new,
            is_blind: false,
        },
        LOST,
        spent,
        &RetrySettings::default(),
        &mut rng,
    )
}

/// Delay aside, as in "retry unspent throttled".
fn in_short(decision: &Decision) -> String {
    match decision {
        Decision::Succeed => "succeed".to_owned(),
        Decision::Complete => "complete".to_owned(),
        Decision::Act => "act".to_owned(),
        Decision::Bury { reason, uncertain } => {
            let look = if *uncertain { " look" } else { "" };
            format!("bury {reason}{look}")
        }
        Decision::Retry {
            spent,
            uncertain,
            reason,
            pause,
            ..
        } => {
            let spent = if *spent { "spent" } else { "unspent" };
            let look = if *uncertain { " look" } else { "" };
            let pause = if pause.is_some() { " pause" } else { "" };
            format!("retry {spent} {}{look}{pause}", reason.as_str())
        }
    }
}

#[test]
fn every_answer_to_an_act_has_its_row() {
    let rows = [
        (Ok(()), "succeed"),
        (
            Err(GraphError::Throttled { retry_after: ASKED }),
            "retry unspent throttled",
        ),
        (Err(GraphError::Unauthorized), "retry unspent backoff"),
        (
            Err(GraphError::Systemic(SystemicReason::MultiAdminApproval)),
            "retry unspent returned pause",
        ),
        (Err(GraphError::NotFound), "bury not-found"),
        (Err(GraphError::Rejected), "bury rejected"),
        (
            Err(GraphError::Transient { retry_after: None }),
            "retry spent backoff",
        ),
        (Err(IN_DOUBT), "retry spent uncertain look"),
        (
            Err(GraphError::Foreign(page())),
            "retry unspent uncertain look",
        ),
        (
            Err(GraphError::Systemic(SystemicReason::NotGraph(page()))),
            "retry unspent uncertain look pause",
        ),
        (Err(GraphError::Unreachable), "retry unspent backoff"),
        (Err(GraphError::Unreadable), "retry spent backoff"),
    ];
    for (answer, expected) in rows {
        let decision = act(&answer, 0);
        assert_eq!(in_short(&decision), expected, "{answer:?}");
    }
}

#[test]
fn every_answer_to_a_look_has_its_row() {
    let rows = [
        (Ok(""), "a@b", "succeed"),
        (Ok("A@B "), "a@b", "act"),
        (Ok("c@d"), "a@b", "bury reassigned-meanwhile"),
        (Ok(""), "", "act"),
        (Ok("c@d"), "", "bury reassigned-meanwhile"),
        (
            Err(GraphError::Throttled { retry_after: None }),
            "a@b",
            "retry unspent throttled look",
        ),
        (
            Err(GraphError::Unauthorized),
            "a@b",
            "retry unspent backoff look",
        ),
        (
            Err(GraphError::Systemic(SystemicReason::TokenRefused)),
            "a@b",
            "retry unspent returned look pause",
        ),
        (Err(GraphError::NotFound), "a@b", "bury not-found look"),
        (
            Err(GraphError::Transient { retry_after: None }),
            "a@b",
            "retry spent backoff look",
        ),
        (
            Err(GraphError::Foreign(page())),
            "a@b",
            "retry unspent backoff look",
        ),
        (
            Err(GraphError::Systemic(SystemicReason::NotGraph(page()))),
            "a@b",
            "retry unspent returned look pause",
        ),
        (
            Err(GraphError::Unreachable),
            "a@b",
            "retry unspent backoff look",
        ),
        (
            Err(GraphError::Unreadable),
            "a@b",
            "retry spent backoff look",
        ),
    ];
    for (answer, previous, expected) in rows {
        let decision = look(answer.clone(), previous, 0);
        assert_eq!(in_short(&decision), expected, "{answer:?} {previous}");
    }
}

#[test]
fn what_a_look_finds_before_a_step_of_an_assignment_has_its_row() {
    use Step::{Assign, Unassign};
    let rows = [
        (Assign, "New@b ", "a@b", "complete"),
        (Assign, "", "a@b", "act"),
        (Assign, "A@b", "a@b", "act"),
        (Assign, "c@d", "a@b", "bury reassigned-meanwhile"),
        (Assign, "", "", "act"),
        (Assign, "c@d", "", "bury reassigned-meanwhile"),
        (Unassign, "new@b", "a@b", "complete"),
        (Unassign, "", "a@b", "succeed"),
        (Unassign, "a@b", "a@b", "act"),
        (Unassign, "c@d", "a@b", "bury reassigned-meanwhile"),
    ];
    for (step, found, previous, expected) in rows {
        let decision = look_before(step, Ok(found), (previous, "new@b"), 0);
        assert_eq!(in_short(&decision), expected, "{step} {found} {previous}");
    }
}

#[test]
fn passing_faults_end_with_the_last_attempt_and_a_429_never_does() {
    let last = RetrySettings::default().attempts - 1;
    let transient = Err(GraphError::Transient { retry_after: None });
    assert_eq!(in_short(&act(&transient, last - 1)), "retry spent backoff");
    assert_eq!(in_short(&act(&transient, last)), "bury attempts-spent");
    let throttled = Err(GraphError::Throttled { retry_after: None });
    assert_eq!(in_short(&act(&throttled, 1_000)), "retry unspent throttled");
}

#[test]
fn an_ambiguous_last_attempt_is_still_looked_into() {
    let limit = RetrySettings::default().attempts;
    assert_eq!(
        in_short(&act(&Err(IN_DOUBT), limit - 1)),
        "retry spent uncertain look"
    );
    assert_eq!(in_short(&look(Ok(""), "a@b", limit)), "succeed");
    assert_eq!(
        in_short(&look(Ok("a@b"), "a@b", limit)),
        "bury attempts-spent look"
    );
    let transient = || Err(GraphError::Transient { retry_after: None });
    assert_eq!(
        in_short(&look(transient(), "a@b", limit)),
        "retry spent backoff look"
    );
    assert_eq!(
        in_short(&look(transient(), "a@b", limit * 2 - 1)),
        "bury attempts-spent look"
    );
}

#[test]
fn a_lost_call_may_still_arrive_whatever_is_heard_of_the_next() {
    let mut rng = StdRng::seed_from_u64(1);
    for (answer, expected, if_lost) in [
        (Ok(()), "succeed", ""),
        (
            Err(GraphError::Throttled { retry_after: None }),
            "retry unspent throttled look",
            "",
        ),
        (
            Err(GraphError::Transient { retry_after: None }),
            "retry spent backoff look",
            "",
        ),
        (Err(GraphError::NotFound), "bury not-found", " look"),
        (Err(GraphError::Rejected), "bury rejected", " look"),
    ] {
        for (lost, also) in [(false, ""), (true, if_lost)] {
            let doubt = Uncertainty {
                look_first: true,
                lost,
            };
            let settings = RetrySettings::default();
            let decision = after_act(&answer, doubt, 1, &settings, &mut rng);
            assert_eq!(in_short(&decision), format!("{expected}{also}"));
        }
    }
}

#[test]
fn retry_after_is_the_least_wait_and_a_look_waits_for_graph_to_show_the_effect() {
    let settings = RetrySettings::default();
    let Decision::Retry { delay, .. } = act(&Err(GraphError::Transient { retry_after: ASKED }), 0)
    else {
        panic!("a retry")
    };
    assert_eq!(Some(delay), ASKED);
    for unheard in [IN_DOUBT, GraphError::Foreign(page())] {
        let Decision::Retry { delay, .. } = act(&Err(unheard), 0) else {
            panic!("a retry")
        };
        assert!(delay >= settings.look_after);
    }
    let asked = GraphError::Ambiguous { retry_after: ASKED };
    let Decision::Retry { delay, .. } = act(&Err(asked), 0) else {
        panic!("a retry")
    };
    assert_eq!(Some(delay), ASKED);
}

#[test]
fn no_page_in_graphs_place_spends_an_attempt_or_ends_a_job() {
    for spent in [0, 5, 1_000] {
        let foreign = act(&Err(GraphError::Foreign(page())), spent);
        assert_eq!(in_short(&foreign), "retry unspent uncertain look");
        let foreign = look(Err(GraphError::Foreign(page())), "a@b", spent);
        assert_eq!(in_short(&foreign), "retry unspent backoff look");
    }
}
