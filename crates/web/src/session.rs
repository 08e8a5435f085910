//! Sessions: a random secret in a cookie, its hash in the database, an idle and an absolute end, revocation at once.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use store::database::{Database, Row, Witnessed};
use store::values;
use zeroize::Zeroizing;

use crate::audit::Entry;
use crate::clock::Clock;
use crate::people::{RoleId, UserId};
use crate::{Error, hex, unhex};

/// Octets of a session's secret.
const OCTETS: usize = 32;
/// When it was last seen is written no more often than this.
const SEEN_EVERY: i64 = 60_000;
/// Messages that wait for the next page.
const MOST_SAID: usize = 8;

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// After so long without a request.
    pub idle: Duration,
    /// After so long in any case.
    pub absolute: Duration,
}

impl Default for Ends {
    /// Half an hour, and a working day.
    fn default() -> Self {
        Self { idle: Duration::from_secs(30 * 60), absolute: Duration::from_secs(10 * 3600) }
    }
}

/// The secret of a session: what the cookie holds.
pub struct Secret(Zeroizing<[u8; OCTETS]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    fn fresh() -> Result<Self, Error> {
        let mut octets = Zeroizing::new([0; OCTETS]);
        getrandom::fill(&mut *octets).map_err(|why| Error::Random(why.to_string()))?;
        Ok(Self(octets))
    }

    /// From a cookie's value.
    pub fn parse(text: &str) -> Option<Self> {
        let octets = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        Some(Self(Zeroizing::new(octets.as_slice().try_into().ok()?)))
    }

    /// For the cookie.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.0))
    }

    /// What is stored.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&*self.0).as_bytes()
    }

    /// What forms of this session carry: nobody without the cookie can know it.
    pub fn form_token(&self) -> String {
        let mut token = [0; 24];
        blake3::Hasher::new_derive_key("weir 2026 form token")
            .update(&*self.0)
            .finalize_xof()
            .fill(&mut token);
        URL_SAFE_NO_PAD.encode(token)
    }
}

/// How a message to the user is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// It was done.
    Done,
    /// Good to know.
    Note,
    /// It was not done, or not all of it.
    Trouble,
}

/// A message that the next page shows once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// How it is meant.
    pub tone: Tone,
    /// In plain text.
    pub text: String,
}

/// A session.
#[derive(Debug, Clone)]
pub struct Session {
    /// What names it: the hash of its secret.
    pub hash: Vec<u8>,
    /// Whose it is.
    pub user: UserId,
    /// In which role.
    pub role: RoleId,
    /// When it began, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was last used.
    pub seen_at: i64,
    /// When it ends in any case.
    pub ends_at: i64,
    /// From which address it began.
    pub peer: String,
    /// The browser's own words.
    pub agent: String,
    /// What waits to be shown.
    pub said: Vec<Said>,
    /// Of a guest: what the session is called where its user is kept.
    pub(crate) elsewhere: Option<String>,
    /// When that server last said that it goes on.
    pub(crate) confirmed_at: i64,
}

