//! Lists of very many incidents: whatever the database reads them from, a page shows those that the role and the filters leave, each
//! once, in order. On SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use incident::Severity;
use incident::desk::{Access, Change, Condition, Count, Desk, Facet, Field, Order, Scalar, Search, Sort};
use jiff::{SignedDuration, Timestamp};
use store::database::Location;
use store::values;
use support::{Place, Server, ann, message, number, place, server};

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;

/// Copies of each of the twelve incidents: more of one policy than are counted, and before it more than are walked through.
const COPIES: i64 = 3_000;

fn department(name: &str) -> Condition {
    Condition::IsAnyCase(Field::Attribute("Department".into()), vec![name.into()])
}

impl Server {
    async fn run(&self, sql: &str) {
        let mut transaction = self.journal.database().begin().await.unwrap();
        transaction.run(sql, values![]).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Twelve incidents of three policies and departments.
    async fn dozen(&self) {
        for at in 0..12_u32 {
            let mut one = message(&format!("M{at}"), &[at % 3 + 1]);
            one.sender = format!("User{}@Company.example", at % 4);
            one.recipients = vec![format!("r{}@partner.example", at % 2), "all@list.example".into()];
            one.subject = format!("subject {at}");
            one.server = format!("prevent-{}", at % 2);
            one.received_at = Timestamp::now() - SignedDuration::from_hours(24 * i64::from(at));
            one.violations[0].severity = if at % 2 == 0 { Severity::High } else { Severity::Low };
            one.violations[0].match_count = u64::from(at) + 1;
            self.journal.record(one).await.unwrap();
        }
        self.run(
            "INSERT INTO attribute (incident_id, name, value) \
             SELECT id, 'Department', CASE policy_id WHEN 1 THEN 'Sales' ELSE 'Research' END FROM incident",
        )
        .await;
    }

    /// So many of each.
    async fn copies(&self, copies: i64) {
        self.dozen().await;
        let columns = "policy_id, policy, policy_version, policy_set, severity, status, prevent_status, sender, recipients, \
            subject, direction, server, last_seen, size, match_count, count_is_complete, trial, response_rules, unscannable, \
            matches, recorded_at, sender_domain";
        self.run(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {copies}) \
             INSERT INTO incident (unique_id, received_at, {columns}) \
             SELECT unique_id || '-' || i, received_at - i, {columns} FROM incident CROSS JOIN n"
        ))
        .await;
        self.run(
            "INSERT INTO attribute (incident_id, name, value) \
             SELECT id, 'Department', CASE policy_id WHEN 1 THEN 'Sales' ELSE 'Research' END FROM incident WHERE id > 12",
        )
        .await;
        let carried = "received_at, status, severity, policy_id, prevent_status, hidden";
        self.run(&format!(
            "INSERT INTO incident_term (kind, term, incident_id, {carried}) \
             SELECT 'recipient', 'all@list.example', id, {carried} FROM incident WHERE id > 12"
        ))
        .await;
    }

    /// What plain SQL says.
    async fn expected(&self, condition: &str, order: &str) -> Vec<u64> {
        let sql = format!("SELECT id FROM incident WHERE {condition} ORDER BY {order}");
        let rows = self.journal.database().fetch(&sql, values![]).await.unwrap();
        rows.iter().map(|row| row.get::<i64>("id").unwrap() as u64).collect()
    }

    /// All pages of a list, one after another.
    async fn pages(&self, access: &Access, mut search: Search) -> Vec<u64> {
        let mut read = Vec::new();
        loop {
            let page = self.desk.page(access, &search).await.unwrap();
            read.extend(page.rows.iter().map(|line| line.summary.id));
            search.after = page.rows.last().map(|line| line.key.clone());
            if !page.more_after {
                return read;
            }
        }
    }

    async fn found(&self, access: &Access, condition: &Condition) -> BTreeSet<u64> {
        condition.check().unwrap();
        let found: BTreeSet<u64> =
            self.desk.ids(access, condition, 1_000).await.unwrap().into_iter().collect();
        let counted = self.desk.count(access, condition).await.unwrap();
        assert_eq!(counted, Count::Exactly(found.len() as u64), "{condition:?}");
        let search =
            Search { condition: condition.clone(), sort: Sort::Sender, limit: 3, ..Search::default() };
        let pages = self.pages(access, search).await;
        assert_eq!(pages.len(), found.len(), "each once: {condition:?}");
        assert_eq!(pages.into_iter().collect::<BTreeSet<_>>(), found, "{condition:?}");
        found
    }
}

