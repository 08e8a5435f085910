//! Saved reports, and named credentials whose values are sealed and never shown again.

use store::cipher;
use store::database::{Row, Session};
use store::values;
use zeroize::Zeroizing;

use super::saved::{FORMS, Saved, is_as_shown, mark};
use super::{Actor, Desk};
use crate::Error;
use crate::seal::credential_context;

/// Credentials and what uses them change one after another: none goes in the moment in which something that needs it is saved.
/// Below every other lock that is taken with it.
const CREDENTIALS: i64 = 0x6372_6564;

/// Whether a credential of this name is kept, and goes on to be until the transaction ends.
pub(crate) async fn is_kept(db: &mut dyn Session, credential: &str) -> Result<bool, Error> {
    db.lock(CREDENTIALS).await?;
    Ok(!db.fetch("SELECT 1 AS one FROM credential WHERE name = ?", values![credential]).await?.is_empty())
}

/// A saved search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its number.
    pub id: u64,
    /// Whose.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Others see it too.
    pub shared: bool,
    /// The address bar's filters.
    pub query: String,
}

/// What a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// A user's name and password.
    Password,
    /// A client certificate, its key, and the authority of the far end, in PEM.
    Certificates,
}

impl SecretKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Certificates => "certificates",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Password, Self::Certificates].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A credential as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its name, by which plug-ins ask for it.
    pub name: String,
    /// What it is.
    pub kind: SecretKind,
    /// What may be shown of it: a user's name, a certificate's subject and end.
    pub shown: String,
    /// Who changed it last.
    pub changed_by: String,
    /// What a form carries that was made from it: another one for each value.
    pub mark: String,
}

/// A credential to keep.
#[derive(Debug, Clone, Copy)]
pub struct NewSecret<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: SecretKind,
    /// What may be shown of it.
    pub shown: &'a str,
    /// What may not.
    pub value: &'a [u8],
}

impl Report {
    /// What a form carries that was made from it.
    pub fn mark(&self) -> String {
        mark(&[&self.name, &self.shared.to_string(), &self.query])
    }
}

const REPORTS: &str = "SELECT id, owner, name, shared, query FROM saved_report";
const SECRETS: &str = "SELECT name, kind, shown, sealed, changed_by FROM credential";

fn secret(row: &Row) -> Result<Secret, Error> {
    let (kind, shown): (String, String) = (row.get("kind")?, row.get("shown")?);
    let sealed = blake3::hash(&row.get::<Vec<u8>>("sealed")?).to_hex();
    Ok(Secret {
        name: row.get("name")?,
        kind: SecretKind::parse(&kind).unwrap_or(SecretKind::Password),
        mark: mark(&[&kind, &shown, &sealed]),
        shown,
        changed_by: row.get("changed_by")?,
    })
}

fn report(row: &Row) -> Result<Report, Error> {
    Ok(Report {
        id: row.get::<i64>("id")? as u64,
        owner: row.get("owner")?,
        name: row.get("name")?,
        shared: row.get("shared")?,
        query: row.get("query")?,
    })
}

impl Desk {
    /// One's own reports and the shared ones.
    pub async fn reports(&self, user: &str) -> Result<Vec<Report>, Error> {
        let sql = format!("{REPORTS} WHERE owner = ? OR shared ORDER BY name, id LIMIT 500");
        self.database().fetch(&sql, values![user]).await?.iter().map(report).collect()
    }

