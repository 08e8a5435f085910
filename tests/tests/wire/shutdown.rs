//! SIGTERM: nothing new is accepted, what is in flight finishes or is deferred, the process ends in time.

use std::net::TcpStream;
use std::time::Duration;

use weir_tests::client::{Client, eventually};
use weir_tests::mails;
use weir_tests::sink::Sink;
use weir_tests::weir::Prevent;

#[test]
fn a_transaction_in_flight_finishes_and_idle_sessions_hear_421() {
    let sink = Sink::start();
    let mut weir = Prevent::forward(&[sink.addr()]).start();
    let mut idle = Client::greeted(weir.addr());
    let mut busy = Client::greeted(weir.addr());
    assert_eq!(busy.envelope("ann@corp.example", &["bob@other.example"]).unwrap().code, 354);
    busy.write(b"Subject: in flight\r\n\r\n").unwrap();
    weir.signal("TERM");
    assert_eq!(idle.answer().unwrap().code, 421);
    assert!(idle.is_closed());
    let closed = eventually(Duration::from_secs(10), || TcpStream::connect(weir.addr()).is_err());
    assert!(closed, "new connections are still accepted");
    busy.write(b"the rest\r\n.\r\n").unwrap();
    assert_eq!(busy.answer().unwrap().code, 250);
    assert!(weir.wait(Duration::from_secs(30)).success());
    assert_eq!(sink.only_message().header("Subject"), ["in flight"]);
}

#[test]
fn a_transaction_that_does_not_end_is_cut_off_in_time_and_nothing_goes_on() {
    let sink = Sink::start();
    let mut weir = Prevent::forward(&[sink.addr()]).config("[prevent.timeouts]\nshutdown = \"1s\"").start();
    let mut busy = Client::greeted(weir.addr());
    assert_eq!(busy.envelope("ann@corp.example", &["bob@other.example"]).unwrap().code, 354);
    busy.write(b"Subject: never ends\r\n\r\n").unwrap();
    weir.signal("TERM");
    weir.wait(Duration::from_secs(20));
    assert!(busy.is_closed());
    assert_eq!(sink.count(), 0);
}

#[test]
fn it_ends_at_once_when_nobody_is_there_and_its_data_can_be_used_again() {
    let sink = Sink::start();
    let mut weir = Prevent::forward(&[sink.addr()]).start();
    let answer = Client::greeted(weir.addr())
        .send("ann@corp.example", &["bob@other.example"], &mails::with_card_number("kept"))
        .unwrap();
    assert_eq!(answer.code, 250);
    weir.signal("TERM");
    assert!(weir.wait(Duration::from_secs(20)).success());
    weir.restart();
    assert_eq!(weir.incidents().len(), 1);
}
