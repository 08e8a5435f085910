//! One Postfix that has its mail inspected by a reflecting Weir and takes it back on a second port: by the files of `deploy/postfix`.

use std::time::Duration;

use weir_tests::client::{eventually, send};
use weir_tests::mails;
use weir_tests::ports::free_port;
use weir_tests::postfix::{Postfix, Setup};
use weir_tests::weir::{Prevent, Weir};

fn around_weir() -> Option<(Postfix, Weir)> {
    let resubmit = free_port();
    let weir = Prevent::reflect(resubmit).start();
    let setup = Setup::new().delivers_locally("other.example");
    Some((setup.reflects_through_weir(weir.addr().port(), resubmit).start()?, weir))
}

fn submit(postfix: &Postfix, recipient: &str, message: &[u8]) {
    let answer = send(postfix.addr(), "ann@corp.example", &[recipient], message).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
}

#[test]
fn clean_mail_comes_back_and_is_delivered_and_marked_mail_is_held() {
    let Some((postfix, weir)) = around_weir() else { return };
    submit(&postfix, "bob@other.example", &mails::clean("clean"));
    submit(&postfix, "carl@other.example", &mails::with_card_number("marked"));
    let clean = postfix.wait_for_mail("bob", 1);
    assert!(String::from_utf8_lossy(&clean[0]).contains("X-Cfilter-Loop: Reflected"));
    let held = postfix.wait_for_queued("hold", 1);
    assert!(postfix.maildir("carl").is_empty());
    assert_eq!(weir.incidents().len(), 1);
    postfix.release(&held[0].id);
    postfix.wait_for_mail("carl", 1);
    assert_eq!(postfix.maildir("carl").len(), 1);
}

#[test]
fn a_forged_policy_header_holds_nothing() {
    let Some((postfix, weir)) = around_weir() else { return };
    let forged =
        [b"X-dlp-policyid: 23\r\nX-Cfilter-Loop: Reflected\r\n".to_vec(), mails::clean("forged")].concat();
    submit(&postfix, "bob@other.example", &forged);
    let arrived = postfix.wait_for_mail("bob", 1);
    assert!(!String::from_utf8_lossy(&arrived[0]).contains("X-dlp-policyid"));
    assert!(weir.incidents().is_empty());
}

#[test]
fn redirected_mail_goes_to_the_officer() {
    let Some((postfix, _weir)) = around_weir() else { return };
    submit(&postfix, "bob@other.example", &mails::redirected("redirected"));
    postfix.wait_for_mail("officer", 1);
    assert!(postfix.maildir("bob").is_empty());
}

#[test]
fn while_weir_is_down_mail_waits_and_never_goes_round_it() {
    let Some((postfix, mut weir)) = around_weir() else { return };
    weir.kill();
    submit(&postfix, "bob@other.example", &mails::clean("waits"));
    postfix.wait_for_queued("deferred", 1);
    assert!(postfix.maildir("bob").is_empty());
    weir.restart();
    postfix.flush();
    let arrived = eventually(Duration::from_secs(30), || postfix.maildir("bob").len() == 1);
    assert!(arrived, "{}", postfix.log());
}
