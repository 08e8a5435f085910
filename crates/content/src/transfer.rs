//! Transfer encodings (RFC 2045 6), decoded as the most forgiving client does: junk is skipped, what is broken is reported.

/// Decoded octets, and whether the encoding was kept to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) octets: Vec<u8>,
    /// Characters outside the alphabet, padding in the middle or escapes that are none were met.
    pub(crate) broken: bool,
}

/// A transfer encoding that we can undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// 7bit, 8bit, binary, none.
    Identity,
    Base64,
    QuotedPrintable,
    Uuencode,
    Yenc,
}

impl Encoding {
    /// By the value of a Content-Transfer-Encoding field; none if it is not exactly one that the standard or custom knows.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "" | "7bit" | "8bit" | "binary" => Self::Identity,
            "base64" => Self::Base64,
            "quoted-printable" => Self::QuotedPrintable,
            "x-uuencode" | "uuencode" | "x-uue" | "x-uu" | "uue" => Self::Uuencode,
            "x-yenc" | "yenc" | "x-yencode" => Self::Yenc,
            _ => return None,
        })
    }

    /// What a forgiving client may take a name for that is none: `base-64`, `Quoted Printable`, `"base64"`, `7-bit`.
    pub(crate) fn nearly(name: &str) -> Option<Self> {
        let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        match letters.to_ascii_lowercase() {
            name if name.contains("base64") || name == "b64" || name == "b" => Some(Self::Base64),
            name if name.contains("quoted") || name == "qp" || name == "q" => Some(Self::QuotedPrintable),
            name if name.contains("uu") => Some(Self::Uuencode),
            name if name.contains("yenc") => Some(Self::Yenc),
            name if matches!(name.as_str(), "7bit" | "8bit" | "7bits" | "8bits" | "plain" | "none") => {
                Some(Self::Identity)
            }
            _ => None,
        }
    }

    /// The likeliest octets; none when they are those that are there.
    pub(crate) fn decode(self, text: &[u8]) -> Option<Decoded> {
        match self {
            Self::Identity => None,
            Self::Base64 => Some(base64(text)),
            Self::QuotedPrintable => Some(quoted_printable(text)),
            Self::Uuencode => Some(uuencoded(text)),
            Self::Yenc => Some(yencoded(text)),
        }
    }

    /// What other decoders make of broken text.
    pub(crate) fn other_readings(self, text: &[u8], first: &Decoded) -> Vec<Vec<u8>> {
        let mut others: Vec<Vec<u8>> = Vec::new();
        let mut note = |octets: Vec<u8>| {
            if octets != first.octets && !others.contains(&octets) {
                others.push(octets);
            }
        };
        match self {
            _ if !first.broken => {}
            Self::Base64 => {
                let web = memchr::memchr2(b'-', b'_', text).is_some();
                for (table, padding) in [
                    (&MAIL, Padding::Always),
                    (&MAIL, Padding::Never),
                    (&WEB, Padding::Full),
                    (&WEB, Padding::Always),
                ] {
                    if web || std::ptr::eq(table, &MAIL) {
                        note(base64_as(text, table, padding).octets);
                    }
                }
            }
            Self::QuotedPrintable => note(quoted_printable_with_doubled_signs(text)),
            Self::Identity | Self::Uuencode | Self::Yenc => {}
        }
        others
    }
}

const SKIP: u8 = 0xfe;
const JUNK: u8 = 0xff;
const PAD: u8 = 0xfd;

