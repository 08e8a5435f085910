//! The interface beside incidents: servers, policies, counts, decisions at gateways, the audit log; and a client that is not ours.

use std::process::Command;

use incident::wire::{CopyState, MessageUpdate, UpdateBatch};
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::support::{PASSWORD, Server, message};

async fn ask(server: &Server, user: &str, path: &str) -> (StatusCode, Value) {
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{}/api/v1{path}", server.base())).basic_auth(user, Some(PASSWORD));
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_is_open_to_its_roles_and_to_no_other() {
    let server = Server::start().await;
    server.record(message("M", &[1])).await;
    let roles = ["Administrator", "Policy author", "Remediator", "Reviewer", "API client"];
    for role in roles {
        server.person(role).await;
    }
    for (path, allowed) in [
        ("/servers", &["Administrator"][..]),
        ("/policies", &["Administrator", "Policy author"]),
        ("/policies/versions?file=cards.toml", &["Administrator", "Policy author"]),
        ("/summary", &["Administrator", "API client"]),
        ("/incidents/1/copies", &["Administrator", "API client"]),
        ("/audit", &["Administrator"]),
    ] {
        for role in roles {
            let user = role.to_lowercase().replace(' ', "-");
            let (status, answer) = ask(&server, &user, path).await;
            let wanted = if allowed.contains(&role) { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(status, wanted, "{path} as {role}: {answer}");
        }
        assert_eq!(ask(&server, "nobody", path).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_policies_decisions_and_the_audit_log_are_told() {
    let server = Server::start().await;
    server.record(message("M", &[1, 2])).await;
    server.person("Administrator").await;
    let get = async |path: &str| {
        let (status, answer) = ask(&server, "administrator", path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    };
    let summary = get("/summary").await;
    assert_eq!(summary["incidents"], 2, "{summary}");
    assert_eq!(summary["byPolicy"].as_array().unwrap().len(), 2, "{summary}");
    assert_eq!(summary["bySeverity"][0]["name"], "high", "{summary}");
    assert_eq!(get("/summary?from=2020-01-01&to=2020-01-02").await["incidents"], 0);
    for wrong in ["from=yesterday", "from=2020-01-02&to=2020-01-01", "from=1990-01-01&to=2020-01-01"] {
        let (status, answer) = ask(&server, "administrator", &format!("/summary?{wrong}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {answer}");
    }
    let policies = get("/policies").await;
    let cards = policies["policies"].as_array().unwrap().iter().find(|one| one["file"] == "cards.toml");
    assert!(cards.is_some_and(|one| one["id"].is_u64()), "{policies}");
    assert_eq!(get("/servers").await, Value::Array(Vec::new()));
    let update = MessageUpdate {
        seq: 1,
        unique_message_id: "M".into(),
        policy_ids: vec![1],
        recipient: "bert@partner.example".into(),
        state: CopyState::Approved,
        at: jiff::Timestamp::now(),
        who: "rita".into(),
        note: Some("agreed".into()),
        gateway_incident: 7,
        request_id: None,
    };
    let batch = UpdateBatch { gateway: "gw1".into(), waiting: 0, updates: vec![update] };
    server.enforce().journal.take_updates("gw1", &batch).await.unwrap();
    let copies = get("/incidents/1/copies").await;
    assert_eq!((&copies[0]["state"], &copies[0]["who"]), (&Value::from("approved"), &Value::from("rita")));
    let audit = get("/audit").await;
    let lines = audit.as_array().unwrap();
    assert_eq!(lines[0]["number"], 1);
    let last = lines.last().unwrap()["number"].as_i64().unwrap();
    assert_eq!(lines.len() as i64, last, "without gaps");
    let rest = get(&format!("/audit?after={}", last - 1)).await;
    assert_eq!(rest[0], lines[lines.len() - 1], "a reader goes on where it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_not_ours_works_the_usual_way() {
    const ORIGINAL: &str = "From: anna#company.example\r\nSubject: numbers\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\ncard 4111 1111 1111 1111 thanks\r\n\
        --b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=offer.zip\r\n\r\n@\r\n\
        --b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\
        Content-Disposition: attachment; filename=note.txt\r\n\r\nplain=20words=0A=\r\n\r\n--b--\r\n";
    let server = Server::start().await;
    let octets: Vec<u8> = (0..=255).collect();
    let file = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, octets);
    for number in [3, 1, 5, 2, 4] {
        let mut one = message(&format!("M{number}"), &[1, 2]);
        one.subject = format!("number {number}");
        one.original = Some(ORIGINAL.replace('@', &file).replace('#', "@").into_bytes());
        server.record(one).await;
    }
    let admin = server.person("Administrator").await;
    let attribute = [("name", "Department"), ("group", "People"), ("position", "1")];
    assert_eq!(admin.post("/statuses/attribute", &attribute).await.status, StatusCode::SEE_OTHER);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/connector.py");
    let mut python = Command::new("python3");
    python.args([script, &server.base(), "administrator", PASSWORD]);
    let output = tokio::task::spawn_blocking(move || python.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && output.stdout.starts_with(b"all of it worked"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_tells_what_is_kept_for_how_long_and_what_goes_next() {
    use incident::{Ages, Retention};
    use jiff::SignedDuration;
    use web::people::{Condition, Privilege, Rights};
    let days = |days: i64| Some(SignedDuration::from_hours(24 * days));
    let mut retention = Retention::from(Ages { originals: days(90), incidents: None });
    retention.policies.insert(17, Ages { originals: days(1), incidents: days(6) });
    let server = Server::start_with(|options| options.retention = retention).await;
    server.record(message("A", &[17])).await;
    server.record(message("B", &[23])).await;
    // Whatever is still on its way is not deleted.
    crate::looking::run(&server, "UPDATE incident SET pending = 0").await;
    let admin = server.person("Administrator").await;
    let cells = |page: &str, name: &str| {
        let row =
            page.split("<tr>").find(|row| row.contains(name)).unwrap_or_else(|| panic!("{name}: {page}"));
        let cells = row.split("<td").skip(1).map(|cell| cell.split('>').nth(1).unwrap_or_default());
        cells.map(|cell| cell.trim_end_matches("</td").to_owned()).collect::<Vec<_>>()
    };
    let page = admin.get("/retention").await.text;
    assert_eq!(cells(&page, "All that are not named"), ["", "for ever", "90 days", "", ""]);
    assert_eq!(cells(&page, ">Cards "), ["17", "6 days", "1 day", "1", "1"]);
    assert_eq!(cells(&page, ">policy 23<"), ["23", "for ever", "90 days", "1", "1"]);
    assert!(page.contains("href=\"/retention?ahead=yes\"") && !page.contains("in 7 days"), "{page}");
    let ahead = admin.get("/retention?ahead=yes").await.text;
    assert_eq!(cells(&ahead, "at the next round"), ["0", "0"]);
    assert_eq!(cells(&ahead, "in 7 days"), ["1", "1"]);
    assert!(
        page.contains("2 originals are kept in all.") && page.contains("[[enforce.retention]]"),
        "{page}"
    );
    // Whoever reaches a part of the incidents is told of no others.
    let privileges = [Privilege::ManageServers].into();
    let some = vec![Condition::Policy { any_of: [23].into() }];
    let some = server.with_rights("Some", Rights { privileges, access: some, hidden: [].into() }).await;
    let page = some.get("/retention?ahead=yes").await.text;
    assert_eq!(cells(&page, ">Cards "), ["17", "6 days", "1 day", "0", ""]);
    assert_eq!(cells(&page, ">policy 23<"), ["23", "for ever", "90 days", "1", ""]);
    assert!(!page.contains("originals are kept in all") && !page.contains("What goes next"), "{page}");
}
