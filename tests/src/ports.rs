//! Loopback ports that nobody else uses: below the range from which the kernel takes ports for outgoing connections.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A free port on 127.0.0.1. Two calls in one process never give the same port until the range is used up, and
/// processes start at different places of the range.
pub fn free_port() -> u16 {
    let start = (std::process::id() % 200) as u16 * 100;
    for _ in 0..COUNT {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}
