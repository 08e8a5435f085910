//! Files and texts that stand in a text as base64 or hexadecimal digits (RFC 4648): values of JSON, YAML and XML, dumps of databases, tokens,
//! scripts. What is decoded counts only if it is of a known kind or reads as text: identifiers, hashes, keys and words are neither.

use std::collections::HashSet;

use wide::u8x16;

use super::Walk;
use super::task::{Octets, Place, Task};
use crate::{FileKind, Reason, Role, detect, transfer};

/// Files in one text; that there are more is a finding.
const MOST_FILES: usize = 256;
/// The fewest letters that are looked at, without what fills them up: eleven octets, what stands for `536-90-4399`.
const LEAST: usize = 15;
/// Fewer are read for digits only: of random octets one in ten million is a text of eighteen octets.
const LEAST_OF_WORDS: usize = 24;
/// Letters of the smallest file of a known kind; what is shorter is cut off, or chance.
const LEAST_OF_FILE: usize = 128;
/// Fewer hexadecimal digits are a hash or a number.
const LEAST_DIGITS: usize = 40;
/// Octets that are looked at together.
const BLOCK: usize = 64;
/// Lines are broken after so many letters; what is shorter is a word at the end of its line.
const LEAST_OF_LINE: usize = 40;
/// Blanks in front of the next line of one value.
const MOST_INDENT: usize = 64;
/// Letters from which it is told whether the rest is worth decoding.
const SAMPLE: usize = 64;
/// Octets of which no octet is a control character by more than chance, whatever their charset.
const LONG: usize = 256;

/// How files begin that have a reader.
const SIGNS: &[&[u8]] = &[
    b"%PDF-",
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"\x1f\x8b\x08",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"MSCF\0\0\0\0",
    b"SQLite format 3\0",
    b"\xed\xab\xee\xdb",
    b"\x78\x9f\x3e\x22",
    b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"II*\0",
    b"MM\0*",
];

impl<'m> Walk<'m, '_> {
    /// Opens what is encoded in a text, but for values that are read elsewhere. Texts are one file together, each on lines of its own.
    pub(super) fn encoded(&mut self, id: u32, text: &str, place: &Place, elsewhere: &HashSet<&str>) {
        let found = search(text, elsewhere);
        if found.more {
            self.unscannable(id, &place.path, Reason::TooManyParts);
        }
        let many = found.files.len() > 1;
        let numbered = found.files.into_iter().enumerate().map(|(number, octets)| {
            let name = if many { format!("base64 {}", number + 1) } else { "base64".to_owned() };
            (name, octets)
        });
        let texts = Some(found.texts).filter(|texts| !texts.is_empty());
        let texts = texts.map(|texts| ("base64 texts".to_owned(), texts.into_bytes()));
        let all: Vec<_> = numbered.chain(texts).collect();
        for (name, octets) in all.into_iter().rev() {
            if !self.spend(octets.len(), id, &place.path) {
                return;
            }
            let below = Place { path: place.path_to(&name), in_attachment: true, ..place.below(id) };
            self.todo.push(Task::file(Octets::owned(octets), below, Role::Embedded));
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) files: Vec<Vec<u8>>,
    /// Texts in UTF-8, each ended by a line end.
    pub(crate) texts: String,
    pub(crate) more: bool,
}

/// What is encoded in a text. Time is linear in it, and so is memory.
pub(crate) fn search(text: &str, elsewhere: &HashSet<&str>) -> Found {
    let mut found = Found::default();
    let octets = text.as_bytes();
    let mut letters = Vec::new();
    let mut from = 0;
    while let Some(start) = run(octets, from) {
        let start = begin(octets, start, from);
        let (end, without_last) = value(octets, start, &mut letters);
        from = end;
        if elsewhere.contains(&text[start..end]) || is_announced(&octets[..start]) {
            continue;
        }
        // The last line may be a word that stands behind the value.
        let last = || decode(&letters[..without_last]).filter(|_| without_last > 0);
        match decode(&letters).or_else(last) {
            Some(Value::Text(text)) => {
                found.texts.push_str(&text);
                found.texts.push('\n');
            }
            Some(Value::File(_)) if found.files.len() == MOST_FILES => found.more = true,
            Some(Value::File(octets)) => found.files.push(octets),
            None => {}
        }
    }
    found
}

