//! The table of techniques: rows of a text file, each a message with octets and encodings spelt out.

/// One technique.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) ambiguous: Vec<String>,
    pub(crate) unscannable: Vec<String>,
    /// Who showed the text when readers.py asked.
    pub(crate) read_by: Vec<String>,
    pub(crate) message: Vec<u8>,
}

const HEADER: &str =
    "From: alice@example.com\r\nTo: bob@example.org\r\nSubject: a row\r\nMIME-Version: 1.0\r\n";

/// Every row of a table.
pub(crate) fn rows(table: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut group = String::new();
    for block in table.split("\n### ").skip(1) {
        let (row, next_group) = match block.split_once("\n## ") {
            Some((row, heading)) => (row, Some(heading.trim().to_owned())),
            None => (block, None),
        };
        if rows.is_empty() {
            group = heading_before_first_row(table);
        }
        rows.push(row_of(row, &group));
        group = next_group.unwrap_or(group);
    }
    rows
}

fn heading_before_first_row(table: &str) -> String {
    let before = table.split("\n### ").next().unwrap_or_default();
    before.rsplit("\n## ").next().unwrap_or_default().trim().to_owned()
}

fn row_of(text: &str, group: &str) -> Row {
    let (name, body) = text.split_once('\n').unwrap_or((text, ""));
    let mut row = Row { group: group.to_owned(), name: name.to_owned(), ..Row::default() };
    let (mut raw, mut end) = (false, "\r\n");
    let mut message = Vec::new();
    for line in body.trim_end_matches('\n').split('\n') {
        let Some(note) = line.strip_prefix("# ") else {
            match line.strip_suffix("\\c") {
                Some(line) => message.extend(octets(line)),
                None => message.extend([octets(line), end.as_bytes().to_vec()].concat()),
            }
            continue;
        };
        match note.split_once(": ").unwrap_or((note, "")) {
            ("ambiguous", reason) => row.ambiguous.push(reason.to_owned()),
            ("unscannable", reason) => row.unscannable.push(reason.to_owned()),
            ("raw", _) => raw = true,
            ("lf", _) => end = "\n",
            ("read by", readers) => row.read_by.extend(readers.split(", ").map(str::to_owned)),
            ("note", _) => {}
            other => panic!("{name}: unknown note {other:?}"),
        }
    }
    let header = if raw { String::new() } else { HEADER.replace("\r\n", end) };
    row.message = [header.into_bytes(), message].concat();
    row
}

/// Escapes and `<<macro text>>`, from the inside out.
fn octets(line: &str) -> Vec<u8> {
    let mut line = line.to_owned();
    let mut made: Vec<Vec<u8>> = Vec::new();
    while let Some(end) = line.find(">>").filter(|end| line[..*end].contains("<<")) {
        // A `>` of the text itself stands before the two that close.
        let end = if line[end..].starts_with(">>>") { end + 1 } else { end };
        let start = line[..end].rfind("<<").expect("checked");
        let (name, text) = line[start + 2..end].split_once(' ').expect("a macro and its text");
        let text = unescape(text, &made);
        made.push(expand(name, &text));
        line = format!("{}\u{1}{}\u{2}{}", &line[..start], made.len() - 1, &line[end + 2..]);
    }
    unescape(&line, &made)
}

fn unescape(text: &str, made: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1}' => {
                let number: String = rest.by_ref().take_while(|c| *c != '\u{2}').collect();
                out.extend(&made[number.parse::<usize>().expect("a number")]);
            }
            '\\' => match rest.next().expect("an escape") {
                'r' => out.push(b'\r'),
                'n' => out.push(b'\n'),
                't' => out.push(b'\t'),
                '0' => out.push(0),
                'N' => out.extend(b"\r\n"),
                'x' => {
                    let hex: String = rest.by_ref().take(2).collect();
                    out.push(u8::from_str_radix(&hex, 16).expect("two digits"));
                }
                other => out.push(other as u8),
            },
            c => out.extend(c.to_string().bytes()),
        }
    }
    out
}

fn expand(name: &str, text: &[u8]) -> Vec<u8> {
    match name {
        "b64" => base64(text),
        "qp" => text.iter().flat_map(|octet| format!("={octet:02X}").into_bytes()).collect(),
        "uu" => uuencode(text),
        "yenc" => text.iter().map(|octet| octet.wrapping_add(42)).collect(),
        "hex" => text
            .chunks(2)
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).expect("hex"), 16).expect("hex"))
            .collect(),
        "repeat" => {
            let at = text.iter().position(|octet| *octet == b' ').expect("a count");
            let count = std::str::from_utf8(&text[..at]).expect("digits").parse().expect("a count");
            text[at + 1..].repeat(count)
        }
        "cms" => base64(&signed(text, false)),
        "cmspieces" => base64(&signed(text, true)),
        "tnef" => base64(&tnef(&[(2, 0x9002, &[0; 14]), (2, 0x8010, b"a.txt\0"), (2, 0x800f, text)])),
        "tnefbody" => base64(&tnef(&[(1, 0x800c, text)])),
        other => panic!("no macro {other}"),
    }
}

/// Base64 on one line.
pub(crate) fn base64(octets: &[u8]) -> Vec<u8> {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for chunk in octets.chunks(3) {
        let v = chunk.iter().fold(0_u32, |v, octet| v << 8 | u32::from(*octet)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let sign = SIGNS[(v >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= chunk.len() { sign } else { b'=' });
        }
    }
    out
}

fn uuencode(octets: &[u8]) -> Vec<u8> {
    let sign = |value: u32| if value == 0 { b'`' } else { value as u8 + b' ' };
    let mut out = vec![sign(octets.len() as u32)];
    for chunk in octets.chunks(3) {
        let v = (0..3).fold(0_u32, |v, at| v << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        out.extend((0..4).map(|at| sign(v >> (18 - 6 * at) & 63)));
    }
    out
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x82, (content.len() >> 8) as u8, content.len() as u8], content].concat()
}

fn ber(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], content, &[0, 0]].concat()
}

/// CMS signed data around a content, whole or in pieces of indefinite length. Nobody has signed it.
pub(crate) fn signed(content: &[u8], pieces: bool) -> Vec<u8> {
    const SIGNED: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    const DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    let wrap = if pieces { ber } else { der };
    let octets = match pieces {
        true => ber(0x24, &content.chunks(7).flat_map(|piece| der(0x04, piece)).collect::<Vec<_>>()),
        false => der(0x04, content),
    };
    let encapsulated = wrap(0x30, &[DATA, &wrap(0xa0, &octets)].concat());
    let inner = wrap(0x30, &[&[2, 1, 1, 0x31, 0], &encapsulated[..], &[0x31, 0]].concat());
    wrap(0x30, &[SIGNED, &wrap(0xa0, &inner)].concat())
}

/// A winmail.dat of level, id and data.
pub(crate) fn tnef(attributes: &[(u8, u16, &[u8])]) -> Vec<u8> {
    let mut out = b"\x78\x9f\x3e\x22\x01\x00".to_vec();
    for (level, id, data) in attributes {
        out.push(*level);
        out.extend(id.to_le_bytes());
        out.extend([1, 0]);
        out.extend((data.len() as u32).to_le_bytes());
        out.extend(*data);
        let sum = data.iter().fold(0_u16, |sum, octet| sum.wrapping_add(u16::from(*octet)));
        out.extend(sum.to_le_bytes());
    }
    out
}