    /// Saves a report, or saves over one's own of the same name, as its maker `was` shown it.
    pub async fn save_report(
        &self,
        user: &str,
        name: &str,
        shared: bool,
        query: &str,
        was: &str,
    ) -> Result<Saved<Report>, Error> {
        let name = name.trim();
        if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Ok(Saved::Refused("A report has a name of 1 to 100 characters.".to_owned()));
        }
        if query.len() > 8_000 {
            return Ok(Saved::Refused("The filters of this report are too long to be saved.".to_owned()));
        }
        let mut transaction = self.begin().await?;
        transaction.lock(FORMS).await?;
        let sql = format!("{REPORTS} WHERE owner = ? AND name = ?");
        let now = transaction.fetch(&sql, values![user, name]).await?;
        let now = now.first().map(report).transpose()?;
        if !is_as_shown(now.as_ref(), Report::mark, was) {
            return Ok(Saved::Stale(now));
        }
        let sql = "INSERT INTO saved_report (owner, name, shared, query, made_at) VALUES (?, ?, ?, ?, ?) \
            ON CONFLICT (owner, name) DO UPDATE SET shared = excluded.shared, query = excluded.query";
        let now = jiff::Timestamp::now().as_millisecond();
        transaction.run(sql, values![user, name, shared, query, now]).await?;
        self.commit(transaction).await?;
        Ok(Saved::Done)
    }

    /// Removes one's own report; false if it is not there or somebody else's.
    pub async fn remove_report(&self, user: &str, id: u64) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        if transaction.run("DELETE FROM saved_report WHERE id = ? AND owner = ?", values![id, user]).await?
            == 0
        {
            return Ok(false);
        }
        self.commit(transaction).await?;
        Ok(true)
    }

    /// The credentials, without what is secret.
    pub async fn secrets(&self) -> Result<Vec<Secret>, Error> {
        let sql = format!("{SECRETS} ORDER BY name");
        self.database().fetch(&sql, Vec::new()).await?.iter().map(secret).collect()
    }

    /// Keeps a credential, in the place of whatever has its name.
    pub async fn keep_secret(&self, actor: &Actor, new: NewSecret<'_>) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        transaction.lock(FORMS).await?;
        self.put_secret(&mut *transaction, actor, new).await?;
        self.commit(transaction).await
    }

    /// Keeps a credential, or another one in its place, as its maker `was` shown it.
    pub async fn save_secret(
        &self,
        actor: &Actor,
        new: NewSecret<'_>,
        was: &str,
    ) -> Result<Saved<Secret>, Error> {
        let mut transaction = self.begin().await?;
        transaction.lock(FORMS).await?;
        let now = transaction.fetch(&format!("{SECRETS} WHERE name = ?"), values![new.name]).await?;
        let now = now.first().map(secret).transpose()?;
        if !is_as_shown(now.as_ref(), |now| now.mark.clone(), was) {
            return Ok(Saved::Stale(now));
        }
        self.put_secret(&mut *transaction, actor, new).await?;
        self.commit(transaction).await?;
        Ok(Saved::Done)
    }

    async fn put_secret(&self, db: &mut dyn Session, actor: &Actor, new: NewSecret<'_>) -> Result<(), Error> {
        let NewSecret { name, kind, shown, value } = new;
        let sealed = cipher::seal(self.keys(), &credential_context(name), value)?;
        let sql = "INSERT INTO credential (name, kind, shown, sealed, changed_at, changed_by) VALUES (?, ?, ?, ?, ?, ?) \
            ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, shown = excluded.shown, sealed = excluded.sealed, \
            changed_at = excluded.changed_at, changed_by = excluded.changed_by";
        let now = jiff::Timestamp::now().as_millisecond();
        db.run(sql, values![name, kind.as_str(), shown, sealed, now, actor.who.as_str()]).await?;
        Ok(())
    }

    /// Forgets a credential that nothing needs. False if there is none; the inner error is what needs it, by name: plug-ins and
    /// receivers whose definition `needs` it.
    pub async fn remove_secret(
        &self,
        name: &str,
        needs: impl Fn(&str) -> bool + Send,
    ) -> Result<Result<bool, Vec<String>>, Error> {
        let mut transaction = self.begin().await?;
        transaction.lock(CREDENTIALS).await?;
        let mut users = Vec::new();
        for sql in [
            "SELECT name, definition FROM plugin ORDER BY name",
            "SELECT name, definition FROM receiver ORDER BY name",
        ] {
            for row in transaction.fetch(sql, Vec::new()).await? {
                if needs(&row.get::<String>("definition")?) {
                    users.push(row.get("name")?);
                }
            }
        }
        if !users.is_empty() {
            return Ok(Err(users));
        }
        if transaction.run("DELETE FROM credential WHERE name = ?", values![name]).await? == 0 {
            return Ok(Ok(false));
        }
        self.commit(transaction).await?;
        Ok(Ok(true))
    }

    /// The value, for a plug-in about to use it.
    pub async fn open_secret(&self, name: &str) -> Result<Option<(SecretKind, Zeroizing<Vec<u8>>)>, Error> {
        let rows = self
            .database()
            .fetch("SELECT kind, sealed FROM credential WHERE name = ?", values![name])
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let sealed: Vec<u8> = row.get("sealed")?;
        let value = Zeroizing::new(cipher::open(self.keys(), &credential_context(name), &sealed)?);
        let kind = SecretKind::parse(&row.get::<String>("kind")?).unwrap_or(SecretKind::Password);
        Ok(Some((kind, value)))
    }
}
