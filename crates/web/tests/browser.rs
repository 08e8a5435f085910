//! The shared pages in a real browser: what scripts and styles add works, and nothing on any page is refused by our own policy.

#![allow(clippy::unwrap_used)]

#[path = "support/driver.rs"]
mod driver;
mod support;

use driver::Window;
use serde_json::json;
use support::{Console, PASSWORD, console};

const PAGES: &[&str] = &[
    "/incidents",
    "/users",
    "/users/new",
    "/roles",
    "/roles/new",
    "/account",
    "/account/password",
    "/account/second-factor",
    "/audit",
];

async fn ready() -> Console {
    let console = console().await;
    console.user("root", &["Administrator", "Reviewer"]).await;
    for number in 0..30 {
        let actor =
            web::audit::Actor { who: "jane".into(), role: "Reviewer".into(), peer: "192.0.2.1".into() };
        let detail = "a".repeat(300) + support::HOSTILE;
        console.site.audit().add(&actor, "LOOKED", &format!("incident {number}"), &detail).await.unwrap();
    }
    console
}

async fn sign_in(window: &Window, console: &Console) {
    window.go(&format!("http://{}/audit", console.address)).await;
    window.keys("[name=name]", "root").await;
    window.keys("[name=password]", PASSWORD).await;
    window.click("main button").await;
    window.until("return location.pathname === '/audit'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_choose_a_role_and_sign_out_with_the_menu() {
    let console = ready().await;
    let Some(window) = Window::open(1366, "light").await else { return };
    sign_in(&window, &console).await;
    window.until("return document.querySelectorAll('time[data-local]').length === 0").await;
    window.click(".account summary").await;
    window.click(".account [name=role]:not(.current)").await;
    window.until("return document.querySelector('.account small').textContent === 'Reviewer'").await;
    window.until("return document.querySelector('h1').textContent === 'Not allowed'").await;
    window.click(".account summary").await;
    window.click(".account form[action='/sign-out'] button").await;
    window.until("return location.pathname === '/sign-in'").await;
    window.go(&format!("http://{}/users", console.address)).await;
    window.until("return location.pathname === '/sign-in'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_refused_by_our_own_policy_wider_than_a_phone_or_shuts_anybody_out() {
    let console = ready().await;
    let mut barriers = Vec::new();
    for (width, scheme) in [(1366, "light"), (1366, "dark"), (375, "light"), (375, "dark")] {
        let Some(window) = Window::open(width, scheme).await else { return };
        window.go(&format!("http://{}/sign-in", console.address)).await;
        let place = format!("/sign-in at {width} {scheme}");
        barriers.extend(window.barriers(&place).await);
        // The checker sees what is there: it must find what was never there.
        window.run("document.querySelector('label').remove()").await;
        let found = window.barriers(&place).await;
        assert!(found.is_empty() == driver::axe().is_none(), "{found:?}");
        window.go(&format!("http://{}/sign-in", console.address)).await;
        sign_in(&window, &console).await;
        for path in PAGES {
            window.go(&format!("http://{}{path}", console.address)).await;
            let wide = window.run("return document.documentElement.scrollWidth").await;
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{path} at {width}: {wide}");
            let styled = window.run("return getComputedStyle(document.querySelector('.top')).display").await;
            assert_eq!(styled, json!("flex"), "{path}");
            assert_eq!(window.complaints().await, Vec::<String>::new(), "{path} at {width} {scheme}");
            barriers.extend(window.barriers(&format!("{path} at {width} {scheme}")).await);
            window.picture(&format!("shared{}-{width}-{scheme}", path.replace('/', "-"))).await;
        }
    }
    assert_eq!(barriers, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn light_and_dark_follow_the_system_until_somebody_chooses() {
    let console = ready().await;
    let Some(window) = Window::open(1366, "dark").await else { return };
    let ground = "return getComputedStyle(document.body).backgroundColor";
    window.go(&format!("http://{}/sign-in", console.address)).await;
    let dark = window.run(ground).await;
    window.click(".themes .to-light").await;
    window.until("return document.documentElement.dataset.theme === 'light'").await;
    assert_ne!(window.run(ground).await, dark);
    window.click(".themes .to-dark").await;
    window.until("return document.documentElement.dataset.theme === 'dark'").await;
    assert_eq!(window.run(ground).await, dark);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_reach_the_search_and_the_menu_closes() {
    let console = ready().await;
    let Some(window) = Window::open(1366, "light").await else { return };
    sign_in(&window, &console).await;
    window.keys("body", "/").await;
    window.until("return document.activeElement.name === 'q'").await;
    window.click(".account summary").await;
    window.until("return document.querySelector('.account').open").await;
    window.keys(".account summary", "\u{e00c}").await;
    window.until("return !document.querySelector('.account').open").await;
    // Whoever does not want single keys switches them off, and finds there which there are.
    window.click(".account summary").await;
    window.click(".account a[href='/account#keys']").await;
    window
        .until("return location.pathname === '/account' && document.querySelector('[data-keys]').checked")
        .await;
    let slash = async || {
        window.go(&format!("http://{}/audit", console.address)).await;
        window.keys("body", "/").await;
        window.run("return document.activeElement.name ?? ''").await
    };
    window.click("[data-keys]").await;
    assert_eq!(slash().await, json!(""), "they are off");
    window.go(&format!("http://{}/account", console.address)).await;
    window.until("return !document.querySelector('[data-keys]').checked").await;
    window.click("[data-keys]").await;
    assert_eq!(slash().await, json!("q"), "they are on again");
    // The first stop of the keyboard leads past the navigation.
    window.go(&format!("http://{}/users", console.address)).await;
    window.keys("body", "\u{e004}").await;
    window.until("return document.activeElement.className === 'skip'").await;
}
