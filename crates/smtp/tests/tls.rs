//! Dialogues under TLS, on either side: what is forgotten, what is refused, what is verified, what is never sent in clear.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::net::SocketAddr;

use smtp::client::{Auth, Hop, HopConfig, HopError, HopTls};
use smtp::command::Mail;
use smtp::server::{EndReason, EnvelopeCommand, ServerConfig, ServerTls};
use smtp::tls::{Acceptor, CertificateFiles, Connector, TlsError, Trust};
use support::certs::Authority;
use support::hop::{GREETING, PLAIN, hop, hop_config, play_hop};
use support::*;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

// ---- the upstream side

const HELLO_TLS: &str = "
S: 220 weir.example ESMTP
C: EHLO client.example
S: 250-weir.example
S: 250-PIPELINING
S: 250-CHUNKING
S: 250-SIZE 1000000
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-DSN
S: 250-ENHANCEDSTATUSCODES
S: 250 STARTTLS
";

fn opportunistic(authority: &Authority) -> ServerConfig {
    ServerConfig { tls: ServerTls::Opportunistic(authority.acceptor("weir.example")), ..config() }
}

fn required(authority: &Authority) -> ServerConfig {
    ServerConfig { tls: ServerTls::Required(authority.acceptor("weir.example")), ..config() }
}

async fn encrypted(stream: TcpStream, authority: &Authority) -> tokio_rustls::client::TlsStream<TcpStream> {
    let name = "weir.example".try_into().unwrap();
    authority.rustls_client().connect(name, stream).await.unwrap()
}

#[tokio::test]
async fn after_starttls_everything_said_before_is_forgotten() {
    let authority = Authority::new();
    let mut server = server(opportunistic(&authority), Fake::default()).await;
    play(&mut server.client, &format!("{HELLO_TLS}C: STARTTLS\nS: 220 2.0.0 Ready to start TLS.")).await;
    let mut client = encrypted(server.client, &authority).await;
    let hello = HELLO.replace("S: 220 weir.example ESMTP\n", "");
    play(
        &mut client,
        &format!(
            "C: MAIL FROM:<a@a.example>
             S: 503 5.5.1 Send EHLO or HELO first.
             {hello}
             C: STARTTLS
             S: 503 5.5.1 STARTTLS is not possible now.
             C: MAIL FROM:<a@a.example>
             C: RCPT TO:<b@b.example>
             C: DATA
             S~ 250
             S~ 250
             S~ 354
             C: private
             C: .
             S~ 250
             C: QUIT
             S~ 221"
        ),
    )
    .await;
    drop(client);
    assert!(server.end.await.unwrap().tls);
    assert_eq!(server.fake.message(), b"private\r\n");
    let peers = &server.fake.seen.lock().unwrap().peers;
    assert!(peers[0].tls.is_none());
    assert_eq!(peers[1].tls.as_ref().unwrap().server_name.as_deref(), Some("weir.example"));
}

#[tokio::test]
async fn commands_injected_behind_starttls_are_never_obeyed() {
    let authority = Authority::new();
    let injected = "C: STARTTLS\nC: MAIL FROM:<evil@a.example>\nS~ 503 5.5.0\nS.";
    let fake = talk_with(opportunistic(&authority), Fake::default(), &format!("{HELLO_TLS}{injected}")).await;
    assert_eq!(fake.calls(), ["ehlo client.example", "quit"]);

    // Not in the same packet: then it is read as a handshake, which it is not.
    let mut server = server(opportunistic(&authority), Fake::default()).await;
    play(&mut server.client, &format!("{HELLO_TLS}C: STARTTLS\nS~ 220\nC: MAIL FROM:<evil@a.example>")).await;
    assert_eq!(server.end.await.unwrap().why, EndReason::Tls);
    assert_eq!(server.fake.calls(), ["ehlo client.example", "quit"]);
}

#[tokio::test]
async fn where_tls_is_required_nothing_of_worth_works_before_it() {
    let authority = Authority::new();
    let script = format!(
        "{HELLO_TLS}
         C: NOOP
         S~ 250
         C: MAIL FROM:<a@a.example>
         S: 530 5.7.0 Must issue a STARTTLS command first.
         C: RCPT TO:<b@b.example>
         S~ 530
         C: DATA
         S~ 530
         C: BDAT 6 LAST
         C= QUIT\\r\\n
         S~ 530
         C: VRFY a
         S~ 530
         C: XFORWARD NAME=a
         S~ 530
         C: QUIT
         S~ 221"
    );
    let fake = talk_with(required(&authority), Fake::default(), &script).await;
    assert_eq!(fake.calls(), ["ehlo client.example", "quit"]);
}

