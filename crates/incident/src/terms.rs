//! What an incident has several of and is found by exactly: recipients, their domains, reasons of what could not be inspected.
//! Each row carries what lists are cut by; the database keeps it as the incident has it.

use std::collections::BTreeSet;

use store::database::{Session, Value};
use store::values;

use crate::Error;
use crate::seal::shortened;

/// Characters of a term; both databases keep an index entry of that many.
const LONGEST: usize = 300;
/// Rows of one statement; SQL bounds its marks.
const ROWS: usize = 100;

pub(crate) const RECIPIENT: &str = "recipient";
pub(crate) const RECIPIENT_DOMAIN: &str = "recipient-domain";
pub(crate) const UNSCANNABLE: &str = "unscannable";

/// The form in which a term is kept and looked for.
pub(crate) fn term(text: &str) -> String {
    shortened(&text.to_lowercase(), LONGEST)
}

/// Behind the last `@`, in lower case; all of it where there is none.
pub(crate) fn domain(address: &str) -> String {
    term(address.rsplit_once('@').map_or(address, |(_, domain)| domain))
}

/// Adds what is not there yet.
pub(crate) async fn keep(
    db: &mut dyn Session,
    incident: i64,
    recipients: &[String],
    unscannable: &[(String, String)],
) -> Result<(), Error> {
    let addresses = recipients.iter().map(|address| (RECIPIENT, term(address)));
    let domains = recipients.iter().map(|address| (RECIPIENT_DOMAIN, domain(address)));
    let reasons = unscannable.iter().map(|(_, reason)| (UNSCANNABLE, term(reason)));
    let all: Vec<(&str, String)> =
        addresses.chain(domains).chain(reasons).collect::<BTreeSet<_>>().into_iter().collect();
    for some in all.chunks(ROWS) {
        let sql = insert("incident_term", &["kind", "term"], some.len());
        let mut values: Vec<Value> =
            some.iter().flat_map(|(kind, term)| values![*kind, term.as_str()]).collect();
        values.push(incident.into());
        db.run(&sql, values).await?;
    }
    Ok(())
}

/// SQL that adds so many rows of an incident to a list, with what it carries, unless they are there: first their values, then
/// the number of the incident.
pub(crate) fn insert(table: &str, columns: &[&str], rows: usize) -> String {
    const CARRIED: &str = "received_at, status, severity, policy_id, prevent_status, hidden";
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    let marks = vec![row.as_str(); rows].join(", ");
    let each: Vec<String> = (1..=columns.len()).map(|at| format!("each.column{at}")).collect();
    format!(
        "INSERT INTO {table} ({}, incident_id, {CARRIED}) SELECT {}, incident.id, {CARRIED} \
         FROM (VALUES {marks}) AS each CROSS JOIN incident WHERE incident.id = ? ON CONFLICT DO NOTHING",
        columns.join(", "),
        each.join(", ")
    )
}
