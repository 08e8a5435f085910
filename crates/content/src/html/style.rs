//! What hides an element or turns its text round: its own style, and rules of the page's style sheets, as far as a tag, a class or an id tells
//! whom they mean.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use html5gum::{SpanBound, StartTag};

use super::place::Place;

/// Rules that hide, of one page.
const MOST_RULES: usize = 4_096;
/// Rules that mean children by their number.
const MOST_OF_CHILDREN: usize = 64;
/// Octets of a selector that are looked at.
const LONGEST_SELECTOR: usize = 1_024;

/// What some rule of the page does to whom. Whether it does so here and now (on paper, on small screens, after other rules) is not asked.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    hides: Whom,
    forces: Whom,
    rightward: Whom,
    leftward: Whom,
    /// Where rules put whom they name.
    places: HashMap<String, Place>,
    /// Where they put some of the children of an element.
    children: Vec<(Nth, String, Place)>,
}

/// Which children a rule means: each `step` from the first on.
#[derive(Debug, Clone, Copy)]
struct Nth {
    step: i64,
    first: i64,
}

impl Nth {
    /// From a selector's last part, in lower case.
    fn of(selector: &str) -> Option<Self> {
        let last = selector.rsplit_once([' ', '>', '+', '~']).filter(|(_, last)| !last.ends_with(')'));
        let last = last.map_or(selector, |(_, last)| last);
        if last.contains(":first-child") {
            return Some(Self { step: 0, first: 1 });
        }
        let formula = last.rsplit_once(":nth-child(")?.1.split(')').next()?;
        let formula: String = formula.split_ascii_whitespace().collect();
        let (step, first) = match formula.as_str() {
            "odd" => (2, 1),
            "even" => (2, 0),
            formula => match formula.split_once('n') {
                None => (0, formula.parse::<i32>().ok()?.into()),
                Some((step, first)) => {
                    let step = match step {
                        "" | "+" => 1,
                        "-" => -1,
                        step => step.parse::<i32>().ok()?.into(),
                    };
                    (step, if first.is_empty() { 0 } else { first.parse::<i32>().ok()?.into() })
                }
            },
        };
        Some(Self { step, first })
    }

    fn means(self, number: u32) -> bool {
        let behind = i64::from(number) - self.first;
        match self.step {
            0 => behind == 0,
            step => behind % step == 0 && behind / step >= 0,
        }
    }
}

/// Elements that rules mean.
#[derive(Debug, Default)]
struct Whom {
    /// `i`, `.class`, `#id`; of several parts, the last one that says whom it means.
    known: HashSet<String>,
    /// A rule means elements by something else.
    anybody: bool,
}

/// What an element does to the direction of its text.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// From right to left, or from left to right.
    pub(super) rightward: Option<bool>,
    /// Whatever its letters are.
    pub(super) forces: bool,
    /// Within a line, too.
    pub(super) embeds: bool,
    /// Without a say in what stands around it.
    pub(super) isolates: bool,
}

impl Turn {
    /// By the element's attributes.
    pub(super) fn of<S: SpanBound>(tag: &StartTag<S>) -> Self {
        let attribute = |name: &[u8]| {
            let found = tag.attributes.iter().find(|(key, _)| key.as_slice() == name);
            found.map(|(_, value)| String::from_utf8_lossy(value).trim().to_ascii_lowercase())
        };
        let own = attribute(b"style").map_or(Self::default(), |style| Self::of_style(&style));
        let rightward = match attribute(b"dir").as_deref() {
            Some("rtl") => Some(true),
            Some("ltr") => Some(false),
            _ => None,
        };
        let isolates = rightward.is_some();
        own.or(Self { rightward, forces: isolates && tag.name.as_slice() == b"bdo", embeds: false, isolates })
    }

