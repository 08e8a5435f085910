//! SQLite databases: every row of every table, by a small reader of its b-trees; bounded, without recursion, damage passed over.

use super::Output;
use crate::{DocumentRequest, Kind, Reason, detect, is_document};

/// Octets of one row.
const MAX_ROW: usize = 16 << 20;
/// Files in columns that are handed on.
const MAX_FILES: usize = 1_000;

/// The schema, then the rows of each table.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let file = File::parse(request.octets).ok_or(Reason::Corrupt)?;
    let mut tables = Vec::new();
    let mut whole = file.rows(1, out, &mut |_, row, out| {
        let text = |index: usize| match row.get(index) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        };
        if let (true, Some(Value::Integer(root))) = (text(0) == "table", row.get(3))
            && let Ok(root) = u32::try_from(*root)
            && root > 0
        {
            tables.push((text(1), root, row_number_column(&text(4))));
        }
        out.text("schema", Kind::Property, text(4))
    })?;
    let mut files = 0;
    for (name, root, column) in tables {
        out.at(&name);
        whole &= file.rows(root, out, &mut |id, mut row, out| {
            if let Some(value @ Value::Null) = column.and_then(|column| row.get_mut(column)) {
                *value = Value::Integer(id);
            }
            emit(&name, id, row, &mut files, out)
        })?;
    }
    if whole { Ok(()) } else { Err(Reason::Corrupt) }
}

/// The column that is the number of its row: its place in the record is empty, and programs show the number there.
fn row_number_column(sql: &str) -> Option<usize> {
    let sql = sql.to_ascii_lowercase();
    let columns: Vec<&str> = columns(sql.get(sql.find('(')? + 1..sql.rfind(')')?)?);
    if sql.ends_with("without rowid") {
        return None;
    }
    let is_integer = |rest: &str| rest.split_whitespace().next() == Some("integer");
    let key = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").contains("primary key");
    let at =
        columns.iter().map(|column| name_and_rest(column).1).position(|rest| is_integer(rest) && key(rest));
    at.or_else(|| {
        // As a constraint of the table, of one column.
        let told = columns.iter().find(|column| key(column) && column.contains('('))?;
        let named = told.get(told.find('(')? + 1..told.rfind(')')?).filter(|named| !named.contains(','))?;
        let named = name_and_rest(named).0;
        columns
            .iter()
            .map(|column| name_and_rest(column))
            .position(|(name, rest)| name == named && is_integer(rest))
    })
}

/// A name, quoted or not, and what follows it.
fn name_and_rest(column: &str) -> (&str, &str) {
    let column = column.trim();
    let quoted = ["\"\"", "``", "''", "[]"].into_iter().find_map(|quotes| {
        let (open, close) = quotes.split_at(1);
        column.strip_prefix(open)?.split_once(close)
    });
    quoted.or_else(|| column.split_once(char::is_whitespace)).unwrap_or((column, ""))
}

/// What stands between the commas that stand in no brackets.
fn columns(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.collect()
}

fn emit(
    table: &str,
    id: i64,
    row: Vec<Value<'_>>,
    files: &mut usize,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let mut text = String::new();
    for value in row {
        let shown = match value {
            Value::Null => continue,
            Value::Integer(value) => value.to_string(),
            Value::Real(value) => format!("{value}"),
            Value::Text(text) => text,
            Value::Blob(octets) => {
                if is_document(detect(octets, None)) && *files < MAX_FILES {
                    *files += 1;
                    out.spend(octets.len() as u64)?;
                    out.file(format!("{table} row {id}"), octets.to_vec())?;
                    continue;
                }
                match std::str::from_utf8(octets) {
                    Ok(text) => text.to_owned(),
                    Err(_) => continue,
                }
            }
        };
        if !text.is_empty() {
            text.push('\t');
        }
        text.push_str(&shown);
    }
    out.text(format!("{table}!row {id}"), Kind::Text, text)
}

enum Value<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(&'a [u8]),
}

struct File<'a> {
    octets: &'a [u8],
    page: usize,
    usable: usize,
    encoding: &'static encoding_rs::Encoding,
}

type Hear<'h, 'o> = &'h mut dyn FnMut(i64, Vec<Value<'_>>, &mut Output<'o>) -> Result<(), Reason>;

impl<'a> File<'a> {
    fn parse(octets: &'a [u8]) -> Option<Self> {
        let size = usize::from(u16::from_be_bytes([*octets.get(16)?, *octets.get(17)?]));
        let page = if size == 1 { 65_536 } else { size };
        if !page.is_power_of_two() || page < 512 {
            return None;
        }
        let encoding = match octets.get(59)? {
            2 => encoding_rs::UTF_16LE,
            3 => encoding_rs::UTF_16BE,
            _ => encoding_rs::UTF_8,
        };
        Some(Self { octets, page, usable: page.checked_sub((*octets.get(20)?).into())?, encoding })
    }

