//! Incidents leave for an archive and come back: the same on SQLite and PostgreSQL, and nothing is lost wherever it is stopped.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use incident::archive::{About, Archive, Fate, Removal};
use incident::desk::{Access, Change, Condition, Desk, Facet, Field, Scalar};
use incident::{Ages, Journal, Outcome};
use jiff::SignedDuration;
use serde_json::{Value as Json, json};
use store::archive::{make_key, read_key};
use store::database::Location;
use store::keys::Keys;
use store::values;
use support::{Place, ann, message, place};

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;

struct Server {
    desk: Desk,
    journal: Arc<Journal>,
    key: Keys,
    place: Place,
}

async fn server(at: Option<Location>) -> Server {
    let place = place(at).await;
    let journal = place.open().await;
    let key = make_key(&place.data().join("archive.key")).unwrap();
    Server { desk: Desk::new(journal.clone()), journal, key, place }
}

fn about() -> About {
    About::new("ann", "policy 1")
}

fn policy(id: i64) -> Condition {
    Condition::Is(Field::PolicyId, vec![Scalar::Number(id)])
}

impl Server {
    fn file(&self, name: &str) -> PathBuf {
        self.place.data().join(name)
    }

    /// Records a message whose notices have gone out; the numbers of its incidents.
    async fn record(&self, unique_id: &str, policies: &[u32]) -> Vec<u64> {
        let recorded = self.journal.record(message(unique_id, policies)).await.unwrap();
        self.journal.outcome(&recorded, Outcome::Relayed { code: 250, text: "250 ok".into() }).await.unwrap();
        self.journal.flush().await;
        self.run("UPDATE effect SET done_at = 5, outcome = 'done'", Vec::new()).await;
        recorded.incidents.iter().map(|one| one.id).collect()
    }

    async fn run(&self, sql: &str, values: Vec<store::database::Value>) {
        let mut transaction = self.journal.database().begin().await.unwrap();
        transaction.run(sql, values).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) AS n FROM {table}");
        self.journal.database().fetch(&sql, Vec::new()).await.unwrap()[0].get("n").unwrap()
    }

    async fn ids(&self) -> Vec<u64> {
        self.desk.ids_after(&Access::everything(), &Condition::everything(), 0, 1_000).await.unwrap()
    }

    async fn archive(&self, condition: &Condition, file: &Path) -> Vec<(u64, String)> {
        self.desk.archive(condition, &about(), &self.key, file).await.unwrap().left
    }

    async fn remove(&self, file: &Path) -> Removal {
        let mut archive = Archive::open(file, &self.key).unwrap();
        let mut all = Removal::default();
        while let Some(some) = {
            let mut transaction = self.journal.database().begin().await.unwrap();
            let some = archive.remove_some(&self.journal, &mut *transaction).await.unwrap();
            transaction.commit().await.unwrap();
            some
        } {
            all.gone.extend(some.gone);
            all.left.extend(some.left);
        }
        all
    }

    async fn restore(&self, file: &Path) -> Vec<(u64, Fate)> {
        let mut archive = Archive::open(file, &self.key).unwrap();
        let mut all = Vec::new();
        while let Some(one) = archive.restore_next(&self.journal, &ann(), |_| true).await.unwrap() {
            all.push((one.id, one.fate));
        }
        all
    }

    /// All that people see of an incident, without the line that says it came back.
    async fn seen(&self, id: u64) -> Json {
        let look = self.desk.look(&Access::everything(), id).await.unwrap().unwrap();
        let incident = self.journal.show(id).await.unwrap().unwrap();
        let mut seen = serde_json::to_value(incident).unwrap();
        seen["history"].as_array_mut().unwrap().retain(|line| line["action"] != "RESTORED_FROM_ARCHIVE");
        let original = self.journal.original(id).await.unwrap();
        json!({"incident": seen, "look": format!("{:?} {:?} {:?}", look.notes, look.attributes, look.owner), "original": original})
    }
}

