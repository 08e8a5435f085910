//! Senders: a plain client whose every octet the test chooses, a retrying one, swaks, and Python's smtplib.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::requirement::program;

/// Asks `condition` again and again until it holds or the time is over; says whether it held.
pub fn eventually(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + limit;
    while Instant::now() < until {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    condition()
}

/// Tries `action` again and again until it succeeds; fails with its last error when the time is over.
pub fn insist<T>(limit: Duration, mut action: impl FnMut() -> Result<T, String>) -> T {
    let until = Instant::now() + limit;
    loop {
        match action() {
            Ok(value) => return value,
            Err(why) if Instant::now() >= until => panic!("still failing after {limit:?}: {why}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// A reply as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Three digits.
    pub code: u16,
    /// Text of each line, after the code and its separator.
    pub lines: Vec<String>,
}

impl Answer {
    /// The lines joined by spaces.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// True for 4xx.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }
}

enum Wire {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// One SMTP connection. Reading gives up after 150 s unless told otherwise.
pub struct Client {
    wire: Option<Wire>,
    pending: Vec<u8>,
}

impl Client {
    /// Connects; the greeting is not read yet.
    pub fn connect(addr: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(150)))?;
        stream.set_write_timeout(Some(Duration::from_secs(150)))?;
        Ok(Client { wire: Some(Wire::Clear(stream)), pending: Vec::new() })
    }

    /// Connects, reads the greeting and says EHLO; panics if either is not positive.
    pub fn greeted(addr: SocketAddr) -> Client {
        let mut client = Client::connect(addr).expect("a connection");
        let greeting = client.answer().expect("a greeting");
        assert_eq!(greeting.code, 220, "{greeting:?}");
        let hello = client.command("EHLO client.example").expect("an answer to EHLO");
        assert_eq!(hello.code, 250, "{hello:?}");
        client
    }

    /// Writes a line and reads its reply.
    pub fn command(&mut self, line: &str) -> io::Result<Answer> {
        self.write(format!("{line}\r\n").as_bytes())?;
        self.answer()
    }

    /// Writes octets as they are.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match self.wire.as_mut() {
            Some(Wire::Clear(stream)) => stream.write_all(octets),
            Some(Wire::Tls(stream)) => stream.write_all(octets).and_then(|()| stream.flush()),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The connection in clear once more, for a thread that writes while another one reads.
    pub fn raw(&self) -> TcpStream {
        match &self.wire {
            Some(Wire::Clear(stream)) => stream.try_clone().expect("a second handle"),
            _ => panic!("no connection in clear"),
        }
    }

    /// Reads one whole reply.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let mut lines = Vec::new();
        loop {
            let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code = code.ok_or_else(|| io::Error::other(format!("not a reply line: {line:?}")))?;
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Answer { code, lines });
            }
        }
    }

    /// Reads one line without its line end; none at the end of the connection.
    pub fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.pending) {
                let line: Vec<u8> = self.pending.drain(..=at).collect();
                let line = line.strip_suffix(b"\r\n").unwrap_or(&line);
                return Ok(Some(String::from_utf8_lossy(line).into_owned()));
            }
            let mut buffer = [0; 16384];
            let count = match self.wire.as_mut() {
                Some(Wire::Clear(stream)) => stream.read(&mut buffer)?,
                Some(Wire::Tls(stream)) => stream.read(&mut buffer)?,
                None => 0,
            };
            if count == 0 {
                return Ok(None);
            }
            self.pending.extend_from_slice(&buffer[..count]);
        }
    }

    /// MAIL, RCPTs and DATA one by one; the reply of the first that is not positive, or 354.
    pub fn envelope(&mut self, sender: &str, recipients: &[&str]) -> io::Result<Answer> {
        let mail = self.command(&format!("MAIL FROM:<{sender}>"))?;
        if mail.code != 250 {
            return Ok(mail);
        }
        let mut refused = None;
        let mut accepted = 0;
        for recipient in recipients {
            let answer = self.command(&format!("RCPT TO:<{recipient}>"))?;
            if answer.code / 100 == 2 { accepted += 1 } else { refused = Some(answer) }
        }
        match refused {
            Some(answer) if accepted == 0 => Ok(answer),
            _ => self.command("DATA"),
        }
    }

    /// The message with dots stuffed, then the final dot (after a CRLF of its own if the message has none); the reply.
    pub fn body(&mut self, message: &[u8]) -> io::Result<Answer> {
        let mut octets = stuff(message);
        if !octets.ends_with(b"\r\n") {
            octets.extend_from_slice(b"\r\n");
        }
        octets.extend_from_slice(b".\r\n");
        self.write(&octets)?;
        self.answer()
    }

    /// A whole transaction; the reply that decided it.
    pub fn send(&mut self, sender: &str, recipients: &[&str], message: &[u8]) -> io::Result<Answer> {
        let answer = self.envelope(sender, recipients)?;
        if answer.code == 354 { self.body(message) } else { Ok(answer) }
    }

    /// STARTTLS, trusting whatever `config` trusts for `name`; EHLO is the caller's.
    pub fn starttls(&mut self, name: &str, config: Arc<ClientConfig>) -> io::Result<Answer> {
        let answer = self.command("STARTTLS")?;
        if answer.code == 220 {
            self.handshake(name, config)?;
        }
        Ok(answer)
    }

    /// Starts TLS on the connection as it is.
    pub fn handshake(&mut self, name: &str, config: Arc<ClientConfig>) -> io::Result<()> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        if let Some(Wire::Clear(stream)) = self.wire.take() {
            let mut stream = StreamOwned::new(connection, stream);
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock)?;
            }
            self.wire = Some(Wire::Tls(Box::new(stream)));
        }
        Ok(())
    }

    /// How long a read may take.
    pub fn patience(&self, limit: Duration) {
        let stream = match &self.wire {
            Some(Wire::Clear(stream)) => stream,
            Some(Wire::Tls(stream)) => &stream.sock,
            None => return,
        };
        let _ = stream.set_read_timeout(Some(limit));
    }

    /// True once the other side has closed; reads away whatever still comes.
    pub fn is_closed(&mut self) -> bool {
        loop {
            match self.line() {
                Ok(None) => return true,
                Ok(Some(_)) => {}
                Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
            }
        }
    }
}

