//! Numbers of which each group stands in a cell of its own, as forms have them: found in the rows of a table by their check digits.
//!
//! A row of numbers of four digits is a table far more often than a card, and one in ten has the right check digit. So what counts is the
//! table: a number is one if most rows that have groups of these lengths in these columns are numbers, too.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

/// Octets of a group.
const LONGEST_GROUP: usize = 8;
/// Groups that stand beside one another: an IBAN in boxes has 34 (ISO 13616-1). More of them are a table of numbers.
const MOST_GROUPS: usize = 34;
/// Digits of a card in boxes (ISO/IEC 7812-1, but for the shortest, which nobody issues).
const CARD: std::ops::RangeInclusive<usize> = 13..=19;
const LONGEST_CARD: usize = 19;
const IBAN: std::ops::RangeInclusive<usize> = 15..=34;
/// Lengths of the groups of a card, and whether a single row that has these, and no more of the kind beside them, may be one.
const SHAPES: &[(&[usize], bool)] =
    &[(&[4, 4, 4, 4], true), (&[4, 6, 5], true), (&[4, 6, 4], true), (&[8, 8], false)];
/// The shape of single digits.
const BOXES: usize = SHAPES.len();
/// Rows that must be numbers where one alone would be chance.
const ENOUGH: usize = 3;
/// Columns of a sheet; tables of texts with more of them are not looked at there.
const COLUMNS: u32 = 1 << 14;

/// A number over several cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Across {
    /// Counted as the cells were.
    pub(crate) row: u32,
    /// Columns of its first and last group.
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// Groups with blanks between them; of single digits one group.
    pub(crate) text: String,
}

/// What a cell may be to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell<'t> {
    Empty,
    Group(&'t str),
    Other,
}

impl<'t> Cell<'t> {
    /// Of what is shown in a cell.
    pub(crate) fn of(text: &'t str) -> Self {
        if is_group(text) {
            return Self::Group(text);
        }
        // Words and decimals, which most cells hold: nothing stands around them.
        if let [first @ b'!'..=b'~', .., b'!'..=b'~'] = text.as_bytes()
            && *first != b'0'
        {
            return Self::Other;
        }
        let bare = bare(text);
        match bare.is_empty() {
            true => Self::Empty,
            false if is_group(bare) => Self::Group(bare),
            false => Self::Other,
        }
    }
}

/// A table, told by its rows.
#[derive(Debug, Default)]
pub(crate) struct Table {
    row: u32,
    run: Run,
    seen: BTreeMap<(u32, usize), Seen>,
    /// What needs no other row.
    sure: Vec<Across>,
}

/// Groups that stand beside one another, with nothing but empty cells between them.
#[derive(Debug, Default)]
struct Run {
    text: String,
    /// Of each group: where it ends, and its column.
    groups: Vec<(usize, u32)>,
    too_many: bool,
}

/// The rows that have groups of one shape at one column.
#[derive(Debug, Default)]
struct Seen {
    rows: usize,
    /// There is more of the kind beside one of them.
    crowded: bool,
    /// Those that are numbers, read from the first to the last group, and from the last to the first.
    numbers: [Vec<Across>; 2],
}

impl Table {
    /// Whether what is no group can be passed over.
    pub(crate) fn is_idle(&self) -> bool {
        self.run.groups.is_empty()
    }

    /// Cells come by rows, and in a row by columns.
    pub(crate) fn cell(&mut self, row: u32, column: u32, cell: Cell<'_>) {
        match cell {
            Cell::Empty => {}
            Cell::Group(group) if column < COLUMNS => {
                if row != self.row {
                    self.end_run();
                    self.row = row;
                }
                self.run.push(group, column);
            }
            _ => self.end_run(),
        }
    }

    /// The numbers of the table, by rows.
    pub(crate) fn end(&mut self) -> Vec<Across> {
        self.end_run();
        let mut all = std::mem::take(&mut self.sure);
        for seen in std::mem::take(&mut self.seen).into_values() {
            let Seen { rows, crowded, numbers: [forth, back] } = seen;
            let turned = back.len() > forth.len();
            let numbers = if turned { back } else { forth };
            let different: HashSet<&str> = numbers.iter().map(|number| number.text.as_str()).collect();
            let alone = !turned && !crowded;
            if different.len() > rows - numbers.len() && (alone || different.len() >= ENOUGH) {
                all.extend(numbers);
            }
        }
        all.sort_unstable_by(|one, other| {
            (one.row, one.from, &one.text).cmp(&(other.row, other.from, &other.text))
        });
        all
    }

    fn end_run(&mut self) {
        let groups = self.run.groups.len();
        if groups > 1 && !self.run.too_many {
            let run = std::mem::take(&mut self.run);
            self.look(&run);
            self.run = run;
        }
        if groups > 0 {
            self.run.text.clear();
            self.run.groups.clear();
            self.run.too_many = false;
        }
    }

