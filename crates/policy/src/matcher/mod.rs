//! The pattern engine: compiles many patterns once, reads each text in one pass and reports where every
//! pattern stands, in octets of the original text; it knows nothing of policies, does no I/O, never
//! panics on any text, and takes time linear in the text.
//!
//! # What patterns see
//!
//! Patterns are matched against the *folded* text (see [`Prepared`]): full-width letters and every other
//! compatibility form become plain ones, all decimal digits become `0-9`, combining marks and invisible
//! characters (soft hyphens, zero-width and bidirectional controls, variation selectors) disappear, every
//! Unicode space becomes a space, every dash a `-`, typographic quotes plain ones. `ß` reads as `ss`.
//! Patterns are folded by the same function. A text of ASCII only is its own folded text and is not copied.
//!
//! # Words
//!
//! A word is a longest run of letters and digits; `_` is not part of a word. In scripts written without
//! spaces (Han, kana, Thai, Lao, Khmer, Burmese) and in Hangul each character (syllable) is a word.
//!
//! # Keywords
//!
//! Blanks in a keyword stand for one or more blanks or line ends in the text. With `whole_word`, a keyword
//! begins and ends at the edge of a word wherever its own first or last character is a letter or digit, and
//! `*` stands for up to [`STAR`] letters or digits at the beginning or the end of a word (`confiden*`,
//! `*ware`), or for one whole word between two others (`bank * account`); `\*` is an asterisk. Without
//! `whole_word`, outer asterisks mean nothing and inner ones are refused. Every occurrence is a hit.
//!
//! # Regular expressions
//!
//! The syntax of the `regex` crate, without look-around or back-references. Letters with marks in the
//! pattern are folded too, so `café` finds `cafe` and `café`; case counts unless asked otherwise. A match is
//! at most [`REACH`] octets long: for each start from left to right, the match that the leftmost-first rule
//! gives within [`REACH`] octets of it; hits of one pattern do not overlap.
//!
//! # Data identifiers
//!
//! Shapes are regular expressions over ASCII with built-in boundaries and `~` for an optional separator; see
//! [`IdentifierPattern`]. From left to right, at each start the longest text that fits a shape, its boundary
//! and the validator is a hit; hits of one identifier do not overlap.

mod ahead;
mod automaton;
mod bits;
mod fold;
mod folder;
mod gate;
mod groups;
mod identifiers;
mod keyword;
mod letters;
mod literals;
mod needs;
mod openings;
mod paths;
mod phrases;
mod prepared;
#[cfg(test)]
mod properties;
mod rare;
pub mod reference;
mod regexes;
mod row;
mod scan;
mod shape;
mod steps;
mod table;
#[cfg(test)]
mod tests;
mod tokens;
mod words;

use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use identifiers::{Asked, Identifiers};
pub use prepared::Prepared;
use scan::{AtWords, Scan};

/// The longest match of a regular expression or an identifier, in octets of folded text.
pub const REACH: usize = 1024;

/// The most letters or digits that one `*` of a keyword stands for.
pub const STAR: usize = 64;

/// Parts texts that are joined for one scan: no letter, no digit, no blank, and hardly in any pattern (unit separator).
pub const DIVIDER: char = '\u{1F}';

/// The place of a pattern in the slice that was compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatternId(pub u32);

/// Something to look for.
#[derive(Clone)]
pub enum Pattern {
    /// A word or phrase.
    Keyword {
        /// The words, any Unicode text.
        text: String,
        /// Whether upper and lower case differ.
        case_sensitive: bool,
        /// Whether it must stand at the edges of words; gives `*` its meaning.
        whole_word: bool,
    },
    /// A regular expression.
    Regex {
        /// Syntax of the `regex` crate; must not match the empty text.
        pattern: String,
        /// As if it began with `(?i)`.
        case_insensitive: bool,
    },
    /// A data identifier.
    Identifier {
        /// The shapes that candidates have; one that fits is enough.
        patterns: Vec<IdentifierPattern>,
        /// Has the last word on a candidate.
        validate: Option<ValidatorFn>,
    },
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyword { text, case_sensitive, whole_word } => {
                write!(f, "Keyword({text:?}, case {case_sensitive}, whole {whole_word})")
            }
            Self::Regex { pattern, case_insensitive } => {
                write!(f, "Regex({pattern:?}, any case {case_insensitive})")
            }
            Self::Identifier { patterns, validate } => {
                write!(f, "Identifier({patterns:?}, validated {})", validate.is_some())
            }
        }
    }
}

