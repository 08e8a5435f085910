//! Images of discs: the plain tree of ISO 9660 with Rock Ridge names, the Joliet tree and the one of UDF, the union of all.

mod udf;

use std::collections::{BTreeMap, BTreeSet};

use super::Output;
use crate::{AmbiguityReason, DocumentRequest, Kind, Reason};

const SECTOR: usize = 2048;

/// Every file of the image.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let image = Image { octets: request.octets, most: request.limits.parts as usize };
    let mut trees = Vec::new();
    for number in 16..64 {
        let Some(descriptor) = request.octets.get(number * SECTOR..(number + 1) * SECTOR) else { break };
        if &descriptor[1..6] != b"CD001" || descriptor[0] == 255 {
            break;
        }
        let joliet = matches!(&descriptor[88..91], b"%/@" | b"%/C" | b"%/E");
        match descriptor[0] {
            1 => out.text("volume", Kind::Property, label(&descriptor[40..72], false))?,
            2 => out.text("volume", Kind::Property, label(&descriptor[40..72], joliet))?,
            _ => continue,
        }
        trees.push(image.tree(&descriptor[156..190], joliet));
    }
    if says_udf(request.octets) {
        match udf::tree(&image) {
            Some((label, tree)) => {
                out.text("volume", Kind::Property, label)?;
                trees.push(tree);
            }
            // Windows shows that one, and it need not hold what the others do.
            None => out.unscannable("", Reason::Unsupported(request.kind)),
        }
    } else if trees.is_empty() {
        return Err(Reason::Corrupt);
    }
    files(&image, &trees, out)
}

/// Whether the image says that it has a tree of UDF (ECMA-167 2/9.1).
fn says_udf(octets: &[u8]) -> bool {
    let sectors = (16..64).filter_map(|number| octets.get(number * SECTOR + 1..number * SECTOR + 6));
    sectors.into_iter().any(|sign| matches!(sign, b"NSR02" | b"NSR03"))
}

/// Files by where their octets are; the tree read last has the longer names.
fn files(image: &Image<'_>, trees: &[Tree], out: &mut Output<'_>) -> Result<(), Reason> {
    let mut all: BTreeMap<&[Extent], &str> = BTreeMap::new();
    for tree in trees {
        all.extend(tree.files.iter().map(|(name, extents)| (extents.as_slice(), name.as_str())));
    }
    let count = |tree: &Tree| tree.files.iter().map(|(_, extents)| extents).collect::<BTreeSet<_>>().len();
    if trees.iter().any(|tree| count(tree) != all.len()) {
        out.ambiguous("", AmbiguityReason::ContainerDisagreement);
    }
    for (extents, name) in all {
        out.at(name);
        let mut octets = Vec::new();
        for extent in extents {
            let (piece, read) = out.read(image.at(*extent));
            octets.extend(piece);
            if let Err(reason) = read {
                out.partial_file(name.to_owned(), octets)?;
                return Err(reason);
            }
        }
        if octets.len() < extents.iter().map(|extent| extent.size).sum() {
            out.unscannable(name, Reason::Corrupt);
        }
        out.file(name.to_owned(), octets)?;
    }
    out.at("");
    if trees.iter().any(|tree| tree.cut) {
        return Err(Reason::TooManyParts);
    }
    if trees.iter().any(|tree| tree.damaged) { Err(Reason::Corrupt) } else { Ok(()) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Extent {
    at: usize,
    size: usize,
}

#[derive(Debug, Default)]
struct Tree {
    files: Vec<(String, Vec<Extent>)>,
    damaged: bool,
    cut: bool,
}

struct Image<'a> {
    octets: &'a [u8],
    most: usize,
}

impl<'a> Image<'a> {
    fn at(&self, extent: Extent) -> &'a [u8] {
        let from = self.octets.get(extent.at..).unwrap_or_default();
        &from[..extent.size.min(from.len())]
    }

    /// Walks a tree by a work list; no folder twice.
    fn tree(&self, root: &[u8], joliet: bool) -> Tree {
        let mut tree = Tree::default();
        let mut seen = BTreeSet::new();
        let mut folders = vec![(String::new(), extent(root))];
        while let Some((path, folder)) = folders.pop() {
            if !seen.insert(folder.at) {
                continue;
            }
            tree.damaged |= self.at(folder).len() < folder.size;
            for sector in self.at(folder).chunks(SECTOR) {
                self.records(sector, &path, joliet, &mut tree, &mut folders);
            }
            if tree.files.len() + folders.len() > self.most {
                tree.cut = true;
                break;
            }
        }
        tree
    }

    fn records(
        &self,
        mut sector: &[u8],
        path: &str,
        joliet: bool,
        tree: &mut Tree,
        folders: &mut Vec<(String, Extent)>,
    ) {
        let mut continued = false;
        while let Some(length) =
            sector.first().map(|length| usize::from(*length)).filter(|length| *length > 33)
        {
            let Some((record, rest)) = sector.split_at_checked(length) else {
                tree.damaged = true;
                return;
            };
            sector = rest;
            let Some(name) = record.get(33..33 + usize::from(record[32])) else {
                tree.damaged = true;
                continue;
            };
            // The folder itself and the one it is in.
            if matches!(name, [0] | [1]) {
                continue;
            }
            let name = format!("{path}{}", self.name(record, name, joliet));
            let flags = record[25];
            if flags & 2 != 0 {
                folders.push((format!("{name}/"), extent(record)));
            } else {
                match tree.files.last_mut().filter(|_| continued) {
                    Some((_, extents)) => extents.push(extent(record)),
                    None => tree.files.push((name, vec![extent(record)])),
                }
                continued = flags & 0x80 != 0;
            }
        }
    }

    fn name(&self, record: &[u8], name: &[u8], joliet: bool) -> String {
        if joliet {
            return wide(name).trim_end_matches(";1").to_owned();
        }
        let system = record.get((33 + name.len()).next_multiple_of(2)..).unwrap_or_default();
        rock_ridge(system).unwrap_or_else(|| {
            let plain = crate::charset::utf8_or_guess(name);
            plain.trim_end_matches(";1").trim_end_matches('.').to_owned()
        })
    }
}

/// The alternative name: `NM`, length, version, flags, name; it may come in pieces.
fn rock_ridge(mut fields: &[u8]) -> Option<String> {
    let mut name = Vec::new();
    while let Some(length) = fields.get(2).map(|length| usize::from(*length)).filter(|length| *length >= 4) {
        let (field, rest) = fields.split_at_checked(length)?;
        fields = rest;
        if field.starts_with(b"NM") {
            name.extend_from_slice(field.get(5..).unwrap_or_default());
        }
    }
    (!name.is_empty()).then(|| crate::charset::utf8_or_guess(&name).into_owned())
}

fn extent(record: &[u8]) -> Extent {
    let number = |at: usize| {
        record.get(at..at + 4).map_or(0, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            as usize
    };
    Extent { at: number(2) * SECTOR, size: number(10) }
}

fn label(octets: &[u8], joliet: bool) -> String {
    let label = if joliet { wide(octets) } else { crate::charset::utf8_or_guess(octets).into_owned() };
    label.trim_end_matches(['\0', ' ']).to_owned()
}

fn wide(octets: &[u8]) -> String {
    let units = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
