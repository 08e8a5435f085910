//! PDF: lopdf reads the objects, our own walker the text. Pages in order, then annotations, forms, properties, scripts, attachments.
//!
//! What is drawn in a font whose text the file does not tell is named `unsupported type font`, pages that are pictures or outlines
//! `unsupported type pdf`; nothing is passed over.

use std::collections::HashSet;
use std::io::Read;
use std::rc::Rc;

use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId, Stream};

use super::Output;
use crate::{AmbiguityReason, DocumentRequest, FileKind, Kind, Reason};

mod cff;
mod cmap;
mod embedded;
mod extras;
mod font;
mod layers;
mod layout;
mod lexer;
mod names;
mod page;
mod paint;
mod pictures;
mod program;
mod sight;
mod tally;
mod widths;

use page::{Runner, Shown};
pub(super) use pictures::read as pictures;
use sight::Window;
use tally::Seen;

/// Octets that one stream may unpack to while the file is read.
const MAX_STREAM: u64 = 64 << 20;
/// Parents of a page that are asked for what it inherits.
const MAX_PARENTS: usize = 64;
/// Pages of a file, and content streams of a page.
const MOST_PAGES: usize = 200_000;
const MOST_STREAMS: usize = 10_000;

/// Every text of the file, and the files attached to it.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let limit = request.limits.octets_out.min(MAX_STREAM) as usize;
    let mut doc = match load(request, limit) {
        Ok(doc) => doc,
        Err(Reason::Corrupt) => {
            salvage(request, out)?;
            return Err(Reason::Corrupt);
        }
        Err(reason) => return Err(reason),
    };
    resolve_filters(&mut doc);
    let left = out.left();
    let mut runner = Runner::new(&doc, left, request.deadline);
    let mut unread = Unread::default();
    let shown = pages(&doc, &mut runner, &mut unread, out);
    let more = extras::read(&doc, &mut runner, out);
    unread.name(&runner, out);
    shown.and(more)
}

/// Pages of which nothing, or not all, was read.
#[derive(Default)]
struct Unread {
    /// Words in a font whose text the file does not tell.
    fonts: Vec<String>,
    /// Pictures of text, or text that became outlines.
    pictures: Vec<String>,
}

/// Letters of a page number and a heading: with no more of them, a picture of the page is the page.
const FEW_LETTERS: u64 = 20;
/// The part of a page that such a picture covers at least.
const COVERED: f64 = 0.7;
/// Curves of a line of text in outlines, and of drawings that may be one.
const CURVES: u64 = 200;

impl Unread {
    fn page(&mut self, seen: &Seen, area: f64, place: &str) {
        if seen.unread {
            self.fonts.push(place.to_owned());
        }
        let scanned = seen.letters < FEW_LETTERS && seen.picture >= area * COVERED;
        if scanned || seen.letters == 0 && seen.curves >= CURVES {
            self.pictures.push(place.to_owned());
        }
    }

    /// Names the whole file where nothing of it was read, and otherwise the pages.
    fn name(self, runner: &Runner<'_>, out: &mut Output<'_>) {
        let (known, unknown) = (runner.known, runner.unknown);
        let whole = || vec![String::new()];
        let fonts = if unknown >= 16 && unknown > known / 4 { whole() } else { self.fonts };
        let silent = known == 0 && (runner.pictures > 0 || !self.pictures.is_empty());
        let pictures = if silent { whole() } else { self.pictures };
        for place in fonts {
            out.unscannable(&place, Reason::Unsupported(FileKind::Font));
        }
        for place in pictures {
            out.unscannable(&place, Reason::Unsupported(FileKind::Pdf));
        }
    }
}

