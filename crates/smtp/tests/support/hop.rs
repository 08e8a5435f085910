//! A scripted next hop: plays its part of a dialogue in the same language, seen from the other side.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub)]

use std::net::SocketAddr;
use std::time::Duration;

use smtp::client::{Hop, HopConfig, HopError, HopTimeouts};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use super::dialogue::play_hop;

/// A hop for one connection; gives what the client sent that no step took.
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

/// Waits that no machine is too slow for.
pub fn hop_config() -> HopConfig {
    let long = Duration::from_secs(20);
    let timeouts = HopTimeouts {
        connect: long,
        greeting: long,
        command: long,
        data_init: long,
        data_block: long,
        data_final: long,
        quit: Duration::from_millis(300),
    };
    HopConfig { timeouts, ..HopConfig::plain("localhost", 0, "weir.example") }
}

/// Where a hop is to be given up.
pub fn impatient() -> HopConfig {
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

/// A session with a hop that is to be given up somewhere.
pub async fn impatient_session(script: &str) -> (Result<Hop, HopError>, JoinHandle<Vec<u8>>) {
    let (addr, task) = hop(script).await;
    (Hop::connect(addr, &impatient()).await, task)
}

/// A session with a scripted hop.
pub async fn session(script: &str) -> (Result<Hop, HopError>, JoinHandle<Vec<u8>>) {
    let (addr, task) = hop(script).await;
    (Hop::connect(addr, &hop_config()).await, task)
}
