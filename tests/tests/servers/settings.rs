//! What servers run with comes from Enforce, is refused whole when it is wrong, and is kept for when Enforce is away.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use weir_tests::enforce::Enforce;
use weir_tests::ports::free_port;
use weir_tests::sink::Sink;
use weir_tests::weir::{Weir, fixture, http_get};

use crate::{send_violating, soon};

/// Belongs to Enforce for its policies too: none are named here.
fn prevent_without_policies(enforce: &Enforce, sink: &Sink) -> Weir {
    let token = enforce.token("mx1", &[]);
    crate::with_token(enforce, sink, &token.to_string_lossy()).policies(Path::new("")).start()
}

fn copied_policies(dir: &Path) {
    for entry in fs::read_dir(fixture("policies")).unwrap().flatten() {
        let to = dir.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&to).unwrap();
            for file in fs::read_dir(entry.path()).unwrap().flatten() {
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn heartbeat(enforce: &Enforce) -> serde_json::Value {
    enforce.servers().first().map(|server| server["heartbeat"].clone()).unwrap_or_default()
}

#[test]
fn settings_of_enforce_are_taken_shown_with_their_origin_and_refused_whole_when_wrong() {
    let (enforce, sink) = (Enforce::start(), Sink::start());
    let weir = crate::prevent(&enforce, &sink, "mx1");
    soon("a heartbeat", || heartbeat(&enforce)["version"].is_string());
    enforce.task(&["set", "mx1", "trial=true", "limits.sessions=77"]);
    weir.wait_for_log("settings of Enforce are in force");
    let effective = |key: &str| {
        let lines = heartbeat(&enforce)["effective"].clone();
        let lines = lines.as_array().cloned().unwrap_or_default();
        lines.into_iter().find(|line| line[0] == key).map(|line| (line[1].clone(), line[2].clone()))
    };
    soon("the effective value", || {
        effective("prevent.limits.sessions") == Some(("77".into(), "Enforce".into()))
    });
    assert_eq!(effective("prevent.listen").unwrap().1, "flag --listen");
    // Of two settings one is wrong: neither counts.
    enforce.task(&["set", "mx1", "limits.sessions=88", "resubmit_port=\"x\""]);
    soon("the refusal", || heartbeat(&enforce)["settings_error"].is_string());
    assert_eq!(effective("prevent.limits.sessions").unwrap().0, "77");
}

#[test]
fn policies_come_from_enforce_and_stay_when_it_is_away() {
    let policies = tempfile::tempdir().unwrap();
    copied_policies(policies.path());
    let (mut enforce, sink) = (Enforce::with(policies.path(), &[]), Sink::start());
    let mut weir = prevent_without_policies(&enforce, &sink);
    soon("the policies", || heartbeat(&enforce)["policy_origin"] == "enforce");
    let before = heartbeat(&enforce)["policy_set"].clone();
    // A bad file changes nothing.
    fs::write(policies.path().join("broken.toml"), "id = \n").unwrap();
    soon("the refusal", || enforce.log().contains("policies refused; servers are told the last good set"));
    fs::remove_file(policies.path().join("broken.toml")).unwrap();
    let card = policies.path().join("card-numbers.toml");
    let text = fs::read_to_string(&card).unwrap();
    fs::write(&card, text.replace("name = \"", "name = \"Renamed ")).unwrap();
    soon("the new set", || heartbeat(&enforce)["policy_set"] != before);
    enforce.kill();
    weir.restart();
    send_violating(&weir, 1);
    let policy = weir.incidents()[0]["policy"].as_str().unwrap().to_owned();
    assert!(policy.starts_with("Renamed "), "{policy}");
}

#[test]
fn policies_that_are_refused_are_told_by_health_and_metrics_until_they_are_mended() {
    let policies = tempfile::tempdir().unwrap();
    copied_policies(policies.path());
    let ops = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let enforce = Enforce::with(policies.path(), &["--ops-listen", &ops.to_string()]);
    let refused = |metric: &str| {
        let metrics = http_get(ops, "/metrics").unwrap();
        metrics.lines().any(|line| line == format!("weir_enforce_policies_refused {metric}"))
    };
    soon("the operations port", || http_get(ops, "/healthz").is_ok_and(|body| body == "ok\n"));
    assert!(refused("0"));
    let broken = policies.path().join("broken.toml");
    fs::write(&broken, "id = \n").unwrap();
    soon("the complaint", || http_get(ops, "/healthz").is_err());
    let health = http_get(ops, "/healthz").unwrap_err();
    assert!(health.contains("503") && health.contains("the policy directory is refused"), "{health}");
    assert!(refused("1"), "the metric came with the complaint");
    assert!(enforce.log().contains("policies refused"), "and the log has it");
    fs::remove_file(&broken).unwrap();
    soon("health again", || http_get(ops, "/healthz").is_ok());
    assert!(refused("0"));
}

#[test]
fn the_first_start_says_how_long_what_is_kept() {
    let enforce = Enforce::start();
    soon("how long", || enforce.log().contains("originals are kept for 90 days, incidents for ever"));
}
