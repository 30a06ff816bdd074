//! Until when certificates are valid, told again and again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::{MissedTickBehavior, interval};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::catalog::CERTIFICATE;

/// Files change when a certificate is renewed, which is months apart.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Tells until when the first certificate in each file is valid, now and whenever it changes, until the runtime ends.
///
/// # Panics
///
/// When called outside of a tokio runtime.
pub fn watch(files: Vec<PathBuf>) {
    if !files.is_empty() {
        tokio::spawn(look_again(files));
    }
}

async fn look_again(files: Vec<PathBuf>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The trouble that was logged last of each file, so that it is logged once.
    let mut troubles = vec![None; files.len()];
    loop {
        ticks.tick().await;
        for (file, trouble) in files.iter().zip(&mut troubles) {
            let reading = file.clone();
            let Ok(end) = tokio::task::spawn_blocking(move || not_after_secs(&reading)).await else { continue };
            if let Ok(end) = end {
                CERTIFICATE.gauge([file.display().to_string().into()]).set(end as f64);
            }
            let now = end.err();
            if let Some(reason) = now.as_ref().filter(|_| now != *trouble) {
                tracing::warn!(file = %file.display(), "a certificate cannot be watched: {reason}");
            }
            *trouble = now;
        }
    }
}

/// When the first certificate of a file ends, in seconds since 1970.
fn not_after_secs(file: &Path) -> Result<u64, String> {
    let pem = fs::read(file).map_err(|error| error.to_string())?;
    let der = CertificateDer::from_pem_slice(&pem).map_err(|_| "it holds no certificate in PEM".to_owned())?;
    let certificate = Certificate::from_der(&der).map_err(|error| format!("it is no certificate: {error}"))?;
    Ok(certificate.tbs_certificate.validity.not_after.to_unix_duration().as_secs())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn the_first_certificate_of_a_file_says_when_it_ends() {
        let certificate = |year| {
            let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
            parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
        };

        assert_eq!(not_after_secs(file(&(certificate(2030) + &certificate(2040))).path()), Ok(1_893_456_000));
        assert_eq!(not_after_secs(file(&certificate(2060)).path()), Ok(2_840_140_800));
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        for text in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(not_after_secs(file(text).path()).is_err(), "{text}");
        }
        assert!(not_after_secs(Path::new("/nowhere.pem")).is_err());
    }
}
