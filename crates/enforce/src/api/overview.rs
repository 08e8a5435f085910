//! What a SIEM or a SOAR asks beside single incidents: servers, policies and their versions, counts of days, copies at gateways,
//! the audit log. Each needs the privilege that its page in the console needs.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use incident::desk::Facet;
use incident::wire::CopyState;
use incident::{Severity, prevent_status_name};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::people::{Hidden, Privilege};
use web::{Problem, Viewer};

use super::may_read;
use super::single::looked;
use crate::console::{self, Answer, Console, access, recipient};
use crate::servers::ServerState;

/// Days of a summary that names none, and that one may name.
const DAYS: i64 = 30;
const MOST_DAYS: i64 = 400;
/// Lines of the audit log of one answer.
const LINES: i64 = 1_000;
/// Copies of one message that are told.
const COPIES: usize = 10_000;

// ---- servers

/// A detection server or gateway that is enrolled.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ServerTold {
    name: String,
    /// `detection` or `gateway`.
    kind: &'static str,
    /// Whether it may come in: `approved`, `waiting`, `revoked`.
    standing: String,
    /// `up`, `late`, `gone`, `never`.
    presence: String,
    last_seen: Option<String>,
    address: Option<String>,
    version: Option<String>,
    policy_set: Option<String>,
    policy_error: Option<String>,
    settings_error: Option<String>,
    /// Lines that wait there to be handed over.
    waiting: Option<u64>,
    /// How long inspection takes.
    inspection_micros: Option<u64>,
    certificate_ends: String,
}

fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

impl From<ServerState> for ServerTold {
    fn from(server: ServerState) -> Self {
        let heart = server.heartbeat.as_ref();
        Self {
            kind: server.kind.as_str(),
            standing: word(server.standing),
            presence: word(server.presence),
            last_seen: server.last_seen.map(|at| at.to_string()),
            version: heart.map(|heart| heart.version.clone()),
            policy_set: heart.map(|heart| heart.policy_set.clone()),
            policy_error: heart.and_then(|heart| heart.policy_error.clone()),
            settings_error: heart.and_then(|heart| heart.settings_error.clone()),
            waiting: heart.map(|heart| heart.waiting),
            inspection_micros: heart.map(|heart| heart.inspection_micros),
            certificate_ends: server.certificate_ends.to_string(),
            address: server.address,
            name: server.name,
        }
    }
}

/// The servers that are enrolled, and how they are.
#[utoipa::path(get, path = "/servers", tag = "overview", responses((status = 200, body = Vec<ServerTold>)))]
pub(super) async fn servers(State(console): State<Console>, viewer: Viewer) -> Answer {
    viewer.require(Privilege::ManageServers)?;
    let all = console.enforce.servers().await?;
    Ok(Json(all.into_iter().map(ServerTold::from).collect::<Vec<_>>()).into_response())
}

// ---- policies

/// The policies of this server's directory.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PoliciesTold {
    /// Which set they are.
    policy_set: String,
    policies: Vec<PolicyTold>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PolicyTold {
    id: u32,
    name: String,
    description: String,
    family: String,
    /// `on`, `trial`, `off`.
    mode: String,
    /// Of rules that say nothing.
    severity: String,
    version: String,
    response_rules: Vec<String>,
    rules: Vec<String>,
    /// Laws, standards, issuers.
    sources: Vec<String>,
    file: String,
}

/// The policies: what they look for is in their files, which the console shows.
#[utoipa::path(get, path = "/policies", tag = "overview", responses((status = 200, body = PoliciesTold)))]
pub(super) async fn policies(State(console): State<Console>, viewer: Viewer) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let (policy_set, all) = console::policies_in_force(&console).await?;
    let told = |info: &policy::PolicyInfo| PolicyTold {
        id: info.id,
        name: info.name.clone(),
        description: info.description.clone(),
        family: info.family.clone(),
        mode: format!("{:?}", info.mode).to_lowercase(),
        severity: info.severity.as_str().to_owned(),
        version: info.version.clone(),
        response_rules: info.respond.clone(),
        rules: info.rules.clone(),
        sources: info.source.clone(),
        file: info.file.clone(),
    };
    let policies = all.iter().map(|info| told(info)).collect();
    Ok(Json(PoliciesTold { policy_set, policies }).into_response())
}

