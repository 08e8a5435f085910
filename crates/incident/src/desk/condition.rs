//! What is asked of incidents, as a tree of tests, and the SQL it comes to. Values are always bound, never written into SQL.

use store::database::{Dialect, Value};
use store::keys::Keys;

use crate::seal::value_hash;
use crate::terms;

/// Tests in one condition.
const TESTS: usize = 200;
/// Values of one test.
const VALUES: usize = 1_000;

/// What of an incident is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Field {
    Id,
    UniqueId,
    MessageId,
    Status,
    /// The number of the status.
    StatusId,
    /// The group of the status.
    StatusGroup,
    Severity,
    PreventStatus,
    PolicyId,
    Policy,
    PolicyVersion,
    Sender,
    /// The number of the name that stands for the sender.
    Pseudonym,
    SenderDomain,
    /// An address, whole.
    Recipient,
    RecipientDomain,
    /// All recipients as one text, for parts of addresses.
    Recipients,
    Subject,
    ReceivedAt,
    RecordedAt,
    LastSeen,
    Server,
    Direction,
    Matches,
    Outcome,
    Owner,
    DataOwnerName,
    /// The reason of a part that could not be inspected.
    Unscannable,
    /// A matched value, however it was written there.
    MatchedValue,
    Note,
    Attribute(String),
    Trial,
    Hidden,
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Scalar {
    Number(i64),
    Text(String),
    Flag(bool),
}

/// How to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A question about an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// All of them; true if there is none.
    All(Vec<Condition>),
    /// One of them; false if there is none.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// One of these values. Texts that are addresses, names or words: in any case of letters where the index has it so.
    Is(Field, Vec<Scalar>),
    /// By order.
    Compare(Field, Order, Scalar),
    /// A pattern of SQL's LIKE, in any case of letters.
    Like(Field, String),
    /// There is none.
    Missing(Field),
}

/// Why a condition makes no sense, for whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misfit(pub String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Flag,
}

impl Condition {
    /// True of every incident.
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::All(mut all) => {
                all.push(other);
                Self::All(all)
            }
            one => Self::All(vec![one, other]),
        }
    }

    /// One value of a text.
    pub fn is(field: Field, value: impl Into<String>) -> Self {
        Self::Is(field, vec![Scalar::Text(value.into())])
    }

    /// Any text that contains this one.
    pub fn contains(field: Field, text: &str) -> Self {
        Self::Like(field, crate::read::containing(text))
    }

    /// Whether it can be asked; errors are for whoever wrote it.
    pub fn check(&self) -> Result<(), Misfit> {
        if self.tests() > TESTS {
            return Err(Misfit(format!("a filter has at most {TESTS} tests; this one has {}", self.tests())));
        }
        self.check_values()
    }

    /// Whether no index answers a part of it: every incident may have to be read.
    pub(super) fn reads_all(&self) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().any(Self::reads_all),
            Self::Not(inner) => inner.reads_all(),
            Self::Like(..) => true,
            Self::Is(field, _) | Self::Compare(field, ..) | Self::Missing(field) => matches!(
                field,
                Field::MessageId
                    | Field::Policy
                    | Field::PolicyVersion
                    | Field::Recipients
                    | Field::Subject
                    | Field::LastSeen
                    | Field::Direction
                    | Field::Outcome
                    | Field::DataOwnerName
                    | Field::Note
            ),
        }
    }

    fn tests(&self) -> usize {
        match self {
            Self::All(inner) | Self::Any(inner) => 1 + inner.iter().map(Self::tests).sum::<usize>(),
            Self::Not(inner) => 1 + inner.tests(),
            _ => 1,
        }
    }

    fn check_values(&self) -> Result<(), Misfit> {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().try_for_each(Self::check_values),
            Self::Not(inner) => inner.check_values(),
            Self::Is(field, values) if values.is_empty() || values.len() > VALUES => Err(Misfit(format!(
                "a test of {field:?} has 1 to {VALUES} values, this one has {}",
                values.len()
            ))),
            Self::Is(field, values) => values.iter().try_for_each(|value| field.fits(value)),
            Self::Compare(field, _, _) if field.kind() != Kind::Number || field.is_elsewhere() => {
                Err(Misfit(format!("{field:?} has no order to compare by")))
            }
            Self::Compare(field, _, value) => field.fits(value),
            Self::Like(field, _)
                if field.kind() != Kind::Text
                    || matches!(field, Field::MatchedValue | Field::StatusGroup) =>
            {
                Err(Misfit(format!("{field:?} cannot be searched for a part of a text")))
            }
            Self::Like(_, pattern) if pattern.chars().count() > 1_000 => {
                Err(Misfit("a text to search for has at most 1000 characters".to_owned()))
            }
            Self::Missing(Field::MatchedValue | Field::Recipients | Field::StatusGroup) => {
                Err(Misfit("this field cannot be asked to be missing".to_owned()))
            }
            Self::Like(..) | Self::Missing(_) => Ok(()),
        }
    }
}

