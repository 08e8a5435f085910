//! People of an OpenID Connect provider: who comes in, as whom, and every way in which an answer can be wrong. The provider is one
//! of the test's own, which is strict where providers are, and lies where it is told to; a real one is asked in Enforce's tests.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use support::{Answer, Browser, Console, PASSWORD, console_changed};
use tokio_util::sync::CancellationToken;
use web::listen::{Transport, listen};
use web::oidc::{Settings, SingleSignOn};
use zeroize::Zeroizing;

const CLIENT: &str = "weir console";
const SECRET: &str = "a secret: with / and %";
const CONSOLE: &str = "https://console.example";

/// What the provider does that it should not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lie {
    None,
    /// Signs by a key of nobody's, under the name of its own.
    OtherKey,
    /// Names a key that it does not have.
    UnknownKey,
    /// Does not sign at all.
    Unsigned,
    /// Signs by the client's secret.
    SharedSecret,
    /// Signs by its own public key, as if that were a secret.
    PublicKeyAsSecret,
    /// Changes what it has signed.
    Altered,
    /// Takes a code twice.
    TakesCodesTwice,
    /// Answers with this status and nothing.
    Status(u16),
    /// Answers without an end, nearly.
    Endless,
    /// Sends what is no token.
    NoToken,
}

struct Issued {
    nonce: String,
    challenge: String,
    redirect: String,
}

struct Inner {
    issuer: String,
    key: KeyPair,
    lie: Lie,
    /// What it says of whoever signs in.
    claims: Map<String, Value>,
    /// What it tells beside the token; nothing if none.
    more: Option<Value>,
    codes: BTreeMap<String, Issued>,
    document: Map<String, Value>,
    asked_keys: usize,
}

type Shared = Arc<Mutex<Inner>>;

struct Provider {
    inner: Shared,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Provider {
    async fn start() -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            issuer: String::new(),
            key: KeyPair::generate().unwrap(),
            lie: Lie::None,
            claims: Map::new(),
            more: None,
            codes: BTreeMap::new(),
            document: Map::new(),
            asked_keys: 0,
        }));
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/more", get(more))
            .with_state(inner.clone());
        let stop = CancellationToken::new();
        let listening = listen("127.0.0.1:0", Transport::Plain, 50, app, stop.clone()).await.unwrap();
        inner.lock().unwrap().issuer = format!("http://{}", listening.address);
        let provider = Self { inner, address: listening.address, stop };
        provider.says(
            "4711",
            json!({"preferred_username": "jane", "name": "Jane Doe", "groups": ["dlp", "other"]}),
        );
        provider
    }

    fn settings(&self) -> Settings {
        let roles = [("dlp", "Reviewer"), ("bosses", "Administrator"), ("lost", "No such role")];
        Settings {
            name: "Company sign-on".to_owned(),
            issuer: format!("http://{}", self.address),
            client_id: CLIENT.to_owned(),
            client_secret: Some(Zeroizing::new(SECRET.to_owned())),
            console_url: CONSOLE.to_owned(),
            scopes: vec!["profile".to_owned()],
            name_claim: "preferred_username".to_owned(),
            role_claim: "groups".to_owned(),
            roles: roles.map(|(value, role)| (value.to_owned(), role.to_owned())).into(),
            authority: String::new(),
        }
    }

    async fn console(&self) -> Console {
        self.console_with(|_| {}).await
    }

    async fn console_with(&self, change: impl FnOnce(&mut Settings)) -> Console {
        let mut settings = self.settings();
        change(&mut settings);
        let provider = Arc::new(SingleSignOn::new(settings).unwrap());
        console_changed(None, |options| options.single_sign_on = Some(provider)).await
    }

    /// Who signs in from now on, and what is said of them.
    fn says(&self, subject: &str, mut claims: Value) {
        claims["sub"] = json!(subject);
        self.inner.lock().unwrap().claims = claims.as_object().unwrap().clone();
    }

    /// Says this too, or instead.
    fn says_too(&self, claims: Value) {
        self.inner.lock().unwrap().claims.extend(claims.as_object().unwrap().clone());
    }

    fn lies(&self, lie: Lie) {
        self.inner.lock().unwrap().lie = lie;
    }

    /// Somebody came with this address and proved to the provider who they are: where it sends them back to.
    fn passes(&self, address: &str) -> String {
        let asked = reqwest::Url::parse(address).unwrap();
        let asked: BTreeMap<String, String> = asked.query_pairs().into_owned().collect();
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
        assert_eq!(
            (asked["scope"].as_str(), asked["code_challenge_method"].as_str()),
            ("openid profile", "S256")
        );
        assert_eq!(asked["redirect_uri"], format!("{CONSOLE}/sign-in/oidc/done"));
        let mut inner = self.inner.lock().unwrap();
        let code = format!("code-{}", inner.codes.len());
        let issued = Issued {
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
            redirect: asked["redirect_uri"].clone(),
        };
        inner.codes.insert(code.clone(), issued);
        format!("/sign-in/oidc/done?code={code}&state={}", asked["state"])
    }
}

