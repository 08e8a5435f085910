//! The names of the glyphs in an embedded program in Adobe's compact form (CFF, Technical Note 5176), and the octets that stand for them. A
//! viewer draws by these, whatever text the file tells.

use super::program::{table, u16_at};

/// A program, as far as it says what its glyphs are.
#[derive(Debug)]
pub(super) struct Cff<'p> {
    octets: &'p [u8],
    strings: Index<'p>,
    /// What each glyph has for a name, by the number of a string; where the program is for numbers only, this is that number.
    charset: Vec<u16>,
    /// Its glyphs have numbers, not names.
    pub(super) numbered: bool,
    encoding: usize,
}

impl<'p> Cff<'p> {
    /// Reads a program, bare or within an OpenType file; nothing if it is damaged.
    pub(super) fn read(program: &'p [u8]) -> Option<Self> {
        let octets = if program.starts_with(b"OTTO") { table(program, b"CFF ")? } else { program };
        let names = Index::at(octets, usize::from(*octets.get(2)?))?;
        let tops = Index::at(octets, names.end)?;
        let strings = Index::at(octets, tops.end)?;
        let top = Top::of(tops.get(0)?);
        let glyphs = Index::at(octets, top.glyphs)?.count;
        let charset = charset(octets, top.charset, glyphs);
        Some(Self { octets, strings, charset, numbered: top.numbered, encoding: top.encoding })
    }

    /// How many glyphs are known.
    pub(super) fn len(&self) -> usize {
        self.charset.len()
    }

    /// The number that strings have for a glyph.
    pub(super) fn number(&self, glyph: usize) -> Option<u16> {
        self.charset.get(glyph).copied()
    }

    /// The name of a glyph.
    pub(super) fn name(&self, glyph: usize) -> Option<&'p [u8]> {
        self.string(self.number(glyph).filter(|_| !self.numbered)?)
    }

    fn string(&self, number: u16) -> Option<&'p [u8]> {
        let number = usize::from(number);
        match STANDARD.get(number) {
            Some(name) => Some(name.as_bytes()),
            None => self.strings.get(number - STANDARD.len()),
        }
    }

    /// Octets of shown strings with the names of their glyphs; nothing where that is Adobe's standard encoding.
    pub(super) fn encoding(&self) -> Option<Vec<(u8, &'p [u8])>> {
        if self.encoding <= 1 {
            return None;
        }
        let rest = self.octets.get(self.encoding..)?;
        let (format, count) = (*rest.first()?, usize::from(*rest.get(1)?));
        let mut known = Vec::new();
        let mut note = |code: u8, name: Option<&'p [u8]>| known.extend(name.map(|name| (code, name)));
        let end = match format & 0x7f {
            0 => {
                let codes = rest.get(2..2 + count)?;
                codes.iter().enumerate().for_each(|(at, code)| note(*code, self.name(at + 1)));
                2 + count
            }
            _ => {
                let ranges = rest.get(2..2 + 2 * count)?;
                let mut glyph = 1;
                for [first, left] in ranges.as_chunks::<2>().0 {
                    for code in *first..=first.saturating_add(*left) {
                        note(code, self.name(glyph));
                        glyph += 1;
                    }
                }
                2 + 2 * count
            }
        };
        if format & 0x80 != 0 {
            let more = usize::from(*rest.get(end)?);
            for [code, high, low] in rest.get(end + 1..end + 1 + 3 * more)?.as_chunks::<3>().0 {
                note(*code, self.string(u16::from_be_bytes([*high, *low])));
            }
        }
        Some(known)
    }
}

/// Pieces of octets one behind the other.
#[derive(Debug)]
struct Index<'p> {
    octets: &'p [u8],
    count: usize,
    /// Octets of an offset, where the offsets begin, and the octet before the pieces.
    size: usize,
    offsets: usize,
    data: usize,
    end: usize,
}

impl<'p> Index<'p> {
    fn at(octets: &'p [u8], at: usize) -> Option<Self> {
        let count = usize::from(u16_at(octets, at)?);
        if count == 0 {
            return Some(Self { octets, count, size: 1, offsets: 0, data: 0, end: at + 2 });
        }
        let size = usize::from(*octets.get(at + 2)?);
        let offsets = at + 3;
        let data = offsets + size * (count + 1) - 1;
        let mut index = Self { octets, count, size, offsets, data, end: data };
        index.end = data.checked_add(index.offset(count)?).filter(|end| *end <= octets.len())?;
        (1..=4).contains(&size).then_some(index)
    }

    fn offset(&self, number: usize) -> Option<usize> {
        let from = self.offsets + number * self.size;
        let octets = self.octets.get(from..from + self.size)?;
        Some(octets.iter().fold(0, |value, octet| value << 8 | usize::from(*octet)))
    }

