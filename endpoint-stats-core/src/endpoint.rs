//! What is counted: an [`Endpoint`] is a service, a method and a route template.

use std::fmt;
use std::sync::Arc;

/// The longest route template that becomes a key, in bytes.
///
/// A longer one is counted under [`Route::refused`]: it would not fit an index row of every store.
pub const MAX_ROUTE_BYTES: usize = 512;

/// The longest service name, in bytes.
pub const MAX_SERVICE_BYTES: usize = 64;

/// A service, a method and a route template: the key every number is kept under.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    service: ServiceName,
    route: Route,
    method: Method,
}

/// The name of a service: 1 to 64 bytes of `a-z`, `0-9`, `-`, `_` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceName(Arc<str>);

/// A path as the router knows it, `/users/{id}`: 1 to 512 bytes without a NUL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route(Arc<str>);

/// An HTTP method; those outside of the standards are folded into [`Method::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the methods of RFC 9110, RFC 5789 and the QUERY draft speak for themselves")]
pub enum Method {
    Connect,
    Delete,
    Get,
    Head,
    Options,
    Patch,
    Post,
    Put,
    Query,
    Trace,
    /// Any other method, as OpenTelemetry's `_OTHER`.
    Other,
}

/// Says why a name cannot be a [`ServiceName`] or a [`Route`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName {
    what: &'static str,
    expected: &'static str,
}

// === impl Endpoint ===

impl Endpoint {
    /// Creates an endpoint from its three parts.
    pub fn new(service: ServiceName, method: Method, route: Route) -> Self {
        Self { service, route, method }
    }

    /// The service that has the endpoint.
    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    /// The method it answers.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The route template it answers at.
    pub fn route(&self) -> &Route {
        &self.route
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.service, self.method, self.route)
    }
}

// === impl ServiceName ===

impl ServiceName {
    /// Checks and keeps a service's name.
    ///
    /// # Errors
    ///
    /// When the name is empty, longer than 64 bytes, or has other characters than `a-z 0-9 - _ .`.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        if name.is_empty() || name.len() > MAX_SERVICE_BYTES || !name.bytes().all(allowed) {
            return Err(InvalidName::new("service name", "1 to 64 characters of a-z, 0-9, '-', '_' and '.'"));
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Route ===

impl Route {
    /// Checks and keeps a route template.
    ///
    /// # Errors
    ///
    /// When the template is empty, longer than 512 bytes, or contains a NUL.
    pub fn new(template: &str) -> Result<Self, InvalidName> {
        if !Self::accepts(template) {
            return Err(InvalidName::new("route template", "1 to 512 bytes without a NUL"));
        }
        Ok(Self(template.into()))
    }

    /// The key of requests that no route matched.
    pub fn unmatched() -> Self {
        Self("_UNMATCHED".into())
    }

    /// The key that takes the endpoints beyond a recorder's limit.
    pub fn overflow() -> Self {
        Self("_OVERFLOW".into())
    }

    /// The key of templates that [`Route::new`] does not take.
    pub fn refused() -> Self {
        Self("_REFUSED".into())
    }

    /// The template as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one of the three keys above, which stand for what could not be told apart.
    pub fn is_reserved(&self) -> bool {
        ["_UNMATCHED", "_OVERFLOW", "_REFUSED"].contains(&self.as_str())
    }

    pub(crate) fn accepts(template: &str) -> bool {
        (1..=MAX_ROUTE_BYTES).contains(&template.len()) && !template.as_bytes().contains(&0)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Method ===

impl Method {
    /// Every method, in the order of their names.
    pub const ALL: [Self; 11] = [
        Self::Connect,
        Self::Delete,
        Self::Get,
        Self::Head,
        Self::Options,
        Self::Patch,
        Self::Post,
        Self::Put,
        Self::Query,
        Self::Trace,
        Self::Other,
    ];

    /// The method's name, `_OTHER` for those outside of the standards.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Query => "QUERY",
            Self::Trace => "TRACE",
            Self::Other => "_OTHER",
        }
    }

    /// Folds a name into the standard methods; names are case-sensitive, as in HTTP.
    pub fn from_bytes(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"POST" => Self::Post,
            b"HEAD" => Self::Head,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"CONNECT" => Self::Connect,
            b"TRACE" => Self::Trace,
            b"QUERY" => Self::Query,
            _ => Self::Other,
        }
    }
}

impl From<&http::Method> for Method {
    #[inline]
    fn from(method: &http::Method) -> Self {
        match *method {
            http::Method::GET => Self::Get,
            http::Method::POST => Self::Post,
            _ => less_common(method),
        }
    }
}

// Apart, so that the two methods above cost the request path no call.
#[inline(never)]
fn less_common(method: &http::Method) -> Method {
    Method::from_bytes(method.as_str().as_bytes())
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl InvalidName ===

impl InvalidName {
    pub(crate) fn new(what: &'static str, expected: &'static str) -> Self {
        Self { what, expected }
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid {}: expected {}", self.what, self.expected)
    }
}

impl std::error::Error for InvalidName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_outside_of_the_standards_is_folded() {
        assert_eq!(Method::from_bytes(b"GET").as_str(), "GET");
        assert_eq!(Method::from_bytes(b"get").as_str(), "_OTHER");
        assert_eq!(Method::from_bytes(b"BREW").as_str(), "_OTHER");
    }

    #[test]
    fn every_method_is_found_by_its_name() {
        for method in Method::ALL {
            assert_eq!(Method::from_bytes(method.as_str().as_bytes()), method);
        }
    }

    #[test]
    fn a_method_of_http_is_the_one_of_its_name() {
        for method in Method::ALL {
            let name = http::Method::from_bytes(method.as_str().as_bytes()).unwrap();
            assert_eq!(Method::from(&name), method);
        }
    }

    #[test]
    fn a_template_of_513_bytes_is_refused() {
        assert!(Route::new(&"a".repeat(512)).is_ok());
        assert!(Route::new(&"a".repeat(513)).is_err());
        assert!(Route::new("").is_err());
        assert!(Route::new("/a\0b").is_err());
    }

    #[test]
    fn the_keys_that_stand_for_many_routes_are_reserved() {
        for route in [Route::unmatched(), Route::overflow(), Route::refused()] {
            assert!(route.is_reserved(), "{route}");
        }
        assert!(!Route::new("/").unwrap().is_reserved());
    }

    #[test]
    fn a_refused_service_name_says_what_was_expected() {
        let error = ServiceName::new("My Shop").unwrap_err();

        assert_eq!(
            error.to_string(),
            "invalid service name: expected 1 to 64 characters of a-z, 0-9, '-', '_' and '.'"
        );
    }
}
