//! Single incidents: attributes, history, the message. What a role does not see is left out, as in the console.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use incident::desk::Look;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Problem, Viewer};

use super::components::{Component, attachments};
use super::may_read;
use super::told::{local, status_id};
use crate::console::{Answer, Console, access, redact_look};

pub(super) async fn looked(console: &Console, viewer: &Viewer, id: u64) -> Answer<Look> {
    may_read(viewer)?;
    let look = console.desk.look(&access(viewer), id).await?.ok_or(Problem::NotFound)?;
    Ok(redact_look(viewer, look))
}

/// An incident, and what was found out when the message came.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StaticAttributes {
    incident_id: u64,
    info_map: StaticInfo,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StaticInfo {
    policy_name: String,
    policy_id: u32,
    policy_version: String,
    policy_group_name: &'static str,
    policy_group_id: u8,
    message_subject: String,
    message_id: Option<String>,
    message_date: String,
    message_type: &'static str,
    message_type_id: u8,
    message_source: &'static str,
    #[serde(rename = "messageOriginatorID")]
    message_originator_id: String,
    match_count: u64,
    detection_server_name: String,
    /// The number of the server, if one of that name was enrolled.
    detection_server_id: Option<i64>,
    creation_date: String,
    detection_date: String,
    #[serde(rename = "senderIPAddress")]
    sender_ip_address: Option<String>,
    network_sender_identifier: String,
    network_sender_port: Option<u16>,
    is_blocked_status_superseded: bool,
    unique_message_id: String,
    attachment_info: Vec<Component>,
    recipient_info: Vec<Recipient>,
}

/// A recipient of the envelope.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    recipient_type: &'static str,
    recipient_identifier: String,
    recipient_domain: Option<String>,
    #[serde(rename = "recipientIPAddress")]
    recipient_ip_address: Option<String>,
    recipient_port: Option<u16>,
    recipient_url: Option<String>,
}

impl Recipient {
    fn of(address: &str) -> Self {
        Self {
            recipient_type: "TO",
            recipient_identifier: address.to_owned(),
            recipient_domain: address.rsplit_once('@').map(|(_, domain)| domain.to_owned()),
            recipient_ip_address: None,
            recipient_port: None,
            recipient_url: None,
        }
    }
}

/// What does not change any more.
#[utoipa::path(get, path = "/incidents/{id}/staticAttributes", tag = "incidents", params(("id" = u64, Path)),
    responses((status = 200, body = StaticAttributes)))]
pub(super) async fn static_attributes(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    let attachment_info = attachments(&look.incident);
    let (incident, creation_date) = (look.incident, local(look.recorded_at));
    let summary = incident.summary;
    let received = local(summary.received_at);
    let info_map = StaticInfo {
        policy_name: summary.policy,
        policy_id: summary.policy_id,
        policy_version: incident.policy_version,
        policy_group_name: "Default Policy Group",
        policy_group_id: 1,
        message_subject: summary.subject,
        message_id: summary.message_id,
        message_date: received.clone(),
        message_type: "SMTP",
        message_type_id: 1,
        message_source: "NETWORK",
        message_originator_id: summary.sender.clone(),
        match_count: summary.matches,
        detection_server_id: console.enforce.server_numbers().await?.of(&summary.server),
        detection_server_name: summary.server,
        creation_date,
        detection_date: received,
        sender_ip_address: incident.peer,
        network_sender_identifier: summary.sender,
        network_sender_port: None,
        is_blocked_status_superseded: false,
        unique_message_id: summary.unique_message_id,
        attachment_info,
        recipient_info: summary.recipients.iter().map(|address| Recipient::of(address)).collect(),
    };
    Ok(Json(StaticAttributes { incident_id: id, info_map }).into_response())
}

