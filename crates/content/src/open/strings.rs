//! Runs of readable characters in octets that are no text, as `strings` of binutils shows them, of one octet each or of two.

use wide::u8x16;

/// Fewer characters in a row are chance.
const SHORTEST: usize = 6;
/// Octets that are looked at in one step where nothing readable stands.
const BLOCK: usize = 64;

/// The runs, one a line.
pub(crate) fn words(octets: &[u8]) -> String {
    let mut out = String::new();
    let mut at = 0;
    while let Some(start) = candidate(octets, at) {
        at = runs(octets, start, &mut out);
    }
    out
}

fn readable(octet: u8) -> bool {
    (b' '..=b'~').contains(&octet) || octet == b'\t'
}

/// Where octets begin that may hold a run: so many in a row of which each is readable or the NUL behind a readable one. `from` stands
/// at the beginning, or behind an octet that is neither.
fn candidate(octets: &[u8], mut from: usize) -> Option<usize> {
    while let Some(block) = octets.get(from..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        let (readable, zero) = classes(block);
        let within = readable | (zero & (readable << 1));
        let two = within & (within >> 1);
        let four = two & (two >> 2);
        let six = four & (two >> 4);
        if six != 0 {
            return Some(from + six.trailing_zeros() as usize);
        }
        // What stands at the end of this block may go on in the next one.
        from += BLOCK - within.leading_ones() as usize;
    }
    (from < octets.len()).then_some(from)
}

/// Which octets of a block are readable, and which are NUL: a bit for each, the first lowest.
fn classes(block: &[u8; BLOCK]) -> (u64, u64) {
    let splat = u8x16::splat;
    let (mut readable, mut zero) = (0, 0);
    for (at, some) in block.as_chunks::<16>().0.iter().enumerate() {
        let some = u8x16::new(*some);
        let above = some - splat(b' ');
        let shown = above.min(splat(b'~' - b' ')).simd_eq(above) | some.simd_eq(splat(b'\t'));
        readable |= u64::from(shown.to_bitmask()) << (16 * at);
        zero |= u64::from(some.simd_eq(splat(0)).to_bitmask()) << (16 * at);
    }
    (readable, zero)
}

/// Appends the runs that begin at `at` and behind it, up to an octet that belongs to none; gives the place behind that octet.
fn runs(octets: &[u8], mut at: usize, out: &mut String) -> usize {
    loop {
        let Some(&first) = octets.get(at) else { return at };
        if !readable(first) {
            return at + 1;
        }
        let before = out.len();
        let is_wide = |at: usize| octets.get(at + 1) == Some(&0);
        let wide = is_wide(at);
        while let Some(&octet) = octets.get(at).filter(|octet| readable(**octet)) {
            if is_wide(at) != wide {
                // The NUL that ends a text does not make its last letter one of two octets; another text may begin with it.
                if !wide {
                    out.push(char::from(octet));
                }
                break;
            }
            out.push(char::from(octet));
            at += if wide { 2 } else { 1 };
        }
        if out.len() - before >= SHORTEST {
            out.push('\n');
        } else {
            out.truncate(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_letter_before_a_nul_is_of_its_word() {
        assert_eq!(words(b"\x01card 4111\0\x02"), "card 4111\n");
        assert_eq!(words(b"card 4111Z\0e\0p\0h\0y\0r\0\x01"), "card 4111Z\nZephyr\n");
    }

    /// The same, an octet at a time.
    fn slowly(octets: &[u8]) -> String {
        let (mut out, mut run) = (String::new(), String::new());
        let (mut at, mut wide) = (0, false);
        while at < octets.len() {
            let octet = octets[at];
            let is_wide = octets.get(at + 1) == Some(&0);
            if readable(octet) && (run.is_empty() || is_wide == wide) {
                wide = is_wide;
                run.push(char::from(octet));
                at += if wide { 2 } else { 1 };
                continue;
            }
            if readable(octet) && is_wide && !wide && !run.is_empty() {
                run.push(char::from(octet));
            }
            if run.len() >= SHORTEST {
                out.push_str(&run);
                out.push('\n');
            }
            at += usize::from(run.is_empty());
            run.clear();
        }
        if run.len() >= SHORTEST {
            out.push_str(&run);
        }
        out
    }

    proptest! {
        #[test]
        fn leaps_miss_nothing_that_steps_find(
            pieces in proptest::collection::vec(prop_oneof![
                proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(b'a'), Just(b'\t'), any::<u8>()], 0..40),
                "[ -~]{0,70}".prop_map(String::into_bytes),
                "[a-z]{0,12}".prop_map(|text| text.bytes().flat_map(|octet| [octet, 0]).collect()),
                (0usize..130, any::<u8>()).prop_map(|(times, octet)| vec![octet; times]),
            ], 0..12)
        ) {
            let octets = pieces.concat();
            let (found, expected) = (words(&octets), slowly(&octets));
            prop_assert_eq!(found.trim_end_matches('\n'), expected.trim_end_matches('\n'));
        }
    }
}
