//! What a change would have done: the edited set over kept originals, for those whose role reaches the incidents.

use std::collections::BTreeSet;

use incident::{NewMessage, Severity};
use reqwest::StatusCode;
use web::people::{Condition, Hidden, Privilege, Rights};

use crate::support::{POLICY, Person, Server, message};

/// A message with this text in its original.
pub(crate) fn mail(unique_id: &str, policy: u32, text: &str) -> NewMessage {
    let mut one = message(unique_id, &[policy]);
    one.original = Some(format!("From: a@x.example\r\nSubject: {unique_id}\r\n\r\n{text}\r\n").into_bytes());
    one
}

pub(crate) async fn begin(author: &Person, text: &str) -> crate::support::Answer {
    let fields =
        [("name", "cards.toml"), ("was", "x"), ("text", text), ("why", "less noise"), ("days", "14")];
    author.post("/policies/backtest", &fields).await
}

/// The page once the backtest has ended.
pub(crate) async fn ended(server: &Server, author: &Person, at: &str) -> String {
    let page = async || author.get(at).await.text;
    server.until("a backtest", async || page().await.contains("<h2>Result</h2>")).await;
    page().await
}

/// Newly matched, no longer matched, still matched.
pub(crate) fn counts(page: &str, policy: u32) -> Vec<String> {
    cells(page, policy)[..3].to_vec()
}

