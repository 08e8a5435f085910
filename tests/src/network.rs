//! A network between two servers that a test can spoil: cut off, cut after so many octets, or silent.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Passes connections on to a target, as well as it is told to. Ends its connections when dropped.
#[derive(Debug)]
pub struct Network {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    down: AtomicBool,
    silent: AtomicBool,
    over: AtomicBool,
    /// Octets in one direction after which a connection is cut.
    limit: AtomicUsize,
    cuts: AtomicUsize,
    next: AtomicU64,
    open: Mutex<HashMap<u64, TcpStream>>,
}

impl Network {
    /// A good network to this address.
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let address = listener.local_addr().expect("own address");
        let shared = Arc::new(Shared {
            target,
            down: AtomicBool::default(),
            silent: AtomicBool::default(),
            over: AtomicBool::default(),
            limit: AtomicUsize::new(usize::MAX),
            cuts: AtomicUsize::default(),
            next: AtomicU64::default(),
            open: Mutex::default(),
        });
        let this = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if this.over.load(Ordering::Relaxed) {
                    return;
                }
                this.join(stream);
            }
        });
        Self { address, shared }
    }

    /// Where it takes connections.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts what is open, and whatever is opened from now on.
    pub fn cut(&self) {
        self.shared.down.store(true, Ordering::Relaxed);
        self.cut_open();
    }

    /// Cuts what is open; new connections pass.
    pub fn cut_open(&self) {
        let open = std::mem::take(&mut *self.shared.open.lock().unwrap_or_else(PoisonError::into_inner));
        for stream in open.into_values() {
            self.shared.cuts.fetch_add(1, Ordering::Relaxed);
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Connections are cut after so many octets in one direction.
    pub fn cut_after(&self, octets: usize) {
        self.shared.limit.store(octets, Ordering::Relaxed);
    }

    /// New connections are taken and nothing passes in them, or all is well again.
    pub fn silence(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::Relaxed);
    }

    /// All is well again.
    pub fn mend(&self) {
        self.shared.down.store(false, Ordering::Relaxed);
        self.shared.silent.store(false, Ordering::Relaxed);
        self.cut_after(usize::MAX);
    }

    /// How many connections were cut so far.
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        self.cut_open();
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn join(self: &Arc<Self>, stream: TcpStream) {
        if self.down.load(Ordering::Relaxed) {
            return;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let Ok(keep) = stream.try_clone() else { return };
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(number, keep);
        if self.silent.load(Ordering::Relaxed) {
            // Held open until it is cut: `open` has it.
            return;
        }
        let Ok(onward) = TcpStream::connect_timeout(&self.target, Duration::from_secs(5)) else {
            return self.end(number, &stream);
        };
        let (Ok(stream2), Ok(onward2)) = (stream.try_clone(), onward.try_clone()) else {
            return self.end(number, &stream);
        };
        let (there, back) = (self.clone(), self.clone());
        std::thread::spawn(move || there.pass(number, stream, onward));
        std::thread::spawn(move || back.pass(number, onward2, stream2));
    }

    fn pass(&self, number: u64, mut from: TcpStream, mut to: TcpStream) {
        let (mut buffer, mut passed) = ([0; 512], 0_usize);
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            passed += count;
            if passed > self.limit.load(Ordering::Relaxed) {
                self.cuts.fetch_add(1, Ordering::Relaxed);
                break;
            }
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        self.end(number, &to);
    }

    fn end(&self, number: u64, stream: &TcpStream) {
        let _ = stream.shutdown(Shutdown::Both);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }
}
