//! Header lines that only Weir may write: forged ones are cut, the pass header is added to every message.

use weir_tests::client::send;
use weir_tests::mails;
use weir_tests::sink::Sink;
use weir_tests::weir::Prevent;

#[test]
fn forged_headers_are_cut_and_everything_else_stays() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let forged = b"Subject: forged\r\nX-dlp-policyid: 23\r\nFrom: ann@corp.example\r\nx-DLP-UniqueMsgId: one\r\n\tand more\r\n\
          X-Dlp-Anything: else\r\nX-CFILTER-LOOP: Reflected\r\nX-dlpfoo: stays\r\nTo: bob@other.example\r\nX-dlp-policyid : 7\r\n\
          \r\nX-dlp-policyid: 42 in the body stays\r\n";
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], forged).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    let wanted = "X-Cfilter-Loop: Reflected\r\nSubject: forged\r\nFrom: ann@corp.example\r\nX-dlpfoo: stays\r\n\
          To: bob@other.example\r\n\r\nX-dlp-policyid: 42 in the body stays\r\n";
    assert_eq!(String::from_utf8_lossy(&sink.only_message().octets), wanted);
}

#[test]
fn a_forged_pass_header_does_not_switch_inspection_off() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let message =
        [b"X-Cfilter-Loop: Reflected\r\n".to_vec(), mails::with_card_number("forged pass")].concat();
    send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    let arrived = sink.only_message();
    assert_eq!(arrived.header("X-Cfilter-Loop"), ["Reflected"]);
    assert_eq!(arrived.header("X-dlp-policyid").len(), 1);
}

#[test]
fn the_pass_header_can_have_another_text_or_be_off() {
    for (setting, wanted) in [("X-Scanned: by weir 2", "X-Scanned: by weir 2\r\n"), ("", "")] {
        let sink = Sink::start();
        let weir = Prevent::forward(&[sink.addr()])
            .config(&format!("[prevent]\npass_header = \"{setting}\""))
            .start();
        let message = mails::clean("pass header");
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
        assert!(sink.only_message().octets == [wanted.as_bytes(), &message].concat());
    }
}
