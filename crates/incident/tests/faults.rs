//! What goes wrong in a machine room: a killed process, a full disk, a read-only one, damaged pages, lost keys. Nothing that
//! was acknowledged is missing, whatever is not recorded is an error, and the journal works again when its disk does.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use incident::{Error, Filter, Journal, JournalOptions, Outcome, rotate_keys};
use support::message;

async fn open(dir: &Path) -> Journal {
    Journal::open(dir, JournalOptions::default()).await.unwrap()
}

async fn count(journal: &Journal) -> usize {
    journal.list(&Filter { limit: 100_000, ..Filter::default() }).await.unwrap().len()
}

/// This test binary again, running one ignored test in a directory.
fn child(test: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", test, "--nocapture"]).env("JOURNAL_DIR", dir);
    command
}

// ---- killed

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by acknowledged_incidents_survive_being_killed, in a process of its own"]
async fn write_until_killed() {
    let Ok(dir) = std::env::var("JOURNAL_DIR") else { return };
    let journal = Arc::new(open(Path::new(&dir)).await);
    let recorder = |task: usize| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for n in 0.. {
                let name = format!("K{task}-{n}");
                let recorded = journal.record(message(&name, &[7, 9])).await.unwrap();
                println!("\nacknowledged {name}.");
                let outcome = Outcome::Relayed { code: 250, text: "250 ok".into() };
                journal.outcome(&recorded, outcome).await.unwrap();
            }
        })
    };
    let recorders: Vec<_> = (0..8).map(recorder).collect();
    for recorder in recorders {
        recorder.await.unwrap();
    }
}

fn kill_after(mut child: Child, count: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut note = |line: &str| {
        if let Some(name) = line.strip_prefix("acknowledged ").and_then(|name| name.strip_suffix('.')) {
            acknowledged.push(name.to_owned());
        }
        acknowledged.len()
    };
    while note(&lines.next().unwrap().unwrap()) < count {}
    child.kill().unwrap();
    for line in lines.map_while(Result::ok) {
        note(&line);
    }
    child.wait().unwrap();
    acknowledged
}

#[tokio::test]
async fn acknowledged_incidents_survive_being_killed() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let data = dir.path().join(round.to_string());
        let started = child("write_until_killed", &data).stdout(Stdio::piped()).spawn().unwrap();
        let acknowledged = kill_after(started, 40 + round * 31);
        let journal = open(&data).await;
        let found = journal.list(&Filter { limit: 100_000, ..Filter::default() }).await.unwrap();
        for name in acknowledged {
            let ids: Vec<u64> =
                found.iter().filter(|one| one.unique_message_id == name).map(|one| one.id).collect();
            assert_eq!(ids.len(), 2, "both incidents of {name}");
        }
        assert_eq!(found.len() % 2, 0, "both incidents of a message, or none");
        for summary in found {
            let incident = journal.show(summary.id).await.unwrap().unwrap();
            assert!(journal.original(summary.id).await.unwrap().is_some());
            let outcome = incident.summary.outcome.unwrap();
            assert!(["relayed", "unknown"].contains(&outcome.as_str()), "{outcome}");
            let last = incident.history.last().unwrap().action.clone();
            assert_eq!(last, if outcome == "relayed" { "RELAYED" } else { "OUTCOME_UNKNOWN" });
        }
    }
}

// ---- full

#[tokio::test]
async fn a_journal_at_its_bound_takes_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions { max_octets: 1, ..JournalOptions::default() };
    let journal = Journal::open(dir.path(), options).await.unwrap();
    assert!(journal.state().full && journal.state().warn);
    assert!(matches!(journal.record(message("A", &[7])).await, Err(Error::Full)));
    assert_eq!(count(&journal).await, 0);
}

