//! `weir gateway` as a process, with what its administrator does beside it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::console::{Console, PASSWORD};
use crate::enforce::Enforce;
use crate::ports::free_port;
use crate::weir::{binary, run};

/// The user of Enforce by whom these gateways tell what becomes of held mail.
pub const UPDATER: &str = "gateway";

/// What a gateway is started with. Begin with [`Setup::new`] or [`Setup::of`].
#[derive(Debug)]
pub struct Setup {
    listen: SocketAddr,
    submission: Option<SocketAddr>,
    console: SocketAddr,
    remediation: SocketAddr,
    deliver: Option<String>,
    flags: Vec<String>,
    config: String,
    most_kilobytes: Option<u32>,
    dir: TempDir,
}

/// A running gateway. Killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    process: Option<Child>,
    setup: Setup,
}

impl Setup {
    /// On its own: knows no Enforce.
    pub fn new() -> Self {
        let loopback = || SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        Self {
            listen: loopback(),
            submission: None,
            console: loopback(),
            remediation: loopback(),
            deliver: None,
            flags: Vec::new(),
            config: String::new(),
            most_kilobytes: None,
            dir: TempDir::new().expect("a temporary directory"),
        }
    }

    /// Belongs to this Enforce under this name: enrolled, with the user [`UPDATER`] for status updates once a second.
    pub fn of(enforce: &Enforce, name: &str) -> Self {
        if !enforce.has_user(UPDATER) {
            enforce.add_user(UPDATER, "API client");
        }
        Self::new().belonging_to(enforce, name, &enforce.url(), UPDATER, PASSWORD)
    }

    /// Belongs to this Enforce, reached at this address, as whoever the user and the password make it.
    pub fn belonging_to(self, enforce: &Enforce, name: &str, url: &str, user: &str, password: &str) -> Self {
        let token = enforce.token(name, &["--host", "127.0.0.1"]);
        let file = self.dir.path().join("enforce.password");
        fs::write(&file, password).unwrap();
        let of = self.data().join("enforce");
        let part = |name: &str| of.join(name).display().to_string();
        let (certificate, key, authority) =
            (part("certificate.pem"), part("certificate.key"), part("authority.pem"));
        let table = format!(
            "[gateway.enforce]\nurl = {url:?}\nuser = {user:?}\npassword_file = {file:?}\ninterval = 1\n\
             tls = {{ certificate = {certificate:?}, key = {key:?}, ca = {authority:?} }}"
        );
        let token = token.to_string_lossy().into_owned();
        self.config(&table).flags(&["--enforce", url, "--enroll-token-file", &token, "--name", "127.0.0.1"])
    }

    /// Delivers here: `smtp://HOST:PORT`. Without, into the Maildir [`Gateway::delivered`].
    pub fn deliver(mut self, to: &str) -> Self {
        self.deliver = Some(to.to_owned());
        self
    }

    /// Reflecting mode: takes mail from inside, and has it inspected there.
    pub fn inspects_at(mut self, prevent: SocketAddr) -> Self {
        self.submission = Some((Ipv4Addr::LOCALHOST, free_port()).into());
        self.flags(&["--inspect", &prevent.to_string()])
    }

    /// Enforce reaches its remediation service at this `HOST:PORT`.
    pub fn reached_at(self, address: &str) -> Self {
        let of = self.data().join("enforce");
        let part = |name: &str| of.join(name).display().to_string();
        let (certificate, key, authority) =
            (part("certificate.pem"), part("certificate.key"), part("authority.pem"));
        let table = format!(
            "[gateway.remediation]\nreached_at = {address:?}\n\
             tls = {{ certificate = {certificate:?}, key = {key:?}, ca = {authority:?} }}"
        );
        self.config(&table)
    }

    /// Further flags.
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    /// Lines for the configuration file: whole tables.
    pub fn config(mut self, text: &str) -> Self {
        self.config = format!("{}{text}\n", self.config);
        self
    }

    /// None of its files can grow beyond so many kilobytes: writing fails there, as on a full disk.
    pub fn files_up_to(mut self, kilobytes: u32) -> Self {
        self.most_kilobytes = Some(kilobytes);
        self
    }

    /// Takes mail on this port.
    pub fn listen(mut self, port: u16) -> Self {
        self.listen.set_port(port);
        self
    }

    /// Where it will take mail: for whoever must know before it runs.
    pub fn mail(&self) -> SocketAddr {
        self.listen
    }