#[tokio::test]
async fn starttls_is_refused_within_a_transaction_and_where_it_is_not_offered() {
    let authority = Authority::new();
    let script =
        format!("{HELLO_TLS}C: MAIL FROM:<a@a.example>\nS~ 250\nC: STARTTLS\nS~ 503 5.5.1\nC: RSET\nS~ 250");
    talk_with(opportunistic(&authority), Fake::default(), &script).await;
    talk("S~ 220\nC: STARTTLS\nS~ 502 5.5.1").await;
}

#[tokio::test]
async fn a_certificate_is_replaced_without_restart_and_a_bad_one_changes_nothing() {
    let authority = Authority::new();
    let files = authority.issue("weir.example");
    let acceptor = Acceptor::load(files.clone(), None).unwrap();
    let expires = acceptor.expires().unwrap();
    assert!(expires > jiff::Timestamp::now());
    std::fs::write(&files.chain, "no certificate").unwrap();
    let error = acceptor.reload().expect_err("broken").to_string();
    assert!(error.contains("weir.example.pem: no certificate in it"), "{error}");
    let config = ServerConfig { tls: ServerTls::Opportunistic(acceptor.clone()), ..config() };
    let mut server = server(config, Fake::default()).await;
    play(&mut server.client, &format!("{HELLO_TLS}C: STARTTLS\nS~ 220")).await;
    encrypted(server.client, &authority).await;
    authority.issue("weir.example");
    acceptor.reload().unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_named() {
    let authority = Authority::new();
    let (one, two) = (authority.issue("one.example"), authority.issue("two.example"));
    let mixed = CertificateFiles { chain: one.chain.clone(), key: two.key };
    let error = Acceptor::load(mixed, None).expect_err("mixed").to_string();
    assert!(error.contains("one.example.pem with key") && error.contains("does not belong"), "{error}");
    let swapped = CertificateFiles { chain: one.key.clone(), key: one.chain.clone() };
    assert!(matches!(Acceptor::load(swapped, None), Err(TlsError::Content { .. })));
    let missing = Connector::load(Trust::File("/nowhere/ca.pem".into()), None, None);
    assert!(missing.expect_err("missing").to_string().starts_with("cannot read /nowhere/ca.pem"));
}

// ---- the next hop's side

/// A hop that plays the first script in clear, then the second under TLS; how often it was called upon.
async fn tls_hop(acceptor: TlsAcceptor, clear: &str, private: &str) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (clear, private) = (clear.to_owned(), private.to_owned());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        if !clear.is_empty() {
            // The last step of the clear part is the client's STARTTLS; its answer ends it.
            play_lines(&mut stream, &clear).await;
        }
        let Ok(mut stream) = acceptor.accept(stream).await else { return Vec::new() };
        play_hop(&mut stream, &private).await
    });
    (addr, task)
}

/// The clear part, without waiting for the end of the connection.
async fn play_lines(stream: &mut TcpStream, script: &str) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for step in script.lines().map(str::trim_start).filter(|step| !step.is_empty()) {
        match step.split_at(3) {
            ("S: ", text) => stream.write_all(format!("{text}\r\n").as_bytes()).await.unwrap(),
            ("C: ", text) => {
                let mut line = vec![0; text.len() + 2];
                stream.read_exact(&mut line).await.unwrap();
                assert_eq!(line, format!("{text}\r\n").as_bytes());
            }
            _ => panic!("not a step: {step:?}"),
        }
    }
}

const CLEAR: &str = "
S: 220 hop.example
C: EHLO weir.example
S: 250-hop.example
S: 250-SIZE 1000
S: 250 STARTTLS
C: STARTTLS
S: 220 go
";

const PRIVATE: &str = "
C: EHLO weir.example
S: 250-hop.example
S: 250 CHUNKING
";

fn with(tls: HopTls) -> HopConfig {
    HopConfig { tls, host: "hop.example".into(), ..hop_config() }
}

#[tokio::test]
async fn starttls_to_the_hop_is_verified_and_its_clear_offers_are_forgotten() {
    let authority = Authority::new();
    let (addr, task) = tls_hop(authority.rustls_server("hop.example", false), CLEAR, PRIVATE).await;
    let hop = Hop::connect(addr, &with(HopTls::Required(authority.connector()))).await.unwrap();
    assert!(hop.tls_info().unwrap().peer_verified);
    assert_eq!((hop.extensions().size, hop.extensions().chunking), (None, true));
    drop(hop);
    task.await.unwrap();
}