#[tokio::test]
async fn the_bound_warns_at_seventy_percent_and_is_never_passed() {
    let dir = tempfile::tempdir().unwrap();
    let bound = 4 << 20;
    let options = JournalOptions { max_octets: bound, ..JournalOptions::default() };
    let journal = Journal::open(dir.path(), options).await.unwrap();
    let mut warned_at = None;
    let mut taken = 0_usize;
    let error = loop {
        let mut new = message(&format!("M{taken}"), &[7]);
        new.original = Some(vec![taken as u8; 100_000]);
        match journal.record(new).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        let state = journal.state();
        if state.warn && warned_at.is_none() {
            warned_at = Some(state.octets);
        }
    };
    assert!(matches!(error, Error::Full), "{error}");
    assert!((bound / 10 * 7..=bound / 10 * 8).contains(&warned_at.unwrap()), "{warned_at:?}");
    assert!(taken >= 15, "{taken}");
    assert_eq!(count(&journal).await, taken, "all that was acknowledged, and nothing else");
}

/// In a process of its own: a limit on the size of files stands for a full disk, and is lifted again.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by a_full_disk_is_an_error_and_the_journal_works_again_after_it, in a process of its own"]
async fn write_on_a_full_disk() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let Ok(dir) = std::env::var("JOURNAL_DIR") else { return };
    let journal = Arc::new(open(Path::new(&dir)).await);
    let first = journal.record(message("before", &[7, 9])).await.unwrap();
    let limit = |octets| setrlimit(Resource::Fsize, Rlimit { current: octets, maximum: None }).unwrap();
    limit(Some(256 << 10));
    let mut taken = 0;
    let error = loop {
        let mut new = message(&format!("full {taken}"), &[7, 9]);
        new.original = Some(vec![taken as u8; 40_000]);
        match journal.record(new).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    println!("\nrefused: {error}");
    assert!(matches!(error, Error::Batch(_)) && taken < 20, "{error}, {taken}");
    // Many at a time: every one of them hears it, and what became of a message before is kept for later.
    journal.outcome(&first, Outcome::Relayed { code: 250, text: "250 late".into() }).await.unwrap();
    let large = |n: usize| {
        let mut new = message(&format!("many {n}"), &[7]);
        new.original = Some(vec![1; 300_000]);
        let journal = journal.clone();
        tokio::spawn(async move { journal.record(new).await })
    };
    let many: Vec<_> = (0..20).map(large).collect();
    for one in many {
        assert!(one.await.unwrap().is_err());
    }
    limit(None);
    journal.record(message("after", &[7, 9])).await.unwrap();
    journal.flush().await;
    assert_eq!(count(&journal).await, 2 * (taken + 2));
    let incident = journal.show(first.incidents[0].id).await.unwrap().unwrap();
    assert_eq!(incident.history.last().unwrap().detail, "next hop answered 250 late");
    println!("\nall of it held");
}

#[test]
fn a_full_disk_is_an_error_and_the_journal_works_again_after_it() {
    let dir = tempfile::tempdir().unwrap();
    // The shell has the signal ignored, so that a write too many is an error and not the end.
    let mut plain = child("write_on_a_full_disk", dir.path());
    plain.env("RUST_BACKTRACE", "0");
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap "" XFSZ; exec "$@""#, "sh"]).arg(plain.get_program()).args(plain.get_args());
    let out = command.env("JOURNAL_DIR", dir.path()).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && text.contains("all of it held"),
        "{text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

// ---- read only, gone, damaged

#[tokio::test]
#[ignore = "run by a_data_directory_that_cannot_be_written_is_refused, in a process that has no rights beyond the files'"]
async fn open_without_rights() {
    let Ok(dir) = std::env::var("JOURNAL_DIR") else { return };
    let error = Journal::open(Path::new(&dir), JournalOptions::default()).await.unwrap_err().to_string();
    println!("\nrefused: {error}");
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_is_refused() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).await);
    settled(dir.path()).await;
    let set = |name: &str, mode| {
        std::fs::set_permissions(dir.path().join(name), PermissionsExt::from_mode(mode)).unwrap()
    };
    let plain = child("open_without_rights", dir.path());
    let refused = || {
        // Even root obeys the files' modes without its capabilities.
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        let prefix: &[&str] =
            if is_root { &["setpriv", "--bounding-set=-all", "--inh-caps=-all"] } else { &["env"] };
        let mut command = Command::new(prefix[0]);
        command
            .args(&prefix[1..])
            .arg(plain.get_program())
            .args(plain.get_args())
            .env("JOURNAL_DIR", dir.path());
        let out = command.output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    set("incidents.db", 0o400);
    assert!(refused().contains("refused: database: "), "{}", refused());
    set("incidents.db", 0o600);
    set("incidents.lock", 0o400);
    assert!(refused().contains("incidents.lock"), "{}", refused());
    set("incidents.lock", 0o600);
    set("", 0o500);
    assert!(refused().contains("refused: database: "), "{}", refused());
    set("", 0o700);
    assert_eq!(count(&open(dir.path()).await).await, 0);
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    for dir in ["/proc/weir", "/dev/null/weir"] {
        let error = Journal::open(Path::new(dir), JournalOptions::default()).await.unwrap_err();
        assert!(error.to_string().contains(dir), "{error}");
    }
}

