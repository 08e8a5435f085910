//! The walk through a message: a work list, never recursion; one budget; each part in every reading that a client may choose.

use std::time::Instant;

use crate::direction;
use crate::header;
use crate::transfer::Encoding;
use crate::{
    Ambiguity, AmbiguityReason, Component, FileKind, Header, How, Kind, Opened, Part, Reason, Role, Segment,
    Text, Unscannable, View, Written,
};

mod cells;
#[cfg(test)]
mod effort;
mod embedded;
pub(crate) mod encoded;
mod entity;
mod file;
mod flowed;
mod mbox;
mod multipart;
mod passwords;
mod pictures;
mod strings;
mod task;
mod texts;

#[cfg(test)]
pub(crate) use effort::{grows_with, grows_with_lines};
use entity::Meaning;
pub(crate) use mbox::is_start as is_start_of_mbox;
pub(crate) use strings::words;
use task::{Octets, Place, Task, What};

/// Work for each octet of the message and of what was decoded from it: enough for any nesting within the bounds, not for readings of readings.
const WORK_FOR_AN_OCTET: u64 = 160;
/// Work for small messages.
const LEAST_WORK: u64 = 4 << 20;

/// Opens a message. Never fails: what cannot be opened is named.
pub fn open<'m>(message: &'m [u8], how: &How<'_>) -> Opened<'m> {
    let mut walk = Walk::new(how, message.len());
    walk.message = Some(message);
    walk.message_headers(message);
    walk.todo.push(Task::message(Octets::Borrowed(message), Place::message()));
    walk.run();
    walk.opened
}

/// Opens a file that is no mail.
pub fn open_file<'m>(name: &str, octets: &'m [u8], how: &How<'_>) -> Opened<'m> {
    let mut walk = Walk::new(how, octets.len());
    let place = Place { name: Some(name.to_owned()), ..Place::message() };
    walk.todo.push(Task::file(Octets::Borrowed(octets), place, Role::Attachment));
    walk.run();
    walk.opened
}

struct Walk<'m, 'h> {
    how: &'h How<'h>,
    /// A message, not a file, is opened.
    message: Option<&'m [u8]>,
    opened: Opened<'m>,
    todo: Vec<Task<'m>>,
    octets_out: u64,
    work: u64,
    size: u64,
    /// The next rendering of each group.
    groups: Vec<u16>,
    /// Encrypted documents: words of the mail are tried on them at the end.
    locked: Vec<file::Locked<'m>>,
    /// Pictures: the text that they show is read last, for it takes longest.
    pictures: Vec<pictures::Picture<'m>>,
    /// Files with pictures beyond those.
    more_pictures: u64,
    stopped: bool,
}

impl<'m, 'h> Walk<'m, 'h> {
    fn new(how: &'h How<'h>, size: usize) -> Self {
        Self {
            how,
            message: None,
            opened: Opened::default(),
            todo: Vec::new(),
            octets_out: 0,
            work: 0,
            size: size as u64,
            groups: Vec::new(),
            locked: Vec::new(),
            pictures: Vec::new(),
            more_pictures: 0,
            stopped: false,
        }
    }

    fn run(&mut self) {
        loop {
            self.walk();
            if self.locked.is_empty() {
                return self.read_pictures();
            }
            self.try_words_on_locked();
        }
    }

