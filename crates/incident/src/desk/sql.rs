//! The SQL that a question comes to. Values are always bound, never written into SQL.

use store::database::{Dialect, Value};
use store::keys::Keys;

use super::condition::{Condition, Field, Order, Scalar};
use super::lists::{List, Place, Source};
use crate::seal::value_hash;
use crate::terms;

/// Characters of an attribute's value that its term has.
const TERM: usize = 100;
/// What lists of incidents by a value carry.
const CARRIED: &str = "incident_id AS id, received_at, status, severity, policy_id, prevent_status, hidden";

/// Writes SQL.
pub(super) struct Writer<'a> {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    pub(super) keys: &'a Keys,
    pub(super) dialect: Dialect,
}

impl Writer<'_> {
    /// Incidents for which all these tests hold, as what stands behind FROM: a table named `incident` and the tests. True if it
    /// is joined to a list: its `listed_at` and `listed_id` are in order then. `whole`: more is read than lists carry.
    pub(super) fn incidents(&mut self, tests: &[&Condition], from: &Source<'_>, whole: bool) -> bool {
        match from {
            Source::Anywhere => self.table("", tests),
            Source::Index(name) => self.table(name, tests),
            Source::List(list) => match list.place() {
                Place::Rows(table) => return self.list(list, table, tests, whole),
                Place::Index(index) => self.table(index.name, tests),
            },
        }
        false
    }

    fn table(&mut self, index: &str, tests: &[&Condition]) {
        self.sql.push_str("incident ");
        if self.dialect == Dialect::Sqlite {
            self.sql.push_str(index);
        }
        self.sql.push_str(" WHERE 1 = 1");
        self.tests(tests);
    }

    /// From rows that carry what lists are cut by: incidents themselves are looked at only for the rest.
    fn list(&mut self, list: &List<'_>, table: &str, tests: &[&Condition], whole: bool) -> bool {
        let others = tests.iter().copied().filter(|test| !std::ptr::eq(*test, list.test));
        let (carried, others): (Vec<&Condition>, Vec<&Condition>) =
            others.partition(|test| test.is_carried());
        let joined = whole || !others.is_empty();
        if joined {
            self.sql.push_str("(SELECT incident.id AS listed_id, incident.received_at AS listed_at FROM ");
        }
        // An incident that has several of the values is there once.
        let distinct = if list.values > 1 && table != "attribute" { "DISTINCT " } else { "" };
        self.sql.push_str(&format!("(SELECT {distinct}{CARRIED} FROM {table} AS had WHERE "));
        self.had(list.test);
        self.sql.push_str(") AS incident WHERE 1 = 1");
        self.tests(&carried);
        if joined {
            let join = self.join();
            self.sql.push_str(&format!(") AS listed {join} incident ON incident.id = listed_id WHERE 1 = 1"));
            self.tests(&others);
        }
        joined
    }

    /// A join that reads its left side first, where the database has to be told.
    pub(super) fn join(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "CROSS JOIN",
            Dialect::Postgres => "JOIN",
        }
    }

    fn tests(&mut self, tests: &[&Condition]) {
        for test in tests {
            self.sql.push_str(" AND ");
            self.test(test);
        }
    }

    /// A test that has to hold: what lies elsewhere is looked up for each incident.
    pub(super) fn test(&mut self, test: &Condition) {
        let Some(Place::Rows(table)) = List::of(test).map(|list| list.place()) else {
            return self.condition(test);
        };
        self.sql.push_str(&format!("EXISTS (SELECT 1 FROM {table} AS had WHERE "));
        self.had(test);
        self.sql.push_str(" AND had.received_at = incident.received_at AND had.incident_id = incident.id");
        // PostgreSQL would otherwise join whole lists, in whatever way it thinks best before it knows how long they are.
        self.sql.push_str(match self.dialect {
            Dialect::Sqlite => ")",
            Dialect::Postgres => " OFFSET 0)",
        });
    }

    pub(super) fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::All(inner) => self.joined(inner, " AND ", "1 = 1"),
            Condition::Any(inner) => self.joined(inner, " OR ", "1 = 0"),
            Condition::Not(inner) => {
                // What is unknown (no owner, say) is not true either: its opposite holds.
                self.sql.push_str("NOT coalesce(");
                self.condition(inner);
                self.sql.push_str(match self.dialect {
                    Dialect::Sqlite => ", 0)",
                    Dialect::Postgres => ", FALSE)",
                });
            }
            Condition::Is(field, values) => self.is(condition, field, values),
            Condition::IsAnyCase(field, texts) => self.is_any_case(condition, field, texts),
            Condition::Compare(field, order, value) => {
                let sign = match order {
                    Order::Less => "<",
                    Order::LessOrEqual => "<=",
                    Order::Greater => ">",
                    Order::GreaterOrEqual => ">=",
                };
                self.sql.push_str(&format!("{} {sign} ?", field.column()));
                self.push(value);
            }
            Condition::Like(field, pattern) => self.like(field, pattern),
            Condition::Missing(field) => self.missing(field),
        }
    }

    fn joined(&mut self, inner: &[Condition], with: &str, none: &str) {
        if inner.is_empty() {
            return self.sql.push_str(none);
        }
        self.sql.push('(');
        for (at, condition) in inner.iter().enumerate() {
            if at > 0 {
                self.sql.push_str(with);
            }
            self.condition(condition);
        }
        self.sql.push(')');
    }

    fn is(&mut self, condition: &Condition, field: &Field, values: &[Scalar]) {
        match field {
            Field::Recipient
            | Field::RecipientDomain
            | Field::Unscannable
            | Field::MatchedValue
            | Field::Attribute(_) => self.is_listed(condition),
            Field::StatusId | Field::StatusGroup => {
                let column = if *field == Field::StatusId { "id" } else { "status_group" };
                let of = one_of(column, "?", values.len());
                self.sql.push_str(&format!("incident.status IN (SELECT name FROM status WHERE {of})"));
                values.iter().for_each(|value| self.push(value));
            }
            Field::Note => {
                let of = one_of("text", "?", values.len());
                self.sql.push_str(&format!("incident.id IN (SELECT incident_id FROM note WHERE {of})"));
                values.iter().for_each(|value| self.push(value));
            }
            // The index keeps senders in the database's lower case.
            Field::Sender => {
                self.sql.push_str(&one_of("lower(sender)", "lower(?)", values.len()));
                values.iter().for_each(|value| self.push(value));
            }
            Field::SenderDomain => {
                self.sql.push_str(&one_of("sender_domain", "?", values.len()));
                self.values.extend(texts(values).map(|text| Value::from(terms::term(text))));
            }
            _ => {
                self.sql.push_str(&one_of(field.column(), "?", values.len()));
                values.iter().for_each(|value| self.push(value));
            }
        }
    }

    fn is_any_case(&mut self, condition: &Condition, field: &Field, texts: &[String]) {
        match field {
            Field::Attribute(_) => self.is_listed(condition),
            Field::Recipient
            | Field::RecipientDomain
            | Field::Unscannable
            | Field::Sender
            | Field::SenderDomain => {
                let values = texts.iter().cloned().map(Scalar::Text).collect();
                self.condition(&Condition::Is(field.clone(), values));
            }
            Field::Note => {
                let of = one_of("lower(text)", "lower(?)", texts.len());
                self.sql.push_str(&format!("incident.id IN (SELECT incident_id FROM note WHERE {of})"));
                self.values.extend(texts.iter().map(|text| Value::from(text.as_str())));
            }
            _ => {
                self.sql.push_str(&one_of(&format!("lower({})", field.column()), "lower(?)", texts.len()));
                self.values.extend(texts.iter().map(|text| Value::from(text.as_str())));
            }
        }
    }

    /// The numbers of those that a list of rows has, as what stands behind FROM.
    pub(super) fn listed(&mut self, test: &Condition) {
        let Some(Place::Rows(table)) = List::of(test).map(|list| list.place()) else {
            return self.sql.push_str("(SELECT 0 AS id WHERE 1 = 0) AS listed");
        };
        self.sql.push_str(&format!("(SELECT incident_id AS id FROM {table} AS had WHERE "));
        self.had(test);
        self.sql.push_str(") AS listed");
    }

    /// By the numbers of those that have the value, wherever the test stands.
    fn is_listed(&mut self, test: &Condition) {
        let Some(Place::Rows(table)) = List::of(test).map(|list| list.place()) else {
            return self.sql.push_str("1 = 0");
        };
        self.sql.push_str(&format!("incident.id IN (SELECT incident_id FROM {table} AS had WHERE "));
        self.had(test);
        self.sql.push(')');
    }

    /// Which rows of a list have what is asked for.
    fn had(&mut self, test: &Condition) {
        match test {
            Condition::Is(Field::MatchedValue, values) => {
                self.sql.push_str(&one_of("had.hash", "?", values.len()));
                let keys = self.keys;
                self.values.extend(texts(values).map(|text| Value::from(&value_hash(keys, text)[..])));
            }
            Condition::Is(Field::Attribute(name), values) => {
                let texts: Vec<&str> = texts(values).collect();
                self.had_attribute(name, &texts);
                self.sql.push_str(&format!(" AND {}", one_of("had.value", "?", texts.len())));
                self.values.extend(texts.into_iter().map(Value::from));
            }
            Condition::IsAnyCase(Field::Attribute(name), texts) => {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                self.had_attribute(name, &texts);
                // The term of a long value is only its beginning.
                if texts.iter().any(|text| text.chars().count() > TERM) {
                    self.sql
                        .push_str(&format!(" AND {}", one_of("lower(had.value)", "lower(?)", texts.len())));
                    self.values.extend(texts.into_iter().map(Value::from));
                }
            }
            Condition::Is(field, values) => {
                let texts: Vec<&str> = texts(values).collect();
                self.had_term(field, &texts);
            }
            Condition::IsAnyCase(field, texts) => {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                self.had_term(field, &texts);
            }
            _ => self.sql.push_str("1 = 0"),
        }
    }

    fn had_term(&mut self, field: &Field, texts: &[&str]) {
        let kind = field.term().unwrap_or_default();
        self.sql.push_str(&format!("had.kind = '{kind}' AND {}", one_of("had.term", "?", texts.len())));
        self.values.extend(texts.iter().map(|text| Value::from(terms::term(text))));
    }

    fn had_attribute(&mut self, name: &str, texts: &[&str]) {
        self.sql.push_str(&format!("had.name = ? AND {}", one_of("had.term", "lower(?)", texts.len())));
        self.values.push(name.into());
        self.values.extend(texts.iter().map(|text| Value::from(attribute_term(text))));
    }

    fn like(&mut self, field: &Field, pattern: &str) {
        if let Some(kind) = field.term() {
            self.sql.push_str(&format!(
                "incident.id IN (SELECT incident_id FROM incident_term WHERE kind = '{kind}' AND term LIKE lower(?) ESCAPE '\\')"
            ));
            return self.values.push(pattern.into());
        }
        let test = match field {
            Field::Note => {
                "incident.id IN (SELECT incident_id FROM note WHERE lower(text) LIKE lower(?) ESCAPE '\\')"
                    .to_owned()
            }
            Field::Attribute(name) => {
                self.values.push(name.as_str().into());
                "incident.id IN (SELECT incident_id FROM attribute WHERE name = ? AND lower(value) LIKE lower(?) ESCAPE '\\')".to_owned()
            }
            Field::Sender => "lower(sender) LIKE lower(?) ESCAPE '\\'".to_owned(),
            other => format!("lower({}) LIKE lower(?) ESCAPE '\\'", other.column()),
        };
        self.sql.push_str(&test);
        self.values.push(pattern.into());
    }

    fn missing(&mut self, field: &Field) {
        if let Some(kind) = field.term() {
            let sql = format!(
                "NOT EXISTS (SELECT 1 FROM incident_term WHERE incident_id = incident.id AND kind = '{kind}')"
            );
            return self.sql.push_str(&sql);
        }
        match field {
            Field::Note => {
                self.sql.push_str("NOT EXISTS (SELECT 1 FROM note WHERE incident_id = incident.id)")
            }
            Field::Attribute(name) => {
                self.sql.push_str(
                    "NOT EXISTS (SELECT 1 FROM attribute WHERE incident_id = incident.id AND name = ?)",
                );
                self.values.push(name.as_str().into());
            }
            other => self.sql.push_str(&format!("{} IS NULL", other.column())),
        }
    }

    fn push(&mut self, value: &Scalar) {
        self.values.push(match value {
            Scalar::Number(number) => Value::from(*number),
            Scalar::Text(text) => Value::from(text.as_str()),
            Scalar::Flag(flag) => Value::from(*flag),
        });
    }
}

/// As the database makes it of a value, but for the small letters.
fn attribute_term(value: &str) -> String {
    match value.char_indices().nth(TERM) {
        Some((end, _)) => format!("{}\u{1}", &value[..end]),
        None => value.to_owned(),
    }
}

/// One value is asked for as one: what has it is read in the order of an index.
fn one_of(what: &str, mark: &str, values: usize) -> String {
    match values {
        1 => format!("{what} = {mark}"),
        _ => format!("{what} IN ({})", vec![mark; values].join(", ")),
    }
}

fn texts(values: &[Scalar]) -> impl Iterator<Item = &str> {
    values.iter().filter_map(|value| match value {
        Scalar::Text(text) => Some(text.as_str()),
        _ => None,
    })
}
