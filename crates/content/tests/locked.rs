//! Documents encrypted by other people's software (`documents/make_locked.py`, `documents/locked/README.md`): opened without being
//! asked for a password, as their programs do, with a configured one, or with a word of the mail.

use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{
    DocumentItem, DocumentRequest, Documents, FileKind, How, Limits, Opened, Reason, detect, open_file,
};

fn sample(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/documents/locked/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn opened<'m>(name: &str, octets: &'m [u8], passwords: &[String]) -> Opened<'m> {
    let deadline = Instant::now() + Duration::from_secs(120);
    open_file(
        name,
        octets,
        &How { limits: &Limits::default(), deadline, documents: &InProcess, passwords, digests: false },
    )
}

/// A mail, with no passwords but those that stand in it.
fn opened_mail(mail: &[u8]) -> Opened<'_> {
    let deadline = Instant::now() + Duration::from_secs(120);
    let limits = Limits::default();
    content::open(
        mail,
        &How { limits: &limits, deadline, documents: &InProcess, passwords: &[], digests: false },
    )
}

/// The text at B2, which every sample has.
fn cell(opened: &Opened<'_>) -> String {
    let cell = opened.segments.iter().find(|segment| segment.place == "Payroll!B2");
    cell.map_or_else(String::new, |segment| segment.text.to_string())
}

#[test]
fn what_excel_opens_without_asking_is_read() {
    for name in [
        "agile-default.xlsx",
        "standard-default.xlsx",
        "cryptoapi-default.xls",
        "rc4-default.xls",
        "xor-default.xls",
    ] {
        let octets = sample(name);
        let opened = opened(name, &octets, &[]);
        assert_eq!(cell(&opened), format!("Amber {name} 4111 1111 1111 1111"), "{:?}", opened.unscannable);
        assert_eq!(opened.unscannable, [], "{name}");
    }
}

#[test]
fn a_password_is_needed_tried_and_named() {
    for name in ["agile.xlsx", "cryptoapi.xls", "xor.xls"] {
        let octets = sample(name);
        let closed = opened(name, &octets, &["wrong".to_owned()]);
        assert_eq!(
            closed.unscannable.iter().map(|found| &found.reason).collect::<Vec<_>>(),
            [&Reason::Encrypted],
            "{name}"
        );
        assert_eq!(cell(&closed), "", "{name}");
        let opened = opened(name, &octets, &["wrong".to_owned(), "tulip7".to_owned()]);
        assert_eq!(cell(&opened), format!("Amber {name} 4111 1111 1111 1111"));
        assert_eq!(opened.unscannable, [], "{name}");
    }
}

#[test]
fn a_word_of_the_mail_opens_them_too() {
    for (name, octets) in [("agile.xlsx", sample("agile.xlsx")), ("xor.xls", sample("xor.xls"))] {
        let hex: String = octets.iter().map(|octet| format!("={octet:02X}")).collect();
        let lines: Vec<&str> =
            hex.as_bytes().chunks(72).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let mail = format!(
            "MIME-Version: 1.0\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/octet-stream; name={name}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n--b\r\n\r\nThe password: tulip7\r\n--b--\r\n",
            lines.join("=\r\n")
        );
        let opened = opened_mail(mail.as_bytes());
        assert_eq!(cell(&opened), format!("Amber {name} 4111 1111 1111 1111"), "{:?}", opened.unscannable);
    }
}

#[test]
fn a_file_that_asks_for_endless_hashing_stays_closed_in_time() {
    let mut octets = sample("agile.xlsx");
    let count = b"spinCount=\"2000\"";
    let at = octets.windows(count.len()).position(|window| window == count).expect("the count of rounds");
    octets[at + 11..at + 15].copy_from_slice(b"9999");
    let (limits, began) = (Limits::default(), Instant::now());
    let passwords: Vec<String> = (0..60).map(|number| format!("word{number}")).collect();
    let request = DocumentRequest {
        kind: detect(&octets, None),
        name: None,
        octets: &octets,
        limits: &limits,
        deadline: began + Duration::from_millis(500),
        passwords: &passwords,
    };
    let answer = InProcess.open(&request);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(answer.unscannable, [(String::new(), Reason::Timeout)]);
    assert!(!answer.items.iter().any(|item| matches!(item, DocumentItem::File { .. })));
}

