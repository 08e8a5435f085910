//! The walk through a message: a work list, never recursion; one budget; each part in every reading that a client may choose.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use crate::header::{self, Head, Parameters};
use crate::{
    Ambiguity, AmbiguityReason, Component, DocumentItem, DocumentRequest, FileKind, Header, How, Kind,
    Opened, Part, Reason, Role, Segment, Unscannable, View, charset, detect, html, is_document, transfer,
};

/// Opens a message. Never fails: what cannot be opened is named.
pub fn open<'m>(message: &'m [u8], how: &How<'_>) -> Opened<'m> {
    let mut walk = Walk::new(how);
    walk.message_headers(message);
    walk.todo.push(Task::entity(Octets::Borrowed(message), Place::message()));
    walk.run();
    walk.opened
}

/// Opens a file that is no mail.
pub fn open_file<'m>(name: &str, octets: &'m [u8], how: &How<'_>) -> Opened<'m> {
    let mut walk = Walk::new(how);
    let place = Place { name: Some(name.to_owned()), ..Place::message() };
    walk.todo.push(Task {
        octets: Octets::Borrowed(octets),
        place,
        what: What::File { role: Role::Attachment },
    });
    walk.run();
    walk.opened
}

/// Octets of the message, or of something decoded from it.
#[derive(Clone)]
enum Octets<'m> {
    Borrowed(&'m [u8]),
    Shared(Arc<Vec<u8>>, Range<usize>),
}

impl<'m> Octets<'m> {
    fn get(&self) -> &[u8] {
        match self {
            Self::Borrowed(octets) => octets,
            Self::Shared(octets, range) => &octets[range.clone()],
        }
    }

    fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Borrowed(octets) => Self::Borrowed(&octets[range]),
            Self::Shared(octets, outer) => {
                Self::Shared(octets.clone(), outer.start + range.start..outer.start + range.end)
            }
        }
    }

    fn owned(octets: Vec<u8>) -> Self {
        let length = octets.len();
        Self::Shared(Arc::new(octets), 0..length)
    }
}

/// Where something is.
#[derive(Clone)]
struct Place {
    parent: Option<u32>,
    path: String,
    name: Option<String>,
    depth: u16,
    view: Option<View>,
    /// The number of the attachment among its siblings, for those without a name.
    number: usize,
    in_attachment: bool,
}

impl Place {
    fn message() -> Self {
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
}

enum What {
    /// A header and a body.
    Entity { digest: bool },
    /// Octets without a header of mail.
    File { role: Role },
}

struct Task<'m> {
    octets: Octets<'m>,
    place: Place,
    what: What,
}

impl<'m> Task<'m> {
    fn entity(octets: Octets<'m>, place: Place) -> Self {
        Self { octets, place, what: What::Entity { digest: false } }
    }
}

struct Walk<'m, 'h> {
    how: &'h How<'h>,
    opened: Opened<'m>,
    todo: Vec<Task<'m>>,
    octets_out: u64,
    groups: u32,
    stopped: bool,
}

impl<'m, 'h> Walk<'m, 'h> {
    fn new(how: &'h How<'h>) -> Self {
        Self { how, opened: Opened::default(), todo: Vec::new(), octets_out: 0, groups: 0, stopped: false }
    }

    fn run(&mut self) {
        while let Some(task) = self.todo.pop() {
            if self.stopped {
                return;
            }
            if Instant::now() >= self.how.deadline {
                return self.stop(Reason::Timeout, &task.place);
            }
            if self.opened.parts.len() >= self.how.limits.parts as usize {
                return self.stop(Reason::TooManyParts, &task.place);
            }
            match task.what {
                What::Entity { digest } => self.entity(task.octets, task.place, digest),
                What::File { role } => self.file(task.octets, task.place, role, String::new(), None),
            }
        }
    }

    /// Ends the walk; what was read counts.
    fn stop(&mut self, reason: Reason, place: &Place) {
        self.stopped = true;
        let part = place.parent.unwrap_or(0);
        self.opened.unscannable.push(Unscannable { part, path: place.path.clone(), reason });
        if self.opened.parts.is_empty() {
            self.part(place, Role::Message, "", FileKind::Eml, 0);
        }
    }

