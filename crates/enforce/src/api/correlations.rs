//! What an incident has in common with others, counted as connectors expect it: in seven days, in thirty, and ever.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use incident::desk::{Access, Condition, Count, Desk, Field, Order, Scalar};
use incident::files;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use web::people::Hidden;
use web::{Problem, Viewer};

use super::may_read;
use crate::console::{Answer, Console, access, recipient, told_words};

/// Recipients of one incident whose others are counted.
const RECIPIENTS: usize = 10;
/// Matched values and files of one incident whose others are counted.
const VALUES: usize = 5;

/// A field, and how many incidents share its values; this one is among them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Correlation {
    /// `incident.sender`, `incident.recipient`, `incident.policy.id`; ours besides: `incident.match`, `incident.file` (by name).
    variable: &'static str,
    label: &'static str,
    correlation_values: Vec<CorrelationValue>,
}

/// Counts are exact up to 10,000; nobody counts on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CorrelationValue {
    value: String,
    label: Option<String>,
    count_seven_days: u64,
    count_thirty_days: u64,
    count_all_days: u64,
}

/// What this incident has in common with others, of those that the role sees.
#[utoipa::path(get, path = "/incidents/{id}/correlations", tag = "incidents", params(("id" = u64, Path)),
    responses((status = 200, body = Vec<Correlation>)))]
pub(super) async fn correlations(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Answer {
    may_read(&viewer)?;
    let access = access(&viewer);
    let incident = console.desk.look(&access, id).await?.ok_or(Problem::NotFound)?.incident;
    let (desk, summary) = (&console.desk, &incident.summary);
    let mut told = Vec::new();
    if !summary.sender.is_empty() {
        let same = Condition::is(Field::Sender, summary.sender.as_str());
        let value = counted(desk, &access, viewer.sender(&summary.sender), None, same).await?;
        told.push(Correlation {
            variable: "incident.sender",
            label: "Sender",
            correlation_values: vec![value],
        });
    }
    if !viewer.hides(Hidden::Recipients) {
        let mut values = Vec::new();
        for address in summary.recipients.iter().take(RECIPIENTS) {
            let same = Condition::is(Field::Recipient, address.as_str());
            let shown = recipient(&viewer, &summary.sender, address);
            values.push(counted(desk, &access, shown, None, same).await?);
        }
        told.push(Correlation {
            variable: "incident.recipient",
            label: "Recipient",
            correlation_values: values,
        });
    }
    let same = Condition::Is(Field::PolicyId, vec![Scalar::Number(summary.policy_id.into())]);
    let number = summary.policy_id.to_string();
    let value = counted(desk, &access, number, Some(summary.policy.clone()), same).await?;
    told.push(Correlation {
        variable: "incident.policy.id",
        label: "Policy",
        correlation_values: vec![value],
    });
    if !viewer.hides(Hidden::Matches) {
        let mut values = Vec::new();
        for text in incident.matched_values().into_iter().take(VALUES) {
            let shown = if viewer.may_see_matches() { text.to_owned() } else { incident::mask(text) };
            values.push(counted(desk, &access, shown, None, Condition::is(Field::MatchedValue, text)).await?);
        }
        told.push(Correlation { variable: "incident.match", label: "Match", correlation_values: values });
    }
    if !viewer.hides(Hidden::Matches) && !viewer.hides(Hidden::Attachments) {
        let mut values = Vec::new();
        for name in files::named(&incident.matches, &incident.unscannable).into_iter().take(VALUES) {
            let same = Condition::is(Field::MatchedValue, files::value(&name));
            let shown = told_words(&viewer, summary, &name);
            values.push(counted(desk, &access, shown, None, same).await?);
        }
        told.push(Correlation { variable: "incident.file", label: "File", correlation_values: values });
    }
    Ok(Json(told).into_response())
}

async fn counted(
    desk: &Desk,
    access: &Access,
    value: String,
    label: Option<String>,
    same: Condition,
) -> Answer<CorrelationValue> {
    let since = |days: i64| {
        let begin = Timestamp::now().saturating_sub(SignedDuration::from_hours(24 * days));
        let begin = Scalar::Number(begin.unwrap_or(Timestamp::MIN).as_millisecond());
        same.clone().and(Condition::Compare(Field::ReceivedAt, Order::GreaterOrEqual, begin))
    };
    Ok(CorrelationValue {
        value,
        label,
        count_seven_days: number(desk.count(access, &since(7)).await?),
        count_thirty_days: number(desk.count(access, &since(30)).await?),
        count_all_days: number(desk.count(access, &same).await?),
    })
}

fn number(count: Count) -> u64 {
    match count {
        Count::Exactly(number) | Count::MoreThan(number) => number,
    }
}
