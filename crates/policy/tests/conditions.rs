//! Conditions and their options one by one, each deciding a policy both ways.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policy::Set;
use support::{Message, mail, policy, raw, set, with_files};

/// A rule with this condition and these options.
fn rule(condition: &str) -> Set {
    policy(&format!("[[rule]]\nname = \"r\"\n{condition}\n"))
}

// ---- thresholds

#[test]
fn a_threshold_for_each_component_is_reached_in_one_of_them() {
    let direct = rule("keywords = \"red\"\nper = \"component\"\nat_least = 5");
    let listed =
        rule("any = [{ keywords = \"red\" }, { keywords = \"blue\" }]\nper = \"component\"\nat_least = 5");
    let within = rule("all = [{ keywords = \"red\", at_least = 5 }]\nper = \"component\"");
    let spread = with_files("red red red", &[("a.txt", "red red red")]);
    let gathered = with_files("red", &[("a.txt", "red red red red red")]);
    for set in [&direct, &listed, &within] {
        assert_eq!(spread.count(set), None);
        assert_eq!(gathered.count(set), Some(5), "only the file counts");
    }
    let mixed = with_files("red red red", &[("a.txt", "red red blue blue blue")]);
    assert_eq!(mixed.count(&listed), Some(5));
    let unique =
        rule("keywords = [\"red\", \"blue\"]\nper = \"component\"\ncount = \"unique\"\nat_least = 2");
    assert_eq!(with_files("red red", &[("a.txt", "blue blue")]).count(&unique), None);
    assert_eq!(with_files("red blue red", &[("a.txt", "blue red")]).count(&unique), Some(4), "two in each");
}

#[test]
fn what_does_not_count_must_hold_and_adds_nothing() {
    let set = rule("all = [{ keywords = \"red\" }, { keywords = \"blue\", counts = false, at_least = 2 }]");
    assert_eq!(mail("red red blue blue blue").count(&set), Some(2));
    assert_eq!(mail("red red blue").count(&set), None);
    let nothing = rule("keywords = \"blue\"\ncounts = false");
    assert_eq!(
        mail("blue blue").count(&nothing),
        Some(1),
        "what holds without anything to count counts as one"
    );
}

/// Three policies look for a word behind more than a million others of its list.
#[test]
fn no_padding_hides_what_stands_behind_it() {
    const PADDING: usize = (1 << 20) + 1_000;
    let policy = |id: u32, rule: &str| {
        format!(
            "id = {id}\nname = \"P{id}\"\n[[rule]]\nname = \"r\"\nkeywords = [\"a\", \"secret\"]\n{rule}\n"
        )
    };
    let set = set(&[
        ("1.toml", &policy(1, "count = \"unique\"\nat_least = 2")),
        ("2.toml", &policy(2, &format!("at_least = {}", PADDING + 2))),
        ("3.toml", &policy(3, "near = { keywords = \"plan\", within = 0 }")),
    ]);
    let inspection = mail(&("a ".repeat(PADDING) + "b secret plan. A plan")).inspect(&set);
    let told =
        inspection.violations.iter().map(|one| (one.policy.id, one.match_count, one.count_is_complete));
    assert_eq!(told.collect::<Vec<_>>(), [(1, 2, true), (2, PADDING as u64 + 2, true), (3, 2, true)]);
    assert!(inspection.unscannable.is_empty(), "{:?}", inspection.unscannable);
    assert_eq!(inspection.violations[2].matches[0].text, "secret");
}

/// How often each of the numbers stands in a mail that has these, and whether that is all.
fn numbers_told(count: &str, limit: u64, numbers: &[u32]) -> Option<(u64, bool)> {
    let policy = format!("id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nidentifier = \"num\"\n{count}\n");
    let set = set(&[
        ("identifiers/num.toml", "name = \"n\"\n[wide]\npatterns = ['\\d{6}']\n"),
        ("settings.toml", &format!("count_limit = {limit}\nkept_matches = 1\n")),
        ("p.toml", &policy),
    ]);
    let body: String = numbers.iter().map(|number| format!("{} ", 100_000 + number)).collect();
    let found = mail(&body).inspect(&set).violations;
    found.first().map(|one| (one.match_count, one.count_is_complete))
}

