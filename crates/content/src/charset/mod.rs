//! Octets to text: labels are believed when they fit, corrected when they lie; where two decodings are plausible, both are given.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, WINDOWS_1252};

mod pages;
mod shifts;
pub(crate) mod wide;

use wide::Wide;

/// Decodings of one text.
const MOST_READINGS: usize = 4;
/// What the detector needs to see to know.
const SAMPLE: usize = 16 << 10;

/// Every plausible text of some octets.
#[derive(Debug)]
pub(crate) struct Readings<'m> {
    /// The likeliest.
    pub(crate) first: Cow<'m, str>,
    /// The others; usually none.
    pub(crate) others: Vec<String>,
    /// A label does not fit the octets.
    pub(crate) mislabelled: bool,
}

impl<'m> Readings<'m> {
    fn one(first: Cow<'m, str>) -> Self {
        Self { first, others: Vec::new(), mislabelled: false }
    }

    fn and(mut self, other: impl Into<String>) -> Self {
        let other = other.into();
        if self.others.len() + 1 < MOST_READINGS && self.first != other && !self.others.contains(&other) {
            self.others.push(other);
        }
        self
    }

    fn wrong(mut self, mislabelled: bool) -> Self {
        self.mislabelled |= mislabelled;
        self
    }
}

/// What a label names.
#[derive(Clone, Copy)]
enum Charset {
    Web(&'static Encoding),
    Page(pages::Page),
    Wide(&'static [Wide]),
    Utf7,
    Hz,
    Iso2022 { korean: bool },
}

impl Charset {
    fn by_label(label: &str) -> Option<Self> {
        let label = label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';'));
        if let wides @ [_, ..] = wide::by_label(label) {
            return Some(Self::Wide(wides));
        }
        match label.to_ascii_lowercase().as_str() {
            "utf-7" | "utf7" | "unicode-1-1-utf-7" | "x-utf-7" | "csunicode11utf7" => Some(Self::Utf7),
            "hz-gb-2312" | "hz" => Some(Self::Hz),
            "iso-2022-kr" | "csiso2022kr" => Some(Self::Iso2022 { korean: true }),
            "iso-2022-cn" | "iso-2022-cn-ext" => Some(Self::Iso2022 { korean: false }),
            "utf8mb4" | "utf-8mb4" | "utf" => Some(Self::Web(UTF_8)),
            _ => match Encoding::for_label(label.as_bytes()) {
                Some(web) if web != REPLACEMENT => Some(Self::Web(web)),
                _ => pages::by_label(label).map(Self::Page),
            },
        }
    }

    /// Octets below 128 mean what they mean in ASCII.
    fn keeps_ascii(self) -> bool {
        match self {
            Self::Web(web) => web.is_ascii_compatible(),
            Self::Page(page) => !page.is_ebcdic(),
            Self::Wide(_) | Self::Utf7 | Self::Hz | Self::Iso2022 { .. } => false,
        }
    }

    /// Text in the likeliest way, and whether all octets fit.
    fn decode(self, octets: &[u8]) -> (Cow<'_, str>, bool) {
        match self {
            Self::Web(web) => {
                let (text, wrong) = web.decode_without_bom_handling(octets);
                (text, !wrong)
            }
            Self::Page(page) => (Cow::Owned(page.decode(octets)), true),
            Self::Wide(wides) => {
                let (text, clean) = wides[0].decode(octets);
                (Cow::Owned(text), clean)
            }
            Self::Utf7 => (Cow::Owned(shifts::utf7(octets)), octets.is_ascii()),
            Self::Hz => (Cow::Owned(shifts::hz(octets)), octets.is_ascii()),
            Self::Iso2022 { korean } => (Cow::Owned(shifts::iso2022(octets, korean)), octets.is_ascii()),
        }
    }
}

