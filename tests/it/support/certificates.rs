//! A certificate authority of a test's own.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Where the parts of [`issue`] lie, all in PEM.
#[derive(Debug)]
pub(crate) struct Certificates {
    pub(crate) authority: PathBuf,
    pub(crate) server: PathBuf,
    pub(crate) server_key: PathBuf,
}

/// Writes a new authority, and a certificate of it for a server at `localhost` and `127.0.0.1`, into `folder`.
pub(crate) fn issue(folder: &Path) -> Certificates {
    let written = Certificates {
        authority: folder.join("authority.pem"),
        server: folder.join("server.pem"),
        server_key: folder.join("server.key"),
    };
    let authority_key = KeyPair::generate().unwrap();
    let authority = authority_params(folder);
    fs::write(&written.authority, authority.self_signed(&authority_key).unwrap().pem()).unwrap();

    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let server = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    fs::write(&written.server, server.pem()).unwrap();
    fs::write(&written.server_key, key.serialize_pem()).unwrap();
    written
}

fn authority_params(folder: &Path) -> CertificateParams {
    let mut params = CertificateParams::default();
    // Two authorities of one name are mistaken for each other until a signature does not fit.
    let name = folder.file_name().expect("a folder with a name").to_string_lossy();
    params.distinguished_name.push(DnType::CommonName, format!("authority of {name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}
