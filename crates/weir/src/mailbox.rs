//! Mails and documents as they lie on disk: single files, mbox files, Maildirs, directories; one at a time in memory.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The largest single mail or document that is read (octets).
const MAX_ITEM: u64 = 256 << 20;

/// One thing to look at.
#[derive(Debug)]
pub(crate) struct Item {
    /// Path; with the number of the mail behind a colon for mbox files.
    pub(crate) name: String,
    pub(crate) octets: Vec<u8>,
    /// Octets that it takes on disk.
    pub(crate) size: u64,
    pub(crate) is_mail: bool,
}

/// Calls `see` for each mail or document below `path` (`-` is standard input), in the order of names.
pub(crate) fn each(path: &Path, see: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
    if path == Path::new("-") {
        let octets = bounded(io::stdin().lock()).context("standard input")?;
        return see(item("-".into(), octets));
    }
    let meta = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if meta.is_dir() {
        return each_in_dir(path, see);
    }
    each_in_file(path, see).with_context(|| format!("cannot read {}", path.display()))
}

/// How many files there are, for a progress bar.
pub(crate) fn count(paths: &[PathBuf]) -> u64 {
    sum(paths, |_| 1)
}

/// Octets of all files there are, for a progress bar.
pub(crate) fn size(paths: &[PathBuf]) -> u64 {
    sum(paths, |path| fs::metadata(path).map_or(0, |meta| meta.len()))
}

fn sum(paths: &[PathBuf], of: impl Fn(&Path) -> u64) -> u64 {
    let mut sum = 0;
    let mut dirs: Vec<PathBuf> = paths.to_vec();
    while let Some(path) = dirs.pop() {
        match fs::read_dir(&path) {
            Ok(entries) => {
                // A link may lead back up.
                let entries =
                    entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()));
                dirs.extend(entries.map(|entry| entry.path()));
            }
            Err(_) => sum += of(&path),
        }
    }
    sum
}

fn each_in_dir(dir: &Path, see: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        let entries = fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
        let mut paths =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        for path in paths {
            let meta = fs::symlink_metadata(&path)?;
            if meta.is_dir() {
                dirs.push(path);
            } else if meta.is_file() {
                each_in_file(&path, see).with_context(|| format!("cannot read {}", path.display()))?;
            }
        }
    }
    Ok(())
}

fn each_in_file(path: &Path, see: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
    let name = path.display().to_string();
    let mut start = [0; 5];
    let read = File::open(path)?.read(&mut start)?;
    if &start[..read] == b"From " {
        return each_in_mbox(&name, BufReader::new(File::open(path)?), see);
    }
    see(item(name, bounded(File::open(path)?)?))
}

/// A `From ` line after an empty line (or at the start) begins a mail; `>From ` loses its mark.
fn each_in_mbox(name: &str, mut mbox: impl BufRead, see: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
    let (mut mail, mut number, mut after_empty) = (Vec::new(), 0, true);
    let mut size = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut mbox).take(MAX_ITEM).read_until(b'\n', &mut line)?;
        let begins = read > 0 && after_empty && line.starts_with(b"From ");
        if (begins || read == 0) && number > 0 {
            let octets = with_crlf(std::mem::take(&mut mail));
            see(Item { name: format!("{name}:{number}"), octets, size, is_mail: true })?;
            size = 0;
        }
        if read == 0 {
            return Ok(());
        }
        size += read as u64;
        after_empty = line == b"\n" || line == b"\r\n";
        if begins {
            number += 1;
        } else if (mail.len() + line.len()) as u64 <= MAX_ITEM {
            let marks = line.iter().take_while(|octet| **octet == b'>').count();
            let quoted = marks > 0 && line[marks..].starts_with(b"From ");
            mail.extend_from_slice(&line[usize::from(quoted)..]);
        }
    }
}

fn bounded(from: impl Read) -> Result<Vec<u8>> {
    let mut octets = Vec::new();
    from.take(MAX_ITEM + 1).read_to_end(&mut octets)?;
    anyhow::ensure!(octets.len() as u64 <= MAX_ITEM, "more than {} MB", MAX_ITEM >> 20);
    Ok(octets)
}

fn item(name: String, octets: Vec<u8>) -> Item {
    let (size, is_mail) = (octets.len() as u64, looks_like_mail(&octets));
    Item { name, octets: if is_mail { with_crlf(octets) } else { octets }, size, is_mail }
}

/// Mail on a Unix disk has LF line ends, mail on the wire CRLF: what has no CRLF at all gets it.
fn with_crlf(octets: Vec<u8>) -> Vec<u8> {
    if octets.windows(2).any(|pair| pair == b"\r\n") {
        return octets;
    }
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 32);
    for octet in octets {
        if octet == b'\n' {
            out.push(b'\r');
        }
        out.push(octet);
    }
    out
}

/// A header field of mail on the first line, and one that mail cannot do without among the next.
fn looks_like_mail(octets: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&octets[..octets.len().min(16 << 10)]).to_ascii_lowercase();
    let field = |line: &str| {
        let name = line.split(':').next().unwrap_or_default();
        line.contains(':') && !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic())
    };
    let known =
        ["from:", "to:", "subject:", "date:", "received:", "message-id:", "mime-version:", "return-path:"];
    let mut lines =
        head.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with([' ', '\t']));
    let first = lines.next().unwrap_or_default();
    field(first)
        && std::iter::once(first)
            .chain(lines)
            .filter(|line| known.iter().any(|name| line.starts_with(name)))
            .count()
            >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(name: &str, octets: &[u8]) -> Vec<(String, String, bool)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, octets).unwrap();
        let mut seen = Vec::new();
        each(&path, &mut |item| {
            let name = item.name.rsplit('/').next().unwrap().to_owned();
            seen.push((name, String::from_utf8(item.octets).unwrap(), item.is_mail));
            Ok(())
        })
        .unwrap();
        seen
    }

    #[test]
    fn an_mbox_is_its_mails() {
        let seen = all("box", b"From a\nSubject: 1\n\n>From x\n\nFrom b\nSubject: 2\n\nFrom here on\n");
        assert_eq!(seen[0], ("box:1".into(), "Subject: 1\r\n\r\nFrom x\r\n\r\n".into(), true));
        assert_eq!(seen.len(), 3);
    }

    #[test]
    fn the_mails_of_an_mbox_take_what_the_file_takes() {
        let dir = tempfile::tempdir().unwrap();
        let box_ = b"From a\nSubject: 1\n\n>From x\n\nFrom b\nSubject: 2\n\nFrom here on\n";
        fs::write(dir.path().join("box"), box_).unwrap();
        fs::write(dir.path().join("mail"), "From: a@b\nSubject: x\n\nhello\n").unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("up")).unwrap();
        let mut sizes = Vec::new();
        each(dir.path(), &mut |item| {
            sizes.push(item.size);
            Ok(())
        })
        .unwrap();
        assert_eq!(sizes.len(), 4);
        assert_eq!(sizes.iter().sum::<u64>(), size(&[dir.path().to_path_buf()]));
    }

    #[test]
    fn a_mail_is_told_from_a_document() {
        assert!(all("m", b"From: a@b\nSubject: x\n\nhello\n")[0].2);
        assert!(!all("d", b"Name: value\nPlain text\n")[0].2);
        assert_eq!(
            all("m", b"From: a@b\nSubject: x\n\nhello\n")[0].1,
            "From: a@b\r\nSubject: x\r\n\r\nhello\r\n"
        );
    }

    #[test]
    fn a_missing_path_is_named() {
        let error = each(Path::new("no/such/file"), &mut |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("no/such/file"));
    }
}
