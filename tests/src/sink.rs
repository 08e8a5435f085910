//! A scripted next hop: takes mail like a good server, or breaks on purpose where it is told, and keeps what it saw.
//!
//! The fault is chosen by a script (a function from what was [`Asked`] to a [`Reaction`]), or by the recipient's local
//! part with [`Sink::with_faults`]: `rcpt-550`, `data-451`, `dot-close`, `dot-stall` and so on.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A moment at which the sink may misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Somebody has connected; the greeting is due.
    Connect,
    /// EHLO.
    Ehlo,
    /// HELO.
    Helo,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA: 354 is due.
    Data,
    /// The whole message has come, by DATA or BDAT LAST.
    Dot,
    /// A BDAT chunk that is not the last.
    Chunk,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// QUIT.
    Quit,
    /// STARTTLS.
    StartTls,
    /// AUTH, once all of it has been said.
    Auth,
    /// XCLIENT or XFORWARD.
    Extended,
}

/// What the sink has before it when it asks its script.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The moment.
    pub stage: Stage,
    /// The command line without its line end; empty at `Connect` and `Dot`.
    pub line: &'a str,
    /// Number of the connection, from 0.
    pub session: usize,
    /// Recipients taken so far in this transaction, as `<path>` with parameters.
    pub recipients: &'a [String],
    /// Messages taken on this connection so far.
    pub taken: usize,
}

/// What the sink does.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// What a good server does.
    Good,
    /// This reply; lines joined by CRLF, the last CRLF added.
    Reply(String),
    /// These octets, whatever they are.
    Raw(Vec<u8>),
    /// The good reply after a while.
    Slow(Duration),
    /// Nothing, until the other side goes.
    Stall,
    /// Closes the connection.
    Close,
    /// Octets without end, never a line end.
    Endless,
    /// `250-` lines without end.
    EndlessLines,
    /// At `Data`: 354, then closes when this many octets of the message have come.
    CloseInBody(usize),
    /// The good reply, then this without being asked.
    Surplus(String),
    /// Takes the message (or command) as good, but closes before it answers.
    TakeAndClose,
}

/// Shorthand for [`Reaction::Reply`].
pub fn reply(text: &str) -> Reaction {
    Reaction::Reply(text.to_owned())
}

