//! What explaining says of a rule: where it matched, how near it came, and each thing that can stop it.

#![allow(clippy::unwrap_used)]

mod support;

use policy::Set;
use policy::explanation::{ConditionOutcome, Effect, PolicyOutcome, RuleEnd, RuleOutcome, Why};
use support::{Message, mail, policy, processor_time, raw, set, with_files};

fn explained(set: &Set, mail: &Message) -> PolicyOutcome {
    let explanation = mail.asked(|mail| set.explain(mail));
    explanation.policies.into_iter().find(|policy| policy.policy.id == 1).unwrap()
}

/// What is said of the only rule.
fn rule(set: &Set, mail: &Message) -> RuleOutcome {
    explained(set, mail).rules.remove(0)
}

/// `yes keywords "red": 2 of 3`, list by list: what people are told of conditions.
fn told(condition: &ConditionOutcome) -> String {
    let mark = if condition.holds { "yes" } else { "no" };
    if condition.inner.is_empty() {
        return format!("{mark} {}/{}", condition.count, condition.at_least);
    }
    let inner: Vec<String> = condition.inner.iter().map(told).collect();
    format!("{mark} {} ({})", condition.condition, inner.join(", "))
}

fn losses(condition: &ConditionOutcome) -> Vec<(u64, String)> {
    condition.losses.iter().map(|loss| (loss.count, loss.why.to_string())).collect()
}

const RED: &str = "[[rule]]\nname = \"r\"\nkeywords = \"red\"\n";

#[test]
fn a_condition_that_counts_too_little_says_how_much_it_counts() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nall = [{ keywords = \"red\", at_least = 3 }, { keywords = \"blue\" }]\n",
    );
    let rule = rule(&set, &mail("red red blue"));
    assert_eq!(rule.end, RuleEnd::Conditions);
    assert_eq!(told(&rule.conditions), "no all of (no 2/3, yes 1/1)");
    assert_eq!(rule.conditions.inner[0].condition, "keywords \"red\"");
}

#[test]
fn a_rule_that_counts_too_little_is_stopped_by_its_own_count() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nany = [{ keywords = \"red\" }, { keywords = \"blue\" }]\nat_least = 5\n",
    );
    let rule = rule(&set, &mail("red red blue"));
    assert_eq!((rule.end, rule.count, rule.at_least), (RuleEnd::Count, 3, 5));
    assert_eq!(told(&rule.conditions), "yes any of (yes 2/1, yes 1/1)");
}

#[test]
fn what_stands_under_none_is_told_apart_from_what_must_hold() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nall = [{ keywords = \"red\" }]\nany = [{ keywords = \"blue\" }, { keywords = \"green\" }]\nnone = [{ keywords = \"draft\" }]\n",
    );
    let rule = rule(&set, &mail("red green draft"));
    assert_eq!(rule.end, RuleEnd::Conditions);
    assert_eq!(
        told(&rule.conditions),
        "no all of (yes 1/1, yes any of (no 0/1, yes 1/1), no none of (yes 1/1))"
    );
}

#[test]
fn a_rule_for_each_component_shows_the_one_that_comes_nearest() {
    let mail = with_files("red red", &[("a.txt", "red"), ("b.txt", "none")]);
    let set = policy(&format!("{RED}per = \"component\"\nat_least = 3\n"));
    let outcome = rule(&set, &mail);
    assert_eq!((outcome.end, outcome.component.as_deref()), (RuleEnd::Conditions, Some("body")));
    assert_eq!(told(&outcome.conditions), "no 2/3", "of the body, not of the message");
    let set = policy(
        "[[rule]]\nname = \"r\"\nper = \"component\"\nat_least = 3\nany = [{ keywords = \"red\" }, { keywords = \"blue\" }]\n",
    );
    let outcome = rule(&set, &mail);
    assert_eq!((outcome.end, outcome.count, outcome.at_least), (RuleEnd::Count, 2, 3));
    assert_eq!(outcome.component.as_deref(), Some("body"));
    let set = policy(
        "[[rule]]\nname = \"r\"\nper = \"component\"\nall = [{ keywords = \"red\" }, { keywords = \"blue\" }]\n",
    );
    let outcome = rule(&set, &with_files("red", &[("a.txt", "blue blue")]));
    assert_eq!(outcome.end, RuleEnd::Conditions);
    assert_eq!(outcome.component.as_deref(), Some("a.txt"));
    assert_eq!(told(&outcome.conditions), "no all of (no 0/1, yes 2/1)");
}

#[test]
fn words_that_are_too_far_away_stop_a_match() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nkeywords = \"salary\"\nnear = { keywords = \"chief\", within = 3 }\n",
    );
    let of = |text: &str| losses(&rule(&set, &mail(text)).conditions);
    let far = "salary and another salary, and then very much later the chief";
    assert_eq!(of(far), [(2, "without its words within 3 (the nearest is 6 words away)".into())]);
    assert_eq!(of("salary, salary"), [(2, "without its words within 3 (there are none)".into())]);
    assert_eq!(of("the chief salary"), []);
    let one_of_two = rule(&set, &mail("chief salary one two three four salary"));
    assert_eq!((one_of_two.end, one_of_two.count), (RuleEnd::Matched, 1));
    assert_eq!(one_of_two.conditions.losses[0].why, Why::Apart { within: 3, nearest: Some(5) });
}