fn load(request: &DocumentRequest<'_>, limit: usize) -> Result<Document, Reason> {
    let first = [None].into_iter();
    let given = request.passwords.iter().take(32).map(|password| Some(password.clone()));
    let mut locked = false;
    for password in first.chain(given) {
        let options = LoadOptions { password, max_decompressed_size: Some(limit), ..LoadOptions::default() };
        match Document::load_mem_with_options(request.octets, options) {
            Ok(doc) if !doc.is_encrypted() || text_is_clear(&doc) => return Ok(doc),
            Ok(_) => locked = true,
            Err(lopdf::Error::Decryption(_) | lopdf::Error::InvalidPassword) => locked = true,
            Err(_) if locked => {}
            Err(_) => {
                let marked = memchr::memmem::find(request.octets, b"/Encrypt").is_some();
                return Err(if marked { Reason::Encrypted } else { Reason::Corrupt });
            }
        }
        if std::time::Instant::now() >= request.deadline {
            return Err(Reason::Timeout);
        }
    }
    Err(Reason::Encrypted)
}

/// Whether encryption spares strings and streams: then only attached files are closed.
fn text_is_clear(doc: &Document) -> bool {
    let Ok(rules) = doc.get_encrypted() else { return false };
    let spared = |key: &[u8]| match rules.get_deref(key, doc) {
        Ok(Object::Name(name)) => name == b"Identity",
        _ => true,
    };
    let version = rules.get_deref(b"V", doc).ok().and_then(font::number).unwrap_or(0.0);
    version >= 4.0 && spared(b"StmF") && spared(b"StrF")
}

/// How a stream is packed may be said elsewhere in the file, and is looked for in its own dictionary.
fn resolve_filters(doc: &mut Document) {
    const KEYS: [&[u8]; 2] = [b"Filter", b"DecodeParms"];
    let each = |each: &[Object]| {
        let each = each.iter().take(64).map(|one| doc.dereference(one).map(|(_, one)| one.clone()));
        each.collect::<Result<_, _>>().ok().map(Object::Array)
    };
    let resolved = |object: &Object| match object {
        Object::Array(all) if all.iter().any(|one| one.as_reference().is_ok()) => each(all),
        Object::Reference(_) => match doc.dereference(object).ok()?.1 {
            Object::Array(all) => each(all),
            other @ (Object::Name(_) | Object::Dictionary(_) | Object::Null) => Some(other.clone()),
            _ => None,
        },
        _ => None,
    };
    let mut found = Vec::new();
    for (id, object) in &doc.objects {
        let Object::Stream(stream) = object else { continue };
        for key in KEYS {
            found.extend(stream.dict.get(key).ok().and_then(resolved).map(|value| (*id, key, value)));
        }
    }
    for (id, key, value) in found {
        if let Some(Object::Stream(stream)) = doc.objects.get_mut(&id) {
            stream.dict.set(key, value);
        }
    }
}

/// The pages in the order of their tree, as readers walk it that ask what a node has and not what it calls itself; none for one that is not there.
fn tree(doc: &Document) -> (Vec<Option<&Dictionary>>, HashSet<ObjectId>) {
    let (mut pages, mut visited) = (Vec::new(), HashSet::new());
    let root = doc.catalog().and_then(|catalog| catalog.get(b"Pages"));
    let mut todo: Vec<&Object> = root.into_iter().collect();
    while let Some(object) = todo.pop() {
        let node = match doc.dereference(object) {
            Ok((Some(id), _)) if !visited.insert(id) => continue,
            Ok((_, node)) => node.as_dict().ok(),
            Err(_) => None,
        };
        match node.and_then(|node| node.get_deref(b"Kids", doc).and_then(Object::as_array).ok()) {
            Some(kids) => {
                todo.extend(kids.iter().rev());
                pages.extend(node.filter(|node| node.has(b"Contents")).map(Some));
            }
            // The root of an empty tree is no page.
            None if node.is_some_and(|node| node.has_type(b"Pages")) => {}
            None => pages.push(node),
        }
        if pages.len() > MOST_PAGES {
            break;
        }
    }
    (pages, visited)
}