type Script = Arc<dyn Fn(&Asked<'_>) -> Reaction + Send + Sync>;

/// How a sink behaves when nothing is wrong.
#[derive(Clone)]
pub struct Manners {
    /// Keywords of the EHLO reply.
    pub extensions: Vec<String>,
    /// Certificate for STARTTLS, if `STARTTLS` is among the extensions, or for implicit TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// TLS from the first octet.
    pub implicit_tls: bool,
}

impl Default for Manners {
    fn default() -> Manners {
        let extensions =
            ["PIPELINING", "SIZE 104857600", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"];
        Manners { extensions: extensions.map(str::to_owned).to_vec(), tls: None, implicit_tls: false }
    }
}

impl Manners {
    /// Only these EHLO keywords.
    pub fn only(keywords: &[&str]) -> Manners {
        Manners { extensions: keywords.iter().map(|word| (*word).to_owned()).collect(), ..Manners::default() }
    }

    /// One keyword more.
    pub fn and(mut self, keyword: &str) -> Manners {
        self.extensions.push(keyword.to_owned());
        self
    }

    /// With a certificate; `STARTTLS` still has to be named.
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Manners {
        self.tls = Some(config);
        self
    }
}

/// A message as it arrived.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// Number of the connection it came on.
    pub session: usize,
    /// What followed `MAIL FROM:`.
    pub sender: String,
    /// What followed each accepted `RCPT TO:`.
    pub recipients: Vec<String>,
    /// The message, dots unstuffed, nothing else changed; with DATA the last CRLF is the one before the dot.
    pub octets: Vec<u8>,
    /// True if it came by BDAT.
    pub chunked: bool,
    /// True if it came over TLS.
    pub tls: bool,
    /// True if the good reply (250) was written.
    pub acknowledged: bool,
}

impl Delivered {
    /// The header field values of this name (any case), unfolded, in order.
    pub fn header(&self, name: &str) -> Vec<String> {
        crate::mails::header(&self.octets, name)
    }

    /// The octets after the header lines that Weir put on top: everything from `first_line` on.
    pub fn from_line(&self, first_line: &str) -> &[u8] {
        let at = memchr::memmem::find(&self.octets, first_line.as_bytes()).unwrap_or_else(|| {
            panic!(
                "no {first_line:?} in\n{}",
                String::from_utf8_lossy(&self.octets[..self.octets.len().min(2000)])
            )
        });
        &self.octets[at..]
    }
}

/// The next hop. Stops when dropped.
pub struct Sink {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    stopped: AtomicBool,
    manners: Mutex<Manners>,
    script: Mutex<Script>,
    records: Mutex<Records>,
}

#[derive(Default)]
struct Records {
    sessions: Vec<Vec<String>>,
    open: Vec<(usize, TcpStream)>,
    messages: Vec<Delivered>,
}

impl Sink {
    /// A sink that takes everything.
    pub fn start() -> Sink {
        Sink::scripted(|_| Reaction::Good)
    }

    /// A sink that asks `script` at every stage.
    pub fn scripted(script: impl Fn(&Asked<'_>) -> Reaction + Send + Sync + 'static) -> Sink {
        Sink::with(Manners::default(), script)
    }

    /// A sink with its own list of extensions.
    pub fn with(manners: Manners, script: impl Fn(&Asked<'_>) -> Reaction + Send + Sync + 'static) -> Sink {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        Sink::on(listener, manners, Arc::new(script))
    }

    /// A sink on a given port, for a hop that comes back after it was down.
    pub fn on_port(port: u16) -> Sink {
        Sink::at((Ipv4Addr::LOCALHOST, port).into())
    }

    /// A sink on a given address, such as 127.0.0.2.
    pub fn at(addr: SocketAddr) -> Sink {
        let listener = crate::client::insist(Duration::from_secs(5), || {
            TcpListener::bind(addr).map_err(|error| error.to_string())
        });
        Sink::on(listener, Manners::default(), Arc::new(|_| Reaction::Good))
    }

    /// A sink whose faults are chosen by the recipients' local parts.
    pub fn with_faults() -> Sink {
        Sink::scripted(fault_of_recipient)
    }

    fn on(listener: TcpListener, manners: Manners, script: Script) -> Sink {
        let addr = listener.local_addr().expect("own address");
        let shared = Arc::new(Shared {
            stopped: AtomicBool::new(false),
            manners: Mutex::new(manners),
            script: Mutex::new(script),
            records: Mutex::new(Records::default()),
        });
        let accepting = shared.clone();
        std::thread::spawn(move || accept(&listener, &accepting));
        Sink { addr, shared }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Behaves differently from now on.
    pub fn rescript(&self, script: impl Fn(&Asked<'_>) -> Reaction + Send + Sync + 'static) {
        *lock(&self.shared.script) = Arc::new(script);
    }

    /// Offers other extensions to new sessions.
    pub fn remanner(&self, manners: Manners) {
        *lock(&self.shared.manners) = manners;
    }

    /// Closes every open connection at once.
    pub fn drop_connections(&self) {
        for (_, stream) in lock(&self.shared.records).open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Everything taken so far.
    pub fn messages(&self) -> Vec<Delivered> {
        lock(&self.shared.records).messages.clone()
    }

    /// The only message there is; fails if there are none or several.
    pub fn only_message(&self) -> Delivered {
        let mut messages = self.messages();
        assert_eq!(messages.len(), 1, "the next hop has {} messages", messages.len());
        messages.remove(0)
    }

    /// How many messages were taken.
    pub fn count(&self) -> usize {
        lock(&self.shared.records).messages.len()
    }

    /// Waits for this many messages.
    pub fn wait_for(&self, count: usize) -> Vec<Delivered> {
        let limit = Duration::from_secs(30);
        crate::client::eventually(limit, || self.count() >= count);
        let messages = self.messages();
        assert!(messages.len() >= count, "{} of {count} messages came within {limit:?}", messages.len());
        messages
    }

    /// Command lines of each connection so far.
    pub fn sessions(&self) -> Vec<Vec<String>> {
        lock(&self.shared.records).sessions.clone()
    }

    /// All command lines of all connections.
    pub fn lines(&self) -> Vec<String> {
        self.sessions().concat()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.addr);
        self.drop_connections();
    }
}

/// Reads the fault out of the recipients: `STAGE-WHAT@`, where STAGE is `rcpt`, `data` or `dot` and WHAT is a reply code,
/// `close`, `stall`, `slow`, `endless`, `malformed`, `surplus` or `take` (takes the mail, then closes).
pub fn fault_of_recipient(asked: &Asked<'_>) -> Reaction {
    let stage = match asked.stage {
        Stage::Rcpt => "rcpt-",
        Stage::Data => "data-",
        Stage::Dot => "dot-",
        _ => return Reaction::Good,
    };
    let own = [asked.line.get(8..).unwrap_or_default().to_owned()];
    let paths = if asked.stage == Stage::Rcpt { &own[..] } else { asked.recipients };
    let fault = paths.iter().find_map(|path| path.trim_start_matches('<').strip_prefix(stage));
    let Some(what) = fault.and_then(|rest| rest.split(['@', '.']).next()) else { return Reaction::Good };
    match what {
        "close" => Reaction::Close,
        "stall" => Reaction::Stall,
        "slow" => Reaction::Slow(Duration::from_millis(500)),
        "endless" => Reaction::Endless,
        "malformed" => Reaction::Raw(b"hello, who is there?\r\n".to_vec()),
        "surplus" => Reaction::Surplus("250 2.0.0 and one more\r\n".to_owned()),
        "take" => Reaction::TakeAndClose,
        code => reply(&format!("{code} {}.7.1 scripted {code}", code.get(..1).unwrap_or("5"))),
    }
}

// ---- one connection

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = shared.clone();
        std::thread::spawn(move || {
            let mut records = lock(&shared.records);
            let session = records.sessions.len();
            records.sessions.push(Vec::new());
            records.open.extend(stream.try_clone().ok().map(|stream| (session, stream)));
            drop(records);
            let manners = lock(&shared.manners).clone();
            let _ = stream.set_nodelay(true);
            // An error is the other side's going away; what had come by then is on record.
            let _ =
                Session::new(stream, shared.clone(), manners, session).and_then(|mut session| session.run());
            let open = &mut lock(&shared.records).open;
            for (_, stream) in open.extract_if(.., |(number, _)| *number == session) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
    }
}

enum Wire {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    fn secured(stream: TcpStream, config: &Arc<ServerConfig>) -> io::Result<Wire> {
        let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
        Ok(Wire::Tls(Box::new(StreamOwned::new(connection, stream))))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Clear(stream) => stream.read(buffer),
            Wire::Tls(stream) => stream.read(buffer),
        }
    }

    fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Wire::Clear(stream) => stream.write_all(octets),
            Wire::Tls(stream) => stream.write_all(octets).and_then(|()| stream.flush()),
        }
    }
}

/// How a stage ended.
enum Done {
    Positively,
    Otherwise,
}

struct Session {
    wire: Option<Wire>,
    pending: Vec<u8>,
    shared: Arc<Shared>,
    manners: Manners,
    number: usize,
    sender: Option<String>,
    recipients: Vec<String>,
    chunks: Vec<u8>,
    taken: usize,
    tls: bool,
}

impl Session {
    fn new(stream: TcpStream, shared: Arc<Shared>, manners: Manners, number: usize) -> io::Result<Session> {
        let tls = manners.implicit_tls;
        let wire = match &manners.tls {
            Some(config) if tls => Wire::secured(stream, config)?,
            _ => Wire::Clear(stream),
        };
        Ok(Session {
            wire: Some(wire),
            pending: Vec::new(),
            shared,
            manners,
            number,
            sender: None,
            recipients: Vec::new(),
            chunks: Vec::new(),
            taken: 0,
            tls,
        })
    }

    fn run(&mut self) -> io::Result<()> {
        self.react(Stage::Connect, "", "220 sink.example ESMTP")?;
        while let Some(line) = self.line()? {
            lock(&self.shared.records).sessions[self.number].push(line.clone());
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => self.ehlo(&line)?,
                "HELO" => self.react(Stage::Helo, &line, "250 sink.example").map(|_| ())?,
                "MAIL" => self.mail(&line)?,
                "RCPT" => self.rcpt(&line)?,
                "DATA" => self.data(&line)?,
                "BDAT" => self.bdat(&line)?,
                "RSET" => {
                    self.forget();
                    self.react(Stage::Rset, &line, "250 2.0.0 Ok")?;
                }
                "NOOP" => self.react(Stage::Noop, &line, "250 2.0.0 Ok").map(|_| ())?,
                "STARTTLS" => self.starttls(&line)?,
                "XCLIENT" => {
                    self.forget();
                    self.react(Stage::Extended, &line, "220 sink.example ESMTP")?;
                }
                "AUTH" => self.auth(&line)?,
                "XFORWARD" => self.react(Stage::Extended, &line, "250 2.0.0 Ok").map(|_| ())?,
                "QUIT" => {
                    self.react(Stage::Quit, &line, "221 2.0.0 Bye")?;
                    return Ok(());
                }
                _ => self.write(b"500 5.5.2 what?\r\n")?,
            }
        }
        Ok(())
    }

    fn ehlo(&mut self, line: &str) -> io::Result<()> {
        self.forget();
        let mut lines = vec!["sink.example".to_owned()];
        let starttls_done = self.tls;
        lines.extend(
            self.manners.extensions.iter().filter(|word| !(starttls_done && *word == "STARTTLS")).cloned(),
        );
        let last = lines.len() - 1;
        let text: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(at, word)| format!("250{}{word}", if at == last { ' ' } else { '-' }))
            .collect();
        self.react(Stage::Ehlo, line, &text.join("\r\n")).map(drop)
    }

    fn mail(&mut self, line: &str) -> io::Result<()> {
        if let Done::Positively = self.react(Stage::Mail, line, "250 2.1.0 sender ok")? {
            self.sender = Some(line.get(10..).unwrap_or_default().to_owned());
        }
        Ok(())
    }

    fn rcpt(&mut self, line: &str) -> io::Result<()> {
        if self.sender.is_none() {
            return self.write(b"503 5.5.1 need MAIL\r\n");
        }
        if let Done::Positively = self.react(Stage::Rcpt, line, "250 2.1.5 recipient ok")? {
            self.recipients.push(line.get(8..).unwrap_or_default().to_owned());
        }
        Ok(())
    }

    fn data(&mut self, line: &str) -> io::Result<()> {
        if self.recipients.is_empty() {
            return self.write(b"554 5.5.1 no valid recipients\r\n");
        }
        if let Reaction::CloseInBody(octets) = self.ask(Stage::Data, line) {
            self.write(b"354 go on\r\n")?;
            while self.pending.len() < octets && self.fill()? > 0 {}
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if let Done::Otherwise = self.react(Stage::Data, line, "354 go on")? {
            return Ok(());
        }
        let Some(message) = self.body()? else { return Ok(()) };
        self.finish(message, false)
    }

    fn bdat(&mut self, line: &str) -> io::Result<()> {
        let mut words = line.split_whitespace().skip(1);
        let size: usize = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let last = words.next().is_some_and(|word| word.eq_ignore_ascii_case("LAST"));
        while self.pending.len() < size {
            if self.fill()? == 0 {
                return Ok(());
            }
        }
        self.chunks.extend(self.pending.drain(..size));
        if self.recipients.is_empty() {
            return self.write(b"554 5.5.1 no valid recipients\r\n");
        }
        if last {
            let message = std::mem::take(&mut self.chunks);
            return self.finish(message, true);
        }
        self.react(Stage::Chunk, line, "250 2.0.0 chunk ok").map(drop)
    }

    fn starttls(&mut self, line: &str) -> io::Result<()> {
        let Some(config) = self.manners.tls.clone() else { return self.write(b"502 5.5.1 no TLS here\r\n") };
        if let Done::Positively = self.react(Stage::StartTls, line, "220 2.0.0 go ahead")? {
            if let Some(Wire::Clear(stream)) = self.wire.take() {
                self.wire = Some(Wire::secured(stream, &config)?);
            }
            self.pending.clear();
            self.tls = true;
        }
        Ok(())
    }

    /// PLAIN with its initial response, or LOGIN step by step; what is said stands among the session's lines.
    fn auth(&mut self, line: &str) -> io::Result<()> {
        if line.to_ascii_uppercase().starts_with("AUTH LOGIN") {
            for prompt in ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"] {
                self.write(prompt.as_bytes())?;
                let Some(said) = self.line()? else { return Ok(()) };
                lock(&self.shared.records).sessions[self.number].push(said);
            }
        }
        self.react(Stage::Auth, line, "235 2.7.0 welcome").map(drop)
    }

    /// Records the message if it is taken, before the answer goes out.
    fn finish(&mut self, octets: Vec<u8>, chunked: bool) -> io::Result<()> {
        let reaction = self.ask(Stage::Dot, "");
        let taken = match &reaction {
            Reaction::Reply(text) => text.starts_with('2'),
            Reaction::Raw(_) | Reaction::Stall | Reaction::Close => false,
            Reaction::Endless | Reaction::EndlessLines | Reaction::CloseInBody(_) => false,
            Reaction::Good | Reaction::Slow(_) | Reaction::Surplus(_) | Reaction::TakeAndClose => true,
        };
        if taken {
            let delivered = Delivered {
                session: self.number,
                sender: self.sender.clone().unwrap_or_default(),
                recipients: self.recipients.clone(),
                octets,
                chunked,
                tls: self.tls,
                acknowledged: !matches!(reaction, Reaction::TakeAndClose),
            };
            lock(&self.shared.records).messages.push(delivered);
            self.taken += 1;
        }
        self.forget();
        self.perform(reaction, &format!("250 2.0.0 taken as {}", self.taken)).map(drop)
    }

    fn forget(&mut self) {
        self.sender = None;
        self.recipients.clear();
        self.chunks.clear();
    }

    fn ask(&self, stage: Stage, line: &str) -> Reaction {
        let script = lock(&self.shared.script).clone();
        let session = self.number;
        script(&Asked { stage, line, session, recipients: &self.recipients, taken: self.taken })
    }

    fn react(&mut self, stage: Stage, line: &str, good: &str) -> io::Result<Done> {
        let reaction = self.ask(stage, line);
        self.perform(reaction, good)
    }

    fn perform(&mut self, reaction: Reaction, good: &str) -> io::Result<Done> {
        match reaction {
            Reaction::Good | Reaction::CloseInBody(_) => self.answer(good),
            Reaction::Reply(text) => self.answer(&text),
            Reaction::Raw(octets) => self.write(&octets).map(|()| Done::Otherwise),
            Reaction::Slow(pause) => {
                std::thread::sleep(pause);
                self.answer(good)
            }
            Reaction::Stall => {
                while self.fill()? > 0 {
                    self.pending.clear();
                }
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Reaction::Close | Reaction::TakeAndClose => Err(io::ErrorKind::ConnectionAborted.into()),
            Reaction::Endless => self.flood(&[b'2'; 8192]),
            Reaction::EndlessLines => self.flood(&b"250-and another line\r\n".repeat(400)),
            Reaction::Surplus(more) => {
                self.write(format!("{good}\r\n{more}").as_bytes())?;
                Ok(Done::Positively)
            }
        }
    }

    fn flood(&mut self, octets: &[u8]) -> io::Result<Done> {
        loop {
            self.write(octets)?;
        }
    }

    fn answer(&mut self, text: &str) -> io::Result<Done> {
        self.write(format!("{text}\r\n").as_bytes())?;
        Ok(if text.starts_with(['2', '3']) { Done::Positively } else { Done::Otherwise })
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.wire.as_mut().map_or(Err(io::ErrorKind::NotConnected.into()), |wire| wire.write_all(octets))
    }

    /// Reads until `CRLF.CRLF` and takes the dots off; nothing else ends the message.
    fn body(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        let end = loop {
            if self.pending.starts_with(b".\r\n") {
                break 0;
            }
            match memchr::memmem::find(&self.pending[searched..], b"\r\n.\r\n") {
                Some(at) => break searched + at + 2,
                None => searched = self.pending.len().saturating_sub(4),
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        };
        let stuffed: Vec<u8> = self.pending.drain(..end + 3).take(end).collect();
        Ok(Some(unstuff(&stuffed)))
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.pending) {
                let line: Vec<u8> = self.pending.drain(..=at).collect();
                let line = line.strip_suffix(b"\r\n").unwrap_or(&line);
                return Ok(Some(String::from_utf8_lossy(line).into_owned()));
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 65536];
        let count = self.wire.as_mut().map_or(Ok(0), |wire| wire.read(&mut buffer))?;
        self.pending.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

fn unstuff(stuffed: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(stuffed.len());
    let mut rest = stuffed.strip_prefix(b".").unwrap_or(stuffed);
    while let Some(at) = memchr::memmem::find(rest, b"\r\n.") {
        octets.extend_from_slice(&rest[..at + 2]);
        rest = &rest[at + 3..];
    }
    octets.extend_from_slice(rest);
    octets
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
