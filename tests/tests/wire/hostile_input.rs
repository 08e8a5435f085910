//! Input made to exhaust: each ends in a reply within a bound of time and memory, and the server goes on.

use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

use weir_tests::client::{Answer, Client, send};
use weir_tests::mails;
use weir_tests::sink::Sink;
use weir_tests::weir::{Prevent, Weir};

/// Far above what any of these takes, far below what would stall a sender.
const BOUND: Duration = Duration::from_secs(150);
const MEMORY: u64 = 600 << 20;
const FLOOD: usize = 50_000;

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

/// Writes a gigabyte without a line end, then `end`, while it reads: the reply, or none if the server said nothing.
fn pour(client: &Client, end: &'static [u8]) -> Option<String> {
    let (mut reading, mut writing) = (client.raw(), client.raw());
    let writer = std::thread::spawn(move || {
        let chunk = vec![b'A'; 1 << 20];
        // A server that has answered and hung up makes this fail, and that is fine.
        let _ = (0..1024).try_for_each(|_| writing.write_all(&chunk)).and_then(|()| writing.write_all(end));
    });
    reading.set_read_timeout(Some(BOUND)).unwrap();
    let mut line = String::new();
    let read = BufReader::new(&mut reading).read_line(&mut line);
    let _ = reading.shutdown(std::net::Shutdown::Both);
    writer.join().unwrap();
    read.ok().filter(|octets| *octets > 0).map(|_| line)
}

#[test]
fn a_command_line_of_a_gigabyte_ends_in_a_reply() {
    let (_sink, weir) = server();
    let client = Client::greeted(weir.addr());
    let began = Instant::now();
    let answer = pour(&client, b"\r\n").expect("a reply");
    assert!(answer.starts_with('5') || answer.starts_with("421"), "{answer:?}");
    assert!(began.elapsed() < BOUND, "took {:?}", began.elapsed());
    assert!(weir.memory().peak < MEMORY, "{:?}", weir.memory());
}

#[test]
fn a_message_line_of_a_gigabyte_ends_in_a_reply() {
    let (sink, weir) = server();
    let mut client = Client::greeted(weir.addr());
    assert_eq!(client.envelope("ann@corp.example", &["bob@other.example"]).unwrap().code, 354);
    let began = Instant::now();
    let answer = pour(&client, b"\r\n.\r\n").expect("a reply");
    assert!(answer.starts_with("552 5.3.4"), "{answer:?}");
    assert!(began.elapsed() < BOUND, "took {:?}", began.elapsed());
    assert!(weir.memory().peak < MEMORY, "{:?}", weir.memory());
    assert_eq!(sink.count(), 0);
}

#[test]
fn a_million_header_lines_end_in_a_reply() {
    let message =
        [b"Subject: many\r\n".to_vec(), b"X-A: b\r\n".repeat(1_000_000), b"\r\nbody\r\n".to_vec()].concat();
    ends_within(BOUND, &message);
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
    ends_within(BOUND, &message);
}

#[test]
fn a_hundred_thousand_nested_messages_end_in_a_reply() {
    let message = [b"Content-Type: message/rfc822\r\n\r\n".repeat(100_000), b"bottom\r\n".to_vec()].concat();
    ends_within(BOUND, &message);
}

#[test]
fn two_hundred_thousand_parts_end_in_a_reply() {
    let head = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    let message = [head, b"--b\r\n\r\nx\r\n".repeat(200_000), b"--b--\r\n".to_vec()].concat();
    ends_within(BOUND, &message);
}

