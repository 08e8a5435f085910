//! Folders and filters as rows: versioned, audited, changed only when nobody else did meanwhile, deleted only when nothing waits.
//!
//! One truth: if the configuration file has any `[[folder]]` or `[[filter]]`, it is the file, and its content is put into the rows
//! at each start; otherwise the rows are, and a new database begins with one folder and one filter.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::database::{Row, Session};
use store::values;

use crate::filter::{Filter, Judge};
use crate::history::{now, time};
use crate::vault::lock_name;
use crate::{Error, Folder, Gateway, State};

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRow {
    /// Its number.
    pub id: u64,
    /// Grows with each change.
    pub version: u64,
    /// The last change.
    pub changed_at: Timestamp,
    /// Who made it.
    pub changed_by: String,
    /// What it is.
    pub folder: Folder,
}

/// What is in a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FolderContents {
    /// Copies that wait (or informational incidents) in it.
    pub waiting: u64,
    /// Octets of them.
    pub octets: u64,
    /// When the oldest came.
    pub oldest: Option<Timestamp>,
}

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterRow {
    /// Its number.
    pub id: u64,
    /// Grows with each change.
    pub version: u64,
    /// The last change.
    pub changed_at: Timestamp,
    /// Who made it.
    pub changed_by: String,
    /// What it is.
    pub filter: Filter,
}

/// A change of a folder or filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `folder` or `filter`.
    pub kind: String,
    /// Its name after the change.
    pub name: String,
    /// The version made.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// The definition as JSON; none where it was deleted.
    pub definition: Option<String>,
}

const DEFINITIONS: &str = "gateway definitions";
const CONTENTS: &str = "SELECT folder_id, count(*) AS waiting, CAST(coalesce(sum(size), 0) AS BIGINT) AS octets, \
    min(entered_at) AS oldest FROM copy WHERE state IN ('held', 'informational')";

impl Gateway {
    /// What is in each folder, by its number; nothing is in those that are left out.
    pub async fn contents(&self) -> Result<BTreeMap<u64, FolderContents>, Error> {
        let sql = format!("{CONTENTS} GROUP BY folder_id");
        self.database().fetch(&sql, Vec::new()).await?.iter().map(contents).collect()
    }

    /// What is in one folder.
    pub async fn contents_of(&self, folder: u64) -> Result<FolderContents, Error> {
        let sql = format!("{CONTENTS} AND folder_id = ? GROUP BY folder_id");
        let rows = self.database().fetch(&sql, values![folder]).await?;
        Ok(rows.first().map(contents).transpose()?.map(|(_, contents)| contents).unwrap_or_default())
    }

    /// All folders, by name.
    pub async fn folders(&self) -> Result<Vec<FolderRow>, Error> {
        let sql = "SELECT id, version, changed_at, changed_by, definition FROM folder ORDER BY name";
        let rows = self.database().fetch(sql, Vec::new()).await?;
        rows.iter()
            .map(|row| {
                Ok(FolderRow {
                    id: row.get::<i64>("id")? as u64,
                    version: row.get::<i64>("version")? as u64,
                    changed_at: time(row.get("changed_at")?),
                    changed_by: row.get("changed_by")?,
                    folder: definition(row)?,
                })
            })
            .collect()
    }

    /// All filters, in order.
    pub async fn filters(&self) -> Result<Vec<FilterRow>, Error> {
        let sql = "SELECT id, version, changed_at, changed_by, definition FROM filter ORDER BY position, id";
        let rows = self.database().fetch(sql, Vec::new()).await?;
        rows.iter()
            .map(|row| {
                Ok(FilterRow {
                    id: row.get::<i64>("id")? as u64,
                    version: row.get::<i64>("version")? as u64,
                    changed_at: time(row.get("changed_at")?),
                    changed_by: row.get("changed_by")?,
                    filter: definition(row)?,
                })
            })
            .collect()
    }

    /// Makes a folder, or changes the one with this number if it still has this version. Its number.
    pub async fn save_folder(
        &self,
        folder: &Folder,
        known: Option<(u64, u64)>,
        who: &str,
    ) -> Result<u64, Error> {
        self.may_change()?;
        folder.check().map_err(Error::Invalid)?;
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(lock_name(DEFINITIONS)).await?;
        let filters = stored::<Filter>(db, "filter").await?;
        if let Some((id, _)) = known {
            let old: Folder = one(db, "folder", id).await?;
            let by: Vec<String> = filters
                .iter()
                .filter(|f| f.folders().any(|name| name == old.name))
                .map(|f| format!("filter {:?}", f.name))
                .collect();
            if !by.is_empty() && (old.name != folder.name || old.kind != folder.kind) {
                return Err(Error::InUse {
                    what: format!("the folder {:?} (its name and kind)", old.name),
                    by,
                });
            }
        }
        let id = save(db, Kind::Folder, &folder.name, folder, known, who).await?;
        self.commit(transaction).await?;
        Ok(id)
    }

