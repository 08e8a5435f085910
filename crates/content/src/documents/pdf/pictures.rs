//! Pictures in a PDF as grey samples: scans packed as bits or octets, as fax lines, JBIG2 and JPEG 2000. JPEG pictures are
//! files of their own.

use lopdf::{Dictionary, Document, Object, Stream};

use super::{MAX_STREAM, font, load, unpack};
use crate::documents::{Output, pixels};
use crate::{DocumentRequest, FileKind, Reason};

/// Pictures of one file.
const MOST: usize = 50;
/// Samples of one picture.
const MOST_SAMPLES: u64 = 64_000_000;

/// Hands on every picture that may show text; those packed in a way without a reader are named.
pub(in crate::documents) fn read(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let doc = load(request, request.limits.octets_out.min(MAX_STREAM) as usize)?;
    let is_picture =
        |stream: &&Stream| font::name(&stream.dict, b"Subtype", &doc).as_deref() == Some(b"Image");
    let streams = doc.objects.iter().filter_map(|(id, object)| Some((id, object.as_stream().ok()?)));
    for (count, (id, stream)) in streams.filter(|(_, stream)| is_picture(stream)).enumerate() {
        if count >= MOST {
            return Err(Reason::TooManyParts);
        }
        let name = format!("image {}", id.0);
        out.at(&name);
        match picture(&doc, stream, &name, out) {
            Ok(()) => {}
            Err(reason @ (Reason::Corrupt | Reason::Unsupported(_))) => out.unscannable(&name, reason),
            Err(reason) => return Err(reason),
        }
    }
    out.at("");
    Ok(())
}

fn picture(doc: &Document, stream: &Stream, name: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let number = |key: &[u8]| stream.dict.get_deref(key, doc).ok().and_then(font::number);
    let side = |key: &[u8]| number(key).filter(|side| (1.0..30_000.0).contains(side)).map(|side| side as u32);
    let (Some(width), Some(height)) = (side(b"Width"), side(b"Height")) else { return Err(Reason::Corrupt) };
    if !pixels::is_large_enough(width, height) {
        return Ok(());
    }
    if u64::from(width) * u64::from(height) > MOST_SAMPLES {
        return Err(Reason::TooBig);
    }
    let filters = stream.filters().unwrap_or_default();
    let samples = match filters.last().copied() {
        // A JPEG file goes its own way.
        Some(b"DCTDecode" | b"DCT") if filters.len() == 1 => return Ok(()),
        Some(b"CCITTFaxDecode" | b"CCF") if filters.len() == 1 => fax(doc, stream, width, height)?,
        // These say themselves how large they are.
        Some(b"JBIG2Decode") if filters.len() == 1 => return jbig2(doc, stream, name, out),
        Some(b"JPXDecode") if filters.len() == 1 => return jpeg2000(stream, name, out),
        Some(b"DCTDecode" | b"DCT" | b"CCITTFaxDecode" | b"CCF" | b"JBIG2Decode" | b"JPXDecode") => {
            return Err(Reason::Unsupported(FileKind::Pdf));
        }
        _ => packed(doc, stream, width, height)?,
    };
    pixels::grey(name, width, height, samples, out)
}

/// How samples become grey.
enum Colours {
    Grey,
    Rgb,
    Cmyk,
    Table(Vec<u8>),
}

