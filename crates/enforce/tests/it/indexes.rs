//! Indexes of our own data in the console: listed, taken in whole or not at all, and kept while policies ask them.

use std::path::{Path, PathBuf};

use policy::index::{ColumnOption, ExactOptions, IndexKey, IndexKind, Kind, build_exact};
use reqwest::StatusCode;

use crate::servers::{Machine, heartbeat, token};
use crate::support::{POLICY, Person, Server};

const ASKS: &str = r#"id = 18
name = "Customers"
mode = "on"

[[rule]]
name = "rows"
all = [ { exact = "customers", columns = 2 } ]
"#;

/// An index of a table, made elsewhere; its key is left in the server's directory unless it stays secret.
pub(crate) fn index(server: &Server, table: &str, with_key: bool) -> Vec<u8> {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = IndexKind::Exact.file_in(elsewhere.path(), "customers");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let keys = match with_key {
        true => server.dir.path().join("data/keys/indexes"),
        false => elsewhere.path().to_owned(),
    };
    let key = IndexKey::read_or_make(&keys.join("customers.key")).unwrap();
    let column = |name: &str, kind| ColumnOption { name: name.into(), kind, order: None, home: None };
    let options = ExactOptions {
        columns: vec![column("name", Kind::Name), column("number", Kind::Number)],
        separator: None,
        no_header: false,
        stop: vec![],
        source: "<b>customers</b>.csv".into(),
        max_age_days: 30,
        size: None,
    };
    build_exact(table.as_bytes(), &options, &key, &path, &|_| ()).unwrap();
    std::fs::read(path).unwrap()
}

pub(crate) const TABLE: &str = "name,number\nAnn Obrien,123456789\nWill May,987654321\n";

pub(crate) async fn take_in(author: &Person, name: &str, octets: &[u8]) -> crate::support::Answer {
    author.upload("/policies/indexes", &[("name", "")], ("file", name, octets)).await
}

pub(crate) async fn replace(author: &Person, name: &str, octets: &[u8]) -> crate::support::Answer {
    let fields = [("name", ""), ("replace", "yes")];
    author.upload("/policies/indexes", &fields, ("file", name, octets)).await
}

fn there(server: &Server) -> PathBuf {
    server.dir.path().join("policies/indexes/customers.exact")
}