    /// Makes a filter (behind the others), or changes the one with this number if it still has this version. Its number.
    pub async fn save_filter(
        &self,
        filter: &Filter,
        known: Option<(u64, u64)>,
        who: &str,
    ) -> Result<u64, Error> {
        self.may_change()?;
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(lock_name(DEFINITIONS)).await?;
        let folders = stored::<Folder>(db, "folder").await?;
        filter.check(&folders).map_err(Error::Invalid)?;
        let id = save(db, Kind::Filter, &filter.name, filter, known, who).await?;
        self.commit(transaction).await?;
        self.load_filters().await?;
        Ok(id)
    }

    /// Puts the filters into this order, if they still are in the order that they had.
    pub async fn order_filters(&self, was: &[u64], ids: &[u64], who: &str) -> Result<(), Error> {
        self.may_change()?;
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(lock_name(DEFINITIONS)).await?;
        let now = db.fetch("SELECT id FROM filter ORDER BY position, id", Vec::new()).await?;
        let now =
            now.iter().map(|row| Ok(row.get::<i64>("id")? as u64)).collect::<Result<Vec<_>, Error>>()?;
        if now != was {
            return Err(Error::Changed("the order of the filters".to_owned()));
        }
        for (position, id) in ids.iter().enumerate() {
            let sql = "UPDATE filter SET position = ? WHERE id = ?";
            if db.run(sql, values![position as i64, *id]).await? == 0 {
                return Err(Error::NotFound(format!("filter number {id}")));
            }
        }
        let order = serde_json::to_string(ids).unwrap_or_default();
        note(db, Kind::Filter, 0, 0, "(order)", Some(&order), who).await?;
        self.commit(transaction).await?;
        self.load_filters().await
    }

    /// Deletes a folder that nothing waits in and no filter names.
    pub async fn delete_folder(&self, id: u64, who: &str) -> Result<(), Error> {
        self.may_change()?;
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(lock_name(DEFINITIONS)).await?;
        let folder: Folder = one(db, "folder", id).await?;
        let mut by = Vec::new();
        for filter in stored::<Filter>(db, "filter").await? {
            if filter.folders().any(|name| name == folder.name) {
                by.push(format!("filter {:?}", filter.name));
            }
        }
        by.extend(waiting(db, "folder_id = ?", id).await?);
        // Incidents that are over keep their folder's name in sight: it stays until the audit forgets them.
        let rows = db.fetch("SELECT count(*) AS n FROM copy WHERE folder_id = ?", values![id]).await?;
        let over = rows.first().map(|row| row.get::<i64>("n")).transpose()?.unwrap_or(0);
        if by.is_empty() && over > 0 {
            by.push(format!(
                "{over} decided incidents of the message audit (kept {} days)",
                self.options().audit_days
            ));
        }
        if !by.is_empty() {
            return Err(Error::InUse { what: format!("the folder {:?}", folder.name), by });
        }
        db.run("DELETE FROM folder WHERE id = ?", values![id]).await?;
        note(db, Kind::Folder, id, 0, &folder.name, None, who).await?;
        self.commit(transaction).await
    }

    /// Deletes a filter by which nothing is held.
    pub async fn delete_filter(&self, id: u64, who: &str) -> Result<(), Error> {
        self.may_change()?;
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(lock_name(DEFINITIONS)).await?;
        let filter: Filter = one(db, "filter", id).await?;
        let by = waiting(db, "filter_name = ?", filter.name.as_str()).await?;
        if !by.is_empty() {
            return Err(Error::InUse { what: format!("the filter {:?}", filter.name), by });
        }
        db.run("DELETE FROM filter WHERE id = ?", values![id]).await?;
        note(db, Kind::Filter, id, 0, &filter.name, None, who).await?;
        self.commit(transaction).await?;
        self.load_filters().await
    }

    /// The changes of folders and filters, newest first.
    pub async fn changes(&self, limit: usize) -> Result<Vec<Change>, Error> {
        let sql =
            "SELECT kind, name, version, at, who, definition FROM definition_change ORDER BY id DESC LIMIT ?";
        let rows = self.database().fetch(sql, values![limit as u64]).await?;
        rows.iter()
            .map(|row| {
                Ok(Change {
                    kind: row.get("kind")?,
                    name: row.get("name")?,
                    version: row.get::<i64>("version")? as u64,
                    at: time(row.get("at")?),
                    who: row.get("who")?,
                    definition: row.get("definition")?,
                })
            })
            .collect()
    }

