//! The pages that both consoles have, as an administrator and as others see them.

#![allow(clippy::unwrap_used)]

mod support;

use support::{HOSTILE, PASSWORD, console};

fn secret(body: &str) -> &str {
    let at = body.find("class=\"secret\"").expect("a secret that is shown once");
    body[at..].split('>').nth(1).unwrap().split('<').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_adds_a_user_who_then_chooses_a_password() {
    let console = console().await;
    console.user("root", &["Administrator"]).await;
    let mut root = console.signed_in("root").await;
    let reviewer = console.role("Reviewer").await.to_string();
    let fields = [("name", "jane"), ("full_name", "Jane \"J\" <Doe>"), ("mail", ""), ("role", &reviewer)];
    let made = root.submit("/users/new", "/users/new", &fields).await;
    assert_eq!(made.status, 200);
    let password = secret(&made.body).to_owned();
    let list = root.get("/users").await;
    assert!(list.body.contains("New password due") && !list.body.contains(&password));
    assert!(!list.body.contains("<Doe>"));
    let again = root.submit("/users/new", "/users/new", &fields).await;
    assert!(again.status == 422 && again.body.contains("jane is there already"), "{}", again.body);
    let mut jane = console.browser();
    let answer = jane.post("/sign-in", &[("name", "jane"), ("password", &password)]).await;
    assert_eq!(answer.header("location"), Some("/account/password"));
    assert!(console.actions().await.contains(&"USER_ADDED".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_added_with_its_password_or_not_at_all() {
    let console = console().await;
    console.user("root", &["Administrator"]).await;
    let mut root = console.signed_in("root").await;
    let reviewer = console.role("Reviewer").await.to_string();
    // From here on nothing can be written about a user who is there already.
    let database = support::database(console.dir.path()).await;
    let mut transaction = database.begin().await.unwrap();
    let stop = "CREATE TRIGGER stop BEFORE UPDATE ON web_user BEGIN SELECT RAISE(ABORT, 'stopped'); END";
    transaction.run(stop, Vec::new()).await.unwrap();
    transaction.commit().await.unwrap();
    let made = root.submit("/users/new", "/users/new", &[("name", "jane"), ("role", &reviewer)]).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let mut transaction = database.begin().await.unwrap();
    transaction.run("DROP TRIGGER stop", Vec::new()).await.unwrap();
    transaction.commit().await.unwrap();
    let jane = [("name", "jane"), ("password", secret(&made.body))];
    let answer = console.browser().post("/sign-in", &jane).await;
    assert_eq!(answer.header("location"), Some("/account/password"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_waits_until_a_page_really_shows_it() {
    let console = console().await;
    let id = console.user("jane", &["Administrator"]).await;
    let mut jane = console.signed_in("jane").await;
    console
        .site
        .people()
        .set_password(id, web::people::Password::new("four more words here".into()), true)
        .await
        .unwrap();
    let sign_in = [("name", "jane"), ("password", "four more words here")];
    assert_eq!(jane.post("/sign-in", &sign_in).await.status, 303);
    let new = "and four words of my own";
    let change = [("old", "four more words here"), ("new", new), ("again", new)];
    let changed = jane.submit("/account/password", "/account/password", &change).await;
    assert_eq!((changed.status, changed.header("location")), (303, Some("/")), "{}", changed.body);
    assert_eq!(jane.get("/").await.header("location"), Some("/incidents"), "a detour shows nothing");
    assert_eq!(jane.get("/api/who").await.status, 200, "nor does what is for programs");
    let head = jane.ask("HEAD", "/incidents", &[("accept", "text/html")], b"").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""), "nor does a page without its body");
    let part = jane.ask("GET", "/conflict", &[("hx-request", "true")], b"").await;
    assert!(!part.body.contains("The password is changed"), "nor does a part of a page");
    assert!(
        jane.get("/nothing").await.body.contains("The password is changed"),
        "the page of a problem does"
    );
    assert!(!jane.get("/incidents").await.body.contains("The password is changed"), "and once is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_a_role_loses_its_sessions_and_tokens() {
    let console = console().await;
    console.user("root", &["Administrator"]).await;
    let id = console.user("jane", &["API client", "Reviewer"]).await;
    let (client, reviewer) = (console.role("API client").await, console.role("Reviewer").await);
    let token = console.site.people().make_token(id, client, "t", None).await.unwrap();
    let mut jane = console.signed_in("jane").await;
    let mut root = console.signed_in("root").await;
    let page = format!("/users/{id}");
    let version = console.site.people().user(id).await.unwrap().unwrap().version.to_string();
    let fields =
        [("version", version.as_str()), ("role", &reviewer.to_string()), ("full_name", ""), ("mail", "")];
    let answer = root.submit(&page, &page, &fields).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/users")));
    assert_eq!(jane.get("/incidents").await.status, 303, "the session was in the role that is gone");
    let bearer = format!("Bearer {}", *token.text);
    assert_eq!(jane.ask("GET", "/api/who", &[("authorization", &bearer)], b"").await.status, 401);
    let mut back = console.signed_in("jane").await;
    assert_eq!(back.get("/incidents").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_in_two_roles_is_one_at_a_time() {
    let console = console().await;
    console.user("root", &["Administrator", "Reviewer"]).await;
    let mut root = console.signed_in("root").await;
    let reviewer = console.role("Reviewer").await.to_string();
    assert_eq!(root.get("/users").await.status, 200);
    let chosen =
        root.submit("/incidents", "/account/role", &[("role", &reviewer), ("to", "/incidents")]).await;
    assert_eq!((chosen.status, chosen.header("location")), (303, Some("/incidents")));
    assert_eq!(root.get("/users").await.status, 403);
    let other = console.role("Remediator").await.to_string();
    let refused = root.submit("/incidents", "/account/role", &[("role", &other), ("to", "/")]).await;
    assert_eq!(refused.status, 404, "a role that the user does not have");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_made_with_conditions_and_comes_back_as_it_was() {
    let console = console().await;
    console.user("root", &["Administrator"]).await;
    let mut root = console.signed_in("root").await;
    let fields = [
        ("version", "0"),
        ("name", "Sales reviewer"),
        ("privilege", "view_network_incidents"),
        ("severity", "high"),
        ("policies", "7, 9"),
        ("attributes", "Department = Sales"),
        ("hidden", "sender"),
        ("folders", ""),
    ];
    assert_eq!(root.submit("/roles/new", "/roles/new", &fields).await.status, 303);
    let role = console.site.people().role_named("sales REVIEWER").await.unwrap().unwrap();
    assert_eq!((role.rights.access.len(), role.rights.hidden.len()), (3, 1));
    let page = root.get(&format!("/roles/{}", role.id)).await;
    assert!(
        page.body.contains("value=\"7, 9\"") && page.body.contains("Department = Sales"),
        "{}",
        page.body
    );
    let wrong = [("name", "x"), ("version", "0"), ("policies", "seven")];
    let answer = root.submit("/roles/new", "/roles/new", &wrong).await;
    assert!(answer.status == 422 && answer.body.contains("seven is not a number"));
    let path = format!("/roles/{}", role.id);
    assert_eq!(root.submit(&path, &format!("{path}/remove"), &[]).await.status, 303);
    assert!(console.site.people().role(role.id).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_account_shows_tokens_once_and_ends_sessions() {
    let console = console().await;
    console.user("jane", &["API client"]).await;
    let mut jane = console.signed_in("jane").await;
    let mut elsewhere = console.signed_in("jane").await;
    let role = console.role("API client").await.to_string();
    let made = jane
        .submit("/account", "/account/tokens", &[("name", HOSTILE), ("role", &role), ("days", "30")])
        .await;
    let token = secret(&made.body).to_owned();
    assert!(token.starts_with("weir_") && !made.body.contains("<script>"));
    let page = jane.get("/account").await;
    assert!(!page.body.contains(&token) && page.body.contains("Revoke"));
    let bearer = format!("Bearer {token}");
    assert_eq!(
        jane.ask("GET", "/api/who", &[("authorization", &bearer)], b"").await.body,
        "jane as API client"
    );
    assert_eq!(jane.submit("/account", "/account/sessions/end", &[("session", "others")]).await.status, 303);
    assert_eq!(elsewhere.get("/account").await.status, 303);
    assert_eq!(jane.get("/account").await.status, 200);
    for strange in ["", "zz", &"0".repeat(64), &"ä".repeat(32)] {
        let answer = jane.submit("/account", "/account/sessions/end", &[("session", strange)]).await;
        assert_eq!(answer.status, 404, "{strange}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_set_up_and_taken_away_with_the_password() {
    let console = console().await;
    console.user("jane", &["Reviewer"]).await;
    let mut jane = console.signed_in("jane").await;
    let page = jane.get("/account/second-factor").await;
    let key = secret(&page.body).replace(' ', "");
    let factor = web::people::SecondFactor::parse(&key).unwrap();
    let code = factor.code(console.hand.seconds());
    let set = "/account/second-factor";
    for (code, password) in [("000000", PASSWORD), (code.as_str(), "wrong password")] {
        let answer = jane.submit(set, set, &[("secret", &key), ("code", code), ("password", password)]).await;
        assert_eq!(answer.status, 422, "{code}");
    }
    let answer = jane.submit(set, set, &[("secret", &key), ("code", &code), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, 303);
    let asked = console.browser().post("/sign-in", &[("name", "jane"), ("password", PASSWORD)]).await;
    assert!(asked.body.contains("One more step"));
    let remove = "/account/second-factor/remove";
    assert_eq!(jane.submit(remove, remove, &[("password", "wrong password")]).await.status, 422);
    assert_eq!(jane.submit(remove, remove, &[("password", PASSWORD)]).await.status, 303);
    assert_eq!(
        console.browser().post("/sign-in", &[("name", "jane"), ("password", PASSWORD)]).await.status,
        303
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_searched_checked_and_exported_without_formulas() {
    let console = console().await;
    console.user("root", &["Administrator"]).await;
    let mut root = console.signed_in("root").await;
    let actor = web::audit::Actor { who: "=cmd|'x'!A1".into(), ..Default::default() };
    for number in 0..150 {
        console.site.audit().add(&actor, "LOOKED", &format!("incident {number}"), HOSTILE).await.unwrap();
    }
    let page = root.get("/audit").await;
    assert!(!page.body.contains("<script>") && page.body.contains("Lines 151 to 52"), "{}", page.body);
    let next = root.get("/audit?below=52").await;
    assert!(next.body.contains("Lines 51 to 1"));
    let found = root.get("/audit?q=incident+77&action=looked").await;
    assert!(found.body.contains("Lines 79 to 79"), "{}", found.body);
    assert!(root.get("/audit?from=2026-13-01").await.status == 400);
    // A day is one of the reader's zone, wherever that is.
    let one = web::audit::Search { text: Some("incident 77".into()), limit: 2, ..Default::default() };
    let at = console.site.audit().search(&one).await.unwrap()[0].at;
    for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Prague"] {
        let there = jiff::tz::TimeZone::get(zone).unwrap();
        let day = jiff::Timestamp::from_millisecond(at).unwrap().to_zoned_datetime(there).date();
        for (day, found) in [(day, true), (day.tomorrow().unwrap(), false), (day.yesterday().unwrap(), false)]
        {
            let page = root.get(&format!("/audit?q=incident+77&from={day}&to={day}&zone={zone}")).await.body;
            assert_eq!(page.contains("Lines 79 to 79"), found, "{day} {zone}: {page}");
            assert!(page.contains(&format!("Days of {zone}.")), "{page}");
        }
    }
    assert!(root.get("/audit?from=2026-01-01&zone=Mars/Olympus").await.status == 400);
    let csv = root.submit("/audit", "/audit/export", &[("format", "csv")]).await;
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"audit.csv\""));
    assert_eq!(csv.body.lines().count(), 153, "the head, all lines, and the export's own");
    assert!(csv.body.contains(",\"'=cmd|'x'!A1\","));
    let json = root.submit("/audit", "/audit/export", &[("format", "json")]).await;
    for line in json.body.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    root.submit("/audit", "/audit/verify", &[]).await;
    assert!(root.get("/audit").await.body.contains("lines are as they were written"));
}
