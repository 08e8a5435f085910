//! What patterns find, told of both engines at once.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::reference::Reference;
use super::{Boundary, Hit, IdentifierPattern, Matcher, Pattern, PatternError, PatternId, Prepared};

fn word(text: &str) -> Pattern {
    Pattern::Keyword { text: text.into(), case_sensitive: false, whole_word: true }
}

fn piece(text: &str) -> Pattern {
    Pattern::Keyword { text: text.into(), case_sensitive: false, whole_word: false }
}

fn regex(pattern: &str) -> Pattern {
    Pattern::Regex { pattern: pattern.into(), case_insensitive: false }
}

fn shape(shape: &str) -> Pattern {
    Pattern::Identifier { patterns: vec![shape.into()], validate: None }
}

fn bounded(shape: &str, boundary: Boundary) -> Pattern {
    let shape = IdentifierPattern { shape: shape.into(), boundary };
    Pattern::Identifier { patterns: vec![shape], validate: None }
}

/// The hits of the fast engine, sorted; the slow one must agree.
fn hits(patterns: &[Pattern], text: &str) -> Vec<Hit> {
    let matcher = Matcher::compile(patterns).unwrap();
    let mut hits = Vec::new();
    matcher.scan(&Prepared::new(text), &mut |hit| {
        hits.push(hit);
        ControlFlow::Continue(())
    });
    hits.sort_by_key(|hit| (hit.pattern, hit.span.start, hit.span.end));
    assert_eq!(hits, Reference::compile(patterns).unwrap().scan(text), "{patterns:?} on {text:?}");
    hits
}

/// What one pattern finds.
fn found(pattern: Pattern, text: &str) -> Vec<&str> {
    hits(&[pattern], text).into_iter().map(|hit| &text[hit.span]).collect()
}

fn refused(pattern: Pattern) -> PatternError {
    Matcher::compile(&[word("fine"), pattern]).unwrap_err()
}

#[test]
fn a_run_of_letters_ends_where_the_next_word_begins_without_a_gap() {
    assert_eq!(found(bounded(r"\w{3,5}", Boundary::Apart), "aaaa机x1"), ["aaaa"]);
    assert_eq!(found(shape("[a-z]{3}"), "机abc机defg"), ["abc"]);
}

#[test]
fn a_whole_word_stands_between_edges() {
    assert_eq!(
        found(word("salary"), "salary Salary2 my_salary_2024 salary's asalary SALARY"),
        ["salary", "salary", "salary", "SALARY"]
    );
    assert_eq!(found(piece("salary"), "Salary2 asalary"), ["Salary", "salary"]);
}

#[test]
fn blanks_of_a_phrase_are_any_blanks() {
    let text =
        "strictly  confidential strictly\r\n\tconfidential strictly-confidential strictly\u{A0}confidential";
    assert_eq!(found(word("strictly confidential"), text).len(), 3);
    assert_eq!(found(piece("y con"), text).len(), 3);
}

#[test]
fn asterisks_stand_for_letters_at_the_edges_of_words() {
    assert_eq!(
        found(word("confiden*"), "confidential confiden confide confidences"),
        ["confidential", "confiden", "confidences"]
    );
    assert_eq!(found(word("*ware"), "software ware warehouse malware2"), ["software", "ware"]);
    assert_eq!(found(word("*ana*"), "banana ananas an"), ["banana", "ananas"]);
    assert_eq!(
        found(word("price* list"), "prices list, price list, prices of list"),
        ["prices list", "price list"]
    );
    assert_eq!(found(word("bank * account"), "bank savings account bank  account"), ["bank savings account"]);
    assert_eq!(found(word("the *ware firm*"), "see the software firms"), ["the software firms"]);
    assert_eq!(found(word(r"5 \* 3"), "5 * 3"), ["5 * 3"]);
}

#[test]
fn symbols_at_the_edge_of_a_keyword_need_no_edge() {
    assert_eq!(found(word("c++"), "c++ abc++ c+++ C++11"), ["c++", "c++", "C++"]);
    assert_eq!(found(word("#secret"), "a#secret ##secret #secrets"), ["#secret", "#secret"]);
    assert_eq!(found(word("$ 500"), "US$  500 $500"), ["$  500"]);
    assert_eq!(found(word("€ 500"), "cost: €\u{A0}500"), ["€\u{A0}500"]);
}

