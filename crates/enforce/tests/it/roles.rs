//! Who reaches what: every route with every role, and what a role's conditions and hidden parts keep back.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use web::people::{Condition, Hidden, Privilege, Rights};

use crate::changes::{fits, some_path};
use crate::support::{Server, message};

const ROLES: [&str; 5] = ["Administrator", "Policy author", "Remediator", "Reviewer", "API client"];

/// Each route, its path filled in (`POST` or `PATCH` where it begins so), and the roles that get past the question of rights. What the
/// router has and this table has not fails the test.
const ROUTES: &[(&str, &[&str])] = &[
    ("/incidents", &ROLES),
    ("/incidents/1", &ROLES),
    ("/incidents/look", &ROLES),
    ("/incidents/export.csv", &ROLES),
    ("/incidents/export.json", &ROLES),
    ("/summary", &ROLES),
    ("/reports", &ROLES),
    ("POST /reports", &ROLES),
    ("POST /reports/remove", &ROLES),
    ("POST /reports/schedule", &ROLES),
    ("/second-person", &ROLES),
    ("POST /second-person/1", &["Administrator", "Remediator", "API client"]),
    ("/incidents/1/message", &["Administrator", "Remediator"]),
    ("/incidents/1/original.eml", &["Administrator", "Remediator"]),
    ("/incidents/1/near-miss", &["Administrator", "Policy author"]),
    ("/incidents/1/near-miss/edit", &["Administrator", "Policy author"]),
    ("POST /incidents/1/change", &["Administrator", "Remediator", "API client"]),
    ("POST /incidents/1/look-up", &["Administrator", "Remediator", "API client"]),
    ("/incidents/1/respond/1", &["Administrator", "Remediator", "API client"]),
    ("POST /incidents/1/respond/1", &["Administrator", "Remediator", "API client"]),
    ("POST /incidents/bulk", &["Administrator", "Remediator", "API client"]),
    ("POST /incidents/bulk/apply", &["Administrator", "Remediator", "API client"]),
    ("/policies", &["Administrator", "Policy author"]),
    ("/policies/file?name=cards.toml", &["Administrator", "Policy author"]),
    ("/policies/try", &["Administrator", "Policy author"]),
    ("/policies/history?name=cards.toml", &["Administrator", "Policy author"]),
    ("POST /policies/file", &["Administrator", "Policy author"]),
    ("POST /policies/check", &["Administrator", "Policy author"]),
    ("POST /policies/mode", &["Administrator", "Policy author"]),
    ("POST /policies/try", &["Administrator", "Policy author"]),
    ("POST /policies/history", &["Administrator", "Policy author"]),
    ("/policies/dictionaries", &["Administrator", "Policy author"]),
    ("POST /policies/dictionaries", &["Administrator", "Policy author"]),
    ("POST /policies/dictionaries/remove", &["Administrator", "Policy author"]),
    ("/policies/indexes", &["Administrator", "Policy author"]),
    ("POST /policies/indexes/remove", &["Administrator", "Policy author"]),
    ("POST /policies/edit", &["Administrator", "Policy author"]),
    ("POST /policies/backtest", &["Administrator", "Policy author"]),
    ("/policies/backtest/0b4f9a3e-0000-4000-8000-000000000000", &["Administrator", "Policy author"]),
    ("/policies/backtest/0b4f9a3e-0000-4000-8000-000000000000/state", &["Administrator", "Policy author"]),
    (
        "POST /policies/backtest/0b4f9a3e-0000-4000-8000-000000000000/stop",
        &["Administrator", "Policy author"],
    ),
    ("/response-rules", &["Administrator", "Policy author"]),
    ("POST /response-rules", &["Administrator", "Policy author"]),
    ("POST /response-rules/remove", &["Administrator", "Policy author"]),
    ("POST /response-rules/ageing", &["Administrator", "Policy author"]),
    ("POST /response-rules/ageing/remove", &["Administrator", "Policy author"]),
    ("POST /response-rules/plugin", &["Administrator"]),
    ("POST /response-rules/plugin/remove", &["Administrator"]),
    ("/statuses", &["Administrator"]),
    ("POST /statuses", &["Administrator"]),
    ("POST /statuses/remove", &["Administrator"]),
    ("POST /statuses/attribute", &["Administrator"]),
    ("POST /statuses/attribute/remove", &["Administrator"]),
    ("/servers", &["Administrator"]),
    ("POST /servers", &["Administrator"]),
    ("POST /servers/break-glass", &["Administrator"]),
    ("POST /policies/count-here", &["Administrator"]),
    ("/retention", &["Administrator"]),
    ("/servers/mx1", &["Administrator"]),
    ("POST /servers/mx1/settings", &["Administrator"]),
    ("POST /servers/mx1/approve", &["Administrator"]),
    ("POST /servers/mx1/revoke", &["Administrator"]),
    ("/receivers", &["Administrator"]),
    ("POST /receivers", &["Administrator"]),
    ("POST /receivers/remove", &["Administrator"]),
    ("/credentials", &["Administrator"]),
    ("POST /credentials", &["Administrator"]),
    ("POST /credentials/remove", &["Administrator"]),
    ("POST /policies/indexes", &["Administrator", "Policy author"]),
    // What both consoles have.
    ("/account", &ROLES),
    ("/account/password", &ROLES),
    ("POST /account/password", &ROLES),
    ("POST /account/role", &ROLES),
    ("POST /account/sessions/end", &ROLES),
    ("/account/second-factor", &ROLES),
    ("POST /account/second-factor", &ROLES),
    ("/account/second-factor/remove", &ROLES),
    ("POST /account/second-factor/remove", &ROLES),
    ("POST /account/tokens", &ROLES),
    ("POST /account/tokens/revoke", &ROLES),
    ("/users", &["Administrator"]),
    ("/users/new", &["Administrator"]),
    ("POST /users/new", &["Administrator"]),
    ("/users/99", &["Administrator"]),
    ("POST /users/99", &["Administrator"]),
    ("POST /users/99/password", &["Administrator"]),
    ("POST /users/99/second-factor", &["Administrator"]),
    ("POST /users/99/sessions", &["Administrator"]),
    ("/roles", &["Administrator"]),
    ("/roles/new", &["Administrator"]),
    ("POST /roles/new", &["Administrator"]),
    ("/roles/99", &["Administrator"]),
    ("POST /roles/99", &["Administrator"]),
    ("POST /roles/99/remove", &["Administrator"]),
    ("/audit", &["Administrator"]),
    ("POST /audit/verify", &["Administrator"]),
    ("POST /audit/export", &["Administrator"]),
    ("/", &ROLES),
    // For programs.
    ("POST /ProtectManager/webservices/v2/incidents", &PROGRAMS),
    ("PATCH /ProtectManager/webservices/v2/incidents", &PROGRAMS),
    ("/ProtectManager/webservices/v2/incidents/statuses", &PROGRAMS),
    ("/ProtectManager/webservices/v2/incidents/protectOrPreventStatuses", &PROGRAMS),
    ("/ProtectManager/webservices/v2/incidents/customAttributes", &PROGRAMS),
    ("/ProtectManager/webservices/v2/incidents/1/staticAttributes", &PROGRAMS),
    ("/ProtectManager/webservices/v2/incidents/1/editableAttributes", &PROGRAMS),
    ("/ProtectManager/webservices/v2/incidents/1/history", &PROGRAMS),
    ("/ProtectManager/webservices/v2/incidents/1/notes", &PROGRAMS),
    ("/ProtectManager/webservices/v2/incidents/1/policyMatches", &PROGRAMS),
    ("/ProtectManager/webservices/v2/incidents/1/correlations", &PROGRAMS),
    ("/ProtectManager/webservices/v2/incidents/1/components", &PROGRAMS),
    ("/ProtectManager/webservices/v2/incidents/1/components/matches", &PROGRAMS),
    ("/ProtectManager/webservices/v2/incidents/1/messageBody", &["Administrator"]),
    ("/ProtectManager/webservices/v2/incidents/1/message/1/violation/1/image", &["Administrator"]),
    ("/ProtectManager/webservices/v2/incidents/1/originalMessage", &["Administrator"]),
    ("/ProtectManager/webservices/v2/logoff", &ROLES),
    ("POST /ProtectManager/webservices/v2/logoff", &ROLES),
    ("/ProtectManager/webservices/v2/incidents/1/components/2", &["Administrator"]),
    ("/api/v1/servers", &["Administrator"]),
    ("/api/v1/policies", &["Administrator", "Policy author"]),
    ("/api/v1/policies/versions?file=cards.toml", &["Administrator", "Policy author"]),
    ("/api/v1/summary", &PROGRAMS),
    ("/api/v1/incidents/1/copies", &PROGRAMS),
    ("/api/v1/audit", &["Administrator"]),
    ("/api/v1/response-rules", &PROGRAMS),
    ("POST /api/v1/incidents/respond", &PROGRAMS),
    ("/api/v1/second-person", &PROGRAMS),
    ("POST /api/v1/second-person/1/confirm", &PROGRAMS),
    ("POST /api/v1/second-person/1/decline", &PROGRAMS),
    ("/api/v1/openapi.json", &ROLES),
    // Last: it ends sessions.
    ("POST /sign-out", &ROLES),
];

