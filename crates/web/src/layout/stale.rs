//! The answer to a form that was opened before somebody else saved: what is there now, what was sent, and the choice between them.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Html, Page};
use crate::{Problem, Viewer};

/// A form that is not carried out, for it was made from something that is different now.
#[derive(Debug, Clone, Default)]
pub struct Stale {
    /// What it would have changed: `the rule Ask`.
    pub what: String,
    /// What is there now, as people know it; empty: nothing any more.
    pub now: Vec<(String, String)>,
    /// What was sent, to be sent again.
    pub sent: Vec<(String, String)>,
    /// The field by which the form says what it was made from, and its value for what is there now.
    pub was: (&'static str, String),
    /// Where the form goes; empty: it cannot be sent again from here, for it holds what is not shown.
    pub action: String,
    /// Where what is there now is changed.
    pub open: String,
}

#[derive(Template)]
#[template(path = "stale.html")]
struct StalePage {
    form: Html,
    what: String,
    now: Vec<(String, String)>,
    typed: Vec<(String, String)>,
    sent: Vec<(String, String)>,
    action: String,
    open: String,
}

impl Stale {
    /// The page (409).
    pub fn show(self, viewer: &Viewer) -> Result<Response, Problem> {
        let (field, value) = self.was;
        let mut sent = self.sent;
        sent.retain(|(name, _)| name != "csrf" && name != field);
        let typed =
            sent.iter().filter(|(name, value)| is_typed(name) && !value.is_empty()).cloned().collect();
        sent.push((field.to_owned(), value));
        let content = StalePage {
            form: viewer.form(),
            what: self.what,
            now: self.now,
            typed,
            sent,
            action: self.action,
            open: self.open,
        };
        let mut answer = Page::new(viewer, "It has changed meanwhile").show(&content)?;
        *answer.status_mut() = StatusCode::CONFLICT;
        Ok(answer)
    }
}

/// Whether a field was filled in by whoever sent the form; the others say what it was made from and where it leads.
fn is_typed(name: &str) -> bool {
    !matches!(name, "id" | "once" | "query" | "advance") && !name.starts_with("was")
}

/// Facts of what is there, for [`Stale::now`].
pub fn facts<const N: usize>(facts: [(&str, String); N]) -> Vec<(String, String)> {
    facts.map(|(label, value)| (label.to_owned(), value)).into()
}
