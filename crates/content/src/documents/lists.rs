//! The numbers and words that definitions of lists put before paragraphs, as they are shown: `1.`, `b)`, `IV`.

/// Lists inside lists.
pub(super) const LEVELS: usize = 10;
/// Characters that stand before one paragraph.
const LONGEST: usize = 255;
/// Octets that stand before the paragraphs of one part, together.
const MOST: usize = 8 << 20;
/// Letters and digits of a bullet that is a word.
const WORD: usize = 2;

/// How the paragraphs of one level are counted, and what stands before them.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    pub(super) start: Option<u32>,
    pub(super) format: Format,
    /// With `%1` for the number of the first level.
    pub(super) text: String,
    /// Nothing stands between it and the paragraph.
    pub(super) glued: bool,
    /// It is not shown.
    pub(super) unseen: bool,
    /// The numbers of all levels are shown as digits.
    pub(super) digits: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Digits,
    /// At least two digits.
    Padded,
    /// `z` is followed by `aa`, and that by `bb` or `ab`.
    Letters {
        upper: bool,
        doubled: bool,
    },
    Roman {
        upper: bool,
    },
    /// Words, or a bullet; no number.
    None,
}

/// Where the counting of a list is.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter {
    values: [Option<u32>; LEVELS],
}

/// What stands before a paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) text: String,
    pub(super) glued: bool,
}

/// How much may still be put before paragraphs.
#[derive(Debug, Clone)]
pub(super) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Room {
    /// Nothing was left for some paragraph.
    pub(super) fn is_over(&self) -> bool {
        self.0 == 0
    }

    fn take(&mut self, before: Before) -> Option<Before> {
        let left = self.0.saturating_sub(before.text.len());
        self.0 = left;
        (left > 0).then_some(before)
    }
}

impl Counter {
    /// The next paragraph of a level gets this number.
    pub(super) fn set(&mut self, level: usize, number: u32) {
        if let Some(value) = self.values.get_mut(level) {
            *value = Some(number.saturating_sub(1));
        }
    }

    /// Counts a paragraph; what stands before it.
    pub(super) fn next(&mut self, levels: &[Level], level: usize, room: &mut Room) -> Option<Before> {
        let shown = levels.get(level)?;
        let start = |level: usize| levels.get(level).and_then(|level| level.start).unwrap_or(1);
        let value = self.values.get_mut(level)?;
        *value = Some(value.map_or(start(level), |value| value.saturating_add(1)));
        self.values[level + 1..].fill(None);
        if shown.unseen || room.is_over() {
            return None;
        }
        let text = self.fill(levels, level, start);
        let wordless =
            shown.format == Format::None && text.chars().filter(|c| c.is_alphanumeric()).count() < WORD;
        match wordless || text.trim().is_empty() {
            true => None,
            false => room.take(Before { text, glued: shown.glued }),
        }
    }

    fn fill(&self, levels: &[Level], level: usize, start: impl Fn(usize) -> u32) -> String {
        let shown = &levels[level];
        let mut text = String::new();
        let mut rest = shown.text.chars().take(LONGEST).peekable();
        while let Some(c) = rest.next() {
            let Some(number) = rest.next_if(|digit| c == '%' && digit.is_ascii_digit() && *digit != '0')
            else {
                text.push(c);
                continue;
            };
            let of = number.to_digit(10).unwrap_or(1) as usize - 1;
            // Some programs put the sign on both sides.
            rest.next_if(|c| *c == '%');
            let value = self.values.get(of).copied().flatten().unwrap_or_else(|| start(of));
            let format = levels.get(of).map_or(Format::Digits, |level| level.format);
            push(&mut text, value, if shown.digits { Format::Digits } else { format });
        }
        text
    }
}

fn push(text: &mut String, value: u32, format: Format) {
    match format {
        Format::Letters { upper, doubled } if (1..=26 * 26).contains(&value) => {
            let letter = |index: u32| char::from(if upper { b'A' } else { b'a' } + (index % 26) as u8);
            let (round, index) = ((value - 1) / 26, (value - 1) % 26);
            match doubled || round == 0 {
                true => text.extend(std::iter::repeat_n(letter(index), round as usize + 1)),
                false => text.extend([letter(round - 1), letter(index)]),
            }
        }
        Format::Roman { upper } if (1..4000).contains(&value) => {
            let mut left = value;
            for (worth, sign) in ROMAN {
                while left >= worth {
                    left -= worth;
                    text.push_str(&if upper { sign.to_ascii_uppercase() } else { sign.to_owned() });
                }
            }
        }
        Format::Padded => text.push_str(&format!("{value:02}")),
        Format::None => {}
        _ => text.push_str(&value.to_string()),
    }
}

const ROMAN: [(u32, &str); 13] = [
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn level(text: &str, format: Format) -> Level {
        Level { text: text.to_owned(), format, ..Level::default() }
    }

    fn shown(counter: &mut Counter, levels: &[Level], level: usize) -> String {
        counter.next(levels, level, &mut Room::default()).map(|before| before.text).unwrap_or_default()
    }

    #[test]
    fn levels_count_within_each_other() {
        let levels = [
            level("%1.", Format::Digits),
            level("%1.%2)", Format::Letters { upper: false, doubled: true }),
            level("(%3%)", Format::Roman { upper: true }),
        ];
        let mut counter = Counter::default();
        let all: Vec<_> =
            [0, 1, 1, 2, 2, 0, 1, 2].map(|level| shown(&mut counter, &levels, level)).into_iter().collect();
        assert_eq!(all, ["1.", "1.a)", "1.b)", "(I)", "(II)", "2.", "2.a)", "(I)"]);
    }

    #[test]
    fn numbers_have_every_form() {
        let one = |format, value| {
            let mut text = String::new();
            push(&mut text, value, format);
            text
        };
        assert_eq!(one(Format::Roman { upper: false }, 1994), "mcmxciv");
        assert_eq!(one(Format::Letters { upper: true, doubled: true }, 28), "BB");
        assert_eq!(one(Format::Letters { upper: false, doubled: false }, 28), "ab");
        assert_eq!((one(Format::Padded, 7), one(Format::Digits, 4111)), ("07".to_owned(), "4111".to_owned()));
        assert_eq!(one(Format::Letters { upper: true, doubled: true }, u32::MAX), u32::MAX.to_string());
    }

    #[test]
    fn a_list_begins_where_it_says_and_words_are_kept() {
        let levels = [
            Level { start: Some(4111), ..level("%1", Format::Digits) },
            level("Card 4111", Format::None),
            level("o", Format::None),
        ];
        let mut counter = Counter::default();
        assert_eq!(shown(&mut counter, &levels, 0), "4111");
        counter.set(0, 9);
        assert_eq!(shown(&mut counter, &levels, 0), "9");
        assert_eq!(shown(&mut counter, &levels, 1), "Card 4111");
        assert_eq!(shown(&mut counter, &levels, 2), "");
    }

    #[test]
    fn what_stands_before_paragraphs_is_bounded() {
        let (levels, mut room) = ([level(&"x".repeat(1000), Format::None)], Room(600));
        let mut counter = Counter::default();
        let all: Vec<_> = (0..4)
            .map(|_| counter.next(&levels, 0, &mut room).map_or(0, |before| before.text.len()))
            .collect();
        assert_eq!((all, room.is_over()), (vec![255, 255, 0, 0], true));
    }
}
