//! The second factor: six digits of an authenticator app (TOTP, RFC 6238), each good for one sign-in only.

use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use crate::Error;
use crate::pages::encoded;

/// Octets of a secret, as RFC 4226 recommends.
const OCTETS: usize = 20;
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const STEP: u64 = 30;
/// Steps before and after now whose code is taken: clocks differ.
const SKEW: u64 = 1;

/// A secret shared with somebody's authenticator app.
#[derive(Clone)]
pub struct SecondFactor(Zeroizing<[u8; OCTETS]>);

impl std::fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecondFactor(…)")
    }
}

impl SecondFactor {
    /// A new one.
    pub fn fresh() -> Result<Self, Error> {
        let mut octets = Zeroizing::new([0; OCTETS]);
        getrandom::fill(&mut *octets).map_err(|why| Error::Random(why.to_string()))?;
        Ok(Self(octets))
    }

    /// From its octets as they were stored.
    pub(crate) fn from_octets(octets: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(octets.try_into().ok()?)))
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &*self.0
    }

    /// From what [`SecondFactor::base32`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = Zeroizing::new([0; OCTETS]);
        if text.len() != OCTETS / 5 * 8 {
            return None;
        }
        for (five, eight) in octets.chunks_mut(5).zip(text.as_bytes().chunks(8)) {
            let mut bits = 0_u64;
            for letter in eight {
                bits = bits << 5 | LETTERS.iter().position(|known| known == letter)? as u64;
            }
            five.copy_from_slice(&bits.to_be_bytes()[3..]);
        }
        Some(Self(octets))
    }

    /// As people type it into their app (RFC 4648).
    pub fn base32(&self) -> String {
        let mut text = String::with_capacity(OCTETS / 5 * 8);
        for five in self.0.chunks(5) {
            let bits = five.iter().fold(0_u64, |bits, octet| bits << 8 | u64::from(*octet));
            text.extend((0..8).rev().map(|at| char::from(LETTERS[(bits >> (5 * at) & 31) as usize])));
        }
        text
    }

    /// As apps read it from a QR code.
    pub fn address(&self, issuer: &str, user: &str) -> String {
        let (issuer, user) = (encoded(issuer), encoded(user));
        format!("otpauth://totp/{issuer}:{user}?secret={}&issuer={issuer}&digits=6&period=30", self.base32())
    }

    /// The code of a moment, in seconds since 1970.
    pub fn code(&self, seconds: u64) -> String {
        self.totp().map(|totp| totp.generate(seconds).to_string()).unwrap_or_default()
    }

    /// The step whose code this is, if it is later than the last one used: a code that was overheard opens nothing.
    pub(crate) fn step_of(&self, code: &str, seconds: u64, last_used: i64) -> Option<i64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        if code.len() != 6 || !code.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let now = seconds / STEP;
        let mut found = None;
        // All of them, whichever fits: the time taken tells nothing.
        for step in now.saturating_sub(SKEW)..=now.saturating_add(SKEW) {
            let same = same(self.code(step.saturating_mul(STEP)).as_bytes(), code.as_bytes());
            let later = i64::try_from(step).is_ok_and(|step| step > last_used);
            if same && later {
                found = i64::try_from(step).ok();
            }
        }
        found
    }

    fn totp(&self) -> Option<Totp> {
        Builder::new().with_secret(*self.0).with_skew(0).build().ok()
    }
}

/// Equal, in a time that hangs on the length only.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret and codes of RFC 6238, appendix B, cut to six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let factor = SecondFactor::from_octets(b"12345678901234567890").unwrap();
        for (seconds, code) in [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")] {
            assert_eq!(factor.code(seconds), code);
        }
    }

    #[test]
    fn a_code_is_good_once_and_not_long() {
        let factor = SecondFactor::fresh().unwrap();
        let code = factor.code(3_000);
        assert_eq!(factor.step_of(&code, 3_000, -1), Some(100));
        assert_eq!(factor.step_of(&code, 3_035, -1), Some(100), "the step before is taken too");
        assert_eq!(factor.step_of(&code, 3_000, 100), None, "used already");
        assert_eq!(factor.step_of(&code, 3_100, -1), None, "too late");
        let spaced = format!("{} {}", &code[..3], &code[3..]);
        assert_eq!(factor.step_of(&spaced, 3_000, -1), Some(100));
        for wrong in ["", "12345", "abcdef", "１２３４５６", "-12345"] {
            assert_eq!(factor.step_of(wrong, 3_000, -1), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_comes_back_from_its_text() {
        let known = SecondFactor::from_octets(b"12345678901234567890").unwrap();
        assert_eq!(known.base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let factor = SecondFactor::fresh().unwrap();
        assert_eq!(SecondFactor::parse(&factor.base32()).unwrap().octets(), factor.octets());
        assert!(SecondFactor::parse("AAAA").is_none() && SecondFactor::parse(&"a".repeat(32)).is_none());
        let address = factor.address("Weir Enforce", "jane@x");
        assert!(address.starts_with("otpauth://totp/Weir%20Enforce:jane%40x?secret="), "{address}");
    }
}
