//! Reads the regular expressions of policies: folds their letters as texts are folded, and refuses what could
//! cost too much or match nothing.

use regex_automata::meta::Regex;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{self, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

use super::fold::fold_char;
use super::{REACH, Refusal};

/// The longest pattern, in octets.
const LONGEST: usize = 10_000;
/// The memory that one compiled pattern may take, in octets.
const SIZE: usize = 4 << 20;
/// Classes with more members outside ASCII than this are not searched for letters with marks.
const FOLDED_MEMBERS: usize = 4096;

/// Parses a pattern and folds its letters.
pub(super) fn parse(pattern: &str, case_insensitive: bool) -> Result<Hir, Refusal> {
    if pattern.len() > LONGEST {
        return Err(Refusal::new(format!("a regular expression has at most {LONGEST} octets")));
    }
    let mut parser = ParserBuilder::new();
    let mut parser = parser.case_insensitive(case_insensitive).nest_limit(100).build();
    let hir = parser.parse(pattern).map_err(refusal)?;
    let hir = fold(&hir);
    match hir.properties().minimum_len() {
        Some(0) => Err(Refusal::new("this matches the empty text, that is, everywhere")),
        None => Err(Refusal::new("this can never match")),
        Some(least) if least > REACH => {
            Err(Refusal::new(format!("this can never match: a match has at most {REACH} octets")))
        }
        Some(_) => Ok(hir),
    }
}

/// Compiles one parsed pattern.
pub(super) fn compile(hir: &Hir) -> Result<Regex, Refusal> {
    let config =
        Regex::config().nfa_size_limit(Some(SIZE)).onepass(false).dfa(false).hybrid_cache_capacity(1 << 20);
    Regex::builder().configure(config).build_from_hir(hir).map_err(|error| {
        let big = error.size_limit().is_some();
        Refusal::new(if big { "this is too large once compiled".to_owned() } else { error.to_string() })
    })
}

fn refusal(error: regex_syntax::Error) -> Refusal {
    let (message, span) = match &error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), Some(error.span())),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), Some(error.span())),
        _ => (error.to_string(), None),
    };
    Refusal { message, span: span.map(|span| span.start.offset..span.end.offset) }
}

/// The same expression over folded text. Recursion is bounded by the parser's limit on nesting.
fn fold(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Literal(literal) => fold_literal(&literal.0),
        HirKind::Class(Class::Unicode(class)) => fold_class(class),
        HirKind::Repetition(repetition) => {
            Hir::repetition(hir::Repetition { sub: Box::new(fold(&repetition.sub)), ..repetition.clone() })
        }
        HirKind::Capture(capture) => fold(&capture.sub),
        HirKind::Concat(all) => Hir::concat(all.iter().map(fold).collect()),
        HirKind::Alternation(all) => Hir::alternation(all.iter().map(fold).collect()),
        HirKind::Empty | HirKind::Class(Class::Bytes(_)) | HirKind::Look(_) => hir.clone(),
    }
}

fn fold_literal(octets: &[u8]) -> Hir {
    match std::str::from_utf8(octets) {
        Ok(text) => Hir::literal(kept(text).into_bytes()),
        Err(_) => Hir::literal(octets),
    }
}

fn kept(text: &str) -> String {
    let mut kept = String::new();
    for c in text.chars() {
        fold_char(c, &mut |f| kept.push(f.kept));
    }
    kept
}

/// Adds what the members outside ASCII fold to.
fn fold_class(class: &ClassUnicode) -> Hir {
    let foreign = class.ranges().iter().filter(|range| !range.end().is_ascii());
    let members: usize = foreign.clone().map(|range| range.len()).sum();
    if members == 0 || members > FOLDED_MEMBERS {
        return Hir::class(Class::Unicode(class.clone()));
    }
    let mut wider = class.clone();
    let mut sequences = Vec::new();
    for c in foreign.flat_map(|range| range.start()..=range.end()).filter(|c| !c.is_ascii()) {
        let mut folded = Vec::new();
        fold_char(c, &mut |f| folded.push(f.kept));
        match folded.as_slice() {
            [] => {}
            [one] => wider.push(ClassUnicodeRange::new(*one, *one)),
            several => sequences.push(Hir::literal(several.iter().collect::<String>().into_bytes())),
        }
    }
    sequences.insert(0, Hir::class(Class::Unicode(wider)));
    Hir::alternation(sequences)
}
