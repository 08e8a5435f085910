//! TLS and AUTH towards the next hop: nothing goes in clear where that is not allowed, and only to the host that was meant.

use std::sync::Arc;

use rustls::ServerConfig;
use tempfile::TempDir;
use weir_tests::certs::Authority;
use weir_tests::client::{Answer, send};
use weir_tests::mails;
use weir_tests::sink::{Manners, Reaction, Sink, Stage, reply};
use weir_tests::weir::{Prevent, Weir};

fn hop(config: Arc<ServerConfig>) -> Sink {
    Sink::with(Manners::default().and("STARTTLS").tls(config), |_| Reaction::Good)
}

fn towards(sink: &Sink, settings: &str) -> Weir {
    Prevent::forward(&[sink.addr()]).config(&format!("[prevent.next_hop_tls]\n{settings}")).start()
}

fn one_mail(weir: &Weir) -> Answer {
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("over TLS")).unwrap()
}

/// An authority, its file, and settings that trust it alone.
fn private_authority(dir: &TempDir) -> (Authority, String) {
    let authority = Authority::new();
    let path = authority.write(dir.path(), "ca");
    (authority, format!("ca = \"{}\"", path.display()))
}

#[test]
fn opportunistic_uses_tls_where_it_is_offered_and_clear_where_not() {
    let authority = Authority::new();
    let sink = hop(authority.issue("127.0.0.1").server_config());
    assert_eq!(one_mail(&towards(&sink, "mode = \"opportunistic\"\nverify = false")).code, 250);
    assert!(sink.only_message().tls);

    let sink = Sink::start();
    assert_eq!(one_mail(&towards(&sink, "mode = \"opportunistic\"\nverify = false")).code, 250);
    assert!(!sink.only_message().tls);
}

#[test]
fn required_trusts_a_private_authority_and_the_right_name() {
    let dir = TempDir::new().unwrap();
    let (authority, ca) = private_authority(&dir);
    let sink = hop(authority.issue("127.0.0.1").server_config());
    let answer = one_mail(&towards(&sink, &format!("mode = \"required\"\n{ca}")));
    assert_eq!(answer.code, 250, "{answer:?}");
    assert!(sink.only_message().tls);

    let sink = hop(authority.issue("mail.example").server_config());
    let weir = towards(&sink, &format!("mode = \"required\"\nname = \"mail.example\"\n{ca}"));
    assert_eq!(one_mail(&weir).code, 250);
    assert!(sink.only_message().tls);
}

fn is_deferred_with_nothing_sent(sink: &Sink, weir: &Weir) {
    let answer = one_mail(weir);
    assert!(answer.is_transient(), "{answer:?}");
    assert_eq!(sink.count(), 0);
    let lines = sink.lines();
    assert!(!lines.iter().any(|line| line.starts_with("MAIL") || line.starts_with("AUTH")), "{lines:?}");
}

#[test]
fn required_defers_when_the_hop_offers_no_tls() {
    let dir = TempDir::new().unwrap();
    let (_authority, ca) = private_authority(&dir);
    let sink = Sink::start();
    is_deferred_with_nothing_sent(&sink, &towards(&sink, &format!("mode = \"required\"\n{ca}")));
}

#[test]
fn required_defers_when_the_hop_refuses_starttls() {
    let dir = TempDir::new().unwrap();
    let (authority, ca) = private_authority(&dir);
    let sink = hop(authority.issue("127.0.0.1").server_config());
    sink.rescript(|asked| match asked.stage {
        Stage::StartTls => reply("454 4.7.0 not now"),
        _ => Reaction::Good,
    });
    is_deferred_with_nothing_sent(&sink, &towards(&sink, &format!("mode = \"required\"\n{ca}")));
}

#[test]
fn a_certificate_of_another_authority_defers() {
    let dir = TempDir::new().unwrap();
    let (_authority, ca) = private_authority(&dir);
    let sink = hop(Authority::new().issue("127.0.0.1").server_config());
    is_deferred_with_nothing_sent(&sink, &towards(&sink, &format!("mode = \"required\"\n{ca}")));
}

