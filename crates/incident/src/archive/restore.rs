//! Incidents of an archive come back into the database with their numbers, histories and originals; what is there already stays.

use jiff::Timestamp;
use store::database::Session;
use store::values;

use super::rows::Packed;
use super::{Archive, spoilt};
use crate::desk::{Actor, tell};
use crate::seal::seal_original;
use crate::write::lock_name;
use crate::{Error, Journal, originals};

/// What became of one incident of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is back.
    Back,
    /// It was in the database.
    There,
    /// Another incident has its number.
    Collides,
    /// It was not asked for.
    NotWanted,
}

/// An incident of an archive that was seen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Its number.
    pub id: u64,
    /// What became of it.
    pub fate: Fate,
}

impl Archive {
    /// Brings the next incident back, if it is `wanted`; None behind the last. Durable when it returns. Ages of retention begin
    /// anew, or what is brought back to be looked at would go at once.
    pub async fn restore_next(
        &mut self,
        journal: &Journal,
        actor: &Actor,
        wanted: impl Fn(u64) -> bool,
    ) -> Result<Option<Restored>, Error> {
        let Some(packed) = self.next()? else { return Ok(None) };
        let id = packed.id;
        let fate = if wanted(id) { self.put_back(journal, actor, &packed).await? } else { Fate::NotWanted };
        Ok(Some(Restored { id, fate }))
    }

    async fn put_back(&self, journal: &Journal, actor: &Actor, packed: &Packed) -> Result<Fate, Error> {
        let unique_id = packed.text("unique_id").map_err(|why| spoilt(&self.from, &why))?;
        // Nothing is sealed and put into an object store for what is there.
        let mut transaction = journal.database().begin().await?;
        let known = known(&mut *transaction, packed, &unique_id).await?;
        transaction.commit().await?;
        if let Some(fate) = known {
            return Ok(fate);
        }
        let mut original = match self.original_of(packed)? {
            Some(octets) => Some(seal_original(journal.keys(), &unique_id, octets)?),
            None => None,
        };
        let object = match &mut original {
            Some(sealed) => journal.put_object(&unique_id, sealed).await?,
            None => None,
        };
        let mut transaction = journal.database().begin().await?;
        let db = &mut *transaction;
        db.lock(lock_name(&unique_id)).await?;
        if let Some(fate) = self::known(db, packed, &unique_id).await? {
            if let Some(name) = &object {
                originals::not_needed(db, name).await?;
                transaction.commit().await?;
            }
            return Ok(fate);
        }
        let original = match &original {
            Some(sealed) => Some(originals::keep(db, &unique_id, sealed, object.as_deref()).await?),
            None => None,
        };
        let now = Timestamp::now().as_millisecond();
        packed.put(db, journal.keys(), original, now).await?;
        // Its old lines were told to receivers when they were new.
        let sql = "DELETE FROM event WHERE history_id IN (SELECT id FROM history WHERE incident_id = ?)";
        db.run(sql, values![packed.id]).await?;
        let detail = format!("from the archive of {}", self.about().made_at.strftime("%Y-%m-%d %H:%M UTC"));
        tell(db, packed.id, actor, "RESTORED_FROM_ARCHIVE", &detail).await?;
        transaction.commit().await?;
        Ok(Fate::Back)
    }
}

/// Whether its number is taken, and by whom.
async fn known(db: &mut dyn Session, packed: &Packed, unique_id: &str) -> Result<Option<Fate>, Error> {
    let sql = "SELECT unique_id, policy_id, recorded_at FROM incident WHERE id = ?";
    let rows = db.fetch(sql, values![packed.id]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let same = row.get::<String>("unique_id")? == unique_id
        && Ok(row.get::<i64>("policy_id")?) == packed.number("policy_id")
        && Ok(row.get::<i64>("recorded_at")?) == packed.number("recorded_at");
    Ok(Some(if same { Fate::There } else { Fate::Collides }))
}
