//! An incident with all that belongs to it as plain values: read from the tables, told apart from what changed since, put back.
//!
//! A table's columns stand here once; a column that a later version adds stands here too, and is empty when an older archive comes
//! back. Matches lie opened in it, for the archive has its own seal, and are sealed again with the keys of the database.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use store::cipher;
use store::database::{Dialect, Row, Session, Value};
use store::keys::Keys;
use store::values;

use super::InArchive;
use crate::Error;
use crate::desk::statuses::known_attribute;
use crate::read::time;
use crate::record::Match;
use crate::seal::{json, matches_context};
use crate::terms;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Int,
    Text,
    Flag,
    Octets,
}
use Kind::{Flag, Int, Octets, Text};

struct Table {
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
    order: &'static str,
}

/// Columns of an incident but its number, its original, its matches, and what it follows.
const INCIDENT: &[(&str, Kind)] = &[
    ("unique_id", Text),
    ("policy_id", Int),
    ("policy", Text),
    ("policy_version", Text),
    ("policy_set", Text),
    ("severity", Int),
    ("status", Text),
    ("prevent_status", Int),
    ("message_id", Text),
    ("sender", Text),
    ("recipients", Text),
    ("subject", Text),
    ("peer", Text),
    ("direction", Text),
    ("server", Text),
    ("received_at", Int),
    ("last_seen", Int),
    ("size", Int),
    ("match_count", Int),
    ("count_is_complete", Flag),
    ("trial", Flag),
    ("response_rules", Text),
    ("unscannable", Text),
    ("outcome", Text),
    ("recorded_at", Int),
    ("sender_domain", Text),
    ("owner", Text),
    ("data_owner_name", Text),
    ("data_owner_email", Text),
    ("remediation_location", Text),
    ("hidden", Flag),
    ("decided_at", Int),
    ("status_at", Int),
];

/// What belongs to an incident, in rows with its number.
const CHILDREN: &[Table] = &[
    Table {
        name: "history",
        columns: &[("at", Int), ("who", Text), ("action", Text), ("detail", Text), ("origin", Text)],
        order: "id",
    },
    Table { name: "note", columns: &[("at", Int), ("who", Text), ("text", Text)], order: "id" },
    Table { name: "attribute", columns: &[("name", Text), ("value", Text)], order: "name" },
    Table { name: "incident_term", columns: &[("kind", Text), ("term", Text)], order: "kind, term" },
    Table {
        name: "effect",
        columns: &[
            ("rule", Text),
            ("kind", Text),
            ("payload", Text),
            ("due_at", Int),
            ("attempts", Int),
            ("done_at", Int),
            ("first_tried_at", Int),
            ("outcome", Text),
        ],
        order: "id",
    },
    Table {
        name: "remediation",
        columns: &[
            ("id", Text),
            ("rule", Text),
            ("plugin", Text),
            ("request", Text),
            ("requested_by", Text),
            ("origin", Text),
            ("requested_at", Int),
            ("due_at", Int),
            ("attempts", Int),
            ("done_at", Int),
            ("outcome", Text),
            ("answer", Text),
        ],
        order: "requested_at, id",
    },
    Table {
        name: "second_person",
        columns: &[
            ("rule", Text),
            ("actions", Text),
            ("note", Text),
            ("asked_by", Text),
            ("origin", Text),
            ("asked_at", Int),
            ("state", Text),
            ("decided_by", Text),
            ("decided_at", Int),
        ],
        order: "id",
    },
];
/// What is only put back where the other side of it is still there.
const MATCH_HASH: Table = Table { name: "match_hash", columns: &[("hash", Octets)], order: "hash" };
const AGED: Table = Table { name: "aged", columns: &[("rule_id", Int), ("since", Int)], order: "rule_id" };
const SHIPPED: Table =
    Table { name: "shipped", columns: &[("journal", Text), ("their_id", Int)], order: "journal, their_id" };

/// An incident as an archive has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Packed {
    pub(super) id: u64,
    /// The name of its original in the archive.
    pub(super) original: Option<i64>,
    /// The incident that it follows, and those that follow it: links go when one end does, and come back.
    linked_to: Option<i64>,
    followed_by: Vec<i64>,
    /// Tells by whose keys the hashes of matched values were made.
    hashed_by: String,
    /// Everything else, by the name of the table.
    rows: Map<String, Json>,
}