const ORDERS: [(Sort, &str); 16] = [
    (Sort::Received, "received_at"),
    (Sort::Id, "id"),
    (Sort::Recorded, "recorded_at"),
    (Sort::Severity, "severity"),
    (Sort::Status, "status"),
    (Sort::PreventStatus, "prevent_status"),
    (Sort::Policy, "policy_id"),
    (Sort::Sender, "lower(sender)"),
    (Sort::Server, "server"),
    (Sort::Matches, "match_count"),
    (Sort::Subject, "subject"),
    (Sort::MessageId, "coalesce(message_id, '')"),
    (Sort::PolicyVersion, "policy_version"),
    (Sort::Owner, "coalesce(owner, '')"),
    (Sort::DataOwnerName, "coalesce(data_owner_name, '')"),
    (Sort::Hidden, "CASE WHEN hidden THEN 1 ELSE 0 END"),
];

fn ordered(sort: Sort, column: &str, direction: &str) -> String {
    match sort {
        Sort::Id => format!("id {direction}"),
        Sort::Received | Sort::Recorded => format!("{column} {direction}, id {direction}"),
        _ => format!("{column} {direction}, received_at {direction}, id {direction}"),
    }
}

on_both! {
    made by server;

    async fn more_than_are_counted_are_paged_completely_in_every_order(server: Server) {
        server.copies(COPIES).await;
        // Twelve thousand, and those of the other policies come first where the largest number does.
        let sales = Access::only(department("SALES"));
        let condition = Condition::is(Field::Status, "New");
        assert_eq!(server.desk.count(&sales, &condition).await.unwrap(), Count::MoreThan(10_000));
        for (sort, column) in ORDERS {
            let search = Search { condition: condition.clone(), sort, limit: 50, ..Search::default() };
            let expected = server.expected("policy_id = 1", &ordered(sort, column, "DESC")).await;
            let page = server.desk.page(&sales, &search).await.unwrap();
            let first: Vec<u64> = page.rows.iter().map(|line| line.summary.id).collect();
            assert_eq!(first, expected[..50], "{sort:?}");
            if [Sort::Received, Sort::Policy, Sort::Sender].contains(&sort) {
                let search = Search { limit: 5_000, ..search.clone() };
                assert!(server.pages(&sales, search).await == expected, "{sort:?}");
            }
            let key = server.desk.key_at(&sales, &search, 7_001).await.unwrap().unwrap();
            assert_eq!(key.id, expected[7_000], "{sort:?}");
            let back = Search { after: Some(key), backwards: true, ..search };
            let page = server.desk.page(&sales, &back).await.unwrap();
            let back: Vec<u64> = page.rows.iter().map(|line| line.summary.id).collect();
            assert_eq!(back, expected[6_950..7_000], "{sort:?} back");
            assert!(page.more_before && page.more_after);
        }
    }

    async fn few_among_many_are_paged_completely_in_every_order(server: Server) {
        server.copies(600).await;
        let sales = Access::only(department("sales"));
        // Two tests that a third and a half of all meet; together with the role a sixth of them, before two days a part of it.
        let day = Timestamp::now().as_millisecond() - 3 * 86_400_000 - 3_600_000;
        let condition = Condition::All(vec![
            number(Field::Severity, 1),
            Condition::is(Field::Recipient, "ALL@list.example"),
            Condition::is(Field::Server, "prevent-0"),
            Condition::Compare(Field::ReceivedAt, Order::Less, Scalar::Number(day)),
            Condition::Is(Field::Hidden, vec![Scalar::Flag(false)]),
        ]);
        let plain = format!("policy_id = 1 AND severity = 1 AND server = 'prevent-0' AND received_at < {day}");
        for (sort, column) in ORDERS {
            for (ascending, direction) in [(true, "ASC"), (false, "DESC")] {
                let expected = server.expected(&plain, &ordered(sort, column, direction)).await;
                assert_eq!(expected.len(), 600);
                let search = Search { condition: condition.clone(), sort, ascending, limit: 50, ..Search::default() };
                let (page, count) = server.desk.counted_page(&sales, &search).await.unwrap();
                assert_eq!((page.rows.len(), count), (50, Count::Exactly(600)), "{sort:?}");
                let first: Vec<u64> = page.rows.iter().map(|line| line.summary.id).collect();
                assert_eq!(first, expected[..50], "{sort:?} {direction}");
                if ascending {
                    let search = Search { limit: 250, ..search };
                    assert!(server.pages(&sales, search).await == expected, "{sort:?}");
                }
            }
        }
        let after = expected_after(&server, &plain, 4_000).await;
        assert_eq!(server.desk.ids_after(&sales, &condition, 4_000, 100).await.unwrap(), after);
        assert_eq!(server.desk.ids_after(&sales, &Condition::everything(), 4_000, 100).await.unwrap(),
            expected_after(&server, "policy_id = 1", 4_000).await);
    }

    async fn a_part_of_a_text_is_searched_for_in_pieces_and_each_is_found_once(server: Server) {
        server.copies(50).await;
        let desk = server.desk.clone().with_stretch(40);
        let policies = [1, 2].map(|id| Condition::Is(Field::PolicyId, vec![Scalar::Number(id)]));
        let [one, other] = policies.clone();
        let since = Timestamp::now() - SignedDuration::from_hours(24 * 10 + 12);
        let since = Condition::Compare(Field::ReceivedAt, Order::Greater, Scalar::Number(since.as_millisecond()));
        let until = Timestamp::now() - SignedDuration::from_hours(12);
        let until = Condition::Compare(Field::ReceivedAt, Order::Less, Scalar::Number(until.as_millisecond()));
        let domain = Condition::is(Field::Recipient, "all@list.example");
        for (access, narrower, sql) in [
            (Access::everything(), Condition::everything(), "1 = 1".to_owned()),
            (Access::everything(), since.and(until), "subject IN ('subject 1', 'subject 10')".to_owned()),
            (Access::everything(), Condition::is(Field::Sender, "User1@company.example"), "lower(sender) = 'user1@company.example'".to_owned()),
            (Access::only(one.clone()), Condition::everything(), "policy_id = 1".to_owned()),
            (Access::only(Condition::Any(policies.to_vec())), Condition::everything(), "policy_id IN (1, 2)".to_owned()),
            (Access::only(Condition::Not(Box::new(other))), domain, "policy_id <> 2 AND recipients IS NOT NULL".to_owned()),
        ] {
            for (sort, column) in [(Sort::Received, "received_at"), (Sort::Id, "id"), (Sort::Severity, "severity")] {
                for ascending in [false, true] {
                    let condition = narrower.clone().and(Condition::contains(Field::Subject, "SUBJECT 1"));
                    let mut search = Search { condition, sort, ascending, limit: 7, ..Search::default() };
                    let (mut read, mut far) = (Vec::new(), 0);
                    loop {
                        let Some(found) = desk.search_back(&access, &search).await.unwrap() else {
                            assert!(!access.is_everything() && sort == Sort::Severity, "{search:?}");
                            break;
                        };
                        assert!(found.rows.len() <= 7 && found.is_full == (found.rows.len() == 7) || found.looked_to.is_none());
                        read.extend(found.rows.iter().map(|line| line.summary.id));
                        let Some(key) = found.looked_to else { break };
                        let now = desk.how_far(&access, &search, &key).await.unwrap();
                        assert_eq!(now.is_some(), sort == Sort::Received, "{search:?}");
                        if let Some(now) = now {
                            assert!((far..=now.of).contains(&now.looked_at) && now.of <= 600, "{now:?} after {far}");
                            far = now.looked_at;
                        }
                        search.after = Some(key);
                    }
                    if access.is_everything() || sort != Sort::Severity {
                        let direction = if ascending { "ASC" } else { "DESC" };
                        let wanted = format!("{sql} AND subject LIKE 'subject 1%'");
                        let wanted = server.expected(&wanted, &ordered(sort, column, direction)).await;
                        assert_eq!(read, wanted, "{search:?}");
                    }
                }
            }
        }
    }

    async fn what_lists_or_columns_know_is_not_searched_for_in_pieces(server: Server) {
        server.dozen().await;
        let desk = server.desk.clone().with_stretch(5);
        let subject = Condition::contains(Field::Subject, "subject");
        for (condition, in_pieces) in [
            (Condition::is(Field::Status, "New"), false),
            (Condition::is(Field::DataOwnerName, "Dana"), false),
            // Each piece would read all of these.
            (Condition::contains(Field::Note, "seen"), false),
            (Condition::contains(Field::Attribute("Department".into()), "ales").and(subject.clone()), false),
            (Condition::is(Field::Sender, "user1@company.example").and(subject.clone()), false),
            (subject, true),
        ] {
            let search = Search { condition, ..Search::default() };
            let found = desk.search_back(&Access::everything(), &search).await.unwrap();
            assert_eq!(found.is_some(), in_pieces, "{search:?}");
            let few = server.desk.search_back(&Access::everything(), &search).await.unwrap();
            assert!(few.is_none(), "a short list is read at once: {search:?}");
        }
    }

    async fn lists_know_at_once_what_became_of_an_incident(server: Server) {
        server.dozen().await;
        let all = Access::everything();
        let changes = [
            Change::Status("Escalated".into()),
            Change::Severity(Severity::Medium),
            Change::PreventStatus(61),
            Change::Hidden(true),
            Change::Attribute("Department".into(), "Purchasing".into()),
        ];
        let changed = [
            Condition::is(Field::Status, "Escalated"),
            number(Field::Severity, 2),
            number(Field::PreventStatus, 61),
            Condition::Is(Field::Hidden, vec![Scalar::Flag(true)]),
        ];
        server.desk.change(&all, &ann(), &[3, 4], &changes).await.unwrap().unwrap();
        for test in changed {
            for list in [
                Condition::is(Field::Recipient, "all@list.example"),
                Condition::is(Field::RecipientDomain, "list.example"),
                Condition::is(Field::Unscannable, "encrypted"),
                Condition::is(Field::MatchedValue, "4111111111111111"),
                department("purchasing"),
            ] {
                assert_eq!(server.found(&all, &list.clone().and(test.clone())).await, BTreeSet::from([3, 4]));
                let others = server.found(&all, &list.and(Condition::Not(Box::new(test.clone())))).await;
                assert!(!others.contains(&3) && !others.contains(&4));
            }
        }
        assert_eq!(server.found(&all, &department("Sales")).await, BTreeSet::from([1, 7, 10]));
        let take_away = [Change::Attribute("Department".into(), String::new())];
        server.desk.change(&all, &ann(), &[1], &take_away).await.unwrap().unwrap();
        assert_eq!(server.found(&all, &department("Sales")).await, BTreeSet::from([7, 10]));
        server.journal.delete(&[7]).await.unwrap();
        assert_eq!(server.found(&all, &department("Sales")).await, BTreeSet::from([10]));
    }

    async fn a_value_is_the_whole_value_in_any_case_of_letters(server: Server) {
        server.dozen().await;
        let all = Access::everything();
        let name = || Field::Attribute("Team".into());
        let long = |end: &str| format!("{}{end}", "Ab".repeat(60));
        let values = ["Blue 100%_", "blue 100%x", &long("one"), &long("two"), &"ab".repeat(50), "Blue"];
        for (id, value) in (1_u64..).zip(values) {
            let set = [Change::Attribute("Team".into(), value.to_owned())];
            server.desk.change(&all, &ann(), &[id], &set).await.unwrap().unwrap();
        }
        let any = |values: &[&str]| Condition::IsAnyCase(name(), values.iter().map(|one| (*one).to_owned()).collect());
        for (condition, expected) in [
            (any(&["bLUE"]), vec![6]),
            (any(&["BLUE 100%_"]), vec![1]),
            (any(&[&long("ONE")]), vec![3]),
            (any(&[&long("three")]), vec![]),
            (any(&["ab".repeat(50).as_str()]), vec![5]),
            (any(&["ab".repeat(60).as_str()]), vec![]),
            (any(&["blue", &long("two"), "BLUE 100%X"]), vec![2, 4, 6]),
            (Condition::is(name(), "blue"), vec![]),
            (Condition::is(name(), "Blue"), vec![6]),
            (Condition::is(name(), long("two")), vec![4]),
            (Condition::Not(Box::new(any(&["blue"]))).and(number(Field::PolicyId, 3)), vec![3, 9, 12]),
            (Condition::Any(vec![any(&["blue"]), Condition::is(Field::UniqueId, "M0")]), vec![1, 6]),
        ] {
            assert_eq!(server.found(&all, &condition).await, expected.into_iter().collect(), "{condition:?}");
            let role = Access::only(condition.clone());
            let seen = server.found(&role, &Condition::everything()).await;
            assert_eq!(seen, server.found(&all, &condition).await);
        }
    }

    async fn an_incident_with_several_of_the_values_is_there_once(server: Server) {
        server.dozen().await;
        let all = Access::everything();
        let recipients = |names: &[&str]| {
            Condition::Is(Field::Recipient, names.iter().map(|name| Scalar::Text((*name).into())).collect())
        };
        let both = recipients(&["all@list.example", "r1@partner.example"]);
        assert_eq!(server.found(&all, &both).await.len(), 12);
        assert_eq!(server.found(&all, &recipients(&["r0@partner.example", "r1@partner.example"])).await.len(), 12);
        assert_eq!(server.found(&Access::only(department("sales")), &both).await, BTreeSet::from([1, 4, 7, 10]));
    }

    async fn a_role_bound_by_an_attribute_is_summed_up_from_its_own(server: Server) {
        server.dozen().await;
        let sales = Access::only(department("SALES"));
        let days = (0, Timestamp::now().as_millisecond() / 86_400_000);
        for facet in [Facet::Policy, Facet::Severity, Facet::Status, Facet::PreventStatus, Facet::Server, Facet::Sender] {
            let groups = server.desk.summary(&sales, facet, days).await.unwrap();
            assert_eq!(groups.iter().map(|group| group.count).sum::<u64>(), 4, "{facet:?}");
            if facet == Facet::Policy {
                assert_eq!((groups[0].key.as_str(), groups[0].name.as_str()), ("1", "policy 1"));
            }
        }
        let trend = server.desk.trend(&sales, Facet::Severity, days).await.unwrap();
        assert_eq!(trend.iter().map(|day| day.count).sum::<u64>(), 4);
    }
}

