//! `/live`: hits of the last seconds, as `/v1/live` shows them.

use axum::Json;
use axum::extract::State;
use endpoint_stats_core::store::live::LiveFeed;

use crate::access::{Principal, Scope};
use crate::api::LiveAnswer;
use crate::api_error::ApiError;

pub(super) fn show(
    State(feed): State<LiveFeed>,
    principal: Result<Principal, ApiError>,
) -> Result<Json<LiveAnswer>, ApiError> {
    let principal = principal?;
    principal.need(Scope::Read)?;
    Ok(Json(LiveAnswer::new(&feed.view(), &principal)))
}
