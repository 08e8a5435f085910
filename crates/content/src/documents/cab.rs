//! Microsoft cabinets: stored, MSZIP and LZX folders are opened; files of Quantum are named.

use std::time::Instant;

use flate2::{Decompress, FlushDecompress, Status};
use lzxd::{Lzxd, WindowSize};

use super::Output;
use crate::{DocumentRequest, FileKind, Reason};

/// What a data block unpacks to at most, and how far back it may refer (octets).
const BLOCK: usize = 32 << 10;

/// Every file of the cabinet.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let cabinet = Cabinet::read(request.octets).ok_or(Reason::Corrupt)?;
    let mut at = cabinet.first_file;
    let mut open_folder: Option<(usize, Unpacked)> = None;
    for _ in 0..cabinet.files {
        let Some((file, next)) = cabinet.file(at) else { return Err(Reason::Corrupt) };
        at = next;
        out.at(&file.name);
        if file.folder >= cabinet.folders.len() {
            // It begins or ends in another cabinet.
            out.named(&file.name, Reason::Unsupported(FileKind::Cab))?;
            continue;
        }
        if open_folder.as_ref().is_none_or(|(number, _)| *number != file.folder) {
            open_folder = Some((file.folder, cabinet.unpack(file.folder, out)));
        }
        let Some((_, (octets, read))) = &open_folder else { continue };
        let end = file.start.saturating_add(file.size);
        let content = octets.get(file.start.min(octets.len())..end.min(octets.len())).unwrap_or_default();
        match read {
            Err(reason @ (Reason::TooBig | Reason::Ratio | Reason::Timeout)) => {
                out.partial_file(file.name, content.to_vec())?;
                return Err(reason.clone());
            }
            Err(reason) if end > octets.len() => {
                out.named(&file.name, reason.clone())?;
                if !content.is_empty() {
                    out.partial_file(file.name, content.to_vec())?;
                }
            }
            _ if end > octets.len() => out.named(&file.name, Reason::Corrupt)?,
            _ => out.file(file.name, content.to_vec())?,
        }
    }
    Ok(())
}

/// A folder's octets, and what was wrong behind them.
type Unpacked = (Vec<u8>, Result<(), Reason>);

struct Folder {
    data: usize,
    blocks: usize,
    method: u16,
}

struct File {
    name: String,
    size: usize,
    start: usize,
    folder: usize,
}

struct Cabinet<'a> {
    octets: &'a [u8],
    folders: Vec<Folder>,
    first_file: usize,
    files: usize,
    /// Octets of each data block's header that programs keep for themselves.
    reserved: usize,
}

impl<'a> Cabinet<'a> {
    fn read(octets: &'a [u8]) -> Option<Self> {
        let first_file = u32_at(octets, 16)? as usize;
        let (folder_count, files, flags) = (u16_at(octets, 26)?, u16_at(octets, 28)?, u16_at(octets, 30)?);
        let mut at = 36;
        let (mut in_folder, mut reserved) = (0, 0);
        if flags & 4 != 0 {
            (in_folder, reserved) = (usize::from(*octets.get(38)?), usize::from(*octets.get(39)?));
            at += 4 + usize::from(u16_at(octets, 36)?);
        }
        // Names of the cabinets and disks before and after.
        for flag in [1, 1, 2, 2].into_iter().filter(|flag| flags & flag != 0) {
            let _ = flag;
            at += 1 + memchr::memchr(0, octets.get(at..)?)?;
        }
        let mut folders = Vec::new();
        for _ in 0..folder_count {
            let data = u32_at(octets, at)? as usize;
            let (blocks, method) = (u16_at(octets, at + 4)?, u16_at(octets, at + 6)?);
            folders.push(Folder { data, blocks: blocks.into(), method });
            at += 8 + in_folder;
        }
        Some(Self { octets, folders, first_file, files: files.into(), reserved })
    }

