//! Builds the mail of a case: a correct message with header, text and attached files, or one that lies in a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::syntax::cases::{Case, CaseFile};

/// Who sends the mails of cases, unless they say.
pub(super) const SENDER: &str = "ann@example.com";
/// To whom.
pub(super) const RECIPIENT: &str = "bob@example.net";

/// The octets of the mail with this text; `load` gives files of the cases' folder.
pub(super) fn octets(
    case: &Case,
    text: &str,
    load: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, String> {
    if let Some(name) = &case.mail {
        return Ok(with_crlf(file(name, load)?));
    }
    let files = case
        .attachments
        .iter()
        .map(|attached| Ok((attached.name.as_str(), attached, content(attached, load)?)));
    let files = files.collect::<Result<Vec<_>, String>>()?;
    let mut message = header(case);
    if files.is_empty() {
        message.push_str(&text_part(text));
        return Ok(message.into_bytes());
    }
    let boundary = boundary(text);
    message.push_str(&format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n"));
    message.push_str(&format!("--{boundary}\r\n{}\r\n", text_part(text)));
    for (name, attached, octets) in &files {
        message
            .push_str(&format!("--{boundary}\r\n{}\r\n", file_part(name, attached.text.is_some(), octets)));
    }
    message.push_str(&format!("--{boundary}--\r\n"));
    Ok(message.into_bytes())
}

fn content(attached: &CaseFile, load: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<u8>, String> {
    match (&attached.text, &attached.file) {
        (Some(text), _) => Ok(text.clone().into_bytes()),
        (None, Some(name)) => file(name, load),
        (None, None) => Ok(Vec::new()),
    }
}

fn file(name: &str, load: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<u8>, String> {
    if name.starts_with('/') || name.contains('\\') || name.split('/').any(|step| step == "..") {
        return Err(format!("the file name {name} leads out of the folder of the cases"));
    }
    load(name).ok_or_else(|| format!("the file {name} is not in the folder of the cases"))
}

/// A mail that was saved with bare line feeds, as it travels.
fn with_crlf(octets: Vec<u8>) -> Vec<u8> {
    if octets.windows(2).any(|pair| pair == b"\r\n") {
        return octets;
    }
    let mut mail = Vec::with_capacity(octets.len() + octets.len() / 32);
    for octet in octets {
        if octet == b'\n' {
            mail.push(b'\r');
        }
        mail.push(octet);
    }
    mail
}

fn header(case: &Case) -> String {
    let sender = case.sender.as_deref().unwrap_or(SENDER);
    let recipients =
        if case.recipients.is_empty() { RECIPIENT.to_owned() } else { case.recipients.join(",\r\n ") };
    let mut header =
        format!("From: {}\r\nTo: {recipients}\r\n", if sender.is_empty() { "<>" } else { sender });
    header.push_str("Date: Wed, 14 Jan 2026 10:00:00 +0000\r\nMessage-ID: <case@example.com>\r\n");
    if let Some(subject) = &case.subject {
        header.push_str(&format!("Subject: {}\r\n", encoded(subject)));
    }
    for line in &case.headers {
        header.push_str(&format!("{}\r\n", line.trim_end().replace("\r\n", "\n").replace('\n', "\r\n")));
    }
    header.push_str("MIME-Version: 1.0\r\n");
    header
}

/// A header value: as it is if ASCII, else encoded words (RFC 2047).
fn encoded(text: &str) -> String {
    if text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        return text.to_owned();
    }
    let mut words = vec![String::new()];
    for c in text.chars() {
        if words.last().is_some_and(|word| word.len() + c.len_utf8() > 45) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let words: Vec<String> =
        words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join("\r\n ")
}

fn text_part(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\n', "\r\n");
    format!("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{lines}\r\n")
}

fn file_part(name: &str, is_text: bool, octets: &[u8]) -> String {
    let kind = if is_text { "text/plain; charset=utf-8" } else { "application/octet-stream" };
    let encoded = STANDARD.encode(octets);
    let lines: Vec<&str> =
        (0..encoded.len()).step_by(76).map(|at| &encoded[at..encoded.len().min(at + 76)]).collect();
    format!(
        "Content-Type: {kind}\r\nContent-Disposition: attachment; {}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        file_name(name),
        lines.join("\r\n")
    )
}

/// The parameter of a file's name (RFC 2231 where it is not plain ASCII).
fn file_name(name: &str) -> String {
    if name.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        return format!("filename=\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    }
    let octets = name.bytes().map(|octet| match octet {
        b'.' | b'-' | b'_' => char::from(octet).to_string(),
        _ if octet.is_ascii_alphanumeric() => char::from(octet).to_string(),
        _ => format!("%{octet:02X}"),
    });
    format!("filename*=UTF-8''{}", octets.collect::<String>())
}

/// A boundary that is nowhere in the text; files are base64, which has no `=` at the start of a line.
fn boundary(text: &str) -> String {
    let mut boundary = "=_case".to_owned();
    while text.contains(&boundary) {
        boundary.push('_');
    }
    boundary
}
