//! [`Request`]: `GET /users/7?full=1 HTTP/1.1`, reduced to method and path.

use endpoint_stats_core::Method;
use memchr::{memchr, memchr2, memchr3, memmem, memrchr};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method, [`Method::Other`] when it is not a standard one or cannot be read.
    pub method: Method,
    /// The path without query and fragment, as it stands in the log; `None` when it cannot be read.
    pub path: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// A request that cannot be read: `-`, or the start of a TLS handshake on a plain port.
    pub const UNREADABLE: Self = Self { method: Method::Other, path: None };

    /// Reads a request line; the protocol at its end may be missing, as in HTTP/0.9.
    pub fn from_line(line: &'a [u8]) -> Self {
        let Some(space) = memchr(b' ', line) else {
            return Self::UNREADABLE;
        };
        let Some(method) = method_of(&line[..space]) else {
            return Self::UNREADABLE;
        };
        Self { method, path: path_of(without_protocol(&line[space + 1..])) }
    }
}

/// Reads a method; `None` when it has a byte that no method has.
pub(super) fn method_of(name: &[u8]) -> Option<Method> {
    let method = Method::from_bytes(name);
    let is_token = || !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    (method != Method::Other || is_token()).then_some(method)
}

/// The path of a request target: of a path with a query, of `http://host/path`, or `*`.
pub(super) fn path_of(target: &[u8]) -> Option<&[u8]> {
    let path = match target.first()? {
        b'/' => target,
        b'*' if target.len() == 1 => return Some(target),
        _ => path_of_absolute(target)?,
    };
    Some(memchr2(b'?', b'#', path).map_or(path, |end| &path[..end]))
}

fn without_protocol(rest: &[u8]) -> &[u8] {
    match memrchr(b' ', rest) {
        Some(space) if rest[space + 1..].starts_with(b"HTTP/") => &rest[..space],
        _ => rest,
    }
}

fn path_of_absolute(target: &[u8]) -> Option<&[u8]> {
    let scheme = memmem::find(target, b"://")?;
    if scheme == 0 || !target[..scheme].iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let rest = &target[scheme + 3..];
    let authority = memchr3(b'/', b'?', b'#', rest).unwrap_or(rest.len());
    Some(if rest.get(authority) == Some(&b'/') { &rest[authority..] } else { b"/" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(line: &str) -> Option<&str> {
        Request::from_line(line.as_bytes()).path.map(|path| std::str::from_utf8(path).unwrap())
    }

    #[test]
    fn query_and_fragment_are_dropped() {
        assert_eq!(path("GET /a/b?c=/d HTTP/1.1"), Some("/a/b"));
        assert_eq!(path("GET /a#b HTTP/1.1"), Some("/a"));
        assert_eq!(path("GET /? HTTP/1.1"), Some("/"));
    }

    #[test]
    fn an_absolute_target_is_reduced_to_its_path() {
        assert_eq!(path("GET http://example.org/a?b HTTP/1.1"), Some("/a"));
        assert_eq!(path("GET HTTPS://example.org HTTP/1.1"), Some("/"));
        assert_eq!(path("GET http://example.org?a=/b HTTP/1.1"), Some("/"));
    }

    #[test]
    fn the_asterisk_stays() {
        assert_eq!(path("OPTIONS * HTTP/1.0"), Some("*"));
    }

    #[test]
    fn a_path_may_contain_spaces() {
        assert_eq!(path("GET /my file.txt HTTP/1.1"), Some("/my file.txt"));
    }

    #[test]
    fn a_request_without_a_protocol_is_read() {
        assert_eq!(path("GET /old"), Some("/old"));
    }

    #[test]
    fn a_method_outside_of_the_standards_keeps_its_path() {
        let request = Request::from_line(b"BREW /pot HTTP/1.1");

        assert_eq!(request, Request { method: Method::Other, path: Some(b"/pot") });
    }

    #[test]
    fn a_host_without_a_path_keeps_its_method() {
        let request = Request::from_line(b"CONNECT example.org:443 HTTP/1.1");

        assert_eq!(request, Request { method: Method::Connect, path: None });
    }

    #[test]
    fn what_is_no_request_is_unreadable() {
        for line in ["-", "", " ", "\\x16\\x03\\x01\\x02", "\\x16 \\x03", "\u{16} /"] {
            assert_eq!(Request::from_line(line.as_bytes()), Request::UNREADABLE, "{line}");
        }
    }
}