    fn page_at(&self, number: u32) -> Option<&'a [u8]> {
        let start = (number.checked_sub(1)? as usize).checked_mul(self.page)?;
        let rest = self.octets.get(start..)?;
        (!rest.is_empty()).then(|| &rest[..rest.len().min(self.page)])
    }

    /// Every row below a root page. Says whether all pages could be read.
    fn rows<'o>(&self, root: u32, out: &mut Output<'o>, hear: Hear<'_, 'o>) -> Result<bool, Reason> {
        let mut seen = vec![false; self.octets.len() / self.page + 2];
        let mut todo = vec![root];
        let mut whole = true;
        while let Some(number) = todo.pop() {
            out.spend(0)?;
            let fresh = seen.get_mut(number as usize).is_some_and(|seen| !std::mem::replace(seen, true));
            let Some(page) = self.page_at(number).filter(|_| fresh) else {
                whole = false;
                continue;
            };
            let head = if number == 1 { 100 } else { 0 };
            let Some(kind) = page.get(head).copied() else { continue };
            let inner = matches!(kind, 2 | 5);
            if !inner && !matches!(kind, 10 | 13) {
                whole = false;
                continue;
            }
            let cells = usize::from(u16_be(page, head + 3).unwrap_or(0));
            let first = head + if inner { 12 } else { 8 };
            let mut below = Vec::new();
            for index in 0..cells.min(page.len() / 2) {
                let Some(at) = u16_be(page, first + 2 * index).map(usize::from) else { break };
                if inner {
                    below.extend(u32_be(page, at));
                }
                if kind != 5 {
                    let start = if inner { at + 4 } else { at };
                    whole &= self.cell(page, start, kind, out, hear)?;
                }
            }
            if inner {
                below.extend(u32_be(page, head + 8));
            }
            todo.extend(below.into_iter().rev());
        }
        Ok(whole)
    }

    fn cell<'o>(
        &self,
        page: &'a [u8],
        at: usize,
        kind: u8,
        out: &mut Output<'o>,
        hear: Hear<'_, 'o>,
    ) -> Result<bool, Reason> {
        let mut at = at;
        let Some(length) = varint(page, &mut at) else { return Ok(false) };
        let id = if kind == 13 { varint(page, &mut at).unwrap_or(0) } else { 0 };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some((payload, whole)) = self.payload(page, at, length, kind == 13) else { return Ok(false) };
        match self.record(&payload) {
            Some(row) => hear(id, row, out)?,
            None => return Ok(false),
        }
        Ok(whole)
    }

    /// A cell's octets with those on overflow pages.
    fn payload(
        &self,
        page: &'a [u8],
        at: usize,
        length: usize,
        table: bool,
    ) -> Option<(std::borrow::Cow<'a, [u8]>, bool)> {
        let usable = self.usable;
        let most = if table {
            usable.checked_sub(35)?
        } else {
            (usable.checked_sub(12)? * 64 / 255).checked_sub(23)?
        };
        let rest = page.get(at..)?;
        if length <= most {
            let octets = &rest[..length.min(rest.len())];
            return Some((octets.into(), octets.len() == length));
        }
        let least = (usable.checked_sub(12)? * 32 / 255).checked_sub(23)?;
        let fitting = least + (length - least) % usable.checked_sub(4)?;
        let local = if fitting <= most { fitting } else { least };
        let mut octets = rest.get(..local)?.to_vec();
        let mut next = u32_be(rest, local)?;
        let wanted = length.min(MAX_ROW);
        for _ in 0..self.octets.len() / self.page + 1 {
            let Some(more) = self.page_at(next).filter(|_| octets.len() < wanted) else { break };
            let taken = (wanted - octets.len()).min(usable - 4);
            octets.extend_from_slice(more.get(4..4 + taken).unwrap_or_default());
            next = u32_be(more, 0)?;
        }
        let whole = octets.len() == length;
        Some((octets.into(), whole))
    }

    fn record<'p>(&self, payload: &'p [u8]) -> Option<Vec<Value<'p>>> {
        let mut at = 0;
        let head = usize::try_from(varint(payload, &mut at)?).ok()?;
        let mut data = payload.get(head..)?;
        let mut row = Vec::new();
        while at < head && row.len() < 32_768 {
            let kind = varint(payload, &mut at)?;
            let length = match kind {
                0 | 8 | 9 => 0,
                1..=4 => kind as usize,
                5 => 6,
                6 | 7 => 8,
                12.. => usize::try_from((kind - 12) / 2).ok()?,
                _ => return Some(row),
            };
            let value = &data[..length.min(data.len())];
            data = &data[value.len()..];
            row.push(match kind {
                0 => Value::Null,
                8 | 9 => Value::Integer(kind - 8),
                7 => Value::Real(value.try_into().map_or(0.0, f64::from_be_bytes)),
                1..=6 => Value::Integer(integer(value)),
                _ if kind % 2 == 1 => {
                    Value::Text(self.encoding.decode_without_bom_handling(value).0.into_owned())
                }
                _ => Value::Blob(value),
            });
        }
        Some(row)
    }
}

fn integer(octets: &[u8]) -> i64 {
    let start = if octets.first().is_some_and(|octet| octet & 0x80 != 0) { -1 } else { 0 };
    octets.iter().fold(start, |value, octet| value << 8 | i64::from(*octet))
}

fn u16_be(octets: &[u8], at: usize) -> Option<u16> {
    let pair = octets.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([pair[0], pair[1]]))
}

fn u32_be(octets: &[u8], at: usize) -> Option<u32> {
    let four = octets.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}

/// A variable-length integer: seven bits an octet, all eight of a ninth.
fn varint(octets: &[u8], at: &mut usize) -> Option<i64> {
    let mut value = 0_u64;
    for index in 0..9 {
        let octet = *octets.get(*at)?;
        *at += 1;
        if index == 8 {
            return Some((value << 8 | u64::from(octet)).cast_signed());
        }
        value = value << 7 | u64::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            break;
        }
    }
    Some(value.cast_signed())
}
