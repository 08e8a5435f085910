//! Clean mail stays clean: one reading, no ambiguity, nothing twice, nothing unscannable.

use crate::opened::{ambiguities, check, count_shown, has, open, reasons};

const HEADER: &str = "Received: from a.example ([192.0.2.1]) by b.example; Mon, 1 Jan 2024 00:00:00 +0000\r\n\
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s1;\r\n\th=from:to:subject; bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=;\r\n\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR\r\n\
From: =?utf-8?q?J=C3=B6rg?= <joerg@example.com>\r\nTo: bob@example.org\r\nSubject: Clean\r\n\
Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n";

fn mail(rest: &str) -> Vec<u8> {
    format!("{HEADER}{}", rest.replace('\n', "\r\n")).into_bytes()
}

#[track_caller]
fn is_clean(message: &[u8]) {
    let opened = open(message);
    check(&opened, message);
    assert_eq!(ambiguities(&opened), Vec::<&str>::new());
    assert_eq!(reasons(&opened), Vec::<String>::new());
    assert!(count_shown(&opened, "TEXT-OF-THE-MAIL") <= 1, "{:?}", opened.segments);
    assert!(has(&opened, "TEXT-OF-THE-MAIL"));
}

#[test]
fn plain_text() {
    is_clean(&mail("\nTEXT-OF-THE-MAIL\n-- \nsignature\n"));
    is_clean(&mail(
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nschön TEXT-OF-THE-MAIL\n",
    ));
    is_clean(&mail(
        "Content-Type: text/plain; charset=\"iso-8859-1\"; format=flowed; delsp=yes\nContent-Transfer-Encoding: quoted-printable\n\nsch=F6n TEXT-OF=\n-THE-MAIL\n",
    ));
    is_clean(&mail(
        "Content-Type: text/plain; charset=utf-8; format=flowed\n\nTEXT-OF-THE-MAIL that flows \nover 2 \nlines\n> and a quoted \n> one\n-- \nsignature\n",
    ));
    let unix = mail("\nTEXT-OF-THE-MAIL\n").into_iter().filter(|octet| *octet != b'\r').collect::<Vec<_>>();
    is_clean(&unix);
}

#[test]
fn a_newsletter_of_two_alternatives_shows_its_text_once() {
    let newsletter = mail(
        "Content-Type: multipart/alternative;\n boundary=\"----=_Part_1_2.3\"\n\nThis is a multi-part message in MIME format.\n\n\
------=_Part_1_2.3\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nTEXT-OF-THE-MAIL =C3=A4=\n end\n\
------=_Part_1_2.3\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
<html><head><meta charset=3D\"utf-8\"><style>p { color: red }</style></head><body style=3D\"background-color:#fff\">\
<div style=3D\"display:none\">preview</div><p>TEXT-OF-THE-MAIL =C3=A4 end</p>\
<!--[if mso]><table><tr><td><![endif]--><a href=3D\"https://example.com/?a=3D1\">link</a></body></html>\n\
------=_Part_1_2.3--\n",
    );
    is_clean(&newsletter);
    let opened = open(&newsletter);
    let views: Vec<_> = opened
        .segments
        .iter()
        .filter(|segment| segment.text.contains("TEXT-OF"))
        .map(|segment| segment.view)
        .collect();
    assert_eq!(views.len(), 2);
    assert!(views.iter().flatten().map(|view| view.group).eq([1, 1]), "{views:?}");
}

#[test]
fn related_and_mixed_with_attachments() {
    // A grey picture of one pixel.
    let picture =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";
    is_clean(&mail(&format!(
        "Content-Type: multipart/mixed; boundary=outer\n\n--outer\nContent-Type: multipart/related; boundary=outer1\n\n\
--outer1\nContent-Type: text/html; charset=us-ascii\n\n<p>TEXT-OF-THE-MAIL<img src=\"cid:1@x\"></p>\n\
--outer1\nContent-Type: image/png; name=\"a.png\"\nContent-ID: <1@x>\nContent-Disposition: inline; filename=\"a.png\"\nContent-Transfer-Encoding: base64\n\n{picture}\n\
--outer1--\n\n--outer\nContent-Type: text/csv; name=\"list.csv\"\nContent-Disposition: attachment; filename=\"list.csv\"\nContent-Transfer-Encoding: base64\n\nYTtiO2MNCg==\n--outer--\n"
    )));
}