/// What people change about an incident.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EditableAttributes {
    incident_id: u64,
    info_map: EditableInfo,
    custom_attribute_groups: Vec<AttributeGroup>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EditableInfo {
    incident_status_id: Option<u64>,
    incident_status_name: String,
    severity_id: i64,
    is_hidden: bool,
    is_hiding_not_allowed: bool,
    prevent_or_protect_status_id: i64,
    data_owner_name: Option<String>,
    data_owner_email: Option<String>,
    remediation_location: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AttributeGroup {
    name: String,
    name_internationalized: bool,
    custom_attributes: Vec<CustomAttribute>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CustomAttribute {
    name: String,
    index: u64,
    display_order: i64,
    email: bool,
    value: Option<String>,
}

/// What people change: status, severity, owner of the data, custom attributes.
#[utoipa::path(get, path = "/incidents/{id}/editableAttributes", tag = "incidents", params(("id" = u64, Path)),
    responses((status = 200, body = EditableAttributes)))]
pub(super) async fn editable_attributes(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    let summary = &look.incident.summary;
    let statuses = console.desk.statuses().await?;
    let mut groups: Vec<AttributeGroup> = Vec::new();
    for one in console.desk.attribute_definitions().await? {
        let value =
            look.attributes.iter().find(|(name, _)| *name == one.name).map(|(_, value)| value.clone());
        let told = CustomAttribute {
            name: one.name,
            index: one.id,
            display_order: one.position,
            email: one.is_email,
            value,
        };
        match groups.iter_mut().find(|group| group.name == one.group) {
            Some(group) => group.custom_attributes.push(told),
            None => groups.push(AttributeGroup {
                name: one.group,
                name_internationalized: false,
                custom_attributes: vec![told],
            }),
        }
    }
    let info_map = EditableInfo {
        incident_status_id: status_id(&statuses, summary.status.as_str()),
        incident_status_name: summary.status.as_str().to_owned(),
        severity_id: summary.severity as i64,
        is_hidden: look.hidden,
        is_hiding_not_allowed: false,
        prevent_or_protect_status_id: summary.prevent_status,
        data_owner_name: look.data_owner.0,
        data_owner_email: look.data_owner.1,
        remediation_location: look.remediation_location,
    };
    let told = EditableAttributes { incident_id: id, info_map, custom_attribute_groups: groups };
    Ok(Json(told).into_response())
}

/// A line of the history.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HistoryEntry {
    incident_history_date: String,
    dlp_user_name: String,
    incident_history_action: String,
    incident_history_detail: String,
    /// The action in people's words.
    incident_history_action_string: String,
    #[serde(rename = "incidentHistoryActionI18nKey")]
    incident_history_action_key: String,
    policy_group_id: u8,
    detection_server_name: String,
    incident_id: u64,
    message_source: &'static str,
    message_date: String,
}

/// What happened, newest first.
#[utoipa::path(get, path = "/incidents/{id}/history", tag = "incidents", params(("id" = u64, Path)),
    responses((status = 200, body = Vec<HistoryEntry>)))]
pub(super) async fn history(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    let summary = &look.incident.summary;
    let told = look.history.into_iter().rev().map(|line| HistoryEntry {
        incident_history_date: local(line.at),
        dlp_user_name: line.who,
        incident_history_action_key: format!("incident.history.action.{}", line.action.to_lowercase()),
        incident_history_action_string: words(&line.action),
        incident_history_action: line.action,
        incident_history_detail: line.detail,
        policy_group_id: 1,
        detection_server_name: summary.server.clone(),
        incident_id: id,
        message_source: "NETWORK",
        message_date: local(summary.received_at),
    });
    Ok(Json(told.collect::<Vec<_>>()).into_response())
}

/// `SET_STATUS` as `Set status`.
fn words(action: &str) -> String {
    let mut words = action.replace('_', " ").to_lowercase();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// What somebody noted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Note {
    note: String,
    dlp_user_name: String,
    date_time: String,
}

/// Notes, oldest first.
#[utoipa::path(get, path = "/incidents/{id}/notes", tag = "incidents", params(("id" = u64, Path)),
    responses((status = 200, body = Vec<Note>)))]
pub(super) async fn notes(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    let told = look.notes.into_iter().map(|note| Note {
        note: note.text,
        dlp_user_name: note.who,
        date_time: local(note.at),
    });
    Ok(Json(told.collect::<Vec<_>>()).into_response())
}

