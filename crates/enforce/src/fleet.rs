//! Several Enforce servers over one PostgreSQL database: what the clock starts is done by one of them, and the policy directory
//! of one of them is the truth.
//!
//! Each has a number of its own (`DATA/enforce.id`). What one does for all it holds by a lease, which another may take once it was
//! not renewed for [`LEASE`]. That of the policies names their set, too: another server takes it by itself only if its own
//! directory holds that same set, for an old copy of the directory must not become the truth because its owner restarts.
//! Over the embedded database there is one server, and it holds everything.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::database::{Database, Dialect, Row, Session, Witnessed};
use store::values;

use crate::Error;

/// A lease that was not renewed for so long may be taken by another server. Clocks of servers differ by less.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// How often leases are renewed, and how often a server tells that it is there.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(15);
/// Who did not tell for so long is not one of the servers any more.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(1);
/// What the clock starts: retention, sums, ageing.
pub(crate) const CLOCK: &str = "clock";
const POLICIES: &str = "policies";
/// Transactions on leases go one after another.
const LEASES: i64 = 0x6c65_6173_6573;
const ID_FILE: &str = "enforce.id";

/// Who this server is among those over its database.
#[derive(Debug)]
pub(crate) struct Fleet {
    database: Arc<dyn Database>,
    id: String,
    console_url: String,
    authority: String,
    version: String,
    policies: Mutex<Policies>,
}

/// What this server's policy directory is to the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Policies {
    /// The truth.
    Ours,
    /// The same set as the owner's, whose console is there.
    Same(String),
    /// Another set than the owner's: nothing of it is published.
    Differ(String),
}

/// A server over this database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) console_url: String,
    pub(crate) version: String,
    pub(crate) seen: Timestamp,
    /// It is this one.
    pub(crate) here: bool,
    /// It does what the clock starts.
    pub(crate) clock: bool,
    /// Its policy directory counts.
    pub(crate) policies: bool,
}

impl Fleet {
    pub(crate) fn new(
        database: Arc<dyn Database>,
        data: &Path,
        console_url: &str,
        authority: &str,
        version: &str,
    ) -> Result<Self, Error> {
        let alone = database.dialect() == Dialect::Sqlite;
        Ok(Self {
            database,
            id: if alone { String::new() } else { own_number(data)? },
            console_url: console_url.to_owned(),
            authority: authority.to_owned(),
            version: version.to_owned(),
            policies: Mutex::new(Policies::Ours),
        })
    }

    fn alone(&self) -> bool {
        self.database.dialect() == Dialect::Sqlite
    }