    /// By declarations, in lower case.
    fn of_style(style: &str) -> Self {
        let mut turn = Self::default();
        for declaration in style.split(';') {
            let Some((name, value)) = declaration.split_once(':') else { continue };
            match (name.trim(), value.split(['!', ' ']).find(|word| !word.is_empty()).unwrap_or_default()) {
                ("direction", "rtl") => turn.rightward = Some(true),
                ("direction", "ltr") => turn.rightward = Some(false),
                ("unicode-bidi" | "-webkit-unicode-bidi", value) => {
                    turn.forces = value.ends_with("-override");
                    turn.isolates = value.starts_with("isolate");
                    turn.embeds = value == "embed";
                }
                _ => {}
            }
        }
        turn
    }

    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Both, this one first.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            rightward: self.rightward.or(other.rightward),
            forces: self.forces || other.forces,
            embeds: self.embeds || other.embeds,
            isolates: self.isolates || other.isolates,
        }
    }
}

impl Sheet {
    /// Reads the style sheets in a page, wherever they stand.
    pub(super) fn of(page: &str) -> Self {
        let mut sheet = Self::default();
        if !has_sheets(page) {
            return sheet;
        }
        let lower = page.to_ascii_lowercase();
        sheets(&lower).for_each(|at| sheet.rules(&lower[at]));
        sheet
    }

    /// Whether it hides nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.hides.is_empty()
    }

    /// Rules inside others, as for small screens, are rules as well: what stands before a brace is a selector if a block follows.
    fn rules(&mut self, rules: &str) {
        let rules = without_comments(rules);
        let mut from = 0;
        let mut selector = "";
        for (at, sign) in rules.match_indices(['{', '}']) {
            let piece = &rules[from..at];
            match sign {
                "{" => selector = piece,
                _ => self.rule(selector, piece),
            }
            from = at + 1;
        }
    }

    fn rule(&mut self, selector: &str, style: &str) {
        if conceals(style) {
            self.hides.add(selector);
        }
        let turn = Turn::of_style(style);
        if turn.forces {
            self.forces.add(selector);
        }
        match turn.rightward {
            Some(true) => self.rightward.add(selector),
            Some(false) => self.leftward.add(selector),
            None => {}
        }
        let place = Place::of_style(style);
        if !place.is_none() && self.places.len() < MOST_RULES && selector.len() <= LONGEST_SELECTOR {
            for one in selector.split(',') {
                if let Some(nth) = Nth::of(one.trim()) {
                    if self.children.len() < MOST_OF_CHILDREN {
                        self.children.push((nth, whom_of_children(one).to_owned(), place));
                    }
                    continue;
                }
                let Some(whom) = whom(one).filter(|whom| !whom.is_empty()) else { continue };
                let known = self.places.entry(whom.to_owned()).or_default();
                *known = place.or(*known);
            }
        }
    }

    /// Where rules put an element.
    pub(super) fn places(&self, tag: &[u8], class: Option<&str>, id: Option<&str>) -> Place {
        let mut place = Place::default();
        if self.places.is_empty() {
            return place;
        }
        let mut take = |sign: &str, name: &str| {
            if let Some(known) = self.places.get(&format!("{sign}{}", name.to_ascii_lowercase())) {
                place = place.or(*known);
            }
        };
        if let Some(id) = id {
            take("#", id.trim());
        }
        class.into_iter().flat_map(str::split_ascii_whitespace).for_each(|class| take(".", class));
        take("", &String::from_utf8_lossy(tag));
        place
    }

    /// Where rules put an element that is a child by that number; later rules first.
    pub(super) fn places_of_child(
        &self,
        number: Option<u32>,
        tag: &[u8],
        class: Option<&str>,
        id: Option<&str>,
    ) -> Place {
        let means = |whom: &str| match whom.strip_prefix(['.', '#']) {
            _ if whom.is_empty() => true,
            None => whom.as_bytes() == tag,
            Some(name) if whom.starts_with('#') => id.is_some_and(|id| id.trim().eq_ignore_ascii_case(name)),
            Some(name) => class.is_some_and(|class| {
                class.split_ascii_whitespace().any(|class| class.eq_ignore_ascii_case(name))
            }),
        };
        let mut place = Place::default();
        if let Some(number) = number {
            for (nth, whom, there) in self.children.iter().rev() {
                if nth.means(number) && means(whom) {
                    place = place.or(*there);
                }
            }
        }
        place.or(self.places(tag, class, id))
    }

    /// Whether a rule hides an element; one that does not say whom it means may mean any within a line.
    pub(super) fn means(&self, tag: &[u8], class: Option<&str>, id: Option<&str>) -> bool {
        self.hides.has(tag, class, id)
    }

    /// What rules do to the direction of an element's text.
    pub(super) fn turns(&self, tag: &[u8], class: Option<&str>, id: Option<&str>) -> Turn {
        let forces = self.forces.has(tag, class, id);
        let rightward = match () {
            () if self.rightward.has(tag, class, id) => Some(true),
            () if self.leftward.has(tag, class, id) => Some(false),
            () => None,
        };
        Turn { rightward, forces, ..Turn::default() }
    }
}

