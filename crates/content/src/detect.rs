//! The true type of a file, by its signature and, for containers, by what is inside.

use crate::documents::{is_cpio, is_iwa, is_tape};
use crate::open::is_start_of_mbox;
use crate::{FileKind, charset, extent, smime};

/// Detects the type of `octets`; the name only tells text formats apart.
pub fn detect(octets: &[u8], name: Option<&str>) -> FileKind {
    use FileKind::*;
    if octets.is_empty() {
        return Empty;
    }
    for (magic, kind) in MAGIC {
        if octets.starts_with(magic) && (!WORDS.contains(kind) || looks_binary(octets)) {
            return *kind;
        }
    }
    if smime::is_cms(octets) {
        return Pkcs7;
    }
    if is_openpgp(octets) {
        return Pgp;
    }
    if is_salted(octets) {
        return Salted;
    }
    if octets.get(2..5) == Some(b"-lh") && octets.get(6) == Some(&b'-') {
        return Lha;
    }
    if octets.get(7..14) == Some(b"**ACE**") {
        return Ace;
    }
    if octets.starts_with(b"BM") && octets.get(6..10) == Some(&[0; 4]) {
        return Bmp;
    }
    if is_start_of_mbox(octets) {
        return Mbox;
    }
    if is_lzma(octets) {
        return Lzma;
    }
    if is_cpio(octets) {
        return Cpio;
    }
    if octets.starts_with(b"PK\x03\x04") || octets.starts_with(b"PK\x05\x06") {
        return in_zip(octets);
    }
    if octets.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return in_cfb(octets);
    }
    if octets.get(257..262) == Some(b"ustar") || is_tape(octets) {
        return Tar;
    }
    if octets.get(..4) == Some(b"RIFF") {
        return match octets.get(8..12) {
            Some(b"WEBP") => Webp,
            Some(b"WAVE") => Wav,
            Some(b"AVI ") => Avi,
            _ => Unknown,
        };
    }
    if octets.get(4..8) == Some(b"ftyp") {
        let picture =
            octets.get(8..11).is_some_and(|brand| STILL_PICTURES.iter().any(|still| brand == *still));
        return if picture { Heic } else { Mp4 };
    }
    if matches!(octets.get(32769..32774), Some(b"CD001" | b"BEA01")) {
        return Iso;
    }
    // Signs of two octets and none: only whole files are such.
    for (start, kind) in [(&b"\xff"[..], Mp3), (b"\0\0\x01\0", Ico), (b"\0\0\x02\0", Ico)] {
        if octets.starts_with(start) && extent::end_of(kind, octets).is_some() {
            return kind;
        }
    }
    if is_iwa(octets) {
        return Iwa;
    }
    if has_pdf_inside(octets) {
        return Pdf;
    }
    text_kind(octets, name)
}

/// Brands of pictures in the form of films (HEIF, AVIF).
const STILL_PICTURES: &[&[u8; 3]] = &[b"hei", b"hev", b"mif", b"msf", b"avi"];

const MAGIC: &[(&[u8], FileKind)] = &[
    (b"%PDF-", FileKind::Pdf),
    // Word asks for no more of its name.
    (b"{\\rt", FileKind::Rtf),
    (b"\x1f\x8b", FileKind::Gzip),
    (b"BZh", FileKind::Bzip2),
    (b"\xfd7zXZ\x00", FileKind::Xz),
    (b"\x28\xb5\x2f\xfd", FileKind::Zstd),
    (b"7z\xbc\xaf\x27\x1c", FileKind::SevenZip),
    (b"Rar!\x1a\x07", FileKind::Rar),
    (b"MSCF\0\0\0\0", FileKind::Cab),
    (b"!<arch>\ndebian-binary", FileKind::Deb),
    (b"!<arch>\n", FileKind::Ar),
    (b"\xed\xab\xee\xdb", FileKind::Rpm),
    (b"\x60\xea", FileKind::Arj),
    (b"SQLite format 3\0", FileKind::Sqlite),
    // A section of a notebook, and its table of contents ([MS-ONESTORE] 2.3.1).
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", FileKind::OneNote),
    (b"\xa1\x2f\xff\x43\xd9\xef\x76\x4c\x9e\xe2\x10\xea\x57\x22\x76\x5f", FileKind::OneNote),
    (b"\x89PNG\r\n\x1a\n", FileKind::Png),
    (b"\xff\xd8\xff", FileKind::Jpeg),
    (b"GIF87a", FileKind::Gif),
    (b"GIF89a", FileKind::Gif),
    (b"II*\0", FileKind::Tiff),
    (b"MM\0*", FileKind::Tiff),
    (b"8BPS", FileKind::Psd),
    (b"\x78\x9f\x3e\x22", FileKind::Tnef),
    (b"MZ", FileKind::ExecutablePe),
    (b"\x7fELF", FileKind::ExecutableElf),
    (b"\xcf\xfa\xed\xfe", FileKind::ExecutableMacho),
    (b"\xca\xfe\xba\xbe", FileKind::JavaClass),
    (b"\0asm", FileKind::Wasm),
    (b"ID3", FileKind::Mp3),
    (b"OggS", FileKind::Ogg),
    (b"fLaC", FileKind::Flac),
    (b"\x1aE\xdf\xa3", FileKind::Matroska),
    (b"\0\x01\0\0\0", FileKind::Font),
    (b"OTTO\0", FileKind::Font),
    (b"ttcf\0", FileKind::Font),
    (b"wOFF", FileKind::Font),
    (b"wOF2", FileKind::Font),
    (b"-----BEGIN PGP", FileKind::Pgp),
    (b"-----BEGIN ", FileKind::Pem),
    (b"#!", FileKind::Script),
];