fn pages<'a>(
    doc: &'a Document,
    runner: &mut Runner<'a>,
    unread: &mut Unread,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let (linked, visited) = tree(doc);
    // A tree that leads nowhere, or not everywhere: those pages are in the file all the same.
    let unlinked = doc.objects.iter().filter(|(id, _)| !visited.contains(id));
    let unlinked = unlinked.filter_map(|(_, object)| object.as_dict().ok());
    let unlinked: Vec<_> = unlinked.filter(|dict| dict.has_type(b"Page")).take(MOST_PAGES).collect();
    if linked.is_empty() && unlinked.is_empty() {
        return Err(Reason::Corrupt);
    }
    let kind = if linked.is_empty() { Kind::Text } else { Kind::Hidden };
    let name = if linked.is_empty() { "page" } else { "unlinked page" };
    for (index, found) in linked.iter().take(MOST_PAGES).enumerate() {
        let place = format!("page {}", index + 1);
        out.at(&place);
        match found {
            Some(found) => page(doc, found, (&place, Kind::Text), runner, unread, out)?,
            None => out.unscannable(&place, Reason::Corrupt),
        }
    }
    for (index, found) in unlinked.into_iter().enumerate() {
        let place = format!("{name} {}", index + 1);
        out.at(&place);
        page(doc, found, (&place, kind), runner, unread, out)?;
    }
    if linked.len() > MOST_PAGES { Err(Reason::TooManyParts) } else { Ok(()) }
}

fn page<'a>(
    doc: &'a Document,
    page: &'a Dictionary,
    (place, kind): (&str, Kind),
    runner: &mut Runner<'a>,
    unread: &mut Unread,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let limit = usize::try_from(out.left()).unwrap_or(usize::MAX);
    let (content, whole) = contents(doc, page, limit.min(MAX_STREAM as usize));
    out.spend(0)?;
    (runner.seen, runner.lies, runner.cut) = (Seen::default(), false, false);
    let size = area(doc, page);
    runner.window = window(doc, page);
    let ran = drawn(content.into(), resources(doc, page), (place, kind, size), runner, out);
    runner.window = None;
    if !whole {
        out.unscannable(place, Reason::Corrupt);
    }
    ran?;
    extras::annotations(doc, page, place, runner, out)?;
    if let Some(reason) = runner.seen.lost.take() {
        out.unscannable(place, reason);
    }
    unread.page(&runner.seen, size, place);
    Ok(())
}

/// What a page draws: first as it is seen, then in the other readings, with what nobody sees, or by the texts that the file tells for its glyphs.
fn drawn<'a>(
    content: Rc<Vec<u8>>,
    resources: Option<&'a Dictionary>,
    (place, kind, size): (&str, Kind, f64),
    runner: &mut Runner<'a>,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let (mut shown, mut ran) = runner.run(content.clone(), resources);
    if runner.cut && ran.is_ok() {
        runner.apart = true;
        let (apart, ran_again) = again(content.clone(), resources, runner);
        ran = ran_again;
        if ran.is_ok() {
            shown = apart;
        }
    }
    let mut readings = readings(&shown, runner.seen.picture >= size * COVERED);
    if runner.lies && ran.is_ok() {
        runner.by_names = true;
        let (named, ran_again) = again(content, resources, runner);
        (runner.by_names, ran) = (false, ran_again);
        let named = layout::text(&named.runs);
        if signs(&named) != signs(&layout::text(&shown.runs)) {
            out.ambiguous(place, AmbiguityReason::WrongCharset);
            readings.insert(0, named);
        }
    }
    runner.apart = false;
    // Where each letter has a text of its own, they are one text.
    let replacements = std::mem::take(&mut shown.replacements).into_iter();
    let (letters, words): (Vec<_>, Vec<_>) = replacements.partition(|text| text.chars().count() <= 2);
    readings.push(letters.concat());
    readings.extend(words);
    for (number, text) in readings.into_iter().enumerate() {
        out.text(place, if number == 0 { kind } else { Kind::Hidden }, text)?;
    }
    ran
}

