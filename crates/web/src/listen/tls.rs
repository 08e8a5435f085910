//! TLS from files: our certificate and its key, and the authorities of clients; read again when they change. Files that cannot be
//! used change nothing but the log.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{Certificate, Error};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// A certificate that ends this soon is warned of.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// But not more often than this.
const WARN_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Where they are, all of them PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The chain, our own certificate first.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who gets in.
    pub clients: Clients,
}

/// Which clients get in, by the certificates that they show.
#[derive(Debug, Clone, Default)]
pub enum Clients {
    /// Anybody; none is asked for a certificate.
    #[default]
    Anybody,
    /// Who has a certificate of these authorities, and who has none; what shows another one is turned away.
    Asked(PathBuf),
    /// Who has a certificate of these authorities in any of these names.
    Named {
        /// The authorities.
        authorities: PathBuf,
        /// First DNS names of certificates, or else common names.
        names: Vec<String>,
    },
}

/// TLS as it is in force; clones share it.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: TlsFiles,
    now: RwLock<InForce>,
}

#[derive(Debug, Clone)]
struct InForce {
    config: Arc<ServerConfig>,
    /// When our certificate ends.
    ends: Timestamp,
    /// Of the files that it was made from.
    digest: [u8; 32],
}

/// What the files hold.
struct Contents {
    chain: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    authorities: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files.
    pub fn load(files: TlsFiles) -> Result<Self, Error> {
        let contents = files.read()?;
        let now = RwLock::new(files.in_force(&contents)?);
        Ok(Self(Arc::new(Shared { files, now })))
    }

    /// Reads the files again at once, as whoever changed them may ask. What is wrong with them: what is in force stays.
    pub fn reload(&self) -> Result<(), Error> {
        let contents = self.0.files.read()?;
        if contents.digest() != self.now().digest {
            self.put(self.0.files.in_force(&contents)?);
        }
        Ok(())
    }

    fn put(&self, new: InForce) {
        tracing::info!(chain = %self.0.files.chain.display(), ends = %new.ends, "a new certificate is served");
        *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.now().config
    }

    /// Whether only clients of certain names get in.
    pub(super) fn is_for_named(&self) -> bool {
        matches!(self.0.files.clients, Clients::Named { .. })
    }

    /// Whether a client with this certificate, already verified, gets in.
    pub(super) fn admits(&self, shown: Option<&Certificate>) -> bool {
        match &self.0.files.clients {
            Clients::Anybody | Clients::Asked(_) => true,
            Clients::Named { names, .. } => shown.is_some_and(|shown| names.contains(&shown.name)),
        }
    }

    /// Looks after the files until told to stop.
    pub(super) async fn keep(self, stop: CancellationToken) {
        let mut watch = Watch::default();
        loop {
            let tls = self.clone();
            let looked = tokio::task::spawn_blocking(move || {
                tls.look(&mut watch);
                watch
            });
            let Ok(next) = looked.await else { return };
            watch = next;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn look(&self, watch: &mut Watch) {
        let chain = self.0.files.chain.display();
        if let Err(error) = self.follow(watch) {
            let complaint = error.to_string();
            if watch.complaint.as_ref() != Some(&complaint) {
                tracing::warn!(%error, "the new certificate cannot be used; the one from before is served on");
                watch.complaint = Some(complaint);
            }
        }
        let (now, ends) = (Timestamp::now(), self.now().ends);
        let due = watch.warned.is_none_or(|at| now.duration_since(at) >= WARN_EVERY);
        if due && ends.duration_since(now) < SOON {
            tracing::warn!(%chain, %ends, "a certificate ends within 30 days, or has ended");
            watch.warned = Some(now);
        }
    }

    /// Puts in force what stands in the files, once two looks in a row have seen the same: they are not written all at once.
    fn follow(&self, watch: &mut Watch) -> Result<(), Error> {
        let files = &self.0.files;
        let contents = files.read()?;
        let digest = contents.digest();
        let settled = watch.seen.replace(digest) == Some(digest);
        if digest == self.now().digest {
            watch.complaint = None;
        } else if settled {
            self.put(files.in_force(&contents)?);
            *watch = Watch { seen: watch.seen, ..Watch::default() };
        }
        Ok(())
    }

    fn now(&self) -> InForce {
        self.0.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What was seen and said so far.
#[derive(Debug, Default)]
struct Watch {
    seen: Option<[u8; 32]>,
    complaint: Option<String>,
    warned: Option<Timestamp>,
}

impl TlsFiles {
    fn authorities(&self) -> Option<&Path> {
        match &self.clients {
            Clients::Anybody => None,
            Clients::Asked(authorities) | Clients::Named { authorities, .. } => Some(authorities),
        }
    }

    fn read(&self) -> Result<Contents, Error> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|why| Error::Tls(format!("cannot read {}: {why}", path.display())))
        };
        Ok(Contents {
            chain: read(&self.chain)?,
            key: Zeroizing::new(read(&self.key)?),
            authorities: self.authorities().map(read).transpose()?,
        })
    }

    fn in_force(&self, contents: &Contents) -> Result<InForce, Error> {
        let wrong =
            |path: &Path, why: &dyn std::fmt::Display| Error::Tls(format!("{}: {why}", path.display()));
        let chain = certificates(&contents.chain).map_err(|why| wrong(&self.chain, &why))?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key);
        let key = key.map_err(|why| wrong(&self.key, &format!("no private key (PEM): {why}")))?;
        let ends = chain.first().and_then(certificate_end);
        let ends = ends.ok_or_else(|| wrong(&self.chain, &"its first certificate cannot be read"))?;
        let clients = match (self.authorities(), &contents.authorities) {
            (Some(path), Some(text)) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(text).map_err(|why| wrong(path, &why))? {
                    roots.add(root).map_err(|why| wrong(path, &why))?;
                }
                Some((roots, matches!(self.clients, Clients::Named { .. })))
            }
            _ => None,
        };
        let config = config(chain, key, clients).map_err(|why| wrong(&self.chain, &why))?;
        Ok(InForce { config, ends, digest: contents.digest() })
    }
}

