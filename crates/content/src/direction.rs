//! Text as it stands on the screen, from left to right, where characters in it turn its direction round (UAX #9): `U+202E 1114` is shown as 4111.
//!
//! A line that no screen holds is turned piece by piece; time and memory are linear.

use std::borrow::Cow;

/// Begin text whose parts stand from right to left, and end it (UAX #9).
pub(crate) const FROM_RIGHT: &str = "\u{202b}";
/// Begin text whose parts stand from left to right, inside of such.
pub(crate) const FROM_LEFT: &str = "\u{202a}";
pub(crate) const BACK: &str = "\u{202c}";

/// Begin a stretch of a direction, and end it.
const EMBED: [char; 2] = ['\u{202a}', '\u{202b}'];
/// As [`EMBED`], whatever the letters are.
const OVERRIDE: [char; 2] = ['\u{202d}', '\u{202e}'];
pub(crate) const POP: char = '\u{202c}';
/// As [`EMBED`], without a say in what stands around the stretch.
const ISOLATE: [char; 2] = ['\u{2066}', '\u{2067}'];
const ISOLATE_BY_FIRST: char = '\u{2068}';
pub(crate) const POP_ISOLATE: char = '\u{2069}';

/// What begins a stretch.
pub(crate) fn begin(rightward: bool, forces: bool, isolates: bool) -> impl Iterator<Item = char> {
    let at = usize::from(rightward);
    let isolate = isolates.then_some(ISOLATE[at]);
    let inner = match (forces, isolates) {
        (true, _) => Some(OVERRIDE[at]),
        (false, false) => Some(EMBED[at]),
        (false, true) => None,
    };
    isolate.into_iter().chain(inner)
}

/// Embeddings inside embeddings.
const DEEPEST: usize = 30;
/// Characters of one line on a screen.
const LONGEST_LINE: usize = 4_096;
/// Characters after the one that leaves the direction to what follows it, among which that is looked for.
const LOOK_AHEAD: usize = 64;

/// The mark between a run and the next one where the direction changes to, or from, right to left. In a paragraph that runs so anyway no
/// stretch is deeper than another: what runs so only has no say in what the numbers behind it are.
pub(crate) fn run_mark(rightward: bool, in_rightward: bool) -> &'static str {
    match (rightward, in_rightward) {
        (true, true) => "\u{200f}",
        (true, false) => FROM_RIGHT,
        (false, true) => "",
        (false, false) => BACK,
    }
}

/// Whether a run from right to left needs marks: blanks and signs alone go with what stands around them.
pub(crate) fn needs_marks(run: &str) -> bool {
    run.contains(char::is_alphanumeric)
}

/// Text of which every line runs from right to left; as it is where that changes nothing.
pub(crate) fn from_right(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|octet| octet.is_ascii_alphanumeric()) {
        return text.into();
    }
    let marked = lines_from_right(text);
    if shown(&marked).is_some() { marked.into() } else { text.into() }
}

/// Text of which every line runs from right to left, with the marks that say so. Lines of a paragraph and of cells may end as Word ends them.
pub(crate) fn lines_from_right(text: &str) -> String {
    const ENDS: [char; 5] = ['\n', '\r', '\u{7}', '\u{b}', '\u{c}'];
    let mut marked = String::with_capacity(text.len() + 6);
    for line in text.split_inclusive(ENDS) {
        let inner = line.trim_end_matches(ENDS);
        marked.push_str(FROM_RIGHT);
        marked.push_str(inner);
        marked.push_str(BACK);
        marked.push_str(&line[inner.len()..]);
    }
    marked
}

/// A text as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) text: String,
    /// Against what its letters are, not only as their script demands.
    pub(crate) overridden: bool,
}