    fn part(&mut self, place: &Place, role: Role, declared: &str, kind: FileKind, size: u64) -> u32 {
        let id = self.opened.parts.len() as u32;
        self.opened.parts.push(Part {
            id,
            parent: place.parent,
            path: place.path.clone(),
            role,
            name: place.name.clone(),
            declared: declared.to_owned(),
            kind,
            size,
            encrypted: false,
        });
        id
    }

    fn unscannable(&mut self, part: u32, path: &str, reason: Reason) {
        if reason == Reason::Encrypted
            && let Some(part) = self.opened.parts.get_mut(part as usize)
        {
            part.encrypted = true;
        }
        self.opened.unscannable.push(Unscannable { part, path: path.to_owned(), reason });
    }

    fn ambiguous(&mut self, part: u32, path: &str, reason: AmbiguityReason) {
        let known = self.opened.ambiguous.iter().any(|found| found.part == part && found.reason == reason);
        if !known {
            self.opened.ambiguous.push(Ambiguity { part, path: path.to_owned(), reason });
        }
    }

    fn segment(
        &mut self,
        part: u32,
        place: &str,
        component: Component,
        kind: Kind,
        view: Option<View>,
        text: Cow<'m, str>,
    ) {
        if !text.is_empty() {
            self.opened.segments.push(Segment { part, place: place.to_owned(), component, kind, view, text });
        }
    }

    /// Takes octets from the budget; false when it is used up.
    fn spend(&mut self, octets: usize, part: u32, path: &str) -> bool {
        self.octets_out += octets as u64;
        if self.octets_out > self.how.limits.octets_out {
            self.unscannable(part, path, Reason::TooBig);
            self.stopped = true;
        }
        !self.stopped
    }

    fn new_group(&mut self) -> u32 {
        self.groups += 1;
        self.groups
    }

    // ---- the message's own header

    fn message_headers(&mut self, message: &'m [u8]) {
        let head = header::read(message, self.how.limits.headers as usize);
        for field in &head.fields {
            let text = header::text(field.value);
            let component = if field.is("subject") { Component::Subject } else { Component::Header };
            let place = match component {
                Component::Subject => String::new(),
                _ => String::from_utf8_lossy(field.name).into_owned(),
            };
            let kind = Kind::Text;
            self.opened.headers.push(Header {
                name: field.name,
                raw: field.value,
                range: field.start..field.end,
                text: text.clone(),
            });
            self.opened.segments.push(Segment { part: 0, place, component, kind, view: None, text });
        }
        if head.cut {
            self.opened.unscannable.push(Unscannable {
                part: 0,
                path: String::new(),
                reason: Reason::TooManyHeaders,
            });
        }
    }

    // ---- entities

