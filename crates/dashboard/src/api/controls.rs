//! What holds a campaign back, changed as `campaign set` does.

use axum::Json;
use axum::extract::State;
use repilot_domain::{
    Canary, Change, ControlChanges, ControlError, Controls, MaxFailures, Priority, Rate, Share,
    SightedWithin, Timestamp, Windows, Zone, moment_in,
};
use repilot_ledger::StandingCampaign;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::caller::Operator;
use super::campaigns::{campaign, changed};
use super::problem::Problem;
use super::take::{Body, Path};
use crate::state::App;

/// Changes of a campaign: a merge patch (RFC 7396).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CampaignPatch {
    controls: ControlsPatch,
}

/// Changes of what holds it back. What is left out stays, what is null is taken away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ControlsPatch {
    /// These go first; then it waits.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<Canary>, example = "20")]
    canary: Change<Canary>,
    /// It does not wait if at least this share of them succeeded.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<Share>, example = "98%")]
    canary_auto: Change<Share>,
    /// It stops by itself at so many dead letters.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<MaxFailures>, example = "10")]
    max_failures: Change<MaxFailures>,
    /// Nothing goes out before.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<Moment>)]
    not_before: Change<Moment>,
    /// Nothing goes out from then on.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<Moment>)]
    deadline: Change<Moment>,
    /// Nothing goes out while all of them are closed.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<Windows>, example = "Mon-Fri 20:00-06:00")]
    windows: Change<Windows>,
    /// Whose clocks the windows go by.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<Zone>, example = "Europe/Berlin")]
    zone: Change<Zone>,
    /// Before or after which others of its tenant it goes.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<Priority>, example = "high")]
    priority: Change<Priority>,
    /// How fast it may go, whatever the tenant grants.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<Rate>, example = "2/s")]
    rate: Change<Rate>,
    /// How long before its call it is asked who has a device, at most.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<SightedWithin>, example = "2min")]
    sighted_within: Change<SightedWithin>,
}

/// A moment: milliseconds since 1970, or as on the command line.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum Moment {
    /// Milliseconds since 1970, UTC.
    At(i64),
    /// `2026-03-01 20:00` or `20:00` by the clocks of the campaign's zone, `+2h`.
    Said(String),
}

fn change<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Change<T>, D::Error> {
    Ok(match Option::deserialize(deserializer)? {
        Some(value) => Change::Set(value),
        None => Change::Clear,
    })
}

impl ControlsPatch {
    fn changes(self, known: &Controls, now: Timestamp) -> Result<ControlChanges, ControlError> {
        let zone = self.zone.applied(Some(known.schedule.zone.clone()));
        let zone = zone.unwrap_or_default();
        let moment = |change: Change<Moment>| {
            Ok(match change {
                Change::Keep => Change::Keep,
                Change::Clear => Change::Clear,
                Change::Set(Moment::At(at)) => Change::Set(Timestamp::from_millis(at)),
                Change::Set(Moment::Said(text)) => Change::Set(moment_in(&zone, &text, now)?),
            })
        };
        Ok(ControlChanges {
            canary: self.canary,
            canary_auto: self.canary_auto,
            max_failures: self.max_failures,
            not_before: moment(self.not_before)?,
            deadline: moment(self.deadline)?,
            windows: self.windows,
            zone: self.zone,
            priority: self.priority,
            rate: self.rate,
            sighted_within: self.sighted_within,
        })
    }
}

/// Change when, how fast and how long a campaign runs
///
/// In force within seconds.
#[utoipa::path(
    patch,
    path = "/campaigns/{name}",
    params(("name" = String, Path, description = "The campaign's name")),
    request_body = CampaignPatch,
    responses(
        (status = 200, body = StandingCampaign, description = "As it is now"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "It has ended"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn patch(
    State(app): State<App>,
    Path(name): Path<String>,
    operator: Operator,
    Body(patch): Body<CampaignPatch>,
) -> Result<Json<StandingCampaign>, Problem> {
    let found = campaign(&app, &name).await?;
    if found.has_ended() {
        return Err(Problem::conflict(format!("Campaign `{name}` has ended.")));
    }
    let now = app.now();
    let changes = patch.controls.changes(&found.controls, now);
    let changes = changes.map_err(|error| Problem::senseless(format!("{error}.")))?;
    let by = operator.actor();
    app.ledger
        .change_controls(found.id, &changes, &by, now)
        .await?;
    changed(&app, &name).await
}
