//! A token counts once; a certificate opens the door until it is revoked; nobody else gets in, and nobody false is trusted.

use std::fs;

use weir_tests::client::eventually;
use weir_tests::enforce::Enforce;
use weir_tests::network::Network;
use weir_tests::sink::Sink;
use weir_tests::weir::{Weir, run};

use crate::{has_incidents, prevent, send_violating, soon, with_token};

fn standing(enforce: &Enforce, name: &str) -> String {
    let servers = enforce.servers();
    let server = servers.iter().find(|server| server["name"] == name);
    server.map(|server| server["standing"].as_str().unwrap().to_owned()).unwrap_or_default()
}

fn is_enrolled(weir: &Weir) -> bool {
    weir.data().join("enforce/certificate.pem").exists()
}

#[test]
fn a_token_counts_once() {
    let (enforce, sink) = (Enforce::start(), Sink::start());
    let token = enforce.token("mx1", &[]).to_string_lossy().into_owned();
    let first = with_token(&enforce, &sink, &token).start();
    soon("enrolment", || standing(&enforce, "mx1") == "approved");
    let second = with_token(&enforce, &sink, &token).start();
    second.wait_for_log("the token is unknown, over, or was used");
    assert!(is_enrolled(&first) && !is_enrolled(&second));
    // It inspects all the same.
    send_violating(&second, 1);
    assert_eq!(second.incidents().len(), 1);
    assert!(!fs::read_to_string(&token).unwrap().is_empty());
}

#[test]
fn an_enrolment_whose_answer_was_lost_is_answered_again_and_to_nobody_else() {
    let (enforce, sink) = (Enforce::start(), Sink::start());
    let network = Network::to(enforce.url().trim_start_matches("https://").parse().unwrap());
    let token = enforce.token("mx1", &[]).to_string_lossy().into_owned();
    let weir = weir_tests::weir::Prevent::forward(&[sink.addr()])
        .flag("--enforce")
        .flag(&format!("https://{}", network.address()))
        .flag("--enroll-token-file")
        .flag(&token);
    network.cut();
    let mut weir = weir.start();
    let granted = || enforce.log().contains("a server was enrolled");
    // Somewhere between the request and its answer the connection breaks.
    for octets in (600..20_000).step_by(200) {
        network.mend();
        network.cut_after(octets);
        let cuts = network.cuts();
        weir.restart();
        soon("the cut", || network.cuts() > cuts || is_enrolled(&weir));
        if granted() {
            break;
        }
    }
    assert!(granted() && !is_enrolled(&weir), "{}", weir.log());
    network.mend();
    let second = with_token(&enforce, &sink, &token).start();
    second.wait_for_log("the token is unknown, over, or was used");
    weir.restart();
    soon("enrolment", || is_enrolled(&weir));
    send_violating(&weir, 1);
    has_incidents(&enforce, 1);
}

#[test]
fn a_token_of_another_authority_is_shown_to_nobody() {
    let (enforce, other, sink) = (Enforce::start(), Enforce::start(), Sink::start());
    let token = other.token("mx1", &[]).to_string_lossy().into_owned();
    let weir = with_token(&enforce, &sink, &token).start();
    weir.wait_for_log("enrolment");
    assert!(
        eventually(std::time::Duration::from_secs(10), || weir.log().contains("UnknownIssuer")),
        "{}",
        weir.log()
    );
    assert!(!is_enrolled(&weir));
    assert!(!enforce.log().contains("a token was shown"), "the secret was not sent");
}

#[test]
fn a_server_reached_by_a_name_that_is_not_in_its_certificate_is_not_trusted() {
    let (enforce, sink) = (Enforce::start(), Sink::start());
    let token = enforce.token("mx1", &[]).to_string_lossy().into_owned();
    let by_other_address = enforce.url().replace("127.0.0.1", "127.0.0.2");
    let weir = weir_tests::weir::Prevent::forward(&[sink.addr()])
        .flag("--enforce")
        .flag(&by_other_address)
        .flag("--enroll-token-file")
        .flag(&token)
        .start();
    weir.wait_for_log("enrolment");
    assert!(!is_enrolled(&weir));
}

