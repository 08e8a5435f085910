//! What is asked of incidents, as a tree of tests, and whether it makes sense.

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
    RemediationLocation,
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
    /// One of these texts, in any case of letters.
    IsAnyCase(Field, Vec<String>),
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

    /// The tests that all have to hold.
    pub(super) fn parts(&self) -> Vec<&Self> {
        match self {
            Self::All(inner) => inner.iter().flat_map(Self::parts).collect(),
            Self::Any(inner) if inner.len() == 1 => inner[0].parts(),
            other => vec![other],
        }
    }

    /// Whether lists of incidents by a value carry all that it asks for: a number, or what is looked up by it.
    pub(super) fn is_carried(&self) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().all(Self::is_carried),
            Self::Not(inner) => inner.is_carried(),
            Self::Is(field, _)
            | Self::IsAnyCase(field, _)
            | Self::Compare(field, ..)
            | Self::Like(field, _)
            | Self::Missing(field) => field.is_carried(),
        }
    }

    /// Whether rows of lists and the indexes that have an order carry all that it asks for.
    pub(super) fn is_at_hand(&self) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().all(Self::is_at_hand),
            Self::Not(inner) => inner.is_at_hand(),
            Self::Is(field, _) | Self::Compare(field, ..) => field.is_at_hand(),
            Self::IsAnyCase(..) | Self::Like(..) | Self::Missing(_) => false,
        }
    }

    /// Whether it can be asked; errors are for whoever wrote it.
    pub fn check(&self) -> Result<(), Misfit> {
        if self.size() > TESTS {
            return Err(Misfit(format!("a filter has at most {TESTS} tests; this one has {}", self.size())));
        }
        self.check_values()
    }

    /// Whether no index answers a part of it: every incident may have to be read.
    pub(super) fn reads_all(&self) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().any(Self::reads_all),
            Self::Not(inner) => inner.reads_all(),
            Self::Like(..) => true,
            Self::IsAnyCase(field, _) => !field.is_kept_in_any_case(),
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
                    | Field::RemediationLocation
                    | Field::Note
            ),
        }
    }

    /// Whether a part of a text is looked for that stands in rows of its own: all of these are read, whatever the incidents.
    pub(super) fn reads_other_rows(&self) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().any(Self::reads_other_rows),
            Self::Not(inner) => inner.reads_other_rows(),
            Self::Like(field, _) => field.is_elsewhere(),
            Self::Is(field, _) | Self::IsAnyCase(field, _) => *field == Field::Note,
            Self::Compare(..) | Self::Missing(_) => false,
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::All(inner) | Self::Any(inner) => 1 + inner.iter().map(Self::size).sum::<usize>(),
            Self::Not(inner) => 1 + inner.size(),
            _ => 1,
        }
    }

    fn check_values(&self) -> Result<(), Misfit> {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().try_for_each(Self::check_values),
            Self::Not(inner) => inner.check_values(),
            Self::Is(field, values) if !(1..=VALUES).contains(&values.len()) => {
                Err(too_many(field, values.len()))
            }
            Self::IsAnyCase(field, texts) if !(1..=VALUES).contains(&texts.len()) => {
                Err(too_many(field, texts.len()))
            }
            Self::IsAnyCase(field, _)
                if field.kind() != Kind::Text
                    || matches!(field, Field::MatchedValue | Field::StatusGroup) =>
            {
                Err(Misfit(format!("{field:?} cannot be asked for in any case of letters")))
            }
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
            Self::IsAnyCase(..) | Self::Like(..) | Self::Missing(_) => Ok(()),
        }
    }
}

fn too_many(field: &Field, values: usize) -> Misfit {
    Misfit(format!("a test of {field:?} has 1 to {VALUES} values, this one has {values}"))
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

    /// An index finds it in any case of letters.
    pub(super) fn is_kept_in_any_case(&self) -> bool {
        self.term().is_some() || matches!(self, Self::Sender | Self::SenderDomain | Self::Attribute(_))
    }

    fn is_carried(&self) -> bool {
        self.is_elsewhere() || self.is_at_hand()
    }

    fn is_at_hand(&self) -> bool {
        matches!(
            self,
            Self::Id
                | Self::Status
                | Self::Severity
                | Self::PreventStatus
                | Self::PolicyId
                | Self::ReceivedAt
                | Self::Hidden
        )
    }

    pub(super) fn term(&self) -> Option<&'static str> {
        match self {
            Self::Recipient => Some(terms::RECIPIENT),
            Self::RecipientDomain => Some(terms::RECIPIENT_DOMAIN),
            Self::Unscannable => Some(terms::UNSCANNABLE),
            _ => None,
        }
    }

    pub(super) fn column(&self) -> &'static str {
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
            Self::RemediationLocation => "remediation_location",
            Self::Trial => "trial",
            Self::Hidden => "hidden",
            Self::Unscannable => "unscannable",
            Self::MatchedValue | Self::Note | Self::Attribute(_) => "incident.id",
        }
    }
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