impl Packed {
    /// Everything about an incident; None if there is none.
    pub(super) async fn read(db: &mut dyn Session, keys: &Keys, id: u64) -> Result<Option<Self>, Error> {
        // On PostgreSQL nobody adds to it before this transaction ends.
        let held = if db.dialect() == Dialect::Postgres { " FOR UPDATE" } else { "" };
        let sql = format!("SELECT * FROM incident WHERE id = ?{held}");
        let found = db.fetch(&sql, values![id]).await?;
        let Some(row) = found.first() else { return Ok(None) };
        let mut rows = Map::new();
        rows.insert("incident".to_owned(), read_row(row, INCIDENT)?);
        rows.insert("matches".to_owned(), read_matches(keys, id, row)?);
        for table in CHILDREN.iter().chain([&MATCH_HASH, &AGED, &SHIPPED]) {
            rows.insert(table.name.to_owned(), table.read(db, id).await?);
        }
        let sql = "SELECT id FROM incident WHERE linked_to = ? ORDER BY id";
        let followed_by = db.fetch(sql, values![id]).await?;
        Ok(Some(Self {
            id,
            original: row.get("original_id")?,
            linked_to: row.get("linked_to")?,
            followed_by: followed_by.iter().map(|row| Ok(row.get("id")?)).collect::<Result<_, Error>>()?,
            hashed_by: hashed_by(keys),
            rows,
        }))
    }

    /// Whether both are the same but for their links.
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.id, self.original, &self.rows) == (other.id, other.original, &other.rows)
    }

    /// As lists show it.
    pub(super) fn listed(&self) -> Result<InArchive, String> {
        Ok(InArchive {
            id: self.id,
            received_at: time(self.number("received_at")?),
            policy: self.text("policy")?,
            severity: self.number("severity")?,
            status: self.text("status")?,
            sender: self.text("sender")?,
            subject: self.text("subject")?,
            has_original: self.original.is_some(),
        })
    }

    pub(super) fn text(&self, column: &str) -> Result<String, String> {
        let text = self.rows.get("incident").and_then(|row| row.get(column)).and_then(Json::as_str);
        text.map(str::to_owned).ok_or_else(|| format!("incident {} has no {column}", self.id))
    }

    pub(super) fn number(&self, column: &str) -> Result<i64, String> {
        let number = self.rows.get("incident").and_then(|row| row.get(column)).and_then(Json::as_i64);
        number.ok_or_else(|| format!("incident {} has no {column}", self.id))
    }

    /// Puts it back under its number, which must be free. What was looked for by the old keys is found by the new.
    pub(super) async fn put(
        &self,
        db: &mut dyn Session,
        keys: &Keys,
        original: Option<i64>,
        restored_at: i64,
    ) -> Result<(), Error> {
        self.put_incident(db, keys, original, restored_at).await?;
        for table in CHILDREN {
            for row in self.rows_of(table.name)? {
                table.put(db, self.id, row).await?;
            }
        }
        for row in self.rows_of("attribute")? {
            known_attribute(db, row.get("name").and_then(Json::as_str).unwrap_or_default()).await?;
        }
        self.put_hashes(db, keys).await?;
        for row in self.rows_of(AGED.name)? {
            let sql = "INSERT INTO aged (rule_id, since, incident_id) SELECT id, ?, ? FROM ageing_rule WHERE id = ?";
            let [rule, since] = [integer(row, "rule_id"), integer(row, "since")];
            db.run(sql, values![since, self.id, rule]).await?;
        }
        for row in self.rows_of(SHIPPED.name)? {
            let sql = "UPDATE shipped SET incident_id = ? WHERE journal = ? AND their_id = ? AND incident_id IS NULL";
            let journal = row.get("journal").and_then(Json::as_str).unwrap_or_default();
            db.run(sql, values![self.id, journal, integer(row, "their_id")]).await?;
        }
        for follower in &self.followed_by {
            let sql = "UPDATE incident SET linked_to = ? WHERE id = ? AND linked_to IS NULL";
            db.run(sql, values![self.id, *follower]).await?;
        }
        Ok(())
    }

    async fn put_incident(
        &self,
        db: &mut dyn Session,
        keys: &Keys,
        original: Option<i64>,
        restored_at: i64,
    ) -> Result<(), Error> {
        let row = self.rows.get("incident").and_then(Json::as_object);
        let row = row.ok_or_else(|| self.damaged("it has no row of its own"))?;
        let policy = u32::try_from(self.number("policy_id").map_err(|why| self.damaged(&why))?);
        let policy = policy.map_err(|why| self.damaged(&why.to_string()))?;
        let unique_id = self.text("unique_id").map_err(|why| self.damaged(&why))?;
        let matches = self.rows.get("matches").ok_or_else(|| self.damaged("it has no matches"))?;
        let matches = cipher::seal(keys, &matches_context(&unique_id, policy), json(matches).as_bytes())?;
        let pseudonym = keys.pseudonym(&self.text("sender").map_err(|why| self.damaged(&why))?);
        let names: Vec<&str> = INCIDENT.iter().map(|(name, _)| *name).collect();
        let marks = vec!["?"; INCIDENT.len()].join(", ");
        let own = if db.dialect() == Dialect::Postgres { "OVERRIDING SYSTEM VALUE " } else { "" };
        let sql = format!(
            "INSERT INTO incident (id, original_id, matches, pending, restored_at, pseudonym, linked_to, {}) {own}\
             VALUES (?, ?, ?, 0, ?, ?, (SELECT id FROM incident WHERE id = ?), {marks})",
            names.join(", ")
        );
        let mut values = values![self.id, original, matches, restored_at, pseudonym, self.linked_to];
        for (name, kind) in INCIDENT {
            values.push(value(row.get(*name), *kind).ok_or_else(|| self.damaged(&format!("its {name}")))?);
        }
        db.run(&sql, values).await?;
        if db.dialect() == Dialect::Postgres {
            // Numbers given by hand do not move the counter.
            let sql = "SELECT setval('incident_id_seq', ?) AS n FROM incident_id_seq WHERE last_value < ?";
            db.fetch(sql, values![self.id, self.id]).await?;
        }
        Ok(())
    }

    /// The hashes as they were, or, under other keys, those of the matches that are kept.
    async fn put_hashes(&self, db: &mut dyn Session, keys: &Keys) -> Result<(), Error> {
        if self.hashed_by == hashed_by(keys) {
            for row in self.rows_of(MATCH_HASH.name)? {
                MATCH_HASH.put(db, self.id, row).await?;
            }
            return Ok(());
        }
        let matches = self.rows.get("matches").cloned().unwrap_or_default();
        let matches: Vec<Match> =
            serde_json::from_value(matches).map_err(|why| self.damaged(&why.to_string()))?;
        let unscannable = self.text("unscannable").map_err(|why| self.damaged(&why))?;
        let unscannable: Vec<(String, String)> =
            serde_json::from_str(&unscannable).map_err(|why| self.damaged(&why.to_string()))?;
        let hashes = crate::seal::values(keys, &matches, &unscannable);
        crate::write::keep_values(db, self.id as i64, &hashes).await
    }

    fn rows_of(&self, table: &str) -> Result<&[Json], Error> {
        let rows = self.rows.get(table).and_then(Json::as_array).map(Vec::as_slice);
        rows.ok_or_else(|| self.damaged(&format!("its {table} is missing")))
    }

    fn damaged(&self, why: &str) -> Error {
        Error::Damaged { id: self.id, why: format!("in the archive: {why}") }
    }
}