/// Kinds whose first octets are letters: a text may begin so, too.
const WORDS: &[FileKind] = &[
    FileKind::Bzip2,
    FileKind::ExecutablePe,
    FileKind::Mp3,
    FileKind::Psd,
    FileKind::Ogg,
    FileKind::Flac,
    FileKind::Font,
    FileKind::Gif,
    FileKind::Arj,
];

/// Readers find a PDF behind a thousand octets of anything; a text that only speaks of one is none.
fn has_pdf_inside(octets: &[u8]) -> bool {
    let start = &octets[..octets.len().min(1024)];
    memchr::memmem::find(start, b"%PDF-").is_some()
        && [&b"startxref"[..], b"%%EOF", b"endobj"]
            .iter()
            .any(|mark| memchr::memmem::find(octets, mark).is_some())
}

/// Encrypted OpenPGP packets: a session key by public key or password comes first.
fn is_openpgp(octets: &[u8]) -> bool {
    match octets {
        [0x84, _, 3, ..] | [0x85, _, _, 3, ..] => looks_binary(octets),
        [0x8c, _, 4, 1..=12, 0 | 1 | 3, ..] | [0xc3, _, 4, 1..=12, 0 | 1 | 3, ..] => true,
        [0xc1, length @ 0..=191, 3, ..] => octets.len() > usize::from(*length) && looks_binary(octets),
        [0xc1, 192..=223, _, 3, ..] => looks_binary(octets),
        _ => false,
    }
}

/// What `openssl enc` encrypts with a password (apps/enc.c): this, eight octets of salt, ciphertext. A text may begin so, too.
fn is_salted(octets: &[u8]) -> bool {
    octets.starts_with(b"Salted__")
        && octets.len() > 16
        && (looks_binary(octets) || std::str::from_utf8(octets).is_err())
}

/// LZMA without a container has no signature: properties, a size of the dictionary and of the content that programs write,
/// and the first octet of what is packed, which is always zero.
fn is_lzma(octets: &[u8]) -> bool {
    let Some((head, _)) = octets.split_first_chunk::<14>() else { return false };
    let dictionary = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    let size = u64::from_le_bytes(std::array::from_fn(|at| head[5 + at]));
    let usual = dictionary == u32::MAX
        || dictionary.count_ones() == 1
        || dictionary.trailing_zeros() + 2 == 32 - dictionary.leading_zeros();
    head[0] < 225 && dictionary >= 4096 && usual && (size == u64::MAX || size < 1 << 38) && head[13] == 0
}

/// Archives that stand behind something that is read from its front, and where each begins: what a stub unpacks that is a
/// program, what a script does, and zip, which is found from its end. Programs for archives search for signatures, behind anything.
pub(crate) fn containers_behind(octets: &[u8], kind: FileKind) -> Vec<(FileKind, usize)> {
    let mut found = Vec::new();
    let Some(from) = where_archives_hide(octets, kind) else { return found };
    let behind = &octets[from..];
    if has_zip_behind(behind) {
        found.push((FileKind::Zip, from));
    }
    let (signs, least) = match kind {
        FileKind::ExecutablePe | FileKind::ExecutableElf | FileKind::ExecutableMacho => (OF_PROGRAMS, 64),
        FileKind::Script => (OF_SCRIPTS, 2),
        _ => (OF_PROGRAMS, 0),
    };
    for (kind, sign, fits) in signs {
        let places = memchr::memmem::find_iter(behind, sign).filter(|at| *at >= least).take(MOST_SIGNS);
        // In a script the sign of an archive begins with the end of the line before it.
        let line = usize::from(sign.starts_with(b"\n"));
        found.extend(places.into_iter().find(|at| fits(&behind[*at..])).map(|at| (*kind, from + at + line)));
    }
    found
}