async fn expected_after(server: &Server, condition: &str, after: u64) -> Vec<u64> {
    let mut expected = server.expected(&format!("{condition} AND id > {after}"), "id").await;
    expected.truncate(100);
    expected
}

/// The steps up to the one before lists carried anything.
async fn before(folder: &str) -> &'static sqlx::migrate::Migrator {
    let mut migrator = sqlx::migrate::Migrator::new(std::path::Path::new(folder)).await.unwrap();
    migrator.migrations =
        migrator.iter().filter(|step| step.version < 90).cloned().collect::<Vec<_>>().into();
    Box::leak(Box::new(migrator))
}

mod from_before {
    use super::*;

    on_both! {
        made by place;

        async fn incidents_from_before_are_listed_like_new_ones(place: Place) {
            // A database without its keys is none: those of another place.
            let other = support::place(None).await;
            drop(other.open().await);
            let keys = place.data().join("keys");
            std::fs::create_dir(&keys).unwrap();
            for file in std::fs::read_dir(other.data().join("keys")).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), keys.join(file.file_name())).unwrap();
            }
            let migrations = store::database::Migrations {
                sqlite: before("migrations/sqlite").await,
                postgres: before("migrations/postgres").await,
            };
            let old = store::database::open(&place.at, migrations).await.unwrap();
            let mut transaction = old.begin().await.unwrap();
            for sql in [
                "INSERT INTO incident (unique_id, policy_id, policy, policy_version, policy_set, severity, status, prevent_status, sender, \
                 recipients, subject, direction, server, received_at, last_seen, size, match_count, count_is_complete, trial, \
                 response_rules, unscannable, matches, recorded_at, sender_domain, hidden) \
                 VALUES ('U', 5, 'five', 'v', 'set', 2, 'Escalated', 21, 'a@company.example', '[]', 's', 'outbound', 'prevent', 1000, \
                 1000, 1, 1, TRUE, FALSE, '[]', '[]', '', 1000, 'company.example', TRUE)",
                "INSERT INTO incident_term (kind, term, incident_id) SELECT 'recipient', 'b@partner.example', id FROM incident",
                "INSERT INTO attribute (incident_id, name, value) SELECT id, 'Department', 'Sales' FROM incident",
                "INSERT INTO match_hash (hash, incident_id) SELECT '', id FROM incident",
            ] {
                transaction.run(sql, values![]).await.unwrap();
            }
            transaction.commit().await.unwrap();
            drop(old);
            let journal = place.open().await;
            let desk = Desk::new(journal.clone());
            let carried = [
                Condition::is(Field::Status, "Escalated"),
                number(Field::Severity, 2),
                number(Field::PreventStatus, 21),
                number(Field::PolicyId, 5),
                number(Field::ReceivedAt, 1000),
                Condition::Is(Field::Hidden, vec![Scalar::Flag(true)]),
            ];
            for list in [Condition::is(Field::Recipient, "B@partner.example"), department("SALES")] {
                let asked = Condition::All(carried.iter().cloned().chain([list]).collect());
                assert_eq!(desk.count(&Access::everything(), &asked).await.unwrap(), Count::Exactly(1), "{asked:?}");
            }
            let sql = "SELECT count(*) AS n FROM match_hash WHERE status = 'Escalated' AND received_at = 1000";
            let rows = journal.database().fetch(sql, values![]).await.unwrap();
            assert_eq!(rows[0].get::<i64>("n").unwrap(), 1);
        }
    }
}
