//! A detection server's journal and Enforce's, whose originals lie in an object store.

#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use incident::{Error, Journal, JournalOptions};
use reqwest::Client;
use store::database::{Location, Value};
use store::objects::{ObjectSettings, Objects};
use tempfile::TempDir;

use crate::s3::{self, S3};
use crate::support::message;

pub(crate) struct Kept {
    pub(crate) s3: &'static S3,
    pub(crate) bucket: String,
    pub(crate) prevent: Journal,
    pub(crate) enforce: Journal,
    pub(crate) at: Location,
    pub(crate) dirs: [TempDir; 2],
}

/// None if there is no object store to be had, and such tests may be left out.
pub(crate) async fn kept(at: Option<Location>) -> Option<Kept> {
    let s3 = s3::shared().await?;
    let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let prevent = Journal::open(dirs[0].path(), JournalOptions::default()).await.unwrap();
    let at = at.unwrap_or_else(|| Location::File(dirs[1].path().join("incidents.db")));
    let bucket = s3.bucket().await;
    let enforce = Journal::open_at(dirs[1].path(), &at, JournalOptions::default()).await.unwrap();
    let enforce = enforce.with_objects(Some(objects(s3.settings(&bucket))));
    Some(Kept { s3, bucket, prevent, enforce, at, dirs })
}

pub(crate) fn objects(settings: ObjectSettings) -> Arc<Objects> {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    Arc::new(Objects::new(settings, client).unwrap())
}

impl Kept {
    /// Records a message and hands its incidents over; the names of the originals that are wanted.
    pub(crate) async fn hand_over(&self, unique_id: &str, policies: &[u32]) -> (String, Vec<String>) {
        self.prevent.record(message(unique_id, policies)).await.unwrap();
        self.prevent.flush().await;
        let name = self.prevent.name().await.unwrap();
        let cursor = self.enforce.taken("mx1", &name).await.unwrap().unwrap().cursor;
        let batch = self.prevent.changes(cursor).await.unwrap().unwrap();
        (name, self.enforce.take("mx1", batch).await.unwrap().wanted)
    }

    pub(crate) async fn take(&self, journal: &str, name: &str) -> Result<bool, Error> {
        let octets = self.prevent.original_by_name(name).await.unwrap().unwrap();
        self.enforce.take_original(journal, name, octets).await
    }

    /// Records a message and hands it over with its original.
    pub(crate) async fn ship(&self, unique_id: &str, policies: &[u32]) {
        let (journal, wanted) = self.hand_over(unique_id, policies).await;
        for name in wanted {
            assert!(self.take(&journal, &name).await.unwrap());
        }
    }

    /// The same data, opened by another server with this object store.
    pub(crate) async fn other(&self, objects: Option<Arc<Objects>>) -> Journal {
        Journal::open_beside(self.dirs[1].path(), &self.at).await.unwrap().with_objects(objects)
    }

    pub(crate) async fn here(&self) -> Journal {
        self.other(Some(objects(self.s3.settings(&self.bucket)))).await
    }

    pub(crate) async fn keys(&self) -> Vec<String> {
        self.s3.keys(&self.bucket).await
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) AS rows FROM {table}");
        self.enforce.database().fetch(&sql, Vec::new()).await.unwrap()[0].get("rows").unwrap()
    }

    pub(crate) async fn run(&self, sql: &str, values: Vec<Value>) {
        let mut transaction = self.enforce.database().begin().await.unwrap();
        transaction.run(sql, values).await.unwrap();
        transaction.commit().await.unwrap();
    }

    pub(crate) async fn reads(&self, id: u64) -> bool {
        let original = self.enforce.original(id).await.unwrap();
        original.is_some_and(|octets| octets.ends_with(b"SECRET-ORIGINAL"))
    }
}
