//! Input made to exhaust: each ends in a reply within a bound of time and memory, and the server goes on.

use std::time::{Duration, Instant};

use weir_tests::client::{Answer, Client, send};
use weir_tests::mails;
use weir_tests::sink::Sink;
use weir_tests::weir::{Prevent, Weir};

const MEMORY: u64 = 600 << 20;

fn server() -> (Sink, Weir) {
    let sink = Sink::start();
    let weir = Prevent::forward(&[sink.addr()]).start();
    (sink, weir)
}

fn ends_within(limit: Duration, message: &[u8]) -> Answer {
    let (_sink, weir) = server();
    let began = Instant::now();
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], message).unwrap();
    assert!(began.elapsed() < limit, "took {:?}", began.elapsed());
    assert!(weir.memory().peak < MEMORY, "{:?}", weir.memory());
    let next = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &mails::clean("after")).unwrap();
    assert_eq!(next.code, 250, "the server must go on");
    answer
}

#[test]
fn a_command_line_of_a_hundred_megabytes_ends_in_a_reply() {
    let (_sink, weir) = server();
    let mut client = Client::greeted(weir.addr());
    let chunk = vec![b'A'; 1 << 20];
    let began = Instant::now();
    let written = (0..100).take_while(|_| client.write(&chunk).is_ok()).count();
    if written == 100 {
        let _ = client.write(b"\r\n");
    }
    let answer = client.answer();
    let refused = answer.as_ref().is_ok_and(|answer| answer.code / 100 == 5 || answer.code == 421);
    assert!(refused || answer.is_err() && written < 100, "{answer:?} after {written} MiB");
    assert!(began.elapsed() < Duration::from_secs(30), "took {:?}", began.elapsed());
    assert!(weir.memory().peak < MEMORY, "{:?}", weir.memory());
}

#[test]
fn a_message_line_of_a_hundred_megabytes_ends_in_a_reply() {
    let (sink, weir) = server();
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.envelope("ann@corp.example", &["bob@other.example"]).unwrap().code, 354);
    let chunk = vec![b'A'; 1 << 20];
    let began = Instant::now();
    let written = (0..100).take_while(|_| client.write(&chunk).is_ok()).count();
    let _ = client.write(b"\r\n.\r\n");
    let answer = client.answer();
    assert!(answer.as_ref().is_ok_and(|answer| answer.code / 100 == 5), "{answer:?} after {written} MiB");
    assert!(began.elapsed() < Duration::from_secs(60), "took {:?}", began.elapsed());
    assert!(weir.memory().peak < MEMORY, "{:?}", weir.memory());
    assert_eq!(sink.count(), 0);
}

#[test]
fn a_million_header_lines_end_in_a_reply() {
    let message =
        [b"Subject: many\r\n".to_vec(), b"X-A: b\r\n".repeat(1_000_000), b"\r\nbody\r\n".to_vec()].concat();
    ends_within(Duration::from_secs(60), &message);
}

#[test]
fn ten_thousand_nested_parts_end_in_a_reply() {
    let mut message = b"Subject: nested\r\nMIME-Version: 1.0\r\n".to_vec();
    for depth in 0..10_000 {
        message.extend(
            format!("Content-Type: multipart/mixed; boundary=\"b{depth}\"\r\n\r\n--b{depth}\r\n")
                .into_bytes(),
        );
    }
    message.extend_from_slice(b"\r\nbottom\r\n");
    ends_within(Duration::from_secs(60), &message);
}

#[test]
fn a_hundred_thousand_nested_messages_end_in_a_reply() {
    let message = [b"Content-Type: message/rfc822\r\n\r\n".repeat(100_000), b"bottom\r\n".to_vec()].concat();
    ends_within(Duration::from_secs(60), &message);
}

#[test]
fn two_hundred_thousand_parts_end_in_a_reply() {
    let head = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    let message = [head, b"--b\r\n\r\nx\r\n".repeat(200_000), b"--b--\r\n".to_vec()].concat();
    ends_within(Duration::from_secs(60), &message);
}

#[test]
fn a_flood_of_commands_in_one_packet_is_answered_or_closed() {
    let (_sink, weir) = server();
    let mut client = Client::greeted(weir.addr());
    client.patience(Duration::from_secs(20));
    let flood = b"NOOP\r\n".repeat(50_000);
    let mut writer = std::net::TcpStream::connect(weir.addr()).unwrap();
    std::thread::spawn(move || std::io::Write::write_all(&mut writer, &flood));
    assert_eq!(client.command("NOOP").unwrap().code, 250);
    assert!(weir.memory().peak < MEMORY, "{:?}", weir.memory());
}
