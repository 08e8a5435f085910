//! Address patterns: which senders and recipients are meant.

use std::borrow::Cow;
use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization as _;

use crate::glob::glob_matches;

/// A set of address patterns; asking it costs the same for one pattern and for a million without wildcards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    everyone: bool,
    empty: bool,
    exact: HashSet<String>,
    domains: Domains,
    /// Wildcards in the local part, with the domain or none.
    globs: Vec<(String, Option<Domains>)>,
    /// Everything written, for telling sets apart.
    key: Vec<String>,
}

/// A set of domains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Domains {
    exact: HashSet<String>,
    below: HashSet<String>,
}

/// Why a pattern is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadPattern {
    /// A regular expression between slashes, or a slash in a domain.
    Slash,
    /// Several addresses in one string.
    Several,
    /// White space, or nothing before or behind the `@`.
    Malformed,
    /// `*` in the middle of a domain.
    Wildcard,
}

/// What is legal, but surely wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Odd {
    /// `example,com`
    Comma,
    /// Everyone.
    Everyone,
    /// A domain without a dot.
    NoDot,
}

impl Addresses {
    /// Adds a pattern.
    pub(crate) fn add(&mut self, pattern: &str) -> Result<Option<Odd>, BadPattern> {
        let pattern = plain(pattern.trim());
        refuse(&pattern)?;
        self.key.push(pattern.clone());
        if pattern == "<>" {
            self.empty = true;
            return Ok(None);
        }
        let (local, domain) = pattern.rsplit_once('@').unwrap_or(("", &pattern));
        if domain.is_empty() {
            return Err(BadPattern::Malformed);
        }
        let mut domains = Domains::default();
        let any_domain = domain == "*";
        if !any_domain {
            domains.add(domain)?;
        }
        match (local, any_domain) {
            ("" | "*", true) => {
                self.everyone = true;
                return Ok(Some(Odd::Everyone));
            }
            (local, true) => self.globs.push((local.to_owned(), None)),
            ("" | "*", false) => self.domains.merge(domains),
            (local, false) if local.contains('*') || domain.starts_with('.') || domain.starts_with("*.") => {
                self.globs.push((local.to_owned(), Some(domains)));
            }
            _ => {
                self.exact.insert(pattern.clone());
            }
        }
        let bare = domain.trim_start_matches("*.").trim_start_matches('.');
        Ok(if pattern.contains(',') {
            Some(Odd::Comma)
        } else if !any_domain && !bare.contains('.') && !bare.starts_with('[') && local.is_empty() {
            Some(Odd::NoDot)
        } else {
            None
        })
    }

    /// Whether the address is meant. `""` is the empty sender.
    pub(crate) fn contains(&self, address: &str) -> bool {
        if address.is_empty() {
            return self.empty || self.everyone;
        }
        if self.everyone {
            return true;
        }
        let address = plain(address);
        let address = address.trim_end_matches('.');
        if self.exact.contains(address) {
            return true;
        }
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        let by_glob = |(glob, domains): &(String, Option<Domains>)| {
            domains.as_ref().is_none_or(|domains| domains.contain(domain)) && glob_matches(glob, local)
        };
        self.domains.contain(domain) || self.globs.iter().any(by_glob)
    }

    pub(crate) fn is_everyone(&self) -> bool {
        self.everyone
    }

    /// Equal for equal patterns, whatever their order.
    pub(crate) fn key(&self) -> String {
        let mut key = self.key.clone();
        key.sort_unstable();
        key.dedup();
        key.join(" ")
    }
}

/// Characters of a label; more than this is no name, and would take long.
const LONGEST_LABEL: usize = 63;

/// A label in lower case as the DNS has it (RFC 3492); one that has no such form stays as it is.
fn label(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || text.chars().count() > LONGEST_LABEL {
        return text.into();
    }
    idna::punycode::encode_str(text).map_or(text.into(), |encoded| format!("xn--{encoded}").into())
}

/// An address or pattern as it is compared: in lower case, letters with their marks composed, and the domain as the DNS has it
/// (`xn--…`), however it was written (RFC 5890, RFC 6531).
fn plain(address: &str) -> String {
    if address.is_ascii() {
        return address.to_ascii_lowercase();
    }
    let composed = |text: &str| text.to_lowercase().nfc().collect::<String>();
    let (local, domain) = match address.rsplit_once('@') {
        Some((local, domain)) => (composed(local) + "@", domain),
        None => (String::new(), address),
    };
    let domain = composed(&domain.nfkc().collect::<String>());
    let labels: Vec<Cow<'_, str>> = domain.split(['.', '\u{3002}']).map(label).collect();
    local + &labels.join(".")
}

