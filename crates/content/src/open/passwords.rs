//! Words of the mail that may be the password of its own attachment: people write "password: ..." in the same mail.

use crate::{Component, Kind, Segment};

/// Words that are tried on one file, those that are configured not counted.
const MOST: usize = 40;
/// Of them, words behind a word such as "password": they are tried first.
const MOST_NAMED: usize = 10;
/// Characters of text in which words are looked for.
const MOST_TEXT: usize = 64 << 10;
/// A word behind the name stands among so many.
const BEHIND: usize = 3;

/// What a password is called, without regard to case and to what follows.
const NAMES: &[&str] = &[
    "password",
    "passwort",
    "passphrase",
    "passcode",
    "passwd",
    "kennwort",
    "pwd",
    "pass",
    "pw",
    "pin",
    "code",
    "mot",
    "contraseña",
    "clave",
    "senha",
    "palavra-passe",
    "wachtwoord",
    "lösenord",
    "adgangskode",
    "hasło",
    "heslo",
    "пароль",
    "密码",
    "密碼",
    "パスワード",
];

/// The words to try: first those that are called a password, then those that look like one.
pub(super) fn in_text(segments: &[Segment<'_>]) -> Vec<String> {
    let mut named: Vec<&str> = Vec::new();
    let mut likely: Vec<&str> = Vec::new();
    let mut left = MOST_TEXT;
    let texts = segments.iter().filter(|segment| {
        segment.kind == Kind::Text && matches!(segment.component, Component::Body | Component::Subject)
    });
    for segment in texts {
        let text: &str = head(&segment.text, left);
        left -= text.len();
        let words: Vec<&str> = text.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            if is_name(word) {
                let glued = word.split_once([':', '=']).map(|(_, behind)| behind);
                let behind = words[at + 1..].iter().take(BEHIND).copied();
                named.extend(glued.into_iter().chain(behind).flat_map(forms));
            } else if looks_like_one(word) {
                likely.extend(forms(word));
            }
        }
    }
    let mut all: Vec<String> = Vec::new();
    for (words, most) in [(named, MOST_NAMED), (likely, MOST)] {
        for word in words {
            if all.len() < most && !all.iter().any(|known| known == word) {
                all.push(word.to_owned());
            }
        }
    }
    all
}

fn head(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

fn is_name(word: &str) -> bool {
    let name = word.split([':', '=']).next().unwrap_or_default();
    let name = name.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    NAMES.contains(&name.as_str())
}

/// Letters and digits, or letters and signs, as people make them up.
fn looks_like_one(word: &str) -> bool {
    let count = word.chars().count();
    let digits = word.chars().any(|c| c.is_ascii_digit());
    let letters = word.chars().any(char::is_alphabetic);
    let signs = word.chars().rev().skip(1).any(|c| c.is_ascii_punctuation());
    (4..=64).contains(&count) && (letters && (digits || signs) || digits && count >= 6)
}

/// The word as it stands, and without the quotes and stops around it.
fn forms(word: &str) -> impl Iterator<Item = &str> {
    let quotes = |c: char| {
        matches!(
            c,
            '"' | '\'' | '„' | '“' | '”' | '«' | '»' | '‘' | '’' | '`' | '(' | ')' | '<' | '>' | '[' | ']'
        )
    };
    let bare = word.trim_matches(quotes);
    let shorter = bare.trim_end_matches(['.', ',', ';', ':', '!', '?']).trim_matches(quotes);
    [bare, shorter].into_iter().filter(|form| !form.is_empty() && form.len() <= 256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Text;

    fn words(text: &str) -> Vec<String> {
        in_text(&[Segment {
            part: 0,
            place: Text::default(),
            component: Component::Body,
            kind: Kind::Text,
            view: None,
            text: text.into(),
            quoted: Vec::new(),
            rows: Vec::new(),
        }])
    }

    #[test]
    fn the_word_behind_password_comes_first() {
        assert_eq!(words("Here is offer2026 for you. Password: \"Tulip!7\".")[0], "Tulip!7\".");
        assert!(words("Password: \"Tulip!7\".").contains(&"Tulip!7".to_owned()));
        assert!(words("das Kennwort lautet Rose99, bis bald").contains(&"Rose99".to_owned()));
        assert!(words("pw=abc").contains(&"abc".to_owned()));
    }

    #[test]
    fn a_long_text_gives_a_bounded_number_of_words() {
        let text: String = (0..10_000).map(|number| format!("password: word{number} ")).collect();
        assert!(words(&text).len() <= MOST);
    }
}