    /// Tells that this server is there. Refused while another runs whose certificates come from another authority: detection
    /// servers would believe one of them only.
    pub(crate) async fn tell(&self) -> Result<(), Error> {
        if self.alone() {
            return Ok(());
        }
        let mut transaction = self.database.begin().await?;
        transaction.lock(LEASES).await?;
        let now = Timestamp::now();
        let sql = "SELECT console_url FROM enforce_server WHERE id <> ? AND authority <> ? AND seen_at > ?";
        let seen_after = (now - FORGOTTEN).as_millisecond();
        let others =
            transaction.fetch(sql, values![self.id.as_str(), self.authority.as_str(), seen_after]).await?;
        if let Some(row) = others.first() {
            return Err(Error::Refused(format!(
                "the certificates here come from another authority than those of the Enforce server at {}, which works on the \
                same database: copy its directory `certificates` here, so that servers believe both",
                row.get::<String>("console_url")?
            )));
        }
        let sql = "INSERT INTO enforce_server (id, console_url, authority, version, seen_at) VALUES (?, ?, ?, ?, ?) \
            ON CONFLICT (id) DO UPDATE SET console_url = excluded.console_url, authority = excluded.authority, \
            version = excluded.version, seen_at = excluded.seen_at";
        let (url, authority) = (self.console_url.as_str(), self.authority.as_str());
        let values = values![self.id.as_str(), url, authority, self.version.as_str(), now.as_millisecond()];
        transaction.run(sql, values).await?;
        transaction.run("DELETE FROM enforce_server WHERE seen_at < ?", values![seen_after]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes or renews a lease; false while another server has it.
    pub(crate) async fn holds(&self, lease: &str) -> Result<bool, Error> {
        if self.alone() {
            return Ok(true);
        }
        let mut transaction = self.database.begin().await?;
        transaction.lock(LEASES).await?;
        let known = known(&mut *transaction, lease).await?;
        let ours = known.is_none_or(|known| known.holder == self.id || known.is_over());
        if ours {
            self.take(&mut *transaction, lease, "").await?;
        }
        transaction.commit().await?;
        Ok(ours)
    }

    /// What the set of this server's policy directory is to the others; its owner's lease is renewed.
    pub(crate) async fn settle(&self, set: &str) -> Result<Policies, Error> {
        if self.alone() {
            return Ok(Policies::Ours);
        }
        let mut transaction = self.database.begin().await?;
        transaction.lock(LEASES).await?;
        let known = known(&mut *transaction, POLICIES).await?;
        let policies = match known {
            Some(known) if known.holder != self.id && !(known.is_over() && known.word == set) => {
                let owner = self.console_of(&mut *transaction, &known.holder).await?;
                if known.word == set { Policies::Same(owner) } else { Policies::Differ(owner) }
            }
            _ => {
                self.take(&mut *transaction, POLICIES, set).await?;
                Policies::Ours
            }
        };
        transaction.commit().await?;
        *self.policies.lock().unwrap_or_else(PoisonError::into_inner) = policies.clone();
        Ok(policies)
    }

    /// Makes this server's policy directory the truth, because somebody says so.
    pub(crate) async fn own_policies(&self, set: &str, witnessed: &Witnessed) -> Result<(), Error> {
        let mut transaction = self.database.begin().await?;
        transaction.lock(LEASES).await?;
        self.take(&mut *transaction, POLICIES, set).await?;
        witnessed.commit(transaction).await?;
        *self.policies.lock().unwrap_or_else(PoisonError::into_inner) = Policies::Ours;
        Ok(())
    }

    /// As of the last [`Fleet::settle`].
    pub(crate) fn policies(&self) -> Policies {
        self.policies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The servers that told within the last hour, by their address. None where there is but this one.
    pub(crate) async fn members(&self) -> Result<Vec<Member>, Error> {
        if self.alone() {
            return Ok(Vec::new());
        }
        let sql = "SELECT id, console_url, version, seen_at FROM enforce_server ORDER BY console_url, id";
        let rows = self.database.fetch(sql, Vec::new()).await?;
        let held = self.database.fetch("SELECT name, holder FROM enforce_lease", Vec::new()).await?;
        let lease = |row: &Row| Ok((row.get("name")?, row.get("holder")?));
        let holders = held.iter().map(lease).collect::<Result<HashMap<String, String>, Error>>()?;
        let holds = |lease: &str, id: &str| holders.get(lease).is_some_and(|holder| holder == id);
        let member = |row: &Row| {
            let id: String = row.get("id")?;
            Ok(Member {
                console_url: row.get("console_url")?,
                version: row.get("version")?,
                seen: Timestamp::from_millisecond(row.get("seen_at")?).unwrap_or(Timestamp::UNIX_EPOCH),
                here: id == self.id,
                clock: holds(CLOCK, &id),
                policies: holds(POLICIES, &id),
            })
        };
        rows.iter().map(member).collect()
    }

    async fn take(&self, db: &mut dyn Session, lease: &str, word: &str) -> Result<(), Error> {
        let sql = "INSERT INTO enforce_lease (name, holder, until, word) VALUES (?, ?, ?, ?) \
            ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until, word = excluded.word";
        let until = (Timestamp::now() + LEASE).as_millisecond();
        db.run(sql, values![lease, self.id.as_str(), until, word]).await?;
        Ok(())
    }

    async fn console_of(&self, db: &mut dyn Session, id: &str) -> Result<String, Error> {
        let rows = db.fetch("SELECT console_url FROM enforce_server WHERE id = ?", values![id]).await?;
        let gone = "a server that is not there any more";
        Ok(rows.first().map(|row| row.get("console_url")).transpose()?.unwrap_or_else(|| gone.to_owned()))
    }
}

/// A lease as it is written down.
struct Known {
    holder: String,
    until: i64,
    word: String,
}

impl Known {
    fn is_over(&self) -> bool {
        self.until < Timestamp::now().as_millisecond()
    }
}

async fn known(db: &mut dyn Session, lease: &str) -> Result<Option<Known>, store::Error> {
    let rows =
        db.fetch("SELECT holder, until, word FROM enforce_lease WHERE name = ?", values![lease]).await?;
    let known = |row: &Row| {
        Ok(Known { holder: row.get("holder")?, until: row.get("until")?, word: row.get("word")? })
    };
    rows.first().map(known).transpose()
}

/// Kept beside the keys, so that a restart is the same server and a copy of the directory without this file is another.
fn own_number(data: &Path) -> Result<String, Error> {
    let path = data.join(ID_FILE);
    let failed = |why: std::io::Error| Error::Refused(format!("{}: {why}", path.display()));
    match std::fs::read_to_string(&path) {
        Ok(text) if uuid::Uuid::try_parse(text.trim()).is_ok() => return Ok(text.trim().to_owned()),
        Ok(_) => {
            return Err(Error::Refused(format!("{} holds no number of a server: remove it", path.display())));
        }
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(failed(why)),
        Err(_) => {}
    }
    let id = uuid::Uuid::now_v7().to_string();
    crate::certificates::write_whole(&path, id.as_bytes(), 0o600).map_err(failed)?;
    Ok(id)
}

#[cfg(test)]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;

#[cfg(test)]
mod tests {
    use super::*;

    /// Servers of the same database, by the letters of their consoles; None where tests without PostgreSQL may be skipped.
    async fn servers(consoles: &[(&str, &str)]) -> Option<Vec<Fleet>> {
        let at = store::database::Location::parse(&postgres::database().await?).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let journal = incident::Journal::open_at(dir.path(), &at, incident::JournalOptions::default()).await;
        let database = journal.unwrap().database().clone();
        store::steps::prepare(&*database, "enforce", crate::STEPS).await.unwrap();
        let mut all = Vec::new();
        for (console, authority) in consoles {
            let data = dir.path().join(console);
            std::fs::create_dir(&data).unwrap();
            all.push(Fleet::new(database.clone(), &data, console, authority, "test").unwrap());
        }
        Some(all)
    }

    async fn is_over(fleet: &Fleet) {
        let mut transaction = fleet.database.begin().await.unwrap();
        transaction.run("UPDATE enforce_lease SET until = 0", Vec::new()).await.unwrap();
        transaction.commit().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lease_has_one_holder_until_it_is_not_renewed() {
        let Some(all) = servers(&[("a", "x"), ("b", "x")]).await else { return };
        let (a, b) = (&all[0], &all[1]);
        assert!(a.holds(CLOCK).await.unwrap() && !b.holds(CLOCK).await.unwrap());
        assert!(a.holds(CLOCK).await.unwrap(), "its holder renews it");
        is_over(a).await;
        assert!(b.holds(CLOCK).await.unwrap() && !a.holds(CLOCK).await.unwrap());
        let (ours, theirs) = tokio::join!(b.holds(CLOCK), a.holds(CLOCK));
        assert_eq!((ours.unwrap(), theirs.unwrap()), (true, false), "asked at the same time");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_old_copy_of_the_policies_does_not_become_the_truth_by_itself() {
        let Some(all) = servers(&[("a", "x"), ("b", "x")]).await else { return };
        let (a, b) = (&all[0], &all[1]);
        a.tell().await.unwrap();
        assert_eq!(a.settle("one").await.unwrap(), Policies::Ours);
        assert_eq!(b.settle("one").await.unwrap(), Policies::Same("a".to_owned()));
        assert_eq!(a.settle("two").await.unwrap(), Policies::Ours);
        assert_eq!(b.settle("one").await.unwrap(), Policies::Differ("a".to_owned()));
        is_over(a).await;
        assert_eq!(b.settle("one").await.unwrap(), Policies::Differ("a".to_owned()), "an old copy");
        assert_eq!(
            b.settle("two").await.unwrap(),
            Policies::Ours,
            "the same set: nothing changes for servers"
        );
        assert_eq!(b.policies(), Policies::Ours);
        b.tell().await.unwrap();
        assert_eq!(a.settle("three").await.unwrap(), Policies::Differ("b".to_owned()));
        a.own_policies("three", &Witnessed::default()).await.unwrap();
        assert_eq!(a.policies(), Policies::Ours);
        assert_eq!(b.settle("two").await.unwrap(), Policies::Differ("a".to_owned()), "somebody said so");
        let members = a.members().await.unwrap();
        let seen: Vec<_> =
            members.iter().map(|one| (one.console_url.as_str(), one.here, one.policies)).collect();
        assert_eq!(seen, [("a", true, true), ("b", false, false)]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_of_another_authority_is_refused_while_the_first_runs() {
        let Some(all) = servers(&[("a", "x"), ("b", "y")]).await else { return };
        let (a, b) = (&all[0], &all[1]);
        a.tell().await.unwrap();
        let refused = b.tell().await.unwrap_err().to_string();
        assert!(
            refused.contains("at a,") && refused.contains("copy its directory `certificates`"),
            "{refused}"
        );
        let mut transaction = a.database.begin().await.unwrap();
        transaction.run("UPDATE enforce_server SET seen_at = 0", Vec::new()).await.unwrap();
        transaction.commit().await.unwrap();
        b.tell().await.unwrap();
        assert_eq!(b.members().await.unwrap().len(), 1, "who is gone is forgotten");
    }

    #[test]
    fn a_restart_is_the_same_server() {
        let dir = tempfile::tempdir().unwrap();
        let id = own_number(dir.path()).unwrap();
        assert_eq!(own_number(dir.path()).unwrap(), id);
        std::fs::write(dir.path().join(ID_FILE), "mine").unwrap();
        assert!(own_number(dir.path()).unwrap_err().to_string().contains("remove it"));
    }
}
