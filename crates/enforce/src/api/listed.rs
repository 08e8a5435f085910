//! An incident of a list, with the fields that connectors select.

use incident::desk::{Listed, StatusRow};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::told::{local, status_id};
use crate::servers::Numbers;

/// An incident of a list: of these fields those that were asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedIncident<'l> {
    #[schema(required = false)]
    incident_id: u64,
    incident_status_id: Option<u64>,
    #[schema(required = false)]
    incident_status_name: &'l str,
    #[schema(required = false)]
    creation_date: String,
    #[schema(required = false)]
    detection_date: String,
    #[schema(required = false)]
    message_date: String,
    /// 1 is high, 4 info.
    #[schema(required = false)]
    severity_id: i64,
    #[schema(required = false)]
    message_source: &'static str,
    #[schema(required = false)]
    message_type_id: u8,
    #[schema(required = false)]
    message_type: &'static str,
    #[schema(required = false)]
    policy_id: u32,
    #[schema(required = false)]
    policy_name: &'l str,
    #[schema(required = false)]
    policy_version: &'l str,
    #[schema(required = false)]
    match_count: u64,
    #[schema(required = false)]
    detection_server_id: Option<i64>,
    #[schema(required = false)]
    detection_server_name: &'l str,
    #[schema(required = false)]
    prevent_or_protect_status_id: i64,
    #[schema(required = false)]
    message_subject: &'l str,
    #[serde(rename = "messageOriginatorID")]
    #[schema(required = false)]
    message_originator_id: &'l str,
    message_id: Option<&'l str>,
    #[schema(required = false)]
    is_hidden: bool,
    data_owner_name: Option<&'l str>,
    owner: Option<&'l str>,
}

pub(super) const SELECTED: &[&str] = &[
    "incidentId",
    "incidentStatusId",
    "incidentStatusName",
    "creationDate",
    "detectionDate",
    "messageDate",
    "severityId",
    "messageSource",
    "messageTypeId",
    "messageType",
    "policyId",
    "policyName",
    "policyVersion",
    "matchCount",
    "detectionServerId",
    "detectionServerName",
    "preventOrProtectStatusId",
    "messageSubject",
    "messageOriginatorID",
    "messageId",
    "isHidden",
    "dataOwnerName",
    "owner",
];

/// Those of these names.
pub(super) fn selected(line: &Listed, names: &[&str], statuses: &[StatusRow], servers: &Numbers) -> Value {
    let summary = &line.summary;
    let received = local(summary.received_at);
    let whole = ListedIncident {
        incident_id: summary.id,
        incident_status_id: status_id(statuses, summary.status.as_str()),
        incident_status_name: summary.status.as_str(),
        creation_date: local(line.recorded_at),
        detection_date: received.clone(),
        message_date: received,
        severity_id: summary.severity as i64,
        message_source: "NETWORK",
        message_type_id: 1,
        message_type: "SMTP",
        policy_id: summary.policy_id,
        policy_name: &summary.policy,
        policy_version: &line.policy_version,
        match_count: summary.matches,
        detection_server_id: servers.of(&summary.server),
        detection_server_name: &summary.server,
        prevent_or_protect_status_id: summary.prevent_status,
        message_subject: &summary.subject,
        message_originator_id: &summary.sender,
        message_id: summary.message_id.as_deref(),
        is_hidden: line.hidden,
        data_owner_name: line.data_owner_name.as_deref(),
        owner: line.owner.as_deref(),
    };
    let mut told = serde_json::to_value(whole).unwrap_or_default();
    if let Some(fields) = told.as_object_mut() {
        fields.retain(|name, _| names.contains(&name.as_str()));
    }
    told
}