#[test]
fn a_certificate_for_another_name_defers() {
    let dir = TempDir::new().unwrap();
    let (authority, ca) = private_authority(&dir);
    let sink = hop(authority.issue("other.example").server_config());
    is_deferred_with_nothing_sent(&sink, &towards(&sink, &format!("mode = \"required\"\n{ca}")));
}

#[test]
fn octets_in_clear_behind_the_answer_to_starttls_defer() {
    let dir = TempDir::new().unwrap();
    let (authority, ca) = private_authority(&dir);
    let sink = hop(authority.issue("127.0.0.1").server_config());
    sink.rescript(|asked| match asked.stage {
        Stage::StartTls => Reaction::Surplus("250 2.0.0 injected\r\n".to_owned()),
        _ => Reaction::Good,
    });
    is_deferred_with_nothing_sent(&sink, &towards(&sink, &format!("mode = \"required\"\n{ca}")));
}

#[test]
fn implicit_speaks_tls_from_the_first_octet() {
    let dir = TempDir::new().unwrap();
    let (authority, ca) = private_authority(&dir);
    let mut manners = Manners::default().tls(authority.issue("127.0.0.1").server_config());
    manners.implicit_tls = true;
    let sink = Sink::with(manners, |_| Reaction::Good);
    assert_eq!(one_mail(&towards(&sink, &format!("mode = \"implicit\"\n{ca}"))).code, 250);
    assert!(sink.only_message().tls);
}

#[test]
fn our_certificate_is_shown_to_a_hop_that_asks_for_it() {
    let dir = TempDir::new().unwrap();
    let (authority, ca) = private_authority(&dir);
    let sink = hop(authority.issue("127.0.0.1").server_config_for_clients_of(&authority));
    let without = towards(&sink, &format!("mode = \"required\"\n{ca}"));
    assert!(one_mail(&without).is_transient());
    let (certificate, key) = authority.issue("weir.example").write(dir.path(), "client");
    let shown = format!("certificate = \"{}\"\nkey = \"{}\"", certificate.display(), key.display());
    assert_eq!(one_mail(&towards(&sink, &format!("mode = \"required\"\n{ca}\n{shown}"))).code, 250);
    assert!(sink.only_message().tls);
}

fn with_secret(dir: &TempDir, authority: &Authority, ca: &str, mechanism: &str) -> (Sink, Weir) {
    let manners = Manners::default().and("STARTTLS").and(mechanism);
    let sink = Sink::with(manners.tls(authority.issue("127.0.0.1").server_config()), |_| Reaction::Good);
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "s3cret-Pass\n").unwrap();
    let settings = format!(
        "mode = \"required\"\n{ca}\n[prevent.next_hop_auth]\nuser = \"weir\"\nsecret_file = \"{}\"",
        secret.display()
    );
    let weir = towards(&sink, &settings);
    (sink, weir)
}

#[test]
fn auth_plain_and_login_are_said_over_tls_and_the_secret_is_in_no_log() {
    let dir = TempDir::new().unwrap();
    let (authority, ca) = private_authority(&dir);
    // base64 of NUL weir NUL s3cret-Pass; of weir and of s3cret-Pass.
    for (mechanism, said) in [
        ("AUTH PLAIN LOGIN", &["AUTH PLAIN AHdlaXIAczNjcmV0LVBhc3M="][..]),
        ("AUTH LOGIN", &["d2Vpcg==", "czNjcmV0LVBhc3M="]),
    ] {
        let (sink, weir) = with_secret(&dir, &authority, &ca, mechanism);
        let answer = one_mail(&weir);
        assert_eq!(answer.code, 250, "{mechanism}: {answer:?}");
        let lines = sink.lines();
        assert!(said.iter().all(|said| lines.iter().any(|line| line == said)), "{mechanism}: {lines:?}");
        assert!(sink.only_message().tls);
        let log = weir.log();
        assert!(!log.contains("s3cret") && !log.contains("czNjcmV0"), "{log}");
    }
}

