//! A message to record, a journal to record it in, and a desk to work at it.

// Not every test needs all.
#![allow(dead_code, unused_imports)]

mod mail;

use std::path::Path;
use std::sync::Arc;

use incident::desk::{Actor, Condition, Desk, Field, Scalar};
use incident::{Journal, JournalOptions};
pub(crate) use mail::message;
use store::database::Location;

/// A data directory and a database.
pub(crate) struct Place {
    dir: tempfile::TempDir,
    pub(crate) at: Location,
}

/// With this database, or one of SQLite in the directory.
pub(crate) async fn place(at: Option<Location>) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let at = at.unwrap_or_else(|| Location::File(dir.path().join("incidents.db")));
    Place { dir, at }
}

impl Place {
    pub(crate) fn data(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) async fn open(&self) -> Arc<Journal> {
        Arc::new(Journal::open_at(self.data(), &self.at, JournalOptions::default()).await.unwrap())
    }
}

/// A journal, and the desk that people work at.
pub(crate) struct Server {
    pub(crate) desk: Desk,
    pub(crate) journal: Arc<Journal>,
    _place: Place,
}

pub(crate) async fn server(at: Option<Location>) -> Server {
    let place = place(at).await;
    let journal = place.open().await;
    Server { desk: Desk::new(journal.clone()), journal, _place: place }
}

/// Somebody who decides.
pub(crate) fn ann() -> Actor {
    Actor { who: "ann".into(), origin: Some("192.0.2.7".into()) }
}

pub(crate) fn number(field: Field, value: i64) -> Condition {
    Condition::Is(field, vec![Scalar::Number(value)])
}
