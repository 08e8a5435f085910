//! What is told of a policy file that is not any more what a form was made from: as it is now, beside what was sent.

use web::layout::{Stale, facts};
use web::pages::encoded;

use super::policies::files;
use super::policy_files::{counts, hash, named};
use super::{Answer, Console};

/// The answer to a form that was made from another text of the file than there is now; none, if it was made from this one.
pub(super) async fn stale(
    console: &Console,
    (name, was): (&str, &str),
    action: &str,
    sent: Vec<(String, String)>,
) -> Answer<Option<Stale>> {
    counts(console)?;
    named(name)?;
    let sources = files(console).sources().await?;
    let now = sources.iter().find(|source| source.name == name);
    let mark = now.map(|source| hash(&source.text)).unwrap_or_default();
    if mark == was {
        return Ok(None);
    }
    Ok(Some(Stale {
        what: format!("the file {name}"),
        now: now.map(|source| facts([("Text", source.text.to_string())])).unwrap_or_default(),
        sent,
        was: ("was", mark),
        action: action.to_owned(),
        open: match now {
            Some(_) => format!("/policies/file?name={}", encoded(name)),
            None => "/policies".to_owned(),
        },
    }))
}
