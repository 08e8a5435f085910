//! A scripted next hop: plays its part of a dialogue in the same language, seen from the other side.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub)]

use std::net::SocketAddr;
use std::time::Duration;

use smtp::client::{Hop, HopConfig, HopError, HopTimeouts};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Steps: `S: text` the hop says the line; `S= text` octets with escapes; `C: text` the client's next line is that;
/// `C. ` the client closes; `W n` waits; `X` the hop closes.
pub async fn hop(script: &str) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let script = script.to_owned();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        play_hop(&mut stream, &script).await
    });
    (addr, task)
}

pub const GREETING: &str = "
S: 220 hop.example
C: EHLO weir.example
";
pub const PLAIN: &str = "
S: 220 hop.example
C: EHLO weir.example
S: 250 hop.example
";
pub const FULL: &str = "
S: 220 hop.example
C: EHLO weir.example
S: 250-hop.example
S: 250-PIPELINING
S: 250-SIZE 1000
S: 250-8BITMIME
S: 250-XFORWARD NAME ADDR
S: 250-XCLIENT NAME ADDR
S: 250 CHUNKING
";

pub fn hop_config() -> HopConfig {
    let timeouts = HopTimeouts {
        connect: Duration::from_secs(2),
        greeting: Duration::from_millis(300),
        command: Duration::from_millis(300),
        data_init: Duration::from_millis(300),
        data_block: Duration::from_millis(500),
        data_final: Duration::from_millis(300),
        quit: Duration::from_millis(300),
    };
    HopConfig { timeouts, ..HopConfig::plain("localhost", 0, "weir.example") }
}

/// A session with a scripted hop.
pub async fn session(script: &str) -> (Result<Hop, HopError>, JoinHandle<Vec<u8>>) {
    let (addr, task) = hop(script).await;
    (Hop::connect(addr, &hop_config()).await, task)
}

/// Gives what the client sent that no step took.
pub async fn play_hop<T: AsyncRead + AsyncWrite + Unpin>(stream: &mut T, script: &str) -> Vec<u8> {
    let mut input = Vec::new();
    let mut out = Vec::new();
    for step in script.lines().map(str::trim_start).filter(|step| !step.is_empty() && !step.starts_with('#'))
    {
        if let Some(text) = step.strip_prefix("S:") {
            out.extend_from_slice(text.strip_prefix(' ').unwrap_or(text).as_bytes());
            out.extend_from_slice(b"\r\n");
            continue;
        }
        if let Some(text) = step.strip_prefix("S= ") {
            out.extend_from_slice(&super::unescape(text));
            continue;
        }
        let _ = stream.write_all(&std::mem::take(&mut out)).await;
        let _ = stream.flush().await;
        if let Some(text) = step.strip_prefix("C:") {
            let text = text.strip_prefix(' ').unwrap_or(text);
            assert_eq!(line(stream, &mut input, text).await, text);
        } else if step == "C." {
            while more(stream, &mut input).await {}
        } else if let Some(time) = step.strip_prefix("W ") {
            tokio::time::sleep(Duration::from_millis(time.parse().unwrap())).await;
        } else if step == "X" {
            let _ = stream.shutdown().await;
            return input;
        } else {
            panic!("not a step: {step:?}");
        }
    }
    let _ = stream.write_all(&out).await;
    let _ = stream.flush().await;
    while more(stream, &mut input).await {}
    input
}

async fn line<T: AsyncRead + Unpin>(stream: &mut T, input: &mut Vec<u8>, wanted: &str) -> String {
    loop {
        if let Some(end) = input.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = input.drain(..=end).collect();
            return String::from_utf8_lossy(&line).strip_suffix("\r\n").expect("CRLF").to_owned();
        }
        assert!(more(stream, input).await, "the client closed, wanted {wanted:?}");
    }
}

async fn more<T: AsyncRead + Unpin>(stream: &mut T, input: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 65536];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut buffer)).await;
    let count = read.expect("the client says something in time").unwrap_or(0);
    input.extend_from_slice(&buffer[..count]);
    count > 0
}