    fn get(&self, number: usize) -> Option<&'p [u8]> {
        if number >= self.count {
            return None;
        }
        let (from, to) = (self.offset(number)?, self.offset(number + 1)?);
        self.octets.get(self.data.checked_add(from)?..self.data.checked_add(to)?)
    }
}

/// What the first dictionary tells that is wanted here.
#[derive(Debug, Default)]
struct Top {
    charset: usize,
    encoding: usize,
    glyphs: usize,
    numbered: bool,
}

impl Top {
    fn of(mut dict: &[u8]) -> Self {
        let mut top = Self::default();
        let mut last = 0_i64;
        while let Some((first, rest)) = dict.split_first() {
            let (value, length) = match *first {
                12 => {
                    top.numbered |= rest.first() == Some(&30);
                    (None, 1)
                }
                code @ 0..=21 => {
                    let offset = usize::try_from(last).unwrap_or(0);
                    match code {
                        15 => top.charset = offset,
                        16 => top.encoding = offset,
                        17 => top.glyphs = offset,
                        _ => {}
                    }
                    (None, 0)
                }
                28 => (u16_at(rest, 0).map(i64::from), 2),
                29 => (rest.first_chunk().map(|four| i64::from(i32::from_be_bytes(*four))), 4),
                // A number with a point ends with a half octet of ones.
                30 => (
                    None,
                    rest.iter()
                        .position(|octet| octet & 15 == 15 || octet >> 4 == 15)
                        .map_or(rest.len(), |at| at + 1),
                ),
                small @ 32..=246 => (Some(i64::from(small) - 139), 0),
                high @ 247..=250 => {
                    (rest.first().map(|low| (i64::from(high) - 247) * 256 + i64::from(*low) + 108), 1)
                }
                high @ 251..=254 => {
                    (rest.first().map(|low| -(i64::from(high) - 251) * 256 - i64::from(*low) - 108), 1)
                }
                _ => (None, 0),
            };
            last = value.unwrap_or(0);
            dict = rest.get(length..).unwrap_or_default();
        }
        top
    }
}

/// The strings that glyphs have for names.
fn charset(octets: &[u8], at: usize, glyphs: usize) -> Vec<u16> {
    // The first three have no place of their own; that of Adobe's first one is by its numbers.
    if at <= 2 {
        return (0..glyphs.min(229) as u16).collect();
    }
    let mut known = vec![0];
    let format = octets.get(at).copied().unwrap_or(0);
    let mut from = at + 1;
    while known.len() < glyphs {
        let Some(first) = u16_at(octets, from) else { break };
        let (left, length) = match format {
            0 => (Some(0), 2),
            1 => (octets.get(from + 2).map(|left| u16::from(*left)), 3),
            _ => (u16_at(octets, from + 2), 4),
        };
        let Some(left) = left else { break };
        known.extend((0..=left).map(|more| first.wrapping_add(more)).take(glyphs - known.len()));
        from += length;
    }
    known
}

/// Names that every program knows.
static STANDARD: std::sync::LazyLock<Vec<&str>> = std::sync::LazyLock::new(|| NAMES.split(' ').collect());