    fn look(&mut self, run: &Run) {
        if run.is_of_boxes() {
            let all = 0..run.groups.len();
            if CARD.contains(&all.end) && run.text.bytes().all(|octet| octet.is_ascii_digit()) {
                self.card(run, all.clone(), BOXES, false);
            }
            self.sure.extend(run.account(0, all.end..=all.end, self.row));
            return;
        }
        for start in 0..run.groups.len() {
            for (shape, (lengths, alone)) in SHAPES.iter().enumerate() {
                let end = start + lengths.len();
                if end <= run.groups.len()
                    && (start..end).zip(*lengths).all(|(at, long)| run.len(at) == *long)
                {
                    let before = start > 0 && run.len(start - 1) == run.len(start);
                    let behind = end < run.groups.len() && run.len(end) == run.len(end - 1);
                    self.card(run, start..end, shape, !alone || before || behind);
                }
            }
            if run.len(start) == 4 {
                self.sure.extend(run.account(start, start + 4..=run.fours_from(start), self.row));
            }
        }
    }

    fn card(&mut self, run: &Run, groups: Range<usize>, shape: usize, crowded: bool) {
        let seen = self.seen.entry((run.groups[groups.start].1, shape)).or_default();
        seen.rows += 1;
        for (turned, numbers) in seen.numbers.iter_mut().enumerate() {
            if run.is_card(groups.clone(), turned == 1) {
                seen.crowded |= crowded;
                numbers.push(run.read(groups.clone(), self.row, turned == 1));
            }
        }
    }
}

impl Run {
    fn push(&mut self, group: &str, column: u32) {
        if self.groups.len() == MOST_GROUPS {
            self.too_many = true;
            return;
        }
        self.text.push_str(group);
        self.groups.push((self.text.len(), column));
    }

    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.groups[before].0)
    }

    fn len(&self, at: usize) -> usize {
        self.groups[at].0 - self.start(at)
    }

    fn group(&self, at: usize) -> &str {
        &self.text[self.start(at)..self.groups[at].0]
    }

    fn is_of_boxes(&self) -> bool {
        self.text.len() == self.groups.len()
    }

    /// Where groups of four end, of which the last may be shorter.
    fn fours_from(&self, start: usize) -> usize {
        let fours = (start..self.groups.len()).take_while(|at| self.len(*at) == 4).count();
        let short = self.groups.len() > start + fours && self.len(start + fours) < 4;
        start + fours + usize::from(short)
    }

    fn is_card(&self, groups: Range<usize>, turned: bool) -> bool {
        let (mut digits, mut len) = ([0; LONGEST_CARD], 0);
        let mut put = |at: usize| {
            let group = self.group(at).as_bytes();
            if let Some(room) = digits.get_mut(len..len + group.len()) {
                room.copy_from_slice(group);
            }
            len += group.len();
        };
        match turned {
            false => groups.for_each(&mut put),
            true => groups.rev().for_each(&mut put),
        }
        digits.get(..len).is_some_and(is_card)
    }

    /// The longest number of an account that begins there.
    fn account(&self, start: usize, ends: std::ops::RangeInclusive<usize>, row: u32) -> Option<Across> {
        let begin = self.start(start);
        ends.rev().find_map(|end| {
            let signs = self.text.as_bytes().get(begin..self.groups.get(end - 1)?.0)?;
            (IBAN.contains(&signs.len()) && is_account(signs)).then(|| self.read(start..end, row, false))
        })
    }

    fn read(&self, groups: Range<usize>, row: u32, turned: bool) -> Across {
        let (from, to) = (self.groups[groups.start].1, self.groups[groups.end - 1].1);
        let mut all: Vec<&str> = groups.map(|at| self.group(at)).collect();
        if turned {
            all.reverse();
        }
        Across { row, from, to, text: all.join(if self.is_of_boxes() { "" } else { " " }) }
    }
}

/// A cell's text without what stands around it. An old workbook tells behind `0044` that 44 is stored.
fn bare(text: &str) -> &str {
    let is_mark =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_mark(c));
    match text.split_once(' ') {
        Some((shown, stored)) if shown.starts_with('0') && shown.trim_start_matches('0') == stored => shown,
        _ => text,
    }
}

fn is_group(cell: &str) -> bool {
    (1..=LONGEST_GROUP).contains(&cell.len())
        && cell.bytes().all(|octet| octet.is_ascii_digit() || octet.is_ascii_uppercase())
}

/// Whether these are digits that may be a card's: by those that issuers have (ISO/IEC 7812-1), and the check digit (annex B).
fn is_card(digits: &[u8]) -> bool {
    let first =
        digits.iter().take(4).fold(0, |number, digit| number * 10 + u32::from(digit.wrapping_sub(b'0')));
    if !matches!(first, 2221..=2720 | 3000..=6999) || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let doubled = |digit: u32| digit * 2 / 10 + digit * 2 % 10;
    let digits = digits.iter().rev().map(|digit| u32::from(digit - b'0')).enumerate();
    let sum: u32 = digits.map(|(at, digit)| if at % 2 == 1 { doubled(digit) } else { digit }).sum();
    sum.is_multiple_of(10)
}

