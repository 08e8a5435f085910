//! What a role sees of incidents: which of them, and which parts. Applied before anything is shown, exported or answered.

use incident::desk::{Access, Condition, Field, Listed, Scalar};
use incident::{Incident, Severity};
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
    let rules: Vec<Condition> = rights.access.iter().filter_map(condition).collect();
    if rules.is_empty() { Access::everything() } else { Access::only(Condition::All(rules)) }
}

fn condition(rule: &Rule) -> Option<Condition> {
    let texts = |values: &std::collections::BTreeSet<String>| {
        values.iter().map(|value| Scalar::Text(value.clone())).collect::<Vec<_>>()
    };
    // A list of nothing is met by nothing.
    let any = |field: Field, values: Vec<Scalar>| {
        if values.is_empty() { Condition::Any(Vec::new()) } else { Condition::Is(field, values) }
    };
    Some(match rule {
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
        // Folders are the gateway's.
        Rule::Folder { .. } => return None,
    })
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
    let summary = &mut line.summary;
    if viewer.hides(Hidden::Sender) {
        summary.message_id = None;
    }
    summary.sender = viewer.sender(&summary.sender);
    summary.recipients = viewer.recipients(std::mem::take(&mut summary.recipients));
    summary.subject = viewer.subject(std::mem::take(&mut summary.subject));
}

/// Takes out of an incident what the role does not see; matches are masked unless it may see them.
pub(crate) fn redact(viewer: &Viewer, mut incident: Incident) -> Incident {
    let summary = &mut incident.summary;
    summary.sender = viewer.sender(&summary.sender);
    summary.recipients = viewer.recipients(std::mem::take(&mut summary.recipients));
    summary.subject = viewer.subject(std::mem::take(&mut summary.subject));
    if viewer.hides(Hidden::Sender) {
        incident.peer = None;
        summary.message_id = None;
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
