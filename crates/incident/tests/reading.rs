//! Whatever a list is read from, it is the same list: from rows, from columns, from columns that lag behind, or from a stretch of an
//! index first. Small random stores on SQLite and on PostgreSQL, questions of all kinds, pages forwards and backwards.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use incident::Journal;
use incident::desk::{Access, Condition, Count, Desk, Field, Order, Reading, Scalar, Search, Sort};
use store::database::{Dialect, Location};
use store::values;
use support::{Place, message, place};

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;

/// Incidents of a store, and how far apart their numbers are: some blocks of columns are touched.
const INCIDENTS: u64 = 300;
const APART: u64 = 400;
/// Questions of a store.
const QUESTIONS: usize = 40;

const DEPARTMENTS: [&str; 4] = ["Sales", "SALES", "Research", "Ä"];
const STATUSES: [&str; 3] = ["New", "Escalated", "Resolved"];

struct Store {
    journal: Arc<Journal>,
    _place: Place,
}

/// The same numbers in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn sometimes<T>(&mut self, value: T) -> Option<T> {
        (self.below(2) == 0).then_some(value)
    }
}

async fn store(at: Option<Location>) -> Store {
    let place = place(at).await;
    Store { journal: place.open().await, _place: place }
}

impl Store {
    fn desk(&self) -> Desk {
        Desk::new(self.journal.clone())
    }

    async fn add(&self, dice: &mut Dice, ids: impl Iterator<Item = u64>) {
        let database = self.journal.database();
        let ours = match database.dialect() {
            Dialect::Sqlite => "",
            Dialect::Postgres => "OVERRIDING SYSTEM VALUE",
        };
        let mut transaction = database.begin().await.unwrap();
        for id in ids {
            let sql = format!(
                "INSERT INTO incident (id, unique_id, policy_id, policy, policy_version, policy_set, severity, status, prevent_status, \
                 sender, recipients, subject, direction, server, received_at, last_seen, size, match_count, count_is_complete, trial, \
                 response_rules, unscannable, matches, recorded_at, sender_domain, hidden, owner, data_owner_name, \
                 remediation_location) {ours} \
                 VALUES (?, ?, ?, 'policy', ?, 'set', ?, ?, ?, ?, '[]', 's', 'outbound', ?, ?, 1000, 1, ?, TRUE, ?, '[]', '[]', ?, ?, \
                 'company.example', ?, ?, ?, ?)"
            );
            let sender = format!("User{}@Company.example", dice.below(9));
            let (dana, location) = (dice.sometimes("Dana"), dice.sometimes("vault"));
            let (owner, at) = (dice.sometimes("ann"), 1_000 + dice.below(40) as i64);
            let values = values![
                id,
                format!("U{id}"),
                dice.below(4),
                format!("v{}", dice.below(3)),
                1 + dice.below(4),
                dice.one(&STATUSES),
                dice.one(&[2_u64, 21]),
                sender,
                format!("prevent-{}", dice.below(3)),
                at,
                1 + dice.below(5),
                dice.below(2) == 0,
                vec![0_u8],
                at + dice.below(9) as i64,
                dice.below(5) == 0,
                owner,
                dana,
                location,
            ];
            transaction.run(&sql, values).await.unwrap();
            let department = dice.one(&DEPARTMENTS);
            if let Some(department) = dice.sometimes(department) {
                let sql = "INSERT INTO attribute (incident_id, name, value) VALUES (?, 'Department', ?)";
                transaction.run(sql, values![id, department]).await.unwrap();
            }
            let carried = "received_at, status, severity, policy_id, prevent_status, hidden";
            let sql = format!(
                "INSERT INTO incident_term (kind, term, incident_id, {carried}) SELECT 'recipient', ?, id, {carried} \
                 FROM incident WHERE id = ?"
            );
            for name in ["all".to_owned(), format!("r{}", dice.below(3))] {
                if dice.below(3) > 0 {
                    transaction.run(&sql, values![format!("{name}@partner.example"), id]).await.unwrap();
                }
            }
        }
        transaction.commit().await.unwrap();
    }

    /// Some come, some go, some change.
    async fn change(&self, dice: &mut Dice) {
        self.add(dice, (INCIDENTS..INCIDENTS + 20).map(|at| at * APART)).await;
        self.add(dice, (0..20).map(|at| at * APART + 5)).await;
        self.change_some(dice).await;
    }