#[test]
fn counting_stops_at_so_many_different_values_and_says_so_but_never_before_nothing_can_change() {
    let ten: Vec<u32> = (0..10).collect();
    assert_eq!(numbers_told("", 10, &ten), Some((10, true)));
    assert_eq!(numbers_told("", 4, &ten), Some((4, false)));
    assert_eq!(
        numbers_told("", 4, &[1, 2, 3, 4, 5, 1, 2]),
        Some((6, false)),
        "known values are counted to the end"
    );
    assert_eq!(numbers_told("", 4, &[7; 300]), Some((300, true)));
    assert_eq!(numbers_told("count = \"unique\"\nat_least = 7", 4, &ten), Some((7, false)));
    assert_eq!(numbers_told("count = \"unique\"\nat_least = 11", 4, &ten), None);
    let tiers = "tiers = [{ at_least = 9, severity = \"high\" }]";
    assert_eq!(numbers_told(tiers, 4, &ten), Some((9, false)));
}

/// The body alone counts, and all of it: the subject's values are left out, but are nobody's.
#[test]
fn where_counting_stops_in_a_component_that_does_not_count_the_count_is_whole() {
    let told = |rule: &str| {
        let policy = format!("id = 1\nname = \"P\"\nmode = \"on\"\n[[rule]]\nname = \"r\"\n{rule}\n");
        let set = set(&[
            ("identifiers/num.toml", "name = \"n\"\n[wide]\npatterns = ['\\d{6}']\n"),
            ("settings.toml", "count_limit = 1\n"),
            ("p.toml", &policy),
        ]);
        let found = raw("Subject: 111111 222222 red\r\n\r\n333333 blue").inspect(&set).violations;
        (found[0].match_count, found[0].count_is_complete)
    };
    assert_eq!(told("identifier = \"num\""), (2, false));
    let except = "[[exception]]\ncovers = \"component\"\nall = [{ keywords = \"red\" }]";
    assert_eq!(told(&format!("identifier = \"num\"\n{except}")), (1, true));
    let both = "per = \"component\"\nall = [{ identifier = \"num\" }, { keywords = \"blue\" }]";
    assert_eq!(told(both), (2, true), "a number and a word");
    let aside = "all = [{ identifier = \"num\", counts = false }, { keywords = \"blue\" }]";
    assert_eq!(told(aside), (1, true), "the word");
}

/// Excluded values take no room from others.
#[test]
fn values_that_do_not_count_hide_none_that_do() {
    let numbers: Vec<u32> = (0..50).chain([77_777]).collect();
    assert_eq!(numbers_told("exclude_prefix = [\"100\"]", 4, &numbers), Some((1, true)));
}

#[test]
fn a_response_rule_that_asks_for_a_count_is_answered_right_where_counting_stops() {
    let with = |count: &str| {
        let response = format!("name = \"B\"\n[when]\nmatch_count = \"{count}\"\n[block]\ntext = \"no\"\n");
        set(&[
            ("identifiers/num.toml", "name = \"n\"\n[wide]\npatterns = ['\\d{6}']\n"),
            ("settings.toml", "count_limit = 2\n"),
            ("responses/b.toml", &response),
            (
                "p.toml",
                "id = 1\nname = \"P\"\nmode = \"on\"\nrespond = [\"B\"]\n[[rule]]\nname = \"r\"\nidentifier = \"num\"\n",
            ),
        ])
    };
    let blocks = |count: &str| {
        mail("111111 222222 333333 444444").respond(&with(count), false).1.disposition.as_str() == "blocked"
    };
    assert!(blocks("> 3") && !blocks("> 4") && !blocks("<= 3") && blocks("<= 4"));
}

/// The rule holds by the finding; what its words would have counted nobody knows.
#[test]
fn a_count_that_the_deadline_cut_short_is_said_to_be_incomplete() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nany = [{ keywords = \"red\" }, { unscannable = \"timeout\" }]\n[[rule]]\nname = \"s\"\nsender = \"@corp.example\"\n",
    );
    let told = |late: bool| {
        mail("red red").asked(|mail| {
            let deadline = if late { Instant::now() } else { mail.deadline };
            let inspection = set.inspect(&policy::Mail { deadline, ..mail.clone() });
            let own = &inspection.violations[0];
            let rules = own.rules.iter().map(|rule| (rule.count, rule.count_is_complete));
            (own.count_is_complete, rules.collect::<Vec<_>>())
        })
    };
    assert_eq!(told(false), (true, vec![(2, true), (1, true)]));
    assert_eq!(told(true), (false, vec![(1, false), (1, true)]));
}

// ---- words

