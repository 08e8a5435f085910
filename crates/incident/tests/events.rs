//! What receivers are told: each line once committed, in one order, from where each stands; the same on both databases.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use incident::Journal;
use incident::desk::{Access, Change, Desk, Saved};
use incident::events::{Event, Events, Receiver, Turn};
use jiff::{SignedDuration, Timestamp};
use store::database::{Dialect, Location};
use store::values;
use support::{Place, ann, message, place};

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;

struct Server {
    events: Events,
    desk: Desk,
    journal: Arc<Journal>,
    _place: Place,
}

async fn server(at: Option<Location>) -> Server {
    let place = place(at).await;
    let journal = place.open().await;
    Server { events: Events::new(journal.clone()), desk: Desk::new(journal.clone()), journal, _place: place }
}

impl Server {
    async fn record(&self, unique_id: &str) -> u64 {
        self.journal.record(message(unique_id, &[1])).await.unwrap().incidents[0].id
    }

    async fn note(&self, id: u64, text: &str) {
        let note = [Change::Note(text.to_owned())];
        self.desk.change(&Access::everything(), &ann(), &[id], &note).await.unwrap().unwrap();
    }

    async fn listen(&self, name: &str, enabled: bool) {
        let known = self.events.receivers().await.unwrap();
        let was = known.iter().find(|one| one.name == name).map(Receiver::mark).unwrap_or_default();
        let saved = self.events.save_receiver(&ann(), name, ("{}", None), enabled, &was).await.unwrap();
        assert_eq!(saved, Saved::Done);
    }

    async fn claim(&self) -> Turn {
        self.events.place().await.unwrap();
        self.events.claim(&[]).await.unwrap().unwrap()
    }

    /// What waits for whoever's turn it is, told at once.
    async fn taken(&self) -> Vec<Event> {
        let mut turn = self.claim().await;
        let batch = self.events.batch(&turn, 100).await.unwrap();
        assert!(self.events.told_all(&mut turn, &batch).await.unwrap());
        self.events.done(&turn).await.unwrap();
        batch.events
    }

    async fn nothing_waits(&self) -> bool {
        self.events.place().await.unwrap();
        self.events.claim(&[]).await.unwrap().is_none()
    }
}

fn words(events: &[Event]) -> Vec<(&str, &str)> {
    events.iter().map(|event| (event.action.as_str(), event.detail.as_str())).collect()
}

