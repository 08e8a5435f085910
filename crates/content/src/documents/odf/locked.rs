//! Encrypted parts of OpenDocument packages (ODF 1.3, part 2, 3.4), and packages that LibreOffice encrypts whole since 24.2: opened with
//! the passwords at hand, within what deriving keys from them may cost.

use std::collections::BTreeMap;
use std::time::Instant;

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::super::ciphers::{self, Aes};
use super::super::xml::{Attributes, Node, walk};
use super::super::{Output, zip};
use crate::{DocumentRequest, Reason};

/// Rounds of hashing for the keys of one package: sixty passwords at the 100,000 rounds, twice, of LibreOffice 5.4 to 24.1, and as
/// many parts with salts of their own.
const MOST_ROUNDS: u64 = 16_000_000;
/// What a key costs at least, so that there are not millions of them.
const LEAST_ROUNDS: u64 = 1_000;
/// KiB of memory for one key of Argon2: four times what LibreOffice asks for.
const MOST_MEMORY: u32 = 256 << 10;
/// KiB that are filled for one package: twenty passwords at LibreOffice's three times 64 MiB.
const MOST_FILLED: u64 = 20 * 3 * (64 << 10);
/// And for one key, which nothing interrupts.
const MOST_FILLED_AT_ONCE: u64 = 4 * 3 * (64 << 10);
/// Descriptions of one part: programs differ in which of several they take.
const MOST_LOCKS: usize = 4;
/// Checksums are mostly of so many octets of what was deflated.
const SUMMED: usize = 1 << 10;

/// How one part is encrypted.
#[derive(Clone)]
pub(super) struct Lock {
    cipher: Cipher,
    start: Vec<u8>,
    derivation: Derivation,
    sum: Option<Sum>,
    /// Octets of the part in the clear.
    size: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cipher {
    /// AES, chained.
    Chained,
    /// AES with a tag at the end.
    Vouched,
    Blowfish,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    fn by_name(name: &str) -> Self {
        if name.to_ascii_lowercase().contains("sha256") { Self::Sha256 } else { Self::Sha1 }
    }

    fn of(self, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(octets).to_vec(),
            Self::Sha256 => Sha256::digest(octets).to_vec(),
        }
    }
}

/// How a key comes from a password; parts often share it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Derivation {
    /// Of the password itself.
    hash: Hash,
    stretch: Stretch,
    salt: Vec<u8>,
    key_size: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stretch {
    /// PBKDF2 with HMAC-SHA1.
    Rounds(u32),
    Argon2 {
        passes: u32,
        memory: u32,
        lanes: u32,
    },
}

#[derive(Clone)]
struct Sum {
    hash: Hash,
    /// Of the beginning only.
    head: bool,
    value: Vec<u8>,
}

/// The parts that a manifest says to be encrypted; without a lock, where it does not say how, or needs more than a password.
pub(super) fn read(manifest: &[u8]) -> BTreeMap<String, Vec<Lock>> {
    let (mut path, mut size, mut all) = (String::new(), None, BTreeMap::new());
    let mut described = Described::default();
    // Damage of the manifest is told by who reads it as a part.
    let _read = walk(manifest, |node| {
        match node {
            Node::Start("file-entry", attributes) => {
                path = attributes.get("full-path").unwrap_or_default().into_owned();
                size = number(attributes, "size");
            }
            Node::Start("encryption-data", attributes) if !path.is_empty() => {
                all.entry(path.clone()).or_insert_with(Vec::new);
                described = Described { sum: sum(attributes), ..Described::default() };
            }
            Node::Start("algorithm", attributes) => described.algorithm(attributes),
            Node::Start("start-key-generation", attributes) => {
                let name = attributes.get("start-key-generation-name").unwrap_or_default();
                described.hash = Hash::by_name(&name);
            }
            Node::Start("key-derivation", attributes) => described.derivation(attributes),
            Node::End("encryption-data") => {
                let lock = std::mem::take(&mut described).lock(size);
                let known = all.get_mut(&path).filter(|known| known.len() < MOST_LOCKS);
                if let Some((lock, known)) = lock.zip(known) {
                    known.push(lock);
                }
            }
            _ => {}
        }
        Ok(())
    });
    all
}

fn number<N: std::str::FromStr>(attributes: &Attributes<'_>, name: &str) -> Option<N> {
    attributes.get(name)?.trim().parse().ok()
}

fn octets(attributes: &Attributes<'_>, name: &str) -> Option<Vec<u8>> {
    attributes.get(name).map(|text| crate::transfer::base64(text.as_bytes()).octets)
}

