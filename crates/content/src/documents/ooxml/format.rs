//! Numbers as a spreadsheet shows them, for the common formats; and as stored, without inventing a digit.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::sections::Format;
use crate::Reason;
use crate::documents::xml::{Node, walk};

/// The formats that cells of a workbook may have.
#[derive(Default)]
pub(in crate::documents) struct Formats {
    codes: BTreeMap<u32, Format>,
    /// Format of each style.
    styles: Vec<u32>,
    /// Styles whose cells are read from right to left.
    rightward: BTreeSet<usize>,
    dates_1904: bool,
    /// Some format puts words beside texts.
    about_text: bool,
    /// Codes with words that cells get where a condition holds.
    pub(super) of_conditions: BTreeSet<String>,
}

impl Formats {
    pub(in crate::documents) fn new(dates_1904: bool) -> Self {
        let codes = BUILT_IN.iter().filter_map(|(id, code)| Some((*id, Format::parse(code)?))).collect();
        Self { codes, dates_1904, ..Self::default() }
    }

    /// The format of that number.
    pub(in crate::documents) fn define(&mut self, id: u32, code: &str) {
        if let Some(format) = Format::parse(code) {
            self.about_text |= format.is_about_text();
            self.codes.insert(id, format);
        }
    }

    /// The next style is one of this format.
    pub(in crate::documents) fn style(&mut self, format: u32) {
        self.styles.push(format);
    }

    /// The style that was told last is one of cells that are read from right to left.
    pub(in crate::documents) fn runs_rightward(&mut self) {
        self.rightward.extend(self.styles.len().checked_sub(1));
    }

