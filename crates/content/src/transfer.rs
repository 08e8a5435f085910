//! Transfer encodings (RFC 2045 6), decoded as the most forgiving client does: junk is skipped, what is broken is reported.

/// Decoded octets, and whether the encoding was kept to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) octets: Vec<u8>,
    /// Characters outside the alphabet, padding in the middle or escapes that are none were met.
    pub(crate) broken: bool,
}

const SKIP: u8 = 0xfe;
const JUNK: u8 = 0xff;
const PAD: u8 = 0xfd;

/// Value of each octet in base64; both alphabets.
const SEXTET: [u8; 256] = {
    let mut table = [JUNK; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < 64 {
        table[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table[b'=' as usize] = PAD;
    table[b'\r' as usize] = SKIP;
    table[b'\n' as usize] = SKIP;
    table[b' ' as usize] = SKIP;
    table[b'\t' as usize] = SKIP;
    table
};

/// Base64. Padding ends a quantum, not the text: concatenated pieces are all read.
pub(crate) fn base64(text: &[u8]) -> Decoded {
    let mut out = Decoded { octets: Vec::with_capacity(text.len() / 4 * 3 + 3), broken: false };
    let (mut bits, mut count, mut padded) = (0_u32, 0, false);
    let mut at = 0;
    while at < text.len() {
        // Whole quanta of clean text go four at a time.
        while count == 0 && at + 4 <= text.len() {
            let q = [
                SEXTET[text[at] as usize],
                SEXTET[text[at + 1] as usize],
                SEXTET[text[at + 2] as usize],
                SEXTET[text[at + 3] as usize],
            ];
            if q[0] | q[1] | q[2] | q[3] >= 64 {
                break;
            }
            let v = u32::from(q[0]) << 18 | u32::from(q[1]) << 12 | u32::from(q[2]) << 6 | u32::from(q[3]);
            out.octets.extend_from_slice(&[(v >> 16) as u8, (v >> 8) as u8, v as u8]);
            out.broken |= padded;
            at += 4;
        }
        let Some(octet) = text.get(at) else { break };
        at += 1;
        match SEXTET[*octet as usize] {
            SKIP => {}
            JUNK => out.broken = true,
            PAD => {
                rest(&mut out.octets, bits, count);
                (bits, count, padded) = (0, 0, true);
            }
            sextet => {
                out.broken |= padded;
                bits = bits << 6 | u32::from(sextet);
                count += 1;
                if count == 4 {
                    out.octets.extend_from_slice(&[(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]);
                    (bits, count) = (0, 0);
                }
            }
        }
    }
    out.broken |= count > 0;
    rest(&mut out.octets, bits, count);
    out
}

fn rest(out: &mut Vec<u8>, bits: u32, count: u32) {
    match count {
        2 => out.push((bits >> 4) as u8),
        3 => out.extend_from_slice(&[(bits >> 10) as u8, (bits >> 2) as u8]),
        _ => {}
    }
}

/// Quoted-printable. An escape that is none stays as it is, white space at line ends is dropped.
pub(crate) fn quoted_printable(text: &[u8]) -> Decoded {
    let mut out = Decoded { octets: Vec::with_capacity(text.len()), broken: false };
    let mut at = 0;
    while let Some(offset) = memchr::memchr(b'=', &text[at..]) {
        out.octets.extend_from_slice(&text[at..at + offset]);
        at += offset + 1;
        match soft_break(&text[at..]) {
            Some(length) => at += length,
            None => match (hex(text.get(at)), hex(text.get(at + 1))) {
                (Some(high), Some(low)) => {
                    out.octets.push(high << 4 | low);
                    at += 2;
                }
                _ => {
                    out.octets.push(b'=');
                    out.broken = true;
                }
            },
        }
    }
    out.octets.extend_from_slice(&text[at..]);
    out
}

/// Length of white space and line end behind the equals sign of a soft line break.
fn soft_break(text: &[u8]) -> Option<usize> {
    let blanks = text.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    match &text[blanks..] {
        [b'\r', b'\n', ..] => Some(blanks + 2),
        [b'\n' | b'\r', ..] => Some(blanks + 1),
        [] => Some(blanks),
        _ => None,
    }
}

fn hex(octet: Option<&u8>) -> Option<u8> {
    (*octet? as char).to_digit(16).map(|digit| digit as u8)
}

/// The Q encoding of RFC 2047 4.2.
pub(crate) fn q_word(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|octet| if *octet == b'_' { b' ' } else { *octet }).collect();
    quoted_printable(&spaced).octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn clean_base64_is_decoded_and_not_reported() {
        assert_eq!(base64(b"aGVs\r\nbG8=\r\n"), Decoded { octets: b"hello".to_vec(), broken: false });
    }

    #[test]
    fn junk_and_padding_in_the_middle_hide_nothing() {
        assert_eq!(base64(b"aG!!Vs bG8"), Decoded { octets: b"hello".to_vec(), broken: true });
        assert_eq!(base64(b"aGVsbG8=aGVsbG8="), Decoded { octets: b"hellohello".to_vec(), broken: true });
    }

    #[test]
    fn quoted_printable_in_its_broken_forms() {
        assert_eq!(quoted_printable(b"a=3D=\r\nb= \nc=zz=").octets, b"a=bc=zz");
        assert_eq!(quoted_printable(b"caf=c3=A9").octets, "café".as_bytes());
    }

    proptest! {
        #[test]
        fn base64_of_anything_comes_back(octets in prop::collection::vec(any::<u8>(), 0..200), width in 1_usize..80) {
            const A: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let mut text = Vec::new();
            for chunk in octets.chunks(3) {
                let v = chunk.iter().fold(0_u32, |v, b| v << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
                for i in 0..4 { text.push(if i <= chunk.len() { A[(v >> (18 - 6 * i)) as usize & 63] } else { b'=' }); }
            }
            let lines: Vec<u8> = text.chunks(width).flat_map(|line| [line, b"\r\n"].concat()).collect();
            prop_assert_eq!(base64(&lines), Decoded { octets, broken: false });
        }

        #[test]
        fn no_input_panics(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            base64(&octets);
            quoted_printable(&octets);
        }
    }
}
