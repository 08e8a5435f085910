//! The weir binary as a process: started on free ports with a data directory of its own, watched, reloaded, killed.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ports::free_port;

/// What the log says of a reload.
const RELOADED: &str = "configuration, certificates and policies reloaded";
const RELOAD_REFUSED: &str = "reload refused";

/// What a `weir prevent` is started with. Nothing is said to it that its user would not say.
#[derive(Debug, Clone)]
pub struct Prevent {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where `/metrics` and `/healthz` are.
    pub ops: SocketAddr,
    /// Directory of policies.
    pub policies: PathBuf,
    /// Flags beyond those above.
    pub flags: Vec<String>,
    /// Text of the configuration file; empty means none is given. Replaced by [`Weir::rewrite_config`].
    pub config: String,
    /// Data directory to go on with; none makes a new one.
    pub data: Option<PathBuf>,
    /// The data directory is named in the configuration file, not by a flag.
    pub data_in_file: bool,
    /// Where its log goes; a file of its own when empty.
    pub log: PathBuf,
}

impl Prevent {
    /// Forward mode, to these next hops in order.
    pub fn forward(hops: &[SocketAddr]) -> Prevent {
        let mut prevent = Prevent::bare("forward");
        for hop in hops {
            prevent.flags.extend(["--next-hop".to_owned(), hop.to_string()]);
        }
        prevent
    }

    /// Reflect mode: back to whoever connects, at this port.
    pub fn reflect(resubmit_port: u16) -> Prevent {
        Prevent::bare("reflect").flag("--resubmit-port").flag(&resubmit_port.to_string())
    }

    /// Mode and next hop stand in the configuration file, so that a reload can change them.
    pub fn by_file(config: &str) -> Prevent {
        Prevent { flags: Vec::new(), ..Prevent::bare("forward") }.config(config)
    }

    fn bare(mode: &str) -> Prevent {
        Prevent {
            listen: loopback(free_port()),
            ops: loopback(free_port()),
            policies: fixture("policies"),
            flags: vec!["--mode".to_owned(), mode.to_owned()],
            config: String::new(),
            data: None,
            data_in_file: false,
            log: PathBuf::new(),
        }
    }

    /// One more flag or argument.
    pub fn flag(mut self, flag: &str) -> Prevent {
        self.flags.push(flag.to_owned());
        self
    }

    /// Lines for the configuration file.
    pub fn config(mut self, text: &str) -> Prevent {
        self.config.push_str(text);
        self.config.push('\n');
        self
    }

    /// Another directory of policies.
    pub fn policies(mut self, dir: &Path) -> Prevent {
        dir.clone_into(&mut self.policies);
        self
    }

    /// Starts it and waits until it accepts connections.
    pub fn start(self) -> Weir {
        let mut weir = self.launch();
        if let Err(why) = weir.wait_until_ready() {
            panic!("weir prevent did not come up: {why}\n{}", weir.log());
        }
        weir
    }

    /// Starts it, expecting it to give up by itself; gives its exit status and what it said.
    pub fn start_and_fail(self) -> (ExitStatus, String) {
        let mut weir = self.launch();
        let status = weir.wait(Duration::from_secs(20));
        (status, weir.log())
    }

    fn launch(self) -> Weir {
        let dir = TempDir::new().expect("a temporary directory");
        let data = self.data.clone().unwrap_or_else(|| dir.path().join("data"));
        let mut weir = Weir { process: None, prevent: self, data, dir };
        weir.spawn();
        weir
    }
}

/// A running `weir prevent`. Killed when dropped.
#[derive(Debug)]
pub struct Weir {
    process: Option<Child>,
    prevent: Prevent,
    data: PathBuf,
    dir: TempDir,
}