/// Open to strangers too: they look the same for everybody.
const PUBLIC: &[&str] = &[
    "/sign-in",
    "POST /sign-in",
    "/sign-in/oidc",
    "/sign-in/oidc/done",
    "POST /theme",
    "/favicon.ico",
    "/assets/weir.css",
];

/// Roles of programs.
const PROGRAMS: [&str; 2] = ["Administrator", "API client"];

/// Fields that every form of the console can be read with.
const FIELDS: &[(&str, &str)] = &[
    ("name", "nothing.toml"),
    ("query", ""),
    ("text", ""),
    ("mode", "off"),
    ("kind", "none"),
    ("actions", ""),
    ("was", ""),
    ("mail", "x"),
    ("version", "1"),
    ("id", "99"),
    ("days", "14"),
    ("file", "none.exact"),
    ("format", "none"),
    ("role", "99"),
    ("session", "others"),
    ("token", "99"),
];

/// A route of a table: its method, and its path without a query.
fn split(route: &str) -> (&str, &str) {
    let (method, path) = route.split_once(' ').unwrap_or(("GET", route));
    (method, path.split('?').next().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_the_router_has_is_in_the_tables_and_the_other_way_round() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    let (mut asked, mut missing) = (BTreeSet::new(), Vec::new());
    let all = || ROUTES.iter().map(|(route, _)| *route).chain(PUBLIC.iter().copied());
    for template in server.enforce().site.paths() {
        let allow = admin.ask(reqwest::Method::OPTIONS, &some_path(template), None).await.allow;
        assert!(!allow.is_empty(), "{template} tells no methods");
        for method in allow.split(',').filter(|method| *method != "HEAD") {
            // A step that a router names itself goes before one that may be anything.
            let exact = |path: &str| {
                !template.contains('{')
                    || !server.enforce().site.paths().iter().any(|other| other != template && other == path)
            };
            let known: Vec<&str> = all()
                .filter(|route| {
                    let (wanted, path) = split(route);
                    wanted == method && fits(path, template) && exact(path)
                })
                .collect();
            if known.is_empty() {
                missing.push(format!("{method} {template}"));
            }
            asked.extend(known);
        }
    }
    assert!(missing.is_empty(), "say in ROUTES which roles these are for: {missing:#?}");
    let gone: Vec<&str> = all().filter(|route| !asked.contains(route)).collect();
    assert!(gone.is_empty(), "the router has no such routes: {gone:#?}");
}

/// Somebody of a role, at the console and through a program.
struct Caller {
    role: &'static str,
    person: crate::support::Person,
    token: String,
}

async fn callers(server: &Server) -> Vec<Caller> {
    let mut callers = Vec::new();
    for role in ROLES {
        let person = server.person(role).await;
        let people = server.enforce().site.people();
        let user = people.user_named(&role.to_lowercase().replace(' ', "-")).await.unwrap().unwrap();
        let token = people.make_token(user.id, user.roles[0].0, "walk", None).await.unwrap();
        callers.push(Caller { role, person, token: token.text.to_string() });
    }
    callers
}

/// Asks as a browser, or as a program where the path is for programs. The status, where it leads, and what is told.
async fn ask(server: &Server, route: &str, caller: Option<&Caller>) -> (StatusCode, String, String) {
    let (method, _) = split(route);
    let path = route.split_once(' ').map_or(route, |(_, path)| path);
    if path.starts_with("/api/") || path.starts_with("/ProtectManager/") {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.request(method.parse().unwrap(), format!("{}{path}", server.base()));
        let request = match caller {
            Some(caller) => request.bearer_auth(&caller.token),
            None => request,
        };
        let answer = request.body(if method == "GET" { "" } else { "{}" }).send().await.unwrap();
        return (answer.status(), String::new(), answer.text().await.unwrap());
    }
    let nobody = server.nobody();
    let person = caller.map_or(&nobody, |caller| &caller.person);
    let answer = match (method, path) {
        ("GET", _) => person.get(path).await,
        // The only one that reads its body by itself.
        (_, "/policies/indexes") if caller.is_some() => {
            person.upload(path, &[("name", "")], ("file", "none.exact", b"none")).await
        }
        _ => person.post(path, FIELDS).await,
    };
    (answer.status, answer.to, answer.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_open_to_its_roles_and_to_no_other() {
    let server = Server::start().await;
    server.record(message("M", &[1])).await;
    let callers = callers(&server).await;
    for (route, allowed) in ROUTES {
        for caller in &callers {
            let (status, _, text) = ask(&server, route, Some(caller)).await;
            let role = caller.role;
            assert_eq!(
                status != StatusCode::FORBIDDEN,
                allowed.contains(&role),
                "{route} as {role}: {status} {text}"
            );
            assert!(
                !status.is_server_error() && status != StatusCode::UNAUTHORIZED,
                "{route} as {role}: {text}"
            );
        }
        let (status, to, text) = ask(&server, route, None).await;
        assert!(to.starts_with("/sign-in") || status == StatusCode::UNAUTHORIZED, "{route}: {status} {text}");
    }
    for route in PUBLIC {
        let (status, to, _) = ask(&server, route, None).await;
        assert!(
            status != StatusCode::UNAUTHORIZED && !to.starts_with("/sign-in?to"),
            "{route}: {status} {to}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_with_conditions_reaches_nothing_beyond_them() {
    let server = Server::start().await;
    let ids = server.record(message("M", &[1, 2])).await;
    let all: BTreeSet<Privilege> = Privilege::all().collect();
    let access = vec![Condition::Policy { any_of: BTreeSet::from([2]) }];
    let two = server.with_rights("Two", Rights { privileges: all, access, hidden: BTreeSet::new() }).await;
    let list = two.get("/incidents").await.text;
    assert!(list.contains("1 shown of 1<") && list.contains("policy 2"));
    assert!(!list.contains("policy 1<"));
    assert!(two.get("/incidents?policy=1").await.text.contains("No incident meets"));
    let (one, other) = (ids[0], ids[1]);
    for path in ["", "/message", "/original.eml", "/near-miss", "/respond/1"] {
        assert_eq!(two.get(&format!("/incidents/{one}{path}")).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let change = two.post(&format!("/incidents/{one}/change"), &[("status", "Resolved")]).await;
    assert_eq!(change.status, StatusCode::NOT_FOUND);
    let both = format!("{one},{other}");
    two.post("/incidents/bulk/apply", &[("ids", &both), ("status", "Resolved")]).await;
    assert!(!server.history(one).await.iter().any(|(action, _)| action == "SET_STATUS"));
    assert!(server.history(other).await.iter().any(|(action, _)| action == "SET_STATUS"));
    let snapshot = two.get(&format!("/incidents/{other}")).await.text;
    assert!(
        !snapshot.contains("Other incidents of this message"),
        "siblings beyond its conditions are not told"
    );
    let summary = two.get("/summary").await.text;
    assert!(summary.contains("<dt>Incidents</dt><dd>1</dd>") && !summary.contains("policy 1<"), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_on_severities_and_attributes_hold_too() {
    let server = Server::start().await;
    let ids = [server.record(message("A", &[1])).await[0], server.record(message("B", &[1])).await[0]];
    let admin = server.person("Administrator").await;
    admin
        .post(&format!("/incidents/{}/change", ids[0]), &[("attribute", "Department"), ("value", "Sales")])
        .await;
    let view = BTreeSet::from([Privilege::ViewNetworkIncidents]);
    let department =
        Condition::Attribute { name: "Department".into(), any_of: BTreeSet::from(["sales".into()]) };
    let rights = Rights { privileges: view.clone(), access: vec![department], hidden: BTreeSet::new() };
    let sales = server.with_rights("Sales", rights).await;
    assert!(sales.get("/incidents").await.text.contains("1 shown of 1<"));
    assert!(sales.get("/summary").await.text.contains("<dt>Incidents</dt><dd>1</dd>"));
    let low = Condition::Severity { any_of: BTreeSet::from(["low".into()]) };
    let rights = Rights { privileges: view, access: vec![low], hidden: BTreeSet::new() };
    let low = server.with_rights("Low", rights).await;
    assert!(low.get("/incidents").await.text.contains("No incident meets"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_bound_to_folders_reaches_no_incident_where_there_are_none() {
    let server = Server::start().await;
    let id = server.record(message("M", &[1])).await[0];
    let access = vec![Condition::Folder { any_of: BTreeSet::from([3]) }];
    let rights = Rights { privileges: Privilege::all().collect(), access, hidden: BTreeSet::new() };
    let bound = server.with_rights("Third folder", rights).await;
    assert!(bound.get("/incidents").await.text.contains("No incident meets"));
    assert!(bound.get("/summary").await.text.contains("<dt>Incidents</dt><dd>0</dd>"));
    assert_eq!(bound.get("/incidents/export.json").await.text, "[]");
    for path in ["", "/message", "/original.eml", "/near-miss"] {
        assert_eq!(
            bound.get(&format!("/incidents/{id}{path}")).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let told = bound.get(&format!("/ProtectManager/webservices/v2/incidents/{id}/notes")).await;
    assert_eq!(told.status, StatusCode::NOT_FOUND);
    // The form does not offer what means nothing here, and does not drop unseen what keeps a role from everything.
    let admin = server.person("Administrator").await;
    assert!(!admin.get("/roles/new").await.text.contains("Content incident folders"));
    let refused = admin.post("/roles/new", &[("name", "Another"), ("folders", "3")]).await;
    assert!(refused.text.contains("there are none here"), "{}", refused.text);
    let role = server.enforce().site.people().role_named("Third folder").await.unwrap().unwrap();
    let form = admin.get(&format!("/roles/{}", role.id)).await.text;
    assert!(form.contains("Content incident folders") && form.contains("value=\"3\""), "{form}");
    assert!(admin.get("/roles").await.text.contains("reaches no incident here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_must_not_know_names_does_not_learn_them_anywhere() {
    let server = Server::start().await;
    let id = server.record(message("M", &[1])).await[0];
    let privileges = BTreeSet::from([
        Privilege::ViewNetworkIncidents,
        Privilege::ViewOriginals,
        Privilege::RemediateIncidents,
    ]);
    let hidden = Hidden::ALL.iter().copied().collect();
    let blind = server.with_rights("Blind", Rights { privileges, access: Vec::new(), hidden }).await;
    let secrets = ["anna@", "bert", "carla", "numbers", "4111", "1111"];
    for path in [
        "/incidents".to_owned(),
        format!("/incidents/{id}"),
        "/incidents/export.csv".to_owned(),
        "/incidents/export.json".to_owned(),
        "/summary".to_owned(),
    ] {
        let page = blind.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        for secret in secrets {
            assert!(!page.text.contains(secret), "{secret} on {path}:\n{}", page.text);
        }
        assert!(page.text.contains("Person "), "{path} shows a pseudonym");
    }
    for path in [
        "/incidents?sender=anna@company.example".to_owned(),
        "/incidents?recipient=bert".to_owned(),
        "/incidents?subject=numbers".to_owned(),
        "/incidents?value=4111111111111111".to_owned(),
        "/incidents?sort=sender".to_owned(),
        format!("/incidents/{id}/message"),
        format!("/incidents/{id}/original.eml"),
    ] {
        assert_eq!(blind.get(&path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sees_matches_masked_cannot_guess_them_by_asking() {
    let server = Server::start().await;
    server.record(message("M", &[1])).await;
    let reviewer = server.person("Reviewer").await;
    let ask = "value=4111111111111111";
    for path in ["/incidents", "/incidents/export.csv", "/incidents/export.json"] {
        let refused = reviewer.get(&format!("{path}?{ask}")).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}: {}", refused.text);
        assert!(!refused.text.contains("1 shown of 1"), "{path}");
    }
    assert!(!reviewer.get("/incidents").await.text.contains("name=\"value\""), "it is not offered either");
    let saved = reviewer.post("/reports", &[("name", "guess"), ("query", ask)]).await;
    assert_eq!(saved.status, StatusCode::FORBIDDEN);
    // What others share is not a way either.
    let remediator = server.person("Remediator").await;
    remediator.post("/reports", &[("name", "cards"), ("query", ask), ("shared", "on")]).await;
    let reports = reviewer.get("/reports").await.text;
    assert!(reports.contains("cards") && !reports.contains("4111"), "{reports}");
    assert!(remediator.get(&format!("/incidents?{ask}")).await.text.contains("1 shown of 1<"));
    assert!(remediator.get("/reports").await.text.contains("4111"));
}

/// The pseudonyms on a page, in their order.
fn pseudonyms(page: &str) -> Vec<String> {
    let shown = page.match_indices("Person ").map(|(at, _)| page[at..].chars().take(17).collect::<String>());
    shown.filter(|name| web::is_pseudonym(name).is_some()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_senders_have_pseudonyms_no_page_and_no_answer_tells_an_address_of_theirs() {
    let server = Server::start().await;
    let mut one = message("M", &[1, 17]);
    one.recipients = vec!["Dora@Company.example".into(), "bert@partner.example".into()];
    one.subject = "for ANNA@company.example".into();
    for violation in &mut one.violations {
        violation.matches[0].before = "From: anna@company.example card ".into();
        violation.matches[0].after = " to dora@company.example".into();
    }
    let id = server.record(one).await[0];
    let mut other = message("N", &[1]);
    other.sender = "zoe@company.example".into();
    server.record(other).await;
    let admin = server.person("Administrator").await;
    for fields in [
        [("note", "anna@company.example called"), ("owner", "")],
        [("attribute", "Employee"), ("value", "Anna Berg, anna@company.example")],
    ] {
        admin.post(&format!("/incidents/{id}/change"), &fields).await;
    }
    let mut privileges: BTreeSet<Privilege> = Privilege::all().collect();
    privileges.remove(&Privilege::ReadAudit);
    let hidden = BTreeSet::from([Hidden::Sender]);
    let council = server.with_rights("Council", Rights { privileges, access: Vec::new(), hidden }).await;
    let secrets = ["anna@", "dora@", "zoe@", "anna berg"];
    let paths: Vec<String> = ROUTES
        .iter()
        .filter(|(route, _)| split(route).0 == "GET" && !route.contains("respond/"))
        .map(|(route, _)| route.replace("/incidents/1", &format!("/incidents/{id}")))
        .collect();
    let mut answered = 0;
    for path in &paths {
        let page = council.get(path).await;
        answered += usize::from(page.status == StatusCode::OK);
        for secret in secrets {
            assert!(!page.text.to_lowercase().contains(secret), "{secret} on {path}:\n{}", page.text);
        }
    }
    assert!(answered > 20, "the pages are there: {answered} of {}", paths.len());
    for path in ["message", "original.eml"] {
        let answer = council.get(&format!("/incidents/{id}/{path}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    // The same name for the same person everywhere, and another one for another.
    let snapshot = council.get(&format!("/incidents/{id}")).await.text;
    let names = pseudonyms(&snapshot);
    let list = council.get("/incidents").await.text;
    assert!(names.iter().collect::<BTreeSet<_>>().len() == 2, "{names:?}");
    assert!(names.iter().all(|name| pseudonyms(&list).contains(name)));
    assert!(snapshot.contains("bert@partner.example"), "who is no colleague is shown");
    // By the name one can ask: the role, and who looks up later who it is.
    let query = format!("sender={}", web::pages::encoded(&names[0]));
    for person in [&council, &admin] {
        let found = person.get(&format!("/incidents?{query}")).await.text;
        assert!(found.contains("2 shown of 2<"), "{found}");
    }
    assert!(council.get("/incidents?sender=Person%200123456789").await.text.contains("No incident meets"));
    let export = council.get(&format!("/incidents/export.csv?{query}")).await.text;
    let lines: Vec<&str> = export.lines().skip(1).collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.contains(&names[0])), "{export}");
    // Not by what tells who it is.
    let asks = [
        "sender=anna@company.example",
        "sender=anna",
        "recipient=dora@company.example",
        "sort=sender",
        "attribute=Employee%3DAnna",
    ];
    for ask in asks {
        assert_eq!(council.get(&format!("/incidents?{ask}")).await.status, StatusCode::FORBIDDEN, "{ask}");
        let fields = [("status", "New"), ("query", ask), ("advance", "on")];
        let decided = council.post(&format!("/incidents/{id}/change"), &fields).await;
        assert_eq!(decided.status, StatusCode::FORBIDDEN, "{ask} as the list to go on in");
    }
}

/// The passages that the interface gives of an incident's matches, each in one.
async fn passages(person: &crate::support::Person, id: u64) -> Vec<String> {
    let path = format!("/ProtectManager/webservices/v2/incidents/{id}/components/matches");
    let places: serde_json::Value = serde_json::from_str(&person.get(&path).await.text).unwrap();
    let places = places.as_array().unwrap();
    let all = places.iter().flat_map(|place| place["violations"].as_array().unwrap());
    all.map(|one| {
        let segments = one["violationSegments"].as_array().unwrap();
        segments.iter().map(|segment| segment["text"].as_str().unwrap()).collect()
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_match_within_an_address_and_an_address_that_a_passage_cuts_tell_nobody_who_it_is() {
    let server = Server::start().await;
    let mut one = message("M", &[1]);
    let found = one.violations[0].matches[0].clone();
    let passage = |before: &str, text: &str, after: &str| incident::Match {
        before: before.into(),
        text: text.into(),
        after: after.into(),
        ..found.clone()
    };
    one.violations[0].matches = vec![
        passage("wrote ", "Anna", "@company.example today"),
        passage("anna@", "company", ".example wrote"),
        passage("na@company.example sent ", "4111 1111 1111 1111", " for anna@com"),
        passage("card ", "4111 1111 1111 1112", " of joanna@company.example"),
    ];
    let id = server.record(one).await[0];
    let privileges = BTreeSet::from([
        Privilege::ViewNetworkIncidents,
        Privilege::ViewMatches,
        Privilege::ApiIncidentView,
        Privilege::AuthorPolicies,
    ]);
    let hidden = BTreeSet::from([Hidden::Sender]);
    let council = server.with_rights("Council", Rights { privileges, access: Vec::new(), hidden }).await;
    let name = pseudonyms(&council.get("/incidents").await.text).remove(0);
    assert_eq!(
        passages(&council, id).await,
        [
            format!("wrote {name} today"),
            format!("{name} wrote"),
            format!("{name} sent 4111 1111 1111 1111 for {name}"),
            format!("card 4111 1111 1111 1112 of jo{name}"),
        ]
    );
    for path in [format!("/incidents/{id}"), format!("/incidents/{id}/near-miss")] {
        let page = council.get(&path).await.text.to_lowercase();
        assert!(page.contains("4111"), "{path}");
        // Not even as the value that other incidents have too.
        assert!(!page.contains("anna") && !page.contains("na@"), "{path}:\n{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn matches_in_a_part_that_the_role_does_not_see_are_not_told() {
    let server = Server::start().await;
    let mut one = message("M", &[1]);
    let found = one.violations[0].matches[0].clone();
    let places = [
        ("Subject", "text", "subjectword", Hidden::Subject),
        ("forwarded.eml > Subject", "text", "innersubject", Hidden::Subject),
        ("", "text", "bodyword", Hidden::Body),
        ("", "link", "linkword", Hidden::Body),
        ("To", "text", "headerword", Hidden::Recipients),
        ("recipient", "envelope", "envelopeword", Hidden::Recipients),
    ];
    one.violations[0].matches = places
        .iter()
        .map(|(path, kind, word, _)| incident::Match {
            path: (*path).into(),
            kind: (*kind).into(),
            text: (*word).into(),
            ..found.clone()
        })
        .chain([incident::Match { text: "fileword".into(), ..found.clone() }])
        .collect();
    let id = server.record(one).await[0];
    for part in [Hidden::Subject, Hidden::Body, Hidden::Recipients] {
        let privileges = BTreeSet::from([
            Privilege::ViewNetworkIncidents,
            Privilege::ViewMatches,
            Privilege::ApiIncidentView,
            Privilege::AuthorPolicies,
        ]);
        let rights = Rights { privileges, access: Vec::new(), hidden: BTreeSet::from([part]) };
        let reader = server.with_rights(&format!("Without {}", part.word()), rights).await;
        for path in [
            format!("/incidents/{id}"),
            format!("/incidents/{id}/near-miss"),
            format!("/ProtectManager/webservices/v2/incidents/{id}/components/matches"),
        ] {
            let page = reader.get(&path).await.text;
            assert!(page.contains("fileword"), "{path}: what stands in files is told\n{page}");
            for (_, _, word, of) in &places {
                // Five words of the values that others have too are looked for, so the rest is on the page once.
                assert_eq!(page.contains(word), *of != part, "{word} on {path} without {}", part.word());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_see_incidents_neither_decides_nor_makes_cases_of_them() {
    let server = Server::start().await;
    let id = server.record(message("M", &[1])).await[0];
    let privileges =
        BTreeSet::from([Privilege::RemediateIncidents, Privilege::AuthorPolicies, Privilege::ViewMatches]);
    let rights = Rights { privileges, access: Vec::new(), hidden: BTreeSet::new() };
    let blind = server.with_rights("No view", rights).await;
    for path in [format!("/incidents/{id}/near-miss"), format!("/incidents/{id}/respond/1")] {
        assert_eq!(blind.get(&path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for path in [format!("/incidents/{id}/change"), "/incidents/bulk".into(), "/incidents/bulk/apply".into()]
    {
        let answer = blind.post(&path, &[("id", "1"), ("ids", "1"), ("status", "Resolved")]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(server.history(id).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_must_not_know_one_thing_does_not_learn_it_by_a_detour() {
    let server = Server::start().await;
    let mut one = message("M", &[1]);
    one.message_id = Some("<secret-host-of-anna@laptop.company.example>".into());
    let id = server.record(one).await[0];
    let rights = |hidden: Hidden| Rights {
        privileges: Privilege::all().collect(),
        access: Vec::new(),
        hidden: BTreeSet::from([hidden]),
    };
    let no_sender = server.with_rights("No sender", rights(Hidden::Sender)).await;
    for path in ["/incidents/export.csv", "/incidents/export.json"] {
        assert!(!no_sender.get(path).await.text.contains("laptop"), "{path}: a Message-ID names its sender");
    }
    let no_files = server.with_rights("No files", rights(Hidden::Attachments)).await;
    for path in ["message", "original.eml"] {
        let answer = no_files.get(&format!("/incidents/{id}/{path}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} holds the attachments");
    }
    for (name, hidden) in [("No names", Hidden::Attachments), ("No matches", Hidden::Matches)] {
        let one = server.with_rights(name, rights(hidden)).await;
        let page = one.get(&format!("/incidents/{id}")).await.text;
        assert!(!page.contains("Same file"), "{name}: {page}");
        assert_eq!(one.get("/incidents?file=q3.xlsx").await.status, StatusCode::FORBIDDEN, "{name}");
        let asks = one.get("/incidents?value=%01file%01q3.xlsx").await;
        assert!(asks.status == StatusCode::FORBIDDEN || asks.text.contains("No incident meets"), "{name}");
    }
}
