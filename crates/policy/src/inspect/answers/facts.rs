//! Questions that a message answers with yes or no: its size, its people, its headers, the time.

use std::collections::HashSet;

use content::Role;
use jiff::civil::Weekday;

use super::{Answers, is_file};
use crate::address::Addresses;
use crate::compile::model::{Need, Test, TimeTest};

impl Answers<'_> {
    /// Whether the fact is so; what counts something is no fact.
    pub(super) fn holds(&self, test: &Test) -> bool {
        let envelope = self.mail.envelope;
        match test {
            Test::AttachmentCount(amount) => amount.holds(self.attachments()),
            Test::MessageSize(amount) => amount.holds(self.mail.size),
            Test::Sender(addresses) => addresses.contains(&envelope.sender),
            Test::Recipients { patterns, need: Need::All } => {
                let all = &envelope.recipients;
                !all.is_empty() && all.iter().all(|recipient| patterns.contains(recipient))
            }
            Test::Recipients { patterns, need: Need::AtLeast(1) } => {
                envelope.recipients.iter().any(|recipient| patterns.contains(recipient))
            }
            Test::Recipients { patterns, need: Need::AtLeast(least) } => {
                self.different(Some(patterns)) as u64 >= *least
            }
            Test::HeaderPresent { name, present } => self.headers(name).next().is_some() == *present,
            Test::HeaderEquals { name, values } => {
                self.headers(name).any(|text| values.contains(&text.trim().to_lowercase()))
            }
            Test::Time(test) => is_time(test, &self.mail.now),
            Test::Direction(bits) => bits >> self.direction as u8 & 1 == 1,
            Test::Content(_)
            | Test::Exact(_)
            | Test::Documents(_)
            | Test::Learned(_)
            | Test::File(_)
            | Test::Encrypted
            | Test::Unscannable(_)
            | Test::Ambiguous(_) => false,
        }
    }

    /// How many different recipients there are, of those that are meant: one that is named twice is one.
    fn different(&self, meant: Option<&Addresses>) -> usize {
        let recipients = self.mail.envelope.recipients.iter();
        let recipients = recipients.filter(|one| meant.is_none_or(|meant| meant.contains(one)));
        recipients.map(|one| one.to_lowercase()).collect::<HashSet<String>>().len()
    }

    fn headers<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        let fields = self.mail.opened.headers.iter();
        fields
            .filter(|header| header.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|header| header.text.as_ref())
    }

    /// What the mail has where a question asks for a fact, in words.
    pub(in crate::inspect) fn fact(&self, test: &Test) -> Option<String> {
        Some(match test {
            Test::AttachmentCount(_) => format!("it has {}", self.attachments()),
            Test::MessageSize(_) => format!("it has {} octets", self.mail.size),
            Test::Recipients { patterns, .. } => {
                format!("{} of {} recipients", self.different(Some(patterns)), self.different(None))
            }
            Test::Direction(_) => format!("it is {}", self.direction),
            Test::Time(test) => {
                format!("it is {}", self.mail.now.with_time_zone(test.zone.clone()).strftime("%a %H:%M"))
            }
            _ => return None,
        })
    }

    /// Files that the mail's reader sees attached: not those inside other files or attached mails.
    fn attachments(&self) -> u64 {
        let parts = &self.mail.opened.parts;
        let inside = |mut parent: Option<u32>| {
            while let Some(part) = parent.and_then(|parent| parts.get(parent as usize)) {
                if is_file(part.role) || part.role == Role::Message && part.parent.is_some() {
                    return true;
                }
                parent = part.parent;
            }
            false
        };
        let attached = |role| matches!(role, Role::Attachment | Role::Message);
        parts
            .iter()
            .filter(|part| attached(part.role) && part.parent.is_some() && !inside(part.parent))
            .count() as u64
    }
}

fn is_time(test: &TimeTest, now: &jiff::ZonedDateTime) -> bool {
    let local = now.with_time_zone(test.zone.clone());
    let day = match local.weekday() {
        Weekday::Monday => 0,
        Weekday::Tuesday => 1,
        Weekday::Wednesday => 2,
        Weekday::Thursday => 3,
        Weekday::Friday => 4,
        Weekday::Saturday => 5,
        Weekday::Sunday => 6,
    };
    if test.days >> day & 1 == 0 {
        return false;
    }
    let time = local.time();
    test.of_day.is_none_or(
        |(from, to)| if from < to { from <= time && time < to } else { time >= from || time < to },
    )
}
