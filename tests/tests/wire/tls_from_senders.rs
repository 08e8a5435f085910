//! STARTTLS for senders: off, offered, required; nothing said in clear survives into TLS; certificates change without a restart.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use weir_tests::certs::Authority;
use weir_tests::client::{Client, eventually};
use weir_tests::mails;
use weir_tests::sink::Sink;
use weir_tests::weir::{Prevent, Weir};

const NAME: &str = "weir.example";

struct Setting {
    sink: Sink,
    weir: Weir,
    authority: Authority,
    dir: TempDir,
}

fn settings(dir: &Path, mode: &str) -> String {
    let dir = dir.display();
    format!("[prevent.tls]\nmode = \"{mode}\"\ncertificate = \"{dir}/weir.pem\"\nkey = \"{dir}/weir.key\"")
}

fn with_tls(mode: &str) -> Setting {
    let (sink, authority, dir) = (Sink::start(), Authority::new(), TempDir::new().unwrap());
    authority.issue(NAME).write(dir.path(), "weir");
    let weir = Prevent::forward(&[sink.addr()]).config(&settings(dir.path(), mode)).start();
    Setting { sink, weir, authority, dir }
}

fn offers_starttls(client: &mut Client) -> bool {
    client.command("EHLO client.example").unwrap().lines.iter().any(|line| line == "STARTTLS")
}

fn secured(weir: &Weir, authority: &Authority) -> std::io::Result<Client> {
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.starttls(NAME, authority.client_config())?.code, 220);
    assert_eq!(client.command("EHLO client.example")?.code, 250);
    Ok(client)
}

#[test]
fn it_is_off_unless_configured() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut client = Client::greeted(weir.addr());
    assert!(!offers_starttls(&mut client));
    assert_eq!(client.command("STARTTLS").unwrap().code / 100, 5);
}

#[test]
fn opportunistic_takes_mail_with_and_without() {
    let setting = with_tls("opportunistic");
    let mut clear = Client::greeted(setting.weir.addr());
    assert!(offers_starttls(&mut clear));
    let answer = clear.send("ann@corp.example", &["bob@other.example"], &mails::clean("clear")).unwrap();
    assert_eq!(answer.code, 250);
    let mut secret = secured(&setting.weir, &setting.authority).unwrap();
    assert!(!offers_starttls(&mut secret), "STARTTLS is offered inside TLS");
    let message = mails::large("secret", 2 << 20);
    assert_eq!(secret.send("ann@corp.example", &["bob@other.example"], &message).unwrap().code, 250);
    assert!(setting.sink.wait_for(2)[1].octets.ends_with(&message));
}

#[test]
fn required_refuses_mail_in_clear() {
    let setting = with_tls("required");
    let mut client = Client::greeted(setting.weir.addr());
    let answer = client.command("MAIL FROM:<ann@corp.example>").unwrap();
    assert_eq!(answer.code, 530, "{answer:?}");
    assert!(answer.text().starts_with("5.7.0"), "{answer:?}");
    let mut secret = secured(&setting.weir, &setting.authority).unwrap();
    let answer = secret.send("ann@corp.example", &["bob@other.example"], &mails::clean("secret")).unwrap();
    assert_eq!(answer.code, 250);
    setting.sink.only_message();
}

#[test]
fn commands_sent_in_clear_behind_starttls_are_dropped() {
    let setting = with_tls("opportunistic");
    let mut client = Client::greeted(setting.weir.addr());
    client
        .write(b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<injected@corp.example>\r\nRCPT TO:<victim@other.example>\r\n")
        .unwrap();
    let answer = client.answer().unwrap();
    if answer.code == 220 {
        // Dropped: the first command inside TLS gets the first answer, and nothing was begun.
        client.handshake(NAME, setting.authority.client_config()).unwrap();
        assert_eq!(client.command("NOOP").unwrap().lines.len(), 1);
        assert_eq!(client.command("RCPT TO:<bob@other.example>").unwrap().code, 503);
    } else {
        // Out of step, so that no TLS is begun at all.
        assert_eq!(answer.code / 100, 5, "{answer:?}");
        assert!(client.is_closed(), "what stood behind STARTTLS may not be obeyed");
    }
    assert!(!setting.sink.lines().iter().any(|line| line.contains("injected")));
}

#[test]
fn what_was_said_before_starttls_is_forgotten() {
    let setting = with_tls("opportunistic");
    let mut client = Client::greeted(setting.weir.addr());
    assert_eq!(client.starttls(NAME, setting.authority.client_config()).unwrap().code, 220);
    assert_eq!(client.command("MAIL FROM:<ann@corp.example>").unwrap().code, 503, "EHLO must be said again");
}

#[test]
fn a_renewed_certificate_counts_after_sighup() {
    let setting = with_tls("required");
    let renewed = Authority::new();
    renewed.issue(NAME).write(setting.dir.path(), "weir");
    assert!(setting.weir.reload());
    assert!(secured(&setting.weir, &renewed).is_ok());
    assert!(secured(&setting.weir, &setting.authority).is_err(), "the old certificate is still shown");
}

#[test]
fn a_certificate_that_cannot_be_read_leaves_the_old_one_in_use() {
    let setting = with_tls("required");
    fs::write(setting.dir.path().join("weir.pem"), "no certificate").unwrap();
    assert!(!setting.weir.reload());
    assert!(secured(&setting.weir, &setting.authority).is_ok());
}

#[test]
fn a_certificate_that_ends_soon_is_a_metric_and_a_warning() {
    let (sink, authority, dir) = (Sink::start(), Authority::new(), TempDir::new().unwrap());
    authority.issue_for_days(NAME, 10).write(dir.path(), "weir");
    let weir = Prevent::forward(&[sink.addr()]).config(&settings(dir.path(), "opportunistic")).start();
    weir.wait_for_log("expires within 30 days");
    assert!((9.0..11.0).contains(&days_left(&weir)), "{} days", days_left(&weir));
}

#[test]
fn the_metric_tells_of_the_certificate_in_use_not_of_the_file_that_replaced_it() {
    let (sink, authority, dir) = (Sink::start(), Authority::new(), TempDir::new().unwrap());
    authority.issue_for_days(NAME, 10).write(dir.path(), "weir");
    let weir = Prevent::forward(&[sink.addr()]).config(&settings(dir.path(), "opportunistic")).start();
    weir.wait_for_log("expires within 30 days");
    authority.issue_for_days(NAME, 300).write(dir.path(), "weir");
    // Certificates are looked at every two seconds.
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert!((9.0..11.0).contains(&days_left(&weir)), "renewed on disk only: {} days", days_left(&weir));
    assert!(weir.reload());
    let renewed =
        eventually(std::time::Duration::from_secs(10), || (299.0..301.0).contains(&days_left(&weir)));
    assert!(renewed, "{} days", days_left(&weir));
}

fn days_left(weir: &Weir) -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    (weir.metric("weir_prevent_certificate_expires_seconds") - now) / 86_400.0
}