#[test]
fn keywords_see_through_tricks() {
    assert_eq!(
        found(word("confidential"), "con\u{AD}fi\u{200B}dential ｃｏｎｆｉｄｅｎｔｉａｌ cónfidentiál"),
        ["con\u{AD}fi\u{200B}dential", "ｃｏｎｆｉｄｅｎｔｉａｌ", "cónfidentiál"]
    );
    assert_eq!(found(word("секретно"), "СЕКРЕТНО! секретного"), ["СЕКРЕТНО"]);
    assert_eq!(found(word("straße"), "STRASSE Straße strase"), ["STRASSE", "Straße"]);
    assert_eq!(found(word("机密"), "这是机密文件"), ["机密"]);
    assert_eq!(found(word("기밀"), "기밀문서 기미"), ["기밀"]);
    assert_eq!(found(word("ﬁle"), "file ﬁle"), ["file", "ﬁle"]);
}

#[test]
fn case_counts_when_asked() {
    let exact =
        |text: &str, whole_word| Pattern::Keyword { text: text.into(), case_sensitive: true, whole_word };
    assert_eq!(found(exact("CEO", true), "CEO Ceo ceo"), ["CEO"]);
    assert_eq!(found(exact("Straße*", true), "Straßen straße Strassen"), ["Straßen", "Strassen"]);
    assert_eq!(found(exact("Отчёт", true), "Отчёт отчёт ОТЧЁТ Отче\u{308}т"), ["Отчёт", "Отче\u{308}т"]);
    assert_eq!(found(exact("чёТ", false), "ОтчёТ Отчёт"), ["чёТ"]);
}

#[test]
fn many_phrases_share_first_words() {
    let patterns: Vec<_> = ["a", "a b", "a b c", "a b* c", "b c", "a-b", "b", "a b c"].map(word).into();
    let all = hits(&patterns, "a b c a-b a bb c");
    let count = |id| all.iter().filter(|hit| hit.pattern == PatternId(id)).count();
    assert_eq!((0..8).map(count).collect::<Vec<_>>(), [3, 1, 1, 2, 1, 1, 2, 1]);
}

#[test]
fn regular_expressions_find_leftmost_first_without_overlap() {
    assert_eq!(found(regex(r"\d+"), "12 345x6"), ["12", "345", "6"]);
    assert_eq!(
        found(regex(r"pass(word)?\s*=\s*\S+"), "password = x1 pass=y Pass=z"),
        ["password = x1", "pass=y"]
    );
    assert_eq!(found(regex(r"(?i)pass=\w"), "PASS=a"), ["PASS=a"]);
    assert_eq!(found(regex(r"caf(é|è)s?"), "cafe café cafe\u{301}s"), ["cafe", "café", "cafe\u{301}s"]);
    assert_eq!(found(regex(r"[à-ä]b"), "äb ab áb"), ["äb", "ab", "áb"]);
    assert_eq!(
        found(regex(r"\w+@secret\.example"), "to: joe@secret.example, amy@secret.example."),
        ["joe@secret.example", "amy@secret.example"]
    );
    assert_eq!(found(regex(r"\p{Lu}\p{Ll}+ово"), "Слово слово"), ["Слово"]);
    assert_eq!(found(regex(r"\bfoo\b|bar$"), "foo foobar bar"), ["foo", "bar"]);
    assert_eq!(found(regex(r"x.*y"), &format!("x{}y x-y", "-".repeat(2000))), ["x-y"]);
}

#[test]
fn shapes_take_separators_digits_and_boundaries() {
    let card = r"\d{4}~\d{4}~\d{4}~\d{4}";
    let text = "4111111111111111 4111-1111-1111-1111 4111 1111\u{A0}1111\u{2013}1111 ４１１１.1111 - 1111 1111 \
                4\u{AD}111111111111111 41111111111111112 x4111111111111111 4111   111111111111";
    assert_eq!(found(shape(card), text).len(), 5);
    assert_eq!(found(shape(r"(\d~){15}\d"), "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1").len(), 1);
    assert_eq!(
        found(shape(r"(?i)(?:DE|FR)\d\d(?:~\d{4}){4}"), "de44 5001 0517 5407 3249"),
        ["de44 5001 0517 5407 3249"]
    );
    assert_eq!(found(shape(r"\+\d{3,5}"), "x+12345 +1234567 1+234"), ["+12345", "+234"]);
    assert_eq!(
        found(shape(r"AKIA[0-9A-Z]{4}"), "AKIA1234 akia1234 机AKIA1234机 AKIA12345"),
        ["AKIA1234", "AKIA1234"]
    );
}