#[test]
fn an_identifier_that_waits_for_a_word_is_told_of_where_the_word_is_missing() {
    let set = set(&[
        (
            "identifiers/num.toml",
            "name = \"n\"\n[wide]\npatterns = ['\\d{6}']\nnear = { keywords = \"number\" }\n",
        ),
        ("p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nidentifier = \"num\"\n"),
    ]);
    let rule = rule(&set, &with_files("123456 654321", &[("a.txt", "number")]));
    assert_eq!(rule.conditions.losses[0].why, Why::Apart { within: 10, nearest: None });
    assert_eq!(rule.conditions.losses[0].count, 2);
}

#[test]
fn what_a_validator_refuses_is_told_with_its_name() {
    let set = set(&[
        (
            "identifiers/card.toml",
            "name = \"c\"\n[wide]\npatterns = ['\\d{4}~\\d{4}~\\d{4}~\\d{4}']\nvalidators = [\"luhn\"]\nexclude = [\"4111111111111111\"]\n",
        ),
        ("p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nidentifier = \"card\"\n"),
    ]);
    let rule =
        rule(&set, &mail("4111 1111 1111 1112, 4111-1111-1111-1113; 4012888888881881; 4111111111111111"));
    assert_eq!((rule.end, rule.count), (RuleEnd::Matched, 1));
    assert_eq!(
        losses(&rule.conditions),
        [(1, "excluded by the identifier".into()), (2, "refused by luhn".into())]
    );
}

#[test]
fn a_value_that_the_condition_excludes_is_told() {
    let set = set(&[
        ("identifiers/num.toml", "name = \"n\"\n[wide]\npatterns = ['\\d{6}']\n"),
        (
            "p.toml",
            "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nidentifier = \"num\"\nexclude = [\"123456\"]\ncount = \"unique\"\n",
        ),
    ]);
    let rule = rule(&set, &mail("123456 123456"));
    assert_eq!(rule.end, RuleEnd::Conditions);
    assert_eq!(losses(&rule.conditions), [(1, "excluded by the condition".into())], "equal values are one");
}

#[test]
fn ignored_text_is_told() {
    let set = set(&[
        ("p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nkeywords = \"confidential\"\n"),
        ("settings.toml", "[ignore]\nquoted_replies = true\n"),
    ]);
    let rule = rule(&set, &mail("yes\r\n> confidential\r\n> very confidential\r\n"));
    assert_eq!(rule.end, RuleEnd::Conditions);
    assert_eq!(losses(&rule.conditions), [(2, "in ignored text".into())]);
}

#[test]
fn what_stands_where_the_condition_does_not_look_is_told() {
    let set = policy(&format!("{RED}where = \"subject\"\n[[rule]]\nname = \"s\"\nkeywords = \"blue\"\n"));
    let rule = rule(&set, &with_files("red", &[("a.txt", "red")]));
    assert_eq!(losses(&rule.conditions), [(2, "not where it looks (in attachment, body)".into())]);
}

#[test]
fn renderings_of_one_text_lose_a_match_once() {
    let set = policy(&format!("{RED}near = {{ keywords = \"blue\" }}\n"));
    let both = raw(
        "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nred red\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>red <b>red</b></p>\r\n--b--\r\n",
    );
    assert_eq!(rule(&set, &both).conditions.losses[0].count, 2);
}

#[test]
fn facts_say_what_the_mail_has() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nall = [{ keywords = \"red\" }, { recipient = \"@rival.example\", at_least = 2 }, { attachment_count = \">= 2\" }, { direction = \"inbound\" }, { time_of_day = \"22:00-06:00\" }]\n",
    );
    let mail = with_files("red", &[("a.txt", "x")]).to(&["a@rival.example", "b@other.example"]);
    let rule = rule(&set, &mail);
    let facts: Vec<Option<&str>> = rule.conditions.inner.iter().map(|one| one.fact.as_deref()).collect();
    assert_eq!(
        facts,
        [None, Some("1 of 2 recipients"), Some("it has 1"), Some("it is unknown"), Some("it is Tue 10:00")]
    );
}

// ---- exceptions

/// The exceptions from the only rule, by name.
fn exceptions(rule: &RuleOutcome) -> Vec<(&str, &Effect)> {
    rule.exceptions.iter().map(|exception| (exception.name.as_str(), &exception.effect)).collect()
}

