//! Asks the indexes about the texts of a message. What could not be looked at is a finding, never silence.

use std::time::Instant;

use content::Part;

use super::documents::{self, DocumentFound, FileFound};
use super::exact::{self, RowFound};
use super::gather::Gathered;
use super::ignore::LeftOut;
use super::pieces::Pieces;
use super::stretch;
use crate::compile::model::{Compiled, Probe};
use crate::index::Index;

/// What an index found.
#[derive(Debug)]
pub(super) enum Found {
    Rows(Vec<RowFound>),
    Documents(Vec<DocumentFound>, Vec<FileFound>),
    /// Texts are judged when a rule asks.
    Later,
}

impl Found {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Rows(rows) => rows.is_empty(),
            Self::Documents(documents, files) => documents.is_empty() && files.is_empty(),
            Self::Later => true,
        }
    }

    pub(super) fn rows(&self) -> &[RowFound] {
        if let Self::Rows(rows) = self { rows } else { &[] }
    }

    pub(super) fn documents(&self) -> &[DocumentFound] {
        if let Self::Documents(documents, _) = self { documents } else { &[] }
    }

    pub(super) fn files(&self) -> &[FileFound] {
        if let Self::Documents(_, files) = self { files } else { &[] }
    }
}

/// What went wrong while a row of texts was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    /// There was more than can be kept.
    pub(super) overflow: bool,
    /// The index could not be read.
    pub(super) fault: bool,
    /// The deadline came.
    pub(super) late: bool,
}

/// Asks every index.
pub(super) fn ask(
    set: &Compiled,
    pieces: &Pieces<'_>,
    parts: &[Part],
    deadline: Instant,
    gathered: &mut Gathered,
) {
    let mut left_out = LeftOut::new(&set.settings, pieces);
    for probe in &set.engine.probes {
        let found = ask_one(probe, pieces, &mut left_out, parts, deadline, gathered);
        gathered.probed.push(found);
    }
}

fn ask_one(
    probe: &Probe,
    pieces: &Pieces<'_>,
    left_out: &mut LeftOut<'_, '_>,
    parts: &[Part],
    deadline: Instant,
    gathered: &mut Gathered,
) -> Found {
    let mut found = match &probe.index {
        Index::Exact(_) => Found::Rows(Vec::new()),
        Index::Documents(_) => Found::Documents(Vec::new(), Vec::new()),
        Index::Learned(_) => return Found::Later,
    };
    if let (Index::Documents(index), Found::Documents(_, files)) = (&probe.index, &mut found) {
        gathered.faulty_parts.extend(documents::look_at_files(index, parts, files));
    }
    for row in stretch::rows(pieces, &probe.places) {
        let first = row[0];
        if Instant::now() >= deadline {
            late(gathered, first);
            break;
        }
        let trouble = match (&probe.index, &mut found) {
            (Index::Exact(index), Found::Rows(found)) => {
                exact::look(index, probe.wants, pieces, left_out, &row, deadline, found)
            }
            (Index::Documents(index), Found::Documents(found, _)) => {
                documents::look(index, pieces, left_out, &row, found)
            }
            _ => Trouble::default(),
        };
        if trouble.overflow {
            gathered.overflowing.push(first);
        }
        if trouble.fault {
            gathered.faulty.push(first);
        }
        if trouble.late {
            late(gathered, first);
            break;
        }
    }
    found
}

/// The first text that was not looked at to its end.
fn late(gathered: &mut Gathered, piece: u32) {
    gathered.late = Some(gathered.late.map_or(piece, |late| late.min(piece)));
}
