//! Workflow statuses, the product's and one's own, and the custom attributes that there are.

use serde::Serialize;
use store::database::Row;
use store::values;

use super::Desk;
use crate::Error;

/// A workflow status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusRow {
    /// Its number; New is 1.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The group that filters and summaries offer.
    pub group: String,
    /// Nobody works on such an incident any more.
    pub closed: bool,
    /// One of the product's: it stays.
    pub built_in: bool,
}

/// A custom attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttributeDefinition {
    /// Its column index in the API.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// Its place among others.
    pub position: i64,
    /// It holds an address.
    pub is_email: bool,
}

impl Desk {
    /// All statuses in order.
    pub async fn statuses(&self) -> Result<Vec<StatusRow>, Error> {
        let sql = "SELECT id, name, status_group, closed, built_in FROM status ORDER BY position, id";
        let status = |row: &Row| {
            Ok(StatusRow {
                id: row.get::<i64>("id")? as u64,
                name: row.get("name")?,
                group: row.get("status_group")?,
                closed: row.get("closed")?,
                built_in: row.get("built_in")?,
            })
        };
        self.database().fetch(sql, Vec::new()).await?.iter().map(status).collect()
    }

    /// Makes a status. The inner error is for whoever asked.
    pub async fn add_status(
        &self,
        name: &str,
        group: &str,
        closed: bool,
    ) -> Result<Result<(), String>, Error> {
        let fits = |text: &str| (1..=60).contains(&text.trim().chars().count());
        if !fits(name) || !fits(group) || name.chars().chain(group.chars()).any(char::is_control) {
            return Ok(Err("a status and its group have names of 1 to 60 characters".to_owned()));
        }
        if self.statuses().await?.iter().any(|known| known.name.to_lowercase() == name.trim().to_lowercase())
        {
            return Ok(Err(format!("there is a status {:?} already", name.trim())));
        }
        let mut transaction = self.begin().await?;
        let sql = "INSERT INTO status (name, status_group, closed, position, built_in) VALUES (?, ?, ?, 100, ?) ON CONFLICT (name) DO NOTHING";
        transaction.run(sql, values![name.trim(), group.trim(), closed, false]).await?;
        transaction.commit().await?;
        Ok(Ok(()))
    }

    /// Removes a status that no incident has.
    pub async fn remove_status(&self, id: u64) -> Result<Result<(), String>, Error> {
        let mut transaction = self.begin().await?;
        let rows = transaction.fetch("SELECT name, built_in FROM status WHERE id = ?", values![id]).await?;
        let Some(row) = rows.first() else { return Ok(Err("there is no such status".to_owned())) };
        if row.get::<bool>("built_in")? {
            return Ok(Err("a built-in status stays".to_owned()));
        }
        let name: String = row.get("name")?;
        let used = transaction
            .fetch("SELECT 1 AS one FROM incident WHERE status = ? LIMIT 1", values![name.as_str()])
            .await?;
        if !used.is_empty() {
            return Ok(Err(format!("incidents have the status {name:?}; give them another one first")));
        }
        transaction.run("DELETE FROM status WHERE id = ?", values![id]).await?;
        transaction.commit().await?;
        Ok(Ok(()))
    }

    /// The custom attributes in order.
    pub async fn attribute_definitions(&self) -> Result<Vec<AttributeDefinition>, Error> {
        let sql = "SELECT id, name, attribute_group, position, is_email FROM attribute_definition ORDER BY position, id";
        let one = |row: &Row| {
            Ok(AttributeDefinition {
                id: row.get::<i64>("id")? as u64,
                name: row.get("name")?,
                group: row.get("attribute_group")?,
                position: row.get("position")?,
                is_email: row.get("is_email")?,
            })
        };
        self.database().fetch(sql, Vec::new()).await?.iter().map(one).collect()
    }

    /// Makes a custom attribute; false if there is one of this name.
    pub async fn define_attribute(&self, name: &str, group: &str, is_email: bool) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        let sql = "INSERT INTO attribute_definition (name, attribute_group, position, is_email) VALUES (?, ?, 100, ?) ON CONFLICT (name) DO NOTHING";
        let made = transaction.run(sql, values![name, group, is_email]).await? > 0;
        transaction.commit().await?;
        Ok(made)
    }
}
