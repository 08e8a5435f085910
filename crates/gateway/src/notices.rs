//! Mail of the gateway's own: notices to senders and reviewers, and bounces. All from `<>`, marked as automatic, by the queue.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use smtp::header::line;
use smtp::spool::Spooled;
use store::database::Session;
use store::values;
use uuid::Uuid;

use crate::accept::{self, Incoming, Recipient};
use crate::filter::{Changes, Notice};
use crate::history::{date, now, tell, time};
use crate::queue::{self, NewEntry};
use crate::{Error, FolderKind, FolderRow, Gateway, State};

/// What a notice is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) copy: Option<u64>,
    pub(crate) sender: &'a str,
    pub(crate) recipient: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) policy_ids: &'a [u32],
    pub(crate) reason: &'a str,
}

/// A mail of ours.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    pub(crate) to: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) content_type: String,
    /// `Auto-Submitted` (RFC 3834).
    pub(crate) automatic: &'a str,
    pub(crate) body: String,
    pub(crate) reason: &'a str,
}

/// Queues a notice. In words, to whom it goes.
pub(crate) async fn put(
    db: &mut dyn Session,
    gateway: &Gateway,
    notice: &Notice,
    about: &About<'_>,
    files: &mut Vec<Uuid>,
) -> Result<String, Error> {
    let (subject, text) = (about.fill(&notice.subject, gateway), about.fill(&notice.text, gateway));
    let mut told = Vec::new();
    for to in &notice.to {
        let to = if to == "sender" { about.sender } else { to.as_str() };
        // Nobody answers a bounce.
        if to.is_empty() {
            continue;
        }
        post(db, gateway, &text_letter(to, &subject, &text), files).await?;
        told.push(to.to_owned());
    }
    Ok(if told.is_empty() {
        "nobody to tell".to_owned()
    } else {
        format!("a notice goes to {}", told.join(", "))
    })
}

/// Queues a mail of ours, in the caller's transaction.
pub(crate) async fn post(
    db: &mut dyn Session,
    gateway: &Gateway,
    letter: &Letter<'_>,
    files: &mut Vec<Uuid>,
) -> Result<(), Error> {
    let octets = letter.octets(gateway);
    let (size, eight_bit) = (octets.len() as u64, !octets.is_ascii());
    let blob = gateway.put(Spooled::from_vec(octets)).await?;
    // Removed by the caller if this comes to nothing.
    files.push(blob.name);
    let rcpt = format!("<{}>", letter.to).into_bytes();
    let mail: &[u8] = if eight_bit { b"<> BODY=8BITMIME" } else { b"<>" };
    let incoming = Incoming {
        identity: format!("own:{}", blob.name),
        unique_id: None,
        policy_ids: Vec::new(),
        message_id: None,
        sender: String::new(),
        mail: mail.to_vec(),
        recipients: vec![Recipient { address: letter.to.to_owned(), rcpt: rcpt.clone() }],
        subject: letter.subject.to_owned(),
        peer: gateway.name().to_owned(),
        size,
        eight_bit,
        received_at: now(),
    };
    let message = accept::insert(db, &incoming, letter.reason, Some(&blob)).await?;
    let entry = NewEntry {
        message,
        copy: None,
        recipient: letter.to,
        rcpt: &rcpt,
        mail,
        changes: &Changes::default(),
        destination: None,
        reason: letter.reason,
    };
    queue::put(db, gateway, &entry).await?;
    // It has a row now; if the transaction fails, the row is not there and the next start sweeps the file.
    files.pop();
    Ok(())
}

impl Letter<'_> {
    fn octets(&self, gateway: &Gateway) -> Vec<u8> {
        let from = &gateway.options().notices.from;
        let domain = from.rsplit('@').next().unwrap_or("localhost");
        let mut out = String::new();
        for (name, value) in [
            ("Date", date(Timestamp::now())),
            ("From", format!("Mail gateway <{from}>")),
            ("To", format!("<{}>", self.to)),
            ("Subject", self.subject.to_owned()),
            ("Message-ID", format!("<{}@{domain}>", Uuid::now_v7().simple())),
            ("Auto-Submitted", self.automatic.to_owned()),
            ("MIME-Version", "1.0".to_owned()),
            ("Content-Type", self.content_type.clone()),
        ] {
            out.push_str(&line(name, &value));
        }
        if self.content_type.starts_with("text/plain") {
            out.push_str("Content-Transfer-Encoding: base64\r\n\r\n");
            let encoded = STANDARD.encode(self.body.replace("\r\n", "\n").replace('\n', "\r\n"));
            for line in encoded.as_bytes().chunks(76) {
                let _ = write!(out, "{}\r\n", String::from_utf8_lossy(line));
            }
        } else {
            out.push_str("\r\n");
            out.push_str(&self.body);
        }
        out.into_bytes()
    }
}

fn text_letter<'a>(to: &'a str, subject: &'a str, text: &str) -> Letter<'a> {
    Letter {
        to,
        subject,
        content_type: "text/plain; charset=utf-8".to_owned(),
        automatic: "auto-generated",
        body: text.to_owned(),
        reason: "notice",
    }
}