#[tokio::test]
async fn damaged_pages_are_named_in_the_error_and_the_message_is_not_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path()).await;
    for n in 0..50 {
        journal.record(message(&format!("M{n}"), &[7, 9])).await.unwrap();
    }
    drop(journal);
    settled(dir.path()).await;
    let file = dir.path().join("incidents.db");
    let mut octets = std::fs::read(&file).unwrap();
    // The first pages hold the schema: the file still opens.
    for octet in &mut octets[4096 * 24..] {
        *octet ^= 0x5a;
    }
    std::fs::write(&file, octets).unwrap();
    let error = match Journal::open(dir.path(), JournalOptions::default()).await {
        Ok(journal) => journal.record(message("M7", &[7, 9])).await.unwrap_err(),
        Err(error) => error,
    };
    let text = error.to_string();
    assert!(text.contains("incidents.db is damaged") && text.contains("backup"), "{text}");
}

#[tokio::test]
async fn a_changed_match_or_original_is_an_error_that_names_the_incident() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path()).await;
    journal.record(message("A", &[7])).await.unwrap();
    drop(journal);
    settled(dir.path()).await;
    python(
        dir.path(),
        "db.execute('update incident set matches = zeroblob(length(matches))'); db.execute('update original_body set sealed = zeroblob(length(sealed))')",
    );
    let journal = open(dir.path()).await;
    assert_eq!(count(&journal).await, 1, "the list needs none of it");
    assert!(journal.show(1).await.unwrap_err().to_string().contains("incident 1 is damaged"));
    assert!(
        journal.original(1).await.unwrap_err().to_string().contains("incident 1 is damaged: its original")
    );
}

// ---- owners and keys

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused_and_readers_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path()).await;
    let began = Instant::now();
    let error = Journal::open(dir.path(), JournalOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("in use by another process"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
    Journal::open_read_only(dir.path()).await.unwrap();
    drop(journal);
    open(dir.path()).await;
}

#[tokio::test]
async fn a_reader_makes_nothing_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Journal::open_read_only(dir.path()).await.unwrap_err().to_string().contains("incidents.db"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    drop(open(dir.path()).await);
    let journal = Journal::open_read_only(dir.path()).await.unwrap();
    assert!(matches!(journal.record(message("A", &[7])).await, Err(Error::Closed)));
}

#[tokio::test]
async fn lost_keys_are_not_made_anew_over_old_incidents() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).await);
    let keys = dir.path().join("keys/master.keys");
    std::fs::remove_file(&keys).unwrap();
    let error = Journal::open(dir.path(), JournalOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("master.keys"), "{error}");
    assert!(!keys.exists());
}