async fn document(State(shared): State<Shared>) -> Json<Value> {
    let inner = shared.lock().unwrap();
    let issuer = &inner.issuer;
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/more"),
        "jwks_uri": format!("{issuer}/keys"),
    });
    document.as_object_mut().unwrap().extend(inner.document.clone());
    Json(document)
}

async fn keys(State(shared): State<Shared>) -> Json<Value> {
    let mut inner = shared.lock().unwrap();
    inner.asked_keys += 1;
    let raw = inner.key.public_key_raw();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&raw[1..33]), URL_SAFE_NO_PAD.encode(&raw[33..65]));
    Json(json!({"keys": [
        {"kty": "new", "kid": "a kind that nobody knows yet"},
        {"kty": "EC", "crv": "P-256", "kid": "k1", "use": "enc", "x": x, "y": y},
        {"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256", "x": x, "y": y},
    ]}))
}

async fn token(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(asked): Form<BTreeMap<String, String>>,
) -> Response {
    let refused = |why: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response();
    let mut inner = shared.lock().unwrap();
    // RFC 6749, 2.3.1: both encoded like a form's fields.
    let basic = format!("{}:{}", web::pages::encoded(CLIENT), web::pages::encoded(SECRET));
    if headers["authorization"] != format!("Basic {}", STANDARD.encode(basic)) {
        return refused("invalid_client");
    }
    let Some(issued) = inner.codes.get(&asked["code"]) else { return refused("invalid_grant") };
    let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(&asked["code_verifier"]));
    if proof != issued.challenge || asked["redirect_uri"] != issued.redirect {
        return refused("invalid_grant");
    }
    let now = jiff::Timestamp::now().as_second();
    let mut claims =
        json!({"iss": inner.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": issued.nonce});
    let said = claims.as_object_mut().unwrap();
    said.extend(inner.claims.clone());
    said.retain(|_, value| !value.is_null());
    let lie = inner.lie;
    if lie != Lie::TakesCodesTwice {
        inner.codes.remove(&asked["code"]);
    }
    match lie {
        Lie::Status(status) => return StatusCode::from_u16(status).unwrap().into_response(),
        Lie::Endless => return " ".repeat(2 << 20).into_response(),
        _ => {}
    }
    Json(json!({"id_token": signed(&inner, &claims), "access_token": "the access", "token_type": "Bearer"}))
        .into_response()
}

fn signed(inner: &Inner, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(if inner.lie == Lie::UnknownKey { "k2" } else { "k1" }.to_owned());
    let by = |key: &KeyPair| {
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(&key.serialize_der())).unwrap()
    };
    let by_secret = |secret: &[u8]| {
        let header = Header { alg: Algorithm::HS256, ..header.clone() };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    match inner.lie {
        Lie::OtherKey => by(&KeyPair::generate().unwrap()),
        Lie::Unsigned => {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            format!("{}.{}.", part(&json!({"alg": "none"})), part(claims))
        }
        Lie::SharedSecret => by_secret(SECRET.as_bytes()),
        Lie::PublicKeyAsSecret => by_secret(inner.key.public_key_raw()),
        Lie::Altered => {
            let token = by(&inner.key);
            let (head, signature) = (token.split('.').next().unwrap(), token.rsplit('.').next().unwrap());
            let mut claims = claims.clone();
            claims["groups"] = json!(["bosses", "dlp"]);
            format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()))
        }
        Lie::NoToken => "x".repeat(100_000),
        _ => by(&inner.key),
    }
}

