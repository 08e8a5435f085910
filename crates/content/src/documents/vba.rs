//! Source text of VBA macros ([MS-OVBA]): modules found by the project's directory, unpacked within bounds.

use super::Output;
use super::cfb::Cfb;
use super::ole::{Fields, ansi};
use crate::{Kind, Reason};

/// Source text of one module.
const MAX_SOURCE: usize = 16 << 20;
/// Modules of one project.
const MAX_MODULES: usize = 4_096;

/// The modules of the project in `storage`.
pub(super) fn read(file: &Cfb<'_>, storage: usize, place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let Some(directory) = file.stream(storage, "dir") else { return Ok(()) };
    for module in modules(&unpack(&directory)) {
        let Some(stream) = file.stream(storage, &module.stream) else { continue };
        let source = unpack(stream.get(module.offset as usize..).unwrap_or_default());
        let spot = if place.is_empty() {
            format!("macro {}", module.name)
        } else {
            format!("{place} macro {}", module.name)
        };
        out.text(spot, Kind::Script, ansi_text(&source))?;
    }
    Ok(())
}

fn ansi_text(octets: &[u8]) -> String {
    crate::charset::utf8_or_guess(octets).into_owned()
}

#[derive(Default)]
struct Module {
    name: String,
    stream: String,
    offset: u32,
}

fn modules(directory: &[u8]) -> Vec<Module> {
    let mut found = Vec::new();
    let mut module = Module::default();
    let mut fields = Fields(directory);
    while let (Some(id), Some(size)) = (fields.u16(), fields.u32()) {
        // The one record whose size lies, by the specification.
        let size = if id == 9 { 6 } else { size };
        let Some(data) = fields.take(size as usize) else { break };
        match id {
            0x19 => module.name = ansi(data),
            0x1a => module.stream = ansi(data),
            0x32 => module.stream = super::ole::wide(data),
            0x31 => module.offset = Fields(data).u32().unwrap_or(0),
            0x2b if found.len() < MAX_MODULES => found.push(std::mem::take(&mut module)),
            _ => {}
        }
    }
    found
}

/// Undoes the compression of 2.4.1; what was unpacked before damage counts.
fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut fields = Fields(packed);
    let mut octets = Vec::new();
    if fields.u8() != Some(1) {
        return octets;
    }
    while let Some(header) = fields.u16() {
        let size = usize::from(header & 0x0fff) + 1;
        let taken = size.min(fields.0.len());
        let Some(chunk) = fields.take(taken) else { break };
        if octets.len() > MAX_SOURCE {
            break;
        }
        match header & 0x8000 {
            0 => octets.extend_from_slice(chunk),
            _ => unpack_chunk(chunk, &mut octets),
        }
    }
    octets
}

fn unpack_chunk(chunk: &[u8], octets: &mut Vec<u8>) {
    let start = octets.len();
    let mut fields = Fields(chunk);
    while let Some(flags) = fields.u8() {
        for bit in 0..8 {
            if flags >> bit & 1 == 0 {
                match fields.u8() {
                    Some(octet) => octets.push(octet),
                    None => return,
                }
                continue;
            }
            let Some(token) = fields.u16() else { return };
            let so_far = octets.len() - start;
            let bits = (4..=12).find(|bits| 1_usize << bits >= so_far).unwrap_or(12);
            let length = usize::from(token & (0xffff >> bits)) + 3;
            let back = usize::from(token >> (16 - bits)) + 1;
            if back > so_far {
                return;
            }
            for _ in 0..length.min(4096) {
                octets.push(octets[octets.len() - back]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_s_own_example_unpacks() {
        // [MS-OVBA] 3.2.2
        let packed = b"\x01\x2f\xb0\x00\x23\x61\x61\x61\x62\x63\x64\x65\x82\x66\x00\x70\x61\x67\x68\x69\x6a\x01\x38\x08\
            \x61\x6b\x6c\x00\x30\x6d\x6e\x6f\x70\x06\x71\x02\x70\x04\x10\x72\x73\x74\x75\x76\x10\x77\x78\x79\x7a\x00\x3c";
        assert_eq!(unpack(packed), b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa");
    }

    #[test]
    fn repetition_without_anything_before_it_ends_the_chunk() {
        assert_eq!(unpack(b"\x01\x02\xb0\x01\xff\xff"), b"");
    }
}
