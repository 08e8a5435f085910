//! Delivery status notifications (RFC 3464) for mail that failed for good: to the envelope sender, never to `<>`.

use std::fmt::Write as _;

use jiff::Timestamp;
use smtp::command::Command;
use store::database::Session;

use super::attempt::parsed;
use super::run::Entry;
use crate::header::Header;
use crate::history::{date, tell};
use crate::notices::{self, Letter};
use crate::{Error, Gateway};

/// Octets of the original's header that go back.
const HEADER: usize = 64 << 10;

/// Queues the notification, unless there is nobody to tell or the sender asked not to be told (RFC 3461 NOTIFY).
pub(crate) async fn put(
    db: &mut dyn Session,
    gateway: &Gateway,
    entry: &Entry,
    words: &str,
    header: Option<&Header<'_>>,
    files: &mut Vec<uuid::Uuid>,
) -> Result<(), Error> {
    let (Ok(Command::Mail(mail)), Ok(Command::Rcpt(rcpt))) =
        (parsed(b"MAIL FROM:", &entry.mail), parsed(b"RCPT TO:", &entry.rcpt))
    else {
        return Ok(());
    };
    let sender = mail.path.address();
    let unwanted = rcpt.param("NOTIFY").is_some_and(|when| !when.to_ascii_uppercase().contains("FAILURE"));
    if sender.is_empty() || unwanted {
        let why = if unwanted { "its sender asked not to be told" } else { "there is no sender to tell" };
        let detail = format!("delivery to {} failed for good and {why}", entry.recipient);
        tracing::error!(message_number = entry.message, incident = entry.copy, recipient = %entry.recipient, words, "{detail}");
        return tell(db, entry.message, entry.copy, gateway.name(), "NOT_TOLD", &detail).await;
    }
    let report = Report { gateway: gateway.name(), recipient: &entry.recipient, words };
    let boundary = format!("=_weir_{}", uuid::Uuid::now_v7().simple());
    let letter = Letter {
        to: sender,
        subject: "Undelivered mail",
        content_type: format!("multipart/report; report-type=delivery-status; boundary=\"{boundary}\""),
        automatic: "auto-replied",
        body: report.body(&boundary, mail.param("ENVID"), rcpt.param("ORCPT"), header),
        reason: "bounce",
    };
    notices::post(db, gateway, &letter, files).await?;
    let detail = format!("{sender} is told that delivery to {} failed", entry.recipient);
    tell(db, entry.message, entry.copy, gateway.name(), "SENDER_TOLD", &detail).await
}

struct Report<'a> {
    gateway: &'a str,
    recipient: &'a str,
    words: &'a str,
}

impl Report<'_> {
    fn body(
        &self,
        boundary: &str,
        envid: Option<&str>,
        orcpt: Option<&str>,
        header: Option<&Header<'_>>,
    ) -> String {
        let (gateway, recipient) = (plain(self.gateway), plain(self.recipient));
        let words = plain(self.words);
        let mut out = String::new();
        let _ = write!(
            out,
            "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
             This is the mail gateway {gateway}.\r\n\r\nYour mail could not be delivered to:\r\n\r\n    {recipient}\r\n\r\n\
             The reason:\r\n\r\n    {words}\r\n\r\nNo further attempts are made.\r\n\r\n\
             --{boundary}\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {gateway}\r\n"
        );
        if let Some(envid) = envid {
            let _ = write!(out, "Original-Envelope-Id: {}\r\n", plain(envid));
        }
        let _ = write!(out, "Arrival-Date: {}\r\n\r\n", date(Timestamp::now()));
        if let Some(orcpt) = orcpt {
            let _ = write!(out, "Original-Recipient: {}\r\n", plain(orcpt));
        }
        let _ = write!(
            out,
            "Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: {}\r\nDiagnostic-Code: smtp; {words}\r\n\r\n",
            status(self.words)
        );
        if let Some(header) = header {
            let octets = &header.octets()[..header.octets().len().min(HEADER)];
            let text = String::from_utf8_lossy(octets);
            // A line of the original that looks like our boundary would end the part: it cannot, the boundary is fresh.
            let _ = write!(
                out,
                "--{boundary}\r\nContent-Type: text/rfc822-headers; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}\r\n",
                lines(&text)
            );
        }
        let _ = write!(out, "--{boundary}--\r\n");
        out
    }
}

/// The enhanced code in the words, where there is a permanent one; "other or undefined" otherwise.
fn status(words: &str) -> &str {
    let is_status = |word: &&str| {
        let mut parts = word.split('.');
        let number = |part: Option<&str>| {
            part.is_some_and(|part| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
        };
        parts.next() == Some("5") && number(parts.next()) && number(parts.next()) && parts.next().is_none()
    };
    words.split_whitespace().find(is_status).unwrap_or("5.0.0")
}

/// On one line, and not longer than a line may be.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(600).collect()
}

/// Line ends as mail has them, and no line longer than one may be (RFC 5322 2.1.1).
fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split("\r\n") {
        let line: String = line.chars().filter(|c| *c == '\t' || !c.is_control()).take(900).collect();
        out.push_str(&line);
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_taken_from_the_next_hosts_words_only_if_it_is_one() {
        assert_eq!(status("550 5.1.1 no such user"), "5.1.1");
        assert_eq!(status("given up after 3 attempts; the last: 451 4.4.1 down"), "5.0.0");
        assert_eq!(status("5.x.1 5.1 5.1.1.1"), "5.0.0");
    }

    #[test]
    fn hostile_words_stay_on_their_line() {
        let report = Report { gateway: "gw", recipient: "a@b\r\nX: y", words: "no\r\n--b--\r\n" };
        let body = report.body("b", None, None, Some(&Header::read(b"Subject: x\r\nA: \x00\r\n\r\n")));
        assert_eq!(body.lines().filter(|line| line.starts_with("--b")).count(), 4);
        assert!(body.lines().all(|line| !line.starts_with("X: y")));
    }
}
