//! Outlook messages ([MS-OXMSG]): subject, bodies, people, headers and every other text property; attachments as files, messages within messages in place.

use std::collections::HashSet;

use super::cfb::{self, Cfb};
use super::ole::{Fields, u16_at, u32_at};
use super::{Output, rtf};
use crate::direction::FROM_RIGHT;
use crate::{DocumentItem, DocumentRequest, FileKind, Kind, Limits, Reason};

/// Messages inside messages.
const MAX_DEPTH: usize = 64;
/// What a packed body may unpack to.
const MAX_BODY: usize = 64 << 20;

mod id {
    pub(super) const SUBJECT: u16 = 0x0037;
    pub(super) const HEADERS: u16 = 0x007d;
    pub(super) const BODY: u16 = 0x1000;
    pub(super) const RTF: u16 = 0x1009;
    pub(super) const HTML: u16 = 0x1013;
    pub(super) const DISPLAY_NAME: u16 = 0x3001;
    pub(super) const DATA: u16 = 0x3701;
    pub(super) const SHORT_NAME: u16 = 0x3704;
    pub(super) const LONG_NAME: u16 = 0x3707;
    pub(super) const CODE_PAGE: u16 = 0x3ffd;
    pub(super) const INTERNET_CODE_PAGE: u16 = 0x3fde;
}

/// The message whose storage is the root.
pub(super) fn read(file: &Cfb<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut todo = vec![(0_usize, String::new(), 0_usize)];
    let mut outcome = Ok(());
    while let Some((storage, prefix, depth)) = todo.pop() {
        if depth > MAX_DEPTH {
            out.unscannable(&prefix, Reason::TooDeep);
            continue;
        }
        let mut message = Message { file, out, prefix, page: 1252, seen: HashSet::new(), inner: Vec::new() };
        let read = message.read(storage, depth);
        todo.extend(message.inner.into_iter().map(|(storage, prefix)| (storage, prefix, depth + 1)));
        match read {
            Err(Reason::Corrupt) => outcome = Err(Reason::Corrupt),
            other => other?,
        }
    }
    outcome
}

struct Message<'f, 'o, 'l> {
    file: &'f Cfb<'f>,
    out: &'o mut Output<'l>,
    prefix: String,
    page: i32,
    /// Texts that were given already: Outlook stores many twice.
    seen: HashSet<String>,
    /// Messages attached to this one.
    inner: Vec<(usize, String)>,
}

