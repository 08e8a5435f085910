//! Pictures as grey pixels, for the engine that reads the text they show: decoded here, behind the lock of a worker, so that
//! the engine meets no format but the plainest one (PGM).

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageError, ImageFormat, ImageReader, imageops};

use super::{Output, pdf};
use crate::{DocumentRequest, FileKind, Reason};

/// Pixels along a side, and octets that decoding may take.
const LONGEST_SIDE: u32 = 30_000;
const MOST_MEMORY: u64 = 256 << 20;
/// Pixels that are handed on at most: larger pictures are made smaller.
const MOST_PIXELS: u64 = 12_000_000;
/// Smaller pictures than this show no text that people read: icons, lines, marks that count readers.
const LEAST_WIDTH: u32 = 40;
const LEAST_HEIGHT: u32 = 16;
/// Between the darkest and the brightest pixel of a picture with letters.
const LEAST_CONTRAST: u8 = 48;
/// Pages of one file, and pictures of an animation.
const MOST_PAGES: usize = 20;
const MOST_FRAMES: usize = 4;

/// Every picture of the file as a PGM file, named by its page where it has several.
pub(crate) fn read(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let octets = request.octets;
    match request.kind {
        FileKind::Pdf => pdf::pictures(request, out),
        FileKind::Tiff => pages(octets, out),
        FileKind::Gif => frames(octets, out),
        FileKind::Png => one(octets, ImageFormat::Png, out),
        FileKind::Jpeg => one(octets, ImageFormat::Jpeg, out),
        FileKind::Webp => one(octets, ImageFormat::WebP, out),
        FileKind::Bmp => one(octets, ImageFormat::Bmp, out),
        other => Err(Reason::Unsupported(other)),
    }
}

fn one(octets: &[u8], format: ImageFormat, out: &mut Output<'_>) -> Result<(), Reason> {
    hand_on("", &decode(octets, format)?, out)
}

fn decode(octets: &[u8], format: ImageFormat) -> Result<DynamicImage, Reason> {
    let mut reader = ImageReader::with_format(Cursor::new(octets), format);
    reader.limits(limits());
    reader.decode().map_err(|error| reason(&error))
}

fn limits() -> image::Limits {
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST_SIDE), Some(LONGEST_SIDE));
    limits.max_alloc = Some(MOST_MEMORY);
    limits
}

fn reason(error: &ImageError) -> Reason {
    match error {
        ImageError::Limits(_) => Reason::TooBig,
        _ => Reason::Corrupt,
    }
}

/// The decoder takes the first page: each in turn is made the first.
fn pages(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let little = octets.starts_with(b"II");
    let number = |at: usize, length: usize| -> Option<usize> {
        let octets = octets.get(at..at + length)?;
        let fold = |number: usize, octet: &u8| number << 8 | usize::from(*octet);
        Some(if little { octets.iter().rev().fold(0, fold) } else { octets.iter().fold(0, fold) })
    };
    let mut file = octets.to_vec();
    let mut directory = number(4, 4).ok_or(Reason::Corrupt)?;
    for page in 1..=MOST_PAGES {
        let name = format!("page {page}");
        out.at(&name);
        hand_on(&name, &decode(&file, ImageFormat::Tiff)?, out)?;
        let next = number(directory, 2).and_then(|count| number(directory + 2 + 12 * count, 4));
        // Directories may lie anywhere; those that lead back end with the count.
        directory = next.filter(|next| *next != 0).unwrap_or(0);
        if directory == 0 {
            return Ok(());
        }
        let place = if little { (directory as u32).to_le_bytes() } else { (directory as u32).to_be_bytes() };
        file[4..8].copy_from_slice(&place);
    }
    Err(Reason::TooManyParts)
}

fn frames(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    use image::{AnimationDecoder, ImageDecoder};
    let mut decoder =
        image::codecs::gif::GifDecoder::new(Cursor::new(octets)).map_err(|error| reason(&error))?;
    decoder.set_limits(limits()).map_err(|error| reason(&error))?;
    for (number, frame) in decoder.into_frames().take(MOST_FRAMES).enumerate() {
        let frame = frame.map_err(|error| reason(&error))?;
        let name = if number == 0 { String::new() } else { format!("frame {}", number + 1) };
        hand_on(&name, &DynamicImage::ImageRgba8(frame.into_buffer()), out)?;
    }
    Ok(())
}

/// A picture whose samples are known already.
pub(super) fn grey(
    name: &str,
    width: u32,
    height: u32,
    samples: Vec<u8>,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    match GrayImage::from_raw(width, height, samples) {
        Some(picture) => hand_on(name, &DynamicImage::ImageLuma8(picture), out),
        None => Err(Reason::Corrupt),
    }
}

/// Whether a picture of that size may show text.
pub(super) fn is_large_enough(width: u32, height: u32) -> bool {
    width >= LEAST_WIDTH && height >= LEAST_HEIGHT
}

/// The picture in grey on white paper, if it may show text.
fn hand_on(name: &str, picture: &DynamicImage, out: &mut Output<'_>) -> Result<(), Reason> {
    let (width, height) = (picture.width(), picture.height());
    if !is_large_enough(width, height) {
        return Ok(());
    }
    out.spend(u64::from(width) * u64::from(height) / 8)?;
    let grey = on_white(picture);
    let (least, most) = grey
        .iter()
        .fold((255, 0), |(least, most), level| (level.min(&least).to_owned(), level.max(&most).to_owned()));
    if most.saturating_sub(least) < LEAST_CONTRAST {
        return Ok(());
    }
    let pixels = u64::from(width) * u64::from(height);
    let grey = if pixels > MOST_PIXELS {
        let by = (pixels as f64 / MOST_PIXELS as f64).sqrt();
        let smaller = |side: u32| ((f64::from(side) / by) as u32).max(1);
        imageops::thumbnail(&grey, smaller(width), smaller(height))
    } else {
        grey
    };
    let mut file = format!("P5\n{} {}\n255\n", grey.width(), grey.height()).into_bytes();
    file.extend_from_slice(&grey);
    out.spend(file.len() as u64)?;
    out.file(name.to_owned(), file)
}

/// What is transparent shows the paper.
fn on_white(picture: &DynamicImage) -> GrayImage {
    if !picture.color().has_alpha() {
        return picture.to_luma8();
    }
    let both = picture.to_luma_alpha8();
    let mut grey = GrayImage::new(both.width(), both.height());
    for (to, from) in grey.pixels_mut().zip(both.pixels()) {
        let [level, alpha] = from.0;
        to.0 = [255 - (u16::from(255 - level) * u16::from(alpha) / 255) as u8];
    }
    grey
}
