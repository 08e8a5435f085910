//! Matches as people and incidents see them: the text, its path, what stands around it, the checks it passed.

use std::ops::{ControlFlow, Range};

use super::answers::{Answers, At, Item, Within};
use super::exact::{self, CellFound};
use super::gather::{Found, value_of};
use super::judge::Held;
use super::matches::ONE_OF_MANY;
use crate::compile::model::{Atom, Compiled, Leaf, Probe, Test};
use crate::index::Index;
use crate::mail::Mail;
use crate::matcher::Prepared;
use crate::verdict::Match;

/// Kind of what could not be inspected or is ambiguous.
const FINDING: &str = "finding";
/// Characters of a document's passage that are shown.
const SHOWN: usize = 600;
/// Kind of a file as a whole.
const FILE: &str = "file";

/// The matches of rules that held, in the order of the message, as many as the settings keep.
pub(super) fn matches(
    set: &Compiled,
    answers: &mut Answers<'_>,
    mail: &Mail<'_>,
    held: &[Held],
) -> Vec<Match> {
    let mut all: Vec<(usize, Leaf, Item)> = Vec::new();
    for (number, held) in held.iter().enumerate() {
        for leaf in &held.leaves {
            all.extend(items(answers, held, leaf).into_iter().map(|item| (number, *leaf, item)));
        }
    }
    all.sort_by_key(|(number, leaf, item)| (place(item, answers), *number, leaf.atom));
    all.truncate(set.settings.kept_matches);
    let mut reporter = Reporter { set, mail, counted: (0, 0, 0) };
    all.into_iter()
        .map(|(number, leaf, item)| {
            let rule = &set.engine.rules[held[number].rule as usize].name;
            reporter.report(answers, rule, &set.engine.atoms[leaf.atom as usize], &item)
        })
        .collect()
}

/// What a condition of a rule that holds found, where the rule holds.
pub(super) fn items(answers: &mut Answers<'_>, held: &Held, leaf: &Leaf) -> Vec<Item> {
    match &held.only {
        None => answers.items(leaf.atom, Within::All(&held.except)),
        Some(scopes) => {
            scopes.iter().flat_map(|scope| answers.items(leaf.atom, Within::One(*scope))).collect()
        }
    }
}