    /// Text of a cell of a style, in the direction in which it is read.
    pub(in crate::documents) fn directed<'t>(&self, style: usize, text: &'t str) -> Cow<'t, str> {
        match !self.rightward.is_empty() && self.rightward.contains(&style) {
            true => crate::direction::from_right(text),
            false => text.into(),
        }
    }

    /// Days are counted from 1904.
    pub(in crate::documents) fn counts_from_1904(&mut self) {
        self.dates_1904 = true;
    }

    /// Reads the styles part.
    pub(super) fn read(&mut self, octets: &[u8]) -> Result<(), Reason> {
        let (mut in_cells, mut in_conditions) = (false, false);
        // Formats of named styles, by number; a cell's own alignment goes before theirs (ECMA-376 18.8.1).
        let (mut in_names, mut named, mut base) = (false, Vec::new(), None);
        walk(octets, |node| {
            match node {
                Node::Start("dxfs", _) => in_conditions = true,
                Node::End("dxfs") => in_conditions = false,
                // Which cells fulfil a condition is not looked at.
                Node::Start("numFmt", attributes) if in_conditions => {
                    if let Some(code) = attributes.get("formatCode").filter(|code| code.contains(['"', '\\']))
                    {
                        self.of_conditions.insert(code.into_owned());
                    }
                }
                Node::Start("numFmt", attributes) => {
                    let id = attributes.get("numFmtId").and_then(|id| id.parse().ok());
                    if let (Some(id), Some(code)) = (id, attributes.get("formatCode")) {
                        self.define(id, &code);
                    }
                }
                Node::Start("cellXfs", _) => in_cells = true,
                Node::End("cellXfs") => in_cells = false,
                Node::Start("cellStyleXfs", _) => in_names = true,
                Node::End("cellStyleXfs") => in_names = false,
                Node::Start("xf", _) if in_names => named.push(false),
                Node::Start("xf", attributes) if in_cells => {
                    let id = attributes.get("numFmtId").and_then(|id| id.parse().ok());
                    self.styles.push(id.unwrap_or(0));
                    base = attributes.get("xfId").and_then(|id| id.parse::<usize>().ok());
                }
                Node::Start("alignment", attributes) if in_names || in_cells => {
                    base = None;
                    let rightward = attributes.get("readingOrder").as_deref() == Some("2");
                    if let Some(named) = named.last_mut().filter(|_| in_names) {
                        *named = rightward;
                    } else if rightward {
                        self.runs_rightward();
                    }
                }
                Node::End("xf")
                    if in_cells && base.take().and_then(|base| named.get(base)).copied().unwrap_or(false) =>
                {
                    self.runs_rightward();
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// A stored number as its cell shows it; none where it is shown as stored.
    pub(in crate::documents) fn show(&self, style: usize, stored: &str) -> Option<String> {
        let format = self.codes.get(self.styles.get(style)?)?;
        format.show(stored, self.dates_1904)
    }

    /// A text as its cell shows it; none where it is shown as it is.
    pub(in crate::documents) fn show_text(&self, style: usize, text: &str) -> Option<String> {
        if !self.about_text {
            return None;
        }
        self.codes.get(self.styles.get(style)?)?.show_text(text)
    }
}

/// Formats that files name by number only (ECMA-376 18.8.30). Programs show 14 and 22 as the country has it.
const BUILT_IN: &[(u32, &str)] = &[
    (1, "0"),
    (2, "0.00"),
    (3, "#,##0"),
    (4, "#,##0.00"),
    (9, "0%"),
    (10, "0.00%"),
    (14, "mm/dd/yyyy"),
    (15, "d-mmm-yy"),
    (16, "d-mmm"),
    (17, "mmm-yy"),
    (18, "h:mm AM/PM"),
    (19, "h:mm:ss AM/PM"),
    (20, "h:mm"),
    (21, "h:mm:ss"),
    (22, "mm/dd/yyyy hh:mm"),
    (37, "#,##0"),
    (38, "#,##0"),
    (39, "#,##0.00"),
    (40, "#,##0.00"),
    (45, "mm:ss"),
    (46, "[h]:mm:ss"),
    (47, "mm:ss.0"),
];

/// A stored number in plain digits: an exponent only moves the point. Whatever is no number stays as it is.
pub(in crate::documents) fn plain(stored: &str) -> Cow<'_, str> {
    let moved = || {
        let (mantissa, exponent) = stored.split_once(['e', 'E'])?;
        let exponent: i32 = exponent.parse().ok().filter(|exponent: &i32| exponent.abs() <= 40)?;
        let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{part}");
        if all.is_empty() || !all.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let point = i32::try_from(whole.len()).ok()? + exponent;
        let number = match usize::try_from(point) {
            Ok(point) if point >= all.len() => format!("{all}{}", "0".repeat(point - all.len())),
            Ok(point) if point > 0 => format!("{}.{}", &all[..point], &all[point..]),
            _ => format!("0.{}{all}", "0".repeat(usize::try_from(-point).unwrap_or(0))),
        };
        Some(format!("{sign}{number}"))
    };
    moved().map_or(Cow::Borrowed(stored), Cow::Owned)
}

/// A fraction as spreadsheets show it at most: with 15 digits that count. What follows is how a program keeps fractions.
/// Whole numbers stay as they are stored: a card number has 16 digits.
pub(in crate::documents) fn at_most_15_digits(stored: &str) -> Cow<'_, str> {
    let counting = stored.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
    let number = stored.parse::<f64>().ok().filter(|number| number.is_finite());
    match number {
        Some(number) if counting > 15 && stored.contains('.') => Cow::Owned(rounded(stored, number)),
        _ => Cow::Borrowed(stored),
    }
}

/// Rounded to 15 digits that count, without zeros behind the last of them.
fn rounded(stored: &str, number: f64) -> String {
    let unsigned = stored.trim_start_matches('-');
    let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if whole.bytes().chain(part.bytes()).all(|digit| digit.is_ascii_digit()) {
        // How many digits behind the point: what counts begins before it, or behind some zeros.
        let before = whole.trim_start_matches('0').len();
        let zeros = part.len() - part.trim_start_matches('0').len();
        let decimals = if before > 0 { 15_usize.checked_sub(before) } else { Some(15 + zeros) };
        if let Some(decimals) = decimals {
            let mut text = format!("{number:.decimals$}");
            if decimals > 0 {
                text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
            }
            return text;
        }
    }
    let text = format!("{number:.14e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    plain(&format!("{mantissa}e{exponent}")).into_owned()
}

/// One section of a format that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Date(Vec<Token>),
    /// `000-00-0000`: digits in a mask.
    Mask(Vec<Token>),
    Number {
        before: String,
        after: String,
        decimals: usize,
        grouped: bool,
        percent: bool,
        least: usize,
    },
    /// The number as it is stored, between words.
    General(String, String),
    /// Words, and nothing of the number.
    Words(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Literal(char),
    /// `0`, `#` or `?`.
    Digit(char),
    /// Of a date: a letter and how often it stands.
    Field(char, usize),
    Elapsed(char),
    Half,
    Point,
    Comma,
    Percent,
    /// `@`: the text of the cell.
    Text,
    /// The number as it is stored.
    General,
}

impl Shape {
    /// What a section shows; none where it shows nothing.
    pub(super) fn of(tokens: Vec<Token>) -> Option<Self> {
        if tokens.iter().any(|token| matches!(token, Token::Field(..) | Token::Elapsed(_))) {
            return Some(Self::Date(tokens));
        }
        if let Some(at) = tokens.iter().position(|token| *token == Token::General) {
            return Some(Self::General(literals(&tokens[..at]), literals(&tokens[at + 1..])));
        }
        if is_mask(&tokens) {
            return Some(Self::Mask(tokens));
        }
        let words = || Some(literals(&tokens)).filter(|words| !words.is_empty()).map(Self::Words);
        Self::number(&tokens).or_else(words)
    }

    pub(super) fn is_date(&self) -> bool {
        matches!(self, Self::Date(_))
    }

    fn number(tokens: &[Token]) -> Option<Self> {
        let is_digit = |token: &Token| matches!(token, Token::Digit(_));
        let first = tokens.iter().position(is_digit)?;
        let last = tokens.iter().rposition(is_digit)?;
        let point = tokens[first..=last].iter().position(|token| *token == Token::Point).map(|at| at + first);
        let whole = &tokens[first..point.unwrap_or(last + 1)];
        Some(Self::Number {
            before: literals(&tokens[..first]),
            after: literals(&tokens[last + 1..]),
            decimals: point
                .map_or(0, |point| tokens[point..=last].iter().filter(|token| is_digit(token)).count()),
            grouped: whole.contains(&Token::Comma),
            percent: tokens.contains(&Token::Percent),
            least: whole.iter().filter(|token| **token == Token::Digit('0')).count(),
        })
    }

    /// A number that is not below zero, or a date.
    pub(super) fn show(&self, stored: &str, dates_1904: bool) -> Option<String> {
        match self {
            Self::Date(tokens) => super::date::show(tokens, stored.parse().ok()?, dates_1904),
            Self::Mask(tokens) => {
                let whole = stored.split_once('.').map_or(stored, |(whole, _)| whole);
                whole.bytes().all(|digit| digit.is_ascii_digit()).then(|| mask(tokens, whole))
            }
            Self::Number { before, after, decimals, grouped, percent, least } => {
                let mut shown = String::with_capacity(before.len() + stored.len() + after.len() + 8);
                shown.push_str(before);
                digits(&mut shown, stored, *decimals, *grouped, *percent, *least)?;
                if *percent {
                    shown.push('%');
                }
                shown.push_str(after);
                Some(shown)
            }
            Self::General(before, after) => Some([before, stored, after].concat()),
            Self::Words(words) => Some(words.clone()),
        }
    }
}

pub(super) fn literals(tokens: &[Token]) -> String {
    let literal = |token: &Token| if let Token::Literal(c) = token { Some(*c) } else { None };
    tokens.iter().filter_map(literal).collect()
}

/// Splits at `;` outside quotes.
pub(super) fn sections(code: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    code.split(move |c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    })
}

pub(super) fn tokens(section: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = section.chars().peekable();
    while let Some(c) = rest.next() {
        let token = match c {
            '"' => {
                while let Some(c) = rest.next_if(|c| *c != '"') {
                    tokens.push(Token::Literal(c));
                }
                rest.next();
                continue;
            }
            '\\' => Token::Literal(rest.next().unwrap_or(' ')),
            '_' | '*' => {
                rest.next();
                continue;
            }
            '[' => {
                let inner: String = std::iter::from_fn(|| rest.next_if(|c| *c != ']')).collect();
                rest.next();
                tokens.extend(bracket(&inner));
                continue;
            }
            '0' | '#' | '?' => Token::Digit(c),
            '.' => Token::Point,
            ',' => Token::Comma,
            '%' => Token::Percent,
            '@' => Token::Text,
            'G' | 'g' if is_general(&mut rest) => Token::General,
            'y' | 'Y' | 'm' | 'M' | 'd' | 'D' | 'h' | 'H' | 's' | 'S' => {
                let lower = c.to_ascii_lowercase();
                let mut count = 1;
                while rest.next_if(|next| next.eq_ignore_ascii_case(&c)).is_some() {
                    count += 1;
                }
                Token::Field(lower, count)
            }
            'A' | 'a' if rest.peek().is_some_and(|next| matches!(next, 'M' | '/' | 'm')) => {
                while rest.next_if(|c| matches!(c, 'M' | 'm' | '/' | 'P' | 'p' | 'A' | 'a')).is_some() {}
                Token::Half
            }
            c => Token::Literal(c),
        };
        tokens.push(token);
    }
    tokens
}

/// What follows a `G` makes it `General`; it is taken away.
fn is_general(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    const REST: &str = "eneral";
    let follows = rest.clone().take(REST.len()).map(|c| c.to_ascii_lowercase()).eq(REST.chars());
    if follows {
        rest.by_ref().take(REST.len()).for_each(drop);
    }
    follows
}

/// `[$€-407]` is a currency, `[h]` counts hours over days; colours and locales are nothing.
fn bracket(inner: &str) -> Vec<Token> {
    if let Some(currency) = inner.strip_prefix('$') {
        let sign = currency.split('-').next().unwrap_or_default();
        return sign.chars().map(Token::Literal).collect();
    }
    match inner.chars().next() {
        Some(c @ ('h' | 'm' | 's')) if inner.chars().all(|other| other == c) => vec![Token::Elapsed(c)],
        _ => Vec::new(),
    }
}

/// Literals between digits, and no point: a mask and no amount.
fn is_mask(tokens: &[Token]) -> bool {
    let is_digit = |token: &Token| matches!(token, Token::Digit(_));
    let (Some(first), Some(last)) = (tokens.iter().position(is_digit), tokens.iter().rposition(is_digit))
    else {
        return false;
    };
    let inner = &tokens[first..=last];
    let parts = inner.iter().any(|token| matches!(token, Token::Literal(_)));
    let zeros = inner.iter().filter(|token| **token == Token::Digit('0')).count();
    !inner.contains(&Token::Point) && !inner.contains(&Token::Comma) && (parts || zeros > 4)
}

/// Fills a mask from the right; what is left over stands before its first digit.
fn mask(tokens: &[Token], digits: &str) -> String {
    let mut left = digits.chars().rev().peekable();
    let mut shown: Vec<char> = Vec::new();
    let first = tokens.iter().position(|token| matches!(token, Token::Digit(_)));
    for (at, token) in tokens.iter().enumerate().rev() {
        match token {
            Token::Literal(c) => shown.push(*c),
            Token::Digit(placeholder) => {
                match left.next() {
                    Some(digit) => shown.push(digit),
                    None if *placeholder == '0' => shown.push('0'),
                    None => {}
                }
                if Some(at) == first {
                    shown.extend(left.by_ref());
                }
            }
            _ => {}
        }
    }
    shown.iter().rev().collect()
}

/// Appends the digits of a number without its sign: rounded, grouped, as a percentage. Large numbers are not rounded, only grouped.
fn digits(
    shown: &mut String,
    stored: &str,
    decimals: usize,
    grouped: bool,
    percent: bool,
    least: usize,
) -> Option<()> {
    let number: f64 = stored.parse().ok().filter(|number: &f64| number.is_finite())?;
    let unsigned = stored.trim_start_matches('-');
    let is_whole = unsigned.bytes().all(|digit| digit.is_ascii_digit());
    let text = match is_whole && !percent {
        true if decimals == 0 => Cow::Borrowed(unsigned),
        true => Cow::Owned(format!("{unsigned}.{:0>decimals$}", "")),
        false => {
            let number = if percent { number.abs() * 100.0 } else { number.abs() };
            Cow::Owned(format!("{number:.decimals$}"))
        }
    };
    let (whole, part) = text.split_once('.').map_or((&*text, None), |(whole, part)| (whole, Some(part)));
    let whole = if least == 0 && whole == "0" && part.is_some() { "" } else { whole };
    let zeros = least.saturating_sub(whole.len());
    let length = zeros + whole.len();
    for (at, digit) in std::iter::repeat_n('0', zeros).chain(whole.chars()).enumerate() {
        if grouped && at > 0 && (length - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    if let Some(part) = part {
        shown.push('.');
        shown.push_str(part);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponent_only_moves_the_point() {
        for (stored, expected) in [
            ("4.11111111111111E+15", "4111111111111110"),
            ("1.5E-3", "0.0015"),
            ("-2.5e1", "-25"),
            ("12.345E1", "123.45"),
            ("4111111111111111", "4111111111111111"),
            ("1E400", "1E400"),
            ("E5", "E5"),
        ] {
            assert_eq!(plain(stored), expected);
        }
    }

    #[test]
    fn a_fraction_is_rounded_as_with_an_exponent() {
        let by_exponent = |number: f64| {
            let text = format!("{number:.14e}");
            let (mantissa, exponent) = text.split_once('e').expect("an exponent");
            let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
            plain(&format!("{mantissa}e{exponent}")).into_owned()
        };
        let mut seed = 20_u64;
        for round in 0..20_000_i32 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let share = (seed >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
            let number = share * 10_f64.powi(round % 24 - 7);
            let stored = format!("{number}");
            assert_eq!(rounded(&stored, number), by_exponent(number), "{stored}");
        }
        for number in [99.999_999_999_999_99, 0.099_999_999_999_999_99, 9.999_999_999_999_999_6] {
            assert_eq!(rounded(&format!("{number}"), number), by_exponent(number));
        }
    }

    #[test]
    fn fractions_have_15_digits_and_whole_numbers_all_of_theirs() {
        for (stored, expected) in [
            ("0.17452406437283513", "0.174524064372835"),
            ("99.990000000009999", "99.99000000001"),
            ("0.30000000000000004", "0.3"),
            ("4111111111111111", "4111111111111111"),
            ("12.5", "12.5"),
        ] {
            assert_eq!(at_most_15_digits(stored), expected);
        }
    }

    #[test]
    fn a_format_of_any_octets_does_no_harm() {
        for code in [
            "[<=",
            "[<=9]",
            "\"",
            "\\",
            "_",
            "*",
            "[",
            "0;0;0;0;0",
            "#,##0.00_);[Red]\\(#,##0.00\\)",
            "yyyy\"",
            "%",
        ] {
            if let Some(format) = Format::parse(code) {
                for stored in ["0", "-1", "1.5", "99999999999999999999", "x", ""] {
                    let _ = format.show(stored, false);
                }
            }
        }
        let format = Format::parse("#,##0.00_);[Red]\\(#,##0.00\\)").unwrap();
        assert_eq!(format.show("1234.5", false).as_deref(), Some("1,234.50"));
    }
}
