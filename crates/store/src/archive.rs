//! Archive files: records sealed by a key of their own, in one file that is whole or not there, and whose damage is noticed.
//!
//! ```text
//! "WEIR ARCHIVE 1\n"
//! length (4)  what it is about: plain text of whoever wrote it (1 MiB at most)
//! mark of the key (16): tells a wrong key from damage, and nothing of the key
//! head and body of one sealed object (see `cipher`), bound to all that stands before it; its plain text is the records:
//!     kind (1)  length (8)  octets
//! BLAKE3 of everything before (32)
//! ```
//!
//! Numbers are big-endian. The sum needs no key: whoever keeps the file can check it (`head -c -32 FILE | b3sum`).

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Take, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::Error;
use crate::cipher::{HEAD, Opener, Sealer};
use crate::keys::{Keys, random_name};
use crate::whole::{beside, keep, sync_dir};

const MAGIC: &[u8; 15] = b"WEIR ARCHIVE 1\n";
/// Octets of the text that is not sealed.
const ABOUT: u32 = 1 << 20;
/// Octets of a record: a message with all that hangs on it, and more.
const RECORD: u64 = 1 << 30;
const MARK: usize = 16;
const SUM: usize = 32;

/// Makes a key for archives in a file that does not exist: 64 hexadecimal digits, readable by its owner only.
pub fn make_key(path: &Path) -> Result<Keys, Error> {
    let text = Zeroizing::new(format!("{}{}\n", random_name()?, random_name()?));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        sync_dir(path)
    };
    write().map_err(|why| Error::file("cannot write", path, why))?;
    read_key(path)
}

/// Reads a key that [`make_key`] made, or anybody else: 64 hexadecimal digits.
pub fn read_key(path: &Path) -> Result<Keys, Error> {
    let text = fs::read_to_string(path).map_err(|why| Error::file("cannot read", path, why))?;
    let line = Zeroizing::new(format!("1 {}", Zeroizing::new(text).trim()));
    Keys::parse(&line)
        .map_err(|_| Error::Key(format!("{}: a key of archives is 64 hexadecimal digits", path.display())))
}

/// An archive that is being written. Nothing has its name until [`Writer::finish`].
#[derive(Debug)]
pub struct Writer {
    to: PathBuf,
    part: PathBuf,
    sealer: Sealer<BufWriter<Summing>>,
}

impl Writer {
    /// Begins an archive that `about` describes to whoever has no key.
    pub fn create(to: &Path, key: &Keys, about: &str) -> Result<Self, Error> {
        if to.exists() {
            return Err(Error::file("will not write over", to, ErrorKind::AlreadyExists.into()));
        }
        let begin = beginning(key, about)?;
        let part = beside(to, ".part");
        let begun = || {
            // What a run that was killed left is nobody's.
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            let mut out = BufWriter::new(Summing { file, sum: blake3::Hasher::new() });
            out.write_all(&begin)?;
            Sealer::in_one(key, &context(&begin), out)
        };
        let sealer = begun().map_err(|why| Error::file("cannot write", &part, why))?;
        Ok(Self { to: to.to_owned(), part, sealer })
    }

    /// Adds a record, whose octets come in pieces.
    pub fn record(&mut self, kind: u8, pieces: &[&[u8]]) -> Result<(), Error> {
        let length: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        if length > RECORD {
            return Err(damaged(&self.to, &format!("a record of {length} octets is too large for it")));
        }
        let mut write = || {
            self.sealer.write_all(&[kind])?;
            self.sealer.write_all(&length.to_be_bytes())?;
            pieces.iter().try_for_each(|piece| self.sealer.write_all(piece))
        };
        write().map_err(|why| Error::file("cannot write", &self.part, why))
    }

    /// Writes the end, syncs, and gives the file its name; its octets and its sum.
    pub fn finish(self) -> Result<(u64, String), Error> {
        let end = || {
            let mut out = self.sealer.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            let sum = out.sum.finalize();
            out.file.write_all(sum.as_bytes())?;
            let octets = out.file.stream_position()?;
            keep(&self.part, &self.to)?;
            Ok((octets, sum.to_hex().to_string()))
        };
        end().map_err(|why| Error::file("cannot write", &self.to, why))
    }
}

/// A record of an archive.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is, in its writer's numbers.
    pub kind: u8,
    /// Its octets.
    pub octets: Vec<u8>,
}

/// An archive that is read. It is known to be whole and of this key.
#[derive(Debug)]
pub struct Reader {
    from: PathBuf,
    about: String,
    sum: String,
    body: Opener<Take<BufReader<File>>>,
}

