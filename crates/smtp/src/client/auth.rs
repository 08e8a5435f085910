//! AUTH PLAIN (RFC 4616) and LOGIN towards the next hop, over TLS only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{Auth, Hop, HopError, Phase};
use crate::reply::Reply;

impl Hop {
    pub(super) async fn authenticate(&mut self, auth: &Auth) -> Result<(), HopError> {
        if self.tls_info().is_none() {
            return Err(HopError::Auth("the connection is not encrypted".to_owned()));
        }
        let offered = &self.extensions.auth;
        let reply = if offered.contains("PLAIN") {
            let secret = Zeroizing::new(format!("\0{}\0{}", auth.user, *auth.secret));
            self.secret_line("AUTH PLAIN ", &secret, &[235]).await?
        } else if offered.contains("LOGIN") {
            self.login(auth).await?
        } else {
            return Err(HopError::Auth("the hop offers neither PLAIN nor LOGIN".to_owned()));
        };
        if reply.is_positive() { Ok(()) } else { Err(HopError::Auth(reply.to_string())) }
    }

    async fn login(&mut self, auth: &Auth) -> Result<Reply, HopError> {
        let reply = self.command(b"AUTH LOGIN\r\n", &[334], Phase::Auth, self.timeouts.greeting).await?;
        if !reply.is_positive() {
            return Ok(reply);
        }
        let reply = self.secret_line("", &auth.user, &[334]).await?;
        if !reply.is_positive() {
            return Ok(reply);
        }
        self.secret_line("", &auth.secret, &[235]).await
    }

    async fn secret_line(&mut self, verb: &str, secret: &str, good: &[u16]) -> Result<Reply, HopError> {
        let encoded = Zeroizing::new(STANDARD.encode(secret));
        let line = Zeroizing::new(format!("{verb}{}\r\n", *encoded));
        self.command(line.as_bytes(), good, Phase::Auth, self.timeouts.greeting).await
    }
}
