//! Incidents in archive files, by the command line beside a running Enforce server, and whatever is killed in the middle.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use weir_tests::enforce::Enforce;
use weir_tests::sink::Sink;
use weir_tests::weir::{binary, fixture, run};

use crate::{has_incidents, prevent, send_violating, soon};

fn started(incidents: usize) -> (Enforce, Vec<u64>) {
    let (enforce, sink) = (Enforce::with(&fixture("policies"), &["--plain-http"]), Sink::start());
    let weir = prevent(&enforce, &sink, "mx1");
    for number in 1..=incidents {
        send_violating(&weir, number);
    }
    has_incidents(&enforce, incidents);
    let ids = ids(&enforce);
    for id in &ids {
        soon("the original and the outcome", || {
            let incident = enforce.incident(*id);
            incident["original_kept"] == true && incident["outcome"] == "relayed"
        });
    }
    (enforce, ids)
}

fn ids(enforce: &Enforce) -> Vec<u64> {
    enforce.incidents().iter().map(|one| one["id"].as_u64().unwrap()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn in_archive(enforce: &Enforce, file: &Path, key: &Path) -> Vec<u64> {
    let lines = enforce.task(&["archive", "list", text(file), "--key", text(key), "--format", "json"]);
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_u64().unwrap();
    lines.lines().map(id).collect()
}

#[test]
fn incidents_leave_lists_for_a_file_and_come_back_with_their_numbers() {
    let (enforce, all) = started(3);
    let admin = enforce.person("ann", "Administrator");
    let (file, key) = (enforce.data().join("old.weir"), enforce.data().join("archive.key"));
    let before = enforce.incident(all[0]);
    let keep = enforce.incident(all[2])["policy_id"].as_u64().unwrap().to_string();
    let order = [
        "archive",
        "write",
        text(&file),
        "--key",
        text(&key),
        "--policy",
        &keep,
        "--status",
        "new",
        "--remove",
    ];
    let told = enforce.task(&order);
    assert!(
        told.contains("holds 3 incidents and 3 originals") && told.contains("3 incidents are gone"),
        "{told}"
    );
    assert!(told.contains("made the key"), "{told}");
    assert!(ids(&enforce).is_empty());
    assert_eq!(admin.get(&format!("/incidents/{}", all[0])).status, 404);
    assert!(!admin.get("/incidents").words().contains("number 1"));
    let listed = enforce.task(&["archive", "list", text(&file), "--key", text(&key)]);
    assert!(listed.contains("3 incidents") && listed.contains("number 2"), "{listed}");
    let octets = std::fs::read(&file).unwrap();
    assert!(!octets.windows(8).any(|some| some == b"4111 111"), "nothing stands open in it");

    let told = enforce.task(&[
        "archive",
        "restore",
        text(&file),
        "--key",
        text(&key),
        "--incident",
        &all[1].to_string(),
    ]);
    assert!(told.contains("1 incidents are back"), "{told}");
    assert_eq!(ids(&enforce), all[1..2]);
    let told = enforce.task(&["archive", "restore", text(&file), "--key", text(&key)]);
    assert!(told.contains("2 incidents are back, 1 were there"), "{told}");
    let mut after = enforce.incident(all[0]);
    after["history"].as_array_mut().unwrap().retain(|line| line["action"] != "RESTORED_FROM_ARCHIVE");
    assert_eq!(after, before);
    let original = admin.get(&format!("/incidents/{}/original.eml", all[0]));
    assert!(original.status == 200 && original.body.contains("4111 1111 1111 1111"));
    let audit = admin.get("/audit").words();
    for action in ["INCIDENTS_ARCHIVED", "ARCHIVED_INCIDENTS_REMOVED", "INCIDENTS_RESTORED"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }

    // What is refused says why, and changes nothing.
    let data = enforce.data();
    let refused = |arguments: &[&str], word: &str| {
        let output = run(&[&["enforce", "archive"], arguments, &["--data", text(&data)]].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(word), "{arguments:?}: {error}");
    };
    let (wrong, key, file) = (data.join("wrong.key"), text(&key), text(&file));
    std::fs::write(&wrong, "0".repeat(64)).unwrap();
    refused(&["restore", file, "--key", text(&wrong)], "sealed by another key");
    refused(&["write", file, "--key", key, "--older-than", "1d"], "will not write over");
    refused(&["write", "other", "--key", key], "required");
    refused(&["write", "other", "--key", key, "--status", "None"], "there is no status");
    refused(&["write", "other", "--key", key, "--report", "Mine", "--of", "ann"], "no saved report");
    refused(&["restore", file, "--key", key, "--incident", "999"], "is not in the archive");
    let cut = data.join("cut.weir");
    std::fs::write(&cut, &octets[..octets.len() / 2]).unwrap();
    refused(&["restore", text(&cut), "--key", key], "cut or changed");
    assert_eq!(ids(&enforce).into_iter().collect::<BTreeSet<_>>(), all.into_iter().collect());
}

#[test]
fn killed_at_any_moment_each_incident_is_in_the_database_or_in_a_whole_archive() {
    let (enforce, all) = started(4);
    let all: BTreeSet<u64> = all.into_iter().collect();
    let key = enforce.data().join("archive.key");
    for round in 0..6 {
        let file = enforce.data().join(format!("{round}.weir"));
        let data = enforce.data();
        let mut child = archiving(&data, &file, &key);
        // The first rounds are killed at once or soon, the later ones when the file has its name; all is well at each moment.
        if round >= 2 {
            while !file.exists() && child.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            assert!(file.exists(), "the command ended without an archive");
        }
        let _ = child.kill();
        child.wait().unwrap();
        let mut there: BTreeSet<u64> = ids(&enforce).into_iter().collect();
        if file.exists() {
            there.extend(in_archive(&enforce, &file, &key));
            enforce.task(&["archive", "remove", text(&file), "--key", text(&key)]);
            assert!(ids(&enforce).is_empty(), "a removal goes on where it was stopped");
            enforce.task(&["archive", "restore", text(&file), "--key", text(&key)]);
        }
        assert_eq!(there, all, "round {round}");
        assert_eq!(ids(&enforce).into_iter().collect::<BTreeSet<_>>(), all, "round {round}");
    }
}

fn archiving(data: &Path, file: &Path, key: &Path) -> Child {
    let mut command = Command::new(binary());
    command.args(["enforce", "archive", "write"]).arg(file).arg("--key").arg(key);
    command.args(["--older-than", "0h", "--remove", "--data"]).arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
