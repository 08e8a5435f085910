//! Text in metafiles (EMF and WMF), as pasted tables and previews of objects have it: drawn line by line.

/// The text that a metafile draws; none if it is no metafile.
pub(super) fn text(octets: &[u8]) -> Option<String> {
    if octets.get(40..44) == Some(b" EMF") && u32_at(octets, 0) == 1 {
        return Some(Lines::of(enhanced(octets)));
    }
    let start = if octets.starts_with(b"\xd7\xcd\xc6\x9a") { 22 } else { 0 };
    let header = octets.get(start..start + 18)?;
    (matches!(u16_at(header, 0), 1 | 2) && u16_at(header, 2) == 9)
        .then(|| Lines::of(plain(octets, start + 18)))
}

/// A piece of text and the height at which it stands.
type Piece = (u32, String);

/// Pieces at one height are one line.
#[derive(Default)]
struct Lines {
    text: String,
    height: Option<u32>,
}

impl Lines {
    fn of(pieces: impl Iterator<Item = Piece>) -> String {
        let mut lines = Self::default();
        for (height, piece) in pieces {
            match lines.height {
                Some(before) if before == height => lines.text.push(' '),
                Some(_) => lines.text.push('\n'),
                None => {}
            }
            lines.height = Some(height);
            lines.text.push_str(&piece);
        }
        lines.text
    }
}

/// Records of a type, a size and data.
fn enhanced(octets: &[u8]) -> impl Iterator<Item = Piece> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let record = octets.get(at..)?;
        let size = u32_at(record, 4) as usize;
        let record = record.get(..size).filter(|record| record.len() >= 8)?;
        at += size;
        Some(pieces_of(record))
    })
    .flatten()
}

fn pieces_of(record: &[u8]) -> Vec<Piece> {
    let piece = |wide: bool, object: usize| {
        let (count, from) = (u32_at(record, object + 8) as usize, u32_at(record, object + 12) as usize);
        let length = if wide { count.saturating_mul(2) } else { count };
        let text = record.get(from..from.saturating_add(length)).unwrap_or_default();
        (u32_at(record, object + 4), decode(text, wide))
    };
    match u32_at(record, 0) {
        83 => vec![piece(false, 36)],
        84 => vec![piece(true, 36)],
        96 | 97 => {
            let (count, wide) = (u32_at(record, 36) as usize, u32_at(record, 0) == 97);
            let pieces = (0..count.min(record.len() / 40)).map(|number| piece(wide, 40 + number * 40));
            // Pieces that share their octets would make much of little.
            let mut left = record.len();
            pieces
                .map_while(|piece| {
                    left = left.checked_sub(piece.1.len())?;
                    Some(piece)
                })
                .collect()
        }
        108 => vec![small(record)],
        70 if record.get(12..16) == Some(b"EMF+") => plus(record.get(16..).unwrap_or_default()),
        _ => Vec::new(),
    }
}

fn small(record: &[u8]) -> Piece {
    let (count, options) = (u32_at(record, 16) as usize, u32_at(record, 20));
    // Without the flag "no rectangle" one stands before the text; another flag says that letters are octets.
    let from = if options & 0x100 != 0 { 36_usize } else { 52 };
    let wide = options & 0x200 == 0;
    let length = if wide { count.saturating_mul(2) } else { count };
    let text = record.get(from..from.saturating_add(length)).unwrap_or_default();
    (u32_at(record, 12), decode(text, wide))
}

/// The newer records in a comment: type, flags, size, size of the data, data.
fn plus(mut records: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    while records.len() >= 12 {
        let size = (u32_at(records, 4) as usize).max(12).min(records.len());
        let (record, rest) = records.split_at(size);
        records = rest;
        if u16_at(record, 0) == 0x401c {
            let length = (u32_at(record, 20) as usize).saturating_mul(2);
            let text = record.get(40..40_usize.saturating_add(length)).unwrap_or_default();
            pieces.push((u32_at(record, 28), decode(text, true)));
        }
    }
    pieces
}

/// Records of a size in words, a function and data.
fn plain(octets: &[u8], start: usize) -> impl Iterator<Item = Piece> {
    let mut at = start;
    std::iter::from_fn(move || {
        let record = octets.get(at..)?;
        let size = (u32_at(record, 0) as usize).saturating_mul(2);
        let record = record.get(..size).filter(|record| record.len() >= 6)?;
        at += size;
        Some(match u16_at(record, 4) {
            0x0521 => {
                let length = usize::from(u16_at(record, 6));
                let text = record.get(8..8 + length).unwrap_or_default();
                let height = u16_at(record, 8 + length.next_multiple_of(2));
                Some((height.into(), decode(text, false)))
            }
            0x0a32 => {
                let length = usize::from(u16_at(record, 10));
                let from = if u16_at(record, 12) & 6 != 0 { 22 } else { 14 };
                let text = record.get(from..from + length).unwrap_or_default();
                Some((u16_at(record, 6).into(), decode(text, false)))
            }
            _ => None,
        })
    })
    .flatten()
}

fn decode(text: &[u8], wide: bool) -> String {
    if !wide {
        return crate::charset::utf8_or_guess(text).into_owned();
    }
    let units = text.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn u16_at(octets: &[u8], at: usize) -> u16 {
    octets.get(at..at.saturating_add(2)).map_or(0, |pair| u16::from_le_bytes([pair[0], pair[1]]))
}

fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from(u16_at(octets, at)) | u32::from(u16_at(octets, at.saturating_add(2))) << 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emf(records: &[Vec<u8>]) -> Vec<u8> {
        let mut header = vec![0; 88];
        header[0] = 1;
        header[4] = 88;
        header[40..44].copy_from_slice(b" EMF");
        [header, records.concat()].concat()
    }

    fn text_out(height: u32, text: &str) -> Vec<u8> {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut record = vec![0; 76];
        record[0] = 84;
        record[4..8].copy_from_slice(&(76 + wide.len() as u32).to_le_bytes());
        record[40..44].copy_from_slice(&height.to_le_bytes());
        record[44..48].copy_from_slice(&(text.len() as u32).to_le_bytes());
        record[48..52].copy_from_slice(&76_u32.to_le_bytes());
        [record, wide].concat()
    }

    #[test]
    fn what_a_metafile_draws_at_one_height_is_a_line() {
        let picture = emf(&[text_out(5, "Card"), text_out(5, "4111 1111 1111 1111"), text_out(9, "next")]);
        assert_eq!(text(&picture).as_deref(), Some("Card 4111 1111 1111 1111\nnext"));
    }

    #[test]
    fn an_old_metafile_is_read_too() {
        let mut picture = b"\x01\x00\x09\x00\x00\x03\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        picture.extend(b"\x08\0\0\0\x21\x05\x05\0Amber\0\x07\0");
        assert_eq!(text(&picture).as_deref(), Some("Amber"));
    }

    #[test]
    fn damage_ends_the_picture_and_other_octets_are_none() {
        let mut picture = emf(&[text_out(5, "Card")]);
        picture.truncate(picture.len() - 2);
        assert_eq!(text(&picture).as_deref(), Some(""));
        assert_eq!(text(b"GIF89a and much more, but no metafile at all, however long it is"), None);
    }
}
