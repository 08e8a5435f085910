//! In which direction paragraphs of a presentation run that leave it to their shape, to its layout and master, or to the presentation.

use std::collections::HashMap;

use super::package::Package;
use super::styles::may_say;
use crate::documents::based_on::Look;
use crate::documents::xml::{Attributes, Node, walk};

/// What a list style says of each of nine levels, and of all of them (ECMA-376-1 21.1.2.4).
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Levels([Option<bool>; 10]);

impl Levels {
    /// Hears of an element of a list style. Of several that say something one that turns the text is enough.
    pub(super) fn hear(&mut self, name: &str, rtl: Option<&str>) {
        let level = match name.strip_prefix("lvl").and_then(|name| name.strip_suffix("pPr")) {
            Some(number) => number.parse::<usize>().ok().and_then(|number| number.checked_sub(1)),
            None => (name == "defPPr").then_some(9),
        };
        if let (Some(says), Some(rtl)) = (level.and_then(|level| self.0.get_mut(level)), rtl) {
            *says = (*says).max(Some(matches!(rtl, "1" | "true")));
        }
    }

    /// Of a level, counted from zero.
    pub(super) fn at(&self, level: usize) -> Option<bool> {
        self.0[level.min(8)].or(self.0[9])
    }
}

impl Look for Levels {
    fn or(self, other: Self) -> Self {
        let mut all = self;
        for (says, other) in all.0.iter_mut().zip(other.0) {
            *says = says.or(other);
        }
        all
    }
}

/// What titles, other placeholders, and texts that are none have from elsewhere.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Inherited {
    pub(super) titles: Levels,
    pub(super) bodies: Levels,
    pub(super) boxes: Levels,
}

impl Look for Inherited {
    fn or(self, other: Self) -> Self {
        Self {
            titles: self.titles.or(other.titles),
            bodies: self.bodies.or(other.bodies),
            boxes: self.boxes.or(other.boxes),
        }
    }
}

/// Whether a placeholder is a title.
pub(super) fn is_title(kind: Option<&str>) -> bool {
    matches!(kind, Some("title" | "ctrTitle"))
}

/// Layouts and masters by their parts, and what the presentation says.
#[derive(Debug, Default)]
pub(super) struct Masters {
    parts: HashMap<String, Inherited>,
    presentation: Inherited,
}

impl Masters {
    /// Where nothing turns text round, which is nearly everywhere, no part is read for it.
    pub(super) fn read(package: &Package) -> Self {
        let mut masters = Self::default();
        let of_shapes = ["sldLayout", "sldMaster", "notesMaster"];
        for part in &package.parts {
            let root = part.root.as_str();
            if (root == "presentation" || of_shapes.contains(&root)) && may_turn(&part.octets) {
                let said = inherited(&part.octets);
                if root == "presentation" {
                    masters.presentation = said.or(masters.presentation);
                } else {
                    masters.parts.insert(part.name.clone(), said);
                }
            }
        }
        masters
    }

    /// What a slide has from its layout, that one's master, and the presentation; a master, from the presentation alone.
    pub(super) fn of(&self, package: &Package, slide: &str) -> Inherited {
        if self.parts.is_empty() {
            return self.presentation;
        }
        let targets = |part: &str| -> Vec<&str> {
            let relations = package.relations(part).into_iter().flat_map(|relations| relations.values());
            relations.take(64).map(String::as_str).collect()
        };
        let said = |part: &str| self.parts.get(part).copied().unwrap_or_default();
        let direct = targets(slide);
        let layouts = direct.iter().fold(Inherited::default(), |all, part| all.or(said(part)));
        let is_layout = |part: &&&str| package.type_of(part) == Some("slideLayout");
        let through = direct.iter().filter(is_layout).take(4).flat_map(|part| targets(part));
        through.fold(layouts, |all, part| all.or(said(part))).or(self.presentation)
    }
}

fn may_turn(octets: &[u8]) -> bool {
    may_say(octets, b"rtl", |rest| {
        let value = rest.trim_ascii_start().strip_prefix(b"=").unwrap_or_default().trim_ascii_start();
        matches!(value, [b'"' | b'\'', b'1' | b't' | b'&', ..])
    })
}

fn inherited(octets: &[u8]) -> Inherited {
    let mut all = Inherited::default();
    // Which texts the list style is for that is open; which ones the shape is.
    let (mut open, mut shape): (Option<Open>, Option<Open>) = (None, None);
    // Damage is told by whoever reads the text.
    let _ = walk(octets, |node| {
        match node {
            Node::Start("sp", _) => shape = None,
            Node::Start("ph", attributes) => {
                let title = is_title(attributes.get("type").as_deref());
                shape = Some(if title { Open::Titles } else { Open::Bodies });
            }
            Node::Start("lstStyle", _) => open = shape,
            Node::Start("titleStyle", _) => open = Some(Open::Titles),
            Node::Start("bodyStyle" | "notesStyle", _) => open = Some(Open::Bodies),
            Node::Start("defaultTextStyle", _) => open = Some(Open::All),
            Node::Start(name, attributes) => hear(&mut all, open, name, attributes),
            Node::End("lstStyle" | "titleStyle" | "bodyStyle" | "notesStyle" | "defaultTextStyle") => {
                open = None;
            }
            _ => {}
        }
        Ok(())
    });
    all
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Titles,
    Bodies,
    All,
}

fn hear(all: &mut Inherited, open: Option<Open>, name: &str, attributes: &Attributes<'_>) {
    let Some(open) = open else { return };
    let rtl = attributes.get("rtl");
    let tell = |levels: &mut Levels| levels.hear(name, rtl.as_deref());
    if open != Open::Bodies {
        tell(&mut all.titles);
    }
    if open != Open::Titles {
        tell(&mut all.bodies);
    }
    if open == Open::All {
        tell(&mut all.boxes);
    }
}
