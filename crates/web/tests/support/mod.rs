//! A console with a few pages of its own on a real port, a clock that tests turn, and a browser that keeps cookies.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::routing::{get, post};
use jiff::Timestamp;
use store::database::{self, Database, Location, Migrations};
use store::keys::Keys;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use web::guests::Elsewhere;
use web::listen::{Transport, listen};
use web::people::{NewUser, Password, Privilege};
use web::{Clock, Options, Place, Problem, Routes, Site, Viewer};

pub(crate) static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("../store/tests/migrations/sqlite");
pub(crate) static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("../store/tests/migrations/postgres");
pub(crate) const MIGRATIONS: Migrations = Migrations { sqlite: &SQLITE, postgres: &POSTGRES };

/// The password that all users of these tests have at first.
pub(crate) const PASSWORD: &str = "four small words here";

/// A clock that stands still until it is turned.
#[derive(Clone)]
pub(crate) struct Hand(Arc<AtomicI64>);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_795_000_000_000)))
    }

    pub(crate) fn turn(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    pub(crate) fn seconds(&self) -> u64 {
        (self.0.load(Ordering::Relaxed) / 1_000) as u64
    }

    pub(crate) fn clock(&self) -> Clock {
        let hand = self.0.clone();
        Clock::by(move || Timestamp::from_millisecond(hand.load(Ordering::Relaxed)).unwrap())
    }
}

pub(crate) async fn database(dir: &Path) -> Arc<dyn Database> {
    database::open(&Location::File(dir.join("web.db")), MIGRATIONS).await.unwrap()
}

pub(crate) struct Console {
    pub(crate) site: Site,
    pub(crate) address: SocketAddr,
    pub(crate) hand: Hand,
    pub(crate) dir: tempfile::TempDir,
    stop: CancellationToken,
}

impl Drop for Console {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) async fn site(dir: &Path, hand: &Hand) -> Site {
    site_with(database(dir).await, dir, hand, |_| {}).await
}

async fn site_with(
    database: Arc<dyn Database>,
    dir: &Path,
    hand: &Hand,
    change: impl FnOnce(&mut Options),
) -> Site {
    let mut options = Options::new("Test", "/incidents");
    options.clock = hand.clock();
    options.body_limit = 10_000;
    options.upload_limit = 50_000;
    options.public = vec!["/open/".to_owned()];
    options.places = vec![Place::new("", "Incidents", "/incidents", &[Privilege::ViewNetworkIncidents])];
    change(&mut options);
    let keys = Arc::new(Keys::open(&dir.join("keys")).unwrap());
    Site::open(database, keys, options).await.unwrap()
}

pub(crate) async fn console() -> Console {
    console_changed(None, |_| {}).await
}

/// At which the people of another server may sign in too, over this database or one of its own.
pub(crate) async fn console_with(elsewhere: Option<Arc<dyn Elsewhere>>, at: Option<Location>) -> Console {
    console_changed(at, |options| options.elsewhere = elsewhere).await
}

/// With other options than usual, over this database or one of its own.
pub(crate) async fn console_changed(at: Option<Location>, change: impl FnOnce(&mut Options)) -> Console {
    let dir = tempfile::tempdir().unwrap();
    let hand = Hand::new();
    let at = at.unwrap_or_else(|| Location::File(dir.path().join("web.db")));
    let database = database::open(&at, MIGRATIONS).await.unwrap();
    let site = site_with(database, dir.path(), &hand, change).await;
    let stop = CancellationToken::new();
    let app = site.mount(pages());
    let listening = listen("127.0.0.1:0", Transport::Plain, 100, app, stop.clone()).await.unwrap();
    Console { site, address: listening.address, hand, dir, stop }
}

#[derive(askama::Template)]
#[template(source = "<h1>Incidents</h1><p>{{ subject }}</p>", ext = "html")]
struct Incidents {
    subject: &'static str,
}

pub(crate) const HOSTILE: &str =
    "\"'><script>alert(document.cookie)</script><img src=x onerror=alert(1)>{{7*7}}";

