//! Single incidents: attributes, history, matches, components, the message. What a role does not see is left out, as in the console.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use incident::Match;
use incident::desk::Look;
use serde_json::{Value, json};
use web::people::Hidden;
use web::{Problem, Viewer};

use super::may_read;
use super::told::{local, status_id};
use crate::console::{Answer, Console, access, redact, redact_line};

async fn looked(console: &Console, viewer: &Viewer, id: u64) -> Answer<Look> {
    may_read(viewer)?;
    let mut look = console.desk.look(&access(viewer), id).await?.ok_or(Problem::NotFound)?;
    look.incident = redact(viewer, look.incident);
    look.siblings.iter_mut().for_each(|line| redact_line(viewer, line));
    if viewer.hides(Hidden::History) || viewer.hides(Hidden::Recipients) {
        look.history.clear();
    }
    Ok(look)
}

pub(super) async fn static_attributes(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    let (incident, summary) = (&look.incident, &look.incident.summary);
    let recipients: Vec<Value> = summary
        .recipients
        .iter()
        .map(|address| {
            json!({
                "recipientType": "TO",
                "recipientIdentifier": address,
                "recipientDomain": address.rsplit_once('@').map(|(_, domain)| domain),
                "recipientIPAddress": null, "recipientPort": null, "recipientUrl": null,
            })
        })
        .collect();
    let info = json!({
        "policyName": summary.policy, "policyId": summary.policy_id, "policyVersion": incident.policy_version,
        "policyGroupName": "Default Policy Group", "policyGroupId": 1,
        "messageSubject": summary.subject, "messageId": summary.message_id, "messageDate": local(summary.received_at),
        "messageType": "SMTP", "messageTypeId": 1, "messageSource": "NETWORK",
        "messageOriginatorID": summary.sender, "matchCount": summary.matches,
        "detectionServerName": summary.server, "detectionServerId": summary.server,
        "creationDate": local(look.recorded_at), "detectionDate": local(summary.received_at),
        "senderIPAddress": incident.peer, "networkSenderIdentifier": summary.sender, "networkSenderPort": null,
        "isBlockedStatusSuperseded": false, "uniqueMessageId": summary.unique_message_id,
        "attachmentInfo": attachments(incident), "recipientInfo": recipients,
    });
    Ok(Json(json!({ "incidentId": id, "infoMap": info })).into_response())
}

/// Files in which something was found, or that could not be opened.
fn attachments(incident: &incident::Incident) -> Vec<Value> {
    let mut names: Vec<(&str, bool)> = Vec::new();
    let found = incident.matches.iter().map(|one| (one.path.as_str(), true));
    for (path, cracked) in found.chain(incident.unscannable.iter().map(|(path, _)| (path.as_str(), false))) {
        let file = path.split(" > ").next().unwrap_or_default();
        if !file.is_empty() && !names.iter().any(|(known, _)| *known == file) {
            names.push((file, cracked));
        }
    }
    names
        .into_iter()
        .enumerate()
        .map(|(at, (name, cracked))| {
            json!({
                "componentType": 2, "messageComponentName": name, "messageComponentId": at + 1, "wasCracked": cracked,
                "documentFormat": null, "mimeType": null, "originalSize": null,
            })
        })
        .collect()
}

pub(super) async fn editable_attributes(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    let summary = &look.incident.summary;
    let statuses = console.desk.statuses().await?;
    let definitions = console.desk.attribute_definitions().await?;
    let mut groups: Vec<(&str, Vec<Value>)> = Vec::new();
    for one in &definitions {
        let value = look.attributes.iter().find(|(name, _)| *name == one.name).map(|(_, value)| value);
        let told = json!({
            "name": one.name, "index": one.id, "displayOrder": one.position, "email": one.is_email, "value": value,
        });
        match groups.iter_mut().find(|(name, _)| *name == one.group) {
            Some((_, all)) => all.push(told),
            None => groups.push((&one.group, vec![told])),
        }
    }
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|(name, all)| json!({ "name": name, "nameInternationalized": false, "customAttributes": all }))
        .collect();
    let info = json!({
        "incidentStatusId": status_id(&statuses, summary.status.as_str()),
        "incidentStatusName": summary.status.as_str(),
        "severityId": summary.severity as i64,
        "isHidden": look.hidden, "isHidingNotAllowed": false,
        "preventOrProtectStatusId": summary.prevent_status,
        "dataOwnerName": look.data_owner.0, "dataOwnerEmail": look.data_owner.1,
        "remediationLocation": look.remediation_location,
    });
    Ok(Json(json!({ "incidentId": id, "infoMap": info, "customAttributeGroups": groups })).into_response())
}

