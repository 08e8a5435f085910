//! The servers page, with a server that enrols and talks as a detection server does: over mutual TLS.

use enforce::Token;
use enforce::certificates;
use incident::wire::{
    EnrollRequest, Enrolled, Heartbeat, HeartbeatAnswer, PolicyManifest, ServerKind, ServerSettings, paths,
};
use reqwest::{Certificate, Client, Identity, StatusCode};
use zeroize::Zeroizing;

use crate::support::{Person, Server};

/// A server as Enforce sees it.
pub(crate) struct Machine {
    base: String,
    authority: String,
    client: Client,
}

impl Machine {
    pub(crate) fn new(server: &Server) -> Self {
        let authority = server.enforce().certificates.roots.clone();
        let base = format!("https://localhost:{}", server.running.servers_address.port());
        let client = client(&authority, None);
        Self { base, authority, client }
    }

    /// Shows a token with a request for a certificate; the answer, and the key that belongs to it.
    async fn show(&self, token: &str, csr: Option<&str>) -> (reqwest::Response, Zeroizing<String>) {
        let token = Token::parse(token).unwrap();
        let pair = certificates::request(&token.name).unwrap();
        let request = EnrollRequest {
            token: token.secret,
            kind: ServerKind::Detection,
            csr: csr.map_or(pair.certificate, str::to_owned),
            names: Vec::new(),
            version: "1".into(),
        };
        let answer = self.client.post(format!("{}{}", self.base, paths::ENROLL)).json(&request).send();
        (answer.await.unwrap(), pair.key)
    }

    pub(crate) async fn enroll(&mut self, token: &str) -> Enrolled {
        let (answer, key) = self.show(token, None).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let enrolled: Enrolled = answer.json().await.unwrap();
        self.client = client(&self.authority, Some(format!("{}\n{}", enrolled.certificate, key.as_str())));
        enrolled
    }

    pub(crate) async fn beat(&self, heartbeat: &Heartbeat) -> Result<HeartbeatAnswer, StatusCode> {
        let answer = self.client.post(format!("{}{}", self.base, paths::HEARTBEAT)).json(heartbeat).send();
        let answer = answer.await.unwrap();
        if answer.status() != StatusCode::OK {
            return Err(answer.status());
        }
        Ok(answer.json().await.unwrap())
    }

    /// The policy set as it is given to servers, once there is one.
    pub(crate) async fn manifest(&self) -> Option<PolicyManifest> {
        let answer = self.client.get(format!("{}{}", self.base, paths::POLICIES)).send().await.unwrap();
        answer.json().await.ok()
    }

    async fn settings(&self) -> ServerSettings {
        let answer = self.client.get(format!("{}{}", self.base, paths::SETTINGS)).send().await.unwrap();
        answer.json().await.unwrap()
    }
}

