//! What a query string may say: what the `OpenAPI` document names, each once.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, Request, State};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use serde::de::DeserializeOwned;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Parameter, ParameterIn, Paths};
use utoipa_axum::router::{UtoipaMethodRouter, UtoipaMethodRouterExt};

use crate::access::{Principal, Scope};
use crate::api_error::ApiError;

/// The names of a route's parameters, sorted.
type Names = Arc<BTreeSet<String>>;

/// A part of the query string; other parts are left to others.
#[derive(Debug)]
pub(super) struct Ask<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Ask<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        read(&parts.uri).map(Self)
    }
}

/// Reads a part of the query string.
pub(super) fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T, ApiError> {
    Query::try_from_uri(uri).map(|Query(part)| part).map_err(|rejection| unreadable(&rejection))
}

/// The cause begins with the name of the parameter.
fn unreadable(rejection: &QueryRejection) -> ApiError {
    let cause = std::error::Error::source(rejection).map(ToString::to_string).unwrap_or_default();
    match cause.split_once(": ") {
        Some((field, expected)) => {
            ApiError::bad_query(field.to_owned(), format!("`{field}` cannot be read")).with_hint(expected.to_owned())
        }
        None => ApiError::bad_query("query", "the query string cannot be read").with_hint(cause),
    }
}

/// Lets only those with a scope ask, and refuses what the document of the routes does not name.
pub(crate) fn guarded<S: Clone + Send + Sync + 'static>(
    scope: Scope,
    routes: UtoipaMethodRouter<S>,
) -> UtoipaMethodRouter<S> {
    let names = Arc::new(names(&routes.1));
    routes.map(|router| router.route_layer(from_fn_with_state((scope, names), admit)))
}

/// Refuses every parameter, for routes that have no document.
pub(crate) async fn without_parameters(request: Request, next: Next) -> Result<Response, ApiError> {
    check(request.uri(), &BTreeSet::new())?;
    Ok(next.run(request).await)
}

fn names(paths: &Paths) -> BTreeSet<String> {
    let operations = paths.paths.values().flat_map(|path| [&path.get, &path.post]).flatten();
    let parameters = operations.flat_map(|operation| operation.parameters.iter().flatten());
    parameters.filter_map(name).collect()
}

fn name(parameter: &RefOr<Parameter>) -> Option<String> {
    match parameter {
        RefOr::T(one) if one.parameter_in == ParameterIn::Query => Some(one.name.clone()),
        _ => None,
    }
}

async fn admit(
    State((scope, names)): State<(Scope, Names)>,
    principal: Principal,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    principal.need(scope)?;
    check(request.uri(), &names)?;
    Ok(next.run(request).await)
}

fn check(uri: &Uri, names: &BTreeSet<String>) -> Result<(), ApiError> {
    let mut seen = BTreeSet::new();
    for (name, _) in read::<Vec<(String, String)>>(uri)? {
        if !names.contains(&name) {
            return Err(unknown(name, names));
        }
        if seen.contains(&name) {
            let message = format!("`{name}` is there twice");
            return Err(ApiError::bad_query(name, message).with_hint("say it once"));
        }
        seen.insert(name);
    }
    Ok(())
}

fn unknown(name: String, names: &BTreeSet<String>) -> ApiError {
    let known: Vec<_> = names.iter().map(String::as_str).collect();
    let hint = if known.is_empty() { "leave it out".to_owned() } else { format!("take some of {}", known.join(", ")) };
    ApiError::bad_query(name, "there is no such parameter").with_hint(hint)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Part {
        _limit: Option<u16>,
    }

    fn uri(query: &str) -> Uri {
        format!("/v1/x?{query}").parse().unwrap()
    }

    fn refused(query: &str) -> String {
        let names = ["_limit", "to"].map(str::to_owned).into();
        let checked = check(&uri(query), &names).and_then(|()| read::<Part>(&uri(query)));
        format!("{:?}", checked.unwrap_err())
    }

    #[test]
    fn a_parameter_that_is_not_documented_is_refused_by_its_name() {
        let error = refused("_limit=1&limt=2");

        assert!(error.contains(r#"field: Some("limt")"#), "{error}");
        assert!(error.contains("take some of _limit, to"), "{error}");
    }

    #[test]
    fn a_parameter_that_is_there_twice_is_refused() {
        assert!(refused("to=1&to=1").contains("`to` is there twice"));
        assert!(refused("to=1&t%6f=1").contains("`to` is there twice"));
    }

    #[test]
    fn a_value_that_cannot_be_read_is_refused_by_its_field() {
        assert!(refused("_limit=-1").contains(r#"field: Some("_limit")"#));
    }
}
