//! Binary fuse filters over short keyed hashes: what is not in an index is told from memory, at two octets a value.
//!
//! Keys go to shards by their upper bits; a shard is built at a time, so that building takes little memory.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use xorf::{BinaryFuse16, Descriptor, Filter as _};

use super::file::{IndexError, IndexFile, Writer};
use super::sort::Scratch;

/// Shards while keys are collected.
const PARTS: usize = 64;
/// Keys of a shard: what is built at a time, and small enough for the second cache.
const TOGETHER: u64 = 1 << 20;

/// Collects keys on disk.
pub(crate) struct FilterWriter {
    parts: Vec<(PathBuf, BufWriter<File>)>,
    count: u64,
}

impl FilterWriter {
    pub(crate) fn new(scratch: &Scratch, name: &str) -> io::Result<Self> {
        let part = |number: usize| -> io::Result<_> {
            let path = scratch.file(&format!("{name}.{number}"));
            let file = File::create(&path)?;
            Ok((path, BufWriter::with_capacity(16 << 10, file)))
        };
        Ok(Self { parts: (0..PARTS).map(part).collect::<io::Result<_>>()?, count: 0 })
    }

    pub(crate) fn push(&mut self, key: u64) -> io::Result<()> {
        self.count += 1;
        self.parts[(key >> 58) as usize].1.write_all(&key.to_le_bytes())
    }

    /// Builds the filter and writes it as a section.
    pub(crate) fn finish(self, name: &str, writer: &mut Writer) -> io::Result<()> {
        // As many of the parts together as make a shard; a power of two.
        let mut each = PARTS;
        while each > 1 && self.count / (PARTS / each) as u64 > TOGETHER {
            each /= 2;
        }
        let from = writer.position();
        writer.write_all(&((PARTS / each) as u32).to_le_bytes())?;
        let mut parts = self.parts.into_iter();
        for _ in 0..PARTS / each {
            let mut keys = Vec::new();
            for (path, file) in parts.by_ref().take(each) {
                file.into_inner()?;
                let mut octets = Vec::new();
                File::open(&path)?.read_to_end(&mut octets)?;
                keys.extend(octets.as_chunks::<8>().0.iter().map(|octets| u64::from_le_bytes(*octets)));
                std::fs::remove_file(&path)?;
            }
            keys.sort_unstable();
            keys.dedup();
            shard(&keys, writer)?;
        }
        writer.end(name, from);
        Ok(())
    }
}

fn shard(keys: &[u64], writer: &mut Writer) -> io::Result<()> {
    if keys.is_empty() {
        return writer.write_all(&0u32.to_le_bytes());
    }
    let filter = BinaryFuse16::try_from(keys)
        .map_err(|why| io::Error::other(format!("a filter cannot be built: {why}")))?;
    let descriptor = &filter.descriptor;
    writer.write_all(&(filter.fingerprints.len() as u32).to_le_bytes())?;
    writer.write_all(&descriptor.seed.to_le_bytes())?;
    for number in [descriptor.segment_length, descriptor.segment_length_mask, descriptor.segment_count_length]
    {
        writer.write_all(&number.to_le_bytes())?;
    }
    filter.fingerprints.iter().try_for_each(|fingerprint| writer.write_all(&fingerprint.to_le_bytes()))
}

/// A filter in memory.
#[derive(Debug)]
pub(crate) struct Filter {
    shards: Vec<Option<BinaryFuse16>>,
    shift: u32,
}

impl Filter {
    pub(crate) fn open(file: &IndexFile, name: &str) -> Result<Self, IndexError> {
        let octets = file.section(name)?;
        Self::read(&octets).ok_or_else(|| IndexError::Corrupt(format!("its filter `{name}` cannot be read")))
    }

    fn read(octets: &[u8]) -> Option<Self> {
        let (count, mut rest) = number(octets)?;
        if !count.is_power_of_two() || count as usize > PARTS {
            return None;
        }
        let mut shards = Vec::new();
        for _ in 0..count {
            let (len, after) = number(rest)?;
            rest = after;
            if len == 0 {
                shards.push(None);
                continue;
            }
            let (seed, after) = rest.split_first_chunk::<8>()?;
            let (segment_length, after) = number(after)?;
            let (segment_length_mask, after) = number(after)?;
            let (segment_count_length, after) = number(after)?;
            let (fingerprints, after) = after.split_at_checked(len as usize * 2)?;
            rest = after;
            // What the lookup computes with must stay inside the fingerprints.
            let inside = segment_length.is_power_of_two()
                && segment_length_mask == segment_length - 1
                && u64::from(segment_count_length) + 2 * u64::from(segment_length) <= u64::from(len);
            if !inside {
                return None;
            }
            let seed = u64::from_le_bytes(*seed);
            let descriptor = Descriptor { seed, segment_length, segment_length_mask, segment_count_length };
            let fingerprints =
                fingerprints.as_chunks::<2>().0.iter().map(|two| u16::from_le_bytes(*two)).collect();
            shards.push(Some(BinaryFuse16 { descriptor, fingerprints }));
        }
        Some(Self { shards, shift: 64 - count.trailing_zeros() })
    }

    /// Whether the key may be there; one in 65,536 others seems to be.
    #[inline]
    pub(crate) fn contains(&self, key: u64) -> bool {
        let shard = if self.shift == 64 { 0 } else { (key >> self.shift) as usize };
        self.shards[shard].as_ref().is_some_and(|filter| filter.contains(&key))
    }

    pub(crate) fn memory(&self) -> usize {
        self.shards.iter().flatten().map(|filter| filter.fingerprints.len() * 2).sum()
    }
}

fn number(octets: &[u8]) -> Option<(u32, &[u8])> {
    let (four, rest) = octets.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*four), rest))
}
