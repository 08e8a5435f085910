//! `POST /incidents`: a filter tree, an order, the fields that are wanted, and a page.

use incident::desk::{Condition, Field, Order, Scalar, Search, Sort, StatusRow};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use web::people::Hidden;
use web::{Problem, Viewer};

use super::listed::{SELECTED, selected};
use super::told::read_local;
use crate::console::{Answer, Console, access, redact_line};
use crate::servers::Numbers;

/// Incidents of a page.
const MOST: u64 = 10_000;
/// Filters within filters.
const DEEPEST: usize = 20;

/// Which incidents, in which order, and which of their fields.
#[derive(Deserialize, ToSchema)]
#[schema(as = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    /// The fields that are wanted: those of `ListedIncident`.
    #[serde(default)]
    select: Vec<Named>,
    filter: Option<Filter>,
    #[serde(default)]
    order_by: Vec<OrderBy>,
    limit: Option<u64>,
    page: Option<PageWish>,
}

/// A field.
#[derive(Deserialize, ToSchema)]
#[schema(as = FieldName)]
struct Named {
    name: String,
}

#[derive(Deserialize, ToSchema)]
struct OrderBy {
    /// `ASC` or `DESC`.
    #[serde(default)]
    order: String,
    field: Named,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Page)]
#[serde(rename_all = "camelCase")]
struct PageWish {
    /// From 1.
    #[serde(default)]
    page_number: u64,
    page_size: u64,
}

/// A test of one field, or several filters joined.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Filter {
    /// `booleanLogic` for several filters; `boolean`, `int`, `long`, `string`, `localDateTime` for a test.
    filter_type: String,
    /// `AND`, `OR`, `NOT`.
    boolean_operator: Option<String>,
    #[serde(default)]
    #[schema(no_recursion)]
    filters: Vec<Filter>,
    operand_one: Option<Operand>,
    /// `EQ`, `NOT_EQ`, `IN`, `NOT_IN`, `LT`, `LTE`, `GT`, `GTE`, `IS_NULL`, `IS_NOT_NULL`, `LIKE`, `NOT_LIKE`.
    operator: Option<String>,
    #[serde(default)]
    operand_two_values: Vec<Value>,
}

/// A field that is tested.
#[derive(Deserialize, ToSchema)]
struct Operand {
    name: String,
    /// `UPPER` or `LOWER`: texts are compared in any case of letters.
    function: Option<String>,
}

/// The lines that were asked for, with the fields that were asked for.
pub(super) async fn answer(
    console: &Console,
    viewer: &Viewer,
    asked: Asked,
    statuses: &[StatusRow],
) -> Answer<Vec<Value>> {
    if asked.select.is_empty() {
        return Err(Problem::Bad("select is mandatory: name the fields that you want.".to_owned()).into());
    }
    let names: Vec<&str> = asked.select.iter().map(|field| field.name.as_str()).collect();
    if let Some(strange) = names.iter().find(|name| !SELECTED.contains(name)) {
        return Err(Problem::Bad(format!(
            "There is no field {strange:?}; there are {}.",
            SELECTED.join(", ")
        ))
        .into());
    }
    let servers = console.enforce.server_numbers().await?;
    let condition = match &asked.filter {
        None => Condition::everything(),
        Some(filter) => condition(filter, viewer, &servers, 0).map_err(Problem::Bad)?,
    };
    condition.check().map_err(|why| Problem::Bad(why.to_string()))?;
    let (sort, ascending) = order(&asked.order_by, viewer)?;
    let (skip, limit) = page(&asked)?;
    let access = access(viewer);
    let mut search = Search { condition, sort, ascending, limit: limit as u32, ..Search::default() };
    if skip > 0 {
        search.after = match console.desk.key_at(&access, &search, skip).await? {
            Some(key) => Some(key),
            None => return Ok(Vec::new()),
        };
    }
    let mut lines = console.desk.page(&access, &search).await?.rows;
    lines.iter_mut().for_each(|line| redact_line(viewer, line));
    Ok(lines.iter().map(|line| selected(line, &names, statuses, &servers)).collect())
}

fn page(asked: &Asked) -> Result<(u64, u64), Problem> {
    let (skip, limit) = match (&asked.page, asked.limit) {
        (Some(page), _) => {
            let number = page.page_number.max(1) - 1;
            (number.saturating_mul(page.page_size), page.page_size)
        }
        (None, Some(limit)) => (0, limit),
        (None, None) => (0, 1_000),
    };
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::Bad(format!("A page has 1 to {MOST} incidents.")));
    }
    Ok((skip, limit))
}

