//! Builds an index from a table: rows are read once, hashed by several threads, sorted on disk; memory is bounded
//! whatever the size of the table.
//!
//! ```text
//! table -> batches of rows -> values, pairs, openings, tags -> sorters on disk -> tables and filters -> file
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};

use super::cell::{Cells, How, Skip};
use super::csv::{BadRow, Row, Table};
use super::date::Order;
use super::frequent::{Frequent, Sample};
use super::hashes::{Hashes, TAG, key};
use super::points::Shape;
use super::value::{Kind, Value, length};
use super::{Column, Details, KIND, OPENINGS, PAIRS, VALUES};
use crate::index::IndexKey;
use crate::index::file::{Header, PagedWriter, Writer};
use crate::index::filter::FilterWriter;
use crate::index::sort::{Scratch, Sorter};
use crate::index::table::TableWriter;

/// What to index and how.
#[derive(Debug, Clone)]
pub struct ExactOptions {
    /// Name of each column that is indexed, its kind, and what else is known of it.
    pub columns: Vec<ColumnOption>,
    /// Separator of the table, if it is not to be told from its first lines.
    pub separator: Option<u8>,
    /// The first row is data already: columns are taken by their order.
    pub no_header: bool,
    /// Further values that stand for nothing.
    pub stop: Vec<String>,
    /// Where the table comes from, for people.
    pub source: String,
    /// Days after which the index is stale; 0 for never.
    pub max_age_days: u32,
    /// Octets of the table, if known: how dear hashes may be is told from it.
    pub size: Option<u64>,
}

/// A column to index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnOption {
    /// Its name in the header of the table.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// For dates: how they are written, if it is not to be told from the column.
    pub order: Option<Order>,
    /// For telephone numbers without a country code: the code of the country they belong to.
    pub home: Option<u16>,
}

/// What became of a table.
#[derive(Debug, Clone, Default)]
pub struct ExactReport {
    /// Rows in the table, the header left out.
    pub rows: u64,
    /// Rows with at least two values, or one where only one column is indexed.
    pub taken: u64,
    /// Rows that cannot be used: how many for each reason.
    pub bad: BTreeMap<String, u64>,
    /// The first of them: line, column, reason.
    pub examples: Vec<String>,
    /// By column: name, values taken, cells left out for each reason.
    pub columns: Vec<(String, u64, BTreeMap<Skip, u64>)>,
    /// Values in more rows than are kept for one: they count, but find no row by themselves.
    pub frequent: u64,
    /// The separator.
    pub separator: char,
    /// How often the hash of a value that can be guessed is taken.
    pub rounds: u32,
    /// Octets of the index.
    pub size: u64,
}

/// Why no index was built.
#[derive(Debug)]
pub enum BuildError {
    /// Reading or writing failed.
    Io(io::Error),
    /// The table is not what was said of it.
    Table(String),
}

impl From<io::Error> for BuildError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Table(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for BuildError {}

/// How much of a table is kept in lists.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Rows that one value or pair may point at.
    pub(super) rows: usize,
    pub(super) sample: Sample,
}

impl Bounds {
    pub(super) const USUAL: Self = Self { rows: 1_000, sample: Sample { rows: 65_536, share: 50 } };
}

/// Rows of a batch, and bad rows that are told in full.
const BATCH: usize = 4_096;
const EXAMPLES: usize = 20;
/// Seconds of one core that making hashes dear may take, and how many BLAKE3 does in one.
const DEAR_SECONDS: f64 = 45.0;
const HASHES_A_SECOND: f64 = 8e6;

/// Key, column, short hash, row: sorted by key.
type Record = [u8; 23];

fn record(key: &[u8; 10], tag: u8, short: u64, row: u32) -> Record {
    let mut record = [0; 23];
    record[..10].copy_from_slice(key);
    record[10] = tag;
    record[11..19].copy_from_slice(&short.to_le_bytes());
    record[19..].copy_from_slice(&row.to_be_bytes());
    record
}

fn row_of(record: &Record) -> u32 {
    u32::from_be_bytes(std::array::from_fn(|at| record[19 + at]))
}

