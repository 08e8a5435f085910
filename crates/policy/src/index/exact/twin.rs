//! A slow twin of the finder: holds every row of the table against every place of a text. It says what the fast one has to.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::ExactIndex;
use super::build::{Bounds, ColumnOption, ExactOptions, build_bounded};
use super::frequent::Sample;
use super::scan::{Cell, Outcome, RowHit, Sink, Wants, scan};
use super::value::Kind;
use crate::index::{IndexKey, IndexKeys};
use crate::matcher::Prepared;

const KINDS: [Kind; 5] = [Kind::Name, Kind::Name, Kind::Text, Kind::Date, Kind::Number];
/// Few enough that small tables have values in too many rows, and frequent ones.
const BOUNDS: Bounds = Bounds { rows: 20, sample: Sample { rows: 256, share: 8 } };

/// What stands between two words: so much that they make no date together.
const APART: &str = "  ;  ";

type Row = [String; 5];
/// A cell: its column, the word that holds its value, and how far that stands from the anchor.
type Placed = (usize, usize, u32);

/// A table of people of whom many share each of their names, their town and their birthday.
fn table(rows: usize, spread: usize) -> Vec<Row> {
    let pick = |row: usize, salt: usize, of: usize| {
        (row.wrapping_mul(2_654_435_761).wrapping_add(salt * 40_503) >> 7) % of
    };
    let names = |at: usize| ["ann", "bea", "cy", "dora", "eve", "fay", "gus", "hal", "ida", "jo"][at % 10];
    (0..rows)
        .map(|row| {
            [
                names(pick(row, 1, 2 + spread)).to_owned(),
                // Some people have the first name of another, or twice the same.
                match pick(row, 2, 2 + 3 * spread) {
                    same if same % 5 == 0 => names(same / 5).to_owned(),
                    other => format!("sur{other}"),
                },
                format!("town{}", pick(row, 3, 1 + spread / 2)),
                format!("19{:02}-0{}-11", 50 + pick(row, 4, 40), 1 + pick(row, 5, 9)),
                // A number in too many rows, one of its own, or one that a few share.
                match pick(row, 6, 4) {
                    0 => "70001".to_owned(),
                    1 => format!("{}", 80_000 + row),
                    _ => format!("{}", 90_000 + row / 5),
                },
            ]
        })
        .collect()
}

struct Indexed {
    _dir: tempfile::TempDir,
    index: ExactIndex,
    rows: Vec<Row>,
}

fn indexed(rows: usize, spread: usize, forgetful: bool) -> Indexed {
    let dir = tempfile::tempdir().unwrap();
    let rows = table(rows, spread);
    let mut csv = String::from("a,b,c,d,e\n");
    rows.iter().for_each(|row| csv += &format!("{}\n", row.join(",")));
    let column = |(name, kind)| ColumnOption { name, kind, order: None, home: None };
    let options = ExactOptions {
        columns: ["a", "b", "c", "d", "e"].map(str::to_owned).into_iter().zip(KINDS).map(column).collect(),
        separator: None,
        no_header: false,
        stop: vec![],
        source: "twin".into(),
        max_age_days: 0,
        // As if it were large: hashes are cheap then.
        size: Some(1 << 40),
    };
    let key = IndexKey::read_or_make(&dir.path().join("keys/t.key")).unwrap();
    let path = dir.path().join("t.exact");
    build_bounded(csv.as_bytes(), &options, &key, &path, &|_| (), BOUNDS).unwrap();
    let mut index = ExactIndex::open(&path, "t", &IndexKeys::in_dir(dir.path().join("keys"))).unwrap();
    if forgetful {
        // As an index was before frequent values were written down.
        index.frequent = None;
    }
    Indexed { _dir: dir, index, rows }
}

#[derive(Default)]
struct All(Vec<RowHit>);

impl Sink for All {
    fn take(&mut self, hit: RowHit) -> bool {
        self.0.push(hit);
        true
    }

    fn is_full(&self) -> bool {
        false
    }
}

/// A word of the text: the value that it is, and where it stands.
struct Word {
    text: String,
    start: usize,
    line: usize,
}

struct Twin<'t> {
    rows: &'t [Row],
    words: Vec<Word>,
    wants: Wants,
    frequent: Vec<String>,
}

