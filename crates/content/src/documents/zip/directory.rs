//! What is in a zip archive, by everything that a program may believe: the central directory, each local header, and
//! headers that no directory lists. Where they disagree, each reading is an entry of its own.

use std::ops::Range;

use super::name;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
/// Sizes without what varies: local header, record of the directory, end of the directory.
const LOCAL_SIZE: usize = 30;
const CENTRAL_SIZE: usize = 46;
const END_SIZE: usize = 22;
/// Between entries, fewer octets than this hide nothing: they are data descriptors and padding.
const SMALL_GAP: usize = 64;
/// Octets that are searched for descriptors, in all.
const MOST_SEARCHED: usize = 256 << 20;

/// One reading of one file in the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::documents) struct Entry {
    pub(in crate::documents) name: String,
    /// What the local header calls it, if it says something else.
    pub(in crate::documents) other_name: Option<String>,
    pub(in crate::documents) comment: String,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) time: u16,
    /// Not known for a hidden entry whose checksum follows its data.
    pub(super) crc: Option<u32>,
    pub(super) packed: Range<usize>,
    pub(super) size: u64,
    pub(super) extra: Range<usize>,
    /// In a local header only, or there in another way than in the directory.
    pub(super) hidden: bool,
}

impl Entry {
    pub(in crate::documents) fn encrypted(&self) -> bool {
        self.flags & 1 != 0
    }

    pub(in crate::documents) fn is_folder(&self) -> bool {
        self.name.ends_with(['/', '\\']) && self.size == 0
    }

    fn descriptor(&self) -> bool {
        self.flags & 8 != 0
    }
}

/// All readings of an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::documents) struct Directory {
    pub(in crate::documents) entries: Vec<Entry>,
    pub(in crate::documents) comment: String,
    /// Programs disagree about what is in it.
    pub(in crate::documents) ambiguous: bool,
    /// The directory is missing or broken.
    pub(in crate::documents) damaged: bool,
    /// There are more entries than were allowed.
    pub(in crate::documents) cut: bool,
    /// What belongs to no entry and is no part of the format.
    pub(in crate::documents) around: Vec<Range<usize>>,
}

/// Reads at most `most` entries.
pub(in crate::documents) fn read(octets: &[u8], most: usize) -> Directory {
    let mut reading = Reading { octets, most, found: Directory::default(), covered: Vec::new(), searched: 0 };
    match reading.find_end() {
        Some(end) => reading.central(&end),
        None => reading.found.damaged = true,
    }
    reading.overlaps();
    reading.unlisted();
    reading.found
}

struct End {
    at: usize,
    count: u64,
    start: usize,
    /// Where it says that the directory starts, if the file began with the archive.
    said: Option<usize>,
}

struct Reading<'a> {
    octets: &'a [u8],
    most: usize,
    found: Directory,
    /// What belongs to entries and the directory.
    covered: Vec<Range<usize>>,
    /// Octets that were searched for the ends of entries.
    searched: usize,
}

