//! What every request passes and every answer carries: real requests to a real port.

#![allow(clippy::unwrap_used)]

mod support;

use support::{HOSTILE, console};

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_form_changes_nothing() {
    let console = console().await;
    console.user("jane", &["Reviewer"]).await;
    let mut browser = console.signed_in("jane").await;
    let token = browser.get("/incidents").await.form_token();
    let host = console.address.to_string();
    let own = format!("http://{host}");
    let body = format!("csrf={token}");
    #[allow(clippy::type_complexity)]
    let cases: &[(&[(&str, &str)], &str, u16)] = &[
        (&[("sec-fetch-site", "cross-site")], &body, 403),
        (&[("sec-fetch-site", "same-site")], &body, 403),
        (&[("origin", "https://evil.example")], &body, 403),
        (&[("origin", "null")], &body, 403),
        (&[("sec-fetch-site", "same-origin")], "csrf=", 403),
        (&[("sec-fetch-site", "same-origin")], "", 403),
        (&[("sec-fetch-site", "same-origin")], "csrf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 403),
        (&[], "", 403),
        (&[("sec-fetch-site", "same-origin")], &body, 200),
        (&[("origin", &own)], &body, 200),
        (&[("x-csrf", &token)], "", 200),
    ];
    for (head, body, status) in cases {
        let head: Vec<_> = head.iter().copied().chain([("content-type", FORM)]).collect();
        let answer = browser.ask("POST", "/change", &head, body.as_bytes()).await;
        assert_eq!(answer.status, *status, "{head:?} {body}");
    }
    let changed = console.actions().await.into_iter().filter(|action| action == "CHANGED").count();
    assert_eq!(changed, 3);
    let mut other = console.signed_in("jane").await;
    let answer = other.ask("POST", "/change", &[("content-type", FORM)], body.as_bytes()).await;
    assert_eq!(answer.status, 403, "the token of another session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_form_is_taken_from_everybody_but_never_from_another_site() {
    let console = console().await;
    let id = console.user("jane", &["Reviewer"]).await;
    let jane = console.signed_in("jane").await;
    console.user("joe", &["Reviewer"]).await;
    let mut joe = console.signed_in("joe").await;
    let password = web::people::Password::new("another four small words".into());
    console.site.people().set_password(id, password, true).await.unwrap();
    let mut jane_must_change = jane;
    let answer = jane_must_change
        .post("/sign-in", &[("name", "jane"), ("password", "another four small words")])
        .await;
    assert_eq!(answer.header("location"), Some("/account/password"));
    for browser in [&mut console.browser(), &mut joe, &mut jane_must_change] {
        assert_eq!(browser.post("/open/door", &[]).await.body, "taken");
        assert_eq!(browser.post("/theme", &[("theme", "dark"), ("to", "/sign-in")]).await.status, 303);
        for path in ["/open/door", "/theme"] {
            let answer = browser.ask("POST", path, &[("sec-fetch-site", "cross-site")], b"").await;
            assert_eq!(answer.status, 403, "{path}");
        }
    }
    assert_eq!(joe.post("/change", &[]).await.status, 403, "all else needs the token");
    assert_eq!(jane_must_change.get("/incidents").await.header("location"), Some("/account/password"));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_from_another_site_is_refused() {
    let console = console().await;
    console.user("jane", &["Reviewer"]).await;
    let head = [("sec-fetch-site", "cross-site"), ("content-type", FORM)];
    let body = format!("name=jane&password={}", support::PASSWORD.replace(' ', "+"));
    let answer = console.browser().ask("POST", "/sign-in", &head, body.as_bytes()).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_keeps_browsers_in_bounds() {
    let console = console().await;
    console.user("jane", &["Reviewer"]).await;
    let mut browser = console.signed_in("jane").await;
    for (path, status) in [
        ("/incidents", 200),
        ("/sign-in", 303),
        ("/nothing", 404),
        ("/boom", 500),
        ("/conflict", 409),
        ("/users", 403),
        ("/assets/none", 404),
        ("/favicon.ico", 200),
        ("/api/who", 403),
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        let csp = answer.header("content-security-policy").unwrap();
        assert!(csp.contains("default-src 'none'") && csp.contains("frame-ancestors 'none'"), "{path}");
        assert!(!csp.contains("unsafe") && !csp.contains("http"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        let cached = path == "/favicon.ico";
        assert_eq!(answer.header("cache-control") == Some("no-store"), !cached, "{path}");
        // What the policy forbids must not be there: it would only look broken.
        for inline in ["<script>", " style=\"", "<style", " onclick", "javascript:"] {
            assert!(!answer.body.contains(inline), "{path}: {inline}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_text_on_every_part_of_a_page() {
    let console = console().await;
    console.user("jane", &["Reviewer"]).await;
    let mut browser = console.signed_in("jane").await;
    for answer in [
        browser.get("/incidents").await,
        browser.post("/sign-in", &[("name", HOSTILE), ("password", "x"), ("to", HOSTILE)]).await,
        browser.get(&format!("/incidents?q={}", web::pages::encoded(HOSTILE))).await,
        browser.get("/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E").await,
    ] {
        assert!(!answer.body.contains("<script>") && !answer.body.contains("<img src=x"), "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_say_what_to_do_and_not_what_is_inside() {
    let console = console().await;
    console.user("jane", &["Reviewer"]).await;
    let mut browser = console.signed_in("jane").await;
    let page = browser.get("/boom").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.body.contains("Something went wrong") && !page.body.contains("secret words"));
    assert!(browser.get("/conflict").await.body.contains("Look again."));
    let page = browser.get("/users").await;
    assert!(page.body.contains("lacks the privilege &#34;Manage users and roles&#34;"), "{}", page.body);
    let json = browser.ask("GET", "/nothing", &[("accept", "application/json")], b"").await;
    assert_eq!(json.status, 404);
    assert!(json.body.starts_with('{') && json.body.contains("\"status\":404"), "{}", json.body);
    let part = browser.ask("GET", "/conflict", &[("hx-request", "true")], b"").await;
    assert!(part.body.starts_with("<div class=\"notice trouble\" role=\"alert\">"), "{}", part.body);
    assert_eq!(
        browser.ask("DELETE", "/incidents", &[("sec-fetch-site", "cross-site")], b"").await.status,
        403
    );
    let token = browser.get("/incidents").await.form_token();
    let answer = browser.ask("DELETE", "/incidents", &[("x-csrf", &token)], b"").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")));
    let part = console.browser().ask("GET", "/incidents", &[("hx-request", "true")], b"").await;
    assert_eq!((part.status, part.header("hx-redirect")), (401, Some("/sign-in")));
    let bad = browser.get("/account").await;
    assert_eq!(bad.status, 200);
    assert_eq!(
        browser.submit("/account", "/account/role", &[("role", "abc"), ("to", "/")]).await.status,
        400
    );
    assert_eq!(browser.get("/audit?below=x").await.status, 403, "rights come before values");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_is_refused_before_it_is_read() {
    let console = console().await;
    console.user("jane", &["Reviewer"]).await;
    let mut browser = console.signed_in("jane").await;
    let token = browser.get("/incidents").await.form_token();
    let large = vec![b'a'; 20_000];
    let answer = browser.ask("POST", "/change", &[("content-type", FORM)], &large).await;
    assert_eq!(answer.status, 413);
    let files = [("content-type", "multipart/form-data; boundary=B"), ("x-csrf", token.as_str())];
    assert_eq!(browser.ask("POST", "/change", &files, &large).await.status, 200, "files may be larger");
    let stranger = console.browser().ask("POST", "/sign-in", &files, &large).await;
    assert_eq!(stranger.status, 413, "but not those of strangers");
    let chunked = [("content-type", FORM), ("transfer-encoding", "chunked"), ("x-csrf", token.as_str())];
    let mut stream = b"7530\r\n".to_vec();
    stream.extend(vec![b'a'; 0x7530]);
    stream.extend(b"\r\n0\r\n\r\n");
    let mut head: Vec<_> = chunked.to_vec();
    head.push(("accept", "text/html"));
    let answer = raw_chunked(&mut browser, &head, &stream).await;
    assert_eq!(answer.status, 413, "a length that is not told is no way around");
}

/// The browser of these tests always tells a length; this request does not.
async fn raw_chunked(browser: &mut support::Browser, head: &[(&str, &str)], body: &[u8]) -> support::Answer {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut text = format!("POST /change HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", browser.address);
    text.push_str(&format!("cookie: weir-test={}\r\n", browser.cookies["weir-test"]));
    for (name, value) in head {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut stream = tokio::net::TcpStream::connect(browser.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let _ = stream.write_all(body).await;
    let mut octets = Vec::new();
    let _ = stream.read_to_end(&mut octets).await;
    support::parse(&octets)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_name_that_leads_here_is_refused_on_plain_http() {
    let console = console().await;
    let port = console.address.port();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        ("[::1]".to_owned(), 200),
        ("evil.example".to_owned(), 400),
        (format!("127.0.0.1.evil.example:{port}"), 400),
        ("192.0.2.1".to_owned(), 400),
    ] {
        let answer =
            console.browser().ask("GET", "/sign-in", &[("host", &host), ("accept", "text/html")], b"").await;
        assert_eq!(answer.status, status, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_kept_for_a_year_under_addresses_that_change_with_them() {
    let console = console().await;
    let mut browser = console.browser();
    let page = browser.get("/sign-in").await;
    for name in ["weir.css", "weir.js", "htmx.js", "icon.svg"] {
        let address = console.site.asset(name);
        assert!(page.body.contains(&address), "{address}");
        let file = browser.get(&address).await;
        assert_eq!(file.status, 200);
        assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert!(!file.body.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn light_and_dark_are_kept_and_lead_back_to_the_page() {
    let console = console().await;
    let mut browser = console.browser();
    let answer = browser.post("/theme", &[("theme", "dark"), ("to", "/sign-in")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in")));
    assert!(browser.get("/sign-in").await.body.contains("data-theme=\"dark\""));
    let answer = browser.post("/theme", &[("theme", "\r\nx: y"), ("to", "https://evil.example")]).await;
    assert_eq!(answer.header("location"), Some("/incidents"));
    assert!(browser.get("/sign-in").await.body.contains("data-theme=\"system\""));
}
