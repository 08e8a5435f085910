//! Real Postfix from Debian's packages, as private instances: own configuration, queue and log in a temporary directory,
//! listening on loopback only. The parts that concern Weir are the files of `deploy/postfix`, with ports replaced.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::client::{eventually, insist};
use crate::ports::free_port;
use crate::requirement::{program, root};

/// What an instance is built from. Start with [`Setup::new`], add what it shall do, then [`Setup::start`].
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where it takes mail.
    pub port: u16,
    main: String,
    master: String,
    files: Vec<(String, String)>,
}

/// A running instance. Stopped when dropped.
#[derive(Debug)]
pub struct Postfix {
    port: u16,
    dir: TempDir,
}

/// A message in a queue, as `postqueue -j` tells.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Which queue: `hold`, `deferred`, `active`.
    pub queue: String,
    /// Its id.
    pub id: String,
    /// Its recipients, with the reason why they wait.
    pub recipients: Vec<(String, String)>,
}

impl Setup {
    /// An instance that takes mail on a free port and knows of no way on.
    pub fn new() -> Setup {
        Setup { port: free_port(), main: String::new(), master: String::new(), files: Vec::new() }
    }

    /// Lines for `main.cf`.
    pub fn main(mut self, lines: &str) -> Setup {
        self.main.push_str(lines);
        self.main.push('\n');
        self
    }

    /// Lines for `master.cf`.
    pub fn master(mut self, lines: &str) -> Setup {
        self.master.push_str(lines);
        self.master.push('\n');
        self
    }

    /// Sends everything to Weir by `deploy/postfix/forward.main.cf`.
    pub fn forwards_to_weir(self, weir: SocketAddr) -> Setup {
        let snippet = deployed("forward.main.cf").replace("10025", &weir.port().to_string());
        self.main(&snippet)
    }

    /// Has everything filtered by a reflecting Weir, by `deploy/postfix/reflect.*`.
    pub fn reflects_through_weir(self, weir_port: u16, resubmit_port: u16) -> Setup {
        let main = deployed("reflect.main.cf").replace("10025", &weir_port.to_string());
        let master = deployed("reflect.master.cf").replace("10026", &resubmit_port.to_string());
        self.main(&main).master(&master).header_checks()
    }

    /// Holds what Weir has marked, by `deploy/postfix/hold.main.cf`.
    pub fn holds_marked_mail(self) -> Setup {
        let snippet = deployed("hold.main.cf");
        self.main(&snippet).header_checks()
    }

    /// Takes Weir's marks out of mail that it sends on, by `deploy/postfix/weir_leaving_checks`.
    pub fn drops_marks_of_leaving_mail(self) -> Setup {
        let setup = self.file("weir_leaving_checks", &deployed("weir_leaving_checks"));
        setup.main("smtp_header_checks = regexp:/etc/postfix/weir_leaving_checks")
    }

