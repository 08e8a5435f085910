//! What a server is at Enforce: its name, certificate and key, the authority, and the keys that all servers share; kept in
//! `DATA/enforce`, readable by Weir only.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use enforce::Token;
use enforce::certificates::{self, Pair};
use incident::wire::{EnrollRequest, Enrolled, RenewRequest, ServerKind, ServerSettings, paths};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::client::{Client, Failure};

/// Where it all lies.
#[derive(Debug, Clone)]
pub(crate) struct Place(PathBuf);

/// What a server is at Enforce.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Its name there.
    pub(crate) name: String,
    /// Where Enforce is.
    pub(crate) url: String,
    /// When it was enrolled.
    #[serde(default)]
    pub(crate) enrolled_at: Option<Timestamp>,
    /// ETag of the cached settings.
    #[serde(default)]
    pub(crate) settings: String,
}

impl Place {
    pub(crate) fn of(data: &Path) -> Self {
        Self(data.join("enforce"))
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.0.join("certificate.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.0.join("certificate.key")
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.0.join("authority.pem")
    }

    /// Keys of `X-dlp-uniquemsgid`, newest first, one a line.
    pub(crate) fn unique_id_keys(&self) -> PathBuf {
        self.0.join("unique-id.keys")
    }

    pub(super) fn policies(&self) -> PathBuf {
        self.0.join("policies")
    }

    fn settings(&self) -> PathBuf {
        self.0.join("settings.json")
    }

    /// A certificate request that was sent and not answered yet, and its key.
    fn asked(&self) -> (PathBuf, PathBuf) {
        (self.0.join("asked.csr"), self.0.join("asked.key"))
    }

    /// What is asked for under a token: the same as before if an answer was lost, for a token counts for one request.
    fn request(&self, name: &str) -> Result<Pair> {
        let (csr, key) = self.asked();
        if let (Ok(certificate), Ok(key)) = (fs::read_to_string(&csr), fs::read_to_string(&key)) {
            return Ok(Pair { certificate, key: key.into() });
        }
        let pair = certificates::request(name)?;
        self.write(&key, pair.key.as_bytes())?;
        self.write(&csr, pair.certificate.as_bytes())?;
        Ok(pair)
    }

    fn identity(&self) -> PathBuf {
        self.0.join("identity.json")
    }

    /// None if this server is not enrolled.
    pub(crate) fn identity_here(&self) -> Option<Identity> {
        let text = fs::read_to_string(self.identity()).ok()?;
        serde_json::from_str(&text).ok().filter(|_| self.certificate().is_file() && self.key().is_file())
    }

    /// When our certificate ends.
    pub(crate) fn certificate_ends(&self) -> Option<Timestamp> {
        let text = fs::read(self.certificate()).ok()?;
        Some(certificates::describe(&text).ok()?.first()?.until)
    }

    /// Whole or not at all, and readable by us only.
    pub(super) fn write(&self, path: &Path, text: &[u8]) -> Result<()> {
        let write = || {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
            let new = path.with_extension("new");
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(text)?;
            file.sync_all()?;
            fs::rename(&new, path)?;
            File::open(path.parent().unwrap_or(&self.0))?.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    pub(super) fn keep_identity(&self, identity: &Identity) -> Result<()> {
        self.write(&self.identity(), &serde_json::to_vec_pretty(identity)?)
    }

    pub(super) fn keep_settings(&self, settings: &ServerSettings) -> Result<()> {
        self.write(&self.settings(), &serde_json::to_vec_pretty(settings)?)
    }

    /// True if they are others than before.
    pub(super) fn keep_unique_id_keys(&self, keys: &[String]) -> Result<bool> {
        let text = keys.join("\n") + "\n";
        if keys.is_empty() || fs::read_to_string(self.unique_id_keys()).is_ok_and(|known| known == text) {
            return Ok(false);
        }
        self.write(&self.unique_id_keys(), text.as_bytes())?;
        Ok(true)
    }

    /// The key first: what was certified without its key at hand would be lost.
    fn keep_enrolled(&self, enrolled: &Enrolled, key: &str) -> Result<()> {
        self.write(&self.key(), key.as_bytes())?;
        self.write(&self.authority(), enrolled.authority.as_bytes())?;
        self.write(&self.certificate(), enrolled.certificate.as_bytes())?;
        self.keep_unique_id_keys(&enrolled.unique_id_keys)?;
        Ok(())
    }
}

/// Settings that Enforce gave before; none if there are none.
pub(crate) fn cached_settings(data: &Path) -> BTreeMap<String, serde_json::Value> {
    let text = fs::read_to_string(Place::of(data).settings()).unwrap_or_default();
    serde_json::from_str::<ServerSettings>(&text).map(|settings| settings.values).unwrap_or_default()
}

/// Uses a token up. The key never leaves this machine.
pub(crate) async fn enroll(
    place: &Place,
    url: &str,
    token: &str,
    kind: ServerKind,
    names: &[String],
) -> Result<Identity> {
    let token = Token::parse(token)?;
    let client = Client::unenrolled(url, &token.authority)?;
    let pair = place.request(&token.name)?;
    let request = EnrollRequest {
        token: token.secret.clone(),
        kind,
        csr: pair.certificate,
        names: names.to_vec(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let enrolled: Enrolled = client.post(paths::ENROLL, &request).await?;
    place.keep_enrolled(&enrolled, &pair.key)?;
    let identity = Identity {
        name: enrolled.name.clone(),
        url: url.to_owned(),
        enrolled_at: Some(Timestamp::now()),
        settings: String::new(),
    };
    place.keep_identity(&identity)?;
    let (csr, key) = place.asked();
    let _ = fs::remove_file(csr);
    let _ = fs::remove_file(key);
    tracing::info!(
        name = identity.name,
        url,
        waits_for_approval = enrolled.waits_for_approval,
        "enrolled at Enforce"
    );
    Ok(identity)
}

/// Gets a further certificate before the one that we have ends.
pub(super) async fn renew(place: &Place, client: &Client, name: &str) -> Result<(), Failure> {
    let here =
        |error: &dyn std::fmt::Display| Failure::Away(format!("the certificate is not renewed: {error}"));
    let pair = certificates::request(name).map_err(|error| here(&error))?;
    let enrolled: Enrolled = client.post(paths::RENEW, &RenewRequest { csr: pair.certificate }).await?;
    place.keep_enrolled(&enrolled, &pair.key).map_err(|error| here(&error))?;
    tracing::info!(name, "the certificate for Enforce was renewed");
    Ok(())
}
