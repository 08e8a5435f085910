//! Every code of a diagnostic with what it means, for `weir policy check`, the reference and the tests.

/// Codes and what they say, by number. `E` is an error: the set cannot be used. `W` is a warning: surely not what was meant.
pub const CODES: &[(&str, &str)] = &[
    // files and keys
    ("E0001", "a file cannot be read, or is not UTF-8"),
    ("E0002", "a file is not TOML"),
    ("E0003", "a table has no such key"),
    ("E0004", "a value has the wrong type"),
    ("E0005", "a key that must be there is missing"),
    ("E0006", "a word is not one of those that are possible"),
    ("E0007", "a number is out of its range"),
    ("E0008", "a text or a list is empty"),
    // how conditions stand together
    ("E0201", "a rule, an exception or a condition says nothing about what to look for"),
    ("E0202", "two conditions stand in one table"),
    ("E0203", "an option does not go with its condition"),
    ("E0204", "conditions are nested too deeply"),
    ("E0205", "`near` names no words"),
    // what conditions say
    ("E0301", "a regular expression cannot be used"),
    ("E0302", "a keyword cannot be looked for"),
    ("E0303", "the shape of an identifier cannot be looked for"),
    ("E0304", "there is no such validator"),
    ("E0305", "there is no such dictionary"),
    ("E0306", "there is no such identifier"),
    ("E0307", "the identifier has no such breadth"),
    ("E0308", "a comparison cannot be read, or can never hold"),
    ("E0309", "a file that is named is not in the policy directory"),
    ("E0310", "a group is not in the directory exports"),
    ("E0311", "there is no such file type"),
    ("E0312", "there is no such reason why something cannot be inspected"),
    ("E0313", "there is no such ambiguity"),
    ("E0314", "there is no such component"),
    ("E0315", "this is no address pattern"),
    ("E0316", "this is no time of day"),
    ("E0317", "there is no such time zone"),
    ("E0318", "this is no name of a header"),
    ("E0319", "a directory export cannot be read"),
    ("E0320", "a known text has neither text nor file, or both"),
    ("E0321", "an exception names a rule that the policy has not"),
    // indexes
    ("E0330", "there is no such index"),
    ("E0331", "an index cannot be used"),
    ("E0332", "an index has no such column"),
    ("E0333", "a condition on exact data can never hold"),
    // policies among each other
    ("E0401", "two policies have one number"),
    ("E0402", "two policies have one name"),
    ("E0403", "two identifiers or two dictionaries have one name"),
    ("E0404", "two rules of a policy have one name"),
    ("E0405", "there is no such response rule"),
    // identifiers
    ("E0501", "an identifier has no breadth, or a breadth no patterns"),
    ("E0502", "a breadth is like one that is not there"),
    ("E0503", "breadths are like each other in a circle"),
    ("E0504", "the default breadth is not there"),
    // response rules
    ("E0601", "this is no header line"),
    ("E0602", "this header is not for rules to add"),
    ("E0604", "a text that goes into one line has line ends or control characters"),
    ("E0605", "this is no address to send to"),
    ("E0606", "this is no enhanced status code, or its class does not go with the reply code"),
    ("E0607", "there is no such variable"),
    ("E0608", "a variable is not known at this place"),
    ("E0609", "`when` names a policy that is not there"),
    ("E0610", "two response rules have one name"),
    ("E0611", "a response rule does nothing"),
    // cases
    ("E0701", "a case has no mail"),
    // surely not meant: conditions
    ("W0201", "an address pattern has a comma where a dot is usual"),
    ("W0202", "an address pattern means everyone"),
    ("W0203", "a domain has no dot"),
    ("W0204", "a rule can never match"),
    ("W0205", "an exception holds whenever its rules match"),
    ("W0206", "a regular expression starts at every octet"),
    ("W0207", "a count is asked for that cannot be reached"),
    ("W0208", "an exception is over"),
    ("W0209", "a tier never decides"),
    (
        "W0210",
        "one recipient is enough for an exception, or to keep a rule from matching, whoever else gets the mail",
    ),
    ("W0211", "an address file or a group is empty"),
    ("W0213", "a known text is too short to be known by"),
    // surely not meant: indexes
    ("W0301", "an index is older than it should be"),
    ("W0302", "the key of an index can be read by others"),
    ("W0303", "values that many rows have in common suffice"),
    ("W0304", "a learned policy is not good enough"),
    // surely not meant: response rules
    ("W0601", "a changed subject breaks DKIM signatures"),
    ("W0602", "Email Quarantine Connect stands beside other changes"),
    ("W0603", "an action beside `block` never happens"),
    ("W0604", "a response rule never acts"),
    ("W0605", "a refusal's text will be cut or rewritten"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::CODES;

    /// The codes that stand between quotes in the sources of a folder.
    fn used(dir: &Path, all: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                used(&path, all);
            } else if path.extension().is_some_and(|end| end == "rs")
                && path.file_name().unwrap() != "codes.rs"
            {
                let text = std::fs::read_to_string(&path).unwrap();
                let words = text.split('"').filter(|word| word.len() == 5 && word.starts_with(['E', 'W']));
                all.extend(
                    words
                        .filter(|word| word[1..].bytes().all(|octet| octet.is_ascii_digit()))
                        .map(str::to_owned),
                );
            }
        }
    }

    #[test]
    fn every_code_that_the_sources_use_is_explained_and_no_other() {
        let mut all = BTreeSet::new();
        used(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
        let listed: BTreeSet<String> = CODES.iter().map(|(code, _)| (*code).to_owned()).collect();
        assert_eq!(all, listed);
        assert_eq!(listed.len(), CODES.len(), "a code is listed twice");
    }
}