fn short_of(record: &Record) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|at| record[11 + at]))
}

/// Builds the index `path` from a table; `progress` is told the octets that were read.
pub fn build_exact(
    input: impl Read + Send,
    options: &ExactOptions,
    index_key: &IndexKey,
    path: &Path,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<ExactReport, BuildError> {
    build_bounded(input, options, index_key, path, progress, Bounds::USUAL)
}

pub(super) fn build_bounded(
    input: impl Read + Send,
    options: &ExactOptions,
    index_key: &IndexKey,
    path: &Path,
    progress: &(dyn Fn(u64) + Sync),
    bounds: Bounds,
) -> Result<ExactReport, BuildError> {
    let mut table = Table::new(input, options.separator).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => BuildError::Table(error.to_string()),
        _ => BuildError::Io(error),
    })?;
    let places = places(&mut table, options)?;
    let (first, orders) = sample(&mut table, &places, options)?;
    let hows: Vec<How> = options
        .columns
        .iter()
        .zip(&orders)
        .map(|(column, order)| How { kind: column.kind, order: column.order.or(*order), home: column.home })
        .collect();
    let mut header = Header::new(KIND, &options.source, options.max_age_days, index_key)?;
    let rounds = rounds(options, &table, &first);
    let hashes = Hashes::new(index_key, &header.salt(), rounds);
    let scratch = Scratch::beside(path)?;
    let mut sinks = Sinks::new(&scratch, options.columns.len())?;
    let frequent = Frequent::new(bounds.sample);
    let job = Job { hows: &hows, hashes: &hashes, stop: &options.stop, frequent: &frequent };
    let separator = table.separator();
    let reader = Reader { table, places: &places, names: options, first: Some(first), progress };
    let (mut report, all) = run(reader, &job, &mut sinks)?;
    report.separator = separator;
    report.rounds = rounds;
    report.columns = options
        .columns
        .iter()
        .zip(&all.columns)
        .map(|(column, stats)| (column.name.clone(), stats.taken, stats.skipped.clone()))
        .collect();
    refuse_useless(&report)?;
    let mut writer = Writer::create(path)?;
    report.frequent = sinks.write(&mut writer, &hows, &scratch, report.rows, (bounds.rows, &frequent))?;
    header.count = report.taken;
    let columns = options
        .columns
        .iter()
        .zip(&hows)
        .map(|(column, how)| Column { name: column.name.clone(), kind: how.kind });
    let mut shape = all.shape;
    all.columns.iter().for_each(|column| shape.written.add(column.digits, column.written));
    let details = Details {
        columns: columns.collect(),
        rounds,
        rows: report.rows,
        shape,
        frequent: Some(frequent.all()),
    };
    header.details = serde_json::to_value(details).map_err(io::Error::other)?;
    writer.finish(header)?;
    report.size = std::fs::metadata(path)?.len();
    Ok(report)
}

/// Guessing a value is to cost as much as the build can afford to spend on each.
fn rounds<R: io::BufRead>(options: &ExactOptions, table: &Table<R>, first: &Batch) -> u32 {
    let dear = options.columns.iter().map(|column| match column.kind {
        Kind::Number | Kind::Card | Kind::Id => 1.0,
        Kind::Phone => 2.0,
        _ => 0.0,
    });
    let each: f64 = dear.sum();
    let octets_a_row = (table.octets.max(1) as f64) / (first.rows.max(1) as f64);
    let rows = options.size.map_or(1e6, |size| size as f64 / octets_a_row).max(1.0);
    let affordable = DEAR_SECONDS * HASHES_A_SECOND / (rows * each.max(0.1));
    affordable.clamp(1.0, 1_000.0) as u32
}

