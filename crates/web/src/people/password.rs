//! Passwords: which are good enough, their argon2id hashes, and their checking, which costs memory and therefore stands in line.

use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::Error;

/// A password: wiped after use, never shown.
pub type Password = Zeroizing<String>;

/// Fewer characters are refused.
pub const SHORTEST: usize = 12;
/// More octets are refused: hashing them would cost the server, not the guesser.
pub const LONGEST: usize = 256;
/// Hashes at the same time; each takes 19 MiB.
const AT_ONCE: usize = 2;
/// More than so many in line are turned away.
const IN_LINE: usize = 32;

/// What people type when asked for a long one; each is compared in lower case, with digits and signs at its end taken off.
const COMMON: &[&str] = &[
    "password",
    "passwort",
    "motdepasse",
    "contrasena",
    "administrator",
    "changeme",
    "changemenow",
    "letmein",
    "letmeinplease",
    "welcome",
    "welcometo",
    "qwertyuiop",
    "qwertzuiop",
    "qwerty",
    "iloveyou",
    "trustnoone",
    "correcthorsebatterystaple",
    "abcdefghijkl",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "superman",
    "starwars",
    "whatever",
    "secret",
    "topsecret",
    "mypassword",
    "thepassword",
    "passwordpassword",
    "adminadmin",
    "rootroot",
    "testtest",
    "default",
    "company",
    "summer",
    "winter",
];

/// Why a new password is not taken; the text says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Weak {
    #[error("The password is too short: write at least {SHORTEST} characters, several words for example.")]
    Short,
    #[error("The password is too long: write at most {LONGEST} octets.")]
    Long,
    #[error("The password is one that others guess first: choose another.")]
    Common,
    #[error("The password has too few different characters: choose another.")]
    Monotonous,
    #[error("The password contains the user's name: choose another.")]
    Name,
    #[error("The password is the old one: choose a new one.")]
    Old,
}

/// Whether a new password is good enough for this user. Length counts, not signs and digits.
pub fn check(password: &str, names: &[&str]) -> Result<(), Weak> {
    if password.chars().count() < SHORTEST {
        return Err(Weak::Short);
    }
    if password.len() > LONGEST {
        return Err(Weak::Long);
    }
    let folded = Zeroizing::new(password.to_lowercase());
    let stem = folded.trim_end_matches(|c: char| !c.is_alphabetic());
    if COMMON.contains(&stem) || folded.chars().all(|c| c.is_ascii_digit()) {
        return Err(Weak::Common);
    }
    let mut different: Vec<char> = folded.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < 5 {
        return Err(Weak::Monotonous);
    }
    let named = |name: &&str| name.chars().count() > 3 && folded.contains(&name.to_lowercase());
    if names.iter().any(named) {
        return Err(Weak::Name);
    }
    Ok(())
}

/// Hashes and checks, a few at a time.
#[derive(Debug)]
pub(crate) struct Hashing {
    permits: Semaphore,
    waiting: AtomicUsize,
    /// Checked against when there is no such user: both cases take the same time.
    nobody: String,
}

impl Hashing {
    pub(crate) fn new() -> Result<Self, Error> {
        let nobody = hash(&random()?)?;
        Ok(Self { permits: Semaphore::new(AT_ONCE), waiting: AtomicUsize::new(0), nobody })
    }

    pub(crate) async fn hash(&self, password: Password) -> Result<String, Error> {
        self.in_line(move || hash(&password)).await?
    }

    /// Whether the password is that of the hash. Without a hash it takes as long, and is not.
    pub(crate) async fn verify(&self, password: Password, phc: Option<String>) -> Result<bool, Error> {
        if password.len() > LONGEST {
            return Ok(false);
        }
        let known = phc.is_some();
        let phc = phc.unwrap_or_else(|| self.nobody.clone());
        Ok(self.in_line(move || verify(&password, &phc)).await? && known)
    }

    async fn in_line<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let _place = Place::take(&self.waiting).ok_or(Error::Busy)?;
        let _permit = self.permits.acquire().await.map_err(|_| Error::Busy)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Busy)
    }
}

/// A place in the line, given back however the waiting ends.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        if waiting.fetch_add(1, Ordering::Relaxed) < IN_LINE {
            return Some(Self(waiting));
        }
        waiting.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// 19 MiB, two passes, one lane: what OWASP names first for argon2id.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str) -> Result<String, Error> {
    let hash: PasswordHash =
        argon2().hash_password(password.as_bytes()).map_err(|why| Error::Random(why.to_string()))?;
    Ok(hash.to_string())
}

fn verify(password: &str, phc: &str) -> bool {
    PasswordHash::new(phc).is_ok_and(|phc| argon2().verify_password(password.as_bytes(), &phc).is_ok())
}

/// A password that is made, not chosen: 20 letters and digits in groups, without those that look alike; 98 bits.
pub fn random() -> Result<Password, Error> {
    const LETTERS: &[u8; 30] = b"abcdefghjkmnpqrstuvwxyz2345678";
    let mut password = Zeroizing::new(String::with_capacity(24));
    while password.len() < 23 {
        let mut octet = [0];
        getrandom::fill(&mut octet).map_err(|why| Error::Random(why.to_string()))?;
        // 240 is the largest multiple of 30: no letter is likelier than another.
        if octet[0] < 240 {
            if password.len() % 6 == 5 {
                password.push('-');
            }
            password.push(char::from(LETTERS[usize::from(octet[0]) % LETTERS.len()]));
        }
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_makes_a_good_password_and_habits_do_not() {
        for (password, verdict) in [
            ("four small words here", Ok(())),
            ("Tr0ub4dor&3", Err(Weak::Short)),
            ("Password12345!", Err(Weak::Common)),
            ("123456789012", Err(Weak::Common)),
            ("abababababab", Err(Weak::Monotonous)),
            ("xx jane.doe xx", Err(Weak::Name)),
        ] {
            assert_eq!(check(password, &["Jane.Doe", "JD"]), verdict, "{password}");
        }
        assert_eq!(check(&"long words ".repeat(30), &[]), Err(Weak::Long));
    }

    #[test]
    fn made_passwords_are_good_and_differ() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_ne!(one, other);
        assert_eq!(check(&one, &["admin"]), Ok(()));
        assert_eq!(one.len(), 23, "{}", &*one);
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_and_knows_its_password_only() {
        let hashing = Hashing::new().unwrap();
        let hash = hashing.hash(Zeroizing::new("four small words".into())).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let verify = |password: &str, hash: Option<&String>| {
            hashing.verify(Zeroizing::new(password.into()), hash.cloned())
        };
        assert!(verify("four small words", Some(&hash)).await.unwrap());
        assert!(!verify("four small word", Some(&hash)).await.unwrap());
        assert!(!verify("four small words", None).await.unwrap());
        assert!(!verify("x", Some(&"$argon2id$nonsense".to_owned())).await.unwrap());
    }

    #[tokio::test]
    async fn a_crowd_is_turned_away_and_the_line_empties_again() {
        let hashing = std::sync::Arc::new(Hashing::new().unwrap());
        hashing.waiting.store(IN_LINE, Ordering::Relaxed);
        let turned_away = hashing.verify(Zeroizing::new("x".into()), None).await;
        assert!(matches!(turned_away, Err(Error::Busy)));
        hashing.waiting.store(0, Ordering::Relaxed);
        assert!(!hashing.verify(Zeroizing::new("x".into()), None).await.unwrap());
        assert_eq!(hashing.waiting.load(Ordering::Relaxed), 0);
    }
}
