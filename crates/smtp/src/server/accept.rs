//! From an accepted socket to a session, and the polite way to say no.

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fence::fenced;
use super::session::{Greeted, Session, Transaction};
use super::wire::Wire;
use super::{EndReason, Peer, ServerConfig, Service, SessionEnd};
use crate::cidr;
use crate::proxy;
use crate::reply::{Reply, own};
use crate::stream::Stream;

/// Serves one connection to its end. `shutdown` ends it at once between transactions, and after the one at hand
/// otherwise; whoever calls bounds how long that may take by dropping the future.
pub async fn serve<S: Service>(
    stream: TcpStream,
    config: &Arc<ServerConfig>,
    service: S,
    shutdown: CancellationToken,
) -> SessionEnd {
    let mut end = SessionEnd { why: EndReason::Io, accepted: 0, refused: 0, errors: 0, tls: false };
    let Ok(tcp) = stream.peer_addr() else { return end };
    let _ = stream.set_nodelay(true);
    let mut wire = Wire::new(Stream::Plain(stream), config.timeouts.write);
    let addr = if cidr::any_contains(&config.proxy_protocol_hosts, tcp.ip()) {
        match proxied(&mut wire, config.timeouts.handshake).await {
            Some(source) => source.unwrap_or(tcp),
            None => return SessionEnd { why: EndReason::ProxyProtocol, ..end },
        }
    } else {
        tcp
    };
    if config.forbid_early_talkers && talks_early(&wire) {
        wire.reply(&own::early_talker());
        wire.close(true).await;
        end.why = EndReason::OutOfStep;
        return end;
    }
    let peer = Peer { addr, tcp, client: None, tls: None };
    let mut session = Session {
        wire,
        config,
        service,
        peer,
        shutdown: pin!(shutdown.cancelled_owned()),
        hello: Greeted::Not,
        transaction: Transaction::Idle,
        end,
        errors: 0,
        line_due: None,
    };
    session.end.why = session.run().await;
    close(session).await
}

async fn close<S: Service>(mut session: Session<'_, S>) -> SessionEnd {
    let mut end = session.end;
    end.tls = session.peer.tls.is_some();
    let gone = matches!(end.why, EndReason::PeerClosed | EndReason::Io);
    let linger = !gone && end.why != EndReason::Quit;
    let goodbye = async {
        // The hop must not wait because a peer lingers, nor the peer because the hop does.
        if !matches!(end.why, EndReason::Quit) {
            let _ = fenced(session.service.quit()).await;
        }
    };
    tokio::join!(goodbye, session.wire.close(linger));
    end
}

/// Reads the PROXY header: `None` if there is none, and then nothing is answered.
async fn proxied(wire: &mut Wire, wait: Duration) -> Option<Option<std::net::SocketAddr>> {
    let deadline = Instant::now() + wait;
    loop {
        match proxy::parse(wire.unread()) {
            Ok(Some(header)) => {
                wire.consume(header.length);
                return Some(header.source);
            }
            Ok(None) => wire.fill(deadline, None).await.ok()?,
            Err(proxy::BadHeader) => return None,
        }
    }
}

/// Whether the peer said something before the greeting (RFC 5321 4.3.1).
fn talks_early(wire: &Wire) -> bool {
    if !wire.unread().is_empty() {
        return true;
    }
    // Asks the kernel: the reactor may not have looked at a fresh socket yet.
    let Stream::Plain(stream) = &wire.stream else { return false };
    let mut octet = [MaybeUninit::uninit(); 1];
    socket2::SockRef::from(stream).peek(&mut octet).is_ok_and(|count| count > 0)
}

/// Greets with a refusal (421, 554) and closes so that it arrives. Takes a few seconds at most.
pub async fn refuse(stream: TcpStream, reply: &Reply) {
    let _ = stream.set_nodelay(true);
    let mut wire = Wire::new(Stream::Plain(stream), Duration::from_secs(5));
    wire.reply(reply);
    wire.close(true).await;
}

/// `refuse` and `serve` are spawned on a runtime of several threads.
#[allow(dead_code)]
fn futures_can_be_spawned<S: Service + 'static>(stream: TcpStream, config: Arc<ServerConfig>, service: S) {
    fn is_send<F: Future + Send>(_: F) {}
    is_send(async move { serve(stream, &config, service, CancellationToken::new()).await });
}