    /// Whether the Control Center may change folders and filters, or the configuration file keeps them.
    pub fn definitions_are_in_file(&self) -> bool {
        self.options().keeps_folders_in_file()
    }

    fn may_change(&self) -> Result<(), Error> {
        if self.definitions_are_in_file() { Err(Error::KeptInFile) } else { Ok(()) }
    }

    /// At the start: the file's folders and filters, or the standard ones for a new database.
    pub(crate) async fn seed_definitions(&self) -> Result<(), Error> {
        let options = self.options();
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(lock_name(DEFINITIONS)).await?;
        if options.keeps_folders_in_file() {
            follow_file(db, &options.folder, &options.filter).await?;
        } else if stored::<Folder>(db, "folder").await?.is_empty()
            && stored::<Filter>(db, "filter").await?.is_empty()
        {
            let folder = Folder::standard();
            let filter = Filter::standard(&folder.name);
            save(db, Kind::Folder, &folder.name, &folder, None, "first start").await?;
            save(db, Kind::Filter, &filter.name, &filter, None, "first start").await?;
        }
        transaction.commit().await?;
        self.load_filters().await
    }

    /// Puts the stored filters in force, whole.
    pub(crate) async fn load_filters(&self) -> Result<(), Error> {
        let filters = self.filters().await?.into_iter().map(|row| (row.filter, row.version));
        let judge = Arc::new(Judge::new(filters).map_err(Error::Invalid)?);
        *self.inner.judge.write().unwrap_or_else(PoisonError::into_inner) = judge;
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Folder,
    Filter,
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Filter => "filter",
        }
    }
}

/// Rows become what the file says. A folder that the file left out stays while something is in it.
async fn follow_file(db: &mut dyn Session, folders: &[Folder], filters: &[Filter]) -> Result<(), Error> {
    const WHO: &str = "configuration file";
    for folder in folders {
        put_from_file(db, Kind::Folder, &folder.name, folder, WHO).await?;
    }
    for (position, filter) in filters.iter().enumerate() {
        let id = put_from_file(db, Kind::Filter, &filter.name, filter, WHO).await?;
        db.run("UPDATE filter SET position = ? WHERE id = ?", values![position as i64, id]).await?;
    }
    for row in db.fetch("SELECT id, name FROM filter", Vec::new()).await? {
        let (id, name) = (row.get::<i64>("id")? as u64, row.get::<String>("name")?);
        if !filters.iter().any(|filter| filter.name == name) {
            db.run("DELETE FROM filter WHERE id = ?", values![id]).await?;
            note(db, Kind::Filter, id, 0, &name, None, WHO).await?;
        }
    }
    for row in db
        .fetch(
            "SELECT id, name FROM folder WHERE NOT EXISTS (SELECT 1 FROM copy WHERE folder_id = folder.id)",
            Vec::new(),
        )
        .await?
    {
        let (id, name) = (row.get::<i64>("id")? as u64, row.get::<String>("name")?);
        if !folders.iter().any(|folder| folder.name == name) {
            db.run("DELETE FROM folder WHERE id = ?", values![id]).await?;
            note(db, Kind::Folder, id, 0, &name, None, WHO).await?;
        }
    }
    for row in db.fetch("SELECT id, name FROM folder ORDER BY id", Vec::new()).await? {
        let name = row.get::<String>("name")?;
        if !folders.iter().any(|folder| folder.name == name) {
            let by = waiting(db, "folder_id = ?", row.get::<i64>("id")?).await?.join("; ");
            tracing::warn!(
                folder = name,
                waiting = by,
                "the configuration file leaves out a folder that is in use: it stays"
            );
        }
    }
    Ok(())
}

async fn put_from_file(
    db: &mut dyn Session,
    kind: Kind,
    name: &str,
    what: &(impl Serialize + Sync),
    who: &str,
) -> Result<u64, Error> {
    let sql = format!("SELECT id, version, definition FROM {} WHERE name = ?", kind.table());
    let rows = db.fetch(&sql, values![name]).await?;
    let Some(row) = rows.first() else { return save(db, kind, name, what, None, who).await };
    let (id, version) = (row.get::<i64>("id")? as u64, row.get::<i64>("version")? as u64);
    if row.get::<String>("definition")? == json(what)? {
        return Ok(id);
    }
    save(db, kind, name, what, Some((id, version)), who).await
}

