//! Originals in an object store: whole there before a row names them, gone when no incident needs them, readable wherever they lie.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use incident::{Ages, Error, Journal, JournalOptions, Unneeded};
use jiff::SignedDuration;
use store::database::Location;
use store::objects::ObjectSettings;
use store::values;
use tokio::task::JoinHandle;

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;
#[path = "support/kept.rs"]
mod kept;
#[path = "../../store/tests/s3/mod.rs"]
mod s3;

use kept::{Kept, kept, objects};

/// An original on its way to a store that takes what is put when it is told to.
struct Putting {
    answer: Sender<()>,
    taking: JoinHandle<Result<bool, Error>>,
}

impl Putting {
    /// Lets the store take it; how that ended for who handed it over.
    async fn ends(self) -> Result<bool, Error> {
        self.answer.send(()).unwrap();
        self.taking.await.unwrap()
    }
}

impl Kept {
    /// Another server takes an original, and a slow store has been asked to.
    async fn put_slowly(&self, journal: &str, name: &str) -> Putting {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (tell, came) = channel();
        let (answer, told) = channel();
        std::thread::spawn(move || {
            let mut stream: TcpStream = listener.accept().unwrap().0;
            let mut octets = [0; 65_536];
            let _ = stream.read(&mut octets).unwrap();
            tell.send(()).unwrap();
            told.recv().unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        });
        let store = objects(ObjectSettings { endpoint, ..self.s3.settings(&self.bucket) });
        let server = self.other(Some(store)).await;
        let octets = self.prevent.original_by_name(name).await.unwrap().unwrap();
        let (journal, name) = (journal.to_owned(), name.to_owned());
        let taking = tokio::spawn(async move { server.take_original(&journal, &name, octets).await });
        tokio::task::block_in_place(|| came.recv().unwrap());
        Putting { answer, taking }
    }
}