fn client(authority: &str, identity: Option<String>) -> Client {
    let authority = Certificate::from_pem_bundle(authority.as_bytes()).unwrap();
    let mut builder = Client::builder().tls_certs_only(authority).no_proxy();
    if let Some(identity) = identity {
        builder = builder.identity(Identity::from_pem(identity.as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

pub(crate) async fn token(admin: &Person, fields: &[(&str, &str)]) -> String {
    let page = admin.post("/servers", fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    page.text.split("class=\"secret\"><code>").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

pub(crate) fn heartbeat() -> Heartbeat {
    Heartbeat {
        version: "0.1.0".into(),
        policy_set: "set-4711".into(),
        waiting: 12,
        octets: 75,
        max_octets: 100,
        inspection_micros: 1_500,
        effective: vec![
            ("prevent.trial".into(), "true".into(), "/etc/weir.toml".into()),
            ("prevent.resubmit_port".into(), "10026".into(), "default".into()),
        ],
        ..Heartbeat::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_enrolled_seen_approved_set_and_revoked_in_the_console() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    assert!(admin.get("/servers").await.text.contains("No servers yet"));
    let token = token(&admin, &[("name", "mx1"), ("hours", "2"), ("approve", "on")]).await;
    assert!(!admin.get("/servers").await.text.contains(&token), "it is shown once");
    let mut machine = Machine::new(&server);
    assert!(machine.enroll(&token).await.unique_id_keys.is_empty(), "it is not let in yet");
    assert_eq!(machine.beat(&heartbeat()).await.unwrap_err(), StatusCode::FORBIDDEN);
    let page = admin.get("/servers").await.text;
    assert!(page.contains("waits for approval") && page.contains("/servers/mx1/approve"), "{page}");
    assert_eq!(admin.post("/servers/mx1/approve", &[]).await.status, StatusCode::SEE_OTHER);
    let page = admin.get("/servers").await.text;
    assert!(page.contains("never heard from"), "{page}");

    let answer = machine.beat(&heartbeat()).await.unwrap();
    let page = admin.get("/servers").await.text;
    for told in [">up<", "0.1.0", "set-4711", "12 waiting, 75 % full", "1.5 ms", "its store is 75 % full"] {
        assert!(page.contains(told), "{told} is missing: {page}");
    }
    let page = admin.get("/servers/mx1").await.text;
    assert!(page.contains("In force: <code>10026</code>, default"), "{page}");

    let fields = [
        ("version", "0"),
        ("trial", "false"),
        ("resubmit-port", "2526"),
        ("next-hop", "a.example:25\r\nmx:b.example\r\n"),
    ];
    assert_eq!(admin.post("/servers/mx1/settings", &fields).await.status, StatusCode::SEE_OTHER);
    assert_ne!(
        machine.beat(&heartbeat()).await.unwrap().settings,
        answer.settings,
        "the next heartbeat tells it"
    );
    let given = serde_json::to_value(machine.settings().await.values).unwrap();
    assert_eq!(
        given,
        serde_json::json!({ "trial": false, "resubmit_port": 2526, "next_hop": ["a.example:25", "mx:b.example"] })
    );
    let page = admin.get("/servers/mx1").await.text;
    assert!(
        page.contains("the server&#39;s own comes first") || page.contains("the server's own comes first"),
        "{page}"
    );
    assert_eq!(
        admin.post("/servers/mx1/settings", &fields).await.status,
        StatusCode::CONFLICT,
        "a stale form"
    );
    let wrong = admin
        .post("/servers/mx1/settings", &[("version", "1"), ("resubmit-port", "70000"), ("trial", "true")])
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("Nothing was saved") && wrong.text.contains("70000"), "{}", wrong.text);
    // What the form leaves empty becomes the server's own again.
    admin.post("/servers/mx1/settings", &[("version", "1"), ("trial", ""), ("resubmit-port", "")]).await;
    assert_eq!(machine.settings().await.values.keys().collect::<Vec<_>>(), ["next_hop"]);

    assert_eq!(admin.post("/servers/mx1/revoke", &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(machine.beat(&heartbeat()).await.unwrap_err(), StatusCode::FORBIDDEN);
    assert!(admin.get("/servers").await.text.contains(">revoked<"));
    assert_eq!(admin.post("/servers/mx1/revoke", &[]).await.status, StatusCode::CONFLICT);
    let log = server.audit_log().await;
    for action in ["SERVER_TOKEN_MADE", "SERVER_APPROVED", "SERVER_SETTINGS", "SERVER_REVOKED"] {
        assert!(log.iter().any(|line| line.action == action), "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_once_and_a_request_that_cannot_be_signed_costs_none() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    let token = token(&admin, &[("name", "mx1"), ("hours", "2")]).await;
    let mut machine = Machine::new(&server);
    let (answer, _) = machine.show(&token, Some("no request at all")).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "trying the same again would not help");
    machine.enroll(&token).await;
    machine.beat(&heartbeat()).await.unwrap();
    let (again, _) = machine.show(&token, None).await;
    assert_eq!(again.status(), StatusCode::FORBIDDEN);
    for (name, hours) in [("MX 1", "1"), ("enforce", "1"), ("mx2", "0"), ("mx2", "100000"), ("mx2", "x")] {
        let answer = admin.post("/servers", &[("name", name), ("hours", hours)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name} {hours}");
    }
    let strange = admin.post("/servers", &[("name", "gw"), ("hours", "1"), ("names", "a/b")]).await;
    assert_eq!(strange.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_enforce_itself_are_shown_and_those_that_end_soon_stand_out() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    let directory = &server.enforce().directory;
    let issue = enforce::certificates::Issue {
        name: "console".into(),
        names: vec!["localhost".into()],
        purpose: enforce::certificates::Use::Server,
        days: 10,
    };
    directory.issue("console", &issue, false).unwrap();
    let page = admin.get("/servers").await.text;
    let row = |file: &str| page.split(&format!("{file}</td>")).nth(1).unwrap().split("</tr>").next().unwrap();
    assert!(row("console.pem").contains("soon"), "{page}");
    assert!(!row("server.pem").contains("soon") && !row("authority.pem").contains("soon"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn break_glass_needs_a_reason_and_shouts_while_it_is_on() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    let mut machines = Vec::new();
    for name in ["mx1", "mx2"] {
        let token = token(&admin, &[("name", name), ("hours", "2")]).await;
        let mut machine = Machine::new(&server);
        machine.enroll(&token).await;
        machine.beat(&heartbeat()).await.unwrap();
        machines.push(machine);
    }
    admin.post("/servers/mx1/settings", &[("version", "0"), ("resubmit-port", "25")]).await;
    let mute = admin.post("/servers/break-glass", &[("glass", "on"), ("server", "mx1")]).await;
    assert_eq!(mute.status, StatusCode::UNPROCESSABLE_ENTITY);
    let on = [("glass", "on"), ("server", "mx1"), ("why", "the engine is stuck")];
    assert_eq!(admin.post("/servers/break-glass", &on).await.status, StatusCode::SEE_OTHER);
    let given = machines[0].settings().await.values;
    assert_eq!((given["break_glass"].clone(), given["resubmit_port"].clone()), (true.into(), 25.into()));
    assert!(machines[1].settings().await.values.is_empty());
    for path in [
        "/servers",
        "/servers/mx1",
        "/servers/mx2",
        "/incidents",
        "/summary",
        "/policies",
        "/audit",
        "/nowhere",
    ] {
        let page = admin.get(path).await.text;
        assert!(page.contains("Break-glass is on: mx1 passes every message"), "{path}: {page}");
    }
    admin.post("/servers/break-glass", &[("glass", "on"), ("why", "all of them")]).await;
    assert!(admin.get("/servers").await.text.contains("mx1, mx2 pass every message"));
    // All of them are those too that come later, as long as it is on.
    let late = async |name: &str| {
        let token = token(&admin, &[("name", name), ("hours", "2")]).await;
        let mut machine = Machine::new(&server);
        machine.enroll(&token).await;
        machine.settings().await.values.get("break_glass").cloned()
    };
    assert_eq!(late("mx3").await, Some(true.into()));
    assert!(admin.get("/incidents").await.text.contains("mx1, mx2, mx3 pass every message"));
    admin.post("/servers/break-glass", &[("glass", "off")]).await;
    assert_eq!(late("mx4").await, None);
    assert!(!admin.get("/incidents").await.text.contains("Break-glass is on"));
    // A server that says so of itself is believed, whoever switched it.
    let mut beat = heartbeat();
    beat.effective.push(("prevent.break_glass".into(), "true".into(), "flag".into()));
    machines[1].beat(&beat).await.unwrap();
    assert!(admin.get("/incidents").await.text.contains("Break-glass is on: mx2"));
    let log = server.audit_log().await;
    let on = log.iter().filter(|line| line.action == "BREAK_GLASS_ON").count();
    assert_eq!(on, 5, "once for each server each time, and for those to come");
    assert!(log.iter().any(|line| line.detail.contains("the engine is stuck")));
}