on_both! { made by server;
    async fn an_incident_comes_back_with_all_that_belonged_to_it(server: Server) {
        let ids = server.record("A", &[1, 2]).await;
        let changes = [
            Change::Status("Escalated".into()),
            Change::Note("seen by ann".into()),
            Change::Attribute("Department".into(), "Sales".into()),
            Change::Owner(Some("bob".into())),
            Change::DataOwnerEmail(Some("c@company.example".into())),
            Change::Hidden(true),
        ];
        server.desk.change(&Access::everything(), &ann(), &ids, &changes).await.unwrap().unwrap();
        let before = [server.seen(ids[0]).await, server.seen(ids[1]).await];
        let file = server.file("a.weir");
        let written = server.desk.archive(&Condition::everything(), &about(), &server.key, &file).await.unwrap();
        assert_eq!((written.incidents, written.originals, written.left.len()), (2, 1, 0));
        assert_eq!(server.ids().await, ids, "writing takes nothing away");
        assert_eq!(server.remove(&file).await, Removal { gone: ids.clone(), left: Vec::new() });
        for table in ["incident", "history", "note", "attribute", "incident_term", "match_hash", "effect", "original"] {
            assert_eq!(server.count(table).await, 0, "{table}");
        }
        assert_eq!(server.restore(&file).await, [(ids[0], Fate::Back), (ids[1], Fate::Back)]);
        assert_eq!([server.seen(ids[0]).await, server.seen(ids[1]).await], before);
        assert_eq!(server.count("original").await, 1, "one original serves both again");
        let by_value = Condition::is(Field::MatchedValue, "4111111111111111");
        let by_recipient = Condition::is(Field::Recipient, "b@partner.example");
        for condition in [by_value, by_recipient] {
            let found = server.desk.ids_after(&Access::everything(), &condition, 0, 10).await.unwrap();
            assert_eq!(found, ids, "{condition:?}");
        }
        let status = server.desk.summary(&Access::everything(), Facet::Status, (0, 1_000_000)).await.unwrap();
        assert_eq!(status.iter().map(|group| group.count).sum::<u64>(), 2, "counts of days are what they were");
        let history = server.journal.show(ids[0]).await.unwrap().unwrap().history;
        let last = history.last().unwrap();
        assert_eq!((last.action.as_str(), last.who.as_str()), ("RESTORED_FROM_ARCHIVE", "ann"));
        let next = server.record("B", &[1]).await[0];
        assert!(next > ids[1], "numbers go on behind them");
    }

    async fn a_second_restore_changes_nothing_and_what_collides_is_refused(server: Server) {
        let ids = server.record("A", &[1]).await;
        let file = server.file("a.weir");
        server.archive(&policy(1), &file).await;
        assert_eq!(server.restore(&file).await, [(ids[0], Fate::There)], "it never left");
        server.remove(&file).await;
        assert_eq!(server.restore(&file).await, [(ids[0], Fate::Back)]);
        let seen = server.seen(ids[0]).await;
        let lines = server.count("history").await;
        assert_eq!(server.restore(&file).await, [(ids[0], Fate::There)]);
        assert_eq!((server.seen(ids[0]).await, server.count("history").await), (seen, lines));
        server.run("UPDATE incident SET unique_id = 'Z' WHERE id = ?", values![ids[0]]).await;
        assert_eq!(server.restore(&file).await, [(ids[0], Fate::Collides)]);
        assert_eq!(server.count("original").await, 1);
    }

    async fn only_what_is_as_the_archive_has_it_leaves(server: Server) {
        let ids = [server.record("A", &[1]).await, server.record("B", &[1]).await].concat();
        let file = server.file("a.weir");
        server.archive(&policy(1), &file).await;
        server.desk.change(&Access::everything(), &ann(), &ids[..1], &[Change::Note("late".into())]).await.unwrap().unwrap();
        let removal = server.remove(&file).await;
        assert_eq!(removal.gone, ids[1..]);
        assert_eq!(removal.left[0].0, ids[0]);
        assert_eq!(server.ids().await, ids[..1], "the note is not lost");
        assert_eq!(server.remove(&file).await.gone, [0_u64; 0], "a second removal changes nothing");
    }

    async fn what_something_is_still_to_happen_to_stays(server: Server) {
        let sent = server.journal.record(message("A", &[1])).await.unwrap().incidents[0].id;
        server.journal.flush().await;
        let left = server.archive(&policy(1), &server.file("a.weir")).await;
        assert_eq!(left.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [sent]);
        assert!(left[0].1.contains("still on its way"), "{left:?}");
        server.run("UPDATE incident SET pending = 0", Vec::new()).await;
        let left = server.archive(&policy(1), &server.file("b.weir")).await;
        assert!(left[0].1.contains("still to go out"), "{left:?}");
        server.run("UPDATE effect SET done_at = 5", Vec::new()).await;
        assert!(server.archive(&policy(1), &server.file("c.weir")).await.is_empty());
    }

    async fn links_between_incidents_come_back_from_either_end(server: Server) {
        let first = server.record("A", &[1]).await[0];
        server.desk.change(&Access::everything(), &ann(), &[first], &[Change::Status("Resolved".into())]).await.unwrap().unwrap();
        let mut again = message("A", &[1]);
        again.recipients = vec!["new@partner.example".into()];
        let second = server.journal.record(again).await.unwrap();
        server.journal.outcome(&second, Outcome::Relayed { code: 250, text: "250 ok".into() }).await.unwrap();
        server.journal.flush().await;
        server.run("UPDATE effect SET done_at = 5", Vec::new()).await;
        let second = second.incidents[0].id;
        let follows = async || server.journal.show(second).await.unwrap().unwrap().linked_to;
        assert_eq!(follows().await, Some(first));
        let one = Condition::Is(Field::Id, vec![Scalar::Number(first as i64)]);
        let (alone, both) = (server.file("alone.weir"), server.file("both.weir"));
        server.archive(&one, &alone).await;
        server.archive(&policy(1), &both).await;
        assert_eq!(server.remove(&alone).await.gone, [first]);
        assert_eq!(follows().await, None);
        server.restore(&alone).await;
        assert_eq!(follows().await, Some(first));
        // It has a line more than in the archive of both, which still has it: it goes by that of its own.
        let fresh = server.file("fresh.weir");
        server.archive(&policy(1), &fresh).await;
        assert_eq!(server.remove(&fresh).await.gone, [first, second]);
        server.restore(&fresh).await;
        assert_eq!(follows().await, Some(first));
    }

    async fn receivers_hear_of_the_return_and_not_of_the_old_lines_again(server: Server) {
        let id = server.record("A", &[1]).await[0];
        let file = server.file("a.weir");
        server.archive(&policy(1), &file).await;
        server.remove(&file).await;
        server
            .run(
                "INSERT INTO receiver (name, definition, enabled, told, changed_at, changed_by) VALUES ('siem', '{}', ?, 0, 0, 'ann')",
                values![true],
            )
            .await;
        server.restore(&file).await;
        let sql = "SELECT action FROM event JOIN history ON history.id = history_id WHERE incident_id = ?";
        let rows = server.journal.database().fetch(sql, values![id]).await.unwrap();
        let told: Vec<String> = rows.iter().map(|row| row.get("action").unwrap()).collect();
        assert_eq!(told, ["RESTORED_FROM_ARCHIVE"]);
    }

    async fn what_came_back_is_not_expired_at_once(server: Server) {
        let ids = server.record("A", &[1]).await;
        let file = server.file("a.weir");
        server.run("UPDATE incident SET last_seen = 1000, received_at = 1000", Vec::new()).await;
        server.run("UPDATE original SET stored_at = 1000", Vec::new()).await;
        server.archive(&policy(1), &file).await;
        server.remove(&file).await;
        server.restore(&file).await;
        let day = Some(SignedDuration::from_hours(24));
        let ages = Ages { originals: day, incidents: day };
        server.journal.expire(&ages.into()).await.unwrap();
        assert_eq!(server.ids().await, ids);
        assert!(server.journal.original(ids[0]).await.unwrap().is_some());
        server.run("UPDATE incident SET restored_at = 2000", Vec::new()).await;
        server.journal.expire(&ages.into()).await.unwrap();
        assert_eq!(server.ids().await, [0_u64; 0], "later it is");
    }

    async fn it_comes_back_in_another_installation_under_its_keys(server: Server) {
        let ids = server.record("A", &[1, 2]).await;
        let seen = server.seen(ids[0]).await;
        let file = server.file("a.weir");
        server.archive(&Condition::everything(), &file).await;
        let other = self::server(None).await;
        let key = read_key(&server.file("archive.key")).unwrap();
        let mut archive = Archive::open(&file, &key).unwrap();
        assert_eq!(archive.about().chosen, "policy 1");
        while let Some(one) = archive.restore_next(&other.journal, &ann(), |id| id == ids[0]).await.unwrap() {
            assert_eq!(one.fate, if one.id == ids[0] { Fate::Back } else { Fate::NotWanted });
        }
        let mut there = other.seen(ids[0]).await;
        there["incident"]["siblings"] = seen["incident"]["siblings"].clone();
        assert_eq!(there, seen);
        let by_value = Condition::is(Field::MatchedValue, "4111111111111111");
        assert_eq!(other.desk.ids_after(&Access::everything(), &by_value, 0, 10).await.unwrap(), ids[..1]);
    }

    async fn stopped_at_any_step_everything_is_in_the_database_or_in_a_whole_archive(server: Server) {
        let mut ids = Vec::new();
        for at in 0..120 {
            ids.extend(server.record(&format!("M{at}"), &[1]).await);
        }
        let file = server.file("a.weir");
        // A run that was killed while it wrote: nothing has the file's name, and the next one is not in its way.
        std::fs::write(server.file("a.weir.part"), b"half").unwrap();
        server.archive(&policy(1), &file).await;
        // A removal whose first transaction is durable and whose second is not: then again.
        let mut archive = Archive::open(&file, &server.key).unwrap();
        for commit in [true, false] {
            let mut transaction = server.journal.database().begin().await.unwrap();
            let some = archive.remove_some(&server.journal, &mut *transaction).await.unwrap().unwrap();
            assert_eq!(some.gone.len(), 50, "bounded");
            if commit {
                transaction.commit().await.unwrap();
            }
        }
        drop(archive);
        assert_eq!(server.ids().await, ids[50..]);
        assert_eq!(server.remove(&file).await.gone, ids[50..]);
        // A restore that is stopped behind some, and again.
        let mut archive = Archive::open(&file, &server.key).unwrap();
        for _ in 0..7 {
            archive.restore_next(&server.journal, &ann(), |_| true).await.unwrap().unwrap();
        }
        drop(archive);
        let fates = server.restore(&file).await;
        assert_eq!(fates.iter().filter(|(_, fate)| *fate == Fate::There).count(), 7);
        assert_eq!(server.ids().await, ids);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_archive_or_another_key_removes_and_restores_nothing() {
    let server = server(None).await;
    let ids = server.record("A", &[1]).await;
    let file = server.file("a.weir");
    server.archive(&policy(1), &file).await;
    let other = make_key(&server.file("other.key")).unwrap();
    assert!(Archive::open(&file, &other).unwrap_err().to_string().contains("another key"));
    let whole = std::fs::read(&file).unwrap();
    for octets in [&whole[..whole.len() - 1], &whole[..200], &[&whole[..300], b"x", &whole[301..]].concat()] {
        std::fs::write(&file, octets).unwrap();
        let error = Archive::open(&file, &server.key).unwrap_err().to_string();
        assert!(error.contains("cut or changed"), "{error}");
    }
    assert_eq!(server.ids().await, ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_that_cannot_be_read_is_left_and_the_others_are_written() {
    let server = server(None).await;
    let ids = [server.record("A", &[1]).await, server.record("B", &[1]).await].concat();
    server.run("UPDATE incident SET matches = ? WHERE id = ?", values![&b"spoilt"[..], ids[0]]).await;
    let left = server.archive(&policy(1), &server.file("a.weir")).await;
    assert_eq!(left.len(), 1);
    assert!(left[0].1.contains("damaged"), "{left:?}");
    assert_eq!(server.remove(&server.file("a.weir")).await.gone, ids[1..]);
}