impl Field {
    fn kind(&self) -> Kind {
        match self {
            Self::Id
            | Self::StatusId
            | Self::Severity
            | Self::PreventStatus
            | Self::PolicyId
            | Self::ReceivedAt
            | Self::RecordedAt
            | Self::LastSeen
            | Self::Pseudonym
            | Self::Matches => Kind::Number,
            Self::Trial | Self::Hidden => Kind::Flag,
            _ => Kind::Text,
        }
    }

    fn fits(&self, value: &Scalar) -> Result<(), Misfit> {
        let (fits, wanted) = match self.kind() {
            Kind::Number => (matches!(value, Scalar::Number(_)), "a whole number"),
            Kind::Text => (matches!(value, Scalar::Text(_)), "a text"),
            Kind::Flag => (matches!(value, Scalar::Flag(_)), "true or false"),
        };
        if fits { Ok(()) } else { Err(Misfit(format!("{self:?} is compared with {wanted}"))) }
    }

    /// Not a column of the incident.
    fn is_elsewhere(&self) -> bool {
        matches!(
            self,
            Self::StatusId
                | Self::StatusGroup
                | Self::Recipient
                | Self::RecipientDomain
                | Self::Unscannable
                | Self::MatchedValue
                | Self::Note
                | Self::Attribute(_)
        )
    }

    fn term(&self) -> Option<&'static str> {
        match self {
            Self::Recipient => Some(terms::RECIPIENT),
            Self::RecipientDomain => Some(terms::RECIPIENT_DOMAIN),
            Self::Unscannable => Some(terms::UNSCANNABLE),
            _ => None,
        }
    }

    fn column(&self) -> &'static str {
        match self {
            Self::Id => "incident.id",
            Self::UniqueId => "unique_id",
            Self::MessageId => "message_id",
            Self::Status | Self::StatusId | Self::StatusGroup => "incident.status",
            Self::Severity => "severity",
            Self::PreventStatus => "prevent_status",
            Self::PolicyId => "policy_id",
            Self::Policy => "policy",
            Self::PolicyVersion => "policy_version",
            Self::Sender => "lower(sender)",
            Self::Pseudonym => "pseudonym",
            Self::SenderDomain => "sender_domain",
            Self::Recipients | Self::Recipient | Self::RecipientDomain => "recipients",
            Self::Subject => "subject",
            Self::ReceivedAt => "received_at",
            Self::RecordedAt => "recorded_at",
            Self::LastSeen => "last_seen",
            Self::Server => "server",
            Self::Direction => "direction",
            Self::Matches => "match_count",
            Self::Outcome => "outcome",
            Self::Owner => "owner",
            Self::DataOwnerName => "data_owner_name",
            Self::Trial => "trial",
            Self::Hidden => "hidden",
            Self::Unscannable => "unscannable",
            Self::MatchedValue | Self::Note | Self::Attribute(_) => "incident.id",
        }
    }
}

/// Writes SQL.
pub(super) struct Writer<'a> {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    pub(super) keys: &'a Keys,
    pub(super) dialect: Dialect,
}

