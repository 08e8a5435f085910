//! 7z archives: every block, with the passwords at hand; what stays closed is named.

use std::io::{Cursor, Read};

use sevenz_rust2::{Archive, ArchiveEntry, BlockDecoder, Error, Password};

use super::Output;
use super::packed::LARGEST_DICTIONARY;
use crate::{DocumentRequest, FileKind, Kind, Reason};

const MEMORY_KB: usize = (LARGEST_DICTIONARY as usize >> 10) * 2;
/// Passwords tried: each costs some hundred thousand rounds of a hash.
const MOST_PASSWORDS: usize = 16;
/// A key that takes more rounds than two to this is not tried.
const MOST_ROUNDS: u8 = 21;

/// Every file of the archive.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut source = Cursor::new(request.octets);
    let archive = directory(&mut source, request, out)?;
    for block in 0..archive.blocks.len() {
        let locked = archive.blocks[block].coders.iter().any(|coder| coder.encoder_method_id() == CIPHER);
        match locked {
            true => unlock(&archive, block, &mut source, request, out)?,
            false => {
                let (files, fault) = unpack(&archive, block, &Password::empty(), &mut source, out)?;
                let read = files.len();
                hand_on(files, out)?;
                if let Some(fault) = fault {
                    name_all(&archive, block, &mut source, read, &fault, out)?;
                }
            }
        }
    }
    for entry in archive.files.iter().filter(|entry| !entry.has_stream()) {
        match entry.is_directory() {
            true => out.text("", Kind::FileName, entry.name().to_owned())?,
            false => out.file(entry.name().to_owned(), Vec::new())?,
        }
    }
    Ok(())
}

/// The id of the cipher among the coders.
const CIPHER: &[u8] = &[0x06, 0xf1, 0x07, 0x01];

type Source<'a> = Cursor<&'a [u8]>;

/// The archive's directory, which may be encrypted itself.
fn directory(
    source: &mut Source<'_>,
    request: &DocumentRequest<'_>,
    out: &mut Output<'_>,
) -> Result<Archive, Reason> {
    let first = Archive::read_with_memory_limit(source, &Password::empty(), MEMORY_KB);
    let fault = match first {
        Ok(archive) => return Ok(archive),
        Err(Error::PasswordRequired | Error::MaybeBadPassword(_)) => Reason::Encrypted,
        Err(fault) => return Err(reason(&fault)),
    };
    for password in request.passwords.iter().take(MOST_PASSWORDS) {
        out.spend(0)?;
        if let Ok(archive) = Archive::read_with_memory_limit(source, &password.as_str().into(), MEMORY_KB) {
            return Ok(archive);
        }
    }
    Err(fault)
}

/// Tries the passwords on a block; if none fits, its files are named.
fn unlock(
    archive: &Archive,
    block: usize,
    source: &mut Source<'_>,
    request: &DocumentRequest<'_>,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let dear = archive.blocks[block].coders.iter().any(|coder| {
        coder.encoder_method_id() == CIPHER
            && coder.properties().first().is_some_and(|first| first & 0x3f > MOST_ROUNDS)
    });
    if dear {
        out.unscannable("", Reason::Timeout);
    }
    let tried = if dear { 0 } else { MOST_PASSWORDS };
    for password in request.passwords.iter().take(tried) {
        out.spend(0)?;
        // Octets of a wrong key are noise: the checksum tells.
        if let (files, None) = unpack(archive, block, &password.as_str().into(), source, out)? {
            return hand_on(files, out);
        }
    }
    name_all(archive, block, source, 0, &Error::PasswordRequired, out)
}

fn hand_on(files: Vec<File>, out: &mut Output<'_>) -> Result<(), Reason> {
    files.into_iter().try_for_each(|(name, octets)| out.file(name, octets))
}

type File = (String, Vec<u8>);

/// Unpacks a block's files; with them comes what was wrong with it.
fn unpack(
    archive: &Archive,
    block: usize,
    password: &Password,
    source: &mut Source<'_>,
    out: &mut Output<'_>,
) -> Result<(Vec<File>, Option<Error>), Reason> {
    let decoder = BlockDecoder::new_with_memory_limit(1, MEMORY_KB, block, archive, password, source);
    let mut files = Vec::new();
    let mut bound = None;
    let result = decoder.for_each_entries(&mut |entry: &ArchiveEntry, from: &mut dyn Read| {
        out.at(entry.name());
        if !entry.has_stream() {
            return Ok(true);
        }
        let (octets, read) = out.read(from);
        match read {
            Err(Reason::Corrupt) => return Err(Error::ChecksumVerificationFailed),
            Err(reason) => bound = Some(reason),
            Ok(()) => {}
        }
        files.push((entry.name().to_owned(), octets));
        Ok(bound.is_none())
    });
    match bound {
        Some(reason) => {
            files.into_iter().try_for_each(|(name, octets)| out.partial_file(name, octets))?;
            Err(reason)
        }
        None => Ok((files, result.err())),
    }
}

/// Names the files of a block that could not be read, those after the first `read` ones.
fn name_all(
    archive: &Archive,
    block: usize,
    source: &mut Source<'_>,
    read: usize,
    fault: &Error,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let password = Password::empty();
    let decoder = BlockDecoder::new_with_memory_limit(1, MEMORY_KB, block, archive, &password, source);
    for entry in decoder.entries().iter().filter(|entry| entry.has_stream()).skip(read) {
        match reason(fault) {
            Reason::Encrypted => out.locked(entry.name().to_owned()),
            reason => out.named(entry.name(), reason)?,
        }
    }
    Ok(())
}

fn reason(fault: &Error) -> Reason {
    match fault {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => Reason::Encrypted,
        Error::MaxMemLimited { .. } => Reason::TooBig,
        Error::UnsupportedCompressionMethod(_) | Error::Unsupported(_) | Error::ExternalUnsupported => {
            Reason::Unsupported(FileKind::SevenZip)
        }
        _ => Reason::Corrupt,
    }
}
