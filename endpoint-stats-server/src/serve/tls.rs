//! [`Tls`]: the server's certificate, read anew when its files change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::cli::TlsArgs;
use crate::settings::SettingError;

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// TLS 1.2 and 1.3 with a certificate from files, which is read anew when they change.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// Where the certificate and its key lie.
#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What the files hold.
#[derive(Debug, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The certificate that clients are shown now.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

// === impl Tls ===

impl Tls {
    /// Takes the files from their flags, reads them, and looks after them from now on; `None` without flags.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, is not PEM, or the key is not the certificate's.
    ///
    /// # Panics
    ///
    /// When called outside of a tokio runtime.
    pub fn from_args(args: &TlsArgs) -> Result<Option<Self>, SettingError> {
        let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) else { return Ok(None) };
        let files = Files { certificate: certificate.clone(), key: key.clone() };
        Self::new(files).map(Some)
    }

    fn new(files: Files) -> Result<Self, SettingError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let contents = files.read()?;
        let shown = Arc::new(Shown(RwLock::new(Arc::new(files.parse(&contents, &provider)?))));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS 1.2 and 1.3 need")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        tokio::spawn(follow(files, contents, shown, provider));
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Shows what the files hold when that changes; what cannot be shown is logged once and left.
async fn follow(files: Files, contents: Contents, shown: Arc<Shown>, provider: Arc<CryptoProvider>) {
    let mut seen = Ok(contents);
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let reading = files.clone();
        let Ok(now) = tokio::task::spawn_blocking(move || reading.read()).await else { continue };
        if now == seen {
            continue;
        }
        match now.as_ref().map_err(Clone::clone).and_then(|contents| files.parse(contents, &provider)) {
            Ok(key) => {
                shown.show(key);
                tracing::info!("the TLS certificate was read anew");
            }
            Err(error) => tracing::warn!(%error, "the TLS certificate was not read anew, the old one stays"),
        }
        seen = now;
    }
}

// === impl Files ===

impl Files {
    fn read(&self) -> Result<Contents, SettingError> {
        let read = |setting, file: &Path| fs::read(file).map_err(|_| wrong(setting, file, "a file that can be read"));
        Ok(Contents { certificate: read("--tls-cert", &self.certificate)?, key: read("--tls-key", &self.key)? })
    }

    fn parse(&self, contents: &Contents, provider: &CryptoProvider) -> Result<CertifiedKey, SettingError> {
        let not_certificates = || wrong("--tls-cert", &self.certificate, "certificates in PEM");
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&contents.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| not_certificates())?;
        if chain.is_empty() {
            return Err(not_certificates());
        }
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|_| wrong("--tls-key", &self.key, "a private key in PEM"))?;
        CertifiedKey::from_der(chain, key, provider)
            .map_err(|error| wrong("--tls-key", &self.key, &format!("the key of the certificate ({error})")))
    }
}

fn wrong(setting: &'static str, file: &Path, expected: &str) -> SettingError {
    SettingError::new(setting, &file.display().to_string(), expected.to_owned())
}

// === impl Shown ===

impl Shown {
    fn show(&self, key: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}
