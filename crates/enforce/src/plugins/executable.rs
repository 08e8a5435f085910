//! Runs a program as a plug-in: one JSON request in, one JSON answer out, within its time and a bounded output.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::{Outcome, Request};

/// Octets of its output.
const MOST: u64 = 64 << 10;

#[derive(Serialize)]
struct Asked<'a> {
    id: &'a str,
    attempt: u64,
    action: &'a str,
    rule: &'a str,
    requested_by: &'a str,
    requested_at: String,
    note: Option<String>,
    properties: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
    incident: Told<'a>,
}

#[derive(Serialize)]
struct Told<'a> {
    id: u64,
    unique_message_id: &'a str,
    message_id: Option<&'a str>,
    sender: &'a str,
    recipients: &'a [String],
    subject: &'a str,
    policy: &'a str,
    policy_id: u32,
    severity: String,
    status: &'a str,
    matches: u64,
    server: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    ok: bool,
    #[serde(default)]
    message: String,
}

pub(super) async fn run(
    program: &Path,
    seconds: u32,
    properties: &BTreeMap<String, String>,
    request: &Request<'_>,
) -> Outcome {
    let said = match talk(program, seconds, &question(properties, request)).await {
        Ok(said) => said,
        Err(why) => return refused(&why, ""),
    };
    match serde_json::from_str::<Answered>(&said) {
        Ok(Answered { ok: true, message }) => {
            Outcome::Executed { message: shortened(&message), answer: said }
        }
        Ok(Answered { ok: false, message }) => refused(&shortened(&message), &said),
        Err(why) => refused(&format!("the program's answer is not {{\"ok\":…,\"message\":…}}: {why}"), ""),
    }
}

/// A program under way and whatever it started: all of it ends when this goes.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.0.and_then(|id| rustix::process::Pid::from_raw(id as i32));
        if let Some(leader) = leader {
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

/// Asks a program, and gives what it wrote, if it ended well and in time.
pub(crate) async fn talk(program: &Path, seconds: u32, question: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    // Nothing of this server's environment, which may hold keys, gets to it.
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.process_group(0);
    let mut child = command.spawn().map_err(|why| format!("the program cannot be started: {why}"))?;
    let mut group = Group(child.id());
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let talk = async {
        let ask = async {
            if let Some(mut stdin) = stdin {
                // A program that does not read to the end may still know what to do.
                let _ = stdin.write_all(question.as_bytes()).await;
            }
        };
        let ((), out, err) = tokio::join!(ask, all(stdout), all(stderr));
        let status = child.wait().await.map_err(|why| format!("the program was lost: {why}"))?;
        Ok::<_, String>((status, out?, err?))
    };
    let limit = Duration::from_secs(seconds.into());
    let Ok(talked) = tokio::time::timeout(limit, talk).await else {
        return Err(format!("the program took longer than {seconds} seconds and was ended"));
    };
    let (status, out, err) = talked?;
    // It is over, and its number may be another's soon.
    group.0 = None;
    if !status.success() {
        return Err(format!("the program ended with {status}: {}", shortened(&err)));
    }
    Ok(out)
}

async fn all(stream: Option<impl AsyncRead + Unpin>) -> Result<String, String> {
    let mut octets = Vec::new();
    if let Some(stream) = stream {
        let read = stream.take(MOST + 1).read_to_end(&mut octets).await;
        read.map_err(|why| format!("the program's output cannot be read: {why}"))?;
    }
    if octets.len() as u64 > MOST {
        return Err(format!("the program wrote more than {MOST} octets"));
    }
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

fn question(properties: &BTreeMap<String, String>, request: &Request<'_>) -> String {
    let summary = &request.incident.summary;
    let asked = request.asked;
    let question = Asked {
        id: &asked.order.id,
        attempt: asked.attempts,
        action: &asked.order.plugin,
        rule: &asked.order.rule,
        requested_by: &asked.actor.who,
        requested_at: asked.requested_at.to_string(),
        note: request.note(),
        properties,
        credential: request.secret.map(|octets| String::from_utf8_lossy(octets).into_owned()),
        incident: Told {
            id: summary.id,
            unique_message_id: &summary.unique_message_id,
            message_id: summary.message_id.as_deref(),
            sender: &summary.sender,
            recipients: &summary.recipients,
            subject: &summary.subject,
            policy: &summary.policy,
            policy_id: summary.policy_id,
            severity: summary.severity.to_string(),
            status: summary.status.as_str(),
            matches: summary.matches,
            server: &summary.server,
        },
    };
    serde_json::to_string(&question).unwrap_or_default()
}

fn refused(why: &str, answer: &str) -> Outcome {
    Outcome::Refused {
        message: format!("The remediation request was not successful: {why}"),
        answer: answer.to_owned(),
    }
}

/// For a history line: no control characters, not endless.
fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect::<String>().trim().to_owned()
}
