//! The lists of an OpenDocument text: which numbers and words stand before its paragraphs and headings.

use std::collections::HashMap;

use crate::documents::lists::{Before, Counter, Format, LEVELS, Level, Room};
use crate::documents::xml::Attributes;

/// Styles of lists of one document.
const MOST: usize = 20_000;
/// Lists inside lists that are followed.
const DEEPEST: usize = 64;
/// The name of the style of headings, which has none.
const HEADINGS: &str = "";

/// Styles of lists, and the lists that are open.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    styles: HashMap<String, Vec<Level>>,
    /// The style that is being read, and its level.
    style: Option<String>,
    level: usize,
    counters: HashMap<String, Counter>,
    /// Styles of the lists that are open.
    open: Vec<String>,
    /// Lists that are open and too deep to be followed.
    deeper: usize,
    /// The next paragraph is the first of an item.
    first: bool,
    pub(super) room: Room,
}

impl Numbering {
    /// Hears of an element that begins; what stands before the paragraph or heading that it is.
    pub(super) fn start(&mut self, name: &str, attributes: &Attributes<'_>) -> Option<Before> {
        let get = |key: &str| attributes.get(key).map(|value| value.into_owned());
        match name {
            "list-style" => self.style = get("name"),
            "outline-style" => self.style = Some(HEADINGS.to_owned()),
            "list-level-style-number" | "list-level-style-bullet" | "outline-level-style" => {
                self.describe(attributes);
            }
            "list-level-label-alignment" => {
                let glued = get("label-followed-by").as_deref() == Some("nothing");
                if let Some(level) = self.level_of_style() {
                    level.glued = glued;
                }
            }
            "list" => self.begin(get("style-name"), get("continue-numbering"), get("continue-list")),
            "list-item" => {
                self.first = true;
                if let (Some(start), Some(level)) =
                    (number(attributes, "start-value"), self.open.len().checked_sub(1))
                {
                    let style = self.open.last().cloned().unwrap_or_default();
                    self.counters.entry(style).or_default().set(level, start);
                }
            }
            "list-header" => self.first = false,
            "p" | "h" if std::mem::take(&mut self.first) && self.deeper == 0 => {
                let (style, level) = (self.open.last()?, self.open.len() - 1);
                let levels = self.styles.get(style)?;
                return self.counters.entry(style.clone()).or_default().next(levels, level, &mut self.room);
            }
            "h" if self.open.is_empty() && get("is-list-header").as_deref() != Some("true") => {
                let level = number(attributes, "outline-level")?.checked_sub(1)?;
                let levels = self.styles.get(HEADINGS)?;
                let counter = self.counters.entry(HEADINGS.to_owned()).or_default();
                return counter.next(levels, level as usize, &mut self.room);
            }
            _ => {}
        }
        None
    }

    /// Hears of an element that ends.
    pub(super) fn end(&mut self, name: &str) {
        match name {
            "list-style" | "outline-style" => self.style = None,
            "list-item" => self.first = false,
            "list" => match self.deeper.checked_sub(1) {
                Some(left) => self.deeper = left,
                None => drop(self.open.pop()),
            },
            _ => {}
        }
    }

    /// A list within another one goes on with its style and its counting.
    fn begin(&mut self, style: Option<String>, goes_on: Option<String>, list: Option<String>) {
        self.first = false;
        if self.open.len() >= DEEPEST {
            self.deeper += 1;
            return;
        }
        let outermost = self.open.is_empty();
        let style = style.or_else(|| self.open.last().cloned()).unwrap_or_default();
        if outermost && goes_on.as_deref() != Some("true") && list.is_none() {
            self.counters.remove(&style);
        }
        self.open.push(style);
    }

    fn level_of_style(&mut self) -> Option<&mut Level> {
        self.styles.get_mut(self.style.as_deref()?)?.get_mut(self.level)
    }

    fn describe(&mut self, attributes: &Attributes<'_>) {
        let Some(style) = self.style.clone().filter(|_| self.styles.len() < MOST) else { return };
        let get = |key: &str| attributes.get(key).unwrap_or_default().into_owned();
        let at = number(attributes, "level").unwrap_or(1).max(1) as usize;
        self.level = at - 1;
        let levels = self.styles.entry(style).or_default();
        levels.resize(LEVELS, Level::default());
        let Some(level) = levels.get_mut(at - 1) else { return };
        let letters = |upper| Format::Letters { upper, doubled: get("num-letter-sync") == "true" };
        level.start = number(attributes, "start-value");
        level.format = match get("num-format").as_str() {
            "" => Format::None,
            "a" => letters(false),
            "A" => letters(true),
            "i" => Format::Roman { upper: false },
            "I" => Format::Roman { upper: true },
            _ => Format::Digits,
        };
        level.text = get("num-list-format");
        if level.text.is_empty() {
            let levels = number(attributes, "display-levels").unwrap_or(1).clamp(1, at as u32) as usize;
            let numbers: Vec<_> = (at + 1 - levels..=at).map(|level| format!("%{level}")).collect();
            let numbers = if level.format == Format::None { get("bullet-char") } else { numbers.join(".") };
            level.text = format!("{}{numbers}{}", get("num-prefix"), get("num-suffix"));
        }
    }
}

fn number(attributes: &Attributes<'_>, key: &str) -> Option<u32> {
    attributes.get(key)?.parse().ok()
}
