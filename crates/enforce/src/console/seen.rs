//! What a role sees of incidents: which of them, and which parts. Applied before anything is shown, exported or answered.

use std::ops::Range;

use incident::desk::{Access, Condition, Field, Listed, Look, Scalar};
use incident::{Incident, Match, Severity, Summary};
use web::people::{Condition as Rule, Hidden, Privilege, Rights};
use web::{NOT_SHOWN, Problem, Viewer};

/// A name for people: no character of it hides, or turns what stands beside it.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if web::mail::is_deceptive(c) { '\u{fffd}' } else { c }).collect()
}

/// The incidents of a role, as a condition of every statement.
pub(crate) fn access(viewer: &Viewer) -> Access {
    reach(&viewer.role.rights)
}

/// The incidents that somebody with these rights reaches.
pub(crate) fn reach(rights: &Rights) -> Access {
    let rules: Vec<Condition> = rights.access.iter().map(condition).collect();
    if rules.is_empty() { Access::everything() } else { Access::only(Condition::All(rules)) }
}

fn condition(rule: &Rule) -> Condition {
    // A list of nothing is met by nothing.
    let any = |field: Field, values: Vec<Scalar>| {
        if values.is_empty() { Condition::Any(Vec::new()) } else { Condition::Is(field, values) }
    };
    match rule {
        Rule::Policy { any_of } => {
            any(Field::PolicyId, any_of.iter().map(|id| Scalar::Number((*id).into())).collect())
        }
        Rule::Severity { any_of } => any(
            Field::Severity,
            any_of.iter().filter_map(|name| severity(name)).map(|one| Scalar::Number(one as i64)).collect(),
        ),
        // Compared without regard to case.
        Rule::Attribute { any_of, .. } if any_of.is_empty() => Condition::Any(Vec::new()),
        Rule::Attribute { name, any_of } => {
            Condition::IsAnyCase(Field::Attribute(name.clone()), any_of.iter().cloned().collect())
        }
        // Folders are the gateway's: what cannot be judged here is not reached.
        Rule::Folder { .. } => Condition::Any(Vec::new()),
    }
}

/// The severity of this name.
pub(crate) fn severity(name: &str) -> Option<Severity> {
    [Severity::High, Severity::Medium, Severity::Low, Severity::Info]
        .into_iter()
        .find(|one| one.to_string().eq_ignore_ascii_case(name))
}

/// Takes out of a line what the role does not see.
pub(crate) fn redact_line(viewer: &Viewer, line: &mut Listed) {
    if viewer.hides(Hidden::Sender) {
        line.data_owner_name = None;
    }
    redact_summary(viewer, &mut line.summary);
}

fn redact_summary(viewer: &Viewer, summary: &mut Summary) {
    let people = people(viewer, summary);
    if viewer.hides(Hidden::Sender) {
        summary.message_id = None;
    }
    summary.recipients = recipients(viewer, &summary.sender, std::mem::take(&mut summary.recipients));
    summary.sender = viewer.sender(&summary.sender);
    summary.subject = viewer.subject(std::mem::take(&mut summary.subject));
    rename(viewer, &people, &mut summary.subject);
}

/// Those who have pseudonyms for this viewer: who sent a message, and colleagues who got it.
fn people(viewer: &Viewer, summary: &Summary) -> Vec<String> {
    if !viewer.hides(Hidden::Sender) {
        return Vec::new();
    }
    let colleagues = summary.recipients.iter().filter(|address| is_colleague(&summary.sender, address));
    std::iter::once(&summary.sender).chain(colleagues).filter(|one| !one.is_empty()).cloned().collect()
}

/// Somebody whom the sender wrote to: a colleague, in the sender's own domain, has a pseudonym where senders have one.
pub(crate) fn recipient(viewer: &Viewer, sender: &str, address: &str) -> String {
    if is_colleague(sender, address) { viewer.sender(address) } else { address.to_owned() }
}

fn recipients(viewer: &Viewer, sender: &str, addresses: Vec<String>) -> Vec<String> {
    let mut shown = viewer.recipients(addresses);
    shown.iter_mut().for_each(|address| *address = recipient(viewer, sender, address));
    shown
}

fn is_colleague(sender: &str, address: &str) -> bool {
    let domain = |text: &str| text.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
    domain(sender).is_some() && domain(sender) == domain(address)
}

