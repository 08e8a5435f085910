//! Leaves: transfer encodings undone, types told by the octets, each handed to its reader.

use super::cells::{self, Sheet};
use super::entity::Meaning;
use super::flowed::Labels;
use super::task::{Octets, Place, Task};
use super::{Walk, mbox, passwords, words};
use crate::rows::ROW_COST;
use crate::smime::Cms;
use crate::transfer::{self, Encoding};
use crate::{
    AmbiguityReason, Component, DocumentAnswer, DocumentItem, DocumentRequest, FileKind, Kind, Reason, Role,
    View, detect, extent, is_document, smime, tnef,
};

/// Octets of no known kind in which words are looked for.
const MOST_STRINGS: usize = 16 << 20;

/// Declared as plain text and as a page.
const BOTH: &str = "text/plain, text/html";

/// Texts with tags of their own, which who does not know them reads as they stand: RFC 1896, RFC 1341, what watches show.
const RICH: &[&str] =
    &["text/enriched", "text/richtext", "text/watch-html", "text/x-watch-html", "text/x-amp-html"];

/// Octets of a body in the forms that clients make of it.
struct Forms<'m> {
    list: Vec<Octets<'m>>,
    /// Some are what base64 says.
    of_base64: bool,
    reasons: Vec<AmbiguityReason>,
}

