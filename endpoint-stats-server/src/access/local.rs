//! Whether a request comes from this machine, and was meant for it.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{FORWARDED, HOST, VIA};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName};
use endpoint_stats_core::middleware::PeerAddress;

/// Whether the peer is this machine, nobody forwarded the request, and it names this machine.
///
/// A page of another site whose name was made to lead here (DNS rebinding) asks for that name. Without a known peer the
/// answer is no.
pub(super) fn is_local(head: &Parts) -> bool {
    let is_here = head.extensions.get().is_some_and(|PeerAddress(peer)| is_loopback(peer));
    is_here && !is_forwarded(&head.headers) && names_this_machine(head)
}

fn is_loopback(peer: &SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    let tells = |name: &HeaderName| {
        name == FORWARDED || name == VIA || name == "x-real-ip" || name.as_str().starts_with("x-forwarded-")
    };
    headers.keys().any(tells)
}

/// What stands in the request line counts as well as what stands in `Host`, however many there are.
fn names_this_machine(head: &Parts) -> bool {
    let is_ours = |authority: &Authority| is_loopback_host(authority.host());
    let mut hosts = head.headers.get_all(HOST).iter().map(|host| Authority::try_from(host.as_bytes()));
    head.uri.authority().is_none_or(is_ours) && hosts.all(|host| host.is_ok_and(|host| is_ours(&host)))
}

fn is_loopback_host(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn head(peer: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::get(uri).extension(PeerAddress(peer.parse().unwrap()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_of_this_machine_to_this_machine_is_local() {
        for peer in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            for host in ["localhost", "LOCALHOST:9999", "127.0.0.1:9999", "127.1.2.3", "[::1]:9999", "[::1]"] {
                assert!(is_local(&head(peer, "/", &[("host", host)])), "{peer} {host}");
            }
            assert!(is_local(&head(peer, "/", &[])), "{peer}");
        }
    }

    #[test]
    fn a_request_of_another_machine_is_not() {
        for peer in ["192.0.2.1:1", "10.0.0.1:1", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:1", "0.0.0.0:1"] {
            assert!(!is_local(&head(peer, "/", &[("host", "localhost")])), "{peer}");
        }
    }

    #[test]
    fn a_forwarded_request_is_not() {
        for name in ["forwarded", "x-forwarded-for", "X-Forwarded-Proto", "x-forwarded-anything", "x-real-ip", "via"] {
            assert!(!is_local(&head("127.0.0.1:1", "/", &[("host", "localhost"), (name, "")])), "{name}");
        }
    }

    #[test]
    fn a_request_for_another_name_is_not() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "192.0.2.1",
            "evil.example:127",
            "",
            "localhost evil",
        ] {
            assert!(!is_local(&head("127.0.0.1:1", "/", &[("host", host)])), "{host}");
        }
        assert!(!is_local(&head("127.0.0.1:1", "/", &[("host", "localhost"), ("host", "evil.example")])));
        assert!(!is_local(&head("127.0.0.1:1", "http://evil.example/", &[("host", "localhost")])));
    }

    #[test]
    fn without_a_peer_nothing_is_local() {
        let request = Request::get("/").header("host", "localhost").body(()).unwrap();

        assert!(!is_local(&request.into_parts().0));
    }
}
