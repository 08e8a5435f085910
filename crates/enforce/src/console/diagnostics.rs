//! What is wrong with policy files, as a page shows it: the words underlined in their line, what is wrong right below them, and
//! where they stand, so that the page's script underlines them in the editor too. Everything works without it.

use std::fmt::Write;
use std::ops::Range;

use askama::Template;
use policy::Diagnostic;
use web::layout::{Chip, Html, Tint};
use web::mail::passage;
use web::pages::encoded;

use super::policy_files::named;

/// Diagnostics shown; whoever mends these sees the next ones.
const MOST: usize = 50;
/// Octets of the lines that are shown.
const LINES: usize = 1_000;

#[derive(Template)]
#[template(path = "policy_diagnostic.html")]
struct Shown<'a> {
    one: &'a Diagnostic,
    gravity: Chip,
    /// `cards.toml:5:12`.
    place: String,
    /// Where its link leads: the editor of this page or the one of another file.
    to: Option<String>,
    /// The words in the editor of this page, as its script counts.
    marked: Option<Range<usize>>,
    lines: Option<Html>,
    other: Option<(Html, &'a str)>,
}

/// Which texts were checked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Texts<'a> {
    /// The files as they are.
    OnDisk,
    /// With the text of this file that stands in the page's editor.
    Edited(&'a str),
    /// With a text of this file that is nowhere to be edited.
    Sent(&'a str),
}

/// Each of them; those about the text in the editor know their words in it.
pub(super) fn shown(diagnostics: &[Diagnostic], checked: Texts<'_>) -> Vec<Html> {
    let mut all: Vec<Html> = diagnostics.iter().take(MOST).map(|one| single(one, checked)).collect();
    let more = diagnostics.len().saturating_sub(MOST);
    if more > 0 {
        all.push(Html::new(format!("<p class=\"hint\">… and {more} more.</p>")));
    }
    all
}

fn single(one: &Diagnostic, checked: Texts<'_>) -> Html {
    let edited = matches!(checked, Texts::Edited(name) if name == one.file);
    let to = match checked {
        Texts::Edited(_) if edited => Some("#text".to_owned()),
        Texts::Sent(name) if name == one.file => None,
        _ => elsewhere(one),
    };
    let mut place = one.file.clone();
    if let Some((line, column)) = one.position() {
        let _ = write!(place, ":{line}:{column}");
    }
    let shown = Shown {
        one,
        gravity: if one.is_error() {
            Chip::new("error", Tint::Bad)
        } else {
            Chip::new("warning", Tint::Warn)
        },
        place,
        to,
        marked: one.words().filter(|_| edited).map(|(text, words)| counted(text, &words)),
        lines: one.words().map(|(text, words)| lines(text, &words)),
        other: one
            .words()
            .zip(one.other_words())
            .map(|((text, _), (words, label))| (lines(text, &words), label)),
    };
    Html::new(shown.render().unwrap_or_default())
}

/// The editor of another file, at the line that is meant.
fn elsewhere(one: &Diagnostic) -> Option<String> {
    named(&one.file).ok()?;
    let (line, _) = one.position()?;
    Some(format!("/policies/file?name={}#L{line}", encoded(&one.file)))
}

/// Octets of the text as scripts count: in units of UTF-16.
fn counted(text: &str, words: &Range<usize>) -> Range<usize> {
    let units = |part: &str| part.chars().map(char::len_utf16).sum::<usize>();
    let from = units(&text[..words.start]);
    from..from + units(&text[words.clone()])
}

/// The lines of these words, which are underlined.
fn lines(text: &str, words: &Range<usize>) -> Html {
    let start = text[..words.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[words.end..].find('\n').map_or(text.len(), |at| words.end + at);
    passage(&text[start..end], std::slice::from_ref(&(words.start - start..words.end - start)), LINES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_as_scripts_count_them() {
        let text = "a = \"é\"\n\tb = \"漢字 😀\"\nc";
        let of = |words: &str| {
            let at = text.find(words).unwrap();
            counted(text, &(at..at + words.len()))
        };
        assert_eq!(of("é"), 5..6);
        assert_eq!(of("b"), 9..10);
        assert_eq!(of("😀"), 17..19);
        assert_eq!(of("c"), 21..22);
        assert_eq!(counted(text, &(text.len()..text.len())), 22..22);
    }

    #[test]
    fn the_lines_of_words_are_whole_lines() {
        let text = "one\ntwo <three>\n\nfour";
        let shown = |words: Range<usize>| lines(text, &words).as_str().to_owned();
        assert!(shown(8..15).contains(">\ntwo <mark>&lt;three&gt;</mark></pre>"), "{}", shown(8..15));
        assert!(shown(4..21).contains(">\n<mark>two &lt;three&gt;\n\nfour</mark></pre>"), "{}", shown(4..21));
        assert!(shown(16..16).contains(">\n</pre>"), "{}", shown(16..16));
        assert!(shown(21..21).contains(">\nfour</pre>"), "{}", shown(21..21));
    }
}