/// A file of the policy set.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfFile {
    /// As `/policies` names it.
    file: String,
}

/// A change of a policy file.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct VersionTold {
    id: u64,
    at: String,
    who: String,
    why: String,
    /// What stands there since.
    text: String,
}

/// What the console changed in a policy file, the newest first.
#[utoipa::path(get, path = "/policies/versions", tag = "overview", params(OfFile), responses((status = 200, body = Vec<VersionTold>)))]
pub(super) async fn versions(
    State(console): State<Console>,
    viewer: Viewer,
    Query(asked): Query<OfFile>,
) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let told = console.desk.policy_versions(&asked.file).await?.into_iter().map(|version| VersionTold {
        id: version.id,
        at: version.at.to_string(),
        who: version.who,
        why: version.why,
        text: version.text,
    });
    Ok(Json(told.collect::<Vec<_>>()).into_response())
}

// ---- counts

/// Days of UTC, both included.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Days {
    /// Such as 2026-11-01; 30 days before the last if not given.
    from: Option<String>,
    /// Today if not given.
    to: Option<String>,
}

/// Incidents of some days, counted, of those that the role sees.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SummaryTold {
    from: String,
    to: String,
    incidents: u64,
    by_policy: Vec<CountTold>,
    by_severity: Vec<CountTold>,
    by_status: Vec<CountTold>,
    by_prevent_status: Vec<CountTold>,
    by_server: Vec<CountTold>,
    /// Half of the decisions took no longer than that.
    median_to_decision_milliseconds: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct CountTold {
    /// Of a policy, a severity or a prevent status its number.
    key: String,
    name: String,
    incidents: u64,
}

/// Counts by policy, severity, status, what became of the mail, and server.
#[utoipa::path(get, path = "/summary", tag = "overview", params(Days), responses((status = 200, body = SummaryTold)))]
pub(super) async fn summary(
    State(console): State<Console>,
    viewer: Viewer,
    Query(asked): Query<Days>,
) -> Answer {
    may_read(&viewer)?;
    let (from, to) = period(&asked)?;
    let (access, days) = (access(&viewer), (number(from), number(to)));
    let grouped = async |facet: Facet| -> Answer<Vec<CountTold>> {
        let groups = console.desk.summary(&access, facet, days).await?;
        let told = |group: incident::desk::Group| CountTold {
            name: named(facet, &group.key, group.name),
            key: group.key,
            incidents: group.count,
        };
        Ok(groups.into_iter().map(told).collect())
    };
    let by_severity = grouped(Facet::Severity).await?;
    let told = SummaryTold {
        from: from.to_string(),
        to: to.to_string(),
        incidents: by_severity.iter().map(|group| group.incidents).sum(),
        by_policy: grouped(Facet::Policy).await?,
        by_severity,
        by_status: grouped(Facet::Status).await?,
        by_prevent_status: grouped(Facet::PreventStatus).await?,
        by_server: grouped(Facet::Server).await?,
        median_to_decision_milliseconds: console.desk.median_to_decision(&access, days).await?,
    };
    Ok(Json(told).into_response())
}

fn named(facet: Facet, key: &str, name: String) -> String {
    let number = key.parse::<i64>().unwrap_or(-1);
    match facet {
        Facet::Severity => Severity::from_number(number).map(|one| one.to_string()).unwrap_or_default(),
        Facet::PreventStatus => prevent_status_name(number).to_owned(),
        _ if name.is_empty() => key.to_owned(),
        _ => name,
    }
}

