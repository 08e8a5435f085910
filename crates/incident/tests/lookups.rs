//! Incidents that wait for their attributes: each once, in spite of crashes and neighbours, on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use incident::desk::{Access, Condition, Field, LookedUp, LookupDue, Scalar};
use jiff::{SignedDuration, Timestamp};
use store::database::Location;
use store::values;
use support::{Server, ann, message, server};

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;

fn found(name: &str, value: &str) -> LookedUp {
    LookedUp { name: name.into(), value: value.into(), by: "directory".into() }
}

impl Server {
    async fn record(&self, unique_id: &str) -> u64 {
        self.journal.record(message(unique_id, &[1])).await.unwrap().incidents[0].id
    }

    /// All that are due now.
    async fn claimed(&self) -> Vec<LookupDue> {
        self.desk.queue_lookups().await.unwrap();
        let mut all = Vec::new();
        while let Some(due) = self.desk.claim_lookup().await.unwrap() {
            all.push(due);
        }
        all
    }

    async fn attributes(&self, id: u64) -> BTreeMap<String, String> {
        let look = self.desk.look(&Access::everything(), id).await.unwrap().unwrap();
        look.attributes.into_iter().collect()
    }

    async fn history(&self, id: u64) -> Vec<(String, String)> {
        let incident = self.journal.show(id).await.unwrap().unwrap();
        let lines = incident.history.into_iter().map(|line| (line.action, line.detail));
        lines.filter(|(action, _)| action.contains("LOOK")).collect()
    }

    async fn run(&self, sql: &str, values: Vec<store::database::Value>) {
        let mut transaction = self.journal.database().begin().await.unwrap();
        transaction.run(sql, values).await.unwrap();
        transaction.commit().await.unwrap();
    }
}

on_both! {
    made by server;

    async fn new_incidents_are_due_once_and_those_of_before_are_not(server: Server) {
        server.record("OLD").await;
        assert!(server.claimed().await.is_empty());
        let (one, two) = (server.record("A").await, server.record("B").await);
        let claimed = server.claimed().await;
        assert_eq!(claimed.iter().map(|due| due.incident).collect::<Vec<_>>(), [one, two]);
        assert!(claimed.iter().all(|due| due.attempt == 1 && due.asked_by.is_none() && !due.sender.is_empty()));
        assert!(server.claimed().await.is_empty(), "claimed once");
        for due in &claimed {
            server.desk.finish_lookup(due, &[], "", None).await.unwrap();
        }
        // Once they are old enough that nothing can appear below them, their rows are gone and they are still not due.
        server.run("UPDATE incident SET recorded_at = 0", Vec::new()).await;
        assert!(server.claimed().await.is_empty());
        let rows = server.journal.database().fetch("SELECT incident_id FROM lookup", Vec::new()).await.unwrap();
        assert!(rows.is_empty());
        let three = server.record("C").await;
        assert_eq!(server.claimed().await[0].incident, three);
    }

    async fn an_incident_that_appears_late_below_others_is_not_missed(server: Server) {
        server.claimed().await;
        let (late, other) = (server.record("LATE").await, server.record("OTHER").await);
        for due in server.claimed().await {
            server.desk.finish_lookup(&due, &[], "", None).await.unwrap();
        }
        // As if its transaction had not been over when the other one was queued.
        server.run("DELETE FROM lookup WHERE incident_id = ?", values![late]).await;
        let again = server.claimed().await;
        assert_eq!(again.iter().map(|due| due.incident).collect::<Vec<_>>(), [late]);
        assert!(late < other);
    }

    async fn what_is_found_fills_gaps_and_replaces_only_when_asked_for(server: Server) {
        server.claimed().await;
        let id = server.record("A").await;
        let change = incident::desk::Change::Attribute("Department".into(), "by hand".into());
        server.desk.change(&Access::everything(), &ann(), &[id], &[change]).await.unwrap().unwrap();
        let all = [found("Department", "Sales"), found("Manager", "Eve")];
        let due = &server.claimed().await[0];
        server.desk.finish_lookup(due, &all, "", None).await.unwrap();
        assert_eq!(server.attributes(id).await["Department"], "by hand");
        assert_eq!(server.history(id).await, [("ATTRIBUTES_LOOKED_UP".into(), "Manager (directory)".into())]);
        let nobody = Access::only(Condition::Is(Field::PolicyId, vec![Scalar::Number(99)]));
        assert!(!server.desk.ask_lookup(&nobody, &ann(), id).await.unwrap(), "not for who does not reach it");
        assert!(server.desk.ask_lookup(&Access::everything(), &ann(), id).await.unwrap());
        let due = &server.claimed().await[0];
        assert_eq!((due.attempt, due.asked_by.as_deref()), (1, Some("ann")));
        server.desk.finish_lookup(due, &all, "", None).await.unwrap();
        assert_eq!(server.attributes(id).await["Department"], "Sales");
        let with = Condition::Is(Field::Attribute("Department".into()), vec![Scalar::Text("Sales".into())]);
        assert_eq!(server.desk.count(&Access::everything(), &with).await.unwrap(), incident::desk::Count::Exactly(1));
        assert!(server.desk.lookup_waits(id).await.unwrap().is_none());
    }

    async fn a_failure_is_told_first_and_last_and_tried_again_in_between(server: Server) {
        server.claimed().await;
        let id = server.record("A").await;
        let now = || Some(Timestamp::now() - SignedDuration::from_secs(1));
        for attempt in 1..=3 {
            let due = &server.claimed().await[0];
            assert_eq!(due.attempt, attempt);
            let again = if attempt < 3 { now() } else { None };
            server.desk.finish_lookup(due, &[found("Manager", "Eve")], "hr: away", again).await.unwrap();
            if attempt < 3 {
                let waits = server.desk.lookup_waits(id).await.unwrap().unwrap();
                assert_eq!((waits.attempts, waits.trouble.as_str()), (attempt, "hr: away"));
            }
        }
        assert!(server.claimed().await.is_empty());
        let lines = [
            ("ATTRIBUTES_LOOKED_UP", "Manager (directory)"),
            ("LOOKUP_FAILED", "hr: away; it is tried again"),
            ("LOOKUP_FAILED", "hr: away; given up after 3 attempts"),
        ];
        assert_eq!(server.history(id).await, lines.map(|(action, detail)| (action.to_owned(), detail.to_owned())));
    }

    async fn a_claim_of_a_server_that_died_ends_and_what_comes_late_of_it_counts_nothing(server: Server) {
        server.claimed().await;
        let id = server.record("A").await;
        let first = server.claimed().await.remove(0);
        assert!(server.claimed().await.is_empty());
        server.run("UPDATE lookup SET claimed_until = 1", Vec::new()).await;
        let second = server.claimed().await.remove(0);
        assert_eq!(second.attempt, 2);
        server.desk.finish_lookup(&first, &[found("Manager", "old")], "", None).await.unwrap();
        assert!(server.attributes(id).await.is_empty());
        server.desk.finish_lookup(&second, &[found("Manager", "Eve")], "", None).await.unwrap();
        assert_eq!(server.attributes(id).await["Manager"], "Eve");
        // One that is deleted meanwhile is no trouble.
        let gone = server.record("B").await;
        let due = server.claimed().await.remove(0);
        server.run("DELETE FROM incident WHERE id = ?", values![gone]).await;
        server.desk.finish_lookup(&due, &[found("Manager", "Eve")], "x", None).await.unwrap();
    }
}
