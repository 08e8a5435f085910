//! What somebody is bound to among messages: to folders, and to policies. Of what was in folders one copy within reach is needed;
//! what never was in one is for those whose role names no folders.
//!
//! A message that came again, or in parts, is one message here: its rows have the same identity.

use std::collections::{BTreeMap, BTreeSet};

use store::values;

use crate::{Error, Gateway};

/// Folders by number, and sets of policies of which each must be violated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The folders within reach.
    pub folders: Vec<u64>,
    /// Whether what was never in a folder is within reach as well.
    pub passing: bool,
    /// A policy of each of these sets is violated.
    pub within: Vec<BTreeSet<u32>>,
}

/// Of a message of which not everything is within reach: what is not.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct OutOfReach {
    /// Incidents.
    pub(crate) copies: BTreeSet<u64>,
    /// Recipients who have no copy within reach.
    pub(crate) recipients: BTreeSet<String>,
}

impl Bounds {
    /// That a row of `message` under this name is within reach.
    pub(crate) fn of_message(&self, message: &str) -> String {
        let any = format!(
            "SELECT 1 FROM copy bound JOIN message part ON part.id = bound.message_id WHERE part.identity = {message}.identity"
        );
        let folders = self.is_in_reach("bound");
        let passing = if self.passing { format!("NOT EXISTS ({any}) OR ") } else { String::new() };
        format!("({passing}EXISTS ({any} AND {folders})) AND {}", self.violated(message))
    }

    /// That a row of `queue q`, joined with its `message m`, is within reach. The gateway's own letters are about other mails, of
    /// which they tell: they are not.
    pub(crate) fn of_queue(&self) -> String {
        let copy =
            format!("SELECT 1 FROM copy bound WHERE bound.id = q.copy_id AND {}", self.is_in_reach("bound"));
        format!(
            "q.reason NOT IN ('notice', 'bounce') AND (q.copy_id IS NULL OR EXISTS ({copy})) AND {}",
            self.of_message("m")
        )
    }

    fn is_in_reach(&self, copy: &str) -> String {
        let folders: Vec<String> = self.folders.iter().map(ToString::to_string).collect();
        if folders.is_empty() {
            "1 = 0".to_owned()
        } else {
            format!("+{copy}.folder_id IN ({})", folders.join(", "))
        }
    }

    fn violated(&self, message: &str) -> String {
        let all = self.within.iter().map(|any_of| crate::copies::violates_any(message, any_of));
        std::iter::once("1 = 1".to_owned()).chain(all).collect::<Vec<_>>().join(" AND ")
    }
}

impl Gateway {
    /// What of these messages, by number, is out of reach.
    pub(crate) async fn out_of_reach(
        &self,
        bounds: &Bounds,
        messages: &[u64],
    ) -> Result<BTreeMap<u64, OutOfReach>, Error> {
        let mut all: BTreeMap<u64, OutOfReach> = BTreeMap::new();
        let mut within: BTreeSet<(u64, String)> = BTreeSet::new();
        let sql = "SELECT asked.id AS message, c.id AS copy, c.recipient, c.folder_id FROM message asked \
            JOIN message part ON part.identity = asked.identity JOIN copy c ON c.message_id = part.id WHERE asked.id = ?";
        for message in messages {
            for row in self.database().fetch(sql, values![*message]).await? {
                let recipient: String = row.get("recipient")?;
                if bounds.folders.contains(&(row.get::<i64>("folder_id")? as u64)) {
                    within.insert((*message, recipient));
                } else {
                    let out = all.entry(*message).or_default();
                    out.copies.insert(row.get::<i64>("copy")? as u64);
                    out.recipients.insert(recipient);
                }
            }
        }
        for (message, out) in &mut all {
            out.recipients.retain(|recipient| !within.contains(&(*message, recipient.clone())));
        }
        Ok(all)
    }
}
