//! BinHex 4.0 (RFC 1741): how the Macintosh puts a file with its two forks into text.

/// The letters for 0 to 63.
const LETTERS: &[u8; 64] = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";

/// A file, as far as it was there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) name: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) resources: Vec<u8>,
    /// It unpacks to more than is read.
    pub(crate) cut: bool,
}

/// The first file that stands between two colons; none where its head is none. Checksums are not looked at. A few letters can stand for
/// many octets: `left` tells how many there may be, and how many then may still be.
pub(crate) fn decode(text: &[u8], left: &mut usize) -> Option<File> {
    let start = memchr::memchr(b':', text)? + 1;
    let (octets, cut) = unpacked(&text[start..], *left);
    *left -= octets.len();
    let (length, rest) = octets.split_first()?;
    let name = rest.get(..usize::from(*length)).filter(|name| (1..=63).contains(&name.len()))?;
    // A zero, type, creator, flags, the lengths of both forks, a checksum.
    let head = rest.get(name.len()..name.len() + 21).filter(|head| head[0] == 0)?;
    let number =
        |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
    let body = &rest[name.len() + 21..];
    let (data, rest) = body.split_at(number(11).min(body.len()));
    let rest = rest.get(2..).unwrap_or_default();
    let resources = &rest[..number(15).min(rest.len())];
    Some(File { name: name.to_vec(), data: data.to_vec(), resources: resources.to_vec(), cut })
}

/// Six bits a letter, and runs undone: 0x90 and a count stand for the octet before, so often; 0x90 and 0 for itself.
fn unpacked(text: &[u8], most: usize) -> (Vec<u8>, bool) {
    let mut table = [u8::MAX; 256];
    for (value, letter) in LETTERS.iter().enumerate() {
        table[usize::from(*letter)] = value as u8;
    }
    let mut out: Vec<u8> = Vec::with_capacity((text.len() / 4 * 3).min(most));
    let (mut bits, mut count, mut run) = (0_u32, 0, false);
    for letter in text {
        let value = match table[usize::from(*letter)] {
            _ if *letter == b':' => break,
            // Line ends, and whatever else mail put between.
            u8::MAX => continue,
            value => value,
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count < 8 {
            continue;
        }
        count -= 8;
        let octet = (bits >> count) as u8;
        match (run, octet) {
            (false, 0x90) => run = true,
            (false, octet) => out.push(octet),
            (true, 0) => {
                out.push(0x90);
                run = false;
            }
            (true, times) => {
                let last = out.last().copied().unwrap_or(0);
                out.resize(out.len() + usize::from(times) - 1, last);
                run = false;
            }
        }
        if out.len() > most {
            out.truncate(most);
            return (out, true);
        }
    }
    (out, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `amber.txt` with 20 times `4111 1111`, 30 blanks and an octet 0x90; uudeview and Perl's Convert::BinHex read the same.
    const SAMPLE: &str = include_str!("../tests/samples/amber.hqx");

    #[test]
    fn a_file_of_the_macintosh_is_decoded() {
        let file = decode(SAMPLE.as_bytes(), &mut (1 << 20)).expect("a file");
        assert_eq!(file.name, b"amber.txt");
        let expected = [b"4111 1111\n".repeat(20), b" ".repeat(30), vec![0x90, b'\n']].concat();
        assert_eq!((file.data, file.resources, file.cut), (expected, b"Amber fork".to_vec(), false));
    }

    #[test]
    fn any_text_does_no_harm_and_runs_have_a_bound() {
        for text in ["", ":", "::", ":!:", ":rrrrrrrrrrrrrrrrrrrr", ": :", "x"] {
            assert_eq!(decode(text.as_bytes(), &mut (1 << 20)), None, "{text}");
        }
        for end in 0..SAMPLE.len() {
            let _ = decode(&SAMPLE.as_bytes()[..end], &mut (1 << 20));
        }
        // 0x90 0xff, again and again.
        let runs = [0x90, 0xff].repeat(3 << 12);
        let quads = runs.chunks_exact(3).map(|three| u32::from_be_bytes([0, three[0], three[1], three[2]]));
        let letters = quads.flat_map(|quad| [18, 12, 6, 0].map(|at| LETTERS[(quad >> at & 63) as usize]));
        let (octets, cut) = unpacked(&letters.collect::<Vec<_>>(), 1 << 20);
        assert!(cut && octets.len() == 1 << 20);
    }
}
