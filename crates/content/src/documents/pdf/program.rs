//! What the glyphs of an embedded TrueType program stand for: its own table of characters, read backwards. The table is what a system draws by.

use foldhash::HashMap;

/// Characters of one program.
const MOST: usize = 70_000;

/// Characters by glyph; where several have the same one, an ASCII letter or digit if there is one, and the first of those.
pub(super) fn characters(program: &[u8]) -> HashMap<u32, char> {
    let mut known = HashMap::default();
    let Some(table) = table(program, b"cmap") else { return known };
    let count = usize::from(u16_at(table, 2).unwrap_or(0)).min(64);
    for index in 0..count {
        let record = 4 + 8 * index;
        let (Some(platform), Some(encoding)) = (u16_at(table, record), u16_at(table, record + 2)) else {
            break;
        };
        // Of the others, the codes are no characters of Unicode.
        if platform != 0 && !(platform == 3 && matches!(encoding, 1 | 10)) {
            continue;
        }
        if let Some(sub) = u32_at(table, record + 4).and_then(|at| table.get(at as usize..)) {
            match u16_at(sub, 0) {
                Some(4) => segments(sub, &mut known),
                Some(6) => trimmed(sub, &mut known),
                Some(12) => groups(sub, &mut known),
                _ => {}
            }
        }
    }
    known
}

pub(super) fn table<'a>(program: &'a [u8], tag: &[u8; 4]) -> Option<&'a [u8]> {
    let count = usize::from(u16_at(program, 4)?).min(256);
    let record = (0..count).map(|index| 12 + 16 * index).find(|at| program.get(*at..at + 4) == Some(tag))?;
    let (from, length) = (u32_at(program, record + 8)? as usize, u32_at(program, record + 12)? as usize);
    program.get(from..from.saturating_add(length).min(program.len()))
}

fn note(known: &mut HashMap<u32, char>, glyph: u32, code: u32) -> bool {
    let Some(c) = char::from_u32(code).filter(|c| glyph != 0 && !c.is_control()) else { return true };
    let first = known.entry(glyph).or_insert(c);
    if c.is_ascii_alphanumeric() && !first.is_ascii_alphanumeric() {
        *first = c;
    }
    known.len() < MOST
}

/// Format 4: segments with a difference, or with a list of glyphs.
fn segments(sub: &[u8], known: &mut HashMap<u32, char>) {
    let double = usize::from(u16_at(sub, 6).unwrap_or(0)) & !1;
    let mut left = MOST;
    for at in (0..double).step_by(2) {
        let field = |block: usize| u16_at(sub, 14 + block * double + if block > 0 { 2 } else { 0 } + at);
        let (Some(end), Some(start), Some(delta), Some(offset)) = (field(0), field(1), field(2), field(3))
        else {
            return;
        };
        for code in start..=end {
            left = left.saturating_sub(1);
            if left == 0 || code == 0xffff {
                break;
            }
            let listed = 16 + 3 * double + at + usize::from(offset) + 2 * usize::from(code - start);
            let glyph = match offset {
                0 => code.wrapping_add(delta),
                _ => match u16_at(sub, listed) {
                    None | Some(0) => continue,
                    Some(glyph) => glyph.wrapping_add(delta),
                },
            };
            if !note(known, glyph.into(), code.into()) {
                return;
            }
        }
    }
}

/// Format 6: one list.
fn trimmed(sub: &[u8], known: &mut HashMap<u32, char>) {
    let (first, count) = (u16_at(sub, 6).unwrap_or(0), u16_at(sub, 8).unwrap_or(0));
    for index in 0..count {
        let Some(glyph) = u16_at(sub, 10 + 2 * usize::from(index)) else { return };
        if !note(known, glyph.into(), u32::from(first) + u32::from(index)) {
            return;
        }
    }
}

/// Format 12: groups of consecutive codes and glyphs.
fn groups(sub: &[u8], known: &mut HashMap<u32, char>) {
    let count = u32_at(sub, 12).unwrap_or(0).min(10_000) as usize;
    let mut left = MOST;
    for group in 0..count {
        let at = 16 + 12 * group;
        let (Some(start), Some(end), Some(glyph)) =
            (u32_at(sub, at), u32_at(sub, at + 4), u32_at(sub, at + 8))
        else {
            return;
        };
        for (index, code) in (start..=end.min(0x0010_ffff)).enumerate() {
            left = left.saturating_sub(1);
            if left == 0 || !note(known, glyph.wrapping_add(index as u32), code) {
                return;
            }
        }
    }
}

pub(super) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that has nothing but a table of characters with one segment: `count` codes from `first`, on glyphs from `glyph`.
    fn program(first: u16, count: u16, glyph: u16) -> Vec<u8> {
        let sub: Vec<u16> = vec![
            4,
            32,
            0,
            4,
            0,
            0,
            0,
            first + count - 1,
            0xffff,
            0,
            first,
            0xffff,
            glyph.wrapping_sub(first),
            1,
            0,
            0,
        ];
        let table =
            [0_u16, 1, 3, 1, 0, 12].into_iter().chain(sub).flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        let length = table.len() as u32;
        let head =
            [&b"\0\x01\0\0\0\x01\0\0\0\0\0\0cmap\0\0\0\0\0\0\0\x1c"[..], &length.to_be_bytes()].concat();
        [head, table].concat()
    }

    #[test]
    fn glyphs_are_the_characters_that_lead_to_them() {
        let known = characters(&program(u16::from(b'0'), 10, 20));
        assert_eq!((known.get(&20), known.get(&29), known.len()), (Some(&'0'), Some(&'9'), 10));
    }

    #[test]
    fn every_cut_of_a_program_is_read_or_refused() {
        let program = program(40, 60, 7);
        for length in 0..program.len() {
            assert!(characters(&program[..length]).len() <= 60);
        }
    }
}