impl Table {
    async fn read(&self, db: &mut dyn Session, id: u64) -> Result<Json, Error> {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let sql = format!(
            "SELECT {} FROM {} WHERE incident_id = ? ORDER BY {}",
            names.join(", "),
            self.name,
            self.order
        );
        let rows = db.fetch(&sql, values![id]).await?;
        rows.iter().map(|row| read_row(row, self.columns)).collect::<Result<Vec<_>, _>>().map(Json::Array)
    }

    async fn put(&self, db: &mut dyn Session, id: u64, row: &Json) -> Result<(), Error> {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let marks = vec!["?"; self.columns.len()].join(", ");
        let sql = match self.is_list() {
            true => terms::insert(self.name, &names, 1),
            false => {
                format!("INSERT INTO {} ({}, incident_id) VALUES ({marks}, ?)", self.name, names.join(", "))
            }
        };
        let mut values = Vec::new();
        for (name, kind) in self.columns {
            let why = || format!("in the archive: {} of its {}", name, self.name);
            values.push(value(row.get(*name), *kind).ok_or_else(|| Error::Damaged { id, why: why() })?);
        }
        values.push(id.into());
        db.run(&sql, values).await?;
        Ok(())
    }

    /// Its rows carry what the incident has.
    fn is_list(&self) -> bool {
        matches!(self.name, "incident_term" | "match_hash")
    }
}

fn hashed_by(keys: &Keys) -> String {
    hex(&keys.hash("mark of the search key", ""))
}