fn refuse_useless(report: &ExactReport) -> Result<(), BuildError> {
    if report.taken == 0 {
        let columns = report.columns.iter().map(|(name, taken, skipped)| {
            let why = skipped
                .iter()
                .map(|(skip, count)| format!("{count} {}", skip.as_str()))
                .collect::<Vec<_>>()
                .join(", ");
            format!("{name}: {taken} values ({why})")
        });
        return Err(BuildError::Table(format!(
            "no row can be used; {}",
            columns.collect::<Vec<_>>().join("; ")
        )));
    }
    let useless: Vec<&str> =
        report.columns.iter().filter(|(_, taken, _)| *taken == 0).map(|(name, ..)| name.as_str()).collect();
    if !useless.is_empty() {
        return Err(BuildError::Table(format!(
            "no cell of {} can be used; check its type or leave it out",
            useless.join(", ")
        )));
    }
    Ok(())
}

// ---- the head of the table

/// Where the columns stand in the table.
fn places<R: io::BufRead>(table: &mut Table<R>, options: &ExactOptions) -> Result<Vec<usize>, BuildError> {
    if options.columns.is_empty() || options.columns.len() > super::MOST_COLUMNS {
        return Err(BuildError::Table(format!("1 to {} columns can be indexed", super::MOST_COLUMNS)));
    }
    if let Some(twice) = options
        .columns
        .iter()
        .enumerate()
        .find(|(at, column)| options.columns[..*at].iter().any(|other| other.name == column.name))
    {
        return Err(BuildError::Table(format!("the column `{}` is named twice", twice.1.name)));
    }
    if options.no_header {
        return Ok((0..options.columns.len()).collect());
    }
    let mut row = Row::default();
    match table.next(&mut row)? {
        None => return Err(BuildError::Table("the table is empty".to_owned())),
        Some(Err(bad)) => return Err(BuildError::Table(format!("the header cannot be read: {}", bad.why))),
        Some(Ok(())) => {}
    }
    let plain = |name: &str| name.trim().to_lowercase().replace([' ', '-'], "_");
    let header: Vec<String> =
        (0..row.len()).map(|at| String::from_utf8_lossy(row.field(at)).trim().to_owned()).collect();
    let place = |column: &ColumnOption| {
        let wanted = plain(&column.name);
        header.iter().position(|name| plain(name) == wanted).ok_or_else(|| {
            BuildError::Table(format!(
                "the table has no column `{}`; its columns are {}",
                column.name,
                header.join(", ")
            ))
        })
    };
    options.columns.iter().map(place).collect()
}

/// The first rows, and the order of day and month in the date columns.
fn sample<R: io::BufRead>(
    table: &mut Table<R>,
    places: &[usize],
    options: &ExactOptions,
) -> Result<(Batch, Vec<Option<Order>>), BuildError> {
    let mut batch = Batch::default();
    fill(table, places, &mut batch)?;
    let mut orders = vec![None; places.len()];
    for (at, column) in options
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.kind == Kind::Date && column.order.is_none())
    {
        orders[at] = Some(order_of(&batch, at, &column.name)?);
    }
    Ok((batch, orders))
}

/// The one order in which most dates of the column can be read.
fn order_of(batch: &Batch, column: usize, name: &str) -> Result<Order, BuildError> {
    const ORDERS: [Order; 3] = [Order::Ymd, Order::Dmy, Order::Mdy];
    let mut cells = Cells::default();
    let mut counts = [0; 3];
    for row in 0..batch.rows {
        let Ok(text) = std::str::from_utf8(batch.cell(row, column)) else { continue };
        let read = cells.orders(text, ORDERS);
        counts.iter_mut().zip(read).for_each(|(count, read)| *count += usize::from(read));
    }
    let most = counts.into_iter().max().unwrap_or(0);
    let best: Vec<Order> =
        ORDERS.into_iter().zip(counts).filter(|(_, count)| *count == most).map(|(order, _)| order).collect();
    match best.as_slice() {
        [one] => Ok(*one),
        _ if most == 0 => Ok(Order::Ymd),
        _ => Err(BuildError::Table(format!(
            "the dates of the column `{name}` can be read in two ways (3/2/1980); write {name}:date/dmy, {name}:date/mdy or {name}:date/ymd"
        ))),
    }
}

// ---- reading

/// Rows on their way to be hashed.
#[derive(Debug, Default)]
struct Batch {
    first: u32,
    rows: usize,
    columns: usize,
    text: Vec<u8>,
    ends: Vec<usize>,
    lines: Vec<u64>,
    bad: Vec<BadRow>,
}