#[test]
fn signed_mail() {
    is_clean(&mail(
        "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=\"s\"\n\nThis is an S/MIME signed message\n\n\
--s\nContent-Type: text/plain\n\nTEXT-OF-THE-MAIL\n--s\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\nContent-Transfer-Encoding: base64\n\
Content-Disposition: attachment; filename=\"smime.p7s\"\n\nMIAGCSqGSIb3DQEHAqCAMIACAQExADALBgkqhkiG9w0BBwEAADEAAAAAAAAA\n--s--\n",
    ));
    is_clean(&mail(
        "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha512; boundary=\"s\"\n\n\
--s\nContent-Type: text/plain\n\nTEXT-OF-THE-MAIL\n--s\nContent-Type: application/pgp-signature; name=\"signature.asc\"\n\n\
-----BEGIN PGP SIGNATURE-----\n\niQEzBAEBCAAdFiEE\n=abcd\n-----END PGP SIGNATURE-----\n\n--s--\n",
    ));
    is_clean(&mail(
        "\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nTEXT-OF-THE-MAIL\n-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n",
    ));
}

#[test]
fn bounces() {
    let returned = "From: joerg@example.com\nTo: x@example.net\nSubject: TEXT-OF-THE-MAIL\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"gone\"\n";
    let report = |last: &str| {
        mail(&format!(
            "Content-Type: multipart/report; report-type=delivery-status; boundary=\"r/1\"\n\nThis is a MIME-encapsulated message.\n\n\
--r/1\nContent-Description: Notification\nContent-Type: text/plain; charset=us-ascii\n\nI'm sorry.\n\n\
--r/1\nContent-Description: Delivery report\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; b.example\n\nFinal-Recipient: rfc822; x@example.net\nStatus: 5.1.1\n\n\
--r/1\n{last}\n--r/1--\n"
        ))
    };
    is_clean(&report(&format!(
        "Content-Description: Undelivered Message\nContent-Type: message/rfc822\n\n{returned}\n"
    )));
    is_clean(&report(&format!(
        "Content-Description: Headers\nContent-Type: text/rfc822-headers\n\n{returned}"
    )));
    is_clean(&mail(&format!(
        "\nA message could not be delivered.\n\n------ This is a copy of the message, including all the headers. ------\n\n{returned}\n"
    )));
}

#[test]
fn what_lists_and_reporters_do_to_mail() {
    // A footer behind the last part.
    is_clean(&mail(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nTEXT-OF-THE-MAIL\n--b--\n-\nTo unsubscribe send mail to majordomo@example.org\nMore info at http://www.example.org/\n",
    ));
    // A type that outlived its parts.
    is_clean(&mail(
        "Content-Type: multipart/alternative; boundary=\"next\"\n\nTEXT-OF-THE-MAIL\n-- \nsignature\n",
    ));
    is_clean(&mail(
        "Content-Type: multipart/report; report-type=delivery-status; boundary=r\n\n<<< No Message Collected >>> TEXT-OF-THE-MAIL\n",
    ));
    // The first part of a message, returned.
    is_clean(&mail(
        "Content-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\n\nToo large.\n--r\nContent-Type: message/rfc822\n\n\
Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=gone\n\n--gone\nContent-Type: text/plain\n\nTEXT-OF-THE-MAIL that is cut he\n--r--\n",
    ));
    // Its header alone, encoded.
    is_clean(&mail(
        "Content-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\n\nDelayed.\n--r\nContent-Type: text/rfc822-headers\n\
Content-Transfer-Encoding: quoted-printable\n\nSubject: TEXT-OF-THE-MAIL\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=3D\"gone\"\n\n--r--\n",
    ));
    // A program that does not know the charset, and says so.
    is_clean(&mail(
        "Content-Type: text/plain; charset=X-UNKNOWN\nContent-Transfer-Encoding: quoted-printable\n\nsch=C3=B6n TEXT-OF-THE-MAIL\n",
    ));
}

#[test]
fn text_that_only_looks_odd() {
    is_clean(&mail(
        "\nTEXT-OF-THE-MAIL\n--\nContent is king. --x\nbegin 2024 with us\nFrom here on\n=3D is a sign\n",
    ));
    is_clean(&mail("\nTEXT-OF-THE-MAIL cites <html> and %PDF-1.4 and +AB and ~{ and =?utf-8?q?x\n"));
    is_clean(&mail(
        "Content-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: 7bit\n\n\u{1b}$BF|K\\8l\u{1b}(B TEXT-OF-THE-MAIL\n",
    ));
    is_clean(&mail(
        "Content-Type: text/plain; charset=\"windows-1252\"\nContent-Transfer-Encoding: base64\n\nVEVYVC1PRi1USEUtTUFJTCCAIDUw\n",
    ));
}

/// Written by `clean/make.py`, each by another mail program or library.
#[test]
fn mails_by_nine_other_programs() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/clean");
    let paths = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mails: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "eml")).collect();
    assert_eq!(mails.len(), 9);
    for path in mails {
        let stored = std::fs::read(&path).expect("a mail");
        let lines: Vec<_> = stored
            .split(|octet| *octet == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .collect();
        for message in [lines.join(&b"\n"[..]), lines.join(&b"\r\n"[..])] {
            println!("{}", path.display());
            is_clean(&message);
        }
    }
}
