//! What stands between the sender and the sink.

use std::any::Any;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use benches::inspect::default_set;
use tempfile::TempDir;
use weir_tests::client::eventually;
use weir_tests::ports::free_port;
use weir_tests::postfix::Setup;
use weir_tests::requirement::find;
use weir_tests::weir::{Memory, Prevent, Weir};

/// A way from the sender to the sink; closed when dropped.
pub(crate) struct Road {
    name: &'static str,
    addr: SocketAddr,
    weir: Option<Weir>,
    /// Whatever else has to live as long as the road.
    _kept: Option<Box<dyn Any>>,
}

impl Road {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Memory of the weir process; none for other roads.
    pub(crate) fn memory(&self) -> Option<Memory> {
        self.weir.as_ref().map(Weir::memory)
    }
}

/// Opens every road that this machine has the programs for, but for those named in `without`.
pub(crate) fn open_roads(sink: SocketAddr, without: &[String], policies: Option<&Path>) -> Vec<Road> {
    let wanted = |name: &str| !without.iter().any(|left_out| left_out == name);
    let mut roads = Vec::new();
    if wanted("direct") {
        roads.push(Road { name: "direct", addr: sink, weir: None, _kept: None });
    }
    if wanted("haproxy") {
        roads.extend(present("haproxy").and_then(|()| Haproxy::start(sink)));
    }
    if wanted("postfix") {
        roads.extend(present("postfix").and_then(|()| postfix(sink)));
    }
    if wanted("weir") {
        let weir = weir(sink, policies);
        roads.push(Road { name: "weir", addr: weir.addr(), weir: Some(weir), _kept: None });
    }
    roads
}

fn present(program: &str) -> Option<()> {
    if find(program).is_none() {
        eprintln!("{program} is not installed (apt-get install {program}): that column is left out");
    }
    find(program).map(drop)
}

fn weir(sink: SocketAddr, policies: Option<&Path>) -> Weir {
    let default_set = default_set();
    Prevent::forward(&[sink])
        .policies(policies.unwrap_or(&default_set))
        .config("[prevent.limits]\nsessions_per_address = 1000")
        .start()
}

fn postfix(sink: SocketAddr) -> Option<Road> {
    let postfix = Setup::new().proxies_to(sink).start()?;
    Some(Road { name: "postfix", addr: postfix.addr(), weir: None, _kept: Some(Box::new(postfix)) })
}

struct Haproxy {
    process: Child,
    _dir: TempDir,
}

impl Haproxy {
    fn start(sink: SocketAddr) -> Option<Road> {
        let dir = TempDir::new().ok()?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let config = dir.path().join("haproxy.cfg");
        let text = format!(
            "global\n    maxconn 2000\ndefaults\n    mode tcp\n    timeout connect 5s\n    timeout client 60s\n    \
             timeout server 60s\nlisten mail\n    bind {addr}\n    server sink {sink}\n"
        );
        fs::write(&config, text).ok()?;
        let mut command = Command::new(find("haproxy")?);
        command.arg("-db").arg("-q").arg("-f").arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.spawn().ok()?;
        let haproxy = Haproxy { process, _dir: dir };
        let up = eventually(Duration::from_secs(10), || TcpStream::connect(addr).is_ok());
        up.then_some(Road { name: "haproxy", addr, weir: None, _kept: Some(Box::new(haproxy)) })
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
