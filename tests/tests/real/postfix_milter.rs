//! Postfix that asks Weir by milter and keeps its mail: by `deploy/postfix/milter.main.cf`.

use std::time::Duration;

use weir_tests::client::{eventually, send, swaks};
use weir_tests::mails;
use weir_tests::ports::free_port;
use weir_tests::postfix::{Postfix, Setup, deployed};
use weir_tests::sink::Sink;
use weir_tests::weir::{Prevent, Weir};

fn beside_weir(config: &str) -> Option<(Postfix, Weir, Sink)> {
    let port = free_port();
    let weir = Prevent::forward(&[]).flag("--milter").flag(&format!("127.0.0.1:{port}"));
    let weir = weir.config(config).start();
    let sink = Sink::start();
    let snippet = deployed("milter.main.cf").replace("10027", &port.to_string());
    Some((Setup::new().main(&snippet).relays_to(sink.addr()).start()?, weir, sink))
}

fn submit(postfix: &Postfix, message: &[u8]) -> (u16, String) {
    let answer = send(postfix.addr(), "ann@corp.example", &["bob@other.example"], message).unwrap();
    (answer.code, answer.text())
}

fn outcome(weir: &Weir) -> String {
    let told = || weir.incidents().first().and_then(|one| one["outcome"].as_str().map(str::to_owned));
    eventually(Duration::from_secs(10), || told().is_some());
    told().unwrap_or_default()
}

#[test]
fn clean_mail_goes_on_as_it_is_but_for_the_pass_header() {
    let Some((postfix, weir, sink)) = beside_weir("") else { return };
    let mail = mails::clean("clean");
    assert_eq!(submit(&postfix, &mail).0, 250);
    let arrived = sink.wait_for(1).remove(0);
    assert_eq!(arrived.from_line("Date:"), mail);
    assert_eq!(arrived.header("X-Cfilter-Loop"), ["Reflected"]);
    assert!(weir.incidents().is_empty());
}

#[test]
fn marked_mail_bears_its_headers_in_order_and_the_incident_says_that_the_mta_has_it() {
    let Some((postfix, weir, sink)) = beside_weir("") else { return };
    submit(&postfix, &mails::doubly_marked("marked"));
    let arrived = sink.wait_for(1).remove(0);
    let id = weir.incidents()[0]["unique_message_id"].as_str().unwrap().to_owned();
    assert_eq!(arrived.header("X-dlp-uniquemsgid"), [id]);
    assert_eq!(arrived.header("X-dlp-policyid"), ["7", "23"]);
    assert_eq!(outcome(&weir), "returned");
}

#[test]
fn marked_mail_is_held_by_the_mta_where_that_is_asked_for() {
    let Some((postfix, weir, sink)) = beside_weir("[prevent]\nmilter_hold = true") else { return };
    assert_eq!(submit(&postfix, &mails::with_card_number("held")).0, 250);
    submit(&postfix, &mails::clean("clean"));
    sink.wait_for(1);
    let held = postfix.wait_for_queued("hold", 1);
    assert_eq!((weir.incidents().len(), sink.count()), (1, 1));
    postfix.release(&held[0].id);
    assert_eq!(sink.wait_for(2)[1].header("X-dlp-policyid"), ["23"]);
}

#[test]
fn a_blocked_mail_is_refused_with_the_administrators_words() {
    let Some((postfix, weir, sink)) = beside_weir("") else { return };
    let (code, text) = submit(&postfix, &mails::blocked("blocked"));
    assert_eq!(code / 100, 5, "{text}");
    assert_eq!((outcome(&weir).as_str(), sink.count()), ("blocked", 0));
}

#[test]
fn a_redirected_mail_changes_its_recipients_and_a_copied_one_gets_one_more() {
    let Some((postfix, _weir, sink)) = beside_weir("") else { return };
    submit(&postfix, &mails::redirected("redirected"));
    let recipients = |number: usize| sink.wait_for(number).last().unwrap().recipients.clone();
    let redirected = recipients(1);
    assert!(!redirected.iter().any(|one| one.contains("bob@")), "{redirected:?}");
    submit(&postfix, &mails::copied("copied"));
    eventually(Duration::from_secs(20), || sink.count() >= 2);
    let copied: Vec<String> = sink.messages()[1..].iter().flat_map(|one| one.recipients.clone()).collect();
    assert!(copied.iter().any(|one| one.contains("bob@")) && copied.len() == 2, "{copied:?}");
}

#[test]
fn the_subject_is_tagged_and_forged_lines_are_taken_out() {
    let Some((postfix, _weir, sink)) = beside_weir("") else { return };
    let forged = b"X-dlp-policyid: 9\r\nX-DLP-Uniquemsgid: forged\r\nX-dlp-policyid: 10\r\n";
    submit(&postfix, &[forged.to_vec(), mails::tagged("minutes")].concat());
    let arrived = sink.wait_for(1).remove(0);
    let subjects = arrived.header("Subject");
    assert!(
        subjects.len() == 1 && subjects[0].contains("minutes") && subjects[0] != "minutes",
        "{subjects:?}"
    );
    assert!(arrived.header("X-dlp-policyid").is_empty() && arrived.header("X-dlp-uniquemsgid").is_empty());
}

#[test]
fn while_weir_is_down_the_sender_keeps_the_mail() {
    let Some((postfix, mut weir, sink)) = beside_weir("") else { return };
    weir.kill();
    assert_eq!(submit(&postfix, &mails::clean("waits")).0 / 100, 4);
    weir.restart();
    assert_eq!(submit(&postfix, &mails::clean("waits")).0, 250);
    sink.wait_for(1);
}

#[test]
fn a_large_mail_with_eight_bit_text_and_dots_is_what_it_was() {
    let Some((postfix, _weir, sink)) = beside_weir("[prevent.limits]\nmemory_per_message = 65536") else {
        return;
    };
    let mail = mails::large("large", 3 << 20);
    assert_eq!(submit(&postfix, &mail).0, 250);
    assert!(sink.wait_for(1)[0].from_line("Date:") == mail);
    let to = "bob@other.example".to_string();
    let Some(output) = swaks(postfix.addr(), &["--from", "ann@corp.example", "--to", &to, "--body", "Grüße"])
    else {
        return;
    };
    assert!(output.status.success());
    sink.wait_for(2);
}