const NAMES: &str = "\
    .notdef space exclam quotedbl numbersign dollar percent ampersand quoteright parenleft parenright asterisk plus \
    comma hyphen period slash zero one two three four five six seven eight nine colon semicolon less equal greater \
    question at A B C D E F G H I J K L M N O P Q R S T U V W X Y Z bracketleft backslash bracketright asciicircum \
    underscore quoteleft a b c d e f g h i j k l m n o p q r s t u v w x y z braceleft bar braceright asciitilde \
    exclamdown cent sterling fraction yen florin section currency quotesingle quotedblleft guillemotleft \
    guilsinglleft guilsinglright fi fl endash dagger daggerdbl periodcentered paragraph bullet quotesinglbase \
    quotedblbase quotedblright guillemotright ellipsis perthousand questiondown grave acute circumflex tilde macron \
    breve dotaccent dieresis ring cedilla hungarumlaut ogonek caron emdash AE ordfeminine Lslash Oslash OE \
    ordmasculine ae dotlessi lslash oslash oe germandbls onesuperior logicalnot mu trademark Eth onehalf plusminus \
    Thorn onequarter divide brokenbar degree thorn threequarters twosuperior registered minus eth multiply \
    threesuperior copyright Aacute Acircumflex Adieresis Agrave Aring Atilde Ccedilla Eacute Ecircumflex Edieresis \
    Egrave Iacute Icircumflex Idieresis Igrave Ntilde Oacute Ocircumflex Odieresis Ograve Otilde Scaron Uacute \
    Ucircumflex Udieresis Ugrave Yacute Ydieresis Zcaron aacute acircumflex adieresis agrave aring atilde ccedilla \
    eacute ecircumflex edieresis egrave iacute icircumflex idieresis igrave ntilde oacute ocircumflex odieresis \
    ograve otilde scaron uacute ucircumflex udieresis ugrave yacute ydieresis zcaron exclamsmall Hungarumlautsmall \
    dollaroldstyle dollarsuperior ampersandsmall Acutesmall parenleftsuperior parenrightsuperior twodotenleader \
    onedotenleader zerooldstyle oneoldstyle twooldstyle threeoldstyle fouroldstyle fiveoldstyle sixoldstyle \
    sevenoldstyle eightoldstyle nineoldstyle commasuperior threequartersemdash periodsuperior questionsmall \
    asuperior bsuperior centsuperior dsuperior esuperior isuperior lsuperior msuperior nsuperior osuperior rsuperior \
    ssuperior tsuperior ff ffi ffl parenleftinferior parenrightinferior Circumflexsmall hyphensuperior Gravesmall \
    Asmall Bsmall Csmall Dsmall Esmall Fsmall Gsmall Hsmall Ismall Jsmall Ksmall Lsmall Msmall Nsmall Osmall Psmall \
    Qsmall Rsmall Ssmall Tsmall Usmall Vsmall Wsmall Xsmall Ysmall Zsmall colonmonetary onefitted rupiah Tildesmall \
    exclamdownsmall centoldstyle Lslashsmall Scaronsmall Zcaronsmall Dieresissmall Brevesmall Caronsmall \
    Dotaccentsmall Macronsmall figuredash hypheninferior Ogoneksmall Ringsmall Cedillasmall questiondownsmall \
    oneeighth threeeighths fiveeighths seveneighths onethird twothirds zerosuperior foursuperior fivesuperior \
    sixsuperior sevensuperior eightsuperior ninesuperior zeroinferior oneinferior twoinferior threeinferior \
    fourinferior fiveinferior sixinferior seveninferior eightinferior nineinferior centinferior dollarinferior \
    periodinferior commainferior Agravesmall Aacutesmall Acircumflexsmall Atildesmall Adieresissmall Aringsmall \
    AEsmall Ccedillasmall Egravesmall Eacutesmall Ecircumflexsmall Edieresissmall Igravesmall Iacutesmall \
    Icircumflexsmall Idieresissmall Ethsmall Ntildesmall Ogravesmall Oacutesmall Ocircumflexsmall Otildesmall \
    Odieresissmall OEsmall Oslashsmall Ugravesmall Uacutesmall Ucircumflexsmall Udieresissmall Yacutesmall \
    Thornsmall Ydieresissmall 001.000 001.001 001.002 001.003 Black Bold Book Light Medium Regular Roman Semibold";

#[cfg(test)]
mod tests {
    use super::*;

    /// A program with the glyphs `.notdef`, `four`, `one` and `x1`, on the octets 65, 66 and 67.
    fn program() -> Vec<u8> {
        let top = [145, 15, 150, 16, 155, 17];
        let head = [
            &[1, 0, 4, 1][..],
            // names, and the dictionary
            &[0, 1, 1, 1, 2, b'F'],
            &[0, 1, 1, 1, 7],
            &top,
            // strings
            &[0, 1, 1, 1, 3, b'x', b'1'],
        ];
        let mut octets = head.concat();
        let charset = octets.len();
        octets.extend([0, 0, 21, 0, 18, 1, 135]);
        let encoding = octets.len();
        octets.extend([1, 1, 65, 2]);
        let glyphs = octets.len();
        octets.extend([0, 4, 1, 1, 2, 3, 4, 5, 14, 14, 14, 14]);
        for (at, offset) in [(15, charset), (17, encoding), (19, glyphs)] {
            octets[at] = offset as u8 + 139;
        }
        octets
    }

    #[test]
    fn glyphs_have_names_and_octets() {
        let program = program();
        let cff = Cff::read(&program).expect("a program");
        let names: Vec<_> = (0..cff.len()).filter_map(|glyph| cff.name(glyph)).collect();
        assert_eq!(names, [&b".notdef"[..], b"four", b"one", b"x1"]);
        let encoding = cff.encoding().expect("an encoding of its own");
        assert_eq!(encoding, [(65, &b"four"[..]), (66, b"one"), (67, b"x1")]);
        assert!(!cff.numbered);
    }

    #[test]
    fn every_cut_and_every_changed_octet_is_read_or_refused() {
        let program = program();
        for length in 0..program.len() {
            let _ = Cff::read(&program[..length]).and_then(|cff| cff.encoding().map(|known| known.len()));
            for value in [0, 1, 127, 255] {
                let mut changed = program.clone();
                changed[length] = value;
                if let Some(cff) = Cff::read(&changed) {
                    assert!(cff.len() <= 1 << 16);
                    let _ = cff.encoding();
                }
            }
        }
    }
}
