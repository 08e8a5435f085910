//! The header of a mail as a table: each field on its row, in its order, twice if it is there twice.

use std::fmt::Write as _;

use super::line;
use crate::layout::Html;

/// Fields shown.
const FIELDS: usize = 500;
/// Characters of a value shown.
const VALUE: usize = 2_000;

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value, unfolded.
    pub value: String,
}

/// The fields as a table.
pub fn header_table(headers: &[Header]) -> Html {
    let mut out = String::from(
        "<div class=\"scroll\"><table class=\"facts headers\"><caption class=\"unseen\">Header fields</caption><tbody>",
    );
    for header in headers.iter().take(FIELDS) {
        let (name, value) = (line(&header.name, 100), line(&header.value, VALUE));
        let _ = write!(out, "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>");
    }
    if headers.len() > FIELDS {
        let more = headers.len() - FIELDS;
        let _ = write!(out, "<tr><td colspan=\"2\" class=\"cut\">… {more} more fields not shown …</td></tr>");
    }
    out.push_str("</tbody></table></div>");
    Html::new(out)
}

/// The fields of a mail's beginning, unfolded and otherwise as they stand there; what is no field has no name.
pub fn raw_headers(mail: &[u8]) -> Vec<Header> {
    const MOST: usize = 1 << 20;
    let mut headers: Vec<Header> = Vec::new();
    for octets in mail[..mail.len().min(MOST)].split(|octet| *octet == b'\n') {
        let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
        if octets.is_empty() {
            break;
        }
        let text = String::from_utf8_lossy(octets);
        match headers.last_mut() {
            Some(last) if text.starts_with([' ', '\t']) => {
                last.value.push(' ');
                last.value.push_str(text.trim_start());
            }
            _ => headers.push(field(&text)),
        }
        if headers.len() > FIELDS + 1 {
            break;
        }
    }
    headers
}

fn field(text: &str) -> Header {
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_graphic()) => {
            Header { name: name.to_owned(), value: value.trim_start().to_owned() }
        }
        _ => Header { name: String::new(), value: text.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_unfolded_and_stand_in_order() {
        let mail = b"Subject: one\r\n two\r\nX: a:b\r\nno field\r\n\r\nBody: not";
        let headers = raw_headers(mail);
        let pairs: Vec<_> = headers.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect();
        assert_eq!(pairs, [("Subject", "one two"), ("X", "a:b"), ("", "no field")]);
    }

    #[test]
    fn hostile_fields_stay_text_and_are_not_endless() {
        let mut mail = b"Subject: <script>alert(1)</script>\x00\r\n".to_vec();
        mail.extend(b"X: \xff\xfe\r\n".repeat(10_000));
        let html = header_table(&raw_headers(&mail)).to_string();
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script"));
        assert!(html.contains("more fields not shown") && html.len() < 200_000);
    }
}