/// For whom a session begins.
#[derive(Debug, Clone, Copy)]
enum For<'a> {
    /// Somebody at this console.
    Here,
    /// A guest at this console, whose session has this name where the user is kept.
    Guest(&'a str),
    /// Somebody at the console of this server.
    Through(&'a str),
}

/// All sessions.
#[derive(Debug, Clone)]
pub struct Sessions {
    database: Arc<dyn Database>,
    clock: Clock,
    ends: Ends,
    witnessed: Witnessed,
}

impl Sessions {
    /// Over a database with this crate's tables.
    pub fn new(database: Arc<dyn Database>, clock: Clock, ends: Ends) -> Self {
        Self { database, clock, ends, witnessed: Witnessed::default() }
    }

    /// The same, whose next change is committed together with this line of the audit log.
    pub fn noting(&self, entry: Entry) -> Self {
        Self { witnessed: entry.into(), ..self.clone() }
    }

    /// Begins a session under a secret that nobody had before: one that was planted in a browser is of no use.
    pub async fn begin(&self, user: UserId, role: RoleId, peer: &str, agent: &str) -> Result<Secret, Error> {
        self.begin_for(For::Here, (user, role), peer, agent).await
    }

    /// Begins a session of a guest, which has this name where the user is kept.
    pub(crate) async fn begin_as_guest(
        &self,
        elsewhere: &str,
        (user, role): (UserId, RoleId),
        peer: &str,
        agent: &str,
    ) -> Result<Secret, Error> {
        self.begin_for(For::Guest(elsewhere), (user, role), peer, agent).await
    }

    /// Begins a session that is used through another server's console, and never opens this one. Its name.
    pub async fn begin_through(
        &self,
        server: &str,
        user: UserId,
        role: RoleId,
        peer: &str,
    ) -> Result<String, Error> {
        let agent = format!("Console of {server}");
        // The secret is forgotten: nobody can come in by it.
        Ok(hex(&self.begin_for(For::Through(server), (user, role), peer, &agent).await?.hash()))
    }

    async fn begin_for(
        &self,
        whom: For<'_>,
        (user, role): (UserId, RoleId),
        peer: &str,
        agent: &str,
    ) -> Result<Secret, Error> {
        let secret = Secret::fresh()?;
        let now = self.now();
        let ends_at = now.saturating_add(self.ends.absolute.as_millis() as i64);
        let agent: String = agent.chars().filter(|c| !c.is_control()).take(300).collect();
        let (through, elsewhere) = match whom {
            For::Here => ("", None),
            For::Guest(elsewhere) => ("", Some(elsewhere)),
            For::Through(server) => (server, None),
        };
        let sql = "INSERT INTO web_session (hash, user_id, role_id, created_at, seen_at, ends_at, peer, agent, through, elsewhere, \
            confirmed_at, flash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]')";
        let values =
            values![&secret.hash()[..], user, role, now, now, ends_at, peer, agent, through, elsewhere, now];
        let mut transaction = self.database.begin().await?;
        let idle = now.saturating_sub(self.ends.idle.as_millis() as i64);
        let old = "DELETE FROM web_session WHERE ends_at <= ? OR seen_at <= ?";
        transaction.run(old, values![now, idle]).await?;
        transaction.run(sql, values).await?;
        self.witnessed.commit(transaction).await?;
        Ok(secret)
    }

    /// The session of a secret, if it goes on. Using it keeps it from ending idly.
    pub async fn find(&self, secret: &Secret) -> Result<Option<Session>, Error> {
        self.named(&secret.hash(), "").await
    }

    /// The session of this name that is used through that server's console, if it goes on.
    pub async fn find_through(&self, server: &str, name: &str) -> Result<Option<Session>, Error> {
        match unhex(name) {
            Some(hash) if !server.is_empty() => self.named(&hash, server).await,
            _ => Ok(None),
        }
    }

    async fn named(&self, hash: &[u8], through: &str) -> Result<Option<Session>, Error> {
        let sql = "SELECT * FROM web_session WHERE hash = ? AND through = ?";
        let rows = self.database.fetch(sql, values![hash, through]).await?;
        let Some(found) = rows.first().map(session).transpose()? else { return Ok(None) };
        let now = self.now();
        let idle_end = found.seen_at.saturating_add(self.ends.idle.as_millis() as i64);
        if now >= found.ends_at || now >= idle_end {
            self.end(&found.hash).await?;
            return Ok(None);
        }
        if now - found.seen_at >= SEEN_EVERY {
            self.write("UPDATE web_session SET seen_at = ? WHERE hash = ?", values![now, hash]).await?;
        }
        Ok(Some(found))
    }

    /// A user's sessions, newest first.
    pub async fn of(&self, user: UserId) -> Result<Vec<Session>, Error> {
        let sql = "SELECT * FROM web_session WHERE user_id = ? AND ends_at > ? AND seen_at > ? ORDER BY created_at DESC";
        let idle = self.now().saturating_sub(self.ends.idle.as_millis() as i64);
        let rows = self.database.fetch(sql, values![user, self.now(), idle]).await?;
        rows.iter().map(session).collect()
    }

    /// Ends one.
    pub async fn end(&self, hash: &[u8]) -> Result<(), Error> {
        self.write("DELETE FROM web_session WHERE hash = ?", values![hash]).await
    }

    /// Ends one of that user; false if there is none.
    pub async fn end_of(&self, user: UserId, hash: &[u8]) -> Result<bool, Error> {
        let mut transaction = self.database.begin().await?;
        let sql = "DELETE FROM web_session WHERE hash = ? AND user_id = ?";
        if transaction.run(sql, values![hash, user]).await? == 0 {
            return Ok(false);
        }
        self.witnessed.commit(transaction).await?;
        Ok(true)
    }

    /// Ends all of a user but one.
    pub async fn end_others(&self, user: UserId, keep: &[u8]) -> Result<(), Error> {
        self.write("DELETE FROM web_session WHERE user_id = ? AND hash <> ?", values![user, keep]).await
    }

    /// Goes on in another of the user's roles.
    pub async fn choose_role(&self, hash: &[u8], user: UserId, role: RoleId) -> Result<bool, Error> {
        let mut transaction = self.database.begin().await?;
        let sql = "UPDATE web_session SET role_id = ? WHERE hash = ? AND user_id = ? \
            AND EXISTS (SELECT 1 FROM web_user_role WHERE user_id = ? AND role_id = ?)";
        if transaction.run(sql, values![role, hash, user, user, role]).await? == 0 {
            return Ok(false);
        }
        self.witnessed.commit(transaction).await?;
        Ok(true)
    }

    /// Leaves a message for the next page.
    pub async fn say(&self, hash: &[u8], said: Said) -> Result<(), Error> {
        self.change_said(hash, |all| {
            all.push(Said { text: said.text.chars().take(1_000).collect(), ..said });
            all.drain(..all.len().saturating_sub(MOST_SAID));
        })
        .await
    }

    /// These messages were shown; what was said meanwhile waits for the next page.
    pub async fn shown(&self, hash: &[u8], shown: &[Said]) -> Result<(), Error> {
        self.change_said(hash, |all| {
            for one in shown {
                if let Some(at) = all.iter().position(|waiting| waiting == one) {
                    all.remove(at);
                }
            }
        })
        .await
    }

    async fn change_said(&self, hash: &[u8], change: impl FnOnce(&mut Vec<Said>)) -> Result<(), Error> {
        let mut transaction = self.database.begin().await?;
        let rows = transaction.fetch("SELECT flash FROM web_session WHERE hash = ?", values![hash]).await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let mut all: Vec<Said> = serde_json::from_str(&row.get::<String>("flash")?).unwrap_or_default();
        change(&mut all);
        let text = serde_json::to_string(&all).unwrap_or_default();
        transaction.run("UPDATE web_session SET flash = ? WHERE hash = ?", values![text, hash]).await?;
        Ok(transaction.commit().await?)
    }

    async fn write(&self, sql: &str, values: Vec<store::database::Value>) -> Result<(), Error> {
        let mut transaction = self.database.begin().await?;
        transaction.run(sql, values).await?;
        Ok(self.witnessed.commit(transaction).await?)
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}

fn session(row: &Row) -> Result<Session, Error> {
    Ok(Session {
        hash: row.get("hash")?,
        user: row.get("user_id")?,
        role: row.get("role_id")?,
        created_at: row.get("created_at")?,
        seen_at: row.get("seen_at")?,
        ends_at: row.get("ends_at")?,
        peer: row.get("peer")?,
        agent: row.get("agent")?,
        said: serde_json::from_str(&row.get::<String>("flash")?).unwrap_or_default(),
        elsewhere: row.get("elsewhere")?,
        confirmed_at: row.get("confirmed_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_back_from_its_cookie_and_gives_a_token_that_does_not_tell_it() {
        let secret = Secret::fresh().unwrap();
        let again = Secret::parse(&secret.text()).unwrap();
        assert_eq!((again.hash(), again.form_token()), (secret.hash(), secret.form_token()));
        assert_ne!(secret.form_token(), Secret::fresh().unwrap().form_token());
        assert!(!secret.form_token().contains(&secret.text()[..8]));
        for wrong in ["", "abc", "=", &"A".repeat(44)] {
            assert!(Secret::parse(wrong).is_none(), "{wrong}");
        }
    }
}
