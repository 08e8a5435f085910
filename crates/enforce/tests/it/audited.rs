//! Each change and its line in the audit log: both, or neither. One table of all kinds of changes, on both databases.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::database::{Database, Location};
use store::values;

use crate::changes::{Kind, carried, fits, kept, kind, some_path};
use crate::indexes::{TABLE, index, replace, take_in};
use crate::postgres;
use crate::support::{Person, Server, message, server_on};

/// Those whose forms change nothing, or nothing that the log tells of, and why.
const NOT_IN_THE_TABLE: &[(&str, &str)] = &[
    ("/incidents/bulk", "shows what would happen"),
    ("/incidents/{id}/look-up", "the incident's own history tells of it"),
    ("/policies/check", "changes nothing"),
    ("/policies/edit", "changes nothing"),
    ("/policies/try", "changes nothing"),
    ("/policies/backtest", "changes nothing"),
    ("/policies/backtest/{id}/stop", "changes nothing"),
    ("/policies/indexes", "tested apart: it takes a file"),
    ("/policies/dictionaries", "takes a file, and saves as /policies/file does"),
    ("/account/second-factor", "takes a code of an app; tested in crate web"),
    ("/account/second-factor/remove", "takes a second factor; tested in crate web"),
    ("/audit/verify", "changes nothing"),
    ("/audit/export", "changes nothing"),
    ("/sign-in", "tested in crate web"),
    ("/theme", "is kept by the browser"),
    ("/sign-out", "tested in crate web"),
];

/// What the changes are made to.
struct Made {
    server: Server,
    admin: Person,
    other: Person,
    kinds: Vec<Kind>,
}

async fn fields_of(person: &Person, path: &str, fields: &[(&str, &str)]) {
    let answer = person.post(path, fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.text);
}

const POLICY_TEXT: &str = "id = 17\nname = \"Cards\"\nmode = \"on\"\n\n[[rule]]\nname = \"w\"\nall = [ { keywords = [\"zebra\"] } ]\n";

async fn made(at: Option<Location>) -> Made {
    let server = server_on(at).await;
    let admin = server.person("Administrator").await;
    let other = server.person("Remediator").await;
    server.record(message("M", &[1])).await;
    let list = server.dir.path().join("policies/dictionaries");
    std::fs::create_dir_all(&list).unwrap();
    std::fs::write(list.join("words.txt"), "zebra\nlion\n").unwrap();
    let plug = [
        ("name", "Held"),
        ("kind", "executable"),
        ("program", "held"),
        ("seconds", "5"),
        ("second_person", "yes"),
    ];
    fields_of(&admin, "/response-rules/plugin", &plug).await;
    fields_of(
        &admin,
        "/response-rules/plugin",
        &[("name", "Gone"), ("kind", "executable"), ("program", "gone"), ("seconds", "5")],
    )
    .await;
    for name in ["Note it", "Old rule"] {
        fields_of(&admin, "/response-rules", &[("name", name), ("actions", "add-note seen")]).await;
    }
    fields_of(&admin, "/response-rules", &[("name", "Ask first"), ("actions", "flex-response Held")]).await;
    fields_of(
        &admin,
        "/response-rules/ageing",
        &[("name", "Aged"), ("status", "New"), ("hours", "90"), ("actions", "add-note old")],
    )
    .await;
    fields_of(&admin, "/statuses", &[("name", "Parked"), ("group", "Open")]).await;
    fields_of(&admin, "/statuses/attribute", &[("name", "Team"), ("group", "People")]).await;
    fields_of(&admin, "/reports", &[("name", "mine"), ("query", "severity=high")]).await;
    fields_of(&admin, "/credentials", &[("name", "old"), ("kind", "password"), ("password", "x")]).await;
    let syslog = [
        ("name", "old"),
        ("kind", "syslog"),
        ("host", "127.0.0.1"),
        ("protocol", "udp"),
        ("format", "json"),
        ("paused", "yes"),
    ];
    fields_of(&admin, "/receivers", &syslog).await;
    for (name, state) in [("mx1", "waiting"), ("mx2", "approved")] {
        enter(&server, name, state).await;
    }
    let rules = server.enforce().desk().rules().await.unwrap();
    let rule = |name: &str| rules.iter().find(|one| one.name == name).unwrap().id;
    // A file that is found later is a version with a line of its own.
    let is_known = async || {
        let enforce = server.enforce();
        let mut transaction = enforce.journal.database().begin().await.unwrap();
        let known = enforce.desk().known_policy_files(&mut *transaction).await.unwrap();
        known.contains_key("dictionaries/words.txt")
    };
    server.until("the policy directory is known", is_known).await;
    // Two requests that wait for a second person.
    let ids = [server.record(message("N", &[1])).await[0], server.record(message("O", &[1])).await[0]];
    for id in ids {
        fields_of(&other, &format!("/incidents/{id}/respond/{}", rule("Ask first")), &[("note", "please")])
            .await;
    }
    let kinds = kinds(&server, &admin, &rule).await;
    Made { server, admin, other, kinds }
}

