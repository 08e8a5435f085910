//! The way to Enforce: HTTPS by mutual TLS, under certificates that can be read again, shared by all who ask Enforce for something.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::RequestBuilder;
use smtp::tls::{CertificateFiles, Connector, Trust};

use crate::Error;
use crate::options::EnforceOptions;

/// Clones are the same way.
#[derive(Debug, Clone)]
pub(crate) struct ToEnforce {
    url: String,
    tls: Connector,
    /// By which certificates, and the client that shows them: made anew once they are others.
    client: Arc<Mutex<(Arc<rustls::ClientConfig>, reqwest::Client)>>,
}

impl ToEnforce {
    /// Reads the certificates.
    pub(crate) fn new(options: &EnforceOptions) -> Result<Self, Error> {
        let setup = |why: String| Error::Setup(format!("enforce: {why}"));
        let files = CertificateFiles { chain: options.tls.certificate.clone(), key: options.tls.key.clone() };
        let trust = options.tls.ca.clone().map_or(Trust::System, Trust::File);
        let tls = Connector::load(trust, Some(files), None).map_err(|why| setup(why.to_string()))?;
        let config = tls.config();
        let client = client(&config).map_err(|why| setup(why.to_string()))?;
        let url = options.url.trim_end_matches('/').to_owned();
        Ok(Self { url, tls, client: Arc::new(Mutex::new((config, client))) })
    }

    /// Clones share the certificates: [`Connector::reload`] has them read again.
    pub(crate) fn tls(&self) -> Connector {
        self.tls.clone()
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// A request that the caller bounds in time.
    pub(crate) fn post(&self, path: &str) -> Result<RequestBuilder, String> {
        let config = self.tls.config();
        let mut held = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&held.0, &config) {
            *held = (config.clone(), client(&config).map_err(|why| words(&why))?);
        }
        Ok(held.1.post(self.url(path)))
    }
}

fn client(config: &rustls::ClientConfig) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(config.clone())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
}

/// An error with its causes: the first one says little ("error sending request").
pub(crate) fn words(error: &dyn std::error::Error) -> String {
    let (mut words, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        words = format!("{words}: {cause}");
        next = cause.source();
    }
    words
}