impl Batch {
    fn cell(&self, row: usize, column: usize) -> &[u8] {
        let at = row * self.columns + column;
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[from..self.ends[at]]
    }
}

/// Fills a batch; false when the table has no more.
fn fill<R: io::BufRead>(table: &mut Table<R>, places: &[usize], batch: &mut Batch) -> io::Result<bool> {
    batch.columns = places.len();
    let least = places.iter().max().map_or(0, |most| most + 1);
    let mut row = Row::default();
    while batch.rows < BATCH {
        let Some(read) = table.next(&mut row)? else { return Ok(false) };
        let read = read.and_then(|()| {
            let short = BadRow {
                line: row.line,
                column: None,
                why: format!("{} columns where at least {least} are needed", row.len()),
            };
            if row.len() < least { Err(short) } else { Ok(()) }
        });
        match read {
            Ok(()) => places.iter().for_each(|place| {
                batch.text.extend_from_slice(row.field(*place));
                batch.ends.push(batch.text.len());
            }),
            Err(mut bad) => {
                // Of the columns of the table, those that are indexed have names.
                bad.column =
                    bad.column.and_then(|column| places.iter().position(|place| place + 1 == column));
                batch.bad.push(bad);
                batch.ends.extend(std::iter::repeat_n(batch.text.len(), places.len()));
            }
        }
        batch.lines.push(row.line);
        batch.rows += 1;
    }
    Ok(true)
}

struct Reader<'r, R> {
    table: Table<BufReader<R>>,
    places: &'r [usize],
    names: &'r ExactOptions,
    first: Option<Batch>,
    progress: &'r (dyn Fn(u64) + Sync),
}

impl<R: Read> Reader<'_, R> {
    fn each(&mut self, mut hand_on: impl FnMut(Batch) -> bool) -> Result<(), BuildError> {
        let mut next = 0u64;
        loop {
            let (batch, more) = match self.first.take() {
                Some(first) => {
                    let more = first.rows == BATCH;
                    (first, more)
                }
                None => {
                    let mut batch = Batch::default();
                    let more = fill(&mut self.table, self.places, &mut batch)?;
                    (batch, more)
                }
            };
            let first = u32::try_from(next).ok().filter(|first| *first < u32::MAX - BATCH as u32);
            let Some(first) = first else {
                return Err(BuildError::Table("more than four thousand million rows".to_owned()));
            };
            next += batch.rows as u64;
            (self.progress)(self.table.octets);
            if batch.rows > 0 && !hand_on(Batch { first, ..batch }) || !more {
                return Ok(());
            }
        }
    }
}

// ---- hashing

struct Job<'j> {
    hows: &'j [How],
    hashes: &'j Hashes,
    stop: &'j [String],
    frequent: &'j Frequent,
}

/// What a batch gives.
#[derive(Default)]
struct Hashed {
    first: u32,
    rows: usize,
    values: Vec<Record>,
    pairs: Vec<Record>,
    openings: Vec<u64>,
    tags: Vec<u8>,
    stats: Stats,
    bad: Vec<BadRow>,
}

#[derive(Debug, Clone, Default)]
struct Stats {
    taken: u64,
    columns: Vec<ColumnStats>,
    shape: Shape,
}

#[derive(Debug, Clone, Default)]
struct ColumnStats {
    taken: u64,
    skipped: BTreeMap<Skip, u64>,
    /// One bit for each count of digits without zeros in front, and the most digits that a number is written with.
    digits: u64,
    written: u8,
}