impl Whom {
    fn is_empty(&self) -> bool {
        self.known.is_empty() && !self.anybody
    }

    fn add(&mut self, selectors: &str) {
        for selector in selectors.split(',') {
            if self.known.len() >= MOST_RULES || selector.len() > LONGEST_SELECTOR {
                self.anybody = true;
                return;
            }
            match whom(selector) {
                None => {}
                Some("") => self.anybody = true,
                Some(whom) => drop(self.known.insert(whom.to_owned())),
            }
        }
    }

    fn has(&self, tag: &[u8], class: Option<&str>, id: Option<&str>) -> bool {
        let has =
            |sign: &str, name: &str| self.known.contains(&format!("{sign}{}", name.to_ascii_lowercase()));
        !self.is_empty()
            && (self.anybody && !super::BLOCKS.contains(&tag)
                || has("", &String::from_utf8_lossy(tag))
                || class.is_some_and(|all| all.split_ascii_whitespace().any(|class| has(".", class)))
                || id.is_some_and(|id| has("#", id.trim())))
    }
}

/// Whom a selector means: `i`, `.class`, `#id`; of several parts, the last one that says so.
pub(super) fn whom(selector: &str) -> Option<&str> {
    let last = selector.split([' ', '>', '+', '~', '\n', '\r', '\t', ';']).rfind(|part| !part.is_empty());
    let last = last.filter(|last| !last.starts_with('@'))?;
    let known = last.find([':', '[', '*']).map_or(last, |end| &last[..end]);
    Some(known.rfind(['.', '#']).map_or(known, |at| &known[at..]))
}

/// As [`whom`], of a selector that ends with which child it means; nothing is anybody.
fn whom_of_children(selector: &str) -> &str {
    let before = selector.rfind(':').map_or(selector, |at| &selector[..at]);
    match before.ends_with([' ', '>', '+', '~', '\n']) {
        true => "",
        false => whom(before).unwrap_or_default(),
    }
}

/// Whether a style sheet stands in a page.
pub(super) fn has_sheets(page: &str) -> bool {
    let begins = |at: usize| {
        page.as_bytes().get(at + 1..at + 6).is_some_and(|name| name.eq_ignore_ascii_case(b"style"))
    };
    memchr::memchr_iter(b'<', page.as_bytes()).any(begins)
}

/// Where the rules of each style sheet stand in a page, which is given in small letters.
pub(super) fn sheets(lower: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + memchr::memmem::find(&lower.as_bytes()[from..], b"<style")?;
        let end = memchr::memmem::find(&lower.as_bytes()[start..], b"</style")
            .map_or(lower.len(), |end| start + end);
        from = end;
        let tag = memchr::memchr(b'>', &lower.as_bytes()[start..end]);
        Some(tag.map_or(end, |tag| start + tag + 1)..end)
    })
}

pub(super) fn without_comments(rules: &str) -> String {
    let mut out = String::with_capacity(rules.len());
    let mut rest = rules;
    while let Some(at) = memchr::memmem::find(rest.as_bytes(), b"/*") {
        out.push_str(&rest[..at]);
        let comment = &rest[at + 2..];
        rest = memchr::memmem::find(comment.as_bytes(), b"*/").map_or("", |end| &comment[end + 2..]);
    }
    out.push_str(rest);
    out
}

