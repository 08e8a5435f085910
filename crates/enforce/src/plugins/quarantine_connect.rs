//! The guide's FlexResponse plug-ins: asks a gateway over mutual TLS to act on the held copies of a message, and puts its
//! answer, copy by copy, in the words of the guide's special cases.

use std::time::Duration;

use incident::wire::{CopyAnswer, CopyResult, RemediationAnswer, RemediationRequest, ReviewAction, paths};
use reqwest::{Certificate, Client, Identity, StatusCode};
use serde::{Deserialize, Serialize};

use super::{Holder, Outcome, Request, reasons};

const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);
/// Octets of an answer.
const BIGGEST: usize = 8 << 20;
/// Copies named in a history line.
const NAMED: usize = 20;

/// What a credential for gateways holds, in PEM.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificates {
    /// Our certificate and what stands between it and the authority.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// The authority of the gateway's certificate.
    pub authority: String,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates(…)")
    }
}

impl Certificates {
    /// A client that shows this certificate and believes this authority only.
    pub fn client(&self) -> Result<Client, String> {
        let unusable = |what: &str, why: reqwest::Error| format!("{what} cannot be used: {why}");
        let identity = Identity::from_pem(format!("{}\n{}", self.certificate, self.key).as_bytes())
            .map_err(|why| unusable("the certificate or its key", why))?;
        let authority = Certificate::from_pem_bundle(self.authority.as_bytes())
            .map_err(|why| unusable("the authority", why))?;
        if authority.is_empty() {
            return Err("the credential holds no authority of the gateway".to_owned());
        }
        Client::builder()
            .identity(identity)
            .tls_certs_only(authority)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .build()
            .map_err(|why| unusable("the certificates", why))
    }
}

pub(super) async fn run(
    usual: (&str, u16),
    remediator: &str,
    action: ReviewAction,
    request: &Request<'_>,
) -> Outcome {
    let client = match client(request) {
        Ok(client) => client,
        Err(why) => return refused(&why, ""),
    };
    let body = RemediationRequest {
        id: request.asked.order.id.clone(),
        unique_message_id: request.incident.summary.unique_message_id.clone(),
        action,
        recipients: Vec::new(),
        remediator: remediator.to_owned(),
        requested_by: request.asked.actor.who.clone(),
        incident_id: request.incident.summary.id,
        note: request.note(),
        requested_at: request.asked.requested_at,
    };
    let mut answers = Vec::new();
    for place in places(usual, request.holders) {
        match ask(&client, &place, &body).await {
            Ok(answer) => answers.push(answer),
            // Whoever was asked already answers the same when all are asked again.
            Err(outcome) => return outcome,
        }
    }
    judge(&answers, &body)
}

/// Where to ask: at the gateways that told of the message; where none did, or one is not to be found, where the properties say.
fn places((host, port): (&str, u16), holders: &[Holder]) -> Vec<String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let usual = if bare.contains(':') { format!("[{bare}]:{port}") } else { format!("{bare}:{port}") };
    let mut places: Vec<String> = Vec::new();
    for holder in holders {
        let place = holder.place.clone().unwrap_or_else(|| usual.clone());
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() {
        places.push(usual);
    }
    places
}

/// What one gateway answers; otherwise what came of the request.
async fn ask(client: &Client, place: &str, body: &RemediationRequest) -> Result<RemediationAnswer, Outcome> {
    let answer = client.post(format!("https://{place}{}", paths::REMEDIATION)).json(body).send().await;
    let answer = answer.map_err(|error| {
        Outcome::Later(format!("{place} cannot be asked: {}", reasons(&error.without_url())))
    })?;
    let status = answer.status();
    let text = bounded(answer).await.map_err(|why| Outcome::Later(format!("{place}: {why}")))?;
    read(status, &text, body)
}

fn client(request: &Request<'_>) -> Result<Client, String> {
    let secret = request.secret.ok_or("the plug-in names no credential")?;
    let certificates: Certificates = serde_json::from_slice(secret)
        .map_err(|_| "the credential holds no certificates; make one of the kind \"certificates\"")?;
    certificates.client()
}

