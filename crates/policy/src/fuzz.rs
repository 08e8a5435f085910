//! Bodies of fuzz targets: any octets as policy files, as patterns with a text, as known text; the promises are checked.
//!
//! Plain functions, so that tests run them on stable over the library and what can be made of it, and cargo-fuzz runs the
//! same ones for hours.

use std::ops::{ControlFlow, Range};

use content::{DocumentAnswer, DocumentRequest, Documents};

use crate::compile::model::Settings;
use crate::diagnostic::Diagnostic;
use crate::inspect::ignore;
use crate::matcher::reference::Reference;
use crate::matcher::{Boundary, Hit, IdentifierPattern, Matcher, Pattern, Prepared};
use crate::{Set, SourceFile};

/// A function that takes any octets.
pub type Body = fn(&[u8]);

/// Every target with its name.
pub const TARGETS: &[(&str, Body)] =
    &[("policy_files", policy_files), ("patterns", patterns), ("ignored_text", ignored_text)];

/// Documents are fuzzed on their own.
struct Closed;

impl Documents for Closed {
    fn open(&self, _: &DocumentRequest<'_>) -> DocumentAnswer {
        DocumentAnswer::default()
    }
}

/// What parts one file, pattern or text from the next.
const APART: &str = "\n%%\n";
/// The most octets of one input that are looked at: the slow engine is slow.
const MOST: usize = 4 << 10;
/// Where the files of a set stand, in turn.
const PLACES: &[&str] = &[
    "a.toml",
    "identifiers/a.toml",
    "identifiers/a.cases.toml",
    "dictionaries/a.toml",
    "dictionaries/b.txt",
    "responses/a.toml",
    "settings.toml",
    "a.cases.toml",
];

/// Octets as the files of a policy set, parted by lines of `%%`: a set or diagnostics come out, and a diagnostic's place
/// lies in its file.
pub fn policy_files(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let sources: Vec<SourceFile> = text
        .split(APART)
        .zip(PLACES.iter().cycle())
        .enumerate()
        .map(|(round, (text, place))| {
            // No two files have one name.
            let turn = match round / PLACES.len() {
                0 => String::new(),
                turn => format!("{turn}-"),
            };
            let (dir, file) = place.rfind('/').map_or(("", *place), |slash| place.split_at(slash + 1));
            SourceFile::new(format!("{dir}{turn}{file}"), text)
        })
        .collect();
    let diagnostics = match Set::check_files(&sources) {
        Ok(loaded) => {
            assert!(loaded.warnings.iter().all(|one| !one.is_error()), "a warning is no error");
            let cases = crate::run_cases(&sources, &|_| None, &Closed);
            assert!(cases.is_ok(), "a set that can be used has cases that can be run");
            loaded.warnings
        }
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(Diagnostic::is_error), "a refusal says why");
            diagnostics
        }
    };
    diagnostics.iter().for_each(|one| check_diagnostic(one, &sources));
}

fn check_diagnostic(one: &Diagnostic, sources: &[SourceFile]) {
    assert!(crate::CODES.iter().any(|(code, _)| *code == one.code), "{} is documented", one.code);
    assert!(one.render(false).contains(one.code) && !one.message.is_empty());
    if let Some(span) = &one.span {
        let source = sources.iter().find(|source| source.name == one.file);
        let text = source.map_or("", |source| &source.text);
        assert!(span.start <= span.end && span.end <= text.len(), "{span:?} of {}", text.len());
        assert!(one.position().is_some_and(|(line, column)| line > 0 && column > 0));
    }
}

/// Patterns by their first character (`k` keyword, `c` keyword with its case, `p` parts of words, `r` regular expression,
/// `i` identifier with its boundary's first letter), one a line, and below `%%` a text: the fast engine finds what the slow
/// one finds, with all at once and with identifiers left for later.
pub fn patterns(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(&octets[..octets.len().min(MOST)]) else { return };
    let Some((lines, text)) = text.split_once(APART) else { return };
    let readable = |one: &Pattern| Matcher::compile(std::slice::from_ref(one)).is_ok();
    let patterns: Vec<Pattern> = lines.lines().take(16).filter_map(pattern).filter(readable).collect();
    let later: Vec<bool> = (0..patterns.len()).map(|at| at % 2 == 0).collect();
    let (Ok(fast), Ok(slow)) = (Matcher::compile_with(&patterns, &later), Reference::compile(&patterns))
    else {
        panic!("each is taken alone, so all are taken together")
    };
    let prepared = Prepared::new(text);
    let slow = slow.scan(text);
    let (mut all, mut parts) = (Vec::new(), Vec::new());
    fast.scan(&prepared, &mut |hit| note(&mut all, hit));
    fast.scan_now(&prepared, &mut |hit| note(&mut parts, hit));
    fast.scan_later(&prepared, &vec![true; patterns.len()], &mut |hit| note(&mut parts, hit));
    for found in [&mut all, &mut parts] {
        found.sort_by_key(|hit| (hit.pattern, hit.span.start, hit.span.end));
        assert_eq!(found, &slow, "{patterns:?} in {text:?}");
    }
}

fn note(hits: &mut Vec<Hit>, hit: Hit) -> ControlFlow<()> {
    hits.push(hit);
    ControlFlow::Continue(())
}

fn pattern(line: &str) -> Option<Pattern> {
    let (kind, rest) = line.split_at_checked(1)?;
    let keyword =
        |case_sensitive, whole_word| Pattern::Keyword { text: rest.to_owned(), case_sensitive, whole_word };
    Some(match kind {
        "k" => keyword(false, true),
        "c" => keyword(true, true),
        "p" => keyword(false, false),
        "r" => Pattern::Regex { pattern: rest.to_owned(), case_insensitive: false },
        "i" => {
            let (boundary, shape) = rest.split_at_checked(1)?;
            let boundary = match boundary {
                "w" => Boundary::Word,
                "d" => Boundary::Digits,
                "a" => Boundary::Apart,
                _ => Boundary::Open,
            };
            Pattern::Identifier {
                patterns: vec![IdentifierPattern { shape: shape.to_owned(), boundary }],
                validate: None,
            }
        }
        _ => return None,
    })
}

/// Known texts parted by lines of `%%`, the last of them the mail: what is left out lies in it, in order and apart, and a
/// known text is found in itself.
pub fn ignored_text(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let mut texts: Vec<&str> = text.split(APART).collect();
    let mail = texts.pop().unwrap_or_default();
    let mut settings = Settings { quoted_replies: true, ..Settings::default() };
    for known in texts {
        if settings.ignored.add(known).is_ok() {
            let found = ignore::ranges(&settings, known, &[], false);
            assert!(!found.is_empty(), "{known:?} is known");
        }
    }
    let inside: Vec<Range<usize>> = mail.find(char::is_whitespace).map(|at| 0..at).into_iter().collect();
    let found = ignore::ranges(&settings, mail, &inside, true);
    let mut last = 0;
    for range in &found {
        assert!(range.start <= range.end && mail.get(range.clone()).is_some(), "{range:?}");
        assert!(range.start >= last, "apart and in order");
        last = range.end;
    }
}
