//! In which direction paragraphs and runs of RTF go: by themselves, by the styles that they name, by the document's defaults.

use crate::direction::{BACK, FROM_RIGHT, lines_from_right, needs_marks, run_mark};
use crate::documents::based_on::{Look, Styles};

/// What words have said up to here; a group's end restores it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Said {
    style: i32,
    character_style: Option<i32>,
    paragraph: Option<bool>,
    run: Option<bool>,
    /// In a style sheet: which style this one goes by. And that it is none of paragraphs or characters.
    base: Option<i32>,
    other: bool,
}

impl Said {
    /// Obeys a word; says whether it is one of direction or style.
    pub(super) fn hear(&mut self, word: &str, value: Option<i32>) -> bool {
        match word {
            "rtlpar" => self.paragraph = Some(true),
            "ltrpar" => self.paragraph = Some(false),
            "rtlch" => self.run = Some(true),
            "ltrch" => self.run = Some(false),
            "pard" => (self.style, self.paragraph) = (0, None),
            "s" => self.style = value.unwrap_or(0),
            "cs" => self.character_style = value,
            "ds" | "ts" => self.other = true,
            "sbasedon" => self.base = value,
            _ => return false,
        }
        true
    }

    /// `\plain`
    pub(super) fn plain(&mut self) {
        (self.character_style, self.run) = (None, None);
    }
}

/// Whether a paragraph and a run go from right to left.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Way {
    pub(super) paragraph: bool,
    run: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Style {
    paragraph: Option<bool>,
    run: Option<bool>,
}

impl Look for Style {
    fn or(self, other: Self) -> Self {
        Self { paragraph: self.paragraph.or(other.paragraph), run: self.run.or(other.run) }
    }
}

/// Styles of paragraphs and of characters, by whether they are of characters and by their numbers.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    styles: Styles<(bool, i32), Style>,
    defaults: Style,
    /// Something in it says a direction.
    speaks: bool,
}

impl Sheet {
    /// An entry of the style sheet ends. One without a number is the style of what names none.
    pub(super) fn define(&mut self, said: Said) {
        let key = (said.character_style.is_some(), said.character_style.unwrap_or(said.style));
        if said.other {
            return;
        }
        self.speaks |= said.paragraph.is_some() || said.run.is_some();
        let Some(style) = self.styles.named(key) else { return };
        // Groups in an entry end as entries do, and know less.
        style.base = said.base.map(|base| (key.0, base)).or(style.base);
        style.look.paragraph = style.look.paragraph.max(said.paragraph);
        style.look.run = style.look.run.max(said.run);
    }

    /// `\defpap`, `\defchp`: what is so where nothing else is said. LibreOffice 7.4 passes over it.
    pub(super) fn default_to(&mut self, said: Said) {
        self.defaults.paragraph = said.paragraph.or(self.defaults.paragraph);
        self.defaults.run = said.run.or(self.defaults.run);
        self.speaks |= said.paragraph.is_some() || said.run.is_some();
    }

    /// A style sheet ends.
    pub(super) fn resolve(&mut self) {
        self.styles.resolve();
    }

    pub(super) fn is_too_much(&self) -> bool {
        self.styles.too_many
    }

    pub(super) fn way(&self, said: Said) -> Way {
        if !self.speaks {
            return Way { paragraph: said.paragraph == Some(true), run: said.run == Some(true) };
        }
        let style = |key| self.styles.look(&key).unwrap_or_default();
        let (paragraph, defaults) = (style((false, said.style)), self.defaults);
        let character = said.character_style.map_or_else(Style::default, |number| style((true, number)));
        let run = said.run.or(character.run).or(paragraph.run).or(defaults.run);
        Way {
            paragraph: said.paragraph.or(paragraph.paragraph).or(defaults.paragraph) == Some(true),
            run: run == Some(true),
        }
    }
}

/// A text of paragraphs.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub(super) text: String,
    /// Where the paragraph that is open begins; whether it goes from right to left, and whether its last run does.
    paragraph: usize,
    rightward: bool,
    turned: bool,
}

impl Flow {
    pub(super) fn push(&mut self, text: &str, way: Way) {
        self.rightward |= way.paragraph;
        self.turn(way.run && (self.turned || needs_marks(text)));
        self.text.push_str(text);
    }

    fn turn(&mut self, run: bool) {
        if std::mem::replace(&mut self.turned, run) != run {
            self.text.push_str(if run { FROM_RIGHT } else { BACK });
        }
    }

    /// A line of the paragraph ends.
    pub(super) fn line_break(&mut self) {
        self.turn(false);
        self.text.push('\n');
    }

    /// The paragraph ends. Its direction may have been said behind its text: what is so at its end counts for all of it.
    pub(super) fn end_paragraph(&mut self, way: Way, end: &str) {
        self.turn(false);
        if std::mem::take(&mut self.rightward) || way.paragraph {
            let mut paragraph = self.text.split_off(self.paragraph.min(self.text.len()));
            if !paragraph.contains(['\u{202a}', '\u{202d}', '\u{202e}']) {
                let runs = paragraph.replace(FROM_RIGHT, run_mark(true, true));
                paragraph = runs.replace(BACK, run_mark(false, true));
            }
            self.text.push_str(&lines_from_right(&paragraph));
        }
        self.text.push_str(end);
        self.paragraph = self.text.len();
    }
}