impl Reader {
    /// Opens an archive, once its sum was found to be right.
    pub fn open(from: &Path, key: &Keys) -> Result<Self, Error> {
        let failed = |why| Error::file("cannot read", from, why);
        let mut file = BufReader::new(File::open(from).map_err(failed)?);
        let mut magic = [0; MAGIC.len()];
        match file.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            Ok(()) if magic.starts_with(b"WEIR ARCHIVE ") => {
                return Err(damaged(from, "it was made by a newer version of this program; use that"));
            }
            Ok(()) => return Err(damaged(from, "it is no archive")),
            Err(why) if why.kind() == ErrorKind::UnexpectedEof => {
                return Err(damaged(from, "it is no archive"));
            }
            Err(why) => return Err(failed(why)),
        }
        let (sealed, sum) = check_sum(from, &mut file)?;
        let read = || {
            file.seek(SeekFrom::Start(MAGIC.len() as u64))?;
            read_beginning(file, sealed)
        };
        let Some((about, mark, head, body)) = read().map_err(failed)? else {
            return Err(damaged(from, "its beginning makes no sense"));
        };
        if mark != mark_of(key) {
            return Err(Error::Key(format!("the archive {} was sealed by another key", from.display())));
        }
        let context = context(&beginning(key, &about)?);
        Ok(Self { from: from.to_owned(), about, sum, body: Opener::new(key, &context, &head, body)? })
    }

    /// What it is about, as its writer said.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Its sum.
    pub fn sum(&self) -> &str {
        &self.sum
    }

    /// The next record; None behind the last.
    pub fn record(&mut self) -> Result<Option<Record>, Error> {
        let mut kind = [0];
        let failed = |why: std::io::Error| match why.kind() {
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => damaged(&self.from, "a record is damaged"),
            _ => Error::file("cannot read", &self.from, why),
        };
        if self.body.read(&mut kind).map_err(failed)? == 0 {
            return Ok(None);
        }
        let mut length = [0; 8];
        self.body.read_exact(&mut length).map_err(failed)?;
        let length = u64::from_be_bytes(length);
        if length > RECORD {
            return Err(damaged(&self.from, "a record is damaged"));
        }
        let mut octets = Vec::new();
        (&mut self.body).take(length).read_to_end(&mut octets).map_err(failed)?;
        if octets.len() as u64 != length {
            return Err(damaged(&self.from, "a record is damaged"));
        }
        Ok(Some(Record { kind: kind[0], octets }))
    }
}

// ---- the file

/// Sums what goes through it.
#[derive(Debug)]
struct Summing {
    file: File,
    sum: blake3::Hasher,
}