const fn alphabet() -> [bool; 256] {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        let of_both = matches!(octet as u8, b'+' | b'/' | b'-' | b'_');
        table[octet] = of_both || (octet as u8).is_ascii_alphanumeric();
        octet += 1;
    }
    table
}

/// Letters of mail's alphabet and of the web's.
static LETTERS: [bool; 256] = alphabet();

fn is_letter(octet: u8) -> bool {
    LETTERS[usize::from(octet)]
}

/// Where the next run of enough letters begins; `from` is the beginning, or stands behind what is no letter.
fn run(text: &[u8], mut from: usize) -> Option<usize> {
    while let Some(block) = text.get(from..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        let pieces = block.as_chunks::<16>().0;
        let letters = !pieces.iter().rev().fold(0_u64, |others, piece| others << 16 | others_of(piece));
        // Where two letters begin, four, eight, and enough.
        let two = letters & letters >> 1;
        let four = two & two >> 2;
        let eight = four & four >> 4;
        let enough = eight & eight >> (LEAST - 8);
        if enough != 0 {
            return Some(from + enough.trailing_zeros() as usize);
        }
        from += BLOCK - LEAST + 1;
    }
    let rest = text.get(from..)?;
    let is_run = |window: &[u8]| window.iter().all(|octet| is_letter(*octet));
    rest.windows(LEAST).position(is_run).map(|at| from + at)
}

/// Which octets are no letters: a bit for each, the first lowest.
fn others_of(window: &[u8; 16]) -> u64 {
    let window = u8x16::new(*window);
    let splat = u8x16::splat;
    let between = |octets: u8x16, first: u8, last: u8| {
        let above = octets - splat(first);
        above.min(splat(last - first)).simd_eq(above)
    };
    let letters = between(window | splat(0x20), b'a', b'z') | between(window, b'/', b'9');
    let signs = window.simd_eq(splat(b'+')) | window.simd_eq(splat(b'-')) | window.simd_eq(splat(b'_'));
    u64::from(!(letters | signs).to_bitmask() & 0xffff)
}

/// Where a value begins that holds the run at `start`, if letters before it are written otherwise.
fn begin(text: &[u8], mut start: usize, from: usize) -> usize {
    while start > from && escaped(&text[start - 1..]).is_some_and(|(letter, _)| letter != b'=') {
        start -= 1;
        start -= text[from..start].iter().rev().take_while(|octet| is_letter(**octet)).count();
    }
    start
}

/// The letters of the value that begins at `start`, with escapes undone and line ends left out; gives where it ends, and how many letters
/// stand before its last line.
fn value(text: &[u8], start: usize, letters: &mut Vec<u8>) -> (usize, usize) {
    letters.clear();
    let (mut at, mut before) = (start, 0);
    loop {
        let length = letters_in(&text[at..]);
        letters.extend_from_slice(&text[at..at + length]);
        at += length;
        let rest = &text[at..];
        if let Some((letter, length)) = escaped(rest).filter(|(letter, _)| *letter != b'=') {
            letters.push(letter);
            at += length;
        } else if let Some(length) = line_end(rest).filter(|_| letters.len() - before >= LEAST_OF_LINE) {
            before = letters.len();
            at += length;
        } else {
            return (at, before);
        }
    }
}

fn letters_in(text: &[u8]) -> usize {
    text.iter().position(|octet| !is_letter(*octet)).unwrap_or(text.len())
}

/// A letter that a notation writes otherwise: JSON (`\/`, and `\u002B` as .NET has it), forms (`%2B`); and the octets that it takes.
fn escaped(text: &[u8]) -> Option<(u8, usize)> {
    let number = |digits: &[u8]| match digits {
        b"2b" | b"2B" => Some(b'+'),
        b"2f" | b"2F" => Some(b'/'),
        b"3d" | b"3D" => Some(b'='),
        _ => None,
    };
    match text {
        [b'\\', b'/', ..] => Some((b'/', 2)),
        [b'\\', b'u', b'0', b'0', high, low, ..] => Some((number(&[*high, *low])?, 6)),
        [b'%', high, low, ..] => Some((number(&[*high, *low])?, 3)),
        _ => None,
    }
}

