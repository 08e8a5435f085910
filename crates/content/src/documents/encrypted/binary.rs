//! What the binary formats of Office encrypt with ([MS-OFFCRYPTO] 2.3.5 to 2.3.7): RC4 and XOR; and workbooks, record by record.

use md5::{Digest, Md5};

use super::super::ciphers::rc4;
use super::super::ole::{Fields, u16_at, u32_at};
use super::super::{Output, xls};
use super::{Hash, passwords, wide};
use crate::Reason;

/// The stream of a workbook, decrypted; none where it is not encrypted.
pub(in crate::documents) fn workbook(octets: &[u8], out: &mut Output<'_>) -> Result<Option<Vec<u8>>, Reason> {
    let Some(pass) = xls::records(octets).take(64).find(|record| record.kind == xls::id::FILEPASS) else {
        return Ok(None);
    };
    let pass = &octets[pass.data];
    out.spend(octets.len() as u64)?;
    for password in passwords(out.passwords) {
        if let Some(cipher) = Cipher::of(pass, password) {
            return Ok(Some(cipher.decrypt(octets)));
        }
    }
    Err(Reason::Encrypted)
}

/// How the streams of a document are encrypted, with the right password.
pub(super) enum Cipher {
    Xor([u8; 16]),
    /// By the first five octets of a hash.
    Rc4([u8; 5]),
    /// By a hash, with keys of so many octets.
    Rc4OfSystem {
        hash: Vec<u8>,
        key_size: usize,
    },
}

impl Cipher {
    /// None if the password is a wrong one, or the way of encryption not known.
    fn of(pass: &[u8], password: &str) -> Option<Self> {
        match (pass.len(), u16_at(pass, 0)?) {
            // Older workbooks have no number of the way.
            (4, _) => Self::xor(u16_at(pass, 0)?, u16_at(pass, 2)?, password),
            (_, 0) => Self::xor(u16_at(pass, 2)?, u16_at(pass, 4)?, password),
            (_, 1) => Self::described(pass.get(2..)?, password),
            _ => None,
        }
    }

    /// By what a document says of RC4, from the version on.
    pub(super) fn described(octets: &[u8], password: &str) -> Option<Self> {
        match u16_at(octets, 2)? {
            1 => Self::rc4(octets.get(4..)?, password),
            2 => Self::rc4_of_system(octets.get(4..)?, password),
            _ => None,
        }
    }

    pub(super) fn xor(key: u16, verifier: u16, password: &str) -> Option<Self> {
        let password = password.as_bytes();
        let right = (1..=15).contains(&password.len())
            && xor_verifier(password) == verifier
            && xor_key(password) == key;
        right.then(|| Self::Xor(xor_array(password)))
    }

    fn rc4(fields: &[u8], password: &str) -> Option<Self> {
        let (salt, verifier, hash) = (fields.get(..16)?, fields.get(16..32)?, fields.get(32..48)?);
        let of_password = Md5::digest(wide(password));
        let mixed = [&of_password[..5], salt].concat().repeat(16);
        let cipher = Self::Rc4(Md5::digest(mixed).first_chunk::<5>().copied()?);
        let clear = rc4(&cipher.block_key(0), &[verifier, hash].concat());
        (Md5::digest(&clear[..16])[..] == clear[16..]).then_some(cipher)
    }

    fn rc4_of_system(fields: &[u8], password: &str) -> Option<Self> {
        let mut fields = Fields(fields);
        // Flags, which the header has as well.
        fields.u32()?;
        let length = fields.u32()? as usize;
        let header = fields.take(length)?;
        let bits = u32_at(header, 16)?;
        fields.u32()?;
        let (salt, verifier) = (fields.take(16)?, fields.take(16)?);
        fields.u32()?;
        let verifier_hash = fields.take(20)?;
        let hash = Hash::Sha1.of(salt, &wide(password));
        let key_size = if bits == 0 { 5 } else { (bits / 8).min(20) as usize };
        let cipher = Self::Rc4OfSystem { hash, key_size };
        let clear = rc4(&cipher.block_key(0), &[verifier, verifier_hash].concat());
        (Hash::Sha1.of(&clear[..16], b"") == clear[16..]).then_some(cipher)
    }

