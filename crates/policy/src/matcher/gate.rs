//! Tells in a few steps whether any shape of an identifier may begin at a place: by the pairs of octets that stand there
//! and by how long its first runs of letters and digits are. It may say yes in vain, never no in error.
//!
//! Each group of shapes has a bit, so that one look answers for all of them. Before that a coarser look, at kinds of groups only,
//! shuts the gate before most words of prose.

use std::collections::{BTreeMap, BTreeSet};

use super::Boundary;
use super::ahead::{Ahead, Runs};
use super::groups::{FIXED, Group, Groups};
use super::letters::Letters;
use super::paths::{Beyond, Paths, States};
use super::steps::Steps;
use super::tokens::Tokens;

/// Kinds of groups, as bits.
type Kinds = u8;

/// The longest run that the tables tell apart; longer ones pass.
const RUN: usize = u32::BITS as usize;
/// The same for the second run.
pub(super) const SECOND: usize = u16::BITS as usize;
/// Sorts of the octet that stands two places after a run.
pub(super) const SORTS: usize = 8;
/// So many octets have no digit where no word of a block has one: those of the next block.
pub(super) const PLAIN: usize = 64;
/// Numbers of two digits; behind them what says that there is only one.
const NO_DIGITS: usize = 128;
const ONE_DIGIT: usize = 100;
/// Pairs of seven-bit octets.
const PAIRS: usize = 1 << 14;
/// Sets of states larger than this are not followed: the pair passes.
const MOST_STATES: usize = 4096;

/// The tables.
pub(super) struct Gate {
    /// By the pair of octets at places 0 and 2.
    pairs: Box<[[Kinds; PAIRS]; 2]>,
    /// The groups of some kinds.
    of_kinds: Box<[Groups; 256]>,
    /// Octets that no automaton tells apart have one class.
    classes: [u8; 256],
    class_count: usize,
    /// By length of a run of digits, and of one of letters, and by class of the octet after it.
    after_digits: Vec<AfterDigits>,
    after_letters: Vec<[Groups; SORTS]>,
    /// By the first two digits, and where there are not two.
    digits: Box<[Groups; NO_DIGITS]>,
    /// By the first octet.
    initials: Box<[Groups; 256]>,
    /// Those that may begin with a letter.
    begin_letters: Groups,
    /// Octets other than letters and digits that shapes begin with.
    symbols: Vec<(u8, Groups)>,
    /// Those with a shape that may begin with a digit after a letter.
    inner_digits: Groups,
    /// By the first few words.
    tokens: Tokens,
    /// Those with a shape that may have no digit among its first octets.
    without_digits: Groups,
    /// What of them words of letters may begin.
    pub(super) letters: Letters,
}

/// What may follow a run of digits and one octet.
#[derive(Clone)]
struct AfterDigits {
    /// By sort of the octet after that.
    sorts: [Groups; SORTS],
    /// By length of the next run of digits.
    seconds: [Groups; SECOND + 1],
}

impl AfterDigits {
    const NONE: Self = Self { sorts: [0; SORTS], seconds: [0; SECOND + 1] };
}

impl Gate {
    /// A gate before groups, which are known by their place.
    pub(super) fn new(groups: &[Group]) -> Self {
        let (classes, members) = joint_classes(groups);
        let count = members.len();
        let of_kinds = |kinds: usize| {
            let some = groups.iter().enumerate().filter(|(_, group)| kinds & usize::from(group.kind()) != 0);
            some.fold(0, |all, (number, _)| all | 1 << number)
        };
        let mut gate = Self {
            pairs: Box::new([[0; PAIRS]; 2]),
            of_kinds: Box::new(std::array::from_fn(of_kinds)),
            classes,
            class_count: count,
            after_digits: vec![AfterDigits::NONE; (RUN + 1) * count],
            after_letters: vec![[0; SORTS]; (RUN + 1) * count],
            digits: Box::new([0; NO_DIGITS]),
            initials: Box::new([0; 256]),
            begin_letters: 0,
            symbols: Vec::new(),
            inner_digits: 0,
            tokens: Tokens::new(count),
            without_digits: 0,
            letters: Letters::new(),
        };
        for (number, group) in groups.iter().enumerate() {
            for automata in &group.automata {
                let paths = Paths::new(automata, 1 << number);
                gate.add_pairs(&paths, group.kind());
                gate.add_runs(&paths, &members);
                gate.add_digits(&paths);
                gate.add_starts(&paths);
                let steps = Steps::new(&paths);
                gate.tokens.add(&paths, &steps, &members);
                if steps.without_digits(PLAIN) {
                    gate.without_digits |= paths.group;
                    match group.kind() {
                        FIXED => gate.letters.add_beginnings(&paths),
                        _ => gate.letters.add(&paths, &steps),
                    }
                }
            }
        }
        gate.pass_the_longest();
        gate
    }

