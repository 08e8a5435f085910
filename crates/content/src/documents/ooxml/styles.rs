//! What a Word document's styles, defaults and sections say of text apart from it: whether it is shown, and in which direction it runs.

use std::collections::HashMap;

use super::numbering::Numbering;
use crate::Reason;
use crate::documents::based_on;
use crate::documents::xml::{Attributes, Node, walk};

/// What is said of text; nothing where it is left to what stands behind (ISO/IEC 29500-1, 17.7.2).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Paragraphs run from right to left, and so does the order of numbers in them (`bidi`).
    pub(super) rightward: Option<bool>,
    /// Runs do (`rtl`).
    pub(super) runs_rightward: Option<bool>,
    pub(super) unseen: Option<bool>,
}

impl based_on::Look for Look {
    fn or(self, other: Self) -> Self {
        Self {
            rightward: self.rightward.or(other.rightward),
            runs_rightward: self.runs_rightward.or(other.runs_rightward),
            unseen: self.unseen.or(other.unseen),
        }
    }
}

impl Look {
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

/// What a document says of its paragraphs apart from them.
#[derive(Debug, Default)]
pub(super) struct Styles {
    styles: based_on::Styles<String, Look>,
    /// Of what names no style that there is.
    paragraphs: Option<String>,
    tables: Option<String>,
    /// Of everything.
    defaults: Look,
    pub(super) numbering: Numbering,
    /// Which sections of a document's parts run from right to left, where one does; headers and notes of it run so, too.
    pub(super) sections: HashMap<String, Vec<bool>>,
}

impl Styles {
    /// Reads styles. What was read before damage counts.
    pub(super) fn read(&mut self, octets: &[u8]) -> Result<(), Reason> {
        let (mut open, mut in_defaults) = (None::<String>, false);
        walk(octets, |node| {
            match node {
                Node::Start("style", attributes) => open = self.begin(attributes),
                Node::Start("docDefaults", _) => in_defaults = true,
                Node::End("style") => open = None,
                Node::End("docDefaults") => in_defaults = false,
                Node::Start("basedOn", attributes) => {
                    if let Some(style) = open.clone().and_then(|id| self.styles.named(id)) {
                        style.base = attributes.get("val").map(|base| base.into_owned());
                    }
                }
                Node::Start(name @ ("bidi" | "rtl" | "vanish"), attributes) => {
                    if in_defaults {
                        self.defaults.hear(name, attributes);
                    } else if let Some(style) = open.clone().and_then(|id| self.styles.named(id)) {
                        style.look.hear(name, attributes);
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn begin(&mut self, attributes: &Attributes<'_>) -> Option<String> {
        let id = attributes.get("styleId")?.into_owned();
        self.styles.named(id.clone())?;
        if attributes.is("default") {
            match attributes.get("type").as_deref() {
                Some("paragraph") => self.paragraphs = Some(id.clone()),
                Some("table") => self.tables = Some(id.clone()),
                _ => {}
            }
        }
        Some(id)
    }

    /// When all is read.
    pub(super) fn resolve(&mut self) {
        // Nearly no document's styles say anything: then nothing is looked up.
        if self.styles.looks().all(|look| look == Look::default()) {
            self.styles.clear();
        }
        self.styles.resolve();
    }

    pub(super) fn is_too_much(&self) -> bool {
        self.styles.too_many
    }

    fn named(&self, id: &str, otherwise: &Option<String>) -> Look {
        let other = || self.styles.look(otherwise.as_deref()?);
        self.styles.look(id).or_else(other).unwrap_or_default()
    }

    /// What the style of a paragraph says, or the one of those that name none that there is.
    pub(super) fn paragraph(&self, id: &str) -> Look {
        self.named(id, &self.paragraphs)
    }

    pub(super) fn run(&self, id: &str) -> Look {
        self.named(id, &None)
    }

    pub(super) fn table(&self, id: &str) -> Look {
        self.named(id, &self.tables)
    }

    /// Neither styles nor defaults say anything.
    pub(super) fn say_nothing(&self) -> bool {
        self.styles.is_empty() && self.defaults == Look::default()
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
    may_say(octets, name, |rest| {
        rest.first().is_some_and(|next| next.is_ascii_whitespace() || matches!(next, b'/' | b'>'))
    })
}

/// Whether a word can be there with the right thing behind it, without reading; text of two octets a character is not looked at.
pub(super) fn may_say(octets: &[u8], word: &[u8], behind: impl Fn(&[u8]) -> bool) -> bool {
    let wide = octets.iter().take(4).any(|octet| matches!(octet, 0 | 0xfe | 0xff));
    wide || memchr::memmem::find_iter(octets, word).any(|at| behind(&octets[at + word.len()..]))
}
