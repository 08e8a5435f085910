//! Tells by how long the first words from a place on are, whether they begin with digits, and which octets stand after them, which
//! groups of shapes may begin there. It may say yes in vain, never no in error.
//!
//! A token is a longest run of letters and digits, or one other octet; between two tokens stands one octet of any sort.

use super::ahead::Ahead;
use super::groups::Groups;
use super::paths::Paths;
use super::steps::{Set, Steps};

/// How many tokens are looked at.
const TOKENS: usize = 4;
/// Tokens of this length and longer ones pass.
const LONGEST: usize = 40;
/// Lengths of tokens that begin with a digit, and of others.
const LENGTHS: usize = 2 * (LONGEST + 1);
/// Sets of states larger than this are not followed: whatever follows passes.
const MOST_STATES: usize = 4096;

/// A table for each token.
pub(super) struct Tokens {
    tables: [Vec<Open>; TOKENS],
    class_count: usize,
}

/// What a token of a sort and length and the octet after it leave open.
#[derive(Debug, Clone, Copy, Default)]
struct Open {
    /// Those of which a shape may go on, or has ended.
    may_be: Groups,
    /// Those of which a shape may have ended: what follows says nothing of them.
    ended: Groups,
}

impl Tokens {
    pub(super) fn new(class_count: usize) -> Self {
        let table = || {
            let mut table = vec![Open::default(); LENGTHS * class_count];
            for some in table.chunks_mut((LONGEST + 1) * class_count) {
                some[LONGEST * class_count..].fill(Open { may_be: Groups::MAX, ended: Groups::MAX });
            }
            table
        };
        Self { tables: std::array::from_fn(|_| table()), class_count }
    }

    /// Those of these groups whose shapes may begin at a place of a block.
    #[inline]
    pub(super) fn open(&self, groups: Groups, classes: &[u8; 256], ahead: &Ahead<'_>, offset: u32) -> Groups {
        let edges = ahead.edges(offset);
        let (mut may_be, mut ended, mut place) = (groups, 0, 0);
        for two in self.tables.as_chunks::<2>().0 {
            // Two at a time, without a guess between them. Behind the octets that are looked at all tokens are long.
            for table in two {
                let digit = ahead.octet(offset as usize + place).is_ascii_digit();
                let rest = edges >> place >> 1 | 1 << 63;
                let length = rest.trailing_zeros() as usize + 1;
                place = (place + length).min(63);
                let class = usize::from(classes[usize::from(ahead.octet(offset as usize + place))]);
                let row = length.min(LONGEST) + if digit { LONGEST + 1 } else { 0 };
                let open = table[row * self.class_count + class];
                may_be &= open.may_be;
                ended |= may_be & open.ended;
                place = (place + 1).min(63);
            }
            if may_be == ended {
                break;
            }
        }
        may_be | ended
    }

    pub(super) fn memory(&self) -> usize {
        self.tables.iter().map(|table| size_of_val(table.as_slice())).sum()
    }

    /// Adds the shapes of a group; `members` has the octets of each class.
    pub(super) fn add(&mut self, paths: &Paths<'_>, steps: &Steps<'_>, members: &[Vec<u8>]) {
        let class = |members: &Vec<u8>| Class {
            own: paths.classes(members).into_iter().collect(),
            outside: members.iter().any(|octet| !octet.is_ascii_alphanumeric()),
        };
        let classes: Vec<Class> = members.iter().map(class).collect();
        let mut starts = steps.only(paths.automata.start);
        let mut known = false;
        for table in &mut self.tables {
            known |= starts.all.len() > MOST_STATES;
            if known {
                for open in table.iter_mut() {
                    open.may_be |= paths.group;
                    open.ended |= paths.group;
                }
                continue;
            }
            starts = fill(steps, &starts, table, &classes, paths.group);
        }
    }
}

/// A class of octets: its numbers in one automaton, and whether some of them stand outside words.
struct Class {
    own: Vec<usize>,
    outside: bool,
}

/// Fills the table of a token that begins in these states; gives those in which the next one begins.
fn fill(steps: &Steps<'_>, starts: &Set, table: &mut [Open], classes: &[Class], group: Groups) -> Set {
    let mut begin_next = steps.none();
    // One octet outside words, or a word that begins with a letter.
    let (others, digits) = table.split_at_mut(table.len() / 2);
    let (symbol, word) = (steps.after(starts, &steps.outside), steps.after(starts, &steps.letters));
    fill_sort(steps, word, symbol, others, classes, group, &mut begin_next);
    fill_sort(
        steps,
        steps.after(starts, &steps.digits),
        steps.none(),
        digits,
        classes,
        group,
        &mut begin_next,
    );
    begin_next
}