/// Whether signs may be an IBAN (ISO 13616-1): a country, and check digits by ISO/IEC 7064, MOD 97-10.
fn is_account(signs: &[u8]) -> bool {
    let [one, other, rest @ ..] = signs else { return false };
    let [first, second, account @ ..] = rest else { return false };
    if ![one, other].iter().all(|sign| sign.is_ascii_uppercase())
        || ![first, second].iter().all(|sign| sign.is_ascii_digit())
    {
        return false;
    }
    let order = account.iter().chain([one, other, first, second]);
    let rest = order.fold(0_u32, |rest, sign| match sign {
        b'0'..=b'9' => (rest * 10 + u32::from(sign - b'0')) % 97,
        _ => (rest * 100 + u32::from(sign.saturating_sub(b'A')) + 10) % 97,
    });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of a table of which `/` ends a row and `|` a cell.
    fn numbers(table: &str) -> Vec<String> {
        let mut all = Table::default();
        for (row, cells) in (1..).zip(table.split('/')) {
            (0..).zip(cells.split('|')).for_each(|(column, cell)| all.cell(row, column, Cell::of(cell)));
        }
        all.end().into_iter().map(|number| number.text).collect()
    }

    #[test]
    fn groups_of_cards_and_accounts_are_read_together() {
        for (table, number) in [
            ("4012|8888|8888|1881", "4012 8888 8888 1881"),
            ("Ann|4012|8888|8888|1881|Visa", "4012 8888 8888 1881"),
            ("a|b/Card:|4012||8888||8888||1881", "4012 8888 8888 1881"),
            ("\u{202b}4012\u{202c}| 8888|8888 |1881", "4012 8888 8888 1881"),
            ("3782|822463|10005", "3782 822463 10005"),
            ("4|0|1|2||8|8|8|8||8|8|8|8||1|8|8|1", "4012888888881881"),
            ("4222|2222|2222|0044 44", ""),
            ("4000|0000|0000|0002 2", "4000 0000 0000 0002"),
            ("DE89|3704|0044|0532|0130|00", "DE89 3704 0044 0532 0130 00"),
            ("7|DE89|3704|0044|0532|0130|00|12", "DE89 3704 0044 0532 0130 00"),
            ("GB82|WEST|1234|5698|7654|32|DEUTDEFF", "GB82 WEST 1234 5698 7654 32"),
            ("D|E|8|9|3|7|0|4|0|0|4|4|0|5|3|2|0|1|3|0|0|0", "DE89370400440532013000"),
        ] {
            assert_eq!(numbers(table), if number.is_empty() { vec![] } else { vec![number] }, "{table}");
        }
    }

    #[test]
    fn a_list_of_cards_is_one_also_beside_other_numbers_and_from_right_to_left() {
        let list =
            "1001|4012|8888|8888|1881|1227/1002|4222|2222|2222|2220|1128/1003|5555|5555|5555|4444|1028";
        assert_eq!(numbers(list), ["4012 8888 8888 1881", "4222 2222 2222 2220", "5555 5555 5555 4444"]);
        let turned = "1881|8888|8888|4012/2220|2222|2222|4222/4444|5555|5555|5555";
        assert_eq!(numbers(turned).len(), 3);
        assert_eq!(numbers("40128888|88881881/42222222|22222220/55555555|55554444").len(), 3);
        // A title and a row that was not filled in are no contrary.
        assert_eq!(numbers("No|a|b|c|d/1|4012|8888|8888|1881/2||||/3|x|y|z|u").len(), 1);
    }

    #[test]
    fn rows_of_several_numbers_are_no_number() {
        for table in [
            "",
            "one|two|three",
            "1000|2000|3000|4000",
            "2021|2022|2023|2024",
            // By chance the first has the right check digit.
            "4012|8888|8888|1881/4013|8888|8888|1881",
            "4012|8888|8888|1881/1200|1300|1400|1500/1600|1700|1800|1900",
            // Nobody knows where it begins, or whether two numbers are one.
            "1001|4012|8888|8888|1881",
            "40128888|88881881",
            "1881|8888|8888|4012",
            "40|12|88|88|88|88|18|81",
            "4012 8888|8888|1881",
            "1|2|3|4|5|6|7|8|9|1|2|3|4",
            "DE89|3704|0044|0532|0130|01",
            "4012|8888|AAAA|1881",
        ] {
            assert_eq!(numbers(table), Vec::<String>::new(), "{table}");
        }
        assert_eq!(numbers(&"4|".repeat(1_000)), Vec::<String>::new());
    }

    #[test]
    fn a_table_costs_what_it_has_octets() {
        for line in ["4012|8888|8888|1881|/", "4|", "4012|", "|", "DE89|", "4012|8888|8888|1881|x|", "A|"] {
            crate::open::grows_with_lines(line, |text| drop(numbers(text)));
        }
    }
}
