//! The directory of certificates: what is made is whole or not there, and never written over a key that is in use.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Authority, Error, Issue, Pair, Seen, Use, describe};

/// By this name Enforce shows itself to gateways; no other certificate of the authority has it first.
pub const NAME: &str = "enforce";
const AUTHORITY: &str = "authority";
/// Ten years.
const AUTHORITY_DAYS: u32 = 3_652;
/// As long as public authorities allow.
const DAYS: u32 = 397;

/// Where certificates are: `NAME.pem` and `NAME.key` for each.
#[derive(Debug, Clone)]
pub struct Directory(PathBuf);

/// What Enforce itself uses.
#[derive(Debug)]
pub struct Ours {
    /// Signs for servers; none where its key is not at hand.
    pub authority: Option<Authority>,
    /// Its certificate: whoever it vouches for may come in.
    pub roots: String,
    /// The file of it.
    pub authorities: PathBuf,
    /// Certificate and key of the servers' port and, where asked for, of the console (paths without their endings).
    pub server: PathBuf,
    /// Certificate and key that we show to gateways.
    pub client: PathBuf,
}

impl Directory {
    /// This one; made with the first file.
    pub fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file of a certificate.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.pem"))
    }

    /// The file of its key.
    pub fn key(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.key"))
    }

    /// Makes a new authority; refused where there is one, for what it vouched for would be void.
    pub fn make_authority(&self, name: &str, days: u32) -> Result<Authority, Error> {
        if self.certificate(AUTHORITY).exists() {
            return Err(Error::new(format!(
                "{} is there already; what it vouched for would be void. Move it away first if that is meant",
                self.certificate(AUTHORITY).display()
            )));
        }
        let (authority, pair) = Authority::make(name, days)?;
        self.write(AUTHORITY, &pair)?;
        Ok(authority)
    }

    /// The authority with its key.
    pub fn authority(&self) -> Result<Authority, Error> {
        let (certificate, key) = self.read(AUTHORITY)?;
        Authority::read(&certificate, &key)
    }

    /// A certificate of the authority, written as `file`; one that is there is replaced, key and all, only with `replace`.
    pub fn issue(&self, file: &str, issue: &Issue, replace: bool) -> Result<Seen, Error> {
        if !replace && (self.certificate(file).exists() || self.key(file).exists()) {
            return Err(Error::new(format!(
                "{} is there already; give another name, or --replace",
                self.certificate(file).display()
            )));
        }
        let pair = self.authority()?.issue(issue)?;
        self.write(file, &pair)?;
        first(&pair.certificate)
    }

    /// Takes a certificate and its key that somebody else made, as `file`. They must belong together.
    pub fn import(&self, file: &str, certificate: &str, key: &str) -> Result<Seen, Error> {
        let seen = first(certificate)?;
        belong_together(certificate, key)?;
        let pair = Pair { certificate: certificate.to_owned(), key: Zeroizing::new(key.to_owned()) };
        self.write(file, &pair)?;
        Ok(seen)
    }

    /// The same from a PKCS#12 file: its one key, and the certificates from that of the key up to the authority.
    pub fn import_pkcs12(&self, file: &str, octets: &[u8], password: &str) -> Result<Seen, Error> {
        let (certificate, key) = super::open_pkcs12(octets, password)?;
        self.import(file, &certificate, &key)
    }

    /// Certificate and key (PEM texts).
    pub fn read(&self, name: &str) -> Result<(String, Zeroizing<String>), Error> {
        let read =
            |path: PathBuf| fs::read_to_string(&path).map_err(|why| Error::file("cannot read", &path, why));
        Ok((read(self.certificate(name))?, Zeroizing::new(read(self.key(name))?)))
    }

    /// Every certificate of the directory: the file's name, and the first that is in it.
    pub fn all(&self) -> Vec<(String, Result<Seen, Error>)> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.0)
            .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
            .unwrap_or_default();
        files.retain(|path| path.extension().is_some_and(|ending| ending == "pem"));
        files.sort();
        let seen = |path: &PathBuf| {
            let text = fs::read_to_string(path).map_err(|why| Error::file("cannot read", path, why));
            text.and_then(|text| first(&text).map_err(|why| Error::file("in", path, why)))
        };
        files.iter().map(|path| (path.display().to_string(), seen(path))).collect()
    }

    /// What Enforce needs: made where it is missing, made anew where it is ours and ends soon or lacks a name.
    pub fn ready(&self, names: &[String]) -> Result<Ours, Error> {
        if !self.certificate(AUTHORITY).exists() {
            self.make_authority("Weir private authority", AUTHORITY_DAYS)?;
        }
        let authority = if self.key(AUTHORITY).exists() { Some(self.authority()?) } else { None };
        let path = self.certificate(AUTHORITY);
        let roots = fs::read_to_string(&path).map_err(|why| Error::file("cannot read", &path, why))?;
        let vouches = first(&roots)?;
        for (file, purpose, names) in [("server", Use::Server, names), ("client", Use::Client, &[][..])] {
            let issue = Issue { name: NAME.into(), names: names.to_vec(), purpose, days: DAYS };
            if self.is_good(file, &vouches, names) {
                continue;
            }
            let authority = authority.as_ref().ok_or_else(|| {
                Error::new(format!("{} is needed to make {file}.pem", self.key(AUTHORITY).display()))
            })?;
            self.write(file, &authority.issue(&issue)?)?;
        }
        Ok(Ours {
            authority,
            roots,
            authorities: path,
            server: self.0.join("server"),
            client: self.0.join("client"),
        })
    }

    /// One that an administrator brought is never replaced; one of ours is, in time.
    fn is_good(&self, file: &str, vouches: &Seen, names: &[String]) -> bool {
        let Ok((certificate, _)) = self.read(file) else { return false };
        let Ok(seen) = first(&certificate) else { return false };
        let ours = seen.issuer == vouches.subject && seen.names.first().is_some_and(|name| name == NAME);
        !ours || (!seen.ends_soon() && names.iter().all(|name| seen.names.contains(name)))
    }

    /// The key first: a certificate without its key is seen at once, the other way round it is a puzzle.
    fn write(&self, name: &str, pair: &Pair) -> Result<(), Error> {
        let make = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        make.map_err(|why| Error::file("cannot make", &self.0, why))?;
        let files = [
            (self.key(name), pair.key.as_bytes(), 0o600),
            (self.certificate(name), pair.certificate.as_bytes(), 0o644),
        ];
        for (path, text, mode) in files {
            write_whole(&path, text, mode).map_err(|why| Error::file("cannot write", &path, why))?;
        }
        Ok(())
    }
}

/// Under another name first: a crash leaves the old file or the new one.
pub(crate) fn write_whole(path: &Path, text: &[u8], mode: u32) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn first(certificate: &str) -> Result<Seen, Error> {
    let seen = describe(certificate.as_bytes())?;
    seen.into_iter().next().ok_or_else(|| Error::new("there is no certificate in it (PEM expected)"))
}

fn belong_together(certificate: &str, key: &str) -> Result<(), Error> {
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer};
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let chain = chain.map_err(|why| Error::new(format!("the certificate: {why}")))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|why| Error::new(format!("the key: {why} (PEM expected)")))?;
    web::listen::belong_together(chain, key).map_err(|why| Error::new(why.to_string()))
}