fn sum(attributes: &Attributes<'_>) -> Option<Sum> {
    let name = attributes.get("checksum-type")?.to_ascii_lowercase();
    let value = octets(attributes, "checksum").filter(|value| !value.is_empty())?;
    name.contains("sha").then(|| Sum { hash: Hash::by_name(&name), head: name.ends_with("1k"), value })
}

/// What was read of an element.
struct Described {
    cipher: Option<(Cipher, usize)>,
    start: Vec<u8>,
    hash: Hash,
    stretch: Option<Stretch>,
    salt: Vec<u8>,
    key_size: Option<usize>,
    sum: Option<Sum>,
}

impl Default for Described {
    fn default() -> Self {
        Self {
            cipher: None,
            start: Vec::new(),
            hash: Hash::Sha1,
            stretch: None,
            salt: Vec::new(),
            key_size: None,
            sum: None,
        }
    }
}

impl Described {
    fn algorithm(&mut self, attributes: &Attributes<'_>) {
        let name = attributes.get("algorithm-name").unwrap_or_default().to_ascii_lowercase();
        let bits = |bits: &str| name.contains(bits);
        let key_size = if bits("128") {
            16
        } else if bits("192") {
            24
        } else {
            32
        };
        self.cipher = match &name {
            name if name.contains("blowfish") => Some((Cipher::Blowfish, 16)),
            name if name.ends_with("-gcm") => Some((Cipher::Vouched, key_size)),
            name if name.ends_with("-cbc") => Some((Cipher::Chained, key_size)),
            _ => None,
        };
        self.start = octets(attributes, "initialisation-vector").unwrap_or_default();
    }

    fn derivation(&mut self, attributes: &Attributes<'_>) {
        let name = attributes.get("key-derivation-name").unwrap_or_default().to_ascii_lowercase();
        self.stretch = match &name {
            name if name.ends_with("pbkdf2") => {
                Some(Stretch::Rounds(number(attributes, "iteration-count").unwrap_or(1024)))
            }
            name if name.ends_with("argon2id") => number(attributes, "argon2-iterations")
                .zip(number(attributes, "argon2-memory"))
                .zip(number(attributes, "argon2-lanes"))
                .map(|((passes, memory), lanes)| Stretch::Argon2 { passes, memory, lanes }),
            _ => None,
        };
        self.salt = octets(attributes, "salt").unwrap_or_default();
        self.key_size = number(attributes, "key-size");
    }

    fn lock(self, size: Option<u64>) -> Option<Lock> {
        let (cipher, usual) = self.cipher?;
        // What has no room in a key of any of the ciphers.
        let key_size = self.key_size.unwrap_or(usual).min(64);
        let derivation = Derivation { hash: self.hash, stretch: self.stretch?, salt: self.salt, key_size };
        Some(Lock { cipher, start: self.start, derivation, sum: self.sum, size })
    }
}

impl Lock {
    /// The part in the clear, if the key is the right one.
    fn open(
        &self,
        key: &[u8],
        packed: &[u8],
        name: &str,
        out: &mut Output<'_>,
    ) -> Result<Option<Vec<u8>>, Reason> {
        // Where the sum is of the beginning, a wrong password costs no more than that.
        let long = self.cipher != Cipher::Vouched && packed.len() > SUMMED + 64;
        if let Some(sum) = self.sum.as_ref().filter(|sum| sum.head && long) {
            let head = self.blocks(key, &packed[..SUMMED]);
            if head.is_none_or(|head| sum.hash.of(&head) != sum.value) {
                return Ok(None);
            }
        }
        let Some(clear) = self.decrypt(key, packed) else { return Ok(None) };
        let right = self.cipher == Cipher::Vouched
            || self.sum.as_ref().is_some_and(|sum| {
                let summed = if sum.head { &clear[..clear.len().min(SUMMED)] } else { &clear };
                sum.hash.of(summed) == sum.value
            });
        let (octets, read) = out.read(flate2::bufread::DeflateDecoder::new(clear.as_slice()));
        match read {
            // Old programs' sums of short parts are wrong ones: that all of it unpacks tells as well.
            Ok(()) if right || self.size == Some(octets.len() as u64) => Ok(Some(octets)),
            Ok(()) => Ok(None),
            Err(Reason::Corrupt) if !right => Ok(None),
            // Not deflated, against the rule.
            Err(Reason::Corrupt) if octets.is_empty() => Ok(Some(clear)),
            Err(Reason::Corrupt) => {
                out.unscannable(name, Reason::Corrupt);
                Ok(Some(octets))
            }
            Err(reason) => {
                if right {
                    let _ = out.partial_file(name.to_owned(), octets);
                }
                Err(reason)
            }
        }
    }

