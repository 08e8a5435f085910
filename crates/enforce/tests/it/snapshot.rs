//! The page of one incident: what can be said of it beside the workflow, and what is offered of a false positive.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use web::people::{Hidden, Privilege, Rights};

use crate::changes::carried;
use crate::support::{Server, message};

#[tokio::test(flavor = "multi_thread")]
async fn data_owner_and_remediation_location_are_set_and_taken_away_with_history_and_audit() {
    let server = Server::start().await;
    let id = server.record(message("M", &[17])).await[0];
    let remediator = server.person("Remediator").await;
    let (page, change) = (format!("/incidents/{id}"), format!("/incidents/{id}/change"));
    let set =
        [("data_owner", "Dana Doe"), ("data_owner_mail", "dana@company.example"), ("place", "//files/q3")];
    assert_eq!(remediator.post(&change, &set).await.status, StatusCode::SEE_OTHER);
    let shown = remediator.get(&page).await.text;
    assert!(shown.contains("Dana Doe &lt;dana@company.example&gt;"), "{shown}");
    assert!(shown.contains("<td>//files/q3</td>"), "{shown}");
    assert_eq!(carried(&shown, "<h2>Decide</h2>", "was_data_owner"), "Dana Doe");
    let gone = [
        ("data_owner", ""),
        ("was_data_owner", "Dana Doe"),
        ("place", "//files/q3"),
        ("was_place", "//files/q3"),
    ];
    assert_eq!(remediator.post(&change, &gone).await.status, StatusCode::SEE_OTHER);
    let shown = remediator.get(&page).await.text;
    assert!(!shown.contains("Dana Doe &lt;") && shown.contains("&lt;dana@company.example&gt;"), "{shown}");
    let told = server.history(id).await;
    for line in ["SET_DATAOWNER_NAME", "SET_DATAOWNER_EMAIL", "SET_REMEDIATION_LOCATION"] {
        assert!(told.iter().any(|one| one.0 == line), "{line}: {told:?}");
    }
    let lines = server.audit_log().await;
    let lines: Vec<&str> =
        lines.iter().filter(|one| one.action == "INCIDENT_CHANGED").map(|one| one.detail.as_str()).collect();
    assert_eq!(lines, ["data owner", "data owner, remediation location"], "the newest first");
    let reviewer = server.person("Reviewer").await;
    assert!(!reviewer.get(&page).await.text.contains("name=\"place\""));
    assert_eq!(reviewer.post(&change, &set).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_the_data_owner_is_stays_hidden_from_roles_that_do_not_see_people() {
    let server = Server::start().await;
    let id = server.record(message("M", &[17])).await[0];
    let (page, change) = (format!("/incidents/{id}"), format!("/incidents/{id}/change"));
    let set = [("data_owner", "Dana Doe"), ("data_owner_mail", "dana@elsewhere.example")];
    assert_eq!(server.person("Remediator").await.post(&change, &set).await.status, StatusCode::SEE_OTHER);
    let rights = Rights {
        privileges: BTreeSet::from([Privilege::ViewNetworkIncidents, Privilege::RemediateIncidents]),
        access: Vec::new(),
        hidden: BTreeSet::from([Hidden::Sender]),
    };
    let blind = server.with_rights("Works council", rights).await;
    let shown = blind.get(&page).await.text;
    assert!(!shown.contains("Dana") && !shown.contains("dana@"), "{shown}");
    assert!(shown.contains("name=\"place\"") && !shown.contains("name=\"data_owner\""), "{shown}");
    assert_eq!(blind.post(&change, &set).await.status, StatusCode::FORBIDDEN);
    let late = [("was_data_owner", "x"), ("place", "here"), ("was_place", "there")];
    let told = blind.post(&change, &late).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    assert!(!told.text.contains("Dana") && !told.text.contains("dana@"), "{}", told.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_hidden_and_shown_again() {
    let server = Server::start().await;
    let id = server.record(message("M", &[17])).await[0];
    let remediator = server.person("Remediator").await;
    let (page, change) = (format!("/incidents/{id}"), format!("/incidents/{id}/change"));
    let hide = async |hidden: &str| {
        let form = if hidden == "yes" { "Hide it" } else { "Show it again" };
        let shown = remediator.get(&page).await.text;
        assert!(shown.contains(form), "{shown}");
        let once = carried(&shown[shown.find("<h2>Decide</h2>").unwrap()..], "</form>", "once");
        remediator.post(&change, &[("hidden", hidden), ("once", &once)]).await
    };
    assert_eq!(hide("yes").await.status, StatusCode::SEE_OTHER);
    let row = format!("\"/incidents/{id}");
    assert!(!remediator.get("/incidents").await.text.contains(&row));
    assert!(remediator.get("/incidents?hidden=yes").await.text.contains(&row));
    assert!(remediator.get(&page).await.text.contains(">hidden</span>"));
    assert_eq!(hide("no").await.status, StatusCode::SEE_OTHER);
    assert!(remediator.get("/incidents").await.text.contains(&row));
    let told = server.history(id).await;
    assert!(told.iter().any(|one| one.0 == "INCIDENT_HIDDEN"), "{told:?}");
    assert!(told.iter().any(|one| one.0 == "INCIDENT_UNHIDDEN"), "{told:?}");
    let lines = server.audit_log().await;
    let lines: Vec<&str> =
        lines.iter().filter(|one| one.action == "INCIDENT_CHANGED").map(|one| one.detail.as_str()).collect();
    assert_eq!(lines, ["shown again", "hidden"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_positive_offers_near_miss_cases_to_those_who_may_write_policies() {
    let server = Server::start().await;
    let id = server.record(message("M", &[17])).await[0];
    let (author, remediator) = (server.person("Administrator").await, server.person("Remediator").await);
    let (page, edit) = (format!("/incidents/{id}"), format!("/incidents/{id}/near-miss/edit"));
    assert!(!author.get(&page).await.text.contains(&edit));
    let decided = [("status", "False Positive"), ("was", "New")];
    let answer = remediator.post(&format!("/incidents/{id}/change"), &decided).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let shown = remediator.get(&page).await.text;
    assert!(shown.contains("False Positive") && !shown.contains("near-miss"), "{shown}");
    assert_eq!(remediator.get(&edit).await.status, StatusCode::FORBIDDEN);
    let shown = author.get(&page).await.text;
    assert!(shown.contains("Found by mistake") && shown.contains(&edit), "{shown}");
    // The editor holds the case; saved, it is one of the policy's tests.
    let editor = author.get(&edit).await.text;
    assert!(editor.contains("[[miss]]") && editor.contains("cards.cases.toml"), "{editor}");
    assert!(editor.contains(&format!("incident {id} is a false positive")), "{editor}");
    let case = format!("[[miss]]\nname = \"false positive of incident {id}, 1\"\nbody = \"harmless\"\n");
    let was = carried(&editor, "class=\"title\"", "was");
    let fields = [("name", "cards.cases.toml"), ("text", &*case), ("was", &was), ("why", "a mistake")];
    let saved = author.post("/policies/file", &fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let again = author.get(&edit).await.text;
    assert_eq!(again.matches("[[miss]]").count(), 1, "it is there: {again}");
    assert!(server.audit_log().await.iter().any(|line| line.action == "CASE_MADE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_on_from_a_false_positive_hears_of_the_offer_and_a_status_of_ones_own_counts_too() {
    let server = Server::start().await;
    let first = server.record(message("M", &[17])).await[0];
    let second = server.record(message("N", &[17])).await[0];
    let author = server.person("Administrator").await;
    let status = [("name", "Test mail"), ("group", "False Positive"), ("closed", "yes")];
    assert_eq!(author.post("/statuses", &status).await.status, StatusCode::SEE_OTHER);
    let decided = [("status", "Test mail"), ("advance", "yes")];
    let answer = author.post(&format!("/incidents/{second}/change"), &decided).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let next = author.get(&answer.to).await.text;
    assert!(next.contains("Its page offers a near-miss case"), "{}: {next}", answer.to);
    assert!(author.get(&format!("/incidents/{second}")).await.text.contains("Found by mistake"));
    assert!(!author.get(&format!("/incidents/{first}")).await.text.contains("Found by mistake"));
}
