//! Prose from a seed.

const VOCABULARY: &[&str] = &[
    "the",
    "meeting",
    "about",
    "quarter",
    "report",
    "please",
    "review",
    "draft",
    "before",
    "we",
    "send",
    "it",
    "to",
    "customers",
    "and",
    "partners",
    "budget",
    "plan",
    "for",
    "next",
    "week",
    "team",
    "will",
    "discuss",
    "results",
    "of",
    "survey",
    "thank",
    "you",
    "all",
    "agenda",
    "attached",
    "change",
    "request",
    "delivery",
    "schedule",
    "in",
    "office",
    "travel",
    "costs",
    "are",
    "lower",
    "than",
    "expected",
    "this",
    "year",
    "a",
    "new",
    "supplier",
    "offers",
    "better",
    "terms",
    "with",
    "regards",
    "project",
    "milestone",
    "was",
    "reached",
    "on",
    "time",
    "as",
    "promised",
    "by",
    "everyone",
    "involved",
    "coffee",
    "machine",
    "broken",
    "again",
    "summer",
    "party",
    "invitation",
    "follows",
];

/// A source of words that gives the same ones for the same seed.
#[derive(Debug, Clone)]
pub struct Words {
    state: u64,
}

impl Words {
    /// From a seed.
    pub fn new(seed: u64) -> Words {
        Words { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66_D1CE_4E5B }
    }

    /// The next number (SplitMix64).
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// One word.
    pub fn word(&mut self) -> &'static str {
        VOCABULARY[self.below(VOCABULARY.len() as u64) as usize]
    }

    /// So many words.
    pub fn phrase(&mut self, count: usize) -> String {
        let words: Vec<&str> = (0..count).map(|_| self.word()).collect();
        words.join(" ")
    }

    /// A line of mail: 8 to 13 words.
    pub fn line(&mut self) -> String {
        let count = 8 + self.below(6) as usize;
        self.phrase(count)
    }

    /// A paragraph of several lines.
    pub fn paragraph(&mut self) -> String {
        let lines: Vec<String> = (0..3 + self.below(6)).map(|_| self.line()).collect();
        lines.join("\r\n") + "."
    }

    /// Octets that do not compress.
    pub fn noise(&mut self, count: usize) -> Vec<u8> {
        let mut octets: Vec<u8> = (0..count / 8 + 1).flat_map(|_| self.number().to_le_bytes()).collect();
        octets.truncate(count);
        octets
    }
}
