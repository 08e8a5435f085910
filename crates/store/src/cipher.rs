//! Encryption at rest: XChaCha20-Poly1305, a fresh key for each object, wrapped by the newest master key.
//!
//! ```text
//! head:  "W2"  master key id (4)  nonce (24)  wrapped key (48)  base nonce (16)
//! body:  chunks of 64 KiB of plain text, each with its tag (16); the last one may be shorter, or empty
//! ```
//!
//! A chunk's nonce is the base nonce, its number (7) and whether it is the last one (1): chunks cannot be cut off, moved or
//! repeated without notice. The wrapped key is bound to a context (`what is it, whose is it`), so that a sealed object cannot be
//! put in another's place. A new master key touches heads only ([`rewrap`]).

use std::io::{self, Read, Write};

use chacha20poly1305::aead::{Aead, AeadInOut, KeyInit, Payload};
use chacha20poly1305::{Key, Tag, XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize, Zeroizing};

use crate::Error;
use crate::keys::Keys;

const MAGIC: &[u8; 2] = b"W2";
/// Octets of plain text in a chunk.
pub const CHUNK: usize = 64 << 10;
const TAG: usize = 16;
const SEALED_CHUNK: usize = CHUNK + TAG;
/// Octets of a head.
pub const HEAD: usize = BASE + 16;
const NONCE: usize = 6;
const WRAPPED: usize = NONCE + 24;
const BASE: usize = WRAPPED + 48;

/// Seals `plain`: head and body in one.
pub fn seal(keys: &Keys, context: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
    let (head, body) = seal_apart(keys, context, plain)?;
    Ok([&head, &body[..]].concat())
}

/// Seals `plain` for a place that keeps heads and bodies apart, so that a new master key does not touch bodies.
pub fn seal_apart(keys: &Keys, context: &str, plain: &[u8]) -> Result<([u8; HEAD], Vec<u8>), Error> {
    let (head, stream) = Stream::fresh(keys, context)?;
    let count = plain.len().div_ceil(CHUNK).max(1);
    let mut body = Vec::with_capacity(plain.len() + count * TAG);
    for number in 0..count {
        let start = body.len();
        body.extend_from_slice(&plain[number * CHUNK..plain.len().min((number + 1) * CHUNK)]);
        let tag = stream.seal(number as u64, number + 1 == count, &mut body[start..])?;
        body.extend_from_slice(&tag);
    }
    Ok((head, body))
}

/// Opens what [`seal`] made in the same context.
pub fn open(keys: &Keys, context: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let (head, body) = sealed.split_at_checked(HEAD).ok_or(Error::Damaged)?;
    open_apart(keys, context, head, body)
}

/// Opens what [`seal_apart`] made in the same context.
pub fn open_apart(keys: &Keys, context: &str, head: &[u8], body: &[u8]) -> Result<Vec<u8>, Error> {
    let stream = Stream::of(keys, context, head)?;
    let count = body.len().div_ceil(SEALED_CHUNK).max(1);
    let mut plain = Vec::with_capacity(body.len());
    for number in 0..count {
        let chunk = &body[number * SEALED_CHUNK..body.len().min((number + 1) * SEALED_CHUNK)];
        let (text, tag) = chunk.split_at_checked(chunk.len().wrapping_sub(TAG)).ok_or(Error::Damaged)?;
        let start = plain.len();
        plain.extend_from_slice(text);
        stream.open(number as u64, number + 1 == count, &mut plain[start..], tag)?;
    }
    Ok(plain)
}

/// The head, wrapped by the newest master key; `None` where it is already.
pub fn rewrap(keys: &Keys, context: &str, head: &[u8]) -> Result<Option<[u8; HEAD]>, Error> {
    let newest = keys.newest_id().to_be_bytes();
    let head = head.get(..HEAD).ok_or(Error::Damaged)?;
    if head[2..NONCE] == newest {
        return Ok(None);
    }
    let key = unwrap_key(keys, context, head)?;
    let mut new = wrap_key(keys, context, &key)?;
    new[BASE..].copy_from_slice(&head[BASE..]);
    Ok(Some(new))
}

/// Seals octets as they are written; the head goes elsewhere (a row), the body to `W`.
#[derive(Debug)]
pub struct Sealer<W> {
    stream: Stream,
    number: u64,
    chunk: Vec<u8>,
    out: W,
}

