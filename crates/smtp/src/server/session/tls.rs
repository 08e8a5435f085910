//! STARTTLS (RFC 3207).

use tokio_rustls::TlsAcceptor;

use super::*;
use crate::stream::Stream;

impl<S: Service> Session<'_, S> {
    pub(super) async fn start_tls(&mut self) -> Flow {
        let acceptor = match &self.config.tls {
            ServerTls::Off => return self.error(own::not_implemented()),
            ServerTls::Opportunistic(acceptor) | ServerTls::Required(acceptor) => acceptor.clone(),
        };
        if self.peer.tls.is_some() || !matches!(self.transaction, Transaction::Idle) {
            return self.error(own::tls_not_now());
        }
        // What came in clear behind STARTTLS must never be taken for what came encrypted (CVE-2011-0411).
        self.nothing_follows()?;
        self.wire.reply(&own::start_tls());
        let flushed = self.wire.flush().await;
        flushed.map_err(|stop| self.stopped(stop))?;
        let Some(stream) = self.wire.stream.take_plain() else { return Err(Over(EndReason::Tls)) };
        let handshake = TlsAcceptor::from(acceptor.config()).accept(stream);
        match tokio::time::timeout(self.config.timeouts.handshake, Box::pin(handshake)).await {
            Ok(Ok(stream)) => self.wire.stream = Stream::Server(Box::new(stream)),
            Ok(Err(error)) => {
                tracing::info!(peer = %self.peer.addr, %error, "TLS handshake failed");
                return Err(Over(EndReason::Tls));
            }
            Err(_) => return Err(Over(EndReason::Tls)),
        }
        self.peer.tls = self.wire.stream.tls_info();
        self.hello = Greeted::Not;
        Ok(())
    }
}
