//! Forms that were opened before somebody else saved: nothing is saved, and the answer shows what is there now, of each kind.

use reqwest::{Method, StatusCode};
use store::database::Location;

use crate::changes::{carried, fits, some_path};
use crate::postgres;
use crate::support::{Answer, POLICY, Person, Server, message, server_on};

struct Desk {
    server: Server,
    ann: Person,
}

async fn desk(at: Option<Location>) -> Desk {
    let server = server_on(at).await;
    let ann = server.person("Administrator").await;
    Desk { server, ann }
}

/// A form that both fill in: the page with it, what stands before it there, what it carries, where it goes, what all send, the
/// field in which they differ, what that holds besides (around `VALUE`), and what each of three sends.
struct Form {
    page: String,
    before: &'static str,
    field: &'static str,
    to: String,
    same: Vec<(&'static str, String)>,
    differs: &'static str,
    around: String,
    values: [&'static str; 3],
}

impl Desk {
    async fn send(&self, form: &Form, was: &str, value: &str) -> Answer {
        let value = form.around.replace("VALUE", value);
        let mut fields: Vec<(&str, &str)> =
            form.same.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.extend([(form.field, was), (form.differs, &value)]);
        self.ann.post(&form.to, &fields).await
    }

    /// Two open the form, one saves, and the other one is told.
    async fn two_save(&self, form: &Form) {
        let [first, second, third] = form.values;
        let seen = carried(&self.ann.get(&form.page).await.text, form.before, form.field);
        let saved = self.send(form, &seen, first).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}: {}", form.to, saved.text);
        let told = self.send(form, &seen, second).await;
        assert_eq!(told.status, StatusCode::CONFLICT, "{}: {}", form.to, told.text);
        for words in ["It has changed meanwhile", "Nothing was saved", first, second] {
            assert!(told.text.contains(words), "{}: {words} is missing: {}", form.to, told.text);
        }
        let now = self.ann.get(&form.page).await.text;
        assert!(now.contains(first) && !now.contains(second), "{}: {now}", form.to);
        // The page offers to save it all the same, over what it shows.
        let now = carried(&told.text, "As you sent it", form.field);
        let saved = self.send(form, &now, third).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}: {}", form.to, saved.text);
        assert!(self.ann.get(&form.page).await.text.contains(third), "{}", form.to);
    }

    async fn make(&self, path: &str, fields: &[(&str, &str)]) {
        let answer = self.ann.post(path, fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.text);
    }
}