impl About<'_> {
    fn fill(&self, text: &str, gateway: &Gateway) -> String {
        let ids: Vec<String> = self.policy_ids.iter().map(ToString::to_string).collect();
        let console = gateway.options().notices.console_url.trim_end_matches('/');
        let link = |path: String| if console.is_empty() { String::new() } else { format!("{console}{path}") };
        let (id, snapshot, release) = match self.copy {
            Some(id) => {
                let release = link(format!("/release/{id}/{}", gateway.release_key(id)));
                (id.to_string(), link(format!("/incidents/{id}")), release)
            }
            None => Default::default(),
        };
        let one_line = |text: &str| -> String {
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1_000).collect()
        };
        let values = [
            ("$SENDER$", one_line(self.sender)),
            ("$RECIPIENT$", one_line(self.recipient)),
            ("$SUBJECT$", one_line(self.subject)),
            ("$REASON$", one_line(self.reason)),
            ("$INCIDENT_ID$", id),
            ("$POLICY_IDS$", ids.join(", ")),
            ("$SNAPSHOT$", snapshot),
            ("$RELEASE$", release),
        ];
        filled(text, &values)
    }
}

/// In one pass: what a mail says is never taken for a variable.
fn filled(text: &str, values: &[(&str, String)]) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match values.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                out.push_str(value);
                rest = &rest[name.len()..];
            }
            None => {
                out.push('$');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

impl Gateway {
    /// Tells the reviewers of folders about what is new, not too often.
    pub(crate) async fn tell_reviewers(&self) -> Result<(), Error> {
        for row in self.folders().await? {
            if !row.folder.notify.is_empty() {
                self.tell_about(&row).await?;
            }
        }
        Ok(())
    }

    async fn tell_about(&self, row: &FolderRow) -> Result<(), Error> {
        const NAMED: usize = 50;
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        let told = db.fetch("SELECT told_up_to, told_at FROM folder WHERE id = ?", values![row.id]).await?;
        let Some(told) = told.first() else { return Ok(()) };
        let wait = i64::try_from(self.options().notices.interval.saturating_mul(1000)).unwrap_or(i64::MAX);
        if now() < told.get::<i64>("told_at")?.saturating_add(wait) {
            return Ok(());
        }
        let sql = "SELECT c.id, c.recipient, c.entered_at, m.sender, m.subject, m.policy_ids FROM copy c JOIN message m ON m.id = c.message_id \
            WHERE c.folder_id = ? AND c.id > ? AND c.state IN ('held', 'informational') ORDER BY c.id";
        let fresh = db.fetch(sql, values![row.id, told.get::<i64>("told_up_to")?]).await?;
        let Some(last) = fresh.last() else { return Ok(()) };
        let waiting = self.contents_of(row.id).await?.waiting;
        let console = self.options().notices.console_url.trim_end_matches('/');
        let state = match row.folder.kind {
            FolderKind::Hold => State::Held,
            FolderKind::Informational => State::Informational,
        };
        let mut text = format!(
            "{} new in the folder \"{}\", {} there in all.\n\n",
            fresh.len(),
            row.folder.name,
            waiting
        );
        for one in fresh.iter().take(NAMED) {
            let id = one.get::<i64>("id")?;
            let _ = writeln!(
                text,
                "{id}: from {} to {}, at {}, policies {}\n    {}",
                one.get::<String>("sender")?,
                one.get::<String>("recipient")?,
                time(one.get("entered_at")?),
                one.get::<String>("policy_ids")?,
                one.get::<String>("subject")?,
            );
            if !console.is_empty() {
                let _ = writeln!(text, "    {console}/incidents/{id}");
            }
        }
        if fresh.len() > NAMED {
            let _ = writeln!(text, "\nand {} more", fresh.len() - NAMED);
        }
        if !console.is_empty() {
            let _ = writeln!(
                text,
                "\nAll of them: {console}/incidents?folder={}&state={}",
                row.id,
                state.as_str()
            );
        }
        let subject = format!("{} new in \"{}\"", fresh.len(), row.folder.name);
        let mut files = Vec::new();
        for to in &row.folder.notify {
            post(db, self, &text_letter(to, &subject, &text), &mut files).await?;
        }
        let sql = "UPDATE folder SET told_up_to = ?, told_at = ? WHERE id = ?";
        db.run(sql, values![last.get::<i64>("id")?, now(), row.id]).await?;
        transaction.commit().await?;
        self.inner.queue_bell.notify_one();
        Ok(())
    }

    /// The sender of a mail hears why it was rejected, or whatever a reviewer writes. By the queue, never to `<>`.
    pub async fn write_to_sender(
        &self,
        id: u64,
        who: &crate::Who,
        subject: &str,
        text: &str,
    ) -> Result<(), Error> {
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        let copy = crate::decide::Held::load(db, id)
            .await?
            .ok_or_else(|| Error::NotFound(format!("incident {id}")))?;
        let notice =
            Notice { to: vec!["sender".to_owned()], subject: subject.to_owned(), text: text.to_owned() };
        let mut files = Vec::new();
        let words = put(db, self, &notice, &copy.about(""), &mut files).await?;
        tell(db, copy.message, Some(id), &who.words(), "SENDER_WRITTEN_TO", &format!("{words}: {subject}"))
            .await?;
        self.commit(transaction).await?;
        self.inner.queue_bell.notify_one();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mail_says_is_never_a_variable() {
        let values = [("$SUBJECT$", "$REASON$ $SUBJECT$".to_owned()), ("$REASON$", "why".to_owned())];
        assert_eq!(filled("a $SUBJECT$ b $REASON$ $5 $", &values), "a $REASON$ $SUBJECT$ b why $5 $");
    }
}
