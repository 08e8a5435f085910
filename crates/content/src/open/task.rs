//! What is still to be opened, and where it stands.

use std::ops::Range;
use std::sync::Arc;

use crate::{Role, View};

/// Octets of the message, or of something decoded from it.
#[derive(Clone)]
pub(super) enum Octets<'m> {
    Borrowed(&'m [u8]),
    Shared(Arc<Vec<u8>>, Range<usize>),
}

impl Octets<'_> {
    pub(super) fn get(&self) -> &[u8] {
        match self {
            Self::Borrowed(octets) => octets,
            Self::Shared(octets, range) => &octets[range.clone()],
        }
    }

    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Borrowed(octets) => Self::Borrowed(&octets[range]),
            Self::Shared(octets, outer) => {
                Self::Shared(octets.clone(), outer.start + range.start..outer.start + range.end)
            }
        }
    }

    pub(super) fn owned(octets: Vec<u8>) -> Self {
        let length = octets.len();
        Self::Shared(Arc::new(octets), 0..length)
    }
}

/// Where something is.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) parent: Option<u32>,
    pub(super) path: String,
    pub(super) name: Option<String>,
    pub(super) depth: u16,
    pub(super) view: Option<View>,
    /// The number of the attachment among its siblings, for those without a name.
    pub(super) number: usize,
    pub(super) in_attachment: bool,
}

impl Place {
    pub(super) fn message() -> Self {
        Self {
            parent: None,
            path: String::new(),
            name: None,
            depth: 0,
            view: None,
            number: 0,
            in_attachment: false,
        }
    }

    /// One step inside, under the same path.
    pub(super) fn below(&self, parent: u32) -> Self {
        Self { parent: Some(parent), depth: self.depth.saturating_add(1), name: None, ..self.clone() }
    }

    /// The path of something in here.
    pub(super) fn path_to(&self, name: &str) -> String {
        match (self.path.is_empty(), name.is_empty()) {
            (_, true) => self.path.clone(),
            (true, false) => name.to_owned(),
            (false, false) => format!("{} > {name}", self.path),
        }
    }
}

pub(super) enum What {
    /// A header and a body.
    Entity { message: bool, digest: bool },
    /// Parts between delimiters that no header announced.
    Multipart { boundary: Vec<u8> },
    /// Octets without a header of mail.
    File { role: Role, declared: String },
}

pub(super) struct Task<'m> {
    pub(super) octets: Octets<'m>,
    pub(super) place: Place,
    pub(super) what: What,
}

impl<'m> Task<'m> {
    pub(super) fn message(octets: Octets<'m>, place: Place) -> Self {
        Self { octets, place, what: What::Entity { message: true, digest: false } }
    }

    pub(super) fn part(octets: Octets<'m>, place: Place, digest: bool) -> Self {
        Self { octets, place, what: What::Entity { message: false, digest } }
    }

    pub(super) fn file(octets: Octets<'m>, place: Place, role: Role) -> Self {
        Self { octets, place, what: What::File { role, declared: String::new() } }
    }
}