/// Judges a candidate: gets the matched text as folded (case and separators kept).
pub type ValidatorFn = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// One shape of a data identifier.
///
/// The syntax is that of regular expressions over ASCII characters (`\d`, `[A-Z]`, groups, `?`, `{n,m}`, a
/// leading `(?i)`), plus `~`, an optional separator: one or two blanks, or a dash or dot with at most one
/// blank on either side. Not allowed: anchors and other look-around, anything that takes characters outside
/// ASCII (`.`, negated classes), and shapes that fit fewer than three characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierPattern {
    /// The shape.
    pub shape: String,
    /// What may not touch it.
    pub boundary: Boundary,
}

impl From<&str> for IdentifierPattern {
    fn from(shape: &str) -> Self {
        Self { shape: shape.to_owned(), boundary: Boundary::default() }
    }
}

/// What may not touch a candidate, on those of its ends that are a letter or a digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Boundary {
    /// No letter or digit of the same word.
    #[default]
    Word,
    /// No digit; a letter may.
    Digits,
    /// As `Word`, and no digit beyond one `-` or `.` either; groups of one size are none of a row of more such groups.
    Apart,
    /// Anything may. Candidates still start only at a word, a run of digits or a symbol.
    Open,
}

impl Boundary {
    /// The name used in policy files.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "word" => Self::Word,
            "digits" => Self::Digits,
            "apart" => Self::Apart,
            "open" => Self::Open,
            _ => return None,
        })
    }
}

/// Where a pattern stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hit {
    /// Which pattern.
    pub pattern: PatternId,
    /// Octets of the original text, at character boundaries.
    pub span: Range<usize>,
}

/// Whether to go on after a hit: `Break` ends the scan.
pub type Flow = ControlFlow<()>;

/// Why a pattern cannot be compiled, in words for its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Which pattern.
    pub pattern: PatternId,
    /// What is wrong.
    pub message: String,
    /// The octets of the pattern's text that are wrong, if known.
    pub span: Option<Range<usize>>,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PatternError {}

/// A message and the place it speaks of, before the pattern's number is known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    message: String,
    span: Option<Range<usize>>,
}

impl Refusal {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), span: None }
    }

    fn of(self, pattern: usize) -> PatternError {
        PatternError {
            pattern: PatternId(u32::try_from(pattern).unwrap_or(u32::MAX)),
            message: self.message,
            span: self.span,
        }
    }
}

/// A compiled set of patterns; immutable and shareable between threads.
pub struct Matcher {
    phrases: phrases::Phrases,
    identifiers: Identifiers,
    /// Those that are looked for only when asked.
    waiting: Identifiers,
    regexes: regexes::Regexes,
    /// Of keywords, of literals of regular expressions and of identifiers.
    openings: openings::Openings,
    divided: bool,
    by_line: bool,
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matcher").finish_non_exhaustive()
    }
}

impl Matcher {
    /// Compiles the patterns; each is known by its place in the slice from then on.
    pub fn compile(patterns: &[Pattern]) -> Result<Self, PatternError> {
        Self::compile_with(patterns, &[])
    }

    /// As [`Self::compile`]; identifiers that `later` names by their place can be left for [`Self::scan_later`].
    pub fn compile_with(patterns: &[Pattern], later: &[bool]) -> Result<Self, PatternError> {
        let mut parsed = Parsed::default();
        for (index, pattern) in patterns.iter().enumerate() {
            let later = later.get(index).copied().unwrap_or(false);
            parsed.add(PatternId(index as u32), pattern, later).map_err(|refusal| refusal.of(index))?;
        }
        let refused = |(id, refusal): (PatternId, Refusal)| refusal.of(id.0 as usize);
        let phrases = phrases::Phrases::new(parsed.keywords);
        let identifiers = Identifiers::new(parsed.identifiers).map_err(refused)?;
        let waiting = Identifiers::new(parsed.waiting).map_err(refused)?;
        let takes = |octet: u8| identifiers.takes(octet) || waiting.takes(octet);
        let divided = !phrases.takes(DIVIDER) && !takes(DIVIDER as u8);
        let by_line = !waiting.takes(b'\n');
        let regexes = regexes::Regexes::new(parsed.regexes).map_err(refused)?;
        let mut openings = openings::Openings::new();
        phrases.beginnings().for_each(|text| openings.note(text, openings::KEYWORD));
        regexes.literals().heads().for_each(|text| openings.note(text, openings::OTHER));
        identifiers.beginnings().for_each(|text| openings.note(text, openings::OTHER));
        Ok(Self { phrases, identifiers, waiting, regexes, openings, divided, by_line })
    }

    /// Tells `hits` of every hit. Hits of one pattern come in ascending order of their starts; the order of
    /// hits of different patterns is not specified.
    pub fn scan(&self, text: &Prepared<'_>, hits: &mut dyn FnMut(Hit) -> Flow) {
        self.scan_counting(text, hits);
    }