#[test]
fn case_matters_where_it_is_said_to() {
    let exact = rule("keywords = [\"FALCON\", \"Élan\"]\ncase = \"exact\"");
    assert!(mail("FALCON").violates(&exact) && mail("Élan").violates(&exact));
    assert!(!mail("Falcon, élan").violates(&exact));
    let pattern = rule("regex = 'FLC-\\d'");
    assert!(mail("FLC-1").violates(&pattern) && !mail("flc-1").violates(&pattern));
    assert!(mail("flc-1").violates(&rule("regex = 'FLC-\\d'\ncase = \"any\"")));
    let near = rule("keywords = \"red\"\nnear = { keywords = \"SKY\", case = \"exact\" }");
    assert!(mail("red SKY").violates(&near) && !mail("red sky").violates(&near));
}

#[test]
fn parts_of_words_are_found_where_that_is_asked() {
    let parts = rule("keywords = \"falcon\"\nwhole_words = false");
    assert!(mail("superfalconry").violates(&parts));
    assert!(!mail("superfalconry").violates(&rule("keywords = \"falcon\"")));
    let near = rule("keywords = \"red\"\nnear = { keywords = \"sky\", whole_words = false }");
    assert!(mail("red skyline").violates(&near));
}

#[test]
fn near_takes_dictionaries_patterns_and_wildcards() {
    let with = |near: &str| {
        let rule = format!(
            "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nkeywords = \"salary\"\nnear = {{ {near}, within = 2 }}\n"
        );
        set(&[
            ("p.toml", &rule),
            ("dictionaries/bosses.txt", "chief\nmanaging director\n"),
            ("dictionaries/d.txt", "board\n"),
        ])
    };
    let dictionary = with("dictionary = \"bosses\"");
    assert!(mail("salary of the managing director").violates(&dictionary));
    assert!(!mail("salary of the tall managing director").violates(&dictionary));
    let both = with("dictionaries = [\"bosses\", \"d\"]");
    assert!(mail("board salary").violates(&both) && mail("chief salary").violates(&both));
    let regex = with("regex = 'grade \\d+'");
    assert!(mail("grade 12 salary").violates(&regex) && !mail("grade salary").violates(&regex));
    let wildcard = with("keywords = [\"confiden*\", \"*manager\"]");
    assert!(
        mail("confidential salary").violates(&wildcard) && mail("salary: submanager").violates(&wildcard)
    );
    assert!(!mail("salary of managers").violates(&wildcard));
}

#[test]
fn values_are_excluded_by_how_they_end() {
    let with = |exclude: &str| {
        let rule = format!("id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nidentifier = \"num\"\n{exclude}\n");
        set(&[
            ("identifiers/num.toml", "name = \"n\"\n[wide]\npatterns = ['\\d{3}~\\d{3}']\n"),
            ("p.toml", &rule),
        ])
    };
    let set = with("exclude_suffix = [\"999\", \"0-0\"]");
    assert_eq!(mail("123 999, 123-400, 999 123").count(&set), Some(1));
    assert_eq!(mail("123 999, 123-400, 999 123").count(&with("")), Some(3));
}

// ---- the envelope

#[test]
fn direction_decides_a_policy() {
    let set = set(&[
        ("p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\ndirection = [\"outbound\", \"passing\"]\n"),
        ("settings.toml", "internal_domains = [\"@corp.example\"]\n"),
    ]);
    let goes = |from: &str, to: &str| mail("x").from(from).to(&[to]).violates(&set);
    assert!(goes("a@corp.example", "b@other.example") && goes("a@else.example", "b@other.example"));
    assert!(!goes("a@corp.example", "b@corp.example") && !goes("a@other.example", "b@corp.example"));
    assert!(mail("x").violates(&rule("direction = \"unknown\"")), "where no domains are ours");
}

#[test]
fn so_many_recipients_must_match() {
    let set = rule("recipient = [\"@rival.example\", \"eve@other.example\"]\nat_least = 2");
    assert!(mail("x").to(&["a@rival.example", "b@friend.example", "eve@other.example"]).violates(&set));
    assert!(!mail("x").to(&["a@rival.example", "b@friend.example"]).violates(&set));
}

