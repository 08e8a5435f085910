//! What a detection server records arrives at Enforce once and whole, whatever is killed or cut in between.

use std::time::Duration;

use weir_tests::enforce::Enforce;
use weir_tests::network::Network;
use weir_tests::sink::Sink;
use weir_tests::weir::Prevent;

use crate::{has_incidents, prevent, send_violating, soon};

fn actions(incident: &serde_json::Value) -> Vec<String> {
    let history = incident["history"].as_array().unwrap();
    history.iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_incident_arrives_with_matches_history_outcome_and_original() {
    let (enforce, sink) = (Enforce::start(), Sink::start());
    let weir = prevent(&enforce, &sink, "mx1");
    send_violating(&weir, 1);
    has_incidents(&enforce, 1);
    soon("the original", || enforce.incident(1)["original_kept"] == true);
    soon("the outcome", || enforce.incident(1)["outcome"] == "relayed");
    let (ours, theirs) = (enforce.incident(1), weir.incident(1));
    for field in [
        "unique_message_id",
        "sender",
        "recipients",
        "subject",
        "policy",
        "severity",
        "matches",
        "details",
        "received_at",
    ] {
        assert_eq!(ours[field], theirs[field], "{field}");
    }
    assert_eq!(ours["server"], "mx1", "by the name that it was enrolled under");
    assert_eq!(actions(&ours), actions(&theirs));
}

#[test]
fn the_detection_server_goes_on_without_enforce_and_catches_up() {
    let (mut enforce, sink) = (Enforce::start(), Sink::start());
    let mut weir = prevent(&enforce, &sink, "mx1");
    send_violating(&weir, 1);
    has_incidents(&enforce, 1);
    enforce.kill();
    for number in 2..10 {
        send_violating(&weir, number);
    }
    // Not even a restart of its own loses anything.
    weir.restart();
    assert_eq!(sink.count(), 9);
    enforce.run();
    has_incidents(&enforce, 9);
}

#[test]
fn enforce_killed_again_and_again_while_it_takes_loses_and_doubles_nothing() {
    let (mut enforce, sink) = (Enforce::start(), Sink::start());
    let weir = prevent(&enforce, &sink, "mx1");
    for round in 0..5 {
        for number in 0..20 {
            send_violating(&weir, round * 20 + number);
        }
        std::thread::sleep(Duration::from_millis(150 * round as u64));
        enforce.kill();
        enforce.run();
    }
    has_incidents(&enforce, 100);
    soon("all outcomes", || enforce.incidents().iter().all(|incident| incident["outcome"] == "relayed"));
    soon("all originals", || (1..=100).step_by(9).all(|id| enforce.incident(id)["original_kept"] == true));
    for id in (1..=100).step_by(9) {
        let actions = actions(&enforce.incident(id));
        assert_eq!(actions.iter().filter(|action| *action == "DETECTED").count(), 1, "{actions:?}");
        assert_eq!(actions.iter().filter(|action| *action == "RELAYED").count(), 1, "{actions:?}");
    }
}

#[test]
fn a_network_that_cuts_every_connection_delays_and_doubles_nothing() {
    let (enforce, sink) = (Enforce::start(), Sink::start());
    let target = enforce.url().strip_prefix("https://").unwrap().parse().unwrap();
    let network = Network::to(target);
    network.cut_after(9_000);
    let token = enforce.token("mx1", &[]);
    let weir = Prevent::forward(&[sink.addr()])
        .flag("--enforce")
        .flag(&format!("https://{}", network.address()))
        .flag("--enroll-token-file")
        .flag(&token.to_string_lossy())
        .start();
    for number in 0..30 {
        send_violating(&weir, number);
    }
    soon("cuts", || network.cuts() > 3);
    network.mend();
    has_incidents(&enforce, 30);
}

#[test]
fn two_detection_servers_share_ids_and_make_one_incident_of_one_message() {
    let (enforce, sink) = (Enforce::start(), Sink::start());
    let (first, second) = (prevent(&enforce, &sink, "mx1"), prevent(&enforce, &sink, "mx2"));
    // The key of ids comes with enrolment.
    for weir in [&first, &second] {
        soon("enrolment", || weir.data().join("enforce/unique-id.keys").exists());
        soon("the reload", || weir.log().contains("reloaded"));
    }
    send_violating(&first, 1);
    has_incidents(&enforce, 1);
    send_violating(&second, 1);
    soon("the second server's lines", || {
        actions(&enforce.incident(1)).iter().filter(|action| *action == "DETECTED").count() == 2
    });
    assert_eq!(enforce.incidents().len(), 1);
    assert_eq!(first.incident(1)["unique_message_id"], second.incident(1)["unique_message_id"]);
}