    /// Without what fills the last block up; none for a key of a size that the cipher does not have.
    fn decrypt(&self, key: &[u8], packed: &[u8]) -> Option<Vec<u8>> {
        let mut clear = self.blocks(key, packed)?;
        if self.cipher == Cipher::Chained {
            let filled = usize::from(*clear.last()?);
            clear.truncate(clear.len().checked_sub(filled).filter(|_| filled <= 16)?);
        }
        Some(clear)
    }

    fn blocks(&self, key: &[u8], packed: &[u8]) -> Option<Vec<u8>> {
        match self.cipher {
            Cipher::Blowfish => ciphers::blowfish(key, &self.start, packed),
            Cipher::Chained => Some(Aes::new(key)?.chained(&self.start, packed)),
            // The octets that it starts with stand before what is encrypted, too.
            Cipher::Vouched => {
                ciphers::vouched(key, &self.start, packed.strip_prefix(&*self.start).unwrap_or(packed))
            }
        }
    }
}

/// The passwords, and the keys that came from them.
pub(super) struct Keys {
    passwords: Vec<Vec<u8>>,
    known: BTreeMap<(Derivation, usize), Vec<u8>>,
    /// The password that opened the last part opens the next one.
    last_good: usize,
    rounds: u64,
    filled: u64,
    /// What a manifest asked for that was too much is said once.
    refused: bool,
}

impl Keys {
    pub(super) fn new(request: &DocumentRequest<'_>) -> Self {
        Self {
            passwords: zip::spellings(request.passwords),
            known: BTreeMap::new(),
            last_good: 0,
            rounds: MOST_ROUNDS,
            filled: MOST_FILLED,
            refused: false,
        }
    }

    /// A part in the clear, if one of the passwords opens it.
    pub(super) fn open(
        &mut self,
        name: &str,
        packed: &[u8],
        locks: &[Lock],
        out: &mut Output<'_>,
    ) -> Result<Option<Vec<u8>>, Reason> {
        out.at(name);
        let locks: Vec<&Lock> = locks.iter().filter(|lock| self.affords(lock, name, out)).collect();
        let count = self.passwords.len();
        for number in 0..count {
            let password = (self.last_good + number) % count;
            for lock in &locks {
                let Some(key) = self.key(&lock.derivation, password, out.deadline)? else { continue };
                if let Some(clear) = lock.open(&key, packed, name, out)? {
                    self.last_good = password;
                    return Ok(Some(clear));
                }
            }
        }
        Ok(None)
    }

    /// Whether a key costs no more than all of them may.
    fn affords(&mut self, lock: &Lock, name: &str, out: &mut Output<'_>) -> bool {
        let bound = match lock.derivation.stretch {
            Stretch::Rounds(_) => (lock.derivation.cost() > MOST_ROUNDS).then_some(Reason::Timeout),
            Stretch::Argon2 { memory, .. } if memory > MOST_MEMORY => Some(Reason::TooBig),
            Stretch::Argon2 { .. } => {
                (lock.derivation.cost() > MOST_FILLED_AT_ONCE).then_some(Reason::Timeout)
            }
        };
        if let Some(bound) = bound.as_ref().filter(|_| !self.refused) {
            self.refused = true;
            out.unscannable(name, bound.clone());
        }
        bound.is_none()
    }

    /// The key that comes from a password; none where it cannot be paid for any more.
    fn key(
        &mut self,
        derivation: &Derivation,
        password: usize,
        deadline: Instant,
    ) -> Result<Option<Vec<u8>>, Reason> {
        // Known keys are tried on each part, too.
        if Instant::now() >= deadline {
            return Err(Reason::Timeout);
        }
        let which = (derivation.clone(), password);
        if let Some(known) = self.known.get(&which) {
            return Ok(Some(known.clone()));
        }
        let left = match derivation.stretch {
            Stretch::Rounds(_) => &mut self.rounds,
            Stretch::Argon2 { .. } => &mut self.filled,
        };
        let Some(rest) = left.checked_sub(derivation.cost()) else { return Ok(None) };
        *left = rest;
        let key = derivation.key(&self.passwords[password], deadline)?;
        if let Some(key) = &key {
            self.known.insert(which, key.clone());
        }
        Ok(key)
    }
}

