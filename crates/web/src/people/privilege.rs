//! What a role may do, which incidents it may do it to, and what it never gets to see. Plain data: the servers apply it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One thing that a role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privilege {
    /// Incidents: View, Network Incidents.
    ViewNetworkIncidents,
    /// Incidents: Actions, Remediate Incidents.
    RemediateIncidents,
    /// Matches unmasked.
    ViewMatches,
    /// The original message and its attachments.
    ViewOriginals,
    /// Delete incidents and what is kept with them.
    DeleteIncidents,
    /// Incident Reporting and Update API: Incident View.
    ApiIncidentView,
    /// Incident Reporting and Update API: Incident Update.
    ApiIncidentUpdate,
    /// Write policies and response rules.
    AuthorPolicies,
    /// Detection servers, gateways, their settings and certificates.
    ManageServers,
    /// Users and roles.
    ManageUsers,
    /// Read the audit log.
    ReadAudit,
    /// Credentials, retention, system settings.
    ManageSystem,
    /// Content incident folders: view.
    ViewQuarantine,
    /// Content incident folders: Approve, Reject, Custom.
    DecideQuarantine,
    /// Folders and content filtering policies: change.
    ConfigureQuarantine,
    /// Message audit search.
    SearchMail,
    /// Delivery queue: retry, drop.
    ManageQueue,
}

impl Privilege {
    /// All of them, by area.
    pub const AREAS: &[(&str, &[Self])] = &[
        (
            "Incidents",
            &[
                Self::ViewNetworkIncidents,
                Self::RemediateIncidents,
                Self::ViewMatches,
                Self::ViewOriginals,
                Self::DeleteIncidents,
            ],
        ),
        ("Incident Reporting and Update API", &[Self::ApiIncidentView, Self::ApiIncidentUpdate]),
        (
            "Quarantine",
            &[
                Self::ViewQuarantine,
                Self::DecideQuarantine,
                Self::ConfigureQuarantine,
                Self::SearchMail,
                Self::ManageQueue,
            ],
        ),
        (
            "Administration",
            &[
                Self::AuthorPolicies,
                Self::ManageServers,
                Self::ManageUsers,
                Self::ReadAudit,
                Self::ManageSystem,
            ],
        ),
    ];

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::AREAS.iter().flat_map(|(_, privileges)| privileges.iter().copied())
    }

    /// As people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::ViewNetworkIncidents => "View network incidents",
            Self::RemediateIncidents => "Remediate incidents",
            Self::ViewMatches => "Look at matches unmasked",
            Self::ViewOriginals => "Look at original messages",
            Self::DeleteIncidents => "Delete incidents",
            Self::ApiIncidentView => "Incident View",
            Self::ApiIncidentUpdate => "Incident Update",
            Self::AuthorPolicies => "Write policies and response rules",
            Self::ManageServers => "Manage servers",
            Self::ManageUsers => "Manage users and roles",
            Self::ReadAudit => "Read the audit log",
            Self::ManageSystem => "Manage the system",
            Self::ViewQuarantine => "View content incident folders",
            Self::DecideQuarantine => "Approve, reject and custom",
            Self::ConfigureQuarantine => "Configure folders and filters",
            Self::SearchMail => "Search the message audit log",
            Self::ManageQueue => "Manage the delivery queue",
        }
    }

    /// As it is written in forms and stored roles.
    pub fn word(self) -> &'static str {
        match self {
            Self::ViewNetworkIncidents => "view_network_incidents",
            Self::RemediateIncidents => "remediate_incidents",
            Self::ViewMatches => "view_matches",
            Self::ViewOriginals => "view_originals",
            Self::DeleteIncidents => "delete_incidents",
            Self::ApiIncidentView => "api_incident_view",
            Self::ApiIncidentUpdate => "api_incident_update",
            Self::AuthorPolicies => "author_policies",
            Self::ManageServers => "manage_servers",
            Self::ManageUsers => "manage_users",
            Self::ReadAudit => "read_audit",
            Self::ManageSystem => "manage_system",
            Self::ViewQuarantine => "view_quarantine",
            Self::DecideQuarantine => "decide_quarantine",
            Self::ConfigureQuarantine => "configure_quarantine",
            Self::SearchMail => "search_mail",
            Self::ManageQueue => "manage_queue",
        }
    }

    /// The one of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::all().find(|privilege| privilege.word() == word)
    }
}

