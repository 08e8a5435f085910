//! What a change is committed with: the line of a log that tells of it. Both are there, or neither.

use std::fmt;
use std::sync::Arc;

use super::{Answer, Session, Transaction};

/// Writes what tells of a change into the transaction of the change.
pub trait Witness: fmt::Debug + Send + Sync {
    /// Called last before the commit: it may take a lock for which others wait.
    fn write<'a>(&'a self, db: &'a mut dyn Session) -> Answer<'a, ()>;
}

/// How a handle ends its transactions: with a witness, or as they are where nobody has to be told.
#[derive(Debug, Clone, Default)]
pub struct Witnessed(Option<Arc<dyn Witness>>);

impl Witnessed {
    /// Each with this one.
    pub fn by(witness: impl Witness + 'static) -> Self {
        Self(Some(Arc::new(witness)))
    }

    /// Commits a change together with what tells of it. After an error neither is there.
    pub fn commit(&self, mut transaction: Box<dyn Transaction>) -> Answer<'_, ()> {
        Box::pin(async move {
            if let Some(witness) = &self.0 {
                witness.write(&mut *transaction).await?;
            }
            transaction.commit().await
        })
    }
}
