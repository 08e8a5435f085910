//! A next hop that takes everything, looks only for the end of each message, and keeps nothing but counts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use memchr::memmem::Finder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A running sink on a thread of its own. It ends with the process.
#[derive(Debug)]
pub struct Sink {
    addr: SocketAddr,
    messages: Arc<AtomicU64>,
    _thread: JoinHandle<()>,
}

impl Sink {
    /// Starts one on a free loopback port.
    pub fn start() -> io::Result<Sink> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let messages = Arc::new(AtomicU64::new(0));
        let count = messages.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let thread = std::thread::Builder::new().name("sink".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                while let Ok((stream, _)) = listener.accept().await {
                    let _ = stream.set_nodelay(true);
                    tokio::spawn(serve(stream, count.clone()));
                }
            });
        })?;
        Ok(Sink { addr, messages, _thread: thread })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Messages taken so far.
    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, count: Arc<AtomicU64>) {
    let mut session =
        Session { count, in_body: false, line_starts: true, end: Finder::new(b"\r\n.\r\n"), chunk: 0 };
    let mut buffer = vec![0; 1 << 18];
    let mut held = 0;
    let mut replies = b"220 sink.example ESMTP\r\n".to_vec();
    loop {
        if !replies.is_empty() {
            if stream.write_all(&replies).await.is_err() {
                return;
            }
            replies.clear();
        }
        match stream.read(&mut buffer[held..]).await {
            Ok(0) | Err(_) => return,
            Ok(read) => held += read,
        }
        let used = session.take(&buffer[..held], &mut replies);
        buffer.copy_within(used..held, 0);
        held -= used;
    }
}

struct Session {
    count: Arc<AtomicU64>,
    in_body: bool,
    /// In a body: true if what comes next begins a line.
    line_starts: bool,
    end: Finder<'static>,
    /// Octets of a BDAT chunk that are still to come, with its reply pending.
    chunk: usize,
}

impl Session {
    /// Works through what has come, writes replies, and says how many octets are done with.
    fn take(&mut self, octets: &[u8], replies: &mut Vec<u8>) -> usize {
        let mut used = 0;
        loop {
            let rest = &octets[used..];
            let step = match (self.chunk, self.in_body) {
                (1.., _) => self.take_chunk(rest, replies),
                (0, true) => self.take_body(rest, replies),
                (0, false) => self.take_line(rest, replies),
            };
            if step == 0 {
                return used;
            }
            used += step;
        }
    }

    fn take_line(&mut self, octets: &[u8], replies: &mut Vec<u8>) -> usize {
        let Some(at) = memchr::memchr(b'\n', octets) else { return 0 };
        let reply: &[u8] = match octets.first_chunk::<4>().map(|verb| verb.to_ascii_uppercase()).as_deref() {
            Some(b"EHLO") => b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250-DSN\r\n250 CHUNKING\r\n",
            Some(b"MAIL") => b"250 2.1.0 Ok\r\n",
            Some(b"RCPT") => b"250 2.1.5 Ok\r\n",
            Some(b"DATA") => {
                self.in_body = true;
                self.line_starts = true;
                b"354 go on\r\n"
            }
            Some(b"BDAT") => {
                self.begin_chunk(&octets[4..at]);
                if self.chunk > 0 { b"" } else { b"250 2.0.0 Ok\r\n" }
            }
            Some(b"QUIT") => b"221 2.0.0 Bye\r\n",
            _ => b"250 2.0.0 Ok\r\n",
        };
        replies.extend_from_slice(reply);
        at + 1
    }

    fn begin_chunk(&mut self, arguments: &[u8]) {
        let text = String::from_utf8_lossy(arguments);
        let mut words = text.split_whitespace();
        self.chunk = words.next().and_then(|size| size.parse().ok()).unwrap_or(0);
        if words.next().is_some() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take_chunk(&mut self, octets: &[u8], replies: &mut Vec<u8>) -> usize {
        let step = octets.len().min(self.chunk);
        self.chunk -= step;
        if self.chunk == 0 {
            replies.extend_from_slice(b"250 2.0.0 Ok\r\n");
        }
        step
    }

    fn take_body(&mut self, octets: &[u8], replies: &mut Vec<u8>) -> usize {
        if self.line_starts && octets.starts_with(b".\r\n") {
            return self.finish(3, replies);
        }
        if let Some(at) = self.end.find(octets) {
            return self.finish(at + 5, replies);
        }
        // The last four octets may be the beginning of the end.
        let step = octets.len().saturating_sub(4);
        self.line_starts = self.line_starts && step == 0;
        step
    }

    fn finish(&mut self, step: usize, replies: &mut Vec<u8>) -> usize {
        self.in_body = false;
        self.count.fetch_add(1, Ordering::Relaxed);
        replies.extend_from_slice(b"250 2.0.0 Ok: taken\r\n");
        step
    }
}
