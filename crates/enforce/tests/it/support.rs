//! A server with incidents, and people who ask it.

#[path = "../../../incident/tests/support/mail.rs"]
mod mail;

use std::path::PathBuf;

use enforce::{ConsoleTls, Enforce, Options, Running};
use incident::NewMessage;
use incident::desk::{NewSecret, SecretKind};
use reqwest::header::{CONTENT_TYPE, COOKIE};
use reqwest::{Client, Method, StatusCode};
use store::database::Location;
use tokio_util::sync::CancellationToken;
use web::people::{NewUser, Rights};
use zeroize::Zeroizing;

/// A password that is good enough.
pub(crate) const PASSWORD: &str = "granite otter lantern 47";

/// A running server and its directory.
pub(crate) struct Server {
    pub(crate) running: Running,
    stop: CancellationToken,
    pub(crate) dir: tempfile::TempDir,
}

/// An answer as read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) to: String,
    pub(crate) kind: String,
    /// Methods that there are besides the one that was tried.
    pub(crate) allow: String,
    pub(crate) text: String,
}

/// Somebody who asks.
#[derive(Clone)]
pub(crate) struct Person {
    client: Client,
    base: String,
    cookie: String,
    pub(crate) csrf: String,
}

/// A password to keep.
pub(crate) fn secret<'a>(name: &'a str, value: &'a [u8]) -> NewSecret<'a> {
    NewSecret { name, kind: SecretKind::Password, shown: "", value }
}

