//! The ID token: signed by a key of the provider, by it, for us, for this round, and still good; or nothing of it is read.

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::{Refusal, Settings};

/// Octets of a token.
const LONGEST: usize = 64 * 1024;
/// Seconds by which clocks may differ.
const LEEWAY: u64 = 60;

/// What a token says of the key that it is signed with.
pub(super) struct Signed {
    pub(super) key: Option<String>,
    pub(super) algorithm: Algorithm,
}

/// How a token is signed: by a public key, or it is refused. What a secret or nothing signs proves nothing.
pub(super) fn signed(token: &str) -> Result<Signed, Refusal> {
    if token.len() > LONGEST {
        return Err(wrong("it is too long"));
    }
    let header = decode_header(token).map_err(wrong)?;
    match header.alg {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
            Err(wrong("it is signed by a shared secret"))
        }
        algorithm => Ok(Signed { key: header.kid, algorithm }),
    }
}

/// The keys that could have signed it.
pub(super) fn fitting(keys: &[Jwk], signed: &Signed) -> Vec<Jwk> {
    let named = |key: &&Jwk| signed.key.is_none() || key.common.key_id == signed.key;
    let signs =
        |key: &&Jwk| key.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let alike = |key: &&Jwk| {
        let algorithm = key.common.key_algorithm.map(|algorithm| algorithm.to_string().parse::<Algorithm>());
        algorithm.is_none_or(|algorithm| algorithm.is_ok_and(|algorithm| algorithm == signed.algorithm))
    };
    keys.iter().filter(named).filter(signs).filter(alike).cloned().collect()
}

/// What it says, if all of it is right.
pub(super) fn checked(
    token: &str,
    keys: &[Jwk],
    settings: &Settings,
    nonce: &str,
) -> Result<Map<String, Value>, Refusal> {
    let signed = signed(token)?;
    let mut rules = Validation::new(signed.algorithm);
    rules.leeway = LEEWAY;
    rules.validate_nbf = true;
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules.set_issuer(&[&settings.issuer]);
    rules.set_audience(&[&settings.client_id]);
    let mut why = "no key of the provider has its name and kind".to_owned();
    for key in fitting(keys, &signed) {
        let claims =
            DecodingKey::from_jwk(&key).and_then(|key| decode::<Map<String, Value>>(token, &key, &rules));
        match claims {
            Ok(claims) => return for_this_round(claims.claims, settings, nonce),
            Err(error) => why = error.to_string(),
        }
    }
    Err(wrong(why))
}

fn for_this_round(
    claims: Map<String, Value>,
    settings: &Settings,
    nonce: &str,
) -> Result<Map<String, Value>, Refusal> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if !text("nonce").is_some_and(|said| crate::people::same(said.as_bytes(), nonce.as_bytes())) {
        return Err(wrong("its nonce is another round's"));
    }
    let for_others_too = claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
    match claims.get("azp") {
        None if for_others_too => Err(wrong("it is for others too, and does not say whom it was given to")),
        Some(party) if party.as_str() != Some(&settings.client_id) => {
            Err(wrong("it was given to somebody else"))
        }
        _ => Ok(claims),
    }
}

fn wrong(why: impl ToString) -> Refusal {
    Refusal::Wrong(format!("the ID token: {}", why.to_string()))
}
