//! Check functions for data identifiers: is this candidate a number or token that its issuer could have given out?
//!
//! Every function is pure, allocates nothing, and takes time linear in a candidate of at most [`LONGEST`] octets;
//! anything longer, and anything it does not understand, is refused. A function says only what the standard
//! says (length, alphabet, ranges, dates, check digits), never how likely the number is in its surroundings: that is
//! for the breadths and keywords of the identifier.

mod asia;
mod bank;
mod calendar;
mod cards;
mod checksum;
mod devices;
mod europe_east;
mod europe_north;
mod europe_small;
mod europe_south;
mod europe_west;
mod latin_america;
mod middle_east_africa;
mod north_america;
mod oceania;
mod registers;
mod secrets;
mod securities;
mod shape;
mod travel;

use std::sync::LazyLock;

/// The longest candidate, in octets after compacting, that any validator accepts.
pub const LONGEST: usize = 4096;

/// The longest candidate, in octets after compacting, that a [`Form::Compact`] validator accepts.
const LONGEST_COMPACT: usize = 64;

/// What a validator looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// ASCII letters and digits only, upper-cased; separators are gone.
    Compact,
    /// The text as it stands: case and separators matter (tokens, keys, track data).
    Verbatim,
}

/// A named check. Cheap to copy and safe to share.
#[derive(Clone, Copy)]
pub struct Validator {
    /// The name that identifiers use in their `validators` list.
    pub name: &'static str,
    /// What [`Validator::check`] expects to be given.
    pub form: Form,
    /// What the check is, for people: one short sentence.
    pub about: &'static str,
    check: fn(&str) -> bool,
}

impl Validator {
    /// Whether the matched text passes. The text may still hold separators and lower case; a compact validator sees
    /// it without them. A letter or digit outside ASCII makes a compact validator refuse.
    pub fn accepts(&self, matched: &str) -> bool {
        match self.form {
            Form::Verbatim => matched.len() <= LONGEST && (self.check)(matched),
            Form::Compact => {
                let mut room = [0u8; LONGEST_COMPACT];
                compact(matched, &mut room).is_some_and(self.check)
            }
        }
    }

    /// Whether a candidate that already has this validator's [`Form`] passes.
    pub fn check(&self, candidate: &str) -> bool {
        candidate.len() <= LONGEST && (self.check)(candidate)
    }
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Validator")
            .field("name", &self.name)
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

/// The validator of that name, if there is one.
pub fn validator(name: &str) -> Option<Validator> {
    let all = &*ALL;
    all.binary_search_by(|v| v.name.cmp(name)).ok().and_then(|at| all.get(at)).copied()
}

/// Every validator's name, in alphabetical order.
pub fn names() -> &'static [&'static str] {
    &NAMES
}

/// Every validator, in the order of their names.
pub fn all() -> &'static [Validator] {
    &ALL
}

static ALL: LazyLock<Vec<Validator>> = LazyLock::new(|| {
    let tables = [
        asia::TABLE,
        bank::TABLE,
        cards::TABLE,
        checksum::TABLE,
        devices::TABLE,
        europe_east::TABLE,
        europe_north::TABLE,
        europe_small::TABLE,
        europe_south::TABLE,
        europe_west::TABLE,
        latin_america::TABLE,
        middle_east_africa::TABLE,
        north_america::TABLE,
        oceania::TABLE,
        registers::TABLE,
        secrets::TABLE,
        securities::TABLE,
        shape::TABLE,
        travel::TABLE,
    ];
    let mut all: Vec<Validator> = tables.concat();
    all.sort_by_key(|v| v.name);
    all
});

static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| ALL.iter().map(|v| v.name).collect());

/// A table row for a check of letters and digits.
const fn compacted(name: &'static str, check: fn(&str) -> bool, about: &'static str) -> Validator {
    Validator { name, form: Form::Compact, about, check }
}

/// A table row for a check of the text as it stands.
const fn verbatim(name: &'static str, check: fn(&str) -> bool, about: &'static str) -> Validator {
    Validator { name, form: Form::Verbatim, about, check }
}

/// Writes the ASCII letters and digits of `text`, upper-cased, into `room`. None if they do not fit or if `text` has
/// letters or digits of other scripts.
fn compact<'r>(text: &str, room: &'r mut [u8]) -> Option<&'r str> {
    if !text.is_ascii() && text.chars().any(|c| !c.is_ascii() && c.is_alphanumeric()) {
        return None;
    }
    let mut used = 0;
    for octet in text.bytes().filter(u8::is_ascii_alphanumeric) {
        *room.get_mut(used)? = octet.to_ascii_uppercase();
        used += 1;
    }
    std::str::from_utf8(room.get(..used)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_unique_and_found() {
        assert!(names().windows(2).all(|w| w[0] < w[1]), "duplicate validator name");
        for name in names() {
            assert_eq!(validator(name).map(|v| v.name), Some(*name));
        }
        assert!(validator("no_such_check").is_none());
    }

    #[test]
    fn no_validator_accepts_the_empty_text_or_a_very_long_one() {
        let long = "1".repeat(LONGEST + 1);
        for v in all() {
            assert!(!v.accepts(""), "{} accepts nothing", v.name);
            assert!(!v.accepts(&long), "{} accepts {} digits", v.name, long.len());
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]

        #[test]
        fn no_validator_panics_and_compact_ones_do_not_see_separators(text in "\\PC{0,40}", number in "[A-Z]{0,4}[0-9]{4,24}[A-Z]{0,2}", cut in 0usize..8) {
            let cut = cut.min(number.len());
            let parted = format!("{} {}", &number[..cut], &number[cut..]);
            for v in all() {
                v.accepts(&text);
                v.check(&text);
                if v.form == Form::Compact {
                    assert_eq!(v.accepts(&number), v.accepts(&parted), "{} {number}", v.name);
                }
            }
        }
    }

    #[test]
    fn separators_and_case_do_not_matter_to_a_compact_validator() {
        let iban = validator("iban").unwrap();
        assert!(iban.accepts("gb82 west-1234.5698 7654/32"));
        assert!(!iban.accepts("GB82 WÉST 1234 5698 7654 32"));
    }
}
