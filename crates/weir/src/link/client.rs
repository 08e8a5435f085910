//! Requests to the servers' port, by mutual TLS.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode, header};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::identity::Place;
use super::trust::Pinned;

/// Until the connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// A whole request, an original of the largest size on a slow line included.
const WHOLE: Duration = Duration::from_secs(300);

/// Talks to one Enforce server.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
}

/// Why a request did not do what it was to do.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody answered, or not now.
    Away(String),
    /// Enforce said no: trying the same again will not help by itself.
    Refused(StatusCode, String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) => f.write_str(why),
            Self::Refused(status, why) => write!(f, "Enforce answered {}: {why}", status.as_u16()),
        }
    }
}

impl std::error::Error for Failure {}

impl Client {
    /// Shows the certificate that this server has.
    pub(super) fn enrolled(url: &str, place: &Place) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for root in chain(&place.authority())? {
            roots.add(root).with_context(|| format!("in {}", place.authority().display()))?;
        }
        let key =
            std::fs::read(place.key()).with_context(|| format!("cannot read {}", place.key().display()))?;
        let key = PrivateKeyDer::from_pem_slice(&key)
            .with_context(|| format!("no private key in {}", place.key().display()))?;
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain(&place.certificate())?, key)?;
        Self::new(url, config)
    }

    /// For enrolment: knows the authority by its fingerprint only.
    pub(super) fn unenrolled(url: &str, fingerprint: &str) -> Result<Self> {
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned::new(fingerprint, provider())))
            .with_no_client_auth();
        Self::new(url, config)
    }

    fn new(url: &str, config: ClientConfig) -> Result<Self> {
        ensure!(url.starts_with("https://"), "enforce = {url:?}: write https://HOST:PORT");
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .build()
            .context("the client for Enforce cannot be made")?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned() })
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        json(self.send(self.http.post(self.at(path)).json(body)).await?).await
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        json(self.send(self.http.get(self.at(path))).await?).await
    }

    /// None if it is still what `etag` says.
    pub(super) async fn get_new<T: DeserializeOwned>(
        &self,
        path: &str,
        etag: &str,
    ) -> Result<Option<T>, Failure> {
        let request = self.http.get(self.at(path)).header(header::IF_NONE_MATCH, format!("\"{etag}\""));
        let response = self.send(request).await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        json(response).await.map(Some)
    }

    pub(super) async fn octets(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let response = self.send(self.http.get(self.at(path))).await?;
        response.bytes().await.map(|octets| octets.to_vec()).map_err(away)
    }

    pub(super) async fn put(&self, path: &str, octets: Vec<u8>) -> Result<(), Failure> {
        self.send(self.http.put(self.at(path)).body(octets)).await.map(|_| ())
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.send(self.http.request(Method::DELETE, self.at(path))).await.map(|_| ())
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Failure> {
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let told = serde_json::from_str::<serde_json::Value>(&text).ok();
        let why = told.and_then(|told| Some(told.get("error")?.as_str()?.to_owned())).unwrap_or_default();
        if status.is_server_error() {
            return Err(Failure::Away(format!("Enforce answered {}: {why}", status.as_u16())));
        }
        Err(Failure::Refused(status, why))
    }
}

async fn json<T: DeserializeOwned>(response: reqwest::Response) -> Result<T, Failure> {
    response.json().await.map_err(away)
}

/// The causes too: "error sending request" alone helps nobody.
fn away(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    Failure::Away(text)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.with_context(|| format!("no PEM in {}", path.display()))?;
    ensure!(!chain.is_empty(), "{} holds no certificate", path.display());
    Ok(chain)
}