    fn entity(&mut self, octets: Octets<'m>, place: Place, digest: bool) {
        if place.depth > self.how.limits.depth {
            let id = self.part(&place, Role::Attachment, "", FileKind::Unknown, octets.get().len() as u64);
            return self.unscannable(id, &place.path.clone(), Reason::TooDeep);
        }
        let head = header::read(octets.get(), self.how.limits.headers as usize);
        let types = all_parameters(&head, "content-type");
        let encodings = all_values(&head, "content-transfer-encoding");
        let disposition = all_parameters(&head, "content-disposition").into_iter().next().unwrap_or_default();
        let body = octets.slice(head.body..octets.get().len());
        let is_message = place.parent.is_none()
            || matches!(self.opened.parts.get(place.parent.unwrap_or(0) as usize), Some(part) if part.declared == "message/rfc822");
        let nested_header: Vec<(String, String)> = if place.depth > 0 && is_message {
            head.fields
                .iter()
                .map(|field| {
                    (String::from_utf8_lossy(field.name).into_owned(), header::text(field.value).into_owned())
                })
                .collect()
        } else {
            Vec::new()
        };
        drop(head);
        let first = types.first().cloned().unwrap_or_default();
        let name = file_name(&disposition, &first);
        let mut place = Place { name, ..place };
        let attached = place.in_attachment
            || disposition.value == "attachment"
            || place.name.is_some()
                && !(place.depth <= 1 && first.value.starts_with("text/") && disposition.value == "inline");
        if place.parent.is_some() && place.path.is_empty() && (attached && place.name.is_some()) {
            place.path = place.name.clone().unwrap_or_default();
        }
        let declared = if first.value.is_empty() {
            if digest { "message/rfc822".to_owned() } else { String::new() }
        } else {
            first.value.clone()
        };
        for (name, text) in nested_header {
            let part = place.parent.unwrap_or(0);
            let component = if place.in_attachment { Component::Attachment } else { Component::Header };
            self.segment(part, &name, component, Kind::Text, None, Cow::Owned(text));
        }
        if types
            .iter()
            .skip(1)
            .any(|other| other.value != first.value || other.get("boundary") != first.get("boundary"))
        {
            let id = place.parent.unwrap_or(0);
            self.ambiguous(id, &place.path.clone(), AmbiguityReason::DuplicateContentType);
        }
        let multipart =
            types.iter().find(|one| one.value.starts_with("multipart/") && one.get("boundary").is_some());
        if let Some(multipart) = multipart {
            let others_are_not = types.iter().any(|one| !one.value.starts_with("multipart/"));
            if others_are_not {
                self.leaf(&body, place.clone(), &first, &encodings, attached);
            }
            return self.multipart(&body, place, &types, &multipart.value.clone());
        }
        if declared.starts_with("multipart/") {
            let id = place.parent.unwrap_or(0);
            self.ambiguous(id, &place.path.clone(), AmbiguityReason::MissingBoundary);
        }
        if matches!(declared.as_str(), "message/rfc822" | "message/global" | "message/news") {
            return self.nested_message(&body, place, &declared, &encodings);
        }
        self.leaf(&body, place, &first, &encodings, attached);
    }

    fn nested_message(&mut self, body: &Octets<'m>, mut place: Place, declared: &str, encodings: &[String]) {
        if place.path.is_empty() {
            place.path = place.name.clone().unwrap_or_else(|| format!("message {}", place.number.max(1)));
        }
        let (inner, _) = self.decode(body, encodings, 0, "");
        let id = self.part(&place, Role::Message, declared, FileKind::Eml, inner.get().len() as u64);
        let below =
            Place { parent: Some(id), depth: place.depth + 1, name: None, in_attachment: true, ..place };
        self.todo.push(Task::entity(inner, below));
    }

    fn multipart(&mut self, body: &Octets<'m>, mut place: Place, types: &[Parameters], declared: &str) {
        let id = self.part(&place, Role::Multipart, declared, FileKind::Unknown, body.get().len() as u64);
        let mut boundaries: Vec<String> =
            types.iter().flat_map(|one| one.all("boundary").map(str::to_owned)).collect();
        boundaries.dedup();
        boundaries.truncate(self.how.limits.views.into());
        if boundaries.len() > 1 {
            self.ambiguous(id, &place.path, AmbiguityReason::DuplicateBoundary);
        }
        if declared == "multipart/encrypted" {
            self.unscannable(id, &place.path, Reason::Encrypted);
        }
        let mut tasks = Vec::new();
        let group = (boundaries.len() > 1).then(|| self.new_group());
        for (index, boundary) in boundaries.iter().enumerate() {
            let split = split(body.get(), boundary.as_bytes());
            if !split.closed {
                self.ambiguous(id, &place.path, AmbiguityReason::UnclosedMultipart);
            }
            let view = group.map(|group| View { group, index: index as u16 }).or(place.view);
            self.between(id, body, &split, view, &place.path);
            let alternative = declared == "multipart/alternative" && view.is_none() && split.parts.len() > 1;
            let alternatives = alternative.then(|| self.new_group());
            for (number, range) in split.parts.into_iter().enumerate() {
                let view = view.or(alternatives.map(|group| View { group, index: number as u16 }));
                let below = Place {
                    parent: Some(id),
                    depth: place.depth + 1,
                    view,
                    number: number + 1,
                    name: None,
                    ..place.clone()
                };
                let digest = declared == "multipart/digest";
                tasks.push(Task { octets: body.slice(range), place: below, what: What::Entity { digest } });
            }
        }
        place.name = None;
        self.todo.extend(tasks.into_iter().rev());
    }

