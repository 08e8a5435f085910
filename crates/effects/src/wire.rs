//! Carries syslog messages: a datagram, or a stream with counted octets, in clear or inside TLS.
//!
//! Syslog has no answers. A stream counts as delivered when the server has taken all of it and not broken off by then.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

use super::Protocol;

/// A whole delivery, to each address of the host.
const PATIENCE: Duration = Duration::from_secs(10);
/// After our end of the stream, the server has so long to break off.
const LINGER: Duration = Duration::from_millis(500);

/// Whom to trust at the other end.
#[derive(Debug, Clone)]
pub struct SyslogTls(Arc<ClientConfig>);

impl SyslogTls {
    /// The system's authorities, or those of a PEM file.
    pub fn load(ca: Option<&Path>) -> Result<Self, String> {
        let found = match ca {
            Some(file) => from_file(file)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        let place = ca.map_or_else(|| PathBuf::from("the system"), Path::to_owned);
        Self::trusting(found, &place.display().to_string())
    }

    /// The authorities of a PEM text.
    pub fn of_pem(text: &str) -> Result<Self, String> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        Self::trusting(found.map_err(|why| why.to_string())?, "the text")
    }

    /// For other protocols with such authorities.
    pub fn config(&self) -> Arc<ClientConfig> {
        self.0.clone()
    }

    fn trusting(found: Vec<CertificateDer<'static>>, place: &str) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found);
        if added == 0 {
            return Err(format!("{place} has no certificate authority"));
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|why| why.to_string())?;
        Ok(Self(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
    }
}

fn from_file(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
    let certificates = CertificateDer::pem_file_iter(file).map_err(|why| wrong(&why))?;
    certificates.collect::<Result<_, _>>().map_err(|why| wrong(&why))
}

/// Delivers messages, in order, to the first address of `host` that takes them. After an error it is not known how many arrived.
pub async fn deliver(lines: &[String], host: &str, port: u16, protocol: &Protocol) -> Result<(), String> {
    let attempt = async {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in tokio::net::lookup_host((host, port)).await? {
            match to_address(lines, host, address, protocol).await {
                Ok(()) => return Ok(()),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    };
    match tokio::time::timeout(PATIENCE, attempt).await {
        Ok(delivered) => delivered.map_err(|error| super::one_line(&error.to_string())),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

async fn to_address(
    lines: &[String],
    host: &str,
    address: SocketAddr,
    protocol: &Protocol,
) -> io::Result<()> {
    match protocol {
        Protocol::Udp => datagrams(lines, address).await,
        Protocol::Tcp => counted(TcpStream::connect(address).await?, lines).await,
        Protocol::Tls(SyslogTls(config)) => {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            let stream = TcpStream::connect(address).await?;
            let stream = TlsConnector::from(config.clone()).connect(name, stream).await?;
            counted(stream, lines).await
        }
    }
}

async fn datagrams(lines: &[String], address: SocketAddr) -> io::Result<()> {
    let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    for line in lines {
        socket.send(line.as_bytes()).await?;
    }
    Ok(())
}

async fn counted(mut stream: impl AsyncRead + AsyncWrite + Unpin, lines: &[String]) -> io::Result<()> {
    for line in lines {
        stream.write_all(format!("{} {line}", line.len()).as_bytes()).await?;
    }
    stream.shutdown().await?;
    let mut octets = [0; 64];
    let rest = async {
        while stream.read(&mut octets).await? > 0 {}
        io::Result::Ok(())
    };
    match tokio::time::timeout(LINGER, rest).await {
        // Many servers end a TLS stream without saying so: everything was taken by then.
        Ok(Err(error)) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(()),
    }
}
