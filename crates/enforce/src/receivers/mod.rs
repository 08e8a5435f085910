//! Receivers of events, such as a SIEM: who they are, how each is told, and what of a match they get to see.
//!
//! ```text
//! history line -> events (its place) -> teller -> syslog (CEF or JSON) | webhook (JSON, signed)
//! ```

mod payload;
mod teller;
mod webhook;

use serde::{Deserialize, Serialize};

pub(crate) use teller::{secret, tell};

/// Octets of a webhook's secret.
const SHORTEST_SECRET: usize = 16;

/// Where a receiver is, and how it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Definition {
    /// RFC 5424.
    Syslog {
        /// Name or address.
        host: String,
        /// The protocol's own (514, 601, 6514) where none is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// How messages travel.
        protocol: Protocol,
        /// What they are.
        format: Format,
        /// Authorities to trust (PEM) in place of the system's.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        authority: String,
        /// What of matches is told.
        #[serde(default)]
        matches: Shown,
    },
    /// One POST for each event, signed as Standard Webhooks has it.
    Webhook {
        /// `https://…`
        url: String,
        /// The name of the credential whose password is the secret.
        credential: String,
        /// Authorities to trust (PEM) in place of the system's.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        authority: String,
        /// What of matches is told.
        #[serde(default)]
        matches: Shown,
    },
}

/// How syslog messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Protocol {
    Udp,
    Tcp,
    Tls,
}

/// What a syslog message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Format {
    Cef,
    Json,
}

/// What of matches is told. Subjects and the words of notes can hold the same, so they go with matches in clear only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shown {
    /// How many there are.
    #[default]
    Count,
    /// Where they are, and their text with letters and digits covered.
    Masked,
    /// Their text.
    Clear,
}

impl Definition {
    /// The credential that it needs.
    pub fn credential(&self) -> Option<&str> {
        match self {
            Self::Syslog { .. } => None,
            Self::Webhook { credential, .. } => Some(credential),
        }
    }

    /// What of matches is told.
    pub fn shown(&self) -> Shown {
        match self {
            Self::Syslog { matches, .. } | Self::Webhook { matches, .. } => *matches,
        }
    }

    /// Whether it makes sense; the text is for whoever wrote it. `secret` is the credential's password.
    pub fn check(&self, secret: Option<&str>) -> Result<(), String> {
        match self {
            Self::Syslog { host, .. } if !is_host(host) => {
                Err("The host is a name or an address, without a port.".to_owned())
            }
            Self::Syslog { port: Some(0), .. } => Err("A port is a number from 1 to 65535.".to_owned()),
            Self::Syslog { .. } => self.syslog().map(|_| ()),
            Self::Webhook { authority, .. } => {
                self.url()?;
                let secret =
                    secret.ok_or("Choose a credential with a password: it is the secret that signs.")?;
                if webhook::key(secret)?.len() < SHORTEST_SECRET {
                    return Err(format!("The secret that signs has at least {SHORTEST_SECRET} octets."));
                }
                webhook::client(authority).map(|_| ())
            }
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        let (what, shown) = match self {
            Self::Syslog { host, port, protocol, format, .. } => {
                let (protocol, usual) = match protocol {
                    Protocol::Udp => ("UDP", 514),
                    Protocol::Tcp => ("TCP", 601),
                    Protocol::Tls => ("TLS", 6514),
                };
                let format = if *format == Format::Cef { "CEF" } else { "JSON" };
                (
                    format!("{format} by syslog over {protocol} to {host}, port {}", port.unwrap_or(usual)),
                    self.shown(),
                )
            }
            Self::Webhook { url, .. } => (format!("JSON to {url}"), self.shown()),
        };
        match shown {
            Shown::Count => what,
            Shown::Masked => format!("{what}, matches masked"),
            Shown::Clear => format!("{what}, matches, subjects and notes in clear"),
        }
    }

    fn url(&self) -> Result<reqwest::Url, String> {
        let wrong = "The address is an https:// URL without a user's name or password in it.".to_owned();
        let Self::Webhook { url, .. } = self else { return Err(wrong) };
        let url = reqwest::Url::parse(url.trim()).map_err(|_| wrong.clone())?;
        let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
        if url.scheme() == "https" && plain { Ok(url) } else { Err(wrong) }
    }

    fn syslog(&self) -> Result<effects::Protocol, String> {
        let Self::Syslog { protocol, authority, .. } = self else {
            return Err("It is no syslog server.".to_owned());
        };
        let tls = |loaded: Result<effects::SyslogTls, String>| {
            loaded.map(effects::Protocol::Tls).map_err(|why| format!("The authority cannot be used: {why}."))
        };
        match protocol {
            Protocol::Udp => Ok(effects::Protocol::Udp),
            Protocol::Tcp => Ok(effects::Protocol::Tcp),
            Protocol::Tls if authority.trim().is_empty() => tls(effects::SyslogTls::load(None)),
            Protocol::Tls => tls(effects::SyslogTls::of_pem(authority)),
        }
    }
}

fn is_host(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    !text.is_empty() && text.len() <= 255 && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(url: &str) -> Definition {
        Definition::Webhook {
            url: url.into(),
            credential: "siem".into(),
            authority: String::new(),
            matches: Shown::Count,
        }
    }

    #[test]
    fn a_webhook_needs_https_and_a_secret() {
        let secret = Some("a secret of some length");
        assert_eq!(webhook("https://siem.example/weir?x=1").check(secret), Ok(()));
        for wrong in
            ["http://siem.example/", "https://ann:x@siem.example/", "siem.example", "file:///etc/passwd", ""]
        {
            assert!(webhook(wrong).check(secret).is_err(), "{wrong}");
        }
        assert!(webhook("https://siem.example/").check(None).is_err());
        assert!(webhook("https://siem.example/").check(Some("short")).is_err());
    }

    #[test]
    fn a_syslog_server_is_a_host() {
        let syslog = |host: &str, authority: &str| Definition::Syslog {
            host: host.into(),
            port: None,
            protocol: Protocol::Tls,
            format: Format::Cef,
            authority: authority.into(),
            matches: Shown::Count,
        };
        for wrong in ["", "two words", "host/x", "host\n"] {
            assert!(syslog(wrong, "").check(None).is_err(), "{wrong:?}");
        }
        assert!(syslog("siem.example", "no PEM").check(None).unwrap_err().contains("authority"));
    }
}
