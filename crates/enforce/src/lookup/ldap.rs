//! An LDAP server as a lookup (RFC 4511): one search for each address, by TLS, with a time limit.

use std::time::Duration;

use effects::SyslogTls;
use ldap3::{LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, SearchOptions, ldap_escape};
use reqwest::Url;
use zeroize::Zeroizing;

use super::Known;

/// Entries that are looked at; of two about the same address the first counts.
const MOST: i32 = 5;
/// What stands for the address in a filter.
const ADDRESS: &str = "{address}";

/// Where and what is asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Ldap {
    /// `ldaps://HOST`, or `ldap://HOST` with STARTTLS or on this machine.
    pub url: String,
    /// TLS begins on the connection.
    pub starttls: bool,
    /// As whom; empty: anonymously.
    pub bind: String,
    /// The password for it.
    pub password: Zeroizing<String>,
    /// Below which entry.
    pub base: String,
    /// By which filter (RFC 4515); `{address}` stands for the address.
    pub filter: String,
    /// Authorities that it is believed by (PEM); the system's where empty.
    pub authority: String,
    /// How long it may take.
    pub seconds: u32,
}

impl std::fmt::Debug for Ldap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ldap").field("url", &self.url).field("base", &self.base).finish_non_exhaustive()
    }
}

impl Ldap {
    /// Refuses what cannot work, or would send a password in clear.
    pub(super) fn check(&self) -> Result<(), String> {
        let url = Url::parse(&self.url).map_err(|why| format!("its address {:?}: {why}", self.url))?;
        let is_here = web::outgoing::is_here(&url);
        match url.scheme() {
            "ldaps" if !self.starttls => {}
            "ldap" if self.starttls || is_here => {}
            "ldap" => {
                return Err(
                    "by ldap:// it needs starttls = true: what it asks and is told would go in clear"
                        .to_owned(),
                );
            }
            _ => {
                return Err(
                    "its address begins with ldaps://, or with ldap:// and starttls = true".to_owned()
                );
            }
        }
        if url.host_str().is_none_or(str::is_empty) || !url.username().is_empty() || url.password().is_some()
        {
            return Err("its address has a host, and neither a name nor a password".to_owned());
        }
        if !self.filter.contains(ADDRESS) {
            return Err(format!("its filter has {ADDRESS} where the address stands"));
        }
        if !(1..=60).contains(&self.seconds) {
            return Err("it may take 1 to 60 seconds".to_owned());
        }
        self.tls().map(|_| ())
    }

    /// Whom it trusts.
    pub(super) fn tls(&self) -> Result<SyslogTls, String> {
        if self.authority.is_empty() { SyslogTls::load(None) } else { SyslogTls::of_pem(&self.authority) }
    }

    pub(super) async fn ask(
        &self,
        address: &str,
        columns: Vec<String>,
        tls: &SyslogTls,
    ) -> Result<Known, String> {
        let (this, address, tls) = (self.clone(), address.to_owned(), tls.clone());
        // The library panics at entries that are none: then the task ends, and this server goes on.
        let asked = tokio::spawn(async move {
            let limit = Duration::from_secs(this.seconds.into());
            let asked = tokio::time::timeout(limit, this.search(&address, &columns, &tls)).await;
            asked.unwrap_or_else(|_| Err(format!("the directory took longer than {} seconds", this.seconds)))
        });
        asked.await.unwrap_or_else(|_| Err("what the directory answered cannot be read".to_owned()))
    }

    async fn search(&self, address: &str, columns: &[String], tls: &SyslogTls) -> Result<Known, String> {
        let failed = |error: LdapError| format!("the directory: {}", web::reasons(&error));
        let limit = Duration::from_secs(self.seconds.into());
        let settings = LdapConnSettings::new()
            .set_conn_timeout(limit)
            .set_starttls(self.starttls)
            .set_config(tls.config());
        let (connection, mut ldap) =
            LdapConnAsync::with_settings(settings, &self.url).await.map_err(failed)?;
        // Ends with the last handle to it.
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "a connection to a directory broke off");
            }
        });
        if !self.bind.is_empty() {
            ldap.simple_bind(&self.bind, &self.password)
                .await
                .and_then(|done| done.success())
                .map_err(failed)?;
        }
        let filter = self.filter.replace(ADDRESS, &ldap_escape(address));
        ldap.with_search_options(SearchOptions::new().sizelimit(MOST).timelimit(self.seconds as i32));
        let found = ldap.search(&self.base, Scope::Subtree, &filter, columns).await.map_err(failed)?;
        // More than are looked at is no failure.
        let entries = match found.1.rc {
            0 | 4 => found.0,
            _ => return Err(failed(LdapError::from(found.1))),
        };
        let mut known = Known::new();
        if let Some(entry) = entries.into_iter().find(|entry| !entry.is_ref() && !entry.is_intermediate()) {
            for (name, values) in SearchEntry::construct(entry).attrs {
                known.insert(name.to_lowercase(), values);
            }
        }
        let _ = ldap.unbind().await;
        Ok(known)
    }
}
