//! Deletion that somebody asked for, in the transaction of what tells it.

use store::database::Session;

use super::{Access, Condition, Desk, Field, Scalar};
use crate::Error;
use crate::retention::{Deleted, delete_one};

impl Desk {
    /// Deletes those of these incidents that the asker may see, in the transaction of what tells it. Which they were.
    pub async fn delete_within(
        &self,
        db: &mut dyn Session,
        access: &Access,
        ids: &[u64],
    ) -> Result<Vec<u64>, Error> {
        let numbers = ids.iter().map(|id| Scalar::Number(i64::try_from(*id).unwrap_or(-1))).collect();
        let visible = self.select("id", access, &Condition::Is(Field::Id, numbers));
        let rows = db.fetch(&visible.sql, visible.values).await?;
        let (mut deleted, mut gone) = (Deleted::default(), Vec::with_capacity(rows.len()));
        for row in &rows {
            let id: i64 = row.get("id")?;
            delete_one(db, id, &mut deleted).await?;
            gone.push(id as u64);
        }
        gone.sort_unstable();
        Ok(gone)
    }
}
