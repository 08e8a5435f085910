//! Office files that are encrypted ([MS-OFFCRYPTO]): opened with the password that the programs try by themselves, with those
//! that are configured, and with words of the mail. What none of them opens is named.

use std::borrow::Cow;
use std::time::Instant;

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::Output;
use super::cfb::Cfb;
use super::ciphers::Aes;
use super::ole::{Fields, u16_at, u32_at};
use super::xml::{Attributes, Node, walk};
use crate::Reason;

mod binary;
mod streams;

pub(super) use binary::workbook;
pub(super) use streams::streams;

/// Excel and PowerPoint open what is encrypted with these without asking.
const DEFAULTS: [&str; 2] = ["VelvetSweatshop", "/01Hannes Ruescher/01"];
/// Passwords tried on one file, and rounds of hashing for them together.
const MOST_PASSWORDS: usize = 64;
const MOST_ROUNDS: u64 = 12_000_000;

/// The package in a compound file, decrypted.
pub(super) fn package(file: &Cfb<'_>, out: &mut Output<'_>) -> Result<Vec<u8>, Reason> {
    let info = file.stream(0, "EncryptionInfo").ok_or(Reason::Encrypted)?;
    let packed = file.stream(0, "EncryptedPackage").ok_or(Reason::Corrupt)?;
    decrypt(&info, &packed, out)
}

/// What `info` says how to decrypt.
pub(super) fn decrypt(info: &[u8], packed: &[u8], out: &mut Output<'_>) -> Result<Vec<u8>, Reason> {
    let lock = match (u16_at(info, 0), u16_at(info, 2)) {
        (Some(4), Some(4)) => Lock::agile(info.get(8..).unwrap_or_default()),
        (Some(2..=4), Some(2)) => Lock::standard(info),
        _ => None,
    };
    // Other ways, such as certificates and rights management, need more than a password.
    let lock = lock.ok_or(Reason::Encrypted)?;
    out.spend(packed.len() as u64)?;
    if lock.rounds() > MOST_ROUNDS {
        // No password is tried: it would take too long.
        out.unscannable("", Reason::Timeout);
        return Err(Reason::Encrypted);
    }
    let mut rounds = Rounds { left: MOST_ROUNDS, deadline: out.deadline };
    for password in passwords(out.passwords) {
        if let Some(key) = lock.key(password, &mut rounds)? {
            let size = u64::from_le_bytes(packed.first_chunk::<8>().copied().ok_or(Reason::Corrupt)?);
            let mut clear = lock.decrypt(&key, &packed[8..]).ok_or(Reason::Corrupt)?;
            clear.truncate(usize::try_from(size).unwrap_or(usize::MAX));
            return Ok(clear);
        }
    }
    Err(Reason::Encrypted)
}

fn passwords(given: &[String]) -> impl Iterator<Item = &str> {
    DEFAULTS.into_iter().chain(given.iter().map(String::as_str)).take(MOST_PASSWORDS)
}

/// What hashing may cost: a file says itself how many rounds a password takes.
struct Rounds {
    left: u64,
    deadline: Instant,
}

