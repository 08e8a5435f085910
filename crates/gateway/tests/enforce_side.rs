//! What Enforce sees: remediation by mutual TLS, the same answer to the same request, and status updates until they are taken.

#![allow(clippy::unwrap_used)]

#[path = "../../smtp/tests/support/certs.rs"]
mod certs;
mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router};
use certs::Authority;
use gateway::{EnforceOptions, Options, RemediationOptions, ReviewAction, Running, TlsFiles};
use hyper_util::rt::TokioIo;
use incident::wire::{
    CopyResult, CopyState, RemediationAnswer, RemediationRequest, UpdateAnswer, UpdateBatch, UpdateResult,
    paths,
};
use smtp::tls::{Connector, Trust};
use support::*;
use tokio::net::TcpListener;

const FROM: &str = "ann@company.example";

fn files(authority: &Authority, name: &str) -> TlsFiles {
    let pair = authority.issue(name);
    TlsFiles { certificate: pair.chain, key: pair.key, ca: Some(authority.file()) }
}

struct Loop {
    authority: Authority,
    running: Running,
    sink: Sink,
    _dir: tempfile::TempDir,
}

impl Loop {
    async fn start() -> Self {
        let (authority, sink, dir) = (Authority::new(), Sink::start().await, tempfile::tempdir().unwrap());
        let tls = files(&authority, "localhost");
        let remediation = Some(RemediationOptions::new("127.0.0.1:0", tls));
        let running = started(Options { remediation, ..options(dir.path(), sink.destination()) }).await;
        Self { authority, running, sink, _dir: dir }
    }

    fn client(&self, authority: &Authority) -> reqwest::Client {
        self.client_named(authority, "enforce")
    }

    fn client_named(&self, authority: &Authority, name: &str) -> reqwest::Client {
        let connector =
            Connector::load(Trust::File(self.authority.file()), Some(authority.issue(name)), None);
        client(&connector.unwrap())
    }

    fn url(&self) -> String {
        format!("https://localhost:{}{}", self.running.remediation.unwrap().port(), paths::REMEDIATION)
    }

    async fn ask(&self, request: &RemediationRequest) -> RemediationAnswer {
        let response = self.client(&self.authority).post(self.url()).json(request).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }
}

fn client(connector: &Connector) -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    builder.tls_backend_preconfigured((*connector.config()).clone()).build().unwrap()
}