#[tokio::test]
async fn nothing_readable_of_message_or_matches_lies_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path()).await;
    journal.record(message("A", &[7])).await.unwrap();
    journal.backup(&dir.path().join("backup.db")).await.unwrap();
    let mut looked_at = 0;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let Ok(octets) = std::fs::read(&path) else { continue };
        looked_at += usize::from(!octets.is_empty());
        let keys = std::fs::read_to_string(dir.path().join("keys/master.keys")).unwrap();
        let key = &keys.lines().next().unwrap().as_bytes()[2..];
        for secret in [&b"SECRET-ORIGINAL"[..], b"4111 1111", b"4111111111111111", key] {
            assert!(!octets.windows(secret.len()).any(|window| window == secret), "{}", path.display());
        }
    }
    assert!(looked_at >= 3, "database, its log, the backup");
}

#[tokio::test]
async fn a_backup_opens_with_the_keys_and_not_without() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path()).await;
    journal.record(message("A", &[7])).await.unwrap();
    let restored = dir.path().join("restored");
    std::fs::create_dir(&restored).unwrap();
    journal.backup(&restored.join("incidents.db")).await.unwrap();
    assert!(Journal::open(&restored, JournalOptions::default()).await.is_err());
    std::fs::create_dir(restored.join("keys")).unwrap();
    std::fs::copy(dir.path().join("keys/master.keys"), restored.join("keys/master.keys")).unwrap();
    let restored = open(&restored).await;
    assert!(restored.original(1).await.unwrap().unwrap().ends_with(b"SECRET-ORIGINAL"));
}

#[tokio::test]
async fn a_rotation_leaves_everything_readable_by_the_new_key_alone() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path()).await;
    for n in 0..600 {
        journal.record(message(&format!("M{n}"), &[7])).await.unwrap();
    }
    assert!(rotate_keys(dir.path(), &[]).await.is_err(), "not while a server runs");
    drop(journal);
    let before = std::fs::read_to_string(dir.path().join("keys/master.keys")).unwrap();
    let rotated = rotate_keys(dir.path(), &[]).await.unwrap();
    assert_eq!((rotated.key, rotated.wrapped, rotated.failed), (2, 1_200, 0));
    let after = std::fs::read_to_string(dir.path().join("keys/master.keys")).unwrap();
    assert!(!after.contains(before.lines().next().unwrap()), "the old key is gone");
    let journal = open(dir.path()).await;
    for id in [1, 300, 600] {
        assert_eq!(journal.show(id).await.unwrap().unwrap().matches[0].text, "4111 1111 1111 1111");
        assert!(journal.original(id).await.unwrap().is_some());
    }
    let same = Filter { value: Some("4111111111111111".into()), limit: 1_000, ..Filter::default() };
    assert_eq!(journal.list(&same).await.unwrap().len(), 600, "values are found as before");
}

#[tokio::test]
async fn what_does_not_open_keeps_the_old_keys_at_a_rotation() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path()).await;
    journal.record(message("A", &[7])).await.unwrap();
    journal.record(message("B", &[7])).await.unwrap();
    drop(journal);
    settled(dir.path()).await;
    python(dir.path(), "db.execute('update original set head = zeroblob(length(head)) where id = 1')");
    let rotated = rotate_keys(dir.path(), &[]).await.unwrap();
    assert_eq!((rotated.wrapped, rotated.failed), (3, 1));
    assert_eq!(std::fs::read_to_string(dir.path().join("keys/master.keys")).unwrap().lines().count(), 3);
    assert!(open(dir.path()).await.original(2).await.unwrap().is_some());
}

// ---- helpers

/// Changes the database as no server of ours would.
fn python(dir: &Path, statements: &str) {
    let code = format!("import sqlite3,sys; db=sqlite3.connect(sys.argv[1]); {statements}; db.commit()");
    let done = Command::new("python3").args(["-c", &code]).arg(dir.join("incidents.db")).status().unwrap();
    assert!(done.success());
}

/// Waits until the journal has let go of the database, and moves everything into the file itself.
async fn settled(dir: &Path) {
    let file = dir.join("incidents.db");
    use sqlx::{Connection, SqliteConnection};
    for _ in 0..200 {
        let mut connection = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        if !dir.join("incidents.db-wal").exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the database is still open");
}
