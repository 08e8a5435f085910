//! Identifiers that are looked for last: where no rule could make anything of them they cost nothing, and nobody sees a
//! difference.

#![allow(clippy::unwrap_used)]

mod support;

use policy::explanation::RuleEnd;
use proptest::prelude::*;
use proptest::sample::select;
use support::{mail, policy, set, with_files};

const NUMBER: &str = "name = \"n\"\n[wide]\npatterns = ['\\d{4}']\nvalidators = [\"luhn\"]\n";
const NEAR: &str = "name = \"m\"\n[wide]\npatterns = ['\\d{4}']\nvalidators = [\"luhn\"]\n[wide.near]\nkeywords = [\"account\"]\nwithin = 3\n";
/// A rule that cannot hold without a word.
const WITH_WORD: &str =
    "[[rule]]\nname = \"w\"\nall = [{ identifier = \"n\" }, { keywords = [\"network plan\"] }]\n";

fn one(rules: &str) -> policy::Set {
    let policy = format!("id = 1\nname = \"P\"\nmode = \"on\"\n{rules}");
    set(&[("p.toml", &policy), ("identifiers/n.toml", NUMBER), ("identifiers/m.toml", NEAR)])
}

#[test]
fn a_word_in_one_file_and_a_number_in_another_make_a_rule_hold() {
    let set = one(WITH_WORD);
    assert_eq!(
        with_files("0018 0026", &[("a.txt", "0034"), ("b.txt", "the network plan")]).count(&set),
        Some(4)
    );
    assert_eq!(with_files("the network plan", &[("a.txt", "0018"), ("b.txt", "0026")]).count(&set), Some(3));
    assert_eq!(with_files("0018 0026", &[("a.txt", "0034")]).count(&set), None);
    assert_eq!(mail("the network plan 0019").count(&set), None);
}

#[test]
fn a_number_that_another_rule_asks_for_alone_is_found_without_the_word() {
    let set = one(&format!("{WITH_WORD}[[rule]]\nname = \"alone\"\nidentifier = \"n\"\nat_least = 2\n"));
    assert_eq!(mail("0018 0026").count(&set), Some(2));
    assert_eq!(mail("0018").count(&set), None);
    assert_eq!(mail("0018 network plan").count(&set), Some(2));
}

#[test]
fn a_number_that_an_exception_asks_for_is_found_without_the_word() {
    let set = one(&format!(
        "{WITH_WORD}[[rule]]\nname = \"other\"\nkeywords = \"red\"\n[[exception]]\nname = \"e\"\nidentifier = \"n\"\ncovers = \"message\"\n"
    ));
    assert_eq!(mail("red").count(&set), Some(1));
    assert_eq!(mail("red 0018").count(&set), None);
}

#[test]
fn a_number_that_counts_near_a_word_and_beside_another_counts_once_for_each() {
    let set = one(&format!("{WITH_WORD}[[rule]]\nname = \"near\"\nidentifier = \"m\"\n"));
    let counts = |body: &str| {
        let found = mail(body).inspect(&set);
        let rules = found.violations.iter().flat_map(|violation| &violation.rules);
        rules.map(|rule| (rule.name.clone(), rule.count)).collect::<Vec<_>>()
    };
    let told = |all: &[(&str, u64)]| {
        all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>()
    };
    assert_eq!(counts("account 0018"), told(&[("near", 1)]));
    assert_eq!(counts("0018 in the network plan"), told(&[("w", 2)]));
    assert_eq!(counts("account 0018 in the network plan"), told(&[("w", 2), ("near", 1)]));
}

#[test]
fn numbers_beside_words_are_found_in_each_of_several_texts_whether_few_lines_or_all_are_looked_at() {
    let set = one("[[rule]]\nname = \"near\"\nidentifier = \"m\"\n");
    // Long enough that each text is read alone.
    let (clean, words) = ("naïve lines without it\n".repeat(4_000), "of the größte account\n".repeat(4_000));
    let few = format!("{clean}account 0018\n");
    let all = format!("{words}0026\n{words}{clean}0034\n");
    for (body, files, count) in [
        (few.as_str(), [("a.txt", all.as_str()), ("b.txt", clean.as_str())], Some(2)),
        (clean.as_str(), [("a.txt", few.as_str()), ("b.txt", all.as_str())], Some(2)),
        (all.as_str(), [("a.txt", all.as_str()), ("b.txt", "0018")], Some(2)),
        (words.as_str(), [("a.txt", clean.as_str()), ("b.txt", "0018")], None),
    ] {
        assert_eq!(with_files(body, &files).count(&set), count);
    }
}

#[test]
fn words_of_one_alternative_do_not_stand_for_those_of_another() {
    let rule = "[[rule]]\nname = \"r\"\nany = [{ all = [{ identifier = \"n\" }, { keywords = \"plan\" }] }, { keywords = \"red\" }]\n";
    let set = one(rule);
    // The rule holds by its other half, and all that stands in it counts.
    let alone = mail("red 0018").count(&set);
    let slow = policy(
        "[[rule]]\nname = \"r\"\nany = [{ all = [{ regex = '\\b0018\\b' }, { keywords = \"plan\" }] }, { keywords = \"red\" }]\n",
    );
    assert_eq!(alone, mail("red 0018").count(&slow));
    assert_eq!(mail("plan 0018").count(&set), mail("plan 0018").count(&slow));
    assert_eq!(mail("0018").count(&set), None);
}

#[test]
fn explaining_says_how_many_numbers_there_are_where_the_word_is_missing() {
    let set = one(WITH_WORD);
    let explanation = mail("0018 0026").asked(|mail| set.explain(mail));
    let policy = explanation.policies.into_iter().find(|policy| policy.policy.id == 1).unwrap();
    let rule = &policy.rules[0];
    assert_eq!(rule.end, RuleEnd::Conditions);
    let counts: Vec<u64> = rule.conditions.inner.iter().map(|one| one.count).collect();
    assert_eq!(counts, [2, 0]);
}

/// Lines of words, of numbers and of what lies between them.
fn lines() -> impl Strategy<Value = Vec<&'static str>> {
    let line = select(vec![
        "account",
        "0018",
        "the account of somebody",
        "a 0026 b",
        "x",
        "",
        "one two three",
        "naïve é—b 机密",
        "we are sorry that the delivery came late and that some of the boxes were open when they arrived",
    ]);
    prop::collection::vec(line, 0..60)
}

proptest! {
    /// Only lines near the words are looked at; text in one line is looked at as a whole.
    #[test]
    fn numbers_near_words_are_the_same_in_many_lines_and_in_one(lines in lines()) {
        let set = one("[[rule]]\nname = \"near\"\nidentifier = \"m\"\n");
        prop_assert_eq!(mail(&lines.join("\n")).count(&set), mail(&lines.join(" ")).count(&set));
    }
}
