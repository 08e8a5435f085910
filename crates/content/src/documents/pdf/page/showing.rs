//! Showing text on a page: from a string and the state of the page to texts with their places.

use std::rc::Rc;

use super::{Page, Token, multiply};
use crate::documents::pdf::font::Font;
use crate::documents::pdf::layout::{Run, is_word_gap};
use crate::documents::pdf::sight::Matrix;

impl Page<'_, '_> {
    pub(super) fn show(&mut self, operands: &[Token<'_>]) {
        let doc = self.runner.doc;
        let font = match &self.state.font {
            Some(font) => font.clone(),
            None => Rc::new(Font::fallback(doc, &mut self.runner.names)),
        };
        let font = match &font.by_names {
            Some(named) => {
                self.runner.lies = true;
                if self.runner.by_names { named.clone() } else { font }
            }
            None => font,
        };
        let mut run = self.begin_run(font.vertical);
        let mut gap = 0.0;
        for operand in operands {
            match operand {
                Token::Number(adjustment) => {
                    let ems = -adjustment / 1000.0;
                    self.advance(ems * self.state.size, font.vertical);
                    gap += ems;
                    if gap < -0.5 {
                        self.end_run(run);
                        run = self.begin_run(font.vertical);
                        gap = 0.0;
                    }
                }
                Token::Text(octets) => {
                    if is_word_gap(gap) && !run.text.is_empty() && !run.text.ends_with(' ') {
                        run.text.push(' ');
                    }
                    gap = 0.0;
                    if self.runner.apart {
                        run = self.glyphs_apart(&font, octets, run);
                    } else {
                        self.glyphs(&font, octets, &mut run.text);
                    }
                    run.end = self.point();
                }
                _ => {}
            }
        }
        self.end_run(run);
    }

    fn glyphs(&mut self, font: &Font, octets: &[u8], text: &mut String) {
        let octets = &octets[..octets.len().min(usize::try_from(self.runner.octets).unwrap_or(usize::MAX))];
        let before = text.len();
        let plain = font.read_plain(octets, text);
        let mut total = plain.advance * self.state.size
            + plain.glyphs as f64 * self.state.character_space
            + plain.spaces as f64 * self.state.word_space;
        let (mut known, mut unknown) = (plain.glyphs as u64, 0);
        let seen = &mut self.runner.seen;
        if text[before..].bytes().any(|octet| octet.is_ascii_alphanumeric()) {
            seen.letters += plain.glyphs as u64;
            seen.streak.clear();
        }
        font.read(&octets[plain.glyphs..], |glyph| {
            total += glyph.advance * self.state.size + self.state.character_space;
            if glyph.is_space {
                total += self.state.word_space;
            }
            seen.glyph(glyph.text, glyph.code);
            match glyph.text {
                Some(shown) => {
                    known += 1;
                    match shown.as_bytes() {
                        [octet @ b' '..=b'~'] => text.push(char::from(*octet)),
                        _ => text.extend(shown.chars().filter(|c| !c.is_control())),
                    }
                }
                None => unknown += 1,
            }
        });
        self.runner.known += known;
        self.runner.unknown += unknown;
        self.runner.octets = self.runner.octets.saturating_sub((text.len() - before) as u64);
        self.advance(total, font.vertical);
    }

    /// As above, and each glyph becomes a text; the last one comes back.
    fn glyphs_apart(&mut self, font: &Font, octets: &[u8], mut run: Run) -> Run {
        let mut rest = octets;
        while !rest.is_empty() {
            let (one, behind) = rest.split_at(font.length(rest));
            self.glyphs(font, one, &mut run.text);
            run.end = self.point();
            self.end_run(run);
            run = self.begin_run(font.vertical);
            rest = behind;
        }
        run
    }

    fn advance(&mut self, by: f64, vertical: bool) {
        let (x, y) = if vertical { (0.0, -by) } else { (by * self.state.stretch, 0.0) };
        self.text = multiply(&[1.0, 0.0, 0.0, 1.0, x, y], &self.text);
    }

    fn whole(&self) -> Matrix {
        let rise = [1.0, 0.0, 0.0, 1.0, 0.0, self.state.rise];
        multiply(&multiply(&rise, &self.text), &self.state.matrix)
    }

    fn point(&self) -> (f64, f64) {
        let whole = self.whole();
        (whole[4], whole[5])
    }

    fn begin_run(&self, vertical: bool) -> Run {
        let whole = self.whole();
        let (x, y) = if vertical { (-whole[2], -whole[3]) } else { (whole[0], whole[1]) };
        let length = x.hypot(y);
        let stretch = if vertical { 1.0 } else { self.state.stretch };
        let turned = self.state.size * stretch < 0.0;
        let sign = if turned { -1.0 } else { 1.0 };
        let direction = if length > 0.0 { (sign * x / length, sign * y / length) } else { (1.0, 0.0) };
        let start = (whole[4], whole[5]);
        let size = length * self.state.size * stretch;
        Run { text: String::new(), start, end: start, direction, size, seen: true }
    }

    fn end_run(&mut self, mut run: Run) {
        let paper = self.paints.paper(&run, &mut self.runner.looks);
        run.seen = self.hidden == 0 && self.state.sight.sees(&run, paper);
        if !run.text.is_empty() || self.marked.iter().any(|marked| marked.actual.is_some()) {
            self.shown.runs.push(run);
        }
    }
}
