//! Finds keywords: those that begin with a whole word by a tree of words whose root is looked up at each start
//! of a word, the others by a literal piece of them at any place.

use std::collections::HashMap;
use std::ops::Range;

use super::fold::Class;
use super::keyword::{KeyChar, Keyword, Part, starts};
use super::literals::Literals;
use super::scan::Scan;
use super::table::{Bitmap, MIX, Slots, Table, load, pair_hash, prefix_hash, word_hash};
use super::{Flow, PatternId, STAR};

/// The lengths of beginnings by which words with an asterisk are looked up.
const BEGINNINGS: [usize; 5] = [1, 2, 3, 4, 6];
/// The longest stretch of symbols between two words of the tree, in octets.
const GAP: usize = 8;
/// The most octets that an asterisk stands for.
const STAR_OCTETS: usize = 4 * STAR;

/// All keywords.
#[derive(Debug, Default)]
pub(super) struct Phrases {
    keywords: Vec<Phrase>,
    /// Keywords of one word (or whose rest the tree does not hold); the first two words of longer ones, so that
    /// common first words cost nothing; from there on, next words by the node before, the gap and the word.
    roots: Slots,
    pairs: Slots,
    /// The hashes of both: one thing to look at for each word.
    known: Bitmap,
    edges: Slots,
    nodes: Vec<Node>,
    words: Vec<u8>,
    /// Keywords whose first word begins so and goes on with an asterisk.
    beginnings: Vec<(usize, Table)>,
    /// What the first words of these begin with.
    began_by: Vec<Vec<u8>>,
    /// The first two words of keywords that begin with a digit: few, so that processors guess what is asked at each number of a text.
    numbers: Bitmap,
    number_heads: Heads,
    /// Pieces of the keywords that do not begin with a whole word.
    pieces: Literals,
    piece_of: Vec<Piece>,
}

/// The first two octets of words that begin with a digit: of the first its lower half.
#[derive(Debug)]
struct Heads([u64; 64]);

impl Default for Heads {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl Heads {
    fn add(&mut self, word: &[u8]) {
        // Behind a word of one octet stands anything but a digit.
        let may_follow = |octet: &u8| match word.get(1) {
            Some(second) => octet.eq_ignore_ascii_case(second),
            None => !octet.is_ascii_digit(),
        };
        for octet in (0..=u8::MAX).filter(may_follow) {
            let place = Self::place(u64::from(word[0]) | u64::from(octet) << 8);
            self.0[place / 64] |= 1 << (place % 64);
        }
    }

    #[inline]
    fn may_have(&self, eight: u64) -> bool {
        let place = Self::place(eight);
        self.0[place / 64] >> (place % 64) & 1 == 1
    }

    #[inline]
    fn place(eight: u64) -> usize {
        (eight & 0x0F | eight >> 4 & 0xFF0) as usize
    }
}

/// A keyword made ready.
#[derive(Debug)]
struct Phrase {
    id: PatternId,
    keyword: Keyword,
    steps: Vec<Step>,
    ascii: bool,
}

/// A step of slow matching, in octets of folded text without case.
#[derive(Debug)]
enum Step {
    Literal(Box<[u8]>),
    Blank,
    Star { least: usize, after_word: bool, before_word: bool },
}

/// A place in the tree of words.
#[derive(Debug, Default)]
struct Node {
    parent: u32,
    gap: Gap,
    word: Range<u32>,
    depth: u32,
    parents: bool,
    /// Keywords that end here.
    ends: Vec<u32>,
    /// Keywords that go on in a way that the tree does not hold.
    tails: Vec<u32>,
}

/// What stands between two words, blanks as one space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Gap {
    octets: [u8; GAP],
    len: u8,
}

/// The word before the one looked at.
#[derive(Debug, Default)]
pub(super) struct Before {
    hash: u64,
    word: Range<usize>,
}

/// How a found piece leads to the start of its keyword.
#[derive(Debug)]
struct Piece {
    keyword: u32,
    /// The step that the piece is of.
    step: usize,
    /// Whether the keyword begins with an asterisk, so that it starts where the word does.
    star: bool,
}

