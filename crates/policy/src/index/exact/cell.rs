//! A cell of the table and the values that it stands for; or why it stands for none.

use super::date::{self, Order, Word};
use super::phone::{self, Written};
use super::value::{Kind, Value, number};
use crate::index::words::Tokens;
use crate::matcher::Prepared;

/// Why a cell is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// Nothing in it.
    Empty,
    /// Too short to tell anything.
    TooShort,
    /// Too long to be a value.
    TooLong,
    /// A word that stands for no value, such as `n/a`, or one of the stop words.
    Stop,
    /// Not what its column holds.
    NotOfItsKind,
}

impl Skip {
    /// Every reason.
    pub const ALL: [Self; 5] = [Self::Empty, Self::TooShort, Self::TooLong, Self::Stop, Self::NotOfItsKind];

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooShort => "too short",
            Self::TooLong => "too long",
            Self::Stop => "stop values",
            Self::NotOfItsKind => "not of the column's type",
        }
    }
}

/// Fewest digits of a number, fewest characters of an identifier, most words of a value.
const LEAST_DIGITS: usize = 4;
const LEAST_MIXED: usize = 5;
const MOST_WORDS: usize = 12;
const LONGEST: usize = 62;

/// Cells that say that nothing is known.
const STOP: &[&str] = &[
    "n a",
    "na",
    "nan",
    "none",
    "null",
    "nil",
    "unknown",
    "unbekannt",
    "tbd",
    "tba",
    "test",
    "xxx",
    "empty",
    "keine",
    "inconnu",
    "not available",
    "not applicable",
    "no name",
    "no email",
    "undefined",
];

/// How to read the cells of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct How {
    pub(crate) kind: Kind,
    pub(crate) order: Option<Order>,
    pub(crate) home: Option<u16>,
}

/// Reads cells; keeps its buffers.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    tokens: Tokens,
    stop: Vec<String>,
}

impl Cells {
    /// `stop` are further values that stand for nothing.
    pub(crate) fn new(stop: &[String]) -> Self {
        let mut cells = Self::default();
        let all = stop.iter().map(|text| cells.words(text)).collect();
        cells.stop = all;
        cells
    }

    fn words(&mut self, text: &str) -> String {
        let text = Prepared::new(text);
        self.tokens.read(&text, 0..text.bytes().len());
        String::from_utf8_lossy(&self.tokens.text).into_owned()
    }

    /// The values of a cell; rows are tagged with the first.
    pub(crate) fn read(&mut self, cell: &str, how: How) -> Result<Vec<Value>, Skip> {
        let cell = cell.trim();
        if cell.is_empty() {
            return Err(Skip::Empty);
        }
        if cell.len() > 1_000 {
            return Err(Skip::TooLong);
        }
        let words = self.words(cell);
        if STOP.contains(&words.as_str()) || self.stop.contains(&words) {
            return Err(Skip::Stop);
        }
        match how.kind {
            Kind::Name | Kind::Text => self.text(words).map(|value| vec![value]),
            Kind::Date => self.date(how.order),
            Kind::Number | Kind::Card => digits(cell).map(|value| vec![value]),
            Kind::Id => self.identifier(cell, words).map(|value| vec![value]),
            Kind::Phone => telephone(cell, how.home),
            Kind::Email => email(cell).map(|value| vec![value]),
        }
    }

    fn text(&self, words: String) -> Result<Value, Skip> {
        match self.tokens.all.len() {
            0 => Err(Skip::Empty),
            1 if words.chars().count() < 2 && words.is_ascii() => Err(Skip::TooShort),
            count if count > MOST_WORDS => Err(Skip::TooLong),
            _ => Ok(Value::Words(words)),
        }
    }

    fn date(&self, order: Option<Order>) -> Result<Vec<Value>, Skip> {
        let dates = date::of_cell(&self.date_words(), order);
        if dates.is_empty() {
            Err(Skip::NotOfItsKind)
        } else {
            Ok(dates.into_iter().map(Value::Date).collect())
        }
    }

    fn date_words(&self) -> Vec<Word<'_>> {
        let words = self.tokens.all.iter().enumerate();
        words.map(|(at, token)| Word { text: self.tokens.word_at(at), joined: token.joined }).collect()
    }

    /// In which of the orders the cell is a date.
    pub(crate) fn orders(&mut self, cell: &str, orders: [Order; 3]) -> [bool; 3] {
        self.words(cell.trim());
        let words = self.date_words();
        orders.map(|order| date::readable(&words, order))
    }

    fn identifier(&self, cell: &str, words: String) -> Result<Value, Skip> {
        let folded = Prepared::new(cell);
        let all: String = folded
            .bytes()
            .iter()
            .filter(|octet| octet.is_ascii_alphanumeric())
            .map(|octet| octet.to_ascii_uppercase() as char)
            .collect();
        let digits = all.bytes().filter(u8::is_ascii_digit).count();
        if digits == all.len() {
            return self::digits(cell);
        }
        match all.len() {
            _ if digits == 0 => self.text(words),
            ..LEAST_MIXED => Err(Skip::TooShort),
            len if len > LONGEST => Err(Skip::TooLong),
            _ => Ok(Value::Mixed(all)),
        }
    }
}