/// The violated policy and its rules.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PolicyMatches {
    policy_name: String,
    policy_id: u32,
    matches: u64,
    violated_rules: Vec<ViolatedRule>,
    other_policies_violated: Vec<OtherPolicy>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ViolatedRule {
    rule_name: String,
    #[serde(rename = "ruleTypeI18nKey")]
    rule_type_key: &'static str,
    /// Of those that are kept.
    matches: u64,
}

/// Connectors read these under either spelling, by the product's release.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OtherPolicy {
    policy_id: u32,
    incident_id: u64,
    policy_name: String,
    prevent_or_protect_status_id: i64,
    #[serde(rename = "POLICYID")]
    policy_id_again: u32,
    #[serde(rename = "INCIDENTID")]
    incident_id_again: u64,
    #[serde(rename = "POLICYNAME")]
    policy_name_again: String,
    #[serde(rename = "PREVENTORPROTECTSTATUSID")]
    prevent_or_protect_status_id_again: i64,
}

/// Which rules were violated, and which other policies by the same message.
#[utoipa::path(get, path = "/incidents/{id}/policyMatches", tag = "incidents", params(("id" = u64, Path)),
    responses((status = 200, body = PolicyMatches)))]
pub(super) async fn policy_matches(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    let mut violated_rules: Vec<ViolatedRule> = Vec::new();
    for found in &look.incident.matches {
        match violated_rules.iter_mut().find(|rule| rule.rule_name == found.rule) {
            Some(rule) => rule.matches += 1,
            None => violated_rules.push(ViolatedRule {
                rule_name: found.rule.clone(),
                rule_type_key: "rule.type.content",
                matches: 1,
            }),
        }
    }
    let others = look.siblings.into_iter().map(|line| OtherPolicy {
        policy_id: line.summary.policy_id,
        incident_id: line.summary.id,
        policy_name: line.summary.policy.clone(),
        prevent_or_protect_status_id: line.summary.prevent_status,
        policy_id_again: line.summary.policy_id,
        incident_id_again: line.summary.id,
        policy_name_again: line.summary.policy,
        prevent_or_protect_status_id_again: line.summary.prevent_status,
    });
    let summary = look.incident.summary;
    let told = PolicyMatches {
        policy_name: summary.policy,
        policy_id: summary.policy_id,
        matches: summary.matches,
        violated_rules,
        other_policies_violated: others.collect(),
    };
    Ok(Json(told).into_response())
}

/// The original message, for roles that may see it.
#[utoipa::path(get, path = "/incidents/{id}/originalMessage", tag = "incidents", params(("id" = u64, Path)),
    responses((status = 200, content_type = "message/rfc822", body = String)))]
pub(super) async fn original(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    let octets = message(&console, &viewer, id, "downloaded").await?;
    Ok(([(header::CONTENT_TYPE, "message/rfc822")], octets).into_response())
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MessageBody {
    incident_id: u64,
    message_body: String,
}

/// The text of the message, for roles that may see it.
#[utoipa::path(get, path = "/incidents/{id}/messageBody", tag = "incidents", params(("id" = u64, Path)),
    responses((status = 200, body = MessageBody)))]
pub(super) async fn message_body(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Answer {
    let octets = message(&console, &viewer, id, "its body given").await?;
    let body = tokio::task::spawn_blocking(move || crate::console::body_of(&octets)).await;
    let message_body =
        body.map_err(|why| Problem::Internal(format!("a message could not be read: {why}")))?;
    Ok(Json(MessageBody { incident_id: id, message_body }).into_response())
}

pub(super) async fn message(console: &Console, viewer: &Viewer, id: u64, how: &str) -> Answer<Vec<u8>> {
    may_read(viewer)?;
    viewer.may_see_original()?;
    let access = access(viewer);
    if !console.desk.may_see(&access, id).await? {
        return Err(Problem::NotFound.into());
    }
    viewer.log("ORIGINAL_SEEN", &format!("incident {id}"), how).await?;
    Ok(console.desk.original(&access, id).await?.ok_or(Problem::NotFound)?)
}