impl Phrases {
    pub(super) fn new(keywords: Vec<(PatternId, Keyword)>) -> Self {
        let keywords: Vec<Phrase> =
            keywords.into_iter().map(|(id, keyword)| Phrase::new(id, keyword)).collect();
        let mut build = Builder::default();
        for (index, phrase) in keywords.iter().enumerate() {
            build.add(index as u32, phrase);
        }
        build.finish(keywords)
    }

    /// Whether a keyword has the character in it.
    pub(super) fn takes(&self, c: char) -> bool {
        self.keywords.iter().any(|phrase| phrase.keyword.takes(c))
    }

    /// Whether there is anything to look for at the starts of words.
    pub(super) fn at_words(&self) -> bool {
        !self.nodes.is_empty() || !self.beginnings.is_empty()
    }

    /// Whether a keyword without an asterisk in it has a word that begins with a digit as its first or second one.
    pub(super) fn has_numbers(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// Whether a word that begins with these octets, the first a digit, may be such a word.
    #[inline]
    pub(super) fn knows_head(&self, eight: u64) -> bool {
        self.number_heads.may_have(eight)
    }

    /// Whether one of this length may, too. A word of 64 octets stands for any longer one.
    #[inline]
    pub(super) fn knows_number(&self, eight: u64, length: usize) -> bool {
        length >= 64 || self.numbers.may_have(word_hash(eight, length))
    }

    /// Reports what begins with a word, or began with the word before and needs this one; `eight` are its first
    /// octets.
    #[inline(always)]
    pub(super) fn word(
        &self,
        scan: &mut Scan<'_, '_>,
        before: &mut Before,
        eight: u64,
        word: Range<usize>,
    ) -> Flow {
        let hash = word_hash(eight, word.len());
        let pair = pair_hash(before.hash, hash);
        let (one, two) = (self.known.may_have(hash), self.known.may_have(pair));
        if one | two {
            self.known(scan, one.then_some(hash), two.then_some(pair), before, &word)?;
        }
        *before = Before { hash, word };
        Flow::Continue(())
    }

    /// Follows a word, or two, that keywords may begin with.
    #[inline(never)]
    fn known(
        &self,
        scan: &mut Scan<'_, '_>,
        one: Option<u64>,
        two: Option<u64>,
        before: &Before,
        word: &Range<usize>,
    ) -> Flow {
        if let Some(hash) = one {
            self.one(scan, hash, word.clone())?;
        }
        match two {
            Some(pair) => self.two(scan, pair, before.word.clone(), word.clone()),
            None => Flow::Continue(()),
        }
    }

    /// Reports what begins with a word and goes on with an asterisk.
    pub(super) fn begin(&self, scan: &mut Scan<'_, '_>, eight: u64, word: &Range<usize>) -> Flow {
        for (len, table) in &self.beginnings {
            let hash = prefix_hash(eight, *len);
            if word.len() >= *len && table.may_have(hash) {
                table.get(hash).try_for_each(|keyword| self.verify(scan, keyword, word.start))?;
            }
        }
        Flow::Continue(())
    }

    /// What these begin with, in lower case.
    pub(super) fn beginnings(&self) -> impl Iterator<Item = &[u8]> {
        self.began_by.iter().map(Vec::as_slice)
    }

    fn one(&self, scan: &mut Scan<'_, '_>, hash: u64, word: Range<usize>) -> Flow {
        match self.roots.get(hash).find(|node| self.is_word(scan, *node, &word)) {
            Some(node) => self.reach(scan, node, word),
            None => Flow::Continue(()),
        }
    }

    /// Follows the tree from two first words on. Each node is visited at most once.
    fn two(&self, scan: &mut Scan<'_, '_>, pair: u64, first: Range<usize>, second: Range<usize>) -> Flow {
        let Some(gap) = Gap::of_text(scan.bytes, first.end..second.start, &mut scan.steps) else {
            return Flow::Continue(());
        };
        let mut node = self.pairs.get(pair).find(|node| {
            let parent = self.nodes[*node as usize].parent;
            self.nodes[*node as usize].gap == gap
                && self.is_word(scan, *node, &second)
                && self.is_word(scan, parent, &first)
        });
        let mut end = second.end;
        while let Some(here) = node {
            self.reach(scan, here, first.start..end)?;
            node = None;
            if self.nodes[here as usize].parents {
                node = self.next(scan, here, &mut end);
            }
        }
        Flow::Continue(())
    }

    /// The node of the next word, if there is one.
    fn next(&self, scan: &mut Scan<'_, '_>, node: u32, end: &mut usize) -> Option<u32> {
        let start = scan.words.next_start(*end)?;
        let gap = Gap::of_text(scan.bytes, *end..start, &mut scan.steps)?;
        *end = scan.words.end(start);
        let word = word_hash(load(scan.bytes, start), *end - start);
        self.edges.get(edge_hash(node, gap, word)).find(|child| {
            let known = &self.nodes[*child as usize];
            known.parent == node && known.gap == gap && self.is_word(scan, *child, &(start..*end))
        })
    }

    fn is_word(&self, scan: &mut Scan<'_, '_>, node: u32, word: &Range<usize>) -> bool {
        scan.steps += 1;
        let known = &self.nodes[node as usize].word;
        let known = &self.words[known.start as usize..known.end as usize];
        scan.bytes[word.clone()].eq_ignore_ascii_case(known)
    }

    /// Reports what ends at a node, and tries what goes on from it in other ways.
    fn reach(&self, scan: &mut Scan<'_, '_>, node: u32, range: Range<usize>) -> Flow {
        let node = &self.nodes[node as usize];
        for keyword in &node.ends {
            if self.case_fits(scan, *keyword, range.clone()) {
                scan.hit(self.keywords[*keyword as usize].id, range.clone())?;
            }
        }
        node.tails.iter().try_for_each(|keyword| self.verify(scan, *keyword, range.start))
    }

    /// Matches one keyword from a place on, edges included, and reports it.
    fn verify(&self, scan: &mut Scan<'_, '_>, keyword: u32, start: usize) -> Flow {
        let phrase = &self.keywords[keyword as usize];
        if phrase.keyword.edge_before && !scan.words.starts(start) {
            return Flow::Continue(());
        }
        let ends = ends_at(&phrase.steps, scan, start);
        let fits = |end: &&usize| {
            (!phrase.keyword.edge_after || scan.words.edge(**end))
                && self.case_fits(scan, keyword, start..**end)
        };
        match ends.iter().rev().find(fits) {
            Some(end) => scan.hit(phrase.id, start..*end),
            None => Flow::Continue(()),
        }
    }

    /// Whether the case fits, where it counts. The folded text keeps the case of ASCII letters only; for others
    /// the original is asked.
    fn case_fits(&self, scan: &Scan<'_, '_>, keyword: u32, range: Range<usize>) -> bool {
        let phrase = &self.keywords[keyword as usize];
        if !phrase.keyword.case_sensitive {
            return true;
        }
        let here = scan.text.str(range.clone());
        let count = here.chars().count();
        let chars: Vec<KeyChar> = if phrase.ascii || !scan.text.cased() {
            here.chars().map(KeyChar::plain).collect()
        } else {
            scan.text.kept_chars(range).into_iter().map(KeyChar::new).take(count).collect()
        };
        phrase.keyword.ends_at(&chars, 0).contains(&chars.len())
    }

    /// Reports the keywords that are found by a piece of them.
    pub(super) fn by_pieces(&self, scan: &mut Scan<'_, '_>) -> Flow {
        if self.pieces.is_empty() {
            return Flow::Continue(());
        }
        let mut flow = Flow::Continue(());
        let mut last = HashMap::new();
        let (bytes, words) = (scan.bytes, scan.words);
        let steps = self.pieces.find(bytes, words, &[], &mut |id, at| {
            flow = self.piece(scan, &mut last, id, at);
            flow.is_continue()
        });
        scan.steps += steps;
        flow
    }

    fn piece(&self, scan: &mut Scan<'_, '_>, last: &mut HashMap<u32, usize>, id: u32, at: usize) -> Flow {
        let piece = &self.piece_of[id as usize];
        let steps = &self.keywords[piece.keyword as usize].steps;
        let start = if piece.star {
            scan.words.start_of(at, STAR_OCTETS)
        } else {
            back(&steps[..piece.step], scan, at)
        };
        match start {
            // One word may hold the piece several times.
            Some(start) if piece.star && last.insert(piece.keyword, start) == Some(start) => {
                Flow::Continue(())
            }
            Some(start) => self.verify(scan, piece.keyword, start),
            None => Flow::Continue(()),
        }
    }

    pub(super) fn memory(&self) -> usize {
        let nodes: usize =
            self.nodes.iter().map(|n| size_of::<Node>() + 4 * (n.ends.len() + n.tails.len())).sum();
        let phrase = |p: &Phrase| size_of::<Phrase>() + p.keyword.parts.len() * size_of::<Part>() * 2;
        nodes
            + self.keywords.iter().map(phrase).sum::<usize>()
            + self.words.len()
            + self.roots.memory()
            + self.pairs.memory()
            + self.known.memory()
            + self.edges.memory()
            + self.beginnings.iter().map(|(_, table)| table.memory()).sum::<usize>()
            + self.numbers.memory()
            + self.pieces.memory()
            + self.piece_of.len() * size_of::<Piece>()
    }
}

/// The start of a keyword whose steps before a piece found at `at` are these; they hold no asterisk.
fn back(steps: &[Step], scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    let mut at = at;
    for step in steps.iter().rev() {
        let blanks = scan.bytes[..at].iter().rev().take_while(|b| is_blank(**b)).count();
        scan.steps += 1 + blanks as u64;
        at = match step {
            Step::Blank if blanks > 0 => at - blanks,
            Step::Literal(literal) => {
                let start = at.checked_sub(literal.len())?;
                scan.bytes[start..at].eq_ignore_ascii_case(literal).then_some(start)?
            }
            _ => return None,
        };
    }
    Some(at)
}

/// The ends of all ways in which the steps fit from a place on, ascending.
fn ends_at(steps: &[Step], scan: &mut Scan<'_, '_>, start: usize) -> Vec<usize> {
    let mut ends = vec![start];
    for step in steps {
        let mut next = Vec::new();
        for at in ends {
            step.ends(scan, at, &mut next);
        }
        next.sort_unstable();
        next.dedup();
        ends = next;
    }
    ends
}

impl Step {
    fn ends(&self, scan: &mut Scan<'_, '_>, at: usize, next: &mut Vec<usize>) {
        scan.steps += 1;
        match self {
            Self::Literal(literal) => {
                let end = at + literal.len();
                if scan.bytes.get(at..end).is_some_and(|here| here.eq_ignore_ascii_case(literal)) {
                    next.push(end);
                }
            }
            Self::Blank => {
                let blanks = scan.bytes[at..].iter().take_while(|b| is_blank(**b)).count();
                scan.steps += blanks as u64;
                if blanks > 0 {
                    next.push(at + blanks);
                }
            }
            Self::Star { least, after_word, before_word } => {
                star(scan, at, *least, (*after_word, *before_word), next);
            }
        }
    }
}

/// The places up to [`STAR`] characters on in one word; see [`Part::Star`].
fn star(
    scan: &mut Scan<'_, '_>,
    at: usize,
    least: usize,
    (after, before): (bool, bool),
    next: &mut Vec<usize>,
) {
    let mut end = at;
    for count in 0..=STAR {
        if count >= least && (count == 0 || !before || !scan.words.edge(end)) {
            next.push(end);
        }
        let goes_on = scan.words.inside(end) && (count == 0 && !after || !scan.words.starts(end));
        if !goes_on {
            return;
        }
        scan.steps += 1;
        end += 1;
        while scan.bytes.get(end).is_some_and(|b| b & 0xC0 == 0x80) {
            end += 1;
        }
    }
}

fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t'..=b'\r')
}