/// Every plausible reading. Clean ASCII and UTF-8 are borrowed.
pub(crate) fn readings<'m>(octets: &'m [u8], labels: &[&str]) -> Readings<'m> {
    // Programs that do not know a charset say so (RFC 1428, Pine): that is no label.
    let kept: Vec<&str>;
    let labels = match labels.iter().any(|label| says_nothing(label)) {
        true => {
            kept = labels.iter().copied().filter(|label| !says_nothing(label)).collect();
            &kept
        }
        false => labels,
    };
    let named = || labels.iter().filter_map(|label| Charset::by_label(label));
    if octets.is_ascii() {
        return ascii(octets, named);
    }
    if let Some((wide, mark)) = wide::by_mark(octets) {
        let (text, clean) = wide.decode(&octets[mark..]);
        return match clean {
            true => Readings::one(text.into()),
            false => eight_bit(octets, labels, named).and(text),
        };
    }
    if let Some(rest) = octets.strip_prefix(b"\xef\xbb\xbf")
        && std::str::from_utf8(rest).is_ok()
    {
        let strange = named().filter(|charset| !charset.keeps_ascii()).map(|charset| charset.decode(rest).0);
        return strange.fold(Readings::one(utf8_or_guess(rest)), |all, other| all.and(other).wrong(true));
    }
    if let Some(wide) = wide::by_nuls(octets) {
        return without_mark(octets, wide, named);
    }
    eight_bit(octets, labels, named)
}

fn says_nothing(label: &str) -> bool {
    ["x-unknown", "unknown-8bit", "unknown"].iter().any(|known| label.trim().eq_ignore_ascii_case(known))
}

/// Text in seven bits: as it is, unless a label or escape sequences say what else it is.
fn ascii<'m, I: Iterator<Item = Charset>>(octets: &'m [u8], named: impl Fn() -> I) -> Readings<'m> {
    if memchr::memchr(0, octets).is_some()
        && let Some(wide) = wide::by_nuls(octets)
    {
        return without_mark(octets, wide, named);
    }
    let plain = utf8_or_guess(octets);
    let mut all = match memchr::memchr(0x1b, octets) {
        Some(_) => Readings::one(ISO_2022_JP.decode_without_bom_handling(octets).0).and(plain),
        None => Readings::one(plain),
    };
    for charset in named().filter(|charset| !charset.keeps_ascii()) {
        let (text, clean) = charset.decode(octets);
        let strange = matches!(charset, Charset::Page(_) | Charset::Wide(_));
        if clean || !strange {
            // ISO-2022-JP and the like: the label is right, the octets alone say nothing.
            all = if strange {
                all.and(text)
            } else {
                Readings::one(Cow::Owned(text.into_owned())).and(all.first)
            };
        }
        all = all.wrong(strange);
    }
    match shifts::looks_like_utf7(octets) {
        true => all.and(shifts::utf7(octets)),
        false => all,
    }
}

fn without_mark<'m, I: Iterator<Item = Charset>>(
    octets: &'m [u8],
    wide: Wide,
    named: impl Fn() -> I,
) -> Readings<'m> {
    let fits = |charset: Charset| matches!(charset, Charset::Wide(wides) if wides.contains(&wide));
    let wrong = named().next().is_some() && !named().any(fits);
    Readings::one(Cow::Owned(wide.decode(octets).0)).wrong(wrong)
}

fn eight_bit<'m, I: Iterator<Item = Charset>>(
    octets: &'m [u8],
    labels: &[&str],
    named: impl Fn() -> I,
) -> Readings<'m> {
    let known = named().next().is_some();
    let mut all = match std::str::from_utf8(octets) {
        Ok(text) => {
            // UTF-8 is no accident with octets over 127.
            let wrong = named().any(|charset| !matches!(charset, Charset::Web(web) if web == UTF_8));
            Readings::one(Cow::Borrowed(text)).wrong(wrong || !known && !labels.is_empty())
        }
        Err(_) => no_utf8(octets, labels, named().next()),
    };
    for charset in named() {
        if matches!(charset, Charset::Web(web) if web == UTF_8) {
            continue;
        }
        if let Charset::Wide(wides) = charset {
            all = wides.iter().map(|wide| wide.decode(octets)).fold(all, |all, (text, clean)| match clean {
                true => all.and(text),
                false => all.wrong(true),
            });
            continue;
        }
        let (text, clean) = charset.decode(octets);
        all = if clean { all.and(text) } else { all.wrong(true) };
    }
    match looks_ebcdic(octets) {
        Some(text) => all.wrong(!named().any(|charset| !charset.keeps_ascii())).and(text),
        None => all,
    }
}