#[derive(Clone, Copy)]
enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn by_name(name: &str) -> Option<Self> {
        match name {
            "SHA1" | "SHA-1" => Some(Self::Sha1),
            "SHA256" | "SHA-256" => Some(Self::Sha256),
            "SHA384" | "SHA-384" => Some(Self::Sha384),
            "SHA512" | "SHA-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn of(self, first: &[u8], second: &[u8]) -> Vec<u8> {
        fn of<D: Digest>(first: &[u8], second: &[u8]) -> Vec<u8> {
            D::new().chain_update(first).chain_update(second).finalize().to_vec()
        }
        match self {
            Self::Sha1 => of::<Sha1>(first, second),
            Self::Sha256 => of::<Sha256>(first, second),
            Self::Sha384 => of::<Sha384>(first, second),
            Self::Sha512 => of::<Sha512>(first, second),
        }
    }

    /// The password hashed, and that hashed so many times with the number of the round before it.
    fn stretched(
        self,
        salt: &[u8],
        password: &str,
        count: u32,
        rounds: &mut Rounds,
    ) -> Result<Vec<u8>, Reason> {
        fn stretch<D: Digest>(
            salt: &[u8],
            password: &[u8],
            count: u32,
            rounds: &mut Rounds,
        ) -> Result<Vec<u8>, Reason> {
            rounds.left = rounds.left.checked_sub(count.into()).ok_or(Reason::Encrypted)?;
            let mut hash = D::new().chain_update(salt).chain_update(password).finalize();
            for number in 0..count {
                if number % 4096 == 0 && Instant::now() >= rounds.deadline {
                    return Err(Reason::Timeout);
                }
                hash = D::new().chain_update(number.to_le_bytes()).chain_update(&hash).finalize();
            }
            Ok(hash.to_vec())
        }
        let password = wide(password);
        match self {
            Self::Sha1 => stretch::<Sha1>(salt, &password, count, rounds),
            Self::Sha256 => stretch::<Sha256>(salt, &password, count, rounds),
            Self::Sha384 => stretch::<Sha384>(salt, &password, count, rounds),
            Self::Sha512 => stretch::<Sha512>(salt, &password, count, rounds),
        }
    }
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// How a package is encrypted.
enum Lock {
    /// The newer way: described in XML, keys of keys, AES by segments.
    Agile { hash: Hash, salt: Vec<u8>, of_password: Box<OfPassword> },
    /// The older way: AES block by block.
    Standard { salt: Vec<u8>, key_size: usize, verifier: Vec<u8>, verifier_hash: Vec<u8> },
}

#[derive(Default)]
struct OfPassword {
    hash: Option<Hash>,
    rounds: u32,
    salt: Vec<u8>,
    key_size: usize,
    input: Vec<u8>,
    value: Vec<u8>,
    key: Vec<u8>,
}

const ROUNDS_OF_STANDARD: u32 = 50_000;

impl Lock {
    fn agile(xml: &[u8]) -> Option<Self> {
        let mut data: Option<(Hash, Vec<u8>)> = None;
        let mut of_password = None;
        // What was read before damage suffices.
        let _read = walk(xml, |node| {
            match node {
                Node::Start("keyData", all) if is_aes(all) => {
                    data = attribute(all, "hashAlgorithm")
                        .and_then(|name| Hash::by_name(&name))
                        .zip(octets(all, "saltValue"));
                }
                Node::Start("encryptedKey", all) if is_aes(all) => of_password = OfPassword::read(all),
                _ => {}
            }
            Ok(())
        });
        let (hash, salt) = data?;
        Some(Self::Agile { hash, salt, of_password: Box::new(of_password?) })
    }

    fn standard(info: &[u8]) -> Option<Self> {
        let mut fields = Fields(info.get(8..)?);
        let length = fields.u32()? as usize;
        let header = fields.take(length)?;
        let is_aes = matches!(u32_at(header, 8)?, 0x660e..=0x6610);
        let key_size = u32_at(header, 16)? as usize / 8;
        fields.u32()?;
        let salt = fields.take(16)?.to_vec();
        let verifier = fields.take(16)?.to_vec();
        fields.u32()?;
        let verifier_hash = fields.take(32)?.to_vec();
        is_aes.then_some(Self::Standard { salt, key_size, verifier, verifier_hash })
    }

    /// Rounds of hashing for one password.
    fn rounds(&self) -> u64 {
        match self {
            Self::Agile { of_password, .. } => of_password.rounds.into(),
            Self::Standard { .. } => ROUNDS_OF_STANDARD.into(),
        }
    }

    /// The key of the package, if the password is the right one.
    fn key(&self, password: &str, rounds: &mut Rounds) -> Result<Option<Vec<u8>>, Reason> {
        match self {
            Self::Agile { of_password, .. } => of_password.key(password, rounds),
            Self::Standard { salt, key_size, verifier, verifier_hash } => {
                let hash = Hash::Sha1.stretched(salt, password, ROUNDS_OF_STANDARD, rounds)?;
                let hash = Hash::Sha1.of(&hash, &[0; 4]);
                let half = |fill: u8| {
                    let mut block = [fill; 64];
                    block.iter_mut().zip(&hash).for_each(|(octet, hash)| *octet ^= hash);
                    Hash::Sha1.of(&block, b"")
                };
                let mut key = [half(0x36), half(0x5c)].concat();
                key.truncate(*key_size);
                let Some(aes) = Aes::new(&key) else { return Ok(None) };
                let verified = Hash::Sha1.of(&aes.blocks(verifier), b"");
                Ok(aes.blocks(verifier_hash).starts_with(&verified).then_some(key))
            }
        }
    }

    fn decrypt(&self, key: &[u8], packed: &[u8]) -> Option<Vec<u8>> {
        let aes = Aes::new(key)?;
        let Self::Agile { hash, salt, .. } = self else { return Some(aes.blocks(packed)) };
        let segments = packed.chunks(4096).zip(0_u32..);
        Some(
            segments
                .flat_map(|(segment, number)| aes.chained(&hash.of(salt, &number.to_le_bytes()), segment))
                .collect(),
        )
    }
}

fn is_aes(all: &Attributes<'_>) -> bool {
    attribute(all, "cipherAlgorithm").as_deref() == Some("AES")
        && attribute(all, "cipherChaining").as_deref() == Some("ChainingModeCBC")
}

fn attribute<'a>(all: &Attributes<'a>, name: &str) -> Option<Cow<'a, str>> {
    all.get(name)
}