fn edge_hash(node: u32, gap: Gap, word: u64) -> u64 {
    let gap = u64::from_le_bytes(gap.octets) ^ u64::from(gap.len) << 59;
    (word ^ u64::from(node).wrapping_mul(MIX).rotate_left(17) ^ gap.wrapping_mul(MIX)).wrapping_mul(MIX)
}

impl Gap {
    fn push(&mut self, octet: u8) -> bool {
        let octet = if is_blank(octet) { b' ' } else { octet.to_ascii_lowercase() };
        let len = usize::from(self.len);
        if octet == b' ' && len > 0 && self.octets[len - 1] == b' ' {
            return true;
        }
        let room = len < GAP;
        if room {
            self.octets[len] = octet;
            self.len += 1;
        }
        room
    }

    /// `None` when it is too long for any keyword of the tree.
    #[inline]
    fn of_text(text: &[u8], range: Range<usize>, steps: &mut u64) -> Option<Self> {
        let mut gap = Self::default();
        let fits = text[range].iter().all(|octet| {
            *steps += 1;
            gap.push(*octet)
        });
        fits.then_some(gap)
    }
}

impl Phrase {
    fn new(id: PatternId, keyword: Keyword) -> Self {
        let mut steps = Vec::new();
        let mut literal = String::new();
        let ascii = keyword.parts.iter().all(|part| !matches!(part, Part::Char(c) if !c.lower.is_ascii()));
        for part in &keyword.parts {
            let step = match *part {
                Part::Char(c) => {
                    literal.push(c.lower);
                    continue;
                }
                Part::Blank => Step::Blank,
                Part::Star { least, after_word, before_word } => {
                    Step::Star { least, after_word, before_word }
                }
            };
            flush(&mut literal, &mut steps);
            steps.push(step);
        }
        flush(&mut literal, &mut steps);
        Self { id, keyword, steps, ascii }
    }
}