/// The text as it is shown; nothing if its ASCII letters and digits follow one another as they are stored.
pub(crate) fn shown(text: &str) -> Option<Shown> {
    if text.is_ascii() || !may_turn(text.as_bytes()) {
        return None;
    }
    let (mut all, mut turned, mut overridden) = (String::with_capacity(text.len()), false, false);
    for line in text.split_inclusive(['\n', '\r', '\u{2029}']) {
        if !may_turn(line.as_bytes()) {
            all.push_str(line);
            continue;
        }
        let as_stored = |all: &mut String| all.extend(line.chars().filter(|c| !is_command(*c)));
        let from = all.len();
        let mut levels = Levels::default();
        let mut rest = line.chars();
        loop {
            let piece: Vec<char> = rest.by_ref().take(LONGEST_LINE).collect();
            if piece.is_empty() {
                break;
            }
            levels.line(&piece, &mut all);
        }
        if signs(&all[from..]).eq(signs(line)) {
            all.truncate(from);
            as_stored(&mut all);
        } else {
            turned = true;
            overridden |= levels.overrides;
        }
    }
    turned.then_some(Shown { text: all, overridden })
}

fn signs(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(u8::is_ascii_alphanumeric)
}

/// Whether there is a character that turns the direction round, whatever it does.
fn may_turn(text: &[u8]) -> bool {
    let behind = |start: &'static [u8], third: fn(u8) -> bool| {
        memchr::memmem::find_iter(text, start).any(|at| text.get(at + 2).is_some_and(|octet| third(*octet)))
    };
    behind(b"\xe2\x80", |octet| matches!(octet, 0x8e | 0x8f | 0xaa..=0xae))
        || behind(b"\xe2\x81", |octet| matches!(octet, 0xa6..=0xa9))
        || memchr::memmem::find(text, b"\xd8\x9c").is_some()
}

fn is_command(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What a character is to the algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Left,
    Right,
    Arabic,
    Number,
    ArabicNumber,
    /// `-`, which keeps two numbers together.
    Separator,
    /// `.`, which does so too, of either kind.
    CommonSeparator,
    /// `€`
    Terminator,
    /// Goes with what stands before it.
    Mark,
    Neutral,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            '0'..='9' | '\u{6f0}'..='\u{6f9}' => Self::Number,
            '\u{660}'..='\u{669}' => Self::ArabicNumber,
            '+' | '-' | '\u{2212}' => Self::Separator,
            ',' | '.' | '/' | ':' | '\u{a0}' | '\u{202f}' => Self::CommonSeparator,
            '#' | '$' | '%' | '\u{a2}'..='\u{a5}' | '\u{b0}' | '\u{2030}' | '\u{20a0}'..='\u{20cf}' => {
                Self::Terminator
            }
            '\u{200e}' => Self::Left,
            '\u{61c}' => Self::Arabic,
            '\u{300}'..='\u{36f}'
            | '\u{591}'..='\u{5bd}'
            | '\u{64b}'..='\u{65f}'
            | '\u{200b}'..='\u{200d}' => Self::Mark,
            '\u{200f}' | '\u{590}'..='\u{5ff}' | '\u{7c0}'..='\u{85f}' | '\u{fb1d}'..='\u{fb4f}' => {
                Self::Right
            }
            '\u{600}'..='\u{7bf}'
            | '\u{860}'..='\u{8ff}'
            | '\u{fb50}'..='\u{fdff}'
            | '\u{fe70}'..='\u{feff}' => Self::Arabic,
            c if c.is_alphanumeric() => Self::Left,
            _ => Self::Neutral,
        }
    }
}

struct Character {
    c: char,
    class: Class,
    level: u8,
    /// The stretch that it belongs to; an isolate does not end the one around it.
    stretch: usize,
}

struct Embedding {
    level: u8,
    forces: Option<Class>,
    /// The stretch that goes on behind an isolate.
    around: Option<usize>,
}

/// The embeddings that are open in a line.
#[derive(Default)]
struct Levels {
    open: Vec<Embedding>,
    /// The stretch that characters belong to now, and how many there are.
    stretch: usize,
    stretches: usize,
    overrides: bool,
}