    /// Text before, after and outside the parts is text that some programs show.
    fn between(&mut self, id: u32, body: &Octets<'m>, split: &Split, view: Option<View>, path: &str) {
        for (range, kind) in &split.outside {
            let octets = body.slice(range.clone());
            let text = String::from_utf8_lossy(octets.get().trim_ascii()).into_owned();
            if text.is_empty() {
                continue;
            }
            let usual = text.len() < 200
                && (text.contains("multi-part message in MIME")
                    || text.contains("multipart message in MIME"));
            if !usual && *kind == Kind::Epilogue {
                self.ambiguous(id, path, AmbiguityReason::TextOutsideParts);
            }
            self.segment(id, "", Component::Body, *kind, view, Cow::Owned(text));
        }
    }

    // ---- leaves

    fn leaf(
        &mut self,
        body: &Octets<'m>,
        mut place: Place,
        declared: &Parameters,
        encodings: &[String],
        attached: bool,
    ) {
        let role = if attached || place.in_attachment { Role::Attachment } else { Role::Body };
        let text_like = declared.value.is_empty() || declared.value.starts_with("text/");
        if place.path.is_empty() && (role == Role::Attachment || !text_like) {
            place.path = place.name.clone().unwrap_or_else(|| format!("attachment {}", place.number.max(1)));
        }
        let id = self.opened.parts.len() as u32;
        let path = place.path.clone();
        let (octets, broken) = self.decode(body, encodings, id, &path);
        let mut differing: Vec<&String> = encodings.iter().collect();
        differing.dedup();
        let role = if !text_like && role == Role::Body { Role::Attachment } else { role };
        self.file(
            octets,
            place.clone(),
            role,
            declared.value.clone(),
            declared.get("charset").map(str::to_owned),
        );
        if broken {
            self.ambiguous(id, &path, AmbiguityReason::BrokenBase64);
        }
        if differing.len() > 1 {
            self.ambiguous(id, &path, AmbiguityReason::DuplicateTransferEncoding);
            for encoding in differing.into_iter().skip(1).take(self.how.limits.views.into()) {
                let (octets, _) = self.decode(body, std::slice::from_ref(encoding), id, &path);
                let what = What::File { role };
                self.todo.push(Task { octets, place: Place { parent: Some(id), ..place.clone() }, what });
            }
        }
    }

    /// Undoes the first transfer encoding that is known; an unknown one is none (RFC 2045 6.1).
    fn decode(&mut self, body: &Octets<'m>, encodings: &[String], id: u32, path: &str) -> (Octets<'m>, bool) {
        let encoding = encodings.first().map_or("", String::as_str);
        let decoded = match encoding {
            "base64" => transfer::base64(body.get()),
            "quoted-printable" => transfer::quoted_printable(body.get()),
            _ => return (body.clone(), false),
        };
        self.spend(decoded.octets.len(), id, path);
        (Octets::owned(decoded.octets), decoded.broken && encoding == "base64")
    }

    fn file(
        &mut self,
        octets: Octets<'m>,
        place: Place,
        role: Role,
        declared: String,
        charset: Option<String>,
    ) {
        let kind = detect::detect(octets.get(), place.name.as_deref());
        let id = self.part(&place, role, &declared, kind, octets.get().len() as u64);
        let component = if role == Role::Body { Component::Body } else { Component::Attachment };
        if let Some(name) = &place.name {
            self.segment(id, "", Component::Attachment, Kind::FileName, None, Cow::Owned(name.clone()));
        }
        match kind {
            FileKind::Empty => {}
            FileKind::Pgp if memchr::memmem::find(octets.get(), b"BEGIN PGP MESSAGE").is_some() => {
                self.unscannable(id, &place.path, Reason::Encrypted);
            }
            FileKind::Eml if role != Role::Body => {
                let below = Place {
                    parent: Some(id),
                    depth: place.depth + 1,
                    name: None,
                    in_attachment: true,
                    ..place
                };
                self.todo.push(Task::entity(octets, below));
            }
            FileKind::Html => self.html(id, &octets, component, &place, charset.as_deref()),
            kind if is_document(kind) => self.document(id, &octets, &place, kind),
            FileKind::Unknown => self.binary(id, &octets, component, &place, &declared, charset.as_deref()),
            _ if declared == "text/html" => self.html(id, &octets, component, &place, charset.as_deref()),
            _ => self.text(id, &octets, component, &place, charset.as_deref()),
        }
    }

