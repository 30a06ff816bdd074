//! [`RouteTemplates`]: from a path to the route template it is counted under.
//!
//! Templates come from a list, matched with the router that axum uses, or are inferred from the path itself. A path
//! that is no UTF-8 text, or holds control characters, has those bytes written as `%XX`.

mod inferred;
mod listed;

use std::borrow::Cow;
use std::fmt::Write;

use endpoint_stats_core::{Method, Route};
use listed::ListedRoutes;

use super::ImportError;

/// Says which route template a request is counted under.
#[derive(Clone, Debug, Default)]
pub struct RouteTemplates(Kind);

#[derive(Clone, Debug, Default)]
enum Kind {
    #[default]
    Inferred,
    Listed(ListedRoutes),
}

impl RouteTemplates {
    /// Takes the path itself, with `{id}` for a segment of digits, a UUID, or 16 and more hexadecimal digits.
    pub fn inferred() -> Self {
        Self(Kind::Inferred)
    }

    /// Reads a list of templates as axum writes them, one a line: `/users/{id}`, `/static/{*rest}`.
    ///
    /// A method may stand before a template, `GET /users/{id}`; `GET` takes `HEAD` too. Empty lines and lines that
    /// start with `#` are not read. Requests that no template matches count as [`Route::unmatched`].
    ///
    /// # Errors
    ///
    /// When a template is wrong, is too long, or says the same as another one; with the number of its line.
    pub fn from_list(text: &str) -> Result<Self, ImportError> {
        ListedRoutes::from_list(text).map(|routes| Self(Kind::Listed(routes)))
    }

    /// The template that a request is counted under.
    pub fn route_of(&self, method: Method, path: Option<&[u8]>) -> Route {
        let Some(path) = path else {
            return Route::unmatched();
        };
        let path = readable(path);
        match &self.0 {
            Kind::Inferred => Route::new(&inferred::template_of(&path)).unwrap_or_else(|_| Route::refused()),
            Kind::Listed(routes) => routes.route_of(method, &path).unwrap_or_else(Route::unmatched),
        }
    }
}

/// The path as text without control characters.
fn readable(path: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(path) {
        Ok(text) if !path.iter().any(u8::is_ascii_control) => Cow::Borrowed(text),
        _ => Cow::Owned(escaped(path)),
    }
}

fn escaped(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len() + 16);
    let escape = |text: &mut String, byte: u8| write!(text, "%{byte:02X}").expect("a string takes any text");
    for chunk in path.utf8_chunks() {
        for next in chunk.valid().chars() {
            match u8::try_from(next) {
                Ok(byte) if byte.is_ascii_control() => escape(&mut text, byte),
                _ => text.push(next),
            }
        }
        chunk.invalid().iter().for_each(|byte| escape(&mut text, *byte));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn inferred(path: &[u8]) -> Route {
        RouteTemplates::inferred().route_of(Method::Get, Some(path))
    }

    #[test]
    fn an_unreadable_request_is_unmatched() {
        assert_eq!(RouteTemplates::inferred().route_of(Method::Other, None), Route::unmatched());
    }

    #[test]
    fn a_path_that_is_no_text_is_escaped() {
        assert_eq!(inferred(b"/caf\xe9/\0/\x1b").as_str(), "/caf%E9/%00/%1B");
        assert_eq!(inferred("/café".as_bytes()).as_str(), "/café");
    }

    #[test]
    fn a_path_of_100_kb_is_refused() {
        assert_eq!(inferred(&[b"/".to_vec(), vec![b'a'; 100_000]].concat()), Route::refused());
    }

    #[test]
    fn a_long_path_with_a_short_template_is_taken() {
        assert_eq!(inferred(&[b"/".as_slice(), &[b'7'; 1_000]].concat()).as_str(), "/{id}");
    }

    proptest! {
        #[test]
        fn any_path_has_a_route(path in proptest::collection::vec(any::<u8>(), 0..600)) {
            inferred(&path);
        }
    }
}