impl<'t> Twin<'t> {
    fn new(rows: &'t [Row], lines: &[Vec<String>], wants: Wants) -> Self {
        let mut words = Vec::new();
        let mut at = 0;
        for (line, all) in lines.iter().enumerate() {
            for text in all {
                words.push(Word { text: text.clone(), start: at, line });
                at += text.len() + APART.len();
            }
        }
        let mut counts: HashMap<&str, u32> = HashMap::new();
        let sample = BOUNDS.sample;
        if rows.len() >= sample.rows as usize {
            for row in &rows[..sample.rows as usize] {
                row[..4].iter().for_each(|value| *counts.entry(value).or_default() += 1);
            }
        }
        let many = counts.into_iter().filter(|(_, count)| *count > sample.rows / sample.share);
        let frequent = many.map(|(value, _)| value.to_owned()).collect();
        Self { rows, words, wants, frequent }
    }

    /// A date is three words to the scanner.
    fn words_before(&self, at: usize) -> usize {
        self.words[..at].iter().map(|word| if word.text.contains('-') { 3 } else { 1 }).sum()
    }

    fn distance(&self, one: usize, other: usize) -> Option<u32> {
        if self.words[one].line == self.words[other].line {
            return Some(0);
        }
        let apart = self.words_before(one).abs_diff(self.words_before(other)) as u32 - 1;
        (apart <= self.wants.within).then_some(apart)
    }

    fn column_of(&self, row: usize, at: usize, taken: &[usize]) -> Option<usize> {
        (0..5).find(|column| !taken.contains(column) && self.rows[row][*column] == self.words[at].text)
    }

    /// Every row to which something leads, as the documentation says it.
    fn rows(&self) -> Vec<RowHit> {
        let mut all = Vec::new();
        for at in 0..self.words.len() {
            self.led_by_number(at, &mut all);
            if self.wants.pairs {
                (0..at).for_each(|before| self.led_by_pair(before, at, &mut all));
            }
        }
        all
    }

    fn led_by_number(&self, at: usize, all: &mut Vec<RowHit>) {
        let rows: Vec<usize> =
            (0..self.rows.len()).filter(|row| self.rows[*row][4] == self.words[at].text).collect();
        self.resolve(&rows, &[(4, at)], all);
    }

    fn led_by_pair(&self, before: usize, at: usize, all: &mut Vec<RowHit>) {
        let (one, other) = (&self.words[before], &self.words[at]);
        let near = self.distance(before, at).is_some()
            && (one.line == other.line
                || (self.words_before(at) - self.words_before(before)) as u32 <= self.wants.within);
        let nearest = !self.words[before + 1..at].iter().any(|between| between.text == one.text);
        let both_frequent = self.frequent.contains(&one.text) && self.frequent.contains(&other.text);
        if !near || !nearest || both_frequent || one.text == other.text {
            return;
        }
        for first in 0..4 {
            for second in first + 1..4 {
                let mut turned = HashMap::new();
                for (row, cells) in self.rows.iter().enumerate() {
                    if (&cells[first], &cells[second]) == (&other.text, &one.text) {
                        turned.insert(row, [(first, at), (second, before)]);
                    } else if (&cells[first], &cells[second]) == (&one.text, &other.text) {
                        turned.insert(row, [(second, at), (first, before)]);
                    }
                }
                let mut rows: Vec<usize> = turned.keys().copied().collect();
                rows.sort_unstable();
                self.resolve_turned(&rows, &turned, all);
            }
        }
    }

    fn resolve(&self, rows: &[usize], own: &[(usize, usize)], all: &mut Vec<RowHit>) {
        let kept = if rows.len() > BOUNDS.rows { &rows[..1] } else { rows };
        self.tell_apart(kept, &|_| own.to_vec(), all);
    }

    fn resolve_turned(
        &self,
        rows: &[usize],
        own: &HashMap<usize, [(usize, usize); 2]>,
        all: &mut Vec<RowHit>,
    ) {
        let kept = if rows.len() > BOUNDS.rows { &rows[..1] } else { rows };
        self.tell_apart(kept, &|row| own[&row].to_vec(), all);
    }

