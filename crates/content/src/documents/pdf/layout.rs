//! From pieces of text at positions to lines: a gap becomes a space, what touches is one word whatever the order of drawing.

use std::borrow::Cow;

use foldhash::{HashMap, HashMapExt};

/// A gap wider than this part of an em separates words.
const WORD_GAP: f64 = 0.1;

/// Text shown by one operator, and where.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) start: (f64, f64),
    pub(super) end: (f64, f64),
    /// Unit vector of the writing direction.
    pub(super) direction: (f64, f64),
    /// One em along it.
    pub(super) size: f64,
    /// Somebody who looks at the page sees it.
    pub(super) seen: bool,
}

/// Whether a gap of so many ems stands for a space.
pub(super) fn is_word_gap(ems: f64) -> bool {
    ems > WORD_GAP
}

#[derive(Debug)]
struct Piece<'r> {
    text: Cow<'r, str>,
    direction: (f64, f64),
    from: f64,
    to: f64,
    across: f64,
    size: f64,
}

impl<'r> Piece<'r> {
    fn of(run: &'r Run) -> Self {
        let (x, y) = run.direction;
        let along = |point: (f64, f64)| point.0 * x + point.1 * y;
        Self {
            from: along(run.start),
            to: along(run.end),
            across: run.start.1 * x - run.start.0 * y,
            direction: run.direction,
            size: run.size.abs().max(1e-6),
            text: run.text.as_str().into(),
        }
    }

    fn parallel(&self, other: &Self) -> bool {
        self.direction.0 * other.direction.0 + self.direction.1 * other.direction.1 > 0.999
    }

    /// Whether `next` goes on where this ends, on the same line or as a raised or lowered sign.
    fn continues(&self, next: &Self) -> bool {
        let em = self.size.max(next.size);
        let (shift, gap) = ((next.across - self.across).abs() / em, (next.from - self.to) / em);
        self.parallel(next) && (shift < 0.2 && gap > -0.4 || shift < 0.6 && (-0.4..0.25).contains(&gap))
    }

    fn append(&mut self, next: &Self) {
        let gap = (next.from - self.to) / self.size.max(next.size);
        let spaced = self.text.ends_with(char::is_whitespace) || next.text.starts_with(char::is_whitespace);
        let text = self.text.to_mut();
        if is_word_gap(gap) && !spaced {
            text.push(' ');
        }
        text.push_str(&next.text);
        self.to = next.to;
        // The line stays where it began, so that a raised sign does not carry it off.
        if (next.across - self.across).abs() < 0.2 * self.size {
            self.size = next.size;
        }
    }
}

/// The text of a page.
pub(super) fn text<'r>(runs: impl IntoIterator<Item = &'r Run>) -> String {
    let runs = runs.into_iter();
    let count = runs.size_hint().0;
    let mut pieces: Vec<Piece<'_>> = Vec::with_capacity(count);
    let mut seen: Seen<'_> = HashMap::with_capacity(count.min(1 << 16));
    for run in runs {
        if overprinted(run, &mut seen) {
            continue;
        }
        let next = Piece::of(run);
        match pieces.last_mut() {
            Some(last) if last.continues(&next) => last.append(&next),
            _ => pieces.push(next),
        }
    }
    lines(link(pieces))
}

/// Where each text was shown: first, and since then.
type Seen<'r> = HashMap<&'r str, ((f64, f64), Vec<(f64, f64)>)>;

/// Bold by printing twice is one text.
fn overprinted<'r>(run: &'r Run, seen: &mut Seen<'r>) -> bool {
    let text = run.text.trim();
    if text.is_empty() || seen.len() > 100_000 {
        return false;
    }
    let near = run.size.abs() * 0.12;
    let close = |at: &(f64, f64)| (at.0 - run.start.0).abs() < near && (at.1 - run.start.1).abs() < near;
    match seen.get_mut(text) {
        Some((first, since)) if close(first) || since.iter().any(close) => true,
        Some((first, since)) => {
            since.push(run.start);
            if since.len() == 8 {
                *first = since.remove(0);
            }
            false
        }
        None => {
            seen.insert(text, (run.start, Vec::new()));
            false
        }
    }
}

