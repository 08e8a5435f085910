//! Texts and pages: in every plausible charset, as they stand there and as programs show them, with the files written in them.

use std::borrow::Cow;
use std::collections::HashSet;

use super::flowed::Labels;
use super::task::{Octets, Place, Task, What};
use super::{Walk, cells};
use crate::documents::is_flat;
use crate::rows::ROW_COST;
use crate::{
    AmbiguityReason, Component, FileKind, Kind, Reason, Role, View, charset, header, html, notation, transfer,
};

/// `data:` URIs of one page that differ; that there are more is a finding.
const MOST_URIS: usize = 256;

impl<'m> Walk<'m, '_> {
    /// A text; a drawing and a document that is one text as well as what they show.
    pub(super) fn plain(
        &mut self,
        id: u32,
        octets: &Octets<'m>,
        component: Component,
        place: &Place,
        kind: FileKind,
        labels: Labels<'_>,
    ) {
        let drawing = kind == FileKind::Svg;
        let document = matches!(kind, FileKind::Xml | FileKind::Text) && is_flat(octets.get());
        if !drawing && !document {
            return self.text(id, octets, component, place, labels);
        }
        let views = self.views(place.view, 2);
        let at = |view: usize| Place { view: views[view], ..place.clone() };
        // What a drawing or a document holds is read with it.
        self.text(id, octets, component, &at(0), Labels { decoded_elsewhere: true, ..labels });
        match drawing {
            true => self.html(id, octets, component, &at(1), labels),
            false => self.document(id, octets, &at(1), kind),
        }
    }

    pub(super) fn text(
        &mut self,
        id: u32,
        octets: &Octets<'m>,
        component: Component,
        place: &Place,
        labels: Labels<'_>,
    ) {
        let readings = match octets {
            Octets::Borrowed(octets) => charset::readings(octets, labels.charsets),
            shared => {
                let readings = charset::readings(shared.get(), labels.charsets);
                charset::Readings { first: Cow::Owned(readings.first.into_owned()), ..readings }
            }
        };
        if readings.mislabelled {
            self.ambiguous(id, &place.path, AmbiguityReason::WrongCharset);
        }
        let mut mark = place.view;
        let parts = self.embedded(id, octets, place, &mut mark);
        let goes_on = component == Component::Body && self.header_in_body(id, octets, place, &mut mark);
        let mut texts = vec![readings.first];
        texts.extend(readings.others.into_iter().map(Cow::Owned));
        if memchr::memchr(0, texts[0].as_bytes()).is_some() {
            // Clients show nothing for a NUL.
            let without = texts[0].replace('\0', "");
            texts.insert(0, Cow::Owned(without));
        }
        let joined = labels.joined(&texts[0]);
        let shown = self.notation(id, &texts[0], place);
        let kind = self.kind_of(id);
        if !goes_on && !labels.decoded_elsewhere && !matches!(kind, FileKind::Ics | FileKind::Vcard) {
            let shown = shown.as_deref().unwrap_or(&texts[0]);
            // What parts hold is read with them.
            let end = parts.and_then(|boundary| memchr::memmem::find(shown.as_bytes(), &boundary));
            let shown = end.and_then(|end| shown.get(..end)).unwrap_or(shown);
            self.encoded(id, shown, place, &HashSet::new());
        }
        texts.extend(joined.into_iter().chain(shown).map(Cow::Owned));
        let numbers = if kind == FileKind::Csv { cells::in_lines(&texts[0]) } else { Vec::new() };
        let views = self.views(mark, texts.len());
        for (text, view) in texts.into_iter().zip(views.iter().copied()) {
            // What is borrowed costs no memory here, but readings of readings would cost whoever inspects them.
            let borrowed = matches!(text, Cow::Borrowed(_));
            let affordable = self.spend(text.len(), id, &place.path);
            if affordable || borrowed {
                self.segment(id, "", component, Kind::Text, view, text);
            }
            if !affordable {
                return;
            }
        }
        self.across(id, place, component, views[0], numbers);
    }

    fn kind_of(&self, id: u32) -> FileKind {
        self.opened.parts.get(id as usize).map_or(FileKind::Text, |part| part.kind)
    }

    /// The text as a program shows it that knows its notation; files that are written in it are opened.
    fn notation(&mut self, id: u32, text: &str, place: &Place) -> Option<String> {
        let read = notation::read(self.kind_of(id), text);
        if read.more {
            self.unscannable(id, &place.path, Reason::TooManyParts);
        }
        for (name, octets) in read.files.into_iter().rev() {
            if !self.spend(octets.len(), id, &place.path) {
                break;
            }
            let path = place.path_to(&name);
            let below = Place { path, name: Some(name), in_attachment: true, ..place.below(id) };
            self.todo.push(Task::file(Octets::owned(octets), below, Role::Embedded));
        }
        read.shown
    }

    /// A text that begins with MIME fields: some clients go on reading the header. Says whether it does.
    fn header_in_body(
        &mut self,
        id: u32,
        octets: &Octets<'m>,
        place: &Place,
        mark: &mut Option<View>,
    ) -> bool {
        let text = octets.get();
        let start = text.len() - text.trim_ascii_start().len();
        let begins =
            |name: &[u8]| text[start..].get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
        if !begins(b"content-t") && !begins(b"mime-version:") {
            return false;
        }
        let head = header::read(&text[start..], 64);
        if head.values("content-type").chain(head.values("content-transfer-encoding")).next().is_none() {
            return false;
        }
        self.ambiguous(id, &place.path, AmbiguityReason::HeaderInBody);
        let first = mark.unwrap_or_else(|| self.new_group());
        *mark = Some(first);
        let view = Some(self.another(first.group));
        let below = Place { view, ..place.below(id) };
        self.todo.push(Task::part(octets.slice(start..text.len()), below, false));
        true
    }

    pub(super) fn html(
        &mut self,
        id: u32,
        octets: &Octets<'m>,
        component: Component,
        place: &Place,
        labels: Labels<'_>,
    ) {
        let declared = html::declared_charset(octets.get());
        let charsets: Vec<&str> = labels.charsets.iter().copied().chain(declared.as_deref()).collect();
        let readings = charset::readings(octets.get(), &charsets);
        if readings.mislabelled && !labels.charsets.is_empty() {
            self.ambiguous(id, &place.path, AmbiguityReason::WrongCharset);
        }
        let mut mark = place.view;
        self.embedded(id, octets, place, &mut mark);
        let views = self.views(mark, 1 + readings.others.len());
        let others = readings.others.iter().map(String::as_str);
        for (text, view) in std::iter::once(&*readings.first).chain(others).zip(views) {
            if !self.spend(text.len(), id, &place.path) {
                return;
            }
            let mut page = html::read(text);
            if view == mark {
                let uris = std::mem::take(&mut page.data);
                let read: HashSet<&str> = uris
                    .iter()
                    .filter_map(|uri| uri.split_once(','))
                    .map(|(_, data)| data.trim_end_matches('='))
                    .collect();
                self.encoded(id, text, place, &read);
                self.data_uris(id, place, uris);
            }
            // Some clients show what hides inside a word.
            let mut joined: Vec<String> = page.joined.take().into_iter().chain(page.without.take()).collect();
            joined.extend(page.placed.take());
            joined.extend(page.generated.take());
            if let Some(turned) = page.turned.take() {
                self.turned(id, &place.path, &turned);
                joined.push(turned.text);
            }
            let renderings = self.views(view, 1 + joined.len());
            let (quoted, rows) = (std::mem::take(&mut page.quoted), std::mem::take(&mut page.rows));
            let affordable = self.spend(rows.len() * ROW_COST as usize, id, &place.path);
            let numbers = cells::in_rows("", &page.shown, &rows);
            for (kind, text) in page.into_texts() {
                let view = if kind == Kind::Text { renderings[0] } else { view };
                let at = self.opened.segments.len();
                self.segment(id, "", component, kind, view, text);
                if kind == Kind::Text
                    && let Some(segment) = self.opened.segments.get_mut(at)
                {
                    segment.quoted = quoted.clone();
                    segment.rows = if affordable { rows.clone() } else { Vec::new() };
                }
            }
            self.across(id, place, component, renderings[0], numbers);
            for (text, view) in joined.into_iter().zip(renderings.into_iter().skip(1)) {
                self.segment(id, "", component, Kind::Text, view, text);
            }
        }
    }

    fn data_uris(&mut self, id: u32, place: &Place, uris: Vec<String>) {
        let mut seen = HashSet::new();
        let different = uris.iter().filter(|uri| seen.insert(uri.as_str()));
        for (number, uri) in different.enumerate() {
            if number == MOST_URIS {
                return self.unscannable(id, &place.path, Reason::TooManyParts);
            }
            let Some((kind, data)) = uri.get(5..).and_then(|uri| uri.split_once(',')) else { continue };
            let octets = match kind.to_ascii_lowercase().trim_end().ends_with(";base64") {
                true => transfer::base64_of_the_web(&header::percent(data)),
                false => header::percent(data),
            };
            if !self.spend(octets.len(), id, &place.path) {
                return;
            }
            let place = Place { path: place.path_to("data URI"), ..place.below(id) };
            let declared = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let what = What::File { role: Role::Embedded, declared };
            self.todo.push(Task { octets: Octets::owned(octets), place, what });
        }
    }
}
