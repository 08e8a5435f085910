//! Hostile sizes: every bound is met, named, and what was read until then counts. Work is counted in parts and octets, not in time.

use content::{Limits, Reason};

use crate::opened::{check, has, how, open, open_within, reasons};
use crate::table::base64;

/// The bound, and the readings of the part that met it.
const MOST_PARTS: usize = 5_000 + 64;

#[track_caller]
fn names(message: &[u8], reason: &Reason) {
    let opened = open(message);
    check(&opened, message);
    assert!(opened.unscannable.iter().any(|found| found.reason == *reason), "{:?}", reasons(&opened));
}

#[test]
fn ten_thousand_nested_multiparts_are_too_deep() {
    let mut message = String::from("Subject: x\r\nFirst: MARK\r\n");
    for depth in 0..10_000 {
        message
            .push_str(&format!("Content-Type: multipart/mixed; boundary=b{depth}x\r\n\r\n--b{depth}x\r\n"));
    }
    message.push_str("\r\nDEEPEST");
    let opened = open(message.as_bytes());
    check(&opened, message.as_bytes());
    assert!(opened.parts.len() <= 40, "{}", opened.parts.len());
    assert!(reasons(&opened).contains(&"too deep".to_owned()));
    assert!(has(&opened, "MARK") && has(&opened, "DEEPEST"));
}

#[test]
fn ten_thousand_nested_messages_are_too_deep() {
    let message = "Content-Type: message/rfc822\r\n\r\n".repeat(10_000);
    names(message.as_bytes(), &Reason::TooDeep);
}

#[test]
fn a_million_fields_are_too_many() {
    let mut message = "a: b\r\n".repeat(1_000_000);
    message.push_str("\r\nBODY");
    let opened = open(message.as_bytes());
    assert_eq!(opened.headers.len(), 10_000);
    assert!(opened.segments.len() <= 10_001 && has(&opened, "BODY"));
    assert!(reasons(&opened).contains(&"too many headers".to_owned()));
}

#[test]
fn two_hundred_thousand_parts_are_too_many() {
    let message = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n",
        "--b\r\n\r\nx\r\n".repeat(200_000)
    );
    let opened = open(message.as_bytes());
    check(&opened, message.as_bytes());
    assert!(opened.parts.len() <= MOST_PARTS, "{}", opened.parts.len());
    assert!(reasons(&opened).contains(&"too many parts".to_owned()));
}

#[test]
fn a_line_without_an_end_is_read() {
    for message in [
        vec![b'a'; 2 << 20],
        [&b"Subject: "[..], &vec![b'a'; 2 << 20]].concat(),
        [&b"Content-Transfer-Encoding: base64\r\n\r\n"[..], &vec![b'A'; 2 << 20]].concat(),
        [&b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"[..], &vec![b'='; 1 << 20]].concat(),
        [&b"Content-Type: text/html\r\n\r\n"[..], &b"<a b=".repeat(1 << 17)].concat(),
        [&b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"[..], &b"--b".repeat(1 << 17)].concat(),
        [&b"Subject: "[..], &b"=?a?q?b ".repeat(1 << 17)].concat(),
    ] {
        let opened = open(&message);
        check(&opened, &message);
        assert!(opened.parts.len() <= 3);
    }
}

#[test]
fn a_hundred_thousand_boundaries_are_not_tried() {
    let parameters: String = (0..100_000).map(|n| format!("; boundary=b{n}")).collect();
    let delimiters: String = (0..100_000).map(|n| format!("--b{n}\r\nx\r\n")).collect();
    let message = format!("Content-Type: multipart/mixed{parameters}\r\n\r\n{delimiters}");
    let opened = open(message.as_bytes());
    check(&opened, message.as_bytes());
    let reasons = reasons(&opened);
    assert!(
        reasons.iter().any(|reason| reason == "too many readings" || reason == "too many parts"),
        "{reasons:?}"
    );
    assert!(opened.parts.len() <= MOST_PARTS, "{}", opened.parts.len());
}

#[test]
fn readings_of_readings_end() {
    // Each level may be split in many ways, and each part of each way again.
    let mut message = String::new();
    for level in 0..30 {
        message.push_str(&format!("Content-Type: multipart/mixed; boundary=a{level}; boundary=b{level}; boundary=c{level}\r\nContent-Type: text/plain\r\n\r\n"));
        for letter in ["a", "b", "c"] {
            message.push_str(&format!("--{letter}{level}\r\n"));
        }
    }
    message.push_str(&"x".repeat(100_000));
    let opened = open(message.as_bytes());
    check(&opened, message.as_bytes());
    assert!(opened.parts.len() <= MOST_PARTS, "{}", opened.parts.len());
    let text: usize = opened.segments.iter().map(|segment| segment.text.len()).sum();
    assert!(text <= 300 << 20, "{text}");
}

#[test]
fn many_fields_of_one_name_are_cut() {
    let message = format!(
        "{}\r\nx",
        "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n".repeat(4_000)
    );
    let opened = open(message.as_bytes());
    assert!(opened.parts.len() <= 10, "{}", opened.parts.len());
}

#[test]
fn octets_out_are_bounded() {
    let message = [&b"Content-Transfer-Encoding: base64\r\n\r\n"[..], &base64(&vec![b'x'; 100_000])].concat();
    let opened = open_within(&message, &Limits { octets_out: 1_000, ..Limits::default() });
    check(&opened, &message);
    assert_eq!(reasons(&opened), ["too big"]);
    assert_eq!(opened.parts.len(), 1);
}

#[test]
fn fragments_of_pages_and_archives_of_nothing_end() {
    let uris = "<a href='data:text/html;base64,PGEgaHJlZj0nZGF0YTp0ZXh0L2h0bWwsPGE+Jz4='>".repeat(10_000);
    let message = format!("Content-Type: text/html\r\n\r\n{uris}");
    assert!(open(message.as_bytes()).parts.len() <= 200);
    let begins = format!("Content-Type: text/plain\r\n\r\n{}", "begin 644 a\r\n#04)#\r\n".repeat(100_000));
    assert!(open(begins.as_bytes()).parts.len() <= 200);
}

#[test]
fn spacers_before_a_document_do_not_hide_it_and_pages_of_too_many_are_named() {
    let page = |others: String| {
        format!("Content-Type: text/html\r\n\r\n{others}<img src='data:text/plain,behind%20spacers'>")
    };
    let same = page("<img src='data:image/gif,x'>".repeat(1_000));
    let opened = open(same.as_bytes());
    assert!(
        has(&opened, "behind spacers") && reasons(&opened).iter().all(|reason| reason != "too many parts")
    );
    let others = page((0..1_000).map(|n| format!("<img src='data:text/plain,x{n}'>")).collect());
    assert!(reasons(&open(others.as_bytes())).contains(&"too many parts".to_owned()));
}

#[test]
fn an_archive_behind_a_page_is_opened() {
    let page = format!("Content-Type: text/html\r\n\r\n<html><body>{}</body>", "words ".repeat(1_000));
    let message = [page.as_bytes(), include_bytes!("locked.zip")].concat();
    let opened = open(&message);
    assert!(reasons(&opened).contains(&"encrypted".to_owned()), "{:?}", reasons(&opened));
    assert!(!opened.ambiguous.is_empty());
}

#[test]
fn a_deadline_that_is_over_is_named() {
    let limits = Limits::default();
    let mut how = how(&limits);
    how.deadline = std::time::Instant::now();
    let opened = content::open(b"Subject: seen\r\n\r\nbody", &how);
    assert_eq!(reasons(&opened), ["timeout"]);
    assert!(has(&opened, "seen"));
}