fn flush(literal: &mut String, steps: &mut Vec<Step>) {
    if !literal.is_empty() {
        steps.push(Step::Literal(std::mem::take(literal).into_bytes().into_boxed_slice()));
    }
}

/// Collects what the tables are made of.
#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    words: Vec<u8>,
    known: HashMap<(Option<u32>, Gap, Vec<u8>), u32>,
    beginnings: [Vec<(u64, u32)>; BEGINNINGS.len()],
    began_by: Vec<Vec<u8>>,
    pieces: Vec<Vec<u8>>,
    piece_of: Vec<Piece>,
}

impl Builder {
    fn add(&mut self, index: u32, phrase: &Phrase) {
        let parts = &phrase.keyword.parts;
        if !phrase.keyword.edge_before || matches!(parts.first(), Some(Part::Star { .. })) {
            return self.add_piece(index, phrase);
        }
        let (words, whole) = plain_words(&phrase.keyword);
        let mut node = None;
        for (gap, word) in words {
            node = Some(self.node(node, gap, word));
        }
        match node {
            Some(node) if whole => self.nodes[node as usize].ends.push(index),
            Some(node) => self.nodes[node as usize].tails.push(index),
            None => self.add_beginning(index, phrase),
        }
    }

    fn node(&mut self, parent: Option<u32>, gap: Gap, word: Vec<u8>) -> u32 {
        let key = (parent, gap, word);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let (_, gap, word) = &key;
        let number = self.nodes.len() as u32;
        let depth = parent.map_or(0, |parent| self.nodes[parent as usize].depth + 1);
        if let Some(parent) = parent {
            self.nodes[parent as usize].parents = true;
        }
        let start = self.words.len() as u32;
        self.words.extend_from_slice(word);
        let word = start..self.words.len() as u32;
        self.nodes.push(Node { parent: parent.unwrap_or(0), gap: *gap, word, depth, ..Node::default() });
        self.known.insert(key, number);
        number
    }