impl Levels {
    /// Appends a line as it is shown.
    fn line(&mut self, line: &[char], to: &mut String) {
        let mut shown = Vec::with_capacity(line.len());
        (self.stretch, self.stretches) = (0, 1);
        for (at, c) in line.iter().enumerate() {
            let before = (self.level(), self.stretch);
            let forces = self.open.last().and_then(|open| open.forces);
            let ((level, stretch), class) = match self.command(*c, &line[at + 1..]) {
                Some(false) => continue,
                // Both ends of an isolate stand outside of it.
                Some(true) if *c == POP_ISOLATE => ((self.level(), self.stretch), Class::Neutral),
                Some(true) => (before, Class::Neutral),
                None => (before, forces.unwrap_or_else(|| Class::of(*c))),
            };
            shown.push(Character { c: *c, class, level, stretch });
        }
        // The end of the line stays where it is.
        let end =
            shown.iter().rposition(|one| !matches!(one.c, '\n' | '\r' | '\u{2029}')).map_or(0, |at| at + 1);
        let ends: Vec<Character> = shown.drain(end..).collect();
        self.resolve(&mut shown);
        turn(&mut shown);
        let visible = shown.iter().filter(|one| !is_command(one.c));
        to.extend(visible.map(|one| if one.level % 2 == 1 { mirrored(one.c) } else { one.c }));
        to.extend(ends.iter().map(|one| one.c));
    }

    fn level(&self) -> u8 {
        self.open.last().map_or(0, |open| open.level)
    }

    /// Obeys a character that is a command; says whether it begins or ends an isolate. Nothing if it is no command.
    fn command(&mut self, c: char, rest: &[char]) -> Option<bool> {
        let of = |two: [char; 2]| two.iter().position(|one| *one == c).map(|at| at == 1);
        let forced = |rightward: bool| Some(if rightward { Class::Right } else { Class::Left });
        if let Some(rightward) = of(EMBED) {
            self.embed(rightward, None, false);
        } else if let Some(rightward) = of(OVERRIDE) {
            self.overrides = true;
            self.embed(rightward, forced(rightward), false);
        } else if let Some(rightward) = of(ISOLATE) {
            return Some(self.embed(rightward, None, true));
        } else if c == ISOLATE_BY_FIRST {
            return Some(self.embed(first_is_rightward(rest), None, true));
        } else if c == POP {
            if self.open.last().is_some_and(|open| open.around.is_none()) {
                self.open.pop();
                self.begin_stretch();
            }
        } else if c == POP_ISOLATE {
            if let Some(at) = self.open.iter().rposition(|open| open.around.is_some()) {
                self.stretch = self.open[at].around.unwrap_or_default();
                self.open.truncate(at);
            }
            return Some(true);
        } else {
            return None;
        }
        Some(false)
    }

    /// Goes to the next level that is odd or even; those beyond the deepest are passed over.
    fn embed(&mut self, rightward: bool, forces: Option<Class>, isolates: bool) -> bool {
        if self.open.len() >= DEEPEST {
            return false;
        }
        let level = self.level();
        let level = if (level % 2 == 1) == rightward { level + 2 } else { level + 1 };
        self.open.push(Embedding { level, forces, around: isolates.then_some(self.stretch) });
        self.begin_stretch();
        isolates
    }

    fn begin_stretch(&mut self) {
        self.stretch = self.stretches;
        self.stretches += 1;
    }

