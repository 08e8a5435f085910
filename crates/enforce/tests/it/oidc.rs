//! Signing in through a provider of other people's making, in a real browser.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use reqwest::Client;
use serde_json::{Value, json};
use web::oidc::Settings;
use zeroize::Zeroizing;

use crate::driver::Window;
use crate::s3::pypi::environment;
use crate::support::Server;

/// As PyPI has it.
const PACKAGE: &str = "oidc-provider-mock==0.3.4";

struct Provider {
    process: Child,
    issuer: String,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Provider {
    /// None if it cannot be had and such tests may be left out.
    async fn start() -> Option<Self> {
        let program = tokio::task::spawn_blocking(|| environment(PACKAGE))
            .await
            .unwrap()?
            .join("bin/oidc-provider-mock");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(program)
            .args(["--require-nonce", "true", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let provider = Self { process, issuer: format!("http://127.0.0.1:{port}") };
        for _ in 0..300 {
            if client().get(format!("{}/jwks", provider.issuer)).send().await.is_ok() {
                return Some(provider);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the provider does not answer");
    }

    /// What it says of somebody from now on.
    async fn says(&self, subject: &str, claims: Value) {
        let request = client().put(format!("{}/users/{subject}", self.issuer)).json(&claims);
        assert_eq!(request.send().await.unwrap().status(), 204);
    }

    /// A client of its own, and a server that knows it.
    async fn server(&self) -> Server {
        let server = Server::start().await;
        let back = format!("{}/sign-in/oidc/done", server.base());
        let wanted = json!({"redirect_uris": [back], "token_endpoint_auth_method": "client_secret_basic"});
        let made =
            client().post(format!("{}/oauth2/clients", self.issuer)).json(&wanted).send().await.unwrap();
        let made: Value = made.json().await.unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let roles = [("dlp-reviewers", "Reviewer"), ("dlp-admins", "Administrator")];
        let settings = Settings {
            name: "Company sign-on".to_owned(),
            issuer: self.issuer.clone(),
            client_id: text("client_id"),
            client_secret: Some(Zeroizing::new(text("client_secret"))),
            console_url: String::new(),
            scopes: vec!["profile".to_owned(), "email".to_owned()],
            name_claim: "preferred_username".to_owned(),
            role_claim: "groups".to_owned(),
            roles: roles.map(|(value, role)| (value.to_owned(), role.to_owned())).into(),
            authority: String::new(),
        };
        let listen = server.running.address.to_string();
        server
            .restart_with(|options| {
                options.listen = listen;
                options.single_sign_on = Some(settings);
            })
            .await
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// Signs in at the provider as somebody, from this console's page.
async fn sign_in(window: &Window, server: &Server, subject: &str) {
    window.go(&format!("{}/summary", server.base())).await;
    window.until("return location.pathname === '/sign-in'").await;
    window.click("main a.button").await;
    window.until("return document.querySelector('[name=sub]') !== null").await;
    window.keys("[name=sub]", subject).await;
    window.click("form button").await;
}

async fn sign_out(window: &Window) {
    window.click(".account summary").await;
    window.click(".account form[action='/sign-out'] button").await;
    window.until("return location.pathname === '/sign-in'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_real_provider_sign_in_with_a_browser_and_their_roles_follow_it() {
    let Some(provider) = Provider::start().await else { return };
    let Some(window) = Window::open(1366, "light").await else { return };
    let server = provider.server().await;
    let rita = json!({"preferred_username": "rita", "name": "Rita Roe", "groups": ["all", "dlp-reviewers"]});
    provider.says("r-1", rita).await;
    window.go(&format!("{}/sign-in", server.base())).await;
    window.picture("sign-in-oidc").await;
    let barriers = window.barriers("/sign-in").await;
    assert!(barriers.is_empty(), "{barriers:#?}");
    sign_in(&window, &server, "r-1").await;
    window.until("return location.pathname === '/summary'").await;
    window.until("return document.querySelector('.account small').textContent === 'Reviewer'").await;
    assert_eq!(window.run("return document.cookie").await, json!(""), "no script gets at a cookie");
    let complaints = window.complaints().await;
    assert!(complaints.iter().all(|line| !line.contains(&server.base())), "{complaints:#?}");
    sign_out(&window).await;
    provider.says("r-1", json!({"preferred_username": "rita", "groups": ["dlp-admins"]})).await;
    sign_in(&window, &server, "r-1").await;
    window.until("return document.querySelector('.account small').textContent === 'Administrator'").await;
    window.go(&format!("{}/users", server.base())).await;
    window.until("return document.body.innerText.includes('from OIDC')").await;
    sign_out(&window).await;
    provider.says("n-1", json!({"preferred_username": "nora", "groups": ["all"]})).await;
    sign_in(&window, &server, "n-1").await;
    window
        .until("return document.body.innerText.includes('none of your groups or roles there counts here')")
        .await;
    let people = server.enforce().site.people();
    assert!(people.user_named("oidc/nora").await.unwrap().is_none());
    let user = people.user_named("oidc/rita").await.unwrap().unwrap();
    assert_eq!(user.roles.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["Administrator"]);
}
