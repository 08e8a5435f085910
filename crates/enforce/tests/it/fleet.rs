//! Two Enforce servers over one PostgreSQL database.

use std::path::Path;

use enforce::Options;
use reqwest::StatusCode;
use store::database::Location;

use crate::postgres;
use crate::support::Server;

/// Two servers with the same keys and certificates; each has a policy directory, the second one that of the first if `shared`.
async fn two(shared: bool) -> Option<(Server, Server)> {
    let at = Location::parse(&postgres::database().await?).unwrap();
    let first = Server::start_with(|options| options.database = Some(at.clone())).await;
    let dir = tempfile::tempdir().unwrap();
    for folder in ["keys", "certificates"] {
        copy(&first.dir.path().join("data").join(folder), &dir.path().join("data").join(folder));
    }
    copy(&first.dir.path().join("policies"), &dir.path().join("policies"));
    let policies = first.dir.path().join("policies");
    let second = Server::start_in_with(dir, |options: &mut Options| {
        options.database = Some(at);
        if shared {
            options.policies = policies;
        }
    });
    Some((first, second.await))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Switches the policy of the tests, as a person does.
const TRIAL: [(&str, &str); 3] = [("name", "cards.toml"), ("mode", "trial"), ("was", "on")];

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_changed_at_one_of_two_servers_and_both_publish_them() {
    let Some((first, second)) = two(true).await else { return };
    let (here, there) = (first.person("Administrator").await, second.person("Policy author").await);
    let set = |server: &Server| server.enforce().published_set();
    first.until("published", async || !set(&first).is_empty() && set(&first) == set(&second)).await;
    let refused = there.post("/policies/mode", &TRIAL).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains(&format!("Policies are changed at {}", first.base())), "{}", refused.text);
    let before = set(&first);
    assert_eq!(here.post("/policies/mode", &TRIAL).await.status, StatusCode::SEE_OTHER);
    first.until("changed", async || set(&first) != before && set(&first) == set(&second)).await;
    let page = here.get("/servers").await.text;
    assert!(
        page.contains(&format!("{} (this one)", first.base())) && page.contains(&second.base()),
        "{page}"
    );
    assert!(!page.contains("do not count"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_policies_differ_publishes_none_until_somebody_lets_them_count() {
    let Some((first, second)) = two(false).await else { return };
    let (here, there) = (first.person("Policy author").await, second.person("Administrator").await);
    let set = |server: &Server| server.enforce().published_set();
    first.until("published", async || !set(&first).is_empty() && set(&first) == set(&second)).await;
    assert_eq!(here.post("/policies/mode", &TRIAL).await.status, StatusCode::SEE_OTHER);
    first.until("withdrawn at the other", async || set(&second).is_empty()).await;
    let page = there.get("/servers").await.text;
    assert!(page.contains(&format!("another set than that of {}", first.base())), "{page}");
    assert_eq!(there.post("/policies/count-here", &[]).await.status, StatusCode::SEE_OTHER);
    assert!(!set(&second).is_empty());
    first.until("withdrawn at the first", async || set(&first).is_empty()).await;
    assert_eq!(here.post("/policies/mode", &TRIAL).await.status, StatusCode::CONFLICT);
    assert!(second.audit_log().await.iter().any(|line| line.action == "POLICIES_OWNED"));
}