async fn save(
    db: &mut dyn Session,
    kind: Kind,
    name: &str,
    what: &(impl Serialize + Sync),
    known: Option<(u64, u64)>,
    who: &str,
) -> Result<u64, Error> {
    let (table, text) = (kind.table(), json(what)?);
    let sql = format!("SELECT id FROM {table} WHERE name = ? AND id <> ?");
    let namesakes = db.fetch(&sql, values![name, known.map_or(0, |(id, _)| id)]).await?;
    if !namesakes.is_empty() {
        return Err(Error::Invalid(format!("there is a {table} {name:?} already; choose another name")));
    }
    let (id, version) = match known {
        Some((id, version)) => {
            let sql = format!(
                "UPDATE {table} SET name = ?, definition = ?, version = version + 1, changed_at = ?, changed_by = ? WHERE id = ? AND version = ?"
            );
            if db.run(&sql, values![name, text.as_str(), now(), who, id, version]).await? == 0 {
                return Err(Error::Changed(format!("the {table} {name:?}")));
            }
            (id, version + 1)
        }
        None => {
            let (columns, position) = match kind {
                Kind::Folder => ("name, definition, version, changed_at, changed_by", ""),
                Kind::Filter => (
                    "name, definition, version, changed_at, changed_by, position",
                    ", (SELECT coalesce(max(position), 0) + 1 FROM filter)",
                ),
            };
            let sql =
                format!("INSERT INTO {table} ({columns}) VALUES (?, ?, 1, ?, ?{position}) RETURNING id");
            let rows = db.fetch(&sql, values![name, text.as_str(), now(), who]).await?;
            (only_id(&rows)?, 1)
        }
    };
    note(db, kind, id, version, name, Some(&text), who).await?;
    Ok(id)
}

async fn note(
    db: &mut dyn Session,
    kind: Kind,
    id: u64,
    version: u64,
    name: &str,
    text: Option<&str>,
    who: &str,
) -> Result<(), Error> {
    let sql = "INSERT INTO definition_change (kind, object_id, version, name, definition, at, who) VALUES (?, ?, ?, ?, ?, ?, ?)";
    db.run(sql, values![kind.table(), id, version, name, text, now(), who]).await?;
    tracing::info!(kind = kind.table(), name, version, who, deleted = text.is_none(), "definition changed");
    Ok(())
}

/// What waits, as a list for people: by number, for not everybody who may change folders may know for whom it is.
async fn waiting(
    db: &mut dyn Session,
    condition: &str,
    value: impl Into<store::database::Value>,
) -> Result<Vec<String>, Error> {
    const NAMED: usize = 10;
    let value = value.into();
    let sql =
        format!("SELECT id FROM copy WHERE {condition} AND state = '{}' ORDER BY id", State::Held.as_str());
    let rows = db.fetch(&sql, vec![value]).await?;
    let named = rows.iter().take(NAMED).map(|row| Ok(format!("held incident {}", row.get::<i64>("id")?)));
    let mut list: Vec<String> = named.collect::<Result<_, Error>>()?;
    if rows.len() > NAMED {
        list.push(format!("and {} more held incidents", rows.len() - NAMED));
    }
    Ok(list)
}

async fn stored<T: DeserializeOwned>(db: &mut dyn Session, table: &str) -> Result<Vec<T>, Error> {
    let rows = db.fetch(&format!("SELECT definition FROM {table} ORDER BY id"), Vec::new()).await?;
    rows.iter().map(definition).collect()
}

async fn one<T: DeserializeOwned>(db: &mut dyn Session, table: &str, id: u64) -> Result<T, Error> {
    let rows = db.fetch(&format!("SELECT definition FROM {table} WHERE id = ?"), values![id]).await?;
    rows.first().map(definition).transpose()?.ok_or_else(|| Error::NotFound(format!("{table} number {id}")))
}

fn contents(row: &Row) -> Result<(u64, FolderContents), Error> {
    let contents = FolderContents {
        waiting: row.get::<i64>("waiting")? as u64,
        octets: row.get::<i64>("octets")? as u64,
        oldest: row.get::<Option<i64>>("oldest")?.map(time),
    };
    Ok((row.get::<i64>("folder_id")? as u64, contents))
}

fn definition<T: DeserializeOwned>(row: &Row) -> Result<T, Error> {
    let text: String = row.get("definition")?;
    serde_json::from_str(&text).map_err(|why| Error::damaged("the definition of a folder or filter", why))
}

pub(crate) fn json(what: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(what).map_err(|why| Error::damaged("what is to be written", why))
}

pub(crate) fn only_id(rows: &[Row]) -> Result<u64, Error> {
    let row = rows.first().ok_or(store::Error::Database(sqlx::Error::RowNotFound))?;
    Ok(row.get::<i64>("id")? as u64)
}