    /// For a keyword whose first word goes on with an asterisk.
    fn add_beginning(&mut self, index: u32, phrase: &Phrase) {
        let Some(Step::Literal(literal)) = phrase.steps.first() else { return };
        let longest = BEGINNINGS.iter().rposition(|len| *len <= literal.len()).unwrap_or(0);
        let hash = prefix_hash(load(literal, 0), BEGINNINGS[longest]);
        self.began_by.push(literal.to_vec());
        self.beginnings[longest].push((hash, index));
    }

    /// For a keyword that does not begin with a word: its longest literal before any later asterisk.
    fn add_piece(&mut self, index: u32, phrase: &Phrase) {
        let star = matches!(phrase.steps.first(), Some(Step::Star { .. }));
        let literals = phrase.steps.iter().enumerate().skip(usize::from(star));
        let mut best: Option<(usize, &[u8])> = None;
        for (step, what) in literals {
            match what {
                Step::Literal(literal) if best.is_none_or(|(_, best)| best.len() < literal.len()) => {
                    best = Some((step, literal));
                }
                Step::Star { .. } => break,
                _ => {}
            }
            if star {
                break;
            }
        }
        if let Some((step, literal)) = best {
            self.pieces.push(literal.to_vec());
            self.piece_of.push(Piece { keyword: index, step, star });
        }
    }

