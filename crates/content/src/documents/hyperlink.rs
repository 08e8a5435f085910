//! Hyperlinks as old Office documents store them ([MS-OSHARED] 2.3.7.1).

use super::ole::{Fields, ansi, wide};

/// Octets in front of one: its class, and the version of what follows.
const FRONT: usize = 20;
/// The class of a moniker that holds an address.
const ADDRESS: &[u8] = b"\xe0\xc9\xea\x79";

/// What a link shows, where it leads and which place there, as far as it can be read; the octets begin with the class of a link.
pub(super) fn text(octets: &[u8]) -> String {
    let mut fields = Fields(octets.get(FRONT..).unwrap_or_default());
    let mut parts = Vec::new();
    let mut read = || -> Option<()> {
        let flags = fields.u32()?;
        let counted = |fields: &mut Fields<'_>| {
            let count = fields.u32()? as usize;
            fields.take(count.checked_mul(2)?).map(wide)
        };
        for flag in [0x10, 0x80] {
            if flags & flag != 0 {
                parts.push(counted(&mut fields)?);
            }
        }
        if flags & 0x101 == 0x101 {
            parts.push(counted(&mut fields)?);
        } else if flags & 1 != 0 {
            let class = fields.take(16)?;
            if class.starts_with(ADDRESS) {
                let size = fields.u32()? as usize;
                parts.push(wide(fields.take(size)?));
            } else {
                fields.u16()?;
                let size = fields.u32()? as usize;
                parts.push(ansi(fields.take(size)?));
                // Behind the short name of a file comes its own, where letters need two octets ([MS-OSHARED] 2.3.7.7).
                fields.take(24)?;
                let size = fields.u32()? as usize;
                let mut long = Fields(fields.take(size)?);
                if let Some(name) = long.u32().and_then(|size| long.0.get(2..(size as usize).checked_add(2)?))
                {
                    parts.push(wide(name));
                }
            }
        }
        if flags & 8 != 0 {
            parts.push(counted(&mut fields)?);
        }
        Some(())
    };
    // A cut record gives what it has.
    let _whole = read();
    parts.join(" ")
}
