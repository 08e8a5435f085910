//! A client for asking servers of others: no proxy, no redirects, bounded in time.

use std::time::Duration;

use reqwest::{Certificate, Client, Url};

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The authorities are given, but hold no certificate.
    #[error("the authorities cannot be used: there is no certificate")]
    NoCertificate,
    /// The authorities cannot be read, or the system's cannot be used.
    #[error("the authorities cannot be used: {0}")]
    Because(reqwest::Error),
}

/// A client that believes these authorities (PEM), or the system's where it is empty; by https alone unless `plain` allows otherwise.
/// It connects and is through within these times.
pub fn client(authority: &str, plain: bool, connect: Duration, whole: Duration) -> Result<Client, Unusable> {
    let mut builder = Client::builder()
        .https_only(!plain)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("Weir/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect)
        .timeout(whole);
    if !authority.trim().is_empty() {
        let authorities = Certificate::from_pem_bundle(authority.as_bytes()).map_err(Unusable::Because)?;
        if authorities.is_empty() {
            return Err(Unusable::NoCertificate);
        }
        builder = builder.tls_certs_only(authorities);
    }
    builder.build().map_err(Unusable::Because)
}

/// Addresses are asked by TLS; without it, where `plain` allows it, only a server of this machine.
pub fn reachable(url: &Url, plain: bool) -> Result<(), String> {
    let fine = url.scheme() == "https" || plain && url.scheme() == "http" && is_here(url);
    if fine && url.host().is_some() && url.username().is_empty() && url.password().is_none() {
        return Ok(());
    }
    Err("it must be https://HOST/…, without a name or password in it".to_owned())
}

/// Whether an address is one of this machine.
pub fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
