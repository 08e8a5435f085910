//! Conditions about people, files and times, as people write names and as programs send them.

#![allow(clippy::unwrap_used)]

mod support;

use policy::Set;
use support::{mail, policy, set, with_files};

/// A rule with this condition and these options.
fn rule(condition: &str) -> Set {
    policy(&format!("[[rule]]\nname = \"r\"\n{condition}\n"))
}

/// A rule that holds, with this exception.
fn exception(condition: &str) -> Set {
    policy(&format!("[[rule]]\nname = \"r\"\nkeywords = \"red\"\n[[exception]]\n{condition}\n"))
}

#[test]
fn conditions_on_days_that_differ_in_the_last_day_only_are_two() {
    let weekdays = |last: &str| format!("weekday = [\"mon\", \"tue\", \"wed\", \"{last}\"]");
    let hours =
        |last: &str| format!("time_of_day = \"08:00-18:00\"\nweekday = [\"mon\", \"tue\", \"{last}\"]");
    let conditions = [weekdays("thu"), weekdays("sun"), hours("wed"), hours("sat")];
    let files: Vec<(String, String)> = (1..)
        .zip(&conditions)
        .map(|(id, condition)| {
            let text = format!("id = {id}\nname = \"P{id}\"\n[[rule]]\nname = \"r\"\n{condition}\n");
            (format!("{id}.toml"), text)
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let set = set(&files);
    for (day, expected) in [
        ("2026-11-25", &[1, 2, 3][..]), // a Wednesday
        ("2026-11-26", &[1]),
        ("2026-11-27", &[]),
        ("2026-11-28", &[4]),
        ("2026-11-29", &[2]),
    ] {
        let inspection = mail("x").at(&format!("{day}T10:00:00+00:00[UTC]")).inspect(&set);
        let violated: Vec<u32> = inspection.violations.iter().map(|violation| violation.policy.id).collect();
        assert_eq!(violated, expected, "{day}");
    }
}

#[test]
fn a_recipient_that_is_named_twice_is_one() {
    let two = rule("recipient = \"@partner.example\"\nat_least = 2");
    let to = |recipients: &[&str]| mail("x").to(recipients).violates(&two);
    assert!(!to(&["bob@partner.example", "BOB@partner.example", "bob@partner.example"]));
    assert!(to(&["bob@partner.example", "eve@partner.example"]));
}

#[test]
fn domains_are_the_same_as_people_and_as_the_dns_write_them() {
    let set = rule("recipient = [\"@münchen.example\", \"@.xn--r8jz45g.example\"]");
    for (to, meant) in [
        ("a@xn--mnchen-3ya.example", true),
        ("a@MÜNCHEN.example", true),
        ("a@x.例え.example", true),
        ("a@munchen.example", false),
    ] {
        assert_eq!(mail("x").to(&[to]).violates(&set), meant, "{to}");
    }
}

#[test]
fn what_an_exception_rules_out_is_ruled_out_by_one_recipient() {
    let set = exception("none = [{ recipient = \"@rival.example\" }]");
    let sent = |recipients: &[&str]| mail("red").to(recipients).violates(&set);
    assert!(!sent(&["a@partner.example"]) && sent(&["a@rival.example"]));
    assert!(sent(&["a@partner.example", "b@rival.example"]), "one rival among others is a rival");
    let twice = exception("none = [{ none = [{ recipient = \"@partner.example\" }] }]");
    let sent = |recipients: &[&str]| mail("red").to(recipients).violates(&twice);
    assert!(!sent(&["a@partner.example"]) && sent(&["a@partner.example", "b@rival.example"]));
}

#[test]
fn names_of_files_are_compared_as_people_see_them() {
    let set = rule("file_name = [\"*Präise*\", \"geheim-?.txt\"]");
    for (name, meant) in [
        ("Präise.txt", true),
        ("neue Pra\u{308}ise 2026.txt", true),
        ("PRA\u{308}ISE.txt", true),
        ("Prä\u{200b}ise.txt", true),
        ("ｇeheim-7.txt", true),
        ("geheim-77.txt", false),
        ("Preise.txt", false),
    ] {
        assert_eq!(with_files("x", &[(name, "nothing")]).violates(&set), meant, "{name}");
    }
}

#[test]
fn a_byte_order_mark_belongs_to_no_file_of_a_set() {
    let files = [
        (
            "p.toml",
            "\u{feff}id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nall = [{ dictionary = \"words\" }, { sender = \"file:people.txt\" }, { recipient = \"group:Board\" }]\n",
        ),
        ("dictionaries/words.txt", "\u{feff}falcon\r\nosprey\r\n"),
        ("people.txt", "\u{feff}ann@corp.example\r\neve@corp.example\r\n"),
        ("settings.toml", "\u{feff}directory = [\"people.ldif\"]\n"),
        (
            "people.ldif",
            "\u{feff}dn: cn=Board\r\ncn: Board\r\nmember: uid=bob\r\n\r\ndn: uid=bob\r\nmail: bob@other.example\r\n",
        ),
    ];
    assert!(mail("the falcon").violates(&set(&files)));
}
