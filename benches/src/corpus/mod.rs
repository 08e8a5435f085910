//! A corpus of mail made from a seed: the same octets on every machine, with no files from outside, and nothing in it
//! that the default policies report.

mod files;
mod words;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use files::{docx, image, pdf, xlsx};
pub use words::Words;

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Plain mails of one size in octets, as sent (CRLF, no dot-stuffing), a few variants.
pub fn plain(size: usize) -> Vec<Vec<u8>> {
    (0..8).map(|seed| plain_mail(seed, size)).collect()
}

/// Plain mails of one size that the default policies mark: two card numbers stand in the middle of each.
pub fn marked(size: usize) -> Vec<Vec<u8>> {
    const CARDS: &[u8] = b"\r\nVisa 4111 1111 1111 1111, then Mastercard 5500 0055 5555 5559, please.\r\n";
    let with_cards = |mut mail: Vec<u8>| {
        let middle = mail.len() / 2;
        mail.splice(middle..middle + CARDS.len(), CARDS.iter().copied());
        mail
    };
    plain(size).into_iter().map(with_cards).collect()
}

/// Mixed office mail: mean about 53 KB; four in five are text or text with HTML, one in five carries office documents.
pub fn mixed() -> Vec<Vec<u8>> {
    (0..100).map(office_mail).collect()
}

/// Mails of text beside the same text in HTML, about this long each.
pub fn html() -> Vec<Vec<u8>> {
    (0..8).map(|seed| with_html(&mut Words::new(2000 + seed), seed)).collect()
}

/// Mails with one text attachment of so many octets in base64.
pub fn encoded_text(size: usize) -> Vec<Vec<u8>> {
    (0..4)
        .map(|seed| {
            let mut words = Words::new(3000 + seed);
            let mut text = String::with_capacity(size + 100);
            while text.len() < size {
                text.push_str(&words.line());
                text.push_str("\r\n");
            }
            with_file(&mut words, seed, "notes.txt", "text/plain", text.as_bytes())
        })
        .collect()
}

/// Mails with one document each of a kind: `docx`, `xlsx`, `pdf` or `png`.
pub fn with_document(kind: &str) -> Vec<Vec<u8>> {
    let number = ["docx", "xlsx", "pdf", "png"].iter().position(|known| *known == kind).unwrap_or(0) as u64;
    (0..4)
        .map(|seed| {
            let mut words = Words::new(4000 + seed);
            let (name, media_type, octets) = document(&mut words, number);
            with_file(&mut words, seed, &name, media_type, &octets)
        })
        .collect()
}

/// Mails with a zip of text files.
pub fn zipped_text(size: usize) -> Vec<Vec<u8>> {
    (0..4)
        .map(|seed| {
            let mut words = Words::new(5000 + seed);
            let octets = files::zip_of_text(&mut words, size);
            with_file(&mut words, seed, "notes.zip", "application/zip", &octets)
        })
        .collect()
}

fn with_file(words: &mut Words, seed: u64, name: &str, media_type: &str, octets: &[u8]) -> Vec<u8> {
    let mut mail = head(words, seed, "multipart/mixed; boundary=\"=_mix\"");
    mail.push_str("--=_mix\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nPlease find it attached.\r\n");
    attach(&mut mail, name, media_type, octets);
    mail.push_str("--=_mix--\r\n");
    mail.into_bytes()
}

fn attach(mail: &mut String, name: &str, media_type: &str, octets: &[u8]) {
    mail.push_str(&format!(
        "--=_mix\r\nContent-Type: {media_type}; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{}",
        base64_lines(octets)
    ));
}

fn plain_mail(seed: u64, size: usize) -> Vec<u8> {
    let mut words = Words::new(seed);
    let mut mail = head(&mut words, seed, "text/plain; charset=utf-8").into_bytes();
    while mail.len() < size {
        mail.extend_from_slice(words.line().as_bytes());
        mail.extend_from_slice(b"\r\n");
    }
    mail.truncate(size - 2);
    mail.extend_from_slice(b"\r\n");
    mail
}

fn office_mail(seed: u64) -> Vec<u8> {
    let mut words = Words::new(1000 + seed);
    match seed % 5 {
        0 => with_documents(&mut words, seed),
        1 | 2 => {
            let size = 1500 + words.below(9000) as usize;
            plain_mail(1000 + seed, size)
        }
        _ => with_html(&mut words, seed),
    }
}

fn with_html(words: &mut Words, seed: u64) -> Vec<u8> {
    let mut mail = head(words, seed, "multipart/alternative; boundary=\"=_alt\"");
    mail.push_str(&alternative(words));
    mail.into_bytes()
}