#[test]
fn groups_come_from_ldif_exports() {
    let people = "dn: cn=Resellers,dc=corp,dc=example\ncn: Resellers\nobjectClass: groupOfNames\nmember: uid=ann,dc=corp,dc=example\nmember: cn=Shops,dc=corp,dc=example\n\ndn: cn=Shops,dc=corp,dc=example\ncn: Shops\nmember: uid=bob,dc=corp,dc=example\n\ndn: uid=ann,dc=corp,dc=example\nmail: Ann@Shop.example\n\ndn: uid=bob,dc=corp,dc=example\nmail:: Ym9iQHRyYWRl\n LmV4YW1wbGU=\nproxyAddresses: smtp:robert@trade.example\n\ndn: uid=eve,dc=corp,dc=example\nmail: eve@shop.example\n";
    let set = set(&[
        ("p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nrecipient = \"group:Resellers\"\n"),
        ("settings.toml", "directory = [\"people.ldif\"]\n"),
        ("people.ldif", people),
    ]);
    for member in ["ann@shop.example", "bob@trade.example", "ROBERT@trade.example"] {
        assert!(mail("x").to(&[member]).violates(&set), "{member}");
    }
    assert!(!mail("x").to(&["eve@shop.example"]).violates(&set));
}

#[test]
fn an_exception_for_one_partner_until_a_day_is_one_line() {
    let with = |who: &str| {
        policy(&format!(
            "exception = [{{ {who}, until = 2026-12-31 }}]\n[[rule]]\nname = \"r\"\nkeywords = \"red\"\n"
        ))
    };
    let recipient = with("recipient = \"@x.example\"");
    let there = mail("red").to(&["a@x.example", "b@x.example"]);
    assert!(!there.violates(&recipient) && mail("red").violates(&recipient));
    assert!(!there.clone().at("2026-12-31T23:59:59+00:00[UTC]").violates(&recipient));
    assert!(there.clone().at("2027-01-01T00:00:00+00:00[UTC]").violates(&recipient));
    assert!(there.to(&["a@x.example", "b@other.example"]).violates(&recipient), "someone else gets it too");
    let sender = with("sender = \"ann@corp.example\"");
    assert!(!mail("red").violates(&sender) && mail("red").from("bob@corp.example").violates(&sender));
    assert!(mail("red").at("2027-01-01T00:00:00+00:00[UTC]").violates(&sender));
}

// ---- size and findings

#[test]
fn the_size_of_the_mail_as_sent_decides_a_policy() {
    let small = mail(&"x".repeat(10 << 10));
    let octets = small.octets.len();
    let over = rule(&format!("message_size = \"> {octets}\""));
    assert!(!small.violates(&over) && mail(&"x".repeat((10 << 10) + 1)).violates(&over));
    assert!(
        small.violates(&rule("message_size = \">= 10 KB\""))
            && !mail("x").violates(&rule("message_size = \">= 10 KB\""))
    );
    assert!(mail("x").violates(&rule("message_size = \"< 1 KB\"")));
}

/// An archive that other software encrypted, in a mail that says this.
fn with_archive(body: &str) -> Message {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../content/tests/documents/containers/zipcrypto.zip");
    let octets = STANDARD.encode(std::fs::read(path).unwrap());
    let lines: Vec<&str> =
        octets.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    raw(&format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{body}\r\n--b\r\nContent-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    ))
}

#[test]
fn an_encrypted_file_is_one_until_a_word_of_the_mail_opens_it() {
    let (encrypted, closed) = (rule("encrypted = true"), rule("unscannable = \"encrypted\""));
    let text = rule("keywords = \"amber\"\nwhere = \"attachments\"");
    let unknown = with_archive("see the file");
    assert_eq!(unknown.count(&encrypted), Some(1));
    assert!(unknown.violates(&closed) && !unknown.violates(&text));
    let known = with_archive("the password: tulip7");
    assert!(!known.violates(&encrypted) && !known.violates(&closed) && known.violates(&text));
    assert!(!with_files("x", &[("a.zip", "x")]).violates(&encrypted));
    let letter = raw(
        "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEM\r\n-----END PGP MESSAGE-----\r\n--b--\r\n",
    );
    assert!(letter.violates(&encrypted));
}

#[test]
fn mail_that_can_be_read_in_two_ways_decides_a_policy() {
    let twice =
        raw("MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n");
    let plain = mail("x");
    for names in ["\"any\"", "[\"broken base64\", \"duplicate content-type\"]"] {
        let set = rule(&format!("ambiguous = {names}"));
        assert!(twice.violates(&set) && !plain.violates(&set), "{names}");
    }
    assert!(!twice.violates(&rule("ambiguous = \"duplicate boundary\"")));
}
