//! Names in zip archives: UTF-8 where it says so or is so, else the code page of DOS.

/// CP437 from 128 on.
const DOS: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The name of an entry: the Unicode path of the extra field if there is one.
pub(super) fn of(raw: &[u8], extra: &[u8], flags: u16) -> String {
    let unicode = extra_field(extra, 0x7075).and_then(|field| field.get(5..)).filter(|name| !name.is_empty());
    match unicode.and_then(|name| std::str::from_utf8(name).ok()) {
        Some(name) => name.to_owned(),
        None => decode(raw, flags & 0x800 != 0),
    }
}

/// Text in the archive's own fields.
pub(super) fn decode(raw: &[u8], utf8: bool) -> String {
    match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) if utf8 => String::from_utf8_lossy(raw).into_owned(),
        Err(_) => raw.iter().map(|octet| dos(*octet)).collect(),
    }
}

fn dos(octet: u8) -> char {
    match octet {
        0..128 => octet.into(),
        _ => DOS.chars().nth(usize::from(octet) - 128).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// A field of the extra octets, by its id.
pub(super) fn extra_field(mut extra: &[u8], id: u16) -> Option<&[u8]> {
    while let Some((head, rest)) = extra.split_first_chunk::<4>() {
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let field = rest.get(..length)?;
        if u16::from_le_bytes([head[0], head[1]]) == id {
            return Some(field);
        }
        extra = &rest[length..];
    }
    None
}
