//! The detection server's side of handing incidents over: what changed behind a history line, as it is now.
//!
//! Histories only grow, line numbers only rise, and every change of an incident comes with a line in the same transaction: the
//! number of a line is all that has to be remembered.

use std::collections::HashMap;

use jiff::Timestamp;
use store::cipher;
use store::database::Row;
use store::values;

use crate::seal::{json, matches_context};
use crate::wire::{IncidentBatch, ShippedIncident, ShippedLine};
use crate::{Error, Journal, Severity};

/// Lines looked at for one batch.
const LINES: u32 = 500;
/// Octets of a batch; one incident always goes.
const OCTETS: usize = 4 << 20;

impl Journal {
    /// Which journal this is: a name made at first asking, kept with it, and of no other.
    pub async fn name(&self) -> Result<String, Error> {
        let mut transaction = self.database().begin().await?;
        let fresh = store::keys::random_name()?;
        let sql = "INSERT INTO journal (id, name) VALUES (1, ?) ON CONFLICT DO NOTHING";
        transaction.run(sql, values![fresh]).await?;
        let rows = transaction.fetch("SELECT name FROM journal", Vec::new()).await?;
        transaction.commit().await?;
        rows.first().map_or(Ok(String::new()), |row| Ok(row.get("name")?))
    }

    /// Another name: what was handed over under the old one is handed over again. For a journal that was set back.
    pub async fn rename(&self) -> Result<String, Error> {
        let mut transaction = self.database().begin().await?;
        transaction.run("DELETE FROM journal", Vec::new()).await?;
        transaction.commit().await?;
        self.name().await
    }

    /// Up to which history line Enforce was known to have it.
    pub async fn shipped(&self) -> Result<u64, Error> {
        let rows = self.database().fetch("SELECT shipped FROM journal", Vec::new()).await?;
        Ok(rows.first().map(|row| row.get::<i64>("shipped")).transpose()?.unwrap_or(0) as u64)
    }

    /// Keeps how far Enforce has it.
    pub async fn set_shipped(&self, line: u64) -> Result<(), Error> {
        let mut transaction = self.database().begin().await?;
        transaction.run("UPDATE journal SET shipped = ?", values![line]).await?;
        Ok(transaction.commit().await?)
    }

    /// The newest history line's number and how many there are behind `after`.
    pub async fn behind(&self, after: u64) -> Result<(u64, u64), Error> {
        let newest =
            self.database().fetch("SELECT coalesce(max(id), 0) AS newest FROM history", Vec::new()).await?;
        let waiting =
            self.database().fetch("SELECT count(*) AS waiting FROM history WHERE id > ?", values![after]);
        let (newest, waiting) = (number(&newest, "newest")?, number(&waiting.await?, "waiting")?);
        Ok((newest, waiting))
    }

    /// The next batch behind a history line; None if nothing changed since.
    pub async fn changes(&self, after: u64) -> Result<Option<IncidentBatch>, Error> {
        let sql =
            "SELECT id, incident_id, at, who, action, detail FROM history WHERE id > ? ORDER BY id LIMIT ?";
        let rows = self.database().fetch(sql, values![after, LINES]).await?;
        let lines = rows.iter().map(line).collect::<Result<Vec<_>, _>>()?;
        let Some((_, last)) = lines.last() else { return Ok(None) };
        let mut batch = IncidentBatch {
            journal: self.name().await?,
            after,
            up_to: last.seq,
            waiting: 0,
            incidents: Vec::new(),
        };
        let (mut places, mut octets) = (HashMap::new(), 0);
        for (id, line) in lines {
            if let Some(place) = places.get(&id) {
                let incident: &mut ShippedIncident = &mut batch.incidents[*place];
                incident.lines.push(line);
                continue;
            }
            if octets > OCTETS {
                batch.up_to = line.seq - 1;
                break;
            }
            // One that was deleted a moment ago has nothing to tell.
            let Some(mut incident) = self.incident_to_ship(id).await? else { continue };
            octets += json(&incident).len();
            incident.lines.push(line);
            places.insert(id, batch.incidents.len());
            batch.incidents.push(incident);
        }
        batch.waiting = self.behind(batch.up_to).await?.1;
        Ok(Some(batch))
    }

    async fn incident_to_ship(&self, id: u64) -> Result<Option<ShippedIncident>, Error> {
        let rows = self.database().fetch("SELECT * FROM incident WHERE id = ?", values![id]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let damaged = |why: &dyn std::fmt::Display| Error::Damaged { id, why: why.to_string() };
        let (unique_id, policy_id) = (row.get::<String>("unique_id")?, row.get::<i64>("policy_id")? as u32);
        let context = matches_context(&unique_id, policy_id);
        let matches = cipher::open(self.keys(), &context, &row.get::<Vec<u8>>("matches")?)
            .map_err(|why| damaged(&why))?;
        let text = |name: &str| row.get::<String>(name);
        Ok(Some(ShippedIncident {
            id,
            message_id: row.get("message_id")?,
            sender: row.get("sender")?,
            recipients: serde_json::from_str(&text("recipients")?).map_err(|why| damaged(&why))?,
            subject: row.get("subject")?,
            peer: row.get("peer")?,
            direction: row.get("direction")?,
            server: row.get("server")?,
            received_at: time(row, "received_at")?,
            last_seen: time(row, "last_seen")?,
            size: row.get::<i64>("size")? as u64,
            policy_id,
            policy: row.get("policy")?,
            policy_version: row.get("policy_version")?,
            policy_set: row.get("policy_set")?,
            severity: Severity::from_number(row.get("severity")?).map_err(|why| damaged(&why))?,
            status: row.get("status")?,
            prevent_status: row.get("prevent_status")?,
            match_count: row.get::<i64>("match_count")? as u64,
            count_is_complete: row.get("count_is_complete")?,
            trial: row.get("trial")?,
            response_rules: serde_json::from_str(&text("response_rules")?).map_err(|why| damaged(&why))?,
            unscannable: serde_json::from_str(&text("unscannable")?).map_err(|why| damaged(&why))?,
            matches: serde_json::from_slice(&matches).map_err(|why| damaged(&why))?,
            outcome: row.get("outcome")?,
            attributes: self.attributes_to_ship(id).await?,
            original: row.get::<Option<i64>>("original_id")?.map(|id| id.to_string()),
            lines: Vec::new(),
            unique_message_id: unique_id,
        }))
    }

    async fn attributes_to_ship(&self, id: u64) -> Result<Vec<(String, String)>, Error> {
        let sql = "SELECT name, value FROM attribute WHERE incident_id = ? ORDER BY name";
        let rows = self.database().fetch(sql, values![id]).await?;
        rows.iter().map(|row| Ok((row.get("name")?, row.get("value")?))).collect()
    }
}

fn line(row: &Row) -> Result<(u64, ShippedLine), Error> {
    let line = ShippedLine {
        seq: row.get::<i64>("id")? as u64,
        at: time(row, "at")?,
        who: row.get("who")?,
        action: row.get("action")?,
        detail: row.get("detail")?,
    };
    Ok((row.get::<i64>("incident_id")? as u64, line))
}

fn number(rows: &[Row], name: &str) -> Result<u64, Error> {
    Ok(rows.first().map(|row| row.get::<i64>(name)).transpose()?.unwrap_or(0) as u64)
}

fn time(row: &Row, name: &str) -> Result<Timestamp, Error> {
    Ok(Timestamp::from_millisecond(row.get(name)?).unwrap_or(Timestamp::UNIX_EPOCH))
}