/// The label where it fits, broken UTF-8 where most of it is whole, a guess from the letters otherwise.
fn no_utf8<'m>(octets: &'m [u8], labels: &[&str], named: Option<Charset>) -> Readings<'m> {
    let guess = guess(octets).decode_without_bom_handling(octets).0;
    let (whole, broken) = utf8_share(octets);
    if whole > broken {
        let text = String::from_utf8_lossy(octets).into_owned();
        return Readings::one(Cow::Owned(text)).and(guess);
    }
    let latin = WINDOWS_1252.decode_without_bom_handling(octets).0;
    let all = match named {
        Some(Charset::Web(web)) if web == UTF_8 => Readings::one(guess).and(latin).wrong(true),
        Some(charset) => match charset.decode(octets) {
            (text, true) if matches!(charset, Charset::Web(web) if web == WINDOWS_1252) => {
                Readings::one(text).and(guess)
            }
            (text, true) => Readings::one(text),
            (text, false) => Readings::one(guess).and(latin).and(text).wrong(true),
        },
        None => Readings::one(guess).and(latin).wrong(!labels.is_empty()),
    };
    match letters_of_dos(octets) && !matches!(named, Some(Charset::Page(_))) {
        true => all.and(pages::by_number(850).map_or_else(String::new, |page| page.decode(octets))),
        false => all,
    }
}

fn guess(octets: &[u8]) -> &'static Encoding {
    let first = octets.iter().position(|octet| *octet >= 0x80).unwrap_or(0);
    let from = first.saturating_sub(SAMPLE / 2);
    let sample = &octets[from..octets.len().min(from + SAMPLE)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(sample, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// Characters of UTF-8 beyond ASCII, and places where it is broken.
fn utf8_share(octets: &[u8]) -> (usize, usize) {
    octets.utf8_chunks().fold((0, 0), |(whole, broken), chunk| {
        let beyond = chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        (whole + beyond, broken + usize::from(!chunk.invalid().is_empty()))
    })
}

/// Octets that are letters in DOS pages and signs in Windows', between letters.
fn letters_of_dos(octets: &[u8]) -> bool {
    octets.windows(3).any(|three| {
        let letter = three[0].is_ascii_alphabetic() && three[2].is_ascii_alphabetic();
        letter && matches!(three[1], 0x81..=0x84 | 0x86..=0x8a | 0x8d | 0x8e | 0x90 | 0x94 | 0x99 | 0x9a | 0xa0..=0xa5)
    })
}

/// Mainframe text: blanks at 0x40, letters and digits above 0x80, hardly anything that ASCII would write.
fn looks_ebcdic(octets: &[u8]) -> Option<String> {
    let sample = &octets[..octets.len().min(4096)];
    let letters = |octet: &&u8| matches!(octet, 0x81..=0x89 | 0x91..=0x99 | 0xa2..=0xa9 | 0xc1..=0xc9 | 0xd1..=0xd9 | 0xe2..=0xe9 | 0xf0..=0xf9);
    let signs =
        |octet: &&u8| matches!(octet, 0x40 | 0x4b | 0x6b | 0x60 | 0x61 | 0x7a | 0x5e | 0x15 | 0x25 | 0x0d);
    let (words, between) = (sample.iter().filter(letters).count(), sample.iter().filter(signs).count());
    let mostly = (words + between) * 10 >= sample.len() * 9 && words * 2 >= sample.len();
    (octets.len() >= 8 && mostly && sample.contains(&0x40))
        .then(|| pages::by_number(37).map(|page| page.decode(octets)))?
}

/// The likeliest text.
#[derive(Debug)]
pub(crate) struct Text<'m> {
    pub(crate) text: Cow<'m, str>,
}

/// Decodes by mark, label or guess.
pub(crate) fn decode<'m>(octets: &'m [u8], label: Option<&str>) -> Text<'m> {
    let all = match label {
        Some(label) => readings(octets, &[label]),
        None => readings(octets, &[]),
    };
    Text { text: all.first }
}

