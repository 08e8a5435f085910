//! What an incident has several of and is found by exactly: recipients, their domains, reasons of what could not be inspected.

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
        let marks = vec!["(?, ?, ?)"; some.len()].join(", ");
        let sql = format!(
            "INSERT INTO incident_term (kind, term, incident_id) VALUES {marks} ON CONFLICT DO NOTHING"
        );
        let values: Vec<Value> =
            some.iter().flat_map(|(kind, term)| values![*kind, term.as_str(), incident]).collect();
        db.run(&sql, values).await?;
    }
    Ok(())
}
