//! The ciphers that encrypted documents are opened with: AES by blocks and chained, Blowfish with feedback, RC4.

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes_gcm::aead::Aead;

/// AES with a key of any size.
pub(super) enum Aes {
    Small(aes::Aes128),
    Middle(aes::Aes192),
    Large(Box<aes::Aes256>),
}

impl Aes {
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => aes::Aes128::new_from_slice(key).ok().map(Self::Small),
            24 => aes::Aes192::new_from_slice(key).ok().map(Self::Middle),
            32 => aes::Aes256::new_from_slice(key).ok().map(|aes| Self::Large(Box::new(aes))),
            _ => None,
        }
    }

    /// Each block by itself; what is no whole block is left out.
    pub(super) fn blocks(&self, octets: &[u8]) -> Vec<u8> {
        let mut blocks: Vec<Array<u8, _>> =
            octets.as_chunks::<16>().0.iter().map(|block| Array::from(*block)).collect();
        match self {
            Self::Small(aes) => aes.decrypt_blocks(&mut blocks),
            Self::Middle(aes) => aes.decrypt_blocks(&mut blocks),
            Self::Large(aes) => aes.decrypt_blocks(&mut blocks),
        }
        blocks.into_iter().flatten().collect()
    }

    /// Each block with the packed one before it; the first with `start`, cut or filled up.
    pub(super) fn chained(&self, start: &[u8], octets: &[u8]) -> Vec<u8> {
        let mut first = start.to_vec();
        first.resize(16, 0x36);
        let mut clear = self.blocks(octets);
        clear.iter_mut().zip(first.iter().chain(octets)).for_each(|(octet, before)| *octet ^= before);
        clear
    }
}

/// AES in counter mode with a tag at the end that vouches for all of it; none if the tag does not.
pub(super) fn vouched(key: &[u8], nonce: &[u8], octets: &[u8]) -> Option<Vec<u8>> {
    let nonce = nonce.first_chunk::<12>().filter(|_| nonce.len() == 12)?.into();
    match key.len() {
        16 => aes_gcm::Aes128Gcm::new_from_slice(key).ok()?.decrypt(nonce, octets).ok(),
        32 => aes_gcm::Aes256Gcm::new_from_slice(key).ok()?.decrypt(nonce, octets).ok(),
        _ => None,
    }
}

/// Blowfish, each block encrypting the packed one before it.
pub(super) fn blowfish(key: &[u8], start: &[u8], octets: &[u8]) -> Option<Vec<u8>> {
    let cipher: blowfish::Blowfish = blowfish::Blowfish::new_from_slice(key).ok()?;
    let mut before = *start.first_chunk::<8>()?;
    let mut clear = Vec::with_capacity(octets.len());
    for packed in octets.chunks(8) {
        let mut stream = Array::from(before);
        cipher.encrypt_block(&mut stream);
        clear.extend(packed.iter().zip(stream).map(|(packed, stream)| packed ^ stream));
        before[..packed.len()].copy_from_slice(packed);
    }
    Some(clear)
}

/// RC4: the same in both directions.
pub(super) fn rc4(key: &[u8], octets: &[u8]) -> Vec<u8> {
    let mut state: [u8; 256] = std::array::from_fn(|at| at as u8);
    let mut other = 0_u8;
    for at in 0..256 {
        other = other.wrapping_add(state[at]).wrapping_add(key[at % key.len()]);
        state.swap(at, other.into());
    }
    let (mut at, mut other) = (0_u8, 0_u8);
    let next = |octet: &u8| {
        at = at.wrapping_add(1);
        other = other.wrapping_add(state[usize::from(at)]);
        state.swap(at.into(), other.into());
        octet ^ state[usize::from(state[usize::from(at)].wrapping_add(state[usize::from(other)]))]
    };
    octets.iter().map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rc4_gives_the_key_stream_of_rfc_6229() {
        assert_eq!(rc4(&[1, 2, 3, 4, 5], &[0; 8]), [0xb2, 0x39, 0x63, 0x05, 0xf0, 0x3d, 0xc0, 0x27]);
    }
}
