//! Where sealed originals lie: in rows, or as objects of an object store that rows name.
//!
//! An object is noted in `original_object` before it is put, and is whole in the store before an original is given it. The row of
//! one that belongs to no original is the note that it is to be deleted: deleting an original makes it, in the same transaction,
//! whatever deletes it. An object of which a crash left only the first note is deleted when that is old.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use store::cipher;
use store::database::{Row, Session};
use store::objects::{Failure, Objects};
use store::values;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::seal::{SealedOriginal, original_context};
use crate::write::only_id;
use crate::{Error, Journal};

/// An object that no original was given after this time never will be: putting it is bounded by far less.
const ABANDONED: SignedDuration = SignedDuration::from_hours(1);
/// A deletion of which nothing was heard is begun again after this time: it is bounded by far less.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// One that failed is tried again after this time.
const LATER: SignedDuration = SignedDuration::from_secs(30);
/// Objects deleted at one time.
const AT_ONCE: u32 = 16;

/// Objects that no original needs any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unneeded {
    /// That are to be deleted now or could not be.
    pub waiting: u64,
    /// Of these, that were tried more than once.
    pub stuck: u64,
    /// Of these, in another place than the object store at hand, if there is one.
    pub out_of_reach: u64,
}

impl Journal {
    /// With an object store for the originals that come from now on. Those that lie in rows are read there.
    #[must_use]
    pub fn with_objects(mut self, objects: Option<Arc<Objects>>) -> Self {
        self.objects = objects;
        self
    }

    /// The object store, if there is one.
    pub fn objects(&self) -> Option<&Arc<Objects>> {
        self.objects.as_ref()
    }

    /// The original of an incident, if it is still kept.
    pub async fn original(&self, id: u64) -> Result<Option<Vec<u8>>, Error> {
        self.read("original.id = (SELECT original_id FROM incident WHERE incident.id = ?)", id).await
    }

    /// The octets of an original by the name that batches give it; None if it is not kept any more.
    pub async fn original_by_name(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let Ok(id) = name.parse::<u64>() else { return Ok(None) };
        self.read("original.id = ?", id).await
    }

    async fn read(&self, which: &str, id: u64) -> Result<Option<Vec<u8>>, Error> {
        let sql = format!(
            "SELECT unique_id, head, sealed, name, place, octets FROM original \
             LEFT JOIN original_body ON original_body.original_id = original.id \
             LEFT JOIN original_object ON original_object.original_id = original.id WHERE {which}"
        );
        let rows = self.database().fetch(&sql, values![id]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let damaged = |why: String| Error::Damaged { id, why: format!("its original: {why}") };
        let body = match (row.get::<Option<Vec<u8>>>("sealed")?, row.get::<Option<String>>("name")?) {
            (Some(body), _) => body,
            (None, Some(name)) => match self.fetch_object(id, &name, row).await? {
                Some(body) => body,
                None => return Ok(None),
            },
            (None, None) => return Err(damaged("its octets are missing".to_owned())),
        };
        let context = original_context(&row.get::<String>("unique_id")?);
        let opened = cipher::open_apart(self.keys(), &context, &row.get::<Vec<u8>>("head")?, &body);
        opened.map(Some).map_err(|why| damaged(why.to_string()))
    }

    /// None if it was deleted meanwhile.
    async fn fetch_object(&self, id: u64, name: &str, row: &Row) -> Result<Option<Vec<u8>>, Error> {
        let objects = self.objects_at(&row.get::<String>("place")?)?;
        let lost = match objects.get(name, row.get::<i64>("octets")? as u64).await {
            Ok(body) => return Ok(Some(body)),
            Err(lost @ (Failure::Missing | Failure::Length(..))) => lost,
            Err(failure) => return Err(store::Error::from(failure).into()),
        };
        let sql = "SELECT 1 AS one FROM original_object WHERE name = ? AND original_id IS NOT NULL";
        if self.database().fetch(sql, values![name]).await?.is_empty() {
            return Ok(None);
        }
        Err(Error::Damaged { id, why: format!("its original, the object {name}: {lost}") })
    }

    /// The object store, if it is the one that is named so.
    fn objects_at(&self, place: &str) -> Result<&Objects, Error> {
        let here = self.objects.as_deref().filter(|objects| objects.place() == place);
        here.ok_or_else(|| Error::OutOfReach(place.to_owned()))
    }

    /// Puts the body of an original into the object store, if there is one and it is not there yet; its name. Whole there when it returns.
    pub(crate) async fn put_object(
        &self,
        unique_id: &str,
        sealed: &mut SealedOriginal,
    ) -> Result<Option<String>, Error> {
        let Some(objects) = &self.objects else { return Ok(None) };
        let sql = "SELECT 1 AS one FROM original WHERE unique_id = ? AND digest = ?";
        if !self.database().fetch(sql, values![unique_id, &sealed.digest[..]]).await?.is_empty() {
            return Ok(None);
        }
        // Whoever probes it tells when it takes something again; until then nothing is noted and sent in vain.
        if let Some(why) = objects.put_trouble() {
            return Err(store::Error::from(why).into());
        }
        let name = Uuid::now_v7().simple().to_string();
        let (octets, due) = (sealed.body.len() as u64, Timestamp::now() + ABANDONED);
        let sql = "INSERT INTO original_object (name, place, octets, due_at) VALUES (?, ?, ?, ?)";
        let mut transaction = self.database().begin().await?;
        transaction.run(sql, values![name.as_str(), objects.place(), octets, due.as_millisecond()]).await?;
        transaction.commit().await?;
        let put = objects.put(&name, std::mem::take(&mut sealed.body)).await;
        put.map_err(store::Error::from)?;
        Ok(Some(name))
    }

    /// Deletes some of the objects that no original needs any more, and tells how many; none: nothing is due. One that cannot be
    /// deleted is due again later, and why is the error.
    pub async fn delete_objects(&self) -> Result<u64, Error> {
        let Some(objects) = &self.objects else { return Ok(0) };
        let mut deleting = JoinSet::new();
        for name in self.claim_unneeded(&objects.place()).await? {
            let objects = objects.clone();
            deleting.spawn(async move { (objects.delete(&name).await, name) });
        }
        let (mut gone, mut failed, mut why) = (Vec::new(), Vec::new(), None);
        while let Some(deleted) = deleting.join_next().await {
            match deleted.map_err(|_| Error::Closed)? {
                (Ok(()), name) => gone.push(name),
                (Err(failure), name) => {
                    failed.push(name);
                    why = Some(failure);
                }
            }
        }
        let deleted = gone.len() as u64;
        if deleted > 0 || why.is_some() {
            let mut transaction = self.database().begin().await?;
            for name in gone {
                let sql = "DELETE FROM original_object WHERE name = ? AND original_id IS NULL";
                transaction.run(sql, values![name]).await?;
            }
            let later = (Timestamp::now() + LATER).as_millisecond();
            for name in failed {
                let sql = "UPDATE original_object SET due_at = ? WHERE name = ?";
                transaction.run(sql, values![later, name]).await?;
            }
            transaction.commit().await?;
        }
        why.map_or(Ok(deleted), |failure| Err(store::Error::from(failure).into()))
    }

    /// Several servers may look at one time: each object is one's, and is nobody's original from then on.
    async fn claim_unneeded(&self, place: &str) -> Result<Vec<String>, Error> {
        let now = Timestamp::now();
        let due = "original_id IS NULL AND due_at <= ? AND place = ?";
        let values = || values![now.as_millisecond(), place];
        // Nothing is written where nothing is to be done.
        let sql = format!("SELECT 1 AS one FROM original_object WHERE {due} LIMIT 1");
        if self.database().fetch(&sql, values()).await?.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "UPDATE original_object SET attempts = attempts + 1, due_at = ? WHERE {due} AND name IN \
             (SELECT name FROM original_object WHERE {due} ORDER BY due_at LIMIT ?) RETURNING name"
        );
        let again = values![(now + AGAIN).as_millisecond()];
        let mut transaction = self.database().begin().await?;
        let rows = transaction.fetch(&sql, [again, values(), values(), values![AT_ONCE]].concat()).await?;
        transaction.commit().await?;
        rows.iter().map(|row| Ok(row.get("name")?)).collect()
    }

