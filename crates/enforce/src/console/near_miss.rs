//! False positives: what was found in an incident becomes near-miss cases for the policy's tests, which must not be found again.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use incident::Incident;
use incident::desk::StatusRow;
use web::people::Privilege;
use web::{Problem, Viewer};

use super::policies::{self, Edit, editor};
use super::policy_files::hash;
use super::seen::{access, redact};
use super::{Answer, Console};

/// The product's status, and the group that own ones may have.
const FALSE_POSITIVE: &str = "False Positive";
/// Matches that become cases.
const CASES: usize = 50;

/// Whether incidents of this status were found by mistake.
pub(super) fn is_false_positive(status: &StatusRow) -> bool {
    [&status.name, &status.group].iter().any(|name| name.eq_ignore_ascii_case(FALSE_POSITIVE))
}

/// Whether the viewer may make cases of what was found: they hold it in clear.
pub(super) fn may_make(viewer: &Viewer) -> bool {
    viewer.may(Privilege::AuthorPolicies) && viewer.may_see_matches()
}

/// The incident for its cases; that somebody took them is in the audit log.
async fn found(console: &Console, viewer: &Viewer, id: u64) -> Answer<Incident> {
    viewer.require(Privilege::AuthorPolicies)?;
    viewer.require(Privilege::ViewNetworkIncidents)?;
    viewer.may_see_matches().then_some(()).ok_or_else(|| {
        Problem::Forbidden("A case holds matches in clear, and your role sees them masked only.".to_owned())
    })?;
    let look = console.desk.look(&access(viewer), id).await?.ok_or(Problem::NotFound)?;
    viewer.log("CASE_MADE", &format!("incident {id}"), "a case was made from its matches").await?;
    Ok(redact(viewer, look.incident))
}

/// The cases as a file.
pub(super) async fn download(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    let incident = found(&console, &viewer, id).await?;
    let text = format!(
        "# From incident {id}, policy {}: a false positive. Put the cases into the file of cases beside the policy, take out what\n\
        # must not be kept there, and run `weir policy test`.\n{}",
        incident.summary.policy_id,
        cases(&incident)
    );
    let disposition = format!("attachment; filename=\"incident-{id}.cases.toml\"");
    Ok((
        [(header::CONTENT_TYPE, "application/toml".to_owned()), (header::CONTENT_DISPOSITION, disposition)],
        text,
    )
        .into_response())
}

/// The editor with the cases behind those that the policy has; nothing is saved yet.
pub(super) async fn edit(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    let incident = found(&console, &viewer, id).await?;
    let (_, known) = policies::policies_in_force(&console).await?;
    let policy = known.iter().find(|policy| policy.id == incident.summary.policy_id);
    let policy = policy.ok_or_else(|| {
        let why = "The policy of this incident is not in the set any more: there are no tests to add to.";
        Problem::Conflict(why.to_owned())
    })?;
    let name = format!("{}.cases.toml", policy.file.strip_suffix(".toml").unwrap_or(&policy.file));
    let sources = policies::files(&console).sources().await?;
    let there = sources.iter().find(|source| source.name == name);
    let before = there.map(|source| source.text.to_string()).unwrap_or_default();
    let text = match before.contains(&name_of_cases(id)) {
        true => before.clone(),
        false => format!("{}{}", and_a_line_end(&before), cases(&incident)),
    };
    let was = there.map(|source| hash(&source.text)).unwrap_or_default();
    editor(&console, &viewer, Edit { name, text, was, why: format!("incident {id} is a false positive") })
        .await
}

fn and_a_line_end(text: &str) -> String {
    let missing = !text.is_empty() && !text.ends_with('\n');
    format!("{text}{}", if missing { "\n" } else { "" })
}

/// What the names of an incident's cases begin with.
fn name_of_cases(id: u64) -> String {
    format!("false positive of incident {id}, ")
}

fn cases(incident: &Incident) -> String {
    let texts = incident.matches.iter().take(CASES);
    let mut texts: Vec<String> =
        texts.map(|found| format!("{}{}{}", found.before, found.text, found.after)).collect();
    texts.dedup();
    let case = |(number, text): (usize, String)| {
        let name = toml::Value::String(format!("{}{number}", name_of_cases(incident.summary.id)));
        format!("\n[[miss]]\nname = {name}\nbody = {}\n", toml::Value::String(text))
    };
    (1..).zip(texts).map(case).collect()
}