#[test]
fn a_revoked_server_is_refused_at_once_and_goes_on_inspecting() {
    let (enforce, sink) = (Enforce::start(), Sink::start());
    let weir = prevent(&enforce, &sink, "mx1");
    send_violating(&weir, 1);
    has_incidents(&enforce, 1);
    enforce.task(&["revoke", "mx1"]);
    send_violating(&weir, 2);
    weir.wait_for_log("this server was revoked");
    assert_eq!(enforce.incidents().len(), 1);
    assert_eq!(weir.incidents().len(), 2, "nothing is lost meanwhile");
}

#[test]
fn a_server_that_needs_approval_waits_and_then_catches_up() {
    let (enforce, sink) = (Enforce::start(), Sink::start());
    let token = enforce.token("mx1", &["--needs-approval"]).to_string_lossy().into_owned();
    let weir = with_token(&enforce, &sink, &token).start();
    soon("enrolment", || standing(&enforce, "mx1") == "waiting");
    send_violating(&weir, 1);
    weir.wait_for_log("an administrator has to approve");
    assert!(enforce.incidents().is_empty());
    enforce.task(&["approve", "mx1"]);
    has_incidents(&enforce, 1);
}

#[test]
fn a_new_token_for_the_same_name_voids_the_old_certificate() {
    let (enforce, sink) = (Enforce::start(), Sink::start());
    let first = prevent(&enforce, &sink, "mx1");
    soon("enrolment", || is_enrolled(&first));
    let _second = prevent(&enforce, &sink, "mx1");
    first.wait_for_log("this certificate does not count");
}

#[test]
fn certificates_are_made_shown_and_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().to_string_lossy().into_owned();
    let cert = |arguments: &[&str]| {
        let mut all = vec!["cert"];
        all.extend(arguments);
        let output = run(&all);
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(cert(&["authority", "--dir", &at, "--name", "Corp"]).0, 0);
    let (code, _, error) = cert(&["authority", "--dir", &at]);
    assert!(code == 2 && error.contains("is there already"), "{error}");
    let (code, said, error) = cert(&["server", "--dir", &at, "mx.corp.example", "192.0.2.1", "--days", "90"]);
    assert!(
        code == 0 && said.contains("mx.corp.example, 192.0.2.1") && said.contains("by Corp"),
        "{said}{error}"
    );
    assert_eq!(cert(&["client", "--dir", &at, "mx.corp.example"]).0, 2, "no key is written over");
    assert_eq!(cert(&["show", "--dir", &at, "--data", &at]).0, 0);
    assert_eq!(cert(&["client", "--dir", &at, "soon", "--days", "3"]).0, 0);
    let (code, said, _) = cert(&["show", "--dir", &at, "--data", &at]);
    assert!(code == 1 && said.contains("ENDS SOON"), "{said}");
    let (certificate, key) = (format!("{at}/mx.corp.example.pem"), format!("{at}/soon.key"));
    let (code, _, error) = cert(&["import", "--dir", &at, "--certificate", &certificate, "--key", &key]);
    assert!(code == 2 && !dir.path().join("console.pem").exists(), "{error}");
    let key = format!("{at}/mx.corp.example.key");
    assert_eq!(cert(&["import", "--dir", &at, "--certificate", &certificate, "--key", &key]).0, 0);
    fs::write(dir.path().join("x.p12"), [0x30, 0x82]).unwrap();
    let p12 = format!("{at}/x.p12");
    let (code, _, error) = cert(&["import", "--dir", &at, "--certificate", &p12, "--key", &key]);
    assert!(code == 2 && error.contains("--pkcs12"), "{error}");
}