#[test]
fn a_file_that_asks_for_more_rounds_than_all_passwords_together_may_cost_says_so() {
    let mut octets = sample("agile.xlsx");
    // Without moving what stands behind: as many spaces fewer.
    let (space, count) = (b"        <", b"spinCount=\"2000\"");
    let find = |octets: &[u8], what: &[u8]| {
        octets.windows(what.len()).position(|window| window == what).expect("the description")
    };
    let (from, to) = (find(&octets, space), find(&octets, count));
    assert!(from < to && to - from < 2_000);
    octets.splice(to..to + count.len(), *b"spinCount=\"99999999\"");
    octets.drain(from..from + 4);
    let expected = [(String::new(), Reason::Timeout), (String::new(), Reason::Encrypted)];
    assert_eq!(found(&octets, &["tulip7".to_owned()]), expected);
}

/// All text of a document.
fn text(opened: &Opened<'_>) -> String {
    opened.segments.iter().map(|segment| format!("{}\n", segment.text)).collect()
}

/// The document, opened with its password to these words and no finding; with another one it is encrypted.
fn opened_with_this_only<'m>(name: &str, octets: &'m [u8], right: &str, words: &str) -> Opened<'m> {
    let closed = opened(name, octets, &["wrong".to_owned()]);
    assert!(closed.unscannable.iter().any(|found| found.reason == Reason::Encrypted), "{name}");
    assert!(!text(&closed).contains(words), "{name}");
    let opened = opened(name, octets, &["wrong".to_owned(), right.to_owned()]);
    assert!(text(&opened).contains(words), "{name}: {} {:?}", text(&opened), opened.unscannable);
    assert_eq!(opened.unscannable, [], "{name}");
    opened
}

#[test]
fn open_document_of_every_age_opens_with_its_password_and_with_no_other() {
    for (name, right, words) in [
        // LibreOffice 7.4: AES and PBKDF2, part by part.
        ("aes.ods", "tulip7", "Amber aes.ods 4111 1111 1111 1111"),
        // OpenOffice 4.1: Blowfish.
        ("blowfish.odt", "hello", "Mission accomplished"),
        // LibreOffice 25: one package in the package, AES-GCM and Argon2id.
        ("argon2.ods", "hello", "Hello!"),
    ] {
        let octets = sample(name);
        let opened = opened_with_this_only(name, &octets, right, words);
        assert_eq!(cell(&opened).is_empty(), name != "aes.ods", "cells have their places");
    }
}

#[test]
fn documents_of_old_word_and_presentations_open_with_their_password_and_with_no_other() {
    for (name, right, words) in [
        // Word 97: RC4.
        ("rc4.doc", "tika", "This is an encrypted Word 2007 File."),
        // Word 2003: RC4 by the system's library.
        ("cryptoapi.doc", "password", "This is a test"),
        ("cryptoapi.ppt", "hello", "It does have notes"),
    ] {
        opened_with_this_only(name, &sample(name), right, words);
    }
}

#[test]
fn pdf_of_every_revision_opens_with_its_password_and_with_no_other() {
    // RC4 with 40 and 128 bits, AES with 128 and 256.
    for name in ["revision2.pdf", "revision3.pdf", "revision4.pdf", "revision6.pdf"] {
        let octets = sample(name);
        let closed = opened(name, &octets, &["wrong".to_owned()]);
        let reasons: Vec<&Reason> = closed.unscannable.iter().map(|found| &found.reason).collect();
        assert_eq!(reasons, [&Reason::Encrypted], "{name}");
        assert!(!text(&closed).contains("4111"), "{name}");
        let opened = opened(name, &octets, &["wrong".to_owned(), "tulip7".to_owned()]);
        assert!(text(&opened).contains("4111 1111 1111 1111"), "{name}");
        assert_eq!(opened.unscannable, [], "{name}");
    }
}