/// Whether the role reads histories: lines name recipients and the words of others.
pub(crate) fn sees_history(viewer: &Viewer) -> bool {
    !viewer.hides(Hidden::History) && !viewer.hides(Hidden::Recipients)
}

/// Takes out of an incident and all that belongs to it what the role does not see. Where senders have pseudonyms, they and their
/// colleagues are also called so in histories, notes and matches; attributes, which describe them, are not shown.
pub(crate) fn redact_look(viewer: &Viewer, look: Look) -> Look {
    let people = people(viewer, &look.incident.summary);
    let mut look = Look { incident: redact(viewer, look.incident), ..look };
    look.siblings.iter_mut().for_each(|line| redact_line(viewer, line));
    if !sees_history(viewer) {
        look.history.clear();
    }
    if !viewer.hides(Hidden::Sender) {
        return look;
    }
    for line in &mut look.history {
        // What was typed into an attribute describes somebody too.
        if line.action == "ATTRIBUTES_SET" {
            line.detail = line.detail.split_once('=').map_or("", |(name, _)| name).to_owned();
        }
        // Who somebody is, and what a directory or a program said of them.
        if matches!(
            line.action.as_str(),
            "ATTRIBUTES_LOOKED_UP" | "LOOKUP_FAILED" | "SET_DATAOWNER_NAME" | "SET_DATAOWNER_EMAIL"
        ) {
            NOT_SHOWN.clone_into(&mut line.detail);
        }
        rename(viewer, &people, &mut line.detail);
    }
    look.notes.iter_mut().for_each(|note| rename(viewer, &people, &mut note.text));
    look.attributes.iter_mut().for_each(|(_, value)| NOT_SHOWN.clone_into(value));
    look.data_owner = (None, None);
    look
}

/// Words about a message, such as a gateway's note, with pseudonyms where those have them who are named.
pub(crate) fn words(viewer: &Viewer, summary: &Summary, text: &str) -> String {
    let mut text = text.to_owned();
    rename(viewer, &people(viewer, summary), &mut text);
    text
}

/// Puts pseudonyms where addresses stand, in whatever case.
fn rename(viewer: &Viewer, people: &[String], text: &mut String) {
    for (place, address) in addresses(people, text).into_iter().rev() {
        text.replace_range(place, &viewer.sender(address));
    }
}

/// Where addresses stand in a text, in whatever case: in order, and none within another.
fn addresses<'p>(people: &'p [String], text: &str) -> Vec<(Range<usize>, &'p str)> {
    let folded = text.to_ascii_lowercase();
    let mut places: Vec<(Range<usize>, &str)> = Vec::new();
    for address in people {
        let wanted = address.to_ascii_lowercase();
        places.extend(folded.match_indices(&wanted).map(|(at, _)| (at..at + wanted.len(), address.as_str())));
    }
    tidy(places)
}

/// In order; of those that overlap, the one that begins first, and of these the longest.
fn tidy(mut places: Vec<(Range<usize>, &str)>) -> Vec<(Range<usize>, &str)> {
    places.sort_by_key(|(place, _)| (place.start, std::cmp::Reverse(place.end)));
    let mut end = 0;
    places.retain(|(place, _)| {
        let apart = place.start >= end;
        end = if apart { place.end } else { end };
        apart
    });
    places
}

/// The same for a match with what stands around it, read as one: a match may be a part of an address, and where the passage
/// begins or ends it may cut one.
fn rename_match(viewer: &Viewer, people: &[String], found: &mut Match) {
    let passage = format!("{}{}{}", found.before, found.text, found.after);
    let whole = addresses(people, &passage);
    let places = tidy(whole.into_iter().chain(cut(people, &passage)).collect());
    let text = found.before.len()..found.before.len() + found.text.len();
    let mut pieces = [String::new(), String::new(), String::new()];
    let mut at = 0;
    for (place, address) in places {
        deal(&passage, at..place.start, &text, &mut pieces);
        let piece = match () {
            () if place.end <= text.start => 0,
            () if place.start >= text.end => 2,
            () => 1,
        };
        pieces[piece].push_str(&viewer.sender(address));
        at = place.end;
    }
    deal(&passage, at..passage.len(), &text, &mut pieces);
    [found.before, found.text, found.after] = pieces;
}

