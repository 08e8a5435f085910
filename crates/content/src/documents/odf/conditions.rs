//! Words of conditions: of formats and of validations in sheets, of fields and sections in texts. What is compared with is read, the formula is not.

use std::collections::BTreeSet;

use super::Attributes;

/// Digits in a row that are more than the number of a row or a colour.
const LEAST_DIGITS: usize = 8;
/// Octets of conditions that are kept to be given once.
const MOST: usize = 1 << 20;

/// What is compared with in an element, one a line.
pub(super) fn of_element(name: &str, attributes: &Attributes<'_>) -> Option<String> {
    let key = match name {
        // Of LibreOffice.
        "condition" => "value",
        "map" | "conditional-text" | "hidden-text" | "hidden-paragraph" | "section" => "condition",
        _ => return None,
    };
    let said = compared_with(&attributes.get(key)?);
    (!said.is_empty()).then(|| said.trim_end().to_owned())
}

/// Strings between quotes, a doubled one being a quote in them, and long numbers.
fn compared_with(condition: &str) -> String {
    let mut said = String::new();
    let mut rest = condition;
    while let Some(at) = rest.find(|c: char| c == '"' || c.is_ascii_digit()) {
        rest = &rest[at..];
        let before = said.len();
        if rest.starts_with('"') {
            rest = string(&rest[1..], &mut said);
        } else {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            // Not those of a fraction.
            let is_whole = !condition[..condition.len() - rest.len()].ends_with('.');
            said.push_str(if is_whole && end >= LEAST_DIGITS { &rest[..end] } else { "" });
            rest = &rest[end..];
        }
        if said.len() > before {
            said.push('\n');
        }
    }
    said
}

/// Takes a string up to its quote; gives what is behind.
fn string<'t>(text: &'t str, said: &mut String) -> &'t str {
    let mut rest = text;
    loop {
        let end = rest.find('"').unwrap_or(rest.len());
        said.push_str(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
        match rest.strip_prefix('"') {
            Some(behind) => rest = behind,
            None => return rest,
        }
        said.push('"');
    }
}

/// The same condition stands with a style and, for LibreOffice, with the sheet.
#[derive(Default)]
pub(super) struct OfStyles {
    all: BTreeSet<String>,
    octets: usize,
}

impl OfStyles {
    /// Keeps what a style compares with until it is known whether a sheet says so; gives it back where too much is kept.
    pub(super) fn keep(&mut self, said: String) -> Option<String> {
        if self.octets + said.len() > MOST {
            return Some(said);
        }
        self.octets += said.len();
        self.all.insert(said);
        None
    }

    /// A sheet says so.
    pub(super) fn given(&mut self, said: &str) {
        self.all.remove(said);
    }

    /// What no sheet said.
    pub(super) fn left(self) -> impl Iterator<Item = String> {
        self.all.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::compared_with;

    #[test]
    fn strings_and_long_numbers_of_a_condition_are_read_and_nothing_else() {
        for (condition, said) in [
            ("cell-content()=\"4111 1111\"", "4111 1111\n"),
            ("of:cell-content-is-in-list(\"Amber\";\"a \"\"quoted\"\" word\")", "Amber\na \"quoted\" word\n"),
            ("=4111111111111111", "4111111111111111\n"),
            ("value()<=1.7976931348623157E+308", ""),
            ("is-true-formula([.B1048576]=1234567)", ""),
            ("[.A1]=\"\"", ""),
            ("\"größe", "größe\n"),
            ("\"", ""),
        ] {
            assert_eq!(compared_with(condition), said, "{condition}");
        }
    }
}