    /// Those of the groups whose shapes may begin with the digit at a place of a block.
    #[inline]
    pub(super) fn open_digits(&self, groups: Groups, ahead: &Ahead<'_>, runs: &Runs, offset: u32) -> Groups {
        let (run, all) = runs.digits(offset);
        let (eight, beyond) = (ahead.eight(offset as usize), ahead.eight(offset as usize + run));
        let after =
            &self.after_digits[run * self.class_count + usize::from(self.classes[beyond as usize & 0xFF])];
        let second = ((all >> run >> 1) as u16).trailing_ones() as usize;
        groups
            & after.sorts[sort((beyond >> 8) as u8)]
            & self.digits[first_two(eight, run)]
            & after.seconds[second]
    }

    /// Those of the groups whose shapes may begin with the letter at a place of a block.
    #[inline]
    pub(super) fn open_letter(&self, groups: Groups, ahead: &Ahead<'_>, runs: &Runs, offset: u32) -> Groups {
        let run = runs.letters(offset);
        let (eight, beyond) = (ahead.eight(offset as usize), ahead.eight(offset as usize + run));
        self.open_letters(eight, run, beyond, groups & self.initials[eight as usize & 0xFF])
    }

    /// Those of the groups whose shapes may begin with the symbol at a place of a block.
    #[inline]
    pub(super) fn open_symbol(&self, groups: Groups, ahead: &Ahead<'_>, offset: u32) -> Groups {
        let eight = ahead.eight(offset as usize);
        groups & self.initials[eight as usize & 0xFF] & self.groups_of(self.by_pairs(eight))
    }

    /// Of what one of these leaves, what the words from the place on leave.
    #[inline]
    pub(super) fn open_tokens(&self, groups: Groups, ahead: &Ahead<'_>, offset: u32) -> Groups {
        self.tokens.open(groups, &self.classes, ahead, offset)
    }

    /// Those of the groups whose shapes may begin with a run of letters only; `beyond` are the octets after it.
    #[inline]
    pub(super) fn open_letters(&self, eight: u64, length: usize, beyond: u64, groups: Groups) -> Groups {
        let class = usize::from(self.classes[beyond as usize & 0xFF]);
        let run = length.min(RUN);
        self.after_letters[run * self.class_count + class][sort((beyond >> 8) as u8)]
            & self.groups_of(self.by_pairs(eight))
            & groups
    }

    #[inline]
    fn groups_of(&self, kinds: Kinds) -> Groups {
        self.of_kinds[usize::from(kinds)]
    }

    #[inline]
    fn by_pair(&self, eight: u64, place: usize) -> Kinds {
        let two = (eight >> (16 * place)) as usize;
        self.pairs[place][two & 0x7F | two >> 1 & 0x3F80]
    }

    /// The kinds whose shapes may begin with the first four of these octets.
    #[inline]
    fn by_pairs(&self, eight: u64) -> Kinds {
        self.by_pair(eight, 0) & self.by_pair(eight, 1)
    }

    /// Of these groups, those with a shape that may have no digit among its first [`PLAIN`] octets.
    pub(super) fn without_digits(&self, groups: Groups) -> Groups {
        self.without_digits & groups
    }