    /// Where Enforce will remediate.
    pub fn remediation(&self) -> SocketAddr {
        self.remediation
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Starts it, and waits until it answers.
    pub fn start(self) -> Gateway {
        let mut gateway = Gateway { process: None, setup: self };
        gateway.run();
        gateway
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Gateway {
    /// Where marked mail comes in.
    pub fn mail(&self) -> SocketAddr {
        self.setup.listen
    }

    /// Where mail from inside comes in, in reflecting mode.
    pub fn submission(&self) -> SocketAddr {
        self.setup.submission.expect("a gateway that reflects")
    }

    /// Where Enforce remediates.
    pub fn remediation(&self) -> SocketAddr {
        self.setup.remediation
    }

    /// Where people come in.
    pub fn console(&self) -> SocketAddr {
        self.setup.console
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.setup.data()
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.setup.dir.path().join("log")).unwrap_or_default()
    }

    /// Waits until the log holds `text`.
    pub fn wait_for_log(&self, text: &str) {
        let found = crate::client::eventually(Duration::from_secs(30), || self.log().contains(text));
        assert!(found, "the log never said {text:?}:\n{}", self.log());
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Child::id)
    }

    /// `kill -9`, then waited for.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it (again), and waits until it takes mail.
    pub fn run(&mut self) {
        self.kill();
        self.process = Some(self.command().spawn().expect("weir starts"));
        let until = Instant::now() + Duration::from_secs(60);
        let ports = [self.setup.listen, self.setup.console];
        while ports.iter().any(|port| TcpStream::connect(port).is_err()) {
            let ended = self.process.as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert!(
                ended.is_none() && Instant::now() < until,
                "weir gateway did not come up:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn command(&self) -> Command {
        let setup = &self.setup;
        let log = File::options().create(true).append(true).open(setup.dir.path().join("log")).unwrap();
        let mut command = match setup.most_kilobytes {
            None => Command::new(binary()),
            Some(most) => {
                // The signal that ends a program at this limit is ignored: the write fails instead. The unit is half a kilobyte.
                let limited = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", 2 * most);
                let mut command = Command::new("sh");
                command.args(["-c", &limited, "sh"]).arg(binary());
                command
            }
        };
        command.args(["gateway", "--listen", &setup.listen.to_string()]);
        command.args(["--console-listen", &setup.console.to_string()]);
        command.arg("--data").arg(setup.data()).args(&setup.flags);
        if setup.flags.iter().any(|flag| flag == "--enforce")
            || setup.config.contains("[gateway.remediation]")
        {
            command.args(["--remediation-listen", &setup.remediation.to_string()]);
        }
        if let Some(submission) = &setup.submission {
            command.args(["--submission-listen", &submission.to_string()]);
        }
        if let Some(deliver) = &setup.deliver {
            command.args(["--deliver", deliver]);
        }
        if !setup.config.is_empty() {
            let file = setup.dir.path().join("weir.toml");
            fs::write(&file, &setup.config).unwrap();
            command.arg("--config").arg(file);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        command
    }

    /// Sends a signal by name (`TERM`, `HUP`).
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status().unwrap();
        assert!(status.success(), "kill -{name} failed");
    }

    /// A new person at the Control Center, with a built-in role.
    pub fn person(&self, name: &str, role: &str) -> Console {
        add_user(&self.data(), name, role);
        Console::sign_in(self.console(), name, PASSWORD)
    }

    /// Other user and password for status updates, for when it starts again.
    pub fn change_updater(&mut self, user: &str, password: &str) {
        fs::write(self.setup.dir.path().join("enforce.password"), password).unwrap();
        let (before, rest) = self.setup.config.split_once("\nuser = \"").expect("a user");
        let (_, after) = rest.split_once('"').expect("the end of its name");
        self.setup.config = format!("{before}\nuser = {user:?}{after}");
    }

    /// Its files may grow (again), once it is started again.
    pub fn make_room(&mut self) {
        self.setup.most_kilobytes = None;
    }

    /// Another configuration file, for when it starts again.
    pub fn change_config(&mut self, text: &str) {
        text.clone_into(&mut self.setup.config);
    }

    /// The mails in its Maildir.
    pub fn delivered(&self) -> Vec<Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.data().join("delivered/new")) else { return Vec::new() };
        entries.filter_map(|entry| fs::read(entry.ok()?.path()).ok()).collect()
    }

    /// Waits for so many mails in its Maildir.
    pub fn wait_for_delivered(&self, count: usize) -> Vec<Vec<u8>> {
        crate::client::eventually(Duration::from_secs(30), || self.delivered().len() >= count);
        let mails = self.delivered();
        assert_eq!(mails.len(), count, "mails delivered:\n{}", self.log());
        mails
    }

    /// The queue as `weir gateway queue list` prints it.
    pub fn queue(&self) -> Vec<serde_json::Value> {
        let data = self.data().to_string_lossy().into_owned();
        let output =
            run(&["gateway", "queue", "list", "--format", "json", "--limit", "1000", "--data", &data]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- log of gateway {} ----\n{}", self.setup.listen, self.log());
        }
        self.kill();
    }
}

/// A user with [`PASSWORD`] and a built-in role, made by `weir user add` beside the server that runs on `data`.
pub(crate) fn add_user(data: &Path, name: &str, role: &str) {
    use std::io::Write;
    let mut command = Command::new(binary());
    command.args(["user", "add", name, "--role", role, "--password-stdin", "--data"]).arg(data);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("weir runs");
    writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    assert!(child.wait().unwrap().success(), "weir user add {name}");
}