fn order(asked: &[OrderBy], viewer: &Viewer) -> Result<(Sort, bool), Problem> {
    let Some(first) = asked.first() else { return Ok((Sort::Id, false)) };
    let sort = match first.field.name.as_str() {
        "incidentId" => Sort::Id,
        "creationDate" => Sort::Recorded,
        "detectionDate" | "messageDate" => Sort::Received,
        "severityId" => Sort::Severity,
        "incidentStatusId" | "incidentStatusName" => Sort::Status,
        "preventOrProtectStatusId" => Sort::PreventStatus,
        "policyId" | "policyName" => Sort::Policy,
        "matchCount" => Sort::Matches,
        "detectionServerName" | "detectionServerId" => Sort::Server,
        "messageOriginatorID" | "sender" if !viewer.hides(Hidden::Sender) => Sort::Sender,
        "messageId" if !viewer.hides(Hidden::Sender) => Sort::MessageId,
        "dataOwnerName" if !viewer.hides(Hidden::Sender) => Sort::DataOwnerName,
        "messageSubject" if !viewer.hides(Hidden::Subject) => Sort::Subject,
        "policyVersion" => Sort::PolicyVersion,
        "owner" => Sort::Owner,
        "isHidden" => Sort::Hidden,
        // The same of every incident: their numbers decide.
        "messageSource" | "messageTypeId" | "messageType" => Sort::Id,
        other => return Err(Problem::Bad(format!("Lists are not ordered by {other:?}."))),
    };
    Ok((sort, !first.order.eq_ignore_ascii_case("DESC")))
}

// ---- filters

fn condition(filter: &Filter, viewer: &Viewer, servers: &Numbers, depth: usize) -> Result<Condition, String> {
    if depth > DEEPEST {
        return Err(format!("Filters stand at most {DEEPEST} deep in one another."));
    }
    if filter.filter_type == "booleanLogic" {
        let inner: Vec<Condition> = filter
            .filters
            .iter()
            .map(|one| condition(one, viewer, servers, depth + 1))
            .collect::<Result<_, _>>()?;
        return match filter.boolean_operator.as_deref() {
            Some("AND") => Ok(Condition::All(inner)),
            Some("OR") => Ok(Condition::Any(inner)),
            Some("NOT") => Ok(Condition::Not(Box::new(Condition::Any(inner)))),
            other => Err(format!("booleanOperator is AND, OR or NOT, not {other:?}.")),
        };
    }
    if !["boolean", "int", "long", "string", "localDateTime"].contains(&filter.filter_type.as_str()) {
        return Err(format!(
            "There is no filterType {:?}; there are booleanLogic, boolean, int, long, string and localDateTime.",
            filter.filter_type
        ));
    }
    test(filter, viewer, servers)
}

fn test(filter: &Filter, viewer: &Viewer, servers: &Numbers) -> Result<Condition, String> {
    let name = filter
        .operand_one
        .as_ref()
        .map(|operand| operand.name.as_str())
        .ok_or("A filter lacks operandOne.")?;
    // This server has mail only: other products' parts of the interface answer truly.
    if let Some(all) = constant(name, filter) {
        return Ok(if all { Condition::everything() } else { Condition::Any(Vec::new()) });
    }
    let (field, kind) = field(name, viewer)?;
    let operator = filter.operator.as_deref().unwrap_or("IN");
    let meant = |value| match value {
        Scalar::Text(text) if name == "detectionServerId" => Scalar::Text(servers.meant(&text).to_owned()),
        other => other,
    };
    let values: Vec<Scalar> = filter
        .operand_two_values
        .iter()
        .map(|value| scalar(name, kind, value).map(meant))
        .collect::<Result<_, _>>()?;
    let first =
        || values.first().cloned().ok_or_else(|| format!("The filter on {name} lacks operandTwoValues."));
    let some = || {
        if values.is_empty() {
            Err(format!("The filter on {name} lacks operandTwoValues."))
        } else {
            Ok(values.clone())
        }
    };
    let compared = |order| Ok(Condition::Compare(field.clone(), order, first()?));
    let like = || match first()? {
        // A backslash stands for itself there; in our SQL it would quote what follows.
        Scalar::Text(pattern) => Ok(Condition::Like(field.clone(), pattern.replace('\\', "\\\\"))),
        _ => Err(format!("{name} cannot be compared by LIKE.")),
    };
    let not = |condition| Condition::Not(Box::new(condition));
    let any_case = any_case(filter)? && kind == Kind::Text;
    let is = |values: Vec<Scalar>| match any_case {
        true => Condition::IsAnyCase(field.clone(), values.into_iter().filter_map(text).collect()),
        false => Condition::Is(field.clone(), values),
    };
    match operator {
        "EQ" => Ok(is(vec![first()?])),
        "NOT_EQ" => Ok(not(is(vec![first()?]))),
        "IN" => Ok(is(some()?)),
        "NOT_IN" => Ok(not(is(some()?))),
        "LT" => compared(Order::Less),
        "LTE" => compared(Order::LessOrEqual),
        "GT" => compared(Order::Greater),
        "GTE" => compared(Order::GreaterOrEqual),
        "IS_NULL" => Ok(Condition::Missing(field)),
        "IS_NOT_NULL" => Ok(not(Condition::Missing(field))),
        "LIKE" => like(),
        "NOT_LIKE" => Ok(not(like()?)),
        other => Err(format!("There is no operator {other:?}.")),
    }
}