impl ColumnStats {
    /// Notes how a cell is written that has been read as these values.
    fn note(&mut self, values: &[Value], cell: &[u8]) {
        for value in values {
            if let Value::Digits(number) = value {
                let length = length(*number).min(63);
                let written = cell.iter().filter(|octet| octet.is_ascii_digit()).count();
                self.digits |= 1 << length;
                self.written = self.written.max(length.max(written.min(LONGEST_WRITTEN) as u32) as u8);
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.taken += other.taken;
        other.skipped.iter().for_each(|(skip, count)| *self.skipped.entry(*skip).or_default() += count);
        self.digits |= other.digits;
        self.written = self.written.max(other.written);
    }
}

/// Digits of a number that is written with zeros in front: more are counted as so many.
const LONGEST_WRITTEN: usize = 63;

/// Values that a thread has just handed on: what repeats is not handed on again.
struct Seen {
    recent: Vec<u64>,
}

impl Seen {
    fn new() -> Self {
        Self { recent: vec![0; 1 << 16] }
    }

    fn again(&mut self, column: usize, short: u64) -> bool {
        let mark = short.rotate_left(column as u32) | 1;
        let place = &mut self.recent[(mark >> 40) as usize % (1 << 16)];
        std::mem::replace(place, mark) == mark
    }
}

struct Hasher<'h> {
    job: &'h Job<'h>,
    cells: Cells,
    seen: Seen,
    buffer: Vec<u8>,
}

impl<'h> Hasher<'h> {
    fn new(job: &'h Job<'h>) -> Self {
        Self { job, cells: Cells::new(job.stop), seen: Seen::new(), buffer: Vec::new() }
    }

    fn batch(&mut self, mut batch: Batch) -> Hashed {
        let columns = self.job.hows.len();
        let mut out = Hashed {
            first: batch.first,
            rows: batch.rows,
            tags: vec![0; batch.rows * columns * TAG],
            bad: std::mem::take(&mut batch.bad),
            ..Hashed::default()
        };
        out.stats.columns = vec![ColumnStats::default(); columns];
        let frequent = self.job.frequent;
        let sampled = frequent.sampled(batch.first, batch.rows);
        let mut sample = Vec::new();
        for row in 0..batch.rows {
            if !out.bad.iter().any(|bad| bad.line == batch.lines[row]) {
                let common = self.row(&batch, row, &mut out);
                if row < sampled {
                    sample.extend(common.iter().map(|(_, short, _)| *short));
                }
            }
        }
        if sampled > 0 {
            frequent.count(sampled, &sample);
        }
        out
    }

    /// Takes a row; gives its common values.
    fn row(&mut self, batch: &Batch, row: usize, out: &mut Hashed) -> Vec<(u8, u64, [u8; 16])> {
        let number = batch.first + row as u32;
        let mut common = Vec::new();
        let (mut taken, mut bad) = (0, None);
        for (column, how) in self.job.hows.iter().enumerate() {
            let values = match std::str::from_utf8(batch.cell(row, column)) {
                Ok(cell) => self.cells.read(cell, *how),
                Err(_) => {
                    bad.get_or_insert((column, "it is not UTF-8"));
                    Err(Skip::NotOfItsKind)
                }
            };
            let stats = &mut out.stats.columns[column];
            match values {
                Ok(values) => {
                    taken += 1;
                    stats.taken += 1;
                    stats.note(&values, batch.cell(row, column));
                    self.values(&values, column, number, row, out, &mut common);
                }
                Err(skip) => {
                    *stats.skipped.entry(skip).or_default() += 1;
                    if skip == Skip::NotOfItsKind {
                        bad.get_or_insert((column, how.kind.as_str()));
                    }
                }
            }
        }
        self.pairs(&common, number, out);
        if taken >= 2.min(self.job.hows.len()) {
            out.stats.taken += 1;
        }
        if let Some((column, what)) = bad {
            let why = if what.starts_with("it") {
                what.to_owned()
            } else {
                format!("this is no {what}; the cell is left out")
            };
            out.bad.push(BadRow { line: batch.lines[row], column: Some(column), why });
        }
        common
    }

