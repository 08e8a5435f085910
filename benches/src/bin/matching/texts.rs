//! Deterministic texts to scan.

use std::fmt::Write as _;

use crate::library;

/// A text with its name.
pub(crate) struct Text {
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

impl Text {
    /// The text in the pieces in which inspection gets it: parts of mails, of 64 KB here.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.text.as_str();
        std::iter::from_fn(move || {
            let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE));
            rest = more;
            (!piece.is_empty()).then_some(piece)
        })
    }
}

const PIECE: usize = 64 << 10;

/// All texts, each about `size` octets long.
pub(crate) fn all(size: usize) -> Vec<Text> {
    vec![
        Text { name: "prose", text: prose(size) },
        Text { name: "logs", text: logs(size) },
        Text { name: "full of matches", text: full(size) },
        Text { name: "prose, Latin with accents", text: folded(size, accents) },
        Text { name: "prose, Cyrillic", text: folded(size, cyrillic) },
    ]
}

/// A small generator of numbers (xorshift*), the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Small numbers often, large ones seldom, as words are used.
    fn skewed(&mut self, bound: usize) -> usize {
        let unit = self.next() as f64 / (1u64 << 53) as f64;
        ((bound as f64).powf(unit) - 1.0) as usize
    }
}

/// The most used words of English.
pub(crate) const COMMON: &[&str] = &[
    "the",
    "of",
    "and",
    "to",
    "a",
    "in",
    "for",
    "is",
    "on",
    "that",
    "by",
    "this",
    "with",
    "you",
    "it",
    "not",
    "or",
    "be",
    "are",
    "from",
    "at",
    "as",
    "your",
    "all",
    "have",
    "new",
    "more",
    "an",
    "was",
    "we",
    "will",
    "home",
    "can",
    "us",
    "about",
    "if",
    "page",
    "my",
    "has",
    "search",
    "free",
    "but",
    "our",
    "one",
    "other",
    "do",
    "no",
    "information",
    "time",
    "they",
    "site",
    "he",
    "up",
    "may",
    "what",
    "which",
    "their",
    "news",
    "out",
    "use",
    "any",
    "there",
    "see",
    "only",
    "so",
    "his",
    "when",
    "contact",
    "here",
    "business",
    "who",
    "web",
    "also",
    "now",
    "help",
    "get",
    "view",
    "online",
    "first",
    "been",
    "would",
    "how",
    "were",
    "services",
    "some",
    "these",
    "click",
    "its",
    "like",
    "service",
    "than",
    "find",
    "price",
    "date",
    "back",
    "top",
    "people",
    "had",
    "list",
    "name",
    "just",
    "over",
    "state",
    "year",
    "day",
    "into",
    "email",
    "two",
    "health",
    "world",
    "next",
    "used",
    "work",
    "last",
    "most",
    "products",
    "music",
    "buy",
    "data",
    "make",
    "them",
    "should",
    "product",
    "system",
    "post",
    "her",
    "city",
    "add",
    "policy",
    "number",
    "such",
    "please",
    "available",
    "copyright",
    "support",
    "message",
    "after",
    "best",
    "software",
    "then",
    "good",
    "video",
    "well",
    "where",
    "info",
    "rights",
    "public",
    "books",
    "high",
    "school",
    "through",
    "each",
    "links",
    "she",
    "review",
    "years",
    "order",
    "very",
    "privacy",
    "book",
    "items",
    "company",
    "read",
    "group",
    "need",
    "many",
    "user",
    "said",
    "does",
    "set",
    "under",
    "general",
    "research",
    "university",
    "january",
    "mail",
    "full",
    "map",
    "reviews",
    "program",
    "life",
    "know",
    "games",
    "way",
    "days",
    "management",
    "part",
    "could",
    "great",
    "united",
    "hotel",
    "real",
    "item",
    "international",
    "center",
    "must",
    "store",
];

const SYLLABLES: &[&str] = &[
    "con", "ter", "ment", "pro", "ver", "al", "tion", "in", "re", "com", "per", "able", "est", "ing", "ous",
    "de", "sta", "ma", "li", "ro", "ness", "pre", "ex", "ur", "gra", "port", "ic", "ent", "dis", "fi", "ca",
    "lo", "tra", "sub", "ful", "ly", "an", "or", "ple", "den",
];

/// How many made-up words the prose knows: numbers below this.
pub(crate) const RARER: usize = 6_000;

/// A made-up word: the same number gives the same word.
pub(crate) fn word(number: usize) -> String {
    let mut random = Random::new(number as u64 + 77);
    let count = 2 + random.below(3);
    (0..count).map(|_| SYLLABLES[random.below(SYLLABLES.len())]).collect()
}

