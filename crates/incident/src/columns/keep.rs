//! Writes blocks of columns: each once at first, and again when enough of its incidents have changed. What is written never is
//! older than what was noted and is forgotten with it.

use std::collections::{BTreeMap, BTreeSet};

use store::values;

use super::{BLOCK, Cell, Column, Draft, Drafts, FIELDS, attribute, text_cell};
use crate::{Error, Journal};

/// So many changes are read from rows without much delay.
const ENOUGH: usize = 2_000;
/// Changes that are looked at in one go.
const AT_ONCE: i64 = 20_000;
/// Rows of one statement.
const STEP: i64 = 8_192;
/// Names of attributes that a block has columns of.
const NAMES: usize = 100;

/// How far the columns are.
#[derive(Debug, Clone, Copy)]
struct State {
    version: i64,
    next: i64,
    last: i64,
}

/// Notes of changes, and the incidents of a block that they are about.
#[derive(Debug, Default)]
struct Noted {
    notes: Vec<i64>,
    incidents: BTreeSet<i64>,
}

impl Journal {
    /// Brings the columns of incidents nearer to what incidents are; true if there is more to do. Of several servers that try, one
    /// does it.
    pub async fn keep_columns(&self) -> Result<bool, Error> {
        self.keep_columns_of(ENOUGH).await
    }

    /// As [`Self::keep_columns`], once so many changed.
    pub async fn keep_columns_of(&self, enough: usize) -> Result<bool, Error> {
        let Some(state) = self.columns_state().await? else {
            self.begin_columns().await?;
            return Ok(true);
        };
        if state.next <= state.last {
            self.make_block(state).await?;
            return Ok(true);
        }
        let (noted, all) = self.noted(enough).await?;
        for (version, (block, noted)) in (state.version..).zip(noted) {
            let state = State { version, ..state };
            if !self.change_block(state, block, &noted).await? {
                return Ok(false);
            }
        }
        Ok(!all)
    }

    async fn columns_state(&self) -> Result<Option<State>, Error> {
        let sql = "SELECT version, next_block, last_block FROM incident_column_state";
        let rows = self.database().fetch(sql, Vec::new()).await?;
        let state = rows.first().map(|row| {
            Ok::<_, Error>(State {
                version: row.get("version")?,
                next: row.get("next_block")?,
                last: row.get("last_block")?,
            })
        });
        state.transpose()
    }

