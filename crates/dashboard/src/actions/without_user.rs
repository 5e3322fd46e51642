//! What operators do with devices that a reassignment left without a user: give them back to whom they
//! had, or try their assignment again. Both ask first, and name the number.

use axum::extract::{Path, State};
use axum::response::Redirect;
use maud::{Markup, html};
use repilot_ledger::{FollowUp, NextUser, TriedAgain};

use crate::access::{Act, Visitor};
use crate::actions::campaign::{Confirm, Nothing, Question, back, campaign};
use crate::error::Refusal;
use crate::links;
use crate::pages::Done;
use crate::parts::devices;
use crate::state::App;

pub(crate) async fn ask_give_back(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let left = campaign.counts.left_without_user();
    let body = html! {
        @if left > 0 {
            p { strong { (devices(left)) } " go back to the users who had them before, in a campaign of their own." }
            p { "Each is looked at before it is called: one that has a user by then is left alone." }
        } @else {
            p { "None of its devices waits for that." }
        }
    };
    let question = Question {
        campaign: &campaign,
        asks: format!("Give {} back?", devices(left)),
        body,
        yes: (left > 0).then(|| Confirm {
            act: "give-back",
            says: format!("Give {} back", devices(left)),
            look: "primary sure",
            with: &[],
        }),
    };
    question.to(&visitor)
}

pub(crate) async fn give_back(
    State(app): State<App>,
    Path(name): Path<String>,
    Act { visitor, .. }: Act<Nothing>,
) -> Result<Redirect, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let (by, now) = (visitor.actor(), app.now());
    let given = app
        .ledger
        .assign_left_behind(&campaign, NextUser::Former, &by, now)
        .await?;
    let Some(made) = &given.campaign else {
        return Err(Refusal::Conflict(impossible(&given)));
    };
    app.overview_cache.forget().await;
    let done = Done::Enqueued(i64::try_from(given.jobs).unwrap_or(i64::MAX));
    Ok(Redirect::to(&done.at(&links::campaign(made))))
}

pub(crate) async fn ask_assign(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let left = campaign.counts.left_without_user();
    let body = html! {
        @if left > 0 {
            p { strong { (devices(left)) } " are assigned to the users whom the campaign was to give them to. Each is looked at before it is called." }
            p { "Dead letters go round again where they are; what was cancelled or set aside goes into a campaign of its own. Mend the cause of the refusal first, or they end here again." }
        } @else {
            p { "None of its devices waits for that." }
        }
    };
    let question = Question {
        campaign: &campaign,
        asks: format!("Try to assign {} again?", devices(left)),
        body,
        yes: (left > 0).then(|| Confirm {
            act: "assign-again",
            says: format!("Try {} again", devices(left)),
            look: "primary sure",
            with: &[],
        }),
    };
    question.to(&visitor)
}

pub(crate) async fn assign(
    State(app): State<App>,
    Path(name): Path<String>,
    Act { visitor, .. }: Act<Nothing>,
) -> Result<Redirect, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let (by, now) = (visitor.actor(), app.now());
    let TriedAgain {
        requeued,
        follow_up,
    } = app.ledger.try_assigning_again(&campaign, &by, now).await?;
    if requeued == 0
        && let Some(made) = &follow_up.campaign
    {
        app.overview_cache.forget().await;
        let done = Done::Enqueued(i64::try_from(follow_up.jobs).unwrap_or(i64::MAX));
        return Ok(Redirect::to(&done.at(&links::campaign(made))));
    }
    if requeued == 0 {
        return Err(Refusal::Conflict(impossible(&follow_up)));
    }
    let all = requeued.saturating_add(follow_up.jobs);
    let done = Done::Requeued(i64::try_from(all).unwrap_or(i64::MAX));
    back(&app, &name, done).await
}

/// Why nothing could be done for the devices.
pub(crate) fn impossible(follow_up: &FollowUp) -> String {
    let number = |jobs: u64| devices(i64::try_from(jobs).unwrap_or(i64::MAX));
    if follow_up.busy > 0 {
        format!(
            "another open campaign has {} of them already: nothing was changed",
            number(follow_up.busy)
        )
    } else if follow_up.no_former_user > 0 {
        format!(
            "{} had nobody before: try their assignment again instead",
            number(follow_up.no_former_user)
        )
    } else if follow_up.waiting > 0 {
        format!(
            "{} are still to be assigned by the campaign itself",
            number(follow_up.waiting)
        )
    } else {
        "no device of the campaign is without a user".to_owned()
    }
}