/// A server, as if it had been enrolled.
pub(crate) async fn enter(server: &Server, name: &str, state: &str) {
    let mut transaction = server.enforce().journal.database().begin().await.unwrap();
    let sql = "INSERT INTO server (name, kind, state, names, serial, certificate_ends, enrolled_at, changed_by, settings, settings_version, settings_by) \
        VALUES (?, 'detection', ?, '[]', '00', 9999999999999, 1, 'test', '{}', 0, '')";
    transaction.run(sql, values![name, state]).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn kinds(server: &Server, admin: &Person, rule: &impl Fn(&str) -> u64) -> Vec<Kind> {
    let desk = server.enforce().desk();
    let people = server.enforce().site.people();
    let number = |number: u64| number.to_string();
    let ageing = number(desk.ageing_rules().await.unwrap()[0].id);
    let status = number(desk.statuses().await.unwrap().iter().find(|one| one.name == "Parked").unwrap().id);
    let attribute = number(desk.attribute_definitions().await.unwrap()[0].id);
    let report = number(desk.reports("administrator").await.unwrap()[0].id);
    let roles = people.roles().await.unwrap();
    let role = |name: &str| roles.iter().find(|one| one.name == name).unwrap().id.to_string();
    let spare = people.add_role("Spare", &Default::default()).await.unwrap();
    let user = people.user_named("remediator").await.unwrap().unwrap();
    let me = people.user_named("administrator").await.unwrap().unwrap();
    let token = people.make_token(me.id, me.roles[0].0, "old", None).await.unwrap().id.to_string();
    let me_role = role("Administrator");
    let was = carried(&admin.get("/policies/file?name=cards.toml").await.text, "<form", "was");
    let waiting = desk.waiting_for_second(&incident::desk::Access::everything(), None).await.unwrap();
    let (user_path, version) = (format!("/users/{}", user.id), user.version.to_string());
    let remediator = role("Remediator");
    vec![
        kind("RESPONSE_RULE_SAVED", "/response-rules", &[("name", "New rule"), ("actions", "add-note x")]),
        kind("RESPONSE_RULE_REMOVED", "/response-rules/remove", &[("id", &number(rule("Old rule")))]),
        kind(
            "AGEING_RULE_SAVED",
            "/response-rules/ageing",
            &[("name", "Young"), ("status", "New"), ("hours", "99"), ("actions", "add-note x")],
        ),
        kind("AGEING_RULE_REMOVED", "/response-rules/ageing/remove", &[("id", &ageing)]),
        kind(
            "PLUGIN_SAVED",
            "/response-rules/plugin",
            &[("name", "New"), ("kind", "executable"), ("program", "new"), ("seconds", "5")],
        ),
        kind("PLUGIN_REMOVED", "/response-rules/plugin/remove", &[("name", "Gone")]),
        kind("STATUS_SAVED", "/statuses", &[("name", "Waits"), ("group", "Open")]),
        kind("STATUS_REMOVED", "/statuses/remove", &[("id", &status)]),
        kind("ATTRIBUTE_SAVED", "/statuses/attribute", &[("name", "Site")]),
        kind("ATTRIBUTE_REMOVED", "/statuses/attribute/remove", &[("id", &attribute)]),
        kind("REPORT_SAVED", "/reports", &[("name", "other"), ("query", "severity=low")]),
        kind(
            "REPORT_SCHEDULED",
            "/reports/schedule",
            &[("id", &report), ("every", "day"), ("hour", "8"), ("zone", "UTC")],
        ),
        kind("REPORT_REMOVED", "/reports/remove", &[("id", &report)]),
        kind(
            "RECEIVER_SAVED",
            "/receivers",
            &[
                ("name", "new"),
                ("kind", "syslog"),
                ("host", "127.0.0.1"),
                ("protocol", "udp"),
                ("format", "cef"),
                ("paused", "yes"),
            ],
        ),
        kind("RECEIVER_REMOVED", "/receivers/remove", &[("name", "old")]),
        kind("CREDENTIAL_SAVED", "/credentials", &[("name", "new"), ("kind", "password"), ("password", "x")]),
        kind("CREDENTIAL_REMOVED", "/credentials/remove", &[("name", "old")]),
        kind(
            "POLICY_SAVED",
            "/policies/file",
            &[("name", "cards.toml"), ("text", POLICY_TEXT), ("was", &was), ("why", "test")],
        ),
        kind("POLICY_SAVED", "/policies/mode", &[("name", "cards.toml"), ("mode", "trial"), ("was", "on")]),
        kind("POLICY_REMOVED", "/policies/dictionaries/remove", &[("file", "dictionaries/words.txt")]),
        kind("SERVER_TOKEN_MADE", "/servers", &[("name", "mx3"), ("hours", "2")]),
        kind("SERVER_SETTINGS", "/servers/mx2/settings", &[("version", "0"), ("trial", "true")]),
        kind("POLICIES_OWNED", "/policies/count-here", &[]),
        kind("SERVER_APPROVED", "/servers/mx1/approve", &[]),
        kind(
            "BREAK_GLASS_ON",
            "/servers/break-glass",
            &[("server", "mx2"), ("glass", "on"), ("why", "test")],
        ),
        kind("SERVER_REVOKED", "/servers/mx2/revoke", &[]),
        kind("INCIDENT_CHANGED", "/incidents/1/change", &[("data_owner", "Ann"), ("place", "//files/q3")]),
        kind("INCIDENTS_CHANGED", "/incidents/bulk/apply", &[("ids", "1"), ("status", "Escalated")]),
        kind("SMART_RESPONSE", format!("/incidents/1/respond/{}", rule("Note it")), &[("note", "")]),
        kind("SECOND_PERSON_CONFIRMS", format!("/second-person/{}", waiting[0].id), &[("answer", "confirm")]),
        kind("SECOND_PERSON_DECLINES", format!("/second-person/{}", waiting[1].id), &[("answer", "decline")]),
        kind("INCIDENTS_DELETED", "/incidents/bulk/apply", &[("ids", "1"), ("delete", "yes")]),
        kind("USER_ADDED", "/users/new", &[("name", "jane"), ("role", &remediator)]),
        kind(
            "USER_CHANGED",
            user_path.clone(),
            &[("version", &version), ("full_name", "Rita"), ("role", &remediator)],
        ),
        kind("PASSWORD_RESET", format!("{user_path}/password"), &[]),
        kind("SECOND_FACTOR_REMOVED", format!("{user_path}/second-factor"), &[]),
        kind("SESSION_ENDED", format!("{user_path}/sessions"), &[]),
        kind("ROLE_ADDED", "/roles/new", &[("name", "Auditor"), ("privilege", "read_audit")]),
        kind("ROLE_CHANGED", format!("/roles/{spare}"), &[("name", "Spared"), ("version", "1")]),
        kind("ROLE_REMOVED", format!("/roles/{spare}/remove"), &[]),
        kind("TOKEN_MADE", "/account/tokens", &[("name", "new"), ("role", &me_role), ("days", "30")]),
        kind("TOKEN_REVOKED", "/account/tokens/revoke", &[("token", &token)]),
        kind("ROLE_CHOSEN", "/account/role", &[("role", &me_role), ("to", "/")]),
        kind("SESSION_ENDED", "/account/sessions/end", &[("session", "others")]),
        kind(
            "PASSWORD_CHANGED",
            "/account/password",
            &[
                ("old", crate::support::PASSWORD),
                ("new", "four other words 12"),
                ("again", "four other words 12"),
            ],
        ),
    ]
}

/// Tables that go on by themselves, or tell of nothing that people change.
const MOVING: &[&str] = &["enforce_server", "enforce_lease", "web_audit", "web_audit_away"];

/// The files of the policy directory, with what is in them.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut todo) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            match entry.path().is_dir() {
                true => todo.push(entry.path()),
                false => {
                    found.insert(entry.path().display().to_string(), std::fs::read(entry.path()).unwrap());
                }
            }
        }
    }
    found
}

