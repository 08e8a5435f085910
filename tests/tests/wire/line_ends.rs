//! Nothing ends a message but CRLF.CRLF; a bare LF, bare CR or NUL is refused unless configured otherwise.

use weir_tests::client::{Answer, Client};
use weir_tests::sink::Sink;
use weir_tests::weir::Prevent;

/// Sends these octets as the message, then `CRLF.CRLF`, then NOOP: gives the message's reply, having checked that NOOP is
/// answered next, so that nothing inside was taken for a command.
fn submit(addr: std::net::SocketAddr, octets: &[u8]) -> Answer {
    let mut client = Client::greeted(addr);
    assert_eq!(client.envelope("ann@corp.example", &["bob@other.example"]).unwrap().code, 354);
    client.write(octets).unwrap();
    client.write(b"\r\n.\r\n").unwrap();
    let answer = client.answer().unwrap();
    client.write(b"VRFY marker\r\n").unwrap();
    let next = client.answer().unwrap();
    assert_eq!(
        next.code, 252,
        "something inside the message was taken for a command: {answer:?}, then {next:?}"
    );
    answer
}

const SMUGGLED: &[u8] =
    b"MAIL FROM:<evil@corp.example>\r\nRCPT TO:<victim@other.example>\r\nDATA\r\nSubject: smuggled\r\n";

#[test]
fn no_other_sequence_ends_a_message() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let ends: [&[u8]; 12] = [
        b"\n.\n",
        b"\n.\r\n",
        b"\r.\r\n",
        b"\r.\r",
        b"\r\n.\n",
        b"\r\n.\r",
        b"\n.\r",
        b"\r.\n",
        b"\r\n\x00.\r\n",
        b"\r\n.\x00\r\n",
        b"\r\r\n.\r\r\n",
        b"\n\n.\n\n",
    ];
    for end in ends {
        let octets = [b"Subject: first\r\n\r\nbody", end, SMUGGLED].concat();
        let answer = submit(weir.addr(), &octets);
        assert_eq!(answer.code / 100, 5, "{:?}: {answer:?}", String::from_utf8_lossy(end));
    }
    assert_eq!(sink.count(), 0);
}

#[test]
fn bare_lf_bare_cr_and_nul_are_refused_with_a_reason() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    for body in [&b"one\ntwo"[..], b"one\rtwo", b"one\x00two", b"\none", b"one\r\r"] {
        let answer = submit(weir.addr(), &[b"Subject: x\r\n\r\n", body].concat());
        assert_eq!(answer.code / 100, 5, "{body:?}: {answer:?}");
        assert!(!answer.text().is_empty());
    }
    assert_eq!(sink.count(), 0);
}

#[test]
fn line_ends_split_over_packets_are_still_seen() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.envelope("ann@corp.example", &["bob@other.example"]).unwrap().code, 354);
    for octet in b"Subject: slow\r\n\r\n.. body\r\n...\r\n.\r\n" {
        client.write(&[*octet]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert_eq!(client.answer().unwrap().code, 250);
    assert!(sink.only_message().octets.ends_with(b"\r\n\r\n. body\r\n..\r\n"));
}

#[test]
fn repaired_line_ends_are_crlf_at_the_next_hop() {
    let sink = Sink::start();
    let settings = "[prevent.line_ends]\nbare_lf = \"repair\"\nbare_cr = \"repair\"";
    let weir = Prevent::forward(&[sink.addr()]).config(settings).start();
    let answer = submit(weir.addr(), b"Subject: x\n\none\ntwo\rthree\n.\nfour");
    assert_eq!(answer.code, 250, "{answer:?}");
    let arrived = sink.only_message().octets;
    let text = String::from_utf8_lossy(&arrived);
    assert!(text.ends_with("Subject: x\r\n\r\none\r\ntwo\r\nthree\r\n.\r\nfour\r\n"), "{text:?}");
}

#[test]
fn passed_line_ends_arrive_as_they_came() {
    let sink = Sink::start();
    let settings = "[prevent.line_ends]\nbare_lf = \"pass\"\nbare_cr = \"pass\"\nnul = \"pass\"";
    let weir = Prevent::forward(&[sink.addr()]).config(settings).start();
    let octets = b"Subject: x\r\n\r\none\ntwo\rthree\x00four";
    let answer = submit(weir.addr(), octets);
    assert_eq!(answer.code, 250, "{answer:?}");
    assert!(sink.only_message().octets.ends_with(&[&octets[..], b"\r\n"].concat()));
}