impl Reading<'_> {
    /// The end record that stands last, as most programs look for it, and where its directory is.
    fn find_end(&mut self) -> Option<End> {
        let at = memchr::memmem::rfind(self.octets, END)?;
        let end = self.octets.get(at..at + END_SIZE)?;
        let (mut count, mut size, mut offset) =
            (u64::from(u16_at(end, 10)), u64::from(u32_at(end, 12)), u64::from(u32_at(end, 16)));
        let mut directory_end = at;
        if let Some(end64) = self.end64(at) {
            let record = &self.octets[end64..];
            (count, size, offset) = (u64_at(record, 32), u64_at(record, 40), u64_at(record, 48));
            directory_end = end64;
        }
        let comment = self.octets.get(at + END_SIZE..at + END_SIZE + usize::from(u16_at(end, 20)));
        self.found.comment = name::decode(comment.unwrap_or_default(), false);
        self.covered.push(directory_end..at + END_SIZE + comment.map_or(0, <[u8]>::len));
        let by_size = usize::try_from(size).ok().and_then(|size| directory_end.checked_sub(size));
        let by_offset = usize::try_from(offset).ok();
        // What stands before the archive shifts all offsets, and some programs do not mind.
        let start = [by_size, by_offset].into_iter().flatten().find(|start| {
            self.octets.get(*start..).is_some_and(|from| from.starts_with(CENTRAL))
                || (count == 0 && *start <= at)
        });
        self.found.damaged = start.is_none();
        Some(End { at: directory_end, count, start: start?, said: by_offset })
    }

    fn end64(&self, end: usize) -> Option<usize> {
        let locator = self.octets.get(end.checked_sub(20)?..end)?;
        if !locator.starts_with(LOCATOR64) {
            return None;
        }
        let said = usize::try_from(u64_at(locator, 8)).ok();
        let usual = end.checked_sub(20 + 56);
        [said, usual].into_iter().flatten().find(|at| {
            self.octets.get(*at..).is_some_and(|record| record.len() >= 56 && record.starts_with(END64))
        })
    }

    fn central(&mut self, end: &End) {
        let mut at = end.start;
        let mut listed = 0_u64;
        // Offsets count from the first octet of the archive, which need not be that of the file.
        let base = self.base(end);
        while let Some(record) =
            self.octets.get(at..at + CENTRAL_SIZE).filter(|record| record.starts_with(CENTRAL))
        {
            if self.found.entries.len() >= self.most {
                self.found.cut = true;
                break;
            }
            listed += 1;
            at = self.record(record, at, base);
        }
        self.found.damaged |= !self.found.cut && at < end.at;
        self.found.ambiguous |= !self.found.cut && listed & 0xffff != end.count & 0xffff;
        self.covered.push(end.start..at.max(end.start));
    }

    /// How far offsets are off because something stands before the archive.
    fn base(&self, end: &End) -> usize {
        let Some(record) = self.octets.get(end.start..end.start + CENTRAL_SIZE) else { return 0 };
        let is_local = |at: usize| self.octets.get(at..).is_some_and(|from| from.starts_with(LOCAL));
        let offset = u32_at(record, 42) as usize;
        let base = end.said.and_then(|said| end.start.checked_sub(said));
        base.filter(|base| is_local(base.saturating_add(offset))).unwrap_or(0)
    }

    /// Takes one record of the directory; where the next one starts.
    fn record(&mut self, record: &[u8], at: usize, base: usize) -> usize {
        let (name_length, extra_length, comment_length) = (
            usize::from(u16_at(record, 28)),
            usize::from(u16_at(record, 30)),
            usize::from(u16_at(record, 32)),
        );
        let name_start = at + CENTRAL_SIZE;
        let extra = name_start + name_length..name_start + name_length + extra_length;
        let next = extra.end + comment_length;
        let flags = u16_at(record, 8);
        let raw_name = self.octets.get(name_start..extra.start).unwrap_or_default();
        let extra_octets = self.octets.get(extra.clone()).unwrap_or_default();
        let wide = Zip64::of(extra_octets, u32_at(record, 24), u32_at(record, 20), Some(u32_at(record, 42)));
        let entry = Entry {
            name: name::of(raw_name, extra_octets, flags),
            comment: name::decode(self.octets.get(extra.end..next).unwrap_or_default(), flags & 0x800 != 0),
            method: u16_at(record, 10),
            flags,
            time: u16_at(record, 12),
            crc: Some(u32_at(record, 16)),
            size: wide.size,
            extra: if extra_octets.is_empty() { 0..0 } else { extra },
            ..Entry::default()
        };
        let header = usize::try_from(wide.offset).ok().and_then(|offset| offset.checked_add(base));
        self.beside_its_local_header(entry, header, wide.packed, raw_name);
        next
    }

    /// Adds an entry of the directory, and the local header's reading of it where that is another one.
    fn beside_its_local_header(
        &mut self,
        mut entry: Entry,
        header: Option<usize>,
        packed: u64,
        raw_name: &[u8],
    ) {
        let Some((local, local_name, header)) =
            header.and_then(|at| self.local(at).map(|(entry, name)| (entry, name, at)))
        else {
            self.found.damaged = true;
            self.found.entries.push(entry);
            return;
        };
        let data = local.packed.start;
        let length = usize::try_from(packed).unwrap_or(usize::MAX);
        entry.packed = data..data.saturating_add(length).min(self.octets.len());
        if self.octets.get(local_name.clone()) != Some(raw_name) && local.name != entry.name {
            entry.other_name = Some(local.name.clone());
            self.found.ambiguous = true;
        }
        let sizes_said = !local.descriptor() && local.packed.end != entry.packed.end;
        let differs = local.method != entry.method || local.encrypted() != entry.encrypted() || sizes_said;
        self.covered.push(header..entry.packed.end);
        let listed = entry.packed.clone();
        self.found.entries.push(entry);
        if differs {
            self.found.ambiguous = true;
            let packed = if sizes_said { local.packed.clone() } else { listed };
            self.found.entries.push(Entry { packed, hidden: true, ..local });
        }
    }

    /// A local header and where its name is; its data reaches as far as it says, or to the end if it does not say.
    fn local(&self, at: usize) -> Option<(Entry, Range<usize>)> {
        let header = self.octets.get(at..at.checked_add(LOCAL_SIZE)?)?;
        if !header.starts_with(LOCAL) {
            return None;
        }
        let flags = u16_at(header, 6);
        let name = at + LOCAL_SIZE..at + LOCAL_SIZE + usize::from(u16_at(header, 26));
        let extra = name.end..name.end + usize::from(u16_at(header, 28));
        let raw_name = self.octets.get(name.clone())?;
        let extra_octets = self.octets.get(extra.clone())?;
        let wide = Zip64::of(extra_octets, u32_at(header, 22), u32_at(header, 18), None);
        let data = extra.end;
        let end = match flags & 8 != 0 && wide.packed == 0 {
            true => self.octets.len(),
            false => {
                let length = usize::try_from(wide.packed).unwrap_or(usize::MAX);
                data.saturating_add(length).min(self.octets.len())
            }
        };
        let entry = Entry {
            name: name::of(raw_name, extra_octets, flags),
            method: u16_at(header, 8),
            flags,
            time: u16_at(header, 10),
            crc: (flags & 8 == 0).then(|| u32_at(header, 14)),
            packed: data..end,
            size: wide.size,
            extra,
            hidden: true,
            ..Entry::default()
        };
        Some((entry, name))
    }

    /// Entries that share octets: a bomb, or one file under two names.
    fn overlaps(&mut self) {
        self.covered.retain(|range| !range.is_empty());
        self.covered.sort_by_key(|range| range.start);
        self.found.ambiguous |= self.covered.windows(2).any(|pair| pair[1].start < pair[0].end);
    }

    /// Local headers where no entry is: what a program sees that reads from front to back, or repairs.
    fn unlisted(&mut self) {
        let mut gaps = Vec::new();
        let mut from = 0;
        for range in std::mem::take(&mut self.covered) {
            if range.start > from {
                gaps.push(from..range.start);
            }
            from = from.max(range.end);
        }
        if from < self.octets.len() {
            gaps.push(from..self.octets.len());
        }
        for gap in gaps {
            self.in_gap(gap);
        }
    }

    fn in_gap(&mut self, gap: Range<usize>) {
        let mut from = gap.start;
        while let Some(found) = memchr::memmem::find(&self.octets[from..gap.end], LOCAL) {
            let at = from + found;
            let Some((mut entry, raw_name)) =
                self.local(at).filter(|(entry, name)| self.plausible(entry, name))
            else {
                from = at + LOCAL.len();
                continue;
            };
            if self.found.entries.len() >= self.most {
                self.found.cut = true;
                return;
            }
            self.left_over(from..at);
            entry.packed.end = entry.packed.end.min(gap.end).max(entry.packed.start);
            if entry.descriptor() && entry.packed.end == gap.end {
                entry.packed.end = self.end_of_data(&entry, gap.end);
            }
            from = entry.packed.end.max(raw_name.end).min(gap.end);
            self.found.ambiguous = true;
            self.found.entries.push(entry);
        }
        self.left_over(from..gap.end);
    }

    /// Where data ends whose length is told behind it: at the descriptor that says so, else at the next header.
    fn end_of_data(&mut self, entry: &Entry, limit: usize) -> usize {
        let data = &self.octets[entry.packed.start..limit];
        let described =
            |at: &usize| data.get(at + 8..at + 12).is_some_and(|size| u32_at(size, 0) as usize == *at);
        // Looking for descriptors again and again must not take the time of the square of the archive.
        let far = data.len().min(MOST_SEARCHED.saturating_sub(self.searched));
        let found = memchr::memmem::find_iter(&data[..far], DESCRIPTOR).take(1_000).find(described);
        self.searched += found.unwrap_or(far);
        let next = found.unwrap_or_else(|| {
            let local = memchr::memmem::find(data, LOCAL).unwrap_or(data.len());
            memchr::memmem::find(&data[..local], CENTRAL).unwrap_or(local)
        });
        entry.packed.start + next
    }

    /// A signature inside packed octets is no header.
    fn plausible(&self, entry: &Entry, raw_name: &Range<usize>) -> bool {
        let raw = &self.octets[raw_name.clone()];
        let known = matches!(entry.method, 0..=20 | 93..=99);
        known && !raw.is_empty() && raw.len() < 4096 && !raw.contains(&0)
    }

    fn left_over(&mut self, range: Range<usize>) {
        let octets = &self.octets[range.clone()];
        if range.len() >= SMALL_GAP && !octets.starts_with(CENTRAL) && octets.iter().any(|octet| *octet != 0)
        {
            self.found.around.push(range);
        }
    }
}

/// Sizes and offset, from the extra field where the header has no room for them.
struct Zip64 {
    size: u64,
    packed: u64,
    offset: u64,
}

impl Zip64 {
    fn of(extra: &[u8], size: u32, packed: u32, offset: Option<u32>) -> Self {
        let mut wide = name::extra_field(extra, 1).unwrap_or_default();
        let mut take = |narrow: u32| {
            if narrow == u32::MAX
                && let Some((number, rest)) = wide.split_first_chunk::<8>()
            {
                wide = rest;
                return u64::from_le_bytes(*number);
            }
            u64::from(narrow)
        };
        Self { size: take(size), packed: take(packed), offset: take(offset.unwrap_or(0)) }
    }
}

pub(super) fn u16_at(octets: &[u8], at: usize) -> u16 {
    octets.get(at..at + 2).map_or(0, |pair| u16::from_le_bytes([pair[0], pair[1]]))
}

pub(super) fn u32_at(octets: &[u8], at: usize) -> u32 {
    octets.get(at..at + 4).map_or(0, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

fn u64_at(octets: &[u8], at: usize) -> u64 {
    u64::from(u32_at(octets, at)) | u64::from(u32_at(octets, at + 4)) << 32
}