impl Writer<'_> {
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
            Condition::Is(field, values) => self.is(field, values),
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

    fn is(&mut self, field: &Field, values: &[Scalar]) {
        let marks = vec!["?"; values.len()].join(", ");
        if let Some(kind) = field.term() {
            let sql = format!(
                "incident.id IN (SELECT incident_id FROM incident_term WHERE kind = '{kind}' AND term IN ({marks}))"
            );
            self.sql.push_str(&sql);
            return self.texts(values, terms::term);
        }
        match field {
            Field::StatusId => {
                self.sql
                    .push_str(&format!("incident.status IN (SELECT name FROM status WHERE id IN ({marks}))"));
                values.iter().for_each(|value| self.push(value));
            }
            Field::StatusGroup => {
                // As with several values below: read from the index of the order.
                let plain = if self.dialect == Dialect::Sqlite { "+" } else { "" };
                self.sql.push_str(&format!(
                    "{plain}incident.status IN (SELECT name FROM status WHERE status_group IN ({marks}))"
                ));
                values.iter().for_each(|value| self.push(value));
            }
            Field::MatchedValue => {
                let sql =
                    format!("incident.id IN (SELECT incident_id FROM match_hash WHERE hash IN ({marks}))");
                self.sql.push_str(&sql);
                let keys = self.keys;
                self.values.extend(texts(values).map(|text| Value::from(&value_hash(keys, text)[..])));
            }
            Field::Note => {
                self.sql.push_str(&format!(
                    "incident.id IN (SELECT incident_id FROM note WHERE text IN ({marks}))"
                ));
                values.iter().for_each(|value| self.push(value));
            }
            Field::Attribute(name) => {
                let starts = vec!["substr(?, 1, 100)"; values.len()].join(", ");
                let sql = format!(
                    "incident.id IN (SELECT incident_id FROM attribute WHERE name = ? AND substr(value, 1, 100) IN ({starts}) AND value IN ({marks}))"
                );
                self.sql.push_str(&sql);
                self.values.push(name.as_str().into());
                values.iter().for_each(|value| self.push(value));
                values.iter().for_each(|value| self.push(value));
            }
            // The index keeps senders in the database's lower case.
            Field::Sender => {
                let marks = vec!["lower(?)"; values.len()].join(", ");
                self.sql.push_str(&format!("lower(sender) IN ({marks})"));
                values.iter().for_each(|value| self.push(value));
            }
            Field::SenderDomain => {
                self.sql.push_str(&format!("sender_domain IN ({marks})"));
                self.texts(values, terms::term);
            }
            _ if values.len() == 1 => {
                self.sql.push_str(&format!("{} = ?", field.column()));
                self.push(&values[0]);
            }
            _ => {
                // Several values are read from the index of the order: SQLite would otherwise sort all that has one of them.
                let plain = if self.dialect == Dialect::Sqlite { "+" } else { "" };
                self.sql.push_str(&format!("{plain}{} IN ({marks})", field.column()));
                values.iter().for_each(|value| self.push(value));
            }
        }
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

    fn texts(&mut self, values: &[Scalar], form: impl Fn(&str) -> String) {
        self.values.extend(texts(values).map(|text| Value::from(form(text))));
    }

    fn push(&mut self, value: &Scalar) {
        self.values.push(match value {
            Scalar::Number(number) => Value::from(*number),
            Scalar::Text(text) => Value::from(text.as_str()),
            Scalar::Flag(flag) => Value::from(*flag),
        });
    }
}

fn texts(values: &[Scalar]) -> impl Iterator<Item = &str> {
    values.iter().filter_map(|value| match value {
        Scalar::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_index_answers_is_known_wherever_it_stands() {
        let policy = Condition::Is(Field::PolicyId, vec![Scalar::Number(1)]);
        let subject = Condition::contains(Field::Subject, "zzz");
        let sender = Condition::is(Field::Sender, "anna@company.example");
        assert!(!Condition::All(vec![policy.clone(), sender]).reads_all());
        assert!(Condition::All(vec![policy.clone(), Condition::Any(vec![subject.clone()])]).reads_all());
        assert!(Condition::Not(Box::new(subject)).reads_all());
        assert!(policy.and(Condition::is(Field::Note, "x")).reads_all());
    }
}