impl Domains {
    fn add(&mut self, domain: &str) -> Result<(), BadPattern> {
        let (below, exact, name) = match (domain.strip_prefix("*."), domain.strip_prefix('.')) {
            (Some(rest), _) => (true, false, rest),
            (None, Some(rest)) => (true, true, rest),
            (None, None) => (false, true, domain),
        };
        if name.contains('*') {
            return Err(BadPattern::Wildcard);
        }
        if name.is_empty() || name.contains("..") {
            return Err(BadPattern::Malformed);
        }
        if below {
            self.below.insert(name.to_owned());
        }
        if exact {
            self.exact.insert(name.to_owned());
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        self.exact.extend(other.exact);
        self.below.extend(other.below);
    }

    fn contain(&self, domain: &str) -> bool {
        if domain.is_empty() {
            return false;
        }
        let mut above = domain;
        if self.exact.contains(domain) {
            return true;
        }
        while let Some((_, rest)) = above.split_once('.') {
            if self.below.contains(rest) {
                return true;
            }
            above = rest;
        }
        false
    }
}

fn refuse(pattern: &str) -> Result<(), BadPattern> {
    let (_, domain) = pattern.rsplit_once('@').unwrap_or(("", pattern));
    if domain.contains('/') || pattern.starts_with('/') {
        Err(BadPattern::Slash)
    } else if pattern.matches('@').count() > 1 || pattern.contains([';', ' ']) && pattern.contains('@') {
        Err(BadPattern::Several)
    } else if pattern.is_empty()
        || pattern.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>'))
            && pattern != "<>"
    {
        Err(BadPattern::Malformed)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(patterns: &[&str]) -> Addresses {
        let mut set = Addresses::default();
        for pattern in patterns {
            set.add(pattern).unwrap();
        }
        set
    }

    #[test]
    fn a_domain_is_exactly_that_domain_unless_subdomains_are_asked_for() {
        for pattern in ["example.com", "@example.com", "*@example.com"] {
            let exact = set(&[pattern]);
            assert!(exact.contains("ann@example.com") && exact.contains("ANN@Example.COM"), "{pattern}");
            assert!(
                !exact.contains("ann@sub.example.com") && !exact.contains("ann@badexample.com"),
                "{pattern}"
            );
        }
        let both = set(&["@.example.com"]);
        assert!(
            both.contains("a@example.com")
                && both.contains("a@x.y.example.com")
                && !both.contains("a@xexample.com")
        );
        let below = set(&["@*.example.com"]);
        assert!(!below.contains("a@example.com") && below.contains("a@x.example.com"));
    }

    #[test]
    fn one_address_and_wildcards_in_the_local_part() {
        let one = set(&["ann@example.com"]);
        assert!(one.contains("ann@example.com") && !one.contains("joann@example.com"));
        let many = set(&["no-reply*@example.com", "bot-*@.example.org"]);
        assert!(many.contains("no-reply+7@example.com") && !many.contains("no-reply@example.org"));
        assert!(many.contains("bot-1@a.example.org") && many.contains("bot-@example.org"));
        assert!(set(&["postmaster@*"]).contains("postmaster@anywhere.example"));
    }

    #[test]
    fn the_empty_sender_is_only_what_says_so() {
        assert!(set(&["<>"]).contains("") && !set(&["<>"]).contains("a@b.example"));
        assert!(!set(&["example.com", "a*@example.com"]).contains(""));
    }

    #[test]
    fn names_are_the_same_as_people_and_as_the_dns_write_them() {
        let cases = [
            ("@münchen.example", "a@xn--mnchen-3ya.example"),
            ("@xn--mnchen-3ya.example", "a@MÜNCHEN.example"),
            ("@xn--mnchen-3ya.example", "a@mu\u{308}nchen.example"),
            ("@.例え.example", "a@x.xn--r8jz45g.example"),
            ("ann@例え。example", "ann@xn--r8jz45g.example"),
            ("@ｅｘample.com", "a@example.com"),
            ("josé@example.com", "JOSE\u{301}@example.com"),
            ("jos*é@*.münchen.example", "jos-é@x.xn--mnchen-3ya.example"),
        ];
        for (pattern, address) in cases {
            assert!(set(&[pattern]).contains(address), "{pattern} {address}");
        }
        assert!(!set(&["@münchen.example"]).contains("a@munchen.example"));
        assert!(set(&["ann@example.com", "@example.org"]).contains("ann@example.com."));
    }

    #[test]
    fn what_is_surely_wrong_is_told() {
        let mut set = Addresses::default();
        assert_eq!(set.add("@example,com"), Ok(Some(Odd::Comma)));
        assert_eq!(set.add("*"), Ok(Some(Odd::Everyone)));
        assert_eq!(set.add("@example"), Ok(Some(Odd::NoDot)));
        assert_eq!(set.add("/.*@example.com/"), Err(BadPattern::Slash));
        assert_eq!(set.add("a@b.example, c@d.example"), Err(BadPattern::Several));
        assert_eq!(set.add("a@exam*ple.com"), Err(BadPattern::Wildcard));
        assert_eq!(set.add("ann smith"), Err(BadPattern::Malformed));
        assert_eq!(set.add("ann@"), Err(BadPattern::Malformed));
    }

    /// Samples of RFC 3492, 7.1, and names in use.
    #[test]
    fn labels_are_written_as_the_standard_has_it() {
        for (text, expected) in [
            ("bücher", "xn--bcher-kva"),
            ("münchen", "xn--mnchen-3ya"),
            ("例え", "xn--r8jz45g"),
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            ("почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"),
            ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"),
            ("パフィーdeルンバ", "xn--de-jg4avhby1noc0d"),
            ("plain", "plain"),
        ] {
            assert_eq!(label(text), expected);
        }
    }

    #[test]
    fn what_is_no_label_stays() {
        let long = "ü".repeat(64);
        assert_eq!(label(&long), long);
        assert!(label(&"\u{10ffff}".repeat(63)).starts_with("xn--"));
    }
}
