//! Encryption at rest: XChaCha20-Poly1305, a fresh key for each object, wrapped by the newest master key.
//!
//! ```text
//! "W1"  master key id (4)  nonce (24)  wrapped key (48)  base nonce (16)  chunks
//! ```
//!
//! A chunk is 64 KiB of plain text and its tag. Its nonce ends with its number and with whether it is the last one: chunks
//! cannot be cut off, moved or repeated without notice.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::Error;
use crate::keys::Keys;

const MAGIC: &[u8; 2] = b"W1";
const CHUNK: usize = 64 << 10;
const TAG: usize = 16;
const HEAD: usize = 2 + 4 + 24 + 48 + 16;

/// Seals `plain` for storage.
pub fn seal(keys: &Keys, plain: &[u8]) -> Result<Vec<u8>, Error> {
    let (id, master) = keys.newest().ok_or(Error::Damaged)?;
    let mut random = Zeroizing::new([0_u8; 32 + 24 + 16]);
    getrandom::fill(&mut *random).map_err(|why| Error::Key(format!("no random octets: {why}")))?;
    let (key, rest) = random.split_at(32);
    let (nonce, base) = rest.split_at(24);
    let wrapped = cipher(&**master)?
        .encrypt(&xnonce(nonce)?, Payload { msg: key, aad: MAGIC })
        .map_err(|_| Error::Damaged)?;
    let mut out = Vec::with_capacity(HEAD + plain.len() + (plain.len() / CHUNK + 1) * TAG);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(nonce);
    out.extend_from_slice(&wrapped);
    out.extend_from_slice(base);
    let data = cipher(key)?;
    let count = plain.len().div_ceil(CHUNK).max(1);
    for number in 0..count {
        let chunk = &plain[number * CHUNK..plain.len().min((number + 1) * CHUNK)];
        let nonce = chunk_nonce(base, number, number + 1 == count)?;
        out.extend(data.encrypt(&nonce, chunk).map_err(|_| Error::Damaged)?);
    }
    Ok(out)
}

/// Opens what [`seal`] made.
pub fn open(keys: &Keys, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let head = sealed.get(..HEAD).ok_or(Error::Damaged)?;
    let id: [u8; 4] = head[2..6].try_into().map_err(|_| Error::Damaged)?;
    if &head[..2] != MAGIC {
        return Err(Error::Damaged);
    }
    let id = u32::from_be_bytes(id);
    let master = keys.get(id).ok_or_else(|| Error::Key(format!("the master key number {id} is missing")))?;
    let wrapped = Payload { msg: &head[30..78], aad: MAGIC };
    let key = cipher(&**master)?.decrypt(&xnonce(&head[6..30])?, wrapped).map_err(|_| Error::Damaged)?;
    let (key, base) = (Zeroizing::new(key), &head[78..]);
    let data = cipher(&key)?;
    let chunks = &sealed[HEAD..];
    let count = chunks.len().div_ceil(CHUNK + TAG).max(1);
    let mut plain = Vec::with_capacity(chunks.len());
    for number in 0..count {
        let start = number * (CHUNK + TAG);
        let chunk = &chunks[start..chunks.len().min(start + CHUNK + TAG)];
        let nonce = chunk_nonce(base, number, number + 1 == count)?;
        plain.extend(data.decrypt(&nonce, chunk).map_err(|_| Error::Damaged)?);
    }
    Ok(plain)
}

fn cipher(key: &[u8]) -> Result<XChaCha20Poly1305, Error> {
    Key::try_from(key).map(|key| XChaCha20Poly1305::new(&key)).map_err(|_| Error::Damaged)
}

fn xnonce(octets: &[u8]) -> Result<XNonce, Error> {
    XNonce::try_from(octets).map_err(|_| Error::Damaged)
}

fn chunk_nonce(base: &[u8], number: usize, last: bool) -> Result<XNonce, Error> {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(base);
    nonce[16..23].copy_from_slice(&(number as u64).to_be_bytes()[1..]);
    nonce[23] = u8::from(last);
    xnonce(&nonce)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> Keys {
        Keys::open(tempfile::tempdir().unwrap().path()).unwrap()
    }

    #[test]
    fn octets_come_back_at_every_size_around_a_chunk() {
        let keys = keys();
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let plain = vec![7; size];
            assert_eq!(open(&keys, &seal(&keys, &plain).unwrap()).unwrap(), plain);
        }
    }

    #[test]
    fn a_cut_or_reordered_object_is_noticed() {
        let keys = keys();
        let sealed = seal(&keys, &vec![7; 2 * CHUNK]).unwrap();
        assert!(open(&keys, &sealed[..sealed.len() - CHUNK - TAG]).is_err());
        let (a, b) = sealed[HEAD..].split_at(CHUNK + TAG);
        assert!(open(&keys, &[&sealed[..HEAD], b, a].concat()).is_err());
        assert!(open(&keys, b"").is_err());
    }

    #[test]
    fn after_a_rotation_old_objects_open_and_without_the_key_they_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut keys = Keys::open(dir.path()).unwrap();
        let old = seal(&keys, b"old").unwrap();
        keys.rotate(dir.path()).unwrap();
        let new = seal(&keys, b"new").unwrap();
        let again = Keys::open(dir.path()).unwrap();
        assert_eq!(
            (open(&again, &old).unwrap(), open(&again, &new).unwrap()),
            (b"old".to_vec(), b"new".to_vec())
        );
        assert!(open(&self::keys(), &new).is_err());
    }

    proptest! {
        #[test]
        fn any_changed_octet_is_noticed(plain in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), flip in 1_u8..) {
            let keys = keys();
            let mut sealed = seal(&keys, &plain).unwrap();
            prop_assert_eq!(open(&keys, &sealed).unwrap(), plain);
            let at = at.index(sealed.len());
            sealed[at] ^= flip;
            prop_assert!(open(&keys, &sealed).is_err());
        }
    }
}