    async fn begin_columns(&self) -> Result<(), Error> {
        let mut transaction = self.database().begin().await?;
        let sql = "INSERT INTO incident_column_state (id, version, next_block, last_block) \
            SELECT 1, 0, 0, coalesce(max(id), 0) / ? FROM incident WHERE TRUE ON CONFLICT DO NOTHING";
        if transaction.run(sql, values![BLOCK]).await? > 0 {
            // What was noted before is in the rows that blocks are made of.
            transaction.run("DELETE FROM incident_changed", Vec::new()).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// What changed, by block; nothing while it is little and all of it is still there. True if that is all.
    async fn noted(&self, enough: usize) -> Result<(BTreeMap<i64, Noted>, bool), Error> {
        let sql = "SELECT noted.id AS note, noted.incident_id AS incident_id, incident.id AS known FROM incident_changed AS noted \
            LEFT JOIN incident ON incident.id = noted.incident_id ORDER BY noted.id LIMIT ?";
        let rows = self.database().fetch(sql, values![AT_ONCE]).await?;
        let mut blocks: BTreeMap<i64, Noted> = BTreeMap::new();
        // What was deleted does not stay in a column.
        let mut is_due = rows.len() >= enough.max(1);
        for row in &rows {
            let incident: i64 = row.get("incident_id")?;
            is_due |= row.get::<Option<i64>>("known")?.is_none();
            let block = blocks.entry(incident.div_euclid(BLOCK)).or_default();
            block.notes.push(row.get("note")?);
            block.incidents.insert(incident);
        }
        if !is_due {
            blocks.clear();
        }
        Ok((blocks, rows.len() < AT_ONCE as usize))
    }

    async fn make_block(&self, state: State) -> Result<(), Error> {
        let mut drafts = empty();
        let (begin, end) = (state.next * BLOCK, (state.next + 1) * BLOCK);
        for from in (begin..end).step_by(STEP as usize) {
            self.draft(&mut drafts, &format!(">= {from} AND {{}} < {}", from + STEP)).await?;
        }
        let columns = encoded(drafts);
        self.write(state, state.next, state.next + 1, columns, &[]).await?;
        Ok(())
    }

    /// False if another server was faster.
    async fn change_block(&self, state: State, block: i64, noted: &Noted) -> Result<bool, Error> {
        let sql = "SELECT name, octets FROM incident_column WHERE block = ?";
        let mut before: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for row in self.database().fetch(sql, values![block]).await? {
            before.insert(row.get("name")?, row.get("octets")?);
        }
        let mut drafts = empty();
        for (name, octets) in &before {
            drafts.insert(name.clone(), Column::decode(octets, BLOCK as usize).as_ref().map(Draft::of));
        }
        let incidents: Vec<i64> = noted.incidents.iter().copied().collect();
        for draft in drafts.values_mut().flatten() {
            incidents.iter().for_each(|id| draft.set(slot(*id), Cell::Absent));
        }
        for some in incidents.chunks(STEP as usize) {
            self.draft(&mut drafts, &format!("IN ({})", listed(some))).await?;
        }
        let mut columns = encoded(drafts);
        columns.retain(|name, octets| before.get(name) != Some(octets));
        self.write(state, block, state.next, columns, &noted.notes).await
    }

    /// What rows say of incidents of a block; `numbers` is what stands behind the number of an incident, which `{}` stands for.
    async fn draft(&self, drafts: &mut Drafts, numbers: &str) -> Result<(), Error> {
        let fields: Vec<String> =
            FIELDS.iter().map(|field| format!("{} AS the_{}", field.sql, field.name)).collect();
        let which = numbers.replace("{}", "id");
        let sql = format!("SELECT id, {} FROM incident WHERE id {which}", fields.join(", "));
        for row in self.database().fetch(&sql, Vec::new()).await? {
            let slot = slot(row.get("id")?);
            for field in &FIELDS {
                if let Some(Some(draft)) = drafts.get_mut(field.name) {
                    draft.set(slot, field.cell(&row, &format!("the_{}", field.name))?);
                }
            }
        }
        let which = numbers.replace("{}", "incident_id");
        let sql = format!(
            "SELECT incident_id, name, value, lower(value) AS lowered FROM attribute WHERE incident_id {which}"
        );
        for row in self.database().fetch(&sql, Vec::new()).await? {
            let id: i64 = row.get("incident_id")?;
            let name: String = row.get("name")?;
            for (column, lowered) in [("value", false), ("lowered", true)] {
                let is_full = drafts.len() >= FIELDS.len() + 2 * NAMES;
                let draft = drafts.entry(attribute(&name, lowered));
                let draft = draft.or_insert_with(|| (!is_full).then(none_yet));
                if let Some(draft) = draft {
                    draft.set(slot(id), text_cell(row.get(column)?));
                }
            }
        }
        Ok(())
    }

    /// All of it or nothing; false if the columns are not as they were when they were read.
    async fn write(
        &self,
        state: State,
        block: i64,
        next: i64,
        columns: BTreeMap<String, Vec<u8>>,
        notes: &[i64],
    ) -> Result<bool, Error> {
        let mut transaction = self.database().begin().await?;
        let sql = "UPDATE incident_column_state SET version = version + 1, next_block = ? WHERE version = ?";
        if transaction.run(sql, values![next, state.version]).await? == 0 {
            return Ok(false);
        }
        for (name, octets) in columns {
            let sql = "INSERT INTO incident_column (name, block, written, octets) VALUES (?, ?, ?, ?) \
                ON CONFLICT (name, block) DO UPDATE SET written = excluded.written, octets = excluded.octets";
            transaction.run(sql, values![name, block, state.version + 1, octets]).await?;
        }
        for some in notes.chunks(1_000) {
            let sql = format!("DELETE FROM incident_changed WHERE id IN ({})", listed(some));
            transaction.run(&sql, Vec::new()).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

fn slot(id: i64) -> usize {
    id.rem_euclid(BLOCK) as usize
}

fn none_yet() -> Draft {
    Draft::of(&Column::absent(BLOCK as usize))
}

fn empty() -> Drafts {
    FIELDS.iter().map(|field| (field.name.to_owned(), Some(none_yet()))).collect()
}

fn encoded(drafts: Drafts) -> BTreeMap<String, Vec<u8>> {
    let octets = |draft: Option<Draft>| draft.map(|draft| draft.finish().encode()).unwrap_or_default();
    drafts.into_iter().map(|(name, draft)| (name, octets(draft))).collect()
}

fn listed(numbers: &[i64]) -> String {
    numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}
