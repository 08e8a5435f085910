//! Leaves: transfer encodings undone, types told by the octets, texts in every plausible charset, the rest handed to its reader.

use std::borrow::Cow;
use std::collections::HashSet;

use super::entity::Meaning;
use super::flowed::Labels;
use super::task::{Octets, Place, Task, What};
use super::{Walk, mbox, passwords};
use crate::smime::Cms;
use crate::transfer::{self, Encoding};
use crate::{
    AmbiguityReason, Component, DocumentAnswer, DocumentItem, DocumentRequest, FileKind, Kind, Reason, Role,
    View, charset, detect, header, html, is_document, smime, tnef,
};

/// `data:` URIs of one page that differ; that there are more is a finding.
const MOST_URIS: usize = 256;
/// Octets of no known kind in which words are looked for.
const MOST_STRINGS: usize = 16 << 20;

/// Declared as plain text and as a page.
const BOTH: &str = "text/plain, text/html";

/// Octets of a body in the forms that clients make of it.
struct Forms<'m> {
    list: Vec<Octets<'m>>,
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
            let labels = Labels::new(meaning, &charsets);
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
        let mut forms = Forms { list: Vec::new(), reasons: Vec::new() };
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
                self.todo.push(Task::message(octets, below));
            }
            FileKind::Mbox if role != Role::Body => self.mbox(id, &octets, &place),
            FileKind::Tnef => self.tnef(id, &octets, &place),
            FileKind::Pkcs7 => self.cms(id, &octets, &place),
            FileKind::Pgp if detect::looks_binary(octets.get()) => {
                self.unscannable(id, &place.path, Reason::Encrypted);
            }
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
            kind if (kind == FileKind::Html && declared == "text/plain" || declared == BOTH) => {
                let views = self.views(place.view, 2);
                self.text(id, &octets, component, &Place { view: views[0], ..place.clone() }, labels);
                self.html(id, &octets, component, &Place { view: views[1], ..place }, labels);
            }
            kind if page || kind == FileKind::Html => {
                self.html(id, &octets, component, &place, labels);
                self.also_a_container(id, &octets, &place, kind);
            }
            kind if says_text || !detect::looks_binary(octets.get()) => {
                self.text(id, &octets, component, &place, labels);
                self.also_a_container(id, &octets, &place, kind);
            }
            kind => self.binary(id, &octets, component, &place, &declared, kind),
        }
    }

    // ---- texts

    fn text(
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
        self.embedded(id, octets, place, &mut mark);
        if component == Component::Body {
            self.header_in_body(id, octets, place, &mut mark);
        }
        let mut texts = vec![readings.first];
        texts.extend(readings.others.into_iter().map(Cow::Owned));
        if memchr::memchr(0, texts[0].as_bytes()).is_some() {
            // Clients show nothing for a NUL.
            let without = texts[0].replace('\0', "");
            texts.insert(0, Cow::Owned(without));
        }
        let joined = labels.joined(&texts[0]);
        texts.extend(joined.into_iter().map(Cow::Owned));
        let views = self.views(mark, texts.len());
        for (text, view) in texts.into_iter().zip(views) {
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
    }

    /// A text that begins with MIME fields: some clients go on reading the header.
    fn header_in_body(&mut self, id: u32, octets: &Octets<'m>, place: &Place, mark: &mut Option<View>) {
        let text = octets.get();
        let start = text.len() - text.trim_ascii_start().len();
        let begins =
            |name: &[u8]| text[start..].get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
        if !begins(b"content-t") && !begins(b"mime-version:") {
            return;
        }
        let head = header::read(&text[start..], 64);
        if head.values("content-type").chain(head.values("content-transfer-encoding")).next().is_none() {
            return;
        }
        self.ambiguous(id, &place.path, AmbiguityReason::HeaderInBody);
        let first = mark.unwrap_or_else(|| self.new_group());
        *mark = Some(first);
        let view = Some(self.another(first.group));
        let below = Place { view, ..place.below(id) };
        self.todo.push(Task::part(octets.slice(start..text.len()), below, false));
    }

    fn html(
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
                self.data_uris(id, place, std::mem::take(&mut page.data));
            }
            // Some clients show what hides inside a word.
            let joined = page.joined.take().map_or_else(Vec::new, |joined| vec![joined]);
            let renderings = self.views(view, 1 + joined.len());
            let quoted = std::mem::take(&mut page.quoted);
            for (kind, text) in page.into_texts() {
                let view = if kind == Kind::Text { renderings[0] } else { view };
                self.segment(id, "", component, kind, view, text);
                if kind == Kind::Text
                    && let Some(segment) = self.opened.segments.last_mut()
                {
                    segment.quoted = quoted.clone();
                }
            }
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
        if kind == FileKind::Unknown && !opened {
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

    fn document(&mut self, id: u32, octets: &Octets<'m>, place: &Place, kind: FileKind) {
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
        self.opened.segments.reserve(answer.items.len());
        for item in answer.items {
            match item {
                DocumentItem::Text { place: spot, kind, text } => {
                    if !self.spend(text.len(), id, &place.path) {
                        break;
                    }
                    let view = self.view_of_stored(kind, &spot, shown.take(), place.view);
                    if kind == Kind::Text {
                        shown = Some(self.opened.segments.len());
                    }
                    self.segment(id, spot, Component::Attachment, kind, view, text);
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
        self.todo.extend(tasks.into_iter().rev());
    }

    /// A number as it is stored stands right behind the number as it is shown, at the same place: one thing in two renderings.
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
        let first = self.new_group();
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

/// Runs of readable characters in octets that are no text, one a line; also those of two octets each.
fn words(octets: &[u8]) -> String {
    const SHORTEST: usize = 6;
    let mut out = String::new();
    let mut run = String::new();
    let readable = |octet: u8| (b' '..=b'~').contains(&octet) || octet == b'\t';
    let mut at = 0;
    let mut wide = false;
    while at < octets.len() {
        let octet = octets[at];
        let is_wide = octets.get(at + 1) == Some(&0);
        if readable(octet) && (run.is_empty() || is_wide == wide) {
            wide = is_wide;
            run.push(char::from(octet));
            at += if wide { 2 } else { 1 };
            continue;
        }
        if run.len() >= SHORTEST {
            out.push_str(&run);
            out.push('\n');
        }
        at += usize::from(run.is_empty());
        run.clear();
    }
    if run.len() >= SHORTEST {
        out.push_str(&run);
    }
    out
}