/// Gives a part of the passage to what stands before the match, to the match, and to what stands behind it.
fn deal(passage: &str, part: Range<usize>, text: &Range<usize>, pieces: &mut [String; 3]) {
    let bounds = [0..text.start, text.clone(), text.end..passage.len()];
    for (piece, bounds) in pieces.iter_mut().zip(bounds) {
        let (start, end) = (part.start.max(bounds.start), part.end.min(bounds.end));
        piece.push_str(passage.get(start..end).unwrap_or_default());
    }
}

/// The end of an address at the beginning of a passage, if it tells of whom more than the domain; the beginning of one at its end.
fn cut<'p>(people: &'p [String], passage: &str) -> Vec<(Range<usize>, &'p str)> {
    let folded = passage.to_ascii_lowercase();
    let is_of_address = |c: char| !c.is_whitespace() && !"<>()[],;:\"".contains(c);
    let head = folded.split(|c| !is_of_address(c)).next().unwrap_or_default();
    let tail = folded.rsplit(|c| !is_of_address(c)).next().unwrap_or_default();
    let mut places = Vec::new();
    for address in people {
        let wanted = address.to_ascii_lowercase();
        if head.find('@').is_some_and(|at| at > 0) && wanted.ends_with(head) {
            places.push((0..head.len(), address.as_str()));
        }
        if tail.chars().count() > 1 && wanted.starts_with(tail) {
            places.push((passage.len() - tail.len()..passage.len(), address.as_str()));
        }
    }
    places
}

/// Headers that name people.
const OF_PEOPLE: [&str; 16] = [
    "from",
    "sender",
    "reply-to",
    "return-path",
    "to",
    "cc",
    "bcc",
    "delivered-to",
    "x-original-to",
    "received",
    "message-id",
    "in-reply-to",
    "references",
    "disposition-notification-to",
    "resent-from",
    "resent-to",
];

/// Whether a match stands in a part of the message that the role does not see. The record tells a place by its path: of the text
/// of the message it is empty or, for what is not shown of it, one that names no file.
fn is_hidden(viewer: &Viewer, found: &Match) -> bool {
    const IN_A_BODY: [&str; 9] =
        ["hidden", "attribute", "link", "script", "comment", "note", "preamble", "epilogue", "raw"];
    let last = found.path.rsplit(" > ").next().unwrap_or_default().to_ascii_lowercase();
    let people = viewer.hides(Hidden::Recipients) || viewer.hides(Hidden::Sender);
    if found.kind == "envelope" {
        return match last.as_str() {
            "sender" => viewer.hides(Hidden::Sender),
            _ => people,
        };
    }
    if last == "subject" {
        return viewer.hides(Hidden::Subject);
    }
    if OF_PEOPLE.contains(&last.as_str()) {
        return people;
    }
    let of_body = found.path.is_empty() || !found.path.contains(" > ") && IN_A_BODY.contains(&&*found.kind);
    viewer.hides(Hidden::Body) && of_body
}

/// The incident with those matches only that can be looked for elsewhere: what the role does not see is not told by counts of it.
pub(crate) fn correlated(viewer: &Viewer, incident: &Incident) -> Incident {
    let people = people(viewer, &incident.summary);
    let mut incident = incident.clone();
    incident.matches.retain(|found| {
        let mut renamed = found.clone();
        rename_match(viewer, &people, &mut renamed);
        !is_hidden(viewer, found) && renamed.text == found.text
    });
    incident
}

/// Takes out of an incident what the role does not see; matches are masked unless it may see them.
pub(crate) fn redact(viewer: &Viewer, mut incident: Incident) -> Incident {
    let people = people(viewer, &incident.summary);
    redact_summary(viewer, &mut incident.summary);
    if viewer.hides(Hidden::Sender) {
        incident.peer = None;
        for line in &mut incident.history {
            rename(viewer, &people, &mut line.detail);
        }
    }
    incident.matches.retain(|found| !viewer.hides(Hidden::Matches) && !is_hidden(viewer, found));
    incident.matches.iter_mut().for_each(|found| rename_match(viewer, &people, found));
    if viewer.hides(Hidden::Attachments) {
        incident.unscannable.iter_mut().for_each(|(path, _)| NOT_SHOWN.clone_into(path));
        incident.matches.iter_mut().for_each(|found| NOT_SHOWN.clone_into(&mut found.path));
    }
    if viewer.may_see_matches() { incident } else { incident.into_masked() }
}

/// Decides on incidents: whoever does sees them.
pub(crate) fn may_remediate(viewer: &Viewer) -> Result<(), Problem> {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    viewer.require(Privilege::RemediateIncidents)
}
