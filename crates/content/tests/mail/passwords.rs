//! Encrypted attachments whose password stands in the same mail.

use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{How, Limits, Opened, Reason};

/// A zip with `secret.txt` ("the marker falcon"), encrypted with the password `Tulip77` (ZipCrypto, Info-ZIP 3.0).
const LOCKED: &[u8] = include_bytes!("locked.zip");

fn mail(body: &str, archive_first: bool) -> Vec<u8> {
    let line = |octets: &[u8]| octets.iter().map(|octet| format!("={octet:02X}")).collect::<String>();
    let hex: Vec<String> = LOCKED.chunks(24).map(line).collect();
    let text = format!("--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n");
    let file = format!(
        "--b\r\nContent-Type: application/zip; name=a.zip\r\nContent-Disposition: attachment; filename=a.zip\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n",
        hex.join("=\r\n")
    );
    let (first, second) = if archive_first { (file, text) } else { (text, file) };
    format!("MIME-Version: 1.0\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{first}{second}--b--\r\n").into_bytes()
}

fn opened<T>(octets: &[u8], passwords: &[String], see: impl FnOnce(&Opened<'_>) -> T) -> T {
    let limits = Limits::default();
    let deadline = Instant::now() + Duration::from_secs(600);
    see(&content::open(
        octets,
        &How { limits: &limits, deadline, documents: &InProcess, passwords, digests: false },
    ))
}

fn shows_marker(opened: &Opened<'_>) -> bool {
    opened.segments.iter().any(|segment| segment.text.contains("marker falcon"))
}

fn is_named(opened: &Opened<'_>) -> bool {
    opened
        .unscannable
        .iter()
        .any(|found| found.reason == Reason::Encrypted && found.path == "a.zip > secret.txt")
}

#[test]
fn a_password_in_the_body_opens_the_attachment_before_or_behind_it() {
    for archive_first in [false, true] {
        for body in [
            "The file is attached. Password: Tulip77.",
            "Passwort für die Datei: \"Tulip77\"",
            "use Tulip77 to open it",
        ] {
            opened(&mail(body, archive_first), &[], |opened| {
                assert!(shows_marker(opened), "{body} {archive_first} {:?}", opened.unscannable);
                assert!(opened.unscannable.is_empty(), "{:?}", opened.unscannable);
            });
        }
    }
}

#[test]
fn without_the_password_the_file_is_named_once_and_nothing_else_is_lost() {
    opened(&mail("The password comes by telephone.", false), &[], |opened| {
        assert!(!shows_marker(opened) && is_named(opened));
        assert_eq!(opened.unscannable.len(), 1);
        assert!(opened.segments.iter().any(|segment| segment.text.contains("secret.txt")));
    });
}

#[test]
fn a_configured_password_opens_it_too() {
    opened(&mail("hello", false), &["wrong".into(), "Tulip77".into()], |opened| {
        assert!(shows_marker(opened))
    });
}