    /// Gives each character the level on which it is shown, stretch by stretch.
    fn resolve(&self, line: &mut [Character]) {
        let mut stretches: Vec<Vec<usize>> = vec![Vec::new(); self.stretches];
        for (at, one) in line.iter().enumerate() {
            stretches[one.stretch].push(at);
        }
        let embedded: Vec<u8> = line.iter().map(|one| one.level).collect();
        for stretch in stretches {
            let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else { continue };
            let level = embedded[*first];
            let beside = |at: Option<usize>| at.and_then(|at| embedded.get(at)).copied().unwrap_or(0);
            let start = direction(level.max(beside(first.checked_sub(1))));
            let cut_off = matches!(line[*last].c, '\u{2066}'..='\u{2068}');
            let end = direction(level.max(if cut_off { 0 } else { beside(Some(last + 1)) }));
            let mut run: Vec<Class> = stretch.iter().map(|at| line[*at].class).collect();
            numbers(&mut run, start);
            neutrals(&mut run, direction(level), start, end);
            for (at, class) in stretch.into_iter().zip(run) {
                line[at].level += match (level % 2, class) {
                    (0, Class::Right) => 1,
                    (0, Class::Number | Class::ArabicNumber) => 2,
                    (1, Class::Left | Class::Number | Class::ArabicNumber) => 1,
                    _ => 0,
                };
            }
        }
    }
}

fn first_is_rightward(rest: &[char]) -> bool {
    let strong = |c: &char| match Class::of(*c) {
        Class::Left => Some(false),
        Class::Right | Class::Arabic => Some(true),
        _ => None,
    };
    rest.iter().take(LOOK_AHEAD).find_map(strong).unwrap_or(false)
}

fn direction(level: u8) -> Class {
    if level % 2 == 1 { Class::Right } else { Class::Left }
}

/// Numbers and what keeps them together (rules W1 to W7).
fn numbers(run: &mut [Class], start: Class) {
    let mut strong = start;
    for at in 0..run.len() {
        let before = at.checked_sub(1).map_or(start, |before| run[before]);
        run[at] = match run[at] {
            Class::Mark => before,
            Class::Number if strong == Class::Arabic => Class::ArabicNumber,
            class => class,
        };
        if matches!(run[at], Class::Left | Class::Right | Class::Arabic) {
            strong = run[at];
        }
    }
    for at in 1..run.len().saturating_sub(1) {
        let (before, after) = (run[at - 1], run[at + 1]);
        let joins = match run[at] {
            Class::Separator => before == Class::Number,
            Class::CommonSeparator => matches!(before, Class::Number | Class::ArabicNumber),
            _ => false,
        };
        if joins && before == after {
            run[at] = before;
        }
    }
    let beside = |run: &mut [Class], at: usize, other: usize| {
        if run[at] == Class::Terminator && run[other] == Class::Number {
            run[at] = Class::Number;
        }
    };
    (1..run.len()).for_each(|at| beside(run, at, at - 1));
    (1..run.len()).rev().for_each(|at| beside(run, at - 1, at));
    strong = start;
    for class in run {
        *class = match *class {
            Class::Separator | Class::CommonSeparator | Class::Terminator => Class::Neutral,
            Class::Arabic => Class::Right,
            Class::Number if strong == Class::Left => Class::Left,
            class => class,
        };
        if matches!(class, Class::Left | Class::Right) {
            strong = *class;
        }
    }
}

/// What has no direction takes it from both sides, or from the embedding (rules N1 and N2).
fn neutrals(run: &mut [Class], embedding: Class, start: Class, end: Class) {
    let side = |class: Class| if class == Class::Left { Class::Left } else { Class::Right };
    let mut before = start;
    let mut at = 0;
    while at < run.len() {
        if run[at] != Class::Neutral {
            before = side(run[at]);
            at += 1;
            continue;
        }
        let length = run[at..].iter().take_while(|class| **class == Class::Neutral).count();
        let after = run.get(at + length).map_or(end, |next| side(*next));
        run[at..at + length].fill(if before == after { before } else { embedding });
        at += length;
    }
}

/// Turns round what stands on each level, from the highest down (rule L2).
fn turn(line: &mut [Character]) {
    let highest = line.iter().map(|one| one.level).max().unwrap_or(0);
    for level in (1..=highest).rev() {
        line.chunk_by_mut(|a, b| (a.level >= level) == (b.level >= level))
            .filter(|stretch| stretch[0].level >= level)
            .for_each(<[Character]>::reverse);
    }
}

