//! The text of a page as it is shown where elements or styles turn its direction round: `<bdo dir=rtl>1114</bdo>` is read as 4111.

use html5gum::{SpanBound, StartTag};

use super::style::Turn;
use crate::direction::{POP, POP_ISOLATE, Shown, begin, shown};

/// Elements inside elements that turn their text; each costs a character in every line.
const DEEPEST: usize = 8;

/// What is shown, with characters that do what the elements do.
#[derive(Default)]
pub(super) struct Turned {
    text: String,
    open: Vec<Open>,
    any: bool,
    /// A line has begun, and nothing stands in it.
    fresh: bool,
}

/// An element that turns its text.
struct Open {
    name: Vec<u8>,
    /// How many of its name are open within.
    depth: u32,
    rightward: bool,
    /// What it does, if that is more than to tell those in it their direction.
    turns: Option<Turns>,
}

#[derive(Clone, Copy)]
struct Turns {
    forces: bool,
    isolates: bool,
}

impl Open {
    fn begin(&self) -> impl Iterator<Item = char> {
        self.turns.into_iter().flat_map(|turns| begin(self.rightward, turns.forces, turns.isolates))
    }

    /// The end of an isolate ends what is forced in it, too.
    fn end(&self) -> Option<char> {
        self.turns.map(|turns| if turns.isolates { POP_ISOLATE } else { POP })
    }
}

impl Turned {
    /// An element begins; a style sheet means it with `sheet`. What is `shown` so far comes in where it is the first that turns.
    pub(super) fn start<S: SpanBound>(&mut self, tag: &StartTag<S>, sheet: Turn, shown: &str) {
        let name: &[u8] = &tag.name;
        // A paragraph ends where another begins.
        if name == b"p" && self.open.last().is_some_and(|open| open.name == name) {
            self.end(name);
        }
        let around = self.open.last().is_some_and(|open| open.rightward);
        let turn = Turn::of(tag).or(sheet);
        if turn.is_none() || self.open.len() >= DEEPEST {
            if let Some(open) = self.open.iter_mut().rev().find(|open| open.name == name) {
                open.depth += 1;
            }
            return;
        }
        if !self.any {
            (self.any, self.text) = (true, shown.to_owned());
        }
        let block = super::BLOCKS.contains(&name);
        let turns = turn.forces || turn.embeds || turn.isolates || block;
        let open = Open {
            name: name.to_vec(),
            depth: 1,
            rightward: turn.rightward.unwrap_or(around),
            turns: turns.then_some(Turns { forces: turn.forces, isolates: turn.isolates || block }),
        };
        if !self.fresh {
            self.text.extend(open.begin());
        }
        self.open.push(open);
    }

    /// An element ends, and with it what was left open within.
    pub(super) fn end(&mut self, name: &[u8]) {
        let Some(at) = self.open.iter().rposition(|open| open.name == name) else { return };
        self.open[at].depth -= 1;
        if self.open[at].depth == 0 {
            let closed = self.open.drain(at..).rev().filter_map(|open| open.end());
            match self.fresh {
                true => closed.for_each(drop),
                false => self.text.extend(closed),
            }
        }
    }

    /// Shown text; its line ends are white space, but where text is shown as it stands.
    pub(super) fn text(&mut self, text: &str) {
        if !self.any || text.is_empty() {
            return;
        }
        if std::mem::take(&mut self.fresh) {
            self.text.extend(self.open.iter().flat_map(Open::begin));
        }
        match self.open.is_empty() {
            true => self.text.push_str(text),
            false => self.text.extend(text.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c })),
        }
    }

    /// A line ends; the elements go on in the next one.
    pub(super) fn separate(&mut self) {
        if self.any && !self.fresh {
            self.text.push('\n');
            self.fresh = true;
        }
    }

    /// The text as it is shown, if that is another one.
    pub(super) fn into_shown(self) -> Option<Shown> {
        if self.any { shown(&self.text) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;

    fn turned(page: &str) -> Option<String> {
        read(page).turned.map(|shown| shown.text.trim().to_owned())
    }

    #[test]
    fn elements_attributes_styles_and_sheets_turn_their_text() {
        for page in [
            "<bdo dir=rtl>1111 1111 1111 1114</bdo>",
            "<bdo dir=RTL>1111\n1111 <b>1111</b> 1114</bdo>",
            "<span style='unicode-bidi:bidi-override;direction:rtl'>1111 1111 1111 1114</span>",
            "<div dir=rtl><span style='unicode-bidi: isolate-override'>1111 1111 1111 1114</span></div>",
            "<style>.x{unicode-bidi:bidi-override!important;direction:rtl}</style><i class=x>1111 1111 1111 1114</i>",
            "<p dir=rtl>1111 1111 1111 4111</p>",
            "<div style='direction:rtl'>1111 1111 1111 4111</div>",
            "<p dir=rtl><p dir=rtl>1111 1111 1111 4111",
        ] {
            assert_eq!(turned(page).as_deref(), Some("4111 1111 1111 1111"), "{page}");
        }
    }

    #[test]
    fn an_element_turns_what_is_in_it_and_nothing_else() {
        assert_eq!(
            turned("12<br><bdo dir=rtl>43<br>65<bdo dir=ltr>78</bdo>x</bdo><p>90 <bdo>12</bdo>").as_deref(),
            Some("12\n34\nx7856\n90 12")
        );
        assert_eq!(turned("<bdo dir=rtl>21<bdo>43</bdo>65</bdo>78").as_deref(), Some("56341278"));
        assert_eq!(turned("<b dir=rtl><i>x</b>1111 4111</i>"), None);
        assert!(read("<bdo dir=rtl>12</bdo>").turned.is_some_and(|shown| shown.overridden));
    }

    #[test]
    fn pages_that_turn_nothing_round_have_one_reading() {
        for page in [
            "<div dir=ltr>4111 1111</div>",
            "<p dir=auto>4111 1111</p>",
            "<span style='direction:rtl'>1111 4111</span>",
            "<html dir=rtl><p>שלום 4111",
            "<bdo>4111 1111</bdo>",
        ] {
            assert_eq!(turned(page), None, "{page}");
        }
    }
}
