//! A header and its body, in every reading of the header, and each as whatever it may be: a multipart, a message, a leaf.

use std::borrow::Cow;

use super::Walk;
use super::task::{Octets, Place, Task};
use crate::header::{self, Head, Parameters};
use crate::transfer::{self, Encoding};
use crate::{AmbiguityReason, Component, FileKind, Kind, Reason, Role};

/// Fields of one name that are looked at.
const MOST_FIELDS: usize = 16;
/// Parameters that say nothing to people.
const TECHNICAL: &[&str] = &[
    "boundary",
    "charset",
    "name",
    "filename",
    "format",
    "delsp",
    "type",
    "start",
    "protocol",
    "micalg",
    "method",
    "report-type",
    "reply-type",
    "smime-type",
    "size",
    "creation-date",
    "modification-date",
    "read-date",
    "x-unix-mode",
    "x-mac-type",
    "x-mac-creator",
    "x-mac-hide-extension",
    "component",
    "differences",
    "hp",
];

/// What one reading of a header says about the body.
pub(super) struct Meaning {
    pub(super) types: Vec<(Parameters, Vec<u8>)>,
    pub(super) encodings: Vec<String>,
    pub(super) attached: bool,
    pub(super) names: Vec<String>,
    has_version: bool,
}

impl Meaning {
    fn new(head: &Head<'_>) -> Self {
        let types: Vec<_> = head
            .values("content-type")
            .take(MOST_FIELDS)
            .map(|value| (header::parameters(value), value.to_vec()))
            .collect();
        let mut encodings: Vec<String> = Vec::new();
        for value in head.values("content-transfer-encoding").take(MOST_FIELDS) {
            let name = header::word(value);
            if !encodings.contains(&name) {
                encodings.push(name);
            }
        }
        let dispositions: Vec<_> =
            head.values("content-disposition").take(MOST_FIELDS).map(header::parameters).collect();
        let mut names: Vec<String> = Vec::new();
        let of_dispositions = dispositions.iter().flat_map(|one| one.all("filename"));
        for name in of_dispositions.chain(types.iter().flat_map(|(one, _)| one.all("name"))) {
            let name = name.trim();
            if !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        let attached = dispositions.first().is_some_and(|one| one.value == "attachment");
        Self { types, encodings, attached, names, has_version: head.values("mime-version").next().is_some() }
    }

    pub(super) fn declared(&self) -> &str {
        self.types.first().map_or("", |(first, _)| first.value.as_str())
    }

    pub(super) fn charsets(&self) -> Vec<&str> {
        let mut charsets: Vec<&str> = self.types.iter().flat_map(|(one, _)| one.all("charset")).collect();
        charsets.dedup();
        charsets
    }

    /// Text to one reader is a page to another.
    pub(super) fn may_be_page(&self) -> bool {
        self.types.iter().any(|(one, _)| one.value == "text/html")
    }

    fn is_inline(&self, head: &Head<'_>) -> bool {
        head.values("content-disposition")
            .next()
            .is_some_and(|value| header::parameters(value).value == "inline")
    }

    fn changes_the_body(&self) -> bool {
        let types = self.types.iter().any(|(one, _)| is_multipart(&one.value));
        types
            || self.encodings.iter().any(|name| !matches!(Encoding::by_name(name), Some(Encoding::Identity)))
    }
}

fn is_multipart(declared: &str) -> bool {
    declared.starts_with("multipart")
}

fn is_message(declared: &str) -> bool {
    matches!(
        declared,
        "message/rfc822"
            | "message/global"
            | "message/news"
            | "message/partial"
            | "message/external-body"
            | "text/rfc822-headers"
    )
}

impl<'m> Walk<'m, '_> {
    pub(super) fn entity(&mut self, octets: Octets<'m>, place: Place, message: bool, digest: bool) {
        if place.depth > self.how.limits.depth {
            return self.too_deep(&octets, &place);
        }
        let most = self.how.limits.headers as usize;
        let head = header::read(octets.get(), most);
        let others = header::other_readings(octets.get(), most, &head);
        let without_nul = self.without_nul(octets.get(), &head);
        let allowed = usize::from(self.how.limits.views);
        let count = 1 + others.len() + usize::from(without_nul.is_some());
        let (id, path) = (self.next_part(), place.path.clone());
        if count > allowed {
            self.unscannable(id, &path, Reason::TooManyViews);
        }
        let mut views = self.views(place.view, count.min(allowed.max(1))).into_iter();
        let first = Place { view: views.next().flatten(), ..place.clone() };
        if place.depth > 0 {
            self.fields(&head, id, &place, message);
        }
        // Readings are done in order; what they leave to do is done in order, too.
        let before = self.todo.len();
        self.body(&octets, &head, first, message, digest);
        for ((other, reason), view) in others.iter().zip(&mut views) {
            self.ambiguous(id, &path, *reason);
            self.new_fields(other, &head, id, &place);
            self.body(&octets, other, Place { view, ..place.clone() }, message, digest);
        }
        if let (Some(clean), Some(view)) = (without_nul, views.next()) {
            self.ambiguous(id, &path, AmbiguityReason::Nul);
            let place = Place { view, ..place };
            self.todo.insert(
                before,
                if message { Task::message(clean, place) } else { Task::part(clean, place, digest) },
            );
        }
    }

