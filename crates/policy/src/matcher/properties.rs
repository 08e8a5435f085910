//! The fast engine equals the slow one on random patterns and random text, whatever the order of patterns, and
//! its work stays linear in the text on hostile input.

use std::ops::ControlFlow;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use super::reference::Reference;
use super::{Boundary, DIVIDER, Hit, IdentifierPattern, Matcher, Pattern, PatternId, Prepared, REACH};

/// Bits of text that patterns and texts are both made of, tricks among them.
const BITS: &[&str] = &[
    "a",
    "b",
    "ab",
    "aB",
    "ba",
    "A",
    "x1",
    "1",
    "22",
    "4111",
    "0",
    "Word",
    "word",
    "longerword",
    "confidential",
    " ",
    "  ",
    "-",
    ".",
    ",",
    "\n",
    "\r\n",
    "\t",
    "_",
    "@",
    "#",
    "$",
    "+",
    "é",
    "e\u{301}",
    "É",
    "ß",
    "ẞ",
    "SS",
    "я",
    "Я",
    "слово",
    "ς",
    "Σ",
    "机",
    "密",
    "가",
    "각",
    "ᄀ",
    "ᅡ",
    "ᆨ",
    "ก",
    "\u{AD}",
    "\u{200B}",
    "\u{301}",
    "\u{A0}",
    "\u{2011}",
    "–",
    "１",
    "４",
    "٤",
    "²",
    "½",
    "ﬁ",
    "fi",
    "⑾",
    "™",
    "€",
    "😀",
    "“",
    "”",
    "ſ",
    "\u{212A}",
    "k",
    "İ",
    "ı",
    "i",
    "ª",
    "…",
    "\u{2028}",
    "\u{0}",
    "Ⱥ",
    "ⱥ",
    "ÿ",
    "Ω",
    "aaaa",
    "ana",
    "bana",
];

const SHAPES: &[&str] = &[
    r"\d{4}~\d{4}",
    r"(\d~){3}\d",
    r"\d\d? \d\d?",
    r"\d~\d~\d",
    r"\d{3,6}",
    r"[A-Z]{2}\d{1,4}",
    r"(?i)ab\d+",
    r"\+\d{3}",
    r"x\d[a-z]?1",
    r"\d{3}(?:~\d{3})*",
    r"\$[ab]+\d*",
    r"[ab]{3,}",
    r"\w{3,5}",
    r"1[ -]?[12]{2}",
    r"#?\d{3}",
    r"4\d\d\d",
    r"(?:ab|ba)[-.@]\w+",
    // With an octet that text seldom has, at any distance from the start.
    r"[ab1][ab1.-]*@[ab]+(?:\.[ab1]+)*",
    r"\d{2}#\d|x#[ab]+",
    r"\w+\$\d+",
    r"#(?:#|a)+\d?",
    r"[ab1@]{1,3}@\d",
    // Digits by their groups.
    r"\d{3}-\d{2}-\d{4}",
    r"\d{1,3}\.\d{1,3}\.\d{1,3}",
    r"1[0-4]\d{2}~\d{2}",
    r"\d{2}/?\d{2}/?\d{2}",
    r"\d{11}",
    r"[0-4]{7,9}[ab]?",
    // Words by their length.
    r"[0-9ab]{8}",
    r"[0-9a-f]{16}-x",
    r"(?i)[ab]{4}[0-9ab]{2}[ab]\d",
];

const REGEXES: &[&str] = &[
    r"a+",
    r"\d+",
    r"a.*b|a",
    r"word\d*",
    r"(?i)word\s+\w+",
    r"\w+@\w+",
    r"[^\s]+-",
    r"é+|я",
    r"[à-ü]b",
    r"\bab\b",
    r"(a|b)*1",
    r"slo|слово",
    r"(?i)слово",
    r"\p{Lu}",
    r"\d{2,}[-. ]\d",
    r"4111\s?22",
    r"^a|b$",
    r"(?m)^\w+$",
    r"confid\w*",
    r"\s+a",
    r"aa",
    r"(?s).a",
    r"ß|ss",
    r"#\w",
    r"(?:ba)+",
    r"k|K",
    r"(?i)k1?",
    r"(?m)^[ \t]*(?:ab|word|(?:x1)?ba) ?1?",
    r"\bab-?1",
    r"\b22-?[14]",
    r"[.-]word",
    r"[.-]?word",
];