on_both! { made by server;

async fn a_receiver_is_told_each_line_once_and_in_order(server: Server) {
    server.record("BEFORE").await;
    server.listen("siem", true).await;
    assert!(server.nothing_waits().await, "what was before is not told");
    let id = server.record("M").await;
    server.note(id, "first").await;
    server.note(id, "second").await;
    let events = server.taken().await;
    assert_eq!(events[0].action, "DETECTED");
    assert_eq!(words(&events[events.len() - 2..]), [("NOTE_ADDED", "first"), ("NOTE_ADDED", "second")]);
    let last = events.last().unwrap();
    assert_eq!((last.who.as_str(), last.origin.as_deref()), ("ann", Some("192.0.2.7")));
    assert_eq!(last.incident.summary.unique_message_id, "M");
    assert!(server.nothing_waits().await);
    server.note(id, "third").await;
    assert_eq!(words(&server.taken().await), [("NOTE_ADDED", "third")]);
}

async fn what_was_not_taken_is_told_again_under_the_same_ids(server: Server) {
    server.listen("siem", true).await;
    server.record("M").await;
    let turn = server.claim().await;
    let first = server.events.batch(&turn, 100).await.unwrap().events;
    server.events.failed(&turn, "connection refused", Timestamp::now() - SignedDuration::from_secs(1)).await.unwrap();
    let kept = server.events.receivers().await.unwrap().remove(0);
    assert_eq!((kept.failures, kept.waiting), (1, first.len() as u64));
    assert_eq!(kept.error.unwrap().1, "connection refused");
    let again = server.taken().await;
    let ids = |events: &[Event]| events.iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(ids(&first), ids(&again));
    let kept = server.events.receivers().await.unwrap().remove(0);
    assert_eq!((kept.failures, kept.waiting, kept.error), (0, 0, None));
}

async fn a_receiver_has_one_teller_at_a_time_and_a_late_one_moves_nothing(server: Server) {
    server.listen("siem", true).await;
    let id = server.record("M").await;
    let mut late = server.claim().await;
    let batch = server.events.batch(&late, 100).await.unwrap();
    assert!(server.events.claim(&[]).await.unwrap().is_none(), "it is somebody's turn");
    // Its claim runs out.
    let mut transaction = server.journal.database().begin().await.unwrap();
    transaction.run("UPDATE receiver SET claimed_until = 0", Vec::new()).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(!server.taken().await.is_empty());
    server.note(id, "more").await;
    assert!(!server.events.told_all(&mut late, &batch).await.unwrap());
    assert_eq!(words(&server.taken().await), [("NOTE_ADDED", "more")]);
}

async fn receivers_do_not_wait_for_one_another(server: Server) {
    server.listen("away", true).await;
    server.listen("here", true).await;
    server.record("M").await;
    let away = server.claim().await;
    server.events.failed(&away, "away", Timestamp::now() + SignedDuration::from_hours(1)).await.unwrap();
    assert!(!server.taken().await.is_empty());
    assert!(server.nothing_waits().await);
    let waiting: Vec<(String, bool)> =
        server.events.receivers().await.unwrap().into_iter().map(|one| (one.name, one.waiting > 0)).collect();
    assert_eq!(waiting, [("away".to_owned(), true), ("here".to_owned(), false)]);
}

async fn a_refused_event_is_skipped_and_counted(server: Server) {
    server.listen("siem", true).await;
    let id = server.record("M").await;
    server.taken().await;
    server.note(id, "one").await;
    server.note(id, "two").await;
    let mut turn = server.claim().await;
    let batch = server.events.batch(&turn, 100).await.unwrap();
    assert!(server.events.skip(&mut turn, &batch.events[0], "it answers 413").await.unwrap());
    assert!(server.events.told(&mut turn, &batch.events[1]).await.unwrap());
    assert!(server.events.told_all(&mut turn, &batch).await.unwrap(), "all of it was told by then");
    server.events.done(&turn).await.unwrap();
    let kept = server.events.receivers().await.unwrap().remove(0);
    assert_eq!((kept.skipped, kept.waiting), (1, 0));
}

async fn one_that_is_paused_hears_what_happens_once_it_listens_again(server: Server) {
    server.listen("siem", true).await;
    let id = server.record("M").await;
    server.listen("siem", false).await;
    server.note(id, "meanwhile").await;
    assert!(server.nothing_waits().await);
    server.listen("siem", true).await;
    server.note(id, "afterwards").await;
    assert_eq!(words(&server.taken().await), [("NOTE_ADDED", "afterwards")]);
}

async fn deletion_is_deletion_and_holds_nothing_up(server: Server) {
    server.listen("siem", true).await;
    let gone = server.record("GONE").await;
    let stays = server.record("STAYS").await;
    server.journal.delete(&[gone]).await.unwrap();
    let events = server.taken().await;
    assert!(events.iter().all(|event| event.incident.summary.id == stays));
    let all = server.record("ALL").await;
    server.journal.delete(&[all]).await.unwrap();
    assert!(server.taken().await.is_empty());
    assert!(server.nothing_waits().await);
}

async fn what_was_told_is_forgotten_and_what_is_too_much_is_lost_aloud(server: Server) {
    server.listen("siem", true).await;
    let id = server.record("M").await;
    server.taken().await;
    assert!(server.events.tidy(100).await.unwrap().is_empty());
    let kept = "SELECT id FROM event";
    assert!(server.journal.database().fetch(kept, Vec::new()).await.unwrap().is_empty());
    for number in 0..10 {
        server.note(id, &number.to_string()).await;
    }
    server.events.place().await.unwrap();
    assert_eq!(server.events.tidy(3).await.unwrap(), [("siem".to_owned(), 7)]);
    let kept = server.events.receivers().await.unwrap().remove(0);
    assert_eq!((kept.waiting, kept.skipped), (3, 7));
    assert_eq!(words(&server.taken().await), [("NOTE_ADDED", "7"), ("NOTE_ADDED", "8"), ("NOTE_ADDED", "9")]);
}

async fn nothing_is_kept_where_nobody_listens(server: Server) {
    let id = server.record("M").await;
    server.note(id, "x").await;
    server.listen("siem", false).await;
    server.note(id, "y").await;
    let kept = server.journal.database().fetch("SELECT id FROM event", Vec::new()).await.unwrap();
    assert!(kept.is_empty());
}

async fn a_line_that_is_committed_late_is_told_late_and_not_lost(server: Server) {
    server.listen("siem", true).await;
    let (id, other) = (server.record("M").await, server.record("OTHER").await);
    server.taken().await;
    let database = server.journal.database();
    if database.dialect() == Dialect::Sqlite {
        // It has one writer: nothing is committed late.
        return;
    }
    let sql = "INSERT INTO history (incident_id, at, who, action, detail) VALUES (?, ?, 'x', 'LATE', '')";
    let mut late = database.begin().await.unwrap();
    late.run(sql, values![other, 1_i64]).await.unwrap();
    server.note(id, "early").await;
    assert_eq!(words(&server.taken().await), [("NOTE_ADDED", "early")]);
    late.commit().await.unwrap();
    assert_eq!(words(&server.taken().await), [("LATE", "")]);
}

}