    /// What is too deep is at least read as it is.
    fn too_deep(&mut self, octets: &Octets<'m>, place: &Place) {
        let id = self.part(place, Role::Attachment, "", FileKind::Unknown, octets.get().len() as u64);
        let text = match octets {
            Octets::Borrowed(octets) => String::from_utf8_lossy(octets),
            shared => Cow::Owned(String::from_utf8_lossy(shared.get()).into_owned()),
        };
        if self.spend(text.len(), id, &place.path) {
            self.segment(id, "", Component::Attachment, Kind::Raw, place.view, text);
        }
        self.unscannable(id, &place.path, Reason::TooDeep);
    }

    /// Some parsers drop NULs before they look: the entity without them, if that makes another header.
    fn without_nul(&mut self, entity: &[u8], head: &Head<'_>) -> Option<Octets<'m>> {
        let seen = entity.len().min(head.body + 1024);
        memchr::memchr(0, &entity[..seen])?;
        let clean: Vec<u8> = entity.iter().copied().filter(|octet| *octet != 0).collect();
        let other = header::read(&clean, self.how.limits.headers as usize);
        let ruling = |head: &Head<'_>| -> Vec<Vec<u8>> {
            let names = ["content-type", "content-transfer-encoding", "content-disposition"];
            names
                .into_iter()
                .flat_map(|name| head.values(name).map(<[u8]>::to_vec).collect::<Vec<_>>())
                .collect()
        };
        (ruling(head) != ruling(&other) || head.fields.len() != other.fields.len())
            .then(|| Octets::owned(clean))
    }

    // ---- fields of parts and of messages in the message

    fn fields(&mut self, head: &Head<'_>, id: u32, place: &Place, message: bool) {
        for field in &head.fields {
            self.field(field, id, place, message);
        }
        if head.cut {
            self.unscannable(id, &place.path, Reason::TooManyHeaders);
        }
    }

    /// Fields that only another reading of the header has.
    fn new_fields(&mut self, head: &Head<'_>, first: &Head<'_>, id: u32, place: &Place) {
        for field in &head.fields {
            if first.fields.binary_search_by_key(&field.start, |known| known.start).is_err() {
                self.field(field, id, place, true);
            }
        }
    }

    fn field(&mut self, field: &header::Field<'_>, id: u32, place: &Place, message: bool) {
        let structural = ["content-type", "content-disposition"].iter().any(|name| field.is(name));
        let text = match field {
            field if field.is("content-transfer-encoding") || field.is("mime-version") => return,
            _ if structural && !message => parameters_that_people_read(field.value),
            _ => header::text(field.value).into_owned(),
        };
        let technical = ["content-id", "x-attachment-id", "content-md5"].iter().any(|name| field.is(name));
        let kind = if technical { Kind::Property } else { Kind::Text };
        let component = if place.in_attachment { Component::Attachment } else { Component::Header };
        self.segment(id, String::from_utf8_lossy(field.name).into_owned(), component, kind, place.view, text);
    }

    // ---- the body, by one reading of the header

    fn body(&mut self, octets: &Octets<'m>, head: &Head<'_>, place: Place, message: bool, digest: bool) {
        let meaning = Meaning::new(head);
        let body = octets.slice(head.body..octets.get().len());
        let mut place = Place { name: meaning.names.first().cloned(), ..place };
        let inline_text =
            place.depth <= 1 && meaning.declared().starts_with("text/") && meaning.is_inline(head);
        let attached = place.in_attachment || meaning.attached || place.name.is_some() && !inline_text;
        if place.parent.is_some() && place.path.is_empty() && attached {
            place.path = place.name.clone().unwrap_or_default();
        }
        let id = self.next_part();
        if message && place.depth == 0 && !meaning.has_version && meaning.changes_the_body() {
            self.ambiguous(id, &place.path, AmbiguityReason::NoMimeVersion);
        }
        self.differing_fields(&meaning, id, &place);
        let declared = match meaning.declared() {
            "" if digest && meaning.types.is_empty() => "message/rfc822",
            declared => declared,
        };
        let values = || meaning.types.iter().map(|(one, _)| one.value.as_str()).chain([declared]);
        let multipart = values().any(is_multipart);
        let nested = values().any(is_message);
        let leaf = values().any(|value| !is_multipart(value) && !is_message(value));
        let kinds = usize::from(multipart) + usize::from(nested) + usize::from(leaf);
        let leaf = leaf && !(declared == "message/rfc822" && kinds == 2 && meaning.types.is_empty());
        if kinds > 1 && !meaning.types.is_empty() {
            self.ambiguous(id, &place.path, AmbiguityReason::ConflictingTypes);
        }
        let count = usize::from(multipart) + usize::from(nested) + usize::from(leaf);
        let mut views = self.views(place.view, count).into_iter();
        let mut next = || Place { view: views.next().flatten(), ..place.clone() };
        if leaf {
            self.leaf(&body, next(), &meaning, attached);
        }
        if nested {
            let declared = values().find(|value| is_message(value)).unwrap_or(declared).to_owned();
            self.nested_message(&body, next(), &declared, &meaning);
        }
        if multipart {
            self.multipart(&body, next(), &meaning, attached);
        }
    }