    fn walk(&mut self) {
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
            if !self.works(task.octets.get().len(), &task.place) {
                return;
            }
            match task.what {
                What::Entity { message, digest } => self.entity(task.octets, task.place, message, digest),
                What::Multipart { boundary } => self.parts_in_text(&task.octets, task.place, boundary),
                What::File { role, declared } => {
                    self.file(task.octets, task.place, role, declared, flowed::Labels::default());
                }
            }
        }
    }

    /// Ends the walk; what was read counts.
    fn stop(&mut self, reason: Reason, place: &Place) {
        if self.stopped {
            return;
        }
        self.stopped = true;
        let part = place.parent.unwrap_or(0);
        if self.opened.parts.is_empty() {
            self.part(place, Role::Message, "", FileKind::Eml, 0);
        }
        self.opened.unscannable.push(Unscannable { part, path: place.path.clone(), reason });
    }

    /// Takes work from the budget; false when it is used up, which only readings of readings can do.
    fn works(&mut self, octets: usize, place: &Place) -> bool {
        self.work += octets as u64;
        if self.work > LEAST_WORK + (self.size + self.octets_out) * WORK_FOR_AN_OCTET {
            self.stop(Reason::TooManyViews, place);
        }
        !self.stopped
    }

    /// Takes octets from the budget; false when it is used up.
    fn spend(&mut self, octets: usize, part: u32, path: &str) -> bool {
        self.octets_out += octets as u64;
        if self.octets_out > self.how.limits.octets_out && !self.stopped {
            self.unscannable(part, path, Reason::TooBig);
            self.stopped = true;
        }
        !self.stopped
    }

    fn part(&mut self, place: &Place, role: Role, declared: &str, kind: FileKind, size: u64) -> u32 {
        let id = self.next_part();
        self.opened.parts.push(Part {
            id,
            parent: place.parent,
            path: place.path.clone(),
            role,
            name: place.name.clone(),
            declared: declared.to_owned(),
            kind,
            size,
            digest: None,
            encrypted: false,
        });
        id
    }

    /// Notes where an attachment stands, if that is in the message itself and this is how it is read first.
    fn written(&mut self, body: &Octets<'m>, place: &Place, meaning: &Meaning) {
        let (Some(message), Octets::Borrowed(body)) = (self.message, body) else { return };
        if place.view.is_none_or(|view| view.index == 0)
            && let Some(start) = body.as_ptr().addr().checked_sub(message.as_ptr().addr())
        {
            let named = |name: &String| Encoding::by_name(name).or_else(|| Encoding::nearly(name));
            let encoding = meaning.encodings.first().and_then(named).unwrap_or(Encoding::Identity);
            let range = start..start + body.len();
            self.opened.written.push(Written { path: place.path.clone(), range, encoding });
        }
    }

    fn next_part(&self) -> u32 {
        self.opened.parts.len() as u32
    }

    fn unscannable(&mut self, part: u32, path: &str, reason: Reason) {
        if reason == Reason::Encrypted
            && let Some(part) = self.opened.parts.get_mut(part as usize)
        {
            part.encrypted = true;
        }
        let same = |found: &Unscannable| found.part == part && found.path == path && found.reason == reason;
        if !self.opened.unscannable.last().is_some_and(same) {
            self.opened.unscannable.push(Unscannable { part, path: path.to_owned(), reason });
        }
    }

    fn ambiguous(&mut self, part: u32, path: &str, reason: AmbiguityReason) {
        let known = self.opened.ambiguous.iter().rev().take_while(|found| found.part == part);
        if !known.into_iter().any(|found| found.reason == reason) {
            self.opened.ambiguous.push(Ambiguity { part, path: path.to_owned(), reason });
        }
    }

    /// A text; where characters in it turn its direction round, also as it is shown.
    fn segment(
        &mut self,
        part: u32,
        place: impl Into<Text<'m>>,
        component: Component,
        kind: Kind,
        view: Option<View>,
        text: impl Into<Text<'m>>,
    ) {
        let (place, text) = (place.into(), text.into());
        if text.is_empty() {
            return;
        }
        let Some(shown) = direction::shown(&text) else {
            return self.one_segment(part, place, component, kind, view, text);
        };
        let views = self.views(view, 2);
        self.one_segment(part, place.clone(), component, kind, views[0], text);
        let path = self.opened.parts.get(part as usize).map_or_else(String::new, |part| part.path.clone());
        self.turned(part, &path, &shown);
        if kind == Kind::FileName {
            self.ambiguous(part, &path, AmbiguityReason::ConflictingNames);
        }
        if self.spend(shown.text.len(), part, &path) {
            self.one_segment(part, place, component, kind, views[1], shown.text.into());
        }
    }

    fn one_segment(
        &mut self,
        part: u32,
        place: Text<'m>,
        component: Component,
        kind: Kind,
        view: Option<View>,
        text: Text<'m>,
    ) {
        let (quoted, rows) = (Vec::new(), Vec::new());
        self.opened.segments.push(Segment { part, place, component, kind, view, text, quoted, rows });
    }

    /// Text that is forced into a direction that its letters do not have is nobody's way of writing.
    fn turned(&mut self, part: u32, path: &str, shown: &direction::Shown) {
        if shown.overridden {
            self.ambiguous(part, path, AmbiguityReason::TurnedText);
        }
    }

    /// Marks for `count` renderings of one thing. Inside another rendering the first goes with it and the others join its group.
    fn views(&mut self, outer: Option<View>, count: usize) -> Vec<Option<View>> {
        if count <= 1 {
            return vec![outer; count];
        }
        let first = outer.unwrap_or_else(|| self.new_group());
        let mut views = vec![Some(first)];
        views.extend((1..count).map(|_| Some(self.another(first.group))));
        views
    }

    fn new_group(&mut self) -> View {
        self.groups.push(1);
        View { group: self.groups.len() as u32, index: 0 }
    }

    fn another(&mut self, group: u32) -> View {
        let Some(next) = self.groups.get_mut(group as usize - 1) else { return View { group, index: 0 } };
        let index = *next;
        *next = next.saturating_add(1);
        View { group, index }
    }

    // ---- the message's own header

    fn message_headers(&mut self, message: &'m [u8]) {
        let head = header::read(message, self.how.limits.headers as usize);
        self.opened.headers.reserve(head.fields.len());
        self.opened.segments.reserve(head.fields.len() + 4);
        for field in &head.fields {
            let text = header::text(field.value);
            let component = if field.is("subject") { Component::Subject } else { Component::Header };
            let place = match component {
                Component::Subject => Text::default(),
                _ => String::from_utf8_lossy(field.name).into(),
            };
            self.opened.headers.push(Header {
                name: field.name,
                raw: field.value,
                range: field.start..field.end,
                text: text.clone(),
            });
            match text.is_empty() {
                true => self.one_segment(0, place, component, Kind::Text, None, text.into()),
                false => self.segment(0, place, component, Kind::Text, None, text),
            }
        }
        if head.cut {
            let path = String::new();
            self.opened.unscannable.push(Unscannable { part: 0, path, reason: Reason::TooManyHeaders });
        }
    }
}