pub(super) async fn history(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    let summary = &look.incident.summary;
    let lines: Vec<Value> = look
        .history
        .iter()
        .rev()
        .map(|line| {
            json!({
                "incidentHistoryDate": local(line.at), "dlpUserName": line.who,
                "incidentHistoryAction": line.action, "incidentHistoryDetail": line.detail,
                "incidentHistoryActionI18nKey": format!("incident.history.action.{}", line.action.to_lowercase()),
                "policyGroupId": 1, "detectionServerName": summary.server, "incidentId": id,
                "messageSource": "NETWORK", "messageDate": local(summary.received_at),
            })
        })
        .collect();
    Ok(Json(lines).into_response())
}

pub(super) async fn notes(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    let notes: Vec<Value> = look
        .notes
        .iter()
        .map(|note| json!({ "note": note.text, "dlpUserName": note.who, "dateTime": local(note.at) }))
        .collect();
    Ok(Json(notes).into_response())
}

pub(super) async fn policy_matches(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    let summary = &look.incident.summary;
    let mut rules: Vec<(&str, u64)> = Vec::new();
    for found in &look.incident.matches {
        match rules.iter_mut().find(|(name, _)| *name == found.rule) {
            Some((_, count)) => *count += 1,
            None => rules.push((&found.rule, 1)),
        }
    }
    let rules: Vec<Value> = rules
        .into_iter()
        .map(|(name, count)| json!({ "ruleName": name, "ruleTypeI18nKey": "rule.type.content", "matches": count }))
        .collect();
    let others: Vec<Value> = look
        .siblings
        .iter()
        .map(|line| {
            json!({
                "policyId": line.summary.policy_id, "incidentId": line.summary.id, "policyName": line.summary.policy,
                "preventOrProtectStatusId": line.summary.prevent_status,
            })
        })
        .collect();
    Ok(Json(json!({
        "policyName": summary.policy, "policyId": summary.policy_id, "matches": summary.matches,
        "violatedRules": rules, "otherPoliciesViolated": others,
    }))
    .into_response())
}

pub(super) async fn correlations(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Answer {
    may_read(&viewer)?;
    let access = access(&viewer);
    let look = console.desk.look(&access, id).await?.ok_or(Problem::NotFound)?;
    let found = console.desk.correlations(&access, &look.incident).await?;
    let recipients: Vec<Value> = match viewer.hides(Hidden::Recipients) {
        true => Vec::new(),
        false => found
            .recipients
            .iter()
            .map(|(address, count)| json!({ "recipient": address, "incidents": count.to_string() }))
            .collect(),
    };
    Ok(Json(json!({
        "sender": found.sender.map(|count| count.to_string()),
        "policyAndSender": found.policy_and_sender.map(|count| count.to_string()),
        "recipients": recipients,
    }))
    .into_response())
}

pub(super) async fn components(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    Ok(Json(attachments(&look.incident)).into_response())
}

pub(super) async fn matches(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    if viewer.may_see_matches() {
        viewer.log("MATCHES_SEEN", &format!("incident {id}"), "matches given unmasked").await?;
    }
    let mut places: Vec<(&str, Vec<&Match>)> = Vec::new();
    for found in &look.incident.matches {
        match places.iter_mut().find(|(path, _)| *path == found.path) {
            Some((_, all)) => all.push(found),
            None => places.push((&found.path, vec![found])),
        }
    }
    let told: Vec<Value> = places
        .into_iter()
        .enumerate()
        .map(|(at, (path, all))| {
            let violations: Vec<Value> = all.into_iter().map(violation).collect();
            json!({ "messageComponentId": at + 1, "messageComponentName": path, "violations": violations })
        })
        .collect();
    Ok(Json(told).into_response())
}

fn violation(found: &Match) -> Value {
    let segment = |kind: &str, text: &str| json!({ "segmentType": kind, "text": text, "ruleName": found.rule, "condition": found.condition });
    json!({ "violationSegments": [
        segment("CONTEXT", &found.before),
        segment("VIOLATING_CONTENT", &found.text),
        segment("CONTEXT", &found.after),
    ] })
}

pub(super) async fn original(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    let octets = message(&console, &viewer, id, "downloaded").await?;
    Ok(([(header::CONTENT_TYPE, "message/rfc822")], octets).into_response())
}

pub(super) async fn message_body(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Answer {
    let octets = message(&console, &viewer, id, "its body given").await?;
    let body = tokio::task::spawn_blocking(move || crate::console::body_of(&octets)).await;
    let body = body.map_err(|why| Problem::Internal(format!("a message could not be read: {why}")))?;
    Ok(Json(json!({ "incidentId": id, "messageBody": body })).into_response())
}

async fn message(console: &Console, viewer: &Viewer, id: u64, how: &str) -> Answer<Vec<u8>> {
    may_read(viewer)?;
    viewer.may_see_original()?;
    let access = access(viewer);
    if !console.desk.may_see(&access, id).await? {
        return Err(Problem::NotFound.into());
    }
    viewer.log("ORIGINAL_SEEN", &format!("incident {id}"), how).await?;
    Ok(console.desk.original(&access, id).await?.ok_or(Problem::NotFound)?)
}