    /// A file beside its configuration.
    pub fn file(mut self, name: &str, text: &str) -> Setup {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Delivers the people of `domain` (ann, bob, carl, dora, officer) into a Maildir each; see [`Postfix::maildir`].
    pub fn delivers_locally(mut self, domain: &str) -> Setup {
        let people = ["ann", "bob", "carl", "dora", "officer"];
        let mailboxes = people.map(|name| format!("{name}@{domain} {name}/\n")).concat();
        self.files.push(("mailboxes".to_owned(), mailboxes));
        self.main(&format!(
            "virtual_mailbox_domains = {domain}\nvirtual_mailbox_base = @DIR@/mail\n\
             virtual_mailbox_maps = texthash:@DIR@/mailboxes\nvirtual_uid_maps = static:65534\n\
             virtual_gid_maps = static:65534\nvirtual_minimum_uid = 1\nvirtual_mailbox_limit = 0"
        ))
    }

    /// Relays everything to one next hop.
    pub fn relays_to(self, hop: SocketAddr) -> Setup {
        self.main(&format!("relayhost = [{}]:{}", hop.ip(), hop.port()))
    }

    /// Inspects nothing but passes everything before its queue to `hop`: Postfix's own empty proxy.
    pub fn proxies_to(self, hop: SocketAddr) -> Setup {
        self.main(&format!("smtpd_proxy_filter = {}:{}\nsmtpd_proxy_timeout = 60s", hop.ip(), hop.port()))
    }

    /// Starts it; none if Postfix is missing and may be.
    pub fn start(self) -> Option<Postfix> {
        program("postfix", "postfix")?;
        if !root("Postfix") {
            return None;
        }
        let dir = TempDir::new().expect("a temporary directory");
        self.write(dir.path());
        let instance = Postfix { port: self.port, dir };
        instance.postfix("start");
        let up =
            eventually(Duration::from_secs(20), || std::net::TcpStream::connect(instance.addr()).is_ok());
        assert!(up, "postfix does not accept connections:\n{}", instance.log());
        Some(instance)
    }

    fn header_checks(self) -> Setup {
        self.file("weir_header_checks", &deployed("weir_header_checks"))
    }

    fn write(&self, dir: &Path) {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["mail", "spool", "data"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        let owned = Command::new("chown").arg("postfix").arg(dir.join("data")).status().unwrap();
        assert!(owned.success(), "chown postfix failed");
        std::os::unix::fs::chown(dir.join("mail"), Some(65534), Some(65534)).unwrap();
        let here = dir.to_string_lossy();
        let place = |text: &str| text.replace("@DIR@", &here).replace("/etc/postfix/", &format!("{here}/"));
        fs::write(dir.join("main.cf"), place(&format!("{}{}", base_main(), self.main))).unwrap();
        fs::write(dir.join("master.cf"), place(&format!("{}{}", base_master(self.port), self.master)))
            .unwrap();
        for (name, text) in &self.files {
            fs::write(dir.join(name), text).unwrap();
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Postfix {
    /// Where it takes mail.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("maillog")).unwrap_or_default()
    }

    /// The directory of its configuration and queue.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Messages in a local recipient's Maildir (the local part of the address), as octets.
    pub fn maildir(&self, local_part: &str) -> Vec<Vec<u8>> {
        let new = self.dir.path().join("mail").join(local_part).join("new");
        let Ok(entries) = fs::read_dir(new) else { return Vec::new() };
        entries.filter_map(|entry| fs::read(entry.ok()?.path()).ok()).collect()
    }

    /// Waits for so many messages in a Maildir.
    pub fn wait_for_mail(&self, local_part: &str, count: usize) -> Vec<Vec<u8>> {
        eventually(Duration::from_secs(30), || self.maildir(local_part).len() >= count);
        let mails = self.maildir(local_part);
        assert!(mails.len() >= count, "{} of {count} mails for {local_part}:\n{}", mails.len(), self.log());
        mails
    }

    /// Everything in its queues.
    pub fn queue(&self) -> Vec<Queued> {
        let output = self.command("postqueue", &["-j"]);
        let lines = output.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let queued = |entry: serde_json::Value| Queued {
            queue: text(&entry["queue_name"]),
            id: text(&entry["queue_id"]),
            recipients: entry["recipients"]
                .as_array()
                .map(|all| {
                    all.iter().map(|one| (text(&one["address"]), text(&one["delay_reason"]))).collect()
                })
                .unwrap_or_default(),
        };
        lines.map(queued).collect()
    }

    /// Waits for so many messages in one queue.
    pub fn wait_for_queued(&self, queue: &str, count: usize) -> Vec<Queued> {
        insist(Duration::from_secs(30), || {
            let found: Vec<Queued> = self.queue().into_iter().filter(|entry| entry.queue == queue).collect();
            if found.len() >= count {
                Ok(found)
            } else {
                Err(format!("{} in {queue}:\n{}", found.len(), self.log()))
            }
        })
    }

    /// Tries all deferred mail again now.
    pub fn flush(&self) {
        self.command("postqueue", &["-f"]);
    }

    /// Releases a held message.
    pub fn release(&self, id: &str) {
        self.command("postsuper", &["-H", id]);
        self.flush();
    }

    fn command(&self, name: &str, arguments: &[&str]) -> String {
        let path = crate::requirement::find(name).expect("part of the postfix package");
        let output = Command::new(path).arg("-c").arg(self.dir.path()).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn postfix(&self, action: &str) {
        let said = self.dir.path().join(format!("{action}.out"));
        let file = fs::File::create(&said).unwrap();
        let path = crate::requirement::find("postfix").expect("postfix");
        let mut command = Command::new(path);
        command.arg("-c").arg(self.dir.path()).arg(action).stdin(Stdio::null());
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let status = command.status().unwrap();
        let said = fs::read_to_string(&said).unwrap_or_default();
        let hopeless = action == "start" && !status.success();
        assert!(!hopeless, "postfix {action}: {status}\n{said}\n{}", self.log());
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- log of postfix {} ----\n{}", self.port, self.log());
        }
        self.postfix("stop");
    }
}

/// Text of a file of `deploy/postfix`.
pub fn deployed(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/postfix").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn base_main() -> String {
    let mut text = String::from(
        "compatibility_level = 3.6\nqueue_directory = @DIR@/spool\ndata_directory = @DIR@/data\n\
         maillog_file = @DIR@/maillog\nmaillog_file_prefixes = @DIR@\n\
         inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = postfix.example\nmydestination =\n\
         mynetworks = 127.0.0.0/8\nalias_maps =\nalias_database =\nlocal_recipient_maps =\n\
         smtpd_recipient_restrictions = permit_mynetworks,reject\nmessage_size_limit = 104857600\n\
         smtpd_client_connection_count_limit = 0\nsmtpd_client_connection_rate_limit = 0\nsmtpd_peername_lookup = no\n\
         smtp_dns_support_level = disabled\nsmtp_host_lookup = native\ndefault_process_limit = 300\n\
         minimal_backoff_time = 2s\nmaximal_backoff_time = 4s\nqueue_run_delay = 2s\n\
         smtp_connection_cache_on_demand = no\nin_flow_delay = 0\n",
    );
    for (name, value) in [
        ("daemon_directory", "/usr/lib/postfix/sbin"),
        ("command_directory", "/usr/sbin"),
        ("mail_owner", "postfix"),
        ("setgid_group", "postdrop"),
        ("sendmail_path", "/usr/sbin/sendmail"),
        ("shlib_directory", "/usr/lib/postfix"),
        ("meta_directory", "/etc/postfix"),
    ] {
        let _ = writeln!(text, "{name} = {value}");
    }
    text
}

fn base_master(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd\n\
         cleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\nrewrite unix - - n - - trivial-rewrite\n\
         bounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\n\
         verify unix - - n - 1 verify\nflush unix n - n 1000? 0 flush\nproxymap unix - - n - - proxymap\n\
         smtp unix - - n - - smtp\nrelay unix - - n - - smtp\nshowq unix n - n - - showq\nerror unix - - n - - error\n\
         retry unix - - n - - error\ndiscard unix - - n - - discard\nlocal unix - n n - - local\n\
         virtual unix - n n - - virtual\nanvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\n\
         tlsmgr unix - - n 1000? 1 tlsmgr\npostlog unix-dgram n - n - 1 postlogd\n"
    )
}
