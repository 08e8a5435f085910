//! What a page shows beside the text that is read: pictures, outlines and glyphs whose text the file does not tell. By it, what was not read is named.

use crate::Reason;

/// What was seen on one page beside its text.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Why something of it was left out.
    pub(super) lost: Option<Reason>,
    /// Letters and digits.
    pub(super) letters: u64,
    /// Curves of painted outlines.
    pub(super) curves: u64,
    /// The largest picture, as an area of the page.
    pub(super) picture: f64,
    /// Glyphs one behind the other whose text the file does not tell, and which they are.
    pub(super) streak: Vec<u32>,
    /// There were so many that they are words.
    pub(super) unread: bool,
}

/// Glyphs without text that are a word, not a row of boxes, dots or arrows: so many, and so many different ones.
const WORD: usize = 8;
const WORD_OF: usize = 5;

impl Seen {
    pub(super) fn glyph(&mut self, text: Option<&str>, code: u32) {
        match text {
            Some(text) if text.chars().any(char::is_alphanumeric) => {
                self.letters += 1;
                self.streak.clear();
            }
            Some(_) => {}
            None => {
                if self.streak.len() == 4 * WORD {
                    self.streak.clear();
                }
                self.streak.push(code);
                if self.streak.len() >= WORD && !self.unread {
                    let different: std::collections::BTreeSet<_> = self.streak.iter().collect();
                    self.unread = different.len() >= WORD_OF;
                }
            }
        }
    }
}
