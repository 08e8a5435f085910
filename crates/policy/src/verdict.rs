//! What inspection found: violations with their rules and matches, and what could not be inspected.

use std::fmt;
use std::sync::Arc;

use content::Unscannable;

use crate::mail::Direction;

/// The result of [`crate::Set::inspect`].
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// One for each policy violated, by ascending policy number.
    pub violations: Vec<Violation>,
    /// What could not be inspected: what opening reported, and `timeout` if the deadline came.
    pub unscannable: Vec<Unscannable>,
    /// Where the message goes.
    pub direction: Direction,
}

/// A policy that the message violates.
#[derive(Debug, Clone)]
pub struct Violation {
    /// The policy.
    pub policy: Arc<PolicyInfo>,
    /// The highest of the rules that matched.
    pub severity: Severity,
    /// The sum over the rules that matched.
    pub match_count: u64,
    /// False where counting stopped once the verdict could not change any more.
    pub count_is_complete: bool,
    /// The rules that matched, in the order of the policy file.
    pub rules: Vec<RuleHit>,
    /// Kept matches: at most `kept_matches` of the settings, in the order of the message.
    pub matches: Vec<Match>,
}

/// A rule that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleHit {
    /// Its name.
    pub name: String,
    /// By its tiers.
    pub severity: Severity,
    /// Its count.
    pub count: u64,
    /// Whether counting went to the end.
    pub count_is_complete: bool,
}

/// What a policy is, without how it finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInfo {
    /// Its number, as in `X-dlp-policyid`.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Short hash of its contents and of what it uses.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Laws, standards, issuers.
    pub source: Vec<String>,
    /// Free text for grouping.
    pub family: String,
    /// Severity of rules that say nothing.
    pub severity: Severity,
    /// Whether it acts.
    pub mode: Mode,
    /// Names of its response rules.
    pub respond: Vec<String>,
    /// Names of its rules.
    pub rules: Vec<String>,
    /// The file it comes from.
    pub file: String,
}

/// Whether a policy acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Records and acts.
    On,
    /// Records, and says what it would have done.
    Trial,
    /// Is checked and compiled, and looks at nothing.
    Off,
}

impl Mode {
    /// Stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Trial => "trial",
            Self::Off => "off",
        }
    }
}

/// How bad a violation is; the numbers are the product's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// 1
    High = 1,
    /// 2
    Medium = 2,
    /// 3
    Low = 3,
    /// 4
    Info = 4,
}

impl Severity {
    /// From the highest down.
    pub const ALL: [Self; 4] = [Self::High, Self::Medium, Self::Low, Self::Info];

    /// Stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }

    /// As the violation headers show it.
    pub fn title(self) -> &'static str {
        match self {
            Self::High => "High",
            Self::Medium => "Medium",
            Self::Low => "Low",
            Self::Info => "Info",
        }
    }

    /// By its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }

    /// What it adds to the score header: High 4, Medium 3, Low 2, Info 1.
    pub fn score(self) -> u32 {
        5 - self as u32
    }

    /// The worse of two.
    pub fn worse(self, other: Self) -> Self {
        if (other as u8) < self as u8 { other } else { self }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that a condition found, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The rule.
    pub rule: String,
    /// The condition in words: `identifier us_ssn (medium)`.
    pub condition: String,
    /// Index of the part in the opened message.
    pub part: u32,
    /// `offer.zip > q3.xlsx > Sheet2!B7`; empty for the message itself.
    pub path: String,
    /// Kind of text, as `content::Kind` names it; `file`, `envelope` or `finding` for what is not text.
    pub kind: String,
    /// `subject`, `header`, `body`, `attachment`, `envelope`, `message`.
    pub component: String,
    /// Characters from the start of the piece of text.
    pub offset: usize,
    /// What matched.
    pub text: String,
    /// Context before it.
    pub before: String,
    /// Context behind it.
    pub after: String,
    /// The checks it passed, joined by `, `.
    pub validator: Option<String>,
    /// Letters and digits only, upper-cased: equal values are one unique match.
    pub normalised: String,
}

impl Match {
    /// The text with letters and digits covered but for the last four of eight or more.
    /// What is no text of the mail (why a file could not be opened, a file's name) is shown as it is.
    pub fn masked(&self) -> String {
        if matches!(self.kind.as_str(), "finding" | "file") { self.text.clone() } else { mask(&self.text) }
    }

    /// The context before it with every word that has a digit covered.
    pub fn masked_before(&self) -> String {
        mask_digits(&self.before)
    }

    /// The context behind it with every word that has a digit covered.
    pub fn masked_after(&self) -> String {
        mask_digits(&self.after)
    }
}

/// Covers letters and digits; separators and, of a text with eight or more, the last four stay.
pub fn mask(text: &str) -> String {
    let count = text.chars().filter(|c| c.is_alphanumeric()).count();
    let covered = if count >= 8 { count - 4 } else { count };
    let mut seen = 0;
    let cover = |c: char| {
        seen += usize::from(c.is_alphanumeric());
        if c.is_alphanumeric() && seen <= covered { '*' } else { c }
    };
    text.chars().map(cover).collect()
}

/// Covers every word that has a digit: context may hold the next number of the list.
fn mask_digits(text: &str) -> String {
    let cover = |word: &str| -> String {
        if word.chars().any(char::is_numeric) {
            word.chars().map(|c| if c.is_alphanumeric() { '*' } else { c }).collect()
        } else {
            word.to_owned()
        }
    };
    text.split_inclusive(char::is_whitespace).map(cover).collect()
}
