//! Receivers of events: a SIEM by syslog, a webhook over TLS; told in order, again after what ended, and never what it must not know.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;
use web::listen::{Clients, Tls, TlsFiles, Transport, listen};

use crate::changes::carried;
use crate::support::{Person, Server, assert_harmless, hostile, message};

const SECRET: &str = "a secret that both know";

/// A syslog server over TCP: the frames that it took, in order.
async fn siem() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let kept = taken.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut octets = Vec::new();
            if stream.read_to_end(&mut octets).await.is_ok() {
                kept.lock().unwrap().extend(frames(&octets));
            }
        }
    });
    (port, taken)
}

/// RFC 6587 3.4.1: the count, a blank, so many octets.
fn frames(mut octets: &[u8]) -> Vec<String> {
    let mut frames = Vec::new();
    while let Some(blank) = octets.iter().position(|octet| *octet == b' ') {
        let count: usize = std::str::from_utf8(&octets[..blank]).unwrap().parse().unwrap();
        let rest = &octets[blank + 1..];
        frames.push(String::from_utf8(rest[..count].to_vec()).unwrap());
        octets = &rest[count..];
    }
    assert!(octets.is_empty(), "something is not counted");
    frames
}

async fn listen_by_syslog(admin: &Person, port: u16, protocol: &str, format: &str, matches: &str) {
    let port = port.to_string();
    let was = carried(&admin.get("/receivers?edit=siem").await.text, "value=\"syslog\"", "was");
    let fields = [
        ("was", was.as_str()),
        ("name", "siem"),
        ("kind", "syslog"),
        ("host", "127.0.0.1"),
        ("port", &port),
        ("protocol", protocol),
        ("format", format),
        ("told_matches", matches),
    ];
    let saved = admin.post("/receivers", &fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_siem_is_told_of_new_incidents_and_of_decisions_in_cef() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    let (port, taken) = siem().await;
    listen_by_syslog(&admin, port, "tcp", "cef", "count").await;
    let id = server.record(message("M", &[17])).await[0];
    admin
        .post(&format!("/incidents/{id}/change"), &[("status", "Resolved"), ("note", "card 4111 a=b|c")])
        .await;
    server
        .until("all arrive", async || taken.lock().unwrap().iter().any(|line| line.contains("|NOTE_ADDED|")))
        .await;
    let lines = taken.lock().unwrap().clone();
    let classes: Vec<&str> = lines.iter().map(|line| line.split('|').nth(4).unwrap()).collect();
    assert_eq!(classes, ["DETECTED", "RESPONSE_RULE_EXECUTED", "SET_STATUS", "NOTE_ADDED"]);
    for line in &lines {
        assert!(line.starts_with("<131>1 ") && line.contains(" cef - \u{feff}CEF:0|Weir|Weir|"), "{line}");
        assert!(line.contains(&format!("externalId={id} ")) && line.contains("cs4Label=eventId"), "{line}");
        assert!(line.contains("suser=anna@company.example") && !line.contains("4111"), "{line}");
    }
    assert!(lines[2].contains("cs2=administrator cs2Label=actor"), "{}", lines[2]);
    assert!(lines[2].contains("msg=New -> Resolved"), "{}", lines[2]);
    // Where the receiver stands is written after the last line went out.
    server.until("the page knows", async || admin.get("/receivers").await.text.contains("up to date")).await;
    let page = admin.get("/receivers").await.text;
    assert!(page.contains("CEF by syslog over TCP to 127.0.0.1"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_mail_adds_no_line_and_no_field() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    let (port, taken) = siem().await;
    listen_by_syslog(&admin, port, "tcp", "cef", "clear").await;
    let mut evil = hostile("M");
    evil.subject = "x\r\n<1>1 forged act=passed|y\\".into();
    server.record(evil).await;
    server.until("it arrives", async || taken.lock().unwrap().len() >= 2).await;
    for line in taken.lock().unwrap().iter() {
        assert!(!line.contains(['\n', '\r', '\u{202e}', '\0']), "{line}");
        assert_eq!(line.matches(" act=").count(), 1, "{line}");
        assert!(line.contains("reason=x\\n<1>1 forged act\\=passed|y\\\\ "), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_over_udp_is_whole_however_much_there_is_to_tell() {
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    listen_by_syslog(&admin, receiver.local_addr().unwrap().port(), "udp", "json", "masked").await;
    let mut large = message("M", &[17]);
    large.recipients = (0..300).map(|number| format!("recipient-number-{number}@partner.example")).collect();
    server.record(large).await;
    let mut octets = [0; 8_192];
    let length =
        tokio::time::timeout(Duration::from_secs(20), receiver.recv(&mut octets)).await.unwrap().unwrap();
    assert!(length <= 2_048, "{length}");
    let line = String::from_utf8(octets[..length].to_vec()).unwrap();
    let (_, json) = line.split_once('\u{feff}').unwrap();
    let event: Value = serde_json::from_str(json).unwrap();
    assert_eq!(event["data"]["incident"]["recipient_count"], 300);
    assert_eq!(event["type"], "incident.detected");
}

// ---- webhooks

/// What a webhook's server got, and what it answers.
struct Hook {
    status: StatusCode,
    got: Vec<(BTreeMap<String, String>, String)>,
}

struct Webhook {
    port: u16,
    hook: Arc<Mutex<Hook>>,
    stop: CancellationToken,
}

impl Webhook {
    /// With the certificate of the server's own authority.
    async fn open(server: &Server, port: u16) -> Self {
        let own = &server.enforce().certificates.server;
        let files = TlsFiles {
            chain: own.with_extension("pem"),
            key: own.with_extension("key"),
            clients: Clients::Anybody,
        };
        let hook = Arc::new(Mutex::new(Hook { status: StatusCode::NO_CONTENT, got: Vec::new() }));
        let app = Router::new().route("/weir", post(take)).with_state(hook.clone());
        let stop = CancellationToken::new();
        let transport = Transport::Tls(Tls::load(files).unwrap());
        let listening = listen(&format!("127.0.0.1:{port}"), transport, 10, app, stop.clone()).await.unwrap();
        Self { port: listening.address.port(), hook, stop }
    }

    fn answers(&self, status: StatusCode) {
        self.hook.lock().unwrap().status = status;
    }

    /// Events that it took, each with the headers that it came with.
    fn took(&self) -> Vec<(BTreeMap<String, String>, Value)> {
        let hook = self.hook.lock().unwrap();
        hook.got
            .iter()
            .map(|(headers, body)| (headers.clone(), serde_json::from_str(body).unwrap()))
            .collect()
    }

    fn actions(&self) -> Vec<String> {
        self.took().iter().map(|(_, event)| event["data"]["action"].as_str().unwrap().to_owned()).collect()
    }
}

async fn take(State(hook): State<Arc<Mutex<Hook>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut hook = hook.lock().unwrap();
    if hook.status.is_success() {
        let headers =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        hook.got.push((headers.collect(), String::from_utf8(body.to_vec()).unwrap()));
    }
    hook.status
}

async fn listen_by_webhook(server: &Server, admin: &Person, port: u16, matches: &str) {
    let page = admin.get("/credentials?replace=siem%20secret").await.text;
    let was = carried(&page, "value=\"password\"", "was");
    let secret =
        [("name", "siem secret"), ("kind", "password"), ("user", ""), ("password", SECRET), ("was", &was)];
    assert_eq!(admin.post("/credentials", &secret).await.status, StatusCode::SEE_OTHER);
    let url = format!("https://localhost:{port}/weir");
    let was = carried(&admin.get("/receivers?edit=hook").await.text, "value=\"webhook\"", "was");
    let fields = [
        ("was", was.as_str()),
        ("name", "hook"),
        ("kind", "webhook"),
        ("url", &url),
        ("credential", "siem secret"),
        ("authority", &server.enforce().certificates.roots),
        ("told_matches", matches),
    ];
    let saved = admin.post("/receivers", &fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_signed_events_in_order() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    let webhook = Webhook::open(&server, 0).await;
    listen_by_webhook(&server, &admin, webhook.port, "count").await;
    let id = server.record(message("M", &[17])).await[0];
    for status in ["In Process", "Escalated", "Resolved"] {
        admin.post(&format!("/incidents/{id}/change"), &[("status", status)]).await;
    }
    server.until("all arrive", async || webhook.took().len() == 5).await;
    let hook = webhook.hook.lock().unwrap();
    for (headers, body) in &hook.got {
        let event: Value = serde_json::from_str(body).unwrap();
        assert_eq!(headers["webhook-id"], event["id"].as_str().unwrap());
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{}.{}.{body}", headers["webhook-id"], headers["webhook-timestamp"]).as_bytes());
        let signature = STANDARD.decode(headers["webhook-signature"].strip_prefix("v1,").unwrap()).unwrap();
        mac.verify_slice(&signature).expect("the signature is right");
        let now = jiff::Timestamp::now().as_second();
        assert!((now - headers["webhook-timestamp"].parse::<i64>().unwrap()).abs() < 60);
        assert_eq!(event["data"]["incident"]["url"], format!("{}/incidents/{id}", server.base()));
        for secret in ["4111", "1111", "numbers"] {
            assert!(!body.contains(secret), "{secret}: {body}");
        }
    }
    let details: Vec<String> = hook.got[2..]
        .iter()
        .map(|(_, body)| {
            serde_json::from_str::<Value>(body).unwrap()["data"]["detail"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(details, ["New -> In Process", "In Process -> Escalated", "Escalated -> Resolved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_was_away_gets_what_waited_after_a_restart_and_holds_nobody_up() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    let webhook = Webhook::open(&server, 0).await;
    listen_by_webhook(&server, &admin, webhook.port, "count").await;
    let (port, taken) = siem().await;
    listen_by_syslog(&admin, port, "tcp", "json", "count").await;
    webhook.answers(StatusCode::SERVICE_UNAVAILABLE);
    let id = server.record(message("M", &[17])).await[0];
    server.until("the other one has it", async || taken.lock().unwrap().len() == 2).await;
    server
        .until("the page says so", async || {
            let page = admin.get("/receivers").await.text;
            page.contains("takes nothing") && page.contains("it answers 503")
        })
        .await;
    // A receiver that is not there at all is no other.
    webhook.stop.cancel();
    admin.post(&format!("/incidents/{id}/change"), &[("status", "Resolved")]).await;
    let (port, server) = (webhook.port, server.restart().await);
    let webhook = Webhook::open(&server, port).await;
    server.until("all arrive", async || webhook.took().len() >= 3).await;
    assert_eq!(webhook.actions()[..3], ["DETECTED", "RESPONSE_RULE_EXECUTED", "SET_STATUS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_of_a_match_is_told_is_as_configured() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    let webhook = Webhook::open(&server, 0).await;
    for (number, matches) in ["masked", "clear"].into_iter().enumerate() {
        listen_by_webhook(&server, &admin, webhook.port, matches).await;
        let id = server.record(message(matches, &[17])).await[0];
        admin.post(&format!("/incidents/{id}/change"), &[("note", "it is 4111 1111 1111 1111")]).await;
        server.until("all arrive", async || webhook.took().len() == 3 * (number + 1)).await;
    }
    let took = webhook.took();
    let (masked, clear) = (took[2].1.to_string(), took[5].1.to_string());
    assert!(masked.contains("**** **** **** 1111") && !masked.contains("4111"), "{masked}");
    assert!(!masked.contains("\"subject\""), "{masked}");
    assert!(clear.contains("\"text\":\"4111 1111 1111 1111\"") && clear.contains("it is 4111"), "{clear}");
    assert!(clear.contains("\"subject\":\"numbers\""), "{clear}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_nobodys_is_not_believed() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    let webhook = Webhook::open(&server, 0).await;
    listen_by_webhook(&server, &admin, webhook.port, "count").await;
    let url = format!("https://localhost:{}/weir", webhook.port);
    let was = carried(&admin.get("/receivers?edit=hook").await.text, "value=\"webhook\"", "was");
    let hook = [("name", "hook"), ("kind", "webhook"), ("url", &url), ("credential", "siem secret")];
    let fields = [&hook[..], &[("was", was.as_str())]].concat();
    assert_eq!(admin.post("/receivers", &fields).await.status, StatusCode::SEE_OTHER);
    server.record(message("M", &[17])).await;
    server
        .until("the page says so", async || admin.get("/receivers").await.text.contains("takes nothing"))
        .await;
    assert!(webhook.took().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_of_a_receiver_is_said_and_its_secret_stays() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    let webhook = Webhook::open(&server, 0).await;
    listen_by_webhook(&server, &admin, webhook.port, "count").await;
    let gone = admin.post("/credentials/remove", &[("name", "siem secret")]).await;
    assert_eq!(gone.status, StatusCode::CONFLICT, "a receiver uses it");
    for fields in [
        vec![("name", "x"), ("kind", "webhook"), ("url", "http://localhost/"), ("credential", "siem secret")],
        vec![("name", "x"), ("kind", "webhook"), ("url", "https://localhost/"), ("credential", "none")],
        vec![("name", "x"), ("kind", "syslog"), ("host", ""), ("protocol", "tcp"), ("format", "cef")],
        vec![("name", ""), ("kind", "syslog"), ("host", "h"), ("protocol", "tcp"), ("format", "cef")],
    ] {
        let answer = admin.post("/receivers", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
    }
    let evil = "\"><script>alert(1)</script>";
    let fields = [("name", evil), ("kind", "syslog"), ("host", "h"), ("protocol", "udp"), ("format", "cef")];
    admin.post("/receivers", &fields).await;
    let page = admin.get("/receivers?edit=hook").await.text;
    assert_harmless(&page);
    assert!(!page.contains(SECRET));
    assert_eq!(admin.post("/receivers/remove", &[("name", "hook")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(admin.post("/receivers/remove", &[("name", "hook")]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        admin.post("/credentials/remove", &[("name", "siem secret")]).await.status,
        StatusCode::SEE_OTHER
    );
}
