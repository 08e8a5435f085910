//! Sorts more records than fit into memory: by their first octet into 256 files, then each file by itself.
//!
//! Records begin with a strong hash, so the files are of one size; memory is bounded by the biggest of them.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

const PARTS: usize = 256;
const BUFFER: usize = 32 << 10;

/// A directory for files of a build, removed with all that is in it.
pub(crate) struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    /// Beside the file that is to be built: there is room where that fits.
    pub(crate) fn beside(path: &Path) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let dir = path.with_file_name(format!(".{name}.{}.parts", std::process::id()));
        fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Takes records in any order.
pub(crate) struct Sorter<const N: usize> {
    parts: Vec<(PathBuf, BufWriter<File>)>,
}

impl<const N: usize> Sorter<N> {
    pub(crate) fn new(scratch: &Scratch, name: &str) -> io::Result<Self> {
        let part = |number: usize| -> io::Result<_> {
            let path = scratch.file(&format!("{name}.{number}"));
            let file = File::create(&path)?;
            Ok((path, BufWriter::with_capacity(BUFFER, file)))
        };
        Ok(Self { parts: (0..PARTS).map(part).collect::<io::Result<_>>()? })
    }

    pub(crate) fn push(&mut self, record: &[u8; N]) -> io::Result<()> {
        self.parts[usize::from(record[0])].1.write_all(record)
    }

    /// Hands the records on in order, some at a time; records that begin alike in the first octet come together.
    pub(crate) fn drain(self, mut each: impl FnMut(&[[u8; N]]) -> io::Result<()>) -> io::Result<()> {
        let mut paths = Vec::new();
        for (path, writer) in self.parts {
            writer.into_inner()?;
            paths.push(path);
        }
        // One part is sorted while the one before it is written.
        let (to, from) = std::sync::mpsc::sync_channel::<io::Result<Vec<[u8; N]>>>(1);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for path in paths {
                    let sorted = sorted(&path);
                    let _ = fs::remove_file(&path);
                    if to.send(sorted).is_err() {
                        return;
                    }
                }
            });
            from.into_iter().try_for_each(|records| each(&records?))
        })
    }
}

fn sorted<const N: usize>(path: &Path) -> io::Result<Vec<[u8; N]>> {
    let mut octets = Vec::new();
    File::open(path)?.read_to_end(&mut octets)?;
    let mut records = octets.as_chunks::<N>().0.to_vec();
    drop(octets);
    records.sort_unstable();
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_in_order_and_nothing_stays_behind() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Scratch::beside(&dir.path().join("x")).unwrap();
        let mut sorter = Sorter::<4>::new(&scratch, "r").unwrap();
        let record = |number: u32| number.wrapping_mul(2_654_435_761).to_be_bytes();
        (0..5_000).for_each(|number| sorter.push(&record(number)).unwrap());
        let mut all = Vec::new();
        sorter
            .drain(|records| {
                all.extend_from_slice(records);
                Ok(())
            })
            .unwrap();
        let mut expected: Vec<[u8; 4]> = (0..5_000).map(record).collect();
        expected.sort_unstable();
        assert_eq!(all, expected);
        drop(scratch);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