fn packed(doc: &Document, stream: &Stream, width: u32, height: u32) -> Result<Vec<u8>, Reason> {
    let bits =
        stream.dict.get_deref(b"BitsPerComponent", doc).ok().and_then(font::number).unwrap_or(1.0) as usize;
    let mask = stream.dict.get_deref(b"ImageMask", doc).is_ok_and(|mask| mask.as_bool().unwrap_or(false));
    let colours = if mask { Some(Colours::Grey) } else { colours(doc, &stream.dict) };
    let (Some(colours), 1 | 2 | 4 | 8 | 16) = (colours, bits) else {
        return Err(Reason::Unsupported(FileKind::Pdf));
    };
    let each = match colours {
        Colours::Grey | Colours::Table(_) => 1,
        Colours::Rgb => 3,
        Colours::Cmyk => 4,
    };
    let row = (width as usize * each * bits).div_ceil(8);
    let (octets, _) = unpack(stream, row * height as usize + 1);
    let inverted = inverted(doc, &stream.dict);
    let most = (1_u32 << bits.min(8)) - 1;
    let mut samples = Vec::with_capacity(width as usize * height as usize);
    for row in octets.chunks_exact(row) {
        // Of two octets the first one says enough.
        let value = |at: usize| match bits {
            16 => row[at * 2],
            8 => row[at],
            _ => row[at * bits / 8] >> (8 - bits - at * bits % 8) & most as u8,
        };
        let level = |at: usize| {
            let level = (u32::from(value(at)) * 255 / most) as u8;
            if inverted { 255 - level } else { level }
        };
        let grey = |column: usize| match &colours {
            Colours::Grey => level(column),
            Colours::Rgb => mixed(level(column * 3), level(column * 3 + 1), level(column * 3 + 2)),
            Colours::Cmyk => {
                let ink = |part: usize| 255 - level(column * 4 + part);
                (u16::from(mixed(ink(0), ink(1), ink(2))) * u16::from(ink(3)) / 255) as u8
            }
            Colours::Table(table) => table.get(usize::from(value(column))).copied().unwrap_or(255),
        };
        samples.extend((0..width as usize).map(grey));
    }
    // A picture that ends early is white below.
    samples.truncate(width as usize * height as usize);
    samples.resize(width as usize * height as usize, 255);
    Ok(samples)
}

fn mixed(red: u8, green: u8, blue: u8) -> u8 {
    ((u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114) / 1000) as u8
}

fn inverted(doc: &Document, dict: &Dictionary) -> bool {
    let first = dict
        .get_deref(b"Decode", doc)
        .ok()
        .and_then(|decode| decode.as_array().ok()?.first().and_then(font::number));
    first.is_some_and(|first| first >= 0.5)
}

fn colours(doc: &Document, dict: &Dictionary) -> Option<Colours> {
    let object = dict.get_deref(b"ColorSpace", doc).ok()?;
    by_components(doc, object).or_else(|| table(doc, object))
}