fn request(id: &str, message: &str, action: ReviewAction) -> RemediationRequest {
    RemediationRequest {
        id: id.into(),
        unique_message_id: message.into(),
        action,
        recipients: Vec::new(),
        remediator: "dlp-remediator".into(),
        requested_by: "olga".into(),
        incident_id: 17,
        note: Some("fine".into()),
        requested_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detection_servers_certificate_releases_nothing() {
    let ring = Loop::start().await;
    send(ring.running.mail, FROM, &["bob@x.example"], &marked("C1", "offer")).await;
    let other = ring.client_named(&ring.authority, "prevent-1");
    let asked = other.post(ring.url()).json(&request("r-1", "C1", ReviewAction::Approved)).send().await;
    assert!(asked.is_err(), "{asked:?}");
    assert_eq!(held(&ring.running.gateway).await.len(), 1);
    ring.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_acts_once_on_what_is_held_and_answers_for_each_recipient() {
    let ring = Loop::start().await;
    let gw = &ring.running.gateway;
    send(ring.running.mail, FROM, &["bob@x.example", "cyd@x.example"], &marked("A1", "offer")).await;
    let approve = request("r-1", "A1", ReviewAction::Approved);
    let answer = ring.ask(&approve).await;
    assert!(!answer.repeated && answer.gateway == "gw.test");
    assert!(answer.copies.iter().all(|copy| copy.result == CopyResult::Released) && answer.copies.len() == 2);
    let again = ring.ask(&approve).await;
    assert_eq!(again, RemediationAnswer { repeated: true, ..answer });
    ring.sink.wait_for(1).await;
    // A copy that comes later is not released by an old request, and a new request says what was done before.
    send(ring.running.mail, FROM, &["dan@x.example"], &marked("A1", "offer")).await;
    ring.ask(&approve).await;
    assert_eq!(held(gw).await.len(), 1);
    let reject = RemediationRequest {
        recipients: vec!["BOB@x.example".into(), "dan@x.example".into(), "eve@x.example".into()],
        ..request("r-2", "a1", ReviewAction::Rejected)
    };
    let answer = ring.ask(&reject).await;
    let said: Vec<_> = answer.copies.iter().map(|copy| (copy.recipient.as_str(), copy.result)).collect();
    let expected = [
        ("bob@x.example", CopyResult::AlreadyReleased),
        ("dan@x.example", CopyResult::Rejected),
        ("eve@x.example", CopyResult::NotFound),
    ];
    assert_eq!(said, expected);
    assert!(
        answer.copies[0].detail.contains("already been released by dlp-remediator"),
        "{}",
        answer.copies[0].detail
    );
    assert!(ring.ask(&request("r-3", "NEVER-SEEN", ReviewAction::Approved)).await.copies.is_empty());
    let copy = in_state(gw, gateway::State::Rejected).await.remove(0);
    let history = gw.snapshot(copy.id).await.unwrap().unwrap().history;
    let line = history.iter().find(|line| line.action == "REJECTED").unwrap();
    assert_eq!(line.who, "dlp-remediator (Enforce, asked by olga)");
    assert!(line.detail.contains("request r-2") && line.detail.contains("note: fine"), "{}", line.detail);
    let changed = RemediationRequest { action: ReviewAction::Custom, ..approve };
    let response = ring.client(&ring.authority).post(ring.url()).json(&changed).send().await.unwrap();
    assert_eq!(response.status(), 409, "the same id with another action");
    assert_eq!(ring.sink.mails().iter().map(|mail| mail.recipients.len()).sum::<usize>(), 2);
    ring.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_the_right_certificate_gets_nothing() {
    let ring = Loop::start().await;
    let stranger = Authority::new();
    let body = request("r-1", "A1", ReviewAction::Approved);
    assert!(ring.client(&stranger).post(ring.url()).json(&body).send().await.is_err());
    let bare = client(&ring.authority.connector());
    assert!(bare.post(ring.url()).json(&body).send().await.is_err());
    ring.running.stop().await;
}

/// An Enforce that takes updates, or does not.
#[derive(Clone)]
struct FakeEnforce {
    #[allow(clippy::type_complexity)]
    taken: Arc<Mutex<Vec<(CopyState, String, Option<String>)>>>,
    batches: Arc<Mutex<Vec<usize>>>,
    /// 500 to everything.
    down: Arc<AtomicBool>,
    /// Refuses updates about these recipients.
    refuses: Arc<Mutex<Vec<String>>>,
}

impl FakeEnforce {
    async fn start(authority: &Authority) -> (Self, String) {
        let fake = Self {
            taken: Arc::default(),
            batches: Arc::default(),
            down: Arc::default(),
            refuses: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let acceptor = authority.rustls_server("localhost", true);
        let this = fake.clone();
        let handler = move |headers: HeaderMap, Json(batch): Json<UpdateBatch>| {
            let this = this.clone();
            async move { this.take(&headers, batch) }
        };
        let router = Router::new().route(paths::MESSAGE_UPDATES, axum::routing::post(handler));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, router) = (acceptor.clone(), router.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = hyper_util::service::TowerToHyperService::new(router);
                    let server = hyper::server::conn::http1::Builder::new();
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        (fake, url)
    }

    fn take(&self, headers: &HeaderMap, batch: UpdateBatch) -> Result<Json<UpdateAnswer>, StatusCode> {
        if self.down.load(Ordering::Relaxed) {
            return Err(StatusCode::INTERNAL_SERVER_ERROR);
        }
        // "gw:secret"
        if headers.get("authorization").is_none_or(|value| value != "Basic Z3c6c2VjcmV0") {
            return Err(StatusCode::UNAUTHORIZED);
        }
        self.batches.lock().unwrap().push(batch.updates.len());
        let refused = self.refuses.lock().unwrap().clone();
        let results = batch.updates.into_iter().map(|update| {
            let taken = !refused.contains(&update.recipient);
            if taken {
                assert_eq!(
                    (update.unique_message_id.as_str(), &update.policy_ids[..]),
                    ("A1", &[23, 24][..])
                );
                self.taken.lock().unwrap().push((update.state, update.recipient, update.request_id));
            }
            UpdateResult {
                seq: update.seq,
                taken,
                why: (!taken).then(|| "no access to this incident".to_owned()),
            }
        });
        Ok(Json(UpdateAnswer { results: results.collect() }))
    }

    fn of(&self, recipient: &str) -> Vec<CopyState> {
        self.taken.lock().unwrap().iter().filter(|taken| taken.1 == recipient).map(|taken| taken.0).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn enforce_hears_of_everything_in_order_however_often_it_is_away() {
    let (fake, running, _kept) = telling_enforce(100).await;
    let gw = &running.gateway;
    fake.down.store(true, Ordering::Relaxed);
    *fake.refuses.lock().unwrap() = vec!["cyd@x.example".into()];
    send(running.mail, FROM, &["bob@x.example", "cyd@x.example"], &marked("A1", "offer")).await;
    let ids: Vec<u64> = held(gw).await.iter().map(|copy| copy.id).collect();
    gw.decide(&ids, ReviewAction::Approved, &rita(), Some("ok")).await.unwrap();
    until("an error that is shown", async || gw.update_state().await.unwrap().last_error.is_some()).await;
    assert!(gw.update_state().await.unwrap().last_error.unwrap().contains("answered 500"));
    fake.down.store(false, Ordering::Relaxed);
    until("all of bob's", async || fake.of("bob@x.example").len() == 3).await;
    assert_eq!(fake.of("bob@x.example"), [CopyState::Held, CopyState::Approved, CopyState::Delivered]);
    assert!(fake.of("cyd@x.example").is_empty());
    until("the refusal is shown", async || {
        gw.update_state().await.unwrap().last_error.is_some_and(|why| why.contains("no access"))
    })
    .await;
    assert_eq!(gw.update_state().await.unwrap().waiting, 3);
    fake.refuses.lock().unwrap().clear();
    until("all of cyd's", async || fake.of("cyd@x.example").len() == 3).await;
    assert_eq!(fake.of("cyd@x.example"), [CopyState::Held, CopyState::Approved, CopyState::Delivered]);
    until("nothing waits", async || gw.update_state().await.unwrap().waiting == 0).await;
    let state = gw.update_state().await.unwrap();
    assert!(state.last_sent.is_some() && state.last_error.is_none());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_enforce_refuses_holds_up_nothing_else() {
    let (fake, running, _kept) = telling_enforce(1).await;
    let refused: Vec<String> = (0..9).map(|n| format!("cyd{n}@x.example")).collect();
    fake.refuses.lock().unwrap().clone_from(&refused);
    let to: Vec<&str> = refused.iter().map(String::as_str).collect();
    send(running.mail, FROM, &to, &marked("A1", "offer")).await;
    send(running.mail, FROM, &["bob@x.example"], &marked("A1", "offer")).await;
    until("bob's, behind nine that are refused", async || fake.of("bob@x.example") == [CopyState::Held])
        .await;
    assert_eq!(running.gateway.update_state().await.unwrap().waiting, 9);
    running.stop().await;
}

/// A gateway that tells a fake Enforce, so many updates at once.
async fn telling_enforce(batch: usize) -> (FakeEnforce, Running, (Authority, Sink, tempfile::TempDir)) {
    let (authority, sink, dir) = (Authority::new(), Sink::start().await, tempfile::tempdir().unwrap());
    let (fake, url) = FakeEnforce::start(&authority).await;
    let password_file = dir.path().join("password");
    std::fs::write(&password_file, "secret\n").unwrap();
    let tls = files(&authority, "gateway");
    let enforce = Some(EnforceOptions { url, user: "gw".into(), password_file, tls, batch, interval: 1 });
    let running = started(Options { enforce, ..options(dir.path(), sink.destination()) }).await;
    (fake, running, (authority, sink, dir))
}