fn text(bits: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(select(BITS), 0..bits).prop_map(|bits| bits.concat())
}

fn keyword() -> impl Strategy<Value = Pattern> {
    let bits =
        prop_oneof![8 => select(BITS), 2 => Just("*"), 2 => Just(" "), 2 => select(&["a", "b", "word"][..])];
    (prop::collection::vec(bits, 1..5), any::<bool>(), prop::bool::weighted(0.7)).prop_map(
        |(bits, case_sensitive, whole_word)| Pattern::Keyword {
            text: bits.concat(),
            case_sensitive,
            whole_word,
        },
    )
}

fn identifier() -> impl Strategy<Value = Pattern> {
    let boundary = select(&[Boundary::Word, Boundary::Digits, Boundary::Apart, Boundary::Open][..]);
    let shape = (select(SHAPES), boundary)
        .prop_map(|(shape, boundary)| IdentifierPattern { shape: shape.into(), boundary });
    (prop::collection::vec(shape, 1..3), any::<bool>()).prop_map(|(patterns, validated)| {
        let odd: super::ValidatorFn = Arc::new(|text| text.bytes().map(u32::from).sum::<u32>() % 3 != 0);
        Pattern::Identifier { patterns, validate: validated.then_some(odd) }
    })
}

fn regex() -> impl Strategy<Value = Pattern> {
    let made = prop_oneof![
        3 => select(REGEXES).prop_map(str::to_owned),
        1 => (select(REGEXES), select(REGEXES)).prop_map(|(one, two)| format!("(?:{one})(?:{two})")),
        1 => (select(REGEXES), select(REGEXES)).prop_map(|(one, two)| format!("{one}|{two}")),
    ];
    (made, any::<bool>()).prop_map(|(pattern, case_insensitive)| Pattern::Regex { pattern, case_insensitive })
}

fn patterns() -> impl Strategy<Value = Vec<Pattern>> {
    let any = prop_oneof![3 => keyword(), 2 => identifier(), 2 => regex()];
    prop::collection::vec(any, 1..8).prop_map(|all| {
        all.into_iter().filter(|one| Matcher::compile(std::slice::from_ref(one)).is_ok()).collect()
    })
}