#[test]
fn a_refused_login_defers() {
    let dir = TempDir::new().unwrap();
    let (authority, ca) = private_authority(&dir);
    let (sink, weir) = with_secret(&dir, &authority, &ca, "AUTH PLAIN");
    sink.rescript(|asked| match asked.stage {
        Stage::Auth => reply("535 5.7.8 wrong password"),
        _ => Reaction::Good,
    });
    let answer = one_mail(&weir);
    assert!(answer.is_transient(), "our wrong password is not the sender's fault: {answer:?}");
    assert_eq!(sink.count(), 0);
}

#[test]
fn auth_is_never_offered_to_senders() {
    let dir = TempDir::new().unwrap();
    let (authority, ca) = private_authority(&dir);
    let (_sink, weir) = with_secret(&dir, &authority, &ca, "AUTH PLAIN");
    let mut client = weir_tests::client::Client::connect(weir.addr()).unwrap();
    client.answer().unwrap();
    let offered = client.command("EHLO client.example").unwrap();
    assert!(!offered.lines.iter().any(|line| line.starts_with("AUTH")), "{offered:?}");
}

#[test]
fn a_renewed_client_certificate_is_shown_after_sighup() {
    let dir = TempDir::new().unwrap();
    let (authority, ca) = private_authority(&dir);
    let sink = hop(authority.issue("127.0.0.1").server_config_for_clients_of(&authority));
    let (certificate, key) = Authority::new().issue("weir.example").write(dir.path(), "client");
    let shown = format!("certificate = \"{}\"\nkey = \"{}\"", certificate.display(), key.display());
    let weir = towards(&sink, &format!("mode = \"required\"\n{ca}\n{shown}"));
    assert!(one_mail(&weir).is_transient(), "the hop does not know that authority");
    authority.issue("weir.example").write(dir.path(), "client");
    assert!(one_mail(&weir).is_transient(), "files count when they are asked to");
    assert!(weir.reload(), "{}", weir.log());
    assert_eq!(one_mail(&weir).code, 250, "{}", weir.log());
}

#[test]
fn another_authority_of_the_hop_is_trusted_after_sighup_and_the_old_one_no_longer() {
    let dir = TempDir::new().unwrap();
    let (before, ca) = private_authority(&dir);
    let after = Authority::new();
    let sink = hop(after.issue("127.0.0.1").server_config());
    let weir = towards(&sink, &format!("mode = \"required\"\n{ca}"));
    assert!(one_mail(&weir).is_transient());
    after.write(dir.path(), "ca");
    assert!(weir.reload(), "{}", weir.log());
    assert_eq!(one_mail(&weir).code, 250, "{}", weir.log());
    before.write(dir.path(), "ca");
    assert!(weir.reload(), "{}", weir.log());
    assert!(one_mail(&weir).is_transient(), "the authority was taken out of the file");
}

#[test]
fn a_new_secret_is_said_after_sighup_and_an_unreadable_one_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let (authority, ca) = private_authority(&dir);
    let (sink, weir) = with_secret(&dir, &authority, &ca, "AUTH PLAIN");
    let said = || sink.lines().into_iter().rfind(|line| line.starts_with("AUTH PLAIN")).unwrap_or_default();
    assert_eq!(one_mail(&weir).code, 250);
    let first = said();
    std::fs::write(dir.path().join("secret"), "another-Pass\n").unwrap();
    assert!(weir.reload(), "{}", weir.log());
    assert_eq!(one_mail(&weir).code, 250);
    // base64 of NUL weir NUL another-Pass.
    assert_eq!(said(), "AUTH PLAIN AHdlaXIAYW5vdGhlci1QYXNz");
    assert_ne!(said(), first);
    std::fs::remove_file(dir.path().join("secret")).unwrap();
    assert!(!weir.reload(), "{}", weir.log());
    assert_eq!(one_mail(&weir).code, 250);
    assert_eq!(said(), "AUTH PLAIN AHdlaXIAYW5vdGhlci1QYXNz");
}
