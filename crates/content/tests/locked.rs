//! Office files encrypted by other people's software (`documents/make_locked.py`): opened without being asked for a password,
//! as their programs do, with a configured one, or with a word of the mail.

use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{DocumentItem, DocumentRequest, Documents, How, Limits, Opened, Reason, detect, open_file};

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
        let how = How {
            limits: &Limits::default(),
            deadline: Instant::now() + Duration::from_secs(120),
            documents: &InProcess,
            passwords: &[],
            digests: false,
        };
        let opened = content::open(mail.as_bytes(), &how);
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