    /// Whether shapes of these groups may begin with a letter.
    pub(super) fn begin_letters(&self, groups: Groups) -> bool {
        self.begin_letters & groups != 0
    }

    /// Octets other than letters and digits that shapes of these groups begin with.
    pub(super) fn symbols(&self, groups: Groups) -> impl Iterator<Item = u8> + '_ {
        self.symbols.iter().filter(move |(_, of)| of & groups != 0).map(|(octet, _)| *octet)
    }

    /// Of these groups, those with a shape that may begin with a digit after a letter.
    pub(super) fn inner_digits(&self, groups: Groups) -> Groups {
        self.inner_digits & groups
    }

    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.pairs)
            + size_of_val(&*self.of_kinds)
            + size_of_val(&*self.after_digits)
            + size_of_val(&*self.after_letters)
            + size_of_val(&*self.digits)
            + self.tokens.memory()
            + self.letters.memory()
            + size_of::<Self>()
    }
}

/// The number that the first two octets are; [`ONE_DIGIT`] where a run of digits ends before the second.
#[inline]
fn first_two(eight: u64, run: usize) -> usize {
    // In one step: processors would guess a branch wrong as often as right.
    let only_one = if run < 2 { ONE_DIGIT } else { 0 };
    let two = ((eight & 0x0F) * 10 + (eight >> 8 & 0x0F)) as usize;
    (two | only_one) % NO_DIGITS
}

/// What sort of octet it is, below [`SORTS`].
#[inline]
pub(super) fn sort(octet: u8) -> usize {
    const SORT: [u8; 256] = {
        let mut sorts = [0; 256];
        let mut octet = 0;
        while octet < 256 {
            sorts[octet] = match octet as u8 {
                b'0'..=b'9' => 1,
                b'a'..=b'z' => 2,
                b'A'..=b'Z' => 3,
                b' ' => 4,
                b'-' => 5,
                b'.' => 6,
                0..b' ' | 0x7F.. => 7,
                _ => 0,
            };
            octet += 1;
        }
        sorts
    };
    usize::from(SORT[usize::from(octet)])
}

/// Octets by what all automata together tell apart, letters of one case and digits taken together, and what is in each class.
fn joint_classes(groups: &[Group]) -> ([u8; 256], Vec<Vec<u8>>) {
    let mut classes = [0; 256];
    let mut members: Vec<Vec<u8>> = Vec::new();
    let mut numbers: BTreeMap<Vec<u8>, u8> = BTreeMap::new();
    for octet in 0..=255u8 {
        let automata = groups.iter().flat_map(|group| &group.automata);
        let key = match octet {
            b'0'..=b'9' => vec![0],
            b'a'..=b'z' => vec![1],
            b'A'..=b'Z' => vec![2],
            _ => [3].into_iter().chain(automata.map(|one| one.classes[usize::from(octet)])).collect(),
        };
        let number = *numbers.entry(key).or_insert_with(|| {
            members.push(Vec::new());
            (members.len() - 1) as u8
        });
        classes[usize::from(octet)] = number;
        members[usize::from(number)].push(octet);
    }
    (classes, members)
}

// ---- how the tables are filled

impl Gate {
    fn add_pairs(&mut self, paths: &Paths<'_>, kind: Kinds) {
        let count = paths.automata.class_count;
        let all: Vec<usize> = (0..count).collect();
        let mut states = paths.start();
        // A shape has ended before: whatever follows.
        let mut ended = false;
        for pairs in self.pairs.iter_mut() {
            ended |= states.len() > MOST_STATES;
            if ended {
                pairs.iter_mut().for_each(|open| *open |= kind);
                continue;
            }
            let mut by_class = vec![false; count * count];
            let mut next = BTreeSet::new();
            for one in 0..count {
                let middle = paths.after(&states, &[one]);
                let fits = paths.fits(&middle);
                for two in 0..count {
                    let on = paths.after(&middle, &[two]);
                    by_class[one * count + two] = fits || !on.is_empty();
                    next.extend(on);
                }
            }
            for (index, open) in pairs.iter_mut().enumerate() {
                let class = |octet: usize| usize::from(paths.automata.classes[octet]);
                if by_class[class(index & 0x7F) * count + class(index >> 7)] {
                    *open |= kind;
                }
            }
            let next: States = next.into_iter().collect();
            ended |= paths.fits(&paths.after(&states, &all)) || paths.fits(&next);
            states = next;
        }
    }

