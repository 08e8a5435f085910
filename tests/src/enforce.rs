//! `weir enforce` as a process, with what its administrator does beside it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::console::{Console, PASSWORD};
use crate::ports::free_port;
use crate::weir::{binary, fixture, run};

/// A running `weir enforce`. Killed when dropped.
#[derive(Debug)]
pub struct Enforce {
    process: Option<Child>,
    listen: SocketAddr,
    servers: SocketAddr,
    policies: PathBuf,
    flags: Vec<String>,
    dir: TempDir,
}

impl Enforce {
    /// With the tests' policies.
    pub fn start() -> Enforce {
        Enforce::with(&fixture("policies"), &[])
    }

    /// With these policies and flags.
    pub fn with(policies: &Path, flags: &[&str]) -> Enforce {
        let loopback = || SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut enforce = Enforce {
            process: None,
            listen: loopback(),
            servers: loopback(),
            policies: policies.to_owned(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            dir: TempDir::new().expect("a temporary directory"),
        };
        enforce.run();
        enforce
    }

    /// Where people come in.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Where servers come in.
    pub fn url(&self) -> String {
        format!("https://{}", self.servers)
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// `kill -9`, then waited for.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends a signal by name (`HUP`).
    pub fn signal(&self, name: &str) {
        let pid = self.process.as_ref().map_or(0, Child::id);
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
        assert!(status.success(), "kill -{name} failed");
    }

    /// Starts it (again), and waits until both ports answer.
    pub fn run(&mut self) {
        self.kill();
        let log = File::options().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let mut command = Command::new(binary());
        command.args(["enforce", "--listen", &self.listen.to_string()]);
        command.args(["--servers-listen", &self.servers.to_string()]);
        command.arg("--policies").arg(&self.policies).arg("--data").arg(self.data()).args(&self.flags);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().expect("weir starts"));
        let until = Instant::now() + Duration::from_secs(60);
        while [self.listen, self.servers].iter().any(|port| TcpStream::connect(port).is_err()) {
            let ended = self.process.as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert!(
                ended.is_none() && Instant::now() < until,
                "weir enforce did not come up:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What `weir enforce …` prints, done beside the running server. It must work.
    pub fn task(&self, arguments: &[&str]) -> String {
        let data = self.data().to_string_lossy().into_owned();
        let mut all = vec!["enforce"];
        all.extend(arguments);
        all.extend(["--data", &data]);
        for (flag, value) in self.flags.iter().zip(self.flags.iter().skip(1)) {
            if flag == "--database" {
                all.extend(["--database", value]);
            }
        }
        let output = run(&all);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "weir {all:?}: {error}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A file with a fresh token for a server of this name.
    pub fn token(&self, name: &str, more: &[&str]) -> PathBuf {
        let mut arguments = vec!["enroll", name];
        arguments.extend(more);
        let file = self.dir.path().join(format!("{name}.token"));
        fs::write(&file, self.task(&arguments)).unwrap();
        file
    }

    /// The servers as `weir enforce servers` prints them.
    pub fn servers(&self) -> Vec<serde_json::Value> {
        serde_json::from_str(&self.task(&["servers", "--format", "json"])).expect("JSON")
    }

    /// A new person at the console, with a built-in role. Needs the flag `--plain-http`.
    pub fn person(&self, name: &str, role: &str) -> Console {
        self.add_user(name, role);
        Console::sign_in(self.listen, name, PASSWORD)
    }

    /// A user with [`PASSWORD`] and a built-in role.
    pub fn add_user(&self, name: &str, role: &str) {
        crate::gateway::add_user(&self.data(), name, role);
    }

    /// Whether there is a user of this name.
    pub fn has_user(&self, name: &str) -> bool {
        let data = self.data().to_string_lossy().into_owned();
        let output = run(&["user", "list", "--format", "json", "--data", &data]);
        let users: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        users.as_array().is_some_and(|all| all.iter().any(|user| user["name"] == name))
    }

    /// The incidents as `weir incidents list` prints them, oldest first.
    pub fn incidents(&self) -> Vec<serde_json::Value> {
        let mut all = crate::weir::incidents(&self.data(), 10_000);
        all.reverse();
        all
    }

    /// One incident with its history.
    pub fn incident(&self, id: u64) -> serde_json::Value {
        let data = self.data().to_string_lossy().into_owned();
        let output =
            run(&["incidents", "show", &id.to_string(), "--format", "json", "--unmask", "--data", &data]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

impl Drop for Enforce {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- log of enforce {} ----\n{}", self.listen, self.log());
        }
        self.kill();
    }
}
