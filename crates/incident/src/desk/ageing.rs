//! Rules for incidents that stay too long in a status. Each acts once on an incident for each time that it came to the status.

use jiff::{SignedDuration, Timestamp};
use store::database::{Row, Session};
use store::values;

use super::saved::{self, FORMS, Saved, is_as_shown};
use super::{Actor, Desk};
use crate::Error;

const RULES: &str = "SELECT id, name, status, hours, actions, acts_on_mail FROM ageing_rule";

/// A rule as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgeingRow {
    /// Its number; 0 for a new one.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The status in which incidents are too long.
    pub status: String,
    /// So many hours are too long.
    pub hours: u32,
    /// What is done, as JSON.
    pub actions: String,
    /// It may run plug-ins, which may release or delete held mail.
    pub acts_on_mail: bool,
}

impl AgeingRow {
    /// What a form carries that was made from it.
    pub fn mark(&self) -> String {
        let (hours, acts_on_mail) = (self.hours.to_string(), self.acts_on_mail.to_string());
        saved::mark(&[&self.name, &self.status, &hours, &self.actions, &acts_on_mail])
    }
}

fn rule(row: &Row) -> Result<AgeingRow, Error> {
    Ok(AgeingRow {
        id: row.get::<i64>("id")? as u64,
        name: row.get("name")?,
        status: row.get("status")?,
        hours: row.get::<i64>("hours")? as u32,
        actions: row.get("actions")?,
        acts_on_mail: row.get("acts_on_mail")?,
    })
}

impl Desk {
    /// The rules by name.
    pub async fn ageing_rules(&self) -> Result<Vec<AgeingRow>, Error> {
        let sql = format!("{RULES} ORDER BY name");
        self.database().fetch(&sql, Vec::new()).await?.iter().map(rule).collect()
    }

    /// Makes a rule that runs these plug-ins, or changes the one of this name, as its maker `was` shown it: it acts anew on
    /// incidents that it acted on.
    pub async fn save_ageing_rule(
        &self,
        actor: &Actor,
        rule: &AgeingRow,
        plugins: &[&str],
        was: &str,
    ) -> Result<Saved<AgeingRow>, Error> {
        let mut transaction = self.begin().await?;
        transaction.lock(FORMS).await?;
        let name = rule.name.as_str();
        let now = transaction.fetch(&format!("{RULES} WHERE name = ?"), values![name]).await?;
        let now = now.first().map(self::rule).transpose()?;
        if !is_as_shown(now.as_ref(), AgeingRow::mark, was) {
            return Ok(Saved::Stale(now));
        }
        if let Some(why) = super::rules::lacks(&mut *transaction, plugins).await? {
            return Ok(Saved::Refused(why));
        }
        transaction.run("DELETE FROM ageing_rule WHERE name = ?", values![name]).await?;
        let sql = "INSERT INTO ageing_rule (name, status, hours, actions, acts_on_mail, changed_at, changed_by) \
            VALUES (?, ?, ?, ?, ?, ?, ?)";
        let now = Timestamp::now().as_millisecond();
        let (status, actions, who) = (rule.status.as_str(), rule.actions.as_str(), actor.who.as_str());
        transaction.run(sql, values![name, status, rule.hours, actions, rule.acts_on_mail, now, who]).await?;
        self.commit(transaction).await?;
        Ok(Saved::Done)
    }

    /// Removes a rule.
    pub async fn remove_ageing_rule(&self, id: u64) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        if transaction.run("DELETE FROM ageing_rule WHERE id = ?", values![id]).await? == 0 {
            return Ok(false);
        }
        self.commit(transaction).await?;
        Ok(true)
    }

    /// Incidents on which the rule is to act now, at most `limit`, those first that wait longest. Hidden ones are left alone.
    pub async fn too_old(&self, rule: &AgeingRow, limit: u32) -> Result<Vec<u64>, Error> {
        let age = SignedDuration::from_hours(rule.hours.into());
        let before = Timestamp::now().checked_sub(age).unwrap_or(Timestamp::MIN).as_millisecond();
        let sql = "SELECT id FROM incident WHERE status = ? AND coalesce(status_at, recorded_at) <= ? AND NOT hidden \
            AND NOT EXISTS (SELECT 1 FROM aged WHERE rule_id = ? AND incident_id = incident.id \
            AND since = coalesce(incident.status_at, incident.recorded_at)) \
            ORDER BY coalesce(status_at, recorded_at) LIMIT ?";
        let rows = self.database().fetch(sql, values![rule.status.as_str(), before, rule.id, limit]).await?;
        rows.iter().map(|row| Ok(row.get::<i64>("id")? as u64)).collect()
    }
}

/// Notes that a rule acts on an incident which has its status since then. False if it did so before.
pub(super) async fn mark(db: &mut dyn Session, rule: u64, incident: u64, since: i64) -> Result<bool, Error> {
    let sql = "INSERT INTO aged (rule_id, incident_id, since) VALUES (?, ?, ?) \
        ON CONFLICT (rule_id, incident_id) DO UPDATE SET since = excluded.since WHERE aged.since <> excluded.since";
    Ok(db.run(sql, values![rule, incident, since]).await? > 0)
}
