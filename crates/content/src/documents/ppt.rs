//! PowerPoint presentations of the binary format ([MS-PPT]): text atoms with their slide, notes, comments, links, embedded objects.

mod direction;

use std::collections::{HashMap, HashSet};

use super::Output;
use super::cfb::Cfb;
use super::ole::{u16_at, u32_at, wide};
use super::shape;
use crate::{FileKind, Kind, Reason};
use direction::Directions;

/// Edits whose directories are followed.
const MAX_EDITS: usize = 10_000;

mod id {
    pub(super) const SLIDE: u16 = 1006;
    pub(super) const NOTES: u16 = 1008;
    pub(super) const MASTER: u16 = 1016;
    pub(super) const DOCUMENT: u16 = 1000;
    pub(super) const HANDOUT: u16 = 4041;
    pub(super) const SLIDE_PERSIST: u16 = 1011;
    pub(super) const TEXT_HEADER: u16 = 3999;
    pub(super) const TEXT_CHARS: u16 = 4000;
    pub(super) const PARAGRAPHS: u16 = 4001;
    pub(super) const MASTER_STYLE: u16 = 4003;
    pub(super) const PARAGRAPH_DEFAULTS: u16 = 4005;
    pub(super) const TEXT_BYTES: u16 = 4008;
    pub(super) const C_STRING: u16 = 4026;
    pub(super) const SLIDE_LIST: u16 = 4080;
    pub(super) const LINK: u16 = 4055;
    pub(super) const COMMENT: u16 = 12000;
    pub(super) const USER_EDIT: u16 = 4085;
    pub(super) const PERSIST: u16 = 6002;
    pub(super) const OLE_STORAGE: u16 = 4113;
    pub(super) const TAGS: u16 = 5003;
    pub(super) const HEADERS: u16 = 4057;
    pub(super) const NAMED_SHOWS: u16 = 1040;
}

/// The presentation whose main stream is in `storage`.
pub(super) fn read(file: &Cfb<'_>, storage: usize, place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let octets = file.stream(storage, "PowerPoint Document").ok_or(Reason::Corrupt)?;
    let user = file.stream(storage, "Current User").unwrap_or_default();
    if u32_at(&user, 12) == Some(0xf3d1_c4df) {
        return Err(Reason::Encrypted);
    }
    let objects = Objects::read(&octets, u32_at(&user, 16));
    let mut reader = Reader {
        out,
        prefix: place,
        objects,
        open: Vec::new(),
        slide: 0,
        old: false,
        known: false,
        texts: Vec::new(),
    };
    reader.walk(&octets)?;
    // PowerPoint 95 has other records; it keeps the words once more.
    match reader.known || file.find(storage, "Text_Content").is_some() {
        true => Ok(()),
        false => Err(Reason::Unsupported(FileKind::Ppt)),
    }
}

struct Record {
    kind: u16,
    instance: u16,
    container: bool,
    start: usize,
    length: usize,
}

fn record(octets: &[u8], at: usize) -> Option<Record> {
    let (version, kind, length) = (u16_at(octets, at)?, u16_at(octets, at + 2)?, u32_at(octets, at + 4)?);
    let length = length as usize;
    Some(Record { kind, instance: version >> 4, container: version & 15 == 15, start: at + 8, length })
}

/// Which object is where, by the directories of every edit; the newest counts.
#[derive(Default)]
struct Objects {
    places: HashMap<u32, usize>,
    /// The places of what no later edit replaced.
    current: HashSet<usize>,
    slides: HashMap<usize, u32>,
    directions: Directions,
}

impl Objects {
    fn read(octets: &[u8], first: Option<u32>) -> Self {
        let mut objects = Self::default();
        objects.edits(octets, first);
        objects.current = objects.places.values().copied().collect();
        objects.number_slides(octets);
        objects
    }

    fn edits(&mut self, octets: &[u8], first: Option<u32>) {
        let mut edit = first.unwrap_or(0) as usize;
        for _ in 0..MAX_EDITS {
            let Some(record) = record(octets, edit).filter(|record| record.kind == id::USER_EDIT) else {
                break;
            };
            let Some(directory) = u32_at(octets, record.start + 12) else { break };
            self.directory(octets, directory as usize);
            match u32_at(octets, record.start + 8) {
                // Edits lie behind one another; anything else is a loop.
                Some(earlier) if earlier != 0 && (earlier as usize) < edit => edit = earlier as usize,
                _ => break,
            }
        }
    }

    /// Which slide, and which notes, lie where: the lists of slides say so, wherever they are. What masters say of directions.
    fn number_slides(&mut self, octets: &[u8]) {
        let (mut at, mut number, mut list) = (0, 0, 0);
        while let Some(record) = record(octets, at) {
            match record.kind {
                id::SLIDE_LIST => (number, list) = (0, record.instance),
                id::SLIDE_PERSIST if list != 1 => {
                    number += 1;
                    let place = u32_at(octets, record.start).and_then(|id| self.places.get(&id));
                    if let Some(place) = place {
                        self.slides.insert(*place, number);
                    }
                }
                _ => self.directions.learn(&record, octets),
            }
            at = if record.container { record.start } else { record.start.saturating_add(record.length) };
        }
    }

