//! The texts that some question looks into, in the order of the message, each with its place.

use std::ops::Range;

use content::{Component, Kind, View};

use crate::compile::model::{Engine, Places};
use crate::mail::Mail;

/// Where a text stands, as rules tell components apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    Subject,
    Header,
    Body,
    /// Attachments and what is in them: each file is a component.
    File,
    Envelope,
}

/// A component's number: what "in one component" means.
pub(super) type Scope = u32;

/// Numbers of the components that are not files.
const OTHER_SCOPES: u32 = 4;

/// A text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'m> {
    pub(super) text: &'m str,
    /// Octets of it that quote an earlier mail, as far as its format says so.
    pub(super) quoted: &'m [Range<usize>],
    /// Octets of it that are each one row of a table, in order and apart.
    pub(super) table_rows: &'m [Range<usize>],
    pub(super) part: u32,
    /// `Sheet2!B7`, a header's name, `sender`.
    pub(super) place: &'m str,
    pub(super) spot: Spot,
    pub(super) kind: &'static str,
    pub(super) view: Option<View>,
    /// It is part of the text as it runs, and no remark, link or property beside it.
    in_line: bool,
    /// It goes on where the piece before it ends: words near each other may stand in both.
    pub(super) continues: bool,
}

impl Piece<'_> {
    /// The component that it belongs to.
    pub(super) fn scope(&self) -> Scope {
        match self.spot {
            Spot::Subject => 0,
            Spot::Header => 1,
            Spot::Body => 2,
            Spot::Envelope => 3,
            Spot::File => file_scope(self.part),
        }
    }

    /// Whether a question that looks in `places` looks here.
    pub(super) fn admitted_by(&self, places: &Places) -> bool {
        match self.spot {
            Spot::Subject => places.subject || places.headers.all,
            Spot::Header => places.headers.admit(self.place),
            Spot::Body => places.body,
            Spot::File => places.attachments,
            Spot::Envelope => places.envelope,
        }
    }

    /// Stable lower-case name of the component.
    pub(super) fn component(&self) -> &'static str {
        match self.spot {
            Spot::Subject => "subject",
            Spot::Header => "header",
            Spot::Body => "body",
            Spot::File => "attachment",
            Spot::Envelope => "envelope",
        }
    }
}

/// The component of a file.
pub(super) fn file_scope(part: u32) -> Scope {
    part.saturating_add(OTHER_SCOPES)
}

/// All texts of a message that some question looks into.
#[derive(Debug)]
pub(super) struct Pieces<'m> {
    all: Vec<Piece<'m>>,
}

impl<'m> Pieces<'m> {
    pub(super) fn new(engine: &Engine, mail: &Mail<'m>) -> Self {
        let mut all: Vec<Piece<'m>> = Vec::with_capacity(mail.opened.segments.len() + 1);
        if engine.envelope {
            all.push(envelope("sender", &mail.envelope.sender));
            all.extend(mail.envelope.recipients.iter().map(|recipient| envelope("recipient", recipient)));
        }
        for segment in &mail.opened.segments {
            let spot = match segment.component {
                Component::Subject => Spot::Subject,
                Component::Header => Spot::Header,
                Component::Body => Spot::Body,
                Component::Attachment => Spot::File,
            };
            if spot == Spot::Header && !engine.headers.admit(&segment.place) {
                continue;
            }
            let continues = in_line(segment.kind)
                && matches!(spot, Spot::Body | Spot::File)
                && all.last().is_some_and(|before| {
                    (before.part, before.spot) == (segment.part, spot) && before.in_line
                });
            all.push(Piece {
                text: &segment.text,
                quoted: &segment.quoted,
                table_rows: &segment.rows,
                part: segment.part,
                place: &segment.place,
                spot,
                kind: segment.kind.as_str(),
                view: segment.view,
                in_line: in_line(segment.kind),
                continues,
            });
        }
        Self { all }
    }

    /// A body and nothing else.
    #[cfg(test)]
    pub(super) fn of_text(text: &'m str) -> Self {
        let piece = envelope("", text);
        Self { all: vec![Piece { spot: Spot::Body, kind: "text", in_line: true, ..piece }] }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Piece<'m>> {
        self.all.iter()
    }

    /// The numbers of texts that go on in each other, row by row.
    pub(super) fn rows(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        let mut from = 0;
        self.all.chunk_by(|_, next| next.continues).map(move |row| {
            let first = from;
            from += row.len() as u32;
            first..from
        })
    }

    pub(super) fn get(&self, piece: u32) -> &Piece<'m> {
        &self.all[piece as usize]
    }
}

fn envelope<'m>(place: &'m str, text: &'m str) -> Piece<'m> {
    Piece {
        text,
        quoted: &[],
        table_rows: &[],
        part: 0,
        place,
        spot: Spot::Envelope,
        kind: "envelope",
        view: None,
        in_line: false,
        continues: false,
    }
}

/// What is hidden stands between what is shown: a cell's stored number beside the number as it looks.
fn in_line(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Hidden)
}