fn fast(patterns: &[Pattern], text: &str) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    Matcher::compile(patterns).unwrap().scan(&Prepared::new(text), &mut |hit| {
        let last = hits.iter().rev().find(|other| other.pattern == hit.pattern);
        assert!(last.is_none_or(|last| last.span.start <= hit.span.start), "hits of one pattern ascend");
        hits.push(hit);
        ControlFlow::Continue(())
    });
    hits.sort_by_key(|hit| (hit.pattern, hit.span.start, hit.span.end));
    hits
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn the_fast_engine_equals_the_slow_one(patterns in patterns(), text in text(40)) {
        let slow = Reference::compile(&patterns).unwrap().scan(&text);
        prop_assert_eq!(fast(&patterns, &text), slow);
    }

    #[test]
    fn rows_of_groups_equal_the_slow_engine(
        shapes in prop::collection::vec(select(&[r"\d{2}~\d{2}", r"\d~\d~\d", r"\d{1,2}\s+\d{1,2}", r"[ab]\d \w\w"][..]), 1..4),
        boundary in select(&[Boundary::Apart, Boundary::Apart, Boundary::Word][..]),
        validated in any::<bool>(),
        groups in prop::collection::vec(
            (select(&["1", "22", "41", "a1", "f0", "xy", "é1", ""][..]), select(&[" ", " ", " ", "  ", "\t", "-", "\n"][..])), 0..24),
    ) {
        let text: String = groups.iter().flat_map(|(group, parted)| [*group, *parted]).collect();
        let odd: super::ValidatorFn = Arc::new(|text| text.bytes().map(u32::from).sum::<u32>() % 3 != 0);
        let patterns = shapes.iter().map(|shape| IdentifierPattern { shape: (*shape).to_owned(), boundary }).collect();
        let patterns = [Pattern::Identifier { patterns, validate: validated.then_some(odd) }];
        let slow = Reference::compile(&patterns).unwrap().scan(&text);
        prop_assert_eq!(fast(&patterns, &text), slow);
    }

    #[test]
    fn keywords_alone_equal_the_slow_engine(patterns in prop::collection::vec(keyword(), 1..12), text in text(60)) {
        let patterns: Vec<_> =
            patterns.into_iter().filter(|one| Matcher::compile(std::slice::from_ref(one)).is_ok()).collect();
        let slow = Reference::compile(&patterns).unwrap().scan(&text);
        prop_assert_eq!(fast(&patterns, &text), slow);
    }

    #[test]
    fn long_plain_text_equals_too(patterns in patterns(), text in "[ab1 .-]{0,300}") {
        let slow = Reference::compile(&patterns).unwrap().scan(&text);
        prop_assert_eq!(fast(&patterns, &text), slow);
    }

    #[test]
    fn many_identifiers_equal_the_slow_engine_in_text_dense_in_digits(identifiers in prop::collection::vec(identifier(), 1..30),
        text in "[0-4ab]{1,4}([0-4]{1,5}[ ./@#-]{0,2}|[0-4ab]{1,16}[ @$-]?){0,30}") {
        let identifiers: Vec<_> =
            identifiers.into_iter().filter(|one| Matcher::compile(std::slice::from_ref(one)).is_ok()).collect();
        let slow = Reference::compile(&identifiers).unwrap().scan(&text);
        prop_assert_eq!(fast(&identifiers, &text), slow);
    }

    #[test]
    fn what_is_left_for_later_is_found_then(patterns in patterns(), text in text(40), choice in any::<u8>()) {
        let later: Vec<bool> = (0..patterns.len()).map(|at| choice >> (at % 8) & 1 == 1).collect();
        let matcher = Matcher::compile_with(&patterns, &later).unwrap();
        let text = Prepared::new(&text);
        let mut hits = Vec::new();
        let mut note = |hit| {
            hits.push(hit);
            ControlFlow::Continue(())
        };
        matcher.scan_now(&text, &mut note);
        // One after the other, as they are asked for.
        for at in 0..patterns.len() {
            let wanted: Vec<bool> = (0..patterns.len()).map(|other| other == at).collect();
            matcher.scan_later(&text, &wanted, &mut note);
        }
        hits.sort_by_key(|hit| (hit.pattern, hit.span.start, hit.span.end));
        prop_assert_eq!(hits, fast(&patterns, text.text()));
    }

    #[test]
    fn the_order_of_patterns_does_not_matter(patterns in patterns(), text in text(30)) {
        let mut turned: Vec<_> = patterns.iter().cloned().rev().collect();
        let last = patterns.len() as u32;
        let mut hits = fast(&turned, &text);
        for hit in &mut hits {
            hit.pattern = PatternId(last - 1 - hit.pattern.0);
        }
        hits.sort_by_key(|hit| (hit.pattern, hit.span.start, hit.span.end));
        prop_assert_eq!(&hits, &fast(&patterns, &text));
        turned.truncate(turned.len() / 2);
        prop_assert!(fast(&turned, &text).len() <= hits.len());
    }

    #[test]
    fn text_apart_does_not_matter(patterns in prop::collection::vec(prop_oneof![keyword(), identifier()], 1..5),
        one in text(20), two in text(20)) {
        // Cut at a wall that no pattern crosses, each piece gives its own hits.
        let patterns: Vec<_> =
            patterns.into_iter().filter(|one| Matcher::compile(std::slice::from_ref(one)).is_ok()).collect();
        let wall = "\n=====\n";
        let whole = fast(&patterns, &format!("{one}{wall}{two}"));
        let shift = one.len() + wall.len();
        let mut parts = fast(&patterns, &one);
        parts.extend(fast(&patterns, &two).into_iter().map(|hit| {
            Hit { span: hit.span.start + shift..hit.span.end + shift, ..hit }
        }));
        parts.sort_by_key(|hit| (hit.pattern, hit.span.start, hit.span.end));
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn texts_that_are_joined_have_the_hits_that_each_has_alone(patterns in patterns(), texts in prop::collection::vec(text(12), 2..6)) {
        let matcher = Matcher::compile(&patterns).unwrap();
        prop_assert!(matcher.divided());
        let joined = texts.join(&DIVIDER.to_string());
        let (mut begins, mut alone, mut begin) = (Vec::new(), Vec::new(), 0);
        for text in &texts {
            let moved = |hit: Hit| Hit { span: hit.span.start + begin..hit.span.end + begin, ..hit };
            alone.extend(fast(&patterns, text).into_iter().map(moved));
            begins.push(begin as u32);
            begin += text.len() + DIVIDER.len_utf8();
        }
        let mut hits = Vec::new();
        matcher.scan_joined(&Prepared::new(&joined), &begins, &mut |hit| {
            hits.push(hit);
            ControlFlow::Continue(())
        });
        let by_place = |hit: &Hit| (hit.pattern, hit.span.start, hit.span.end);
        hits.sort_by_key(by_place);
        alone.sort_by_key(by_place);
        prop_assert_eq!(hits, alone);
    }

    #[test]
    fn any_text_is_survived_and_spans_are_characters(text in any::<String>()) {
        let patterns = [
            Pattern::Regex { pattern: r"\w+".into(), case_insensitive: true },
            Pattern::Keyword { text: "a*".into(), case_sensitive: true, whole_word: true },
            Pattern::Identifier { patterns: vec![r"\d{3,}".into()], validate: None },
        ];
        let prepared = Prepared::new(&text);
        for hit in fast(&patterns, &text) {
            prop_assert!(text.get(hit.span.clone()).is_some_and(|found| !found.is_empty()));
            prop_assert!(!prepared.folded(&hit.span).is_empty());
        }
    }
}

