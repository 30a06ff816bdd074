//! [`Place`]: where the pages are mounted, as seen from the page that is asked for.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, NestedPath};
use axum::http::header;
use axum::http::request::Parts;
use axum::http::uri::Scheme;

const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// How to get from this page to the others by relative links, under whatever prefix they are mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// What stands before the name of another page.
    pub(super) base: String,
    /// The way to the first page.
    pub(super) home: String,
    /// What stands before the path of every URL of the server, as it was called.
    pub(super) origin: Option<String>,
}

impl Place {
    /// A router nested at `/stats` serves its first page there, and the others below `/stats/`.
    ///
    /// The path is the one within the router.
    fn of(path: &str, nested_at: Option<&str>) -> Self {
        let Some(folder) = nested_at.and_then(last_name) else {
            return Self { home: "./".to_owned(), ..Self::default() };
        };
        if path == "/" {
            return Self { base: format!("{folder}/"), home: folder.to_owned(), origin: None };
        }
        Self { home: format!("../{folder}"), ..Self::default() }
    }

    /// The way to another page, or to a question of the API.
    pub(super) fn path_of(&self, name: &str) -> String {
        format!("{}{name}", self.base)
    }
}

/// The last name of a prefix that does not end with a slash.
fn last_name(prefix: &str) -> Option<&str> {
    prefix.rsplit('/').next().filter(|name| !name.is_empty())
}

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let nested_at = parts.extensions.get::<NestedPath>().map(|nested| nested.as_str().to_owned());
        Ok(Self { origin: origin(parts), ..Self::of(parts.uri.path(), nested_at.as_deref()) })
    }
}

/// By the name and port in its head; encrypted if the connection is, or that to a proxy in front.
fn origin(head: &Parts) -> Option<String> {
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let is_encrypted = head.extensions.get() == Some(&Scheme::HTTPS) || header(FORWARDED_PROTO) == Some("https");
    let scheme = if is_encrypted { Scheme::HTTPS } else { Scheme::HTTP };
    header(header::HOST.as_str()).map(|host| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn place(path: &str, nested_at: Option<&str>) -> (String, String) {
        let place = Place::of(path, nested_at);
        (place.base, place.home)
    }

    #[test]
    fn at_the_root_the_others_are_neighbours() {
        assert_eq!(place("/", None), (String::new(), "./".to_owned()));
        assert_eq!(place("/endpoint", None), (String::new(), "./".to_owned()));
    }

    #[test]
    fn under_a_prefix_the_first_page_is_one_level_above_the_others() {
        assert_eq!(place("/", Some("/admin/stats")), ("stats/".to_owned(), "stats".to_owned()));
        assert_eq!(place("/live", Some("/admin/stats")), (String::new(), "../stats".to_owned()));
    }

    #[test]
    fn under_a_prefix_with_a_slash_the_others_are_neighbours() {
        assert_eq!(place("/", Some("/stats/")), (String::new(), "./".to_owned()));
        assert_eq!(place("/live", Some("/stats/")), (String::new(), "./".to_owned()));
    }

    #[test]
    fn urls_are_encrypted_where_the_client_speaks_tls() {
        let origin = |request: axum::http::request::Builder| {
            let (head, ()) = request.header("host", "stats.example").body(()).unwrap().into_parts();
            origin(&head).unwrap()
        };

        assert_eq!(origin(Request::get("/")), "http://stats.example");
        assert_eq!(origin(Request::get("/").extension(Scheme::HTTPS)), "https://stats.example");
        assert_eq!(origin(Request::get("/").header(FORWARDED_PROTO, "https")), "https://stats.example");
    }
}
