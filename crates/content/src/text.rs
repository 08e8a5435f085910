//! Text that stands in the message, alone in memory, or with many small ones in one piece of memory: a workbook has a hundred
//! thousand cells, and each would cost two allocations.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A text; reads as `str`, and equals whatever reads the same.
#[derive(Clone)]
pub struct Text<'m>(Held<'m>);

#[derive(Clone)]
enum Held<'m> {
    Alone(Cow<'m, str>),
    Shared { all: Arc<str>, from: u32, to: u32 },
}

impl<'m> Text<'m> {
    /// A stretch of shared memory; nothing where it would begin or end within a character or outside.
    pub(crate) fn shared(all: &Arc<str>, stretch: Range<u32>) -> Self {
        Self(Held::Shared { all: all.clone(), from: stretch.start, to: stretch.end })
    }

    /// Whether it is the message's own text, not a copy.
    pub fn is_borrowed(&self) -> bool {
        matches!(self.0, Held::Alone(Cow::Borrowed(_)))
    }

    /// As a string of its own; copies what is borrowed or shared.
    pub fn into_string(self) -> String {
        match self.0 {
            Held::Alone(text) => text.into_owned(),
            Held::Shared { .. } => self.to_string(),
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Held::Alone(text) => text,
            Held::Shared { all, from, to } => all.get(*from as usize..*to as usize).unwrap_or_default(),
        }
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Self(Held::Alone(Cow::Borrowed("")))
    }
}

impl<'m> From<Cow<'m, str>> for Text<'m> {
    fn from(text: Cow<'m, str>) -> Self {
        Self(Held::Alone(text))
    }
}

impl<'m> From<&'m str> for Text<'m> {
    fn from(text: &'m str) -> Self {
        Self(Held::Alone(Cow::Borrowed(text)))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Held::Alone(Cow::Owned(text)))
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text<'_> {}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_equal_however_they_are_held() {
        let all: Arc<str> = "größe".into();
        let shared = Text::shared(&all, 0..4);
        assert_eq!(shared, "grö");
        assert_eq!(shared, Text::from("grö".to_owned()));
        assert_eq!((shared.to_string(), format!("{shared:?}")), ("grö".into(), "\"grö\"".into()));
        assert!(Text::from("x").is_borrowed() && !shared.is_borrowed());
    }

    #[test]
    fn a_stretch_that_is_none_is_empty() {
        let all: Arc<str> = "größe".into();
        for wrong in [0..3, 4..99] {
            assert_eq!(Text::shared(&all, wrong), "");
        }
    }
}
