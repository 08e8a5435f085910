//! Zip archives. The central directory says what is in them; local headers are read too, for some programs believe those.

use std::collections::BTreeSet;
use std::io::Cursor;

use zip::ZipArchive;
use zip::result::ZipError;

use super::Output;
use crate::{AmbiguityReason, DocumentRequest, Reason};

/// Every file of the archive.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut archive = ZipArchive::new(Cursor::new(request.octets)).map_err(|_| Reason::Corrupt)?;
    let mut listed = BTreeSet::new();
    for index in 0..archive.len() {
        if index >= request.limits.parts as usize {
            return Err(Reason::TooManyParts);
        }
        let name = entry(&mut archive, index, request, out)?;
        listed.insert(name);
    }
    if local_names(request.octets).any(|name| !listed.contains(&name)) {
        out.ambiguous("", AmbiguityReason::ContainerDisagreement);
    }
    Ok(())
}

fn entry(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    request: &DocumentRequest<'_>,
    out: &mut Output<'_>,
) -> Result<String, Reason> {
    let (name, encrypted, is_dir) = match archive.by_index_raw(index) {
        Ok(file) => (name_of(&file, index), file.encrypted(), file.is_dir()),
        Err(_) => {
            out.unscannable(&format!("entry {}", index + 1), Reason::Corrupt);
            return Ok(String::new());
        }
    };
    if is_dir {
        return Ok(name);
    }
    if encrypted {
        unlock(archive, index, &name, request, out)?;
        return Ok(name);
    }
    match archive.by_index(index) {
        Ok(file) => take(file, &name, out)?,
        Err(ZipError::UnsupportedArchive(_)) => out.unscannable(&name, Reason::Unsupported(request.kind)),
        Err(_) => out.unscannable(&name, Reason::Corrupt),
    }
    Ok(name)
}

/// The entry's name; one that cannot be read is called by its number.
fn name_of<R: std::io::Read + ?Sized>(file: &zip::read::ZipFile<'_, R>, index: usize) -> String {
    file.name().map_or_else(|_| format!("entry {}", index + 1), |name| name.into_owned())
}

fn unlock(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    name: &str,
    request: &DocumentRequest<'_>,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    for password in request.passwords.iter().take(32) {
        if let Ok(file) = archive.by_index_decrypt(index, password.as_bytes()) {
            let (octets, read) = out.read(file);
            // The old cipher tells a wrong password only by chance: the checksum tells for sure.
            if read.is_ok() {
                return out.file(name.to_owned(), octets);
            }
        }
    }
    out.locked(name.to_owned());
    Ok(())
}

fn take(file: impl std::io::Read, name: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let (octets, read) = out.read(file);
    if !octets.is_empty() || read.is_ok() {
        out.file(name.to_owned(), octets)?;
    }
    match read {
        Ok(()) => Ok(()),
        Err(Reason::Corrupt) => {
            out.unscannable(name, Reason::Corrupt);
            Ok(())
        }
        Err(reason) => Err(reason),
    }
}

/// Names in local headers, from front to back.
fn local_names(octets: &[u8]) -> impl Iterator<Item = String> {
    let starts = memchr::memmem::find_iter(octets, b"PK\x03\x04").take(10_000);
    starts.filter_map(|at| {
        let length = usize::from(u16::from_le_bytes(octets.get(at + 26..at + 28)?.try_into().ok()?));
        let method = u16::from_le_bytes(octets.get(at + 8..at + 10)?.try_into().ok()?);
        let name = octets.get(at + 30..at + 30 + length)?;
        // A signature inside packed octets is no header: its method and name would be noise.
        let plausible = length > 0 && length < 512 && method <= 99 && name.iter().all(|octet| *octet >= b' ');
        plausible.then(|| String::from_utf8_lossy(name).into_owned())
    })
}
