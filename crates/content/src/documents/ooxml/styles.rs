//! What a Word document's styles, defaults and sections say of text apart from it: whether it is shown, and in which direction it runs.

use std::collections::HashMap;

use super::numbering::Numbering;
use crate::Reason;
use crate::documents::xml::{Attributes, Node, walk};

/// Styles of one document that are kept.
const MOST_STYLES: usize = 100_000;

/// What is said of text; nothing where it is left to what stands behind (ISO/IEC 29500-1, 17.7.2).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Paragraphs run from right to left, and so does the order of numbers in them (`bidi`).
    pub(super) rightward: Option<bool>,
    /// Runs do (`rtl`).
    pub(super) runs_rightward: Option<bool>,
    pub(super) unseen: Option<bool>,
}

impl Look {
    /// What this leaves open, the other says.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            rightward: self.rightward.or(other.rightward),
            runs_rightward: self.runs_rightward.or(other.runs_rightward),
            unseen: self.unseen.or(other.unseen),
        }
    }

    /// Two things that are called the same: programs differ in which of them counts, and the stored order is always read.
    fn and(self, other: Self) -> Self {
        let either = |a: Option<bool>, b: Option<bool>| a.max(b);
        Self {
            rightward: either(self.rightward, other.rightward),
            runs_rightward: either(self.runs_rightward, other.runs_rightward),
            unseen: either(self.unseen, other.unseen),
        }
    }

    fn hear(&mut self, name: &str, attributes: &Attributes<'_>) {
        let says = Some(!is_off(attributes.get("val").as_deref()));
        *self = self.and(match name {
            "bidi" => Self { rightward: says, ..Self::default() },
            "rtl" => Self { runs_rightward: says, ..Self::default() },
            _ => Self { unseen: says, ..Self::default() },
        });
    }
}

#[derive(Debug, Default)]
struct Style {
    base: Option<String>,
    look: Look,
}

/// What a document says of its paragraphs apart from them.
#[derive(Debug, Default)]
pub(super) struct Styles {
    ids: HashMap<String, usize>,
    styles: Vec<Style>,
    /// Of what names no style that there is, and of everything.
    paragraphs: Option<usize>,
    tables: Option<usize>,
    defaults: Look,
    pub(super) too_many: bool,
    pub(super) numbering: Numbering,
    /// A section of the document runs from right to left, and its headers and notes with it.
    pub(super) sections_rightward: bool,
}

impl Styles {
    /// Reads styles. What was read before damage counts.
    pub(super) fn read(&mut self, octets: &[u8]) -> Result<(), Reason> {
        let (mut open, mut in_defaults) = (None, false);
        walk(octets, |node| {
            match node {
                Node::Start("style", attributes) => open = self.begin(attributes),
                Node::Start("docDefaults", _) => in_defaults = true,
                Node::End("style") => open = None,
                Node::End("docDefaults") => in_defaults = false,
                Node::Start("basedOn", attributes) => {
                    if let Some(style) = open.and_then(|at: usize| self.styles.get_mut(at)) {
                        style.base = attributes.get("val").map(|base| base.into_owned());
                    }
                }
                Node::Start(name @ ("bidi" | "rtl" | "vanish"), attributes) => {
                    if in_defaults {
                        self.defaults.hear(name, attributes);
                    } else if let Some(style) = open.and_then(|at| self.styles.get_mut(at)) {
                        style.look.hear(name, attributes);
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn begin(&mut self, attributes: &Attributes<'_>) -> Option<usize> {
        let id = attributes.get("styleId")?.into_owned();
        let at = self.ids.get(&id).copied().unwrap_or(self.styles.len());
        if at >= MOST_STYLES {
            self.too_many = true;
            return None;
        }
        if at == self.styles.len() {
            self.styles.push(Style::default());
            self.ids.insert(id, at);
        }
        if attributes.is("default") {
            match attributes.get("type").as_deref() {
                Some("paragraph") => self.paragraphs = Some(at),
                Some("table") => self.tables = Some(at),
                _ => {}
            }
        }
        Some(at)
    }

    /// When all is read, each style says what those say that it is based on. Every chain is followed once, and a circle ends where it began.
    pub(super) fn resolve(&mut self) {
        // Nearly no document's styles say anything: then nothing is looked up.
        if self.styles.iter().all(|style| style.look == Look::default()) {
            self.styles.clear();
            self.ids.clear();
            (self.paragraphs, self.tables) = (None, None);
            return;
        }
        let mut seen = vec![false; self.styles.len()];
        for from in 0..self.styles.len() {
            let (mut chain, mut at) = (Vec::new(), Some(from));
            while let Some(style) = at.filter(|at| !seen[*at]) {
                seen[style] = true;
                chain.push(style);
                at = self.styles[style].base.as_ref().and_then(|base| self.ids.get(base)).copied();
            }
            let mut look = at.map_or_else(Look::default, |at| self.styles[at].look);
            for style in chain.into_iter().rev() {
                look = self.styles[style].look.or(look);
                self.styles[style].look = look;
            }
        }
    }

    fn look(&self, at: Option<usize>) -> Look {
        at.and_then(|at| self.styles.get(at)).map_or_else(Look::default, |style| style.look)
    }

    fn named(&self, id: &str) -> Option<usize> {
        if self.ids.is_empty() { None } else { self.ids.get(id).copied() }
    }

    /// What the style of a paragraph says, or the one of those that name none that there is.
    pub(super) fn paragraph(&self, id: &str) -> Look {
        self.look(self.named(id).or(self.paragraphs))
    }

    pub(super) fn run(&self, id: &str) -> Look {
        self.look(self.named(id))
    }

    pub(super) fn table(&self, id: &str) -> Look {
        self.look(self.named(id).or(self.tables))
    }

    pub(super) fn defaults(&self) -> Look {
        self.defaults
    }
}

pub(super) fn is_off(value: Option<&str>) -> bool {
    matches!(value, Some("0" | "false" | "off"))
}

/// Which sections of a document run from right to left; nothing if none does. A section is told at its end.
pub(super) fn rightward_sections(octets: &[u8]) -> Vec<bool> {
    let mut sections = Vec::new();
    if !may_have_element(octets, b"bidi") {
        return sections;
    }
    // What a section was before somebody changed it stands inside of what it is.
    let (mut depth, mut rightward) = (0_usize, false);
    // Damage is told by whoever reads the text.
    let _ = walk(octets, |node| {
        match node {
            Node::Start("sectPr", _) => {
                depth += 1;
                rightward &= depth > 1;
            }
            Node::Start("bidi", attributes) if depth == 1 => {
                rightward = !is_off(attributes.get("val").as_deref());
            }
            Node::End("sectPr") => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    sections.push(rightward);
                }
            }
            _ => {}
        }
        Ok(())
    });
    if sections.contains(&true) { sections } else { Vec::new() }
}

/// Whether an element of that name can be there: `w:bidi="ar-SA"`, which most documents have, is none.
fn may_have_element(octets: &[u8], name: &[u8]) -> bool {
    let wide = octets.iter().take(4).any(|octet| *octet == 0)
        || octets.starts_with(&[0xfe, 0xff])
        || octets.starts_with(&[0xff, 0xfe]);
    wide || memchr::memmem::find_iter(octets, name).any(|at| {
        octets
            .get(at + name.len())
            .is_some_and(|next| next.is_ascii_whitespace() || matches!(next, b'/' | b'>'))
    })
}
