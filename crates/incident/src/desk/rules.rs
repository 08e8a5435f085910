//! Smart response rules and plug-ins as rows: names, and definitions in JSON that the server reads.

use store::database::{Row, Session};
use store::values;

use super::saved::{FORMS, Saved, is_as_shown, mark};
use super::{Actor, Desk};
use crate::Error;

const RULES: &str = "SELECT id, name, description, actions, position FROM smart_rule";
const PLUGINS: &str = "SELECT name, definition, second_person FROM plugin";

/// A rule that people start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// Its number.
    pub id: u64,
    /// The name of its button.
    pub name: String,
    /// For whom and when.
    pub description: String,
    /// What it does, as JSON.
    pub actions: String,
    /// Its place among others.
    pub position: i64,
}

/// A plug-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRow {
    /// The name that rules and histories use.
    pub name: String,
    /// What it is and its properties, as JSON.
    pub definition: String,
    /// It runs only once a second person has confirmed.
    pub second_person: bool,
}

/// Why a plug-in stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginUse {
    /// Rules of these names run it.
    Rules(Vec<String>),
    /// Requests of these incidents are under way.
    Incidents(Vec<u64>),
}

impl RuleRow {
    /// What a form carries that was made from it.
    pub fn mark(&self) -> String {
        mark(&[&self.name, &self.description, &self.actions, &self.position.to_string()])
    }
}

impl PluginRow {
    /// What a form carries that was made from it.
    pub fn mark(&self) -> String {
        mark(&[&self.name, &self.definition, &self.second_person.to_string()])
    }
}

impl Desk {
    /// The rules in order.
    pub async fn rules(&self) -> Result<Vec<RuleRow>, Error> {
        let sql = format!("{RULES} ORDER BY position, name");
        self.database().fetch(&sql, Vec::new()).await?.iter().map(rule).collect()
    }

    /// Makes a rule that runs these plug-ins, or changes the one with its number, as its maker `was` shown it.
    pub async fn save_rule(
        &self,
        actor: &Actor,
        rule: &RuleRow,
        plugins: &[&str],
        was: &str,
    ) -> Result<Saved<RuleRow>, Error> {
        let mut transaction = self.begin().await?;
        transaction.lock(FORMS).await?;
        let now = transaction.fetch(&format!("{RULES} WHERE id = ?"), values![rule.id]).await?;
        let now = now.first().map(self::rule).transpose()?;
        if !is_as_shown(now.as_ref(), RuleRow::mark, was) {
            return Ok(Saved::Stale(now));
        }
        if let Some(why) = lacks(&mut *transaction, plugins).await? {
            return Ok(Saved::Refused(why));
        }
        let sql = "SELECT id FROM smart_rule WHERE name = ? AND id <> ?";
        if !transaction.fetch(sql, values![rule.name.as_str(), rule.id]).await?.is_empty() {
            return Ok(Saved::Refused(format!("There is another rule called {}.", rule.name)));
        }
        let now = jiff::Timestamp::now().as_millisecond();
        let (name, description, actions, who) =
            (rule.name.as_str(), rule.description.as_str(), rule.actions.as_str(), actor.who.as_str());
        if rule.id == 0 {
            let sql = "INSERT INTO smart_rule (name, description, actions, position, changed_at, changed_by) VALUES (?, ?, ?, ?, ?, ?)";
            transaction.run(sql, values![name, description, actions, rule.position, now, who]).await?;
        } else {
            let sql = "UPDATE smart_rule SET name = ?, description = ?, actions = ?, position = ?, changed_at = ?, changed_by = ? WHERE id = ?";
            transaction
                .run(sql, values![name, description, actions, rule.position, now, who, rule.id])
                .await?;
        }
        self.commit(transaction).await?;
        Ok(Saved::Done)
    }

