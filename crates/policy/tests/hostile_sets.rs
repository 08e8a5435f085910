//! Whole sets over mails that are made to be slow: sixteen times the text takes about sixteen times as long, not 256 times.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use content::{Component, Opened, Part, Segment};
use policy::{Mail, Set};
use support::{Message, mail, policy, processor_time, raw, set, with_files};

/// How much longer the longer mail is, and how much longer it may take.
const TIMES: usize = 16;
const MOST: u32 = 40;
/// Less than this is not measured well.
const GRAIN: Duration = Duration::from_micros(500);

/// Asserts that inspecting a mail of `size` and one of sixteen times that size take time in proportion.
fn in_proportion(set: &Set, size: usize, make: impl Fn(usize) -> Message) {
    assert_proportion(&|times| {
        let message = make(size * times);
        message.asked(|mail| best(set, mail))
    });
}

/// As [`in_proportion`], for a mail of which something is there again and again.
fn in_proportion_repeated(set: &Set, size: usize, message: &Message, repeat: Repeat) {
    assert_proportion(&|times| {
        message.asked(|mail| {
            let opened = repeat(mail.opened, size * times);
            best(set, &Mail { opened: &opened, ..mail.clone() })
        })
    });
}

type Repeat = for<'o, 'm> fn(&'o Opened<'m>, usize) -> Opened<'m>;

fn assert_proportion(took: &dyn Fn(usize) -> (Duration, u64)) {
    let (few, many) = (took(1), took(TIMES));
    println!("{} in {:?}, {} in {:?}", few.1, few.0, many.1, many.0);
    assert!(many.1 > few.1, "more is found in more: {} and {}", few.1, many.1);
    assert!(many.0 < few.0.max(GRAIN) * MOST, "{:?}, then {:?}", few.0, many.0);
}

/// The best of three, and what was counted.
fn best(set: &Set, mail: &Mail<'_>) -> (Duration, u64) {
    let mut counted = 0;
    let each = (0..3).map(|_| {
        processor_time(&mut || {
            let inspection = set.inspect(mail);
            counted = inspection.violations.iter().map(|violation| violation.match_count).sum();
        })
    });
    (each.min().unwrap(), counted)
}

/// The mail with its last file again and again.
fn with_many_files<'m>(opened: &Opened<'m>, count: usize) -> Opened<'m> {
    let mut all = opened.clone();
    let part = opened.parts.last().unwrap();
    let segments: Vec<_> = opened.segments.iter().filter(|segment| segment.part == part.id).collect();
    for _ in 1..count {
        let id = all.parts.len() as u32;
        all.parts.push(Part { id, ..part.clone() });
        all.segments.extend(segments.iter().map(|segment| Segment { part: id, ..(*segment).clone() }));
    }
    all
}

const NEAR: &str =
    "[[rule]]\nname = \"r\"\nkeywords = \"salary\"\nnear = { keywords = \"chief\", within = 3 }\n";

#[test]
fn many_matches_with_many_words_near_by() {
    let set = policy(&format!(
        "{NEAR}[[rule]]\nname = \"s\"\nkeywords = \"chief\"\nnear = {{ keywords = \"salary\", within = 10000 }}\n[[rule]]\nname = \"t\"\nkeywords = [\"chief\", \"salary\"]\n"
    ));
    in_proportion(&set, 500, |size| mail(&"salary chief ".repeat(size)));
    // All words before all matches: each looks for the nearest.
    in_proportion(&set, 500, |size| mail(&("chief ".repeat(size) + &"salary ".repeat(size))));
    in_proportion(&set, 500, |size| mail(&("salary ".repeat(size) + "chief " + &"salary ".repeat(size))));
}

/// More matches than are kept one by one, in a few texts and in thousands.
#[test]
fn text_that_has_hardly_anything_but_matches() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nkeywords = [\"ab\", \"ab cd\"]\nnear = { keywords = [\"cd\", \"ef\"], within = 3 }\n[[rule]]\nname = \"s\"\nkeywords = [\"ab\", \"cd\"]\n[[rule]]\nname = \"t\"\nregexes = ['[a-f]b', 'c[d-f]']\n",
    );
    in_proportion(&set, 500, |size| mail(&"ab cd ef ".repeat(size)));
    in_proportion(&set, 500, |size| mail(&("ab ".repeat(size) + &"cd ".repeat(size))));
    in_proportion_repeated(&set, 100, &mail("ab ef ab ef ab ef ab ef ab "), |opened, count| {
        let mut all = opened.clone();
        let body = opened.segments.iter().find(|segment| segment.component == Component::Body).unwrap();
        all.segments.extend(std::iter::repeat_n(body, count).cloned());
        all
    });
}

#[test]
fn words_near_each_other_in_thousands_of_pieces_of_one_text() {
    in_proportion_repeated(&policy(NEAR), 100, &mail("salary of the chief "), |opened, count| {
        let mut all = opened.clone();
        let body = opened.segments.iter().find(|segment| segment.component == Component::Body).unwrap();
        all.segments.extend(std::iter::repeat_n(body, count).cloned());
        all
    });
}