/// Sentences of common and rarer words, in lines.
fn prose(size: usize) -> String {
    let mut random = Random::new(1);
    let rarer: Vec<String> = (0..RARER).map(word).collect();
    let mut text = String::with_capacity(size + 100);
    let (mut line, mut sentence) = (0, 0);
    while text.len() < size {
        let index = random.skewed(COMMON.len() + rarer.len());
        let word = COMMON.get(index).copied().unwrap_or_else(|| &rarer[index - COMMON.len()]);
        if sentence == 0 {
            text.push(word.as_bytes()[0].to_ascii_uppercase() as char);
            text.push_str(&word[1..]);
        } else {
            text.push_str(word);
        }
        sentence += 1;
        if sentence > 6 && random.below(9) == 0 {
            text.push('.');
            sentence = 0;
        } else if random.below(12) == 0 {
            text.push(',');
        }
        if random.below(300) == 0 {
            let _ = write!(text, " {}", random.below(3000));
        }
        line += word.len() + 1;
        if line > 70 {
            text.push_str("\r\n");
            line = 0;
        } else {
            text.push(' ');
        }
    }
    text
}

/// Lines of several kinds of logs: times, addresses, sizes, numbers of requests and sessions.
fn logs(size: usize) -> String {
    let mut random = Random::new(2);
    let mut text = String::with_capacity(size + 300);
    let mut second = 0;
    while text.len() < size {
        second += random.below(3);
        let (h, m, s) = (second / 3600 % 24, second / 60 % 60, second % 60);
        let (a, b, c, d) = (random.below(256), random.below(256), random.below(256), random.below(256));
        let _ = match random.below(4) {
            0 => writeln!(
                text,
                "2026-11-{:02}T{h:02}:{m:02}:{s:02}.{:06}Z host{} postfix/smtpd[{}]: {:010X}: client=unknown[{a}.{b}.{c}.{d}]",
                1 + second / 86400 % 28,
                random.below(1_000_000),
                random.below(20),
                random.below(65536),
                random.next() & 0xFF_FFFF_FFFF,
            ),
            1 => writeln!(
                text,
                "{a}.{b}.{c}.{d} - - [24/Nov/2026:{h:02}:{m:02}:{s:02} +0000] \"GET /item/{}?page={} HTTP/1.1\" 200 {} \"-\" {}",
                random.below(10_000_000),
                random.below(100),
                random.below(200_000),
                random.below(5000),
            ),
            2 => writeln!(
                text,
                "{} {} 0x{:012x} {} {} {}.{:03} {}",
                1_764_000_000 + second,
                random.below(100_000),
                random.next() & 0xFFFF_FFFF_FFFF,
                random.below(1_000_000_000),
                random.below(1_000),
                random.below(10_000),
                random.below(1000),
                random.next() % 10_000_000_000_000,
            ),
            _ => writeln!(
                text,
                "{h:02}:{m:02}:{s:02},{:03} INFO request {:08x}-{:04x}-{:04x}-{:04x}-{:012x} took {} ms, {} rows, id {}",
                random.below(1000),
                random.next() & 0xFFFF_FFFF,
                random.next() & 0xFFFF,
                random.next() & 0xFFFF,
                random.next() & 0xFFFF,
                random.next() & 0xFFFF_FFFF_FFFF,
                random.below(3000),
                random.below(100_000),
                random.next() % 10_000_000_000,
            ),
        };
    }
    text
}

/// Prose with a valid card, an IBAN or a keyword every forty octets or so.
fn full(size: usize) -> String {
    let mut random = Random::new(3);
    let keywords = library::phrases(2_000);
    let mut text = String::with_capacity(size + 100);
    while text.len() < size {
        for _ in 0..3 {
            text.push_str(COMMON[random.below(COMMON.len())]);
            text.push(' ');
        }
        match random.below(3) {
            0 => text.push_str(&card(&mut random)),
            1 => text.push_str("DE44 5001 0517 5407 3249 31"),
            _ => text.push_str(&keywords[random.below(keywords.len())]),
        }
        text.push_str(if random.below(4) == 0 { "\r\n" } else { ", " });
    }
    text
}

/// A card number with its check digit.
fn card(random: &mut Random) -> String {
    let mut digits: Vec<u32> = vec![4];
    digits.extend((0..14).map(|_| random.below(10) as u32));
    let doubled = |(index, digit): (usize, &u32)| {
        let digit = if index % 2 == 0 { digit * 2 } else { *digit };
        digit / 10 + digit % 10
    };
    let sum: u32 = digits.iter().enumerate().map(doubled).sum();
    digits.push((10 - sum % 10) % 10);
    let text: String = digits.iter().filter_map(|d| char::from_digit(*d, 10)).collect();
    format!("{} {} {} {}", &text[..4], &text[4..8], &text[8..12], &text[12..])
}

fn folded(size: usize, fold: fn(char) -> char) -> String {
    let mut text = String::with_capacity(size + 4);
    for c in prose(size).chars() {
        text.push(fold(c));
        if text.len() >= size {
            break;
        }
    }
    text
}

/// About one letter in nine gets an accent.
fn accents(c: char) -> char {
    match c {
        'u' => 'ü',
        'o' => 'ö',
        'd' => 'é',
        _ => c,
    }
}

fn cyrillic(c: char) -> char {
    match c {
        'a'..='z' => char::from_u32('а' as u32 + (c as u32 - 'a' as u32)).unwrap_or(c),
        'A'..='Z' => char::from_u32('А' as u32 + (c as u32 - 'A' as u32)).unwrap_or(c),
        _ => c,
    }
}
