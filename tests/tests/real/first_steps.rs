//! A newcomer's first commands: `weir up`, `weir up --try`, `weir try`, the policy and configuration commands.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use weir_tests::client::{eventually, send};
use weir_tests::mails;
use weir_tests::ports::free_port;
use weir_tests::weir::{binary, run};

/// `weir up` on ports of its own.
fn up(data: &Path, more: &[&str]) -> (Command, u16) {
    let port = free_port();
    let mut command = Command::new(binary());
    command.arg("up").arg("--data").arg(data).args(more);
    command.env("WEIR_PREVENT_LISTEN", format!("127.0.0.1:{port}"));
    command.env("WEIR_PREVENT_OPS_LISTEN", format!("127.0.0.1:{}", free_port()));
    command.env("WEIR_UP_DELIVERY_LISTEN", format!("127.0.0.1:{}", free_port()));
    command.env("WEIR_UP_REMEDIATION_LISTEN", format!("127.0.0.1:{}", free_port()));
    command.env("WEIR_UP_CENTER_LISTEN", format!("127.0.0.1:{}", free_port()));
    command.env("WEIR_ENFORCE_LISTEN", format!("127.0.0.1:{}", free_port()));
    command.env("WEIR_ENFORCE_SERVERS_LISTEN", format!("127.0.0.1:{}", free_port()));
    (command, port)
}

struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What must be said of the five samples.
fn tells_of_the_samples(said: &str) {
    for title in [
        "1. a harmless mail",
        "2. a card number",
        "3. identity numbers",
        "4. the same spreadsheet",
        "5. a private key",
    ] {
        assert!(said.contains(title), "{title}:\n{said}");
    }
    let parts: Vec<&str> = said.split("\n\n").collect();
    let of = |number: &str| *parts.iter().find(|part| part.starts_with(number)).unwrap_or(&"");
    assert!(of("1.").contains("250") && of("1.").contains("no policy was violated"), "{said}");
    for number in ["2.", "3.", "4.", "5."] {
        assert!(of(number).contains("incident "), "{number} has no incident:\n{said}");
    }
    assert!(of("3.").contains("Sheet") || of("3.").contains("xlsx"), "{said}");
    assert!(of("4.").contains(".zip"), "{said}");
    for number in ["2.", "3.", "4."] {
        assert!(of(number).contains("held for review"), "{number} is not held:\n{said}");
    }
    assert!(of("5.").contains("not delivered"), "{said}");
}

#[test]
fn up_with_try_shows_five_mails_and_stops() {
    let dir = TempDir::new().unwrap();
    let (mut command, _) = up(&dir.path().join("data"), &["--try"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let samples = said.find("1. a harmless mail").expect("the samples");
    tells_of_the_samples(&said[samples..]);
}

#[test]
fn up_says_what_listens_and_try_works_from_a_second_terminal() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let (mut command, port) = up(&data, &[]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let _stopped = Stopped(child);
    let mut welcome = String::new();
    while !welcome.contains("Ctrl-C") {
        assert!(out.read_line(&mut welcome).unwrap() > 0, "{welcome}");
    }
    assert!(welcome.contains(&format!("127.0.0.1:{port}")) && welcome.contains(" try --data "), "{welcome}");

    let addr = ([127, 0, 0, 1], port).into();
    let answer = send(addr, "ann@corp.example", &["bob@other.example"], &mails::clean("first mail")).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    let delivered = data.join("delivered/new");
    let arrived = eventually(Duration::from_secs(10), || {
        let mut files = std::fs::read_dir(&delivered).unwrap().map(|entry| entry.unwrap().path());
        files.any(|file| {
            String::from_utf8_lossy(&std::fs::read(file).unwrap()).contains("Subject: first mail")
        })
    });
    assert!(arrived, "the mail is not in {}", delivered.display());

    let output = run(&["try", "--data", &data.to_string_lossy()]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    tells_of_the_samples(&said);
    let again = run(&["try", "--data", &data.to_string_lossy()]);
    tells_of_the_samples(&String::from_utf8_lossy(&again.stdout));
}

#[test]
fn try_without_up_says_what_to_do() {
    let dir = TempDir::new().unwrap();
    let output = run(&["try", "--data", &dir.path().to_string_lossy()]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("weir up"), "{said}");
}

#[test]
fn scan_finds_in_a_file_what_the_server_finds_in_mail() {
    let dir = TempDir::new().unwrap();
    let mail = dir.path().join("mail.eml");
    std::fs::write(&mail, mails::with_card_number("scanned")).unwrap();
    let clean = dir.path().join("clean.eml");
    std::fs::write(&clean, mails::clean("clean")).unwrap();
    let policies = weir_tests::weir::fixture("policies");
    let scan =
        |file: &Path| run(&["scan", "--policies", &policies.to_string_lossy(), &file.to_string_lossy()]);
    let found = scan(&mail);
    let said = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(said.contains("Card numbers") && !said.contains("4111 1111 1111 1111"), "{said}");
    let nothing = String::from_utf8_lossy(&scan(&clean).stdout).into_owned();
    assert!(!nothing.contains("Card numbers"), "{nothing}");
}

#[test]
fn the_effective_configuration_is_shown_with_its_origin() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("weir.toml");
    std::fs::write(&file, "[prevent]\nnext_hop = [\"127.0.0.1:2525\"]\n").unwrap();
    let mut command = Command::new(binary());
    command.args(["config", "show", "--config"]).arg(&file).env("WEIR_PREVENT_LIMITS_SESSIONS", "77");
    let mut said = String::new();
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    let line = |key: &str| {
        said.lines().find(|line| line.contains(key)).unwrap_or_else(|| panic!("{key}:\n{said}")).to_owned()
    };
    assert!(line("prevent.limits.sessions ").contains("77"), "{said}");
    assert!(line("prevent.limits.sessions ").contains("WEIR_PREVENT_LIMITS_SESSIONS"), "{said}");
    assert!(line("prevent.next_hop ").contains("weir.toml"), "{said}");
    assert!(line("prevent.trial").contains("default"), "{said}");
}