    fn file(&self, at: usize) -> Option<(File, usize)> {
        let name_at = at.checked_add(16)?;
        let length =
            memchr::memchr(0, self.octets.get(name_at..)?.get(..1024.min(self.octets.len() - name_at))?)?;
        let file = File {
            name: crate::charset::utf8_or_guess(&self.octets[name_at..name_at + length]).into_owned(),
            size: u32_at(self.octets, at)? as usize,
            start: u32_at(self.octets, at + 4)? as usize,
            folder: u16_at(self.octets, at + 8)?.into(),
        };
        Some((file, name_at + length + 1))
    }

    fn unpack(&self, folder: usize, out: &mut Output<'_>) -> Unpacked {
        let folder = &self.folders[folder];
        let mut all = Vec::new();
        let Some(mut method) = Method::of(folder.method) else {
            return (all, Err(Reason::Unsupported(FileKind::Cab)));
        };
        let mut at = folder.data;
        for _ in 0..folder.blocks {
            let Some((packed, size, next)) = self.block(at) else { return (all, Err(Reason::Corrupt)) };
            at = next;
            if let Err(reason) = out.spend(size as u64) {
                return (all, Err(reason));
            }
            // Blocks of LZX that make new codes all the time are slow for what comes out of them.
            if Instant::now() >= out.deadline {
                return (all, Err(Reason::Timeout));
            }
            if method.unpack(packed, size, &mut all).is_none() {
                return (all, Err(Reason::Corrupt));
            }
        }
        (all, Ok(()))
    }

    fn block(&self, at: usize) -> Option<(&'a [u8], usize, usize)> {
        let (packed, size) = (u16_at(self.octets, at + 4)?, u16_at(self.octets, at + 6)?);
        let data = at.checked_add(8 + self.reserved)?;
        let end = data + usize::from(packed);
        Some((self.octets.get(data..end)?, size.into(), end))
    }
}

/// How the blocks of a folder are packed.
enum Method {
    Stored,
    Mszip,
    /// One stream over all blocks.
    Lzx(Box<Lzxd>),
}

impl Method {
    /// The low four bits are the method, those from the ninth on the window of LZX: 2^15 to 2^21 octets.
    fn of(method: u16) -> Option<Self> {
        Some(match (method & 0xf, method >> 8 & 0x1f) {
            (0, _) => Self::Stored,
            (1, _) => Self::Mszip,
            (3, bits) => Self::Lzx(Box::new(Lzxd::new(window(bits)?))),
            _ => return None,
        })
    }

    /// One block behind all that came before it.
    fn unpack(&mut self, packed: &[u8], size: usize, all: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Stored => all.extend_from_slice(packed),
            Self::Mszip => {
                let block = inflate(packed, size, all)?;
                all.extend(block);
            }
            // The decoder reads on to the end of what is packed if it gets past the size.
            Self::Lzx(stream) if size <= BLOCK => {
                all.extend_from_slice(stream.decompress_next(packed, size).ok()?)
            }
            Self::Lzx(_) => return None,
        }
        Some(())
    }
}

fn window(bits: u16) -> Option<WindowSize> {
    Some(match bits {
        15 => WindowSize::KB32,
        16 => WindowSize::KB64,
        17 => WindowSize::KB128,
        18 => WindowSize::KB256,
        19 => WindowSize::KB512,
        20 => WindowSize::MB1,
        21 => WindowSize::MB2,
        _ => return None,
    })
}

/// One MSZIP block: deflate that may refer to what came before it.
fn inflate(packed: &[u8], size: usize, before: &[u8]) -> Option<Vec<u8>> {
    let packed = packed.strip_prefix(b"CK")?;
    let mut inflater = Decompress::new(false);
    let window = &before[before.len().saturating_sub(BLOCK)..];
    if !window.is_empty() {
        inflater.set_dictionary(window).ok()?;
    }
    let mut block = Vec::with_capacity(size.max(1));
    let status = inflater.decompress_vec(packed, &mut block, FlushDecompress::Finish).ok()?;
    (block.len() == size && matches!(status, Status::StreamEnd | Status::Ok | Status::BufError))
        .then_some(block)
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..at.checked_add(2)?).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..at.checked_add(4)?).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}