    fn text(
        &mut self,
        id: u32,
        octets: &Octets<'m>,
        component: Component,
        place: &Place,
        charset: Option<&str>,
    ) {
        let (text, mislabelled): (Cow<'m, str>, bool) = match octets {
            Octets::Borrowed(octets) => {
                let decoded = charset::decode(octets, charset);
                (decoded.text, decoded.mislabelled)
            }
            shared => {
                let decoded = charset::decode(shared.get(), charset);
                (Cow::Owned(decoded.text.into_owned()), decoded.mislabelled)
            }
        };
        if mislabelled {
            self.ambiguous(id, &place.path, AmbiguityReason::WrongCharset);
        }
        if text.contains("-----BEGIN PGP MESSAGE-----") {
            self.unscannable(id, &place.path, Reason::Encrypted);
        }
        self.segment(id, "", component, Kind::Text, place.view, text);
    }

    fn html(
        &mut self,
        id: u32,
        octets: &Octets<'m>,
        component: Component,
        place: &Place,
        charset: Option<&str>,
    ) {
        let text = charset::decode(octets.get(), charset).text;
        let page = html::read(&text);
        if !self.spend(text.len(), id, &place.path) {
            return;
        }
        for uri in page.data.iter().take(64) {
            let Some((kind, data)) = uri[5..].split_once(',') else { continue };
            let octets = match kind.to_ascii_lowercase().ends_with(";base64") {
                true => transfer::base64(&header::percent(data)).octets,
                false => header::percent(data),
            };
            let path = if place.path.is_empty() {
                "data URI".to_owned()
            } else {
                format!("{} > data URI", place.path)
            };
            let below = Place { parent: Some(id), depth: place.depth + 1, path, name: None, ..place.clone() };
            self.todo.push(Task {
                octets: Octets::owned(octets),
                place: below,
                what: What::File { role: Role::Embedded },
            });
        }
        for (kind, text) in page.into_texts() {
            self.segment(id, "", component, kind, place.view, Cow::Owned(text));
        }
    }

    /// Octets of no kind that we know: what of them is text is read as text.
    fn binary(
        &mut self,
        id: u32,
        octets: &Octets<'m>,
        component: Component,
        place: &Place,
        declared: &str,
        charset: Option<&str>,
    ) {
        if matches!(declared, "application/pkcs7-mime" | "application/x-pkcs7-mime") {
            return self.unscannable(id, &place.path, Reason::Encrypted);
        }
        if declared.is_empty() || declared.starts_with("text/") {
            return self.text(id, octets, component, place, charset);
        }
        self.unscannable(id, &place.path, Reason::Unsupported(FileKind::Unknown));
    }

