//! Painting on a page: paths, pictures and shadings, with their colours and how much shines through them.

use std::rc::Rc;

use lopdf::{Dictionary, Document, Object, ObjectId, Stream};

use super::{Font, Page, Reason, Runner, Token, number, unpack};
use crate::documents::pdf::paint::{Area, unit};
use crate::documents::pdf::sight::{Colour, Colours};

/// Octets of the mask of a picture that are looked at.
const MAX_MASK: usize = 16 << 20;

impl Runner<'_> {
    /// Whether nothing of what is under a picture is seen through it.
    pub(super) fn is_opaque(&mut self, picture: &Stream, id: Option<ObjectId>) -> bool {
        let flag = |key: &[u8]| {
            picture.dict.get_deref(key, self.doc).is_ok_and(|flag| flag.as_bool().unwrap_or(false))
        };
        if flag(b"ImageMask") || picture.dict.has(b"Mask") {
            return false;
        }
        let Ok(Object::Stream(mask)) = picture.dict.get_deref(b"SMask", self.doc) else { return true };
        if let Some(known) = id.and_then(|id| self.masks.get(&id)) {
            return *known;
        }
        let (samples, whole) = unpack(mask, MAX_MASK.min(usize::try_from(self.octets).unwrap_or(usize::MAX)));
        self.octets = self.octets.saturating_sub(samples.len() as u64);
        let opaque = whole && samples.iter().all(|sample| *sample == u8::MAX);
        if let Some(id) = id {
            self.masks.insert(id, opaque);
        }
        opaque
    }
}

impl Page<'_, '_> {
    pub(super) fn graphics_state(&mut self, operands: &[Token<'_>]) {
        let doc = self.runner.doc;
        let entry = self.resource(b"ExtGState", operands).and_then(|entry| doc.dereference(entry).ok());
        let state = entry.and_then(|(_, state)| state.as_dict().ok());
        if let Some(state) = state {
            let alpha = |key: &[u8]| state.get_deref(key, doc).ok().and_then(number);
            self.state.sight.transparency(alpha(b"ca"), alpha(b"CA"), mixes(state, doc));
        }
        let font = state.and_then(|state| state.get_deref(b"Font", doc).ok());
        if let Some(Object::Array(pair)) = font
            && let [font, size] = pair.as_slice()
            && let Ok((_, Object::Dictionary(font))) = doc.dereference(font)
        {
            self.state.font = Some(Rc::new(Font::load(font, doc, &mut self.runner.names)));
            self.state.size = number(size).unwrap_or(1.0);
        }
    }

    /// A path ends, filled or not, by one of two rules.
    pub(super) fn end_path(&mut self, even_odd: Option<bool>) {
        if let Some(even_odd) = even_odd
            && self.state.sight.is_even()
        {
            let colour = self.state.sight.colour();
            for area in self.path.filled(even_odd).to_vec() {
                self.paint(&area, colour);
            }
        }
        if self.cuts {
            let only = self.path.only();
            self.state.sight.cut(only);
        }
        self.cuts = false;
        self.path.clear();
    }

    pub(super) fn paint(&mut self, area: &Area, colour: Colour) {
        let Some(window) = self.state.sight.hides(area).filter(|_| self.hidden == 0) else { return };
        let runner = &mut *self.runner;
        let painted = self.paints.paint(window, colour, &mut self.shown.runs, &mut runner.looks);
        runner.cut |= painted.cut;
        if painted.lost {
            runner.seen.lost = Some(Reason::TooBig);
        }
    }

    pub(super) fn inline_picture(&mut self, is_mask: bool) {
        self.runner.pictures += 1;
        if !is_mask {
            self.paint(&unit(&self.state.matrix), None);
        }
    }

    /// What the numbers of a colour will mean.
    pub(super) fn colours(&self, operands: &[Token<'_>]) -> Colours {
        let doc = self.runner.doc;
        let given = match operands.last() {
            Some(Token::Name(name)) if matches!(&**name, b"DeviceGray" | b"DeviceRGB" | b"DeviceCMYK") => {
                return Colours::Plain;
            }
            _ => self.resource(b"ColorSpace", operands).and_then(|entry| doc.dereference(entry).ok()),
        };
        let family = given.and_then(|(_, space)| match space {
            Object::Array(all) => doc.dereference(all.first()?).ok()?.1.as_name().ok(),
            other => other.as_name().ok(),
        });
        match family {
            Some(b"DeviceGray" | b"DeviceRGB" | b"DeviceCMYK" | b"CalGray" | b"CalRGB" | b"ICCBased") => {
                Colours::Plain
            }
            Some(b"Separation" | b"DeviceN") => Colours::Inks,
            _ => Colours::Other,
        }
    }
}

/// Whether the flag that comes next says that a picture within the text of the page is a mask.
pub(super) fn is_mask(operands: &[Token<'_>]) -> bool {
    matches!(operands.last(), Some(Token::Name(name)) if matches!(&**name, b"IM" | b"ImageMask"))
}

/// Whether what is drawn mixes with what is under it, if a graphics state says so.
fn mixes(state: &Dictionary, doc: &Document) -> Option<bool> {
    let name = |key: &[u8]| state.get_deref(key, doc).ok().map(|object| object.as_name().unwrap_or_default());
    let blended = name(b"BM").map(|mode| !matches!(mode, b"Normal" | b"Compatible"));
    let masked = name(b"SMask").map(|mask| mask != b"None");
    match (blended, masked) {
        (None, None) => None,
        (blended, masked) => Some(blended == Some(true) || masked == Some(true)),
    }
}