    fn differing_fields(&mut self, meaning: &Meaning, id: u32, place: &Place) {
        let differ = meaning.types.iter().skip(1).any(|(other, _)| {
            let (first, _) = &meaning.types[0];
            let same = |name: &str| other.get(name).is_none() || other.get(name) == first.get(name);
            other.value != first.value || !same("boundary") || !same("charset")
        });
        if differ {
            self.ambiguous(id, &place.path, AmbiguityReason::DuplicateContentType);
        }
        if meaning.encodings.len() > 1 {
            self.ambiguous(id, &place.path, AmbiguityReason::DuplicateTransferEncoding);
        }
        for name in meaning.names.iter().skip(1) {
            self.segment(id, "", Component::Attachment, Kind::FileName, place.view, name.clone());
        }
        let extension = |name: &String| name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
        if meaning.names.iter().skip(1).any(|other| extension(other) != extension(&meaning.names[0])) {
            self.ambiguous(id, &place.path, AmbiguityReason::ConflictingNames);
        }
    }

    fn nested_message(&mut self, body: &Octets<'m>, mut place: Place, declared: &str, meaning: &Meaning) {
        if place.path.is_empty() {
            place.path = place.name.clone().unwrap_or_else(|| format!("message {}", place.number.max(1)));
        }
        self.written(body, &place, meaning);
        let encoding = meaning.encodings.first().and_then(|name| Encoding::by_name(name));
        let decoded = encoding.and_then(|encoding| encoding.decode(body.get()));
        let id = self.part(&place, Role::Message, declared, FileKind::Eml, body.get().len() as u64);
        let mut readings = Vec::new();
        if let Some(decoded) = decoded {
            if !self.spend(decoded.octets.len(), id, &place.path) {
                return;
            }
            readings.push(Octets::owned(decoded.octets));
            // The standard forbids to encode a message: some take it as it stands. Headers that are text may be encoded.
            if declared.starts_with("message") && !header::read(body.get(), 4).fields.is_empty() {
                self.ambiguous(id, &place.path, AmbiguityReason::EncodedMultipart);
                readings.push(body.clone());
            }
        } else {
            readings.push(body.clone());
        }
        match declared {
            "message/partial" => self.fragment(&mut readings, id, &place, meaning),
            "message/external-body" => self.elsewhere(id, &place, meaning),
            _ => {}
        }
        let views = self.views(place.view, readings.len());
        for (octets, view) in readings.into_iter().zip(views).rev() {
            let below = Place { in_attachment: true, view, ..place.below(id) };
            self.todo.push(Task::message(octets, below));
        }
    }

    /// A fragment: its text is read as far as it goes, and it is named.
    fn fragment(&mut self, readings: &mut Vec<Octets<'m>>, id: u32, place: &Place, meaning: &Meaning) {
        self.unscannable(id, &place.path, Reason::Fragment);
        let number = meaning.types.iter().find_map(|(one, _)| one.get("number").map(str::to_owned));
        if number.as_deref() == Some("1") {
            return;
        }
        // The middle of a base64 text: four places where a quantum may begin.
        let octets = readings[0].clone();
        if transfer::may_be_base64(octets.get()) {
            for skip in 0..4.min(octets.get().len()) {
                let decoded = transfer::base64(&octets.get()[skip..]).octets;
                if self.spend(decoded.len(), id, &place.path) {
                    readings.push(Octets::owned([b"\r\n", &decoded[..]].concat()));
                }
            }
        }
    }

    /// Content that is elsewhere: where, is said in parameters.
    fn elsewhere(&mut self, id: u32, place: &Place, meaning: &Meaning) {
        for (one, _) in &meaning.types {
            for (_, value) in one.list.iter().take(MOST_FIELDS) {
                self.segment(id, "", Component::Attachment, Kind::Link, place.view, value.clone());
            }
        }
    }
}

/// `name=value` of what is no technical parameter.
fn parameters_that_people_read(value: &[u8]) -> String {
    let read = header::parameters(value);
    let texts = read.list.iter().filter(|(name, _)| !TECHNICAL.contains(&name.as_str()));
    texts.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n")
}
