//! Content incident folders: what kind, how much and how long, and what happens at the limit.

use serde::{Deserialize, Serialize};

/// A content incident folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Folder {
    /// Unique among folders.
    pub name: String,
    /// Quarantine or informational.
    pub kind: FolderKind,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Most megabytes of mail, of a million octets each; no limit where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_megabytes: Option<u64>,
    /// Most days that a mail waits here; no limit where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_days: Option<u32>,
    /// What happens to mail over a limit, the oldest first. The default is Reject, as in the product.
    #[serde(default)]
    pub at_limit: Limit,
    /// Reviewers who are told of new incidents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
    /// Every mail that comes into it is also archived like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<crate::filter::Archive>,
    /// Users and roles that may see and decide; everyone with the right role where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<String>,
}

/// What a folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FolderKind {
    /// Hold for Review (Content Quarantine).
    Hold,
    /// Informational Incidents.
    Informational,
}

/// What happens to a mail at its folder's limits. None of these delivers a mail that nobody reviewed but the last, which has to
/// be asked for in so many words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// What its filter means by Reject, less any delivery.
    #[default]
    Reject,
    /// Deleted.
    Delete,
    /// Nothing: it stays, and the folder is said to be over its limit.
    Keep,
    /// What its filter means by Approve.
    DeliverUnreviewedMail,
}

impl FolderKind {
    /// The product's name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Hold => "Hold for Review (Content Quarantine)",
            Self::Informational => "Informational Incidents",
        }
    }
}

impl Folder {
    /// The folder of an installation without a configuration.
    pub fn standard() -> Self {
        Self {
            name: "Data Loss Prevention".to_owned(),
            kind: FolderKind::Hold,
            description: "Mail that a detection server marked.".to_owned(),
            max_megabytes: None,
            max_days: None,
            at_limit: Limit::Keep,
            notify: Vec::new(),
            archive: None,
            reviewers: Vec::new(),
        }
    }

    /// Most octets of mail, if there is a limit.
    pub fn most_octets(&self) -> Option<u64> {
        self.max_megabytes.map(|most| most.saturating_mul(1_000_000))
    }

    /// What is wrong with it: where, and what to write instead.
    pub fn check(&self) -> Result<(), String> {
        let at = |place: &str, why: &str| Err(format!("folder {:?}, {place}: {why}", self.name));
        if self.name.trim().is_empty() || self.name.chars().count() > 200 {
            return Err("name: write 1 to 200 characters".to_owned());
        }
        if self.max_megabytes == Some(0) || self.max_days == Some(0) {
            return at("limits", "0 would let nothing in; leave the limit out, or write 1 or more");
        }
        let addresses = self.notify.iter().chain(self.archive.iter().map(|archive| &archive.to));
        for address in addresses {
            if smtp::command::Rcpt::new(address).is_err() {
                return at("addresses", &format!("{address:?} is no mail address"));
            }
        }
        Ok(())
    }
}