/// Pages as a server would have them.
pub(crate) fn pages() -> Routes {
    Routes::new()
        .route(
            "/incidents",
            get(async |viewer: Viewer| {
                viewer.require(Privilege::ViewNetworkIncidents)?;
                web::layout::Page::new(&viewer, HOSTILE).show(&Incidents { subject: HOSTILE })
            }),
        )
        .route("/change", post(async |viewer: Viewer| viewer.log("CHANGED", "it", "").await))
        .route("/open/door", post(async || "taken"))
        .route("/boom", get(async || -> &'static str { panic!("secret words of a panic") }))
        .route("/conflict", get(async || Problem::Conflict("Look again.".to_owned())))
        .route(
            "/api/who",
            get(async |viewer: Viewer| {
                viewer.require(Privilege::ApiIncidentView)?;
                Ok::<_, Problem>(format!("{} as {}", viewer.name, viewer.role.name))
            }),
        )
}

impl Console {
    pub(crate) async fn role(&self, name: &str) -> i64 {
        self.site.people().role_named(name).await.unwrap().unwrap().id
    }

    pub(crate) async fn user(&self, name: &str, roles: &[&str]) -> i64 {
        let mut ids = Vec::new();
        for role in roles {
            ids.push(self.role(role).await);
        }
        let new = NewUser {
            name: name.into(),
            roles: ids,
            password: Some(Password::new(PASSWORD.into())),
            ..NewUser::default()
        };
        self.site.people().add_user(new).await.unwrap()
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { address: self.address, cookies: BTreeMap::new(), headers: Vec::new() }
    }

    pub(crate) async fn signed_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser.post("/sign-in", &[("name", name), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        browser
    }

    pub(crate) async fn actions(&self) -> Vec<String> {
        let search = web::audit::Search { limit: 100, ..Default::default() };
        self.site.audit().search(&search).await.unwrap().into_iter().map(|line| line.action).collect()
    }
}

/// Keeps cookies, follows nothing.
pub(crate) struct Browser {
    pub(crate) address: SocketAddr,
    pub(crate) cookies: BTreeMap<String, String>,
    /// Sent with each request.
    pub(crate) headers: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What the page's forms carry.
    pub(crate) fn form_token(&self) -> String {
        let at = self.body.find("name=\"csrf\" value=\"").expect("a form with a token") + 19;
        self.body[at..].split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[("accept", "text/html")], b"").await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", web::pages::encoded(value))).collect();
        let head = [
            ("accept", "text/html"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
        ];
        self.ask("POST", path, &head, pairs.join("&").as_bytes()).await
    }

    /// Like a person: opens a page, and sends one of its forms with the token that is in it.
    pub(crate) async fn submit(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.get(page).await.form_token();
        let fields: Vec<(&str, &str)> =
            std::iter::once(("csrf", token.as_str())).chain(fields.iter().copied()).collect();
        self.post(path, &fields).await
    }

    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        head: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        let mut add = |name: &str, value: &str| text.push_str(&format!("{name}: {value}\r\n"));
        if !head.iter().any(|(name, _)| *name == "host") {
            add("host", &self.address.to_string());
        }
        for (name, value) in head {
            add(name, value);
        }
        for (name, value) in &self.headers {
            add(name, value);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            add("cookie", &pairs.join("; "));
        }
        if !body.is_empty() || method == "POST" {
            add("content-length", &body.len().to_string());
        }
        text.push_str("\r\n");
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        // The server may refuse a body before it is whole.
        let _ = stream.write_all(body).await;
        let mut octets = Vec::new();
        let _ = stream.read_to_end(&mut octets).await;
        let answer = parse(&octets);
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

pub(crate) fn parse(octets: &[u8]) -> Answer {
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
    let head = std::str::from_utf8(&octets[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = octets[end + 4..].to_vec();
    if headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked") {
        body = joined(&body);
    }
    Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
}

fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 2 + size + 2..];
    }
    body
}