async fn more(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    assert_eq!(headers["authorization"], "Bearer the access");
    match &shared.lock().unwrap().more {
        Some(more) => Json(more.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

// ---- people

/// Goes to the provider and as far as the way back.
async fn back(provider: &Provider, browser: &mut Browser, to: &str) -> String {
    let begun = browser.get(&format!("/sign-in/oidc?to={}", web::pages::encoded(to))).await;
    assert_eq!(begun.status, 303, "{}", begun.body);
    provider.passes(begun.header("location").unwrap())
}

async fn come_in(provider: &Provider, console: &Console) -> (Browser, Answer) {
    let mut browser = console.browser();
    let back = back(provider, &mut browser, "/incidents").await;
    let answer = browser.get(&back).await;
    (browser, answer)
}

async fn comes_in(provider: &Provider, console: &Console) -> Browser {
    let (browser, answer) = come_in(provider, console).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/incidents")), "{}", answer.body);
    browser
}

/// Nobody came in by this answer, and it says these words.
async fn is_shut_out(browser: &mut Browser, answer: &Answer, words: &str) {
    assert!(answer.status == 422 && answer.body.contains(words), "{words}: {}", answer.body);
    assert!(answer.body.contains("action=\"/sign-in\""), "the form for users of this server is there");
    assert!(!browser.cookies.contains_key("weir-test"), "no session");
    assert_eq!(browser.get("/incidents").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_with_a_group_that_counts_comes_in_as_a_user_of_the_provider() {
    let provider = Provider::start().await;
    let console = provider.console().await;
    console.user("jane", &["Administrator"]).await;
    let mut browser = console.browser();
    let page = browser.get("/sign-in?to=/incidents%3Fq%3Dx").await.body;
    assert!(page.contains("Sign in with Company sign-on"), "{page}");
    assert!(page.contains("href=\"/sign-in/oidc?to=/incidents%3Fq%3Dx\""), "{page}");
    let back = back(&provider, &mut browser, "/incidents?q=x").await;
    let answer = browser.get(&back).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/incidents?q=x")), "{}", answer.body);
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["weir-test"], "the round is over");
    assert_eq!(browser.get("/incidents").await.status, 200);
    assert_eq!(browser.get("/users").await.status, 403, "it is not the administrator of the same name");
    let account = browser.get("/account").await.body;
    for words in ["oidc/jane", "Jane Doe", "Reviewer", "kept there"] {
        assert!(account.contains(words), "{words}: {account}");
    }
    assert_eq!(console.actions().await, ["SIGNED_IN", "USER_ADDED"]);
    let mut admin = console.signed_in("jane").await;
    let (users, roles) = (admin.get("/users").await.body, admin.get("/roles").await.body);
    assert!(users.contains("from OIDC") && users.contains("as OIDC has it"), "{users}");
    for words in ["Users of OIDC", "Value of the claim groups", "bosses", "no such role"] {
        assert!(roles.contains(words), "{words}: {roles}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_round_is_kept_in_a_cookie_that_no_script_sees_and_the_provider_learns_no_secret() {
    let provider = Provider::start().await;
    let console = provider.console().await;
    let begun = console.browser().get("/sign-in/oidc").await;
    let cookie = begun.header("set-cookie").unwrap();
    assert!(cookie.starts_with("weir-test-round="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"), "{cookie}");
    let location = begun.header("location").unwrap();
    for secret in ["code_verifier", SECRET] {
        assert!(!location.contains(secret), "{location}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_group_that_counts_nobody_comes_in_and_no_user_is_made() {
    let provider = Provider::start().await;
    let console = provider.console().await;
    for groups in [
        json!([]),
        json!(["other", "DLP"]),
        json!(["lost"]),
        json!({"dlp": true}),
        json!(7),
        json!([["dlp"]]),
    ] {
        provider.says("4711", json!({"preferred_username": "jane", "groups": groups}));
        let (mut browser, answer) = come_in(&provider, &console).await;
        is_shut_out(&mut browser, &answer, "none of your groups or roles there counts here").await;
    }
    assert!(console.site.people().user_named("oidc/jane").await.unwrap().is_none());
    assert!(console.actions().await.iter().all(|action| action == "SIGN_IN_REFUSED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_follow_the_groups_at_each_sign_in() {
    let provider = Provider::start().await;
    let console = provider.console().await;
    console.user("root", &["Administrator"]).await;
    let mut first = comes_in(&provider, &console).await;
    provider.says_too(json!({"groups": "bosses"}));
    let mut second = comes_in(&provider, &console).await;
    assert_eq!(second.get("/users").await.status, 200);
    assert_eq!(first.get("/incidents").await.status, 303, "the session in the role that is gone is over");
    provider.says_too(json!({"groups": ["bosses", "dlp"]}));
    comes_in(&provider, &console).await;
    let user = console.site.people().user_named("oidc/jane").await.unwrap().unwrap();
    assert_eq!(user.roles.len(), 2);
    provider.says_too(json!({"groups": []}));
    let (mut browser, answer) = come_in(&provider, &console).await;
    is_shut_out(&mut browser, &answer, "none of your groups or roles there counts here").await;
    assert_eq!(second.get("/users").await.status, 303, "who has no role any more is out everywhere");
    let changed = console.actions().await.into_iter().filter(|action| action == "USER_CHANGED").count();
    assert_eq!(changed, 3, "each change of roles is in the audit log");
    let root = console.site.people().user_named("root").await.unwrap().unwrap();
    assert!(
        console.site.people().disable(root.id, true).await.is_err(),
        "the provider's people are no last administrator"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_known_by_their_subject_and_not_by_a_name_that_others_can_take() {
    let provider = Provider::start().await;
    let console = provider.console().await;
    comes_in(&provider, &console).await;
    let people = console.site.people();
    let jane = people.user_named("oidc/jane").await.unwrap().unwrap();
    // Married: still the same user, under the name that histories know.
    provider.says("4711", json!({"preferred_username": "jane.roe", "name": "Jane Roe", "groups": ["dlp"]}));
    comes_in(&provider, &console).await;
    let again = people.user(jane.id).await.unwrap().unwrap();
    assert_eq!((again.name.as_str(), again.full_name.as_str()), ("oidc/jane", "Jane Roe"));
    // Somebody else who got her old name is somebody else, whatever its case.
    provider.says("4712", json!({"preferred_username": "JANE", "groups": ["bosses"]}));
    comes_in(&provider, &console).await;
    let other = people.user_named("oidc/jane-2").await.unwrap().unwrap();
    assert_ne!(other.id, jane.id);
    assert_eq!(people.user(jane.id).await.unwrap().unwrap().roles[0].1, "Reviewer");
    // Names that would not do are made to, or refused.
    for (subject, name, here) in [
        ("1", "a b:c/d\\e", "oidc/a-b-c-d-e"),
        ("2", "  ", "oidc/2"),
        ("3", "x@y.example", "oidc/x@y.example"),
    ] {
        provider.says(subject, json!({"preferred_username": name, "groups": ["dlp"]}));
        comes_in(&provider, &console).await;
        assert!(people.user_named(here).await.unwrap().is_some(), "{here}");
    }
    provider.says("5", json!({"preferred_username": "a\u{202e}b", "groups": ["dlp"]}));
    let (mut browser, answer) = come_in(&provider, &console).await;
    is_shut_out(&mut browser, &answer, "cannot be taken").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_the_provider_has_nothing_secret_here_and_can_be_shut_out() {
    let provider = Provider::start().await;
    let console = provider.console().await;
    console.user("root", &["Administrator"]).await;
    let mut jane = comes_in(&provider, &console).await;
    let local = [("name", "oidc/jane"), ("password", PASSWORD)];
    assert_eq!(console.browser().post("/sign-in", &local).await.status, 422);
    assert_eq!(jane.get("/account/password").await.status, 403);
    let token =
        jane.submit("/account", "/account/tokens", &[("name", "x"), ("role", "1"), ("days", "")]).await;
    assert_eq!(token.status, 403);
    let id = console.site.people().user_named("oidc/jane").await.unwrap().unwrap().id;
    let mut root = console.signed_in("root").await;
    let page = format!("/users/{id}");
    assert_eq!(root.submit(&page, &format!("{page}/password"), &[]).await.status, 422);
    let roles = [("role", "1"), ("full_name", "Somebody")];
    assert_eq!(root.submit(&page, &page, &roles).await.status, 303);
    let same = console.site.people().user(id).await.unwrap().unwrap();
    assert_eq!(
        (same.roles[0].1.as_str(), same.full_name.as_str()),
        ("Reviewer", "Jane Doe"),
        "roles come from there alone"
    );
    assert_eq!(root.submit(&page, &page, &[("disabled", "on")]).await.status, 303);
    assert_eq!(jane.get("/incidents").await.status, 303);
    let (mut browser, answer) = come_in(&provider, &console).await;
    is_shut_out(&mut browser, &answer, "you are shut out here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_are_not_in_the_token_are_asked_for() {
    let provider = Provider::start().await;
    let console =
        provider.console_with(|settings| settings.role_claim = "realm_access.roles".to_owned()).await;
    let more = |subject: &str| {
        let more =
            json!({"sub": subject, "realm_access": {"roles": ["dlp"]}, "preferred_username": "mallory"});
        provider.inner.lock().unwrap().more = Some(more);
    };
    more("another");
    let (mut browser, answer) = come_in(&provider, &console).await;
    is_shut_out(&mut browser, &answer, "cannot be taken").await;
    more("4711");
    comes_in(&provider, &console).await;
    assert!(
        console.site.people().user_named("oidc/jane").await.unwrap().is_some(),
        "what is signed counts first"
    );
}

// ---- answers that are wrong

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_signed_for_us_just_now_lets_nobody_in() {
    let provider = Provider::start().await;
    let console = provider.console().await;
    let now = jiff::Timestamp::now().as_second();
    let wrong = [
        json!({"nonce": "another round's"}),
        json!({"nonce": null}),
        json!({"aud": "another client"}),
        json!({"aud": null}),
        json!({"aud": [CLIENT, "another client"]}),
        json!({"aud": [CLIENT, "another client"], "azp": "another client"}),
        json!({"azp": "another client"}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": null}),
        json!({"exp": now - 120}),
        json!({"exp": null}),
        json!({"exp": "never"}),
        json!({"nbf": now + 600}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": 4711}),
        json!({"sub": "x".repeat(256)}),
    ];
    for claims in wrong {
        provider.says("4711", json!({"preferred_username": "jane", "groups": ["bosses"]}));
        provider.says_too(claims.clone());
        let (mut browser, answer) = come_in(&provider, &console).await;
        println!("{claims}");
        is_shut_out(&mut browser, &answer, "cannot be taken").await;
        console.hand.turn(10);
    }
    provider.says("4711", json!({"preferred_username": "jane", "groups": ["bosses"]}));
    let lies = [
        Lie::OtherKey,
        Lie::UnknownKey,
        Lie::Unsigned,
        Lie::SharedSecret,
        Lie::PublicKeyAsSecret,
        Lie::Altered,
        Lie::Endless,
        Lie::NoToken,
        Lie::Status(204),
        Lie::Status(302),
        Lie::Status(401),
    ];
    for lie in lies {
        provider.lies(lie);
        let (mut browser, answer) = come_in(&provider, &console).await;
        println!("{lie:?}");
        is_shut_out(&mut browser, &answer, "cannot be taken").await;
        console.hand.turn(10);
    }
    assert!(console.site.people().user_named("oidc/jane").await.unwrap().is_none());
    assert!(console.actions().await.iter().all(|action| action == "SIGN_IN_REFUSED"));
    assert!(
        provider.inner.lock().unwrap().asked_keys <= 2,
        "tokens of nobody's do not make us ask for keys all the time"
    );
    provider.lies(Lie::None);
    comes_in(&provider, &console).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_once_in_the_browser_that_asked_and_for_ten_minutes() {
    let provider = Provider::start().await;
    let console = provider.console().await;
    let stale = "Begin it once more";
    // A stranger's answer in somebody's browser, with and without a round of its own.
    let mut stranger = console.browser();
    let planted = back(&provider, &mut stranger, "").await;
    let mut victim = console.browser();
    let answer = victim.get(&planted).await;
    is_shut_out(&mut victim, &answer, stale).await;
    back(&provider, &mut victim, "").await;
    let answer = victim.get(&planted).await;
    is_shut_out(&mut victim, &answer, stale).await;
    // A code that was made for another round.
    let mut own = console.browser();
    let own_back = back(&provider, &mut own, "").await;
    let mixed =
        format!("{}&state={}", planted.split('&').next().unwrap(), own_back.rsplit("state=").next().unwrap());
    let answer = own.get(&mixed).await;
    is_shut_out(&mut own, &answer, stale).await;
    // Twice, by somebody who got hold of address and cookie.
    for lie in [Lie::None, Lie::TakesCodesTwice] {
        provider.lies(lie);
        let mut browser = console.browser();
        let back = back(&provider, &mut browser, "").await;
        let mut thief = console.browser();
        thief.cookies = browser.cookies.clone();
        assert_eq!(browser.get(&back).await.status, 303);
        assert_eq!(browser.get("/incidents").await.status, 200);
        let answer = thief.get(&back).await;
        is_shut_out(&mut thief, &answer, stale).await;
    }
    // Too late, or with a cookie that was tampered with.
    let mut browser = console.browser();
    let way = back(&provider, &mut browser, "").await;
    let kept = browser.cookies["weir-test-round"].clone();
    console.hand.turn(601);
    let answer = browser.get(&way).await;
    is_shut_out(&mut browser, &answer, stale).await;
    browser.cookies.insert("weir-test-round".to_owned(), format!("A{}", &kept[1..]));
    let answer = browser.get(&way).await;
    is_shut_out(&mut browser, &answer, stale).await;
    for address in
        ["/sign-in/oidc/done", "/sign-in/oidc/done?code=&state=", "/sign-in/oidc/done?state=x&error=y"]
    {
        let answer = browser.get(address).await;
        is_shut_out(&mut browser, &answer, stale).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_issuer_is_not_taken_and_a_refusal_is_told() {
    let provider = Provider::start().await;
    let console = provider.console().await;
    let mut browser = console.browser();
    let way = back(&provider, &mut browser, "").await;
    let answer = browser.get(&format!("{way}&iss=https://evil.example")).await;
    is_shut_out(&mut browser, &answer, "cannot be taken").await;
    let way = back(&provider, &mut browser, "").await;
    let state = way.rsplit("state=").next().unwrap();
    let evil = "access_denied%0d%0a%3Cscript%3Ealert(1)%3C/script%3E";
    let denied = format!("/sign-in/oidc/done?state={state}&error={evil}&error_description={evil}");
    let answer = browser.get(&denied).await;
    is_shut_out(&mut browser, &answer, "Company sign-on did not let you in").await;
    assert!(!answer.body.contains("alert(1)"), "{}", answer.body);
    // One that says that it always names itself must.
    provider.inner.lock().unwrap().document =
        json!({"authorization_response_iss_parameter_supported": true}).as_object().unwrap().clone();
    let console = provider.console().await;
    let (mut browser, answer) = come_in(&provider, &console).await;
    is_shut_out(&mut browser, &answer, "cannot be taken").await;
    let mut browser = console.browser();
    let way = back(&provider, &mut browser, "").await;
    let answer = browser.get(&format!("{way}&iss=http://{}", provider.address)).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_leads_nowhere_else() {
    let provider = Provider::start().await;
    let console = provider.console().await;
    for to in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        &"/x".repeat(5_000),
    ] {
        let mut browser = console.browser();
        let way = back(&provider, &mut browser, to).await;
        let answer = browser.get(&way).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/incidents")), "{to}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_provider_is_away_that_is_said_and_users_of_this_server_come_in() {
    let provider = Provider::start().await;
    let console = provider.console().await;
    console.user("local", &["Reviewer"]).await;
    provider.lies(Lie::Status(503));
    let (mut browser, answer) = come_in(&provider, &console).await;
    is_shut_out(&mut browser, &answer, "Company sign-on cannot be asked at the moment").await;
    for _ in 0..25 {
        assert_eq!(
            come_in(&provider, &console).await.1.status,
            422,
            "that it is away is no attempt of anybody's"
        );
    }
    provider.lies(Lie::None);
    let mut jane = comes_in(&provider, &console).await;
    let away = Provider::start().await;
    let settings = away.settings();
    drop(away);
    let gone = Arc::new(SingleSignOn::new(settings).unwrap());
    let other = console_changed(None, |options| options.single_sign_on = Some(gone)).await;
    other.user("local", &["Reviewer"]).await;
    let mut browser = other.browser();
    let answer = browser.get("/sign-in/oidc?to=/incidents").await;
    is_shut_out(&mut browser, &answer, "Company sign-on cannot be asked at the moment").await;
    other.signed_in("local").await;
    assert_eq!(jane.get("/incidents").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_says_of_itself_what_cannot_be_is_not_asked() {
    let provider = Provider::start().await;
    for document in [
        json!({"issuer": "https://evil.example"}),
        json!({"token_endpoint": "http://192.0.2.1/token"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
        json!({"jwks_uri": "file:///etc/passwd"}),
        json!({"userinfo_endpoint": "https://user:secret@evil.example/"}),
        json!({"code_challenge_methods_supported": ["plain"]}),
        json!({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}),
    ] {
        provider.inner.lock().unwrap().document = document.as_object().unwrap().clone();
        let console = provider.console().await;
        let mut browser = console.browser();
        let answer = browser.get("/sign-in/oidc").await;
        println!("{document}");
        is_shut_out(&mut browser, &answer, "cannot be taken").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_work_are_refused_and_without_any_there_is_no_such_way() {
    let provider = Provider::start().await;
    let refused = |change: &dyn Fn(&mut Settings)| {
        let mut settings = provider.settings();
        change(&mut settings);
        SingleSignOn::new(settings).unwrap_err().to_string()
    };
    for issuer in [
        "",
        "accounts.example",
        "http://accounts.example",
        "ftp://127.0.0.1/",
        "https://u:p@accounts.example",
    ] {
        assert!(refused(&|settings| issuer.clone_into(&mut settings.issuer)).contains("issuer"), "{issuer}");
    }
    assert!(refused(&|settings| settings.client_id.clear()).contains("client_id"));
    assert!(refused(&|settings| settings.roles.clear()).contains("role"));
    assert!(refused(&|settings| settings.authority = "no certificate".to_owned()).contains("authorities"));
    assert!(!format!("{:?}", provider.settings()).contains("a secret"));
    let console = support::console().await;
    assert!(!console.browser().get("/sign-in").await.body.contains("/sign-in/oidc"));
    assert_eq!(console.browser().get("/sign-in/oidc").await.status, 404);
    assert_eq!(console.browser().get("/sign-in/oidc/done?code=x&state=y").await.status, 404);
}