/// A condition on the incidents that a role reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Condition {
    /// The violated policy is any of these, by number.
    Policy {
        /// Numbers of policies.
        any_of: BTreeSet<u32>,
    },
    /// The severity is any of these: `high`, `medium`, `low`, `info`.
    Severity {
        /// Severities.
        any_of: BTreeSet<String>,
    },
    /// A custom attribute has any of these values.
    Attribute {
        /// The attribute's name.
        name: String,
        /// Its values, compared without regard to case.
        any_of: BTreeSet<String>,
    },
    /// The held copy lies in any of these folders, by number.
    Folder {
        /// Numbers of folders.
        any_of: BTreeSet<i64>,
    },
}

/// A part of an incident that a role does not get to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// Who sent it: shown under a pseudonym.
    Sender,
    /// To whom it went.
    Recipients,
    /// The subject.
    Subject,
    /// The text of the message.
    Body,
    /// What was matched, masked or not.
    Matches,
    /// Names of attachments.
    Attachments,
    /// The history.
    History,
}

impl Hidden {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Sender,
        Self::Recipients,
        Self::Subject,
        Self::Body,
        Self::Matches,
        Self::Attachments,
        Self::History,
    ];

    /// As people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sender => "Sender (shown under a pseudonym)",
            Self::Recipients => "Recipients",
            Self::Subject => "Subject",
            Self::Body => "Message body",
            Self::Matches => "Matches",
            Self::Attachments => "Names of attachments",
            Self::History => "History",
        }
    }

    /// As it is written in forms and stored roles.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Recipients => "recipients",
            Self::Subject => "subject",
            Self::Body => "body",
            Self::Matches => "matches",
            Self::Attachments => "attachments",
            Self::History => "history",
        }
    }

    /// The one of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|part| part.word() == word)
    }
}

/// What a role may do, to which incidents, seeing what. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rights {
    /// What it may do.
    pub privileges: BTreeSet<Privilege>,
    /// Conditions that all must hold; none: every incident.
    pub access: Vec<Condition>,
    /// Parts that it does not see.
    pub hidden: BTreeSet<Hidden>,
}

impl Rights {
    /// Whether it may do this.
    pub fn may(&self, privilege: Privilege) -> bool {
        self.privileges.contains(&privilege)
    }

    /// Whether it does not see this.
    pub fn hides(&self, part: Hidden) -> bool {
        self.hidden.contains(&part)
    }

    /// Those of the roles that every installation has.
    pub(crate) fn built_in() -> Vec<(&'static str, Self)> {
        use Privilege as P;
        let of =
            |privileges: &[P]| Self { privileges: privileges.iter().copied().collect(), ..Self::default() };
        let reviewer = [P::ViewNetworkIncidents, P::ViewQuarantine];
        let remediator = [
            P::ViewNetworkIncidents,
            P::RemediateIncidents,
            P::ViewMatches,
            P::ViewOriginals,
            P::ViewQuarantine,
            P::DecideQuarantine,
            P::SearchMail,
        ];
        vec![
            ("Administrator", Self { privileges: P::all().collect(), ..Self::default() }),
            ("Policy author", of(&[P::ViewNetworkIncidents, P::ViewMatches, P::AuthorPolicies])),
            ("Remediator", of(&remediator)),
            ("Reviewer", of(&reviewer)),
            (
                "API client",
                of(&[
                    P::ViewNetworkIncidents,
                    P::RemediateIncidents,
                    P::ViewMatches,
                    P::ApiIncidentView,
                    P::ApiIncidentUpdate,
                ]),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_privilege_has_its_own_word_and_stands_in_one_area() {
        let all: Vec<_> = Privilege::all().collect();
        let words: BTreeSet<_> = all.iter().map(|privilege| privilege.word()).collect();
        assert_eq!(words.len(), all.len());
        for privilege in all {
            assert_eq!(Privilege::parse(privilege.word()), Some(privilege));
            assert_eq!(serde_json::to_string(&privilege).unwrap(), format!("\"{}\"", privilege.word()));
        }
        assert_eq!(Privilege::parse("everything"), None);
    }

    #[test]
    fn only_the_administrator_manages_users() {
        for (name, rights) in Rights::built_in() {
            assert_eq!(rights.may(Privilege::ManageUsers), name == "Administrator", "{name}");
        }
    }
}
