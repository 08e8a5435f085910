//! Columns that a list and its export have where somebody asks for them: more of the incident, and its custom attributes.

use std::collections::BTreeMap;

use incident::desk::{Listed, Sort};
use web::layout::{Html, Moment};
use web::mail::line;

use super::{Answer, Console};

/// Before the name of a custom attribute in the address bar.
const ATTRIBUTE: &str = "attribute:";

/// A column beside the usual ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    Server,
    Direction,
    MessageId,
    Outcome,
    PolicyVersion,
    LastSeen,
    Recorded,
    /// A custom attribute, by its name.
    Attribute(String),
}

/// Custom attributes of incidents, by number.
pub(super) type Attributes = BTreeMap<u64, Vec<(String, String)>>;

impl Column {
    /// Those of every incident.
    pub(super) const FIXED: [Self; 7] = [
        Self::Server,
        Self::Direction,
        Self::MessageId,
        Self::Outcome,
        Self::PolicyVersion,
        Self::LastSeen,
        Self::Recorded,
    ];

    /// The one of this word.
    pub(super) fn read(word: &str) -> Option<Self> {
        if let Some(name) = word.strip_prefix(ATTRIBUTE) {
            return Some(name.trim())
                .filter(|name| !name.is_empty())
                .map(|name| Self::Attribute(name.to_owned()));
        }
        Self::FIXED.into_iter().find(|column| column.word() == word)
    }

    /// Its word in the address bar.
    pub(super) fn word(&self) -> String {
        let word = match self {
            Self::Server => "server",
            Self::Direction => "direction",
            Self::MessageId => "message-id",
            Self::Outcome => "outcome",
            Self::PolicyVersion => "policy-version",
            Self::LastSeen => "last-seen",
            Self::Recorded => "recorded",
            Self::Attribute(name) => return format!("{ATTRIBUTE}{name}"),
        };
        word.to_owned()
    }

    /// Its title.
    pub(super) fn title(&self) -> &str {
        match self {
            Self::Server => "Server",
            Self::Direction => "Direction",
            Self::MessageId => "Message-ID",
            Self::Outcome => "Last attempt",
            Self::PolicyVersion => "Policy version",
            Self::LastSeen => "Last seen",
            Self::Recorded => "Recorded",
            Self::Attribute(name) => name,
        }
    }

    /// By what it is sorted.
    pub(super) fn sort(&self) -> Option<Sort> {
        match self {
            Self::Server => Some(Sort::Server),
            Self::Recorded => Some(Sort::Recorded),
            _ => None,
        }
    }

    pub(super) fn is_attribute(&self) -> bool {
        matches!(self, Self::Attribute(_))
    }

    /// What an export has of an incident; moments as in RFC 3339.
    pub(super) fn text(&self, listed: &Listed, attributes: &Attributes) -> String {
        let summary = &listed.summary;
        match self {
            Self::Server => summary.server.clone(),
            Self::Direction => listed.direction.clone(),
            Self::MessageId => summary.message_id.clone().unwrap_or_default(),
            Self::Outcome => summary.outcome.clone().unwrap_or_default(),
            Self::PolicyVersion => listed.policy_version.clone(),
            Self::LastSeen => summary.last_seen.to_string(),
            Self::Recorded => listed.recorded_at.to_string(),
            Self::Attribute(name) => {
                let own = attributes.get(&summary.id).into_iter().flatten();
                own.filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
            }
        }
    }

    /// What a list shows of it.
    pub(super) fn cell(&self, listed: &Listed, attributes: &Attributes) -> Html {
        match self {
            Self::LastSeen => Html::new(Moment(listed.summary.last_seen.as_millisecond()).to_string()),
            Self::Recorded => Html::new(Moment(listed.recorded_at.as_millisecond()).to_string()),
            other => line(&other.text(listed, attributes), 80),
        }
    }
}

/// The attributes of these incidents, if any column asks for them.
pub(super) async fn attributes(console: &Console, columns: &[Column], rows: &[Listed]) -> Answer<Attributes> {
    if !columns.iter().any(Column::is_attribute) {
        return Ok(Attributes::new());
    }
    let ids: Vec<u64> = rows.iter().map(|row| row.summary.id).collect();
    Ok(console.desk.attributes_of(&ids).await?)
}