fn read_matches(keys: &Keys, id: u64, row: &Row) -> Result<Json, Error> {
    let context = matches_context(&row.get::<String>("unique_id")?, row.get::<i64>("policy_id")? as u32);
    let damaged = |why: String| Error::Damaged { id, why: format!("its matches: {why}") };
    let plain = cipher::open(keys, &context, &row.get::<Vec<u8>>("matches")?);
    serde_json::from_slice(&plain.map_err(|why| damaged(why.to_string()))?)
        .map_err(|why| damaged(why.to_string()))
}

fn read_row(row: &Row, columns: &[(&str, Kind)]) -> Result<Json, Error> {
    let mut read = Map::new();
    for (name, kind) in columns {
        let value = match kind {
            Int => row.get::<Option<i64>>(name)?.map(Json::from),
            Text => row.get::<Option<String>>(name)?.map(Json::from),
            Flag => row.get::<Option<bool>>(name)?.map(Json::from),
            Octets => row.get::<Option<Vec<u8>>>(name)?.map(|octets| Json::from(hex(&octets))),
        };
        read.insert((*name).to_owned(), value.unwrap_or_default());
    }
    Ok(Json::Object(read))
}

/// None where it is of another kind.
fn value(json: Option<&Json>, kind: Kind) -> Option<Value> {
    Some(match (kind, json.filter(|json| !json.is_null())) {
        (Int, None) => Value::Int(None),
        (Text, None) => Value::Text(None),
        (Flag, None) => Value::Bool(false),
        (Octets, None) => Value::Blob(None),
        (Int, Some(json)) => json.as_i64()?.into(),
        (Text, Some(json)) => json.as_str()?.into(),
        (Flag, Some(json)) => json.as_bool()?.into(),
        (Octets, Some(json)) => octets(json.as_str()?)?.into(),
    })
}

fn integer(row: &Json, column: &str) -> i64 {
    row.get(column).and_then(Json::as_i64).unwrap_or(-1)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Journal, JournalOptions};

    /// What is deliberately not in an archive: numbers of rows, claims of a running server, and what stands in it otherwise.
    const NOT_KEPT: [&str; 9] = [
        "id",
        "incident_id",
        "claimed_until",
        "original_id",
        "linked_to",
        "pending",
        "matches",
        "restored_at",
        "pseudonym",
    ];
    /// What rows of lists carry of their incident.
    const CARRIED: [&str; 7] =
        ["term", "received_at", "status", "severity", "policy_id", "prevent_status", "hidden"];
    /// Of work that is over before an incident leaves, and of what lags behind incidents.
    const TABLES_NOT_KEPT: [&str; 3] = ["incident_changed", "lookup", "lookup_floor"];

    async fn names(journal: &Journal, sql: &str) -> BTreeSet<String> {
        let rows = journal.database().fetch(sql, Vec::new()).await.unwrap();
        rows.iter().map(|row| row.get("name").unwrap()).collect()
    }

    #[tokio::test]
    async fn no_column_of_an_incident_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), JournalOptions::default()).await.unwrap();
        let sql = "SELECT DISTINCT tables.name AS name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns \
            WHERE tables.type = 'table' AND columns.name = 'incident_id'";
        let mut belong = names(&journal, sql).await;
        for table in CHILDREN.iter().chain([&MATCH_HASH, &AGED]) {
            assert!(belong.remove(table.name), "{}", table.name);
            let sql = format!("SELECT name FROM pragma_table_info('{}')", table.name);
            let mut there = names(&journal, &sql).await;
            if table.is_list() || table.name == "attribute" {
                there.retain(|name| !CARRIED.contains(&name.as_str()));
            }
            check(there, table.name, table.columns);
        }
        // Where a detection server's number leads: only that comes back.
        belong.remove(SHIPPED.name);
        assert_eq!(belong.into_iter().collect::<Vec<_>>(), TABLES_NOT_KEPT);
        check(names(&journal, "SELECT name FROM pragma_table_info('incident')").await, "incident", INCIDENT);
    }

    fn check(there: BTreeSet<String>, table: &str, kept: &[(&str, Kind)]) {
        for name in there {
            let known = kept.iter().any(|(kept, _)| *kept == name) || NOT_KEPT.contains(&name.as_str());
            assert!(known, "{table}.{name} is in no archive");
        }
    }

    #[test]
    fn octets_are_written_as_digits_and_anything_else_is_refused() {
        assert_eq!(octets(&hex(&[0, 255, 16])), Some(vec![0, 255, 16]));
        for wrong in ["0", "0g", "+1", "ää"] {
            assert_eq!(octets(wrong), None, "{wrong}");
        }
    }
}
