//! [`Question`]: who asks, about which range and which endpoints.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use endpoint_stats_core::store::{StatsQuery, StatsReport};
use endpoint_stats_core::window::{TimeRange, Timestamp};

use super::Api;
use super::answer::Freshness;
use super::parameters::read;
use crate::access::Principal;
use crate::api_error::ApiError;
use crate::reading::{self, FilterText, RangeText};
use crate::report::Span;

/// Who asks, about which range and which endpoints: the parameters of [`RangeText`] and [`FilterText`].
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) principal: Principal,
    pub(super) query: StatsQuery,
    pub(super) freshness: Freshness,
}

impl FromRequestParts<Api> for Question {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let principal = Principal::from_request_parts(parts, api).await?;
        let now = api.reader.now();
        let range = reading::range(&read::<RangeText>(&parts.uri)?, now)?;
        let filter = reading::filter(&read::<FilterText>(&parts.uri)?)?;
        let query = StatsQuery::over(range).with_filter(filter);
        Ok(Self { principal, query, freshness: Freshness::of(range, now) })
    }
}

impl Question {
    /// What the store says, as far as who asks may see.
    pub(super) async fn ask(&self, api: &Api) -> Result<StatsReport, ApiError> {
        api.reader.report(&self.principal, &self.query).await
    }

    /// The same question about another range.
    pub(super) fn over(mut self, range: TimeRange, now: Timestamp) -> Self {
        self.query.range = range;
        self.freshness = Freshness::of(range, now);
        self
    }

    /// The range asked about.
    pub(super) fn range(&self) -> Span {
        self.query.range.into()
    }
}

/// The seconds that the counted windows cover.
pub(super) fn covered(report: &StatsReport) -> Option<Span> {
    report.covered.map(Span::from)
}
