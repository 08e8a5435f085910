//! What the gateway's log says of a message: whoever asks what became of it finds it by its recipient or its Message-ID.

use weir_tests::client::send;
use weir_tests::gateway::Setup;
use weir_tests::mails;

#[test]
fn the_log_says_of_held_and_of_passed_mail_to_whom_and_under_which_id() {
    let gateway = Setup::new().start();
    let marks = b"X-dlp-uniquemsgid: 0E0E0E0E-0000-4000-8000-000000000001\r\nX-dlp-policyid: 23\r\n";
    let marked = [&marks[..], &mails::clean("marked")].concat();
    let answer = send(gateway.mail(), "ann@corp.example", &["bob@other.example"], &marked);
    assert_eq!(answer.unwrap().code, 250);
    let answer = send(
        gateway.mail(),
        "ann@corp.example",
        &["bob@other.example", "cyd@other.example"],
        &mails::clean("two"),
    );
    assert_eq!(answer.unwrap().code, 250);
    gateway.wait_for_log("not kept");
    let log = gateway.log();
    let held = log.lines().find(|line| line.contains(": kept ")).unwrap();
    assert!(held.contains("message_id=\"<") && held.contains("to=\"bob@other.example\""), "{held}");
    let passed = log.lines().find(|line| line.contains("not kept")).unwrap();
    assert!(passed.contains("to=\"bob@other.example, cyd@other.example\""), "{passed}");
    assert!(passed.contains("message_id=\"<") && passed.contains("hop=\"maildir:"), "{passed}");
}