    fn add_runs(&mut self, paths: &Paths<'_>, members: &[Vec<u8>]) {
        for (digits, classes) in [(true, &paths.digits), (false, &paths.letters)] {
            let mut states = paths.start();
            // A shape may have ended within the run.
            let mut loose = false;
            for run in 1..RUN {
                states = paths.after(&states, classes);
                if states.is_empty() && !loose {
                    break;
                }
                let known = loose || paths.fits(&states);
                let beyond: Vec<Beyond> = (0..paths.automata.class_count)
                    .map(|class| paths.beyond(&states, class, known))
                    .collect();
                for (class, members) in members.iter().enumerate() {
                    for own in paths.classes(members) {
                        let (row, beyond) = (run * self.class_count + class, &beyond[own]);
                        if digits {
                            let after = &mut self.after_digits[row];
                            admit(&mut after.sorts, &beyond.sorts, paths.group);
                            admit(&mut after.seconds[..SECOND], &beyond.seconds, paths.group);
                        } else {
                            admit(&mut self.after_letters[row], &beyond.sorts, paths.group);
                        }
                    }
                }
                loose |= paths.loose(&states);
            }
        }
    }

    /// No shape has ended after two digits.
    fn add_digits(&mut self, paths: &Paths<'_>) {
        let states = paths.start();
        for (index, open) in self.digits[..100].iter_mut().enumerate() {
            let digit = |value: usize| paths.class(b'0' + value as u8);
            let one = paths.after(&states, &[digit(index / 10)]);
            let two = paths.after(&one, &[digit(index % 10)]);
            if !two.is_empty() || paths.fits(&one) {
                *open |= paths.group;
            }
        }
    }

    fn add_starts(&mut self, paths: &Paths<'_>) {
        for (octet, open) in self.initials.iter_mut().enumerate() {
            let class = usize::from(paths.automata.classes[octet]);
            if paths.automata.after(paths.automata.start, class) != 0 {
                *open |= paths.group;
                if (octet as u8).is_ascii_alphabetic() {
                    self.begin_letters |= paths.group;
                }
            }
        }
        for octet in (0..0x80u8).filter(|octet| !octet.is_ascii_alphanumeric()) {
            if paths.automata.after(paths.automata.start, paths.class(octet)) == 0 {
                continue;
            }
            match self.symbols.iter_mut().find(|(known, _)| *known == octet) {
                Some((_, of)) => *of |= paths.group,
                None => self.symbols.push((octet, paths.group)),
            }
        }
        let inner = |boundary| matches!(boundary, Boundary::Digits | Boundary::Open);
        if paths.automata.shapes.iter().any(|shape| inner(shape.boundary))
            && !paths.after(&paths.start(), &paths.digits).is_empty()
        {
            self.inner_digits |= paths.group;
        }
    }

    /// Runs too long for the tables pass, and digits that nothing but one octet parts from no digit.
    fn pass_the_longest(&mut self) {
        let longest = RUN * self.class_count;
        self.after_letters[longest..].fill([Groups::MAX; SORTS]);
        for after in &mut self.after_digits {
            after.seconds[0] = Groups::MAX;
            after.seconds[SECOND] = Groups::MAX;
        }
        self.after_digits[longest..]
            .fill(AfterDigits { sorts: [Groups::MAX; SORTS], seconds: [Groups::MAX; SECOND + 1] });
        self.digits[ONE_DIGIT..].fill(Groups::MAX);
    }
}

fn admit(row: &mut [Groups], may: &[bool], group: Groups) {
    for (open, _) in row.iter_mut().zip(may).filter(|(_, may)| **may) {
        *open |= group;
    }
}
