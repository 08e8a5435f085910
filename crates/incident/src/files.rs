//! Which files of its message an incident knows by name, and the value by which others with a file of that name are found.
//!
//! Known are those in which something was found or that could not be opened, and the archives and messages around them. A record
//! tells a place by its path, `offer.zip > prices/q3.xlsx > Sheet2!B7`; folders within an archive belong to no name.

use std::collections::BTreeSet;

use crate::record::Match;

/// Names of one incident.
const MOST: usize = 100;
/// Characters of a name that count.
const LONGEST: usize = 300;
/// What no matched value begins with; a mail that writes it is found by a name that no file has.
pub(crate) const MARK: &str = "\u{1}file\u{1}";

/// The value of [`Field::MatchedValue`](crate::desk::Field::MatchedValue) that incidents with a file of this name have, in any case
/// of letters.
pub fn value(name: &str) -> String {
    let name: String = name.trim().to_lowercase().chars().take(LONGEST).collect();
    format!("{MARK}{name}")
}

/// The names of its files, each once, without folders; at most a hundred.
pub fn named(matches: &[Match], unscannable: &[(String, String)]) -> Vec<String> {
    let paths = matches.iter().map(|found| found.path.as_str());
    let paths = paths.chain(unscannable.iter().map(|(path, _)| path.as_str()));
    let mut seen = BTreeSet::new();
    paths.flat_map(of_path).filter(|name| seen.insert(name.to_lowercase())).take(MOST).collect()
}

/// What something is in is a file; the last step is one if it is named like one, and not like a header field, a cell or a page.
fn of_path(path: &str) -> Vec<String> {
    let steps: Vec<&str> = path.split(" > ").collect();
    let last = steps.len() - 1;
    let names = steps.iter().enumerate().filter(|(at, step)| *at < last || has_ending(step));
    names
        .map(|(_, step)| step.rsplit(['/', '\\']).next().unwrap_or_default().trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// `q3.xlsx`, but neither `Sheet2!B7` nor `page 3` nor `Subject`.
fn has_ending(step: &str) -> bool {
    step.rsplit_once('.').is_some_and(|(stem, ending)| {
        !stem.is_empty()
            && (1..=8).contains(&ending.len())
            && ending.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_what_paths_lead_through_and_places_within_them_are_none() {
        for (path, names) in [
            ("", &[][..]),
            ("Subject", &[]),
            ("offer.pdf", &["offer.pdf"]),
            ("offer.pdf > page 3", &["offer.pdf"]),
            ("auditor.zip > export/payroll.xlsx > Payroll!B2", &["auditor.zip", "payroll.xlsx"]),
            ("old\\list.csv", &["list.csv"]),
            ("README > line 3", &["README"]),
            ("a.zip > b/", &["a.zip"]),
        ] {
            assert_eq!(of_path(path), names, "{path}");
        }
    }

    #[test]
    fn a_file_counts_once_in_whatever_letters_and_there_is_a_bound() {
        let at = |path: &str| (path.to_owned(), "encrypted".to_owned());
        assert_eq!(named(&[], &[at("A.zip > x.txt"), at("a.ZIP > x.txt")]), ["A.zip", "x.txt"]);
        let many: Vec<_> = (0..500).map(|number| at(&format!("{number}.txt"))).collect();
        assert_eq!(named(&[], &many).len(), MOST);
        assert_eq!(value(" Offer.PDF "), value("offer.pdf"));
    }
}