/// UTF-8 if it is, else Windows-1252, which has a character for every octet.
pub(crate) fn utf8_or_guess(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(octets).0,
    }
}

/// The octets of a text in a code page of DOS; none if it has characters that the page has not.
pub(crate) fn in_page(number: u16, text: &str) -> Option<Vec<u8>> {
    pages::by_number(number)?.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(octets: &[u8], labels: &[&str]) -> (Vec<String>, bool) {
        let all = readings(octets, labels);
        let mut texts = vec![all.first.into_owned()];
        texts.extend(all.others);
        (texts, all.mislabelled)
    }

    #[test]
    fn clean_ascii_and_utf8_are_borrowed_and_have_one_reading() {
        for (octets, label) in
            [("plain", "us-ascii"), ("plain", "iso-8859-1"), ("schön", "utf-8"), ("plain", "x-unknown")]
        {
            let all = readings(octets.as_bytes(), &[label]);
            assert!(matches!(all.first, Cow::Borrowed(text) if text == octets), "{label}");
            assert!(all.others.is_empty() && !all.mislabelled, "{label}");
        }
    }

    #[test]
    fn a_label_that_fits_is_believed() {
        assert_eq!(texts(b"sch\xf6n", &["iso-8859-1"]).0[0], "schön");
        assert_eq!(texts(b"\xcf\xf0\xe8\xe2\xe5\xf2", &["windows-1251"]), (vec!["Привет".into()], false));
        assert_eq!(texts(b"sch\x94n", &["cp850"]), (vec!["schön".into()], false));
        assert_eq!(texts(b"\xc8\x85\x93\x93\x96\x40\xf4\xf1", &["ibm037"]).0[0], "Hello 41");
    }

    #[test]
    fn utf8_under_another_label_is_read_both_ways() {
        assert_eq!(
            texts("schön".as_bytes(), &["iso-8859-1"]),
            (vec!["schön".into(), "sch\u{c3}¶n".into()], true)
        );
    }

    #[test]
    fn a_missing_label_is_guessed_from_the_letters() {
        let (all, wrong) = texts(&encoding_rs::KOI8_R.encode("Секретный договор о поставке").0, &[]);
        assert!(all.contains(&"Секретный договор о поставке".to_owned()), "{all:?}");
        assert!(!wrong);
        assert!(texts(b"sch\x94n gr\x81n", &[]).0.contains(&"schön grün".to_owned()));
        assert!(texts(b"\xc8\x85\x93\x93\x96\x40\xf4\xf1\xf1\xf1", &[]).0.contains(&"Hello 4111".to_owned()));
    }

    #[test]
    fn broken_utf8_loses_only_what_is_broken() {
        assert_eq!(
            texts("ööö\u{e9}".as_bytes().strip_suffix(b"\xa9").unwrap(), &["utf-8"]).0[0],
            "ööö\u{fffd}"
        );
    }

    #[test]
    fn what_browsers_replace_is_read() {
        assert_eq!(texts(b"~{VPND~} 41", &["hz-gb-2312"]).0[0], "中文 41");
        assert_eq!(texts(b"+ADQAMQ-11", &["utf-7"]).0[0], "4111");
        assert_eq!(texts(b"4\x001\x00", &["utf-16"]).0[0], "41");
        assert_eq!(texts(b"\xff\xfe\0\0a\0\0\0", &[]).0[0], "a");
    }
}