    /// Removes a rule.
    pub async fn remove_rule(&self, id: u64) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        if transaction.run("DELETE FROM smart_rule WHERE id = ?", values![id]).await? == 0 {
            return Ok(false);
        }
        self.commit(transaction).await?;
        Ok(true)
    }

    /// The plug-ins by name.
    pub async fn plugins(&self) -> Result<Vec<PluginRow>, Error> {
        let sql = format!("{PLUGINS} ORDER BY name");
        self.database().fetch(&sql, Vec::new()).await?.iter().map(plugin).collect()
    }

    /// Makes a plug-in that needs this credential, or changes the one of its name, as its maker `was` shown it.
    pub async fn save_plugin(
        &self,
        actor: &Actor,
        plugin: &PluginRow,
        credential: Option<&str>,
        was: &str,
    ) -> Result<Saved<PluginRow>, Error> {
        let mut transaction = self.begin().await?;
        if let Some(credential) = credential
            && !super::kept::is_kept(&mut *transaction, credential).await?
        {
            let why = format!("There is no credential named {credential}: make it first, under Credentials.");
            return Ok(Saved::Refused(why));
        }
        transaction.lock(FORMS).await?;
        let now =
            transaction.fetch(&format!("{PLUGINS} WHERE name = ?"), values![plugin.name.as_str()]).await?;
        let now = now.first().map(self::plugin).transpose()?;
        if !is_as_shown(now.as_ref(), PluginRow::mark, was) {
            return Ok(Saved::Stale(now));
        }
        let sql = "INSERT INTO plugin (name, definition, second_person, changed_at, changed_by) VALUES (?, ?, ?, ?, ?) \
            ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, second_person = excluded.second_person, \
            changed_at = excluded.changed_at, changed_by = excluded.changed_by";
        let now = jiff::Timestamp::now().as_millisecond();
        let (name, definition) = (plugin.name.as_str(), plugin.definition.as_str());
        let values = values![name, definition, plugin.second_person, now, actor.who.as_str()];
        transaction.run(sql, values).await?;
        self.commit(transaction).await?;
        Ok(Saved::Done)
    }

    /// Removes a plug-in that no rule runs, as far as its actions `run` it, and nothing waits for. False if there is none; the
    /// inner error is what keeps it.
    pub async fn remove_plugin(
        &self,
        name: &str,
        run: impl Fn(&str) -> bool + Send,
    ) -> Result<Result<bool, PluginUse>, Error> {
        let mut transaction = self.begin().await?;
        transaction.lock(FORMS).await?;
        let mut rules = Vec::new();
        for sql in [
            "SELECT name, actions FROM smart_rule ORDER BY position, name",
            "SELECT name, actions FROM ageing_rule ORDER BY name",
        ] {
            for row in transaction.fetch(sql, Vec::new()).await? {
                if run(&row.get::<String>("actions")?) {
                    rules.push(row.get("name")?);
                }
            }
        }
        if !rules.is_empty() {
            return Ok(Err(PluginUse::Rules(rules)));
        }
        let sql = "SELECT DISTINCT incident_id FROM remediation WHERE plugin = ? AND done_at IS NULL ORDER BY incident_id";
        let waiting = transaction.fetch(sql, values![name]).await?;
        let waiting = waiting.iter().map(|row| Ok(row.get::<i64>("incident_id")? as u64));
        let waiting = waiting.collect::<Result<Vec<_>, Error>>()?;
        if !waiting.is_empty() {
            return Ok(Err(PluginUse::Incidents(waiting)));
        }
        if transaction.run("DELETE FROM plugin WHERE name = ?", values![name]).await? == 0 {
            return Ok(Ok(false));
        }
        self.commit(transaction).await?;
        Ok(Ok(true))
    }
}

/// Which of these plug-ins there is not, in a transaction that keeps the others until it ends.
pub(super) async fn lacks(db: &mut dyn Session, plugins: &[&str]) -> Result<Option<String>, Error> {
    for name in plugins {
        if db.fetch("SELECT 1 AS one FROM plugin WHERE name = ?", values![*name]).await?.is_empty() {
            return Ok(Some(format!("There is no plug-in named {name}.")));
        }
    }
    Ok(None)
}

fn rule(row: &Row) -> Result<RuleRow, Error> {
    Ok(RuleRow {
        id: row.get::<i64>("id")? as u64,
        name: row.get("name")?,
        description: row.get("description")?,
        actions: row.get("actions")?,
        position: row.get("position")?,
    })
}

fn plugin(row: &Row) -> Result<PluginRow, Error> {
    Ok(PluginRow {
        name: row.get("name")?,
        definition: row.get("definition")?,
        second_person: row.get("second_person")?,
    })
}
