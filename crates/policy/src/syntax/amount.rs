//! Comparisons of numbers and sizes: `">= 10 MB"`, `"< 3"`, `5`.

use std::fmt;
use std::ops::Range;

use super::read::{At, View};
use crate::diagnostic::{Diagnostics, Place};

/// A comparison with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Amount {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Amount {
    pub(crate) fn holds(self, number: u64) -> bool {
        (self.least..=self.most).contains(&number)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (least, u64::MAX) => write!(f, ">= {least}"),
            (0, most) => write!(f, "<= {most}"),
            (least, most) if least == most => write!(f, "= {least}"),
            (least, most) => write!(f, "{least} to {most}"),
        }
    }
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Octets,
    Things,
}

/// Reads `key`; reports what is no comparison.
pub(crate) fn read(
    view: &View<'_, '_>,
    key: &str,
    unit: Unit,
    place: &Place,
    out: &mut Diagnostics,
) -> Option<At<Amount>> {
    if let Some(number) = view.integer(key) {
        return Some(At::new(Amount { least: number.value, most: u64::MAX }, number.span));
    }
    let text = view.text(key)?;
    match parse(&text.value, unit) {
        Some(amount) if amount.least <= amount.most => Some(At::new(amount, text.span)),
        Some(_) => {
            impossible(key, &text.value, text.span, place, out);
            None
        }
        None => {
            refuse(key, &text.value, unit, text.span, place, out);
            None
        }
    }
}

fn refuse(key: &str, text: &str, unit: Unit, span: Range<usize>, place: &Place, out: &mut Diagnostics) {
    let example = if unit == Unit::Octets { "\">= 10 MB\" or \"< 500 KB\"" } else { "\">= 5\" or \"< 3\"" };
    out.error("E0308", &place.at(span), format!("`{key} = \"{text}\"` is no comparison"))
        .label("cannot be read")
        .remedy(format!("write one of >=, >, <=, <, = and a whole number, such as {example}"));
}

fn impossible(key: &str, text: &str, span: Range<usize>, place: &Place, out: &mut Diagnostics) {
    out.error("E0308", &place.at(span), format!("`{key} = \"{text}\"` can never hold"))
        .label("nothing is less than nothing")
        .remedy("turn the sign around, or raise the number");
}

fn parse(text: &str, unit: Unit) -> Option<Amount> {
    let text = text.trim();
    let signs = [">=", "<=", ">", "<", "=", "≥", "≤"];
    let sign = signs.into_iter().find(|sign| text.starts_with(sign)).unwrap_or("");
    let number = quantity(text[sign.len()..].trim(), unit)?;
    Some(match sign {
        ">" => Amount { least: number.checked_add(1)?, most: u64::MAX },
        "<" if number == 0 => Amount { least: 1, most: 0 },
        "<" => Amount { least: 0, most: number - 1 },
        "<=" | "≤" => Amount { least: 0, most: number },
        "=" => Amount { least: number, most: number },
        _ => Amount { least: number, most: u64::MAX },
    })
}

fn quantity(text: &str, unit: Unit) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let number: u64 = text[..digits].replace('_', "").parse().ok()?;
    let factor: u64 = match (unit, text[digits..].trim().to_ascii_uppercase().as_str()) {
        (_, "") | (Unit::Octets, "B" | "BYTES" | "OCTETS") => 1,
        (Unit::Octets, "K" | "KB" | "KIB") => 1 << 10,
        (Unit::Octets, "M" | "MB" | "MIB") => 1 << 20,
        (Unit::Octets, "G" | "GB" | "GIB") => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_units_are_read() {
        let octets = |text| parse(text, Unit::Octets);
        assert_eq!(octets(">= 10 MB"), Some(Amount { least: 10 << 20, most: u64::MAX }));
        assert_eq!(octets("< 1KB"), Some(Amount { least: 0, most: 1023 }));
        assert_eq!(octets("= 0"), Some(Amount { least: 0, most: 0 }));
        assert_eq!(octets("5 m"), Some(Amount { least: 5 << 20, most: u64::MAX }));
        assert_eq!(parse("> 3", Unit::Things), Some(Amount { least: 4, most: u64::MAX }));
        assert_eq!(parse("3 MB", Unit::Things), None);
        for nonsense in ["", ">=", "many", "> -1", "99999999999999999999", "18446744073709551615 KB"] {
            assert_eq!(octets(nonsense), None, "{nonsense}");
        }
    }
}
