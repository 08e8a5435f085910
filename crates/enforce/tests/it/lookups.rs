//! Custom attributes that are looked up: from files, by programs, in order, in the background, again when asked, with what fails said.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use enforce::lookup::{Lookup, Of, Source};
use reqwest::StatusCode;
use web::people::{Condition, Privilege, Rights};

use crate::support::{Server, assert_harmless, message};

const PEOPLE: &str =
    "mail;department;manager\nanna@company.example;R & D;Eve Boss\nbert@partner.example;;Max\n";

fn lookup(name: &str, source: Source, of: Of, attributes: &[(&str, &str)]) -> Lookup {
    let attributes = attributes.iter().map(|(name, column)| ((*name).to_owned(), (*column).to_owned()));
    Lookup { name: name.to_owned(), source, of, attributes: attributes.collect() }
}

fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn program(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = file(dir, name, &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

async fn server(lookups: Vec<Lookup>) -> Server {
    Server::start_with(|options| options.lookups = lookups).await
}

impl Server {
    pub(crate) async fn attributes(&self, id: u64) -> BTreeMap<String, String> {
        let look =
            self.enforce().desk().look(&incident::desk::Access::everything(), id).await.unwrap().unwrap();
        look.attributes.into_iter().collect()
    }

    /// The details of the history's lines of this action, once there are so many.
    pub(crate) async fn lines(&self, id: u64, action: &str, count: usize) -> Vec<String> {
        let lines = async || {
            let history = self.history(id).await.into_iter();
            history.filter(|(known, _)| known == action).map(|(_, detail)| detail).collect::<Vec<_>>()
        };
        self.until(action, async || lines().await.len() >= count).await;
        lines().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_incidents_get_their_attributes_from_a_csv_file_and_roles_and_filters_see_them() {
    let dir = tempfile::tempdir().unwrap();
    let people = Source::File(file(dir.path(), "people.csv", PEOPLE));
    let wanted = [("Department", "DEPARTMENT"), ("Manager", "manager"), ("Floor", "floor")];
    let server = server(vec![lookup("directory", people, Of::Sender, &wanted)]).await;
    // The first sweep marks where new ones begin: one that is recorded before it is of before.
    let mut ids = Vec::new();
    let mut found = None;
    server
        .until("an incident is looked up", async || {
            ids.push(server.record(message(&format!("M{}", ids.len()), &[17])).await[0]);
            for id in &ids {
                if !server.attributes(*id).await.is_empty() {
                    found = Some(*id);
                }
            }
            found.is_some()
        })
        .await;
    let id = found.unwrap();
    assert_eq!(
        server.lines(id, "ATTRIBUTES_LOOKED_UP", 1).await,
        ["Department (directory), Manager (directory)"]
    );
    let known = server.attributes(id).await;
    assert_eq!(
        known,
        [("Department", "R & D"), ("Manager", "Eve Boss")].map(|(a, b)| (a.to_owned(), b.to_owned())).into()
    );
    let admin = server.person("Administrator").await;
    let found = admin.get("/incidents?attribute=Department%3DR%20%26%20D").await.text;
    assert!(
        found.contains(&format!("/incidents/{id}?")) && found.contains("value=\"Department=R &amp; D\""),
        "{found}"
    );
    assert!(admin.get("/incidents?attribute=Department%3DSales").await.text.contains("No incident meets"));
    let access =
        vec![Condition::Attribute { name: "Department".into(), any_of: BTreeSet::from(["r & d".into()]) }];
    let privileges = BTreeSet::from([Privilege::ViewNetworkIncidents]);
    let rights = Rights { privileges, access, hidden: BTreeSet::new() };
    let research = server.with_rights("Research", rights).await;
    let page = research.get(&format!("/incidents/{id}")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("Eve Boss") && page.text.contains("Attributes looked up"), "{}", page.text);
    assert!(!page.text.contains("Look up attributes"), "asking anew is for those who remediate");
    assert_eq!(research.post(&format!("/incidents/{id}/look-up"), &[]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_for_anew_what_is_found_replaces_what_is_there_and_the_file_is_read_as_it_is_now() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "people.csv", PEOPLE);
    let people = lookup("directory", Source::File(path.clone()), Of::Sender, &[("Department", "department")]);
    let server = Server::start().await;
    let id = server.record(message("M", &[17])).await[0];
    let server = server.restart_with(|options| options.lookups = vec![people]).await;
    let remediator = server.person("Remediator").await;
    let page = remediator.get(&format!("/incidents/{id}")).await.text;
    assert!(page.contains("Look up attributes"), "{page}");
    assert!(
        server.attributes(id).await.is_empty(),
        "what was there before lookups is not looked up by itself"
    );
    let set = [("attribute", "Department"), ("value", "typed by hand")];
    remediator.post(&format!("/incidents/{id}/change"), &set).await;
    let ask = async || remediator.post(&format!("/incidents/{id}/look-up"), &[("query", "status=New")]).await;
    assert_eq!(ask().await.to, format!("/incidents/{id}?status=New"));
    server.lines(id, "ATTRIBUTES_LOOKED_UP", 1).await;
    assert_eq!(server.attributes(id).await["Department"], "R & D");
    file(dir.path(), "people.csv", &PEOPLE.replace("R & D", "Research and Development"));
    ask().await;
    server.lines(id, "ATTRIBUTES_LOOKED_UP", 2).await;
    assert_eq!(server.attributes(id).await["Department"], "Research and Development");
    ask().await;
    let lines = server.lines(id, "ATTRIBUTES_LOOKED_UP", 3).await;
    assert_eq!(lines[2], "nothing new was found");
    // Gone, it is said why, and what is known stays.
    std::fs::remove_file(&path).unwrap();
    ask().await;
    let failed = server.lines(id, "LOOKUP_FAILED", 1).await;
    assert!(failed[0].contains("directory: ") && failed[0].ends_with("it is tried again"), "{failed:?}");
    let page = remediator.get(&format!("/incidents/{id}")).await.text;
    assert!(page.contains("attempt 1 did not find all: "), "{page}");
    assert_eq!(server.attributes(id).await["Department"], "Research and Development");
    assert_eq!(remediator.post("/incidents/99/look-up", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_fill_in_order_what_those_before_them_did_not_and_one_that_fails_stops_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let ldif =
        "dn: uid=anna\nmail: ANNA@company.example\ndepartment: Sales\nmanager: cn=Eve\nmanager: cn=Max\n";
    let hr = "read question; case $question in\n*'\"address\":\"anna@company.example\"'*) \
        echo '{\"values\":{\"Grade\":\"7\",\"dept\":[\"not this one\"]}}';;\n*) echo '{\"values\":{}}';;\nesac";
    let whom = "read question; case $question in *bert*) echo '{\"values\":{\"org\":\"Partner B\"}}';; \
        *) echo '{\"values\":{\"org\":[\"Partner C\",\"Partner B\"]}}';; esac";
    let run = |path| Source::Program { path, seconds: 5 };
    let lookups = vec![
        lookup("broken", run(program(dir, "broken", "echo no json")), Of::Sender, &[("Department", "dept")]),
        lookup(
            "slow",
            Source::Program { path: program(dir, "slow", "sleep 60"), seconds: 1 },
            Of::Sender,
            &[("Room", "room")],
        ),
        lookup(
            "directory",
            Source::File(file(dir, "d.ldif", ldif)),
            Of::Sender,
            &[("Department", "department"), ("Managers", "manager")],
        ),
        lookup("hr", run(program(dir, "hr", hr)), Of::Sender, &[("Department", "dept"), ("Grade", "grade")]),
        lookup("partners", run(program(dir, "whom", whom)), Of::Recipients, &[("Partners", "ORG")]),
    ];
    let server = Server::start().await;
    let id = server.record(message("M", &[17])).await[0];
    let server = server.restart_with(|options| options.lookups = lookups).await;
    let remediator = server.person("Remediator").await;
    remediator.post(&format!("/incidents/{id}/look-up"), &[]).await;
    let failed = server.lines(id, "LOOKUP_FAILED", 1).await;
    for words in ["broken: the program's answer is not", "slow: the program took longer than 1 seconds"] {
        assert!(failed[0].contains(words), "{words}: {failed:?}");
    }
    let known = server.attributes(id).await;
    let wanted = [
        ("Department", "Sales"),
        ("Grade", "7"),
        ("Managers", "cn=Eve; cn=Max"),
        ("Partners", "Partner B; Partner C"),
    ];
    assert_eq!(known, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_directory_says_is_bounded_and_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let evil = format!(
        "mail,a,b\nanna@company.example,\"\"\"><script>alert(1)</script>\u{202e}\u{0}x\ny\",{}\n",
        "z".repeat(9_000)
    );
    let people = Source::File(file(dir.path(), "people.csv", &evil));
    let server = Server::start().await;
    let id = server.record(message("M", &[17])).await[0];
    let all = vec![lookup("directory", people, Of::Sender, &[("A", "a"), ("B", "b")])];
    let server = server.restart_with(|options| options.lookups = all).await;
    let remediator = server.person("Remediator").await;
    remediator.post(&format!("/incidents/{id}/look-up"), &[]).await;
    server.lines(id, "ATTRIBUTES_LOOKED_UP", 1).await;
    let known = server.attributes(id).await;
    assert_eq!(known["B"].len(), 500);
    assert!(!known["A"].contains(['\u{202e}', '\0', '\n']), "{known:?}");
    assert_harmless(&remediator.get(&format!("/incidents/{id}")).await.text);
}