impl Contents {
    fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for part in [&self.chain, &*self.key, self.authorities.as_deref().unwrap_or_default()] as [&[u8]; 3] {
            hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
        }
        *hasher.finalize().as_bytes()
    }
}

/// Whether a certificate, with what stands above it, and a key belong together and can be served.
pub fn belong_together(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<(), Error> {
    config(chain, key, None).map(|_| ()).map_err(|why| Error::Tls(why.to_string()))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err("there is no certificate in it (PEM expected)".to_owned()),
        Ok(all) => Ok(all),
        Err(why) => Err(format!("no PEM: {why}")),
    }
}

fn certificate_end(der: &CertificateDer<'static>) -> Option<Timestamp> {
    let (_, parsed) = x509_parser::parse_x509_certificate(der).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

/// With authorities of clients, and whether a client must have a certificate of theirs.
fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    clients: Option<(RootCertStore, bool)>,
) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error + Send + Sync>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match clients {
        Some((roots, required)) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build()?)
        }
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn write(dir: &Path) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(dir.join("chain.pem"), certificate.pem()).unwrap();
    }

    #[test]
    fn what_cannot_be_used_is_complained_of_once_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (chain, key) = (dir.path().join("chain.pem"), dir.path().join("key.pem"));
        let files = TlsFiles { chain: chain.clone(), key: key.clone(), clients: Clients::Anybody };
        assert!(Tls::load(files.clone()).is_err());
        write(dir.path());
        let tls = Tls::load(files).unwrap();
        let (first, mut watch) = (tls.config(), Watch::default());
        let another_key = KeyPair::generate().unwrap().serialize_pem();
        let cases: [(&Path, Option<&str>); 4] =
            [(&key, Some(&another_key)), (&key, Some("no key")), (&chain, Some("")), (&chain, None)];
        let mut complaints = Vec::new();
        for (file, text) in cases {
            match text {
                Some(text) => std::fs::write(file, text).unwrap(),
                None => std::fs::remove_file(file).unwrap(),
            }
            (0..3).for_each(|_| tls.look(&mut watch));
            assert!(Arc::ptr_eq(&tls.config(), &first), "{text:?}");
            complaints.extend(watch.complaint.clone());
        }
        complaints.dedup();
        assert_eq!(complaints.len(), cases.len(), "{complaints:?}");
        assert!(complaints[0].contains("chain.pem") && complaints[1].contains("key.pem"), "{complaints:?}");
        write(dir.path());
        tls.look(&mut watch);
        assert!(Arc::ptr_eq(&tls.config(), &first), "seen once, it may still be being written");
        tls.look(&mut watch);
        assert!(!Arc::ptr_eq(&tls.config(), &first) && watch.complaint.is_none());
    }
}
