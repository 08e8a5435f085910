//! Serves HTTP: over TLS anywhere, with client certificates where asked for, in the clear on this machine's own addresses only.
//! A renewed certificate is served without a restart.
//!
//! A slow client costs a place for a bounded time: for its handshake, for the head of a request, for reading an answer. There
//! are so many places, and one address gets no more than half of them. On stop, what is being answered is answered.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

mod patient;
mod tls;

use patient::Patient;
pub use tls::{Clients, Tls, TlsFiles, belong_together};

/// For the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For the head of a request, and between two requests.
const HEAD: Duration = Duration::from_secs(15);
/// For a client to take some of an answer.
const STALLED: Duration = Duration::from_secs(60);
/// For what is being answered when it is time to stop.
const FAREWELL: Duration = Duration::from_secs(10);
/// After an error of accept that is the machine's and not the connection's (no file descriptors).
const BREATH: Duration = Duration::from_millis(100);
/// Octets of a request's head.
const HEAD_OCTETS: usize = 64 << 10;

/// The other end of a connection: an extension of each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub secure: bool,
    /// Its certificate, where certificates are asked for: it was made by one of the authorities, and is in force.
    pub certificate: Option<Certificate>,
}

impl Default for Peer {
    fn default() -> Self {
        Self { address: (Ipv4Addr::LOCALHOST, 0).into(), secure: false, certificate: None }
    }
}

impl Peer {
    /// Its address alone, as IPv4 where it is one.
    pub fn ip(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }
}

/// A verified client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The first DNS name of its alternative names, or else its common name.
    pub name: String,
    /// Its serial number, in hexadecimal digits.
    pub serial: String,
    /// When it ends, in seconds since 1970.
    pub ends_at: i64,
    /// The whole of it.
    pub der: Vec<u8>,
}

/// How connections are protected.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Not at all: loopback only.
    Plain,
    /// By TLS, with what stands in files.
    Tls(Tls),
}

impl Transport {
    /// Whether it may be served there.
    pub fn fits(&self, address: SocketAddr) -> Result<(), Error> {
        match self {
            Self::Plain if !address.ip().to_canonical().is_loopback() => Err(Error::NotLoopback(address)),
            _ => Ok(()),
        }
    }
}

/// Where it listens.
#[derive(Debug)]
pub struct Listening {
    /// The address with its real port.
    pub address: SocketAddr,
    /// Ends when it was stopped and the last answer is out.
    pub task: tokio::task::JoinHandle<()>,
}

/// What is wrong with the address of a socket, and what to do.
pub fn remedy(why: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match why.kind() {
        ErrorKind::AddrInUse => "another program listens there: stop it, or choose another port".to_owned(),
        ErrorKind::AddrNotAvailable => {
            "this machine has no such address; 0.0.0.0 or [::] stand for all that it has".to_owned()
        }
        ErrorKind::PermissionDenied => {
            "ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one".to_owned()
        }
        ErrorKind::InvalidInput => "write ADDRESS:PORT".to_owned(),
        _ => why.to_string(),
    }
}

/// Why it does not listen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Plain http was asked for where others could read it.
    #[error(
        "{0} is not an address of this machine alone: plain http is served on loopback only; give a certificate, or listen on 127.0.0.1"
    )]
    NotLoopback(SocketAddr),
    /// The address is taken or is not ours.
    #[error("cannot listen on {address}: {}", remedy(why))]
    Bind {
        /// Which.
        address: String,
        /// Why.
        why: std::io::Error,
    },
    /// The certificate, its key or the authorities cannot be used.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// Serves until `stop`, with so many connections at most.
pub async fn listen(
    address: &str,
    transport: Transport,
    connections: usize,
    app: Router,
    stop: CancellationToken,
) -> Result<Listening, Error> {
    let bind = |why| Error::Bind { address: address.to_owned(), why };
    let listener = TcpListener::bind(address).await.map_err(bind)?;
    let bound = listener.local_addr().map_err(bind)?;
    transport.fits(bound)?;
    let server = Server { transport, app, stop, places: Places::new(connections) };
    Ok(Listening { address: bound, task: tokio::spawn(server.run(listener)) })
}

struct Server {
    transport: Transport,
    app: Router,
    stop: CancellationToken,
    places: Arc<Places>,
}