fn octets(all: &Attributes<'_>, name: &str) -> Option<Vec<u8>> {
    attribute(all, name).map(|text| crate::transfer::base64(text.as_bytes()).octets)
}

impl OfPassword {
    fn read(all: &Attributes<'_>) -> Option<Self> {
        Some(Self {
            hash: Some(Hash::by_name(&attribute(all, "hashAlgorithm")?)?),
            rounds: attribute(all, "spinCount")?.parse().ok()?,
            salt: octets(all, "saltValue")?,
            key_size: attribute(all, "keyBits")?.parse::<usize>().ok()? / 8,
            input: octets(all, "encryptedVerifierHashInput")?,
            value: octets(all, "encryptedVerifierHashValue")?,
            key: octets(all, "encryptedKeyValue")?,
        })
    }

    fn key(&self, password: &str, rounds: &mut Rounds) -> Result<Option<Vec<u8>>, Reason> {
        let Some(hash) = self.hash else { return Ok(None) };
        let stretched = hash.stretched(&self.salt, password, self.rounds, rounds)?;
        let open = |purpose: [u8; 8], octets: &[u8]| {
            let mut key = hash.of(&stretched, &purpose);
            key.resize(self.key_size.min(64), 0x36);
            Aes::new(&key).map(|aes| aes.chained(&self.salt, octets))
        };
        let opened = (
            open([0xfe, 0xa7, 0xd2, 0x76, 0x3b, 0x4b, 0x9e, 0x79], &self.input),
            open([0xd7, 0xaa, 0x0f, 0x6d, 0x30, 0x61, 0x34, 0x4e], &self.value),
            open([0x14, 0x6e, 0x0b, 0xe7, 0xab, 0xac, 0xd0, 0xd6], &self.key),
        );
        let (Some(mut input), Some(value), Some(mut key)) = opened else { return Ok(None) };
        input.truncate(self.salt.len());
        key.truncate(self.key_size);
        let right = value.starts_with(&hash.of(&input, b"")) && key.len() == self.key_size;
        Ok(right.then_some(key))
    }
}