    /// As [`Self::scan`]; gives the work done beyond one pass over the text, in octets compared and table
    /// steps, for tests of the worst case.
    #[doc(hidden)]
    pub fn scan_counting(&self, text: &Prepared<'_>, hits: &mut dyn FnMut(Hit) -> Flow) -> u64 {
        scanned(text, hits, |scan| {
            self.now(&[], scan)?;
            scan.starts(None, &self.waiting, Asked::ALL)
        })
    }

    /// As [`Self::scan`], without the identifiers that can be left for later.
    pub fn scan_now(&self, text: &Prepared<'_>, hits: &mut dyn FnMut(Hit) -> Flow) {
        scanned(text, hits, |scan| self.now(&[], scan));
    }

    /// Whether texts may be joined by [`DIVIDER`]s and scanned as one: no keyword and no identifier has it in it.
    pub fn divided(&self) -> bool {
        self.divided
    }

    /// Whether [`Self::scan_later`] tells the same of whole lines of a text as of all of it: no identifier that it looks for has
    /// the end of a line in it.
    pub fn by_line(&self) -> bool {
        self.by_line
    }

    /// As [`Self::scan_now`] of each of the texts that are joined in this one and begin at these places.
    pub fn scan_joined(&self, text: &Prepared<'_>, begins: &[u32], hits: &mut dyn FnMut(Hit) -> Flow) {
        scanned(text, hits, |scan| self.now(begins, scan));
    }

    /// Tells of the identifiers that [`Self::scan_now`] left, and of these only of those that `wanted` names by their
    /// place.
    pub fn scan_later(&self, text: &Prepared<'_>, wanted: &[bool], hits: &mut dyn FnMut(Hit) -> Flow) {
        if wanted.contains(&true) {
            scanned(text, hits, |scan| scan.starts(None, &self.waiting, Asked { wanted, refused: false }));
        }
    }

    /// Tells of every stretch that fits a shape of an identifier and its boundary, and that the validator refuses.
    pub fn scan_refused(&self, text: &Prepared<'_>, hits: &mut dyn FnMut(Hit) -> Flow) {
        let asked = Asked { refused: true, ..Asked::ALL };
        scanned(text, hits, |scan| {
            scan.starts(None, &self.identifiers, asked)?;
            scan.starts(None, &self.waiting, asked)
        });
    }

    fn now(&self, begins: &[u32], scan: &mut Scan<'_, '_>) -> Flow {
        let (phrases, literals) = (&self.phrases, self.regexes.literals());
        let at_words = AtWords { phrases, literals, openings: &self.openings };
        scan.starts(Some(at_words), &self.identifiers, Asked::ALL)?;
        self.phrases.by_pieces(scan)?;
        self.regexes.scan(scan, begins)
    }

    /// The regular expressions that have no literal text to look for and so are tried at every octet.
    pub fn without_literal(&self) -> &[PatternId] {
        self.regexes.without_literal()
    }

    /// The memory that the compiled set holds, in octets (estimated).
    pub fn memory(&self) -> usize {
        self.phrases.memory() + self.identifiers.memory() + self.waiting.memory() + self.regexes.memory()
    }
}

/// Scans a text; gives the steps taken, nothing if `hits` ended it.
fn scanned<'t>(
    text: &Prepared<'t>,
    hits: &mut dyn FnMut(Hit) -> Flow,
    scan: impl FnOnce(&mut Scan<'_, 't>) -> Flow,
) -> u64 {
    let mut state = Scan::new(text, hits);
    if scan(&mut state).is_continue() { state.finish() } else { 0 }
}

/// The patterns by kind.
#[derive(Default)]
struct Parsed {
    keywords: Vec<(PatternId, keyword::Keyword)>,
    identifiers: Vec<identifiers::Source>,
    waiting: Vec<identifiers::Source>,
    regexes: Vec<(PatternId, regex_syntax::hir::Hir)>,
}

impl Parsed {
    fn add(&mut self, id: PatternId, pattern: &Pattern, later: bool) -> Result<(), Refusal> {
        match pattern {
            Pattern::Keyword { text, case_sensitive, whole_word } => {
                self.keywords.push((id, keyword::Keyword::parse(text, *case_sensitive, *whole_word)?));
            }
            Pattern::Regex { pattern, case_insensitive } => {
                self.regexes.push((id, regexes::parse(pattern, *case_insensitive)?));
            }
            Pattern::Identifier { patterns, .. } if patterns.is_empty() => {
                return Err(Refusal::new("an identifier has at least one shape"));
            }
            Pattern::Identifier { patterns, validate } => {
                let each = patterns.iter();
                let shapes = each.map(|pattern| Ok((shape::parse(&pattern.shape)?, pattern.boundary)));
                let shapes = shapes.collect::<Result<_, Refusal>>()?;
                let source = identifiers::Source { id, shapes, validate: validate.clone() };
                if later { self.waiting.push(source) } else { self.identifiers.push(source) }
            }
        }
        Ok(())
    }
}
