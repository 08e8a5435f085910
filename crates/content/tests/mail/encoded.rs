//! Files and texts that stand in other texts as base64: of data, of pages, of mails. Each is opened once, in every layer, with its path.

use content::{FileKind, Limits, Opened, open_file};

use crate::opened::{has, how, open, reasons};
use crate::table::base64;

const CARD: &str = "The card is 4111 1111 1111 1111, keep it.";

fn file<'m>(name: &str, octets: &'m [u8]) -> Opened<'m> {
    open_file(name, octets, &how(&Limits::default()))
}

fn encoded(octets: &[u8]) -> String {
    String::from_utf8(base64(octets)).expect("base64").replace(['\r', '\n'], "")
}

#[track_caller]
fn holds_once(opened: &Opened<'_>) {
    let times: usize =
        opened.segments.iter().map(|segment| segment.text.matches("4111 1111 1111").count()).sum();
    assert_eq!(times, 1, "{:?}", opened.segments);
    assert_eq!(reasons(opened), Vec::<String>::new());
}

/// A stored entry with a text in it.
fn archive() -> Vec<u8> {
    use std::io::Write;
    let mut gzip = Vec::new();
    let mut packed =
        flate2::GzBuilder::new().filename("card.txt").write(&mut gzip, flate2::Compression::none());
    packed.write_all(CARD.as_bytes()).expect("memory");
    packed.write_all(&[b'.'; 100]).expect("memory");
    packed.finish().expect("memory");
    gzip
}

#[test]
fn files_in_data_are_opened_with_their_paths() {
    let value = encoded(&archive());
    for (name, text) in [
        ("a.json", format!("{{\"file\": \"{value}\"}}")),
        ("a.yaml", format!("kind: Secret\ndata:\n  file: {value}\n")),
        (
            "a.xml",
            format!("<?xml version='1.0'?>\n<FictionBook><binary id='a'>\n{value}\n</binary></FictionBook>"),
        ),
        ("a.xml", format!("<?xml version='1.0'?>\n<a>{}<!-- x -->{}</a>", &value[..90], &value[90..])),
        ("a.sql", format!("INSERT INTO files VALUES (1,'{value}');\n")),
        ("a.csv", format!("id,file\n1,{value}\n")),
        ("a.js", format!("var blob = atob(\"{value}\");\n")),
    ] {
        let opened = file(name, text.as_bytes());
        holds_once(&opened);
        let part = opened.parts.iter().find(|part| part.kind == FileKind::Gzip).expect("a part");
        assert_eq!(part.path, "base64", "{text}");
        let mail = format!(
            "Content-Type: application/octet-stream; name={name}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            encoded(text.as_bytes())
        );
        let opened = open(mail.as_bytes());
        assert!(
            opened.parts.iter().any(|part| part.path == format!("{name} > base64")),
            "{:?}",
            opened.parts
        );
    }
}

#[test]
fn text_in_data_is_read_in_every_charset_and_layer() {
    let value = encoded(CARD.as_bytes());
    let json = format!("{{\"note\": \"{value}\"}}");
    holds_once(&file("a.json", json.as_bytes()));
    let wide: Vec<u8> =
        std::iter::once(0xfeff).chain(json.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    holds_once(&file("a.json", &wide));
    let twice = format!("{{\"note\": \"{}\"}}", encoded(json.as_bytes()));
    holds_once(&file("a.json", &twice.into_bytes()));
    let opened = file("a.json", json.as_bytes());
    assert!(opened.parts.iter().any(|part| part.path == "base64 texts"), "{:?}", opened.parts);
}

#[test]
fn a_token_in_a_mail_is_read() {
    let payload = encoded(format!("{{\"note\":\"{CARD}\"}}").as_bytes());
    let token = format!("eyJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJlIG9mIGEgdG9rZW4", payload.trim_end_matches('='));
    holds_once(&open(format!("Subject: a\r\n\r\nUse {token} please.\r\n").as_bytes()));
}

#[test]
fn what_a_mail_or_a_page_opens_itself_is_opened_once() {
    let value = encoded(CARD.as_bytes());
    holds_once(&open(format!("Subject: a\r\n\r\n{value}\r\n").as_bytes()));
    let labelled = format!("MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n{value}\r\n");
    holds_once(&open(labelled.as_bytes()));
    let page = format!("<html><body><a href=\"data:text/plain;base64,{value}\">x</a></body></html>");
    let opened = file("a.html", page.as_bytes());
    assert_eq!(opened.segments.iter().filter(|segment| segment.text.contains(CARD)).count(), 1);
    let source = format!(
        "See below.\n\n--b\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n{value}\n--b--\n"
    );
    let opened = file("a.txt", source.as_bytes());
    assert_eq!(opened.segments.iter().filter(|segment| segment.text.contains(CARD)).count(), 1);
}

#[test]
fn a_script_that_makes_a_file_of_base64_hides_nothing() {
    let page = format!("<html><script>var a = atob('{}')</script></html>", encoded(&archive()));
    assert!(has(&file("a.html", page.as_bytes()), CARD));
}

#[test]
fn identifiers_tokens_and_keys_are_no_parts() {
    let text = "id: 550e8400-e29b-41d4-a716-446655440000\nhash: sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\
        key: AAAAB3NzaC1yc2EAAAADAQABAAABgQC7vbqajDhA8HfRZpZ5eWJv1mC3nTqE0b1m0vLZ3wV9\n\
        see: https://www.example.org/some/long/path/to/a/page_with-a-long-name/index.html\n";
    let opened = file("a.txt", text.as_bytes());
    assert_eq!(opened.parts.len(), 1, "{:?}", opened.parts);
    assert_eq!(reasons(&opened), Vec::<String>::new());
}
