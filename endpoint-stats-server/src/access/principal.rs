//! [`Principal`]: on whose behalf a request is made.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use clap::ValueEnum;
use endpoint_stats_core::ServiceName;
use serde::{Deserialize, Serialize};

use super::refusal::unauthorized;
use crate::api_error::ApiError;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To send hits.
    Ingest,
    /// To ask questions.
    Read,
    /// To look after the server, and everything else.
    Admin,
}

impl Scope {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

/// On whose behalf a request is made: who it is, what it may do, and for which services.
///
/// Whoever lets requests in puts one into their extensions; without it a handler refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    // `None` without a token.
    name: Option<Arc<str>>,
    scopes: BTreeSet<Scope>,
    services: Option<Arc<BTreeSet<ServiceName>>>,
}

impl Principal {
    /// Creates a principal that may do some things for every service.
    pub fn new(name: &str, scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self { name: Some(name.into()), scopes: scopes.into_iter().collect(), services: None }
    }

    /// Creates one for requests without a token; what it may not do is refused for want of one.
    pub fn without_token(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self { name: None, scopes: scopes.into_iter().collect(), services: None }
    }

    /// Binds it to some services.
    #[must_use]
    pub fn bound_to(mut self, services: impl IntoIterator<Item = ServiceName>) -> Self {
        self.services = Some(Arc::new(services.into_iter().collect()));
        self
    }

    /// Its name: a token's, or what stands for none.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("anyone")
    }

    /// Whether it is more than anyone.
    pub fn has_token(&self) -> bool {
        self.name.is_some()
    }

    /// The services it is bound to; `None` is all of them.
    pub fn services(&self) -> Option<&BTreeSet<ServiceName>> {
        self.services.as_deref()
    }

    /// Whether it sees and speaks for a service.
    pub fn covers(&self, service: &ServiceName) -> bool {
        self.services.as_ref().is_none_or(|services| services.contains(service))
    }

    /// Refuses what its scopes do not hold.
    ///
    /// # Errors
    ///
    /// 403 `forbidden`, or 401 `unauthorized` without a token.
    pub fn need(&self, scope: Scope) -> Result<(), ApiError> {
        if self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin) {
            return Ok(());
        }
        if !self.has_token() {
            return Err(unauthorized());
        }
        Err(Self::forbidden().with_hint(match scope {
            Scope::Ingest => "use a token with the scope ingest",
            Scope::Read => "use a token with the scope read",
            Scope::Admin => "use a token with the scope admin",
        }))
    }

    /// Refuses a service it is not bound to.
    ///
    /// # Errors
    ///
    /// 403 `forbidden`, the same whether the service exists or not.
    pub fn need_service(&self, service: &ServiceName) -> Result<(), ApiError> {
        if self.covers(service) {
            return Ok(());
        }
        Err(Self::forbidden().with_field("service").with_hint("use a token that is bound to this service, or to none"))
    }

    fn forbidden() -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, "forbidden", "the token does not allow this")
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get().cloned().ok_or_else(unauthorized)
    }
}

/// Lets a request through that may read, and of every service; for routes that add up all of them.
#[derive(Clone, Copy, Debug)]
pub struct ReadsEverything;

impl<S: Sync> FromRequestParts<S> for ReadsEverything {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let principal: &Principal = parts.extensions.get().ok_or_else(unauthorized)?;
        principal.need(Scope::Read)?;
        match principal.services() {
            None => Ok(Self),
            Some(_) => Err(Principal::forbidden().with_hint("use a token that is not bound to services")),
        }
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(result: Result<(), ApiError>) -> Option<u16> {
        result.err().map(|error| error.status().as_u16())
    }

    #[test]
    fn a_scope_is_what_it_says_and_admin_is_all_of_them() {
        let scopes = [Scope::Ingest, Scope::Read, Scope::Admin];
        let statuses = |scope| scopes.map(|needed| status(Principal::new("a", [scope]).need(needed)));

        assert_eq!(statuses(Scope::Ingest), [None, Some(403), Some(403)]);
        assert_eq!(statuses(Scope::Read), [Some(403), None, Some(403)]);
        assert_eq!(statuses(Scope::Admin), [None, None, None]);
    }

    #[test]
    fn what_nobody_may_do_without_a_token_asks_for_one() {
        let anyone = Principal::without_token([Scope::Read]);

        assert_eq!(status(anyone.need(Scope::Read)), None);
        assert_eq!(status(anyone.need(Scope::Ingest)), Some(401));
    }

    #[test]
    fn a_bound_principal_speaks_for_its_services_only() {
        let service = |name| ServiceName::new(name).unwrap();
        let bound = Principal::new("a", [Scope::Read]).bound_to([service("shop")]);

        assert_eq!(status(bound.need_service(&service("shop"))), None);
        assert_eq!(status(bound.need_service(&service("cart"))), Some(403));
    }
}