    /// Octets that begin a block, with the key of which everything in it is encrypted.
    pub(super) fn block(&self, number: u32, octets: &[u8]) -> Vec<u8> {
        match self {
            // The keys of words: what is nothing, or would be, stays as it is.
            Self::Xor(array) => {
                let clear = |(octet, key): (&u8, &u8)| match octet ^ key {
                    0 => *octet,
                    _ if *octet == 0 => 0,
                    clear => clear,
                };
                octets.iter().zip(array.iter().cycle()).map(clear).collect()
            }
            _ => rc4(&self.block_key(number), octets),
        }
    }

    /// The key of a block of the stream.
    fn block_key(&self, block: u32) -> Vec<u8> {
        match self {
            Self::Xor(_) => Vec::new(),
            Self::Rc4(hash) => {
                Md5::new().chain_update(hash).chain_update(block.to_le_bytes()).finalize().to_vec()
            }
            Self::Rc4OfSystem { hash, key_size } => {
                let mut key = Hash::Sha1.of(hash, &block.to_le_bytes());
                key.truncate(*key_size);
                if *key_size == 5 {
                    key.resize(16, 0);
                }
                key
            }
        }
    }

    /// The stream in the clear: headers of records always are, and some records whole.
    fn decrypt(&self, octets: &[u8]) -> Vec<u8> {
        let all = match self {
            Self::Xor(_) => Vec::new(),
            _ => octets
                .chunks(1024)
                .zip(0_u32..)
                .flat_map(|(block, number)| rc4(&self.block_key(number), block))
                .collect(),
        };
        let mut clear = octets.to_vec();
        for record in xls::records(octets) {
            let skipped = match record.kind {
                id if NEVER_ENCRYPTED.contains(&id) => record.data.len(),
                // Where the sheet begins.
                xls::id::BOUNDSHEET => 4,
                _ => 0,
            };
            let shift = record.data.start + record.data.len();
            for at in record.data.clone().skip(skipped) {
                clear[at] = match self {
                    Self::Xor(array) => {
                        (octets[at] ^ array[(shift + at - record.data.start) % 16]).rotate_right(5)
                    }
                    _ => all[at],
                };
            }
            if record.kind == xls::id::FILEPASS {
                // The copy is not encrypted any more.
                clear[record.data.start - 4..record.data.start - 2].fill(0);
            }
        }
        clear
    }
}

/// BOF, FILEPASS, USREXCL, FILELOCK, INTERFACEHDR, RRDINFO, RRDHEAD.
const NEVER_ENCRYPTED: [u16; 7] = [xls::id::BOF, xls::id::FILEPASS, 0x194, 0x195, 0xe1, 0x196, 0x138];

pub(super) fn xor_verifier(password: &[u8]) -> u16 {
    let length = [password.len() as u8];
    let fold = |sum: u16, octet: &u8| (sum >> 14 & 1 | sum << 1 & 0x7fff) ^ u16::from(*octet);
    password.iter().rev().chain(&length).fold(0, fold) ^ 0xce4b
}

/// A remainder over the seven bits of each character, from the last one on, as the specification's matrix has it.
pub(super) fn xor_key(password: &[u8]) -> u16 {
    const FIRST: [u16; 15] = [
        0xe1f0, 0x1d0f, 0xcc9c, 0x84c0, 0x110c, 0x0e10, 0xf1ce, 0x313e, 0x1872, 0xe139, 0xd40f, 0x84f9,
        0x280c, 0xa96a, 0x4ec3,
    ];
    const POLYNOMIAL: u16 = 0x1021;
    let (mut key, mut element) = (FIRST[password.len() - 1], POLYNOMIAL);
    for octet in password.iter().rev() {
        for bit in 0..8 {
            if bit < 7 && octet >> bit & 1 != 0 {
                key ^= element;
            }
            element = element << 1 ^ if element & 0x8000 != 0 { POLYNOMIAL } else { 0 };
        }
    }
    key
}

fn xor_array(password: &[u8]) -> [u8; 16] {
    const FILL: [u8; 15] =
        [0xbb, 0xff, 0xff, 0xba, 0xff, 0xff, 0xb9, 0x80, 0x00, 0xbe, 0x0f, 0x00, 0xbf, 0x0f, 0x00];
    let key = xor_key(password).to_le_bytes();
    let mut octets = password.iter().chain(&FILL);
    std::array::from_fn(|at| (octets.next().copied().unwrap_or(0) ^ key[at % 2]).rotate_right(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_of_the_default_password_is_the_known_one() {
        // As files that Excel obfuscated have it.
        assert_eq!(xor_verifier(b"VelvetSweatshop"), 0x9a0a);
    }
}