impl Weir {
    /// Where it listens for mail.
    pub fn addr(&self) -> SocketAddr {
        self.prevent.listen
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Child::id)
    }

    /// Everything it has logged, over restarts too.
    pub fn log(&self) -> String {
        fs::read(self.log_path())
            .map(|octets| String::from_utf8_lossy(&octets).into_owned())
            .unwrap_or_default()
    }

    /// Waits until the log holds `text`.
    pub fn wait_for_log(&self, text: &str) {
        let found = crate::client::eventually(Duration::from_secs(10), || self.log().contains(text));
        assert!(found, "the log never said {text:?}:\n{}", self.log());
    }

    /// `kill -9`, then waited for.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again with the same flags, ports and data.
    pub fn restart(&mut self) {
        self.kill();
        self.spawn();
        if let Err(why) = self.wait_until_ready() {
            panic!("weir prevent did not come up again: {why}\n{}", self.log());
        }
    }

    /// Sends a signal by name (`TERM`, `HUP`).
    pub fn signal(&self, name: &str) {
        // The shell's own `kill`: the program is in a package that a small machine may lack.
        let status =
            Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status().unwrap();
        assert!(status.success(), "kill -{name} failed");
    }

    /// Replaces the configuration file; SIGHUP makes it count.
    pub fn rewrite_config(&self, text: &str) {
        fs::write(self.config_path(), text).unwrap();
    }

    /// SIGHUP, and waits until it was heard: true if the new configuration was taken, false if it was refused.
    pub fn reload(&self) -> bool {
        let said = |log: &str| (log.matches(RELOADED).count(), log.matches(RELOAD_REFUSED).count());
        let before = said(&self.log());
        self.signal("HUP");
        let heard = crate::client::eventually(Duration::from_secs(20), || said(&self.log()) != before);
        assert!(heard, "SIGHUP was not heard:\n{}", self.log());
        said(&self.log()).0 > before.0
    }

    /// One incident as `weir incidents show --format json` prints it, matches unmasked.
    pub fn incident(&self, id: u64) -> serde_json::Value {
        let data = self.data.to_string_lossy();
        let output =
            run(&["incidents", "show", &id.to_string(), "--format", "json", "--unmask", "--data", &data]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The value of a metric without labels, or with these (`name{label="value"}`); 0 if it is not there.
    pub fn metric(&self, name: &str) -> f64 {
        let page = self.ops("/metrics").expect("metrics");
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.trim().parse().expect("a number"))
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let until = Instant::now() + limit;
        let child = self.process.as_mut().expect("a running process");
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() >= until {
                let log = self.log();
                panic!("weir did not end within {limit:?}\n{log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Resident memory of the process and its peak so far, in octets.
    pub fn memory(&self) -> Memory {
        memory_of(self.pid())
    }

    /// Body of a page on the operations port, or the status line if it is not a 200.
    pub fn ops(&self, path: &str) -> Result<String, String> {
        http_get(self.prevent.ops, path)
    }

    /// Incidents on record, as `weir incidents list --format json` prints them.
    pub fn incidents(&self) -> Vec<serde_json::Value> {
        incidents(&self.data, 100)
    }

    /// As [`Weir::incidents`], at most this many.
    pub fn incidents_up_to(&self, limit: u32) -> Vec<serde_json::Value> {
        incidents(&self.data, limit)
    }

    fn spawn(&mut self) {
        let mut command = Command::new(binary());
        command.arg("prevent");
        command.args(["--listen", &self.prevent.listen.to_string()]);
        command.args(["--ops-listen", &self.prevent.ops.to_string()]);
        if !self.prevent.policies.as_os_str().is_empty() {
            command.arg("--policies").arg(&self.prevent.policies);
        }
        if !self.prevent.data_in_file {
            command.arg("--data").arg(&self.data);
        }
        command.args(&self.prevent.flags);
        if !self.prevent.config.is_empty() {
            if !self.config_path().exists() {
                fs::write(self.config_path(), &self.prevent.config).unwrap();
            }
            command.arg("--config").arg(self.config_path());
        }
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().expect("weir starts"));
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(120);
        while Instant::now() < until {
            if let Some(status) = self.process.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                return Err(format!("it ended with {status}"));
            }
            let starts = || self.ops("/metrics").is_err_and(|why| why.contains("starting: "));
            if TcpStream::connect(self.prevent.listen).is_ok() && !starts() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("nothing accepts on its port after 120 s".to_owned())
    }

    fn log_path(&self) -> PathBuf {
        match self.prevent.log.as_os_str().is_empty() {
            true => self.dir.path().join("weir.log"),
            false => self.prevent.log.clone(),
        }
    }

    fn config_path(&self) -> PathBuf {
        self.dir.path().join("weir.toml")
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- log of weir {} ----\n{}", self.prevent.listen, tail(&self.log(), 6000));
        }
        self.kill();
    }
}

/// Memory of a process in octets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// The most that was ever resident.
    pub peak: u64,
}

/// Reads a process's memory from `/proc`.
pub fn memory_of(pid: u32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    Memory { resident: field("VmRSS:"), peak: field("VmHWM:") }
}

/// The incidents under a data directory, whether a server runs on it or not.
pub fn incidents(data: &Path, limit: u32) -> Vec<serde_json::Value> {
    let (data, limit) = (data.to_string_lossy(), limit.to_string());
    let output = run(&["incidents", "list", "--format", "json", "--limit", &limit, "--data", &data]);
    assert!(output.status.success(), "weir incidents list: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    match serde_json::from_str(&text) {
        Ok(serde_json::Value::Array(list)) => list,
        _ => text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect(),
    }
}

/// Runs a subcommand to its end.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).stdin(Stdio::null()).output().expect("weir runs")
}

/// The binary under test: `WEIR_BIN`, or the one of this build, brought up to date first.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("WEIR_BIN") {
        Some(path) => PathBuf::from(path),
        None => built(),
    })
}

/// A file or directory under `tests/`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn built() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "-p", "weir", "--bin", "weir"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo runs").success(), "the weir binary does not build");
    let exe = std::env::current_exe().expect("path of this test");
    let profile_dir = exe.ancestors().find(|dir| dir.join("weir").is_file());
    profile_dir.expect("weir beside this test's directory; or set WEIR_BIN").join("weir")
}

/// Body of a page, or the status line if it is not a 200.
pub fn http_get(addr: SocketAddr, path: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(addr).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no end of HTTP header")?;
    let status = head.lines().next().unwrap_or_default();
    if status.contains(" 200") { Ok(body.to_owned()) } else { Err(format!("{status}\n{body}")) }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn tail(text: &str, octets: usize) -> &str {
    let mut from = text.len().saturating_sub(octets);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}
