//! Webhooks as Standard Webhooks has them (standardwebhooks.com): each POST names its event and the time, and is signed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, StatusCode, Url};
use sha2::Sha256;
use web::outgoing::{self, Unusable};

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);

/// Why an event was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// Another attempt may work.
    Now(String),
    /// The receiver does not want this one.
    Refused(String),
}

/// The key of a secret: what is written `whsec_…` is base64.
pub(super) fn key(secret: &str) -> Result<Vec<u8>, String> {
    match secret.strip_prefix("whsec_") {
        None => Ok(secret.as_bytes().to_vec()),
        Some(encoded) => STANDARD
            .decode(encoded)
            .map_err(|_| "What follows whsec_ in the secret is not base64.".to_owned()),
    }
}

/// A client that believes these authorities (PEM), or the system's.
pub(super) fn client(authority: &str) -> Result<Client, String> {
    outgoing::client(authority, false, CONNECT, WHOLE).map_err(|unusable| match unusable {
        Unusable::NoCertificate => "The authority cannot be used: it holds no certificate.".to_owned(),
        Unusable::Because(why) => format!("The authority cannot be used: {why}."),
    })
}

/// Hands one event over.
pub(super) async fn post(
    client: &Client,
    url: &Url,
    key: &[u8],
    id: &str,
    body: String,
) -> Result<(), NotTaken> {
    let now = jiff::Timestamp::now().as_second().to_string();
    let answer = client
        .post(url.clone())
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-signature", signature(key, id, &now, &body))
        .header("webhook-timestamp", now)
        .body(body)
        .send()
        .await;
    match answer {
        Ok(answer) => judged(answer.status()),
        Err(error) => Err(NotTaken::Now(crate::plugins::reasons(&error.without_url()))),
    }
}

fn judged(status: StatusCode) -> Result<(), NotTaken> {
    let words = format!("it answers {status}");
    match status.as_u16() {
        200..=299 => Ok(()),
        // What it says of the event, and not of itself or of us.
        400 | 411 | 413 | 415 | 422 => Err(NotTaken::Refused(words)),
        _ => Err(NotTaken::Now(words)),
    }
}

/// HMAC-SHA256 over the event's id, the time and the body.
fn signature(key: &[u8], id: &str, at: &str, body: &str) -> String {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_standards_own_example() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_wrong_with_the_event_is_told_from_what_is_wrong_with_the_receiver() {
        assert_eq!(judged(StatusCode::NO_CONTENT), Ok(()));
        for status in [400, 413, 422] {
            assert!(matches!(judged(StatusCode::from_u16(status).unwrap()), Err(NotTaken::Refused(_))));
        }
        for status in [301, 401, 403, 404, 410, 429, 500, 503] {
            assert!(
                matches!(judged(StatusCode::from_u16(status).unwrap()), Err(NotTaken::Now(_))),
                "{status}"
            );
        }
    }

    #[test]
    fn a_secret_is_its_octets_or_base64_behind_its_prefix() {
        assert_eq!(key("plain words").unwrap(), b"plain words");
        assert!(key("whsec_***").is_err());
    }
}