impl<'m> Walk<'m, '_> {
    pub(super) fn leaf(&mut self, body: &Octets<'m>, mut place: Place, meaning: &Meaning, attached: bool) {
        let declared = meaning.declared();
        let role = if attached || place.in_attachment { Role::Attachment } else { Role::Body };
        let text_like =
            declared.is_empty() || declared.starts_with("text") || declared.starts_with("multipart");
        if place.path.is_empty() && (role == Role::Attachment || !text_like) {
            place.path = place.name.clone().unwrap_or_else(|| format!("attachment {}", place.number.max(1)));
        }
        let id = self.next_part();
        let forms = self.forms(body, meaning, text_like, id, &place.path);
        let role = if text_like { role } else { Role::Attachment };
        if role == Role::Attachment {
            self.written(body, &place, meaning);
        }
        if forms.list.is_empty() {
            // The budget ended here: the part that findings speak of is there all the same.
            self.part(&place, role, declared, FileKind::Unknown, body.get().len() as u64);
        }
        let charsets = meaning.charsets();
        let declared = match declared {
            // Some types say that it is a page, some that it is not: both.
            declared if meaning.may_be_page() && declared != "text/html" && text_like => BOTH,
            declared => declared,
        };
        let views = self.views(place.view, forms.list.len());
        for (octets, view) in forms.list.into_iter().zip(views) {
            // Base64 as it stands there, beside what it says.
            let decoded_elsewhere = forms.of_base64 && octets.get().as_ptr() == body.get().as_ptr();
            let labels = Labels { decoded_elsewhere, ..Labels::new(meaning, &charsets) };
            self.file(octets, Place { view, ..place.clone() }, role, declared.to_owned(), labels);
        }
        for reason in forms.reasons {
            self.ambiguous(id, &place.path, reason);
        }
    }

    /// Undoes the transfer encodings that are named, or meant. An unknown one is none (RFC 2045 6.1).
    fn forms(
        &mut self,
        body: &Octets<'m>,
        meaning: &Meaning,
        text_like: bool,
        id: u32,
        path: &str,
    ) -> Forms<'m> {
        let mut forms = Forms { list: Vec::new(), of_base64: false, reasons: Vec::new() };
        for name in &meaning.encodings {
            match Encoding::by_name(name) {
                Some(encoding) => self.form(body, encoding, &mut forms, id, path),
                None => {
                    let nearly = Encoding::nearly(name);
                    let guess = transfer::looks_like_base64(body.get()).then_some(Encoding::Base64);
                    self.form(body, Encoding::Identity, &mut forms, id, path);
                    if let Some(encoding) =
                        nearly.or(guess).filter(|encoding| *encoding != Encoding::Identity)
                    {
                        forms.reasons.push(AmbiguityReason::WrongTransferEncoding);
                        self.form(body, encoding, &mut forms, id, path);
                    }
                }
            }
        }
        if meaning.encodings.is_empty() {
            self.form(body, Encoding::Identity, &mut forms, id, path);
        }
        let plain = matches!(&forms.list[..], [Octets::Borrowed(_)] | [Octets::Shared(..)])
            && meaning.encodings.iter().all(|name| Encoding::by_name(name) == Some(Encoding::Identity));
        if plain && text_like && transfer::looks_like_base64(body.get()) {
            self.form(body, Encoding::Base64, &mut forms, id, path);
        }
        let allowed = usize::from(self.how.limits.views).max(1);
        if forms.list.len() > allowed {
            forms.list.truncate(allowed);
            self.unscannable(id, path, Reason::TooManyViews);
        }
        forms
    }

    fn form(&mut self, body: &Octets<'m>, encoding: Encoding, forms: &mut Forms<'m>, id: u32, path: &str) {
        let Some(decoded) = encoding.decode(body.get()) else { return forms.add(body.clone()) };
        forms.of_base64 |= encoding == Encoding::Base64;
        let others = encoding.other_readings(body.get(), &decoded);
        let reason = match encoding {
            Encoding::QuotedPrintable => AmbiguityReason::BrokenQuotedPrintable,
            _ => AmbiguityReason::BrokenBase64,
        };
        let broken = decoded.broken;
        for octets in std::iter::once(decoded.octets).chain(others) {
            if !self.spend(octets.len(), id, path) {
                return;
            }
            forms.add(Octets::owned(octets));
        }
        if broken {
            forms.reasons.push(reason);
            forms.add(body.clone());
        }
    }

    /// A file: told by its octets what it is.
    pub(super) fn file(
        &mut self,
        octets: Octets<'m>,
        place: Place,
        role: Role,
        declared: String,
        labels: Labels<'_>,
    ) {
        let says_text = declared.is_empty() && role == Role::Body || declared.starts_with("text");
        let kind = detect::detect(octets.get(), place.name.as_deref());
        let shown_as_text = says_text && is_document(kind) && !detect::looks_binary(octets.get());
        let id = self.part(&place, role, &declared, kind, octets.get().len() as u64);
        if self.how.digests && !(role == Role::Body && says_text) {
            self.opened.parts[id as usize].digest = Some(*blake3::hash(octets.get()).as_bytes());
        }
        let component = if role == Role::Body { Component::Body } else { Component::Attachment };
        if let Some(name) = &place.name {
            self.segment(id, "", Component::Attachment, Kind::FileName, None, name.clone());
        }
        let page = matches!(declared.as_str(), "text/html" | "application/xhtml+xml");
        match kind {
            FileKind::Empty => {}
            FileKind::Eml if role != Role::Body => {
                let below = Place { in_attachment: true, ..place.below(id) };
                let Some((start, end)) = detect::counted_message(octets.get()) else {
                    return self.todo.push(Task::message(octets, below));
                };
                let properties = octets.slice(end..octets.get().len());
                let beside = Place { name: Some("properties".to_owned()), ..below.clone() };
                self.todo.push(Task::file(properties, beside, Role::Entry));
                self.todo.push(Task::message(octets.slice(start..end), below));
            }
            FileKind::Mbox if role != Role::Body => self.mbox(id, &octets, &place),
            FileKind::Tnef => self.tnef(id, &octets, &place),
            FileKind::Pkcs7 => self.cms(id, &octets, &place),
            FileKind::Pgp if detect::looks_binary(octets.get()) => {
                self.unscannable(id, &place.path, Reason::Encrypted);
            }
            FileKind::Salted => self.unscannable(id, &place.path, Reason::Encrypted),
            kind if is_document(kind) => {
                let mut place = place;
                if shown_as_text {
                    let views = self.views(place.view, 2);
                    let text = Place { view: views[0], ..place.clone() };
                    self.text(id, &octets, component, &text, labels);
                    place.view = views[1];
                }
                self.document(id, &octets, &place, kind);
                self.also_a_container(id, &octets, &place, kind);
            }
            kind if (kind == FileKind::Html && declared == "text/plain"
                || declared == BOTH
                || RICH.contains(&declared.as_str())) =>
            {
                let views = self.views(place.view, 2);
                let as_text = Labels { decoded_elsewhere: true, ..labels };
                self.text(id, &octets, component, &Place { view: views[0], ..place.clone() }, as_text);
                self.html(id, &octets, component, &Place { view: views[1], ..place }, labels);
            }
            kind if page || kind == FileKind::Html => {
                self.html(id, &octets, component, &place, labels);
                self.also_a_container(id, &octets, &place, kind);
            }
            kind if says_text || !detect::looks_binary(octets.get()) => {
                self.plain(id, &octets, component, &place, kind, labels);
                self.also_a_container(id, &octets, &place, kind);
            }
            kind => self.binary(id, &octets, component, &place, &declared, kind),
        }
    }

    // ---- octets

    /// Octets of no kind that we read: the words in them are read, and what has no reader is named.
    fn binary(
        &mut self,
        id: u32,
        octets: &Octets<'m>,
        component: Component,
        place: &Place,
        declared: &str,
        kind: FileKind,
    ) {
        if matches!(declared, "application/pkcs7-mime" | "application/x-pkcs7-mime") {
            return self.unscannable(id, &place.path, Reason::Corrupt);
        }
        let words = words(&octets.get()[..octets.get().len().min(MOST_STRINGS)]);
        if self.spend(words.len(), id, &place.path) {
            self.segment(id, "", component, Kind::Raw, place.view, words);
        }
        let opened = self.also_a_container(id, octets, place, kind);
        // What carries no text needs no reader, if it is all that it says.
        let mute = extent::carries_no_text(kind)
            && extent::end_of(kind, octets.get())
                .is_some_and(|end| !extent::is_foreign(&octets.get()[end..]));
        if !mute && !opened {
            self.unscannable(id, &place.path, Reason::Unsupported(kind));
        }
    }

    fn mbox(&mut self, id: u32, octets: &Octets<'m>, place: &Place) {
        let most = (self.how.limits.parts as usize).saturating_sub(self.opened.parts.len());
        let messages = mbox::messages(octets.get(), most);
        for (number, range) in messages.into_iter().enumerate().rev() {
            let path = place.path_to(&format!("message {}", number + 1));
            let below = Place { path, in_attachment: true, number: number + 1, ..place.below(id) };
            self.todo.push(Task::message(octets.slice(range), below));
        }
    }

    fn tnef(&mut self, id: u32, octets: &Octets<'m>, place: &Place) {
        let read = tnef::read(octets.get(), &self.limits_left());
        for (spot, kind, text) in read.texts {
            if !self.spend(text.len(), id, &place.path) {
                return;
            }
            self.segment(id, spot, Component::Attachment, kind, place.view, text);
        }
        if let Some(reason) = read.broken {
            self.unscannable(id, &place.path, reason);
        }
        for (name, octets) in read.files.into_iter().rev() {
            if !self.spend(octets.len(), id, &place.path) {
                return;
            }
            let path = place.path_to(&name);
            let below = Place { path, name: Some(name), in_attachment: true, ..place.below(id) };
            self.todo.push(Task::file(Octets::owned(octets), below, Role::Entry));
        }
    }

    fn cms(&mut self, id: u32, octets: &Octets<'m>, place: &Place) {
        let content = match smime::read(octets.get(), &self.limits_left()) {
            Cms::Signed(content) | Cms::Compressed(content) => content,
            Cms::Detached => return,
            Cms::Encrypted => return self.unscannable(id, &place.path, Reason::Encrypted),
            Cms::Broken(reason) => return self.unscannable(id, &place.path, reason),
        };
        if !self.spend(content.len(), id, &place.path) {
            return;
        }
        // The message itself is signed: what is inside is its body.
        let whole = place.parent.is_none();
        let path = if whole { String::new() } else { place.path.clone() };
        let below = Place { path, in_attachment: place.in_attachment && !whole, ..place.below(id) };
        self.todo.push(Task::part(Octets::owned(content), below, false));
    }

    fn limits_left(&self) -> crate::Limits {
        crate::Limits {
            octets_out: self.how.limits.octets_out.saturating_sub(self.octets_out),
            parts: self.how.limits.parts.saturating_sub(self.opened.parts.len() as u32),
            ..self.how.limits.clone()
        }
    }

    /// A picture or a program with an archive behind it is an archive, too; says whether there is one.
    fn also_a_container(&mut self, id: u32, octets: &Octets<'m>, place: &Place, kind: FileKind) -> bool {
        let behind = detect::containers_behind(octets.get(), kind);
        let is_one = !behind.is_empty();
        for (kind, at) in behind {
            self.ambiguous(id, &place.path, AmbiguityReason::ContainerDisagreement);
            self.document(id, &octets.slice(at..octets.get().len()), place, kind);
        }
        is_one
    }

    pub(super) fn document(&mut self, id: u32, octets: &Octets<'m>, place: &Place, kind: FileKind) {
        if place.depth >= self.how.limits.depth {
            return self.unscannable(id, &place.path, Reason::TooDeep);
        }
        self.picture(id, octets, place, kind);
        let answer = self.ask(octets, place, kind, self.how.passwords);
        if is_locked(&answer) && self.locked.len() < MOST_LOCKED {
            // Its password may stand in a part of the mail that comes later.
            self.locked.push(Locked { id, octets: octets.clone(), place: place.clone(), kind, answer });
            return;
        }
        self.answer(id, place, answer);
    }

    fn ask(
        &self,
        octets: &Octets<'m>,
        place: &Place,
        kind: FileKind,
        passwords: &[String],
    ) -> DocumentAnswer {
        self.how.documents.open(&DocumentRequest {
            kind,
            name: place.name.as_deref(),
            octets: octets.get(),
            limits: &self.limits_left(),
            deadline: self.how.deadline,
            passwords,
        })
    }

    /// Tries words of the mail on what is encrypted, once all of the mail has been read.
    pub(super) fn try_words_on_locked(&mut self) {
        let locked = std::mem::take(&mut self.locked);
        if locked.is_empty() {
            return;
        }
        let mut words = if self.stopped { Vec::new() } else { passwords::in_text(&self.opened.segments) };
        words.extend(self.how.passwords.iter().cloned());
        for Locked { id, octets, place, kind, answer } in locked {
            let second = if self.stopped || words.is_empty() {
                None
            } else {
                Some(self.ask(&octets, &place, kind, &words))
            };
            let better = second.filter(|second| locks(second) < locks(&answer));
            self.answer(id, &place, better.unwrap_or(answer));
        }
    }

    pub(super) fn answer(&mut self, id: u32, place: &Place, answer: DocumentAnswer) {
        for (path, reason) in answer.unscannable {
            self.unscannable(id, &place.path_to(&path), reason);
        }
        for (path, reason) in answer.ambiguous {
            self.ambiguous(id, &place.path_to(&path), reason);
        }
        let mut tasks = Vec::new();
        let mut shown = None;
        let mut sheet = Sheet::default();
        self.opened.segments.reserve(answer.items.len());
        for item in answer.items {
            match item {
                DocumentItem::Text { place: spot, kind, text, rows } => {
                    if !self.spend(text.len() + rows.len() * ROW_COST as usize, id, &place.path) {
                        break;
                    }
                    let mut numbers = Vec::new();
                    if kind == Kind::Text {
                        let ended = sheet.text(&spot, &text);
                        self.across(id, place, Component::Attachment, place.view, ended);
                        numbers = cells::in_rows(&spot, &text, &rows);
                    }
                    let view = self.view_of_stored(kind, &spot, shown, place.view);
                    match kind {
                        Kind::Text => shown = Some(self.opened.segments.len()),
                        Kind::Hidden => {}
                        _ => shown = None,
                    }
                    let first = self.opened.segments.len();
                    self.segment(id, spot, Component::Attachment, kind, view, text);
                    // A text that is turned round is followed by the one that is shown: the ranges are of the first.
                    if let Some(segment) = self.opened.segments.get_mut(first).filter(|_| !rows.is_empty()) {
                        segment.rows = rows;
                    }
                    self.across(id, place, Component::Attachment, view, numbers);
                }
                DocumentItem::File { name, encrypted: true, .. } => {
                    self.segment(id, "", Component::Attachment, Kind::FileName, None, name);
                }
                DocumentItem::File { name, octets, .. } => {
                    if !self.spend(octets.len(), id, &place.path) {
                        break;
                    }
                    let path = place.path_to(&name);
                    let below = Place { path, name: Some(name), in_attachment: true, ..place.below(id) };
                    tasks.push(Task::file(Octets::owned(octets), below, Role::Entry));
                }
            }
        }
        self.across(id, place, Component::Attachment, place.view, sheet.end());
        self.todo.extend(tasks.into_iter().rev());
    }

    /// What is stored stands right behind what is shown, at the same place: one thing in several renderings.
    fn view_of_stored(
        &mut self,
        kind: Kind,
        spot: &str,
        shown: Option<usize>,
        outer: Option<View>,
    ) -> Option<View> {
        let stored = kind == Kind::Hidden && outer.is_none() && !spot.is_empty();
        let segment = shown.filter(|_| stored);
        let same =
            |segment: &usize| self.opened.segments.get(*segment).is_some_and(|shown| shown.place == spot);
        let Some(segment) = segment.filter(same) else { return outer };
        let first = self.opened.segments[segment].view.unwrap_or_else(|| self.new_group());
        self.opened.segments[segment].view = Some(first);
        Some(self.another(first.group))
    }
}

/// Encrypted files of one message on which words of the mail are tried.
const MOST_LOCKED: usize = 16;

/// A document that is encrypted, or has encrypted files in it, until the whole mail has been read.
pub(super) struct Locked<'m> {
    id: u32,
    octets: Octets<'m>,
    place: Place,
    kind: FileKind,
    answer: DocumentAnswer,
}

fn is_locked(answer: &DocumentAnswer) -> bool {
    locks(answer) > 0
}

fn locks(answer: &DocumentAnswer) -> usize {
    answer.unscannable.iter().filter(|(_, reason)| *reason == Reason::Encrypted).count()
}

impl<'m> Forms<'m> {
    fn add(&mut self, octets: Octets<'m>) {
        if !self.list.iter().any(|known| known.get() == octets.get()) {
            self.list.push(octets);
        }
    }
}