/// Runs a page once more in another way; what was seen on it beside its text is known already.
fn again<'a>(
    content: Rc<Vec<u8>>,
    resources: Option<&'a Dictionary>,
    runner: &mut Runner<'a>,
) -> (Shown, Result<(), Reason>) {
    let seen = std::mem::take(&mut runner.seen);
    let again = runner.run(content, resources);
    let lost = runner.seen.lost.take();
    runner.seen = Seen { lost: seen.lost.clone().or(lost), ..seen };
    again
}

fn signs(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The text that is seen, and all of it where there is more. Under the picture of a page stands what the picture shows.
fn readings(shown: &Shown, pictured: bool) -> Vec<String> {
    let all = layout::text(&shown.runs);
    let seen = shown.runs.iter().filter(|run| run.seen).count();
    if seen == 0 || seen == shown.runs.len() {
        return vec![all];
    }
    let seen = layout::text(shown.runs.iter().filter(|run| run.seen));
    match signs(&seen) == signs(&all) {
        true => vec![all],
        false if pictured || seen.trim().is_empty() => vec![all, seen],
        false => vec![seen, all],
    }
}

/// The area of a page, as its nearest box says; endless where none does.
fn area(doc: &Document, page: &Dictionary) -> f64 {
    let area = |[left, low, right, high]: Window| ((right - left) * (high - low)).abs();
    corners(doc, page, b"MediaBox").map_or(f64::INFINITY, area)
}

/// What of a page is shown.
fn window(doc: &Document, page: &Dictionary) -> Option<Window> {
    let given = corners(doc, page, b"CropBox").or_else(|| corners(doc, page, b"MediaBox"));
    let [left, low, right, high] = given?;
    let window = [left.min(right), low.min(high), left.max(right), low.max(high)];
    // A box of nothing is a mistake that programs mend.
    (window[2] - window[0] > 1.0 && window[3] - window[1] > 1.0).then_some(window)
}

fn corners(doc: &Document, page: &Dictionary, key: &[u8]) -> Option<Window> {
    let sides = inherited(doc, page, key)?.as_array().ok()?;
    let side =
        |index: usize| doc.dereference(sides.get(index)?).ok().and_then(|(_, side)| font::number(side));
    Some([side(0)?, side(1)?, side(2)?, side(3)?])
}

/// The page's content streams as one, and whether that is all of them.
fn contents(doc: &Document, page: &Dictionary, limit: usize) -> (Vec<u8>, bool) {
    let (mut content, mut whole, mut streams) = (Vec::new(), true, 0);
    let mut todo: Vec<&Object> = page.get(b"Contents").into_iter().collect();
    while let Some(object) = todo.pop() {
        match doc.dereference(object) {
            _ if streams >= MOST_STREAMS => return (content, false),
            Ok((_, Object::Stream(stream))) => {
                streams += 1;
                let (octets, ok) = unpack(stream, limit.saturating_sub(content.len()));
                whole &= ok;
                content.extend(octets);
                content.push(b'\n');
            }
            // Arrays in arrays count, or they would go round in a ring.
            Ok((_, Object::Array(each))) => {
                streams += 1;
                todo.extend(each.iter().rev().take(MOST_STREAMS));
                whole &= each.len() <= MOST_STREAMS && todo.len() <= MOST_STREAMS * 2;
                todo.truncate(MOST_STREAMS * 2);
            }
            Ok((_, Object::Null)) => {}
            _ => whole = false,
        }
    }
    (content, whole)
}

/// What the page or the nearest of its parents has for resources.
fn resources<'a>(doc: &'a Document, page: &'a Dictionary) -> Option<&'a Dictionary> {
    inherited(doc, page, b"Resources").and_then(|object| object.as_dict().ok())
}

fn inherited<'a>(doc: &'a Document, page: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    let mut node = page;
    for _ in 0..MAX_PARENTS {
        if let Ok(object @ (Object::Dictionary(_) | Object::Array(_))) = node.get_deref(key, doc) {
            return Some(object);
        }
        node = node.get_deref(b"Parent", doc).ok()?.as_dict().ok()?;
    }
    None
}

