//! [`AccessLayer`]: stands before routes and lets requests in.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use futures_util::future::Either;
use tower::{Layer, Service};

use super::Access;
use crate::exposition::catalog::ACCESS;

/// Puts a [`Principal`](super::Principal) into the extensions of each request, or answers it with 400, 401, 403 or 429.
#[derive(Clone, Debug)]
pub struct AccessLayer {
    access: Access,
}

/// What [`AccessLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct AccessService<S> {
    access: Access,
    inner: S,
}

/// Puts a [`Principal`](super::Principal) into the extensions of each request that may come in.
pub fn layer(access: Access) -> AccessLayer {
    AccessLayer { access }
}

impl<S> Layer<S> for AccessLayer {
    type Service = AccessService<S>;

    fn layer(&self, inner: S) -> AccessService<S> {
        AccessService { access: self.access.clone(), inner }
    }
}

impl<S> Service<Request> for AccessService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let admitted = self.access.admit(&head);
        let result = match &admitted {
            Ok(principal) if principal.has_token() => "granted",
            Ok(_) => "open",
            Err(refusal) => refusal.label(),
        };
        ACCESS.counter([result.into()]).increment(1);
        match admitted {
            Ok(principal) => {
                head.headers.remove(AUTHORIZATION);
                head.extensions.insert(principal);
                Either::Left(self.inner.call(Request::from_parts(head, body)))
            }
            Err(refusal) => Either::Right(ready(Ok(refusal.answer().into_response()))),
        }
    }
}