impl Write for Summing {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(octets)?;
        self.sum.update(&octets[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn beginning(key: &Keys, about: &str) -> Result<Vec<u8>, Error> {
    let length = u32::try_from(about.len()).ok().filter(|length| *length <= ABOUT);
    let length = length.ok_or_else(|| Error::Archive("what it is about is too long".to_owned()))?;
    Ok([MAGIC, &length.to_be_bytes()[..], about.as_bytes(), &mark_of(key)].concat())
}

fn mark_of(key: &Keys) -> [u8; MARK] {
    key.hash("mark of an archive's key", "")
}

fn context(beginning: &[u8]) -> String {
    format!("archive {}", blake3::hash(beginning).to_hex())
}

/// Octets before the sum, and the sum, which is right.
fn check_sum(from: &Path, file: &mut BufReader<File>) -> Result<(u64, String), Error> {
    let mut check = || {
        let length = file.seek(SeekFrom::End(0))?;
        let Some(before) = length.checked_sub(SUM as u64) else { return Ok(None) };
        file.seek(SeekFrom::Start(0))?;
        let mut sum = blake3::Hasher::new();
        sum.update_reader(file.by_ref().take(before))?;
        let mut kept = [0; SUM];
        file.read_exact(&mut kept)?;
        Ok((sum.finalize() == kept).then(|| (before, sum.finalize().to_hex().to_string())))
    };
    let checked = check().map_err(|why: std::io::Error| Error::file("cannot read", from, why))?;
    checked.ok_or_else(|| damaged(from, "its sum is wrong: it was cut or changed; use another copy of it"))
}

type Beginning = (String, [u8; MARK], [u8; HEAD], Take<BufReader<File>>);

/// None where it makes no sense.
fn read_beginning(mut file: BufReader<File>, before_the_sum: u64) -> std::io::Result<Option<Beginning>> {
    let mut length = [0; 4];
    file.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    let fixed = (MAGIC.len() + 4 + MARK + HEAD) as u64;
    let Some(body) = before_the_sum.checked_sub(fixed + u64::from(length)) else { return Ok(None) };
    if length > ABOUT {
        return Ok(None);
    }
    let mut about = vec![0; length as usize];
    file.read_exact(&mut about)?;
    let (mut mark, mut head) = ([0; MARK], [0; HEAD]);
    file.read_exact(&mut mark)?;
    file.read_exact(&mut head)?;
    Ok(String::from_utf8(about).ok().map(|about| (about, mark, head, file.take(body))))
}

fn damaged(file: &Path, why: &str) -> Error {
    Error::Archive(format!("{}: {why}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn key(dir: &TempDir, name: &str) -> Keys {
        make_key(&dir.path().join(name)).unwrap()
    }

    fn written(dir: &TempDir, key: &Keys) -> PathBuf {
        let to = dir.path().join("a.weir");
        let mut writer = Writer::create(&to, key, "two records").unwrap();
        writer.record(1, &[b"one ", b"two"]).unwrap();
        writer.record(2, &[&vec![7; 200_000]]).unwrap();
        assert!(!to.exists(), "nothing has its name before it is whole");
        let (octets, sum) = writer.finish().unwrap();
        assert_eq!(fs::metadata(&to).unwrap().len(), octets);
        assert_eq!(Reader::open(&to, key).unwrap().sum(), sum);
        to
    }

    #[test]
    fn records_come_back_in_their_order_and_nothing_of_them_can_be_read_without_the_key() {
        let dir = TempDir::new().unwrap();
        let ours = key(&dir, "key");
        let file = written(&dir, &ours);
        let mut reader = Reader::open(&file, &ours).unwrap();
        assert_eq!(reader.about(), "two records");
        assert_eq!(reader.record().unwrap(), Some(Record { kind: 1, octets: b"one two".to_vec() }));
        assert_eq!(reader.record().unwrap(), Some(Record { kind: 2, octets: vec![7; 200_000] }));
        assert_eq!(reader.record().unwrap(), None);
        let octets = fs::read(&file).unwrap();
        assert!(!octets.windows(7).any(|some| some == b"one two"));
        let error = Reader::open(&file, &key(&dir, "other")).unwrap_err().to_string();
        assert!(error.contains("sealed by another key"), "{error}");
    }

    #[test]
    fn every_cut_and_every_changed_octet_is_noticed() {
        let dir = TempDir::new().unwrap();
        let ours = key(&dir, "key");
        let file = written(&dir, &ours);
        let whole = fs::read(&file).unwrap();
        let places = (0..400).chain((400..whole.len()).step_by(1_013)).chain(whole.len() - 40..whole.len());
        for at in places {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&file, &changed).unwrap();
            assert!(Reader::open(&file, &ours).is_err(), "octet {at} was changed");
            fs::write(&file, &whole[..at]).unwrap();
            assert!(Reader::open(&file, &ours).is_err(), "cut at {at}");
        }
    }

    /// Somebody who makes the sum right again is told by the sealing.
    #[test]
    fn a_changed_archive_with_a_right_sum_is_noticed_too() {
        let dir = TempDir::new().unwrap();
        let ours = key(&dir, "key");
        let file = written(&dir, &ours);
        let whole = fs::read(&file).unwrap();
        let body = &whole[..whole.len() - SUM];
        for at in [20, 60, 120, 400, body.len() - 1] {
            let mut changed = body.to_vec();
            changed[at] ^= 1;
            let sum = blake3::hash(&changed);
            changed.extend_from_slice(sum.as_bytes());
            fs::write(&file, &changed).unwrap();
            let read = Reader::open(&file, &ours).and_then(|mut reader| {
                while reader.record()?.is_some() {}
                Ok(())
            });
            assert!(read.is_err(), "octet {at}");
        }
    }

    #[test]
    fn nothing_is_written_over_and_what_a_killed_run_left_is_in_nobodys_way() {
        let dir = TempDir::new().unwrap();
        let ours = key(&dir, "key");
        let to = dir.path().join("a.weir");
        fs::write(dir.path().join("a.weir.part"), vec![0; 900_000]).unwrap();
        written(&dir, &ours);
        let before = fs::read(&to).unwrap();
        assert!(Writer::create(&to, &ours, "").unwrap_err().to_string().contains("will not write over"));
        assert_eq!(fs::read(&to).unwrap(), before);
        assert!(make_key(&dir.path().join("key")).is_err(), "nor is a key");
    }

    #[test]
    fn what_is_no_archive_or_no_key_is_said() {
        let dir = TempDir::new().unwrap();
        let ours = key(&dir, "key");
        for (text, word) in [
            ("", "no archive"),
            ("-----BEGIN CERTIFICATE-----", "no archive"),
            ("WEIR ARCHIVE 2\nmore", "newer version"),
            ("WEIR ARCHIVE 1\n", "sum is wrong"),
        ] {
            let file = dir.path().join("other");
            fs::write(&file, text).unwrap();
            let error = Reader::open(&file, &ours).unwrap_err().to_string();
            assert!(error.contains(word), "{text:?}: {error}");
            assert!(read_key(&file).unwrap_err().to_string().contains("64 hexadecimal digits"));
        }
    }
}
