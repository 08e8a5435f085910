//! A newcomer's first quarter of an hour: `weir up`, `weir try`, both consoles, and a decision in each that the other shows.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use weir_tests::client::eventually;
use weir_tests::console::Console;
use weir_tests::mails;
use weir_tests::ports::free_port;
use weir_tests::weir::{binary, run};

use crate::faults::numbers;
use crate::site::{PATIENCE, decide, listed, respond};

struct Up {
    process: Child,
    welcome: String,
}

impl Up {
    fn start(data: &Path) -> Self {
        let mut command = Command::new(binary());
        command.arg("up").arg("--data").arg(data);
        for name in [
            "PREVENT_LISTEN",
            "PREVENT_OPS_LISTEN",
            "UP_DELIVERY_LISTEN",
            "UP_REMEDIATION_LISTEN",
            "UP_CENTER_LISTEN",
            "ENFORCE_LISTEN",
            "ENFORCE_SERVERS_LISTEN",
        ] {
            command.env(format!("WEIR_{name}"), format!("127.0.0.1:{}", free_port()));
        }
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut welcome = String::new();
        while !welcome.contains("Ctrl-C") {
            assert!(out.read_line(&mut welcome).unwrap() > 0, "{welcome}");
        }
        Self { process, welcome }
    }

    /// Signs in where a line of the welcome says, with the one-time password of the next line.
    fn console(&self, what: &str) -> Console {
        let mut lines = self.welcome.lines().skip_while(|line| !line.trim_start().starts_with(what));
        let address: SocketAddr =
            lines.next().unwrap().rsplit("http://").next().unwrap().trim().parse().unwrap();
        let password = lines.next().unwrap().rsplit(' ').next().unwrap().to_owned();
        Console::sign_in_first(address, "admin", &password)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Mails of a Maildir by their subject.
fn arrived(delivered: &Path, subject: &str) -> usize {
    let Ok(entries) = std::fs::read_dir(delivered.join("new")) else { return 0 };
    let mails = entries.filter_map(|entry| std::fs::read(entry.ok()?.path()).ok());
    mails.filter(|mail| mails::header(mail, "Subject").concat() == subject).count()
}

#[test]
fn what_was_held_is_decided_on_in_either_console_seen_in_the_other_and_arrives() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let up = Up::start(&data);
    let said = run(&["try", "--data", &data.to_string_lossy()]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let (enforce, center) = (up.console("console"), up.console("quarantine"));
    let held = listed(&center, "state=held");
    assert_eq!(held.len(), 3, "{held:?}");

    // One of them is approved at Enforce …
    let incidents = || numbers(&enforce.get("/incidents?prevent=21").body);
    assert!(eventually(PATIENCE, || incidents().len() == held.len()), "{:?}", incidents());
    let first = *incidents().first().expect("as many as are held");
    let snapshot = enforce.get(&format!("/incidents/{first}"));
    let subject = weir_tests::console::words(snapshot.between("<h1>", "</h1>"));
    assert_eq!(arrived(&data.join("delivered"), &subject), 0);
    respond(&enforce, first, "Approve", "looks fine");
    assert!(
        eventually(PATIENCE, || arrived(&data.join("delivered"), &subject) == 1),
        "{subject} did not arrive"
    );
    let number = held.iter().find(|(_, row)| row.contains(&subject)).expect("the same mail").0;
    let shown = || center.get(&format!("/incidents/{number}")).words();
    assert!(eventually(PATIENCE, || shown().contains("Approved, delivered")), "{}", shown());
    assert!(
        shown().contains("(Enforce, asked by admin)") && shown().contains("note: looks fine"),
        "{}",
        shown()
    );

    // … and another is rejected in the Control Center.
    let (number, row) = held.iter().find(|(one, _)| *one != number).unwrap();
    decide(&center, *number, "reject", "not this one");
    let reports = || enforce.get("/incidents?prevent=23").words();
    assert!(eventually(PATIENCE, || reports().contains("company.example")), "{}", reports());
    let rejected = enforce.get("/incidents?prevent=23");
    let id = *numbers(&rejected.body).first().expect("a rejected incident");
    let page = enforce.get(&format!("/incidents/{id}"));
    let subject = weir_tests::console::words(page.between("<h1>", "</h1>"));
    assert!(row.contains(&subject), "{row}");
    page.shows("was rejected and deleted at gateway: not this one");
    assert_eq!(arrived(&data.join("delivered"), &subject), 0);
}
