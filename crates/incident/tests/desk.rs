//! What people ask of incidents and do with them: the same answers on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use incident::Severity;
use incident::desk::{
    Access, AgeingRow, Asked, Change, Changed, Condition, Count, Decision, Facet, Field, NewSecret, Order,
    PluginRow, PluginUse, RemediationOrder, RemediationResult, RuleRow, Saved, Scalar, Search, SecretKind,
    Sort,
};
use incident::events::Events;
use jiff::{SignedDuration, Timestamp};
use store::database::{Dialect, Location};
use store::values;
use support::{Server, ann, message, number, server};

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;

fn everything() -> Access {
    Access::everything()
}

fn secret<'a>(name: &'a str, value: &'a [u8]) -> NewSecret<'a> {
    NewSecret { name, kind: SecretKind::Password, shown: "user u", value }
}

impl Server {
    /// Records a message; the numbers of its incidents.
    async fn record(&self, unique_id: &str, policies: &[u32]) -> Vec<u64> {
        let recorded = self.journal.record(message(unique_id, policies)).await.unwrap();
        recorded.incidents.iter().map(|one| one.id).collect()
    }

    /// Twelve incidents that differ in everything that lists are cut and ordered by.
    async fn dozen(&self) {
        for at in 0..12_u32 {
            let mut one = message(&format!("M{at}"), &[at % 3 + 1]);
            one.sender = format!("User{}@Company.example", at % 4);
            one.recipients = vec![format!("r{}@partner.example", at % 2), "all@list.example".into()];
            one.subject = format!("subject {at} 50% a_b \\ end");
            one.server = format!("prevent-{}", at % 2);
            one.received_at = Timestamp::now() - SignedDuration::from_hours(24 * i64::from(at));
            one.violations[0].severity = if at % 2 == 0 { Severity::High } else { Severity::Low };
            one.violations[0].match_count = u64::from(at) + 1;
            one.violations[0].matches[0].text = format!("DE89 3704 0044 0532 0130 {at:02}");
            self.journal.record(one).await.unwrap();
        }
    }