const fn sextets(web: bool) -> [u8; 256] {
    let mut table = [JUNK; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < 64 {
        table[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    if web {
        table[b'-' as usize] = 62;
        table[b'_' as usize] = 63;
    }
    table[b'=' as usize] = PAD;
    table[b'\r' as usize] = SKIP;
    table[b'\n' as usize] = SKIP;
    table[b' ' as usize] = SKIP;
    table[b'\t' as usize] = SKIP;
    table
}

/// Value of each octet in mail's alphabet.
static MAIL: [u8; 256] = sextets(false);
/// The same with the web's two signs as well.
static WEB: [u8; 256] = sextets(true);

/// What a padding sign does where it is not due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Padding {
    /// Nothing, unless it fills up its quantum (Python).
    Full,
    /// It ends the quantum.
    Always,
    /// Nothing ever.
    Never,
}

/// Base64. Padding ends a quantum, not the text: concatenated pieces are all read.
pub(crate) fn base64(text: &[u8]) -> Decoded {
    base64_as(text, &MAIL, Padding::Full)
}

/// Base64 in the web's alphabet, where mail's is none.
pub(crate) fn base64_of_the_web(text: &[u8]) -> Vec<u8> {
    base64_as(text, &WEB, Padding::Full).octets
}

fn base64_as(text: &[u8], table: &[u8; 256], padding: Padding) -> Decoded {
    let mut out = Decoded { octets: Vec::with_capacity(text.len() / 4 * 3 + 3), broken: false };
    // The quantum: its bits, its characters, its padding; and whether padding has been met.
    let (mut bits, mut count, mut pads, mut padded) = (0_u32, 0_u32, 0_u32, false);
    let mut at = 0;
    while at < text.len() {
        if count == 0 && !padded {
            at += whole_quanta(&text[at..], table, &mut out.octets);
        }
        let Some(octet) = text.get(at) else { break };
        at += 1;
        match table[usize::from(*octet)] {
            SKIP => {}
            JUNK => out.broken = true,
            PAD => {
                pads += 1;
                let full = count >= 2 && count + pads >= 4;
                out.broken |=
                    !full && (count < 2 || padding != Padding::Full) || padded && count == 0 && pads > 2;
                if padding == Padding::Always && count > 0 || padding == Padding::Full && full {
                    rest(&mut out.octets, bits, count);
                    (bits, count, padded) = (0, 0, true);
                }
            }
            sextet => {
                out.broken |= padded || pads > 0 && count > 0;
                bits = bits << 6 | u32::from(sextet);
                count += 1;
                pads = 0;
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

/// Decodes clean quanta, four at a time where they are; gives the number of characters taken.
fn whole_quanta(text: &[u8], table: &[u8; 256], out: &mut Vec<u8>) -> usize {
    let mut taken = 0;
    let (fours, _) = text.as_chunks::<16>();
    for four in fours {
        let (mut decoded, mut all) = ([0; 12], 0);
        for (quantum, three) in four.as_chunks::<4>().0.iter().zip(decoded.as_chunks_mut::<3>().0) {
            let sextets = quantum.map(|octet| table[usize::from(octet)]);
            all |= sextets[0] | sextets[1] | sextets[2] | sextets[3];
            *three = octets_of(sextets);
        }
        if all >= 64 {
            break;
        }
        out.extend_from_slice(&decoded);
        taken += 16;
    }
    for quantum in text[taken..].as_chunks::<4>().0 {
        let sextets = quantum.map(|octet| table[usize::from(octet)]);
        if sextets[0] | sextets[1] | sextets[2] | sextets[3] >= 64 {
            break;
        }
        out.extend_from_slice(&octets_of(sextets));
        taken += 4;
    }
    taken
}

/// The three octets of a quantum.
#[inline]
fn octets_of(sextets: [u8; 4]) -> [u8; 3] {
    let [a, b, c, d] = sextets;
    [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]
}

fn rest(out: &mut Vec<u8>, bits: u32, count: u32) {
    match count {
        2 => out.push((bits >> 4) as u8),
        3 => out.extend_from_slice(&[(bits >> 10) as u8, (bits >> 2) as u8]),
        _ => {}
    }
}

/// Whether octets are base64 and nothing else, for those that came without the label.
pub(crate) fn looks_like_base64(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    if !may_be_base64(text) || text.iter().any(|octet| matches!(octet, b' ' | b'\t')) {
        return false;
    }
    let signs = text.iter().filter(|octet| MAIL[usize::from(**octet)] < 64).count();
    let pads = text.iter().filter(|octet| **octet == b'=').count();
    let at_the_end = text.ends_with(&b"=="[..pads.min(2)]);
    let mixed = [u8::is_ascii_lowercase, u8::is_ascii_uppercase].iter().all(|class| text.iter().any(class));
    mixed && pads <= 2 && at_the_end && (signs + pads).is_multiple_of(4)
}

/// Whether octets may be a piece of base64.
pub(crate) fn may_be_base64(text: &[u8]) -> bool {
    text.len() >= 24 && text.iter().all(|octet| MAIL[usize::from(*octet)] != JUNK)
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

/// As Python has it: of a doubled sign one stays, and a bare CR hides the rest of its line.
fn quoted_printable_with_doubled_signs(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(offset) = memchr::memchr(b'=', rest) {
        out.extend_from_slice(&rest[..offset]);
        rest = &rest[offset + 1..];
        if let Some(length) = soft_break(rest) {
            rest = &rest[length..];
        } else if let Some(after) = rest.strip_prefix(b"=") {
            out.push(b'=');
            rest = after;
        } else if let (Some(high), Some(low)) = (hex(rest.first()), hex(rest.get(1))) {
            out.push(high << 4 | low);
            rest = &rest[2..];
        } else {
            out.push(b'=');
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Lines of uuencode, up to `end`; a `begin` line is passed over, lines that are none are skipped.
pub(crate) fn uuencoded(text: &[u8]) -> Decoded {
    let mut out = Decoded { octets: Vec::with_capacity(text.len() / 4 * 3), broken: false };
    for line in text.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line {
            [] => {}
            [b'b', b'e', b'g', b'i', b'n', b' ' | b'-', ..] => {}
            _ if line.trim_ascii() == b"end" => break,
            [length @ b' '..=b'`', data @ ..] => out.broken |= !uu_line(*length, data, &mut out.octets),
            _ => out.broken = true,
        }
    }
    out
}

/// One line; blanks that were lost at its end count as such. False if it is no uuencode.
fn uu_line(length: u8, data: &[u8], out: &mut Vec<u8>) -> bool {
    let length = usize::from((length - b' ') & 63);
    let needed = length.div_ceil(3) * 4;
    // Blanks at the end may be lost, but a line of nothing else cannot stand for many octets.
    let fits = needed <= 2 * data.len()
        && data.iter().take(needed).all(|octet| matches!(octet, b' '..=b'`'))
        && data.len() <= needed + 2;
    if !fits {
        return false;
    }
    let from = out.len();
    let value = |at: usize| u32::from(data.get(at).map_or(0, |octet| (octet - b' ') & 63));
    for quad in 0..length.div_ceil(3) {
        let v = (0..4).fold(0, |v, at| v << 6 | value(quad * 4 + at));
        out.extend_from_slice(&[(v >> 16) as u8, (v >> 8) as u8, v as u8]);
    }
    out.truncate(from + length);
    true
}

/// Lines of yEnc between `=ybegin` and `=yend`.
pub(crate) fn yencoded(text: &[u8]) -> Decoded {
    let mut out = Decoded { octets: Vec::with_capacity(text.len()), broken: false };
    let mut escaped = false;
    for line in text.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"=ybegin ") || line.starts_with(b"=ypart ") {
            continue;
        }
        if line.starts_with(b"=yend") {
            break;
        }
        for octet in line {
            match (octet, escaped) {
                (b'=', false) => escaped = true,
                (octet, true) => {
                    out.octets.push(octet.wrapping_sub(106));
                    escaped = false;
                }
                (octet, false) => out.octets.push(octet.wrapping_sub(42)),
            }
        }
    }
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

    fn all_base64(text: &[u8]) -> Vec<Vec<u8>> {
        let first = base64(text);
        let others = Encoding::Base64.other_readings(text, &first);
        std::iter::once(first.octets).chain(others).collect()
    }

    #[test]
    fn padding_that_is_not_due_is_read_in_every_way() {
        // Python's binascii 3.11 gives these for the first four.
        for (text, expected) in [
            (&b"Q=UJD"[..], &b"ABC"[..]),
            (b"QU=JD", b"ABC"),
            (b"QU-JD", b"ABC"),
            (b"QUJD=QUJD", b"ABCABC"),
            (b"QQ=QUJD", b"AABC"),
            (b"QQ==QUJD", b"AABC"),
            (b"A-_B", b"\x03\xef\xc1"),
        ] {
            assert!(
                all_base64(text).iter().any(|octets| octets == expected),
                "{}",
                String::from_utf8_lossy(text)
            );
        }
        assert_eq!(all_base64(b"QUJD\r\nQUI=\r\n").len(), 1);
    }

    #[test]
    fn base64_without_its_label_is_recognised_and_words_are_not() {
        assert!(looks_like_base64(b"NDExMSAxMTExIDExMTEgMTExMSBjYXJk\r\nQUJD\r\n"));
        assert!(!looks_like_base64(b"Please send the invoice to me today"));
        assert!(!looks_like_base64(b"4111111111111111411111111111"));
    }

    #[test]
    fn a_doubled_sign_is_read_in_both_ways() {
        let first = quoted_printable(b"==41");
        assert_eq!(first.octets, b"=A");
        assert_eq!(Encoding::QuotedPrintable.other_readings(b"==41", &first), vec![b"=41".to_vec()]);
    }

    #[test]
    fn uuencode_and_yenc_are_decoded() {
        let uu = b"begin 644 card.txt\n3-#$Q,2`Q,3$Q(#$Q,3$@,3$Q,0``\n`\nend\n4111";
        assert_eq!(uuencoded(uu).octets, b"4111 1111 1111 1111");
        let y: Vec<u8> = b"4111 1111".iter().map(|octet| octet.wrapping_add(42)).collect();
        let y = [b"=ybegin line=128 size=9 name=c.txt\r\n", &y[..], b"\r\n=yend size=9\r\n"].concat();
        assert_eq!(yencoded(&y).octets, b"4111 1111");
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
            for encoding in [Encoding::Base64, Encoding::QuotedPrintable, Encoding::Uuencode, Encoding::Yenc] {
                let first = encoding.decode(&octets).expect("not identity");
                encoding.other_readings(&octets, &first);
            }
        }
    }
}