/// The same, and how many of the last have another severity.
fn cells(page: &str, policy: u32) -> Vec<String> {
    let row =
        page.split(&format!("<td class=\"number\">{policy}</td>")).nth(1).unwrap_or_else(|| panic!("{page}"));
    let cells = row.split("<td class=\"number\">").skip(1).take(4);
    cells.map(|cell| cell.split('<').next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_tried_on_what_was_kept() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for (name, text) in [
        ("BOTH", "zebra-crossing and quagga-crossing"),
        ("OLD", "zebra-crossing"),
        ("NEW", "quagga-crossing"),
        ("NEITHER", "a horse"),
    ] {
        ids.extend(server.record(mail(name, 17, text)).await);
    }
    let mut gone = mail("GONE", 17, "");
    gone.original = None;
    server.record(gone).await;
    let mut old = mail("LONG AGO", 17, "quagga-crossing");
    old.received_at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * 15);
    server.record(old).await;
    let author = server.person("Policy author").await;
    let edited = POLICY.replace("zebra-crossing", "quagga-crossing");
    let begun = begin(&author, &edited).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    let page = ended(&server, &author, &begun.to).await;
    assert_eq!(counts(&page, 17), ["1", "1", "1"], "{page}");
    assert!(
        page.contains("5 of 5 mails looked at") && page.contains("4 judged, 2 of them differently"),
        "{page}"
    );
    assert!(page.contains("Of 1 the original is gone") && page.contains("cannot be seen here"), "{page}");
    assert!(page.contains(&format!("newly: <a href=\"/incidents/{}\">", ids[2])), "{page}");
    assert!(page.contains(&format!("no longer: <a href=\"/incidents/{}\">", ids[1])), "{page}");
    // The text goes on from there: to be saved, or edited again.
    assert!(page.contains("quagga-crossing") && page.contains("less noise"));
    let again =
        author.post("/policies/edit", &[("name", "cards.toml"), ("was", "x"), ("text", &edited)]).await;
    assert!(again.status == StatusCode::OK && again.text.contains("quagga-crossing"), "{}", again.text);
    let file = std::fs::read_to_string(server.dir.path().join("policies/cards.toml")).unwrap();
    assert_eq!(file, POLICY, "nothing is saved by trying");
    let log = server.audit_log().await;
    assert!(log.iter().any(|line| line.action == "POLICY_BACKTEST" && line.detail == "14 days"), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_backtest_came_to_is_for_colleagues_too_and_outlives_the_server() {
    let server = Server::start().await;
    server.record(mail("OLD", 17, "zebra-crossing")).await;
    server.record(mail("NEW", 17, "quagga-crossing")).await;
    let author = server.person("Administrator").await;
    let at = begin(&author, &POLICY.replace("zebra", "quagga")).await.to;
    let own = ended(&server, &author, &at).await;
    assert_eq!(counts(&own, 17), ["1", "1", "0"], "{own}");
    let rights = |policies: &[u32], privileges: &[Privilege]| Rights {
        privileges: privileges.iter().copied().collect(),
        access: match policies {
            [] => Vec::new(),
            some => vec![Condition::Policy { any_of: some.iter().copied().collect() }],
        },
        hidden: [].into(),
    };
    let both = [Privilege::AuthorPolicies, Privilege::ViewNetworkIncidents];
    let whole = server.with_rights("Whole", rights(&[], &both)).await;
    let part = server.with_rights("Part", rights(&[17], &both)).await;
    let reader = server.with_rights("Reader", rights(&[], &both[1..])).await;
    // What somebody began who sees a part is for those who see the same, and for those who see all.
    let narrow = begin(&part, &POLICY.replace("zebra", "quagga")).await.to;
    ended(&server, &part, &narrow).await;
    let same = server.with_rights("Same", rights(&[17], &both)).await;
    let other = server.with_rights("Other", rights(&[18], &both)).await;
    let server = server.restart().await;
    for (person, path, status) in [
        (&author, &at, StatusCode::OK),
        (&whole, &at, StatusCode::OK),
        (&part, &at, StatusCode::NOT_FOUND),
        (&reader, &at, StatusCode::FORBIDDEN),
        (&part, &narrow, StatusCode::OK),
        (&same, &narrow, StatusCode::OK),
        (&author, &narrow, StatusCode::OK),
        (&other, &narrow, StatusCode::NOT_FOUND),
    ] {
        let person = person.at(&server);
        let answer = person.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        let state = person.get(&format!("{path}/state")).await;
        assert_eq!(state.status, status, "{path}: {}", state.text);
        if status == StatusCode::OK {
            assert_eq!(counts(&answer.text, 17), ["1", "1", "0"], "{}", answer.text);
            assert!(
                answer.text.contains("quagga-crossing") && answer.text.contains("It is through."),
                "{}",
                answer.text
            );
        }
    }
    assert_eq!(
        author.at(&server).get("/policies/backtest/0b4f9a3e-0000-4000-8000-000000000000").await.status,
        StatusCode::NOT_FOUND
    );
    let stop = author.at(&server).post(&format!("{at}/stop"), &[]).await;
    assert_eq!(stop.status, StatusCode::NOT_FOUND, "there is nothing to stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_disposition_is_told_too() {
    let server = Server::start().await;
    server.record(mail("M", 17, "zebra-crossing")).await;
    let author = server.person("Policy author").await;
    let blocking = format!("respond = [\"Stop\"]\n{POLICY}");
    std::fs::create_dir_all(server.dir.path().join("policies/responses")).unwrap();
    let rule = "name = \"Stop\"\n[block]\ntext = \"No.\"\n";
    std::fs::write(server.dir.path().join("policies/responses/stop.toml"), rule).unwrap();
    let begun = begin(&author, &blocking).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    let page = ended(&server, &author, &begun.to).await;
    assert!(page.contains("1 blocked instead of passed"), "{page}");
    assert_eq!(counts(&page, 17), ["0", "0", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_severity_is_told_too() {
    let server = Server::start().await;
    server.record(mail("M", 17, "zebra-crossing")).await;
    server.record(mail("N", 17, "a horse")).await;
    let author = server.person("Policy author").await;
    let begun = begin(&author, &POLICY.replace("\"high\"", "\"low\"")).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    let page = ended(&server, &author, &begun.to).await;
    assert!(page.contains("2 judged, 1 of them differently"), "{page}");
    assert_eq!(cells(&page, 17), ["0", "0", "1", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_is_not_good_is_not_tried() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let bad = begin(&author, &POLICY.replace("\"high\"", "\"worst\"")).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(bad.text.contains("worst") && bad.text.contains("cards.toml:5"), "{}", bad.text);
    for days in ["0", "367", "x", "99999999999"] {
        let fields = [("name", "cards.toml"), ("was", ""), ("text", POLICY), ("days", days)];
        assert_eq!(
            author.post("/policies/backtest", &fields).await.status,
            StatusCode::BAD_REQUEST,
            "{days}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_tries_only_mails_whose_incidents_it_reaches_and_only_if_it_sees_all_of_them() {
    let server = Server::start().await;
    let mut low = mail("LOW", 17, "zebra-crossing");
    low.violations[0].severity = Severity::Low;
    server.record(low).await;
    server.record(mail("HIGH", 17, "zebra-crossing")).await;
    let privileges = BTreeSet::from([Privilege::AuthorPolicies, Privilege::ViewNetworkIncidents]);
    let access = vec![Condition::Severity { any_of: BTreeSet::from(["low".to_owned()]) }];
    let rights = Rights { privileges: privileges.clone(), access, hidden: BTreeSet::new() };
    let some = server.with_rights("Some", rights).await;
    let begun = begin(&some, POLICY).await;
    let page = ended(&server, &some, &begun.to).await;
    assert_eq!(counts(&page, 17), ["0", "0", "1"], "{page}");
    assert!(page.contains("1 of 1 mails looked at"), "{page}");
    // What it came to is for whoever sees all, and for nobody who sees others; only whoever began it stops it.
    let admin = server.person("Administrator").await;
    let others = vec![Condition::Severity { any_of: BTreeSet::from(["high".to_owned()]) }];
    let rights = Rights { privileges: privileges.clone(), access: others, hidden: BTreeSet::new() };
    let others = server.with_rights("Others", rights).await;
    for path in [begun.to.clone(), format!("{}/state", begun.to)] {
        assert_eq!(admin.get(&path).await.status, StatusCode::OK);
        assert_eq!(others.get(&path).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(admin.post(&format!("{}/stop", begun.to), &[]).await.status, StatusCode::NOT_FOUND);
    for part in [Hidden::Sender, Hidden::Body] {
        let hidden = BTreeSet::from([part]);
        let rights = Rights { privileges: privileges.clone(), access: Vec::new(), hidden };
        let blind = server.with_rights(part.title(), rights).await;
        assert_eq!(begin(&blind, POLICY).await.status, StatusCode::FORBIDDEN);
        assert!(!blind.get("/policies/file?name=cards.toml").await.text.contains("Backtest"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_can_be_stopped_and_one_person_runs_one_at_a_time() {
    let server = Server::start().await;
    // Long enough that it is running still when it is stopped.
    let text = "zebra-crossing and other words ".repeat(8_000);
    for number in 0..150 {
        server.record(mail(&format!("M{number}"), 17, &text)).await;
    }
    let author = server.person("Policy author").await;
    let begun = begin(&author, POLICY).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER);
    let second = begin(&author, POLICY).await;
    assert_eq!(second.status, StatusCode::CONFLICT, "{}", second.text);
    let part = author.get(&format!("{}/state", begun.to)).await;
    assert!(part.text.contains("hx-get") && !part.text.contains("<html"), "{}", part.text);
    assert_eq!(author.post(&format!("{}/stop", begun.to), &[]).await.status, StatusCode::SEE_OTHER);
    let page = ended(&server, &author, &begun.to).await;
    assert!(page.contains("It was stopped") && !page.contains("150 of 150"), "{page}");
    // What ended makes room.
    assert_eq!(begin(&author, POLICY).await.status, StatusCode::SEE_OTHER);
}