    /// Originals that lie in an object store, and so in no backup of the database.
    pub async fn objects_named(&self) -> Result<u64, Error> {
        let sql = "SELECT count(*) AS objects FROM original_object WHERE original_id IS NOT NULL";
        let rows = self.database().fetch(sql, Vec::new()).await?;
        Ok(rows.first().map(|row| row.get::<i64>("objects")).transpose()?.unwrap_or(0) as u64)
    }

    /// Objects that are still to be deleted.
    pub async fn unneeded_objects(&self) -> Result<Unneeded, Error> {
        let sql = "SELECT place, count(*) AS objects, count(*) FILTER (WHERE attempts > 1) AS stuck FROM original_object \
            WHERE original_id IS NULL AND (due_at <= ? OR attempts > 0) GROUP BY place";
        let rows = self.database().fetch(sql, values![Timestamp::now().as_millisecond()]).await?;
        let mut unneeded = Unneeded::default();
        for row in &rows {
            let objects = row.get::<i64>("objects")? as u64;
            unneeded.waiting += objects;
            unneeded.stuck += row.get::<i64>("stuck")? as u64;
            if self.objects_at(&row.get::<String>("place")?).is_err() {
                unneeded.out_of_reach += objects;
            }
        }
        Ok(unneeded)
    }
}

/// Keeps an original once; its id. Its body is the object, or lies in the sealed one.
pub(crate) async fn keep(
    db: &mut dyn Session,
    unique_id: &str,
    sealed: &SealedOriginal,
    object: Option<&str>,
) -> Result<i64, Error> {
    let sql = "INSERT INTO original (unique_id, digest, size, stored_at, head) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id";
    let now = Timestamp::now().as_millisecond();
    let made =
        db.fetch(sql, values![unique_id, &sealed.digest[..], sealed.size, now, &sealed.head[..]]).await?;
    if made.is_empty() {
        if let Some(name) = object {
            not_needed(db, name).await?;
        }
        let sql = "SELECT id FROM original WHERE unique_id = ? AND digest = ?";
        return only_id(&db.fetch(sql, values![unique_id, &sealed.digest[..]]).await?);
    }
    let id = only_id(&made)?;
    match object {
        Some(name) => give(db, name, id).await?,
        None => {
            let sql = "INSERT INTO original_body (original_id, sealed) VALUES (?, ?)";
            db.run(sql, values![id, sealed.body.clone()]).await?;
        }
    }
    Ok(id)
}

/// The object is the original's from now on.
async fn give(db: &mut dyn Session, name: &str, original: i64) -> Result<(), Error> {
    let sql = "UPDATE original_object SET original_id = ?, due_at = 0 WHERE name = ? AND original_id IS NULL AND attempts = 0";
    if db.run(sql, values![original, name]).await? == 1 {
        return Ok(());
    }
    Err(store::Error::from(Failure::Away("the object was given up before it was the original's".to_owned()))
        .into())
}

/// An object that was put in vain is to be deleted at once.
pub(crate) async fn not_needed(db: &mut dyn Session, name: &str) -> Result<(), Error> {
    db.run("UPDATE original_object SET due_at = 0 WHERE name = ? AND original_id IS NULL", values![name])
        .await?;
    Ok(())
}
