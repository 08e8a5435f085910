//! What needs a second person: one asks, another confirms or declines, and nothing happens before.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use reqwest::StatusCode;
use web::people::{Condition, Privilege, Rights};

use crate::support::{Person, Server, message};

/// A rule that runs a program, which needs a second person, and resolves the incident.
async fn careful() -> (Server, Person, u64) {
    let server = Server::start().await;
    let admin = server.person("Administrator").await;
    let directory = server.dir.path().join("data/plugins");
    std::fs::create_dir_all(&directory).unwrap();
    let program = directory.join("release");
    std::fs::write(&program, "#!/bin/sh\ncat >/dev/null\necho '{\"ok\": true, \"message\": \"released\"}'\n")
        .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let plugin = [
        ("name", "Release"),
        ("kind", "executable"),
        ("program", "release"),
        ("seconds", "10"),
        ("second_person", "yes"),
    ];
    assert_eq!(admin.post("/response-rules/plugin", &plugin).await.status, StatusCode::SEE_OTHER);
    let rule = [("name", "Approve"), ("actions", "flex-response Release\nset-status Resolved")];
    assert_eq!(admin.post("/response-rules", &rule).await.status, StatusCode::SEE_OTHER);
    let id = server.record(message("M", &[17])).await[0];
    (server, admin, id)
}

fn count(history: &[(String, String)], action: &str) -> usize {
    history.iter().filter(|(one, _)| one == action).count()
}

