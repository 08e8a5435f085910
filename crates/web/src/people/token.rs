//! API tokens: a long random text that stands for a user in one role. Its hash is kept; it is shown once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::database::Row;
use store::values;
use zeroize::Zeroizing;

use super::{People, RoleId, User, UserId, plain};
use crate::Error;

/// What a token begins with, so that people and scanners know one when they see it.
pub(crate) const PREFIX: &str = "weir_";
/// When it was last used is written no more often than this.
const SEEN_EVERY: i64 = 60_000;
/// Tokens of one user.
const MOST: usize = 50;

/// A token as it is listed: without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its number.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// The role that it acts in.
    pub role: RoleId,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it ends.
    pub ends_at: Option<i64>,
    /// When it was last used.
    pub seen_at: Option<i64>,
}

/// A token that was just made: the only time that its text is there.
#[derive(Debug)]
pub struct NewToken {
    /// Its number.
    pub id: i64,
    /// What a client sends.
    pub text: Zeroizing<String>,
}

impl People {
    /// Makes a token for one of the user's roles.
    pub async fn make_token(
        &self,
        user: UserId,
        role: RoleId,
        name: &str,
        ends_at: Option<i64>,
    ) -> Result<NewToken, Error> {
        let name = plain("The token's name", name, 100)?;
        let known = self.user(user).await?.ok_or(Error::Gone)?;
        known.at_home()?;
        if !known.roles.iter().any(|(id, _)| *id == role) {
            return Err(Error::Bad("The user does not have that role: choose one that it has.".to_owned()));
        }
        if self.tokens(user).await?.len() >= MOST {
            return Err(Error::Bad(format!(
                "There are {MOST} tokens already: revoke those that are not used."
            )));
        }
        let (text, hash) = fresh()?;
        let mut transaction = self.database().begin().await?;
        let sql = "INSERT INTO web_token (user_id, role_id, name, hash, created_at, ends_at) \
            VALUES (?, ?, ?, ?, ?, ?) RETURNING id";
        let values = values![user, role, name, &hash[..], self.now(), ends_at];
        let id = transaction.fetch(sql, values).await?.first().ok_or(Error::Gone)?.get("id")?;
        let subject = format!("token {id} of {}", known.name);
        let about = self.1.clone().map(|entry| entry.about(subject));
        Self(self.0.clone(), about).commit(transaction).await?;
        Ok(NewToken { id, text })
    }

    /// A user's tokens, newest first.
    pub async fn tokens(&self, user: UserId) -> Result<Vec<Token>, Error> {
        let sql = "SELECT id, name, role_id, created_at, ends_at, seen_at FROM web_token WHERE user_id = ? ORDER BY id DESC";
        self.database().fetch(sql, values![user]).await?.iter().map(token).collect()
    }

    /// Ends a token of that user.
    pub async fn revoke_token(&self, user: UserId, id: i64) -> Result<(), Error> {
        self.change_one("DELETE FROM web_token WHERE id = ? AND user_id = ?", values![id, user]).await
    }

    /// Whose token this is, and in which role it acts.
    pub async fn by_token(&self, text: &str) -> Result<Option<(User, RoleId)>, Error> {
        let Some(hash) = parse(text) else { return Ok(None) };
        let sql = "SELECT id, user_id, role_id, ends_at, seen_at FROM web_token WHERE hash = ?";
        let rows = self.database().fetch(sql, values![&hash[..]]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let now = self.now();
        if row.get::<Option<i64>>("ends_at")?.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        let Some(user) = self.user(row.get("user_id")?).await? else { return Ok(None) };
        if user.disabled || user.is_guest() {
            return Ok(None);
        }
        if row.get::<Option<i64>>("seen_at")?.is_none_or(|seen| seen + SEEN_EVERY <= now) {
            let mut transaction = self.database().begin().await?;
            let values = values![now, row.get::<i64>("id")?];
            transaction.run("UPDATE web_token SET seen_at = ? WHERE id = ?", values).await?;
            transaction.commit().await?;
        }
        Ok(Some((user, row.get("role_id")?)))
    }
}

fn fresh() -> Result<(Zeroizing<String>, [u8; 32]), Error> {
    let mut octets = Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *octets).map_err(|why| Error::Random(why.to_string()))?;
    let text = Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*octets)));
    Ok((text, *blake3::hash(&*octets).as_bytes()))
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let octets = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
    (octets.len() == 32).then(|| *blake3::hash(&octets).as_bytes())
}

fn token(row: &Row) -> Result<Token, Error> {
    Ok(Token {
        id: row.get("id")?,
        name: row.get("name")?,
        role: row.get("role_id")?,
        created_at: row.get("created_at")?,
        ends_at: row.get("ends_at")?,
        seen_at: row.get("seen_at")?,
    })
}
