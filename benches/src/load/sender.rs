//! A sender with many connections, each sending one message after the other: the envelope in one write (PIPELINING), the
//! message in the next, so two round trips a message, as a good mail server does.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// What is sent and for how long.
#[derive(Debug, Clone)]
pub struct Load {
    /// Messages in turn, as sent: dots stuffed, `CRLF.CRLF` at the end. See [`Load::new`].
    messages: Arc<Vec<Vec<u8>>>,
    /// Whether no two messages are the same: a retried message would be the incident that it was.
    distinct: bool,
    /// Connections at one time.
    pub connections: usize,
    /// Sending before this is over is not counted.
    pub warm_up: Duration,
    /// How long it is measured.
    pub duration: Duration,
}

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Messages acknowledged with 250, a second.
    pub rate: f64,
    /// Half of the messages took no longer than this, from MAIL to 250.
    pub p50: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// Replies other than the expected.
    pub refused: u64,
    /// The first of them.
    pub first_refusal: Option<String>,
}

impl Load {
    /// A load of these messages (CRLF line ends, not stuffed).
    pub fn new(messages: &[Vec<u8>], connections: usize, warm_up: Duration, duration: Duration) -> Load {
        let ready =
            messages.iter().map(|message| [&weir_tests::client::stuff(message)[..], b".\r\n"].concat());
        Load { messages: Arc::new(ready.collect()), distinct: false, connections, warm_up, duration }
    }

    /// The same load with a trace line of its own on top of each message.
    pub fn distinct(self) -> Load {
        Load { distinct: true, ..self }
    }
}

/// Sends the load to `addr` from one thread and says how it went.
pub fn run(addr: SocketAddr, load: &Load) -> io::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, drive(addr, load))
}

#[derive(Default)]
struct Tally {
    latencies: Vec<u32>,
    refused: u64,
    first_refusal: Option<String>,
}

async fn drive(addr: SocketAddr, load: &Load) -> io::Result<Measured> {
    let mut ready = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        ready.push(Connection::open(addr).await?);
    }
    let tally = Rc::new(RefCell::new(Tally::default()));
    let from = Instant::now() + load.warm_up;
    let until = from + load.duration;
    let tasks: Vec<_> = ready
        .into_iter()
        .enumerate()
        .map(|(number, connection)| {
            tokio::task::spawn_local(connection.work(number, load.clone(), from..until, tally.clone()))
        })
        .collect();
    for task in tasks {
        task.await.map_err(io::Error::other)??;
    }
    let tally = std::mem::take(&mut *tally.borrow_mut());
    Ok(summarised(tally, load.duration))
}

fn summarised(mut tally: Tally, duration: Duration) -> Measured {
    tally.latencies.sort_unstable();
    let at = |share: f64| {
        let last = tally.latencies.len().saturating_sub(1);
        let micros = tally.latencies.get((last as f64 * share) as usize).copied().unwrap_or(0);
        Duration::from_micros(u64::from(micros))
    };
    Measured {
        rate: tally.latencies.len() as f64 / duration.as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
        refused: tally.refused,
        first_refusal: tally.first_refusal,
    }
}

/// A trace line that no other message of the run has.
fn trace(connection: usize, turn: usize) -> String {
    let run = std::process::id();
    format!(
        "Received: by load.example with ESMTP id {run}-{connection}-{turn};\r\n\tTue, 24 Nov 2026 09:00:01 +0000\r\n"
    )
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(addr: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let mut connection = Connection { stream, buffer: Vec::with_capacity(4096) };
        connection.expect(b'2', 1).await.map_err(io::Error::other)?;
        connection.stream.write_all(b"EHLO load.example\r\n").await?;
        connection.expect(b'2', 1).await.map_err(io::Error::other)?;
        Ok(connection)
    }

    async fn work(
        mut self,
        number: usize,
        load: Load,
        window: std::ops::Range<Instant>,
        tally: Rc<RefCell<Tally>>,
    ) -> io::Result<()> {
        // Each connection begins elsewhere in the corpus.
        let mut turn = number * 7;
        loop {
            let began = Instant::now();
            if began >= window.end {
                return self.stream.write_all(b"QUIT\r\n").await;
            }
            let message = &load.messages[turn % load.messages.len()];
            let outcome = if load.distinct {
                self.transaction(&[trace(number, turn).as_bytes(), message].concat()).await
            } else {
                self.transaction(message).await
            };
            turn += 1;
            let now = Instant::now();
            let mut tally = tally.borrow_mut();
            match outcome {
                Ok(()) if now >= window.start && now < window.end => {
                    tally.latencies.push((now - began).as_micros().min(u128::from(u32::MAX)) as u32);
                }
                Ok(()) => {}
                Err(reply) => {
                    tally.refused += 1;
                    tally.first_refusal.get_or_insert(reply);
                    return Ok(());
                }
            }
        }
    }

    async fn transaction(&mut self, message: &[u8]) -> Result<(), String> {
        let envelope = b"MAIL FROM:<ann@corp.example>\r\nRCPT TO:<client@partner.example>\r\nDATA\r\n";
        self.stream.write_all(envelope).await.map_err(|error| error.to_string())?;
        self.expect(b'2', 2).await?;
        self.expect(b'3', 1).await?;
        self.stream.write_all(message).await.map_err(|error| error.to_string())?;
        self.expect(b'2', 1).await
    }

    /// Reads so many replies that begin with this digit.
    async fn expect(&mut self, digit: u8, count: usize) -> Result<(), String> {
        for _ in 0..count {
            loop {
                let end = self.line_end().await?;
                let last = self.buffer.get(3) != Some(&b'-');
                let good = self.buffer.first() == Some(&digit);
                if !good {
                    return Err(String::from_utf8_lossy(&self.buffer[..end]).trim_end().to_owned());
                }
                self.buffer.drain(..end);
                if last {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn line_end(&mut self) -> Result<usize, String> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer) {
                return Ok(at + 1);
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return Err("connection closed".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}