    fn document(&mut self, id: u32, octets: &Octets<'m>, place: &Place, kind: FileKind) {
        if place.depth >= self.how.limits.depth {
            return self.unscannable(id, &place.path, Reason::TooDeep);
        }
        let limits = crate::Limits {
            octets_out: self.how.limits.octets_out.saturating_sub(self.octets_out),
            parts: self.how.limits.parts.saturating_sub(self.opened.parts.len() as u32),
            ..self.how.limits.clone()
        };
        let answer = self.how.documents.open(&DocumentRequest {
            kind,
            name: place.name.as_deref(),
            octets: octets.get(),
            limits: &limits,
            deadline: self.how.deadline,
            passwords: self.how.passwords,
        });
        let below = |path: &str| match (place.path.is_empty(), path.is_empty()) {
            (_, true) => place.path.clone(),
            (true, false) => path.to_owned(),
            (false, false) => format!("{} > {path}", place.path),
        };
        for (path, reason) in answer.unscannable {
            self.unscannable(id, &below(&path), reason);
        }
        for (path, reason) in answer.ambiguous {
            self.ambiguous(id, &below(&path), reason);
        }
        let mut tasks = Vec::new();
        for item in answer.items {
            match item {
                DocumentItem::Text { place: spot, kind, text } => {
                    if !self.spend(text.len(), id, &place.path) {
                        return;
                    }
                    self.segment(id, &spot, Component::Attachment, kind, place.view, Cow::Owned(text));
                }
                DocumentItem::File { name, octets, encrypted, .. } => {
                    if !self.spend(octets.len(), id, &place.path) {
                        return;
                    }
                    let path = below(&name);
                    if encrypted {
                        self.segment(id, "", Component::Attachment, Kind::FileName, None, Cow::Owned(name));
                        continue;
                    }
                    let inner = Place {
                        parent: Some(id),
                        depth: place.depth + 1,
                        path,
                        name: Some(name),
                        in_attachment: true,
                        ..place.clone()
                    };
                    tasks.push(Task {
                        octets: Octets::owned(octets),
                        place: inner,
                        what: What::File { role: Role::Entry },
                    });
                }
            }
        }
        self.todo.extend(tasks.into_iter().rev());
    }
}

fn all_parameters(head: &Head<'_>, name: &str) -> Vec<Parameters> {
    head.fields
        .iter()
        .filter(|field| field.is(name))
        .take(16)
        .map(|field| header::parameters(field.value))
        .collect()
}

fn all_values(head: &Head<'_>, name: &str) -> Vec<String> {
    let fields = head.fields.iter().filter(|field| field.is(name)).take(16);
    fields.map(|field| header::parameters(field.value).value).collect()
}

fn file_name(disposition: &Parameters, declared: &Parameters) -> Option<String> {
    let name = disposition.get("filename").or_else(|| declared.get("name"))?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Where the parts of a multipart are (RFC 2046 5.1).
#[derive(Debug, Default)]
struct Split {
    parts: Vec<Range<usize>>,
    outside: Vec<(Range<usize>, Kind)>,
    closed: bool,
}

/// A delimiter stands at the start of a line only, and nothing but white space may follow it.
fn split(body: &[u8], boundary: &[u8]) -> Split {
    let mut split = Split::default();
    let delimiter = [b"--", boundary].concat();
    let mut begun: Option<usize> = None;
    let mut outside = 0;
    for at in memchr::memmem::find_iter(body, &delimiter) {
        if at > 0 && !matches!(body[at - 1], b'\n' | b'\r') {
            continue;
        }
        let rest = &body[at + delimiter.len()..];
        let closing = rest.starts_with(b"--");
        let tail = if closing { &rest[2..] } else { rest };
        let line = tail.iter().position(|octet| matches!(octet, b'\r' | b'\n')).unwrap_or(tail.len());
        if !tail[..line].iter().all(|octet| matches!(octet, b' ' | b'\t')) {
            continue;
        }
        let content_end = before_line_end(body, at);
        match begun.take() {
            Some(start) => split.parts.push(start..content_end.max(start)),
            None => {
                let kind = if split.parts.is_empty() { Kind::Preamble } else { Kind::Epilogue };
                split.outside.push((outside..content_end.max(outside), kind));
            }
        }
        let next = header::line_end(body, at + delimiter.len() + if closing { 2 } else { 0 } + line);
        if closing {
            split.closed = true;
            outside = next;
        } else {
            split.closed = false;
            begun = Some(next);
        }
    }
    match begun {
        Some(start) => split.parts.push(start..body.len()),
        None if split.parts.is_empty() => split.outside.push((0..body.len(), Kind::Raw)),
        None => split.outside.push((outside..body.len(), Kind::Epilogue)),
    }
    split
}

/// The line end before a delimiter belongs to the delimiter.
fn before_line_end(body: &[u8], at: usize) -> usize {
    match &body[..at] {
        [.., b'\r', b'\n'] => at - 2,
        [.., b'\n' | b'\r'] => at - 1,
        _ => at,
    }
}