async fn bounded(mut answer: reqwest::Response) -> Result<String, String> {
    let mut octets = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if octets.len() + chunk.len() <= BIGGEST => octets.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err("the answer is too long".to_owned()),
            Ok(None) => return Ok(String::from_utf8_lossy(&octets).into_owned()),
            Err(error) => return Err(format!("the answer broke off: {}", reasons(&error))),
        }
    }
}

/// A gateway's answer, if it is one.
fn read(status: StatusCode, text: &str, request: &RemediationRequest) -> Result<RemediationAnswer, Outcome> {
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Outcome::Later(format!("the gateway answered {status}")));
    }
    if !status.is_success() {
        let words: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
        return Err(refused(&format!("the gateway answered {status}: {words}"), text));
    }
    let answer: RemediationAnswer = serde_json::from_str(text)
        .map_err(|why| refused(&format!("the gateway's answer cannot be read: {why}"), ""))?;
    if answer.id != request.id {
        return Err(refused("the gateway answered another request", text));
    }
    Ok(answer)
}

/// What the answers mean.
fn judge(answers: &[RemediationAnswer], request: &RemediationRequest) -> Outcome {
    let kept = serde_json::to_string(answers).unwrap_or_default();
    let unable = format!("Unable to remediate DlpUniqueMessageId {}.", request.unique_message_id);
    let copies = || answers.iter().flat_map(|answer| &answer.copies);
    if copies().all(|copy| copy.result == CopyResult::NotFound) {
        let names: Vec<&str> = answers.iter().map(|answer| answer.gateway.as_str()).collect();
        return refused(&format!("{unable} The message cannot be found at {}.", names.join(", ")), &kept);
    }
    let known = answers.iter().filter(|answer| !answer.copies.is_empty());
    let told: Vec<String> =
        known.map(|answer| format!("{}: {}", answer.gateway, told(&answer.copies))).collect();
    let told = told.join("; ");
    if copies().all(|copy| is_done(copy.result)) {
        let repeated = answers.iter().all(|answer| answer.repeated);
        let again = if repeated { " (asked before; nothing was done twice)" } else { "" };
        return Outcome::Executed { message: format!("{told}{again}"), answer: kept };
    }
    refused(&format!("{unable} {told}"), &kept)
}

fn is_done(result: CopyResult) -> bool {
    matches!(result, CopyResult::Released | CopyResult::Rejected | CopyResult::Custom)
}

fn told(copies: &[CopyAnswer]) -> String {
    let mut told: Vec<String> = copies
        .iter()
        .take(NAMED)
        .map(|copy| {
            let words = match copy.result {
                CopyResult::Released => "released",
                CopyResult::Rejected => "rejected",
                CopyResult::Custom => "custom action taken",
                CopyResult::AlreadyReleased => "the email has already been released",
                CopyResult::AlreadyRejected => "the email has already been rejected",
                CopyResult::AlreadyCustom => "the custom action has already been taken",
                CopyResult::Expired => "the email is gone: its folder's limits removed it",
                CopyResult::NotFound => "the email cannot be found",
                CopyResult::Failed => "the email could not be remediated",
            };
            let detail = if copy.detail.is_empty() { String::new() } else { format!(" ({})", copy.detail) };
            format!("{}: {words}{detail}", copy.recipient)
        })
        .collect();
    if copies.len() > NAMED {
        told.push(format!("and {} more", copies.len() - NAMED));
    }
    told.join("; ")
}