fn with_documents(words: &mut Words, seed: u64) -> Vec<u8> {
    let mut mail = head(words, seed, "multipart/mixed; boundary=\"=_mix\"");
    mail.push_str("--=_mix\r\nContent-Type: multipart/alternative; boundary=\"=_alt\"\r\n\r\n");
    mail.push_str(&alternative(words));
    let count = 1 + words.below(3);
    for number in 0..count {
        let (name, kind, octets) = document(words, seed + number);
        attach(&mut mail, &name, kind, &octets);
    }
    mail.push_str("--=_mix--\r\n");
    mail.into_bytes()
}

/// Name, media type and octets of a document; about 90 KB on average.
fn document(words: &mut Words, number: u64) -> (String, &'static str, Vec<u8>) {
    match number % 4 {
        0 => {
            let image_size = 20_000 + words.below(120_000) as usize;
            let document = docx(words, 300, image_size);
            ("minutes.docx".to_owned(), DOCX, document)
        }
        1 => {
            let rows = 200 + words.below(2500) as usize;
            ("figures.xlsx".to_owned(), XLSX, xlsx(words, rows))
        }
        2 => {
            let pages = 2 + words.below(30) as usize;
            ("offer.pdf".to_owned(), "application/pdf", pdf(words, pages))
        }
        _ => {
            let size = 60_000 + words.below(130_000) as usize;
            ("photo.png".to_owned(), "image/png", image(words, size))
        }
    }
}

fn alternative(words: &mut Words) -> String {
    let paragraphs: Vec<String> = (0..4 + words.below(12)).map(|_| words.paragraph()).collect();
    let plain = paragraphs.join("\r\n\r\n");
    let html: String = paragraphs
        .iter()
        .map(|text| {
            format!("<p style=\"margin:0 0 8pt;font-family:Calibri,sans-serif\"><span>{text}</span></p>\r\n")
        })
        .collect();
    format!(
        "--=_alt\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{plain}\r\n\r\n\
         --=_alt\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><head><style>p {{ color: #222 }}</style></head>\r\n\
         <body>{html}</body></html>\r\n--=_alt--\r\n"
    )
}

fn head(words: &mut Words, seed: u64, content_type: &str) -> String {
    format!(
        "Received: from desk.corp.example (desk.corp.example [10.1.2.3])\r\n\tby mail.corp.example with ESMTP id b{seed}\r\n\
         \tfor <client@partner.example>; Tue, 24 Nov 2026 09:00:00 +0000\r\n\
         Date: Tue, 24 Nov 2026 09:00:00 +0000\r\nFrom: Ann Writer <ann@corp.example>\r\n\
         To: Client <client@partner.example>\r\nSubject: {}\r\nMessage-ID: <bench-{seed}@corp.example>\r\n\
         MIME-Version: 1.0\r\nContent-Type: {content_type}\r\n\r\n",
        words.phrase(5)
    )
}

fn base64_lines(octets: &[u8]) -> String {
    let text = STANDARD.encode(octets);
    let mut lines = String::with_capacity(text.len() + text.len() / 38);
    for line in text.as_bytes().chunks(76) {
        lines.extend(line.iter().map(|&octet| char::from(octet)));
        lines.push_str("\r\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use policy::Set;

    use super::*;
    use crate::inspect::{default_set, judge, with_opened};

    #[test]
    fn the_corpus_is_the_same_every_time_and_has_its_mean_size() {
        let mails = mixed();
        assert!(mails == mixed());
        let mean = mails.iter().map(Vec::len).sum::<usize>() / mails.len();
        assert!((48_000..58_000).contains(&mean), "mean size is {mean}");
        assert!(mails.iter().all(|mail| mail.ends_with(b"\r\n")));
    }

    #[test]
    fn the_default_policies_say_nothing_of_the_corpus_and_mark_what_is_to_be_marked() {
        let set = Set::load(&default_set()).expect("the default set is right").set;
        let violated = |mail: &Vec<u8>| {
            let inspection = with_opened(mail, |opened, deadline| judge(&set, mail, opened, deadline));
            inspection.violations.iter().map(|violation| violation.policy.id).collect::<Vec<_>>()
        };
        let clean = [plain(4 << 10), html(), mixed()].concat();
        assert!(clean.iter().all(|mail| violated(mail).is_empty()));
        assert!(marked(4 << 10).iter().all(|mail| violated(mail) == [101]));
    }

    #[test]
    fn plain_mails_have_exactly_their_size() {
        for size in [4096, 65536] {
            assert!(plain(size).iter().all(|mail| mail.len() == size));
            assert!(marked(size).iter().all(|mail| mail.len() == size));
        }
    }
}