on_both! {
    made by kept;

    async fn an_original_lies_sealed_in_the_object_store_and_comes_back(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        kept.ship("A", &[1]).await;
        let keys = kept.keys().await;
        assert!(keys.len() == 1 && keys[0].starts_with("weir/"), "{keys:?}");
        assert_eq!((kept.count("original_body").await, kept.count("original_object").await), (0, 1));
        let lies = kept.s3.read(&kept.bucket, &keys[0]).await;
        assert!(!lies.windows(6).any(|octets| octets == b"SECRET"));
        assert!(kept.reads(1).await);
        assert!(kept.enforce.show(1).await.unwrap().unwrap().original_kept);
    }

    async fn the_same_original_of_two_policies_or_taken_twice_is_one_object(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        let (journal, wanted) = kept.hand_over("A", &[1, 2]).await;
        let (one, two) = tokio::join!(kept.take(&journal, &wanted[0]), kept.take(&journal, &wanted[0]));
        assert!(one.unwrap() | two.unwrap());
        kept.enforce.delete_objects().await.unwrap();
        assert_eq!((kept.keys().await.len(), kept.count("original_object").await), (1, 1));
        assert!(kept.reads(1).await && kept.reads(2).await);
    }

    async fn an_original_is_wanted_until_the_store_has_taken_it(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        let (journal, wanted) = kept.hand_over("A", &[1]).await;
        let away = kept.other(Some(objects(kept.s3.settings("not-there-yet")))).await;
        let octets = kept.prevent.original_by_name(&wanted[0]).await.unwrap().unwrap();
        for _ in 0..3 {
            let why = away.take_original(&journal, &wanted[0], octets.clone()).await.unwrap_err();
            assert!(why.to_string().contains("NoSuchBucket"), "{why}");
        }
        assert_eq!(kept.count("original_object").await, 1, "a store that fails is not tried each time");
        assert_eq!(kept.count("original").await, 0);
        assert_eq!(kept.enforce.taken("mx1", &journal).await.unwrap().unwrap().wanted, wanted);
        assert!(kept.take(&journal, &wanted[0]).await.unwrap());
        assert!(kept.reads(1).await);
    }

    async fn an_object_is_noted_before_it_is_put_and_named_only_when_it_is_whole(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        let (journal, wanted) = kept.hand_over("A", &[1]).await;
        let putting = kept.put_slowly(&journal, &wanted[0]).await;
        assert_eq!((kept.count("original_object").await, kept.count("original").await), (1, 0));
        assert_eq!(kept.enforce.unneeded_objects().await.unwrap(), Unneeded::default());
        assert_eq!(kept.enforce.delete_objects().await.unwrap(), 0);
        assert_eq!(kept.count("original_object").await, 1, "it is being put");
        assert!(putting.ends().await.unwrap());
        assert_eq!(kept.count("original").await, 1);
    }

    async fn an_incident_that_is_deleted_while_its_original_is_put_leaves_no_object(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        let (journal, wanted) = kept.hand_over("A", &[1]).await;
        let putting = kept.put_slowly(&journal, &wanted[0]).await;
        kept.enforce.delete(&[1]).await.unwrap();
        assert!(!putting.ends().await.unwrap(), "nobody wants it any more");
        assert_eq!(kept.enforce.unneeded_objects().await.unwrap().waiting, 1);
        kept.enforce.delete_objects().await.unwrap();
        assert_eq!(kept.count("original_object").await, 0);
    }

    async fn an_object_that_was_given_up_is_nobodys_original(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        let (journal, wanted) = kept.hand_over("A", &[1]).await;
        let putting = kept.put_slowly(&journal, &wanted[0]).await;
        kept.run("UPDATE original_object SET due_at = 0", Vec::new()).await;
        kept.enforce.delete_objects().await.unwrap();
        assert!(putting.ends().await.unwrap_err().to_string().contains("given up"));
        assert!(kept.take(&journal, &wanted[0]).await.unwrap());
        assert!(kept.reads(1).await);
    }

    async fn what_a_crash_left_without_an_original_goes_when_it_is_old(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        let place = format!("{}/weir/", kept.bucket);
        kept.s3.write(&kept.bucket, "weir/left", vec![1]).await;
        let sql = "INSERT INTO original_object (name, place, octets, due_at) VALUES ('left', ?, 1, ?)";
        let due = jiff::Timestamp::now() + SignedDuration::from_hours(1);
        kept.run(sql, values![place, due.as_millisecond()]).await;
        kept.enforce.delete_objects().await.unwrap();
        assert_eq!(kept.keys().await, ["weir/left"], "perhaps it is being put by another server");
        kept.run("UPDATE original_object SET due_at = due_at - 3600001", Vec::new()).await;
        kept.enforce.delete_objects().await.unwrap();
        assert!(kept.keys().await.is_empty() && kept.count("original_object").await == 0);
    }

    async fn an_object_goes_with_the_last_incident_that_needs_it(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        kept.ship("A", &[1, 2]).await;
        kept.enforce.delete(&[1]).await.unwrap();
        kept.enforce.delete_objects().await.unwrap();
        assert!(kept.keys().await.len() == 1 && kept.reads(2).await);
        assert!(kept.enforce.delete_original(2, "alice", "asked for").await.unwrap());
        kept.enforce.delete_objects().await.unwrap();
        assert!(kept.keys().await.is_empty() && kept.count("original_object").await == 0);
        assert!(kept.enforce.original(2).await.unwrap().is_none());
    }

    async fn age_deletes_objects_too(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        for number in 0..20 {
            kept.ship(&format!("A{number}"), &[1]).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        let now = Ages { originals: Some(SignedDuration::ZERO), ..Ages::default() };
        assert_eq!(kept.enforce.expire(&now.into()).await.unwrap().originals, 20);
        assert_eq!(kept.enforce.unneeded_objects().await.unwrap().waiting, 20);
        while kept.enforce.delete_objects().await.unwrap() > 0 {}
        assert!(kept.keys().await.is_empty());
        assert_eq!(kept.enforce.unneeded_objects().await.unwrap(), Unneeded::default());
    }

    async fn several_servers_delete_side_by_side(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        for number in 0..40 {
            kept.ship(&format!("A{number}"), &[1]).await;
        }
        let other = kept.here().await;
        kept.enforce.delete(&(1..=40).collect::<Vec<u64>>()).await.unwrap();
        let all = async |journal: &Journal| while journal.delete_objects().await.unwrap() > 0 {};
        tokio::join!(all(&kept.enforce), all(&other));
        assert!(kept.keys().await.is_empty());
        assert_eq!(kept.count("original_object").await, 0);
    }

    async fn a_deletion_is_remembered_until_the_store_has_done_it(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        kept.ship("A", &[1]).await;
        let mut refused = kept.s3.settings(&kept.bucket);
        refused.secret_key = "wrong".to_owned().into();
        let other = kept.other(Some(objects(refused))).await;
        other.delete(&[1]).await.unwrap();
        assert!(other.delete_objects().await.unwrap_err().to_string().contains("SignatureDoesNotMatch"));
        assert_eq!(other.delete_objects().await.unwrap(), 0, "not again at once");
        assert_eq!(other.unneeded_objects().await.unwrap(), Unneeded { waiting: 1, ..Unneeded::default() });
        assert_eq!(kept.keys().await.len(), 1);
        drop(other);
        let later = kept.here().await;
        kept.run("UPDATE original_object SET due_at = due_at - 30001", Vec::new()).await;
        later.delete_objects().await.unwrap();
        assert!(kept.keys().await.is_empty());
        assert_eq!(later.unneeded_objects().await.unwrap(), Unneeded::default());
    }

    async fn switched_on_or_off_what_was_kept_before_stays_where_it_is(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        kept.ship("IN THE STORE", &[1]).await;
        let without = kept.other(None).await;
        let (journal, wanted) = kept.hand_over("IN A ROW", &[1]).await;
        let octets = kept.prevent.original_by_name(&wanted[0]).await.unwrap().unwrap();
        assert!(without.take_original(&journal, &wanted[0], octets).await.unwrap());
        assert_eq!((kept.count("original_body").await, kept.keys().await.len()), (1, 1));
        assert!(kept.reads(1).await && kept.reads(2).await, "with the store both are read");
        assert!(without.original(2).await.unwrap().is_some());
        let why = without.original(1).await.unwrap_err();
        assert!(matches!(&why, Error::OutOfReach(place) if place.starts_with(&kept.bucket)), "{why}");
        without.delete(&[1, 2]).await.unwrap();
        assert_eq!(without.delete_objects().await.unwrap(), 0);
        assert_eq!(without.unneeded_objects().await.unwrap(), Unneeded { waiting: 1, stuck: 0, out_of_reach: 1 });
        kept.enforce.delete_objects().await.unwrap();
        assert!(kept.keys().await.is_empty());
    }

    async fn another_bucket_is_not_asked_for_what_lies_in_the_first(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        kept.ship("A", &[1]).await;
        let other = kept.other(Some(objects(kept.s3.settings(&kept.s3.bucket().await)))).await;
        assert!(matches!(other.original(1).await.unwrap_err(), Error::OutOfReach(_)));
        other.delete(&[1]).await.unwrap();
        other.delete_objects().await.unwrap();
        assert_eq!(other.unneeded_objects().await.unwrap(), Unneeded { waiting: 1, stuck: 0, out_of_reach: 1 });
        assert_eq!(kept.keys().await.len(), 1, "a deletion elsewhere is none");
    }

    async fn an_object_that_is_gone_cut_changed_or_anothers_is_an_error_that_names_the_incident(kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        kept.ship("A", &[1]).await;
        kept.ship("B", &[1]).await;
        let name = async |id: u64| {
            let sql = "SELECT name FROM original_object WHERE original_id = (SELECT original_id FROM incident WHERE id = ?)";
            let rows = kept.enforce.database().fetch(sql, values![id]).await.unwrap();
            format!("weir/{}", rows[0].get::<String>("name").unwrap())
        };
        let (first, second) = (name(1).await, name(2).await);
        let whole = kept.s3.read(&kept.bucket, &first).await;
        let mut changed = whole.clone();
        changed[3] ^= 1;
        let longer = [&whole[..], b"more"].concat();
        for wrong in [whole[1..].to_vec(), Vec::new(), longer, changed, kept.s3.read(&kept.bucket, &second).await] {
            kept.s3.write(&kept.bucket, &first, wrong).await;
            let why = kept.enforce.original(1).await.unwrap_err().to_string();
            assert!(why.starts_with("incident 1 is damaged: its original"), "{why}");
        }
        kept.s3.remove(&kept.bucket, &first).await;
        let why = kept.enforce.original(1).await.unwrap_err().to_string();
        assert!(why.contains("the object store does not have it"), "{why}");
        assert!(kept.reads(2).await);
        kept.s3.write(&kept.bucket, &first, whole).await;
        assert!(kept.reads(1).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_master_key_touches_rows_alone_and_a_backup_with_the_store_is_whole() {
    let Some(kept) = kept(None).await else { return };
    kept.ship("A", &[1]).await;
    let key = kept.keys().await.pop().unwrap();
    let before = kept.s3.read(&kept.bucket, &key).await;
    let Kept { s3, bucket, enforce, dirs, .. } = kept;
    drop(enforce);
    assert_eq!(incident::rotate_keys(dirs[1].path(), &[]).await.unwrap().failed, 0);
    let open = async |objects| {
        let journal = Journal::open(dirs[1].path(), JournalOptions::default()).await.unwrap();
        journal.with_objects(objects)
    };
    let journal = open(Some(objects(s3.settings(&bucket)))).await;
    assert!(journal.original(1).await.unwrap().unwrap().ends_with(b"SECRET-ORIGINAL"));
    assert!(s3.read(&bucket, &key).await == before);
    let backup = dirs[0].path().join("backup.db");
    journal.backup(&backup).await.unwrap();
    assert_eq!(journal.objects_named().await.unwrap(), 1);
    journal.delete_original(1, "alice", "by mistake").await.unwrap();
    drop(journal);
    incident::restore(dirs[1].path(), &backup).await.unwrap();
    let journal = open(Some(objects(s3.settings(&bucket)))).await;
    assert!(journal.original(1).await.unwrap().unwrap().ends_with(b"SECRET-ORIGINAL"));
}
