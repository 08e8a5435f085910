//! TLS for both sides: acceptors and connectors from PEM files, reloadable without restart, with errors that name the
//! file and what is wrong. The provider is aws-lc-rs, always named, never the process default.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

mod expiry;
mod unverified;

pub use expiry::not_after;

/// What is known of an encrypted connection, for the log and header lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The name that the client asked for, or that we asked for.
    pub server_name: Option<String>,
    /// The other side showed a certificate that was verified.
    pub peer_verified: bool,
}

/// A certificate chain and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// Chain, our own certificate first.
    pub chain: PathBuf,
    /// Private key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Who may be at the other end of a connection that we open.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Trust {
    /// A certificate of an authority that the system knows, with the right name.
    #[default]
    System,
    /// A certificate of an authority in this PEM file, with the right name.
    File(PathBuf),
    /// Anyone: the connection is private towards listeners only.
    Anyone,
}

/// What is wrong with the files. One sentence that says which one.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("cannot read {}: {why}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// The file is not PEM of the right kind.
    #[error("{}: {why}", file.display())]
    Content {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Certificate and key do not belong together, or cannot be used.
    #[error("certificate {} with key {}: {why}", chain.display(), key.display())]
    Pair {
        /// Which certificate.
        chain: PathBuf,
        /// Which key.
        key: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// No authority to trust was found on the system.
    #[error("the system has no certificate authorities (package ca-certificates?): {0}")]
    NoSystemRoots(String),
}

/// Accepts TLS; clones share the certificate that is in use.
#[derive(Clone, Debug)]
pub struct Acceptor {
    files: Arc<AcceptorFiles>,
    current: Arc<RwLock<Loaded<ServerConfig>>>,
}

/// Opens TLS; clones share what is in use.
#[derive(Clone, Debug)]
pub struct Connector {
    files: Arc<ConnectorFiles>,
    current: Arc<RwLock<Loaded<ClientConfig>>>,
}

#[derive(Debug)]
struct AcceptorFiles {
    certificate: CertificateFiles,
    clients: Option<PathBuf>,
}

#[derive(Debug)]
struct ConnectorFiles {
    trust: Trust,
    certificate: Option<CertificateFiles>,
    /// Verify this name instead of the host's.
    name: Option<String>,
}

#[derive(Debug)]
struct Loaded<C> {
    config: Arc<C>,
    expires: Option<Timestamp>,
}

impl Acceptor {
    /// Reads the files. With `clients`, every client must show a certificate of an authority in that PEM file.
    pub fn load(certificate: CertificateFiles, clients: Option<PathBuf>) -> Result<Self, TlsError> {
        let files = AcceptorFiles { certificate, clients };
        let loaded = files.load()?;
        Ok(Self { files: Arc::new(files), current: Arc::new(RwLock::new(loaded)) })
    }

    /// Reads the files again. On an error nothing changes.
    pub fn reload(&self) -> Result<(), TlsError> {
        replace(&self.current, self.files.load()?);
        Ok(())
    }

    /// When the first certificate of the chain ends.
    pub fn expires(&self) -> Option<Timestamp> {
        current(&self.current, |loaded| loaded.expires)
    }

    /// The file that the certificate in use was read from.
    pub fn file(&self) -> &Path {
        &self.files.certificate.chain
    }

    /// What is in use now, for listeners that speak other protocols.
    pub fn config(&self) -> Arc<ServerConfig> {
        current(&self.current, |loaded| Arc::clone(&loaded.config))
    }
}

impl Connector {
    /// Reads the files. `certificate` is shown when the hop asks for one; `name` is verified instead of the host's.
    pub fn load(
        trust: Trust,
        certificate: Option<CertificateFiles>,
        name: Option<String>,
    ) -> Result<Self, TlsError> {
        let files = ConnectorFiles { trust, certificate, name };
        let loaded = files.load()?;
        Ok(Self { files: Arc::new(files), current: Arc::new(RwLock::new(loaded)) })
    }

    /// Reads the files again. On an error nothing changes.
    pub fn reload(&self) -> Result<(), TlsError> {
        replace(&self.current, self.files.load()?);
        Ok(())
    }

    /// When our own client certificate ends.
    pub fn expires(&self) -> Option<Timestamp> {
        current(&self.current, |loaded| loaded.expires)
    }

    /// The file that our own client certificate was read from.
    pub fn file(&self) -> Option<&Path> {
        self.files.certificate.as_ref().map(|files| files.chain.as_path())
    }

    /// Whether the other side's certificate is verified.
    pub fn verifies(&self) -> bool {
        self.files.trust != Trust::Anyone
    }

    /// What is in use now, for clients that speak other protocols.
    pub fn config(&self) -> Arc<ClientConfig> {
        current(&self.current, |loaded| Arc::clone(&loaded.config))
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.files.name.as_deref()
    }
}

impl AcceptorFiles {
    fn load(&self) -> Result<Loaded<ServerConfig>, TlsError> {
        let (chain, key) = read_pair(&self.certificate)?;
        let expires = expires(&self.certificate.chain, &chain)?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| self.certificate.pair(error))?;
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let roots = Arc::new(read_roots(file)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| content(file, error))?)
            }
        };
        let mut config =
            builder.with_single_cert(chain, key).map_err(|error| self.certificate.pair(error))?;
        // Sessions with gateways are long; stateless tickets keep resumption cheap without a cache of our own.
        config.send_tls13_tickets = 1;
        Ok(Loaded { config: Arc::new(config), expires: Some(expires) })
    }
}