#[test]
fn a_phrase_that_nearly_stands_everywhere() {
    let words = ["a"; 24].join(" ");
    let set =
        policy(&format!("[[rule]]\nname = \"r\"\nkeywords = [\"{words} b\", \"{words} * c\", \"a\"]\n"));
    in_proportion(&set, 500, |size| mail(&"a ".repeat(size)));
}

#[test]
fn different_values_that_are_counted_once_each() {
    let set = set(&[
        ("identifiers/num.toml", "name = \"n\"\n[wide]\npatterns = ['\\d{7}']\n"),
        (
            "p.toml",
            "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nidentifier = \"num\"\ncount = \"unique\"\nat_least = 10\nexclude = [\"1000001\"]\nexclude_prefix = [\"99\"]\n[[rule]]\nname = \"s\"\nper = \"component\"\nany = [{ identifier = \"num\", count = \"unique\" }, { keywords = \"x\" }]\n",
        ),
    ]);
    let numbers =
        |size: usize| (0..size).map(|number| format!("{} ", 1_000_000 + number)).collect::<String>();
    in_proportion(&set, 500, |size| mail(&numbers(size)));
    // As plain text and as a page: each value counts once, whichever has it.
    in_proportion(&set, 300, |size| {
        let (plain, page) = (numbers(size), numbers(size + 10));
        raw(&format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n{plain}\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>{page}</p>\r\n--b--\r\n"
        ))
    });
}

#[test]
fn tiers_by_the_hundred() {
    let tiers: Vec<String> =
        (1..300).map(|tier| format!("{{ at_least = {}, severity = \"high\" }}", tier * 10_000)).collect();
    let set =
        policy(&format!("[[rule]]\nname = \"r\"\nkeywords = \"red\"\ntiers = [{}]\n", tiers.join(", ")));
    in_proportion(&set, 1_000, |size| mail(&"red ".repeat(size)));
}

#[test]
fn exceptions_over_thousands_of_components() {
    let exception =
        |word: &str| format!("[[exception]]\nname = \"{word}\"\nkeywords = \"{word}\"\nat_least = 1\n");
    let rules = "[[rule]]\nname = \"r\"\nkeywords = \"red\"\n[[rule]]\nname = \"s\"\nper = \"component\"\nall = [{ keywords = \"red\" }, { keywords = \"blue\" }]\n";
    let file = with_files("red blue", &[("a.txt", "red blue red")]);
    let misses = policy(&[rules, &exception("sample"), &exception("draft"), &exception("test")].concat());
    in_proportion_repeated(&misses, 100, &file, with_many_files);
    let empty = "[[rule]]\nname = \"t\"\nper = \"component\"\nnone = [{ keywords = \"green\" }]\n[[exception]]\nnone = [{ keywords = \"blue\" }]\n";
    in_proportion_repeated(&policy(empty), 100, &file, with_many_files);
    // Each exception holds in every file; the body is left.
    let holds = policy(&[rules, &exception("sample"), &exception("draft")].concat());
    let covered = with_files(&"red ".repeat(100), &[("a.txt", "red sample draft")]);
    let message = covered.asked(|mail| {
        let opened = with_many_files(mail.opened, 3_000);
        set_count(&holds, &Mail { opened: &opened, ..mail.clone() })
    });
    assert_eq!(message, 100);
}

fn set_count(set: &Set, mail: &Mail<'_>) -> u64 {
    let start = Instant::now();
    let counted = set.inspect(mail).violations.iter().map(|violation| violation.match_count).sum();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    counted
}

#[test]
fn findings_in_thousands_of_files() {
    let set = policy(
        "[[rule]]\nname = \"r\"\nany = [{ file_name = \"*.txt\" }, { encrypted = true }]\n[[exception]]\nfile_name = \"b*\"\n",
    );
    in_proportion_repeated(&set, 200, &with_files("x", &[("a.txt", "x")]), with_many_files);
}

#[test]
fn ignored_text_and_what_is_nearly_it() {
    let known = "this mail is confidential and for nobody else than its reader";
    let set = set(&[
        ("p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"r\"\nkeywords = [\"confidential\", \"red\"]\n"),
        (
            "settings.toml",
            &format!(
                "[ignore]\nquoted_replies = true\n[[ignore.text]]\nname = \"d\"\ntext = \"{known}\"\n[[ignore.text]]\nname = \"e\"\ntext = \"{}\"\n",
                "spam ".repeat(400)
            ),
        ),
    ]);
    let lines = |line: &str, size: usize| mail(&format!("{line}\r\nred\r\n").repeat(size));
    in_proportion(&set, 100, |size| lines(known, size));
    in_proportion(&set, 100, |size| lines(known.trim_end_matches("reader"), size));
    in_proportion(&set, 100, |size| lines("> confidential", size));
    // Lines that could begin an earlier mail, each with a look at the next ones.
    in_proportion(&set, 100, |size| lines("From: the confidential", size));
    in_proportion(&set, 10, |size| lines(&"spam ".repeat(399), size));
}
