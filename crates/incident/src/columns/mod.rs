//! Incidents by column, beside their rows: all of a field is read at once, so that a question about millions that no list answers
//! takes as long as it takes to read what it asks about, whatever it is.
//!
//! Numbers of incidents are cut into blocks of 65,536; a block has a [`Column`] for each field and each attribute. Triggers note
//! the number of each incident that comes, goes or changes in the same transaction, and [`keep`] writes blocks anew when enough are
//! noted. Whoever reads takes those that are noted from their rows, first, and then the blocks: what is forgotten in between
//! stands in a block that is read afterwards.

mod cache;
mod column;
mod keep;
pub(crate) mod sieve;

use std::collections::HashMap;

use store::database::Row;

use crate::Error;
pub(crate) use cache::Cache;
pub(crate) use column::{Cell, Column, Draft};

/// Incidents of a block.
pub(crate) const BLOCK: i64 = 1 << 16;
/// Before the name of an attribute whose values a column has, and before that of one that has them in small letters.
const ATTRIBUTE: &str = "attribute:";
const LOWERED: &str = "lowered:";

/// A field that a column is kept of.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) name: &'static str,
    /// How the database says it; NULL where there is no incident.
    pub(crate) sql: &'static str,
    is_text: bool,
}

const fn number(name: &'static str, sql: &'static str) -> Kept {
    Kept { name, sql, is_text: false }
}

const fn text(name: &'static str, sql: &'static str) -> Kept {
    Kept { name, sql, is_text: true }
}

/// Each incident has one: a slot without is empty.
pub(crate) const PRESENT: &str = "status";
/// A migration that adds one, or another way to say it, has to empty the tables of columns: they are made anew then.
pub(crate) const FIELDS: [Kept; 18] = [
    text("status", "incident.status"),
    number("severity", "severity"),
    number("prevent_status", "prevent_status"),
    number("policy_id", "policy_id"),
    text("policy_version", "policy_version"),
    text("sender", "lower(sender)"),
    text("sender_domain", "sender_domain"),
    text("direction", "direction"),
    text("server", "server"),
    number("received_at", "received_at"),
    number("recorded_at", "recorded_at"),
    number("match_count", "match_count"),
    number("trial", "CAST(CASE trial WHEN TRUE THEN 1 WHEN FALSE THEN 0 END AS BIGINT)"),
    number("hidden", "CAST(CASE hidden WHEN TRUE THEN 1 WHEN FALSE THEN 0 END AS BIGINT)"),
    number("pseudonym", "pseudonym"),
    text("owner", "owner"),
    text("data_owner_name", "data_owner_name"),
    text("remediation_location", "remediation_location"),
];

impl Kept {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.name == name)
    }

    /// What a row says of it under this name.
    pub(crate) fn cell(&self, row: &Row, name: &str) -> Result<Cell, Error> {
        Ok(match self.is_text {
            true => text_cell(row.get(name)?),
            false => row.get::<Option<i64>>(name)?.map_or(Cell::Absent, Cell::Number),
        })
    }
}

pub(crate) fn text_cell(text: Option<String>) -> Cell {
    text.map_or(Cell::Absent, Cell::Text)
}

/// The column that has the values of an attribute.
pub(crate) fn attribute(name: &str, lowered: bool) -> String {
    format!("{}{name}", if lowered { LOWERED } else { ATTRIBUTE })
}

/// The columns of a block by their names; those that are not kept have none.
pub(crate) type Drafts = HashMap<String, Option<Draft>>;
