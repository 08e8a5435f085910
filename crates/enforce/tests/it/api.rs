//! The product's incident interface: each request that its published connectors send, replayed.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, message};

pub(crate) struct Connector {
    client: Client,
    base: String,
    user: String,
    password: String,
}

impl Connector {
    pub(crate) async fn new(server: &Server, role: &str) -> Self {
        server.person(role).await;
        Self {
            client: Client::builder().no_proxy().build().unwrap(),
            base: format!("{}/ProtectManager/webservices/v2", server.base()),
            user: role.to_lowercase().replace(' ', "-"),
            password: PASSWORD.to_owned(),
        }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        request = request.basic_auth(&self.user, Some(&self.password));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, value) = self.ask(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {value}");
        value
    }

    async fn list(&self, body: Value) -> Vec<Value> {
        let (status, value) = self.ask(Method::POST, "/incidents", Some(body)).await;
        assert_eq!(status, StatusCode::OK, "{value}");
        value["incidents"].as_array().unwrap().clone()
    }
}

fn filter(filters: Value) -> Value {
    json!({ "filterType": "booleanLogic", "booleanOperator": "AND", "filters": filters })
}

fn test(kind: &str, name: &str, operator: &str, values: Value) -> Value {
    json!({ "filterType": kind, "operandOne": { "name": name }, "operandTwoValues": values, "operator": operator })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_that_connectors_fetch_is_answered() {
    let server = Server::start().await;
    for number in 0..5 {
        server.record(message(&format!("M{number}"), &[1, 2])).await;
    }
    let connector = Connector::new(&server, "API client").await;
    let asked = json!({
        "limit": 4,
        "orderBy": [{ "order": "ASC", "field": { "name": "creationDate" } }],
        "select": [
            { "name": "incidentId" }, { "name": "incidentStatusId" }, { "name": "creationDate" }, { "name": "detectionDate" },
            { "name": "severityId" }, { "name": "messageSource" }, { "name": "messageTypeId" }, { "name": "policyVersion" },
            { "name": "policyId" }, { "name": "matchCount" }, { "name": "detectionServerId" }
        ],
        "filter": filter(json!([
            test("localDateTime", "creationDate", "GT", json!(["2020-01-01T00:00:00"])),
            test("int", "incidentStatusId", "IN", json!([1])),
            test("long", "severityId", "IN", json!([1, "2"])),
            test("string", "messageSource", "IN", json!(["NETWORK"])),
        ])),
    });
    let found = connector.list(asked.clone()).await;
    assert_eq!(found.len(), 4);
    let first = &found[0];
    assert_eq!(
        (&first["incidentId"], &first["incidentStatusId"], &first["severityId"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(
        (&first["messageSource"], &first["policyId"], &first["matchCount"]),
        (&json!("NETWORK"), &json!(1), &json!(3))
    );
    let date = first["creationDate"].as_str().unwrap();
    assert!(date.len() == 23 && !date.contains('Z'), "local ISO with milliseconds and no zone: {date}");
    // Paths with a slash at their end are used too.
    let (status, value) = connector.ask(Method::POST, "/incidents/", Some(asked)).await;
    assert_eq!((status, value["incidents"].as_array().unwrap().len()), (StatusCode::OK, 4));
    let none = connector.list(json!({ "select": [{ "name": "incidentId" }], "filter": test("string", "messageSource", "EQ", json!(["ENDPOINT"])) })).await;
    assert_eq!(none, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detection_server_has_a_number_and_is_found_by_it_and_by_its_name() {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    for name in ["mx-a", "mx-b", "2"] {
        let token = crate::servers::token(&admin, &[("name", name), ("hours", "2")]).await;
        crate::servers::Machine::new(&server).enroll(&token).await;
    }
    for (id, name) in ["mx-a", "mx-b", "2", "elsewhere"].into_iter().enumerate() {
        let mut one = message(&format!("M{id}"), &[1]);
        one.server = name.into();
        server.record(one).await;
    }
    let connector = Connector::new(&server, "API client").await;
    let names = ["incidentId", "detectionServerId", "detectionServerName"];
    let select: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
    let order = json!([{ "order": "ASC", "field": { "name": "incidentId" } }]);
    let all = connector.list(json!({ "select": select, "orderBy": order })).await;
    let numbers: Vec<(&Value, &Value)> =
        all.iter().map(|one| (&one["detectionServerId"], &one["detectionServerName"])).collect();
    let known = [json!(1), json!(2), json!(3), Value::Null];
    let named = [json!("mx-a"), json!("mx-b"), json!("2"), json!("elsewhere")];
    assert_eq!(numbers, known.iter().zip(&named).collect::<Vec<_>>());
    for (operator, values, wanted) in [
        ("IN", json!([1, 3]), vec![1, 3]),
        ("EQ", json!(["2"]), vec![2]),
        ("IN", json!(["mx-b", "elsewhere"]), vec![2, 4]),
        ("NOT_IN", json!([1, "mx-b"]), vec![3, 4]),
        ("EQ", json!([99]), vec![]),
    ] {
        let filter = test("long", "detectionServerId", operator, values.clone());
        let found = connector.list(json!({ "select": select, "orderBy": order, "filter": filter })).await;
        let ids: Vec<u64> = found.iter().map(|one| one["incidentId"].as_u64().unwrap()).collect();
        assert_eq!(ids, wanted, "{operator} {values}");
    }
    let by_name = test("string", "detectionServerName", "EQ", json!(["2"]));
    let found = connector.list(json!({ "select": select, "filter": by_name })).await;
    assert_eq!(found.len(), 1, "a name is a name");
    assert_eq!(found[0]["incidentId"], 3);
    let (_, one) = connector.ask(Method::GET, "/incidents/2/staticAttributes", None).await;
    assert_eq!(one["infoMap"]["detectionServerId"], 2, "{one}");
    let (_, one) = connector.ask(Method::GET, "/incidents/4/staticAttributes", None).await;
    assert_eq!(one["infoMap"]["detectionServerId"], Value::Null, "{one}");
    // A server that is enrolled again is the same one.
    let token = crate::servers::token(&admin, &[("name", "mx-a"), ("hours", "2")]).await;
    crate::servers::Machine::new(&server).enroll(&token).await;
    let (_, one) = connector.ask(Method::GET, "/incidents/1/staticAttributes", None).await;
    assert_eq!(one["infoMap"]["detectionServerId"], 1, "{one}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_ordered_by_each_name_that_can_be_selected_and_pages_cover_it_once() {
    let server = Server::start().await;
    for number in 0..7 {
        let mut one = message(&format!("M{number}"), &[1]);
        one.subject = format!("subject {}", (number * 5) % 7);
        one.message_id = (number % 2 == 0).then(|| format!("<{}@company.example>", (number * 3) % 7));
        server.record(one).await;
    }
    let connector = Connector::new(&server, "API client").await;
    let changes = json!({ "incidentIds": [2, 5], "isHidden": true, "dataOwnerName": "Zoe" });
    let (status, _) = connector.ask(Method::PATCH, "/incidents", Some(changes)).await;
    assert_eq!(status, StatusCode::OK);
    let document = serde_json::to_value(enforce::api::document("1")).unwrap();
    let fields = document["components"]["schemas"]["ListedIncident"]["properties"].as_object().unwrap();
    for name in fields.keys() {
        for order in ["ASC", "DESC"] {
            let asked = |number: u64| {
                json!({
                    "select": [{ "name": "incidentId" }, { "name": name }],
                    "orderBy": [{ "order": order, "field": { "name": name } }],
                    "page": { "type": "offset", "pageNumber": number, "pageSize": 3 },
                })
            };
            let mut all = Vec::new();
            for number in 1..=3 {
                all.extend(connector.list(asked(number)).await);
            }
            let ids: std::collections::BTreeSet<u64> =
                all.iter().map(|one| one["incidentId"].as_u64().unwrap()).collect();
            assert_eq!((all.len(), ids.len()), (7, 7), "{name} {order}: {all:?}");
            let mut values: Vec<String> = all
                .iter()
                .map(|one| match &one[name] {
                    Value::Number(number) => format!("{:09}", number.as_u64().unwrap()),
                    Value::String(text) => text.clone(),
                    Value::Bool(flag) => flag.to_string(),
                    _ => String::new(),
                })
                .collect();
            if order == "DESC" {
                values.reverse();
            }
            assert!(values.is_sorted(), "{name} {order}: {values:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_number_cover_the_list_once() {
    let server = Server::start().await;
    for number in 0..25 {
        server.record(message(&format!("M{number}"), &[1])).await;
    }
    let connector = Connector::new(&server, "API client").await;
    let mut seen = Vec::new();
    for number in 1..=4 {
        let asked = json!({
            "select": [{ "name": "incidentId" }],
            "page": { "type": "offset", "pageNumber": number, "pageSize": 10 },
            "orderBy": [{ "order": "DESC", "field": { "name": "incidentId" } }],
        });
        seen.extend(connector.list(asked).await.iter().map(|one| one["incidentId"].as_u64().unwrap()));
    }
    assert_eq!(seen, (1..=25).rev().collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operator_that_users_send_is_understood() {
    let server = Server::start().await;
    let ids = server.record(message("M", &[1, 2])).await;
    let connector = Connector::new(&server, "API client").await;
    let (status, _) = connector
        .ask(Method::PATCH, "/incidents", Some(json!({ "incidentIds": [ids[0]], "incidentNotes": [{ "note": "Looked at 50%", "timestamp": "x" }] })))
        .await;
    assert_eq!(status, StatusCode::OK);
    let count = async |filter: Value| {
        connector.list(json!({ "select": [{ "name": "incidentId" }], "filter": filter })).await.len()
    };
    for (one, expected) in [
        (test("int", "policyId", "EQ", json!([1])), 1),
        (test("int", "policyId", "NOT_EQ", json!(["1"])), 1),
        (test("int", "policyId", "NOT_IN", json!([1, 2])), 0),
        (test("int", "matchCount", "LT", json!([3])), 0),
        (test("int", "matchCount", "LTE", json!([3])), 2),
        (test("int", "matchCount", "GTE", json!([3])), 2),
        (test("string", "policyName", "LIKE", json!(["POLICY%"])), 2),
        (test("string", "policyName", "NOT_LIKE", json!(["%1"])), 1),
        (test("string", "incidentNote", "LIKE", json!(["%looked%"])), 1),
        (
            json!({ "filterType": "string", "operandOne": { "name": "incidentNote" }, "operator": "IS_NULL" }),
            1,
        ),
        (
            json!({ "filterType": "string", "operandOne": { "name": "incidentNote", "function": "UPPER" }, "operator": "IS_NOT_NULL" }),
            1,
        ),
        (
            json!({ "filterType": "string", "operandOne": { "name": "policyName", "function": "UPPER" }, "operator": "IN",
                "operandTwoValues": ["POLICY 1", "POLICY%"] }),
            1,
        ),
        (test("string", "policyName", "EQ", json!(["POLICY 1"])), 0),
        (test("boolean", "isHidden", "EQ", json!([false])), 2),
        (test("boolean", "isHidden", "IN", json!(["true"])), 0),
        (test("string", "messageSource", "NOT_IN", json!(["NETWORK"])), 0),
        (test("string", "recipientIdentifier", "EQ", json!(["Bert@partner.example"])), 2),
        (test("string", "recipientIdentifier", "IN", json!(["nobody@x", "carla@partner.example"])), 2),
        (test("string", "recipientIdentifier", "LIKE", json!(["carla@%"])), 2),
        (test("string", "recipientIdentifier", "NOT_LIKE", json!(["%@elsewhere"])), 2),
        (test("string", "messageSubject", "LIKE", json!(["%a\\b%"])), 0),
        (test("string", "messageSubject", "LIKE", json!(["numbers\\"])), 0),
        (test("string", "messageId", "EQ", json!(["<1@company.example>"])), 2),
        (
            json!({ "filterType": "booleanLogic", "booleanOperator": "OR", "filters": [
            test("int", "policyId", "EQ", json!([1])), filter(json!([test("int", "policyId", "EQ", json!([2]))])) ] }),
            2,
        ),
    ] {
        assert_eq!(count(one.clone()).await, expected, "{one}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backslash_in_a_pattern_stands_for_itself() {
    let server = Server::start().await;
    let mut one = message("M", &[1]);
    one.subject = "the share \\\\files\\budget".into();
    server.record(one).await;
    let connector = Connector::new(&server, "API client").await;
    let select = json!([{ "name": "incidentId" }]);
    for (pattern, expected) in [("%\\files\\b%", 1), ("%files\\", 0), ("%files/b%", 0)] {
        let asked =
            json!({ "select": select, "filter": test("string", "messageSubject", "LIKE", json!([pattern])) });
        assert_eq!(connector.list(asked).await.len(), expected, "{pattern}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_and_reveals_nothing() {
    let server = Server::start().await;
    server.record(message("M", &[1])).await;
    let connector = Connector::new(&server, "API client").await;
    let select = json!([{ "name": "incidentId" }]);
    let mut deep = test("int", "policyId", "EQ", json!([1]));
    for _ in 0..40 {
        deep = filter(json!([deep]));
    }
    let many: Vec<Value> = (0..5_000).map(Value::from).collect();
    for body in [
        json!({}),
        json!({ "select": [] }),
        json!({ "select": [{ "name": "password" }] }),
        json!({ "select": select, "limit": 0 }),
        json!({ "select": select, "limit": 1_000_000 }),
        json!({ "select": select, "filter": test("int", "policyId; DROP TABLE incident", "EQ", json!([1])) }),
        json!({ "select": select, "filter": test("int", "policyId", "OR 1=1", json!([1])) }),
        json!({ "select": select, "filter": test("int", "policyId", "EQ", json!(["x' OR '1'='1"])) }),
        json!({ "select": select, "filter": test("int", "policyId", "EQ", json!([])) }),
        json!({ "select": select, "filter": test("int", "policyId", "EQ", json!([{ "a": 1 }])) }),
        json!({ "select": select, "filter": test("localDateTime", "creationDate", "GT", json!(["soon"])) }),
        json!({ "select": select, "filter": test("int", "policyId", "IN", json!(many)) }),
        json!({ "select": select, "filter": deep }),
        json!({ "select": select, "orderBy": [{ "order": "ASC", "field": { "name": "nothing" } }] }),
    ] {
        let (status, value) = connector.ask(Method::POST, "/incidents", Some(body.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {value}");
    }
    assert_eq!(connector.list(json!({ "select": select })).await.len(), 1, "nothing was harmed");
    assert_eq!(connector.ask(Method::GET, "/incidents/99/history", None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_all_or_nothing_and_names_what_it_did_not_find() {
    let server = Server::start().await;
    let id = server.record(message("M", &[1])).await[0];
    server.enforce().desk().save_attribute("Department", "People", 1, false, "").await.unwrap();
    let connector = Connector::new(&server, "API client").await;
    let body = json!({
        "incidentIds": [id, 4711], "incidentStatusId": 3, "severity": "LOW", "incidentNotes": [{ "note": "from outside" }],
        "dataOwnerName": "Dana", "dataOwnerEmail": "dana@company.example", "preventOrProtectStatus": "REMEDIATION_PENDING",
        "remediationLocation": "vault", "incidentCustomAttributes": [{ "columnIndex": 1, "value": "Sales" }],
    });
    let (status, value) = connector.ask(Method::PATCH, "/incidents", Some(body)).await;
    assert_eq!(
        (status, &value["updatedIncidentIds"], &value["notFoundIncidentIds"]),
        (StatusCode::OK, &json!([id]), &json!([4711]))
    );
    let editable = connector.get(&format!("/incidents/{id}/editableAttributes")).await;
    let info = &editable["infoMap"];
    assert_eq!((&info["incidentStatusId"], &info["incidentStatusName"]), (&json!(3), &json!("Escalated")));
    assert_eq!((&info["severityId"], &info["preventOrProtectStatusId"]), (&json!(3), &json!(61)));
    assert_eq!(info["dataOwnerEmail"], "dana@company.example");
    let attribute = &editable["customAttributeGroups"][0]["customAttributes"][0];
    assert_eq!(
        (&attribute["name"], &attribute["index"], &attribute["value"]),
        (&json!("Department"), &json!(1), &json!("Sales"))
    );
    let names = json!({ "select": [{ "name": "incidentId" }, { "name": "dataOwnerName" }],
        "filter": test("string", "dataOwnerName", "EQ", json!(["Dana"])) });
    assert_eq!(connector.list(names).await, [json!({ "incidentId": id, "dataOwnerName": "Dana" })]);
    let before = server.history(id).await.len();
    for wrong in [
        json!({ "incidentIds": [id], "incidentStatusId": 99, "severity": "HIGH" }),
        json!({ "incidentIds": [id], "severity": "WORST" }),
        json!({ "incidentIds": [id], "preventOrProtectStatus": "MAGIC" }),
        json!({ "incidentIds": [id], "severity": "HIGH", "incidentCustomAttributes": [{ "columnIndex": 9, "value": "x" }] }),
        json!({ "incidentIds": [], "severity": "HIGH" }),
        json!({ "incidentIds": [id] }),
        json!({ "incidentIds": ["x"], "severity": "HIGH" }),
        json!({ "incidentIds": [id], "incidentStatusID": 1 }),
    ] {
        let (status, value) = connector.ask(Method::PATCH, "/incidents", Some(wrong.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {value}");
    }
    assert_eq!(server.history(id).await.len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_about_one_incident_is_answered() {
    let server = Server::start().await;
    let ids = server.record(message("M", &[1, 2])).await;
    let connector = Connector::new(&server, "API client").await;
    let id = ids[0];
    let fixed = connector.get(&format!("/incidents/{id}/staticAttributes")).await;
    let info = &fixed["infoMap"];
    assert_eq!((&info["policyName"], &info["messageSubject"]), (&json!("policy 1"), &json!("numbers")));
    assert_eq!(info["recipientInfo"][1]["recipientDomain"], "partner.example");
    assert_eq!(info["attachmentInfo"][0]["messageComponentName"], "offer.zip");
    assert_eq!(
        (&info["attachmentInfo"][0]["wasCracked"], &info["attachmentInfo"][1]["wasCracked"]),
        (&json!(true), &json!(false))
    );
    let history = connector.get(&format!("/incidents/{id}/history/")).await;
    assert_eq!(history[0]["incidentHistoryAction"], "RESPONSE_RULE_EXECUTED", "newest first");
    assert!(history.as_array().unwrap().iter().any(|line| line["incidentHistoryAction"] == "DETECTED"));
    let policies = connector.get(&format!("/incidents/{id}/policyMatches")).await;
    assert_eq!(policies["otherPoliciesViolated"][0]["incidentId"], ids[1]);
    assert_eq!(policies["violatedRules"][0]["ruleName"], "numbers");
    let matches = connector.get(&format!("/incidents/{id}/components/matches")).await;
    let segments = matches[0]["violations"][0]["violationSegments"].as_array().unwrap().clone();
    assert!(
        segments
            .iter()
            .any(|one| one["segmentType"] == "VIOLATING_CONTENT" && one["text"] == "4111 1111 1111 1111")
    );
    let components = connector.get(&format!("/incidents/{id}/components")).await;
    let names = ["Body", "offer.zip", "a.zip"].map(|name| json!(name));
    assert_eq!([0, 1, 2].map(|at| components[at]["messageComponentName"].clone()), names);
    assert_eq!(components[0]["isComponentAvailable"], false, "this role does not see the message");
    assert_eq!(matches[0]["messageComponentId"], components[1]["messageComponentId"]);
    let (status, _) = connector.ask(Method::GET, &format!("/incidents/{id}/components/1"), None).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let statuses = connector.get("/incidents/statuses").await;
    assert_eq!(statuses[0], json!({ "id": 1, "name": "New" }));
    let prevents = connector.get("/incidents/protectOrPreventStatuses").await;
    assert!(prevents.as_array().unwrap().contains(&json!({ "id": 62, "name": "REMEDIATION_OVERRIDEN" })));
    let shared = connector.get(&format!("/incidents/{id}/correlations")).await;
    let of = |variable: &str| {
        let all = shared.as_array().unwrap().iter();
        all.filter(|one| one["variable"] == variable).map(|one| one["correlationValues"].clone()).next()
    };
    let files = of("incident.file").unwrap_or_else(|| panic!("{shared}"));
    assert_eq!([0, 1].map(|at| files[at]["value"].clone()), ["offer.zip", "q3.xlsx"].map(|name| json!(name)));
    assert!(files[0]["countAllDays"].as_u64() >= Some(1), "{shared}");
    let found = of("incident.match").unwrap_or_else(|| panic!("{shared}"));
    assert!(found[0]["countSevenDays"].as_u64() >= Some(1), "{shared}");
    connector.get(&format!("/incidents/{id}/notes")).await;
    // This role does not see originals; the administrator does.
    let (status, _) = connector.ask(Method::GET, &format!("/incidents/{id}/originalMessage"), None).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let admin = Connector::new(&server, "Administrator").await;
    let (status, original) = admin.ask(Method::GET, &format!("/incidents/{id}/originalMessage"), None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(original.as_str().unwrap().starts_with("From: anna@company.example"));
    // No mail's incident has a picture of a form: connectors are told so in JSON, those who may not look are told nothing of it.
    let picture = |id: u64| format!("/incidents/{id}/message/{id}/violation/1/image");
    let (status, told) = admin.ask(Method::GET, &picture(id), None).await;
    assert_eq!((status, &told["status"]), (StatusCode::NOT_FOUND, &json!(404)), "{told}");
    assert!(told["detail"].as_str().unwrap().contains("no picture of a form"), "{told}");
    let (status, told) = admin.ask(Method::GET, &picture(999), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{told}");
    assert!(!told["detail"].as_str().unwrap().contains("picture"), "{told}");
    assert_eq!(connector.ask(Method::GET, &picture(id), None).await.0, StatusCode::FORBIDDEN);
    let body = admin.get(&format!("/incidents/{id}/messageBody")).await;
    assert!(body["messageBody"].as_str().unwrap().contains("<b>bold</b>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_proves_to_be_somebody_with_the_right_is_answered() {
    let server = Server::start().await;
    server.record(message("M", &[1])).await;
    let mut reviewer = Connector::new(&server, "Reviewer").await;
    let select = json!({ "select": [{ "name": "incidentId" }] });
    assert_eq!(reviewer.ask(Method::POST, "/incidents", Some(select.clone())).await.0, StatusCode::FORBIDDEN);
    let change = json!({ "incidentIds": [1], "severity": "LOW" });
    assert_eq!(reviewer.ask(Method::PATCH, "/incidents", Some(change)).await.0, StatusCode::FORBIDDEN);
    reviewer.password = "wrong".into();
    let (status, problem) = reviewer.ask(Method::POST, "/incidents", Some(select.clone())).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(problem.is_object(), "programs are told in JSON: {problem}");
    server.person("API client").await;
    let people = server.enforce().site.people();
    let user = people.user_named("api-client").await.unwrap().unwrap();
    let token = people.make_token(user.id, user.roles[0].0, "a connector", None).await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/ProtectManager/webservices/v2/incidents", server.base());
    let answer = client.post(url).bearer_auth(token.text.as_str()).json(&select).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_would_keep_all_others_waiting_is_refused_as_a_whole() {
    let server = Server::start().await;
    let id = server.record(message("M", &[1])).await[0];
    let connector = Connector::new(&server, "API client").await;
    let many: Vec<u64> = (1..=10_000).collect();
    let notes = |count: usize| vec![json!({ "note": "x" }); count];
    let attributes: Vec<Value> = (1..=6).map(|index| json!({ "columnIndex": index, "value": "x" })).collect();
    for (refused, says) in [
        (json!({ "incidentIds": [id], "incidentNotes": notes(21) }), "at most 20 notes"),
        (json!({ "incidentIds": many, "incidentNotes": notes(6) }), "at most 50000 changes"),
        (json!({ "incidentIds": many, "incidentCustomAttributes": attributes }), "at most 50000 changes"),
        (
            json!({ "incidentIds": [id], "incidentCustomAttributes": vec![json!({ "columnIndex": 1, "value": "x" }); 2] }),
            "the attribute 1 more than once",
        ),
    ] {
        let (status, value) = connector.ask(Method::PATCH, "/incidents", Some(refused)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{value}");
        assert!(value["detail"].as_str().unwrap().contains(says), "{value}");
    }
    assert_eq!(connector.get(&format!("/incidents/{id}/notes")).await, json!([]));
    let body = json!({ "incidentIds": [id], "incidentNotes": notes(20) });
    assert_eq!(connector.ask(Method::PATCH, "/incidents", Some(body)).await.0, StatusCode::OK);
    assert_eq!(connector.get(&format!("/incidents/{id}/notes")).await.as_array().unwrap().len(), 20);
}