/// The octets of a line end, however a notation writes it, and of what stands before the next line of the same value.
fn line_end(text: &[u8]) -> Option<usize> {
    const ENDS: [&[u8]; 8] = [b"\r\n", b"\n", b"\\r\\n", b"\\n", b"&#13;\n", b"&#xD;\n", b"&#10;", b"&#xA;"];
    let mut end = ENDS.iter().find(|end| text.starts_with(end))?.len();
    end += text[end..].iter().take(MOST_INDENT).take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    // The next line is of the same value if nothing stands beside it.
    let next = &text[end..];
    let behind = letters_in(next);
    let alone = next.get(behind).is_none_or(|octet| b"\r\n=\"'`<\\&%),;]}".contains(octet));
    (alone && behind > 0).then_some(end)
}

/// Whether the line before says that a file in base64 follows: it is opened by that line.
fn is_announced(before: &[u8]) -> bool {
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    let line = &before[before.len().saturating_sub(1_000)..];
    let line = &line[memchr::memrchr(b'\n', line).map_or(0, |end| end + 1)..];
    line.starts_with(b"begin-base64 ")
}

#[derive(Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    File(Vec<u8>),
}

/// What letters stand for, if it is of a known kind or reads as text.
fn decode(letters: &[u8]) -> Option<Value> {
    if let Some(digits) = digits(letters) {
        return judge(digits, letters.len() >= LEAST_OF_FILE);
    }
    if letters.len() % 4 == 1 {
        return None;
    }
    if letters.len() > SAMPLE {
        let sample = transfer::base64_of_the_web(&letters[..SAMPLE]);
        if !has_sign(&sample) && !may_be_text(&sample) && !is_wide(&sample) && letters.len() < 4 * 4096 {
            return None;
        }
    }
    let octets = transfer::base64_of_the_web(letters);
    let short = letters.len() < LEAST_OF_WORDS;
    if short && 2 * octets.iter().filter(|octet| octet.is_ascii_digit()).count() < octets.len() {
        return None;
    }
    judge(octets, letters.len() >= LEAST_OF_FILE)
}

/// The octets of hexadecimal digits, as databases write them with a mark before them or without.
fn digits(letters: &[u8]) -> Option<Vec<u8>> {
    let letters = letters.strip_prefix(b"0x").or_else(|| letters.strip_prefix(b"x")).unwrap_or(letters);
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let (pairs, rest) = letters.as_chunks::<2>();
    if letters.len() < LEAST_DIGITS || !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(value(*high)? << 4 | value(*low)?)).collect()
}

fn judge(octets: Vec<u8>, may_be_file: bool) -> Option<Value> {
    if has_sign(&octets) || octets.get(257..262) == Some(b"ustar") {
        return may_be_file.then_some(Value::File(octets));
    }
    if is_wide(&octets) {
        return Some(Value::File(octets));
    }
    if !may_be_text(&octets) {
        return None;
    }
    let plain = matches!(
        detect(&octets, None),
        FileKind::Text | FileKind::Csv | FileKind::Json | FileKind::Xml | FileKind::Script
    );
    match String::from_utf8(octets) {
        // A notation of its own is undone where it is a file.
        Ok(text) if plain && !["\\u", "&#", "<!--"].iter().any(|sign| text.contains(sign)) => {
            Some(Value::Text(text))
        }
        Ok(text) => Some(Value::File(text.into_bytes())),
        Err(error) => Some(Value::File(error.into_bytes())),
    }
}

fn has_sign(octets: &[u8]) -> bool {
    SIGNS.iter().any(|sign| octets.starts_with(sign))
}