/// Fills what belongs to tokens of one sort, of which the first octet led to these states.
fn fill_sort(
    steps: &Steps<'_>,
    mut word: Set,
    mut symbol: Set,
    table: &mut [Open],
    classes: &[Class],
    group: Groups,
    begin_next: &mut Set,
) {
    // A shape may have ended within the word.
    let mut loose = false;
    for row in table.chunks_mut(classes.len()).take(LONGEST).skip(1) {
        if word.all.is_empty() && symbol.all.is_empty() && !loose {
            break;
        }
        let ended = loose || steps.any_fits(&word) || steps.any_fits(&symbol);
        for (open, class) in row.iter_mut().zip(classes) {
            // No word goes on after itself.
            let word = word.all.iter().filter(|_| class.outside);
            let states = word.chain(&symbol.all);
            let next =
                states.flat_map(|state| class.own.iter().map(|own| steps.automata.after(*state, *own)));
            let (mut goes_on, mut ended) = (false, ended);
            for state in next {
                goes_on |= state != 0;
                ended |= steps.fits[usize::from(state)];
            }
            open.may_be |= if goes_on || ended { group } else { 0 };
            open.ended |= if ended { group } else { 0 };
        }
        steps.add_after(&word, &steps.outside, begin_next);
        steps.add_after(&symbol, &steps.outside, begin_next);
        steps.add_after(&symbol, &steps.in_word, begin_next);
        loose |= word.all.iter().any(|state| steps.loose[usize::from(*state)]);
        word = steps.after(&word, &steps.in_word);
        symbol = steps.none();
    }
}

#[cfg(test)]
mod tests {
    use super::super::ahead::ROOM;
    use super::super::automaton::{Automata, Shape, divide};
    use super::super::words::Words;
    use super::super::{Boundary, shape};
    use super::*;

    /// Whether the shape may begin where the text does.
    fn may_begin(pattern: &str, boundary: Boundary, text: &str) -> bool {
        let mut automata: Vec<Automata> = Vec::new();
        let of = Shape { identifier: 0, boundary };
        divide(&[(shape::parse(pattern).unwrap(), of)], &mut automata)
            .map_err(|(_, refusal)| refusal)
            .unwrap();
        let paths = Paths::new(&automata[0], 1);
        let mut classes = [0; 256];
        (0..=u8::MAX).for_each(|octet| classes[usize::from(octet)] = octet);
        let members: Vec<Vec<u8>> = (0..=u8::MAX).map(|octet| vec![octet]).collect();
        let mut tokens = Tokens::new(members.len());
        tokens.add(&paths, &Steps::new(&paths), &members);
        let (words, mut room) = (Words::ascii(text.as_bytes()).unwrap(), ROOM);
        tokens.open(1, &classes, &Ahead::new(text.as_bytes(), &words, 0, &mut room), 0) == 1
    }

    #[test]
    fn words_of_other_lengths_or_with_other_octets_after_them_shut_the_gate() {
        for (pattern, may, not) in [
            (
                r"\d{3}-\d{2}-\d{4}",
                &["078-05-1120", "078-05-1120."][..],
                &["078-051-120", "078-05:1120", "078"][..],
            ),
            (
                r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}",
                &["1a:2b:3c:4d:5e:6f"],
                &["12:34:56,789", "12:34:56 ", "12:34:567"],
            ),
            (
                r"\d{3}~\d{3}~\d{3}~?MVA",
                &["123 456 789 MVA", "123456789MVA", "123 - 456.789 MVA"],
                &["123 [4", "123 4567", "123.456] 789", "123 - 456.789"],
            ),
            (
                r"[0-9a-f]{32}-us\d",
                &["0123456789abcdef0123456789abcdef-us1"],
                &["01234567-89ab", "0123456789abcdef"],
            ),
            (r"\d{4}(?:=|\?)", &["1234=", "1234?x"], &["1234 ", "1234", "123="]),
        ] {
            for text in may {
                assert!(may_begin(pattern, Boundary::Word, text), "{pattern}: {text}");
            }
            for text in not {
                assert!(!may_begin(pattern, Boundary::Word, text), "{pattern}: {text}");
            }
        }
    }

    #[test]
    fn shapes_that_may_end_within_a_word_pass_whatever_follows() {
        assert!(may_begin(r"[A-Z]\d{3}", Boundary::Digits, "A123suffix, more"));
        assert!(!may_begin(r"[A-Z]\d{3}", Boundary::Word, "A123suffix, more"));
    }
}