fn period(asked: &Days) -> Result<(Date, Date), Problem> {
    let read = |name: &str, text: &Option<String>| {
        let date = text.as_deref().map(str::parse::<Date>).transpose();
        date.map_err(|_| Problem::Bad(format!("{name} is a date such as 2026-11-24.")))
    };
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let to = read("to", &asked.to)?.unwrap_or(today);
    let before = || to.checked_sub(jiff::Span::new().days(DAYS)).unwrap_or(Date::MIN);
    let from = read("from", &asked.from)?.unwrap_or_else(before);
    if from > to || number(to) - number(from) > MOST_DAYS {
        return Err(Problem::Bad(format!(
            "A summary is of at most {MOST_DAYS} days, the first before the last."
        )));
    }
    Ok((from, to))
}

/// Days since 1970.
fn number(date: Date) -> i64 {
    let start = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).map(Timestamp::as_second);
    start.unwrap_or_default().div_euclid(86_400)
}

// ---- copies at gateways

/// What became of one recipient's copy of the message.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CopyTold {
    recipient: String,
    /// `held`, `approved`, `rejected`, `custom`, `expunged`, `delivered`, `delivery_failed`.
    state: &'static str,
    gateway: String,
    gateway_incident: u64,
    at: String,
    /// Who decided.
    who: String,
    note: String,
}

/// Decisions on the copies of the message that gateways hold or held.
#[utoipa::path(get, path = "/incidents/{id}/copies", tag = "overview", params(("id" = u64, Path)),
    responses((status = 200, body = Vec<CopyTold>)))]
pub(super) async fn copies(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    looked(&console, &viewer, id).await?;
    let look = console.desk.look(&access(&viewer), id).await?.ok_or(Problem::NotFound)?;
    let summary = &look.incident.summary;
    let states = match viewer.hides(Hidden::Recipients) {
        true => Vec::new(),
        false => console.enforce.journal.message_states(&summary.unique_message_id).await?,
    };
    let told = states.into_iter().take(COPIES).map(|state| CopyTold {
        recipient: recipient(&viewer, &summary.sender, &state.recipient),
        state: match state.state {
            CopyState::Held => "held",
            CopyState::Approved => "approved",
            CopyState::Rejected => "rejected",
            CopyState::Custom => "custom",
            CopyState::Expunged => "expunged",
            CopyState::Delivered => "delivered",
            CopyState::DeliveryFailed => "delivery_failed",
        },
        gateway: state.gateway,
        gateway_incident: state.gateway_incident,
        at: state.at.to_string(),
        who: state.who,
        note: console::told_words(&viewer, summary, &state.note),
    });
    Ok(Json(told.collect::<Vec<_>>()).into_response())
}

// ---- audit

/// Where to go on.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Behind {
    /// The number of the last line that is known; 0, or nothing, for the first lines.
    #[serde(default)]
    after: i64,
}

/// A line of the audit log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditTold {
    /// Without gaps.
    number: i64,
    at: String,
    who: String,
    role: String,
    peer: String,
    action: String,
    subject: String,
    detail: String,
    /// Of this line and, through it, of all before.
    hash: String,
}

/// Lines of the audit log behind one, the oldest first, at most 1,000; none: there are no more yet.
#[utoipa::path(get, path = "/audit", tag = "overview", params(Behind), responses((status = 200, body = Vec<AuditTold>)))]
pub(super) async fn audit(
    State(console): State<Console>,
    viewer: Viewer,
    Query(asked): Query<Behind>,
) -> Answer {
    viewer.require(Privilege::ReadAudit)?;
    let lines = console.enforce.site.audit().after(asked.after, LINES).await?;
    let told = lines.into_iter().map(|line| AuditTold {
        number: line.number,
        at: Timestamp::from_millisecond(line.at).unwrap_or(Timestamp::MIN).to_string(),
        who: line.actor.who,
        role: line.actor.role,
        peer: line.actor.peer,
        action: line.action,
        subject: line.subject,
        detail: line.detail,
        hash: line.hash.iter().map(|octet| format!("{octet:02x}")).collect(),
    });
    Ok(Json(told.collect::<Vec<_>>()).into_response())
}
