//! What a detection server records arrives at Enforce once, whole and in order, whatever happens in between; and what gateways
//! say about copies is shown on every incident of the message.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use incident::wire::{CopyState, IncidentBatch, MessageUpdate, UpdateBatch};
use incident::{Ages, Filter, Journal, JournalOptions, NewMessage, Outcome, Retention, Status};
use jiff::{SignedDuration, Timestamp};
use store::database::Location;
use support::message;
use tempfile::TempDir;

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;

struct Two {
    prevent: Journal,
    enforce: Arc<Journal>,
    _dirs: [TempDir; 2],
}

async fn two(at: Option<Location>) -> Two {
    let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let prevent = Journal::open(dirs[0].path(), JournalOptions::default()).await.unwrap();
    let at = at.unwrap_or_else(|| Location::File(dirs[1].path().join("incidents.db")));
    let enforce = Journal::open_at(dirs[1].path(), &at, JournalOptions::default()).await.unwrap();
    Two { prevent, enforce: Arc::new(enforce), _dirs: dirs }
}

impl Two {
    /// Hands over everything that is new, originals too; the batches.
    async fn ship(&self) -> Vec<IncidentBatch> {
        ship(&self.prevent, &self.enforce, "mx1").await
    }

    async fn record(&self, message: NewMessage) -> incident::Recorded {
        self.prevent.record(message).await.unwrap()
    }
}

async fn ship(prevent: &Journal, enforce: &Journal, server: &str) -> Vec<IncidentBatch> {
    prevent.flush().await;
    let name = prevent.name().await.unwrap();
    let mut cursor = enforce.taken(server, &name).await.unwrap().unwrap().cursor;
    let mut batches = Vec::new();
    while let Some(batch) = prevent.changes(cursor).await.unwrap() {
        let answer = enforce.take(server, batch.clone()).await.unwrap();
        assert!(!answer.refused);
        for original in answer.wanted {
            let octets = prevent.original_by_name(&original).await.unwrap().unwrap();
            assert!(enforce.take_original(&name, &original, octets).await.unwrap());
        }
        cursor = answer.cursor;
        batches.push(batch);
    }
    batches
}

async fn all(journal: &Journal) -> Vec<incident::Summary> {
    let mut all = journal.list(&Filter::default()).await.unwrap();
    all.reverse();
    all
}

async fn actions(journal: &Journal, id: u64) -> Vec<String> {
    let incident = journal.show(id).await.unwrap().unwrap();
    incident.history.into_iter().map(|entry| entry.action).collect()
}

fn update(seq: u64, unique_id: &str, recipient: &str, state: CopyState) -> MessageUpdate {
    MessageUpdate {
        seq,
        unique_message_id: unique_id.into(),
        policy_ids: vec![1],
        recipient: recipient.into(),
        state,
        at: Timestamp::from_millisecond(1_800_000_000_000 + seq as i64).unwrap(),
        who: "carol".into(),
        note: Some("fine".into()),
        gateway_incident: 7,
        request_id: None,
    }
}

fn batch(updates: Vec<MessageUpdate>) -> UpdateBatch {
    UpdateBatch { gateway: "gw1".into(), waiting: 0, updates }
}

