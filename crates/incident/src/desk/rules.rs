//! Smart response rules, plug-ins and versions of policy files as rows: names, and definitions in JSON that the server reads.

use store::database::Row;
use store::values;

use super::{Actor, Desk};
use crate::Error;

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

/// A change of a file of the policy set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// Its number.
    pub id: u64,
    /// When.
    pub at: jiff::Timestamp,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
    /// What stood there before; empty: nothing.
    pub before: String,
    /// What stood there then.
    pub text: String,
}

impl Desk {
    /// Notes a change of a policy file.
    pub async fn keep_policy_version(
        &self,
        actor: &Actor,
        file: &str,
        before: &str,
        text: &str,
        why: &str,
    ) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        let sql = "INSERT INTO policy_version (file, at, who, why, before, text) VALUES (?, ?, ?, ?, ?, ?)";
        let now = jiff::Timestamp::now().as_millisecond();
        let why = crate::seal::shortened(why, 500);
        transaction.run(sql, values![file, now, actor.who.as_str(), why, before, text]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Changes of a policy file, newest first.
    pub async fn policy_versions(&self, file: &str) -> Result<Vec<PolicyVersion>, Error> {
        let sql = "SELECT id, at, who, why, before, text FROM policy_version WHERE file = ? ORDER BY id DESC LIMIT 100";
        let version = |row: &Row| {
            Ok(PolicyVersion {
                id: row.get::<i64>("id")? as u64,
                at: crate::read::time(row.get("at")?),
                who: row.get("who")?,
                why: row.get("why")?,
                before: row.get("before")?,
                text: row.get("text")?,
            })
        };
        self.database().fetch(sql, values![file]).await?.iter().map(version).collect()
    }

    /// The rules in order.
    pub async fn rules(&self) -> Result<Vec<RuleRow>, Error> {
        let sql = "SELECT id, name, description, actions, position FROM smart_rule ORDER BY position, name";
        let rule = |row: &Row| {
            Ok(RuleRow {
                id: row.get::<i64>("id")? as u64,
                name: row.get("name")?,
                description: row.get("description")?,
                actions: row.get("actions")?,
                position: row.get("position")?,
            })
        };
        self.database().fetch(sql, Vec::new()).await?.iter().map(rule).collect()
    }

    /// Makes a rule, or changes the one with its number. False: the name is taken, or the number is gone.
    pub async fn save_rule(&self, actor: &Actor, rule: &RuleRow) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        let taken = transaction
            .fetch("SELECT id FROM smart_rule WHERE name = ?", values![rule.name.as_str()])
            .await?;
        if let Some(row) = taken.first()
            && row.get::<i64>("id")? as u64 != rule.id
        {
            return Ok(false);
        }
        let now = jiff::Timestamp::now().as_millisecond();
        let (name, description, actions, who) =
            (rule.name.as_str(), rule.description.as_str(), rule.actions.as_str(), actor.who.as_str());
        let touched = if rule.id == 0 {
            let sql = "INSERT INTO smart_rule (name, description, actions, position, changed_at, changed_by) VALUES (?, ?, ?, ?, ?, ?)";
            transaction.run(sql, values![name, description, actions, rule.position, now, who]).await?
        } else {
            let sql = "UPDATE smart_rule SET name = ?, description = ?, actions = ?, position = ?, changed_at = ?, changed_by = ? WHERE id = ?";
            transaction
                .run(sql, values![name, description, actions, rule.position, now, who, rule.id])
                .await?
        };
        transaction.commit().await?;
        Ok(touched > 0)
    }

    /// Removes a rule.
    pub async fn remove_rule(&self, id: u64) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        let gone = transaction.run("DELETE FROM smart_rule WHERE id = ?", values![id]).await?;
        transaction.commit().await?;
        Ok(gone > 0)
    }

    /// The plug-ins by name.
    pub async fn plugins(&self) -> Result<Vec<PluginRow>, Error> {
        let sql = "SELECT name, definition, second_person FROM plugin ORDER BY name";
        let plugin = |row: &Row| {
            Ok(PluginRow {
                name: row.get("name")?,
                definition: row.get("definition")?,
                second_person: row.get("second_person")?,
            })
        };
        self.database().fetch(sql, Vec::new()).await?.iter().map(plugin).collect()
    }

    /// Makes or changes a plug-in that needs this credential. False: there is none of that name.
    pub async fn save_plugin(
        &self,
        actor: &Actor,
        plugin: &PluginRow,
        credential: Option<&str>,
    ) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        if let Some(credential) = credential
            && !super::kept::is_kept(&mut *transaction, credential).await?
        {
            return Ok(false);
        }
        let sql = "INSERT INTO plugin (name, definition, second_person, changed_at, changed_by) VALUES (?, ?, ?, ?, ?) \
            ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, second_person = excluded.second_person, \
            changed_at = excluded.changed_at, changed_by = excluded.changed_by";
        let now = jiff::Timestamp::now().as_millisecond();
        let (name, definition) = (plugin.name.as_str(), plugin.definition.as_str());
        let values = values![name, definition, plugin.second_person, now, actor.who.as_str()];
        transaction.run(sql, values).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes a plug-in that nothing waits for. False if there is none; the inner error is what waits: incidents by number.
    pub async fn remove_plugin(&self, name: &str) -> Result<Result<bool, Vec<u64>>, Error> {
        let mut transaction = self.begin().await?;
        let sql = "SELECT DISTINCT incident_id FROM remediation WHERE plugin = ? AND done_at IS NULL ORDER BY incident_id";
        let waiting = transaction.fetch(sql, values![name]).await?;
        let waiting = waiting.iter().map(|row| Ok(row.get::<i64>("incident_id")? as u64));
        let waiting = waiting.collect::<Result<Vec<_>, Error>>()?;
        if !waiting.is_empty() {
            return Ok(Err(waiting));
        }
        let gone = transaction.run("DELETE FROM plugin WHERE name = ?", values![name]).await?;
        transaction.commit().await?;
        Ok(Ok(gone > 0))
    }
}