    /// Whether an object was replaced by a later edit.
    fn is_old(&self, at: usize) -> bool {
        !self.current.is_empty() && !self.current.contains(&at)
    }

    fn directory(&mut self, octets: &[u8], at: usize) {
        let Some(record) = record(octets, at).filter(|record| record.kind == id::PERSIST) else { return };
        let end = record.start.saturating_add(record.length).min(octets.len());
        let mut at = record.start;
        while let Some(head) = u32_at(octets, at).filter(|_| at < end) {
            at += 4;
            for index in 0..head >> 20 {
                let Some(place) = u32_at(octets, at).filter(|_| at < end) else { return };
                self.places.entry((head & 0xf_ffff) + index).or_insert(place as usize);
                at += 4;
            }
        }
    }
}

/// Where the objects of an encrypted presentation are, with their numbers, and where the one is that says how; as the newest edit has them.
pub(super) fn encrypted_objects(octets: &[u8], edit: u32) -> Option<(Vec<(usize, u32)>, usize)> {
    let edit = record(octets, edit as usize).filter(|record| record.kind == id::USER_EDIT)?;
    let mut objects = Objects::default();
    objects.directory(octets, u32_at(octets, edit.start + 12)? as usize);
    let session = *objects.places.get(&u32_at(octets, edit.start + 28)?)?;
    let inside = objects.places.into_iter().filter(|(_, at)| *at < octets.len());
    Some((inside.map(|(id, at)| (at, id)).collect(), session))
}

struct Reader<'o, 'l, 'p> {
    out: &'o mut Output<'l>,
    prefix: &'p str,
    objects: Objects,
    /// Containers around the record, with their ends.
    open: Vec<(usize, u16, u16)>,
    /// Slides named so far in the list of slides.
    slide: u32,
    /// What is being read was replaced by a later edit.
    old: bool,
    /// It has slides, or what belongs to them.
    known: bool,
    texts: Vec<(String, Kind, String)>,
}

