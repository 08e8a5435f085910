//! Senders are found by the names that stand for them: each incident keeps the number of its sender's, in an index.
//!
//! New incidents are written with it. Those from before get it in bounded steps; until all have it, nobody is told that there are
//! no others.

use store::values;

use crate::{Error, Journal};

/// Incidents of one transaction: others get their turn.
const ROWS: u32 = 500;

impl Journal {
    /// Gives some incidents their numbers that have none; how many. None: all have theirs.
    pub async fn number_senders(&self) -> Result<u64, Error> {
        if !self.some_are_without().await? {
            return Ok(0);
        }
        let mut transaction = self.database().begin().await?;
        let sql = "SELECT id, sender FROM incident WHERE pseudonym IS NULL ORDER BY id LIMIT ?";
        let rows = transaction.fetch(sql, values![ROWS]).await?;
        for row in &rows {
            let number = self.keys().pseudonym(&row.get::<String>("sender")?);
            let sql = "UPDATE incident SET pseudonym = ? WHERE id = ?";
            transaction.run(sql, values![number, row.get::<i64>("id")?]).await?;
        }
        transaction.commit().await?;
        Ok(rows.len() as u64)
    }

    /// Goes on only if every sender can be found by its number.
    pub async fn senders_are_numbered(&self) -> Result<(), Error> {
        if self.some_are_without().await? {
            let why = "the names that stand for senders are still being indexed; try again in some minutes";
            return Err(Error::NotYet(why));
        }
        Ok(())
    }

    async fn some_are_without(&self) -> Result<bool, Error> {
        let sql = "SELECT 1 AS one FROM incident WHERE pseudonym IS NULL LIMIT 1";
        Ok(!self.database().fetch(sql, Vec::new()).await?.is_empty())
    }
}