on_both! {
    made by two;

    async fn an_incident_arrives_whole_with_its_original_history_and_searchable_values(two: Two) {
        let recorded = two.record(message("A", &[1, 2])).await;
        two.prevent.outcome(&recorded, Outcome::Relayed { code: 250, text: "250 ok".into() }).await.unwrap();
        two.ship().await;
        let here = all(&two.enforce).await;
        assert_eq!(here.len(), 2);
        let (ours, theirs) = (
            two.enforce.show(here[0].id).await.unwrap().unwrap(),
            two.prevent.show(recorded.incidents[0].id).await.unwrap().unwrap(),
        );
        assert_eq!(ours.matches, theirs.matches);
        assert_eq!(ours.summary.outcome.as_deref(), Some("relayed"));
        assert_eq!(ours.summary.server, "mx1");
        assert_eq!(actions(&two.enforce, here[0].id).await, ["DETECTED", "RESPONSE_RULE_EXECUTED", "RELAYED"]);
        for one in &here {
            let original = two.enforce.original(one.id).await.unwrap().unwrap();
            assert!(original.ends_with(b"SECRET-ORIGINAL"));
        }
        let value = Filter { value: Some("4111-1111-1111-1111".into()), ..Filter::default() };
        assert_eq!(two.enforce.list(&value).await.unwrap().len(), 2);
        let effects = two.enforce.database().fetch("SELECT id FROM effect", Vec::new()).await.unwrap();
        assert!(effects.is_empty(), "effects stay where they are done");
    }

    async fn a_batch_that_comes_again_or_out_of_order_changes_nothing(two: Two) {
        let recorded = two.record(message("A", &[1])).await;
        let first = two.ship().await;
        two.prevent.outcome(&recorded, Outcome::Relayed { code: 250, text: "250 ok".into() }).await.unwrap();
        two.record(message("B", &[1])).await;
        let second = two.ship().await;
        let before = (all(&two.enforce).await, actions(&two.enforce, 1).await);
        for batch in first.into_iter().chain(second) {
            let answer = two.enforce.take("mx1", batch).await.unwrap();
            assert!(answer.refused);
            assert!(answer.wanted.is_empty());
        }
        // One from the future is refused too: what lies between would be lost.
        let mut ahead = two.prevent.changes(0).await.unwrap().unwrap();
        (ahead.after, ahead.up_to) = (ahead.after + 1_000, ahead.up_to + 1_000);
        assert!(two.enforce.take("mx1", ahead).await.unwrap().refused);
        assert_eq!((all(&two.enforce).await, actions(&two.enforce, 1).await), before);
        assert_eq!(before.0.len(), 2);
    }

    async fn an_original_is_asked_for_until_it_comes_or_is_said_to_be_gone(two: Two) {
        two.record(message("A", &[1])).await;
        let mut other = message("B", &[1]);
        other.original = Some(b"another".to_vec());
        two.record(other).await;
        let name = two.prevent.name().await.unwrap();
        let batch = two.prevent.changes(0).await.unwrap().unwrap();
        let wanted = two.enforce.take("mx1", batch).await.unwrap().wanted;
        assert_eq!(wanted.len(), 2);
        // The connection breaks here; the next one asks where things stand.
        assert_eq!(two.enforce.taken("mx1", &name).await.unwrap().unwrap().wanted, wanted);
        let octets = two.prevent.original_by_name(&wanted[0]).await.unwrap().unwrap();
        assert!(two.enforce.take_original(&name, &wanted[0], octets.clone()).await.unwrap());
        assert!(!two.enforce.take_original(&name, &wanted[0], octets).await.unwrap(), "once is enough");
        two.enforce.original_is_gone("mx1", &name, &wanted[1]).await.unwrap();
        assert!(two.enforce.taken("mx1", &name).await.unwrap().unwrap().wanted.is_empty());
        assert!(two.enforce.original(1).await.unwrap().is_some());
        assert!(actions(&two.enforce, 2).await.contains(&"MESSAGE_NOT_RETAINED".to_owned()));
        assert!(two.enforce.taken("mx2", &name).await.unwrap().is_none(), "another server's journal is not shown");
    }

    async fn the_same_message_from_two_detection_servers_is_one_incident(two: Two) {
        let dir = TempDir::new().unwrap();
        let second = Journal::open(dir.path(), JournalOptions::default()).await.unwrap();
        two.record(message("A", &[1])).await;
        let mut again = message("A", &[1]);
        again.recipients = vec!["c@partner.example".into()];
        second.record(again).await.unwrap();
        two.ship().await;
        ship(&second, &two.enforce, "mx2").await;
        let here = all(&two.enforce).await;
        assert_eq!(here.len(), 1);
        assert_eq!(here[0].recipients, ["b@partner.example", "c@partner.example"]);
        assert_eq!(two.enforce.show(1).await.unwrap().unwrap().history.last().unwrap().who, "mx2");
    }

    async fn new_recipients_never_hide_under_a_decision_made_at_enforce(two: Two) {
        two.record(message("A", &[1])).await;
        two.ship().await;
        two.enforce.set_status(1, Status::Resolved, "alice", "checked").await.unwrap();
        two.record(message("A", &[1])).await;
        two.ship().await;
        assert_eq!(all(&two.enforce).await.len(), 1, "the same recipients join");
        let mut fresh = message("A", &[1]);
        fresh.recipients = vec!["new@partner.example".into()];
        two.record(fresh).await;
        two.ship().await;
        let here = all(&two.enforce).await;
        assert_eq!(here.len(), 2);
        assert_eq!((here[0].status.clone(), here[1].status.clone()), (Status::Resolved, Status::New));
        assert_eq!(two.enforce.show(here[1].id).await.unwrap().unwrap().linked_to, Some(1));
    }

    async fn what_was_deleted_at_enforce_does_not_come_back_but_a_new_attempt_does(two: Two) {
        let recorded = two.record(message("A", &[1])).await;
        two.ship().await;
        assert_eq!(two.enforce.delete(&[1]).await.unwrap().incidents, 1);
        two.prevent.outcome(&recorded, Outcome::Relayed { code: 250, text: "250 ok".into() }).await.unwrap();
        two.ship().await;
        assert!(all(&two.enforce).await.is_empty());
        two.record(message("A", &[1])).await;
        two.ship().await;
        assert_eq!(all(&two.enforce).await.len(), 1);
    }

    async fn a_shared_original_is_kept_while_another_incident_needs_it(two: Two) {
        two.record(message("A", &[1, 2])).await;
        two.ship().await;
        assert_eq!(two.enforce.delete(&[1]).await.unwrap().originals, 0);
        assert!(two.enforce.original(2).await.unwrap().is_some());
        assert!(two.enforce.delete_original(2, "alice", "asked for").await.unwrap());
        let left = two.enforce.database().fetch("SELECT 1 AS one FROM original_body", Vec::new()).await.unwrap();
        assert!(left.is_empty());
        assert!(!two.enforce.delete_original(2, "alice", "again").await.unwrap());
    }

    async fn age_takes_originals_and_leaves_incidents_by_default(two: Two) {
        two.record(message("A", &[1])).await;
        two.ship().await;
        assert_eq!(two.enforce.expire(&Retention::default()).await.unwrap().originals, 0);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let now = Ages { originals: Some(SignedDuration::ZERO), ..Ages::default() };
        assert_eq!(two.enforce.expire(&now.into()).await.unwrap().originals, 1);
        assert!(two.enforce.original(1).await.unwrap().is_none());
        assert!(actions(&two.enforce, 1).await.contains(&"MESSAGE_NOT_RETAINED".to_owned()));
        let all_of_it = Ages { incidents: Some(SignedDuration::ZERO), ..now };
        assert_eq!(two.enforce.expire(&all_of_it.into()).await.unwrap().incidents, 1);
    }

    async fn policies_have_ages_of_their_own_and_a_shared_original_stays_as_long_as_one_wants_it(two: Two) {
        two.record(message("A", &[1, 2])).await;
        two.record(message("B", &[1])).await;
        two.record(message("C", &[3])).await;
        two.ship().await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let (never, at_once) = (None, Some(SignedDuration::ZERO));
        let mut retention = Retention::from(Ages { originals: never, incidents: never });
        retention.policies.insert(1, Ages { originals: at_once, incidents: never });
        retention.policies.insert(3, Ages { originals: never, incidents: at_once });
        // Of policy 1 alone is B; A's is policy 2's, too. C goes whole.
        let deleted = two.enforce.expire(&retention).await.unwrap();
        assert_eq!((deleted.incidents, deleted.originals), (1, 2));
        let kept = async |id| two.enforce.original(id).await.unwrap().is_some();
        assert_eq!((kept(1).await, kept(2).await, kept(3).await), (true, true, false));
        assert!(two.enforce.show(4).await.unwrap().is_none() && two.enforce.show(3).await.unwrap().is_some());
        // The other way round: all go, but for those of policy 2.
        let mut retention = Retention::from(Ages { originals: at_once, incidents: at_once });
        retention.policies.insert(2, Ages { originals: never, incidents: never });
        let deleted = two.enforce.expire(&retention).await.unwrap();
        assert_eq!((deleted.incidents, deleted.originals), (2, 0));
        assert!(kept(2).await);
    }

    async fn what_will_go_is_told_beforehand_as_it_will_go(two: Two) {
        two.record(message("A", &[1, 2])).await;
        two.record(message("B", &[1])).await;
        two.record(message("C", &[3])).await;
        two.ship().await;
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let mut retention = Retention::from(Ages { originals: Some(days(90)), incidents: None });
        retention.policies.insert(1, Ages { originals: Some(days(5)), incidents: Some(days(20)) });
        retention.policies.insert(2, Ages { originals: None, incidents: None });
        let going = async |ahead: i64, most: u32| {
            let until = Timestamp::now() + days(ahead);
            let going = two.enforce.expiring(&retention, until, most, std::time::Duration::from_secs(60)).await.unwrap();
            (going.incidents, going.originals)
        };
        assert_eq!(going(0, 10).await, (0, 0));
        assert_eq!(going(6, 10).await, (0, 1), "B's: A's is wanted by policy 2, too");
        assert_eq!(going(21, 10).await, (2, 1));
        assert_eq!(going(91, 10).await, (2, 2));
        assert_eq!(going(21, 1).await, (2, 1), "one more than is counted says that there are more");
        let (all, of) = two.enforce.originals_kept(10).await.unwrap();
        assert_eq!((all, of), (3, [(1, 2), (2, 1), (3, 1)].into()));
        let (all, of) = two.enforce.originals_kept(1).await.unwrap();
        assert_eq!((all, of.values().sum::<u64>()), (3, 2), "the oldest is A's, of two policies");
        assert_eq!(two.enforce.expire(&retention).await.unwrap(), incident::Deleted::default());
    }

    async fn a_journal_that_was_made_anew_under_the_same_name_is_another_one(two: Two) {
        two.record(message("A", &[1])).await;
        two.ship().await;
        let dir = TempDir::new().unwrap();
        let fresh = Journal::open(dir.path(), JournalOptions::default()).await.unwrap();
        fresh.record(message("B", &[1])).await.unwrap();
        ship(&fresh, &two.enforce, "mx1").await;
        assert_eq!(all(&two.enforce).await.len(), 2, "its numbers begin again, its incidents do not");
    }

    async fn a_journal_that_was_set_back_hands_over_again_without_doubles(two: Two) {
        two.record(message("A", &[1])).await;
        two.ship().await;
        let before = actions(&two.enforce, 1).await;
        let name = two.prevent.rename().await.unwrap();
        assert_eq!(name, two.prevent.name().await.unwrap());
        two.ship().await;
        assert_eq!(all(&two.enforce).await.len(), 1);
        assert_eq!(actions(&two.enforce, 1).await, before);
    }

    async fn updates_change_the_prevent_status_of_all_siblings_and_nothing_else(two: Two) {
        two.record(message("A", &[1, 2])).await;
        two.ship().await;
        let held = batch(vec![update(1, "A", "b@partner.example", CopyState::Held)]);
        assert!(two.enforce.take_updates("gw1", &held).await.unwrap().results[0].taken);
        assert!(all(&two.enforce).await.iter().all(|one| (one.prevent_status, one.status.clone()) == (21, Status::New)));
        let approved = batch(vec![
            update(2, "A", "b@partner.example", CopyState::Approved),
            update(3, "A", "b@partner.example", CopyState::Delivered),
        ]);
        for _ in 0..3 {
            two.enforce.take_updates("gw1", &approved).await.unwrap();
            two.enforce.take_updates("gw1", &held).await.unwrap();
        }
        assert!(all(&two.enforce).await.iter().all(|one| (one.prevent_status, one.status.clone()) == (22, Status::New)));
        let history = two.enforce.show(2).await.unwrap().unwrap().history;
        let told: Vec<(&str, &str)> = history[2..].iter().map(|one| (one.action.as_str(), one.who.as_str())).collect();
        assert_eq!(told, [("EMAIL_QUARANTINED", "carol"), ("EMAIL_APPROVED", "carol"), ("EMAIL_DELIVERED", "carol")]);
        let states = two.enforce.message_states("A").await.unwrap();
        assert_eq!((states.len(), states[0].state, states[0].gateway.as_str()), (1, CopyState::Delivered, "gw1"));
    }

    async fn an_update_before_its_incident_is_kept_and_told_when_that_comes(two: Two) {
        two.enforce.take_updates("gw1", &batch(vec![
            update(1, "A", "b@partner.example", CopyState::Held),
            update(2, "A", "b@partner.example", CopyState::Rejected),
        ])).await.unwrap();
        two.record(message("A", &[1])).await;
        two.ship().await;
        assert_eq!(all(&two.enforce).await[0].prevent_status, 23);
        let actions = actions(&two.enforce, 1).await;
        assert!(actions.contains(&"EMAIL_QUARANTINED".to_owned()) && actions.contains(&"EMAIL_BLOCKED".to_owned()));
    }

    async fn an_update_about_another_recipients_copy_is_told_whenever_it_comes(two: Two) {
        two.enforce.take_updates("gw1", &batch(vec![update(1, "A", "b@partner.example", CopyState::Held)])).await.unwrap();
        two.enforce.take_updates("gw2", &batch(vec![update(1, "A", "elsewhere@other.example", CopyState::Held)])).await.unwrap();
        two.record(message("A", &[1])).await;
        two.ship().await;
        let history = two.enforce.show(1).await.unwrap().unwrap().history;
        let told = |at: &str| history.iter().any(|line| line.detail.contains(&format!("is held for review at {at}")));
        assert!(told("gw1") && told("gw2"), "{history:#?}");
    }

    async fn the_newest_copy_of_a_recipient_counts_in_whatever_order_updates_come(two: Two) {
        // The sender sent it again while the first copy, released already, was being delivered: the second is held.
        let told = [(1, 1, CopyState::Approved), (2, 2, CopyState::Held), (3, 1, CopyState::Delivered)];
        for (message, order) in [("A", [0, 1, 2]), ("B", [0, 2, 1])] {
            for place in order {
                let (seq, gateway_incident, state) = told[place];
                let one = MessageUpdate { gateway_incident, ..update(seq, message, "b@partner.example", state) };
                two.enforce.take_updates("gw1", &batch(vec![one])).await.unwrap();
            }
            let states = two.enforce.message_states(message).await.unwrap();
            assert_eq!((states[0].state, states[0].gateway_incident), (CopyState::Held, 2), "{message}");
        }
    }

    async fn while_any_copy_is_held_the_message_is(two: Two) {
        two.record(message("A", &[1])).await;
        two.ship().await;
        two.enforce.take_updates("gw1", &batch(vec![
            update(1, "A", "b@partner.example", CopyState::Held),
            update(2, "A", "c@partner.example", CopyState::Held),
            update(3, "A", "b@partner.example", CopyState::Approved),
        ])).await.unwrap();
        assert_eq!(all(&two.enforce).await[0].prevent_status, 21);
        two.enforce.take_updates("gw1", &batch(vec![update(4, "A", "c@partner.example", CopyState::Expunged)])).await.unwrap();
        assert_eq!(all(&two.enforce).await[0].prevent_status, 25);
        // A gateway that was made anew counts from 1 again, and is heard.
        let mut anew = update(1, "A", "c@partner.example", CopyState::Held);
        anew.at = Timestamp::from_millisecond(1_900_000_000_000).unwrap();
        two.enforce.take_updates("gw1", &batch(vec![anew])).await.unwrap();
        assert_eq!(all(&two.enforce).await[0].prevent_status, 21);
    }

    async fn more_originals_than_one_answer_names_all_arrive(two: Two) {
        for number in 0..120 {
            let mut message = message(&format!("M{number}"), &[1]);
            message.original = Some(format!("original {number}").into_bytes());
            two.record(message).await;
        }
        let name = two.prevent.name().await.unwrap();
        let mut cursor = 0;
        while let Some(batch) = two.prevent.changes(cursor).await.unwrap() {
            cursor = two.enforce.take("mx1", batch).await.unwrap().cursor;
        }
        // One whose incident is gone is not asked for any more.
        two.enforce.delete(&[1]).await.unwrap();
        let mut asked = 0;
        loop {
            let wanted = two.enforce.taken("mx1", &name).await.unwrap().unwrap().wanted;
            if wanted.is_empty() {
                break;
            }
            for original in wanted {
                let octets = two.prevent.original_by_name(&original).await.unwrap().unwrap();
                assert!(two.enforce.take_original(&name, &original, octets).await.unwrap());
                asked += 1;
            }
        }
        assert_eq!(asked, 119);
    }

    async fn hundreds_of_mails_arrive_once_over_many_broken_batches(two: Two) {
        for number in 0..300 {
            two.record(message(&format!("M{}", number % 200), &[1, 2])).await;
        }
        two.prevent.flush().await;
        let name = two.prevent.name().await.unwrap();
        let mut cursor = 0;
        while let Some(batch) = two.prevent.changes(cursor).await.unwrap() {
            // Every answer is lost once: the sender asks where things stand, and goes on there.
            two.enforce.take("mx1", batch).await.unwrap();
            cursor = two.enforce.taken("mx1", &name).await.unwrap().unwrap().cursor;
        }
        let rows = two.enforce.database().fetch("SELECT count(*) AS count FROM incident", Vec::new()).await.unwrap();
        assert_eq!(rows[0].get::<i64>("count").unwrap(), 400);
        let count = |journal: &Journal| {
            let database = journal.database().clone();
            async move {
                let rows = database.fetch("SELECT count(*) AS count FROM history", Vec::new()).await.unwrap();
                rows[0].get::<i64>("count").unwrap()
            }
        };
        assert_eq!(count(&two.enforce).await, count(&two.prevent).await);
    }
}
