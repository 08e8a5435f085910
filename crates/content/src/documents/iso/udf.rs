//! The tree of UDF (ECMA-167 and OSTA's UDF 2.60), which Windows and macOS show rather than the others of an image that has it.

use std::collections::BTreeSet;

use super::{Extent, Image, SECTOR, Tree};

/// Kinds of descriptors by their tags (ECMA-167 3/7.2.1, 4/7.2.1).
const ANCHOR: u16 = 2;
const PARTITION: u16 = 5;
const LOGICAL_VOLUME: u16 = 6;
const TERMINATOR: u16 = 8;
const FILE_SET: u16 = 256;
const NAME_IN_A_FOLDER: u16 = 257;
const FILE_ENTRY: u16 = 261;
const EXTENDED_FILE_ENTRY: u16 = 266;

/// Descriptors of a volume; honest ones have less than ten.
const MOST_DESCRIPTORS: usize = 64;
/// Pieces that one file may lie in.
const MOST_EXTENTS: usize = 4096;

/// The whole tree, with its label; none if it is not there or on a partition whose blocks are moved (virtual, sparable, metadata).
pub(super) fn tree(image: &Image<'_>) -> Option<(String, Tree)> {
    let volume = Volume::read(image)?;
    let mut tree = Tree::default();
    let mut seen = BTreeSet::new();
    // Folders that overlap must not cost more than the image is long, a few times.
    let mut left = image.octets.len().saturating_mul(4);
    let mut folders = vec![(String::new(), volume.root)];
    while let Some((path, at)) = folders.pop() {
        if !seen.insert(at) {
            continue;
        }
        let Some(entry) = volume.entry(at) else {
            tree.damaged = true;
            continue;
        };
        let octets = entry.octets(image, &mut left);
        tree.damaged |= (octets.len() as u64) < entry.size;
        for name in Names(&octets) {
            let Some((name, flags, block)) = name else {
                tree.damaged = true;
                break;
            };
            // Deleted, and the folder that this one is in.
            if flags & (DELETED | PARENT) != 0 {
                continue;
            }
            let name = format!("{path}{name}");
            let at = volume.partition.saturating_add(block.saturating_mul(SECTOR));
            if flags & FOLDER != 0 {
                folders.push((format!("{name}/"), at));
                continue;
            }
            let Some(file) = volume.entry(at) else {
                tree.damaged = true;
                continue;
            };
            if let Some(streams) = file.streams {
                folders.push((format!("{name}:"), streams));
            }
            tree.files.push((name, file.extents));
        }
        if tree.files.len() + folders.len() > image.most {
            tree.cut = true;
            break;
        }
    }
    Some((volume.label, tree))
}

const FOLDER: u8 = 2;
const DELETED: u8 = 4;
const PARENT: u8 = 8;

/// What is needed of a logical volume on one plain partition.
struct Volume<'i, 'a> {
    image: &'i Image<'a>,
    /// Octet at which the partition begins.
    partition: usize,
    /// Octet at which the root's entry stands.
    root: usize,
    label: String,
}

impl<'i, 'a> Volume<'i, 'a> {
    fn read(image: &'i Image<'a>) -> Option<Self> {
        let sectors = image.octets.len() / SECTOR;
        let anchors = [256, sectors.checked_sub(1)?, sectors.saturating_sub(257)];
        anchors.into_iter().find_map(|anchor| {
            let anchor = descriptor(image, anchor, ANCHOR)?;
            [16, 24].into_iter().find_map(|place| {
                let (length, first) = (u32_at(anchor, place)? as usize, u32_at(anchor, place + 4)? as usize);
                Self::of_sequence(image, first, length / SECTOR)
            })
        })
    }

    /// By the descriptors of a volume; the last of each kind counts.
    fn of_sequence(image: &'i Image<'a>, first: usize, count: usize) -> Option<Self> {
        let (mut partitions, mut logical) = (Vec::new(), None);
        for number in 0..count.min(MOST_DESCRIPTORS) {
            let sector = sector(image, first.saturating_add(number))?;
            match u16_at(sector, 0)? {
                PARTITION => partitions.push((u16_at(sector, 22)?, u32_at(sector, 188)? as usize)),
                LOGICAL_VOLUME => logical = Some(sector),
                TERMINATOR => break,
                _ => {}
            }
        }
        let logical = logical?;
        // One map, of a partition whose blocks are where they are; blocks of a sector.
        let maps = logical.get(440..)?;
        if u32_at(logical, 268)? != 1 || maps.first() != Some(&1) || u32_at(logical, 212)? as usize != SECTOR
        {
            return None;
        }
        let number = u16_at(maps, 4)?;
        let (_, start) = partitions.into_iter().rfind(|(of, _)| *of == number)?;
        let set = descriptor(image, start.saturating_add(u32_at(logical, 252)? as usize), FILE_SET)?;
        let root = start.saturating_add(u32_at(set, 404)? as usize).saturating_mul(SECTOR);
        // The name takes the field but for its last octet, which tells its length.
        let label = logical.get(84..212)?;
        let label = characters(label.get(..usize::from(label[127]).min(127))?);
        Some(Self { image, partition: start.saturating_mul(SECTOR), root, label })
    }

