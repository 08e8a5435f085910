//! Who gets in and who does not: real requests to a real port.

#![allow(clippy::unwrap_used)]

mod support;

use support::{PASSWORD, console};
use web::people::{Password, SecondFactor};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_a_page_without_signing_in_and_everybody_finds_the_way_back() {
    let console = console().await;
    console.user("jane", &["Reviewer"]).await;
    let mut browser = console.browser();
    let sent_away = browser.get("/incidents?status=New&q=a%20b").await;
    assert_eq!(sent_away.status, 303);
    let to = sent_away.header("location").unwrap().to_owned();
    assert_eq!(to, "/sign-in?to=/incidents%3Fstatus%3DNew%26q%3Da%2520b");
    let page = browser.get(&to).await;
    assert!(page.body.contains("name=\"to\" value=\"/incidents?status=New&#38;q=a%20b\""), "{}", page.body);
    let fields = [("name", "JANE"), ("password", PASSWORD), ("to", "/incidents?status=New&q=a%20b")];
    let answer = browser.post("/sign-in", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/incidents?status=New&q=a%20b")));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("weir-test=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    assert_eq!(browser.get("/incidents").await.status, 200);
    assert_eq!(console.actions().await, ["SIGNED_IN"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_does_not_tell_what_was_wrong() {
    let console = console().await;
    let id = console.user("jane", &["Reviewer"]).await;
    console.user("admin", &["Administrator"]).await;
    let mut bodies = Vec::new();
    for (name, password) in [("jane", "not her password"), ("nobody", PASSWORD), ("jane", "")] {
        let answer = console.browser().post("/sign-in", &[("name", name), ("password", password)]).await;
        assert_eq!(answer.status, 422);
        bodies.push(answer.body.replace(&format!("value=\"{name}\""), ""));
    }
    console.site.people().disable(id, true).await.unwrap();
    let answer = console.browser().post("/sign-in", &[("name", "jane"), ("password", PASSWORD)]).await;
    bodies.push(answer.body.replace("value=\"jane\"", ""));
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_locks_the_name_for_a_growing_time_and_not_for_ever() {
    let console = console().await;
    console.user("jane", &["Reviewer"]).await;
    for _ in 0..5 {
        console.browser().post("/sign-in", &[("name", "jane"), ("password", "guess")]).await;
    }
    let right = [("name", "jane"), ("password", PASSWORD)];
    assert_eq!(console.browser().post("/sign-in", &right).await.status, 422, "locked");
    console.hand.turn(31);
    console.browser().post("/sign-in", &[("name", "jane"), ("password", "guess")]).await;
    console.hand.turn(31);
    assert_eq!(console.browser().post("/sign-in", &right).await.status, 422, "locked for twice the time");
    console.hand.turn(30);
    assert_eq!(console.browser().post("/sign-in", &right).await.status, 303);
    let refused = console.actions().await.into_iter().filter(|action| action == "SIGN_IN_REFUSED").count();
    assert_eq!(refused, 8, "each refusal is in the audit log");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_try_many_names() {
    let console = console().await;
    for number in 0..20 {
        let name = format!("name{number}");
        let answer = console.browser().post("/sign-in", &[("name", &name), ("password", "x")]).await;
        assert_eq!(answer.status, 422);
    }
    let answer = console.browser().post("/sign-in", &[("name", "other"), ("password", "x")]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("6")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_planted_is_of_no_use() {
    let console = console().await;
    console.user("jane", &["Reviewer"]).await;
    let mut browser = console.browser();
    let planted = "A".repeat(43);
    browser.cookies.insert("weir-test".into(), planted.clone());
    browser.post("/sign-in", &[("name", "jane"), ("password", PASSWORD)]).await;
    assert_ne!(browser.cookies["weir-test"], planted);
    let mut thief = console.browser();
    thief.cookies.insert("weir-test".into(), planted);
    assert_eq!(thief.get("/incidents").await.status, 303);
    // Signing in again ends the old session of the same browser.
    let old = browser.cookies["weir-test"].clone();
    browser.post("/sign-in", &[("name", "jane"), ("password", PASSWORD)]).await;
    thief.cookies.insert("weir-test".into(), old);
    assert_eq!(thief.get("/incidents").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_idly_absolutely_and_when_told() {
    let console = console().await;
    let id = console.user("jane", &["Reviewer"]).await;
    console.user("admin", &["Administrator"]).await;
    let mut browser = console.signed_in("jane").await;
    console.hand.turn(29 * 60);
    assert_eq!(browser.get("/incidents").await.status, 200);
    console.hand.turn(31 * 60);
    assert_eq!(browser.get("/incidents").await.status, 303, "idle for half an hour");
    let mut busy = console.signed_in("jane").await;
    for _ in 0..24 {
        assert_eq!(busy.get("/incidents").await.status, 200);
        console.hand.turn(25 * 60);
    }
    assert_eq!(busy.get("/incidents").await.status, 303, "ten hours old");
    let mut out = console.signed_in("jane").await;
    let mut copy = console.browser();
    copy.cookies = out.cookies.clone();
    assert_eq!(out.submit("/incidents", "/sign-out", &[]).await.status, 303);
    assert!(out.cookies.is_empty());
    assert_eq!(copy.get("/incidents").await.status, 303, "signed out is out, whoever has the cookie");
    let mut kept_out = console.signed_in("jane").await;
    console.site.people().disable(id, true).await.unwrap();
    assert_eq!(kept_out.get("/incidents").await.status, 303, "disabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_hashes_of_sessions_and_tokens_are_kept() {
    let console = console().await;
    let id = console.user("jane", &["API client"]).await;
    let browser = console.signed_in("jane").await;
    let role = console.role("API client").await;
    let token = console.site.people().make_token(id, role, "script", None).await.unwrap();
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(console.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            kept.extend(std::fs::read(path).unwrap());
        }
    }
    let has = |text: &str| kept.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("jane") && has("$argon2id$"));
    assert!(!has(&browser.cookies["weir-test"]) && !has(&token.text) && !has(PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_factor_takes_a_code_once() {
    let console = console().await;
    let id = console.user("jane", &["Reviewer"]).await;
    let factor = SecondFactor::fresh().unwrap();
    let now = || console.hand.seconds();
    console.site.people().set_second_factor(id, &factor, &factor.code(now())).await.unwrap();
    let mut browser = console.browser();
    let asked = browser.post("/sign-in", &[("name", "jane"), ("password", PASSWORD)]).await;
    assert_eq!(asked.status, 200);
    assert!(browser.cookies.is_empty(), "half signed in is not in");
    let at = asked.body.find("name=\"ticket\" value=\"").unwrap() + 21;
    let ticket = asked.body[at..].split('"').next().unwrap();
    let used = factor.code(now());
    let answer = browser.post("/sign-in", &[("ticket", ticket), ("code", &used)]).await;
    assert_eq!(answer.status, 422, "this code was used to set it up");
    console.hand.turn(60);
    let code = factor.code(now());
    assert_eq!(browser.post("/sign-in", &[("ticket", ticket), ("code", &code)]).await.status, 303);
    assert_eq!(browser.get("/incidents").await.status, 200);
    let again = console.browser().post("/sign-in", &[("ticket", ticket), ("code", &code)]).await;
    assert_eq!(again.status, 422, "overheard, and too late");
    console.hand.turn(301);
    let code = factor.code(now());
    let answer = console.browser().post("/sign-in", &[("ticket", ticket), ("code", &code)]).await;
    assert_eq!(answer.status, 422, "the ticket is old");
    let answer = console.browser().post("/sign-in", &[("ticket", "AAAA"), ("code", &code)]).await;
    assert_eq!(answer.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_must_choose_a_password_before_anything_else() {
    let console = console().await;
    let password = console.site.people().first_administrator().await.unwrap().unwrap();
    assert!(console.site.people().first_administrator().await.unwrap().is_none(), "made once");
    let mut browser = console.browser();
    let answer =
        browser.post("/sign-in", &[("name", "admin"), ("password", &password), ("to", "/users")]).await;
    assert_eq!(answer.header("location"), Some("/account/password"));
    for path in ["/incidents", "/users", "/account"] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/account/password")), "{path}");
    }
    let change = |new: &'static str, again: &'static str| {
        [("old", password.to_string()), ("new", new.to_owned()), ("again", again.to_owned())]
    };
    for (new, again, says) in [
        ("short", "short", "too short"),
        ("a new long password", "another long password", "differ"),
        ("administrator", "administrator", "guess first"),
    ] {
        let fields = change(new, again);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = browser.submit("/account/password", "/account/password", &fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains(says), "{}", answer.body);
    }
    let fields = change("a new long secret", "a new long secret");
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(browser.submit("/account/password", "/account/password", &fields).await.status, 303);
    assert_eq!(browser.get("/users").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_come_in_by_token_or_password_and_only_where_programs_belong() {
    let console = console().await;
    let id = console.user("robot", &["API client", "Reviewer"]).await;
    let role = console.role("API client").await;
    let people = console.site.people();
    let ends = console.site.clock().now().as_millisecond() + 60_000;
    let token = people.make_token(id, role, "connector", Some(ends)).await.unwrap();
    let bearer = format!("Bearer {}", *token.text);
    let basic = |pair: String| {
        use base64::Engine as _;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    };
    let ask = async |path: &str, authorization: &str| {
        console.browser().ask("GET", path, &[("authorization", authorization)], b"").await
    };
    assert_eq!(ask("/api/who", &bearer).await.body, "robot as API client");
    assert_eq!(ask("/api/who", &basic(format!("robot:{}", *token.text))).await.body, "robot as API client");
    assert_eq!(ask("/api/who", &basic(format!("robot:{PASSWORD}"))).await.body, "robot as API client");
    // The role can be named, as the product's clients do.
    let answer = ask("/api/who", &basic(format!("Reviewer\\robot:{PASSWORD}"))).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("\"detail\":\"The role Reviewer lacks the privilege"), "{}", answer.body);
    let refused = ask("/api/who", "Bearer weir_AAAA").await;
    assert_eq!((refused.status, refused.header("content-type")), (401, Some("application/json")));
    assert!(refused.header("www-authenticate").unwrap().starts_with("Basic realm=\"Weir\""));
    assert_eq!(ask("/api/who", &basic("robot:wrong".into())).await.status, 401);
    assert_eq!(ask("/api/who", &basic(format!("jane:{}", *token.text))).await.status, 401, "another's token");
    assert_eq!(ask("/api/who", "Digest x").await.status, 400);
    assert_eq!(ask("/incidents", &bearer).await.status, 303, "people's pages take no token");
    console.hand.turn(61);
    assert_eq!(ask("/api/who", &bearer).await.status, 401, "ended");
    let token = people.make_token(id, role, "another", None).await.unwrap();
    let bearer = format!("Bearer {}", *token.text);
    assert_eq!(ask("/api/who", &bearer).await.status, 200);
    people.revoke_token(id, token.id).await.unwrap();
    assert_eq!(ask("/api/who", &bearer).await.status, 401, "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_right_lately_is_not_right_after_it_was_changed() {
    let console = console().await;
    let id = console.user("robot", &["API client"]).await;
    let people = console.site.people();
    let password = || Password::new(PASSWORD.into());
    assert!(people.by_password("robot", password()).await.unwrap().is_some());
    assert!(people.by_password("robot", password()).await.unwrap().is_some());
    people.set_password(id, Password::new("other words entirely".into()), false).await.unwrap();
    assert!(people.by_password("robot", password()).await.unwrap().is_none());
    let factor = SecondFactor::fresh().unwrap();
    let code = factor.code(console.hand.seconds());
    people.set_second_factor(id, &factor, &code).await.unwrap();
    let new = Password::new("other words entirely".into());
    assert!(
        people.by_password("robot", new).await.unwrap().is_none(),
        "with a second factor only tokens count"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_tells_of_programs_that_come_in_and_of_those_that_do_not_and_not_of_each_request() {
    let console = console().await;
    let id = console.user("robot", &["API client"]).await;
    let role = console.role("API client").await;
    let token = console.site.people().make_token(id, role, "connector", None).await.unwrap();
    let bearer = format!("Bearer {}", *token.text);
    let ask = async |authorization: &str| {
        console.browser().ask("GET", "/api/who", &[("authorization", authorization)], b"").await.status
    };
    for _ in 0..3 {
        assert_eq!(ask(&bearer).await, 200);
        assert_eq!(ask("Bearer weir_AAAA").await, 401);
    }
    let count = |actions: &[String], wanted: &str| actions.iter().filter(|one| *one == wanted).count();
    let actions = console.actions().await;
    assert_eq!(count(&actions, "API_SIGNED_IN"), 1, "{actions:?}");
    assert_eq!(count(&actions, "API_SIGN_IN_REFUSED"), 1, "{actions:?}");
    console.hand.turn(3_601);
    assert_eq!(ask(&bearer).await, 200);
    assert_eq!(count(&console.actions().await, "API_SIGNED_IN"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_tokens_that_the_old_one_may_have_made() {
    let console = console().await;
    let id = console.user("robot", &["API client", "Reviewer"]).await;
    let role = console.role("API client").await;
    let people = console.site.people();
    let ask = async |token: &web::people::NewToken| {
        let bearer = format!("Bearer {}", *token.text);
        console.browser().ask("GET", "/api/who", &[("authorization", bearer.as_str())], b"").await.status
    };
    // By an administrator always, by oneself where one wants it.
    let token = people.make_token(id, role, "one", None).await.unwrap();
    assert_eq!(ask(&token).await, 200);
    people.reset_password(id).await.unwrap();
    assert_eq!(ask(&token).await, 401);
    console.user("jane", &["API client"]).await;
    let jane = people.user_named("jane").await.unwrap().unwrap().id;
    let token = people.make_token(jane, role, "two", None).await.unwrap();
    let mut browser = console.signed_in("jane").await;
    let other = "violin harbour teaspoon 93";
    let fields = [("old", PASSWORD), ("new", other), ("again", other)];
    assert_eq!(browser.submit("/account/password", "/account/password", &fields).await.status, 303);
    assert_eq!(ask(&token).await, 200);
    let third = "candle orbit mustard 58";
    let fields = [("old", other), ("new", third), ("again", third), ("tokens", "on")];
    assert_eq!(browser.submit("/account/password", "/account/password", &fields).await.status, 303);
    assert_eq!(ask(&token).await, 401);
}