impl Reader<'_, '_, '_> {
    /// Containers are stepped into, atoms read: no recursion, and damage only loses its own container.
    fn walk(&mut self, octets: &[u8]) -> Result<(), Reason> {
        let mut at = 0;
        let mut count = 0_u32;
        while let Some(record) = record(octets, at) {
            count = count.wrapping_add(1);
            if count.is_multiple_of(8192) {
                self.out.spend(0)?;
            }
            while self.open.last().is_some_and(|(end, ..)| at >= *end) {
                self.leave()?;
            }
            let end = record.start.saturating_add(record.length);
            // What a program hangs on is records as a rule, though its head does not say so ([MS-PPT] 2.5.20), or anything at all.
            if let Some((limit, id::TAGS, _)) = self.open.last()
                && end > *limit
            {
                at = *limit;
                continue;
            }
            if record.container || record.kind == id::TAGS {
                self.enter(&record, at, end);
                at = record.start;
                continue;
            }
            let data = &octets[record.start.min(octets.len())..end.min(octets.len())];
            self.atom(&record, data, octets)?;
            at = end;
        }
        while !self.open.is_empty() {
            self.leave()?;
        }
        self.flush()
    }

    fn enter(&mut self, record: &Record, at: usize, end: usize) {
        self.known |= matches!(record.kind, id::SLIDE | id::NOTES | id::DOCUMENT | id::MASTER);
        if self.open.is_empty() && matches!(record.kind, id::SLIDE | id::NOTES | id::DOCUMENT | id::MASTER) {
            self.old = self.objects.is_old(at);
        }
        if self.open.len() < 256 {
            let slide = match record.kind {
                id::SLIDE | id::NOTES => self.objects.slides.get(&at).copied().unwrap_or(0),
                _ => 0,
            };
            self.open.push((end, record.kind, u16::try_from(slide).unwrap_or(0)));
            if record.kind == id::SLIDE_LIST {
                self.slide = 0;
                // Which list it is: slides 0, masters 1, notes 2.
                if let Some(last) = self.open.last_mut() {
                    last.2 = record.instance;
                }
            }
        }
    }

    fn leave(&mut self) -> Result<(), Reason> {
        match self.open.pop() {
            Some((_, id::SLIDE | id::NOTES | id::DOCUMENT, _)) => self.flush(),
            _ => Ok(()),
        }
    }

    fn inside(&self, kind: u16) -> Option<u16> {
        self.open.iter().rev().find(|(_, open, _)| *open == kind).map(|(.., value)| *value)
    }

    fn atom(&mut self, record: &Record, data: &[u8], octets: &[u8]) -> Result<(), Reason> {
        let text = match record.kind {
            id::SLIDE_PERSIST => {
                self.slide += 1;
                return Ok(());
            }
            id::TEXT_HEADER => {
                self.objects.directions.header(data);
                return Ok(());
            }
            id::C_STRING => wide(data),
            id::TEXT_CHARS | id::TEXT_BYTES => {
                let text = match record.kind {
                    id::TEXT_CHARS => wide(data),
                    _ => data.iter().map(|octet| char::from(*octet)).collect(),
                };
                self.objects.directions.directed(text, octets, record.start.saturating_add(record.length))
            }
            id::OLE_STORAGE => return self.object(record, data),
            kind if shape::is_table(kind) => return self.shape(record.instance, data),
            _ => return Ok(()),
        };
        let string = record.kind == id::C_STRING;
        let of_program = self.inside(id::TAGS).is_some() && self.inside(id::COMMENT).is_none();
        let tag = string && (of_program || text.starts_with("___PPT"));
        if tag {
            return Ok(());
        }
        let (place, kind) = match self.old {
            true => ("earlier version".to_owned(), Kind::Hidden),
            false => self.place(string),
        };
        let text = text.chars().map(|c| if matches!(c, '\r' | '\u{b}') { '\n' } else { c }).collect();
        self.text(place, kind, text)
    }

    /// Words that a shape draws, and what is read out for it.
    fn shape(&mut self, count: u16, data: &[u8]) -> Result<(), Reason> {
        for (kind, text) in shape::texts(count, data) {
            let (place, kind) = match self.old {
                true => ("earlier version".to_owned(), Kind::Hidden),
                false => self.place(kind != Kind::Text),
            };
            self.text(place, kind, text)?;
        }
        Ok(())
    }

    fn place(&self, string: bool) -> (String, Kind) {
        let numbered =
            |name: &str, number: u32| if number == 0 { name.to_owned() } else { format!("{name} {number}") };
        if self.inside(id::LINK).is_some() {
            return ("link".to_owned(), Kind::Link);
        }
        let slide = self.inside(id::SLIDE);
        if self.inside(id::COMMENT).is_some() {
            return (numbered("slide", slide.unwrap_or(0).into()), Kind::Comment);
        }
        if let Some(slide) = slide {
            let kind = if string { Kind::Attribute } else { Kind::Text };
            return (numbered("slide", slide.into()), kind);
        }
        if let Some(notes) = self.inside(id::NOTES) {
            return (numbered("notes", notes.into()), if string { Kind::Attribute } else { Kind::Note });
        }
        match self.inside(id::SLIDE_LIST) {
            Some(1) => return ("master".to_owned(), Kind::Hidden),
            Some(2) => return (numbered("notes", self.slide), Kind::Note),
            Some(_) => return (numbered("slide", self.slide), Kind::Text),
            None => {}
        }
        if self.inside(id::MASTER).is_some() || self.inside(id::HANDOUT).is_some() {
            return ("master".to_owned(), Kind::Hidden);
        }
        if self.inside(id::HEADERS).is_some() {
            return ("header".to_owned(), Kind::Text);
        }
        let kind =
            if string && self.inside(id::NAMED_SHOWS).is_none() { Kind::Attribute } else { Kind::Text };
        (String::new(), kind)
    }

    /// Texts of one slide are one text.
    fn text(&mut self, place: String, kind: Kind, text: String) -> Result<(), Reason> {
        match self.texts.last_mut() {
            Some(last) if last.0 == place && last.1 == kind => {
                last.2.push('\n');
                last.2.push_str(&text);
            }
            _ => self.texts.push((place, kind, text)),
        }
        if self.texts.len() > 64 { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Reason> {
        for (place, kind, text) in std::mem::take(&mut self.texts) {
            let place = match (self.prefix.is_empty(), place.is_empty()) {
                (true, _) => place,
                (false, true) => self.prefix.to_owned(),
                (false, false) => format!("{} {place}", self.prefix),
            };
            self.out.text(place, kind, text)?;
        }
        Ok(())
    }

    /// An embedded object or macro project: a compound file, usually packed.
    fn object(&mut self, record: &Record, data: &[u8]) -> Result<(), Reason> {
        let (octets, read) = match record.instance {
            1 => self.out.read(flate2::read::ZlibDecoder::new(data.get(4..).unwrap_or_default())),
            _ => {
                self.out.spend(data.len() as u64)?;
                (data.to_vec(), Ok(()))
            }
        };
        let octets_read = octets.len();
        if !octets.is_empty() {
            self.out.file("object.ole".to_owned(), octets)?;
        }
        // All that was promised came: a missing checksum is no loss.
        let whole = octets_read > 0 && Some(octets_read as u32) == u32_at(data, 0);
        match read {
            Err(Reason::Corrupt) if whole => Ok(()),
            Err(Reason::Corrupt) => {
                self.out.unscannable("object.ole", Reason::Corrupt);
                Ok(())
            }
            other => other,
        }
    }
}