    /// The entry of a file or folder at an octet of the image.
    fn entry(&self, at: usize) -> Option<Entry> {
        let sector = self.image.octets.get(at..)?;
        let sector = &sector[..sector.len().min(SECTOR)];
        let (lengths, streams) = match u16_at(sector, 0)? {
            FILE_ENTRY => (168, None),
            EXTENDED_FILE_ENTRY => {
                (208, u32_at(sector, 152).filter(|length| *length > 0).and(u32_at(sector, 156)))
            }
            _ => return None,
        };
        let size = u64::from_le_bytes(*sector.get(56..)?.first_chunk()?);
        let (attributes, length) = (u32_at(sector, lengths)? as usize, u32_at(sector, lengths + 4)? as usize);
        let from = (lengths + 8).saturating_add(attributes);
        let streams =
            streams.map(|block| self.partition.saturating_add((block as usize).saturating_mul(SECTOR)));
        let place = sector.get(from..from.saturating_add(length).min(sector.len()))?;
        let extents = match u16_at(sector, 34)? & 7 {
            short @ (0 | 1) => self.extents(place, if short == 0 { 8 } else { 16 }, size)?,
            // The octets stand in the entry itself.
            3 => vec![Extent {
                at: at + from,
                size: place.len().min(usize::try_from(size).unwrap_or(usize::MAX)),
            }],
            _ => return None,
        };
        Some(Entry { size, extents, streams })
    }

    /// Where octets lie by a list of allocation descriptors, as far as something was recorded there.
    fn extents(&self, mut list: &'a [u8], step: usize, size: u64) -> Option<Vec<Extent>> {
        let mut extents: Vec<Extent> = Vec::new();
        let mut left = usize::try_from(size).unwrap_or(usize::MAX);
        for _ in 0..MOST_EXTENTS {
            let (Some(length), Some(block)) = (u32_at(list, 0), u32_at(list, 4)) else {
                return Some(extents);
            };
            let at = self.partition.saturating_add((block as usize).saturating_mul(SECTOR));
            let (kind, length) = (length >> 30, (length & 0x3fff_ffff) as usize);
            list = list.get(step..).unwrap_or_default();
            match kind {
                _ if length == 0 || left == 0 => return Some(extents),
                // More of the list.
                3 => {
                    let more = self.image.octets.get(at..)?;
                    let used = u32_at(more, 20)? as usize;
                    list = more.get(24..24_usize.saturating_add(used).min(more.len()))?;
                }
                0 => {
                    let size = length.min(left);
                    match extents.last_mut().filter(|last| last.at + last.size == at) {
                        Some(last) => last.size += size,
                        None => extents.push(Extent { at, size }),
                    }
                    left -= size;
                }
                // A hole.
                _ => left -= length.min(left),
            }
        }
        None
    }
}

/// A file or folder.
struct Entry {
    size: u64,
    extents: Vec<Extent>,
    /// Octet at which the entry of the folder of its further streams stands.
    streams: Option<usize>,
}

impl Entry {
    fn octets(&self, image: &Image<'_>, left: &mut usize) -> Vec<u8> {
        let mut octets = Vec::new();
        for extent in &self.extents {
            let piece = image.at(*extent);
            let piece = &piece[..piece.len().min(*left)];
            *left -= piece.len();
            octets.extend_from_slice(piece);
        }
        octets
    }
}

/// Names in a folder with their flags and the block of their entries; none where one is damaged.
struct Names<'f>(&'f [u8]);

impl Iterator for Names<'_> {
    type Item = Option<(String, u8, usize)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let one = self.one();
        if one.is_none() {
            self.0 = &[];
        }
        Some(one)
    }
}

impl Names<'_> {
    fn one(&mut self) -> Option<(String, u8, usize)> {
        let octets = self.0;
        if u16_at(octets, 0)? != NAME_IN_A_FOLDER {
            return None;
        }
        let (flags, length) = (*octets.get(18)?, usize::from(*octets.get(19)?));
        let block = u32_at(octets, 24)? as usize;
        let from = 38 + usize::from(u16_at(octets, 36)?);
        let name = characters(octets.get(from..from + length)?);
        self.0 = octets.get((from + length).next_multiple_of(4)..).unwrap_or_default();
        Some((name, flags, block))
    }
}

/// OSTA's compressed Unicode (UDF 2.1.1): its first octet tells how many bits each character has.
fn characters(octets: &[u8]) -> String {
    match octets.split_first() {
        Some((8 | 254, rest)) => rest.iter().map(|octet| char::from(*octet)).collect(),
        Some((16 | 255, rest)) => super::wide(rest),
        _ => String::new(),
    }
}

fn descriptor<'a>(image: &Image<'a>, number: usize, kind: u16) -> Option<&'a [u8]> {
    sector(image, number).filter(|sector| u16_at(sector, 0) == Some(kind))
}

fn sector<'a>(image: &Image<'a>, number: usize) -> Option<&'a [u8]> {
    let at = number.checked_mul(SECTOR)?;
    image.octets.get(at..at.checked_add(SECTOR)?)
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*octets.get(at..)?.first_chunk()?))
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*octets.get(at..)?.first_chunk()?))
}