fn mirrored(c: char) -> char {
    match c {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '<' => '>',
        '>' => '<',
        '{' => '}',
        '}' => '{',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(stored: &str) -> String {
        shown(stored).map_or_else(|| stored.to_owned(), |shown| shown.text)
    }

    #[test]
    fn overrides_turn_letters_and_digits() {
        for (stored, seen) in [
            ("\u{202e}1111 1111 1111 1114\u{202c} end", "4111 1111 1111 1111 end"),
            ("invoice\u{202e}fdp.exe", "invoiceexe.pdf"),
            ("a \u{202e}(terces)", "a (secret)"),
            ("\u{202e}11\u{202d}ab\u{202c}14", "41ab11"),
            ("a \u{2067}\u{202e}1114\u{2069}22", "a 411122"),
            // A number behind goes with what is turned round, unless that is isolated.
            ("a \u{202e}1114\u{202c}22", "a 224111"),
            ("one\r\n\u{202e}owt\r\nthree", "one\r\ntwo\r\nthree"),
            ("x \u{2067}\u{202e}1114\u{2069} y", "x 4111 y"),
        ] {
            assert_eq!(text(stored), seen, "{stored:?}");
        }
        assert!(shown("\u{202e}41").is_some_and(|shown| shown.overridden));
    }

    /// As fribidi and ICU order them.
    #[test]
    fn groups_of_a_number_stand_from_right_to_left_among_letters_that_do() {
        for (stored, seen) in [
            ("\u{200f}1111 1111 1111 4111", "4111 1111 1111 1111"),
            ("\u{202b}1111 1111 1111 4111\u{202c}", "4111 1111 1111 1111"),
            ("\u{202b}1111-1111-1111-4111\u{202c}", "1111-1111-1111-4111"),
            ("\u{2067}abc 12 def 34\u{2069}", "abc 12 def 34"),
            ("\u{2067}12 abc\u{2069}", "abc 12"),
        ] {
            assert_eq!(text(stored).trim_matches(is_command), seen, "{stored:?}");
        }
        assert!(shown("\u{200f}11 22").is_some_and(|shown| !shown.overridden));
    }

    #[test]
    fn a_text_that_is_shown_as_it_is_stored_has_no_other_form() {
        for stored in [
            "4111",
            "\u{202d}4111\u{202c}",
            "\u{202a}+49 30 1234\u{202c}",
            "“quoted” – 4111",
            "שלום \u{200f}4111",
            "\u{202e}",
        ] {
            assert_eq!(shown(stored), None, "{stored:?}");
        }
    }

    #[test]
    fn lines_from_right_to_left_are_marked_where_that_turns_them() {
        for (stored, seen) in [("11 22\r\n33 44", "22 11\r\n44 33"), ("11\n\n22 33", "11\n\n33 22")] {
            assert_eq!(text(&from_right(stored)), seen, "{stored:?}");
        }
        for stored in ["", "4111", "11-22", "\u{5d0}\u{5d1} \u{5d2}", "abc 11 22"] {
            assert!(matches!(from_right(stored), Cow::Borrowed(_)), "{stored:?}");
        }
    }

    #[test]
    fn what_is_shown_is_what_was_stored_without_the_commands() {
        let stored =
            "\u{202e}ab\u{202b}12 ש 3,4\u{2068}%-x\u{2069}\u{202c}\u{202d}(9)\u{202c}\u{202c}z".repeat(700);
        let sorted = |text: &str| {
            let mut all: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).collect();
            all.sort_unstable();
            all
        };
        assert_eq!(sorted(&text(&stored)), sorted(&stored));
    }

    #[test]
    fn turning_costs_what_it_has_octets() {
        for line in
            ["\u{202e}1\u{202d}", "\u{202e}1\u{202d}2\n", "\u{2068}", "1\u{200f} ", "\u{202b}\u{202c}"]
        {
            crate::open::grows_with_lines(line, |text| drop(std::hint::black_box(shown(text))));
        }
    }
}