impl<W: Write> Sealer<W> {
    /// Begins an object.
    pub fn new(keys: &Keys, context: &str, out: W) -> Result<([u8; HEAD], Self), Error> {
        let (head, stream) = Stream::fresh(keys, context)?;
        Ok((head, Self { stream, number: 0, chunk: Vec::with_capacity(SEALED_CHUNK), out }))
    }

    /// Begins an object whose head goes before its body.
    pub(crate) fn in_one(keys: &Keys, context: &str, mut out: W) -> io::Result<Self> {
        let (head, stream) = Stream::fresh(keys, context).map_err(io::Error::other)?;
        out.write_all(&head)?;
        Ok(Self { stream, number: 0, chunk: Vec::with_capacity(SEALED_CHUNK), out })
    }

    /// Writes the last chunk; without it the object does not open.
    pub fn finish(mut self) -> io::Result<W> {
        self.put(true)?;
        Ok(self.out)
    }

    fn put(&mut self, last: bool) -> io::Result<()> {
        let tag = self.stream.seal(self.number, last, &mut self.chunk).map_err(io::Error::other)?;
        self.chunk.extend_from_slice(&tag);
        self.out.write_all(&self.chunk)?;
        self.chunk.clear();
        self.number += 1;
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        // A full chunk waits: only what follows tells that it is not the last one.
        if self.chunk.len() == CHUNK && !octets.is_empty() {
            self.put(false)?;
        }
        let taken = octets.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&octets[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads a sealed body as plain text, a chunk at a time. Damage is an error of kind `InvalidData`; what was read before it is
/// genuine but may not be all.
#[derive(Debug)]
pub struct Opener<R> {
    stream: Stream,
    number: u64,
    body: R,
    /// The chunk that comes next, still sealed; it is known whether another follows it.
    next: Vec<u8>,
    plain: Vec<u8>,
    read: usize,
    ended: bool,
}

impl<R: Read> Opener<R> {
    /// Begins to open the object with this head.
    pub fn new(keys: &Keys, context: &str, head: &[u8], body: R) -> Result<Self, Error> {
        let stream = Stream::of(keys, context, head)?;
        Ok(Self { stream, number: 0, body, next: Vec::new(), plain: Vec::new(), read: 0, ended: false })
    }

    fn advance(&mut self) -> io::Result<()> {
        // One octet more than a chunk is read: it tells whether this chunk is the last.
        let wanted = (SEALED_CHUNK + 1 - self.next.len()) as u64;
        (&mut self.body).take(wanted).read_to_end(&mut self.next)?;
        let last = self.next.len() <= SEALED_CHUNK;
        let surplus = self.next.split_off(self.next.len().min(SEALED_CHUNK));
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, Error::Damaged.to_string());
        let tag = self.next.split_off(self.next.len().checked_sub(TAG).ok_or_else(damaged)?);
        self.stream.open(self.number, last, &mut self.next, &tag).map_err(|_| damaged())?;
        self.plain = std::mem::replace(&mut self.next, surplus);
        (self.read, self.ended) = (0, last);
        self.number += 1;
        Ok(())
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.read == self.plain.len() && !self.ended {
            self.advance()?;
        }
        let taken = out.len().min(self.plain.len() - self.read);
        out[..taken].copy_from_slice(&self.plain[self.read..self.read + taken]);
        self.read += taken;
        Ok(taken)
    }
}

/// The key and nonces of one object.
struct Stream {
    cipher: XChaCha20Poly1305,
    base: [u8; 16],
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

impl Stream {
    fn fresh(keys: &Keys, context: &str) -> Result<([u8; HEAD], Self), Error> {
        let key = Zeroizing::new(random::<32>()?);
        let mut head = wrap_key(keys, context, &*key)?;
        let base = random()?;
        head[BASE..].copy_from_slice(&base);
        Ok((head, Self { cipher: cipher(&*key)?, base }))
    }

    fn of(keys: &Keys, context: &str, head: &[u8]) -> Result<Self, Error> {
        let head = head.get(..HEAD).ok_or(Error::Damaged)?;
        let key = unwrap_key(keys, context, head)?;
        let base = head[BASE..].try_into().map_err(|_| Error::Damaged)?;
        Ok(Self { cipher: cipher(&key)?, base })
    }

    fn seal(&self, number: u64, last: bool, chunk: &mut [u8]) -> Result<Tag, Error> {
        let nonce = self.nonce(number, last);
        self.cipher.encrypt_inout_detached(&nonce, &[], chunk.into()).map_err(|_| Error::Damaged)
    }

    fn open(&self, number: u64, last: bool, chunk: &mut [u8], tag: &[u8]) -> Result<(), Error> {
        let tag = Tag::try_from(tag).map_err(|_| Error::Damaged)?;
        let nonce = self.nonce(number, last);
        self.cipher.decrypt_inout_detached(&nonce, &[], chunk.into(), &tag).map_err(|_| Error::Damaged)
    }

    fn nonce(&self, number: u64, last: bool) -> XNonce {
        let mut nonce = [0; 24];
        nonce[..16].copy_from_slice(&self.base);
        nonce[16..23].copy_from_slice(&number.to_be_bytes()[1..]);
        nonce[23] = u8::from(last);
        XNonce::from(nonce)
    }
}

/// A head whose base nonce is still to be filled in.
fn wrap_key(keys: &Keys, context: &str, key: &[u8]) -> Result<[u8; HEAD], Error> {
    let (id, master) = keys.newest().ok_or_else(|| Error::Key("there is no master key".to_owned()))?;
    let nonce = random::<24>()?;
    let payload = Payload { msg: key, aad: &bound(id, context) };
    let wrapped = cipher(&**master)?.encrypt(&XNonce::from(nonce), payload).map_err(|_| Error::Damaged)?;
    let mut head = [0; HEAD];
    head[..2].copy_from_slice(MAGIC);
    head[2..NONCE].copy_from_slice(&id.to_be_bytes());
    head[NONCE..WRAPPED].copy_from_slice(&nonce);
    head.get_mut(WRAPPED..BASE)
        .filter(|place| place.len() == wrapped.len())
        .ok_or(Error::Damaged)?
        .copy_from_slice(&wrapped);
    Ok(head)
}

fn unwrap_key(keys: &Keys, context: &str, head: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (Some(MAGIC), Some(id)) = (head.first_chunk::<2>(), head[2..].first_chunk::<4>()) else {
        return Err(Error::Damaged);
    };
    let id = u32::from_be_bytes(*id);
    let master = keys.get(id).ok_or_else(|| Error::Key(format!("the master key number {id} is missing")))?;
    let nonce = XNonce::try_from(&head[NONCE..WRAPPED]).map_err(|_| Error::Damaged)?;
    let payload = Payload { msg: &head[WRAPPED..BASE], aad: &bound(id, context) };
    cipher(&**master)?.decrypt(&nonce, payload).map(Zeroizing::new).map_err(|_| Error::Damaged)
}

fn bound(id: u32, context: &str) -> Vec<u8> {
    [MAGIC, &id.to_be_bytes()[..], context.as_bytes()].concat()
}

fn cipher(key: &[u8]) -> Result<XChaCha20Poly1305, Error> {
    let mut key = Key::try_from(key).map_err(|_| Error::Damaged)?;
    let cipher = XChaCha20Poly1305::new(&key);
    key.as_mut_slice().zeroize();
    Ok(cipher)
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(|why| Error::Key(format!("no random octets: {why}")))?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> Keys {
        Keys::open(tempfile::tempdir().unwrap().path()).unwrap()
    }

    fn streamed(keys: &Keys, plain: &[u8], piece: usize) -> (Vec<u8>, Vec<u8>) {
        let (head, mut sealer) = Sealer::new(keys, "x", Vec::new()).unwrap();
        plain.chunks(piece.max(1)).for_each(|piece| sealer.write_all(piece).unwrap());
        (head.to_vec(), sealer.finish().unwrap())
    }

    fn read_back(keys: &Keys, head: &[u8], body: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        Opener::new(keys, "x", head, body).map_err(io::Error::other)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn octets_come_back_at_every_size_around_a_chunk_whole_and_streamed() {
        let keys = keys();
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5] {
            let plain: Vec<u8> = (0..size).map(|at| (at * 7 + at / 256) as u8).collect();
            let sealed = seal(&keys, "x", &plain).unwrap();
            assert_eq!(open(&keys, "x", &sealed).unwrap(), plain);
            assert_eq!(read_back(&keys, &sealed[..HEAD], &sealed[HEAD..]).unwrap(), plain);
            let (head, body) = streamed(&keys, &plain, 50_000);
            assert_eq!(open(&keys, "x", &[head, body].concat()).unwrap(), plain);
        }
    }

    #[test]
    fn a_cut_or_reordered_object_is_noticed() {
        let keys = keys();
        let sealed = seal(&keys, "x", &vec![7; 2 * CHUNK]).unwrap();
        let (head, body) = sealed.split_at(HEAD);
        let (a, b) = body.split_at(SEALED_CHUNK);
        for wrong in [
            &[head, a].concat(),
            &[head, b, a].concat(),
            &[head, a, b, b].concat(),
            &head.to_vec(),
            &Vec::new(),
        ] {
            assert!(open(&keys, "x", wrong).is_err());
            assert!(
                read_back(&keys, &wrong[..wrong.len().min(HEAD)], wrong.get(HEAD..).unwrap_or(b"")).is_err()
            );
        }
    }

    #[test]
    fn an_object_does_not_open_in_anothers_place() {
        let keys = keys();
        let sealed = seal(&keys, "matches of 1", b"secret").unwrap();
        assert!(open(&keys, "matches of 2", &sealed).is_err());
    }

    #[test]
    fn after_a_rotation_old_objects_open_and_without_the_key_they_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut keys = Keys::open(dir.path()).unwrap();
        let old = seal(&keys, "x", b"old").unwrap();
        keys.rotate(dir.path()).unwrap();
        let new = seal(&keys, "x", b"new").unwrap();
        let again = Keys::open(dir.path()).unwrap();
        assert_eq!(open(&again, "x", &old).unwrap(), b"old");
        assert_eq!(open(&again, "x", &new).unwrap(), b"new");
        assert!(open(&self::keys(), "x", &new).is_err());
    }

    #[test]
    fn a_new_head_serves_the_old_body_when_the_old_key_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let mut keys = Keys::open(dir.path()).unwrap();
        let sealed = seal(&keys, "x", b"kept").unwrap();
        assert!(rewrap(&keys, "x", &sealed).unwrap().is_none());
        keys.rotate(dir.path()).unwrap();
        let head = rewrap(&keys, "x", &sealed).unwrap().unwrap();
        keys.retire_old(dir.path()).unwrap();
        assert_eq!(open(&keys, "x", &[&head, &sealed[HEAD..]].concat()).unwrap(), b"kept");
        assert!(open(&keys, "x", &sealed).unwrap_err().to_string().contains("number 1 is missing"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_changed_octet_is_noticed(
            plain in prop::collection::vec(any::<u8>(), 0..300),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            let keys = keys();
            let mut sealed = seal(&keys, "x", &plain).unwrap();
            prop_assert_eq!(open(&keys, "x", &sealed).unwrap(), plain);
            let at = at.index(sealed.len());
            sealed[at] ^= flip;
            prop_assert!(open(&keys, "x", &sealed).is_err());
        }

        #[test]
        fn pieces_of_any_size_seal_and_open_alike(size in 0_usize..200_000, piece in 1_usize..150_000, take in 1_usize..100_000) {
            let keys = keys();
            let plain = vec![3; size];
            let (head, body) = streamed(&keys, &plain, piece);
            let mut opener = Opener::new(&keys, "x", &head, &body[..]).unwrap();
            let (mut back, mut buffer) = (Vec::new(), vec![0; take]);
            loop {
                let read = opener.read(&mut buffer).unwrap();
                if read == 0 { break }
                back.extend_from_slice(&buffer[..read]);
            }
            prop_assert_eq!(back, plain);
        }

        #[test]
        fn foreign_octets_never_open(sealed in prop::collection::vec(any::<u8>(), 0..400)) {
            let keys = keys();
            prop_assert!(open(&keys, "x", &sealed).is_err());
            prop_assert!(open(&keys, "x", &[&b"W2\0\0\0\x01"[..], &sealed].concat()).is_err());
        }
    }
}
