//! [`CallerKey`]: who made a request.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderName;
use ipnet::IpNet;

use super::hooks::hook;
use super::{CallerHasher, RequestHead};
use crate::clock::Moment;
use crate::sketch::CallerHash;

/// Tells callers apart, by something in the request that only ever leaves the layer as a keyed hash.
#[derive(Clone)]
pub struct CallerKey(Source);

/// The address a connection came from, for servers that are not axum's: attach it to each request's extensions.
///
/// Under axum, `into_make_service_with_connect_info::<SocketAddr>()` does the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

#[derive(Clone)]
enum Source {
    Peer,
    Forwarded { header: HeaderName, proxies: Arc<[IpNet]> },
    Header(HeaderName),
    Function(CallerFn),
}

type CallerFn = Arc<dyn for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, [u8]>> + Send + Sync>;

impl CallerKey {
    /// The address the connection came from; no header is trusted.
    pub fn peer_address() -> Self {
        Self(Source::Peer)
    }

    /// The address the first trusted proxy saw, from `X-Forwarded-For`.
    ///
    /// The header counts only when the connection came from one of `proxies`. Its addresses are read from the right,
    /// as each proxy appends the one it saw, and the first that is not a proxy's is the caller.
    pub fn forwarded_by(proxies: &[IpNet]) -> Self {
        Self::forwarded_in(HeaderName::from_static("x-forwarded-for"), proxies)
    }

    /// As [`forwarded_by`](Self::forwarded_by), with another header.
    pub fn forwarded_in(header: HeaderName, proxies: &[IpNet]) -> Self {
        Self(Source::Forwarded { header, proxies: proxies.into() })
    }

    /// The value of a header, such as an API key; requests without it have no caller.
    pub fn header(name: HeaderName) -> Self {
        Self(Source::Header(name))
    }

    /// Whatever a closure finds.
    pub fn from_fn<F>(find: F) -> Self
    where
        F: for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, [u8]>> + Send + Sync + 'static,
    {
        Self(Source::Function(Arc::new(find)))
    }

    #[inline]
    pub(super) fn hash(&self, request: &RequestHead<'_>, hasher: &CallerHasher, at: Moment) -> Option<CallerHash> {
        match &self.0 {
            Source::Peer => peer(request).map(|address| hash_address(address, hasher, at)),
            Source::Forwarded { header, proxies } => {
                forwarded(request, header, proxies).map(|address| hash_address(address, hasher, at))
            }
            Source::Header(name) => request.headers().get(name).map(|value| hasher.hash(value.as_bytes(), at)),
            Source::Function(find) => hook(|| find(request)).map(|caller| hasher.hash(&caller, at)),
        }
    }
}

fn hash_address(address: IpAddr, hasher: &CallerHasher, at: Moment) -> CallerHash {
    match address.to_canonical() {
        IpAddr::V4(address) => hasher.hash(&address.octets(), at),
        IpAddr::V6(address) => hasher.hash(&address.octets(), at),
    }
}

fn peer(request: &RequestHead<'_>) -> Option<IpAddr> {
    if let Some(PeerAddress(address)) = request.extensions().get() {
        return Some(address.ip());
    }
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(address)) =
        request.extensions().get::<axum::extract::ConnectInfo<SocketAddr>>()
    {
        return Some(address.ip());
    }
    None
}

fn forwarded(request: &RequestHead<'_>, header: &HeaderName, proxies: &[IpNet]) -> Option<IpAddr> {
    let trusted = |address: IpAddr| proxies.iter().any(|net| net.contains(&address.to_canonical()));
    let mut caller = peer(request)?;
    for value in request.headers().get_all(header).iter().rev() {
        for hop in value.to_str().unwrap_or_default().rsplit(',') {
            if !trusted(caller) {
                return Some(caller);
            }
            match hop.trim().parse() {
                Ok(address) => caller = address,
                Err(_) => return Some(caller),
            }
        }
    }
    Some(caller)
}

impl fmt::Debug for CallerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Peer => "CallerKey::peer_address",
            Source::Forwarded { .. } => "CallerKey::forwarded_by",
            Source::Header(_) => "CallerKey::header",
            Source::Function(_) => "CallerKey::from_fn",
        })
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn caller(peer: &str, forwarded_for: &[&str]) -> String {
        let mut request = Request::get("/");
        for value in forwarded_for {
            request = request.header("x-forwarded-for", *value);
        }
        let request = request.extension(PeerAddress(SocketAddr::new(peer.parse().unwrap(), 1))).body(()).unwrap();
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        forwarded(&RequestHead::of(&request), &HeaderName::from_static("x-forwarded-for"), &proxies)
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_header_from_a_stranger_is_not_trusted() {
        assert_eq!(caller("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn the_caller_is_what_the_first_trusted_proxy_saw() {
        assert_eq!(caller("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(caller("10.0.0.1", &["1.1.1.1, 198.51.100.1", "10.0.0.2"]), "198.51.100.1");
        assert_eq!(caller("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn garbage_in_the_header_leaves_the_last_known_hop() {
        assert_eq!(caller("10.0.0.1", &["198.51.100.1, spoof"]), "10.0.0.1");
        assert_eq!(caller("10.0.0.1", &[]), "10.0.0.1");
    }
}