/// Joins pieces that touch on a line although something else was drawn between them.
fn link(pieces: Vec<Piece<'_>>) -> Vec<Piece<'_>> {
    let key = |piece: &Piece<'_>| ((piece.direction.0 * 50.0) as i64, (piece.direction.1 * 50.0) as i64);
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&pieces[*a], &pieces[*b]);
        key(a).cmp(&key(b)).then(a.across.total_cmp(&b.across)).then(a.from.total_cmp(&b.from))
    });
    let mut follows = vec![usize::MAX; pieces.len()];
    let mut led = vec![false; pieces.len()];
    let mut start = 0;
    while start < order.len() {
        let first = &pieces[order[start]];
        let level = |index: &&usize| {
            let piece = &pieces[**index];
            piece.parallel(first) && (piece.across - first.across).abs() < 0.15 * first.size
        };
        let end = start + order[start..].iter().take_while(level).count().max(1);
        let line = &mut order[start..end];
        line.sort_by(|a, b| pieces[*a].from.total_cmp(&pieces[*b].from));
        for pair in line.windows(2) {
            let (a, b) = (&pieces[pair[0]], &pieces[pair[1]]);
            let gap = (b.from - a.to) / a.size.max(b.size);
            if (-0.4..0.3).contains(&gap) && !a.text.trim().is_empty() && !b.text.trim().is_empty() {
                follows[pair[0]] = pair[1];
                led[pair[1]] = true;
            }
        }
        start = end;
    }
    if !led.contains(&true) {
        return pieces;
    }
    let mut pieces: Vec<Option<Piece<'_>>> = pieces.into_iter().map(Some).collect();
    let mut joined = Vec::new();
    for head in 0..pieces.len() {
        if led[head] {
            continue;
        }
        let Some(mut whole) = pieces[head].take() else { continue };
        let mut next = follows[head];
        while let Some(piece) = pieces.get_mut(next).and_then(Option::take) {
            whole.append(&piece);
            next = follows[next];
        }
        joined.push(whole);
    }
    joined
}

fn lines(pieces: Vec<Piece<'_>>) -> String {
    let mut text = String::with_capacity(pieces.iter().map(|piece| piece.text.len() + 1).sum());
    for piece in pieces {
        let line = logical(piece.text.trim_end());
        let mut before = text.chars().rev();
        // A word that was divided at the end of a line is one word.
        let divided = matches!(before.next(), Some('-' | '\u{ad}' | '\u{2010}'))
            && before.next().is_some_and(char::is_alphabetic)
            && line.chars().next().is_some_and(char::is_lowercase);
        if divided {
            text.pop();
        } else if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line);
    }
    text
}

/// A line as drawn from left to right, in reading order: scripts from right to left are turned round.
fn logical(line: &str) -> Cow<'_, str> {
    if line.is_ascii() {
        return line.into();
    }
    let rightward = line.chars().filter(|c| is_rtl(*c)).count();
    if rightward * 2 < line.chars().filter(|c| c.is_alphabetic()).count() || rightward == 0 {
        return line.into();
    }
    let turned: Vec<char> = line.chars().rev().collect();
    let mut text = String::with_capacity(line.len());
    let mut rest = turned.as_slice();
    while let Some(first) = rest.first() {
        let latin = |c: &char| c.is_ascii_alphanumeric() || (c.is_alphanumeric() && !is_rtl(*c));
        if !latin(first) {
            text.push(*first);
            rest = &rest[1..];
            continue;
        }
        let reach =
            rest.iter().take_while(|c| latin(c) || matches!(c, '.' | ',' | '-' | '/' | ':' | '@')).count();
        let length = rest[..reach].iter().rposition(latin).map_or(1, |last| last + 1);
        text.extend(rest[..length].iter().rev());
        rest = &rest[length..];
    }
    text.into()
}

fn is_rtl(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, x: f64, y: f64) -> Run {
        let end = (x + 5.0 * text.chars().count() as f64, y);
        Run { text: text.into(), start: (x, y), end, direction: (1.0, 0.0), size: 10.0, seen: true }
    }

    #[test]
    fn columns_keep_their_gap_and_touching_runs_are_one_word() {
        assert_eq!(text(&[run("Name", 0.0, 0.0), run("4111", 80.0, 0.0)]), "Name 4111");
        assert_eq!(text(&[run("41", 0.0, 0.0), run("11", 10.0, 0.0)]), "4111");
    }

    #[test]
    fn digits_drawn_backwards_are_read_forwards() {
        let backwards = (0..4).rev().map(|index| run(&index.to_string(), f64::from(index) * 5.0, 7.0));
        assert_eq!(text(&backwards.collect::<Vec<_>>()), "0123");
    }

    #[test]
    fn bold_by_printing_twice_is_one_text() {
        assert_eq!(text(&[run("secret", 0.0, 0.0), run("secret", 0.3, 0.0)]), "secret");
    }

    #[test]
    fn divided_words_are_joined_and_divided_numbers_are_not() {
        assert_eq!(text(&[run("confi-", 0.0, 20.0), run("dential", 0.0, 0.0)]), "confidential");
        assert_eq!(text(&[run("4111-", 0.0, 20.0), run("1111", 0.0, 0.0)]), "4111-\n1111");
    }

    #[test]
    fn hebrew_drawn_in_visual_order_is_turned_round() {
        assert_eq!(text(&[run("12 םולש", 0.0, 0.0)]), "שלום 12");
    }
}
