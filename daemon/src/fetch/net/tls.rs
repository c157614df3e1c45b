//! The certificate authorities that are trusted: those that a client's configuration names, else the system's.

use crate::fetch::{FetchConfig, FetchError};
use std::{path::Path, path::PathBuf, sync::Arc};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// Where authorities are read from.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Authorities {
    /// A bundle instead of the system's.
    pub(crate) instead: Option<PathBuf>,
    /// A bundle beside the others.
    pub(crate) beside: Option<PathBuf>,
}

/// TLS with these authorities, or with the system's where none are named.
pub(crate) fn settings(config: &FetchConfig, authorities: &Authorities) -> Result<TlsConfig, FetchError> {
    let mut certificates = Vec::new();
    let mut reasons = Vec::new();
    let mut read = |file: Option<&Path>, directory: Option<&Path>| {
        let result = rustls_native_certs::load_certs_from_paths(file, directory);
        reasons.extend(result.errors.iter().map(ToString::to_string));
        certificates.extend(result.certs);
    };
    match &authorities.instead {
        Some(bundle) if bundle.is_dir() => read(None, Some(bundle)),
        Some(bundle) => read(Some(bundle), None),
        None => {
            let file = config.variable("SSL_CERT_FILE").map(Path::new);
            let directory = config.variable("SSL_CERT_DIR").map(Path::new);
            if file.is_some() || directory.is_some() {
                read(file, directory);
            } else {
                let result = rustls_native_certs::load_native_certs();
                reasons.extend(result.errors.iter().map(ToString::to_string));
                certificates.extend(result.certs);
            }
        }
    }
    if let Some(bundle) = &authorities.beside {
        let result = rustls_native_certs::load_certs_from_paths(Some(bundle), None);
        reasons.extend(result.errors.iter().map(ToString::to_string));
        certificates.extend(result.certs);
    }
    if certificates.is_empty() {
        let reason = if reasons.is_empty() { "none is installed".to_owned() } else { reasons.join("; ") };
        return Err(FetchError::Certificates { reason });
    }
    // Bundles and directories name the same ones.
    certificates.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
    certificates.dedup();
    let roots: Vec<_> = certificates.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}
