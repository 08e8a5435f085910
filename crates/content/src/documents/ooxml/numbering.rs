//! The lists of a Word document: which numbers and words stand before its paragraphs.

use std::collections::{HashMap, HashSet};

use crate::Reason;
use crate::documents::lists::{Before, Counter, Format, LEVELS, Level, Room};
use crate::documents::xml::{Attributes, Node, walk};

/// Lists and styles of one document.
const MOST: usize = 20_000;

/// A list, and which of its levels.
type Member = (String, usize);

/// Definitions of lists, and the styles that have one.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// By the numbers of definitions.
    levels: HashMap<String, Vec<Level>>,
    /// The definition of a list, and where levels of it begin anew.
    lists: HashMap<String, (String, Vec<(usize, u32)>)>,
    styles: HashMap<String, Member>,
}

/// What one part has counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    counters: HashMap<String, Counter>,
    /// Lists that have a paragraph already.
    begun: HashSet<String>,
    pub(super) room: Room,
}

impl Numbering {
    pub(super) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Reads definitions. What was read before damage counts.
    pub(super) fn read(&mut self, octets: &[u8]) -> Result<(), Reason> {
        let (mut definition, mut list, mut level) = (String::new(), String::new(), None);
        walk(octets, |node| {
            match node {
                Node::Start("abstractNum", attributes) => {
                    definition = value(attributes, "abstractNumId");
                    list.clear();
                }
                Node::Start("num", attributes) => {
                    list = value(attributes, "numId");
                    definition.clear();
                }
                Node::Start("abstractNumId", attributes) if !list.is_empty() && self.lists.len() < MOST => {
                    self.lists.entry(list.clone()).or_default().0 = value(attributes, "val");
                }
                Node::Start("lvl" | "lvlOverride", attributes) => level = number(attributes, "ilvl"),
                Node::Start("startOverride", attributes) => {
                    if let (Some((_, starts)), Some(level), Some(start)) =
                        (self.lists.get_mut(&list), level, number(attributes, "val"))
                        && starts.len() < LEVELS
                    {
                        starts.push((level, start as u32));
                    }
                }
                Node::Start(name, attributes) if !definition.is_empty() && self.levels.len() < MOST => {
                    let levels = self.levels.entry(definition.clone()).or_default();
                    levels.resize(LEVELS, Level::default());
                    if let Some(level) = level.and_then(|level| levels.get_mut(level)) {
                        describe(level, name, attributes);
                    }
                }
                Node::End("lvl") => level = None,
                _ => {}
            }
            Ok(())
        })
    }

    /// Reads which styles make a paragraph one of a list.
    pub(super) fn read_styles(&mut self, octets: &[u8]) -> Result<(), Reason> {
        let (mut style, mut member) = (String::new(), Member::default());
        walk(octets, |node| {
            match node {
                Node::Start("style", attributes) => {
                    (style, member) = (value(attributes, "styleId"), Member::default());
                }
                Node::Start("numId", attributes) => member.0 = value(attributes, "val"),
                Node::Start("ilvl", attributes) => member.1 = number(attributes, "val").unwrap_or(0),
                Node::End("style") if !member.0.is_empty() && self.styles.len() < MOST => {
                    self.styles.insert(std::mem::take(&mut style), std::mem::take(&mut member));
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// Counts a paragraph of a list, named by itself or by its style; what stands before it.
    pub(super) fn next(
        &self,
        list: Option<&str>,
        level: Option<usize>,
        style: &str,
        counters: &mut Counters,
    ) -> Option<Before> {
        let by_style = self.styles.get(style);
        let list = list.or(by_style.map(|(list, _)| list.as_str()))?;
        let level = level.or(by_style.map(|(_, level)| *level)).unwrap_or(0);
        let (definition, starts) = self.lists.get(list)?;
        let levels = self.levels.get(definition)?;
        let counter = counters.counters.entry(definition.clone()).or_default();
        if !starts.is_empty() && counters.begun.insert(list.to_owned()) {
            starts.iter().for_each(|(level, start)| counter.set(*level, *start));
        }
        counter.next(levels, level, &mut counters.room)
    }
}

fn describe(level: &mut Level, name: &str, attributes: &Attributes<'_>) {
    let value = || value(attributes, "val");
    match name {
        "start" => level.start = value().parse().ok(),
        "numFmt" => {
            level.format = match value().as_str() {
                "decimalZero" => Format::Padded,
                "lowerLetter" => Format::Letters { upper: false, doubled: true },
                "upperLetter" => Format::Letters { upper: true, doubled: true },
                "lowerRoman" => Format::Roman { upper: false },
                "upperRoman" => Format::Roman { upper: true },
                "bullet" | "none" => Format::None,
                _ => Format::Digits,
            }
        }
        "lvlText" => level.text = value(),
        "suff" => level.glued = value() == "nothing",
        "isLgl" => level.digits = true,
        "vanish" => level.unseen = !super::styles::is_off(attributes.get("val").as_deref()),
        _ => {}
    }
}

fn value(attributes: &Attributes<'_>, key: &str) -> String {
    attributes.get(key).unwrap_or_default().into_owned()
}

fn number(attributes: &Attributes<'_>, key: &str) -> Option<usize> {
    attributes.get(key)?.parse().ok()
}
