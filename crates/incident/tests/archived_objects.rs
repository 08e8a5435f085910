//! Incidents whose originals lie in an object store leave for an archive and come back, and nothing is lost or left over wherever
//! the store fails.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use incident::Journal;
use incident::archive::{About, Archive, Fate};
use incident::desk::{Access, Condition, Desk, Field, Scalar};
use store::archive::make_key;
use store::database::Location;
use store::keys::Keys;
use store::objects::ObjectSettings;

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;
#[path = "support/kept.rs"]
mod kept;
#[path = "../../store/tests/s3/mod.rs"]
mod s3;

use kept::{Kept, kept, objects};
use support::ann;

/// Three incidents of two messages, with nothing under way, and the key of archives.
struct Shelf {
    kept: Kept,
    key: Keys,
}

async fn shelf(at: Option<Location>) -> Option<Shelf> {
    let kept = kept(at).await?;
    kept.ship("A", &[1, 2]).await;
    kept.ship("B", &[1]).await;
    kept.run("UPDATE incident SET pending = 0", Vec::new()).await;
    kept.run("UPDATE effect SET done_at = 5, outcome = 'done'", Vec::new()).await;
    let key = make_key(&kept.dirs[1].path().join("archive.key")).unwrap();
    Some(Shelf { kept, key })
}

impl Shelf {
    fn file(&self) -> PathBuf {
        self.kept.dirs[1].path().join("all.weir")
    }

    /// Another server over the same data, whose store is like that.
    async fn with_store(&self, settings: ObjectSettings) -> Journal {
        self.kept.other(Some(objects(settings))).await
    }

    /// One that the store refuses.
    async fn refused(&self) -> Journal {
        let wrong = "wrong".to_owned().into();
        self.with_store(ObjectSettings { secret_key: wrong, ..self.kept.s3.settings(&self.kept.bucket) })
            .await
    }

    /// One whose store hangs up behind so much of an answer.
    async fn cut_off(&self, answer: &str) -> Journal {
        let port = s3::liar(answer.as_bytes(), true).await;
        let endpoint = format!("http://127.0.0.1:{port}").parse().unwrap();
        self.with_store(ObjectSettings { endpoint, ..self.kept.s3.settings(&self.kept.bucket) }).await
    }

    /// A desk over a journal like Enforce's.
    async fn desk(&self) -> Desk {
        Desk::new(Arc::new(self.kept.here().await))
    }

    async fn ids(&self) -> Vec<u64> {
        let desk = self.desk().await;
        desk.ids_after(&Access::everything(), &Condition::everything(), 0, 100).await.unwrap()
    }

    async fn archive(&self, file: &Path) -> Vec<(u64, String)> {
        let desk = self.desk().await;
        desk.archive(&Condition::everything(), &About::new("ann", "all"), &self.key, file).await.unwrap().left
    }

    /// Removes what the archive has; how many went.
    async fn remove(&self, file: &Path) -> usize {
        let mut archive = Archive::open(file, &self.key).unwrap();
        let mut gone = 0;
        loop {
            let mut transaction = self.kept.enforce.database().begin().await.unwrap();
            let some = archive.remove_some(&self.kept.enforce, &mut *transaction).await.unwrap();
            transaction.commit().await.unwrap();
            let Some(some) = some else { return gone };
            assert!(some.left.is_empty(), "{:?}", some.left);
            gone += some.gone.len();
        }
    }

    async fn restore(&self, file: &Path) -> Vec<(u64, Fate)> {
        let mut archive = Archive::open(file, &self.key).unwrap();
        let mut all = Vec::new();
        while let Some(one) = archive.restore_next(&self.kept.enforce, &ann(), |_| true).await.unwrap() {
            all.push((one.id, one.fate));
        }
        all
    }

    /// Deletes in the store what nobody needs; the objects that stay.
    async fn objects(&self) -> usize {
        while self.kept.enforce.delete_objects().await.unwrap() > 0 {}
        self.kept.keys().await.len()
    }
}

const BACK: [(u64, Fate); 3] = [(1, Fate::Back), (2, Fate::Back), (3, Fate::Back)];

