//! Chosen incidents are written to an archive, and those that an archive has exactly as they are leave the database.

use std::path::Path;

use jiff::Timestamp;
use store::archive::Writer;
use store::database::Session;
use store::keys::Keys;
use store::values;

use super::rows::Packed;
use super::{About, Archive, END, End, INCIDENT, ORIGINAL, OriginalHead};
use crate::desk::{Access, Condition, Desk};
use crate::retention::{Deleted, delete_one};
use crate::seal::json;
use crate::{Error, Journal};

/// Numbers that are looked for at one time.
const PAGE: u32 = 200;
/// Incidents that leave in one transaction.
const ROWS: usize = 50;

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Incidents.
    pub incidents: u64,
    /// Originals; one for several incidents counts once where they follow each other.
    pub originals: u64,
    /// Incidents that were chosen and are not in it, and why.
    pub left: Vec<(u64, String)>,
    /// Octets of the file.
    pub octets: u64,
    /// Its sum.
    pub sum: String,
}

/// What a step of a removal came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// Incidents that are gone from the database.
    pub gone: Vec<u64>,
    /// Incidents that are in the database otherwise than in the archive, or that something is still to happen to, and why.
    pub left: Vec<(u64, String)>,
}

/// What becomes of an incident that was chosen.
enum Taken {
    Yes(Box<Packed>),
    No(String),
}

impl Desk {
    /// Writes all incidents that meet the condition to a file that does not exist. Nothing changes in the database; the file is
    /// whole on disk when this returns. Incidents that something is still to happen to, or that cannot be read, are left out.
    pub async fn archive(
        &self,
        condition: &Condition,
        about: &About,
        key: &Keys,
        to: &Path,
    ) -> Result<Written, Error> {
        let journal = self.journal();
        let mut writer = Writer::create(to, key, &json(about))?;
        let (mut written, mut after, mut last) = (Written::default(), 0, None);
        loop {
            let ids = self.ids_after(&Access::everything(), condition, after, PAGE).await?;
            let Some(newest) = ids.last() else { break };
            after = *newest;
            for id in ids {
                match write_one(journal, &mut writer, id, &mut last).await? {
                    Some(Ok(new_original)) => {
                        written.incidents += 1;
                        written.originals += u64::from(new_original);
                    }
                    Some(Err(why)) => written.left.push((id, why)),
                    None => {}
                }
            }
        }
        let end = End { incidents: written.incidents, originals: written.originals };
        writer.record(END, &[json(&end).as_bytes()])?;
        (written.octets, written.sum) = writer.finish()?;
        Ok(written)
    }
}

/// Whether an original was written with it; why it was left out; None if it is gone meanwhile.
async fn write_one(
    journal: &Journal,
    writer: &mut Writer,
    id: u64,
    last: &mut Option<i64>,
) -> Result<Option<Result<bool, String>>, Error> {
    let packed = match take(journal, id).await? {
        None => return Ok(None),
        Some(Taken::No(why)) => return Ok(Some(Err(why))),
        Some(Taken::Yes(packed)) => packed,
    };
    let new = packed.original.filter(|name| *last != Some(*name));
    if let Some(name) = new {
        let octets = match journal.original(id).await {
            Ok(Some(octets)) => octets,
            Ok(None) => return Ok(Some(Err("its original was deleted in this moment".to_owned()))),
            Err(error @ (Error::Damaged { .. } | Error::OutOfReach(_))) => {
                return Ok(Some(Err(error.to_string())));
            }
            Err(error) => return Err(error),
        };
        let head = json(&OriginalHead { name });
        writer.record(ORIGINAL, &[&(head.len() as u32).to_be_bytes(), head.as_bytes(), &octets])?;
        *last = Some(name);
    }
    writer.record(INCIDENT, &[json(&packed).as_bytes()])?;
    Ok(Some(Ok(new.is_some())))
}

async fn take(journal: &Journal, id: u64) -> Result<Option<Taken>, Error> {
    let mut transaction = journal.database().begin().await?;
    let taken = match busy(&mut *transaction, id).await? {
        Some(why) => Some(Taken::No(why.to_owned())),
        None => match Packed::read(&mut *transaction, journal.keys(), id).await {
            Err(error @ Error::Damaged { .. }) => Some(Taken::No(error.to_string())),
            packed => packed?.map(|packed| Taken::Yes(Box::new(packed))),
        },
    };
    transaction.commit().await?;
    Ok(taken)
}

/// Why an incident cannot leave yet: something is still to happen to it.
async fn busy(db: &mut dyn Session, id: u64) -> Result<Option<&'static str>, Error> {
    let open = [
        ("SELECT 1 AS one FROM incident WHERE id = ? AND pending > 0", "its message is still on its way"),
        (
            "SELECT 1 AS one FROM effect WHERE incident_id = ? AND done_at IS NULL LIMIT 1",
            "a notice or log message is still to go out",
        ),
        (
            "SELECT 1 AS one FROM remediation WHERE incident_id = ? AND done_at IS NULL LIMIT 1",
            "a plug-in is still at work",
        ),
        (
            "SELECT 1 AS one FROM second_person WHERE incident_id = ? AND state = 'waiting' LIMIT 1",
            "it waits for a second person",
        ),
        (
            "SELECT 1 AS one FROM lookup WHERE incident_id = ? AND done_at IS NULL LIMIT 1",
            "its attributes are still to be looked up",
        ),
        (
            "SELECT 1 AS one FROM shipped WHERE incident_id = ? AND wanted LIMIT 1",
            "its original is still to be handed over",
        ),
    ];
    for (sql, why) in open {
        if !db.fetch(sql, values![id]).await?.is_empty() {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

impl Archive {
    /// Removes the next incidents of the archive from the database, in the transaction of what tells it. None behind the last;
    /// those that are not in the database are passed over.
    pub async fn remove_some(
        &mut self,
        journal: &Journal,
        db: &mut dyn Session,
    ) -> Result<Option<Removal>, Error> {
        let (mut removal, mut deleted, mut any) = (Removal::default(), Deleted::default(), false);
        for _ in 0..ROWS {
            let Some(archived) = self.next()? else { break };
            any = true;
            let id = archived.id;
            let Some(here) = Packed::read(db, journal.keys(), id).await? else { continue };
            if let Some(why) = busy(db, id).await? {
                removal.left.push((id, why.to_owned()));
            } else if here.is(&archived) {
                delete_one(db, id as i64, &mut deleted).await?;
                removal.gone.push(id);
            } else {
                removal.left.push((id, "it is not as the archive has it any more".to_owned()));
            }
        }
        Ok(any.then_some(removal))
    }
}

impl About {
    /// Of now.
    pub fn new(made_by: &str, chosen: &str) -> Self {
        Self { made_at: Timestamp::now(), made_by: made_by.to_owned(), chosen: chosen.to_owned() }
    }
}