impl Derivation {
    /// Rounds of a hash, or KiB that are filled.
    fn cost(&self) -> u64 {
        match self.stretch {
            Stretch::Rounds(rounds) => {
                let blocks = self.key_size.div_ceil(20) as u64;
                (u64::from(rounds) * blocks).max(LEAST_ROUNDS)
            }
            Stretch::Argon2 { passes, memory, .. } => {
                u64::from(passes).saturating_mul(memory.into()).max(LEAST_ROUNDS)
            }
        }
    }

    /// None where nothing can be derived as it is told.
    fn key(&self, password: &[u8], deadline: Instant) -> Result<Option<Vec<u8>>, Reason> {
        let start = self.hash.of(password);
        match self.stretch {
            Stretch::Rounds(rounds) => pbkdf2(&start, &self.salt, rounds, self.key_size, deadline).map(Some),
            Stretch::Argon2 { passes, memory, lanes } => {
                let mut key = vec![0; self.key_size];
                let derived = Params::new(memory, passes, lanes, Some(self.key_size)).and_then(|params| {
                    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                    argon2.hash_password_into(&start, &self.salt, &mut key)
                });
                Ok(derived.is_ok().then_some(key))
            }
        }
    }
}

/// PBKDF2 with HMAC-SHA1 (RFC 8018, 5.2), which looks at the clock.
fn pbkdf2(
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    size: usize,
    deadline: Instant,
) -> Result<Vec<u8>, Reason> {
    // Keys of any length are fine.
    let Ok(keyed) = Hmac::<Sha1>::new_from_slice(password) else { return Err(Reason::EngineFault) };
    let of = |parts: [&[u8]; 2]| {
        let mut mac = keyed.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes()
    };
    let mut key = Vec::with_capacity(size + 20);
    for block in 1_u32.. {
        if key.len() >= size {
            break;
        }
        let mut last = of([salt, &block.to_be_bytes()]);
        let mut all = last;
        for round in 1..rounds {
            if round % 4096 == 0 && Instant::now() >= deadline {
                return Err(Reason::Timeout);
            }
            last = of([&last, b""]);
            all.iter_mut().zip(last).for_each(|(all, last)| *all ^= last);
        }
        key.extend(all);
    }
    key.truncate(size);
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn keys_are_those_of_rfc_6070() {
        let soon = Instant::now() + Duration::from_secs(60);
        let key = |rounds, size| hex(&pbkdf2(b"password", b"salt", rounds, size, soon).unwrap_or_default());
        assert_eq!(key(1, 20), "0c60c80f961f0e71f3a9b524af6012062fe037a6");
        assert_eq!(key(4096, 20), "4b007901b765489abead49d926f721d065a429c1");
        let (password, salt) = (b"passwordPASSWORDpassword", b"saltSALTsaltSALTsaltSALTsaltSALTsalt");
        let long = pbkdf2(password, salt, 4096, 25, soon).unwrap_or_default();
        assert_eq!(hex(&long), "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038");
    }

    #[test]
    fn a_manifest_of_the_first_version_has_the_defaults_of_its_time() {
        let manifest = br#"<m:manifest xmlns:m="m"><m:file-entry m:full-path="content.xml" m:size="9"><m:encryption-data m:checksum-type="SHA1/1K" m:checksum="QQ=="><m:algorithm m:algorithm-name="Blowfish CFB" m:initialisation-vector="QUJDREVGR0g="/><m:key-derivation m:key-derivation-name="PBKDF2" m:iteration-count="1024" m:salt="QUJD"/></m:encryption-data></m:file-entry></m:manifest>"#;
        let all = read(manifest);
        let lock = &all["content.xml"][0];
        assert!(lock.cipher == Cipher::Blowfish && lock.derivation.hash == Hash::Sha1);
        assert_eq!((lock.derivation.key_size, lock.size), (16, Some(9)));
    }

    #[test]
    fn what_is_encrypted_for_a_key_and_not_a_password_has_no_lock() {
        let manifest = br#"<manifest><keyinfo><encrypted-key/></keyinfo><file-entry full-path="content.xml"><encryption-data><algorithm algorithm-name="http://www.w3.org/2001/04/xmlenc#aes256-cbc" initialisation-vector="QQ=="/><key-derivation key-derivation-name="PGP"/></encryption-data></file-entry></manifest>"#;
        let all = read(manifest);
        assert!(all["content.xml"].is_empty());
    }
}