#[test]
fn boundaries_are_of_four_kinds() {
    let text = "x123456 123456x 7-123456 123456.5 a-123456-b 0123456 123456 7";
    let count = |boundary| found(bounded(r"\d{6}", boundary), text).len();
    assert_eq!(count(Boundary::Word), 4);
    assert_eq!(count(Boundary::Digits), 6);
    assert_eq!(count(Boundary::Apart), 2);
    assert_eq!(count(Boundary::Open), 7);
}

#[test]
fn groups_of_a_row_of_a_table_are_no_number() {
    let card = |text: &str| found(bounded(r"[2-6]\d{3}~\d{4}~\d{4}~\d{4}", Boundary::Apart), text).len();
    for row in [
        "4584 4615 4646 4677 4708 4740 4771",
        "542D 5751 5994 6333 7841 727C 785C",
        "cafe babe f00d 4111 1111 1111 1111",
        "4111\t1111\t1111\t1111\t0000\t0000\t0000",
    ] {
        assert_eq!(card(row), 0, "{row}");
    }
    for (written, count) in [
        ("4111 1111 1111 1111", 1),
        ("4111 1111 1111 1111 0126 0129 123", 1),
        ("2029 4111 1111 1111 1111", 1),
        ("4111 1111 1111 1111 5555 5555 5555 4444 4000 0000 0000 0002", 3),
        ("4111 1111 1111 1111\t5555 5555 5555 4444\t1225\t0126\t0127", 2),
        ("4111 1111 1111 1111, 0126 0127 0128 0129", 1),
        ("1 12 4111 1111 1111 1111 1 12 123", 1),
        ("4111111111111111 0126 0127 0128 0129", 1),
        ("4111 1111 1111 1111\n1234 1234 1234\n", 1),
    ] {
        assert_eq!(card(written), count, "{written}");
    }
    // Beside another boundary the same groups are found.
    let either = Pattern::Identifier {
        patterns: vec![
            IdentifierPattern { shape: r"4\d{3}(?: \d{4}){3}".into(), boundary: Boundary::Apart },
            IdentifierPattern { shape: r"4\d{3}(?: \d{4}){3}".into(), boundary: Boundary::Word },
        ],
        validate: None,
    };
    assert_eq!(found(either, "4584 4615 4646 4677 4708 4740 4771").len(), 1);
}

#[test]
fn the_longest_valid_candidate_wins_and_hits_do_not_overlap() {
    let even = Arc::new(|text: &str| text.chars().filter(char::is_ascii_digit).count() % 2 == 0);
    let pattern =
        Pattern::Identifier { patterns: vec![r"\d{3}(?:~\d{3}){0,4}".into()], validate: Some(even) };
    assert_eq!(found(pattern, "111 222 333 444 555 666"), ["111 222 333 444", "555 666"]);
}

#[test]
fn bad_patterns_are_refused_with_a_reason() {
    for pattern in [
        word(""),
        word(" * "),
        word("*"),
        word("a*b"),
        piece("a*b"),
        word("* a"),
        piece("\u{AD}"),
        regex(""),
        regex("a*"),
        regex("("),
        regex(r"(?=x)"),
        regex(r"a{2000}"),
        regex(r"[a&&b]"),
        shape(""),
        shape("ab"),
        shape(r"\bfoo\b"),
        shape("fo.o"),
        shape("[^a]bc"),
        shape("é123"),
        shape(r"\d{"),
        Pattern::Identifier { patterns: vec![], validate: None },
    ] {
        let error = refused(pattern.clone());
        assert_eq!(error.pattern, PatternId(1), "{pattern:?}");
        assert!(!error.message.is_empty());
    }
}

#[test]
fn a_scan_ends_when_told() {
    let matcher = Matcher::compile(&[word("a")]).unwrap();
    let mut count = 0;
    matcher.scan(&Prepared::new("a a a a"), &mut |_| {
        count += 1;
        if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(count, 2);
}
