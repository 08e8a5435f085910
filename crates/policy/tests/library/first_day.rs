//! Thirty ordinary mails of a small company in fifteen languages: the default set is silent about all but those that say otherwise.

use policy::Set;

use crate::support::{Message, raw};

/// The mails, by name, with the numbers of the policies that they have to violate.
fn mails() -> Vec<(String, Message, Vec<u32>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library/first_day");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            // The first character of a token is escaped, so that scanners of repositories leave it alone.
            let text = std::fs::read_to_string(&path).unwrap().replace("\\u0067", "g");
            let expected = text.lines().find_map(|line| line.strip_prefix("X-Expected-Policies:")).unwrap();
            let expected = expected.split_whitespace().map(|id| id.parse().unwrap()).collect();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, raw(&text.replace('\n', "\r\n")), expected)
        })
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

#[test]
fn ordinary_mails_of_the_first_day_are_nobodys_business() {
    let Ok(policy::Loaded { set, .. }) = Set::load_files(&crate::files()) else {
        panic!("the library does not load")
    };
    let mails = mails();
    assert_eq!(mails.len(), 30);
    for (name, mail, expected) in mails {
        let inspection = mail.inspect(&set);
        let found: Vec<u32> = inspection.violations.iter().map(|violation| violation.policy.id).collect();
        assert_eq!(found, expected, "{name}: {:?}", inspection.violations);
        assert!(inspection.unscannable.is_empty(), "{name}");
    }
}
