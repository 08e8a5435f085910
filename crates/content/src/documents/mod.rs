//! Opens documents and containers: octets in, texts with their places and files inside out. Runs in a worker process.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{AmbiguityReason, DocumentAnswer, DocumentRequest, Documents, FileKind, Reason};

mod ar;
mod based_on;
mod blip;
mod cab;
mod cfb;
mod ciphers;
mod closed;
mod cpio;
mod doc;
mod encrypted;
mod epub;
mod flat;
pub mod fuzz;
#[doc(hidden)]
pub mod fuzz_docs;
mod hyperlink;
mod image;
mod iso;
mod iwa;
mod lists;
mod msg;
mod odf;
mod ole;
mod onenote;
mod ooxml;
mod output;
mod packed;
mod pdf;
mod picture;
mod pixels;
mod place;
mod ppt;
mod rpm;
mod rtf;
mod sevenzip;
mod shape;
mod shared_strings;
mod sqlite;
mod tar;
mod vba;
mod xls;
mod xlsb;
mod xml;
mod xmp;
mod zip;

pub(crate) use cpio::is_archive as is_cpio;
pub(crate) use flat::is_one as is_flat;
pub(crate) use iwa::is_one as is_iwa;
pub(crate) use output::{Output, Sink};
pub(crate) use place::push_cell;
pub(crate) use tar::is_archive as is_tape;
pub(crate) use xml::reference as xml_reference;

/// Opens documents in this process. The product does so in locked-in workers only.
#[derive(Debug, Clone, Copy, Default)]
pub struct InProcess;

impl Documents for InProcess {
    fn open(&self, request: &DocumentRequest<'_>) -> DocumentAnswer {
        let mut out = Output::new(request);
        read(Wanted::Texts, request, &mut out);
        out.finish()
    }
}

/// Reads a file into `out`; a bound or a fault that ends the reading becomes a finding.
pub(crate) fn read(wanted: Wanted, request: &DocumentRequest<'_>, out: &mut Output<'_>) {
    let read = match wanted {
        Wanted::Texts => dispatch(request, out),
        Wanted::Pixels => pixels::read(request, out),
    };
    if let Err(reason) = read {
        out.end(reason);
    }
}

/// As [`read`], and parts of the answer go on as they come; a reader's panic is a finding. The rest comes back.
pub(crate) fn read_on(wanted: Wanted, request: &DocumentRequest<'_>, sink: Sink<'_>) -> DocumentAnswer {
    let mut out = Output::streaming(request, sink);
    if catch_unwind(AssertUnwindSafe(|| read(wanted, request, &mut out))).is_err() {
        out.end(Reason::ParserFailed);
    }
    out.finish()
}

/// What a file is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Its texts and the files in it.
    Texts,
    /// Its pictures as grey pixels, for an engine that reads the text they show.
    Pixels,
}

/// A zip without a mark of what it is: an archive of files, unless it is a document all the same.
fn archive(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let natures = zip::natures(request, out);
    match (natures.office, natures.open_document) {
        (true, _) => office(natures, request, out),
        (_, true) => odf::open(request, out),
        _ => zip::open(request, out),
    }
}

fn office(natures: zip::Natures, request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let read = match natures.binary {
        true => xlsb::open(&DocumentRequest { kind: FileKind::Xlsb, ..*request }, out),
        false => ooxml::open(request, out),
    };
    also(natures.open_document, odf::open, read, request, out)
}

fn open_document(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let read = odf::open(request, out);
    also(zip::natures(request, out).office, ooxml::open, read, request, out)
}

fn book(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let natures = zip::natures(request, out);
    let read = epub::open(request, out);
    let read = also(natures.office, ooxml::open, read, request, out);
    also(natures.open_document, odf::open, read, request, out)
}

/// What another program takes for a document of its own is read as that, too.
fn also(
    wanted: bool,
    reader: fn(&DocumentRequest<'_>, &mut Output<'_>) -> Result<(), Reason>,
    read: Result<(), Reason>,
    request: &DocumentRequest<'_>,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    if !wanted || !matches!(read, Ok(()) | Err(Reason::Encrypted | Reason::Corrupt)) {
        return read;
    }
    out.ambiguous("", AmbiguityReason::ContainerDisagreement);
    let other = reader(request, out);
    read.and(other)
}

/// Which reader opens which kind.
fn dispatch(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    use FileKind::*;
    match request.kind {
        // containers
        Zip | Jar => archive(request, out),
        Gzip | Bzip2 | Xz | Lzma | Zstd => packed::open(request, out),
        Tar => tar::open(request, out),
        SevenZip => sevenzip::open(request, out),
        Cab => cab::open(request, out),
        Iso => iso::open(request, out),
        Ar | Deb => ar::open(request, out),
        Rpm => rpm::open(request, out),
        Cpio => cpio::open(request, out),
        Rar | Arj | Lha | Ace => closed::open(request, out),
        // office
        Docx | Docm | Dotx | Xlsx | Xlsm | Xltx | Pptx | Pptm | Ppsx | Potx => {
            office(zip::natures(request, out), request, out)
        }
        Xlsb => xlsb::open(request, out),
        Odt | Ods | Odp | Odg => open_document(request, out),
        Epub => book(request, out),
        Xml | Text => flat::open(request, out),
        // other documents
        Pdf => pdf::open(request, out),
        Rtf => rtf::open(request, out),
        Doc | Xls | Ppt | Msg | Cfb => cfb::open(request, out),
        Sqlite => sqlite::open(request, out),
        Iwa => iwa::open(request, out),
        OneNote => onenote::open(request, out),
        Png | Jpeg | Gif | Tiff | Webp | Heic | Bmp => image::open(request, out),
        other => Err(Reason::Unsupported(other)),
    }
}