/// Names of all files beside the indexes.
fn beside(path: &Path) -> Vec<String> {
    let all = std::fs::read_dir(path.parent().unwrap()).into_iter().flatten().flatten();
    all.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_index_is_taken_in_listed_asked_and_given_to_servers() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let octets = index(&server, TABLE, true);
    let taken = take_in(&author, "customers.exact", &octets).await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.text);
    assert_eq!(std::fs::read(there(&server)).unwrap(), octets);
    let page = author.get("/policies/indexes").await.text;
    for told in
        ["customers", "exact data", "2 rows", "0 days ago", "good", "&lt;b&gt;customers&lt;/b&gt;.csv"]
    {
        assert!(page.contains(told), "{told} is missing: {page}");
    }
    assert!(!page.contains("<b>customers"), "a source is text");
    std::fs::write(server.dir.path().join("policies/customers.toml"), ASKS).unwrap();
    let mail = "Subject: x\n\nAnn Obrien has 123456789\n";
    let found = author.post("/policies/try", &[("mail", mail)]).await.text;
    assert!(found.contains("Customers") && found.contains("123456789"), "{found}");
    // A server that pulls the set gets it, and its key, with the next manifest.
    let admin = server.person("Administrator").await;
    let mut machine = Machine::new(&server);
    machine.enroll(&token(&admin, &[("name", "mx1"), ("hours", "2")]).await).await;
    let told = async || machine.beat(&heartbeat()).await.unwrap().policies;
    let mut before = String::new();
    server
        .until("the set with the index is published", async || {
            let (manifest, etag) = (machine.manifest().await, told().await);
            before.clone_from(&etag);
            manifest.is_some_and(|manifest| {
                let file = manifest.files.iter().any(|file| file.path == "indexes/customers.exact");
                file && manifest.files.iter().any(|file| file.path == "customers.toml")
                    && !manifest.index_keys.is_empty()
            })
        })
        .await;
    // A newer one replaces it, and servers hear of another set.
    let newer = index(&server, &format!("{TABLE}José Sanz,555666777\n"), true);
    let chance = take_in(&author, "customers.exact", &newer).await;
    assert_eq!(chance.status, StatusCode::CONFLICT, "{}", chance.text);
    assert!(chance.text.contains("an index customers.exact"), "{}", chance.text);
    assert_eq!(
        std::fs::read(there(&server)).unwrap(),
        octets,
        "one that has its name by chance does not replace it"
    );
    assert_eq!(replace(&author, "customers.exact", &newer).await.status, StatusCode::SEE_OTHER);
    assert!(author.get("/policies/indexes").await.text.contains("3 rows"));
    server.until("another set", async || told().await != before).await;
    assert_eq!(beside(&there(&server)), ["customers.exact"], "nothing is left behind");
    let log = server.audit_log().await;
    assert_eq!(log.iter().filter(|line| line.action == "INDEX_UPLOADED").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_whole_index_with_its_key_changes_nothing() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let good = index(&server, TABLE, true);
    assert_eq!(take_in(&author, "customers.exact", &good).await.status, StatusCode::SEE_OTHER);
    let strange = index(&server, TABLE, false);
    let cut = good[..good.len() - 1].to_vec();
    let mut turned = Vec::new();
    for at in (0..good.len()).step_by(good.len() / 40) {
        let mut octets = good.clone();
        octets[at] ^= 0x20;
        turned.push(octets);
    }
    for octets in [strange, cut, b"x".to_vec(), Vec::new()].iter().chain(&turned) {
        let refused = replace(&author, "customers.exact", octets).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
        assert_eq!(std::fs::read(there(&server)).unwrap(), good);
    }
    for name in ["customers.exe", "../customers.exact", "a b.exact", ".exact", "customers"] {
        let refused = author.upload("/policies/indexes", &[("name", "../x")], ("file", name, &good)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
    // Another kind than its ending says.
    let refused = take_in(&author, "customers.documents", &good).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    assert_eq!(beside(&there(&server)), ["customers.exact"], "nothing is left behind");
    let reviewer = server.person("Reviewer").await;
    assert_eq!(take_in(&reviewer, "customers.exact", &good).await.status, StatusCode::FORBIDDEN);
    let mut forged = author.clone();
    forged.csrf = "0".repeat(43);
    assert_eq!(take_in(&forged, "customers.exact", &good).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_policies_ask_is_not_removed_and_not_replaced_by_one_they_cannot_ask() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let good = index(&server, TABLE, true);
    take_in(&author, "customers.exact", &good).await;
    let asks = server.dir.path().join("policies/customers.toml");
    // Also if the policy is off.
    std::fs::write(&asks, ASKS.replace("mode = \"on\"", "mode = \"off\"")).unwrap();
    let remove = async || author.post("/policies/indexes/remove", &[("file", "customers.exact")]).await;
    let refused = remove().await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("customers.toml:7") && there(&server).exists(), "{}", refused.text);
    std::fs::write(&asks, ASKS.replace("columns = 2", "columns = 2, of = [\"surname\", \"number\"]"))
        .unwrap();
    std::fs::remove_file(there(&server)).unwrap();
    let refused = take_in(&author, "customers.exact", &good).await;
    assert!(
        refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text.contains("surname"),
        "{}",
        refused.text
    );
    std::fs::remove_file(&asks).unwrap();
    assert_eq!(take_in(&author, "customers.exact", &good).await.status, StatusCode::SEE_OTHER);
    assert_eq!(remove().await.status, StatusCode::SEE_OTHER);
    assert!(!there(&server).exists());
    assert_eq!(remove().await.status, StatusCode::NOT_FOUND);
    assert_eq!(std::fs::read_to_string(server.dir.path().join("policies/cards.toml")).unwrap(), POLICY);
}