fn by_components(doc: &Document, object: &Object) -> Option<Colours> {
    let name = |object: &Object| object.as_name().map(<[u8]>::to_vec).ok();
    let family = match object {
        Object::Array(all) => name(doc.dereference(all.first()?).ok()?.1)?,
        other => name(other)?,
    };
    match family.as_slice() {
        b"DeviceGray" | b"CalGray" | b"G" => Some(Colours::Grey),
        b"DeviceRGB" | b"CalRGB" | b"RGB" => Some(Colours::Rgb),
        b"DeviceCMYK" | b"CMYK" => Some(Colours::Cmyk),
        b"ICCBased" => {
            let profile = doc.dereference(object.as_array().ok()?.get(1)?).ok()?.1.as_stream().ok()?;
            match profile.dict.get_deref(b"N", doc).ok().and_then(font::number)? as u8 {
                1 => Some(Colours::Grey),
                3 => Some(Colours::Rgb),
                4 => Some(Colours::Cmyk),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `[/Indexed base highest table]`
fn table(doc: &Document, object: &Object) -> Option<Colours> {
    let all = object.as_array().ok()?;
    let part = |at: usize| doc.dereference(all.get(at)?).ok().map(|(_, object)| object);
    if !matches!(part(0)?.as_name().ok()?, b"Indexed" | b"I") {
        return None;
    }
    let octets = match part(3)? {
        Object::Stream(stream) => unpack(stream, 4096).0,
        other => other.as_str().ok()?.to_vec(),
    };
    let grey = match by_components(doc, part(1)?)? {
        Colours::Rgb => {
            octets.as_chunks::<3>().0.iter().map(|[red, green, blue]| mixed(*red, *green, *blue)).collect()
        }
        Colours::Grey => octets,
        _ => return None,
    };
    Some(Colours::Table(grey))
}

fn parameters<'a>(doc: &'a Document, stream: &'a Stream) -> Option<&'a Dictionary> {
    match stream.dict.get_deref(b"DecodeParms", doc).ok()? {
        Object::Array(all) => doc.dereference(all.first()?).ok()?.1.as_dict().ok(),
        other => other.as_dict().ok(),
    }
}

/// Letters found once and placed often: how scanners pack text. The letters that pages share lie in a stream of their own.
fn jbig2(doc: &Document, stream: &Stream, name: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    use hayro_jbig2::{DecodeSettings, Globals, Page};
    let settings = DecodeSettings::default();
    let shared =
        parameters(doc, stream).and_then(|all| all.get_deref(b"JBIG2Globals", doc).ok()?.as_stream().ok());
    let shared = shared.map(|stream| unpack(stream, MAX_STREAM as usize).0);
    let shared =
        shared.map(|octets| Globals::new(&octets, &settings)).transpose().map_err(|_| Reason::Corrupt)?;
    let page =
        Page::new_embedded(&stream.content, shared.as_ref(), &settings).map_err(|_| Reason::Corrupt)?;
    let (width, height) = (page.width(), page.height());
    if u64::from(width) * u64::from(height) > MOST_SAMPLES {
        return Err(Reason::TooBig);
    }
    // Ink is 0 behind this filter, unless it is said to be the other way round.
    let mut samples = Samples { black: if inverted(doc, &stream.dict) { 255 } else { 0 }, all: Vec::new() };
    page.decode(&mut samples).map_err(|_| Reason::Corrupt)?;
    pixels::grey(name, width, height, samples.all, out)
}

struct Samples {
    black: u8,
    all: Vec<u8>,
}

impl hayro_jbig2::Decoder for Samples {
    fn push_pixel(&mut self, black: bool) {
        self.all.push(if black { self.black } else { 255 - self.black });
    }

    fn push_pixel_chunk(&mut self, black: bool, chunk_count: u32) {
        let level = if black { self.black } else { 255 - self.black };
        self.all.resize(self.all.len() + 8 * chunk_count as usize, level);
    }

    fn next_line(&mut self) {}
}

fn jpeg2000(stream: &Stream, name: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
    let image = Image::new(&stream.content, &DecodeSettings::default()).map_err(|_| Reason::Corrupt)?;
    let (width, height) = (image.width(), image.height());
    let each = u64::from(image.color_space().num_channels()) + u64::from(image.has_alpha());
    if u64::from(width) * u64::from(height) * each > MOST_SAMPLES {
        return Err(Reason::TooBig);
    }
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|_| Reason::Corrupt)?;
    let each = decoded.components().len();
    let samples = decoded.data_u8();
    let grey = samples.chunks_exact(each.max(1)).map(|sample| match sample {
        [cyan, magenta, yellow, key] if !image.has_alpha() => {
            let colour = mixed(255 - cyan, 255 - magenta, 255 - yellow);
            (u16::from(colour) * u16::from(255 - key) / 255) as u8
        }
        [red, green, blue, ..] => mixed(*red, *green, *blue),
        other => other[0],
    });
    pixels::grey(name, width, height, grey.collect(), out)
}

/// Lines as fax machines send them; the two-dimensional form (group 4), which scanners write.
fn fax(doc: &Document, stream: &Stream, width: u32, height: u32) -> Result<Vec<u8>, Reason> {
    let parameters = parameters(doc, stream);
    let number = |key: &[u8]| parameters.and_then(|all| all.get_deref(key, doc).ok()).and_then(font::number);
    if number(b"K").unwrap_or(0.0) >= 0.0 {
        return Err(Reason::Unsupported(FileKind::Pdf));
    }
    let columns = number(b"Columns").unwrap_or(1728.0);
    if columns != f64::from(width) {
        return Err(Reason::Corrupt);
    }
    let black_is_one = parameters
        .and_then(|all| all.get_deref(b"BlackIs1", doc).ok())
        .is_some_and(|flag| flag.as_bool().unwrap_or(false));
    let width = u16::try_from(width).map_err(|_| Reason::TooBig)?;
    let mut samples = Vec::with_capacity(usize::from(width) * height as usize);
    let lines = u16::try_from(height).ok();
    // Lines up to the first that is damaged count.
    let _whole = fax::decoder::decode_g4(stream.content.iter().copied(), width, lines, |changes| {
        samples.extend(fax::decoder::pels(changes, width).map(|colour| match colour {
            fax::Color::Black => 0,
            fax::Color::White => 255,
        }));
    });
    if samples.is_empty() {
        return Err(Reason::Corrupt);
    }
    // Ink is sample 0, and sample 0 is shown black, unless either is said to be the other way round.
    if black_is_one != inverted(doc, &stream.dict) {
        samples.iter_mut().for_each(|level| *level = 255 - *level);
    }
    samples.truncate(usize::from(width) * height as usize);
    samples.resize(usize::from(width) * height as usize, 255);
    Ok(samples)
}
