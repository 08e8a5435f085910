//! What a role sees of incidents: which of them, and which parts. Applied before anything is shown, exported or answered.

use incident::desk::{Access, Condition, Field, Listed, Look, Scalar};
use incident::{Incident, Severity, Summary};
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
    let texts = |values: &std::collections::BTreeSet<String>| {
        values.iter().map(|value| Scalar::Text(value.clone())).collect::<Vec<_>>()
    };
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
        Rule::Attribute { name, any_of } => Condition::Any(
            texts(any_of)
                .into_iter()
                .filter_map(|value| match value {
                    Scalar::Text(text) => {
                        Some(Condition::Like(Field::Attribute(name.clone()), literal(&text)))
                    }
                    _ => None,
                })
                .collect(),
        ),
        // Folders are the gateway's: what cannot be judged here is not reached.
        Rule::Folder { .. } => Condition::Any(Vec::new()),
    }
}

/// A pattern that matches this text and no other.
fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
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
        rename(viewer, &people, &mut line.detail);
    }
    look.notes.iter_mut().for_each(|note| rename(viewer, &people, &mut note.text));
    look.attributes.iter_mut().for_each(|(_, value)| NOT_SHOWN.clone_into(value));
    look.data_owner = (None, None);
    look
}

/// Puts pseudonyms where addresses stand, in whatever case.
fn rename(viewer: &Viewer, people: &[String], text: &mut String) {
    for address in people {
        let (folded, wanted) = (text.to_ascii_lowercase(), address.to_ascii_lowercase());
        let places: Vec<usize> = folded.match_indices(&wanted).map(|(at, _)| at).collect();
        for at in places.into_iter().rev() {
            text.replace_range(at..at + wanted.len(), &viewer.sender(address));
        }
    }
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
    for found in &mut incident.matches {
        for text in [&mut found.text, &mut found.before, &mut found.after] {
            rename(viewer, &people, text);
        }
    }
    if viewer.hides(Hidden::Matches) {
        incident.matches.clear();
    }
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