/// UTF-16 as text. A NUL ends it for some programs, and is nothing to others.
fn without_nul(octets: &[u8]) -> String {
    let units = octets.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let units = units.filter(|unit| *unit != 0);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// `__substg1.0_` with the number and type of a property.
fn property(name: &str) -> Option<(u16, u16)> {
    let start = name.get(..12)?;
    let digits = name.get(12..20).filter(|_| start.eq_ignore_ascii_case("__substg1.0_"))?;
    let tag = u32::from_str_radix(digits, 16).ok()?;
    Some(((tag >> 16) as u16, tag as u16))
}

impl Message<'_, '_, '_> {
    fn read(&mut self, storage: usize, depth: usize) -> Result<(), Reason> {
        self.page = self.code_page(storage, if depth == 0 { 32 } else { 24 });
        self.bodies(storage)?;
        let mut people = Vec::new();
        let mut attachments = Vec::new();
        for (index, entry) in self.file.children(storage) {
            let name = entry.name.to_ascii_lowercase();
            if name.starts_with("__recip_version1.0_") {
                people.push(index);
            } else if name.starts_with("__attach_version1.0_") {
                attachments.push(index);
            }
        }
        self.texts(storage, "", &[id::BODY, id::HTML, id::RTF])?;
        for person in people {
            self.texts(person, "recipient", &[])?;
        }
        for attachment in attachments {
            self.attachment(attachment)?;
        }
        Ok(())
    }

    /// The code page of narrow strings, from the fixed-length properties.
    fn code_page(&self, storage: usize, header: usize) -> i32 {
        let Some(octets) = self.file.stream(storage, "__properties_version1.0") else { return 1252 };
        let entries = octets.get(header..).unwrap_or_default().chunks_exact(16);
        let mut page = None;
        for entry in entries.take(10_000) {
            let value = u32_at(entry, 8).unwrap_or(0);
            match u16_at(entry, 2) {
                Some(id::CODE_PAGE) => return i32::try_from(value).unwrap_or(1252),
                Some(id::INTERNET_CODE_PAGE) => page = i32::try_from(value).ok(),
                _ => {}
            }
        }
        page.unwrap_or(1252)
    }

    fn decode(&self, octets: &[u8], kind: u16) -> String {
        match (kind & 0x0fff, rtf::code_page(self.page)) {
            (0x1f, _) => without_nul(octets),
            (_, Some(encoding)) if self.page != 1200 => {
                encoding.decode_without_bom_handling(octets).0.trim_end_matches('\0').to_owned()
            }
            _ => crate::charset::decode(octets, None).text.into_owned(),
        }
    }

    fn text_property(&self, storage: usize, wanted: u16) -> Option<String> {
        let found = self.file.children(storage).find_map(|(index, entry)| {
            let (id, kind) = property(&entry.name)?;
            (id == wanted && matches!(kind, 0x1e | 0x1f)).then_some((index, kind))
        });
        let (index, kind) = found?;
        Some(self.decode(&self.file.read(index), kind)).filter(|text| !text.is_empty())
    }

    fn place(&self, place: &str) -> String {
        match (self.prefix.is_empty(), place.is_empty()) {
            (true, _) => place.to_owned(),
            (false, true) => self.prefix.clone(),
            (false, false) => format!("{} {place}", self.prefix),
        }
    }

    // ---- bodies

    /// Renderings of the body; one that says nothing new is not given twice.
    fn bodies(&mut self, storage: usize) -> Result<(), Reason> {
        let mut shown = String::new();
        let find = |wanted: u16| {
            let mut each = self
                .file
                .children(storage)
                .filter_map(|(index, entry)| Some((index, property(&entry.name)?)));
            each.find(|(_, (id, _))| *id == wanted)
        };
        let (html, packed) = (find(id::HTML), find(id::RTF));
        if let Some((index, (_, kind))) = html {
            let octets = self.file.read(index).into_owned();
            let octets = if kind & 0xfff == 0x1f { without_nul(&octets).into_bytes() } else { octets };
            let label = rtf::code_page(self.page).map(encoding_rs::Encoding::name);
            shown = crate::html::read(&crate::charset::decode(&octets, label).text).shown;
            self.out.spend(octets.len() as u64)?;
            self.out.file(self.place("body.html"), octets)?;
        }
        // Which of the two Outlook shows is written elsewhere: both are read.
        if let Some((index, _)) = packed {
            match unpack(&self.file.read(index)) {
                Some(text) => self.rich(&text, &mut shown)?,
                None => self.out.unscannable(&self.place("body"), Reason::Corrupt),
            }
        }
        let Some(body) = self.text_property(storage, id::BODY) else { return Ok(()) };
        if squash(&body) == squash(&shown) {
            return Ok(());
        }
        self.out.text(self.place("body"), Kind::Text, body)
    }

    /// The body as RTF, unless it only says what is shown already.
    fn rich(&mut self, text: &[u8], shown: &mut String) -> Result<(), Reason> {
        self.out.spend(text.len() as u64)?;
        let place = self.place("body");
        if shown.is_empty() {
            *shown = rtf::read(text, &place, self.out)?;
            return Ok(());
        }
        let (same, answer) = {
            let limits = Limits { octets_out: self.out.left(), ..self.out.limits.clone() };
            let request = DocumentRequest {
                kind: FileKind::Rtf,
                name: None,
                octets: text,
                limits: &limits,
                deadline: self.out.deadline,
                passwords: &[],
            };
            let mut aside = Output::new(&request);
            let read = rtf::read(text, &place, &mut aside)?;
            // What runs from right to left shows its numbers in another order.
            (squash(&read) == squash(shown) && !read.contains(FROM_RIGHT), aside.finish())
        };
        let files = answer.items.iter().any(|item| matches!(item, DocumentItem::File { .. }));
        if same && !files { Ok(()) } else { rtf::read(text, &place, self.out).map(drop) }
    }

    // ---- properties

    fn texts(&mut self, storage: usize, place: &str, apart: &[u16]) -> Result<(), Reason> {
        let mut todo = Vec::new();
        for (index, entry) in self.file.children(storage) {
            if let Some((id, kind @ (0x1e | 0x1f | 0x101e | 0x101f))) = property(&entry.name) {
                // Many values: each has a stream of its own, with its number in the name.
                let lengths = kind & 0x1000 != 0 && entry.name.len() <= 20;
                if entry.is_stream && !lengths && !apart.contains(&id) {
                    todo.push((index, id, kind));
                }
            }
        }
        for (index, id, kind) in todo {
            let text = self.decode(&self.file.read(index), kind);
            if text.trim().is_empty() || !self.seen.insert(text.clone()) {
                continue;
            }
            let (spot, kind) = match id {
                id::SUBJECT => ("subject".to_owned(), Kind::Text),
                id::HEADERS => ("headers".to_owned(), Kind::Property),
                _ if !place.is_empty() => (place.to_owned(), Kind::Property),
                _ => (name_of(id), Kind::Property),
            };
            self.out.text(self.place(&spot), kind, text)?;
        }
        Ok(())
    }

    // ---- attachments

    fn attachment(&mut self, storage: usize) -> Result<(), Reason> {
        let name = [id::LONG_NAME, id::SHORT_NAME, id::DISPLAY_NAME];
        let name = name.into_iter().find_map(|id| self.text_property(storage, id));
        let name = self.place(&name.unwrap_or_else(|| "attachment".to_owned()));
        let data = self.file.children(storage).find_map(|(index, entry)| {
            let (id, _) = property(&entry.name)?;
            (id == id::DATA).then_some((index, entry.is_stream))
        });
        self.texts(storage, "attachment", &[id::LONG_NAME, id::SHORT_NAME])?;
        match data {
            Some((index, true)) => {
                let octets = self.file.read(index).into_owned();
                self.out.spend(octets.len() as u64)?;
                self.out.file(name, octets)
            }
            Some((index, false)) if self.file.find(index, "__properties_version1.0").is_some() => {
                self.out.text(name.clone(), Kind::FileName, name.clone())?;
                self.inner.push((index, name));
                Ok(())
            }
            // What cannot be read of one attachment does not end the message.
            Some((index, false)) => match cfb::storage(self.file, index, &name, self.out) {
                Ok(true) => Ok(()),
                Ok(false) => self.out.named(&name, Reason::Unsupported(FileKind::Cfb)),
                Err(reason @ (Reason::Unsupported(_) | Reason::Corrupt | Reason::Encrypted)) => {
                    self.out.named(&name, reason)
                }
                Err(reason) => Err(reason),
            },
            // A link to a file that did not come along: its name is all there is.
            None => self.out.text(name.clone(), Kind::FileName, name),
        }
    }
}