/// From where on an archive is hidden: behind the end of what holds archives as a matter of course, anywhere else.
fn where_archives_hide(octets: &[u8], kind: FileKind) -> Option<usize> {
    use FileKind::*;
    match kind {
        SevenZip | Cab | Iso | Sqlite | Tar => extent::behind(kind, octets),
        // Files attached to it stand before its last end.
        Pdf => Some(memchr::memmem::rfind(octets, b"%%EOF").unwrap_or(0)),
        Png | Jpeg | Gif | Tiff | Heic | Webp | Bmp | Rtf => Some(0),
        _ => (!crate::is_document(kind)).then_some(0),
    }
}

/// Signatures of one kind that are looked at in one file.
const MOST_SIGNS: usize = 1_000;

/// How an archive begins, and whether what follows can be one: programs that unpack have the signature among their own texts.
type Sign = (FileKind, &'static [u8], fn(&[u8]) -> bool);

const OF_PROGRAMS: &[Sign] = &[
    (FileKind::SevenZip, b"7z\xbc\xaf\x27\x1c", |octets| {
        let mut crc = flate2::Crc::new();
        octets.get(12..32).is_some_and(|start| {
            crc.update(start);
            octets[8..12] == crc.sum().to_le_bytes()
        })
    }),
    (FileKind::Rar, b"Rar!\x1a\x07", |octets| match octets.get(6..12) {
        Some([0, _, _, 0x73, ..]) => true,
        Some([1, 0, ..]) => octets.len() > 20,
        _ => false,
    }),
    (FileKind::Cab, b"MSCF\0\0\0\0", |octets| {
        let size =
            octets.get(8..12).map_or(0, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        (36..=octets.len() as u64).contains(&u64::from(size)) && octets.get(12..16) == Some(&[0; 4])
    }),
];

const OF_SCRIPTS: &[Sign] = &[
    (FileKind::Gzip, b"\n\x1f\x8b\x08", behind_a_line),
    (FileKind::Xz, b"\n\xfd7zXZ\0", behind_a_line),
    (FileKind::Bzip2, b"\nBZh", |octets| octets.get(5..11) == Some(b"1AY&SY")),
    (FileKind::Zstd, b"\n\x28\xb5\x2f\xfd", behind_a_line),
];

fn behind_a_line(_: &[u8]) -> bool {
    true
}

/// A record that ends a directory, and the directory where it says.
fn has_zip_behind(octets: &[u8]) -> bool {
    let start = octets.len().saturating_sub(66 << 10);
    let Some(end) = memchr::memmem::rfind(&octets[start..], b"PK\x05\x06").map(|at| start + at) else {
        return false;
    };
    let number = |at: usize| {
        octets.get(at..at + 4).map_or(0, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    };
    let is_directory = |end: usize, size: u32| {
        let directory = end.checked_sub(size as usize);
        directory.is_some_and(|directory| octets[directory..].starts_with(b"PK\x01\x02"))
    };
    // Large archives say it in another record, 76 octets before, in 64 bits.
    let large = end.checked_sub(76).filter(|at| octets[*at..].starts_with(b"PK\x06\x06"));
    octets.len() >= end + 22
        && (is_directory(end, number(end + 12)) || large.is_some_and(|at| is_directory(at, number(at + 40))))
}

/// Octets that no text has, or too many of those that few texts have.
pub(crate) fn looks_binary(octets: &[u8]) -> bool {
    let sample = &octets[..octets.len().min(4096)];
    if charset::wide::by_mark(sample).is_some_and(|(wide, mark)| {
        let even = (sample.len() - mark) / 4 * 4;
        wide.decode(&sample[mark..mark + even]).1
    }) || charset::wide::by_nuls(sample).is_some()
    {
        return false;
    }
    // Without branches and in octets, so that it is done sixteen and more at a time.
    let odd =
        |octet: &u8| u8::from(*octet < 32) & u8::from(octet.wrapping_sub(9) > 4) & u8::from(*octet != 27);
    let odd: usize = sample.chunks(255).map(|some| usize::from(some.iter().map(odd).sum::<u8>())).sum();
    let many =
        odd * 100 > sample.len() * 8 || odd > 1 && odd * 100 > sample.len() * 4 && looks_packed(sample);
    many && !is_wide_han(sample)
}

/// Whether these octets, among which are some that few texts have, are packed or encrypted: half of such octets are no ASCII, and a
/// tenth are control characters of all kinds, where a text has one or two. The line ends of mainframes and the file ends of DOS are none.
fn looks_packed(sample: &[u8]) -> bool {
    let mut kinds = 0_u32;
    let (mut odd, mut beyond_ascii) = (0, 0);
    for octet in sample {
        beyond_ascii += usize::from(*octet >= 0x80);
        if *octet < 32 && !matches!(octet, 9..=13 | 0x15 | 0x1a | 27) {
            (odd, kinds) = (odd + 1, kinds | 1 << octet);
        }
    }
    odd * 100 > sample.len() * 4
        && kinds.count_ones() >= if sample.len() < 100 { 2 } else { 4 }
        && beyond_ascii * 100 >= sample.len() * 30
        && std::str::from_utf8(sample).is_err_and(|error| error.error_len().is_some())
}

/// UTF-16 without a mark in which there is no NUL: ideographs, syllables of Korean, kana.
fn is_wide_han(sample: &[u8]) -> bool {
    let han = |high: u8| matches!(high, 0x30 | 0x4e..=0x9f | 0xac..=0xd7 | 0xff);
    let count = |at: usize| sample.chunks_exact(2).filter(|pair| han(pair[at])).count();
    sample.len() >= 64 && count(0).max(count(1)) * 100 >= sample.len() / 2 * 85
}

/// A message as Apple Mail keeps it (`.emlx`): its length in octets on a line of its own, the message, properties. Where it stands.
pub(crate) fn counted_message(octets: &[u8]) -> Option<(usize, usize)> {
    let digits = octets.iter().take(11).take_while(|octet| octet.is_ascii_digit()).count();
    let blanks = octets[digits..].iter().take(16).take_while(|octet| **octet == b' ').count();
    let start = digits + blanks + 1;
    let length: usize = std::str::from_utf8(&octets[..digits]).ok()?.parse().ok()?;
    let ends =
        octets.get(start - 1) == Some(&b'\n') && octets.get(start).is_some_and(u8::is_ascii_alphabetic);
    ends.then(|| (start, octets.len().min(start.saturating_add(length))))
}

/// A message in a file: fields that mail has, three of them or, if it is named so, one.
fn is_message(octets: &[u8], named: bool) -> bool {
    if let Some((start, _)) = counted_message(octets) {
        return is_message(&octets[start..], named);
    }
    const KNOWN: [&str; 14] = [
        "received",
        "return-path",
        "from",
        "to",
        "cc",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "delivered-to",
        "reply-to",
        "dkim-signature",
        "x-mailer",
    ];
    let start = &octets[..octets.len().min(16 << 10)];
    let Some(colon) = memchr::memchr(b':', &start[..start.len().min(200)]) else { return false };
    if memchr::memchr(b'\n', &start[..colon]).is_some() && !start.starts_with(b"From ") {
        return false;
    }
    let head = crate::header::read(start, 64);
    let known = KNOWN.iter().filter(|name| head.fields.iter().any(|field| field.is(name))).count();
    known >= if named { 1 } else { 3 }
}

fn in_zip(octets: &[u8]) -> FileKind {
    let has = |needle: &[u8]| memchr::memmem::find(octets, needle).is_some();
    let starts = |needle: &[u8]| memchr::memmem::find(&octets[..octets.len().min(4096)], needle).is_some();
    if starts(b"mimetypeapplication/vnd.oasis.opendocument.text") {
        FileKind::Odt
    } else if starts(b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet") {
        FileKind::Ods
    } else if starts(b"mimetypeapplication/vnd.oasis.opendocument.presentation") {
        FileKind::Odp
    } else if starts(b"mimetypeapplication/vnd.oasis.opendocument.graphics") {
        FileKind::Odg
    } else if starts(b"mimetypeapplication/epub+zip") {
        FileKind::Epub
    } else if has(b"[Content_Types].xml") && has(b"word/") {
        if has(b"word/vbaProject.bin") { FileKind::Docm } else { FileKind::Docx }
    } else if has(b"[Content_Types].xml") && has(b"xl/workbook.bin") {
        FileKind::Xlsb
    } else if has(b"[Content_Types].xml") && has(b"xl/") {
        if has(b"xl/vbaProject.bin") { FileKind::Xlsm } else { FileKind::Xlsx }
    } else if has(b"[Content_Types].xml") && has(b"ppt/") {
        if has(b"ppt/vbaProject.bin") { FileKind::Pptm } else { FileKind::Pptx }
    } else if has(b"META-INF/MANIFEST.MF") {
        FileKind::Jar
    } else {
        FileKind::Zip
    }
}

fn in_cfb(octets: &[u8]) -> FileKind {
    let has = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        memchr::memmem::find(octets, &wide).is_some()
    };
    if has("WordDocument") {
        FileKind::Doc
    } else if has("Workbook") || has("Book") {
        FileKind::Xls
    } else if has("PowerPoint Document") {
        FileKind::Ppt
    } else if has("__properties_version1.0") {
        FileKind::Msg
    } else {
        FileKind::Cfb
    }
}

fn text_kind(octets: &[u8], name: Option<&str>) -> FileKind {
    if looks_binary(octets) {
        return FileKind::Unknown;
    }
    let sample = &octets[..octets.len().min(1024)];
    let text = charset::decode(sample, None).text;
    let extension = name.and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    let named = |known: &str| extension.is_some_and(|extension| extension.eq_ignore_ascii_case(known));
    if is_message(octets, named("eml")) {
        return FileKind::Eml;
    }
    let head = text.trim_start_matches(['\u{feff}', ' ', '\r', '\n', '\t']).to_ascii_lowercase();
    let extension = extension.map(str::to_ascii_lowercase);
    if head.starts_with("<!doctype html") || head.starts_with("<html") || head.contains("<body") {
        FileKind::Html
    } else if head.starts_with("<?xml") && head.contains("<svg") || head.starts_with("<svg") {
        FileKind::Svg
    } else if head.starts_with("<?xml")
        && (head.contains("<html") || named("html") || named("xhtml") || named("htm"))
    {
        FileKind::Html
    } else if head.starts_with("<?xml") {
        FileKind::Xml
    } else if head.starts_with("begin:vcalendar") {
        FileKind::Ics
    } else if head.starts_with("begin:vcard") {
        FileKind::Vcard
    } else {
        match extension.as_deref() {
            Some("csv" | "tsv") => FileKind::Csv,
            Some("json") => FileKind::Json,
            Some("htm" | "html" | "xhtml") => FileKind::Html,
            _ => FileKind::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Octets without a rule to them, the same in every run.
    fn noise(length: usize, mut seed: u64) -> Vec<u8> {
        let next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 56) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn what_is_packed_or_encrypted_is_no_text_even_if_it_is_short() {
        for seed in 0..100 {
            for length in [300, 1_000, 5_000] {
                assert_eq!(detect(&noise(length, seed), None), FileKind::Unknown, "{length} {seed}");
            }
        }
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        for number in 0..3_000_u32 {
            std::io::Write::write_all(&mut packed, format!("Amber {}\n", number * 7_919).as_bytes())
                .expect("memory");
        }
        assert_eq!(detect(&packed.finish().expect("memory"), None), FileKind::Unknown);
    }

    #[test]
    fn texts_of_any_script_are_texts() {
        for text in [
            "Отчёт за год\u{1}\n",
            "年度報告書の概要です。",
            "연간 보고서입니다",
            "Jahresbericht für Müller\u{2}\u{3}\n",
        ] {
            let text = text.repeat(20);
            for encoding in [
                encoding_rs::UTF_8,
                encoding_rs::WINDOWS_1251,
                encoding_rs::WINDOWS_1252,
                encoding_rs::SHIFT_JIS,
                encoding_rs::EUC_KR,
                encoding_rs::GB18030,
            ] {
                let (octets, _, lost) = encoding.encode(&text);
                assert!(lost || !looks_binary(&octets), "{} {text}", encoding.name());
            }
            let is_han = text.chars().all(|c| c >= '\u{3000}' || c == ' ');
            for wide in [u16::to_le_bytes, u16::to_be_bytes].into_iter().filter(|_| is_han) {
                let octets: Vec<u8> = text.encode_utf16().flat_map(wide).collect();
                assert!(!looks_binary(&octets), "{text}");
            }
        }
    }
}