/// Text first, then files and findings, each in the order of the message.
fn place(item: &Item, answers: &Answers<'_>) -> (u8, u32, u32) {
    match item.at {
        At::Text(found) => (0, found.piece, found.start),
        At::Row(probe, at) => {
            let first = answers
                .row(probe, at)
                .and_then(|row| row.cells.iter().map(|cell| (cell.piece, cell.start)).min());
            first.map_or((0, 0, 0), |(piece, start)| (0, piece, start))
        }
        At::Document(probe, at) => {
            answers.document(probe, at).map_or((0, 0, 0), |found| (0, found.from.0, found.from.1))
        }
        At::DocumentFile(probe, at) => (1, answers.document_file(probe, at).map_or(0, |found| found.part), 0),
        At::Like(at) => (0, answers.likenesses[at as usize].1.piece, 0),
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
    fn report(&mut self, answers: &Answers<'_>, rule: &str, atom: &Atom, item: &Item) -> Match {
        let mut found = match item.at {
            At::Text(found) => self.text(answers, &found, &atom.test),
            At::Row(probe, at) => self.row(answers, &atom.test, probe, at),
            At::Document(probe, at) => self.document(answers, probe, at),
            At::DocumentFile(probe, at) => self.document_file(answers, probe, at),
            At::Like(at) => self.like(answers, at),
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
        atom.label.clone_into(&mut found.condition);
        found
    }

    /// The values of a row that stand in the text, in its order.
    fn row(&mut self, answers: &Answers<'_>, test: &Test, probe: u32, at: u32) -> Match {
        let (Test::Exact(test), Some(row)) = (test, answers.row(probe, at)) else {
            return finding(0, "", String::new());
        };
        let mut cells: Vec<&CellFound> = exact::cells(test, row, answers.pieces).collect();
        cells.sort_by_key(|cell| (cell.piece, cell.start));
        let text_of = |cell: &CellFound| {
            answers
                .pieces
                .get(cell.piece)
                .text
                .get(cell.start as usize..cell.end as usize)
                .unwrap_or_default()
        };
        let texts: Vec<&str> = cells.iter().map(|cell| text_of(cell)).collect();
        let (Some(first), Some(last)) = (cells.first(), cells.last()) else {
            return finding(0, "", String::new());
        };
        let mut found = self.span(answers, first.piece, first.start as usize..first.start as usize);
        found.text = texts.join(" | ");
        let behind = answers.pieces.get(last.piece).text.get(last.end as usize..).unwrap_or_default();
        found.after = first_characters(behind, self.set.settings.context).to_owned();
        let of = &self.set.engine.probes[probe as usize];
        let names: Vec<&str> = cells.iter().map(|cell| of.column(cell.column)).collect();
        found.validator = Some(format!("row {} of {}: {}", row.row + 1, of.name, names.join(", ")));
        found.normalised = format!("{} ROW {}", of.name.to_uppercase(), row.row + 1);
        found
    }

    /// The longest passage of a document in the text.
    fn document(&mut self, answers: &Answers<'_>, probe: u32, at: u32) -> Match {
        let (Some(of), Some(found)) =
            (self.set.engine.probes.get(probe as usize), answers.document(probe, at))
        else {
            return finding(0, "", String::new());
        };
        let name = document_name(of, found.hit.document);
        let text = answers.pieces.get(found.from.0).text;
        let end = if found.to.0 == found.from.0 { found.to.1 as usize } else { text.len() };
        let start = found.from.1 as usize;
        let end = start + first_characters(text.get(start..end).unwrap_or_default(), SHOWN).len();
        let mut reported = self.span(answers, found.from.0, start..end);
        // What stands around the passage may be the document still.
        reported.before.clear();
        reported.after.clear();
        reported.validator = Some(match found.hit.whole {
            true => format!("all of {name}"),
            false => format!("{} % of {name}, {} % of this text", found.hit.of_document, found.hit.of_text),
        });
        reported.normalised = format!("{} {name}", of.name).to_uppercase();
        reported
    }

    /// A file that is a document.
    fn document_file(&self, answers: &Answers<'_>, probe: u32, at: u32) -> Match {
        let (Some(of), Some(found)) =
            (self.set.engine.probes.get(probe as usize), answers.document_file(probe, at))
        else {
            return finding(0, "", String::new());
        };
        let name = document_name(of, found.document);
        Match {
            validator: Some(format!("all of {name}")),
            normalised: format!("{} {name}", of.name).to_uppercase(),
            ..self.file(found.part)
        }
    }

    /// The words that decided.
    fn like(&mut self, answers: &Answers<'_>, at: u32) -> Match {
        let (name, like) = &answers.likenesses[at as usize];
        let mut found = self.span(answers, like.piece, 0..0);
        found.text = like.deciding.join(", ");
        found.after.clear();
        found.validator = Some(format!("like {name}, score {:.2}", like.score));
        found.normalised = name.to_uppercase();
        found
    }

    fn text(&mut self, answers: &Answers<'_>, found: &Found, test: &Test) -> Match {
        let mut reported = self.span(answers, found.piece, found.span());
        let pattern = match found.pattern {
            ONE_OF_MANY => self.pattern_of(test, &reported.text),
            pattern => Some(pattern),
        };
        let validators = &self.set.engine.patterns.validators;
        let names = pattern.and_then(|pattern| validators.get(pattern as usize).cloned().flatten());
        reported.validator = names.map(|names| names.to_string());
        reported.normalised = value_of(answers.pieces.get(found.piece).text, &found.span());
        reported
    }

    /// The pattern that finds all of a text.
    fn pattern_of(&self, test: &Test, text: &str) -> Option<u32> {
        let (Test::Content(content), engine) = (test, &self.set.engine) else { return None };
        let lists: Vec<u32> = content.sources.iter().map(|source| engine.list_of(*source)).collect();
        let mut of = None;
        engine.matcher.scan(&Prepared::new(text), &mut |hit| {
            let listed = engine.patterns.lists_of(hit.pattern.0).iter().any(|list| lists.contains(list));
            if listed && hit.span == (0..text.len()) {
                of = Some(of.map_or(hit.pattern.0, |known: u32| known.min(hit.pattern.0)));
            }
            ControlFlow::Continue(())
        });
        of
    }

    /// A stretch of a piece with what stands around it.
    fn span(&mut self, answers: &Answers<'_>, number: u32, span: Range<usize>) -> Match {
        let piece = answers.pieces.get(number);
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
            offset: self.characters(number, piece.text, span.start),
            text: piece.text.get(span.clone()).unwrap_or_default().to_owned(),
            before: last_characters(piece.text.get(..span.start).unwrap_or_default(), context).to_owned(),
            after: first_characters(piece.text.get(span.end..).unwrap_or_default(), context).to_owned(),
            validator: None,
            normalised: String::new(),
        }
    }

    fn file(&self, part: u32) -> Match {
        let part_of = self.mail.opened.parts.get(part as usize);
        let path = part_of.map(|part| part.path.clone()).unwrap_or_default();
        let name = part_of.and_then(|part| part.name.clone());
        let kind = part_of.map_or("", |part| part.kind.as_str());
        let text = name.unwrap_or_else(|| kind.to_owned());
        Match {
            kind: FILE.to_owned(),
            normalised: text.to_uppercase(),
            component: "attachment".to_owned(),
            ..finding(part, &path, text)
        }
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

fn document_name(of: &Probe, document: u32) -> String {
    if let Index::Documents(index) = &of.index { index.name(document) } else { String::new() }
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