    fn tell_apart(&self, rows: &[usize], own: &dyn Fn(usize) -> Vec<(usize, usize)>, all: &mut Vec<RowHit>) {
        let found: Vec<(usize, Vec<Placed>)> =
            rows.iter().map(|row| (*row, self.cells(*row, &own(*row)))).collect();
        let least = rows.first().map_or(0, |row| own(*row).len());
        let more = found.iter().any(|(_, cells)| cells.len() > least);
        for (at, (row, cells)) in found.into_iter().enumerate() {
            if if more { cells.len() > least } else { at == 0 } {
                let mut cells: Vec<Cell> = cells
                    .into_iter()
                    .map(|(column, word, distance)| {
                        let Word { text, start, .. } = &self.words[word];
                        Cell { column: column as u8, span: *start..start + text.len(), distance }
                    })
                    .collect();
                cells.sort_by_key(|cell| cell.column);
                all.push(RowHit { row: row as u32, cells });
            }
        }
    }

    fn cells(&self, row: usize, own: &[(usize, usize)]) -> Vec<Placed> {
        let anchor = own[0].1;
        let mut cells: Vec<Placed> =
            own.iter().map(|(column, at)| (*column, *at, self.distance(anchor, *at).unwrap_or(0))).collect();
        cells[0].2 = 0;
        let before = (0..anchor).rev();
        let mut around: Vec<(u32, usize, usize)> = before
            .chain(anchor + 1..self.words.len())
            .filter_map(|at| {
                let words = self.words_before(anchor).abs_diff(self.words_before(at));
                Some((self.distance(anchor, at)?, words, at))
            })
            .collect();
        around.sort_by_key(|(distance, words, _)| (*distance, *words));
        for (distance, _, at) in around {
            let taken: Vec<usize> = cells.iter().map(|(column, ..)| *column).collect();
            if cells.iter().any(|(_, word, _)| *word == at) {
                continue;
            }
            if let Some(column) = self.column_of(row, at, &taken) {
                cells.push((column, at, distance));
            }
        }
        cells
    }
}

/// Whether the second says all that the first does, and of values as near.
fn says(hit: &RowHit, other: &RowHit) -> bool {
    hit.row == other.row
        && hit.cells.iter().all(|cell| {
            other.cells.iter().any(|other| other.column == cell.column && other.distance <= cell.distance)
        })
}

fn compare(indexed: &Indexed, picks: &[(usize, u8, u8)], within: u32, pairs: bool) {
    let Indexed { index, rows, .. } = indexed;
    let mut lines: Vec<Vec<String>> = vec![vec![]];
    for (pick, what, end) in picks {
        let word = match what {
            column @ 0..=4 => rows[pick % rows.len()][usize::from(*column)].clone(),
            _ => "other".to_owned(),
        };
        lines.last_mut().unwrap().push(word);
        if *end == 0 {
            lines.push(vec![]);
        }
    }
    lines.retain(|line| !line.is_empty());
    let text = lines.iter().map(|line| line.join(APART)).collect::<Vec<_>>().join("  ; \n");
    let wants = Wants { within, pairs, singles: false };
    let mut fast = All::default();
    let deadline = Instant::now() + Duration::from_secs(3_600);
    let outcome = scan(index, &Prepared::new(&text), &[], wants, deadline, &mut fast).unwrap();
    assert_eq!(outcome, Outcome::default());
    let slow = Twin::new(rows, &lines, wants).rows();
    for hit in &fast.0 {
        assert!(slow.contains(hit), "only the fast one says {hit:?} of {text:?}");
    }
    for hit in &slow {
        assert!(fast.0.iter().any(|fast| says(hit, fast)), "only the slow one says {hit:?} of {text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// In tables in which every value is crowded the rows are found that holding each against the text finds.
    #[test]
    fn crowded_rows_are_those_of_the_slow_twin(
        (rows, spread) in (1usize..600, 0usize..9),
        picks in prop::collection::vec((0usize..40, 0u8..6, 0u8..6), 1..40),
        within in 0u32..12,
        (pairs, forgetful) in (any::<bool>(), any::<bool>()),
    ) {
        compare(&indexed(rows, spread, forgetful), &picks, within, pairs);
    }
}