#[test]
fn a_set_that_has_the_divider_in_it_joins_nothing() {
    let keyword =
        |text: &str| Pattern::Keyword { text: text.into(), case_sensitive: false, whole_word: false };
    let shape = |shape: &str| Pattern::Identifier { patterns: vec![shape.into()], validate: None };
    for pattern in [keyword("a\u{1F}b"), shape(r"\d{3}\x1F\d"), shape(r"\d{3}[\x00-\x2F]\d")] {
        assert!(!Matcher::compile(std::slice::from_ref(&pattern)).unwrap().divided(), "{pattern:?}");
    }
    assert!(Matcher::compile(&[keyword("a b"), shape(r"\d{3}~\d")]).unwrap().divided());
}

/// Fewer in debug builds of busy machines; set PROPTEST_CASES for a long run.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300)
}

/// Steps for each octet of text.
fn effort(patterns: &[Pattern], text: &str) -> u64 {
    let matcher = Matcher::compile(patterns).unwrap();
    let steps = matcher.scan_counting(&Prepared::new(text), &mut |_| ControlFlow::Continue(()));
    steps / text.len() as u64
}

#[test]
fn the_work_is_linear_on_hostile_text() {
    let word = |text: &str| Pattern::Keyword { text: text.into(), case_sensitive: false, whole_word: true };
    let regex = |pattern: &str| Pattern::Regex { pattern: pattern.into(), case_insensitive: false };
    let shape = |shape: &str| Pattern::Identifier {
        patterns: vec![shape.into()],
        validate: Some(Arc::new(|_| false)),
    };
    let never = |text: &str| Pattern::Keyword { text: text.into(), case_sensitive: false, whole_word: false };
    let rows: Vec<(Pattern, &str)> = vec![
        (word("a a a a a b"), "a "),
        (word("a b"), "a                                                                              "),
        (word("a*"), "a"),
        (word("*ana"), "ana"),
        (word("*ana*"), "ana "),
        (word("a* * * b"), "a "),
        (never("aaaaaaaaab"), "a"),
        (never("a a a b"), "a "),
        (regex(r"a.*b|a"), "a"),
        (regex(r"(?:a|aa)+$"), "a"),
        (regex(r"pass.*!|pass"), "pass"),
        (regex(r"\w+@x"), "@"),
        (regex(r".*.*=.*"), "x=x"),
        (shape(r"\d{3}(?:~\d{3})*"), "123 "),
        (shape(r"(?:\d~){15,60}"), "4 "),
        (shape(r"eyJ[\w.-]+"), "eyJ-"),
        (shape(r"[a.@]+@b"), "a.@"),
        (regex(r"[\w=]+=x"), "a="),
    ];
    for (pattern, unit) in rows {
        let long = |len: usize| unit.repeat(len / unit.len());
        let (small, large) = (long(20_000), long(160_000));
        let (few, many) =
            (effort(std::slice::from_ref(&pattern), &small), effort(std::slice::from_ref(&pattern), &large));
        assert!(many <= few + few / 4 + 1, "{pattern:?}: {few} then {many} steps an octet");
        assert!(many <= 4 * REACH as u64, "{pattern:?}: {many} steps an octet");
    }
}