fn name_of(id: u16) -> String {
    let name = match id {
        0x0042 | 0x0c1a | 0x0065 | 0x0c1f | 0x5d01 | 0x5d02 | 0x3ff8 => "from",
        0x0e04 => "to",
        0x0e03 => "cc",
        0x0e02 => "bcc",
        0x0070 | 0x0e1d => "topic",
        0x1035 | 0x1039 | 0x1042 => "message id",
        _ => return format!("property {id:04x}"),
    };
    name.to_owned()
}

fn squash(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Undoes the compression of [MS-OXRTFCP]; what was unpacked before damage counts.
fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    const START: &[u8] =
        b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \
        \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \
        \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
    let mut fields = Fields(packed);
    let (_, size, magic) = (fields.u32()?, fields.u32()? as usize, fields.u32()?);
    fields.u32()?;
    match &magic.to_le_bytes() {
        b"MELA" => return Some(fields.0[..size.min(fields.0.len())].to_vec()),
        b"LZFu" => {}
        _ => return None,
    }
    let mut window = [0_u8; 4096];
    window[..START.len()].copy_from_slice(START);
    let mut at = START.len();
    let mut octets = Vec::new();
    let limit = size.min(MAX_BODY);
    'unpacking: while let Some(flags) = fields.u8() {
        for bit in 0..8 {
            if octets.len() >= limit {
                break 'unpacking;
            }
            let (from, length) = match flags >> bit & 1 {
                0 => {
                    let Some(octet) = fields.u8() else { break 'unpacking };
                    window[at % 4096] = octet;
                    (at, 1)
                }
                _ => {
                    let Some(pair) = fields.take(2) else { break 'unpacking };
                    let token = u16::from_be_bytes([pair[0], pair[1]]);
                    (usize::from(token >> 4), usize::from(token & 15) + 2)
                }
            };
            if length > 1 && from == at % 4096 {
                break 'unpacking;
            }
            for step in 0..length {
                let octet = window[(from + step) % 4096];
                octets.push(octet);
                window[at % 4096] = octet;
                at = (at + 1) % 4096;
            }
        }
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_s_own_example_unpacks() {
        // [MS-OXRTFCP] 3.1.1
        let packed = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125B2\x0a\xf3 hel\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0";
        let text = unpack(packed).expect("known compression");
        assert_eq!(text, b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
    }

    #[test]
    fn names_of_any_letters_are_no_properties() {
        for name in ["__substg1.0｟003F01", "__ｳ￿￿￿￿￿", "__substg1.0_003ｳ001F", "__substg1.0_"]
        {
            assert_eq!(property(name), None, "{name}");
        }
        assert_eq!(property("__SUBSTG1.0_0037001f-00000001"), Some((0x37, 0x1f)));
    }

    #[test]
    fn a_cut_body_gives_what_it_has() {
        let packed = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg";
        assert!(unpack(packed).expect("known compression").starts_with(b"{\\rtf1\\ansi"));
    }
}
