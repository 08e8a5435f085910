//! What people decide: singly, in bulk, and what is refused.

use reqwest::{Method, StatusCode};

use crate::support::{Server, message};

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_kept_with_who_and_from_where() {
    let server = Server::start().await;
    let id = server.record(message("M", &[1])).await[0];
    let remediator = server.person("Remediator").await;
    let fields = [
        ("was", "New"),
        ("status", "Escalated"),
        ("severity", "medium"),
        ("owner", "dana"),
        ("note", "asked <the> sender"),
        ("attribute", "Department"),
        ("value", "R & D"),
    ];
    let answer = remediator.post(&format!("/incidents/{id}/change"), &fields).await;
    assert_eq!(
        (answer.status, answer.to.as_str()),
        (StatusCode::SEE_OTHER, format!("/incidents/{id}?").as_str())
    );
    let history = server.history(id).await;
    for (action, detail) in [
        ("SET_STATUS", "New -> Escalated"),
        ("SET_SEVERITY", "high -> medium"),
        ("SET_OWNER", "dana"),
        ("NOTE_ADDED", "asked <the> sender"),
        ("ATTRIBUTES_SET", "Department=R & D"),
    ] {
        assert!(history.contains(&(action.to_owned(), detail.to_owned())), "{action}: {history:?}");
    }
    let page = remediator.get(&format!("/incidents/{id}")).await.text;
    assert!(page.contains("remediator from 127.0.0.1") || page.contains("remediator from "), "{page}");
    assert!(page.contains("asked &lt;the&gt; sender") && page.contains("R &amp; D"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_form_changes_nothing() {
    let server = Server::start().await;
    let id = server.record(message("M", &[1])).await[0];
    let remediator = server.person("Remediator").await;
    let path = format!("/incidents/{id}/change");
    remediator.post(&path, &[("was", "New"), ("status", "Resolved")]).await;
    let late = remediator.post(&path, &[("was", "New"), ("status", "Escalated"), ("note", "late")]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text.contains("Resolved"), "it says what stands there now");
    assert!(!server.history(id).await.iter().any(|(action, _)| action == "NOTE_ADDED"));
    let strange = remediator.post(&path, &[("status", "Nonsense"), ("note", "x")]).await;
    assert_eq!(strange.status, StatusCode::BAD_REQUEST);
    assert!(!server.history(id).await.iter().any(|(action, _)| action == "NOTE_ADDED"), "all or nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_action_says_what_will_happen_and_then_does_that() {
    let server = Server::start().await;
    for number in 0..60 {
        server.record(message(&format!("M{number}"), &[1])).await;
    }
    let remediator = server.person("Remediator").await;
    let wish = [("all", "yes"), ("query", "severity=high"), ("status", "Resolved"), ("note", "a test run")];
    let preview = remediator.post("/incidents/bulk", &wish).await;
    assert!(
        preview.text.contains("60 incidents") && preview.text.contains("The status becomes Resolved."),
        "{}",
        preview.text
    );
    assert_eq!(server.history(1).await.len(), 2, "nothing happened yet");
    let ids =
        preview.text.split("name=\"ids\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    // One that comes between is not touched.
    let late = server.record(message("LATE", &[1])).await[0];
    let apply =
        [("ids", ids.as_str()), ("query", "severity=high"), ("status", "Resolved"), ("note", "a test run")];
    let done = remediator.post("/incidents/bulk/apply", &apply).await;
    assert_eq!((done.status, done.to.as_str()), (StatusCode::SEE_OTHER, "/incidents?severity=high"));
    assert!(remediator.get("/incidents?status=Resolved").await.text.contains("50 shown of 60"));
    assert_eq!(server.history(late).await.len(), 2);
    assert!(server.history(60).await.contains(&("SET_STATUS".to_owned(), "New -> Resolved".to_owned())));
    let twice = remediator.post("/incidents/bulk/apply", &apply[..3]).await;
    assert_eq!(twice.status, StatusCode::SEE_OTHER, "a double click harms nobody");
    let changes = server.history(60).await.into_iter().filter(|(action, _)| action == "SET_STATUS").count();
    assert_eq!(changes, 1);
    for empty in [&[("id", "1")][..], &[("status", "New")], &[("id", "x"), ("status", "New")]] {
        assert_eq!(
            remediator.post("/incidents/bulk", empty).await.status,
            StatusCode::BAD_REQUEST,
            "{empty:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ok_and_advance_goes_to_the_next_of_the_list() {
    let server = Server::start().await;
    for number in 0..3 {
        server.record(message(&format!("M{number}"), &[1])).await;
    }
    let remediator = server.person("Remediator").await;
    let advance = async |id: u64, query: &str| {
        let fields = [("status", "Escalated"), ("query", query), ("advance", "yes")];
        remediator.post(&format!("/incidents/{id}/change"), &fields).await.to
    };
    assert_eq!(advance(3, "").await, "/incidents/2?");
    assert_eq!(advance(2, "sort=id").await, "/incidents/1?sort=id");
    assert_eq!(advance(1, "status=New").await, "/incidents?status=New", "none is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_from_elsewhere_is_refused() {
    let server = Server::start().await;
    let id = server.record(message("M", &[1])).await[0];
    let remediator = server.person("Remediator").await;
    let forged = remediator
        .ask(Method::POST, &format!("/incidents/{id}/change"), Some("status=Resolved".to_owned()))
        .await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    assert_eq!(server.history(id).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_done_at_once_by_who_may_and_by_no_other() {
    let server = Server::start().await;
    let ids = [server.record(message("A", &[1])).await[0], server.record(message("B", &[1])).await[0]];
    let fields = [("ids", "1"), ("delete", "yes")];
    let remediator = server.person("Remediator").await;
    assert_eq!(remediator.post("/incidents/bulk/apply", &fields).await.status, StatusCode::FORBIDDEN);
    let admin = server.person("Administrator").await;
    let preview = admin.post("/incidents/bulk", &[("id", "1"), ("delete", "yes")]).await;
    assert!(preview.text.contains("cannot be taken back"));
    assert_eq!(admin.post("/incidents/bulk/apply", &fields).await.status, StatusCode::SEE_OTHER);
    assert_eq!(admin.get("/incidents/1").await.status, StatusCode::NOT_FOUND);
    assert!(server.enforce().journal.show(ids[1]).await.unwrap().is_some());
    let summary = admin.get("/summary").await.text;
    assert!(summary.contains("<dt>Incidents</dt><dd>1</dd>"), "what is deleted is not counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_gateway_tells_of_copies_is_on_the_snapshot_of_every_incident_of_the_message() {
    use incident::wire::{CopyState, MessageUpdate, UpdateBatch};
    let server = Server::start().await;
    let ids = server.record(message("UNIQUE", &[1, 2])).await;
    let update = MessageUpdate {
        seq: 1,
        unique_message_id: "UNIQUE".into(),
        policy_ids: vec![1, 2],
        recipient: "bert@partner.example".into(),
        state: CopyState::Held,
        at: jiff::Timestamp::now(),
        who: "gateway".into(),
        note: Some("<script>alert(1)</script>".into()),
        gateway_incident: 5,
        request_id: None,
    };
    let batch = UpdateBatch { gateway: "gw-1".into(), waiting: 0, updates: vec![update] };
    server.enforce().journal.take_updates("gw-1", &batch).await.unwrap();
    let remediator = server.person("Remediator").await;
    for id in ids {
        let page = remediator.get(&format!("/incidents/{id}")).await.text;
        assert!(
            page.contains("Copies at the gateway") && page.contains(">held</span>") && page.contains("gw-1"),
            "{page}"
        );
        assert!(page.contains("Held in quarantine"), "the prevent status of each");
        crate::support::assert_harmless(&page);
    }
}
