//! Opens documents and containers: octets in, texts with their places and files inside out. Runs in a worker process.

use std::io::Read;
use std::time::Instant;

use crate::{
    AmbiguityReason, DocumentAnswer, DocumentItem, DocumentRequest, Documents, FileKind, Kind, Limits, Reason,
};

mod ooxml;
mod packed;
mod xml;
mod zip;

/// Opens documents in this process. The product does so in locked-in workers only.
#[derive(Debug, Clone, Copy, Default)]
pub struct InProcess;

impl Documents for InProcess {
    fn open(&self, request: &DocumentRequest<'_>) -> DocumentAnswer {
        let mut out = Output::new(request);
        let opened = match request.kind {
            FileKind::Zip | FileKind::Jar => zip::open(request, &mut out),
            FileKind::Gzip | FileKind::Bzip2 | FileKind::Xz | FileKind::Lzma | FileKind::Zstd => {
                packed::open(request, &mut out)
            }
            FileKind::Tar => packed::tar(request, &mut out),
            FileKind::Docx | FileKind::Docm | FileKind::Dotx => ooxml::document(request, &mut out),
            FileKind::Xlsx | FileKind::Xlsm | FileKind::Xltx => ooxml::workbook(request, &mut out),
            FileKind::Pptx | FileKind::Pptm | FileKind::Ppsx | FileKind::Potx => {
                ooxml::presentation(request, &mut out)
            }
            FileKind::Odt | FileKind::Ods | FileKind::Odp | FileKind::Odg => {
                ooxml::open_document(request, &mut out)
            }
            FileKind::Png | FileKind::Jpeg | FileKind::Tiff | FileKind::Webp | FileKind::Heic => Ok(()),
            other => Err(Reason::Unsupported(other)),
        };
        if let Err(reason) = opened {
            out.unscannable("", reason);
        }
        out.answer
    }
}

/// What comes out of one file, within its budget.
pub(crate) struct Output<'a> {
    answer: DocumentAnswer,
    limits: &'a Limits,
    deadline: Instant,
    octets: u64,
    packed: u64,
}

impl<'a> Output<'a> {
    fn new(request: &DocumentRequest<'a>) -> Self {
        Self {
            answer: DocumentAnswer::default(),
            limits: request.limits,
            deadline: request.deadline,
            octets: 0,
            packed: request.octets.len() as u64,
        }
    }

    fn text(&mut self, place: impl Into<String>, kind: Kind, text: String) -> Result<(), Reason> {
        self.spend(text.len() as u64)?;
        if !text.trim().is_empty() {
            self.answer.items.push(DocumentItem::Text { place: place.into(), kind, text });
        }
        Ok(())
    }

    fn file(&mut self, name: String, octets: Vec<u8>) -> Result<(), Reason> {
        if self.answer.items.len() >= self.limits.parts as usize {
            return Err(Reason::TooManyParts);
        }
        self.answer.items.push(DocumentItem::File { name, place: String::new(), octets, encrypted: false });
        Ok(())
    }

    fn locked(&mut self, name: String) {
        self.unscannable(&name, Reason::Encrypted);
        self.answer.items.push(DocumentItem::File {
            name,
            place: String::new(),
            octets: Vec::new(),
            encrypted: true,
        });
    }

    fn unscannable(&mut self, path: &str, reason: Reason) {
        self.answer.unscannable.push((path.to_owned(), reason));
    }

    fn ambiguous(&mut self, path: &str, reason: AmbiguityReason) {
        self.answer.ambiguous.push((path.to_owned(), reason));
    }

    fn spend(&mut self, octets: u64) -> Result<(), Reason> {
        self.octets += octets;
        if Instant::now() >= self.deadline {
            return Err(Reason::Timeout);
        }
        if self.octets > self.limits.octets_out {
            return Err(Reason::TooBig);
        }
        let allowed = self.packed.max(64 << 10).saturating_mul(self.limits.ratio.into());
        if self.octets > allowed { Err(Reason::Ratio) } else { Ok(()) }
    }

    /// Reads to the end within the budget; what was read before a failure comes with it.
    fn read(&mut self, mut from: impl Read) -> (Vec<u8>, Result<(), Reason>) {
        let mut octets = Vec::new();
        let mut block = [0; 16 << 10];
        loop {
            match from.read(&mut block) {
                Ok(0) => return (octets, Ok(())),
                Ok(count) => {
                    if let Err(reason) = self.spend(count as u64) {
                        return (octets, Err(reason));
                    }
                    octets.extend_from_slice(&block[..count]);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return (octets, Err(Reason::Corrupt)),
            }
        }
    }
}
