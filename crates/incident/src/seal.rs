//! What is recorded is made fit for keeping: sealed where it tells secrets, bounded where a mail could make it huge.

use std::collections::BTreeSet;

use store::cipher;
use store::keys::Keys;
use unicode_normalization::UnicodeNormalization;

use crate::Error;
use crate::files;
use crate::record::{Match, NewMessage, NewViolation};

/// Characters kept of a subject, a Message-ID, a path; the original has all of them.
const TEXT: usize = 1_000;
/// Parts named that could not be inspected.
const UNSCANNABLE: usize = 1_000;
/// Different values of an incident that can be searched for.
const VALUES: usize = 1_000;

/// A message ready to be written.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// Without its original, and without matches in its violations.
    pub(crate) new: NewMessage,
    pub(crate) original: Option<SealedOriginal>,
    pub(crate) violations: Vec<SealedViolation>,
    /// The number that stands for its sender.
    pub(crate) pseudonym: u64,
}

#[derive(Debug)]
pub(crate) struct SealedOriginal {
    pub(crate) digest: [u8; 16],
    pub(crate) size: u64,
    pub(crate) head: [u8; cipher::HEAD],
    pub(crate) body: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct SealedViolation {
    pub(crate) violation: NewViolation,
    pub(crate) matches: Vec<u8>,
    pub(crate) values: BTreeSet<[u8; 16]>,
}

impl Sealed {
    /// About what it will take on disk.
    pub(crate) fn octets(&self) -> u64 {
        let original = self.original.as_ref().map_or(0, |original| original.body.len());
        let matches: usize = self.violations.iter().map(|one| one.matches.len() + 2_000).sum();
        (original + matches) as u64
    }
}

pub(crate) fn seal(keys: &Keys, mut new: NewMessage) -> Result<Sealed, Error> {
    bound(&mut new);
    let original =
        new.original.take().map(|octets| seal_original(keys, &new.unique_id, &octets)).transpose()?;
    let violations = std::mem::take(&mut new.violations);
    let violations = violations
        .into_iter()
        .map(|one| seal_violation(keys, &new.unique_id, one, &new.unscannable))
        .collect::<Result<_, _>>()?;
    let pseudonym = keys.pseudonym(&new.sender);
    Ok(Sealed { new, original, violations, pseudonym })
}

pub(crate) fn seal_original(keys: &Keys, unique_id: &str, octets: &[u8]) -> Result<SealedOriginal, Error> {
    let (head, body) = cipher::seal_apart(keys, &original_context(unique_id), octets)?;
    Ok(SealedOriginal { digest: keys.hash("original", octets), size: octets.len() as u64, head, body })
}

fn seal_violation(
    keys: &Keys,
    unique_id: &str,
    mut violation: NewViolation,
    unscannable: &[(String, String)],
) -> Result<SealedViolation, Error> {
    let found = std::mem::take(&mut violation.matches);
    let values = values(keys, &found, unscannable);
    let context = matches_context(unique_id, violation.policy_id);
    let matches = cipher::seal(keys, &context, json(&found.iter().collect::<Vec<&Match>>()).as_bytes())?;
    Ok(SealedViolation { violation, matches, values })
}

/// What a sealed original is bound to: it does not open as another message's.
pub(crate) fn original_context(unique_id: &str) -> String {
    format!("original {unique_id}")
}

/// What sealed matches are bound to.
pub(crate) fn matches_context(unique_id: &str, policy_id: u32) -> String {
    format!("matches {unique_id} {policy_id}")
}

/// What a sealed credential is bound to.
pub(crate) fn credential_context(name: &str) -> String {
    format!("credential {name}")
}

/// The keyed hashes by which an incident is found: of what was matched, and of the names of its files.
pub(crate) fn values(keys: &Keys, found: &[Match], unscannable: &[(String, String)]) -> BTreeSet<[u8; 16]> {
    let files = files::named(found, unscannable).into_iter().map(|name| files::value(&name));
    let texts = found.iter().map(|found| value_hash(keys, &found.text)).take(VALUES);
    texts.chain(files.map(|value| value_hash(keys, &value))).collect()
}

/// The keyed hash by which a matched value is found again, however it was written; or a file, by [`files::value`].
pub(crate) fn value_hash(keys: &Keys, text: &str) -> [u8; 16] {
    match text.strip_prefix(files::MARK) {
        Some(name) => keys.hash("file", name),
        None => keys.hash("match", normalised(text)),
    }
}

/// Letters and digits only, in one form and case: `4111-1111` is `4111 1111`.
fn normalised(text: &str) -> String {
    let plain: String = text.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect();
    if plain.is_empty() { text.nfkc().collect() } else { plain }
}

fn bound(new: &mut NewMessage) {
    new.subject = shortened(&new.subject, TEXT);
    new.message_id = new.message_id.as_deref().map(|id| shortened(id, TEXT));
    let more = new.unscannable.len().saturating_sub(UNSCANNABLE);
    new.unscannable.truncate(UNSCANNABLE);
    for (path, reason) in &mut new.unscannable {
        *path = shortened(path, TEXT);
        *reason = shortened(reason, TEXT);
    }
    if more > 0 {
        new.unscannable.push((String::new(), format!("{more} more parts were not inspected")));
    }
}

/// The text, or its beginning and an ellipsis.
pub(crate) fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Plain records always serialise.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_same_however_it_is_written() {
        assert_eq!(normalised("4111-1111 1111.1111"), "4111111111111111");
        assert_eq!(normalised("ＤＥ89 Straße"), "de89straße");
        assert_eq!(normalised("***"), "***", "what has no letters stands for itself");
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_say_so() {
        assert_eq!(shortened("ääää", 2), "ää…");
        assert_eq!(shortened("ää", 2), "ää");
    }
}
