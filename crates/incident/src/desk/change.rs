//! Decisions of people: status, severity, owner, attributes, notes; singly or many at once. One transaction with the history
//! lines that say who, when and from where: all of it or nothing.

use store::database::Session;
use store::values;

use super::look::one;
use super::{Access, Desk, tell};
use crate::seal::shortened;
use crate::{Error, Severity, Status, prevent_status_name};

/// Characters of a note.
const NOTE: usize = 20_000;
/// Characters of an attribute's value, a name, an address.
const VALUE: usize = 2_000;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The name that histories show.
    pub who: String,
    /// From where.
    pub origin: Option<String>,
}

/// What is to be different.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Change {
    /// The name of a status that there is.
    Status(String),
    Severity(Severity),
    /// Whose incident it is; None: nobody's.
    Owner(Option<String>),
    DataOwnerName(Option<String>),
    DataOwnerEmail(Option<String>),
    PreventStatus(i64),
    RemediationLocation(Option<String>),
    /// An empty value takes the attribute away.
    Attribute(String, String),
    Note(String),
    Hidden(bool),
}

/// What became of one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Done.
    Done,
    /// It was so already.
    Unchanged,
    /// There is no such incident for this asker.
    NotThere,
}

impl Desk {
    /// Changes incidents. If one change makes no sense (a status that there is not), nothing is changed: the inner error, for
    /// whoever asked.
    pub async fn change(
        &self,
        access: &Access,
        actor: &Actor,
        ids: &[u64],
        changes: &[Change],
    ) -> Result<Result<Vec<(u64, Changed)>, String>, Error> {
        let mut changes = changes.to_vec();
        for change in &mut changes {
            if let Err(why) = self.resolve(change).await? {
                return Ok(Err(why));
            }
        }
        let mut transaction = self.begin().await?;
        let mut results = Vec::with_capacity(ids.len());
        for id in ids {
            let visible = self.select("incident.id AS id", access, &one(*id));
            if transaction.fetch(&visible.sql, visible.values).await?.is_empty() {
                results.push((*id, Changed::NotThere));
                continue;
            }
            let mut done = Changed::Unchanged;
            for change in &changes {
                if apply(&mut *transaction, *id, actor, change).await? {
                    done = Changed::Done;
                }
            }
            results.push((*id, done));
        }
        transaction.commit().await?;
        Ok(Ok(results))
    }

    /// The status as the table has it; values within their bounds.
    async fn resolve(&self, change: &mut Change) -> Result<Result<(), String>, Error> {
        let too_long = |text: &str, most: usize| text.chars().count() > most;
        match change {
            Change::Status(name) => {
                let known = self.statuses().await?;
                let Some(found) = known.iter().find(|status| status.name.eq_ignore_ascii_case(name)) else {
                    let names: Vec<&str> = known.iter().map(|status| status.name.as_str()).collect();
                    return Ok(Err(format!(
                        "there is no status {:?}; there are {}",
                        shortened(name, 100),
                        names.join(", ")
                    )));
                };
                name.clone_from(&found.name);
            }
            Change::Note(text) if text.trim().is_empty() => return Ok(Err("the note is empty".to_owned())),
            Change::Note(text) if too_long(text, NOTE) => {
                return Ok(Err(format!("a note has at most {NOTE} characters")));
            }
            Change::Attribute(name, _) if name.trim().is_empty() || too_long(name, 100) => {
                return Ok(Err("the name of an attribute has 1 to 100 characters".to_owned()));
            }
            Change::Attribute(_, value)
            | Change::Owner(Some(value))
            | Change::DataOwnerName(Some(value))
            | Change::DataOwnerEmail(Some(value))
            | Change::RemediationLocation(Some(value))
                if too_long(value, VALUE) =>
            {
                return Ok(Err(format!("a value has at most {VALUE} characters")));
            }
            _ => {}
        }
        Ok(Ok(()))
    }
}

