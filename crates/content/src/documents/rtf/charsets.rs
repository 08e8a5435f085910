//! Which code page the octets of a font are in.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1252};

/// Code pages of the document and its fonts.
#[derive(Debug)]
pub(super) struct Charsets {
    document: Page,
    fonts: HashMap<i32, Page>,
    /// Fonts whose names say which letters they have: no number changes that.
    named: HashSet<i32>,
    pub(super) default_font: i32,
}

#[derive(Debug, Clone, Copy)]
enum Page {
    Web(&'static Encoding),
    /// A page of DOS, by its number.
    Dos(i32),
}

impl Page {
    fn of(number: i32) -> Option<Self> {
        match number {
            437 | 737 | 775 | 850 | 852 | 855 | 857 | 858 | 860..=865 => Some(Self::Dos(number)),
            _ => code_page(number).map(Self::Web),
        }
    }
}

impl Default for Charsets {
    fn default() -> Self {
        Self {
            document: Page::Web(WINDOWS_1252),
            fonts: HashMap::new(),
            named: HashSet::new(),
            default_font: -1,
        }
    }
}

impl Charsets {
    /// `\ansicpg`, `\mac` and their like.
    pub(super) fn document(&mut self, word: &str, value: Option<i32>) {
        let page = match word {
            "ansicpg" => Page::of(value.unwrap_or(1252)),
            "mac" => Some(Page::Web(MACINTOSH)),
            "pc" => Some(Page::Dos(437)),
            "pca" => Some(Page::Dos(850)),
            _ => None,
        };
        self.document = page.unwrap_or(Page::Web(WINDOWS_1252));
    }

    /// `\fcharset` in the font table.
    pub(super) fn font_charset(&mut self, font: i32, charset: i32) {
        let page = match charset {
            77 => 10_000,
            128 => 932,
            129 => 949,
            134 => 936,
            136 => 950,
            161 => 1253,
            162 => 1254,
            163 => 1258,
            177 => 1255,
            178..=180 => 1256,
            186 => 1257,
            204 => 1251,
            222 => 874,
            238 => 1250,
            _ => return,
        };
        self.font_code_page(font, page);
    }

    /// `\cpg` in the font table.
    pub(super) fn font_code_page(&mut self, font: i32, page: i32) {
        if let Some(page) = Page::of(page)
            && !self.named.contains(&font)
            && self.fonts.len() < 10_000
        {
            self.fonts.insert(font, page);
        }
    }

    /// A font's name in the font table: programs go by how it ends.
    pub(super) fn font_name(&mut self, font: i32, name: &[u8]) {
        const ENDS: [(&[u8], i32); 8] = [
            (b" Baltic", 1257),
            (b" CE", 1250),
            (b" Cyr", 1251),
            (b" Greek", 1253),
            (b" Tur", 1254),
            (b" (Hebrew)", 1255),
            (b" (Arabic)", 1256),
            (b" (Vietnamese)", 1258),
        ];
        let name = name.trim_ascii_end();
        let name = name.strip_suffix(b";").unwrap_or(name);
        if let Some((_, page)) = ENDS.iter().find(|(end, _)| name.ends_with(end)) {
            self.named.remove(&font);
            self.font_code_page(font, *page);
            if self.fonts.contains_key(&font) {
                self.named.insert(font);
            }
        }
    }

    pub(super) fn decode<'t>(&self, font: i32, octets: &'t [u8]) -> Cow<'t, str> {
        let font = if font < 0 { self.default_font } else { font };
        match self.fonts.get(&font).copied().unwrap_or(self.document) {
            Page::Web(encoding) => encoding.decode_without_bom_handling(octets).0,
            Page::Dos(number) => crate::charset::decode(octets, Some(&format!("cp{number}"))).text,
        }
    }
}

/// The encoding of a Windows code page.
pub(in crate::documents) fn code_page(page: i32) -> Option<&'static Encoding> {
    let label = match page {
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        1361 => "euc-kr".to_owned(),
        10_000 => "macintosh".to_owned(),
        10_007 => "x-mac-cyrillic".to_owned(),
        20_866 => "koi8-r".to_owned(),
        21_866 => "koi8-u".to_owned(),
        20_932 | 51_932 => "euc-jp".to_owned(),
        50_220..=50_222 => "iso-2022-jp".to_owned(),
        51_949 => "euc-kr".to_owned(),
        54_936 => "gb18030".to_owned(),
        65_001 => "utf-8".to_owned(),
        1200 => "utf-16le".to_owned(),
        1201 => "utf-16be".to_owned(),
        20_127 => "us-ascii".to_owned(),
        28_591..=28_606 => format!("iso-8859-{}", page - 28_590),
        page => format!("windows-{page}"),
    };
    match page {
        866 => Some(encoding_rs::IBM866),
        437 | 850 | 852 | 858 => None,
        _ => Encoding::for_label(label.as_bytes()),
    }
}
