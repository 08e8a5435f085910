//! Compiles policy files into one immutable set; says which policies a message violates, by which matches, and what the
//! response rules make of it.
//!
//! ```text
//! files -> syntax -> compile -> Set          Set + Mail -> inspect -> Inspection -> respond -> Response
//! ```
//!
//! The language is described in `docs/policy-language.md`. Compiling reports everything wrong at once ([`Diagnostic`]) and
//! uses nothing half good. Inspecting never fails, never panics and takes time linear in the text; what was not inspected
//! is a finding like any other.

mod address;
pub mod backtest;
mod cases;
mod codes;
mod compile;
mod diagnostic;
pub mod directory;
pub mod fuzz;
mod glob;
pub mod index;
mod inspect;
mod mail;
pub mod matcher;
mod respond;
mod schema;
mod set;
mod syntax;
pub mod validators;
mod verdict;

/// What [`Set::explain`] tells.
pub mod explanation {
    pub use crate::inspect::{
        ConditionOutcome, Effect, ExceptionOutcome, Explanation, Loss, PolicyOutcome, RuleEnd, RuleOutcome,
        Why,
    };
}

pub use cases::{CaseResult, run_cases, run_cases_with};
pub use codes::CODES;
pub use compile::NOT_FULLY_INSPECTED;
pub use compile::files::SourceFile;
pub use diagnostic::{Diagnostic, Gravity};
pub use mail::{Direction, Envelope, Mail, Sent};
pub use respond::{
    Disposition, Effect, Modifications, RecordedIncident, RecordedMatch, RecordedText, Response, SideAction,
    SubjectChange, ViolationResponse, respond,
};
pub use schema::schema;
pub use set::{Loaded, Set};
pub use syntax::read::nearest;
pub use verdict::{Inspection, Match, Mode, PolicyInfo, RuleHit, Severity, Violation, mask};