/// Whether octets read as text: no control characters that no text has, and UTF-8; or nearly all of it ASCII; or long.
fn may_be_text(octets: &[u8]) -> bool {
    let is_control = |octet: &&u8| matches!(octet, 0..=8 | 0xb | 0xe..=0x1a | 0x1c..=0x1f | 0x7f);
    if octets.iter().any(|octet| is_control(&octet)) {
        return false;
    }
    let beyond_ascii = octets.iter().filter(|octet| !octet.is_ascii()).count();
    let utf8 = match std::str::from_utf8(octets) {
        Ok(_) => true,
        // The sample ends within a character.
        Err(error) => error.error_len().is_none(),
    };
    utf8 || beyond_ascii * 8 <= octets.len() || octets.len() >= LONG
}

/// Whether octets are Latin letters of two octets each, as commands for PowerShell are written.
fn is_wide(octets: &[u8]) -> bool {
    let octets = octets.strip_prefix(b"\xff\xfe").unwrap_or(octets);
    let (pairs, _) = octets.as_chunks::<2>();
    let latin = pairs.iter().filter(|[low, high]| *high == 0 && matches!(low, 9 | 10 | 13 | b' '..=b'~'));
    pairs.len() >= LEAST / 2 && latin.count() * 8 >= pairs.len() * 7
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> String {
        search(text, &HashSet::new()).texts
    }

    fn files(text: &str) -> Vec<Vec<u8>> {
        search(text, &HashSet::new()).files
    }

    fn in_base64(octets: &[u8]) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let quantum = |three: &[u8]| {
            let bits =
                (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
            (0..4)
                .map(move |at| match at <= three.len() {
                    true => char::from(LETTERS[(bits >> (18 - 6 * at)) as usize & 63]),
                    false => '=',
                })
                .collect::<String>()
        };
        octets.chunks(3).map(quantum).collect()
    }

    const CARD: &str = "The card is 4111 1111 1111 1111, until 12/29; keep it to yourself.";

    #[test]
    fn a_text_is_read_in_every_notation() {
        let value = in_base64(CARD.as_bytes());
        let (first, rest) = value.split_at(44);
        let web = value.replace('+', "-").replace('/', "_").replace('=', "");
        for text in [
            format!("{{\"file\":\"{value}\"}}"),
            format!("{{\"file\":\"{first}\\n{rest}\"}}"),
            format!("data:\n  card: |\n    {first}\n    {rest}\n  next: 1\n"),
            format!("<a><binary>\r\n{first}\r\n{rest}\r\n</binary></a>"),
            format!("<a>{first}&#13;\n{rest}</a>"),
            format!("INSERT INTO a VALUES (1,'{value}');"),
            format!("id,file\n1,{value}\n"),
            format!("curl -d file={}&x=1", value.replace('=', "%3D").replace('/', "%2F")),
            format!("header.{web}.signature"),
        ] {
            assert_eq!(texts(&text), format!("{CARD}\n"), "{text}");
        }
    }

    #[test]
    fn letters_that_a_notation_writes_otherwise_are_letters() {
        let octets = "?>~???>>> größe ÿÿÿ 4111 1111 1111 1111";
        let value = in_base64(octets.as_bytes());
        assert!(value.contains('/') && value.contains('+'), "{value}");
        for (plus, slash) in [("\\u002B", "\\/"), ("%2B", "%2f"), ("-", "_"), ("+", "\\u002f")] {
            let text = format!("{{\"a\":\"{}\"}}", value.replace('+', plus).replace('/', slash));
            assert_eq!(texts(&text), format!("{octets}\n"), "{text}");
        }
    }

    #[test]
    fn a_file_is_given_as_it_is() {
        let file = [&b"%PDF-1.4\n"[..], &[0xe2; 200]].concat();
        assert_eq!(files(&format!("{{\"a\":\"{}\"}}", in_base64(&file))), std::slice::from_ref(&file));
        let hex: String = file.iter().map(|octet| format!("{octet:02X}")).collect();
        for text in [format!("VALUES (0x{hex});"), format!("X'{hex}'"), format!("\\\\x{hex}")] {
            assert_eq!(files(&text), std::slice::from_ref(&file), "{text}");
        }
        assert_eq!(search("\"JVBERi0xLjQKJeLjz9MK...\"", &HashSet::new()), Found::default());
    }

    #[test]
    fn hexadecimal_digits_that_read_as_text_are_text() {
        let hex: String = CARD.bytes().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(texts(&format!("note = {hex}\n")), format!("{CARD}\n"));
    }

    #[test]
    fn short_values_are_read_for_their_digits() {
        assert_eq!(texts("ssn: NTM2LTkwLTQzOTk=\n"), "536-90-4399\n");
        assert_eq!(texts("pan: NDExMTExMTExMTExMTExMQ==\n"), "4111111111111111\n");
        // user: administrator
        assert_eq!(texts("user: YWRtaW5pc3RyYXRvcg==\n"), "");
    }

    #[test]
    fn letters_of_two_octets_are_a_file() {
        let command: Vec<u8> = "Write-Host '4111 1111'".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(files(&format!("powershell -EncodedCommand {}", in_base64(&command))), [command]);
    }

    #[test]
    fn identifiers_hashes_keys_and_words_are_nothing() {
        for text in [
            "550e8400-e29b-41d4-a716-446655440000",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha512-q5u8d7wPpBNzPAqkLJVqPUK5UMXTgWhcGmZMZCmeJZVYZ0vQkB0RkCrQvVKlGGrMwTw2kFvYuFvLzCkxKlMTcw==",
            "AbstractSingletonProxyFactoryBeanDefinitionRegistryPostProcessor",
            "/usr/share/applications/org/gnome/Terminal/desktop/files",
            "----------------------------------------------------------------",
            "________________________________________________________________",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "1234567890123456789012345678901234567890",
            "https://www.example.org/a-very-long-name-of-a-page-that-nobody-reads/index_of_all_pages.html",
            "ACGTACGTTTGACCAGTACGTTTGACCAGTACGTTTGACCAGTTTGACCAGTACGT",
        ] {
            assert_eq!(search(text, &HashSet::new()), Found::default(), "{text}");
        }
    }

    #[test]
    fn what_is_read_elsewhere_is_not_read_twice() {
        let value = in_base64(CARD.as_bytes());
        let value = value.trim_end_matches('=');
        let page = format!("<img src=\"data:text/plain;base64,{value}\">");
        assert_eq!(search(&page, &HashSet::from([value])), Found::default());
        assert_eq!(texts(&format!("begin-base64 644 a\n{value}\n====\n")), "");
    }

    #[test]
    fn files_beyond_the_bound_are_told() {
        let file = in_base64(&[&b"%PDF-1.4\n"[..], &[0xe2; 200]].concat());
        let found = search(&format!("{file}\n,").repeat(MOST_FILES + 1), &HashSet::new());
        assert!(found.more && found.files.len() == MOST_FILES);
    }

    #[test]
    fn beginnings_without_an_end_take_no_more_time_than_they_have_octets() {
        for line in [
            "abcdefghijklmno ",
            "abcdefghijklmnop ",
            "JVBERi0xLjQKJeLjz9MK",
            "a\\/",
            "a\\u002B",
            "\\n",
            "QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD\n",
        ] {
            crate::open::grows_with_lines(line, |text| {
                std::hint::black_box(search(text, &HashSet::new()));
            });
        }
    }

    #[test]
    fn every_octet_is_told_apart_as_the_table_does() {
        for octet in 0..=u8::MAX {
            assert_eq!(others_of(&[octet; 16]) == 0, is_letter(octet), "{octet}");
        }
    }

    proptest! {
        #[test]
        fn runs_are_found_where_they_begin(text in prop::collection::vec(prop_oneof![30 => Just(b'a'), 1 => Just(b' '), 1 => any::<u8>()], 0..300)) {
            let slow = text.windows(LEAST).position(|window| window.iter().all(|octet| is_letter(*octet)));
            prop_assert_eq!(run(&text, 0), slow);
        }

        #[test]
        fn any_text_is_found_and_no_octets_panic(text in "[ -~]{18,200}", before in "[\"' :>,;(]{1,4}", noise in "\\PC{0,100}") {
            let found = search(&format!("{noise}{before}{}\"", in_base64(text.as_bytes())), &HashSet::new());
            let as_file = found.files.iter().any(|file| file == text.as_bytes());
            prop_assert!(found.texts.contains(&text) || as_file || noise.ends_with(|c: char| c.is_ascii_alphanumeric()), "{found:?}");
        }
    }
}
