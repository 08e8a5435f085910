//! One round to the provider and back: what it began with, sealed, in the browser that began it, for ten minutes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::cipher;
use store::keys::Keys;

use crate::Error;

/// What rounds are sealed for.
const PURPOSE: &str = "oidc round";
/// So long is a round good, in milliseconds.
pub(crate) const LIFE: i64 = 10 * 60_000;
/// A longer way back is forgotten: browsers keep cookies of 4,096 octets.
const LONGEST_WAY: usize = 1_500;

/// What a round began with. Whoever comes back without it is none that we sent.
#[derive(Serialize, Deserialize)]
pub(super) struct Round {
    /// Comes back in the address: the answer is to this browser's question.
    pub(super) state: String,
    /// Comes back in the token: it was made for this round.
    pub(super) nonce: String,
    /// Proves that who has the code also began the round (RFC 7636).
    pub(super) verifier: String,
    /// Where they wanted to go.
    pub(super) to: String,
    at: i64,
}

impl Round {
    pub(super) fn begin(now: i64, to: &str) -> Result<Self, Error> {
        let to = if to.len() > LONGEST_WAY { String::new() } else { to.to_owned() };
        Ok(Self { state: secret()?, nonce: secret()?, verifier: secret()?, to, at: now })
    }

    /// For the cookie.
    pub(super) fn sealed(&self, keys: &Keys) -> Result<String, Error> {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        Ok(URL_SAFE_NO_PAD.encode(cipher::seal(keys, PURPOSE, &plain)?))
    }

    /// From the cookie, if it is ours and not too old.
    pub(super) fn opened(keys: &Keys, now: i64, kept: &str) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(kept).ok()?;
        let round: Self = serde_json::from_slice(&cipher::open(keys, PURPOSE, &sealed).ok()?).ok()?;
        (0..LIFE).contains(&now.saturating_sub(round.at)).then_some(round)
    }

    /// What the provider is told of the verifier.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }
}

fn secret() -> Result<String, Error> {
    let mut octets = [0; 32];
    getrandom::fill(&mut octets).map_err(|why| Error::Random(why.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_comes_back_from_its_cookie_for_ten_minutes_and_fits_into_one() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(&dir.path().join("keys")).unwrap();
        let round = Round::begin(1_000, &"/a".repeat(750)).unwrap();
        let kept = round.sealed(&keys).unwrap();
        assert!(kept.len() < 3_500, "{}", kept.len());
        let again = Round::opened(&keys, 1_000 + LIFE - 1, &kept).unwrap();
        assert_eq!((again.state, again.to.len()), (round.state.clone(), 1_500));
        assert!(Round::opened(&keys, 1_000 + LIFE, &kept).is_none(), "over");
        assert!(Round::opened(&keys, 0, &kept).is_none(), "from the future");
        for wrong in ["", "x", &kept[1..]] {
            assert!(Round::opened(&keys, 1_000, wrong).is_none());
        }
        assert_eq!(Round::begin(0, &"x".repeat(1_501)).unwrap().to, "");
    }

    #[test]
    fn the_challenge_is_that_of_the_standards_own_example() {
        let mut round = Round::begin(0, "").unwrap();
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".clone_into(&mut round.verifier);
        assert_eq!(round.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