/// Whether the operand goes through a function that makes letters equal.
fn any_case(filter: &Filter) -> Result<bool, String> {
    let function = filter.operand_one.as_ref().and_then(|operand| operand.function.as_deref());
    match function.map(str::to_ascii_uppercase).as_deref() {
        None => Ok(false),
        Some("UPPER" | "LOWER") => Ok(true),
        Some(other) => Err(format!("There is no function {other:?}; there are UPPER and LOWER.")),
    }
}

fn text(value: Scalar) -> Option<String> {
    match value {
        Scalar::Text(text) => Some(text),
        _ => None,
    }
}

/// Fields that are the same for every incident here.
fn constant(name: &str, filter: &Filter) -> Option<bool> {
    let same = match name {
        "messageSource" => "NETWORK",
        "messageTypeId" => "1",
        _ => return None,
    };
    let holds = filter.operand_two_values.iter().any(|value| match value {
        Value::String(text) => text.eq_ignore_ascii_case(same),
        other => *other == same,
    });
    let negated = matches!(filter.operator.as_deref(), Some("NOT_IN" | "NOT_EQ" | "NOT_LIKE" | "IS_NULL"));
    let any = matches!(filter.operator.as_deref(), Some("IS_NULL" | "IS_NOT_NULL"));
    Some((holds || any) != negated)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Flag,
    Date,
}

fn field(name: &str, viewer: &Viewer) -> Result<(Field, Kind), String> {
    let hidden = |part: Hidden, field: Field| {
        if viewer.hides(part) {
            return Err(format!("Your role does not see \"{}\" and cannot filter by it.", part.title()));
        }
        Ok((field, Kind::Text))
    };
    Ok(match name {
        "incidentId" => (Field::Id, Kind::Number),
        "incidentStatusId" => (Field::StatusId, Kind::Number),
        "incidentStatusName" => (Field::Status, Kind::Text),
        "severityId" => (Field::Severity, Kind::Number),
        "preventOrProtectStatusId" => (Field::PreventStatus, Kind::Number),
        "policyId" => (Field::PolicyId, Kind::Number),
        "policyName" => (Field::Policy, Kind::Text),
        "policyVersion" => (Field::PolicyVersion, Kind::Text),
        "matchCount" => (Field::Matches, Kind::Number),
        "creationDate" => (Field::RecordedAt, Kind::Date),
        "detectionDate" | "messageDate" => (Field::ReceivedAt, Kind::Date),
        "detectionServerName" | "detectionServerId" => (Field::Server, Kind::Text),
        "isHidden" => (Field::Hidden, Kind::Flag),
        "incidentNote" => return hidden(Hidden::Sender, Field::Note),
        "dataOwnerName" => return hidden(Hidden::Sender, Field::DataOwnerName),
        "owner" => (Field::Owner, Kind::Text),
        "messageId" => return hidden(Hidden::Sender, Field::MessageId),
        "messageOriginatorID" | "sender" => return hidden(Hidden::Sender, Field::Sender),
        // Colleagues among recipients have pseudonyms too.
        "recipientIdentifier" | "recipient" if viewer.hides(Hidden::Sender) => {
            return hidden(Hidden::Sender, Field::Recipient);
        }
        "recipientIdentifier" | "recipient" => return hidden(Hidden::Recipients, Field::Recipient),
        "messageSubject" => return hidden(Hidden::Subject, Field::Subject),
        other => match other.strip_prefix("customAttribute:") {
            Some(name) if !name.is_empty() => {
                return hidden(Hidden::Sender, Field::Attribute(name.to_owned()));
            }
            _ => return Err(format!("There is no field {other:?} to filter by.")),
        },
    })
}

/// Values arrive as numbers, texts or truth values, whatever the field is.
fn scalar(name: &str, kind: Kind, value: &Value) -> Result<Scalar, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return Err(format!("A value of {name} is a number, a text or a truth value.")),
    };
    match kind {
        Kind::Text => Ok(Scalar::Text(text)),
        Kind::Number => text
            .trim()
            .parse()
            .map(Scalar::Number)
            .map_err(|_| format!("{name} is compared with a whole number, not {text:?}.")),
        Kind::Flag => text
            .to_ascii_lowercase()
            .parse()
            .map(Scalar::Flag)
            .map_err(|_| format!("{name} is compared with true or false, not {text:?}.")),
        Kind::Date => read_local(text.trim()).map(Scalar::Number).ok_or_else(|| {
            format!("{name} is compared with a date such as 2026-11-24T08:30:00, not {text:?}.")
        }),
    }
}
