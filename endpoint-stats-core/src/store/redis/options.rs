//! [`RedisOptions`]: where Redis is, and who asks.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates};

use super::error::Failure;
use crate::store::{StoreError, StoreErrorKind, secret_file};

/// Where a Redis, or a Redis Cluster, is, and how to reach it.
///
/// ```
/// use endpoint_stats_core::store::redis::RedisOptions;
///
/// let options = RedisOptions::from_url("rediss://writer@cache.example:6379/0")?
///     .with_password_file("/run/secrets/redis-password")
///     .with_namespace("shop")
///     .with_max_connections(4);
/// # Ok::<(), endpoint_stats_core::store::StoreError>(())
/// ```
#[derive(Clone)]
pub struct RedisOptions {
    nodes: Vec<ConnectionInfo>,
    is_cluster: bool,
    password_file: Option<PathBuf>,
    root_certificate: Option<PathBuf>,
    pub(in crate::store) namespace: String,
    pub(super) max_connections: u32,
    pub(in crate::store) answer_within: Duration,
    turn: Arc<AtomicUsize>,
}

impl RedisOptions {
    /// Takes a URL: `redis://user:password@host:port/database`, `rediss://…` for TLS, `redis+unix:///path`; or
    /// `redis-cluster://user:password@host:port,host:port`, `rediss-cluster://…`. The parameters `namespace` and
    /// `sslrootcert` do what [`with_namespace`](Self::with_namespace) and
    /// [`with_root_certificate`](Self::with_root_certificate) do.
    ///
    /// # Errors
    ///
    /// `Rejected` when this is not such a URL.
    pub fn from_url(url: &str) -> Result<Self, StoreError> {
        let (scheme, address) = url.split_once("://").ok_or_else(not_a_url)?;
        let (scheme, is_cluster) = match scheme {
            "redis" | "rediss" | "redis+unix" | "unix" => (scheme, false),
            "redis-cluster" => ("redis", true),
            "rediss-cluster" => ("rediss", true),
            _ => return Err(not_a_url()),
        };
        let (address, parameters) = address.split_once('?').unwrap_or((address, ""));
        let (ours, others): (Vec<_>, Vec<_>) = parameters
            .split('&')
            .filter(|parameter| !parameter.is_empty())
            .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
            .partition(|(name, _)| ["namespace", "sslrootcert"].contains(name));
        let others = others.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let address = &format!("{address}?{others}");
        let urls = if is_cluster { one_a_host(scheme, address) } else { vec![format!("{scheme}://{address}")] };
        let nodes = urls.into_iter().map(|url| {
            let info = url.into_connection_info().map_err(|error| not_a_url().with_source(error.to_string()))?;
            let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
            Ok(info.set_tcp_settings(tcp))
        });
        let options = Self {
            nodes: nodes.collect::<Result<_, StoreError>>()?,
            is_cluster,
            password_file: None,
            root_certificate: None,
            namespace: "endpoint-stats".to_owned(),
            max_connections: 8,
            answer_within: Duration::from_secs(5),
            turn: Arc::default(),
        };
        Ok(ours.into_iter().fold(options, |options, (name, value)| {
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            match name {
                "namespace" => options.with_namespace(&value),
                _ => options.with_root_certificate(&*value),
            }
        }))
    }

