//! What comes out of ordinary messages: parts, paths, places, components and kinds.

use content::{Component, FileKind, Kind, Role};

use crate::opened::{check, open};
use crate::table::{base64, tnef};

fn text(octets: Vec<u8>) -> String {
    String::from_utf8(octets).expect("ascii")
}

#[test]
fn parts_have_paths_and_segments_have_components() {
    let inner = "From: a@example.com\r\nSubject: inner\r\n\r\ninner text\r\n";
    let message = format!(
        "Subject: outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nbody text\r\n\
--b\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"fwd.eml\"\r\n\r\n{inner}\r\n\
--b\r\nContent-Type: application/octet-stream; name=notes.txt\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        text(base64(b"notes"))
    );
    let opened = open(message.as_bytes());
    check(&opened, message.as_bytes());
    let of = |wanted: &str| {
        let segment = opened.segments.iter().find(|segment| segment.text.contains(wanted)).expect(wanted);
        (segment.component, segment.kind, opened.path_of(segment))
    };
    assert_eq!(of("outer"), (Component::Subject, Kind::Text, String::new()));
    assert_eq!(of("body text"), (Component::Body, Kind::Text, String::new()));
    assert_eq!(of("inner text"), (Component::Attachment, Kind::Text, "fwd.eml".to_owned()));
    assert_eq!(of("notes").2, "notes.txt");
    let roles: Vec<Role> = opened.parts.iter().map(|part| part.role).collect();
    assert_eq!(roles, [Role::Multipart, Role::Body, Role::Message, Role::Attachment, Role::Attachment]);
    assert_eq!(opened.parts[4].kind, FileKind::Text);
}

#[test]
fn what_stands_in_winmail_dat_has_its_path() {
    let file = tnef(&[
        (1, 0x8004, b"tnef subject\0"),
        (2, 0x9002, &[0; 14]),
        (2, 0x8010, b"q3.txt\0"),
        (2, 0x800f, b"figures"),
    ]);
    let message = format!(
        "Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        text(base64(&file))
    );
    let opened = open(message.as_bytes());
    let figures = opened.segments.iter().find(|segment| segment.text == "figures").expect("found");
    assert_eq!(opened.path_of(figures), "winmail.dat > q3.txt");
    assert!(
        opened
            .segments
            .iter()
            .any(|segment| segment.text == "tnef subject" && segment.kind == Kind::Property)
    );
}

#[test]
fn what_was_signed_is_the_body() {
    let signed = crate::table::signed(b"Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nsigned body\r\n--i\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nsigned file\r\n--i--\r\n", false);
    let message = format!(
        "MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data; name=\"smime.p7m\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n{}\r\n",
        text(base64(&signed))
    );
    let opened = open(message.as_bytes());
    let body = opened.segments.iter().find(|segment| segment.text == "signed body").expect("found");
    assert_eq!((body.component, opened.path_of(body)), (Component::Body, String::new()));
    let file = opened.segments.iter().find(|segment| segment.text == "signed file").expect("found");
    assert_eq!((file.component, opened.path_of(file)), (Component::Attachment, "a.txt".to_owned()));
    assert!(opened.unscannable.is_empty() && opened.ambiguous.is_empty());
}

#[test]
fn text_of_a_clean_mail_is_borrowed() {
    let message = b"From: a@example.com\r\nSubject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nsch\xc3\xb6n\r\n";
    let opened = open(message);
    assert!(opened.segments.iter().all(|segment| segment.text.is_borrowed()), "{:?}", opened.segments);
}

#[test]
fn kinds_of_text_in_a_page_are_told_apart() {
    let message = b"Content-Type: text/html\r\n\r\n<title>t</title><p>shown</p><p hidden>unseen</p><img alt=words src=http://e.example/p><!--said--><script>run()</script>";
    let opened = open(message);
    let kind_of = |text: &str| {
        opened.segments.iter().find(|segment| segment.text.contains(text)).map(|segment| segment.kind)
    };
    for (text, kind) in [
        ("shown", Kind::Text),
        ("unseen", Kind::Hidden),
        ("words", Kind::Attribute),
        ("e.example", Kind::Link),
        ("said", Kind::Comment),
        ("run()", Kind::Script),
    ] {
        assert_eq!(kind_of(text), Some(kind), "{text}");
    }
}
