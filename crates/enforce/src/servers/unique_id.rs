//! Keys of `X-dlp-uniquemsgid`: one for all servers, made once, sealed; a retired one is handed out for seven days more.

use jiff::{SignedDuration, Timestamp};
use store::sealed::SealedColumn;
use store::{cipher, values};
use web::audit::Actor;

use crate::{Enforce, Error};

const CONTEXT: &str = "unique id key";
/// So long, messages that began under the old key come again.
const OLD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
const LOCK: i64 = 0x756e_6971_7565_6964;

/// The keys that are kept here.
pub(crate) const SEALED: SealedColumn = SealedColumn {
    table: "unique_id_key",
    column: "sealed",
    known_by: &[],
    context: |_| Ok(CONTEXT.to_owned()),
};

impl Enforce {
    /// The keys, newest first: 64 hexadecimal digits each. The first is made when there is none.
    pub async fn unique_id_keys(&self) -> Result<Vec<String>, Error> {
        let known = self.known_keys().await?;
        if !known.is_empty() {
            return Ok(known);
        }
        self.add_key(None).await?;
        self.known_keys().await
    }

    /// A new key for all servers; the old one goes on being known for seven days.
    pub async fn renew_unique_id_key(&self, actor: &Actor) -> Result<(), Error> {
        self.add_key(Some(actor)).await
    }

    async fn known_keys(&self) -> Result<Vec<String>, Error> {
        let since = Timestamp::now().saturating_sub(OLD_FOR).unwrap_or(Timestamp::UNIX_EPOCH);
        let sql =
            "SELECT sealed FROM unique_id_key WHERE retired_at IS NULL OR retired_at > ? ORDER BY id DESC";
        let rows = self.database().fetch(sql, values![since.as_millisecond()]).await?;
        let open = |row: &store::database::Row| {
            let octets = cipher::open(self.keys(), CONTEXT, &row.get::<Vec<u8>>("sealed")?)?;
            Ok(String::from_utf8_lossy(&octets).into_owned())
        };
        rows.iter().map(open).collect()
    }

    /// Adds one because somebody says so, or because there is none.
    async fn add_key(&self, because_of: Option<&Actor>) -> Result<(), Error> {
        let key = format!("{}{}", store::keys::random_name()?, store::keys::random_name()?);
        let sealed = cipher::seal(self.keys(), CONTEXT, key.as_bytes())?;
        let now = Timestamp::now().as_millisecond();
        let mut transaction = self.database().begin().await?;
        transaction.lock(LOCK).await?;
        let there = transaction.fetch("SELECT id FROM unique_id_key LIMIT 1", Vec::new()).await?;
        if !there.is_empty() && because_of.is_none() {
            return Ok(());
        }
        transaction
            .run("UPDATE unique_id_key SET retired_at = ? WHERE retired_at IS NULL", values![now])
            .await?;
        transaction
            .run("INSERT INTO unique_id_key (sealed, made_at) VALUES (?, ?)", values![sealed, now])
            .await?;
        match because_of {
            Some(actor) => self.commit(transaction, actor, ["UNIQUE_ID_KEY_RENEWED", "", ""]).await,
            None => Ok(transaction.commit().await?),
        }
    }
}
