//! Certificates for a test: an authority of its own, servers and clients that it vouches for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// A certificate authority made for one test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, as PEM.
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// A fresh one.
    pub fn new() -> Authority {
        install_provider();
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "weir test authority");
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for a name (or address).
    pub fn issue(&self, name: &str) -> Identity {
        self.issue_until(name, None)
    }

    /// The same, ending after so many days from now.
    pub fn issue_for_days(&self, name: &str, days: i64) -> Identity {
        self.issue_until(name, Some(days))
    }

    /// The authority's own certificate, as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What a client that trusts only this authority uses.
    pub fn client_config(&self) -> Arc<ClientConfig> {
        Arc::new(ClientConfig::builder().with_root_certificates(self.roots()).with_no_client_auth())
    }

    /// Writes the authority's certificate to `NAME.pem` in a directory; gives its path.
    pub fn write(&self, dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(format!("{name}.pem"));
        fs::write(&path, &self.pem).expect("the authority's file");
        path
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).expect("PEM")).expect("a root");
        roots
    }

    fn issue_until(&self, name: &str, days: Option<i64>) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        if let Some(days) = days {
            let now = std::time::SystemTime::now();
            params.not_after = (now + std::time::Duration::from_secs(days.unsigned_abs() * 86_400)).into();
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// What a server that shows this certificate uses.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let (chain, key) = self.pair();
        Arc::new(ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("a pair"))
    }

    fn pair(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = vec![CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("PEM")];
        (chain, PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("PEM"))
    }

    /// The same for a server that takes only clients with a certificate of this authority.
    pub fn server_config_for_clients_of(&self, authority: &Authority) -> Arc<ServerConfig> {
        let verifier =
            WebPkiClientVerifier::builder(Arc::new(authority.roots())).build().expect("a verifier");
        let (chain, key) = self.pair();
        let config = ServerConfig::builder().with_client_cert_verifier(verifier);
        Arc::new(config.with_single_cert(chain, key).expect("a pair"))
    }

    /// Writes `NAME.pem` and `NAME.key` into a directory; gives their paths.
    pub fn write(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let paths = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
        fs::write(&paths.0, &self.certificate).expect("the certificate's file");
        fs::write(&paths.1, &self.key).expect("the key's file");
        paths
    }
}

fn install_provider() {
    // A second call is refused, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