#[tokio::test]
async fn a_hop_that_is_not_who_it_should_be_gets_no_mail() {
    let (ours, other) = (Authority::new(), Authority::new());
    for server in [ours.rustls_server("evil.example", false), other.rustls_server("hop.example", false)] {
        let (addr, task) = tls_hop(server, CLEAR, PRIVATE).await;
        let error =
            Hop::connect(addr, &with(HopTls::Required(ours.connector()))).await.expect_err("not verified");
        assert!(matches!(error, HopError::Tls(_)), "{error}");
        assert_eq!(error.reply().to_string(), "451 4.7.5 Error: TLS to forwarding agent failed.");
        task.await.unwrap();
    }
}

#[tokio::test]
async fn another_name_or_anyone_can_be_trusted_where_the_operator_says_so() {
    let authority = Authority::new();
    let name = Some("inside.example".to_owned());
    let named = Connector::load(Trust::File(authority.file()), None, name).unwrap();
    let anyone = Connector::load(Trust::Anyone, None, None).unwrap();
    assert!(named.verifies() && !anyone.verifies());
    for connector in [named, anyone] {
        let (addr, task) = tls_hop(authority.rustls_server("inside.example", false), CLEAR, PRIVATE).await;
        drop(Hop::connect(addr, &with(HopTls::Required(connector))).await.unwrap());
        task.await.unwrap();
    }
}

#[tokio::test]
async fn our_certificate_is_shown_to_a_hop_that_asks() {
    let authority = Authority::new();
    let ours = authority.issue("weir.example");
    let connector = Connector::load(Trust::File(authority.file()), Some(ours), None).unwrap();
    assert!(connector.expires().is_some());
    let (addr, task) = tls_hop(authority.rustls_server("hop.example", true), CLEAR, PRIVATE).await;
    drop(Hop::connect(addr, &with(HopTls::Required(connector))).await.unwrap());
    task.await.unwrap();
}

#[tokio::test]
async fn required_means_no_mail_to_a_hop_without_starttls() {
    let authority = Authority::new();
    for script in [
        PLAIN.to_owned(),
        format!("{GREETING}S: 250-hop\nS: 250 STARTTLS\nC: STARTTLS\nS: 454 4.7.0 not now"),
    ] {
        let (addr, _task) = hop(&script).await;
        let error =
            Hop::connect(addr, &with(HopTls::Required(authority.connector()))).await.expect_err("clear");
        assert!(matches!(error, HopError::Tls(_)), "{error}");
    }
}

#[tokio::test]
async fn replies_injected_behind_the_answer_to_starttls_are_never_believed() {
    let authority = Authority::new();
    let script = format!("{GREETING}S: 250-hop\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nS: 250 forged");
    let (addr, _task) = hop(&script).await;
    let error =
        Hop::connect(addr, &with(HopTls::Required(authority.connector()))).await.expect_err("injected");
    assert!(error.reply().is_transient(), "{error}");
    assert!(matches!(error, HopError::Surplus(_) | HopError::Tls(_)), "{error}");
}

#[tokio::test]
async fn opportunistic_tls_goes_on_in_clear_on_a_second_connection() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let acceptor = authority.rustls_server("evil.example", false);
    let task = tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        play_lines(&mut first, CLEAR).await;
        assert!(acceptor.accept(first).await.is_err());
        let (mut second, _) = listener.accept().await.unwrap();
        play_hop(&mut second, &format!("{GREETING}S: 250-hop\nS: 250 STARTTLS\nC: NOOP\nS: 250 ok")).await
    });
    let mut hop = Hop::connect(addr, &with(HopTls::Opportunistic(authority.connector()))).await.unwrap();
    assert!(hop.tls_info().is_none());
    assert_eq!(hop.noop().await.unwrap().code, 250);
    drop(hop);
    task.await.unwrap();
}

#[tokio::test]
async fn implicit_tls_is_there_from_the_first_octet() {
    let authority = Authority::new();
    let script = format!("S: 220 hop.example{PRIVATE}");
    let (addr, task) = tls_hop(authority.rustls_server("hop.example", false), "", &script).await;
    let hop = Hop::connect(addr, &with(HopTls::Implicit(authority.connector()))).await.unwrap();
    assert_eq!(hop.tls_info().unwrap().version, "TLSv1.3");
    drop(hop);
    task.await.unwrap();
}

