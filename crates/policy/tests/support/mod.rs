//! Policy files from strings and mails from text, for tests that speak policy text.

// Each test file uses some of it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{DocumentAnswer, DocumentRequest, Documents, How, Limits};
use policy::{Envelope, Inspection, Mail, Response, Set, SourceFile};

/// A set of files; the test fails with the diagnostics if they are wrong.
pub fn set(files: &[(&str, &str)]) -> Set {
    let sources: Vec<SourceFile> = files.iter().map(|(name, text)| SourceFile::new(*name, text)).collect();
    match Set::load_files(&sources) {
        Ok(loaded) => loaded.set,
        Err(diagnostics) => {
            panic!("{}", diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
    }
}

/// One policy that is on, with these rules; its number is 1.
pub fn policy(rules: &str) -> Set {
    set(&[("p.toml", &format!("id = 1\nname = \"P\"\nmode = \"on\"\n{rules}"))])
}

/// The repository's policies.
pub fn library_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies")
}

/// The processor time that this thread takes for something, so that others on the machine count for less; the time on the wall
/// where the system does not tell.
pub fn processor_time(run: &mut dyn FnMut()) -> Duration {
    let taken = || -> Option<u64> {
        // The kernel brings the count up to date when the thread gives way.
        std::thread::yield_now();
        std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
    };
    let (start, before) = (Instant::now(), taken());
    run();
    match (before, taken()) {
        (Some(before), Some(after)) => Duration::from_nanos(after.saturating_sub(before)),
        _ => start.elapsed(),
    }
}

/// A message to inspect.
#[derive(Debug, Clone)]
pub struct Message {
    pub octets: Vec<u8>,
    pub envelope: Envelope,
    pub now: jiff::ZonedDateTime,
}

/// A plain mail with this body.
pub fn mail(body: &str) -> Message {
    raw(&format!(
        "From: ann@corp.example\r\nTo: bob@other.example\r\nSubject: Hello\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}"
    ))
}

/// A mail as it is on the wire.
pub fn raw(text: &str) -> Message {
    Message {
        octets: text.as_bytes().to_vec(),
        envelope: Envelope {
            sender: "ann@corp.example".into(),
            recipients: vec!["bob@other.example".into()],
            peer: None,
        },
        now: "2026-11-24T10:00:00+00:00[UTC]".parse().unwrap(),
    }
}

/// A mail with a body and text files.
pub fn with_files(body: &str, files: &[(&str, &str)]) -> Message {
    let mut text = String::from(
        "From: ann@corp.example\r\nTo: bob@other.example\r\nSubject: Hello\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n",
    );
    text += &format!("--xx\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n");
    for (name, content) in files {
        text += &format!(
            "--xx\r\nContent-Type: text/plain; charset=utf-8; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\n{content}\r\n"
        );
    }
    raw(&(text + "--xx--\r\n"))
}

impl Message {
    pub fn from(mut self, sender: &str) -> Self {
        self.envelope.sender = sender.into();
        self
    }

    pub fn to(mut self, recipients: &[&str]) -> Self {
        self.envelope.recipients = recipients.iter().map(|recipient| (*recipient).to_owned()).collect();
        self
    }

    pub fn at(mut self, time: &str) -> Self {
        self.now = time.parse().unwrap();
        self
    }

    /// What the set says of it.
    pub fn inspect(&self, set: &Set) -> Inspection {
        self.asked(|mail| set.inspect(mail))
    }

    /// What the set says, and what the response rules make of it.
    pub fn respond(&self, set: &Set, trial: bool) -> (Inspection, Response) {
        self.asked(|mail| {
            let inspection = set.inspect(mail);
            let response = policy::respond(set, &inspection, mail, trial);
            (inspection, response)
        })
    }

    /// Whether policy 1 is violated.
    pub fn violates(&self, set: &Set) -> bool {
        self.count(set).is_some()
    }

    /// The match count of policy 1.
    pub fn count(&self, set: &Set) -> Option<u64> {
        self.inspect(set)
            .violations
            .iter()
            .find(|violation| violation.policy.id == 1)
            .map(|violation| violation.match_count)
    }

    /// The match count of policy 1 where every document is answered so.
    pub fn count_answered(&self, set: &Set, answer: DocumentAnswer) -> Option<u64> {
        struct Answered(DocumentAnswer);
        impl Documents for Answered {
            fn open(&self, _: &DocumentRequest<'_>) -> DocumentAnswer {
                self.0.clone()
            }
        }
        let inspection = self.asked_with(&Answered(answer), |mail| set.inspect(mail));
        inspection
            .violations
            .iter()
            .find(|violation| violation.policy.id == 1)
            .map(|violation| violation.match_count)
    }

    pub fn asked<T>(&self, ask: impl FnOnce(&Mail<'_>) -> T) -> T {
        self.asked_with(&InProcess, ask)
    }

    fn asked_with<T>(&self, documents: &dyn Documents, ask: impl FnOnce(&Mail<'_>) -> T) -> T {
        let limits = Limits::default();
        let deadline = Instant::now() + Duration::from_secs(600);
        let how = How { limits: &limits, deadline, documents, passwords: &[], digests: true };
        let opened = content::open(&self.octets, &how);
        ask(&Mail {
            envelope: &self.envelope,
            opened: &opened,
            size: self.octets.len() as u64,
            now: self.now.clone(),
            deadline,
        })
    }
}
