//! Audit lines for other programs: CSV that no spreadsheet takes for formulas, and JSON a line.

use jiff::Timestamp;

use super::Line;
use crate::{csv, hex};

/// The CSV's first line.
pub(crate) const HEAD: &str = "number,at,who,role,peer,action,subject,detail,hash\r\n";

/// A line of CSV.
pub fn to_csv(line: &Line) -> String {
    let (number, at, hash) = (line.number.to_string(), moment(line.at), hex(&line.hash));
    let actor = &line.actor;
    csv::line([
        number.as_str(),
        &at,
        &actor.who,
        &actor.role,
        &actor.peer,
        &line.action,
        &line.subject,
        &line.detail,
        &hash,
    ])
}

/// A line of JSON, with its line end.
pub fn to_json_line(line: &Line) -> String {
    let value = serde_json::json!({
        "number": line.number, "at": moment(line.at), "who": line.actor.who, "role": line.actor.role,
        "peer": line.actor.peer, "action": line.action, "subject": line.subject, "detail": line.detail,
        "hash": hex(&line.hash),
    });
    format!("{value}\n")
}

fn moment(at: i64) -> String {
    Timestamp::from_millisecond(at).map(|at| at.to_string()).unwrap_or_default()
}