fn refused(why: &str, answer: &str) -> Outcome {
    Outcome::Refused {
        message: format!("The remediation request was not successful: {why}"),
        answer: answer.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> RemediationRequest {
        RemediationRequest {
            id: "r1".into(),
            unique_message_id: "ABC".into(),
            action: ReviewAction::Approved,
            recipients: Vec::new(),
            remediator: "dlp".into(),
            requested_by: "dana".into(),
            incident_id: 1,
            note: None,
            requested_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn answered(copies: &[(&str, CopyResult)]) -> Outcome {
        let copies = copies
            .iter()
            .map(|(recipient, result)| CopyAnswer {
                recipient: (*recipient).into(),
                result: *result,
                detail: String::new(),
            })
            .collect();
        let answer = RemediationAnswer { id: "r1".into(), gateway: "gw".into(), repeated: false, copies };
        judge(
            &[read(StatusCode::OK, &serde_json::to_string(&answer).unwrap(), &request()).unwrap()],
            &request(),
        )
    }

    fn strange(status: StatusCode, text: &str) -> Outcome {
        read(status, text, &request()).unwrap_err()
    }

    #[test]
    fn each_special_case_of_the_guide_has_its_words() {
        let refused = |outcome: Outcome| match outcome {
            Outcome::Refused { message, .. } => message,
            other => panic!("{other:?}"),
        };
        assert!(matches!(
            answered(&[("a@x", CopyResult::Released), ("b@x", CopyResult::Released)]),
            Outcome::Executed { message, .. } if message == "gw: a@x: released; b@x: released"
        ));
        let not_found = "The remediation request was not successful: Unable to remediate DlpUniqueMessageId ABC. The message cannot be found at gw.";
        assert_eq!(refused(answered(&[])), not_found);
        assert_eq!(refused(answered(&[("a@x", CopyResult::NotFound)])), not_found);
        let already =
            refused(answered(&[("a@x", CopyResult::AlreadyReleased), ("b@x", CopyResult::Released)]));
        assert!(already.contains("a@x: the email has already been released; b@x: released"), "{already}");
        assert!(refused(answered(&[("a@x", CopyResult::Failed)])).contains("could not be remediated"));
        assert!(refused(answered(&[("a@x", CopyResult::Expired)])).contains("limits removed it"));
    }

    #[test]
    fn a_busy_gateway_is_asked_again_and_a_strange_one_is_not() {
        assert!(matches!(strange(StatusCode::SERVICE_UNAVAILABLE, ""), Outcome::Later(_)));
        assert!(
            matches!(strange(StatusCode::BAD_REQUEST, "no\u{1b}[31m"), Outcome::Refused { message, .. } if !message.contains('\u{1b}'))
        );
        assert!(matches!(strange(StatusCode::OK, "<html>"), Outcome::Refused { .. }));
        let other = r#"{"id":"r2","gateway":"gw","repeated":false,"copies":[]}"#;
        assert!(
            matches!(strange(StatusCode::OK, other), Outcome::Refused { message, .. } if message.contains("another request"))
        );
    }

    #[test]
    fn the_gateways_that_told_of_a_message_are_asked_each_once() {
        let holder =
            |name: &str, place: Option<&str>| Holder { name: name.into(), place: place.map(str::to_owned) };
        let usual = ("gw1.example", 8443);
        assert_eq!(places(usual, &[]), ["gw1.example:8443"]);
        assert_eq!(places(("[::1]", 8443), &[]), ["[::1]:8443"]);
        assert_eq!(places(usual, &[holder("gw2", Some("gw2.example:8443"))]), ["gw2.example:8443"]);
        let several =
            [holder("gw2", Some("gw2.example:1")), holder("gw3", None), holder("gw4", Some("gw2.example:1"))];
        assert_eq!(places(usual, &several), ["gw2.example:1", "gw1.example:8443"]);
    }

    #[test]
    fn answers_of_several_gateways_are_told_as_one() {
        let of = |gateway: &str, recipient: &str, result| RemediationAnswer {
            id: "r1".into(),
            gateway: gateway.into(),
            repeated: false,
            copies: vec![CopyAnswer { recipient: recipient.into(), result, detail: String::new() }],
        };
        let none = RemediationAnswer { copies: Vec::new(), ..of("gw3", "", CopyResult::NotFound) };
        let released = of("gw1", "a@x", CopyResult::Released);
        let both =
            judge(&[released.clone(), of("gw2", "b@x", CopyResult::Released), none.clone()], &request());
        assert!(
            matches!(&both, Outcome::Executed { message, .. } if message == "gw1: a@x: released; gw2: b@x: released"),
            "{both:?}"
        );
        let half = judge(&[released, of("gw2", "b@x", CopyResult::AlreadyRejected)], &request());
        assert!(
            matches!(&half, Outcome::Refused { message, .. } if message.contains("gw2: b@x: the email has already been rejected")),
            "{half:?}"
        );
        let nowhere = judge(&[none.clone(), RemediationAnswer { gateway: "gw4".into(), ..none }], &request());
        assert!(
            matches!(&nowhere, Outcome::Refused { message, .. } if message.contains("cannot be found at gw3, gw4")),
            "{nowhere:?}"
        );
    }
}