impl ConnectorFiles {
    fn load(&self) -> Result<Loaded<ClientConfig>, TlsError> {
        let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = versions.map_err(|error| TlsError::NoSystemRoots(error.to_string()))?;
        let builder = match &self.trust {
            Trust::Anyone => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(unverified::Anyone::new(provider()))),
            Trust::System => {
                builder.with_webpki_verifier(verifier(system_roots()?, Path::new("system roots"))?)
            }
            Trust::File(file) => builder.with_webpki_verifier(verifier(read_roots(file)?, file)?),
        };
        let Some(files) = &self.certificate else {
            return Ok(Loaded { config: Arc::new(builder.with_no_client_auth()), expires: None });
        };
        let (chain, key) = read_pair(files)?;
        let expires = expires(&files.chain, &chain)?;
        let config = builder.with_client_auth_cert(chain, key).map_err(|error| files.pair(error))?;
        Ok(Loaded { config: Arc::new(config), expires: Some(expires) })
    }
}

impl CertificateFiles {
    fn pair(&self, why: rustls::Error) -> TlsError {
        let why = match why {
            rustls::Error::InconsistentKeys(_) => "the key does not belong to the certificate".to_owned(),
            other => other.to_string(),
        };
        TlsError::Pair { chain: self.chain.clone(), key: self.key.clone(), why }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn verifier(roots: RootCertStore, file: &Path) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    built.map_err(|error| content(file, error))
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(TlsError::NoSystemRoots(why.join("; ")));
    }
    Ok(roots)
}

fn read_roots(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_chain(file)? {
        roots.add(certificate).map_err(|error| content(file, error))?;
    }
    Ok(roots)
}

fn read_pair(
    files: &CertificateFiles,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = read_chain(&files.chain)?;
    let text = zeroize::Zeroizing::new(read(&files.key)?);
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => content(&files.key, "no private key in it (PEM expected)"),
        other => content(&files.key, other),
    })?;
    Ok((chain, key))
}

fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| content(file, error))?;
    if chain.is_empty() { Err(content(file, "no certificate in it (PEM expected)")) } else { Ok(chain) }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|why| TlsError::Read { file: file.to_owned(), why })
}

fn expires(file: &Path, chain: &[CertificateDer<'_>]) -> Result<Timestamp, TlsError> {
    let end = chain.first().and_then(|certificate| not_after(certificate));
    end.ok_or_else(|| content(file, "the certificate's validity cannot be read"))
}

fn content(file: &Path, why: impl ToString) -> TlsError {
    TlsError::Content { file: file.to_owned(), why: why.to_string() }
}

fn current<C, T>(lock: &RwLock<Loaded<C>>, look: impl FnOnce(&Loaded<C>) -> T) -> T {
    look(&lock.read().unwrap_or_else(PoisonError::into_inner))
}

fn replace<C>(lock: &RwLock<Loaded<C>>, loaded: Loaded<C>) {
    *lock.write().unwrap_or_else(PoisonError::into_inner) = loaded;
}