/// Over a database that is there, or its own: for what holds on both.
pub(crate) async fn server_on(at: Option<Location>) -> Server {
    Server::start_with(|options| options.database = at).await
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With other options than usual.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let policies = dir.path().join("policies");
        std::fs::create_dir_all(&policies).unwrap();
        std::fs::write(policies.join("cards.toml"), POLICY).unwrap();
        Self::start_in_with(dir, change).await
    }

    /// Over a directory that is there already.
    pub(crate) async fn start_in(dir: tempfile::TempDir) -> Self {
        Self::start_in_with(dir, |_| {}).await
    }

    /// Over a directory that is there already, with other options.
    pub(crate) async fn start_in_with(dir: tempfile::TempDir, change: impl FnOnce(&mut Options)) -> Self {
        let (running, stop) = start(dir.path().to_owned(), change).await;
        Self { running, stop, dir }
    }

    /// Ends it; what it ran with, and its directory.
    pub(crate) async fn stop(self) -> (Options, tempfile::TempDir) {
        let Self { running, stop, dir } = self;
        let options = running.enforce.options.clone();
        stop.cancel();
        running.finished().await;
        (options, dir)
    }

    /// The same directory with a new process, as it were.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    /// The same with other options.
    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Options)) -> Self {
        Self::start_in_with(self.stop().await.1, change).await
    }

    pub(crate) fn enforce(&self) -> &Enforce {
        &self.running.enforce
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.running.address)
    }

    /// Somebody who signed in with a built-in role.
    pub(crate) async fn person(&self, role: &str) -> Person {
        let people = self.enforce().site.people();
        let role = people.role_named(role).await.unwrap().unwrap();
        self.with_role(role.id, &role.name).await
    }

    /// Asks until the answer is as wanted.
    pub(crate) async fn until(&self, what: &str, mut wanted: impl AsyncFnMut() -> bool) {
        let began = std::time::Instant::now();
        while !wanted().await {
            assert!(began.elapsed() < std::time::Duration::from_secs(30), "{what}: it took too long");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// Somebody with a role of its own.
    pub(crate) async fn with_rights(&self, name: &str, rights: Rights) -> Person {
        let people = self.enforce().site.people();
        let role = people.add_role(name, &rights).await.unwrap();
        self.with_role(role, name).await
    }

    async fn with_role(&self, role: i64, name: &str) -> Person {
        let site = &self.enforce().site;
        let name = name.to_lowercase().replace(' ', "-");
        let user = site.people().add_user(NewUser {
            name,
            full_name: String::new(),
            mail: String::new(),
            roles: vec![role],
            password: Some(Zeroizing::new(PASSWORD.to_owned())),
            must_change: false,
        });
        let user = user.await.unwrap();
        let secret = site.sessions().begin(user, role, "127.0.0.1", "test").await.unwrap();
        Person {
            client: client(),
            base: self.base(),
            cookie: format!("weir-enforce={}", secret.text().as_str()),
            csrf: secret.form_token(),
        }
    }

    /// Somebody who did not sign in.
    pub(crate) fn nobody(&self) -> Person {
        Person { client: client(), base: self.base(), cookie: String::new(), csrf: String::new() }
    }

    /// Records a message and gives the numbers of its incidents.
    pub(crate) async fn record(&self, message: NewMessage) -> Vec<u64> {
        let recorded = self.enforce().journal.record(message).await.unwrap();
        recorded.incidents.iter().map(|one| one.id).collect()
    }

    /// The lines of the audit log, newest first.
    pub(crate) async fn audit_log(&self) -> Vec<web::audit::Line> {
        let search = web::audit::Search { limit: 1_000, ..web::audit::Search::default() };
        self.enforce().site.audit().search(&search).await.unwrap()
    }

    /// The detail of each line of an incident's history, oldest first.
    pub(crate) async fn history(&self, id: u64) -> Vec<(String, String)> {
        let incident = self.enforce().journal.show(id).await.unwrap().unwrap();
        incident.history.into_iter().map(|line| (line.action, line.detail)).collect()
    }
}

async fn start(dir: PathBuf, change: impl FnOnce(&mut Options)) -> (Running, CancellationToken) {
    let mut options = Options {
        listen: "127.0.0.1:0".to_owned(),
        servers_listen: "127.0.0.1:0".to_owned(),
        data: dir.join("data"),
        database: None,
        policies: dir.join("policies"),
        index_keys: dir.join("data/keys/indexes"),
        console: ConsoleTls::Plain,
        names: vec!["localhost".to_owned()],
        console_url: String::new(),
        version: "test".to_owned(),
        retention: incident::Retention::default(),
        effects: effects::EffectSettings::default(),
        documents: None,
        single_sign_on: None,
        lookups: Vec::new(),
        originals: None,
    };
    change(&mut options);
    let stop = CancellationToken::new();
    (enforce::start(options, stop.clone()).await.unwrap(), stop)
}

fn client() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

impl Person {
    /// The same session at a server that was started again.
    pub(crate) fn at(&self, server: &Server) -> Self {
        Self { base: server.base(), ..self.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    /// Sends a form with the session's token.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut pairs = vec![format!("csrf={}", self.csrf)];
        pairs.extend(fields.iter().map(|(name, value)| format!("{name}={}", web::pages::encoded(value))));
        self.ask(Method::POST, path, Some(pairs.join("&"))).await
    }

    /// Sends a form with a file: the name of its field, its own name, its octets.
    pub(crate) async fn upload(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        file: (&str, &str, &[u8]),
    ) -> Answer {
        self.try_upload(path, fields, file).await.unwrap()
    }

    /// As [`Self::upload`]; a server that refuses early may hang up while the file is still being sent.
    pub(crate) async fn try_upload(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        (field, name, octets): (&str, &str, &[u8]),
    ) -> reqwest::Result<Answer> {
        const BOUNDARY: &str = "----weir-tests-9d0f";
        let mut body = Vec::new();
        for (name, value) in [("csrf", self.csrf.as_str())].iter().chain(fields) {
            let part =
                format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(octets);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = self.client.post(format!("{}{path}", self.base)).header("accept", "text/html");
        let request = request.header(COOKIE, &self.cookie).header(CONTENT_TYPE, kind).body(body);
        Ok(read(request.send().await?).await)
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let mut request =
            self.client.request(method, format!("{}{path}", self.base)).header("accept", "text/html");
        if !self.cookie.is_empty() {
            request = request.header(COOKIE, &self.cookie);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        }
        read(request.send().await.unwrap()).await
    }
}

pub(crate) async fn read(answer: reqwest::Response) -> Answer {
    let header = |name: &str| {
        answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let (status, to, kind, allow) =
        (answer.status(), header("location"), header("content-type"), header("allow"));
    Answer { status, to, kind, allow, text: answer.text().await.unwrap() }
}

/// A policy that is good.
pub(crate) const POLICY: &str = r#"id = 17
name = "Cards"
description = "Numbers of cards."
mode = "on"
severity = "high"

[[rule]]
name = "secret word"
all = [ { keywords = ["zebra-crossing"] } ]
"#;

/// A message that violates these policies, of which nothing is told outside.
pub(crate) fn message(unique_id: &str, policies: &[u32]) -> NewMessage {
    let original = "From: anna@company.example\r\nSubject: numbers\r\n\r\ncard 4111 1111 1111 1111 thanks <b>bold</b>\r\n";
    NewMessage {
        sender: "anna@company.example".into(),
        recipients: vec!["bert@partner.example".into(), "carla@partner.example".into()],
        server: "prevent-1".into(),
        original: Some(original.into()),
        effects: Vec::new(),
        ..mail::message(unique_id, policies)
    }
}

/// The same, with everything that a mail can say turned against whoever reads it.
pub(crate) fn hostile(unique_id: &str) -> NewMessage {
    const EVIL: &str = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'\u{202e}\u{0}";
    let mut message = message(unique_id, &[7]);
    message.sender = format!("=cmd|{EVIL}@evil.example");
    message.recipients = vec![format!("{EVIL}@x.example")];
    message.subject = format!("=HYPERLINK(\"http://evil.example\"){EVIL}");
    message.message_id = Some(EVIL.into());
    message.peer = Some(EVIL.into());
    message.server = EVIL.into();
    message.direction = EVIL.into();
    message.unscannable = vec![(EVIL.into(), EVIL.into())];
    let violation = &mut message.violations[0];
    violation.policy_name = EVIL.into();
    violation.response_rules = vec![EVIL.into()];
    let found = &mut violation.matches[0];
    for text in [
        &mut found.rule,
        &mut found.condition,
        &mut found.path,
        &mut found.kind,
        &mut found.text,
        &mut found.before,
        &mut found.after,
    ] {
        *text = EVIL.into();
    }
    found.validator = Some(EVIL.into());
    message.original = Some(
        format!(
            "Subject: {EVIL}\r\nX-{EVIL}: 1\r\nContent-Type: text/html\r\n\r\n<script>alert(3)</script>{EVIL}"
        )
        .into_bytes(),
    );
    message
}

/// No markup of a mail's came through.
pub(crate) fn assert_harmless(page: &str) {
    for evil in ["<script>alert", "<img src=x", "onerror=alert(2)>'", "\u{202e}", "\0"] {
        assert!(!page.contains(evil), "{evil:?} came through:\n{page}");
    }
}
