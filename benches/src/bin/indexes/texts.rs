//! Texts of the benches, made from a seed.

/// Numbers that look random and are the same each time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Words as they come in office mail; some of them are names of people as well.
pub(crate) const WORDS: &[&str] = &[
    "the", "of", "and", "to", "a", "in", "that", "is", "was", "for", "on", "with", "as", "it", "be", "by",
    "at", "this", "from", "or", "an", "which", "you", "are", "not", "have", "will", "may", "mark", "bill",
    "grace", "price", "long", "young", "king", "white", "black", "brown", "green", "hill", "baker", "cook",
    "rich", "case", "little", "best", "love", "day", "meeting", "report", "please", "project", "team",
    "contract", "review", "attached", "invoice", "schedule", "customer", "delivery", "quarter", "budget",
    "office", "change", "request", "regards", "thanks", "tomorrow", "question", "number", "system", "update",
    "answer", "summer", "winter", "paper", "letter", "number",
];

/// Prose of so many octets.
pub(crate) fn prose(octets: usize, seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::with_capacity(octets + 32);
    let mut line = 0;
    while text.len() < octets {
        let word = WORDS[random.below(WORDS.len() as u64) as usize];
        text += word;
        line += word.len() + 1;
        if line > 70 {
            text += if random.below(6) == 0 { ".\n\n" } else { "\n" };
            line = 0;
        } else {
            text.push(' ');
        }
    }
    text
}

/// Lines of a log, dense in digits.
pub(crate) fn logs(octets: usize, seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::with_capacity(octets + 200);
    while text.len() < octets {
        text += &format!(
            "2026-11-{:02}T{:02}:{:02}:{:02}.{:03}Z host{} app[{}]: request {} from 10.{}.{}.{} took {} ms, {} octets, id {:016x}\n",
            random.below(28) + 1,
            random.below(24),
            random.below(60),
            random.below(60),
            random.below(1_000),
            random.below(40),
            random.below(99_999),
            random.below(1_000_000_000),
            random.below(256),
            random.below(256),
            random.below(256),
            random.below(5_000),
            random.below(10_000_000),
            random.next(),
        );
    }
    text
}
