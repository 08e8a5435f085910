//! Smart responses and plug-ins: against a gateway over mutual TLS that answers as it is told, and with programs.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use incident::desk::Actor;
use incident::wire::{CopyAnswer, CopyResult, RemediationAnswer, RemediationRequest, ReviewAction, paths};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tokio_util::sync::CancellationToken;
use web::listen::{Clients, Tls, TlsFiles, Transport, listen};

use crate::support::{Person, Server, message};

/// An authority, and certificates of it in PEM.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn certificate(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// What the gateway is told to answer, and what it was asked.
#[derive(Default)]
struct Script {
    results: Vec<(&'static str, CopyResult)>,
    busy: bool,
    asked: Vec<RemediationRequest>,
}

struct Gateway {
    port: u16,
    script: Arc<Mutex<Script>>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl Gateway {
    async fn start(authority: &Authority, port: u16, results: &[(&'static str, CopyResult)]) -> Self {
        let script = Arc::new(Mutex::new(Script { results: results.to_vec(), ..Script::default() }));
        let app = Router::new().route(paths::REMEDIATION, post(answer)).with_state(script.clone());
        let (certificate, key) = authority.certificate("localhost", ExtendedKeyUsagePurpose::ServerAuth);
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let clients =
            Clients::Named { authorities: file("ca.pem", &authority.pem()), names: vec!["enforce".into()] };
        let files = TlsFiles { chain: file("gw.pem", &certificate), key: file("gw.key", &key), clients };
        let tls = Tls::load(files).unwrap();
        let stop = CancellationToken::new();
        let listening =
            listen(&format!("127.0.0.1:{port}"), Transport::Tls(tls), 10, app, stop.clone()).await.unwrap();
        Self { port: listening.address.port(), script, stop, task: listening.task, _dir: dir }
    }

    async fn stop(self) -> u16 {
        self.stop.cancel();
        self.task.await.unwrap();
        self.port
    }

    fn asked(&self) -> Vec<RemediationRequest> {
        self.script.lock().unwrap().asked.clone()
    }
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    Json(request): Json<RemediationRequest>,
) -> axum::response::Response {
    let mut script = script.lock().unwrap();
    let repeated = script.asked.iter().any(|one| one.id == request.id);
    script.asked.push(request.clone());
    if script.busy {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let copies = script
        .results
        .iter()
        .map(|(recipient, result)| CopyAnswer {
            recipient: (*recipient).to_owned(),
            result: *result,
            detail: String::new(),
        })
        .collect();
    Json(RemediationAnswer { id: request.id, gateway: "gw-1".into(), repeated, copies }).into_response()
}

/// Keeps the credential as a person would, and makes the guide's plug-ins and rules.
async fn connect(server: &Server, admin: &Person, authority: &Authority, port: u16) {
    let (certificate, key) = authority.certificate("enforce", ExtendedKeyUsagePurpose::ClientAuth);
    let fields = [
        ("kind", "certificates"),
        ("name", "gateway"),
        ("certificate", &certificate),
        ("key", &key),
        ("authority", &authority.pem()),
    ];
    let kept = admin.post("/credentials", &fields).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.text);
    let page = admin.get("/credentials").await.text;
    assert!(page.contains("gateway") && !page.contains("BEGIN"), "nothing of it is shown again");
    let actor = Actor { who: "set-up".into(), origin: None };
    let installed = server.enforce().responses();
    installed
        .install_quarantine_connect(&actor, "localhost", port, "gateway", "dlp-remediator")
        .await
        .unwrap();
}

/// The lines of plug-ins in an incident's history, once there are so many.
async fn lines(server: &Server, id: u64, count: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(40);
    loop {
        let lines: Vec<String> = server
            .history(id)
            .await
            .into_iter()
            .filter(|(action, _)| action.starts_with("FLEX_RESPONSE"))
            .map(|(_, detail)| detail)
            .collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(Instant::now() < until, "only {lines:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn prevent_status(server: &Server, id: u64) -> i64 {
    server.enforce().journal.show(id).await.unwrap().unwrap().summary.prevent_status
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_asks_the_gateway_and_tells_what_came_of_it() {
    let server = Server::start().await;
    let ids = server.record(message("UNIQUE-1", &[1, 2])).await;
    let authority = Authority::new();
    let gateway = Gateway::start(&authority, 0, &[("bert@partner.example", CopyResult::Released)]).await;
    let admin = server.person("Administrator").await;
    connect(&server, &admin, &authority, gateway.port).await;
    let remediator = server.person("Remediator").await;
    let snapshot = remediator.get(&format!("/incidents/{}", ids[0])).await.text;
    assert!(
        snapshot.contains(">Approve</a>")
            && snapshot.contains(">Reject</a>")
            && snapshot.contains(">Custom</a>")
    );
    let confirm = remediator.get(&format!("/incidents/{}/respond/1", ids[0])).await.text;
    assert!(
        confirm.contains("run the plug-in SMG Approve Action") && confirm.contains("OK &amp; Advance"),
        "{confirm}"
    );
    let done = remediator.post(&format!("/incidents/{}/respond/1", ids[0]), &[("note", "may go")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let lines = lines(&server, ids[0], 2).await;
    assert_eq!(
        lines,
        [
            "FlexResponse Action Requested [SMG Approve Action]",
            "FlexResponse Action Executed [SMG Approve Action]: gw-1: bert@partner.example: released"
        ]
    );
    assert_eq!(prevent_status(&server, ids[0]).await, 11);
    let asked = gateway.asked();
    assert_eq!(asked.len(), 1);
    let asked = &asked[0];
    assert_eq!((asked.unique_message_id.as_str(), asked.action), ("UNIQUE-1", ReviewAction::Approved));
    assert_eq!((asked.remediator.as_str(), asked.requested_by.as_str()), ("dlp-remediator", "remediator"));
    assert_eq!((asked.note.as_deref(), asked.incident_id), (Some("may go"), ids[0]));
    // The other incident of the message is not touched.
    assert_eq!(prevent_status(&server, ids[1]).await, 2);
    assert!(!server.history(ids[1]).await.iter().any(|(action, _)| action.starts_with("FLEX")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_released_before_is_a_refusal_in_the_guides_words() {
    let server = Server::start().await;
    let ids = [server.record(message("A", &[1])).await[0], server.record(message("B", &[1])).await[0]];
    let authority = Authority::new();
    let gateway =
        Gateway::start(&authority, 0, &[("bert@partner.example", CopyResult::AlreadyReleased)]).await;
    let admin = server.person("Administrator").await;
    connect(&server, &admin, &authority, gateway.port).await;
    admin.post(&format!("/incidents/{}/respond/2", ids[0]), &[]).await;
    let told = lines(&server, ids[0], 2).await;
    assert_eq!(
        told[1],
        "FlexResponse Action Failed [SMG Reject Action] failed with message: The remediation request was not successful: \
        Unable to remediate DlpUniqueMessageId A. gw-1: bert@partner.example: the email has already been released"
    );
    assert_eq!(prevent_status(&server, ids[0]).await, 12);
    gateway.script.lock().unwrap().results.clear();
    admin.post(&format!("/incidents/{}/respond/2", ids[1]), &[]).await;
    let told = lines(&server, ids[1], 2).await;
    assert!(
        told[1].ends_with("Unable to remediate DlpUniqueMessageId B. The message cannot be found at gw-1."),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_outlives_both_ends_and_keeps_its_id() {
    let server = Server::start().await;
    let id = server.record(message("A", &[1])).await[0];
    let authority = Authority::new();
    let gateway = Gateway::start(&authority, 0, &[("bert@partner.example", CopyResult::Released)]).await;
    gateway.script.lock().unwrap().busy = true;
    let admin = server.person("Administrator").await;
    connect(&server, &admin, &authority, gateway.port).await;
    admin.post(&format!("/incidents/{id}/respond/1"), &[]).await;
    let told = lines(&server, id, 2).await;
    assert!(told[1].contains("could not be sent") && told[1].contains("503"), "{told:?}");
    assert_eq!(prevent_status(&server, id).await, 13, "attempted, at once");
    let first = gateway.asked()[0].id.clone();
    let port = gateway.stop().await;
    // Enforce is stopped and started again; then the gateway comes back on its port.
    let server = server.restart().await;
    let gateway = Gateway::start(&authority, port, &[("bert@partner.example", CopyResult::Released)]).await;
    let told = lines(&server, id, 3).await;
    assert!(told[2].contains("Executed"), "{told:?}");
    assert_eq!(gateway.asked()[0].id, first);
    assert_eq!(prevent_status(&server, id).await, 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plug_in_and_its_credential_stay_while_something_waits_on_them() {
    let server = Server::start().await;
    let id = server.record(message("A", &[1])).await[0];
    let authority = Authority::new();
    let gateway = Gateway::start(&authority, 0, &[("bert@partner.example", CopyResult::Released)]).await;
    gateway.script.lock().unwrap().busy = true;
    let admin = server.person("Administrator").await;
    connect(&server, &admin, &authority, gateway.port).await;
    admin.post(&format!("/incidents/{id}/respond/1"), &[]).await;
    lines(&server, id, 2).await;
    let remove = async |path: &str, name: &str| admin.post(path, &[("name", name)]).await;
    let (plugin, credential) = ("/response-rules/plugin/remove", "/credentials/remove");
    let refused = remove(plugin, "SMG Approve Action").await;
    assert!(refused.status == StatusCode::CONFLICT && refused.text.contains("Rules use it: Approve."));
    let gone = admin.post("/response-rules/remove", &[("id", "1")]).await;
    assert_eq!(gone.status, StatusCode::SEE_OTHER);
    // No rule asks for it any more, but what was asked before is still under way.
    let refused = remove(plugin, "SMG Approve Action").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains(&format!("under way: incident {id}.")), "{}", refused.text);
    let refused = remove(credential, "gateway").await;
    assert!(
        refused.status == StatusCode::CONFLICT
            && refused.text.contains("SMG Approve Action, SMG Custom Action")
    );
    gateway.script.lock().unwrap().busy = false;
    lines(&server, id, 3).await;
    assert_eq!(remove(plugin, "SMG Approve Action").await.status, StatusCode::SEE_OTHER);
    assert_eq!(remove(plugin, "SMG Approve Action").await.status, StatusCode::NOT_FOUND);
    for rule in ["2", "3"] {
        admin.post("/response-rules/remove", &[("id", rule)]).await;
    }
    for name in ["SMG Reject Action", "SMG Custom Action"] {
        assert_eq!(remove(plugin, name).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(remove(credential, "gateway").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_of_another_authority_is_not_believed() {
    let server = Server::start().await;
    let id = server.record(message("A", &[1])).await[0];
    let (ours, theirs) = (Authority::new(), Authority::new());
    let gateway = Gateway::start(&theirs, 0, &[]).await;
    let admin = server.person("Administrator").await;
    connect(&server, &admin, &ours, gateway.port).await;
    admin.post(&format!("/incidents/{id}/respond/1"), &[]).await;
    let told = lines(&server, id, 2).await;
    assert!(told[1].contains("cannot be asked") && told[1].contains("certificate"), "{told:?}");
    assert!(gateway.asked().is_empty());
}

/// A program among the server's plug-ins, and a rule that runs it.
async fn program(server: &Server, admin: &Person, text: &str) {
    let dir = server.dir.path().join("data/plugins");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("ticket");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let fields = [
        ("kind", "executable"),
        ("name", "Open a ticket"),
        ("program", "ticket"),
        ("seconds", "2"),
        ("properties", "queue = DLP"),
    ];
    assert_eq!(admin.post("/response-rules/plugin", &fields).await.status, StatusCode::SEE_OTHER);
    let rule = [
        ("name", "Ticket"),
        ("position", "1"),
        ("actions", "flex-response Open a ticket\nset-status In Process\nset-attribute Team = Blue"),
    ];
    assert_eq!(admin.post("/response-rules", &rule).await.status, StatusCode::SEE_OTHER);
}

async fn outcome_of(script: &str) -> (String, Server, u64) {
    let server = Server::start().await;
    let id = server.record(message("A", &[1])).await[0];
    let admin = server.person("Administrator").await;
    program(&server, &admin, script).await;
    admin.post(&format!("/incidents/{id}/respond/1"), &[("note", "please")]).await;
    let told = lines(&server, id, 2).await;
    (told[1].clone(), server, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_one_request_and_its_answer_is_told() {
    let script = "#!/bin/sh\ncat > \"$(dirname \"$0\")/asked.json\"\nenv > \"$(dirname \"$0\")/env\"\necho '{\"ok\":true,\"message\":\"ticket 4711\"}'\n";
    let (told, server, id) = outcome_of(script).await;
    assert_eq!(told, "FlexResponse Action Executed [Open a ticket]: ticket 4711");
    let dir = server.dir.path().join("data/plugins");
    let asked: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dir.join("asked.json")).unwrap()).unwrap();
    assert_eq!((&asked["note"], &asked["properties"]["queue"]), (&"please".into(), &"DLP".into()));
    assert_eq!((&asked["incident"]["id"], &asked["incident"]["subject"]), (&id.into(), &"numbers".into()));
    assert_eq!(asked["requested_by"], "administrator");
    assert!(
        !std::fs::read_to_string(dir.join("env")).unwrap().contains("CARGO"),
        "nothing of our environment"
    );
    let incident = server.enforce().journal.show(id).await.unwrap().unwrap();
    assert_eq!(incident.summary.status.as_str(), "In Process");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_misbehaves_is_a_failure_in_words() {
    for (script, words) in [
        ("#!/bin/sh\nsleep 60\n", "took longer than 2 seconds"),
        ("#!/bin/sh\nhead -c 1000000 /dev/zero\n", "wrote more than 65536 octets"),
        ("#!/bin/sh\necho no >&2\nexit 3\n", "ended with exit status: 3: no"),
        ("#!/bin/sh\necho hello\n", "answer is not"),
        ("#!/bin/sh\necho '{\"ok\":false,\"message\":\"the queue is closed\"}'\n", "the queue is closed"),
        ("not a program", "cannot be started"),
    ] {
        let (told, server, id) = outcome_of(script).await;
        assert!(
            told.starts_with("FlexResponse Action Failed [Open a ticket] failed with message:"),
            "{told}"
        );
        assert!(told.contains(words), "{told}");
        assert_eq!(prevent_status(&server, id).await, 12);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_takes_too_long_ends_with_all_that_it_started() {
    let script = "#!/bin/sh\nsleep 600 >/dev/null 2>&1 &\necho $! > \"$(dirname \"$0\")/child\"\nsleep 600\n";
    let (told, server, _) = outcome_of(script).await;
    assert!(told.contains("took longer than 2 seconds"), "{told}");
    let child = std::fs::read_to_string(server.dir.path().join("data/plugins/child")).unwrap();
    let stat = format!("/proc/{}/stat", child.trim());
    let ended = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    let until = Instant::now() + Duration::from_secs(30);
    while !ended() {
        assert!(Instant::now() < until, "what the program started goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_plugins_that_are_in_use_stay_and_strange_ones_are_refused() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    program(&server, &admin, "#!/bin/sh\n").await;
    let gone = admin.post("/response-rules/plugin/remove", &[("name", "Open a ticket")]).await;
    assert_eq!(gone.status, StatusCode::CONFLICT);
    assert!(gone.text.contains("Ticket"), "it says who uses it");
    for program in ["../evil", "/bin/sh", "a b", "", ".hidden"] {
        let fields = [("kind", "executable"), ("name", "x"), ("program", program), ("seconds", "5")];
        let answer = admin.post("/response-rules/plugin", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{program}");
    }
    for actions in ["flex-response Nothing", "set-status Nothing", "explode", ""] {
        let answer = admin.post("/response-rules", &[("name", "x"), ("actions", actions)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{actions}");
    }
    let bad =
        [("kind", "certificates"), ("name", "x"), ("certificate", "x"), ("key", "y"), ("authority", "z")];
    assert_eq!(admin.post("/credentials", &bad).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    admin
        .post(
            "/credentials",
            &[("kind", "password"), ("name", "p"), ("user", "u"), ("password", "hunter-2-x")],
        )
        .await;
    let page = admin.get("/credentials").await.text;
    assert!(page.contains("user u") && !page.contains("hunter-2-x"));
}
