//! Reads the shapes of data identifiers: regular expressions over ASCII with `~` for an optional separator.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::{REACH, Refusal};

/// What `~` stands for.
const SEPARATOR: &str = r"(?:[ \t]{1,2}|[ \t]?[-.][ \t]?)?";
/// The longest shape, in octets as written.
const LONGEST: usize = 4000;
/// The fewest characters that a shape may fit.
const SHORTEST: usize = 3;

/// Parses a shape.
pub(super) fn parse(shape: &str) -> Result<Hir, Refusal> {
    if shape.len() > LONGEST {
        return Err(Refusal::new(format!("a shape has at most {LONGEST} octets")));
    }
    if !shape.is_ascii() {
        return Err(Refusal::new("a shape is ASCII: texts are folded before they are compared"));
    }
    let mut parser = ParserBuilder::new();
    let mut parser = parser.unicode(false).utf8(false).nest_limit(50).build();
    let hir = parser.parse(&expand(shape)).map_err(|error| {
        let message = match &error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            _ => error.to_string(),
        };
        Refusal::new(format!("in the shape `{shape}`: {message}"))
    })?;
    check(&hir)?;
    Ok(hir)
}

/// Writes `~` out, outside of classes and escapes.
fn expand(shape: &str) -> String {
    let mut out = String::with_capacity(shape.len() + 64);
    let mut class = false;
    let mut chars = shape.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                out.push(c);
                out.extend(chars.next());
                continue;
            }
            '[' => class = true,
            ']' => class = false,
            '~' if !class => {
                out.push_str(SEPARATOR);
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    // An escaped tilde is not special to the regex syntax, and not an escape it knows.
    out.replace(r"\~", r"\x7E")
}

fn check(hir: &Hir) -> Result<(), Refusal> {
    let properties = hir.properties();
    if !properties.look_set().is_empty() {
        return Err(Refusal::new("a shape has no anchors or `\\b`: its boundaries are built in"));
    }
    match properties.minimum_len() {
        Some(least) if least < SHORTEST => {
            return Err(Refusal::new(format!("a shape fits at least {SHORTEST} characters")));
        }
        Some(least) if least <= REACH => {}
        _ => return Err(Refusal::new("this shape can never fit")),
    }
    ascii_only(hir)
}

/// Recursion is bounded by the parser's limit on nesting.
fn ascii_only(hir: &Hir) -> Result<(), Refusal> {
    let ascii = match hir.kind() {
        HirKind::Class(Class::Bytes(class)) => class.is_ascii(),
        HirKind::Class(Class::Unicode(class)) => class.is_ascii(),
        HirKind::Literal(literal) => literal.0.is_ascii(),
        HirKind::Repetition(repetition) => return ascii_only(&repetition.sub),
        HirKind::Capture(capture) => return ascii_only(&capture.sub),
        HirKind::Concat(all) | HirKind::Alternation(all) => return all.iter().try_for_each(ascii_only),
        HirKind::Empty | HirKind::Look(_) => true,
    };
    if ascii {
        Ok(())
    } else {
        Err(Refusal::new("a shape takes ASCII characters only: no `.` and no negated classes"))
    }
}
