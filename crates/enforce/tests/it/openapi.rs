//! The interface's description: every route that is served stands in it, and every one that stands in it answers as it says.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, message};

struct Program {
    client: Client,
    base: String,
    user: &'static str,
}

impl Program {
    async fn new(server: &Server, role: &str, user: &'static str) -> Self {
        server.person(role).await;
        Self { client: Client::builder().no_proxy().build().unwrap(), base: server.base(), user }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, String, String) {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        request = request.basic_auth(self.user, Some(PASSWORD));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        (answer.status(), kind.unwrap_or_default(), answer.text().await.unwrap())
    }

    async fn json(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, _, text) = self.ask(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// Panics where the value is not of the shape.
fn fits(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        let found = &document["components"]["schemas"][name];
        assert!(found.is_object(), "{at}: there is no schema {name}");
        return fits(document, found, value, at);
    }
    for either in ["oneOf", "anyOf"] {
        if let Some(several) = schema[either].as_array() {
            let null = value.is_null() && several.iter().any(|one| one["type"] == "null");
            let others: Vec<&Value> = several.iter().filter(|one| one["type"] != "null").collect();
            if !null {
                fits(document, others[0], value, at);
            }
            return;
        }
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
        other => panic!("{at}: the schema has no type but {other}: {schema}"),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.contains(&kind), "{at}: {value} is {kind}, not {kinds:?}");
    if let Some(items) = value.as_array() {
        for (number, item) in items.iter().enumerate() {
            fits(document, &schema["items"], item, &format!("{at}[{number}]"));
        }
    }
    let (Some(fields), Some(known)) = (value.as_object(), schema["properties"].as_object()) else { return };
    for (name, field) in fields {
        let described = known.get(name).unwrap_or_else(|| panic!("{at}: {name} is not described"));
        fits(document, described, field, &format!("{at}.{name}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(fields.contains_key(name.as_str().unwrap()), "{at}: {name} is missing");
    }
}

/// Requests that are good, by what they ask.
fn body(method: &str, path: &str) -> Option<Value> {
    let all = [
        "incidentId",
        "incidentStatusId",
        "incidentStatusName",
        "creationDate",
        "severityId",
        "policyName",
        "matchCount",
        "messageSubject",
        "messageOriginatorID",
        "messageId",
        "isHidden",
        "dataOwnerName",
        "owner",
    ];
    let select: Vec<Value> = all.iter().map(|name| json!({ "name": name })).collect();
    match (method, path.rsplit('/').next().unwrap()) {
        ("post", "incidents") => Some(json!({ "select": select })),
        ("patch", "incidents") => Some(json!({ "incidentIds": [1, 99], "severity": "LOW" })),
        ("post", "respond") => Some(json!({ "rule": "Approve", "incidentIds": [1, 99] })),
        ("post", "confirm" | "decline") => Some(json!({ "note": "seen" })),
        _ => None,
    }
}

/// A rule that needs a second person.
async fn careful(server: &Server) {
    let admin = server.person("Administrator").await;
    let directory = server.dir.path().join("data/plugins");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("release"), "#!/bin/sh\necho '{\"ok\": true}'\n").unwrap();
    std::fs::set_permissions(directory.join("release"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let plugin = [
        ("name", "Release"),
        ("kind", "executable"),
        ("program", "release"),
        ("seconds", "10"),
        ("second_person", "yes"),
    ];
    assert_eq!(admin.post("/response-rules/plugin", &plugin).await.status, StatusCode::SEE_OTHER);
    let rule = [("name", "Approve"), ("actions", "flex-response Release")];
    assert_eq!(admin.post("/response-rules", &rule).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_route_answers_in_the_documented_shape() {
    let server = Server::start().await;
    careful(&server).await;
    let ids = server.record(message("M", &[1, 2])).await;
    let admin = Program {
        client: Client::builder().no_proxy().build().unwrap(),
        base: server.base(),
        user: "administrator",
    };
    admin
        .json(
            "patch",
            "/ProtectManager/webservices/v2/incidents",
            Some(json!({ "incidentIds": [ids[0]], "incidentNotes": [{ "note": "seen" }] })),
        )
        .await;
    let other = Program::new(&server, "API client", "api-client").await;
    let document = admin.json("get", "/api/v1/openapi.json", None).await;
    assert_eq!(document["openapi"].as_str().unwrap().split('.').next(), Some("3"));
    assert_eq!(document["info"]["version"], "test");
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(
                operation["summary"].as_str().is_some_and(|words| !words.is_empty()),
                "{at} says nothing of itself"
            );
            assert!(operation["responses"]["default"].is_object(), "{at} does not say how it refuses");
            if path.ends_with("/confirm") || path.ends_with("/decline") {
                // Somebody asks, unless somebody did before; another one answers.
                let wish = json!({ "rule": "Approve", "incidentIds": [1] });
                other.json("post", "/api/v1/incidents/respond", Some(wish)).await;
            }
            let waiting = admin.json("get", "/api/v1/second-person", None).await;
            let request =
                if path.contains("second-person") { waiting[0]["id"].clone() } else { json!(ids[0]) };
            let address = path.replace("{id}", &request.to_string());
            let address = ["{component}", "{message}", "{violation}"]
                .iter()
                .fold(address, |address, step| address.replace(step, "1"));
            let address = match path.ends_with("/policies/versions") {
                true => format!("{address}?file=cards.toml"),
                false => address,
            };
            let own = path.contains("{id}") && path.contains("second-person") && waiting[0]["isOwn"] == true;
            let program = if own { &other } else { &admin };
            let (status, kind, text) = program.ask(method, &address, body(method, path)).await;
            // No incident has a picture of a form.
            let wanted = if path.ends_with("/image") { StatusCode::NOT_FOUND } else { StatusCode::OK };
            assert_eq!(status, wanted, "{at}: {text}");
            let content = operation["responses"][wanted.as_str()]["content"].as_object().unwrap();
            let (described, schema) = content.iter().next().unwrap();
            assert_eq!(kind.split(';').next(), Some(described.as_str()), "{at}");
            if described == "application/json" {
                fits(&document, &schema["schema"], &serde_json::from_str(&text).unwrap(), &at);
            }
            asked += 1;
        }
    }
    assert_eq!(asked, 31, "each of them was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_served_route_is_documented() {
    let server = Server::start().await;
    let document = serde_json::to_value(enforce::api::document("1")).unwrap();
    let documented: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    // The router tells its paths to whoever debugs it.
    let router = format!("{:?}", enforce::api::router(&server.running.enforce));
    let served: BTreeSet<&str> = router
        .split('"')
        .filter(|text| text.starts_with("/ProtectManager/") || text.starts_with("/api/"))
        .map(|path| path.trim_end_matches('/'))
        // As some connectors write it.
        .filter(|path| !path.ends_with("/policymatches"))
        .collect();
    assert!(served.len() > 15, "{router}");
    assert_eq!(served, documented);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_refused_in_the_documented_shape() {
    let server = Server::start().await;
    careful(&server).await;
    server.record(message("M", &[1])).await;
    let client = Program::new(&server, "API client", "api-client").await;
    let reviewer = Program::new(&server, "Reviewer", "reviewer").await;
    let document = client.json("get", "/api/v1/openapi.json", None).await;
    let refusal = json!({ "$ref": "#/components/schemas/Refusal" });
    let wish = json!({ "rule": "Approve", "incidentIds": [1] });
    let asked = client.json("post", "/api/v1/incidents/respond", Some(wish.clone())).await;
    assert_eq!(asked, json!({ "doneIncidentIds": [], "waitingIncidentIds": [1], "notFoundIncidentIds": [] }));
    for (program, method, path, body, status) in [
        (&client, "post", "/api/v1/second-person/1/confirm", None, StatusCode::CONFLICT),
        (&client, "post", "/api/v1/second-person/9/confirm", None, StatusCode::NOT_FOUND),
        (
            &client,
            "post",
            "/api/v1/incidents/respond",
            Some(json!({ "rule": "None", "incidentIds": [1] })),
            StatusCode::BAD_REQUEST,
        ),
        (&client, "post", "/api/v1/incidents/respond", Some(json!({ "rule": 1 })), StatusCode::BAD_REQUEST),
        (
            &client,
            "post",
            "/api/v1/incidents/respond",
            Some(json!({ "rule": "Approve", "incidentIds": [] })),
            StatusCode::BAD_REQUEST,
        ),
        (&reviewer, "post", "/api/v1/incidents/respond", Some(wish), StatusCode::FORBIDDEN),
        (&reviewer, "get", "/api/v1/second-person", None, StatusCode::FORBIDDEN),
        (&reviewer, "post", "/api/v1/second-person/1/decline", None, StatusCode::FORBIDDEN),
    ] {
        let (answered, _, text) = program.ask(method, path, body).await;
        assert_eq!(answered, status, "{method} {path}: {text}");
        fits(&document, &refusal, &serde_json::from_str(&text).unwrap(), path);
    }
}
