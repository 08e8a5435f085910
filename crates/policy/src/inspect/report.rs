//! Matches as people and incidents see them: the text, its path, what stands around it, the checks it passed.

use super::answers::{Answers, At, Item, Within};
use super::gather::{Found, value_of};
use super::judge::Held;
use crate::compile::model::{Compiled, Leaf};
use crate::mail::Mail;
use crate::verdict::Match;

/// Kind of what could not be inspected or is ambiguous.
pub(super) const FINDING: &str = "finding";
/// Kind of a file as a whole.
const FILE: &str = "file";

/// The matches of rules that held, in the order of the message, as many as the settings keep.
pub(super) fn matches(set: &Compiled, answers: &mut Answers<'_>, mail: &Mail<'_>, held: &[Held]) -> Vec<Match> {
    let mut all: Vec<(usize, Leaf, Item)> = Vec::new();
    for (number, held) in held.iter().enumerate() {
        for leaf in &held.leaves {
            let items = match &held.only {
                None => answers.items(leaf.atom, Within::All(&held.except)),
                Some(scopes) => scopes.iter().flat_map(|scope| answers.items(leaf.atom, Within::One(*scope))).collect(),
            };
            all.extend(items.into_iter().map(|item| (number, *leaf, item)));
        }
    }
    all.sort_by_key(|(number, leaf, item)| (place(item), *number, leaf.atom));
    all.truncate(set.settings.kept_matches);
    let mut reporter = Reporter { set, mail, counted: (0, 0, 0) };
    all.into_iter()
        .map(|(number, leaf, item)| {
            let rule = &set.engine.rules[held[number].rule as usize].name;
            reporter.report(answers, rule, &set.engine.atoms[leaf.atom as usize].label, &item)
        })
        .collect()
}

/// Text first, then files and findings, each in the order of the message.
fn place(item: &Item) -> (u8, u32, u32) {
    match item.at {
        At::Text(found) => (0, found.piece, found.start),
        At::File(part) => (1, part, 0),
        At::Unscannable(at) => (2, at, 0),
        At::Ambiguous(at) => (3, at, 0),
    }
}

struct Reporter<'r> {
    set: &'r Compiled,
    mail: &'r Mail<'r>,
    /// Piece, octets and characters up to which was counted: matches come in order.
    counted: (u32, usize, usize),
}

impl Reporter<'_> {
    fn report(&mut self, answers: &Answers<'_>, rule: &str, condition: &str, item: &Item) -> Match {
        let mut found = match item.at {
            At::Text(found) => self.text(answers, &found),
            At::File(part) => self.file(part),
            At::Unscannable(at) => {
                let found = &answers.unscannable[at as usize];
                finding(found.part, &found.path, found.reason.to_string())
            }
            At::Ambiguous(at) => {
                let found = &self.mail.opened.ambiguous[at as usize];
                finding(found.part, &found.path, found.reason.as_str().to_owned())
            }
        };
        rule.clone_into(&mut found.rule);
        condition.clone_into(&mut found.condition);
        found
    }

    fn text(&mut self, answers: &Answers<'_>, found: &Found) -> Match {
        let piece = answers.pieces.get(found.piece);
        let span = found.span();
        let context = self.set.settings.context;
        let path = self.mail.opened.parts.get(piece.part as usize).map_or("", |part| part.path.as_str());
        let path = match (path.is_empty(), piece.place.is_empty()) {
            (_, true) => path.to_owned(),
            (true, false) => piece.place.to_owned(),
            (false, false) => format!("{path} > {}", piece.place),
        };
        Match {
            rule: String::new(),
            condition: String::new(),
            part: piece.part,
            path,
            kind: piece.kind.to_owned(),
            component: piece.component().to_owned(),
            offset: self.characters(found.piece, piece.text, span.start),
            text: piece.text.get(span.clone()).unwrap_or_default().to_owned(),
            before: last_characters(piece.text.get(..span.start).unwrap_or_default(), context).to_owned(),
            after: first_characters(piece.text.get(span.end..).unwrap_or_default(), context).to_owned(),
            validator: self.set.engine.patterns.validators.get(found.pattern as usize).cloned().flatten().map(|name| name.to_string()),
            normalised: value_of(piece.text, &span),
        }
    }

    fn file(&self, part: u32) -> Match {
        let part_of = self.mail.opened.parts.get(part as usize);
        let path = part_of.map(|part| part.path.clone()).unwrap_or_default();
        let name = part_of.and_then(|part| part.name.clone());
        let kind = part_of.map_or("", |part| part.kind.as_str());
        let text = name.unwrap_or_else(|| kind.to_owned());
        Match { kind: FILE.to_owned(), normalised: text.to_uppercase(), component: "attachment".to_owned(), ..finding(part, &path, text) }
    }

    /// Characters before an octet, counted on from the last one asked for.
    fn characters(&mut self, piece: u32, text: &str, at: usize) -> usize {
        let (known, octets, characters) = self.counted;
        let (from, before) = if known == piece && octets <= at { (octets, characters) } else { (0, 0) };
        let count = before + text.get(from..at).unwrap_or_default().chars().count();
        self.counted = (piece, at, count);
        count
    }
}

fn finding(part: u32, path: &str, text: String) -> Match {
    Match {
        rule: String::new(),
        condition: String::new(),
        part,
        path: path.to_owned(),
        kind: FINDING.to_owned(),
        component: "message".to_owned(),
        offset: 0,
        normalised: format!("{path} {text}").to_uppercase(),
        text,
        before: String::new(),
        after: String::new(),
        validator: None,
    }
}

fn last_characters(text: &str, count: usize) -> &str {
    let start = text.char_indices().rev().take(count).last().map_or(text.len(), |(at, _)| at);
    &text[start..]
}

fn first_characters(text: &str, count: usize) -> &str {
    let end = text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
    &text[..end]
}
