//! From an address to a session: connection, greeting, EHLO, TLS, AUTH.

use std::net::SocketAddr;

use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::hop::expect;
use super::{Extensions, Hop, HopConfig, HopError, HopTls, Phase};
use crate::reply::Reply;
use crate::stream::Stream;
use crate::tls::Connector;
use crate::xclient::Name;

impl Hop {
    /// Connects and says EHLO (or HELO). With opportunistic TLS a failed handshake leads to a second connection in
    /// clear.
    pub async fn connect(addr: SocketAddr, config: &HopConfig) -> Result<Self, HopError> {
        let connected = open(addr, config, true).await;
        match (&config.tls, connected) {
            (HopTls::Opportunistic(_), Err(error @ (HopError::Tls(_) | HopError::Timeout(Phase::Tls)))) => {
                tracing::warn!(hop = %addr, %error, "opportunistic TLS failed, going on in clear");
                open(addr, config, false).await
            }
            (_, connected) => connected,
        }
    }

    /// EHLO; HELO for a hop that does not know it.
    pub(super) async fn hello(&mut self) -> Result<(), HopError> {
        let wait = self.timeouts.greeting;
        let ehlo = format!("EHLO {}\r\n", self.helo);
        let reply = self.command(ehlo.as_bytes(), &[250], Phase::Hello, wait).await?;
        if reply.is_positive() {
            self.extensions = Extensions::read(&reply);
            return Ok(());
        }
        if reply.is_transient() {
            return Err(HopError::Refused(reply));
        }
        let helo = format!("HELO {}\r\n", self.helo);
        let reply = self.command(helo.as_bytes(), &[250], Phase::Hello, wait).await?;
        if !reply.is_positive() {
            return Err(HopError::Refused(reply));
        }
        self.extensions = Extensions::default();
        Ok(())
    }

    async fn start_tls(&mut self, connector: &Connector, config: &HopConfig) -> Result<(), HopError> {
        if !self.extensions.starttls {
            return Err(HopError::Tls("the hop does not offer STARTTLS".to_owned()));
        }
        let wait = self.timeouts.greeting;
        let reply = self.command(b"STARTTLS\r\n", &[220], Phase::Tls, wait).await?;
        if !reply.is_positive() {
            return Err(HopError::Tls(format!("the hop refused STARTTLS: {reply}")));
        }
        // What came in clear behind the reply must not be taken for what comes encrypted.
        self.silence(Phase::Tls).await?;
        let Some(plain) = self.stream.take_plain() else { return Err(HopError::Broken) };
        self.stream = handshake(plain, connector, config).await?;
        self.hello().await
    }
}

async fn open(addr: SocketAddr, config: &HopConfig, encrypt: bool) -> Result<Hop, HopError> {
    let connected = timeout(config.timeouts.connect, TcpStream::connect(addr)).await;
    let stream = connected.map_err(|_| HopError::Timeout(Phase::Connect))?.map_err(HopError::Connect)?;
    stream.set_nodelay(true).map_err(HopError::Connect)?;
    let stream = match &config.tls {
        HopTls::Implicit(connector) => handshake(stream, connector, config).await?,
        _ => Stream::Plain(stream),
    };
    let mut hop = Hop::new(stream, addr, config.timeouts, &config.helo);
    let greeting = hop.reply(Phase::Greeting, config.timeouts.greeting).await?;
    let greeting = expect(greeting, &[220], Phase::Greeting)?;
    if !greeting.is_positive() {
        return Err(HopError::Refused(greeting));
    }
    hop.hello().await?;
    match &config.tls {
        HopTls::Required(connector) => hop.start_tls(connector, config).await?,
        HopTls::Opportunistic(connector) if encrypt && hop.extensions.starttls => {
            hop.start_tls(connector, config).await?;
        }
        _ => {}
    }
    if let Some(auth) = &config.auth {
        hop.authenticate(auth).await?;
    }
    Ok(hop)
}

async fn handshake(stream: TcpStream, connector: &Connector, config: &HopConfig) -> Result<Stream, HopError> {
    let name = connector.name().unwrap_or(&config.host);
    let name = name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_owned();
    let name = ServerName::try_from(name).map_err(|error| HopError::Tls(error.to_string()))?;
    let handshake = Box::pin(TlsConnector::from(connector.config()).connect(name, stream));
    match timeout(config.timeouts.greeting, handshake).await {
        Ok(Ok(stream)) => Ok(Stream::Client(Box::new(stream))),
        Ok(Err(error)) => Err(HopError::Tls(error.to_string())),
        Err(_) => Err(HopError::Timeout(Phase::Tls)),
    }
}

impl Extensions {
    /// From the reply to EHLO. What is not known is not kept; what is malformed counts as not offered.
    pub fn read(reply: &Reply) -> Self {
        let mut extensions = Self::default();
        for line in reply.lines.iter().skip(1) {
            if let Ok(line) = std::str::from_utf8(line) {
                extensions.add(line);
            }
        }
        extensions
    }

    fn add(&mut self, line: &str) {
        let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        match keyword.as_str() {
            "SIZE" => self.size = Some(words.next().and_then(|digits| digits.parse().ok()).unwrap_or(0)),
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtp_utf8 = true,
            "DSN" => self.dsn = true,
            "ENHANCEDSTATUSCODES" => self.enhanced = true,
            "PIPELINING" => self.pipelining = true,
            "CHUNKING" => self.chunking = true,
            "STARTTLS" => self.starttls = true,
            "AUTH" => self.auth.extend(words.map(str::to_ascii_uppercase)),
            "XCLIENT" => self.xclient.extend(words.filter_map(Name::parse)),
            "XFORWARD" => self.xforward.extend(words.filter_map(Name::parse)),
            _ => {}
        }
    }
}