    async fn change_some(&self, dice: &mut Dice) {
        let mut transaction = self.journal.database().begin().await.unwrap();
        for _ in 0..25 {
            let id = (1 + dice.below(INCIDENTS - 1)) * APART;
            let changes = [
                ("DELETE FROM incident WHERE id = ?", values![id]),
                (
                    "UPDATE incident SET status = ?, severity = 1 WHERE id = ?",
                    values![dice.one(&STATUSES), id],
                ),
                (
                    "UPDATE incident SET hidden = TRUE, sender = 'user1@company.example' WHERE id = ?",
                    values![id],
                ),
                ("UPDATE attribute SET value = 'research' WHERE incident_id = ?", values![id]),
                ("DELETE FROM attribute WHERE incident_id = ?", values![id]),
                ("UPDATE incident SET match_count = 9, owner = 'bob' WHERE id = ?", values![id]),
            ];
            let (sql, values) = changes[dice.below(6) as usize].clone();
            transaction.run(sql, values).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    async fn write_columns(&self) {
        while self.journal.keep_columns_of(1).await.unwrap() {}
    }

    /// Notes of what columns do not know yet.
    async fn noted(&self) -> i64 {
        let rows =
            self.journal.database().fetch("SELECT count(*) AS n FROM incident_changed", values![]).await;
        rows.unwrap()[0].get("n").unwrap()
    }
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

fn test(dice: &mut Dice) -> Condition {
    let number = |field, value: u64| Condition::Is(field, vec![Scalar::Number(value as i64)]);
    let department = || Field::Attribute("Department".into());
    match dice.below(19) {
        0 => Condition::is(Field::Status, dice.one(&STATUSES)),
        1 => Condition::Is(Field::Status, vec![text("New"), text(dice.one(&STATUSES))]),
        2 => Condition::is(Field::StatusGroup, dice.one(&["Open", "Closed"])),
        3 => number(Field::StatusId, 1 + dice.below(6)),
        4 => number(Field::Severity, 1 + dice.below(4)),
        5 => number(Field::PolicyId, dice.below(4)),
        6 => number(Field::PreventStatus, 21),
        7 => Condition::is(Field::Sender, format!("uSer{}@company.example", dice.below(9))),
        8 => Condition::is(Field::SenderDomain, "Company.example"),
        9 => Condition::is(Field::Server, format!("prevent-{}", dice.below(3))),
        10 => Condition::is(Field::Recipient, dice.one(&["ALL@partner.example", "r1@partner.example"])),
        11 => Condition::Is(Field::Hidden, vec![Scalar::Flag(dice.below(3) == 0)]),
        12 => Condition::IsAnyCase(department(), vec![dice.one(&["sales", "RESEARCH", "none"]).into()]),
        13 => Condition::is(department(), dice.one(&DEPARTMENTS)),
        16 => Condition::is(Field::DataOwnerName, "Dana"),
        17 => Condition::is(Field::RemediationLocation, dice.one(&["vault", "attic"])),
        14 => Condition::Missing(dice.one(&[&Field::Owner, &department()]).clone()),
        15 => {
            let order = dice.one(&[Order::Less, Order::LessOrEqual, Order::Greater, Order::GreaterOrEqual]);
            let field = dice.one(&[&Field::ReceivedAt, &Field::Matches]).clone();
            let bound = if field == Field::Matches { dice.below(6) } else { 1_000 + dice.below(40) };
            Condition::Compare(field, order, Scalar::Number(bound as i64))
        }
        _ => Condition::Is(Field::Trial, vec![Scalar::Flag(true)]),
    }
}

fn condition(dice: &mut Dice, depth: u64) -> Condition {
    match dice.below(6) {
        0 if depth > 0 => Condition::Not(Box::new(condition(dice, depth - 1))),
        1 if depth > 0 => {
            Condition::Any((0..1 + dice.below(3)).map(|_| condition(dice, depth - 1)).collect())
        }
        2 | 3 if depth > 0 => {
            Condition::All((0..dice.below(4)).map(|_| condition(dice, depth - 1)).collect())
        }
        _ => test(dice),
    }
}

/// A page, its count, the one behind it and the one before that.
async fn pages(desk: &Desk, access: &Access, search: &Search) -> (Vec<u64>, Count, Vec<u64>, Vec<u64>) {
    let ids =
        |page: &incident::desk::Page| -> Vec<u64> { page.rows.iter().map(|line| line.summary.id).collect() };
    let (first, count) = desk.counted_page(access, search).await.unwrap();
    assert_eq!(desk.count(access, &search.condition).await.unwrap(), count, "{search:?}");
    let Some(last) = first.rows.last() else { return (Vec::new(), count, Vec::new(), Vec::new()) };
    let behind = Search { after: Some(last.key.clone()), ..search.clone() };
    let next = desk.page(access, &behind).await.unwrap();
    assert_eq!(first.more_after, !next.rows.is_empty(), "{search:?}");
    let before = Search { backwards: true, ..behind };
    let before = desk.page(access, &before).await.unwrap();
    (ids(&first), count, ids(&next), ids(&before))
}

async fn compare(store: &Store, dice: &mut Dice) {
    let plain = store.desk().with_reading(Reading::Rows);
    let others = [
        store.desk().with_reading(Reading::Columns),
        store.desk().with_stretch(20),
        store.desk().with_stretch(20).with_reading(Reading::Rows),
        store.desk(),
    ];
    let orders = [Sort::PolicyVersion, Sort::Hidden];
    let orders: Vec<Sort> = Sort::ALL.into_iter().chain(orders).collect();
    for _ in 0..QUESTIONS {
        let access = match dice.below(3) {
            0 => Access::everything(),
            _ => Access::only(condition(dice, 1)),
        };
        let search = Search {
            condition: condition(dice, 2),
            sort: dice.one(&orders),
            ascending: dice.below(2) == 0,
            limit: 1 + dice.below(30) as u32,
            ..Search::default()
        };
        let expected = pages(&plain, &access, &search).await;
        for desk in &others {
            assert_eq!(pages(desk, &access, &search).await, expected, "{access:?} {search:?} {desk:?}");
        }
    }
}

on_both! {
    made by store;

    async fn every_way_to_read_a_list_gives_the_same_list(store: Store) {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        store.add(&mut dice, (1..INCIDENTS).map(|at| at * APART)).await;
        store.write_columns().await;
        assert_eq!(store.noted().await, 0);
        compare(&store, &mut dice).await;
        store.change(&mut dice).await;
        assert!(store.noted().await > 60);
        compare(&store, &mut dice).await;
        store.write_columns().await;
        assert_eq!(store.noted().await, 0);
        compare(&store, &mut dice).await;
    }
}

/// All octets of all columns.
async fn kept(store: &Store) -> Vec<u8> {
    let rows = store.journal.database().fetch("SELECT octets FROM incident_column", values![]).await.unwrap();
    rows.iter().flat_map(|row| row.get::<Vec<u8>>("octets").unwrap()).collect()
}

fn contains(octets: &[u8], text: &str) -> bool {
    octets.windows(text.len()).any(|some| some == text.as_bytes())
}

on_both! {
    made by store;

    async fn few_changes_wait_and_what_was_deleted_is_in_no_column(store: Store) {
        for sender in ["stays@company.example", "goes@company.example"] {
            let message = incident::NewMessage { sender: sender.into(), ..message(sender, &[1]) };
            store.journal.record(message).await.unwrap();
        }
        store.write_columns().await;
        let octets = kept(&store).await;
        assert!(contains(&octets, "stays@") && contains(&octets, "goes@"));
        let transaction = store.journal.database().begin();
        let mut transaction = transaction.await.unwrap();
        transaction.run("UPDATE incident SET status = 'Resolved' WHERE id = 1", values![]).await.unwrap();
        transaction.commit().await.unwrap();
        assert!(!store.journal.keep_columns().await.unwrap());
        assert!(!contains(&kept(&store).await, "Resolved"));
        assert_eq!(store.noted().await, 1);
        store.journal.delete(&[2]).await.unwrap();
        assert!(!store.journal.keep_columns().await.unwrap());
        let octets = kept(&store).await;
        assert!(contains(&octets, "stays@") && contains(&octets, "Resolved") && !contains(&octets, "goes@"));
        assert_eq!(store.noted().await, 0);
    }

    async fn servers_that_write_columns_at_the_same_time_lose_nothing(store: Store) {
        let mut dice = Dice(0x2545_f491_4f6c_dd1d);
        store.add(&mut dice, (1..INCIDENTS).map(|at| at * APART)).await;
        for _ in 0..6 {
            let (one, other) = tokio::join!(store.journal.keep_columns_of(1), store.journal.keep_columns_of(1));
            one.unwrap();
            other.unwrap();
            store.change_some(&mut dice).await;
        }
        store.write_columns().await;
        compare(&store, &mut dice).await;
    }
}

#[tokio::test]
async fn nothing_is_noted_where_nobody_keeps_columns() {
    let store = store(None).await;
    store.journal.record(message("M1", &[1, 2])).await.unwrap();
    assert_eq!(store.noted().await, 0);
}
