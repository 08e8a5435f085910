//! The true type of a file, by its signature and, for containers, by what is inside.

use crate::FileKind;

/// Detects the type of `octets`; the name only tells text formats apart.
pub fn detect(octets: &[u8], name: Option<&str>) -> FileKind {
    use FileKind::*;
    if octets.is_empty() {
        return Empty;
    }
    for (magic, kind) in MAGIC {
        if octets.starts_with(magic) {
            return *kind;
        }
    }
    if octets.starts_with(b"PK\x03\x04") || octets.starts_with(b"PK\x05\x06") {
        return in_zip(octets);
    }
    if octets.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return in_cfb(octets);
    }
    if octets.get(257..262) == Some(b"ustar") {
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
        return if octets.get(8..11) == Some(b"hei") || octets.get(8..11) == Some(b"mif") {
            Heic
        } else {
            Mp4
        };
    }
    if octets.get(32769..32774) == Some(b"CD001") {
        return Iso;
    }
    let start = &octets[..octets.len().min(1024)];
    if memchr::memmem::find(start, b"%PDF-").is_some() {
        return Pdf;
    }
    text_kind(octets, name)
}

const MAGIC: &[(&[u8], FileKind)] = &[
    (b"%PDF-", FileKind::Pdf),
    (b"{\\rtf", FileKind::Rtf),
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
    (b"wOFF", FileKind::Font),
    (b"wOF2", FileKind::Font),
    (b"-----BEGIN PGP", FileKind::Pgp),
    (b"-----BEGIN ", FileKind::Pem),
    (b"#!", FileKind::Script),
    (b"From ", FileKind::Mbox),
];

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
    let sample = &octets[..octets.len().min(4096)];
    let wide = sample.starts_with(b"\xff\xfe") || sample.starts_with(b"\xfe\xff");
    let odd = sample.iter().filter(|octet| **octet < 9 || (14..32).contains(*octet) && **octet != 27).count();
    if !wide && odd * 100 > sample.len() * 5 && memchr::memchr(0, sample).is_none()
        || !wide && memchr::memchr(0, sample).is_some() && odd * 3 < sample.len()
    {
        return FileKind::Unknown;
    }
    if !wide && odd * 2 > sample.len() * 2 {
        return FileKind::Unknown;
    }
    let head = String::from_utf8_lossy(sample)
        .trim_start_matches(['\u{feff}', ' ', '\r', '\n', '\t'])
        .to_ascii_lowercase();
    let extension =
        name.and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension.to_ascii_lowercase());
    if head.starts_with("<!doctype html") || head.starts_with("<html") || head.contains("<body") {
        FileKind::Html
    } else if head.starts_with("<?xml") && head.contains("<svg") || head.starts_with("<svg") {
        FileKind::Svg
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
            Some("htm" | "html") => FileKind::Html,
            Some("eml") => FileKind::Eml,
            _ => FileKind::Text,
        }
    }
}