#[test]
fn a_flood_of_commands_in_one_packet_is_answered_or_closed() {
    let (_sink, weir) = server();
    let mut other = Client::greeted(weir.addr());
    let flooding = Client::greeted(weir.addr());
    let (mut reading, mut writing) = (flooding.raw(), flooding.raw());
    let writer = std::thread::spawn(move || writing.write_all(&b"NOOP\r\n".repeat(FLOOD)));
    assert_eq!(other.command("NOOP").unwrap().code, 250, "others are served meanwhile");
    reading.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let lines: Vec<String> = BufReader::new(&mut reading).lines().map_while(Result::ok).take(FLOOD).collect();
    let hung_up = lines.last().is_some_and(|line| line.starts_with("421"));
    let answered = lines.iter().filter(|line| line.starts_with("250")).count();
    assert!(answered == FLOOD || hung_up, "{answered} of {FLOOD} answered, then {:?}", lines.last());
    let _ = reading.shutdown(std::net::Shutdown::Both);
    let written = writer.join().unwrap();
    assert!(written.is_ok() || hung_up);
    assert!(weir.memory().peak < MEMORY, "{:?}", weir.memory());
}

/// A mail with one attachment of these octets.
fn with_attachment(name: &str, octets: &[u8]) -> Vec<u8> {
    let mut message = format!(
        "From: ann@corp.example\r\nSubject: attached\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nSee attached.\r\n--b\r\nContent-Type: application/octet-stream; name={name}\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename={name}\r\n\r\n"
    );
    for line in base64(octets).as_bytes().chunks(76) {
        message.push_str(&String::from_utf8_lossy(line));
        message.push_str("\r\n");
    }
    message.push_str("--b--\r\n");
    message.into_bytes()
}

fn base64(octets: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in octets.chunks(3) {
        let bits =
            three.iter().fold(0, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let sign = SIGNS[(bits >> (18 - 6 * place)) as usize & 63] as char;
            text.push(if place <= three.len() { sign } else { '=' });
        }
    }
    text
}

/// What the incident of "Not fully inspected" says was not inspected.
fn not_inspected(weir: &Weir) -> String {
    let incidents = weir.incidents();
    let found = incidents.iter().find(|incident| incident["policy_id"] == 9999);
    let id = found.unwrap_or_else(|| panic!("no incident of what was not inspected: {incidents:?}"))["id"]
        .as_u64()
        .unwrap();
    weir.incident(id)["unscannable"].to_string()
}

/// Python's own zlib makes the bombs: no bomb lies in the repository.
const BOMB: &str = r#"
import io, sys, zipfile
inner = io.BytesIO()
with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
    with archive.open("zeros.txt", "w", force_zip64=True) as member:
        for _ in range(2048):
            member.write(bytes(1 << 20))
outer = io.BytesIO()
with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
    for number in range(16):
        archive.writestr(f"{number}.zip", inner.getvalue())
sys.stdout.buffer.write(outer.getvalue())
"#;

#[test]
fn a_zip_bomb_ends_in_a_reply_and_a_finding() {
    let Some(output) = weir_tests::client::python_with(BOMB, &[]) else { return };
    let (sink, weir) = server();
    let began = Instant::now();
    let message = with_attachment("offer.zip", &output.stdout);
    let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
    assert!(began.elapsed() < BOUND, "took {:?}", began.elapsed());
    assert!(weir.memory().peak < MEMORY, "{:?}", weir.memory());
    assert!(not_inspected(&weir).contains("offer.zip"), "{}", not_inspected(&weir));
    assert!(sink.only_message().octets.ends_with(&message));
}

#[test]
fn a_broken_archive_is_a_finding_and_the_server_goes_on() {
    let (sink, weir) = server();
    let message = with_attachment("broken.zip", &[b"PK\x03\x04\x14\0".to_vec(), vec![0xff; 5000]].concat());
    for _ in 0..3 {
        let answer = send(weir.addr(), "ann@corp.example", &["bob@other.example"], &message).unwrap();
        assert_eq!(answer.code, 250, "{answer:?}");
    }
    assert!(not_inspected(&weir).contains("broken.zip"));
    assert_eq!(weir.ops("/healthz").unwrap(), "ok\n");
    assert_eq!(sink.count(), 3);
}
