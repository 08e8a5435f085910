//! The states of one recipient's copy in a folder: what a row says, and what may follow.

use incident::wire::{CopyResult, CopyState, ReviewAction};
use serde::{Deserialize, Serialize};

/// What has become of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for a decision.
    Held,
    /// In an informational folder: the mail goes its way.
    Informational,
    /// Approved.
    Approved,
    /// Rejected.
    Rejected,
    /// The custom action was taken.
    Custom,
    /// Its folder's limits removed it.
    Expunged,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Held, Self::Informational, Self::Approved, Self::Rejected, Self::Custom, Self::Expunged];

    /// As in the database and in addresses of pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Informational => "informational",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Custom => "custom",
            Self::Expunged => "expunged",
        }
    }

    /// Reads [`State::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The state that a decision leads to.
    pub(crate) fn after(action: ReviewAction) -> Self {
        match action {
            ReviewAction::Approved => Self::Approved,
            ReviewAction::Rejected => Self::Rejected,
            ReviewAction::Custom => Self::Custom,
        }
    }

    /// What Enforce is told; it hears nothing of informational incidents.
    pub(crate) fn on_the_wire(self) -> Option<CopyState> {
        Some(match self {
            Self::Held => CopyState::Held,
            Self::Approved => CopyState::Approved,
            Self::Rejected => CopyState::Rejected,
            Self::Custom => CopyState::Custom,
            Self::Expunged => CopyState::Expunged,
            Self::Informational => return None,
        })
    }

    /// The answer to a request for a copy that is in this state already.
    pub(crate) fn already(self) -> CopyResult {
        match self {
            Self::Approved => CopyResult::AlreadyReleased,
            Self::Rejected => CopyResult::AlreadyRejected,
            Self::Custom => CopyResult::AlreadyCustom,
            Self::Expunged => CopyResult::Expired,
            Self::Held => CopyResult::Failed,
            Self::Informational => CopyResult::NotFound,
        }
    }
}

/// The answer to a request that was carried out.
pub(crate) fn done(action: ReviewAction) -> CopyResult {
    match action {
        ReviewAction::Approved => CopyResult::Released,
        ReviewAction::Rejected => CopyResult::Rejected,
        ReviewAction::Custom => CopyResult::Custom,
    }
}

/// For people: `Approve`.
pub(crate) fn verb(action: ReviewAction) -> &'static str {
    match action {
        ReviewAction::Approved => "Approve",
        ReviewAction::Rejected => "Reject",
        ReviewAction::Custom => "Custom",
    }
}
