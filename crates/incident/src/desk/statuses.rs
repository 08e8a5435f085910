//! Workflow statuses, the product's and one's own, and the custom attributes that there are.

use serde::Serialize;
use store::database::{Dialect, Row, Session};
use store::values;

use super::Desk;
use super::saved::{FORMS, Saved, is_as_shown, mark};
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
    /// Its place among others.
    pub position: i64,
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

/// Names are compared without regard to case, which no index does: one after another.
const NAMES: i64 = 0x7374_6174_7573;
const ATTRIBUTES: &str = "SELECT id, name, attribute_group, position, is_email FROM attribute_definition";
const ALL: &str =
    "SELECT id, name, status_group, closed, position, built_in FROM status ORDER BY position, id";

fn status(row: &Row) -> Result<StatusRow, Error> {
    Ok(StatusRow {
        id: row.get::<i64>("id")? as u64,
        name: row.get("name")?,
        group: row.get("status_group")?,
        closed: row.get("closed")?,
        position: row.get("position")?,
        built_in: row.get("built_in")?,
    })
}

impl StatusRow {
    /// What a form carries that was made from it.
    pub fn mark(&self) -> String {
        mark(&[&self.name, &self.group, &self.closed.to_string(), &self.position.to_string()])
    }
}

impl AttributeDefinition {
    /// What a form carries that was made from it.
    pub fn mark(&self) -> String {
        mark(&[&self.name, &self.group, &self.position.to_string(), &self.is_email.to_string()])
    }
}

fn attribute(row: &Row) -> Result<AttributeDefinition, Error> {
    Ok(AttributeDefinition {
        id: row.get::<i64>("id")? as u64,
        name: row.get("name")?,
        group: row.get("attribute_group")?,
        position: row.get("position")?,
        is_email: row.get("is_email")?,
    })
}

/// All statuses, none of which goes away before this transaction ends.
pub(super) async fn kept(db: &mut dyn Session) -> Result<Vec<StatusRow>, Error> {
    let share = if db.dialect() == Dialect::Postgres { " FOR SHARE" } else { "" };
    db.fetch(&format!("{ALL}{share}"), Vec::new()).await?.iter().map(status).collect()
}

/// An attribute that somebody sets is one that there is.
pub(crate) async fn known_attribute(db: &mut dyn Session, name: &str) -> Result<(), Error> {
    let sql = "INSERT INTO attribute_definition (name, attribute_group, position) VALUES (?, 'Attributes', 1000) \
        ON CONFLICT (name) DO NOTHING";
    db.run(sql, values![name]).await?;
    Ok(())
}

impl Desk {
    /// All statuses in order.
    pub async fn statuses(&self) -> Result<Vec<StatusRow>, Error> {
        self.database().fetch(ALL, Vec::new()).await?.iter().map(status).collect()
    }

    /// Makes a status, or changes group, meaning and place of the own one of this name, as its maker `was` shown it.
    pub async fn save_status(
        &self,
        name: &str,
        group: &str,
        closed: bool,
        position: i64,
        was: &str,
    ) -> Result<Saved<StatusRow>, Error> {
        let (name, group) = (name.trim(), group.trim());
        if !fits(name) || !fits(group) {
            return Ok(Saved::Refused("a status and its group have names of 1 to 60 characters".to_owned()));
        }
        let mut transaction = self.begin().await?;
        transaction.lock(NAMES).await?;
        let known = kept(&mut *transaction).await?;
        let now = known.into_iter().find(|known| known.name.to_lowercase() == name.to_lowercase());
        match now {
            Some(known) if known.built_in => {
                return Ok(Saved::Refused(format!("{:?} is built in and stays as it is", known.name)));
            }
            now if !is_as_shown(now.as_ref(), StatusRow::mark, was) => return Ok(Saved::Stale(now)),
            Some(known) => {
                let sql = "UPDATE status SET status_group = ?, closed = ?, position = ? WHERE id = ?";
                transaction.run(sql, values![group, closed, position, known.id]).await?;
            }
            None => {
                let sql = "INSERT INTO status (name, status_group, closed, position, built_in) VALUES (?, ?, ?, ?, ?)";
                transaction.run(sql, values![name, group, closed, position, false]).await?;
            }
        }
        self.commit(transaction).await?;
        Ok(Saved::Done)
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
        // Removed first, looked for then: a decision that gives an incident this status meanwhile is waited for.
        transaction.run("DELETE FROM status WHERE id = ?", values![id]).await?;
        let used = transaction
            .fetch("SELECT 1 AS one FROM incident WHERE status = ? LIMIT 1", values![name.as_str()])
            .await?;
        if !used.is_empty() {
            return Ok(Err(format!("incidents have the status {name:?}; give them another one first")));
        }
        self.commit(transaction).await?;
        Ok(Ok(()))
    }

    /// The custom attributes in order.
    pub async fn attribute_definitions(&self) -> Result<Vec<AttributeDefinition>, Error> {
        let sql = format!("{ATTRIBUTES} ORDER BY position, id");
        self.database().fetch(&sql, Vec::new()).await?.iter().map(attribute).collect()
    }

    /// Makes a custom attribute, or changes group, place and kind of the one of this name, as its maker `was` shown it.
    pub async fn save_attribute(
        &self,
        name: &str,
        group: &str,
        position: i64,
        is_email: bool,
        was: &str,
    ) -> Result<Saved<AttributeDefinition>, Error> {
        let (name, group) = (name.trim(), group.trim());
        if !fits(name) || !fits(group) {
            let why = "an attribute and its group have names of 1 to 60 characters";
            return Ok(Saved::Refused(why.to_owned()));
        }
        let mut transaction = self.begin().await?;
        transaction.lock(FORMS).await?;
        let now = transaction.fetch(&format!("{ATTRIBUTES} WHERE name = ?"), values![name]).await?;
        let now = now.first().map(attribute).transpose()?;
        if !is_as_shown(now.as_ref(), AttributeDefinition::mark, was) {
            return Ok(Saved::Stale(now));
        }
        let sql = "INSERT INTO attribute_definition (name, attribute_group, position, is_email) VALUES (?, ?, ?, ?) \
            ON CONFLICT (name) DO UPDATE SET attribute_group = excluded.attribute_group, position = excluded.position, \
            is_email = excluded.is_email";
        transaction.run(sql, values![name, group, position, is_email]).await?;
        self.commit(transaction).await?;
        Ok(Saved::Done)
    }

    /// Removes a custom attribute with its values. How many incidents had one; None: there is no such attribute.
    pub async fn remove_attribute(&self, id: u64) -> Result<Option<u64>, Error> {
        let mut transaction = self.begin().await?;
        let sql = "DELETE FROM attribute_definition WHERE id = ? RETURNING name";
        let rows = transaction.fetch(sql, values![id]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let name: String = row.get("name")?;
        let gone = transaction.run("DELETE FROM attribute WHERE name = ?", values![name]).await?;
        self.commit(transaction).await?;
        Ok(Some(gone))
    }
}

fn fits(name: &str) -> bool {
    (1..=60).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}