    /// Reads the password from a file, anew for each connection: a password that is changed there needs no restart,
    /// except with a cluster.
    #[must_use]
    pub fn with_password_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.password_file = Some(path.into());
        self
    }

    /// Holds the server's certificate against the roots of a PEM file instead of the system's.
    #[must_use]
    pub fn with_root_certificate(mut self, path: impl Into<PathBuf>) -> Self {
        self.root_certificate = Some(path.into());
        self
    }

    /// What all keys start with, so that several can share one Redis. Defaults to `endpoint-stats`.
    ///
    /// Braces are left out of it: they say where a key lies in a cluster.
    #[must_use]
    pub fn with_namespace(mut self, namespace: &str) -> Self {
        self.namespace = namespace.replace(['{', '}'], "");
        self
    }

    /// How many connections to hold at most. Defaults to 8; a cluster takes one a node.
    #[must_use]
    pub fn with_max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// How long one command may take, connecting included. Defaults to 5 seconds.
    #[must_use]
    pub fn with_answer_within(mut self, time: Duration) -> Self {
        self.answer_within = time;
        self
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    /// The servers, without user and password.
    pub(in crate::store) fn place(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|node| node.addr().to_string()).collect();
        let kind = if self.is_cluster { "redis cluster" } else { "redis" };
        let database = self.nodes.first().map_or(0, |node| node.redis_settings().db());
        format!("{kind} at {}/{database}", hosts.join(","))
    }

    /// One node after the other.
    pub(super) fn next_node(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed) % self.nodes.len()
    }

    /// How to connect now, with the password of this moment.
    pub(super) async fn nodes(&self) -> Result<Vec<ConnectionInfo>, Failure> {
        let password = match &self.password_file {
            Some(path) => Some(secret_file::read_line("password file", path).await.map_err(Failure::Connect)?),
            None => None,
        };
        let with_password = |node: &ConnectionInfo| match &password {
            Some(password) => {
                let settings = node.redis_settings().clone().set_password(password);
                node.clone().set_redis_settings(settings)
            }
            None => node.clone(),
        };
        Ok(self.nodes.iter().map(with_password).collect())
    }

    /// The roots to hold certificates against; `None` for those of the system, and where nothing is encrypted.
    pub(super) async fn certificates(&self) -> Result<Option<TlsCertificates>, Failure> {
        let is_encrypted = self.nodes.iter().any(|node| matches!(node.addr(), ConnectionAddr::TcpTls { .. }));
        if is_encrypted {
            // A process has one; the first to ask chooses.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        match &self.root_certificate {
            Some(path) if is_encrypted => {
                let root_cert =
                    Some(secret_file::read("root certificate", path).await.map_err(Failure::Connect)?.into_bytes());
                Ok(Some(TlsCertificates { client_tls: None, root_cert }))
            }
            _ => Ok(None),
        }
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("place", &self.place())
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// A URL for each host of `user:password@host,host/…`.
fn one_a_host(scheme: &str, address: &str) -> Vec<String> {
    let (user, hosts) = address.rsplit_once('@').map_or(("", address), |(user, hosts)| (user, hosts));
    let (hosts, rest) = hosts.split_at(hosts.find(['/', '?']).unwrap_or(hosts.len()));
    let at = if user.is_empty() { "" } else { "@" };
    hosts.split(',').map(|host| format!("{scheme}://{user}{at}{host}{rest}")).collect()
}

fn not_a_url() -> StoreError {
    StoreError::new(
        StoreErrorKind::Rejected,
        "read Redis's address: expected redis://user:password@host:port/database, rediss://… or redis-cluster://…",
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_password_is_in_no_message() {
        let options = RedisOptions::from_url("redis://ann:secret@cache:6380/3").unwrap();

        assert_eq!(options.place(), "redis at cache:6380/3");
        assert!(!format!("{options:?}").contains("secret"));
        let error = RedisOptions::from_url("redis://ann:secret@cache:port/stats").unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(!format!("{error} {source}").contains("secret"));
    }

    #[test]
    fn a_cluster_has_many_hosts() {
        let options = RedisOptions::from_url("rediss-cluster://ann:se@cret@a:1,b:2,c:3").unwrap();

        assert!(options.is_cluster());
        assert_eq!(options.place(), "redis cluster at a:1,b:2,c:3/0");
        assert_eq!(options.nodes.len(), 3);
    }

    #[test]
    fn namespace_and_root_certificate_are_taken_from_the_url() {
        let options =
            RedisOptions::from_url("rediss://cache/3?namespace={a}&protocol=resp3&sslrootcert=/a%20b").unwrap();

        assert_eq!(options.namespace, "a");
        assert_eq!(options.root_certificate.as_deref(), Some(Path::new("/a b")));
        assert_eq!(options.place(), "redis at cache:6379/3");
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_was_expected() {
        for url in ["", "cache", "http://cache", "redis://cache:port/0"] {
            let error = RedisOptions::from_url(url).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Rejected, "{url}");
            assert!(error.to_string().contains("expected redis://"), "{url}");
        }
    }
}
