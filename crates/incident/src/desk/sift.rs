//! Questions that no list answers quickly, asked of the columns of all incidents: what is wanted is turned into a test of columns,
//! what they know and what has changed since is read, and the incidents that are found are looked up by their numbers.
//!
//! Only the speed hangs on it. Columns do not know everything; then, or where too much has changed, there is no answer from here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use store::database::{Dialect, Row, Value};

use super::condition::{Condition, Field, Order, Scalar};
use super::lists::{List, Place};
use super::search::Search;
use super::sort::Sort;
use super::{Desk, Reading};
use crate::Error;
use crate::columns::sieve::{self, Bits, Found, Numbers, Part, Test, Wanted};
use crate::columns::{BLOCK, Cache, Cell, Column, Draft, Kept, PRESENT, attribute, text_cell};
use crate::terms;

/// Changes that are read from rows.
const CHANGED: i64 = 10_000;

/// Attempts to read columns while they are being written.
const TRIES: usize = 3;

/// What columns say of a question.
#[derive(Debug)]
pub(super) struct Sifted {
    pub(super) count: u64,
    /// The first, and one more than a page has.
    pub(super) ids: Vec<i64>,
}

/// A question in terms of columns.
#[derive(Debug)]
struct Sieve<'c> {
    columns: Vec<Source>,
    /// Tests that are answered by the numbers of those that have a value.
    sets: Vec<&'c Condition>,
    lowered: HashMap<String, String>,
    statuses: Vec<Row>,
}

/// What a column has.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Field(&'static str),
    Attribute { name: String, lowered: bool },
}

/// All that is to be looked through.
struct Heap {
    blocks: Blocks,
    changed: Part,
    sets: Vec<Vec<i64>>,
    cache: Arc<Cache>,
}

/// What there is of each column, by block.
type Blocks = BTreeMap<i64, Vec<Option<Piece>>>;

/// A column of a block, or what is kept of it.
enum Piece {
    Read(Arc<Column>),
    Kept { name: String, written: i64, octets: Vec<u8> },
}

impl Desk {
    /// How many meet these tests and, of a page that is wanted, which. None: the columns cannot tell.
    pub(super) async fn sifted(
        &self,
        tests: &[&Condition],
        page: Option<&Search>,
    ) -> Result<Option<Sifted>, Error> {
        if self.reading == Reading::Rows {
            return Ok(None);
        }
        let mut sieve = self.sieve(tests).await?;
        let Some(test) = sieve.test_of_all(tests) else { return Ok(None) };
        let order = match page {
            Some(search) => match self.order(&mut sieve, search).await? {
                Some(order) => Some(order),
                None => return Ok(None),
            },
            None => None,
        };
        let Some(heap) = self.heap(&sieve).await? else { return Ok(None) };
        let sift = move || heap.sift(&test, order.as_ref());
        tokio::task::spawn_blocking(sift).await.map_err(|_| Error::Closed)
    }

    /// Whether columns know all that these tests ask.
    pub(super) async fn is_in_columns(&self, tests: &[&Condition]) -> Result<bool, Error> {
        let mut sieve = self.sieve(tests).await?;
        Ok(self.reading != Reading::Rows && sieve.test_of_all(tests).is_some())
    }

