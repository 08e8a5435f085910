//! Which code page the octets of a font are in.

use std::borrow::Cow;
use std::collections::HashMap;

use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1252};

/// Code pages of the document and its fonts.
#[derive(Debug)]
pub(super) struct Charsets {
    document: &'static Encoding,
    fonts: HashMap<i32, &'static Encoding>,
    pub(super) default_font: i32,
}

impl Default for Charsets {
    fn default() -> Self {
        Self { document: WINDOWS_1252, fonts: HashMap::new(), default_font: -1 }
    }
}

impl Charsets {
    /// `\ansicpg`, `\mac` and their like.
    pub(super) fn document(&mut self, word: &str, value: Option<i32>) {
        let encoding = match word {
            "ansicpg" => code_page(value.unwrap_or(1252)),
            "mac" => Some(MACINTOSH),
            _ => Some(WINDOWS_1252),
        };
        self.document = encoding.unwrap_or(WINDOWS_1252);
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
        if let Some(encoding) = code_page(page)
            && self.fonts.len() < 10_000
        {
            self.fonts.insert(font, encoding);
        }
    }

    pub(super) fn decode<'t>(&self, font: i32, octets: &'t [u8]) -> Cow<'t, str> {
        let font = if font < 0 { self.default_font } else { font };
        let encoding = self.fonts.get(&font).copied().unwrap_or(self.document);
        encoding.decode_without_bom_handling(octets).0
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