impl Server {
    async fn run(self, listener: TcpListener) {
        let tasks = TaskTracker::new();
        if let Transport::Tls(tls) = &self.transport {
            tasks.spawn(tls.clone().keep(self.stop.clone()));
        }
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => break,
                accepted = self.places.next(&listener) => accepted,
            };
            let Ok((stream, address, place)) = accepted else {
                tokio::time::sleep(BREATH).await;
                continue;
            };
            let (transport, app, stop) = (self.transport.clone(), self.app.clone(), self.stop.clone());
            tasks.spawn(async move {
                converse(stream, address, transport, app, stop).await;
                drop(place);
            });
        }
        drop(listener);
        tasks.close();
        if tokio::time::timeout(FAREWELL, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "some answers were cut off at the end");
        }
    }
}

async fn converse(
    stream: TcpStream,
    address: SocketAddr,
    transport: Transport,
    app: Router,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    match transport {
        Transport::Plain => {
            serve(stream, Peer { address, secure: false, certificate: None }, app, stop).await;
        }
        Transport::Tls(tls) => {
            let handshake = TlsAcceptor::from(tls.config()).accept(stream);
            match tokio::time::timeout(HANDSHAKE, handshake).await {
                Ok(Ok(stream)) => {
                    let certificates = stream.get_ref().1.peer_certificates();
                    let certificate = certificates.and_then(|chain| chain.first()).and_then(certificate);
                    if !tls.admits(certificate.as_ref()) {
                        // The connection ends: no word of what is here goes to who may not ask.
                        let name = certificate.map(|certificate| certificate.name);
                        return tracing::warn!(%address, ?name, "a client's certificate has none of the names that get in");
                    }
                    serve(stream, Peer { address, secure: true, certificate }, app, stop).await;
                }
                // Who must show a certificate and cannot is a server set up wrongly; otherwise it is any scanner.
                Ok(Err(error)) if tls.is_for_named() => {
                    tracing::warn!(%address, %error, "no TLS session with a client that must have a certificate");
                }
                Ok(Err(error)) => tracing::debug!(%address, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
            }
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin,
    peer: Peer,
    app: Router,
    stop: CancellationToken,
) {
    let address = peer.address;
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(peer.clone());
        app.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_OCTETS)
        .serve_connection(TokioIo::new(Patient::new(stream, STALLED)), answer);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%address, %error, "a connection ended early");
    }
}

/// What a certificate says of whoever shows it; none where it cannot be read or names nobody.
pub fn certificate(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, parsed) = x509_parser::parse_x509_certificate(der).ok()?;
    let names = parsed.subject_alternative_name().ok().flatten();
    let dns = names.and_then(|names| {
        names.value.general_names.iter().find_map(|name| match name {
            x509_parser::extensions::GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
    });
    let common = || parsed.subject().iter_common_name().next()?.as_str().ok().map(ToOwned::to_owned);
    Some(Certificate {
        name: dns.or_else(common)?,
        serial: crate::hex(parsed.raw_serial()),
        ends_at: parsed.validity().not_after.timestamp(),
        der: der.to_vec(),
    })
}

/// The places for connections.
struct Places {
    all: Arc<Semaphore>,
    each: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place, given back when it ends.
struct PlaceTaken {
    places: Arc<Places>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    fn new(connections: usize) -> Arc<Self> {
        let all = Arc::new(Semaphore::new(connections.max(2)));
        Arc::new(Self { all, each: (connections / 2).max(1), taken: Mutex::default() })
    }

    /// The next connection that has a place. A place is taken before a connection is accepted.
    async fn next(
        self: &Arc<Self>,
        listener: &TcpListener,
    ) -> std::io::Result<(TcpStream, SocketAddr, PlaceTaken)> {
        let permit = self.all.clone().acquire_owned().await.map_err(std::io::Error::other)?;
        loop {
            let (stream, address) = listener.accept().await?;
            let ip = address.ip().to_canonical();
            let mut taken = self.taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let count = taken.entry(ip).or_default();
            if *count < self.each {
                *count += 1;
                drop(taken);
                let place = PlaceTaken { places: self.clone(), address: ip, _permit: permit };
                return Ok((stream, address, place));
            }
            drop(taken);
            tracing::debug!(%address, "an address has all its connections already: closed");
        }
    }
}

impl Drop for PlaceTaken {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(count) = taken.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}
