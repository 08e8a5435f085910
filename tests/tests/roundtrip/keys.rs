//! A new master key for a gateway at work: what was held under the old one is decided about and arrives.

use weir_tests::client::{eventually, send};
use weir_tests::gateway::Setup;
use weir_tests::mails;
use weir_tests::weir::run;

use crate::site::{PATIENCE, decide, listed};

#[test]
fn mail_that_was_held_under_an_old_key_is_approved_under_a_new_one() {
    let mut gateway = Setup::new().start();
    let reviewer = gateway.person("rita", "Remediator");
    let marks = b"X-dlp-uniquemsgid: 0B0B0B0B-0000-4000-8000-000000000001\r\nX-dlp-policyid: 23\r\n";
    let mail = mails::clean("kept under the old key");
    let answer =
        send(gateway.mail(), "ann@corp.example", &["bob@other.example"], &[marks, &mail[..]].concat());
    assert_eq!(answer.unwrap().code, 250);
    assert_eq!(listed(&reviewer, "state=held").len(), 1);
    let data = gateway.data().to_string_lossy().into_owned();
    let rotate = || run(&["gateway", "rotate-keys", "--data", &data]);
    let refused = rotate();
    assert!(!refused.status.success(), "not while it runs");
    gateway.kill();
    let rotated = rotate();
    let said = String::from_utf8_lossy(&rotated.stdout).into_owned();
    assert!(rotated.status.success(), "{said} {}", String::from_utf8_lossy(&rotated.stderr));
    assert_eq!(said.trim(), "key 2 seals from now on; 1 objects are wrapped by it");
    gateway.run();
    // Sessions outlive it as well.
    decide(&reviewer, listed(&reviewer, "state=held")[0].0, "approve", "");
    assert!(eventually(PATIENCE, || gateway.delivered().len() == 1));
    assert!(gateway.delivered()[0].ends_with(&mail), "it arrives as it came");
}