    async fn run(&self, sql: &str, values: Vec<store::database::Value>) {
        let mut transaction = self.journal.database().begin().await.unwrap();
        transaction.run(sql, values).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn found(&self, condition: Condition) -> BTreeSet<u64> {
        condition.check().unwrap_or_else(|why| panic!("{condition:?}: {why}"));
        self.desk.ids(&everything(), &condition, 1_000).await.unwrap().into_iter().collect()
    }

    async fn count(&self, condition: Condition) -> usize {
        let found = self.found(condition.clone()).await.len();
        let counted = self.desk.count(&everything(), &condition).await.unwrap();
        assert_eq!(counted, Count::Exactly(found as u64), "{condition:?}");
        found
    }

    async fn actions(&self, id: u64) -> Vec<String> {
        let history = self.journal.show(id).await.unwrap().unwrap().history;
        history.into_iter().map(|line| line.action).collect()
    }

    async fn status(&self, id: u64) -> String {
        self.journal.show(id).await.unwrap().unwrap().summary.status.to_string()
    }
}

on_both! {
    made by server;

    async fn every_order_gives_each_incident_once_in_both_directions(server: Server) {
        server.dozen().await;
        for sort in Sort::ALL {
            for ascending in [false, true] {
                let whole = Search { sort, ascending, limit: 100, ..Search::default() };
                let whole = server.desk.page(&everything(), &whole).await.unwrap().rows;
                let whole: Vec<u64> = whole.iter().map(|line| line.summary.id).collect();
                assert_eq!(whole.iter().collect::<BTreeSet<_>>().len(), 12, "{sort:?}");
                let mut search = Search { sort, ascending, limit: 5, ..Search::default() };
                let mut pages = Vec::new();
                loop {
                    let page = server.desk.page(&everything(), &search).await.unwrap();
                    assert_eq!(page.more_before, search.after.is_some());
                    search.after = page.rows.last().map(|line| line.key.clone());
                    pages.push(page.rows);
                    if !page.more_after {
                        break;
                    }
                }
                let read: Vec<u64> = pages.iter().flatten().map(|line| line.summary.id).collect();
                assert_eq!(read, whole, "{sort:?} {ascending}");
                // And back from the beginning of the last page.
                search.after = Some(pages[2][0].key.clone());
                search.backwards = true;
                let back = server.desk.page(&everything(), &search).await.unwrap();
                let back: Vec<u64> = back.rows.iter().map(|line| line.summary.id).collect();
                assert_eq!(back, whole[5..10], "{sort:?} {ascending} back");
                let search = Search { sort, ascending, ..Search::default() };
                let key = server.desk.key_at(&everything(), &search, 5).await.unwrap().unwrap();
                assert_eq!(key.id, whole[4], "{sort:?}");
            }
        }
    }

    async fn lists_of_more_than_are_counted_are_in_order_and_show_nothing_else(server: Server) {
        server.dozen().await;
        let columns = "policy_id, policy, policy_version, policy_set, severity, status, prevent_status, sender, recipients, \
            subject, direction, server, last_seen, size, match_count, count_is_complete, trial, response_rules, unscannable, \
            matches, recorded_at, sender_domain";
        let sql = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1400) \
             INSERT INTO incident (unique_id, received_at, {columns}) \
             SELECT unique_id || '-' || i, received_at - i, {columns} FROM incident CROSS JOIN n"
        );
        let mut transaction = server.journal.database().begin().await.unwrap();
        transaction.run(&sql, values![]).await.unwrap();
        transaction.commit().await.unwrap();
        let access = Access::only(Condition::Not(Box::new(number(Field::PolicyId, 3))));
        let all = Condition::is(Field::Status, "New");
        assert_eq!(server.desk.count(&access, &all).await.unwrap(), Count::MoreThan(10_000));
        for (sort, column) in [
            (Sort::Severity, "severity"),
            (Sort::Status, "status"),
            (Sort::PreventStatus, "prevent_status"),
            (Sort::Policy, "policy_id"),
            (Sort::Sender, "lower(sender)"),
            (Sort::Server, "server"),
            (Sort::Matches, "match_count"),
        ] {
            let search = Search { condition: all.clone(), sort, limit: 10_000, ..Search::default() };
            let page = server.desk.page(&access, &search).await.unwrap();
            let found: Vec<i64> = page.rows.iter().map(|line| line.summary.id as i64).collect();
            let sql = format!(
                "SELECT id FROM incident WHERE policy_id <> 3 ORDER BY {column} DESC, received_at DESC, id DESC LIMIT 10000"
            );
            let rows = server.journal.database().fetch(&sql, values![]).await.unwrap();
            let expected: Vec<i64> = rows.iter().map(|row| row.get("id").unwrap()).collect();
            assert!(found == expected, "{sort:?}");
        }
    }

    async fn every_question_finds_the_same(server: Server) {
        server.dozen().await;
        let text = |text: &str| Scalar::Text(text.into());
        let day = Timestamp::now().as_millisecond() - 86_400_000 * 5 - 3_600_000;
        for (condition, expected) in [
            (Condition::everything(), 12),
            (Condition::Any(Vec::new()), 0),
            (number(Field::PolicyId, 1), 4),
            (Condition::is(Field::Policy, "policy 1"), 4),
            (number(Field::Severity, 1).and(number(Field::PolicyId, 1)), 2),
            (Condition::Is(Field::PolicyId, vec![Scalar::Number(1), Scalar::Number(2)]), 8),
            (Condition::is(Field::Status, "New"), 12),
            (number(Field::StatusId, 1), 12),
            (number(Field::StatusId, 2), 0),
            (Condition::is(Field::Sender, "uSER1@company.EXAMPLE"), 3),
            (Condition::is(Field::SenderDomain, "Company.Example"), 12),
            (Condition::is(Field::Recipient, "R1@partner.example"), 6),
            (Condition::is(Field::RecipientDomain, "list.example"), 12),
            (Condition::Like(Field::Recipient, "r1@%".into()), 6),
            (Condition::contains(Field::Recipients, "r1@"), 6),
            (Condition::contains(Field::Subject, "50%"), 12),
            (Condition::contains(Field::Subject, "a_b"), 12),
            (Condition::contains(Field::Subject, "axb"), 0),
            (Condition::contains(Field::Subject, "b \\ e"), 12),
            (Condition::contains(Field::Subject, "SUBJECT 11"), 1),
            (Condition::contains(Field::Subject, "a\0b"), 0),
            (Condition::is(Field::Server, "prevent-1"), 6),
            (Condition::is(Field::MatchedValue, "DE89370400440532013003"), 1),
            (Condition::is(Field::Unscannable, "Encrypted"), 12),
            (Condition::is(Field::Unscannable, "timeout"), 0),
            (Condition::Compare(Field::Matches, Order::Greater, Scalar::Number(10)), 2),
            (Condition::Compare(Field::ReceivedAt, Order::GreaterOrEqual, Scalar::Number(day)), 6),
            (Condition::Is(Field::Hidden, vec![Scalar::Flag(false)]), 12),
            (Condition::Is(Field::Trial, vec![Scalar::Flag(true)]), 0),
            (Condition::Missing(Field::Owner), 12),
            (Condition::Missing(Field::Note), 12),
            (Condition::Missing(Field::Recipient), 0),
            (Condition::Not(Box::new(Condition::is(Field::Owner, "ann"))), 12),
            (Condition::Not(Box::new(number(Field::Severity, 1))), 6),
            (Condition::Any(vec![number(Field::Severity, 1), number(Field::PolicyId, 2)]), 8),
            (Condition::Is(Field::Id, vec![Scalar::Number(-1), Scalar::Number(i64::MAX)]), 0),
            (Condition::Is(Field::Server, vec![text("'; DROP TABLE incident; --")]), 0),
        ] {
            assert_eq!(server.count(condition.clone()).await, expected, "{condition:?}");
        }
    }

    async fn what_people_set_is_found_by_it(server: Server) {
        server.dozen().await;
        let changes = [
            Change::Status("in process".into()),
            Change::Severity(Severity::Medium),
            Change::Owner(Some("ann".into())),
            Change::DataOwnerName(Some("Dana".into())),
            Change::DataOwnerEmail(Some("dana@company.example".into())),
            Change::RemediationLocation(Some("vault".into())),
            Change::PreventStatus(61),
            Change::Attribute("Department".into(), "R & D".into()),
            Change::Note("looked at it".into()),
            Change::Hidden(true),
        ];
        let done = server.desk.change(&everything(), &ann(), &[3, 2, 3, 99], &changes).await.unwrap().unwrap();
        assert_eq!(done, [(2, Changed::Done), (3, Changed::Done), (99, Changed::NotThere)]);
        for condition in [
            Condition::is(Field::Status, "In Process"),
            number(Field::StatusId, 2),
            number(Field::Severity, 2),
            Condition::is(Field::Owner, "ann"),
            Condition::is(Field::DataOwnerName, "Dana"),
            number(Field::PreventStatus, 61),
            Condition::is(Field::Attribute("Department".into()), "R & D"),
            Condition::Like(Field::Attribute("Department".into()), "r & d".into()),
            Condition::Like(Field::Note, "%LOOKED%".into()),
            Condition::is(Field::Note, "looked at it"),
            Condition::Is(Field::Hidden, vec![Scalar::Flag(true)]),
        ] {
            assert_eq!(server.found(condition.clone()).await, BTreeSet::from([2, 3]), "{condition:?}");
        }
        let look = server.desk.look(&everything(), 2).await.unwrap().unwrap();
        assert_eq!(look.data_owner, (Some("Dana".into()), Some("dana@company.example".into())));
        assert_eq!((look.attributes.len(), look.notes.len(), look.hidden), (1, 1, true));
        let lines: Vec<_> = look.history.iter().filter(|line| line.who == "ann").collect();
        assert_eq!(lines.len(), 10);
        assert!(lines.iter().all(|line| line.origin.as_deref() == Some("192.0.2.7")));
        let again = server.desk.change(&everything(), &ann(), &[2], &changes[..8]).await.unwrap().unwrap();
        assert_eq!(again, [(2, Changed::Unchanged)], "what is so already is told once");
        assert_eq!(server.desk.attribute_definitions().await.unwrap()[0].name, "Department");
    }

    async fn a_decision_is_all_or_nothing(server: Server) {
        let ids = server.record("M", &[1, 2]).await;
        let wrong = [Change::Owner(Some("ann".into())), Change::Status("Nonsense".into())];
        let why = server.desk.change(&everything(), &ann(), &ids, &wrong).await.unwrap().unwrap_err();
        assert!(why.contains("Nonsense") && why.contains("In Process"), "{why}");
        let order = |incident| RemediationOrder {
            id: "the same".into(),
            incident,
            rule: "Approve".into(),
            plugin: "SMG".into(),
            request: "{}".into(),
        };
        // Two requests of one id: the second cannot be written, and nothing of the decision stays.
        let decision = Decision {
            ids: ids.clone(),
            changes: vec![Change::Owner(Some("ann".into()))],
            orders: ids.iter().map(|id| order(*id)).collect(),
            ..Decision::default()
        };
        server.desk.decide(&everything(), &ann(), decision).await.unwrap_err();
        for id in ids {
            assert_eq!(server.actions(id).await, ["DETECTED", "RESPONSE_RULE_EXECUTED"]);
            assert!(server.desk.requests(id).await.unwrap().is_empty());
        }
    }

    async fn a_decision_made_from_an_old_look_leaves_the_incident_alone(server: Server) {
        let id = server.record("M", &[1]).await[0];
        let from = |status: &str, to: &str| Decision {
            ids: vec![id],
            changes: vec![Change::Status(to.into()), Change::Note("so it is".into())],
            seen: vec![Change::Status(status.into())],
            ..Decision::default()
        };
        let decide = async |decision| server.desk.decide(&everything(), &ann(), decision).await.unwrap().unwrap();
        assert_eq!(decide(from("New", "Escalated")).await, [(id, Changed::Done)]);
        assert_eq!(decide(from("New", "Resolved")).await, [(id, Changed::Stale)]);
        assert_eq!(server.status(id).await, "Escalated");
        assert_eq!(server.desk.look(&everything(), id).await.unwrap().unwrap().notes.len(), 1);
    }

    async fn a_decision_that_is_sent_twice_is_carried_out_once(server: Server) {
        let id = server.record("M", &[1]).await[0];
        let once = uuid::Uuid::now_v7();
        let decision = |status: &str| Decision {
            ids: vec![id],
            changes: vec![Change::Status(status.into()), Change::Note("so it is".into())],
            once: Some(once),
            ..Decision::default()
        };
        // What makes no sense does not use it up.
        server.desk.decide(&everything(), &ann(), decision("Nonsense")).await.unwrap().unwrap_err();
        let sent: Vec<_> = (0..4).map(|_| {
            let (desk, decision) = (server.desk.clone(), decision("Escalated"));
            tokio::spawn(async move { desk.decide(&Access::everything(), &ann(), decision).await.unwrap().unwrap() })
        }).collect();
        let mut results = Vec::new();
        for one in sent {
            results.push(one.await.unwrap()[0].1);
        }
        results.sort_by_key(|result| *result == Changed::Repeated);
        assert_eq!(results, [Changed::Done, Changed::Repeated, Changed::Repeated, Changed::Repeated]);
        assert_eq!(server.desk.look(&everything(), id).await.unwrap().unwrap().notes.len(), 1);
    }

    async fn a_decision_about_many_leaves_those_alone_on_which_somebody_decided_since_they_were_seen(server: Server) {
        let ids = server.record("M", &[1, 2]).await;
        let as_of = Some(Timestamp::now());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        server.desk.change(&everything(), &ann(), &ids[..1], &[Change::Status("Resolved".into())]).await.unwrap().unwrap();
        let changes = vec![Change::Status("Escalated".into())];
        let decision = Decision { ids: ids.clone(), changes, as_of, ..Decision::default() };
        let done = server.desk.decide(&everything(), &ann(), decision).await.unwrap().unwrap();
        assert_eq!(done, [(ids[0], Changed::Stale), (ids[1], Changed::Done)]);
        assert_eq!(server.status(ids[0]).await, "Resolved");
    }

    async fn of_many_who_decide_at_the_same_time_each_line_of_the_history_is_true(server: Server) {
        let id = server.record("M", &[1]).await[0];
        let tasks: Vec<_> = (0..8).map(|at| {
            let desk = server.desk.clone();
            let name = ["Resolved", "Escalated"][at % 2];
            tokio::spawn(async move {
                desk.change(&Access::everything(), &ann(), &[id], &[Change::Status(name.into())]).await
            })
        }).collect();
        for task in tasks {
            task.await.unwrap().unwrap().unwrap();
        }
        let history = server.journal.show(id).await.unwrap().unwrap().history;
        let mut stands = "New".to_owned();
        for line in history.iter().filter(|line| line.action == "SET_STATUS") {
            let (before, after) = line.detail.split_once(" -> ").unwrap();
            assert_eq!(before, stands, "{history:?}");
            stands = after.to_owned();
        }
        assert_eq!(server.status(id).await, stands);
    }

    async fn a_role_reaches_nothing_beyond_its_condition(server: Server) {
        server.dozen().await;
        server.desk.change(&everything(), &ann(), &[2, 5], &[Change::Attribute("Team".into(), "Blue".into())])
            .await.unwrap().unwrap();
        let blue = Access::only(Condition::Like(Field::Attribute("Team".into()), "BLUE".into()));
        assert_eq!(server.desk.ids(&blue, &Condition::everything(), 100).await.unwrap(), [2, 5]);
        assert!(server.desk.look(&blue, 1).await.unwrap().is_none());
        assert!(server.desk.original(&blue, 1).await.unwrap().is_none());
        assert!(server.desk.original(&blue, 2).await.unwrap().is_some());
        let done = server.desk.change(&blue, &ann(), &[1, 2], &[Change::Status("Resolved".into())]).await;
        assert_eq!(done.unwrap().unwrap(), [(1, Changed::NotThere), (2, Changed::Done)]);
        assert_eq!(server.status(1).await, "New");
        let days = (0, Timestamp::now().as_millisecond() / 86_400_000);
        let count = async |access: &Access| {
            server.desk.summary(access, Facet::Server, days).await.unwrap().iter().map(|one| one.count).sum::<u64>()
        };
        assert_eq!((count(&blue).await, count(&everything()).await), (2, 12));
        let high = Access::only(number(Field::Severity, 1));
        assert_eq!(count(&high).await, 6, "what the daily counts know is summed from them");
        let incident = server.journal.show(2).await.unwrap().unwrap();
        let found = server.desk.correlations(&blue, &incident).await.unwrap();
        assert_eq!(found.sender, Some(Count::Exactly(0)), "others of this sender are beyond the role");
    }

    async fn daily_counts_are_those_of_the_incidents_whatever_happens(server: Server) {
        server.dozen().await;
        let mut old = message("OLD", &[1]);
        old.received_at = Timestamp::now() - SignedDuration::from_hours(24 * 300);
        server.journal.record(old).await.unwrap();
        server.desk.change(&everything(), &ann(), &[1, 2, 13], &[Change::Status("Resolved".into()), Change::Severity(Severity::Info)])
            .await.unwrap().unwrap();
        server.journal.delete(&[3]).await.unwrap();
        let days = (0, Timestamp::now().as_millisecond() / 86_400_000);
        let told = async || {
            let mut told = Vec::new();
            for facet in [Facet::Policy, Facet::Severity, Facet::Status, Facet::PreventStatus, Facet::Server, Facet::Sender] {
                told.push(server.desk.summary(&everything(), facet, days).await.unwrap());
            }
            (told, server.desk.trend(&everything(), Facet::Severity, days).await.unwrap())
        };
        let before = told().await;
        // A role that the counts know nothing of is counted from the incidents: the same numbers.
        let all = Access::only(Condition::Not(Box::new(Condition::is(Field::Subject, "none"))));
        for (facet, groups) in [Facet::Policy, Facet::Severity, Facet::Status].into_iter().zip(&before.0) {
            assert_eq!(&server.desk.summary(&all, facet, days).await.unwrap(), groups, "{facet:?}");
        }
        assert_eq!(server.desk.trend(&all, Facet::Severity, days).await.unwrap(), before.1);
        server.desk.fold_counts().await.unwrap();
        server.desk.fold_counts().await.unwrap();
        assert_eq!(told().await, before, "summing up changes no sum");
        let lines = async |table: &str| {
            let sql = format!("SELECT count(*) AS n FROM {table} WHERE n = 0");
            let rows = server.journal.database().fetch(&sql, Vec::new()).await.unwrap();
            let sql = format!("SELECT count(*) AS n FROM {table}");
            let all = server.journal.database().fetch(&sql, Vec::new()).await.unwrap();
            (rows[0].get::<i64>("n").unwrap(), all[0].get::<i64>("n").unwrap())
        };
        if server.journal.database().dialect() == Dialect::Postgres {
            assert_eq!(lines("daily").await, (0, 12), "one line for each group of each day, old days too");
            assert_eq!(lines("daily_sender").await, (0, 12));
        }
    }

    async fn a_sender_is_found_by_the_name_that_stands_for_it(server: Server) {
        server.dozen().await;
        let number_of = |address: &str| server.journal.keys().pseudonym(address) as i64;
        let by = |address: &str| number(Field::Pseudonym, number_of(address));
        assert_eq!(server.found(by("user1@company.EXAMPLE")).await, BTreeSet::from([2, 6, 10]));
        assert_eq!(server.found(by("nobody@company.example")).await, BTreeSet::new());
        server.journal.senders_are_numbered().await.unwrap();
        // As one from before has it: nobody is told that there are no others until it has its number.
        server.run("UPDATE incident SET pseudonym = NULL WHERE id < 7", Vec::new()).await;
        let error = server.journal.senders_are_numbered().await.unwrap_err().to_string();
        assert!(error.contains("still being indexed"), "{error}");
        assert_eq!(server.journal.number_senders().await.unwrap(), 6);
        assert_eq!(server.journal.number_senders().await.unwrap(), 0);
        server.journal.senders_are_numbered().await.unwrap();
        assert_eq!(server.found(by("User1@Company.example")).await, BTreeSet::from([2, 6, 10]));
        if server.journal.database().dialect() == Dialect::Sqlite {
            let sql = "EXPLAIN QUERY PLAN SELECT id FROM incident WHERE pseudonym = 5 ORDER BY received_at DESC, id DESC LIMIT 51";
            let plan = server.journal.database().fetch(sql, Vec::new()).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get("detail").unwrap()).collect();
            assert_eq!(plan.len(), 1, "{plan:?}: nothing is sorted");
            assert!(plan[0].contains("incident_by_pseudonym (pseudonym=?)"), "{plan:?}");
        }
    }

    async fn the_median_is_of_what_was_decided_in_these_days(server: Server) {
        let today = Timestamp::now().as_millisecond() / 86_400_000;
        let median = async |days: (i64, i64)| server.desk.median_to_decision(&everything(), days).await.unwrap();
        assert_eq!(median((0, today + 1)).await, None);
        server.dozen().await;
        server.desk.change(&everything(), &ann(), &[1, 2, 3], &[Change::Status("Resolved".into())]).await.unwrap().unwrap();
        let days = SignedDuration::from_millis(median((today, today + 1)).await.unwrap()).as_hours() / 24;
        assert_eq!(days, 1, "of decisions after none, one and two days");
        assert_eq!(median((today - 9, today - 1)).await, None, "nothing was decided in these");
    }

    async fn a_request_is_claimed_once_and_finished_once(server: Server) {
        let id = server.record("M", &[1]).await[0];
        let order = RemediationOrder {
            id: "r1".into(),
            incident: id,
            rule: "Approve".into(),
            plugin: "SMG Approve Action".into(),
            request: "{}".into(),
        };
        let decision = Decision { ids: vec![id], orders: vec![order], ..Decision::default() };
        server.desk.decide(&everything(), &ann(), decision).await.unwrap().unwrap();
        let claims: Vec<Option<Asked>> = {
            let tasks: Vec<_> = (0..6).map(|_| {
                let desk = server.desk.clone();
                tokio::spawn(async move { desk.claim_request().await.unwrap() })
            }).collect();
            let mut claims = Vec::new();
            for task in tasks {
                claims.push(task.await.unwrap());
            }
            claims
        };
        let mut claimed = claims.into_iter().flatten();
        let asked = claimed.next().unwrap();
        assert!(claimed.next().is_none(), "one of them has it");
        assert_eq!((asked.attempts, asked.actor.clone()), (1, ann()));
        server.desk.delay_request(&asked, "no route", Timestamp::now()).await.unwrap();
        let asked = server.desk.claim_request().await.unwrap().unwrap();
        let result = RemediationResult { executed: true, message: "released".into(), answer: "{}".into() };
        assert!(server.desk.finish_request(&asked, &result).await.unwrap());
        assert!(!server.desk.finish_request(&asked, &result).await.unwrap());
        assert_eq!(
            server.actions(id).await[2..],
            ["FLEX_RESPONSE_REQUESTED", "FLEX_RESPONSE_DELAYED", "FLEX_RESPONSE_EXECUTED"]
        );
        assert_eq!(server.found(number(Field::PreventStatus, 11)).await, BTreeSet::from([id]));
        assert_eq!(server.desk.requests(id).await.unwrap()[0].outcome.as_deref(), Some("executed"));
    }

    async fn own_statuses_are_added_used_and_removed_only_when_unused(server: Server) {
        let id = server.record("M", &[1]).await[0];
        let save = async |name: &str, group: &str, was: &str| server.desk.save_status(name, group, false, 35, was).await.unwrap();
        assert_eq!(save("Legal hold", "Open", "").await, Saved::Done);
        let Saved::Stale(Some(there)) = save("legal HOLD", "Parked", "").await else { panic!("it is there already") };
        assert_eq!(save("legal HOLD", "Parked", &there.mark()).await, Saved::Done);
        let parked = Condition::is(Field::StatusGroup, "Parked");
        assert_eq!(server.count(parked.clone()).await, 0);
        assert_eq!(server.count(Condition::is(Field::StatusGroup, "Open")).await, 1);
        for wrong in ["", " ", "a\nb", "new"] {
            assert!(matches!(save(wrong, "Open", "").await, Saved::Refused(_)), "{wrong:?}");
        }
        server.desk.change(&everything(), &ann(), &[id], &[Change::Status("Legal hold".into())]).await.unwrap().unwrap();
        assert_eq!(server.found(parked).await, BTreeSet::from([id]));
        let statuses = server.desk.statuses().await.unwrap();
        assert_eq!(statuses.iter().filter(|one| one.name.eq_ignore_ascii_case("legal hold")).count(), 1);
        assert_eq!(statuses[3].name, "Legal hold", "in its place");
        let number = statuses[3].id;
        assert!(server.desk.remove_status(number).await.unwrap().unwrap_err().contains("Legal hold"));
        assert_eq!(server.desk.statuses().await.unwrap().len(), 7, "it is still there");
        server.desk.change(&everything(), &ann(), &[id], &[Change::Status("New".into())]).await.unwrap().unwrap();
        server.desk.remove_status(number).await.unwrap().unwrap();
        assert!(server.desk.remove_status(1).await.unwrap().is_err(), "built-in ones stay");
        assert!(server.desk.remove_status(number).await.unwrap().is_err(), "it is gone");
    }

    async fn an_attribute_goes_with_its_values(server: Server) {
        let id = server.record("M", &[1]).await[0];
        let save = async |name: &str, group: &str, was: &str| server.desk.save_attribute(name, group, 6, false, was).await.unwrap();
        assert_eq!(save("Department", "People", "").await, Saved::Done);
        let was = server.desk.attribute_definitions().await.unwrap()[0].mark();
        assert_eq!(save("Department", "Organisation", &was).await, Saved::Done);
        assert!(matches!(save(" ", "People", "").await, Saved::Refused(_)));
        let set = [Change::Attribute("Department".into(), "Sales".into())];
        server.desk.change(&everything(), &ann(), &[id], &set).await.unwrap().unwrap();
        let known = server.desk.attribute_definitions().await.unwrap();
        assert_eq!((known.len(), known[0].group.as_str()), (1, "Organisation"));
        assert_eq!(server.desk.remove_attribute(known[0].id).await.unwrap(), Some(1));
        assert_eq!(server.desk.remove_attribute(known[0].id).await.unwrap(), None);
        assert!(server.desk.look(&everything(), id).await.unwrap().unwrap().attributes.is_empty());
    }

    async fn an_ageing_rule_acts_once_for_each_time_in_a_status(server: Server) {
        let ids = [server.record("A", &[1]).await[0], server.record("B", &[1]).await[0]];
        let back = async |hours: i64, id: u64| {
            let sql = "UPDATE incident SET recorded_at = recorded_at - ?, status_at = status_at - ? WHERE id = ?";
            let mut transaction = server.journal.database().begin().await.unwrap();
            transaction.run(sql, values![hours * 3_600_000, hours * 3_600_000, id]).await.unwrap();
            transaction.commit().await.unwrap();
        };
        let row = AgeingRow {
            id: 0,
            name: "Old".into(),
            status: "New".into(),
            hours: 4,
            actions: "[]".into(),
            acts_on_mail: false,
        };
        assert_eq!(server.desk.save_ageing_rule(&ann(), &row, &[], "").await.unwrap(), Saved::Done);
        let rule = server.desk.ageing_rules().await.unwrap().remove(0);
        assert!(server.desk.too_old(&rule, 10).await.unwrap().is_empty(), "both are fresh");
        back(5, ids[0]).await;
        assert_eq!(server.desk.too_old(&rule, 10).await.unwrap(), [ids[0]]);
        let act = async || {
            let decision = Decision {
                ids: vec![ids[0]],
                changes: vec![Change::Note("waits too long".into())],
                ageing: Some(rule.id),
                ..Decision::default()
            };
            server.desk.decide(&everything(), &ann(), decision).await.unwrap().unwrap()[0].1
        };
        // Two servers may look at the same time.
        let (one, other) = tokio::join!(act(), act());
        assert_ne!(one, other, "one of them acts");
        assert!(server.desk.too_old(&rule, 10).await.unwrap().is_empty(), "it was acted on");
        let set = async |status: &str| {
            server.desk.change(&everything(), &ann(), &[ids[0]], &[Change::Status(status.into())]).await.unwrap().unwrap();
        };
        set("In Process").await;
        set("New").await;
        assert!(server.desk.too_old(&rule, 10).await.unwrap().is_empty(), "it has just come back");
        back(5, ids[0]).await;
        assert_eq!(server.desk.too_old(&rule, 10).await.unwrap(), [ids[0]], "and is too old once more");
        assert!(server.desk.remove_ageing_rule(rule.id).await.unwrap());
        assert!(!server.desk.remove_ageing_rule(rule.id).await.unwrap());
    }

    async fn an_original_that_a_decision_discards_is_gone_unless_another_incident_needs_it(server: Server) {
        let ids = server.record("M", &[1, 2]).await;
        let discard = async |id| {
            server.desk.change(&everything(), &ann(), &[id], &[Change::DropOriginal]).await.unwrap().unwrap()[0].1
        };
        assert_eq!(discard(ids[0]).await, Changed::Done);
        assert_eq!(discard(ids[0]).await, Changed::Unchanged);
        assert!(server.journal.original(ids[0]).await.unwrap().is_none());
        assert!(server.journal.original(ids[1]).await.unwrap().is_some());
        assert_eq!(discard(ids[1]).await, Changed::Done);
        let rows = server.journal.database().fetch("SELECT 1 AS one FROM original_body", Vec::new()).await.unwrap();
        assert!(rows.is_empty());
        assert!(server.actions(ids[0]).await.contains(&"MESSAGE_NOT_RETAINED".to_owned()));
    }

    async fn reports_rules_and_secrets_are_kept(server: Server) {
        assert_eq!(server.desk.save_report("ann", "mine", false, "severity=high", "").await.unwrap(), Saved::Done);
        let was = server.desk.reports("ann").await.unwrap()[0].mark();
        assert_eq!(server.desk.save_report("ann", "mine", true, "severity=low", &was).await.unwrap(), Saved::Done);
        let seen = server.desk.reports("bob").await.unwrap();
        assert_eq!((seen.len(), seen[0].query.as_str()), (1, "severity=low"));
        assert!(!server.desk.remove_report("bob", seen[0].id).await.unwrap());
        assert!(server.desk.remove_report("ann", seen[0].id).await.unwrap());
        server.desk.keep_secret(&ann(), secret("gateway", b"first")).await.unwrap();
        server.desk.keep_secret(&ann(), secret("gateway", b"second")).await.unwrap();
        let seen = server.desk.secrets().await.unwrap().remove(0);
        let save = async |value, was: &str| server.desk.save_secret(&ann(), secret("gateway", value), was).await.unwrap();
        assert!(matches!(save(b"first", "").await, Saved::Stale(Some(now)) if now == seen));
        assert_eq!(save(b"second", &seen.mark).await, Saved::Done);
        assert!(matches!(save(b"first", &seen.mark).await, Saved::Stale(Some(_))), "the same value, kept anew, is another one");
        let (_, value) = server.desk.open_secret("gateway").await.unwrap().unwrap();
        assert_eq!(value.as_slice(), b"second");
        let rows = server.journal.database().fetch("SELECT sealed FROM credential", Vec::new()).await.unwrap();
        let sealed: Vec<u8> = rows[0].get("sealed").unwrap();
        assert!(!sealed.windows(6).any(|some| some == b"second"), "not in clear");
        assert_eq!(server.desk.remove_secret("gateway", |_| true).await.unwrap(), Ok(true));
        assert_eq!(server.desk.remove_secret("gateway", |_| true).await.unwrap(), Ok(false));
        let mut db = server.journal.database().begin().await.unwrap();
        server.desk.keep_policy_version(&mut *db, &ann(), "a.toml", "", "id = 1", "new").await.unwrap();
        db.commit().await.unwrap();
        assert_eq!(server.desk.policy_versions("a.toml").await.unwrap()[0].text, "id = 1");
    }

    async fn a_plugin_never_goes_while_a_rule_that_runs_it_is_saved(server: Server) {
        let plugin = PluginRow { name: "Release".into(), definition: "{}".into(), second_person: false };
        let runs = |actions: &str| actions == "run Release";
        let mut gone = 0;
        for round in 0..40 {
            let there = !server.desk.plugins().await.unwrap().is_empty();
            if !there {
                assert_eq!(server.desk.save_plugin(&ann(), &plugin, None, "").await.unwrap(), Saved::Done);
            }
            let rule = RuleRow {
                id: 0,
                name: format!("rule {round}"),
                description: String::new(),
                actions: "run Release".into(),
                position: 1,
            };
            let ageing = AgeingRow {
                id: 0,
                name: format!("ageing {round}"),
                status: "New".into(),
                hours: 1,
                actions: "run Release".into(),
                acts_on_mail: true,
            };
            let (one, other, removed) = tokio::join!(
                async { server.desk.save_rule(&ann(), &rule, &["Release"], "").await.unwrap() },
                async { server.desk.save_ageing_rule(&ann(), &ageing, &["Release"], "").await.unwrap() },
                async { server.desk.remove_plugin("Release", runs).await.unwrap() },
            );
            let users = [one == Saved::Done, other == Saved::Done].iter().filter(|saved| **saved).count();
            match removed {
                Ok(was) => {
                    assert!(was && users == 0, "removed beside {users} rules");
                    let none = "There is no plug-in named Release.";
                    assert!(matches!(one, Saved::Refused(why) if why == none));
                    gone += 1;
                }
                Err(PluginUse::Rules(named)) => assert!(!named.is_empty() && named.len() <= users, "{named:?}"),
                Err(PluginUse::Incidents(_)) => panic!("nothing waits"),
            }
            for row in server.desk.rules().await.unwrap() {
                assert!(server.desk.remove_rule(row.id).await.unwrap());
            }
            for row in server.desk.ageing_rules().await.unwrap() {
                assert!(server.desk.remove_ageing_rule(row.id).await.unwrap());
            }
        }
        assert!(gone < 40, "no rule was ever saved first");
    }

    async fn a_credential_never_goes_while_something_that_needs_it_is_saved(server: Server) {
        let events = Events::new(server.journal.clone());
        let plugin = |name: &str| PluginRow { name: name.into(), definition: "needs key".into(), second_person: false };
        let needs = |definition: &str| definition == "needs key";
        let mut gone = 0;
        for round in 0..60 {
            server.desk.keep_secret(&ann(), secret("key", b"secret")).await.unwrap();
            let (one, other) = (format!("plug-in {round}"), format!("receiver {round}"));
            let row = plugin(&one);
            let (saved, listens, removed) = tokio::join!(
                async { server.desk.save_plugin(&ann(), &row, Some("key"), "").await.unwrap() == Saved::Done },
                async { events.save_receiver(&ann(), &other, ("needs key", Some("key")), true, "").await.unwrap() == Saved::Done },
                async { server.desk.remove_secret("key", needs).await.unwrap() },
            );
            let mut users: Vec<&str> = Vec::new();
            users.extend(saved.then_some(one.as_str()));
            users.extend(listens.then_some(other.as_str()));
            match removed {
                Ok(was) => {
                    assert!(was && users.is_empty(), "removed beside {users:?}");
                    gone += 1;
                }
                Err(named) => {
                    assert!(!named.is_empty() && named.iter().all(|name| users.contains(&name.as_str())), "{named:?} of {users:?}");
                    assert!(server.desk.open_secret("key").await.unwrap().is_some());
                }
            }
            server.desk.remove_plugin(&one, |_| false).await.unwrap().unwrap();
            events.remove_receiver(&other).await.unwrap();
        }
        assert!(gone < 60, "never in use");
        assert!(server.desk.remove_secret("key", needs).await.unwrap().is_ok());
        let late = server.desk.save_plugin(&ann(), &plugin("late"), Some("key"), "").await.unwrap();
        assert!(matches!(late, Saved::Refused(_)));
        let late = events.save_receiver(&ann(), "late", ("needs key", Some("key")), true, "").await.unwrap();
        assert_eq!(late, Saved::Refused("there is no credential named key".to_owned()));
        assert!(server.desk.plugins().await.unwrap().is_empty() && events.receivers().await.unwrap().is_empty());
    }

    async fn mails_of_the_last_days_are_told_once_each_with_all_recipients_and_where_the_original_is(server: Server) {
        server.record("TWO POLICIES", &[1, 2]).await;
        let mut gone = message("GONE", &[1]);
        gone.original = None;
        gone.recipients = vec!["late@partner.example".into()];
        server.journal.record(gone).await.unwrap();
        let mut old = message("OLD", &[1]);
        old.received_at = Timestamp::now() - SignedDuration::from_hours(49);
        server.journal.record(old).await.unwrap();
        let since = Timestamp::now() - SignedDuration::from_hours(48);
        let (mails, more) = server.desk.mails_since(&everything(), since, 100).await.unwrap();
        let told: Vec<_> = mails.iter().map(|mail| (mail.unique_message_id.as_str(), mail.original_kept)).collect();
        assert_eq!((BTreeSet::from_iter(told), more), (BTreeSet::from([("TWO POLICIES", true), ("GONE", false)]), false));
        let only = Access::only(number(Field::PolicyId, 2));
        let (mails, _) = server.desk.mails_since(&only, since, 100).await.unwrap();
        assert_eq!(mails.len(), 1, "a role reaches its own");
        assert!(server.desk.original(&only, mails[0].incident).await.unwrap().is_some());
        let (mails, more) = server.desk.mails_since(&everything(), since, 1).await.unwrap();
        assert_eq!((mails.len(), more), (1, true));
    }

    async fn counts_are_exact_to_ten_thousand_and_say_so_beyond(server: Server) {
        let policies: Vec<u32> = (1..=2_000).collect();
        for name in ["A", "B", "C", "D", "E"] {
            server.record(name, &policies).await;
        }
        assert_eq!(server.desk.count(&everything(), &Condition::everything()).await.unwrap(), Count::Exactly(10_000));
        server.record("F", &[1]).await;
        let count = server.desk.count(&everything(), &Condition::everything()).await.unwrap();
        assert_eq!((count, count.to_string().as_str()), (Count::MoreThan(10_000), "10,000+"));
    }

    async fn updates_that_cannot_be_kept_do_not_hold_up_the_others(server: Server) {
        use incident::wire::{CopyState, MessageUpdate, UpdateBatch};
        let id = server.record("M", &[1]).await[0];
        let update = |seq, recipient: String| MessageUpdate {
            seq,
            unique_message_id: "M".into(),
            policy_ids: vec![1],
            recipient,
            state: CopyState::Held,
            at: Timestamp::now(),
            who: "gateway".into(),
            note: None,
            gateway_incident: 1,
            request_id: None,
        };
        // Letters that do not compress: PostgreSQL would refuse to index them.
        let long: String = (0..9_000_u64).map(|at| char::from(b'a' + (at * at * 7_919 % 25) as u8)).collect();
        let updates = vec![update(1, long), update(2, "b@partner.example".into())];
        let batch = UpdateBatch { gateway: "gw".into(), waiting: 0, updates };
        let answer = server.journal.take_updates("gw", &batch).await.unwrap();
        assert!(answer.results.iter().all(|one| one.taken), "neither is sent again");
        assert!(answer.results[0].why.is_some() && answer.results[1].why.is_none());
        assert_eq!(server.journal.message_states("M").await.unwrap().len(), 1);
        assert_eq!(server.found(number(Field::PreventStatus, 21)).await, BTreeSet::from([id]));
        let rows = server.journal.database().fetch("SELECT 1 AS one FROM message_update WHERE seq = ?", values![1_i64]).await;
        assert!(rows.unwrap().is_empty());
    }
}
