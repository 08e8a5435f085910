//! In trial, of one policy or of the whole server, violations are recorded and nothing else happens.

use weir_tests::client::send;
use weir_tests::mails;
use weir_tests::sink::Sink;
use weir_tests::weir::Prevent;

const PASS: &[u8] = b"X-Cfilter-Loop: Reflected\r\n";

#[test]
fn a_server_in_trial_never_blocks_redirects_copies_or_marks() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).flag("--trial").start();
    let violating = [
        mails::with_card_number("marked"),
        mails::blocked("blocked"),
        mails::redirected("redirected"),
        mails::tagged("tagged"),
        mails::copied("copied"),
        mails::doubly_marked("twice"),
    ];
    for message in &violating {
        let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], message).unwrap();
        assert_eq!(answer.code, 250, "{answer:?}");
    }
    let arrived = sink.messages();
    assert_eq!(arrived.len(), violating.len());
    for (arrived, sent) in arrived.iter().zip(&violating) {
        assert_eq!(arrived.recipients, ["<bob@other.example>"]);
        let wanted = [PASS, sent].concat();
        assert_eq!(String::from_utf8_lossy(&arrived.octets), String::from_utf8_lossy(&wanted));
    }
    let incidents = weir.incidents();
    assert_eq!(incidents.len(), violating.len() + 1);
    assert!(incidents.iter().all(|incident| incident["trial"] == true), "{incidents:?}");
}

#[test]
fn in_trial_forged_headers_are_cut_all_the_same() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).flag("--trial").start();
    let message = [b"X-dlp-policyid: 23\r\n".to_vec(), mails::clean("forged")].concat();
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert!(sink.only_message().octets == [PASS, &mails::clean("forged")].concat());
}

#[test]
fn a_policy_in_trial_records_and_the_others_act() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let message = mails::tried("tried");
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    assert!(sink.only_message().octets == [PASS, &message].concat());
    let incidents = weir.incidents();
    assert_eq!((&incidents[0]["policy_id"], &incidents[0]["trial"]), (&45.into(), &true.into()));
    let blocked =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::blocked("blocked")).unwrap();
    assert_eq!(blocked.code, 550);
}