/// Whether the last word on a property hides the element.
pub(super) fn conceals(style: &str) -> bool {
    let mut hides = [false; 10];
    let (mut flat, mut cut, mut colour, mut behind) = (false, false, String::new(), String::new());
    for declaration in style.to_ascii_lowercase().split(';') {
        let Some((name, value)) = declaration.split_once(':') else { continue };
        let value = value.trim().trim_end_matches("!important").trim_end();
        match name.trim() {
            "display" => hides[0] = value == "none",
            "visibility" => hides[1] = matches!(value, "hidden" | "collapse"),
            "font-size" => hides[2] = is_zero(value),
            "font" => hides[2] = value.split([' ', '/']).any(is_zero),
            "opacity" => hides[3] = is_zero(value),
            "max-height" => hides[4] = is_zero(value),
            "mso-hide" => hides[5] = value == "all",
            "left" | "right" | "top" | "text-indent" | "margin-left" => hides[6] |= is_far_out(value),
            "clip" | "clip-path" => hides[7] = value.split(['(', ',', ' ']).nth(1).is_some_and(is_zero),
            "transform" => {
                hides[8] = value.split(['(', ')', ',']).nth(1).is_some_and(is_zero) && value.contains("scale")
            }
            "width" | "height" | "max-width" => flat |= is_zero(value),
            "overflow" => cut = value == "hidden",
            "color" => value.clone_into(&mut colour),
            "background-color" | "background" => value.clone_into(&mut behind),
            _ => {}
        }
    }
    hides[9] = flat && cut || colour == "transparent" || !colour.is_empty() && colour == behind;
    hides.contains(&true)
}

fn is_zero(value: &str) -> bool {
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    number.trim_matches(['0', '.']).is_empty() && number.starts_with(['0', '.'])
}

/// Outside of any window.
fn is_far_out(value: &str) -> bool {
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    number.parse::<f64>().is_ok_and(|number| number <= -400.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_hides_counts_as_hidden() {
        for style in [
            "background-color:#fff",
            "display:none;display:block",
            "font-size:0.9em",
            "opacity:.5",
            "font: 10px/1.0 Arial",
            "left:-10px",
            "height:0",
            "color:#fff;background:#000",
            "transform:rotate(0)",
            "clip:auto",
        ] {
            assert!(!conceals(style), "{style}");
        }
        for style in [
            "DISPLAY : none !important",
            "font-size:0px",
            "font:0/0 a",
            "opacity:0.0",
            "mso-hide:all;color:red",
            "position:absolute;left:-9999px",
            "text-indent: -999em",
            "width:0;overflow:hidden",
            "clip:rect(0,0,0,0)",
            "transform: scale(0)",
            "color:#fff;background-color:#FFF",
            "color:transparent",
        ] {
            assert!(conceals(style), "{style}");
        }
    }

    #[test]
    fn rules_say_whom_they_hide() {
        let sheet = Sheet::of(
            "<STYLE type='a'>/* .no{display:none} */ p{color:red} div .X:hover, b > i#Y {display:none} \
             @media all { u { font-size:0 } s{} } </STYLE><p><style>.late{visibility:hidden}",
        );
        for (tag, class, id) in
            [("b", Some("a x"), None), ("a", None, Some("y")), ("u", None, None), ("p", Some("LATE"), None)]
        {
            assert!(sheet.means(tag.as_bytes(), class, id), "{tag} {class:?} {id:?}");
        }
        for (tag, class, id) in [("p", None, None), ("s", Some("no"), Some("x")), ("div", None, None)] {
            assert!(!sheet.means(tag.as_bytes(), class, id), "{tag} {class:?} {id:?}");
        }
        assert!(Sheet::of("<style>[x]{display:none}</style>").means(b"a", None, None));
        assert!(Sheet::of("<style>p{color:red}</style>").is_empty());
    }

    #[test]
    fn sheets_cost_what_they_have_octets() {
        for line in ["<style>", "/*", "{", ".a{display:none}\n"] {
            crate::open::grows_with_lines(line, |text| {
                std::hint::black_box((Sheet::of(text), Sheet::of(&format!("<style>{text}"))));
            });
        }
    }
}