#[test]
fn only_the_exception_that_held_is_said_to_have_taken_the_rule_away() {
    let set = policy(&format!(
        "{RED}[[exception]]\nname = \"samples\"\nkeywords = \"sample\"\ncovers = \"message\"\n[[exception]]\nname = \"tests\"\nany = [{{ keywords = \"test\" }}]\ncovers = \"message\"\nat_least = 3\n[[exception]]\nname = \"over\"\nsender = \"@corp.example\"\nuntil = 2026-11-23\n"
    ));
    let outcome = explained(&set, &mail("red sample test test"));
    let rule = &outcome.rules[0];
    assert!(!outcome.violated);
    assert_eq!((rule.end, rule.count, rule.left), (RuleEnd::Excepted, 1, 0));
    let over = Effect::Over("2026-11-23".parse().unwrap());
    assert_eq!(
        exceptions(rule),
        [("samples", &Effect::Message), ("tests", &Effect::Nothing), ("over", &over)]
    );
    assert_eq!((rule.exceptions[1].count, rule.exceptions[1].at_least), (2, 3));
    assert_eq!(told(&rule.exceptions[1].conditions), "yes any of (yes 2/1)");
}

#[test]
fn an_exception_says_how_much_it_took_where() {
    let set = policy(&format!(
        "{RED}[[exception]]\nname = \"samples\"\nkeywords = \"sample\"\n[[exception]]\nname = \"drafts\"\nkeywords = \"draft\"\n"
    ));
    let outcome = explained(
        &set,
        &with_files("red red, a draft", &[("a.txt", "red sample red red"), ("b.txt", "red")]),
    );
    let rule = &outcome.rules[0];
    assert!(outcome.violated);
    assert_eq!((rule.end, rule.count, rule.left), (RuleEnd::Matched, 6, 1));
    assert_eq!(
        exceptions(rule),
        [
            ("samples", &Effect::Components(vec!["a.txt".into()], 3)),
            ("drafts", &Effect::Components(vec!["body".into()], 2)),
        ]
    );
}

#[test]
fn what_exceptions_leave_may_be_too_little() {
    let set = policy(&format!("{RED}at_least = 4\n[[exception]]\nname = \"e\"\nkeywords = \"sample\"\n"));
    let rule = rule(&set, &with_files("red", &[("a.txt", "red sample red red")]));
    assert_eq!((rule.end, rule.count, rule.left), (RuleEnd::Excepted, 4, 1));
    assert_eq!(told(&rule.conditions), "yes 4/4");
}

#[test]
fn an_exception_may_hold_where_the_rule_has_nothing() {
    let set = policy(&format!("{RED}[[exception]]\nname = \"e\"\nkeywords = \"sample\"\n"));
    let rule = rule(&set, &with_files("a sample", &[("a.txt", "red")]));
    assert_eq!((rule.end, rule.left), (RuleEnd::Matched, 1));
    assert_eq!(exceptions(&rule), [("e", &Effect::Components(vec!["body".into()], 0))]);
}

#[test]
fn an_exception_of_another_rule_is_not_told() {
    let set = policy(&format!(
        "{RED}[[rule]]\nname = \"s\"\nkeywords = \"blue\"\n[[exception]]\nname = \"e\"\nrules = \"s\"\nkeywords = \"sample\"\n"
    ));
    let outcome = explained(&set, &mail("red blue sample"));
    assert_eq!(exceptions(&outcome.rules[0]), []);
    assert_eq!(outcome.rules[1].end, RuleEnd::Excepted);
}

#[test]
fn every_rule_of_a_violated_policy_is_told() {
    let set = policy(&format!("{RED}[[rule]]\nname = \"s\"\nkeywords = \"blue\"\nat_least = 2\n"));
    let outcome = explained(&set, &mail("red blue"));
    let ends: Vec<RuleEnd> = outcome.rules.iter().map(|rule| rule.end).collect();
    assert!(outcome.violated);
    assert_eq!(ends, [RuleEnd::Matched, RuleEnd::Conditions]);
    assert!(outcome.rules[1].found());
    assert!(!explained(&set, &mail("red")).rules[1].found());
}

#[test]
fn findings_that_another_policy_answers_for_are_said_to_be_left_to_it() {
    let set = policy("[[rule]]\nname = \"r\"\nunscannable = \"unsupported\"\n");
    let rar = raw(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.rar\r\n\r\nRar!\u{1a}\u{7}\u{1}\0xxxxxxxxxxxxxxxxxxxxxxxxxx\r\n--b--\r\n",
    );
    let explanation = rar.asked(|mail| set.explain(mail));
    let own =
        explanation.policies.iter().find(|policy| policy.policy.id == policy::NOT_FULLY_INSPECTED).unwrap();
    assert!(!own.violated);
    assert_eq!(own.rules[0].end, RuleEnd::Answered);
}

#[test]
fn a_long_list_of_files_is_explained_in_time_in_proportion_to_it() {
    let set = policy(&format!(
        "{RED}per = \"component\"\nat_least = 9\n[[exception]]\nname = \"e\"\nkeywords = \"sample\"\nat_least = 9\n"
    ));
    let took = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("{number}.txt")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "red sample")).collect();
        let mail = with_files("red red", &files);
        mail.asked(|mail| {
            processor_time(&mut || {
                let explanation = set.explain(mail);
                assert_eq!(explanation.policies[0].rules[0].component.as_deref(), Some("body"));
            })
        })
    };
    took(50);
    let (few, many) = (took(100), took(800));
    assert!(many < few * 24 + std::time::Duration::from_millis(50), "{few:?}, then {many:?}");
}