    /// The lines of a page by their numbers; all tests are asked once more, of the rows.
    pub(super) async fn lines_of(
        &self,
        ids: &[i64],
        tests: &[&Condition],
        search: &Search,
    ) -> Result<Vec<Row>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut writer = self.writer(&format!("SELECT {} FROM ", super::search::columns()));
        writer.incidents(tests, &super::lists::Source::Index("NOT INDEXED"), true);
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        let order = super::search::by(&search.sort.columns(), search.is_down());
        writer.sql.push_str(&format!(" AND incident.id IN ({}) ORDER BY {order}", ids.join(", ")));
        Ok(self.database().fetch(&writer.sql, writer.values).await?)
    }

    /// What has to be known before a question can be put: texts in the database's small letters, and the statuses.
    async fn sieve<'c>(&self, tests: &[&Condition]) -> Result<Sieve<'c>, Error> {
        let mut texts = Vec::new();
        tests.iter().for_each(|test| texts_of(test, &mut texts));
        let mut lowered = HashMap::new();
        for some in texts.chunks(500) {
            let marks = vec!["(?)"; some.len()].join(", ");
            let sql =
                format!("SELECT column1 AS plain, lower(column1) AS lowered FROM (VALUES {marks}) AS each");
            let values = some.iter().map(|text| Value::from(*text)).collect();
            for row in self.database().fetch(&sql, values).await? {
                lowered.insert(row.get("plain")?, row.get("lowered")?);
            }
        }
        let sql = "SELECT id, name, status_group FROM status";
        let statuses = self.database().fetch(sql, Vec::new()).await?;
        Ok(Sieve { columns: vec![Source::Field(PRESENT)], sets: Vec::new(), lowered, statuses })
    }

    async fn order(&self, sieve: &mut Sieve<'_>, search: &Search) -> Result<Option<sieve::Order>, Error> {
        if search.sort.is_text() && !self.texts_are_in_order().await? {
            return Ok(None);
        }
        let mut columns = Vec::new();
        for field in search.sort.fields() {
            let Some(field) = Kept::named(field) else { return Ok(None) };
            columns.push(sieve.column(Source::Field(field.name)));
        }
        let after = search.after.as_ref().map(|key| {
            let value = key.value.clone().unwrap_or_default();
            let value = match search.sort.is_text() {
                true => Cell::Text(value),
                false => Cell::Number(value.parse().unwrap_or(0)),
            };
            let cells = [value, Cell::Number(key.at)];
            (cells[2 - columns.len()..].to_vec(), key.id as i64)
        });
        let limit = search.lines() + 1;
        Ok(Some(sieve::Order { columns, is_down: search.is_down(), limit, after }))
    }

    /// Whether the database orders texts by their octets, as columns do.
    async fn texts_are_in_order(&self) -> Result<bool, Error> {
        if self.database().dialect() == Dialect::Sqlite {
            return Ok(true);
        }
        let sql = "SELECT datcollate IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8') AS plain FROM pg_database WHERE datname = current_database()";
        let rows = self.database().fetch(sql, Vec::new()).await?;
        Ok(rows.first().map(|row| row.get("plain")).transpose()?.unwrap_or(false))
    }

    /// What changed first, then what columns have: what is written anew in between is in them.
    async fn heap(&self, sieve: &Sieve<'_>) -> Result<Option<Heap>, Error> {
        let Some(changed) = self.changed(sieve).await? else { return Ok(None) };
        let sql = "SELECT 1 AS one FROM incident_column_state WHERE next_block > last_block";
        if self.database().fetch(sql, Vec::new()).await?.is_empty() {
            return Ok(None);
        }
        let names: Vec<String> = sieve.columns.iter().map(Source::name).collect();
        let Some(blocks) = self.pieces(&names).await? else { return Ok(None) };
        let mut sets = Vec::new();
        for test in &sieve.sets {
            sets.push(self.numbers_of(test).await?);
        }
        Ok(Some(Heap { blocks, changed, sets, cache: self.journal.columns.clone() }))
    }

    /// Columns of these names by block, all of one moment: from memory where nothing was written since. None if they are being
    /// written meanwhile, again and again.
    async fn pieces(&self, names: &[String]) -> Result<Option<Blocks>, Error> {
        for _ in 0..TRIES {
            let (mut blocks, missing) = self.known_pieces(names).await?;
            if self.add_missing(&mut blocks, &missing, names).await? {
                return Ok(Some(blocks));
            }
        }
        Ok(None)
    }

    /// Those that are in memory, and of the others when they were written.
    async fn known_pieces(&self, names: &[String]) -> Result<(Blocks, Vec<Vec<(i64, i64)>>), Error> {
        let (mut blocks, mut missing) = (Blocks::new(), vec![Vec::new(); names.len()]);
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!("SELECT name, block, written FROM incident_column WHERE name IN ({marks})");
        let values = names.iter().map(|name| Value::from(name.as_str())).collect();
        for row in self.database().fetch(&sql, values).await? {
            let (name, block, written): (String, i64, i64) =
                (row.get("name")?, row.get("block")?, row.get("written")?);
            let Some(at) = names.iter().position(|one| *one == name) else { continue };
            let columns = blocks.entry(block).or_insert_with(|| names.iter().map(|_| None).collect());
            match self.journal().columns.get(&name, block, written) {
                Some(column) => columns[at] = Some(Piece::Read(column)),
                None => missing[at].push((block, written)),
            }
        }
        Ok((blocks, missing))
    }

    /// False if one of them was written anew meanwhile.
    async fn add_missing(
        &self,
        blocks: &mut Blocks,
        missing: &[Vec<(i64, i64)>],
        names: &[String],
    ) -> Result<bool, Error> {
        for (at, (name, missing)) in
            names.iter().zip(missing).enumerate().filter(|(_, (_, some))| !some.is_empty())
        {
            let numbers: Vec<String> = missing.iter().map(|(block, _)| block.to_string()).collect();
            let sql = format!(
                "SELECT block, written, octets FROM incident_column WHERE name = ? AND block IN ({})",
                numbers.join(", ")
            );
            for row in self.database().fetch(&sql, vec![name.as_str().into()]).await? {
                let (block, written): (i64, i64) = (row.get("block")?, row.get("written")?);
                if !missing.contains(&(block, written)) {
                    return Ok(false);
                }
                if let Some(columns) = blocks.get_mut(&block) {
                    columns[at] =
                        Some(Piece::Kept { name: name.clone(), written, octets: row.get("octets")? });
                }
            }
        }
        Ok(true)
    }

    /// What changed since columns were written, as a part of its own. None if that is too much.
    async fn changed(&self, sieve: &Sieve<'_>) -> Result<Option<Part>, Error> {
        let (mut said, mut values) = (String::new(), Vec::new());
        for (at, column) in sieve.columns.iter().enumerate() {
            let (sql, value) = column.sql();
            said.push_str(&format!(", {sql} AS the_{at}"));
            values.extend(value);
        }
        let sql = format!(
            "SELECT noted.incident_id AS noted_id, noted.notes AS notes{said} FROM (SELECT incident_id, count(*) AS notes FROM \
            (SELECT incident_id FROM incident_changed LIMIT ?) AS latest GROUP BY incident_id) AS noted \
            LEFT JOIN incident ON incident.id = noted.incident_id ORDER BY noted.incident_id"
        );
        values.push((CHANGED + 1).into());
        let rows = self.database().fetch(&sql, values).await?;
        let notes = rows.iter().map(|row| row.get::<i64>("notes")).sum::<Result<i64, _>>()?;
        if notes > CHANGED {
            return Ok(None);
        }
        let mut columns = Vec::new();
        for (at, column) in sieve.columns.iter().enumerate() {
            let mut draft = Draft::of(&Column::absent(rows.len()));
            for (slot, row) in rows.iter().enumerate() {
                draft.set(slot, column.cell(row, &format!("the_{at}"))?);
            }
            columns.push(Arc::new(draft.finish()));
        }
        let numbers = rows.iter().map(|row| row.get("noted_id")).collect::<Result<Vec<i64>, _>>()?;
        Ok(Some(Part {
            numbers: Numbers::These(numbers),
            absent: Bits::of(&columns[0], &Wanted::Absent),
            columns,
        }))
    }

    /// All incidents that a list has for a test, in ascending order: as one value, for rows cost more than what is in them.
    async fn numbers_of(&self, test: &Condition) -> Result<Vec<i64>, Error> {
        let numbers = match self.database().dialect() {
            Dialect::Sqlite => "CAST(group_concat(id) AS BLOB)",
            Dialect::Postgres => "string_agg(int8send(id), CAST('' AS BYTEA))",
        };
        let mut writer = self.writer(&format!("SELECT {numbers} AS ids FROM "));
        writer.listed(test);
        let rows = self.database().fetch(&writer.sql, writer.values).await?;
        let octets = rows.first().map(|row| row.get::<Option<Vec<u8>>>("ids")).transpose()?.flatten();
        let octets = octets.unwrap_or_default();
        let mut numbers = match self.database().dialect() {
            Dialect::Sqlite => written(&octets),
            Dialect::Postgres => {
                octets.as_chunks().0.iter().map(|eight| i64::from_be_bytes(*eight)).collect()
            }
        };
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// Numbers in digits, with commas between them.
fn written(octets: &[u8]) -> Vec<i64> {
    let digit = |number: i64, octet: &u8| number * 10 + i64::from(octet.saturating_sub(b'0'));
    let numbers = octets.split(|octet| *octet == b',').filter(|digits| !digits.is_empty());
    numbers.map(|digits| digits.iter().fold(0, digit)).collect()
}

impl Heap {
    /// None where a column is not kept, or cannot be read.
    fn sift(self, test: &Test, order: Option<&sieve::Order>) -> Option<Sifted> {
        let mut found = Found::default();
        found.add(&self.changed, test, &self.sets, order);
        for (block, pieces) in self.blocks {
            let column =
                |piece: Option<Piece>| piece.map_or_else(none, |piece| piece.read(block, &self.cache));
            let columns = pieces.into_iter().map(column).collect::<Option<Vec<_>>>()?;
            let mut absent = Bits::of(&columns[0], &Wanted::Absent);
            let first = block * BLOCK;
            if let Numbers::These(changed) = &self.changed.numbers {
                let here = changed.iter().filter(|id| id.div_euclid(BLOCK) == block);
                here.for_each(|id| absent.set((id - first) as usize));
            }
            let part = Part { numbers: Numbers::From(first), columns, absent };
            found.add(&part, test, &self.sets, order);
        }
        let count = found.count;
        Some(Sifted { count, ids: order.map(|order| found.numbers(order)).unwrap_or_default() })
    }
}

impl Piece {
    fn read(self, block: i64, cache: &Cache) -> Option<Arc<Column>> {
        match self {
            Self::Read(column) => Some(column),
            Self::Kept { name, written, octets } => {
                let column = Arc::new(Column::decode(&octets, BLOCK as usize)?);
                cache.put(&name, block, written, &column);
                Some(column)
            }
        }
    }
}

/// No incident of a block has such an attribute.
fn none() -> Option<Arc<Column>> {
    Some(Arc::new(Column::absent(BLOCK as usize)))
}

impl Source {
    fn name(&self) -> String {
        match self {
            Self::Field(name) => (*name).to_owned(),
            Self::Attribute { name, lowered } => attribute(name, *lowered),
        }
    }

    /// How a row says it.
    fn sql(&self) -> (&'static str, Option<Value>) {
        match self {
            Self::Field(name) => (Kept::named(name).map_or("NULL", |field| field.sql), None),
            Self::Attribute { name, lowered } => {
                let sql = match lowered {
                    true => {
                        "(SELECT lower(value) FROM attribute WHERE incident_id = incident.id AND name = ?)"
                    }
                    false => "(SELECT value FROM attribute WHERE incident_id = incident.id AND name = ?)",
                };
                (sql, Some(name.as_str().into()))
            }
        }
    }

    fn cell(&self, row: &Row, name: &str) -> Result<Cell, Error> {
        match self {
            Self::Field(field) => Kept::named(field).map_or(Ok(Cell::Absent), |field| field.cell(row, name)),
            Self::Attribute { .. } => Ok(text_cell(row.get(name)?)),
        }
    }
}

impl<'c> Sieve<'c> {
    fn column(&mut self, source: Source) -> usize {
        match self.columns.iter().position(|column| *column == source) {
            Some(at) => at,
            None => {
                self.columns.push(source);
                self.columns.len() - 1
            }
        }
    }

    fn test_of_all(&mut self, tests: &[&'c Condition]) -> Option<Test> {
        tests.iter().map(|test| self.test(test)).collect::<Option<_>>().map(Test::All)
    }

    /// None if columns do not know it.
    fn test(&mut self, condition: &'c Condition) -> Option<Test> {
        Some(match condition {
            Condition::All(inner) => {
                Test::All(inner.iter().map(|one| self.test(one)).collect::<Option<_>>()?)
            }
            Condition::Any(inner) => {
                Test::Any(inner.iter().map(|one| self.test(one)).collect::<Option<_>>()?)
            }
            Condition::Not(inner) => Test::Not(Box::new(self.test(inner)?)),
            Condition::Is(field, values) => return self.is(condition, field, values),
            Condition::IsAnyCase(field, texts) => return self.is_any_case(condition, field, texts),
            Condition::Compare(field, order, Scalar::Number(bound)) => {
                let range = match order {
                    Order::Less => bound.checked_sub(1).map(|end| i64::MIN..=end),
                    Order::LessOrEqual => Some(i64::MIN..=*bound),
                    Order::Greater => bound.checked_add(1).map(|begin| begin..=i64::MAX),
                    Order::GreaterOrEqual => Some(*bound..=i64::MAX),
                };
                Test::Has(self.field(field)?, Wanted::Within(range?))
            }
            Condition::Missing(Field::Attribute(name)) => {
                let source = Source::Attribute { name: name.clone(), lowered: false };
                Test::Has(self.column(source), Wanted::Absent)
            }
            Condition::Missing(field) => Test::Has(self.field(field)?, Wanted::Absent),
            Condition::Compare(..) | Condition::Like(..) => return None,
        })
    }

    fn field(&mut self, field: &Field) -> Option<usize> {
        let name = match field {
            Field::Status => "status",
            Field::Sender => "sender",
            other => other.column(),
        };
        Kept::named(name).map(|field| self.column(Source::Field(field.name)))
    }

    fn is(&mut self, condition: &'c Condition, field: &Field, values: &[Scalar]) -> Option<Test> {
        let cells = values.iter().map(|value| match value {
            Scalar::Number(number) => Cell::Number(*number),
            Scalar::Text(text) => Cell::Text(text.clone()),
            Scalar::Flag(flag) => Cell::Number((*flag).into()),
        });
        match field {
            Field::StatusId | Field::StatusGroup => {
                let column = self.column(Source::Field(PRESENT));
                let names = self.statuses_of(field, values)?;
                Some(Test::Has(column, Wanted::OneOf(names.into_iter().map(Cell::Text).collect())))
            }
            Field::Attribute(name) => {
                let column = self.column(Source::Attribute { name: name.clone(), lowered: false });
                Some(Test::Has(column, Wanted::OneOf(cells.collect())))
            }
            Field::Sender | Field::SenderDomain => {
                let texts: Vec<&str> = values.iter().filter_map(text).collect();
                self.address(field, &texts)
            }
            _ if matches!(List::of(condition).map(|list| list.place()), Some(Place::Rows(_))) => {
                self.sets.push(condition);
                Some(Test::Among(self.sets.len() - 1))
            }
            _ => Some(Test::Has(self.field(field)?, Wanted::OneOf(cells.collect()))),
        }
    }

    fn is_any_case(&mut self, condition: &'c Condition, field: &Field, texts: &[String]) -> Option<Test> {
        match field {
            Field::Attribute(name) => {
                let column = self.column(Source::Attribute { name: name.clone(), lowered: true });
                let cells = texts.iter().map(|text| self.lowered.get(text).cloned().map(Cell::Text));
                Some(Test::Has(column, Wanted::OneOf(cells.collect::<Option<_>>()?)))
            }
            Field::Sender | Field::SenderDomain => {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                self.address(field, &texts)
            }
            Field::Recipient | Field::RecipientDomain | Field::Unscannable => {
                self.sets.push(condition);
                Some(Test::Among(self.sets.len() - 1))
            }
            _ => None,
        }
    }

    fn address(&mut self, field: &Field, texts: &[&str]) -> Option<Test> {
        let column = self.field(field)?;
        let cells = texts.iter().map(|text| match field {
            Field::Sender => self.lowered.get(*text).cloned().map(Cell::Text),
            _ => Some(Cell::Text(terms::term(text))),
        });
        Some(Test::Has(column, Wanted::OneOf(cells.collect::<Option<_>>()?)))
    }

    fn statuses_of(&self, field: &Field, values: &[Scalar]) -> Option<Vec<String>> {
        let mut names = Vec::new();
        for row in &self.statuses {
            let is_meant = match field {
                Field::StatusId => values.contains(&Scalar::Number(row.get("id").ok()?)),
                _ => values.contains(&Scalar::Text(row.get("status_group").ok()?)),
            };
            if is_meant {
                names.push(row.get("name").ok()?);
            }
        }
        Some(names)
    }
}

impl Sort {
    /// The columns that have it, most important first; then comes the number.
    fn fields(self) -> Vec<&'static str> {
        match self {
            Self::Id => Vec::new(),
            Self::Received => vec!["received_at"],
            Self::Recorded => vec!["recorded_at"],
            Self::Sender => vec!["sender", "received_at"],
            Self::Hidden => vec!["hidden", "received_at"],
            other => vec![other.column(), "received_at"],
        }
    }
}

fn text(value: &Scalar) -> Option<&str> {
    match value {
        Scalar::Text(text) => Some(text),
        _ => None,
    }
}

/// Texts that are asked for in the database's small letters.
fn texts_of<'c>(condition: &'c Condition, texts: &mut Vec<&'c str>) {
    match condition {
        Condition::All(inner) | Condition::Any(inner) => inner.iter().for_each(|one| texts_of(one, texts)),
        Condition::Not(inner) => texts_of(inner, texts),
        Condition::Is(Field::Sender, values) => texts.extend(values.iter().filter_map(text)),
        Condition::IsAnyCase(Field::Sender | Field::Attribute(_), all) => {
            texts.extend(all.iter().map(String::as_str));
        }
        _ => {}
    }
}
