//! A backup taken while everything runs comes back whole, and nothing is lost by an attempt that fails.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use incident::{Filter, Journal, JournalOptions, restore};
use support::message;
use tempfile::TempDir;

async fn open(data: &Path) -> Journal {
    Journal::open(data, JournalOptions::default()).await.unwrap()
}

async fn ids(journal: &Journal) -> Vec<String> {
    let all = journal.list(&Filter::default()).await.unwrap();
    all.into_iter().map(|one| one.unique_message_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_comes_back_and_what_was_there_is_moved_aside() {
    let dir = TempDir::new().unwrap();
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup.db"));
    let journal = open(&data).await;
    journal.record(message("A", &[1])).await.unwrap();
    journal.backup(&backup).await.unwrap();
    journal.record(message("B", &[1])).await.unwrap();
    let name = journal.name().await.unwrap();
    assert!(restore(&data, &backup).await.is_err(), "a server runs there");
    assert_eq!(ids(&journal).await, ["B", "A"]);
    journal.flush().await;
    drop(journal);
    let aside = restore(&data, &backup).await.unwrap().unwrap();
    let journal = open(&data).await;
    assert_eq!(ids(&journal).await, ["A"]);
    assert!(
        journal.original(1).await.unwrap().unwrap().ends_with(b"SECRET-ORIGINAL"),
        "it opens with the keys"
    );
    assert_ne!(journal.name().await.unwrap(), name, "it hands over again, as another journal");
    drop(journal);
    // And back again.
    restore(&data, &aside).await.unwrap();
    assert_eq!(ids(&open(&data).await).await, ["B", "A"]);
    assert!(!data.join("restoring").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_or_is_no_backup_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    let (backup, garbage) = (dir.path().join("backup.db"), dir.path().join("garbage"));
    let other = open(&theirs).await;
    other.record(message("X", &[1])).await.unwrap();
    other.backup(&backup).await.unwrap();
    std::fs::write(&garbage, "no database at all, but a text that is long enough to be read as a head")
        .unwrap();
    let journal = open(&ours).await;
    journal.record(message("A", &[1])).await.unwrap();
    journal.flush().await;
    drop(journal);
    let why = restore(&ours, &backup).await.unwrap_err().to_string();
    assert!(why.contains("keys"), "the keys are another server's: {why}");
    assert!(restore(&ours, &garbage).await.is_err());
    assert!(restore(&ours, &dir.path().join("nothing")).await.is_err());
    assert_eq!(ids(&open(&ours).await).await, ["A"]);
}
