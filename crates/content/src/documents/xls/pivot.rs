//! What a workbook keeps of the source of a pivot table ([MS-XLS] 2.1.7.10): its columns and values, also where no sheet has them any more.

use super::number::{float, plain};
use super::strings::Joined;
use crate::documents::Output;
use crate::documents::ole::u16_at;
use crate::{Kind, Reason};

const FIELD: u16 = 0xc7;
const NUMBER: u16 = 0xc9;
const INTEGER: u16 = 0xcc;
const STRING: u16 = 0xcd;
const DATE: u16 = 0xce;

/// The values of one stream, one a line.
pub(in crate::documents) fn read(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let mut all = String::new();
    let mut at = 0;
    while let (Some(id), Some(length)) = (u16_at(octets, at), u16_at(octets, at + 2)) {
        let rest = &octets[at + 4..];
        let data = &rest[..rest.len().min(length.into())];
        let value = match id {
            FIELD => string(data.get(14..).unwrap_or_default()),
            STRING => string(data),
            NUMBER => data.get(..8).map(|value| plain(float(value))),
            INTEGER => u16_at(data, 0).map(|value| value.cast_signed().to_string()),
            DATE => date(data),
            _ => None,
        };
        if let Some(value) = value {
            all.push_str(&value);
            all.push('\n');
        }
        if data.len() < length.into() {
            out.unscannable("pivot values", Reason::Corrupt);
        }
        at += 4 + usize::from(length);
    }
    out.text("pivot values", Kind::Hidden, all)
}

fn string(data: &[u8]) -> Option<String> {
    Joined::new(&[data], encoding_rs::WINDOWS_1252).rich(2)
}

fn date(data: &[u8]) -> Option<String> {
    let [year, more, month, _, day, hour, minute, second, ..] = data else { return None };
    let year = u16::from_le_bytes([*year, *more]);
    Some(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"))
}