impl Made {
    fn database(&self) -> &dyn Database {
        &**self.server.enforce().journal.database()
    }

    async fn run(&self, sql: &str) {
        let mut transaction = self.database().begin().await.unwrap();
        transaction.run(sql, Vec::new()).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn change(&self, kind: &Kind) -> crate::support::Answer {
        let fields: Vec<(&str, &str)> =
            kind.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // The one who asked does not confirm.
        self.admin.post(&kind.path, &fields).await
    }

    fn policies(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.server.dir.path().join("policies"))
    }

    async fn lines(&self) -> Vec<web::audit::Line> {
        self.server.audit_log().await
    }
}

on_both! {
    made by made;

    async fn a_change_whose_line_cannot_be_written_is_not_made_and_one_that_is_made_has_its_line(made: &Made) {
        // No line can be written.
        made.run("ALTER TABLE web_audit RENAME TO web_audit_away").await;
        let (before, files) = (kept(made.database(), MOVING).await, made.policies());
        for kind in &made.kinds {
            let answer = made.change(kind).await;
            // Deletions go on in the background, and say on the next page what came of them.
            let fails = answer.status.is_server_error() || kind.action == "INCIDENTS_DELETED";
            assert!(fails, "{} {}: {} {}", kind.action, kind.path, answer.status, answer.text);
            assert_eq!(kept(made.database(), MOVING).await, before, "{} {}", kind.action, kind.path);
            assert_eq!(made.policies(), files, "{} {}", kind.action, kind.path);
        }
        made.run("ALTER TABLE web_audit_away RENAME TO web_audit").await;
        for kind in &made.kinds {
            let (lines, before, files) = (made.lines().await, kept(made.database(), MOVING).await, made.policies());
            let answer = made.change(kind).await;
            let fine = answer.status == StatusCode::SEE_OTHER || answer.status == StatusCode::OK;
            assert!(fine, "{} {}: {} {}", kind.action, kind.path, answer.status, answer.text);
            let now = made.lines().await;
            let told: Vec<&str> = now[..now.len() - lines.len()].iter().map(|line| line.action.as_str()).collect();
            assert_eq!(told, [kind.action], "{}", kind.path);
            let same = kept(made.database(), MOVING).await == before && made.policies() == files;
            // These end as they began: there is no second factor, the role is the same, and the policies counted before.
            assert!(!same || ["SECOND_FACTOR_REMOVED", "ROLE_CHOSEN", "SESSION_ENDED", "POLICIES_OWNED"].contains(&kind.action), "{} changed nothing", kind.action);
        }
        let verdict = made.server.enforce().site.audit().verify().await.unwrap();
        assert!(matches!(verdict, web::audit::Verdict::Whole { .. }), "{verdict:?}");
    }

    async fn a_change_that_is_refused_has_no_line(made: &Made) {
        let lines = made.lines().await.len();
        for (path, fields) in [
            ("/response-rules", vec![("name", "Note it"), ("actions", "add-note x")]),
            ("/response-rules", vec![("id", "99"), ("name", "x"), ("actions", "add-note x"), ("was", "old")]),
            ("/response-rules/remove", vec![("id", "99")]),
            ("/response-rules/ageing", vec![("name", "Aged"), ("status", "New"), ("hours", "1"), ("actions", "add-note x")]),
            ("/response-rules/ageing/remove", vec![("id", "99")]),
            ("/response-rules/plugin", vec![("name", "Gone"), ("kind", "executable"), ("program", "x"), ("seconds", "5")]),
            ("/response-rules/plugin/remove", vec![("name", "none")]),
            ("/statuses", vec![("name", "New"), ("group", "Open")]),
            ("/statuses", vec![("name", "Parked"), ("group", "Closed")]),
            ("/statuses/remove", vec![("id", "1")]),
            ("/statuses/attribute", vec![("name", "Team"), ("group", "Other")]),
            ("/statuses/attribute/remove", vec![("id", "99")]),
            ("/reports", vec![("name", "mine"), ("query", "severity=low")]),
            ("/reports/schedule", vec![("id", "99"), ("every", "day"), ("hour", "8"), ("zone", "UTC")]),
            ("/reports/remove", vec![("id", "99")]),
            ("/receivers/remove", vec![("name", "none")]),
            ("/credentials/remove", vec![("name", "none")]),
            ("/policies/file", vec![("name", "cards.toml"), ("text", POLICY_TEXT), ("was", "old"), ("why", "")]),
            ("/servers/mx2/settings", vec![("version", "7"), ("trial", "true")]),
            ("/servers/mx2/approve", vec![]),
            ("/servers/none/revoke", vec![]),
            ("/incidents/bulk/apply", vec![("ids", "1"), ("status", "Nonsense")]),
            ("/incidents/1/change", vec![("hidden", "perhaps")]),
            ("/incidents/1/change", vec![("hidden", "no")]),
            ("/incidents/1/change", vec![("data_owner", "Ann"), ("was_data_owner", "Bob")]),
            ("/incidents/999/change", vec![("hidden", "yes")]),
            ("/incidents/bulk/apply", vec![("ids", "999"), ("status", "Resolved")]),
            ("/users/new", vec![("name", "administrator"), ("role", "1")]),
            ("/roles/new", vec![("name", "Reviewer")]),
            ("/account/tokens/revoke", vec![("token", "99")]),
            ("/account/role", vec![("role", "99"), ("to", "/")]),
            ("/account/password", vec![("old", "wrong"), ("new", "four other words 12"), ("again", "four other words 12")]),
        ] {
            let answer = made.admin.post(path, &fields).await;
            assert!(!answer.status.is_server_error(), "{path}: {}", answer.text);
            let now = made.lines().await;
            assert_eq!(now.len(), lines, "{path} {fields:?}: {} {:?}", answer.status, now.first());
        }
        // Who asked for it cannot confirm it.
        let waiting = made.server.enforce().desk();
        let waiting = waiting.waiting_for_second(&incident::desk::Access::everything(), None).await.unwrap();
        made.other.post(&format!("/second-person/{}", waiting[0].id), &[("answer", "confirm")]).await;
        assert_eq!(made.lines().await.len(), lines);
    }

    async fn what_a_program_changes_has_its_line_and_what_it_only_asked_for_has_none(made: &Made) {
        let connector = crate::api::Connector::new(&made.server, "API client").await;
        let ask = async |method: Method, path: &str, body: Value| {
            let (status, answer) = connector.ask(method, path, Some(body)).await;
            assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        };
        let lines = async |action: &str| made.lines().await.iter().filter(|line| line.action == action).count();
        // The connector asks below the product's paths; this one is ours.
        let respond = "/../../../api/v1/incidents/respond";
        for (incident, told) in [(999, 0), (1, 1)] {
            ask(Method::PATCH, "/incidents", json!({ "incidentIds": [incident], "severity": "LOW" })).await;
            assert_eq!(lines("INCIDENTS_CHANGED_BY_API").await, told);
            ask(Method::POST, respond, json!({ "incidentIds": [incident], "rule": "Note it" })).await;
            assert_eq!(lines("SMART_RESPONSE_BY_API").await, told);
        }
    }

    async fn an_index_is_replaced_with_its_line_or_stays_as_it_was(made: &Made) {
        let (first, second) = (index(&made.server, TABLE, true), index(&made.server, "name,number\nAnn Obrien,123456789\n", true));
        assert_ne!(first, second);
        let there = made.server.dir.path().join("policies/indexes/customers.exact");
        made.run("ALTER TABLE web_audit RENAME TO web_audit_away").await;
        assert!(take_in(&made.admin, "customers.exact", &first).await.status.is_server_error());
        assert!(!there.exists());
        made.run("ALTER TABLE web_audit_away RENAME TO web_audit").await;
        assert_eq!(take_in(&made.admin, "customers.exact", &first).await.status, StatusCode::SEE_OTHER);
        made.run("ALTER TABLE web_audit RENAME TO web_audit_away").await;
        assert!(replace(&made.admin, "customers.exact", &second).await.status.is_server_error());
        let gone = made.admin.post("/policies/indexes/remove", &[("file", "customers.exact")]).await;
        assert!(gone.status.is_server_error(), "{}", gone.text);
        assert_eq!(std::fs::read(&there).unwrap(), first);
        made.run("ALTER TABLE web_audit_away RENAME TO web_audit").await;
        assert_eq!(made.admin.post("/policies/indexes/remove", &[("file", "customers.exact")]).await.status, StatusCode::SEE_OTHER);
        let beside = std::fs::read_dir(there.parent().unwrap()).unwrap().count();
        assert_eq!(beside, 0, "nothing is left of it");
        let told: Vec<String> = made.lines().await.into_iter().take(2).map(|line| line.action).collect();
        assert_eq!(told, ["INDEX_REMOVED", "INDEX_UPLOADED"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_the_console_is_in_the_table_or_said_to_change_nothing() {
    let made = made(None).await;
    let mut missing = Vec::new();
    for template in made.server.enforce().site.paths() {
        if ["/api/", "/ProtectManager/"].iter().any(|prefix| template.starts_with(prefix)) {
            continue;
        }
        let allow = made.admin.ask(Method::OPTIONS, &some_path(template), None).await.allow;
        let known = NOT_IN_THE_TABLE.iter().any(|(path, _)| path == template)
            || made.kinds.iter().any(|kind| fits(&kind.path, template))
            || *template == "/policies/indexes/remove"
            || *template == "/policies/history";
        if allow.contains("POST") && !known {
            missing.push(template.clone());
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