fn same(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

/// Forms that are sent by a test of their own, below or where it is said.
const APART: &[(&str, &str)] = &[
    ("/response-rules/ageing", "a rule that is saved is made anew, under a number of its own"),
    ("/reports", "a report has no form of its own"),
    ("/credentials", "what was sent is not shown"),
    ("/policies/mode", "one button a mode"),
    ("/policies/history", "one form a version"),
    ("/incidents/bulk/apply", "in decisions.rs: it carries when the incidents were seen"),
];

/// Forms that change no thing that they showed, and why.
const NO_EDIT: &[(&str, &str)] = &[
    ("/incidents/bulk", "shows what would happen"),
    ("/incidents/{id}/look-up", "asks for a lookup"),
    ("/incidents/{id}/respond/{rule}", "runs a rule, once"),
    ("/second-person/{id}", "answers a request, once"),
    ("/reports/remove", "removes"),
    ("/policies/check", "changes nothing"),
    ("/policies/edit", "changes nothing"),
    ("/policies/try", "changes nothing"),
    ("/policies/backtest", "changes nothing"),
    ("/policies/backtest/{id}/stop", "stops what goes on"),
    ("/policies/indexes", "takes a whole file, made from nothing that a page shows"),
    ("/policies/indexes/remove", "removes"),
    ("/policies/dictionaries", "takes a whole file, made from nothing that a page shows"),
    ("/policies/dictionaries/remove", "removes"),
    ("/policies/count-here", "says which server's policies count"),
    ("/response-rules/remove", "removes"),
    ("/response-rules/ageing/remove", "removes"),
    ("/response-rules/plugin/remove", "removes"),
    ("/credentials/remove", "removes"),
    ("/receivers/remove", "removes"),
    ("/statuses/remove", "removes"),
    ("/statuses/attribute/remove", "removes"),
    ("/servers", "makes a token"),
    ("/servers/break-glass", "must not wait for anything"),
    ("/servers/{name}/approve", "lets a server in"),
    ("/servers/{name}/revoke", "keeps a server out, whatever it is"),
    ("/users/new", "makes one"),
    ("/users/{id}/password", "makes a new password"),
    ("/users/{id}/second-factor", "removes"),
    ("/users/{id}/sessions", "ends what there is"),
    ("/roles/new", "makes one"),
    ("/roles/{id}/remove", "removes"),
    ("/account/password", "asks for the old one"),
    ("/account/role", "chooses a role for a session"),
    ("/account/second-factor", "asks for a code"),
    ("/account/second-factor/remove", "removes"),
    ("/account/sessions/end", "ends what there is"),
    ("/account/tokens", "makes one"),
    ("/account/tokens/revoke", "removes"),
    ("/audit/verify", "changes nothing"),
    ("/audit/export", "changes nothing"),
    ("/sign-in", "makes a session"),
    ("/sign-out", "ends a session"),
    ("/theme", "is kept by the browser"),
];

/// The forms by which things are changed, over things to change.
async fn forms(desk: &Desk) -> Vec<Form> {
    desk.make("/response-rules", &[("name", "Ask"), ("actions", "add-note begin")]).await;
    let plugin = [("name", "Run"), ("kind", "executable"), ("program", "run"), ("seconds", "5")];
    desk.make("/response-rules/plugin", &plugin).await;
    desk.make("/statuses", &[("name", "Parked"), ("group", "Open")]).await;
    desk.make("/statuses/attribute", &[("name", "Team")]).await;
    desk.make("/reports", &[("name", "daily"), ("query", "severity=high")]).await;
    let siem =
        [("name", "siem"), ("kind", "syslog"), ("host", "127.0.0.1"), ("protocol", "udp"), ("format", "cef")];
    let siem = [&siem[..], &[("paused", "yes")]].concat();
    desk.make("/receivers", &siem).await;
    desk.server.person("Reviewer").await;
    let incident = desk.server.record(message("S", &[17])).await[0];
    crate::audited::enter(&desk.server, "mx2", "approved").await;
    let (own, people) = (desk.server.enforce().desk(), desk.server.enforce().site.people());
    let rule = own.rules().await.unwrap()[0].id;
    let status = own.statuses().await.unwrap().into_iter().find(|one| one.name == "Parked").unwrap().id;
    let attribute = own.attribute_definitions().await.unwrap()[0].id;
    let report = own.reports("administrator").await.unwrap()[0].id.to_string();
    let user = people.user_named("reviewer").await.unwrap().unwrap();
    let role = people.add_role("Spare", &Default::default()).await.unwrap();
    let form = |page: String, before, to: &str, same, differs, values| Form {
        page,
        before,
        field: "was",
        to: to.to_owned(),
        same,
        differs,
        around: "VALUE".to_owned(),
        values,
    };
    let groups = ["First group", "Second group", "Third group"];
    vec![
        form(
            format!("/response-rules?edit={rule}"),
            "id=\"rule\"",
            "/response-rules",
            same(&[("id", &rule.to_string()), ("name", "Ask"), ("actions", "add-note begin")]),
            "description",
            ["for the first", "for the second", "for the third"],
        ),
        form(
            "/response-rules?plugin=Run".to_owned(),
            "value=\"executable\"",
            "/response-rules/plugin",
            same(&[("name", "Run"), ("kind", "executable"), ("seconds", "5")]),
            "program",
            ["program-a", "program-b", "program-c"],
        ),
        form(
            format!("/statuses?status={status}"),
            "id=\"status\"",
            "/statuses",
            same(&[("name", "Parked")]),
            "group",
            groups,
        ),
        form(
            format!("/statuses?attribute={attribute}"),
            "id=\"attribute\"",
            "/statuses/attribute",
            same(&[("name", "Team")]),
            "group",
            groups,
        ),
        form(
            format!("/reports?schedule={report}"),
            "id=\"schedule\"",
            "/reports/schedule",
            same(&[("id", &report), ("every", "day"), ("hour", "8")]),
            "zone",
            ["Europe/Rome", "Europe/Berlin", "Europe/Oslo"],
        ),
        form(
            "/receivers?edit=siem".to_owned(),
            "id=\"syslog\"",
            "/receivers",
            same(&[
                ("name", "siem"),
                ("kind", "syslog"),
                ("protocol", "udp"),
                ("format", "cef"),
                ("paused", "yes"),
            ]),
            "host",
            ["first.example", "second.example", "third.example"],
        ),
        Form {
            around: POLICY.replace("Numbers of cards.", "VALUE"),
            ..form(
                "/policies/file?name=cards.toml".to_owned(),
                "class=\"title\"",
                "/policies/file",
                same(&[("name", "cards.toml"), ("why", "a test")]),
                "text",
                ["First words.", "Second words.", "Third words."],
            )
        },
        Form {
            field: "was_owner",
            ..form(
                format!("/incidents/{incident}"),
                "<h2>Decide</h2>",
                &format!("/incidents/{incident}/change"),
                same(&[
                    ("status", "New"),
                    ("was", "New"),
                    ("data_owner", "Dana"),
                    ("was_data_owner", "Dana"),
                ]),
                "owner",
                ["first-owner", "second-owner", "third-owner"],
            )
        },
        Form {
            field: "version",
            ..form(
                format!("/users/{}", user.id),
                "class=\"stack\"",
                &format!("/users/{}", user.id),
                same(&[("role", &user.roles[0].0.to_string())]),
                "full_name",
                ["Rita First", "Rita Second", "Rita Third"],
            )
        },
        Form {
            field: "version",
            ..form(
                format!("/roles/{role}"),
                "class=\"wide-stack\"",
                &format!("/roles/{role}"),
                Vec::new(),
                "name",
                ["First role", "Second role", "Third role"],
            )
        },
        Form {
            field: "version",
            ..form(
                "/servers/mx2".to_owned(),
                "/servers/mx2/settings",
                "/servers/mx2/settings",
                Vec::new(),
                "next-hop",
                ["first.example:25", "second.example:25", "third.example:25"],
            )
        },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_the_router_is_among_those_that_are_sent_late_or_said_to_edit_nothing() {
    let desk = desk(None).await;
    let forms = forms(&desk).await;
    let mut missing = Vec::new();
    for template in desk.server.enforce().site.paths() {
        if ["/api/", "/ProtectManager/"].iter().any(|prefix| template.starts_with(prefix)) {
            continue;
        }
        let allow = desk.ann.ask(Method::OPTIONS, &some_path(template), None).await.allow;
        let known = forms.iter().any(|form| fits(&form.to, template))
            || APART.iter().chain(NO_EDIT).any(|(known, _)| known == template);
        if allow.contains("POST") && !known {
            missing.push(template.clone());
        }
    }
    assert!(missing.is_empty(), "do forms of these edit what is there? {missing:?}");
}

on_both! {
    made by desk;

    async fn what_somebody_changed_meanwhile_is_not_saved_over_by_any_form(desk: &Desk) {
        for form in &forms(desk).await {
            desk.two_save(form).await;
        }
    }

    async fn an_ageing_rule_that_somebody_changed_meanwhile_is_not_saved_over(desk: &Desk) {
        desk.make("/response-rules/ageing", &[("name", "Old"), ("status", "New"), ("hours", "1"), ("actions", "add-note begin")]).await;
        let id = desk.server.enforce().desk().ageing_rules().await.unwrap()[0].id;
        let (page, before) = (format!("/response-rules?ageing={id}"), "id=\"ageing\"");
        let seen = carried(&desk.ann.get(&page).await.text, before, "was");
        let send = async |was: &str, actions: &str| {
            let fields = [("name", "Old"), ("status", "New"), ("hours", "1"), ("actions", actions), ("was", was)];
            desk.ann.post("/response-rules/ageing", &fields).await
        };
        assert_eq!(send(&seen, "add-note first").await.status, StatusCode::SEE_OTHER);
        let told = send(&seen, "add-note leopard").await;
        assert_eq!(told.status, StatusCode::CONFLICT);
        assert!(told.text.contains("the ageing rule Old") && told.text.contains("first"), "{}", told.text);
        assert!(!desk.ann.get("/response-rules").await.text.contains("leopard"));
        assert_eq!(send("", "add-note new").await.status, StatusCode::CONFLICT, "one of this name is there");
    }

    async fn a_report_of_a_name_that_is_there_is_not_saved_over(desk: &Desk) {
        desk.make("/reports", &[("name", "mine"), ("query", "severity=high")]).await;
        let send = async |was: &str, query: &str| {
            desk.ann.post("/reports", &[("name", "mine"), ("query", query), ("was", was)]).await
        };
        let told = send("", "severity=low").await;
        assert_eq!(told.status, StatusCode::CONFLICT);
        assert!(told.text.contains("your report mine") && told.text.contains("severity=high"), "{}", told.text);
        assert!(!desk.ann.get("/reports").await.text.contains("severity=low"));
        let was = carried(&told.text, "As you sent it", "was");
        assert_eq!(send(&was, "severity=low").await.status, StatusCode::SEE_OTHER);
        assert!(desk.ann.get("/reports").await.text.contains("severity=low"));
    }

    async fn a_credential_is_replaced_as_it_was_shown_or_not_and_what_was_sent_stays_secret(desk: &Desk) {
        let send = async |user: &str, was: &str| {
            let fields =
                [("name", "proxy"), ("kind", "password"), ("user", user), ("password", "hunter-2-x"), ("was", was)];
            desk.ann.post("/credentials", &fields).await
        };
        assert_eq!(send("ann", "").await.status, StatusCode::SEE_OTHER);
        let page = desk.ann.get("/credentials").await.text;
        assert!(page.contains("/credentials?replace=proxy#password"), "{page}");
        let seen = carried(&desk.ann.get("/credentials?replace=proxy").await.text, "id=\"password\"", "was");
        assert_eq!(send("bob", &seen).await.status, StatusCode::SEE_OTHER);
        for was in [seen.as_str(), ""] {
            let told = send("cyd", was).await;
            assert_eq!(told.status, StatusCode::CONFLICT);
            for words in ["the credential proxy", "user bob", "user cyd", "/credentials?replace=proxy#password"] {
                assert!(told.text.contains(words), "{words} is missing: {}", told.text);
            }
            assert!(!told.text.contains("hunter-2-x") && !told.text.contains("Save mine"), "{}", told.text);
        }
        assert!(!desk.ann.get("/credentials").await.text.contains("user cyd"));
        let seen = carried(&desk.ann.get("/credentials?replace=proxy").await.text, "id=\"password\"", "was");
        assert_eq!(send("cyd", &seen).await.status, StatusCode::SEE_OTHER);
    }

    async fn a_policy_is_neither_switched_nor_brought_back_over_what_somebody_changed_meanwhile(desk: &Desk) {
        let switch = async |mode: &str, was: &str| {
            desk.ann.post("/policies/mode", &[("name", "cards.toml"), ("mode", mode), ("was", was)]).await
        };
        let list = desk.ann.get("/policies").await.text;
        assert_eq!(carried(&list, "cards.toml", "was"), "on");
        assert_eq!(switch("trial", "on").await.status, StatusCode::SEE_OTHER);
        let told = switch("off", "on").await;
        assert_eq!(told.status, StatusCode::CONFLICT);
        assert!(told.text.contains("the mode of cards.toml") && told.text.contains("<td>trial</td>"), "{}", told.text);
        let history = desk.ann.get("/policies/history?name=cards.toml").await.text;
        let (was, version) = (carried(&history, "class=\"panel\"", "was"), history.split("name=\"version\" value=\"").nth(1).unwrap());
        let version = version.split('"').next().unwrap();
        assert_eq!(switch("off", "trial").await.status, StatusCode::SEE_OTHER);
        let back = async |was: &str| {
            desk.ann.post("/policies/history", &[("name", "cards.toml"), ("version", version), ("was", was)]).await
        };
        let told = back(&was).await;
        assert_eq!(told.status, StatusCode::CONFLICT);
        assert!(told.text.contains("the file cards.toml") && told.text.contains("mode = &#34;off&#34;"), "{}", told.text);
        let was = carried(&told.text, "As you sent it", "was");
        assert_eq!(back(&was).await.status, StatusCode::SEE_OTHER);
        let text = std::fs::read_to_string(desk.server.dir.path().join("policies/cards.toml")).unwrap();
        assert_eq!(text, POLICY);
    }
}