/// True if it was different before.
async fn apply(db: &mut dyn Session, id: u64, actor: &Actor, change: &Change) -> Result<bool, Error> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let (action, detail) = match change {
        Change::Status(name) => {
            let before = column::<String>(db, id, "status").await?;
            if before == *name {
                return Ok(false);
            }
            set(db, id, "status", name.as_str()).await?;
            ("SET_STATUS", format!("{before} -> {}", Status::named(name)))
        }
        Change::Severity(severity) => {
            let before = column::<i64>(db, id, "severity").await?;
            if before == *severity as i64 {
                return Ok(false);
            }
            set(db, id, "severity", *severity as i64).await?;
            let before = Severity::from_number(before).map_or("none".to_owned(), |one| one.to_string());
            ("SET_SEVERITY", format!("{before} -> {severity}"))
        }
        Change::PreventStatus(status) => {
            let before = column::<i64>(db, id, "prevent_status").await?;
            if before == *status {
                return Ok(false);
            }
            set(db, id, "prevent_status", *status).await?;
            let (before, now) = (prevent_status_name(before), prevent_status_name(*status));
            ("SET_PREVENT_STATUS", format!("{before} -> {now}"))
        }
        Change::Owner(owner) => {
            if !replace(db, id, "owner", owner).await? {
                return Ok(false);
            }
            ("SET_OWNER", text(owner))
        }
        Change::DataOwnerName(name) => {
            if !replace(db, id, "data_owner_name", name).await? {
                return Ok(false);
            }
            ("SET_DATAOWNER_NAME", text(name))
        }
        Change::DataOwnerEmail(address) => {
            if !replace(db, id, "data_owner_email", address).await? {
                return Ok(false);
            }
            ("SET_DATAOWNER_EMAIL", text(address))
        }
        Change::RemediationLocation(place) => {
            if !replace(db, id, "remediation_location", place).await? {
                return Ok(false);
            }
            ("SET_REMEDIATION_LOCATION", text(place))
        }
        Change::Hidden(hidden) => {
            if column::<bool>(db, id, "hidden").await? == *hidden {
                return Ok(false);
            }
            set(db, id, "hidden", *hidden).await?;
            (if *hidden { "INCIDENT_HIDDEN" } else { "INCIDENT_UNHIDDEN" }, String::new())
        }
        Change::Attribute(name, value) => {
            if !set_attribute(db, id, name, value).await? {
                return Ok(false);
            }
            ("ATTRIBUTES_SET", format!("{name}={value}"))
        }
        Change::Note(note) => {
            let sql = "INSERT INTO note (incident_id, at, who, text) VALUES (?, ?, ?, ?)";
            let at = jiff::Timestamp::now().as_millisecond();
            db.run(sql, values![id, at, actor.who.as_str(), note.as_str()]).await?;
            ("NOTE_ADDED", note.clone())
        }
    };
    tell(db, id, actor, action, &detail).await?;
    Ok(true)
}

async fn column<T: store::database::Column>(db: &mut dyn Session, id: u64, name: &str) -> Result<T, Error> {
    let rows = db.fetch(&format!("SELECT {name} FROM incident WHERE id = ?"), values![id]).await?;
    let row = rows.first().ok_or(Error::Damaged { id, why: "it is gone".to_owned() })?;
    Ok(row.get(name)?)
}

async fn set(
    db: &mut dyn Session,
    id: u64,
    name: &str,
    value: impl Into<store::database::Value>,
) -> Result<(), Error> {
    let values = vec![value.into(), id.into()];
    db.run(&format!("UPDATE incident SET {name} = ? WHERE id = ?"), values).await?;
    Ok(())
}

async fn replace(db: &mut dyn Session, id: u64, name: &str, value: &Option<String>) -> Result<bool, Error> {
    let before = column::<Option<String>>(db, id, name).await?;
    if before == *value {
        return Ok(false);
    }
    set(db, id, name, value.as_deref()).await?;
    Ok(true)
}

async fn set_attribute(db: &mut dyn Session, id: u64, name: &str, value: &str) -> Result<bool, Error> {
    let sql = "SELECT value FROM attribute WHERE incident_id = ? AND name = ?";
    let rows = db.fetch(sql, values![id, name]).await?;
    let before = rows.first().map(|row| row.get::<String>("value")).transpose()?;
    if before.as_deref().unwrap_or_default() == value {
        return Ok(false);
    }
    if value.is_empty() {
        db.run("DELETE FROM attribute WHERE incident_id = ? AND name = ?", values![id, name]).await?;
        return Ok(true);
    }
    let sql = "INSERT INTO attribute (incident_id, name, value) VALUES (?, ?, ?) \
        ON CONFLICT (incident_id, name) DO UPDATE SET value = excluded.value";
    db.run(sql, values![id, name, value]).await?;
    let sql = "INSERT INTO attribute_definition (name, attribute_group, position) VALUES (?, 'Attributes', 1000) ON CONFLICT (name) DO NOTHING";
    db.run(sql, values![name]).await?;
    Ok(true)
}