/// A stream's octets, and whether that is all of them: damage in a compressed stream does not take what came before it.
pub(super) fn unpack(stream: &Stream, limit: usize) -> (Vec<u8>, bool) {
    let filters = stream.filters().unwrap_or_default();
    if filters.iter().any(|filter| filter.len() <= 3) {
        // Short names are for inline images, but readers take them anywhere.
        return unpack_named(stream, &filters, limit);
    }
    if let Ok(octets) = stream.get_plain_content_with_limit(limit) {
        return (octets, true);
    }
    if filters != [b"FlateDecode".as_slice()] {
        return (Vec::new(), false);
    }
    let octets = inflate(&stream.content, limit);
    (octets, false)
}

fn unpack_named(stream: &Stream, filters: &[&[u8]], limit: usize) -> (Vec<u8>, bool) {
    let long = |short: &[u8]| {
        Object::Name(match short {
            b"AHx" => b"ASCIIHexDecode".to_vec(),
            b"A85" => b"ASCII85Decode".to_vec(),
            b"LZW" => b"LZWDecode".to_vec(),
            b"Fl" => b"FlateDecode".to_vec(),
            b"RL" => b"RunLengthDecode".to_vec(),
            other => [other, b"-unknown"].concat(),
        })
    };
    let mut named = stream.clone();
    named.dict.set("Filter", Object::Array(filters.iter().map(|filter| long(filter)).collect()));
    match named.get_plain_content_with_limit(limit) {
        Ok(octets) => (octets, true),
        Err(_) => (Vec::new(), false),
    }
}

/// Inflates as far as it goes.
fn inflate(packed: &[u8], limit: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut block = [0; 8192];
    let mut from = flate2::read::ZlibDecoder::new(packed);
    while let Ok(count) = from.read(&mut block) {
        if count == 0 || octets.len() + count > limit {
            break;
        }
        octets.extend_from_slice(&block[..count]);
    }
    octets
}

/// A file whose objects cannot be read at all: whatever looks like a content stream is shown with a plain font.
fn salvage(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let nowhere = Document::new();
    let mut runner = Runner::new(&nowhere, request.limits.octets_out, request.deadline);
    for at in memchr::memmem::find_iter(request.octets, b"stream").take(10_000) {
        if request.octets[..at].ends_with(b"end") {
            continue;
        }
        let data = request.octets[at + 6..].trim_ascii_start();
        let end = memchr::memmem::find(data, b"endstream").unwrap_or(data.len());
        let unpacked = inflate(&data[..end], 4 << 20);
        out.spend(unpacked.len() as u64)?;
        let content = if unpacked.is_empty() { data[..end].to_vec() } else { unpacked };
        let shows = memchr::memmem::find(&content, b"Tj").or_else(|| memchr::memmem::find(&content, b"TJ"));
        if shows.is_some() && memchr::memmem::find(&content, b"BT").is_some() {
            let (shown, ran) = runner.run(content, None);
            out.text("damaged page", Kind::Text, layout::text(&shown.runs))?;
            ran?;
        }
    }
    Ok(())
}

/// A text string (7.9.2.2) as text.
pub(super) fn text_string(octets: &[u8]) -> String {
    use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE};
    let decode = |encoding: &'static encoding_rs::Encoding, from: usize| {
        encoding.decode_without_bom_handling(&octets[from..]).0.into_owned()
    };
    match octets {
        [0xfe, 0xff, ..] => decode(UTF_16BE, 2),
        [0xff, 0xfe, ..] => decode(UTF_16LE, 2),
        [0xef, 0xbb, 0xbf, ..] => decode(UTF_8, 3),
        _ => {
            let object = Object::String(octets.to_vec(), lopdf::StringFormat::Literal);
            lopdf::decode_text_string(&object)
                .unwrap_or_else(|_| String::from_utf8_lossy(octets).into_owned())
        }
    }
}
