//! When a filter applies: tests of header lines, envelope and size, joined by all, any and not.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// Conditions within conditions.
const DEPTH: usize = 8;
/// Octets of a pattern, and of what it compiles to.
const PATTERN: usize = 2_000;
const COMPILED: usize = 1 << 20;

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Condition {
    /// Holds for every message.
    Always,
    /// A trusted peer gave the message `X-dlp-uniquemsgid`.
    HasUniqueMessageId,
    /// A trusted peer gave the message `X-dlp-policyid` with any of these numbers.
    PolicyId(Vec<u32>),
    /// A line of this name passes the test.
    Header(HeaderTest),
    /// The envelope sender (empty for bounces).
    Sender(Test),
    /// The recipient of the copy.
    Recipient(Test),
    /// The message has more octets than this.
    SizeOver(u64),
    /// All of them hold.
    All(Vec<Condition>),
    /// Any of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

/// A test of header lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderTest {
    /// Name of the field, in any case.
    pub name: String,
    /// What a value must be: as it stands, or with its encoded words decoded.
    pub value: Test,
}

/// A test of a text. Upper and lower case are the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Test {
    /// It is there.
    Present,
    /// It is this.
    Is(String),
    /// It has this in it.
    Contains(String),
    /// It is one of these.
    AnyOf(Vec<String>),
    /// It begins with this.
    StartsWith(String),
    /// It ends with this.
    EndsWith(String),
    /// It matches this regular expression.
    Matches(String),
}

impl Condition {
    pub(super) fn check(&self) -> Result<(), String> {
        self.check_within(DEPTH)
    }

    fn check_within(&self, depth: usize) -> Result<(), String> {
        let deeper =
            depth.checked_sub(1).ok_or_else(|| format!("more than {DEPTH} conditions within one another"))?;
        match self {
            Self::All(inner) | Self::Any(inner) if inner.is_empty() => {
                Err("all and any need at least one condition; write \"always\" for every message".to_owned())
            }
            Self::All(inner) | Self::Any(inner) => inner.iter().try_for_each(|one| one.check_within(deeper)),
            Self::Not(inner) => inner.check_within(deeper),
            Self::PolicyId(ids) if ids.is_empty() => Err("policy-id: write at least one number".to_owned()),
            Self::Header(test) if test.name.trim().is_empty() => {
                Err("header: write the name of the field".to_owned())
            }
            Self::Header(test) => test.value.compile().map(drop),
            Self::Sender(test) | Self::Recipient(test) => test.compile().map(drop),
            Self::Always | Self::HasUniqueMessageId | Self::PolicyId(_) | Self::SizeOver(_) => Ok(()),
        }
    }
}

/// A test ready to be used.
#[derive(Debug, Clone)]
pub(super) enum Compiled {
    Present,
    Is(Vec<String>),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    Matches(Regex),
}

impl Test {
    pub(super) fn compile(&self) -> Result<Compiled, String> {
        let some = |text: &String| match text.is_empty() {
            true => Err("an empty text says nothing; write what to look for".to_owned()),
            false => Ok(text.to_lowercase()),
        };
        Ok(match self {
            Self::Present => Compiled::Present,
            Self::Is(text) => Compiled::Is(vec![text.to_lowercase()]),
            Self::AnyOf(texts) if texts.is_empty() => {
                return Err("any-of: write at least one text".to_owned());
            }
            Self::AnyOf(texts) => Compiled::Is(texts.iter().map(|text| text.to_lowercase()).collect()),
            Self::Contains(text) => Compiled::Contains(some(text)?),
            Self::StartsWith(text) => Compiled::StartsWith(some(text)?),
            Self::EndsWith(text) => Compiled::EndsWith(some(text)?),
            Self::Matches(pattern) if pattern.len() > PATTERN => {
                return Err(format!("the pattern has more than {PATTERN} octets"));
            }
            Self::Matches(pattern) => {
                let built = RegexBuilder::new(pattern).case_insensitive(true).size_limit(COMPILED).build();
                Compiled::Matches(built.map_err(|why| format!("the pattern {pattern:?}: {why}"))?)
            }
        })
    }
}

impl Compiled {
    pub(super) fn holds(&self, value: &str) -> bool {
        if let Self::Matches(pattern) = self {
            return pattern.is_match(value);
        }
        let value = value.to_lowercase();
        match self {
            Self::Present => true,
            Self::Is(texts) => texts.iter().any(|text| *text == value.trim()),
            Self::Contains(text) => value.contains(text),
            Self::StartsWith(text) => value.trim_start().starts_with(text),
            Self::EndsWith(text) => value.trim_end().ends_with(text),
            Self::Matches(pattern) => pattern.is_match(&value),
        }
    }
}