fn digits(cell: &str) -> Result<Value, Skip> {
    let folded = Prepared::new(cell);
    let bytes = folded.bytes();
    if bytes.iter().any(u8::is_ascii_alphabetic) {
        return Err(Skip::NotOfItsKind);
    }
    // A spreadsheet writes whole numbers as 12345.0 at times.
    let bytes = bytes.strip_suffix(b".0").unwrap_or(bytes);
    let all: Vec<u8> = bytes.iter().copied().filter(u8::is_ascii_digit).collect();
    let significant = all.iter().position(|digit| *digit != b'0').map_or(0, |first| all.len() - first);
    match significant {
        0 if all.is_empty() => Err(Skip::NotOfItsKind),
        ..LEAST_DIGITS => Err(Skip::TooShort),
        39.. => Err(Skip::TooLong),
        _ if all.iter().all(|digit| *digit == all[0]) => Err(Skip::Stop),
        _ => number(all.into_iter()).map(Value::Digits).ok_or(Skip::TooLong),
    }
}

fn telephone(cell: &str, home: Option<u16>) -> Result<Vec<Value>, Skip> {
    let folded = Prepared::new(cell);
    let lower = folded.bytes().to_ascii_lowercase();
    // What follows is an extension.
    let end = lower
        .iter()
        .position(|octet| matches!(octet, b'x' | b'e' | b'#' | b';' | b','))
        .unwrap_or(lower.len());
    let text = &lower[..end];
    let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_digit).collect();
    if digits.is_empty() || text.iter().any(|octet| octet.is_ascii_alphabetic()) {
        return Err(Skip::NotOfItsKind);
    }
    if digits.len() > 3 && digits.iter().all(|digit| *digit == digits[0]) {
        return Err(Skip::Stop);
    }
    let plus = text.iter().find(|octet| octet.is_ascii_digit() || **octet == b'+') == Some(&b'+');
    let zeros = digits.starts_with(b"00");
    let written = Written {
        number: number(digits.iter().copied()).ok_or(Skip::TooLong)?,
        country: plus || zeros,
        trunk: !plus && !zeros && digits[0] == b'0',
    };
    phone::cell(written, home).ok_or(Skip::TooShort)
}

fn email(cell: &str) -> Result<Value, Skip> {
    let folded = Prepared::new(cell);
    let bytes = folded.bytes();
    let shape = super::points::Shape { email: true, ..Default::default() };
    let mut found = Vec::new();
    super::points::points(bytes, 0..bytes.len(), &shape, &mut |point| found.push(point.value));
    match found.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(Skip::NotOfItsKind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, cell: &str) -> Result<Vec<Value>, Skip> {
        Cells::new(&["dummy".to_owned()]).read(cell, How { kind, order: Some(Order::Dmy), home: None })
    }

    #[test]
    fn each_kind_has_one_form() {
        assert_eq!(read(Kind::Name, " O'Brien-Ünal "), Ok(vec![Value::Words("obrien unal".into())]));
        assert_eq!(read(Kind::Number, "001-23-4567"), Ok(vec![Value::Digits(1_234_567)]));
        assert_eq!(read(Kind::Id, "ab 12-345"), Ok(vec![Value::Mixed("AB12345".into())]));
        assert_eq!(read(Kind::Id, "12 345 678"), Ok(vec![Value::Digits(12_345_678)]));
        assert_eq!(
            read(Kind::Email, "Ann Lee <Ann@Corp.example>"),
            Ok(vec![Value::Email("ann@corp.example".into())])
        );
        assert_eq!(
            read(Kind::Date, "1980-02-03T00:00:00"),
            Ok(vec![Value::Date(date::Date { year: 1980, month: 2, day: 3 })])
        );
        assert_eq!(
            read(Kind::Phone, "+1 (555) 123-4567 ext. 12").unwrap()[0],
            Value::National(5_551_234_567)
        );
    }

    #[test]
    fn what_is_no_value_is_left_out_with_a_reason() {
        assert_eq!(read(Kind::Name, "  "), Err(Skip::Empty));
        assert_eq!(read(Kind::Name, "N/A"), Err(Skip::Stop));
        assert_eq!(read(Kind::Text, "Dummy"), Err(Skip::Stop));
        assert_eq!(read(Kind::Name, "X"), Err(Skip::TooShort));
        assert_eq!(read(Kind::Number, "0042"), Err(Skip::TooShort));
        assert_eq!(read(Kind::Number, "000-00-0000"), Err(Skip::TooShort));
        assert_eq!(read(Kind::Number, "11111111"), Err(Skip::Stop));
        assert_eq!(read(Kind::Number, "12a4567"), Err(Skip::NotOfItsKind));
        assert_eq!(read(Kind::Date, "soon"), Err(Skip::NotOfItsKind));
        assert_eq!(read(Kind::Email, "ann at corp"), Err(Skip::NotOfItsKind));
        assert_eq!(read(Kind::Text, &"word ".repeat(20)), Err(Skip::TooLong));
    }
}
