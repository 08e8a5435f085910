//! The sections of a number format: which of them a value is shown by, and what a format puts beside a text (ECMA-376-1, 18.8.31).

use super::format::{Shape, Token, literals, sections, tokens};

/// A format as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Format {
    /// Up to three, each with its condition; none where a section shows nothing that is known.
    numbers: Vec<(Option<Condition>, Option<Shape>)>,
    /// What stands before a text and behind it.
    text: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Condition {
    sign: Sign,
    limit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Less,
    AtMost,
    More,
    AtLeast,
    Is,
    IsNot,
}

impl Format {
    pub(super) fn parse(code: &str) -> Option<Self> {
        if code.len() > 255 || code.eq_ignore_ascii_case("general") {
            return None;
        }
        let (mut numbers, mut text) = (Vec::new(), None);
        for (at, section) in sections(code).take(4).enumerate() {
            let tokens = tokens(section);
            if at == 3 || tokens.contains(&Token::Text) {
                text = Some(around_text(&tokens))
                    .filter(|(before, after)| !(before.is_empty() && after.is_empty()));
            } else {
                numbers.push((Condition::parse(section), Shape::of(tokens)));
            }
        }
        let says_something = text.is_some() || numbers.iter().any(|(_, shape)| shape.is_some());
        says_something.then_some(Self { numbers, text })
    }

    /// A number as its cell shows it; none where it is shown as stored, or the format is not understood.
    pub(super) fn show(&self, stored: &str, dates_1904: bool) -> Option<String> {
        let unsigned = stored.strip_prefix('-');
        let (section, sign) = self.section(stored, unsigned.is_some())?;
        match unsigned.filter(|_| !section.is_date()) {
            Some(unsigned) => {
                let shown = section.show(unsigned, dates_1904)?;
                Some(if sign { format!("-{shown}") } else { shown })
            }
            None => section.show(stored, dates_1904),
        }
    }

    /// The section of a number, and whether its sign is shown: a section for numbers below zero has its own.
    fn section(&self, stored: &str, below: bool) -> Option<(&Shape, bool)> {
        let shape = |at: usize| self.numbers.get(at).and_then(|(_, shape)| shape.as_ref());
        let count = self.numbers.len();
        if self.numbers.iter().any(|(condition, _)| condition.is_some()) {
            let number: f64 = stored.parse().ok()?;
            let fits =
                |condition: &Option<Condition>| condition.is_none_or(|condition| condition.holds(number));
            return self
                .numbers
                .iter()
                .find(|(condition, _)| fits(condition))?
                .1
                .as_ref()
                .map(|shape| (shape, true));
        }
        if below && count > 1 {
            return shape(1).map(|shape| (shape, false));
        }
        let is_zero = || stored.bytes().all(|octet| matches!(octet, b'0' | b'.'));
        shape(if count > 2 && is_zero() { 2 } else { 0 }).map(|shape| (shape, true))
    }

    /// A text as its cell shows it; none where nothing stands beside it.
    pub(super) fn show_text(&self, text: &str) -> Option<String> {
        self.text.as_ref().map(|(before, after)| [before, text, after].concat())
    }

    pub(super) fn is_about_text(&self) -> bool {
        self.text.is_some()
    }
}

fn around_text(tokens: &[Token]) -> (String, String) {
    let at = tokens.iter().position(|token| *token == Token::Text).unwrap_or(tokens.len());
    (literals(&tokens[..at]), literals(tokens.get(at + 1..).unwrap_or_default()))
}

impl Condition {
    /// `[<=9999999]`, behind colours and such.
    fn parse(section: &str) -> Option<Self> {
        let mut rest = section;
        while let Some((inner, behind)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            for (start, sign) in [
                ("<=", Sign::AtMost),
                (">=", Sign::AtLeast),
                ("<>", Sign::IsNot),
                ("<", Sign::Less),
                (">", Sign::More),
                ("=", Sign::Is),
            ] {
                if let Some(limit) = inner.strip_prefix(start) {
                    return limit.trim().parse().ok().map(|limit| Self { sign, limit });
                }
            }
            rest = behind;
        }
        None
    }

    fn holds(self, number: f64) -> bool {
        match self.sign {
            Sign::Less => number < self.limit,
            Sign::AtMost => number <= self.limit,
            Sign::More => number > self.limit,
            Sign::AtLeast => number >= self.limit,
            Sign::Is => number == self.limit,
            Sign::IsNot => number != self.limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: &str, stored: &str) -> Option<String> {
        Format::parse(code)?.show(stored, false)
    }

    #[test]
    fn a_number_is_shown_by_the_section_that_is_its_own() {
        for (code, stored, expected) in [
            // Words only.
            ("\"4111 1111 1111 1111\"", "5", Some("4111 1111 1111 1111")),
            ("4111\\ 1111", "5", Some("4111 1111")),
            ("0;\"4111-1111-\"0000", "-1111", Some("4111-1111-1111")),
            ("0;-0;\"4111 1111\"", "0", Some("4111 1111")),
            ("0;-0;\"4111 1111\"", "0.0", Some("4111 1111")),
            ("0;-0;\"nothing\"", "12", Some("12")),
            ("#,##0.00_);[Red]\\(#,##0.00\\)", "-1234.5", Some("(1,234.50)")),
            ("#,##0.00", "-1234.5", Some("-1,234.50")),
            ("[=1]\"4111 1111\";[=2]\"5500 0000\";0", "2", Some("5500 0000")),
            ("[=1]\"4111 1111\";[=2]\"5500 0000\";0", "3", Some("3")),
            ("[Red][<100]\"small \"0;\"large \"0", "5", Some("small 5")),
            ("[Red][<100]\"small \"0;\"large \"0", "500", Some("large 500")),
            ("0000 0000 0000 0000", "-4111111111111111", Some("-4111 1111 1111 1111")),
            ("\"4111 \"General", "1.5", Some("4111 1.5")),
            // Nothing is shown: what is stored is read.
            (";;;", "5", None),
            ("General", "5", None),
            ("@", "5", None),
        ] {
            assert_eq!(shown(code, stored).as_deref(), expected, "{code} of {stored}");
        }
    }

    #[test]
    fn what_a_format_puts_beside_a_text_is_shown() {
        let show = |code: &str| Format::parse(code).and_then(|format| format.show_text("1111"));
        assert_eq!(show("\"4111 1111 1111 \"@").as_deref(), Some("4111 1111 1111 1111"));
        assert_eq!(show("0;0;0;@\" end\"").as_deref(), Some("1111 end"));
        assert_eq!(show("0;0;0;\"4111\"").as_deref(), Some("41111111"));
        assert_eq!(show("0;@"), None);
        assert_eq!(show("0;0;0;@"), None);
    }
}