    fn hash(&self, node: &Node) -> u64 {
        let word = &self.words[node.word.start as usize..node.word.end as usize];
        word_hash(load(word, 0), word.len())
    }

    fn finish(self, keywords: Vec<Phrase>) -> Phrases {
        let beginnings =
            BEGINNINGS.into_iter().zip(&self.beginnings).filter(|(_, entries)| !entries.is_empty());
        let (mut roots, mut pairs, mut edges) = (Vec::new(), Vec::new(), Vec::new());
        let (mut numbers, mut number_heads) = (Vec::new(), Heads::default());
        for (number, node) in self.nodes.iter().enumerate() {
            let (number, hash) = (number as u32, self.hash(node));
            if node.depth < 2 && self.words[node.word.start as usize].is_ascii_digit() {
                numbers.push(hash);
                number_heads.add(&self.words[node.word.start as usize..node.word.end as usize]);
            }
            match node.depth {
                0 if !node.ends.is_empty() || !node.tails.is_empty() => roots.push((hash, number)),
                0 => {}
                1 => pairs.push((pair_hash(self.hash(&self.nodes[node.parent as usize]), hash), number)),
                _ => edges.push((edge_hash(node.parent, node.gap, hash), number)),
            }
        }
        Phrases {
            keywords,
            known: Bitmap::new(roots.iter().chain(&pairs).map(|(hash, _)| *hash)),
            roots: Slots::new(&roots),
            pairs: Slots::new(&pairs),
            edges: Slots::new(&edges),
            nodes: self.nodes,
            words: self.words,
            beginnings: beginnings.map(|(len, entries)| (len, Table::new(entries))).collect(),
            began_by: self.began_by,
            numbers: Bitmap::new(numbers.into_iter()),
            number_heads,
            pieces: Literals::new(self.pieces),
            piece_of: self.piece_of,
        }
    }
}

/// The words that the tree can hold, each with the gap before it, and whether they are the whole keyword.
fn plain_words(keyword: &Keyword) -> (Vec<(Gap, Vec<u8>)>, bool) {
    let star = keyword.parts.iter().position(|part| matches!(part, Part::Star { .. }));
    let plain: Vec<KeyChar> =
        keyword.parts[..star.unwrap_or(keyword.parts.len())].iter().map(plain_char).collect();
    let mut words = Vec::new();
    let mut gap = Gap::default();
    let mut at = 0;
    while at < plain.len() {
        if plain[at].class == Class::Other {
            let mut octets = [0; 4];
            if !plain[at].lower.encode_utf8(&mut octets).bytes().all(|octet| gap.push(octet)) {
                return (words, false);
            }
            at += 1;
            continue;
        }
        let more = plain[at + 1..].iter().enumerate();
        let len =
            1 + more.take_while(|(i, c)| c.class != Class::Other && !starts(&plain, at + 1 + i)).count();
        let word: String = plain[at..at + len].iter().map(|c| c.lower).collect();
        at += len;
        let open = at == plain.len() && star.is_some();
        if open {
            return (words, false);
        }
        words.push((std::mem::take(&mut gap), word.into_bytes()));
    }
    (words, gap.len == 0 && star.is_none())
}

fn plain_char(part: &Part) -> KeyChar {
    match part {
        Part::Char(c) => *c,
        _ => KeyChar { kept: ' ', lower: ' ', class: Class::Other },
    }
}
