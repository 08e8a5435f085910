//! Text that pictures show: read once everything else has been, in a part of the time that is left.

use std::time::Instant;

use super::Walk;
use super::task::{Octets, Place};
use crate::{DocumentItem, DocumentRequest, FileKind, Reason, shows_pictures};

/// Pictures of one message, files that hold pictures counted as one.
const MOST_PICTURES: usize = 64;

/// A file that is a picture or holds some.
pub(super) struct Picture<'m> {
    id: u32,
    octets: Octets<'m>,
    place: Place,
    kind: FileKind,
}

impl<'m> Walk<'m, '_> {
    /// Notes a file for later.
    pub(super) fn picture(&mut self, id: u32, octets: &Octets<'m>, place: &Place, kind: FileKind) {
        if !shows_pictures(kind) {
            return;
        }
        // One more than is read: it is the place of the finding.
        if self.pictures.len() > MOST_PICTURES {
            self.more_pictures += 1;
        } else {
            self.pictures.push(Picture { id, octets: octets.clone(), place: place.clone(), kind });
        }
    }

    /// Reads what was noted, if pictures are to be read. Half of the time that is left is kept for judging what was found.
    pub(super) fn read_pictures(&mut self) {
        let now = Instant::now();
        let deadline = now + self.how.deadline.saturating_duration_since(now) / 2;
        for (count, Picture { id, octets, place, kind }) in
            std::mem::take(&mut self.pictures).into_iter().enumerate()
        {
            if self.stopped {
                return;
            }
            if count >= MOST_PICTURES {
                if self.how.documents.leaves_out_pictures(1 + self.more_pictures) {
                    self.unscannable(id, &place.path, Reason::TooManyParts);
                }
                return;
            }
            let request = DocumentRequest {
                kind,
                name: place.name.as_deref(),
                octets: octets.get(),
                limits: self.how.limits,
                deadline,
                passwords: self.how.passwords,
            };
            let Some(answer) = self.how.documents.text_in_pictures(&request) else { return };
            if answer.items.iter().any(|item| matches!(item, DocumentItem::Text { .. })) {
                self.was_read(id);
            }
            self.answer(id, &place, answer);
        }
    }

    /// A document of pictures, or pages of it, were named as not read: now they were.
    fn was_read(&mut self, id: u32) {
        let parent = self.opened.parts.get(id as usize).and_then(|part| part.parent);
        let about_pages = Reason::Unsupported(FileKind::Pdf);
        let parts = &self.opened.parts;
        self.opened.unscannable.retain(|found| {
            let whole = parts.get(found.part as usize).is_some_and(|part| {
                let below = found.path.strip_prefix(&part.path).unwrap_or(&found.path);
                below.is_empty() || below.trim_start_matches(" > ").starts_with("page ")
            });
            found.reason != about_pages || !whole || found.part != id && Some(found.part) != parent
        });
    }
}
