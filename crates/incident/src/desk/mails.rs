//! Messages behind incidents, for those who look at many of them again: who sent what to whom, and whether the original is kept.

use jiff::Timestamp;
use store::database::Row;

use super::{Access, Condition, Desk, Field, Order, Scalar};
use crate::Error;
use crate::read::time;

/// A message of which there are incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedMail {
    /// An incident of it that the asker may see; one with the original, if any has it.
    pub incident: u64,
    /// The same for all incidents of one message.
    pub unique_message_id: String,
    /// The envelope's sender.
    pub sender: String,
    /// The envelope's recipients.
    pub recipients: Vec<String>,
    /// Where it came from.
    pub peer: Option<String>,
    /// When.
    pub received_at: Timestamp,
    /// The original is kept.
    pub original_kept: bool,
}

impl Desk {
    /// Messages received since then of which the asker may see an incident, newest first, each once. Looks at no more than
    /// `limit` incidents; true if there were more.
    pub async fn mails_since(
        &self,
        access: &Access,
        since: Timestamp,
        limit: u32,
    ) -> Result<(Vec<RecordedMail>, bool), Error> {
        let since = Scalar::Number(since.as_millisecond());
        let condition = Condition::Compare(Field::ReceivedAt, Order::GreaterOrEqual, since);
        let columns = "id, unique_id, sender, recipients, peer, received_at, original_id";
        let mut writer = self.select(columns, access, &condition);
        writer.sql.push_str(" ORDER BY received_at DESC, incident.id DESC LIMIT ?");
        writer.values.push((u64::from(limit) + 1).into());
        let rows = self.database().fetch(&writer.sql, writer.values).await?;
        let more = rows.len() > limit as usize;
        let mut mails: Vec<RecordedMail> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for row in rows.iter().take(limit as usize) {
            let mail = mail(row)?;
            match places.get(&mail.unique_message_id) {
                None => {
                    places.insert(mail.unique_message_id.clone(), mails.len());
                    mails.push(mail);
                }
                Some(at) => mails[*at].join(mail),
            }
        }
        Ok((mails, more))
    }
}

impl RecordedMail {
    /// Copies that were split by recipient are one message.
    fn join(&mut self, other: Self) {
        if other.original_kept && !self.original_kept {
            (self.incident, self.original_kept) = (other.incident, true);
        }
        let new: Vec<String> =
            other.recipients.into_iter().filter(|one| !self.recipients.contains(one)).collect();
        self.recipients.extend(new);
    }
}

fn mail(row: &Row) -> Result<RecordedMail, Error> {
    let id = row.get::<i64>("id")? as u64;
    let recipients = serde_json::from_str(&row.get::<String>("recipients")?);
    Ok(RecordedMail {
        incident: id,
        unique_message_id: row.get("unique_id")?,
        sender: row.get("sender")?,
        recipients: recipients.map_err(|why| Error::Damaged { id, why: why.to_string() })?,
        peer: row.get("peer")?,
        received_at: time(row.get("received_at")?),
        original_kept: row.get::<Option<i64>>("original_id")?.is_some(),
    })
}
