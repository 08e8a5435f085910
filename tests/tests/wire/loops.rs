//! Mail that goes round is stopped by the count of its Received lines, not by the pass header.

use weir_tests::client::send;
use weir_tests::mails;
use weir_tests::sink::Sink;
use weir_tests::weir::Prevent;

fn with_received_lines(count: usize) -> Vec<u8> {
    let line = "Received: from a.example by b.example; Tue, 24 Nov 2026 09:00:00 +0000\r\n";
    [line.repeat(count).into_bytes(), mails::clean("round and round")].concat()
}

#[test]
fn too_many_received_lines_are_554_5_4_6() {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).config("[prevent.limits]\nreceived_lines = 30").start();
    let stopped =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &with_received_lines(31)).unwrap();
    assert_eq!(stopped.code, 554, "{stopped:?}");
    assert!(stopped.text().starts_with("5.4.6"), "{stopped:?}");
    assert_eq!(sink.count(), 0);
    let passed =
        send(weir.addr(), "ann@corp.example", &["bob@other.example"], &with_received_lines(29)).unwrap();
    assert_eq!(passed.code, 250, "{passed:?}");
}

#[test]
fn reflecting_to_the_port_it_listens_on_is_refused_at_start() {
    let mut prevent = Prevent::reflect(0);
    let port = prevent.listen.port().to_string();
    *prevent.flags.last_mut().unwrap() = port;
    let (status, said) = prevent.start_and_fail();
    assert!(!status.success());
    assert!(said.contains("come back to us for ever"), "{said}");
}