/// A package whose content nobody opens, with this way to its key.
#[test]
fn what_openssl_encrypts_is_named_and_words_of_its_octets_are_not_its_text() {
    for name in ["salted.enc", "salted.txt"] {
        let octets = sample(name);
        let opened = opened(name, &octets, &["tulip7".to_owned()]);
        let found: Vec<_> = opened.unscannable.iter().map(|found| &found.reason).collect();
        assert_eq!(found, [&Reason::Encrypted], "{name}");
    }
    let text = b"Salted__ is what their files begin with, which are binary.\n";
    assert_eq!(detect(text, None), FileKind::Text);
    assert_eq!(opened("note.txt", text, &[]).unscannable, []);
    let mail =
        [b"Subject: x\r\n\r\nSee this:\r\n\r\n".as_slice(), &sample("salted.txt"), b"\r\nBye\r\n"].concat();
    let opened = opened_mail(&mail);
    assert_eq!(
        opened.unscannable.iter().map(|found| &found.reason).collect::<Vec<_>>(),
        [&Reason::Encrypted]
    );
}

fn open_document(derivation: &str) -> Vec<u8> {
    let manifest = format!(
        r#"<manifest xmlns:l="l"><file-entry full-path="content.xml" size="64"><encryption-data><algorithm algorithm-name="http://www.w3.org/2001/04/xmlenc#aes256-cbc" initialisation-vector="AAAAAAAAAAAAAAAAAAAAAA=="/><key-derivation {derivation} salt="AAAAAAAAAAAAAAAAAAAAAA==" key-size="32"/></encryption-data></file-entry></manifest>"#
    );
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, octets) in [
        ("mimetype", b"application/vnd.oasis.opendocument.text".as_slice()),
        ("content.xml", &[0x9c; 64]),
        ("META-INF/manifest.xml", manifest.as_bytes()),
    ] {
        writer.start_file(name, stored).expect(name);
        writer.write_all(octets).expect(name);
    }
    writer.finish().expect("an archive").into_inner()
}

/// What is found in it, with these passwords.
fn found(octets: &[u8], passwords: &[String]) -> Vec<(String, Reason)> {
    let request = DocumentRequest {
        kind: detect(octets, None),
        name: None,
        octets,
        limits: &Limits::default(),
        deadline: Instant::now() + Duration::from_secs(120),
        passwords,
    };
    InProcess.open(&request).unscannable
}

#[test]
fn a_manifest_that_asks_for_too_much_is_named_and_costs_nothing() {
    let content = |reason| ("content.xml".to_owned(), reason);
    let argon2 = |passes: u32, memory: u32| {
        format!(
            r#"key-derivation-name="urn:argon2id" l:argon2-iterations="{passes}" l:argon2-memory="{memory}" l:argon2-lanes="4""#
        )
    };
    for (derivation, bound) in [
        (r#"key-derivation-name="PBKDF2" iteration-count="2147483647""#.to_owned(), Reason::Timeout),
        (argon2(3, u32::MAX), Reason::TooBig),
        (argon2(u32::MAX, 65536), Reason::Timeout),
    ] {
        let octets = open_document(&derivation);
        let expected = [content(bound), content(Reason::Encrypted), (String::new(), Reason::Encrypted)];
        assert_eq!(found(&octets, &["tulip7".to_owned()]), expected, "{derivation}");
    }
}

#[test]
fn a_way_to_the_key_that_makes_no_sense_leaves_the_part_closed() {
    let expected = [("content.xml".to_owned(), Reason::Encrypted), (String::new(), Reason::Encrypted)];
    for derivation in [
        r#"key-derivation-name="PGP""#,
        r#"key-derivation-name="PBKDF2" iteration-count="0""#,
        r#"key-derivation-name="PBKDF2" iteration-count="-1""#,
        r#"key-derivation-name="urn:argon2id""#,
        r#"key-derivation-name="urn:argon2id" l:argon2-iterations="0" l:argon2-memory="0" l:argon2-lanes="0""#,
        r#"key-derivation-name="urn:argon2id" l:argon2-iterations="1" l:argon2-memory="64" l:argon2-lanes="16777215""#,
    ] {
        assert_eq!(found(&open_document(derivation), &["tulip7".to_owned()]), expected, "{derivation}");
    }
}