// ---- AUTH

async fn authenticated(offer: &str, dialogue: &str) -> (Result<Hop, HopError>, JoinHandle<Vec<u8>>) {
    let authority = Authority::new();
    let private = format!("C: EHLO weir.example\nS: 250-hop.example\nS: 250 {offer}\n{dialogue}");
    let (addr, task) = tls_hop(authority.rustls_server("hop.example", false), CLEAR, &private).await;
    let auth = Some(Auth::new("user", "secret"));
    let config = HopConfig { auth, ..with(HopTls::Required(authority.connector())) };
    (Hop::connect(addr, &config).await, task)
}

#[tokio::test]
async fn credentials_are_shown_by_plain_or_login_whichever_the_hop_has() {
    let (hop, task) =
        authenticated("AUTH LOGIN PLAIN", "C: AUTH PLAIN AHVzZXIAc2VjcmV0\nS: 235 2.7.0 ok").await;
    drop(hop.unwrap());
    task.await.unwrap();
    let login =
        "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\nS: 235 2.7.0 ok";
    let (hop, task) = authenticated("AUTH LOGIN XOAUTH2", login).await;
    drop(hop.unwrap());
    task.await.unwrap();
}

#[tokio::test]
async fn credentials_that_are_refused_or_cannot_be_shown_leave_the_mail_with_the_sender() {
    for (offer, dialogue) in [
        ("AUTH PLAIN", "C: AUTH PLAIN AHVzZXIAc2VjcmV0\nS: 535 5.7.8 no"),
        ("AUTH PLAIN", "C: AUTH PLAIN AHVzZXIAc2VjcmV0\nS: 250 sure"),
        ("AUTH LOGIN", "C: AUTH LOGIN\nS: 504 no"),
        ("AUTH CRAM-MD5", ""),
        ("SIZE 10", ""),
    ] {
        let (hop, _task) = authenticated(offer, dialogue).await;
        let error = hop.expect_err(offer);
        assert!(error.reply().is_transient(), "{offer} {dialogue}: {error}");
    }
}

#[tokio::test]
async fn credentials_are_never_sent_in_clear() {
    let (addr, task) = hop(&format!("{GREETING}S: 250-hop\nS: 250 AUTH PLAIN LOGIN")).await;
    let config = HopConfig { auth: Some(Auth::new("user", "secret")), ..hop_config() };
    assert!(matches!(Hop::connect(addr, &config).await, Err(HopError::Auth(_))));
    assert_eq!(task.await.unwrap(), b"", "nothing was sent after EHLO");
}

#[test]
fn a_secret_is_read_from_a_file_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, "s3cr3t\r\n").unwrap();
    let auth = Auth::from_file("user", &file).unwrap();
    let shown = format!("{auth:?}");
    assert!(shown.contains("user") && !shown.contains("s3cr3t"));
    assert!(Auth::from_file("user", &dir.path().join("none")).is_err());
}

#[tokio::test]
async fn a_message_goes_through_both_sides_under_tls() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (server, fake) = (std::sync::Arc::new(required(&authority)), Fake::default());
    let service = fake.clone();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        smtp::server::serve(stream, &server, service, Default::default()).await
    });
    let config = HopConfig { host: "weir.example".into(), ..with(HopTls::Required(authority.connector())) };
    let mut hop = Hop::connect(addr, &config).await.unwrap();
    let rcpt = EnvelopeCommand::Rcpt(smtp::command::Rcpt::new("b@b.example").unwrap());
    let replies =
        hop.envelope(&[EnvelopeCommand::Mail(Mail::new("a@a.example").unwrap()), rcpt]).await.unwrap();
    assert!(replies.iter().all(|reply| reply.code == 250));
    let body = [b"x".repeat(900_000), b"\r\n".to_vec()].concat();
    let message = smtp::spool::Spooled::from_vec(body.clone());
    let outgoing = smtp::client::Outgoing { prefix: b"X-A: 1\r\n\r\n", message: &message, edits: &[] };
    assert_eq!(hop.send(&outgoing).await.unwrap().code, 250);
    hop.quit().await.unwrap();
    drop(hop);
    assert!(task.await.unwrap().tls);
    assert!(fake.message() == [&b"X-A: 1\r\n\r\n"[..], &body].concat());
}
