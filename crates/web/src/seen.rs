//! What a role does not see, and what stands in its place: one rule and the same words in both consoles.
//!
//! A server asks for each part of a mail that it is about to show, export or answer, and for each part that somebody searches by:
//! who may look for a sender's address finds out what its pseudonym stands for.

use store::keys::Keys;

use crate::people::{Hidden, Privilege};
use crate::{Problem, Viewer};

/// What stands where a role does not see.
pub const NOT_SHOWN: &str = "(not shown to your role)";

/// The name that stands for an address where it is not shown: always the same, and nothing tells the address from it but the key.
pub fn pseudonym(keys: &Keys, address: &str) -> String {
    format!("Person {:010X}", keys.pseudonym(address))
}

/// Whether somebody wrote such a name; its number.
pub fn is_pseudonym(text: &str) -> Option<u64> {
    let number = text.strip_prefix("Person ").filter(|number| number.len() == 10)?;
    number
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| u64::from_str_radix(number, 16).ok())
        .flatten()
}

impl Viewer {
    /// A sender's address as the role sees it: itself, or a name that is always the same for the same sender and tells nothing of
    /// who it is. The empty address of bounces is nobody's and stays.
    pub fn sender(&self, address: &str) -> String {
        if !self.hides(Hidden::Sender) || address.is_empty() {
            return address.to_owned();
        }
        pseudonym(self.site.people().keys(), address)
    }

    /// Recipients as the role sees them; how many they are is not told either where it does not.
    pub fn recipients(&self, addresses: Vec<String>) -> Vec<String> {
        if self.hides(Hidden::Recipients) { vec![NOT_SHOWN.to_owned()] } else { addresses }
    }

    /// A subject as the role sees it.
    pub fn subject(&self, text: String) -> String {
        if self.hides(Hidden::Subject) { NOT_SHOWN.to_owned() } else { text }
    }

    /// Whether the role sees matches unmasked.
    pub fn may_see_matches(&self) -> bool {
        self.may(Privilege::ViewMatches) && !self.hides(Hidden::Matches)
    }

    /// Goes on only if the role may have the message itself: one that must not know a part of it does not get it whole.
    pub fn may_see_original(&self) -> Result<(), Problem> {
        self.require(Privilege::ViewOriginals)?;
        match Hidden::ALL.iter().find(|part| **part != Hidden::History && self.hides(**part)) {
            None => Ok(()),
            Some(part) => Err(Problem::Forbidden(format!(
                "The role {} does not see a part of messages ({}), so it gets none whole.",
                self.role.name,
                part.title()
            ))),
        }
    }

    /// Goes on only if the role sees all parts that are asked by: those that come with `true`.
    pub fn may_ask_by(&self, parts: &[(Hidden, bool)]) -> Result<(), Problem> {
        match parts.iter().find(|(part, asked)| *asked && self.hides(*part)) {
            None => Ok(()),
            Some((part, _)) => Err(Problem::Forbidden(format!(
                "The role {} does not see \"{}\" and cannot search or sort by it.",
                self.role.name,
                part.title()
            ))),
        }
    }
}