on_both! {
    made by shelf;

    async fn originals_leave_the_object_store_with_their_incidents_and_come_back_into_it(shelf: Option<Shelf>) {
        let Some(shelf) = shelf else { return };
        let file = shelf.file();
        assert_eq!(shelf.archive(&file).await, []);
        assert_eq!(shelf.objects().await, 2, "an archive takes nothing away");
        assert_eq!(shelf.remove(&file).await, 3);
        assert_eq!(shelf.objects().await, 0);
        assert_eq!((shelf.kept.count("original").await, shelf.kept.count("original_object").await), (0, 0));
        assert_eq!(shelf.restore(&file).await, BACK);
        assert_eq!(shelf.objects().await, 2, "two incidents of one message share its original again");
        assert_eq!((shelf.kept.count("original_body").await, shelf.kept.count("original_object").await), (0, 2));
        for id in 1..=3 {
            assert!(shelf.kept.reads(id).await, "{id}");
        }
        // And once more: what is there is not put again.
        assert!(shelf.restore(&file).await.iter().all(|(_, fate)| *fate == Fate::There));
        assert_eq!(shelf.objects().await, 2);
    }

    async fn the_original_stays_while_another_incident_needs_it(shelf: Option<Shelf>) {
        let Some(shelf) = shelf else { return };
        let (file, desk) = (shelf.file(), shelf.desk().await);
        let second = Condition::Is(Field::PolicyId, vec![Scalar::Number(2)]);
        let written = desk.archive(&second, &About::new("ann", "policy 2"), &shelf.key, &file).await.unwrap();
        assert_eq!((written.incidents, written.originals), (1, 1));
        assert_eq!(shelf.remove(&file).await, 1);
        assert_eq!(shelf.objects().await, 2);
        let mut left = shelf.ids().await;
        for id in &left {
            assert!(shelf.kept.reads(*id).await, "{id}");
        }
        left.extend(shelf.restore(&file).await.iter().map(|(id, _)| *id));
        left.sort_unstable();
        assert_eq!(left, [1, 2, 3]);
        assert_eq!(shelf.objects().await, 2, "what is there is not put again");
        assert!(shelf.kept.reads(2).await);
    }

    async fn a_store_that_fails_while_an_archive_is_written_leaves_no_archive(shelf: Option<Shelf>) {
        let Some(shelf) = shelf else { return };
        let file = shelf.file();
        let octets = "SELECT min(octets) AS octets FROM original_object";
        let octets = shelf.kept.enforce.database().fetch(octets, Vec::new()).await.unwrap();
        let octets: i64 = octets[0].get("octets").unwrap();
        let half = format!("HTTP/1.1 200 OK\r\ncontent-length: {octets}\r\n\r\nhalf");
        for journal in [shelf.refused().await, shelf.cut_off(&half).await] {
            let desk = Desk::new(Arc::new(journal));
            let about = About::new("ann", "all");
            // What cannot be read for now is no reason to leave it out for good.
            desk.archive(&Condition::everything(), &about, &shelf.key, &file).await.unwrap_err();
            assert!(!file.exists());
        }
        assert_eq!(shelf.ids().await, [1, 2, 3]);
        // What is lost in the store is left, and named; the others are written.
        let lost = shelf.kept.enforce.database();
        let sql = "SELECT name FROM original_object WHERE original_id = (SELECT original_id FROM incident WHERE id = 3)";
        let name: String = lost.fetch(sql, Vec::new()).await.unwrap()[0].get("name").unwrap();
        shelf.kept.s3.remove(&shelf.kept.bucket, &format!("weir/{name}")).await;
        let left = shelf.archive(&file).await;
        assert!(left.len() == 1 && left[0].0 == 3 && left[0].1.contains("does not have it"), "{left:?}");
        assert_eq!(shelf.remove(&file).await, 2);
        assert_eq!(shelf.ids().await, [3], "what is not in the archive stays in the database");
    }

    async fn a_store_that_fails_while_what_left_is_deleted_is_asked_again(shelf: Option<Shelf>) {
        let Some(shelf) = shelf else { return };
        let file = shelf.file();
        shelf.archive(&file).await;
        let away = shelf.refused().await;
        assert_eq!(shelf.remove(&file).await, 3);
        away.delete_objects().await.unwrap_err();
        assert_eq!(shelf.kept.keys().await.len(), 2, "not deleted yet, and not forgotten");
        shelf.kept.run("UPDATE original_object SET due_at = 0", Vec::new()).await;
        assert_eq!(shelf.objects().await, 0);
        assert_eq!(shelf.restore(&file).await, BACK);
    }

    async fn a_store_that_fails_in_the_middle_of_a_restore_leaves_nothing_half_way(shelf: Option<Shelf>) {
        let Some(shelf) = shelf else { return };
        let file = shelf.file();
        shelf.archive(&file).await;
        shelf.remove(&file).await;
        assert_eq!(shelf.objects().await, 0);
        for journal in [shelf.refused().await, shelf.cut_off("").await] {
            let mut archive = Archive::open(&file, &shelf.key).unwrap();
            archive.restore_next(&journal, &ann(), |_| true).await.unwrap_err();
            assert_eq!(shelf.ids().await, [0; 0], "no incident without its original");
            assert_eq!(shelf.kept.count("original").await, 0);
        }
        // The first message comes back; then the store goes away.
        let mut archive = Archive::open(&file, &shelf.key).unwrap();
        for _ in 0..2 {
            let one = archive.restore_next(&shelf.kept.enforce, &ann(), |_| true).await.unwrap().unwrap();
            assert_eq!(one.fate, Fate::Back);
        }
        archive.restore_next(&shelf.refused().await, &ann(), |_| true).await.unwrap_err();
        assert_eq!(shelf.ids().await, [1, 2]);
        let rest = shelf.restore(&file).await;
        assert_eq!(rest, [(1, Fate::There), (2, Fate::There), (3, Fate::Back)]);
        // What was noted and never put is forgotten once nobody can be putting it any more.
        let noted = "UPDATE original_object SET due_at = 0 WHERE original_id IS NULL";
        shelf.kept.run(noted, Vec::new()).await;
        assert_eq!(shelf.objects().await, 2);
        assert_eq!(shelf.kept.count("original_object").await, 2);
        for id in 1..=3 {
            assert!(shelf.kept.reads(id).await, "{id}");
        }
    }
}