    fn values(
        &mut self,
        values: &[Value],
        column: usize,
        number: u32,
        row: usize,
        out: &mut Hashed,
        common: &mut Vec<(u8, u64, [u8; 16])>,
    ) {
        let hashes = self.job.hashes;
        for (at, value) in values.iter().enumerate() {
            out.stats.shape.add(value);
            let octets = value.octets(&mut self.buffer);
            let short = hashes.short(octets);
            let strong = hashes.strong(octets, value.guessable());
            if at == 0 {
                let place = (row * self.job.hows.len() + column) * TAG;
                out.tags[place..place + TAG].copy_from_slice(&hashes.tag(number, column as u8, &strong));
            }
            if self.job.hows[column].kind.points() {
                out.values.push(record(&key(&strong), column as u8, short, number));
                continue;
            }
            if at == 0 {
                common.push((column as u8, short, strong));
            }
            if self.seen.again(column, short) {
                continue;
            }
            out.values.push(record(&key(&strong), column as u8, short, number));
            if let Value::Words(text) = value
                && let Some(opening) = opening(text)
            {
                out.openings.push(hashes.short(Value::Opening(opening.to_owned()).octets(&mut self.buffer)));
            }
        }
    }

    /// Two values of the row that stand in many rows each, together.
    fn pairs(&mut self, common: &[(u8, u64, [u8; 16])], number: u32, out: &mut Hashed) {
        for (at, (column, short, strong)) in common.iter().enumerate() {
            for (other_column, other_short, other) in &common[at + 1..] {
                let frequent = |short: &u64| self.job.frequent.contains(*short);
                if frequent(short) && frequent(other_short) || strong == other {
                    continue;
                }
                let pair = self.job.hashes.pair(strong, other);
                let tag = column << 4 | other_column;
                out.pairs.push(record(&pair, tag, Hashes::pair_short(*short, *other_short), number));
            }
        }
    }
}

/// The first two words of a longer value.
pub(super) fn opening(text: &str) -> Option<&str> {
    let mut spaces = text.match_indices(' ').map(|(at, _)| at);
    spaces.next()?;
    Some(&text[..spaces.next().unwrap_or(text.len())])
}

/// Reads, hashes in threads, and collects.
fn run<R: Read + Send>(
    mut reader: Reader<'_, R>,
    job: &Job<'_>,
    sinks: &mut Sinks,
) -> Result<(ExactReport, Stats), BuildError> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8);
    let (to_hash, batches) = sync_channel::<Batch>(threads * 2);
    let (to_sink, hashed) = sync_channel::<Hashed>(threads * 2);
    let batches = Mutex::new(batches);
    let names: Vec<String> = reader.names.columns.iter().map(|column| column.name.clone()).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (batches, to_sink) = (&batches, to_sink.clone());
            scope.spawn(move || {
                let mut hasher = Hasher::new(job);
                while let Some(batch) = taken(batches) {
                    if to_sink.send(hasher.batch(batch)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(to_sink);
        let reading = scope.spawn(move || reader.each(|batch| to_hash.send(batch).is_ok()));
        let collected = collect(hashed, sinks, &names);
        let read =
            reading.join().unwrap_or_else(|_| Err(BuildError::Table("reading the table failed".to_owned())));
        let collected = collected?;
        read.map(|()| collected)
    })
}

fn taken(batches: &Mutex<Receiver<Batch>>) -> Option<Batch> {
    batches.lock().ok()?.recv().ok()
}

fn collect(
    hashed: Receiver<Hashed>,
    sinks: &mut Sinks,
    names: &[String],
) -> Result<(ExactReport, Stats), BuildError> {
    let mut report = ExactReport::default();
    let mut all = Stats { columns: vec![ColumnStats::default(); names.len()], ..Stats::default() };
    let mut bad: Vec<BadRow> = Vec::new();
    for batch in hashed {
        sinks.take(&batch)?;
        report.rows += batch.rows as u64;
        report.taken += batch.stats.taken;
        all.shape.merge(&batch.stats.shape);
        for (sum, column) in all.columns.iter_mut().zip(&batch.stats.columns) {
            sum.merge(column);
        }
        for one in batch.bad {
            *report.bad.entry(one.why.clone()).or_default() += 1;
            bad.push(one);
        }
        // The first by line, whichever thread was first.
        bad.sort_by_key(|one| one.line);
        bad.truncate(EXAMPLES);
    }
    report.examples = bad.iter().map(|one| example(one, names)).collect();
    Ok((report, all))
}

fn example(bad: &BadRow, names: &[String]) -> String {
    match bad.column {
        Some(column) => {
            let name = names.get(column).map_or_else(|| (column + 1).to_string(), Clone::clone);
            format!("line {}, column {name}: {}", bad.line, bad.why)
        }
        None => format!("line {}: {}", bad.line, bad.why),
    }
}

// ---- writing

struct Sinks {
    values: Sorter<23>,
    pairs: Sorter<23>,
    pointing: FilterWriter,
    words: FilterWriter,
    tags: File,
    width: usize,
}

impl Sinks {
    fn new(scratch: &Scratch, columns: usize) -> io::Result<Self> {
        let tags =
            File::options().read(true).write(true).create(true).truncate(true).open(scratch.file("rows"))?;
        Ok(Self {
            values: Sorter::new(scratch, "values")?,
            pairs: Sorter::new(scratch, "pairs")?,
            pointing: FilterWriter::new(scratch, "pointing")?,
            words: FilterWriter::new(scratch, "words")?,
            tags,
            width: columns * TAG,
        })
    }

    fn take(&mut self, batch: &Hashed) -> io::Result<()> {
        batch.values.iter().try_for_each(|record| self.values.push(record))?;
        batch.pairs.iter().try_for_each(|record| self.pairs.push(record))?;
        batch.openings.iter().try_for_each(|opening| self.words.push(*opening))?;
        self.tags.write_all_at(&batch.tags, u64::from(batch.first) * self.width as u64)
    }

    /// Writes all sections; gives how many values stand in too many rows.
    fn write(
        self,
        writer: &mut Writer,
        hows: &[How],
        scratch: &Scratch,
        rows: u64,
        (most, frequent): (usize, &Frequent),
    ) -> Result<u64, BuildError> {
        let Self { values, pairs, mut pointing, mut words, tags, width } = self;
        let mut in_many = 0;
        let mut table = TableWriter::new(VALUES, writer);
        values.drain(|records| {
            groups(records, |first, rows| {
                let points = hows[usize::from(first[10])].kind.points();
                in_many += u64::from(points && rows.len() > most);
                let filter = if points { &mut pointing } else { &mut words };
                filter.push(short_of(first))?;
                let rows = if points { rows } else { &rows[..1] };
                table.push(writer, std::array::from_fn(|at| first[at]), first[10], rows, most)
            })
        })?;
        table.finish(writer)?;
        pointing.finish("filter of points", writer)?;
        words.finish(OPENINGS, writer)?;
        let mut filter = FilterWriter::new(scratch, "pair filter")?;
        let mut table = TableWriter::new(PAIRS, writer);
        // Rows that were read before it was known what is frequent gave such pairs too.
        let frequent_pairs = frequent.pairs();
        pairs.drain(|records| {
            groups(records, |first, rows| {
                if frequent_pairs.contains(&short_of(first)) {
                    return Ok(());
                }
                filter.push(short_of(first))?;
                table.push(writer, std::array::from_fn(|at| first[at]), first[10], rows, most)
            })
        })?;
        table.finish(writer)?;
        filter.finish("filter of pairs", writer)?;
        let mut pages = PagedWriter::new("rows", writer);
        let mut left = rows * width as u64;
        let mut at = 0;
        let mut buffer = vec![0; 1 << 20];
        while left > 0 {
            let some = left.min(buffer.len() as u64) as usize;
            tags.read_exact_at(&mut buffer[..some], at)?;
            pages.push(writer, &buffer[..some])?;
            at += some as u64;
            left -= some as u64;
        }
        pages.finish(writer)?;
        Ok(in_many)
    }
}

/// Hands on each key and column with its rows.
fn groups(records: &[Record], mut each: impl FnMut(&Record, &[u32]) -> io::Result<()>) -> io::Result<()> {
    let mut rows = Vec::new();
    for group in records.chunk_by(|one, other| one[..11] == other[..11]) {
        rows.clear();
        rows.extend(group.iter().map(row_of));
        rows.sort_unstable();
        rows.dedup();
        each(&group[0], &rows)?;
    }
    Ok(())
}