/// One message on a connection of its own; the deciding reply.
pub fn send(addr: SocketAddr, sender: &str, recipients: &[&str], message: &[u8]) -> io::Result<Answer> {
    let mut client = Client::connect(addr)?;
    let greeting = client.answer()?;
    if greeting.code != 220 {
        return Ok(greeting);
    }
    let hello = client.command("EHLO client.example")?;
    if hello.code != 250 {
        return Ok(hello);
    }
    let answer = client.send(sender, recipients, message)?;
    let _ = client.write(b"QUIT\r\n");
    Ok(answer)
}

/// Sends as a mail server with a queue does: again after any 4xx or lost connection, until it is taken (then the number
/// of attempts), refused for good, or the time is over (then the last reason).
pub fn send_until_taken(
    addr: SocketAddr,
    sender: &str,
    recipients: &[&str],
    message: &[u8],
    limit: Duration,
) -> Result<usize, String> {
    let until = Instant::now() + limit;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let why = match send(addr, sender, recipients, message) {
            Ok(answer) if answer.code == 250 => return Ok(attempts),
            Ok(answer) if answer.is_transient() => format!("{answer:?}"),
            Ok(answer) => return Err(format!("refused for good: {answer:?}")),
            Err(error) => error.to_string(),
        };
        if Instant::now() >= until {
            return Err(why);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Dots at the beginning of lines doubled (RFC 5321 4.5.2).
pub fn stuff(message: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(message.len() + 64);
    let mut line_start = true;
    for (at, &octet) in message.iter().enumerate() {
        if line_start && octet == b'.' {
            octets.push(b'.');
        }
        octets.push(octet);
        line_start = octet == b'\n' && at > 0 && message[at - 1] == b'\r';
    }
    octets
}

/// Runs swaks against `addr`; none if skipped. The caller adds `--from`, `--to` and so on.
pub fn swaks(addr: SocketAddr, arguments: &[&str]) -> Option<Output> {
    let path = program("swaks", "swaks")?;
    let mut command = Command::new(path);
    command.args(["--server", &addr.ip().to_string(), "--port", &addr.port().to_string(), "--timeout", "30"]);
    Some(command.args(["--ehlo", "swaks.example"]).args(arguments).output().expect("swaks runs"))
}

/// Runs a Python program with `host` and `port` as its arguments; none if skipped.
pub fn python(addr: SocketAddr, program_text: &str) -> Option<Output> {
    python_with(program_text, &[&addr.ip().to_string(), &addr.port().to_string()])
}

/// Runs a Python program with these arguments; none if skipped.
pub fn python_with(program_text: &str, arguments: &[&str]) -> Option<Output> {
    let path = program("python3", "python3")?;
    Some(Command::new(path).arg("-c").arg(program_text).args(arguments).output().expect("python3 runs"))
}