async fn audited(server: &Server) -> Vec<(String, String)> {
    let lines = server.audit_log().await;
    lines.into_iter().map(|line| (line.actor.who, line.action)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_asks_another_confirms_and_only_then_it_happens() {
    let (server, admin, id) = careful().await;
    let bob = server.person("Remediator").await;
    assert!(admin.get(&format!("/incidents/{id}/respond/1")).await.text.contains("somebody else"));
    admin.post(&format!("/incidents/{id}/respond/1"), &[("note", "please look")]).await;
    let history = server.history(id).await;
    assert_eq!((count(&history, "SECOND_PERSON_ASKED"), count(&history, "FLEX_RESPONSE_REQUESTED")), (1, 0));
    assert_eq!(count(&history, "SET_STATUS"), 0, "the whole rule waits");
    // One's own confirmation is refused, on the page and without it.
    let own = admin.get(&format!("/incidents/{id}")).await.text;
    assert!(
        own.contains("waiting for a second person")
            && own.contains("Withdraw")
            && !own.contains("value=\"confirm\"")
    );
    let refused = admin.post("/second-person/1", &[("answer", "confirm")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    assert!(refused.text.contains("second person has to confirm"));
    // Asked twice, it waits once.
    admin.post(&format!("/incidents/{id}/respond/1"), &[]).await;
    assert_eq!(count(&server.history(id).await, "SECOND_PERSON_ASKED"), 1);
    let list = bob.get("/second-person").await.text;
    assert!(
        list.contains("administrator") && list.contains("please look") && list.contains("value=\"confirm\""),
        "{list}"
    );
    assert_eq!(bob.post("/second-person/1", &[("answer", "confirm")]).await.status, StatusCode::SEE_OTHER);
    server
        .until("it is done", async || count(&server.history(id).await, "FLEX_RESPONSE_EXECUTED") == 1)
        .await;
    let history = server.history(id).await;
    assert_eq!((count(&history, "SECOND_PERSON_CONFIRMED"), count(&history, "SET_STATUS")), (1, 1));
    let again = bob.post("/second-person/1", &[("answer", "confirm")]).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let audited = audited(&server).await;
    for line in [("administrator", "SMART_RESPONSE"), ("remediator", "SECOND_PERSON_CONFIRMS")] {
        assert!(audited.contains(&(line.0.to_owned(), line.1.to_owned())), "{line:?}: {audited:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_declines_or_the_first_withdraws_and_nothing_happens() {
    let (server, admin, id) = careful().await;
    let bob = server.person("Remediator").await;
    let ask = async || admin.post(&format!("/incidents/{id}/respond/1"), &[]).await;
    ask().await;
    bob.post("/second-person/1", &[("answer", "decline"), ("note", "it is real")]).await;
    ask().await;
    admin.post("/second-person/2", &[("answer", "decline")]).await;
    let history = server.history(id).await;
    assert_eq!(
        (count(&history, "SECOND_PERSON_DECLINED"), count(&history, "SECOND_PERSON_WITHDRAWN")),
        (1, 1)
    );
    assert!(
        history.iter().any(|(_, detail)| detail.ends_with("asked for by administrator: it is real")),
        "{history:?}"
    );
    assert_eq!((count(&history, "FLEX_RESPONSE_REQUESTED"), count(&history, "SET_STATUS")), (0, 0));
    assert!(bob.get("/second-person").await.text.contains("Nothing waits"));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_bulk_and_by_age_it_waits_as_well() {
    let (server, admin, id) = careful().await;
    let other = server.record(message("N", &[17])).await[0];
    let ids = format!("{id},{other}");
    admin.post("/incidents/bulk/apply", &[("ids", &ids), ("rule", "1"), ("severity", "low")]).await;
    for id in [id, other] {
        let history = server.history(id).await;
        assert_eq!(
            (count(&history, "SECOND_PERSON_ASKED"), count(&history, "FLEX_RESPONSE_REQUESTED")),
            (1, 0)
        );
        assert_eq!(count(&history, "SET_SEVERITY"), 1, "what else was chosen is done at once");
    }
    let aged = server.record(message("OLD", &[17])).await[0];
    let rule = [
        ("name", "Old"),
        ("status", "New"),
        ("hours", "1"),
        ("actions", "flex-response Release"),
        ("acts_on_mail", "yes"),
    ];
    assert_eq!(admin.post("/response-rules/ageing", &rule).await.status, StatusCode::SEE_OTHER);
    let mut transaction = server.enforce().database().begin().await.unwrap();
    transaction.run("UPDATE incident SET recorded_at = 0", Vec::new()).await.unwrap();
    transaction.commit().await.unwrap();
    server.enforce().responses().act_on_age().await.unwrap();
    let history = server.history(aged).await;
    assert_eq!((count(&history, "SECOND_PERSON_ASKED"), count(&history, "FLEX_RESPONSE_REQUESTED")), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_reach_the_incident_neither_sees_nor_answers_the_request() {
    let (server, admin, id) = careful().await;
    admin.post(&format!("/incidents/{id}/respond/1"), &[]).await;
    let rights = Rights {
        privileges: Privilege::all().collect(),
        access: vec![Condition::Policy { any_of: BTreeSet::from([99]) }],
        hidden: BTreeSet::new(),
    };
    let other = server.with_rights("Other", rights).await;
    assert!(other.get("/second-person").await.text.contains("Nothing waits"));
    for answer in ["confirm", "decline"] {
        let answered = other.post("/second-person/1", &[("answer", answer)]).await;
        assert_eq!(answered.status, StatusCode::NOT_FOUND, "{answer}");
    }
    let reviewer = server.person("Reviewer").await;
    let answered = reviewer.post("/second-person/1", &[("answer", "confirm")]).await;
    assert_eq!(answered.status, StatusCode::FORBIDDEN);
    assert_eq!(count(&server.history(id).await, "FLEX_RESPONSE_REQUESTED"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_confirmed_is_what_was_asked_for() {
    let (server, admin, id) = careful().await;
    let bob = server.person("Remediator").await;
    admin.post(&format!("/incidents/{id}/respond/1"), &[]).await;
    let was = server.enforce().desk().rules().await.unwrap()[0].mark();
    let actions = "set-status Escalated\nlimit-retention";
    let changed = [("id", "1"), ("was", &was), ("name", "Approve"), ("actions", actions)];
    assert_eq!(admin.post("/response-rules", &changed).await.status, StatusCode::SEE_OTHER);
    bob.post("/second-person/1", &[("answer", "confirm")]).await;
    let history = server.history(id).await;
    assert!(history.iter().any(|(_, detail)| detail == "New -> Resolved"), "{history:?}");
    assert_eq!(count(&history, "MESSAGE_NOT_RETAINED"), 0);
}
