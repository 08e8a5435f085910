//! Station 5, respond: violations become one verdict for the message: pass, modify, redirect or block.

use std::time::Duration;

use policy::{Disposition, Modifications};
use smtp::header::{self, SubjectTag};
use smtp::spool::Edit;

use crate::inspect::{Findings, Inspected, Question};
use crate::receive::Received;
use crate::settings::Settings;

/// A message and what must become of it. It may be relayed only after it was recorded.
#[derive(Debug)]
pub(crate) struct Responded {
    received: Received,
    findings: Findings,
    question: Question,
    inspection_time: Duration,
    verdict: Verdict,
    /// Break-glass was on.
    break_glass: bool,
}

/// What relaying has to do.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Send on with our header lines and edits; also to these recipients.
    Send { changes: Changes, copies: Vec<String> },
    /// Send to these recipients instead.
    Redirect { changes: Changes, recipients: Vec<String> },
    /// Refuse to the sender.
    Block { code: u16, enhanced: String, text: String },
}

/// Header lines on top, and cuts and insertions in the header; the body is never touched.
#[derive(Debug)]
pub(crate) struct Changes {
    pub(crate) prefix: Vec<u8>,
    pub(crate) edits: Vec<Edit>,
}

impl Responded {
    pub(crate) fn new(inspected: Inspected, settings: &Settings) -> Self {
        let (received, mut findings, question, inspection_time) = inspected.into_parts();
        let verdict = match findings.response.disposition.clone() {
            Disposition::Block { code, enhanced, text } => Verdict::Block { code, enhanced, text },
            Disposition::Redirect { recipients } => {
                Verdict::Redirect { changes: changes(&mut findings, settings), recipients }
            }
            Disposition::Pass | Disposition::Modify => {
                let copies = findings.response.modifications.copies.clone();
                Verdict::Send { changes: changes(&mut findings, settings), copies }
            }
        };
        Self { received, findings, question, inspection_time, verdict, break_glass: settings.break_glass }
    }

    pub(crate) fn violates(&self) -> bool {
        !self.findings.inspection.violations.is_empty()
    }

    pub(crate) fn received(&self) -> &Received {
        &self.received
    }

    pub(crate) fn findings(&self) -> &Findings {
        &self.findings
    }

    pub(crate) fn question(&self) -> &Question {
        &self.question
    }

    pub(crate) fn inspection_time(&self) -> Duration {
        self.inspection_time
    }

    pub(crate) fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Break-glass was on when this message was judged.
    pub(crate) fn break_glass(&self) -> bool {
        self.break_glass
    }

    /// What policies wanted and break-glass prevented.
    pub(crate) fn overruled(&self) -> Option<&Disposition> {
        let would = &self.findings.response.would;
        (self.break_glass && *would != Disposition::Pass).then_some(would)
    }
}

/// Our lines go on top. Should the message begin with a folded line, it would become part of the last of them: that one
/// is the pass header, or a line that means nothing.
fn changes(findings: &mut Findings, settings: &Settings) -> Changes {
    let modifications = &findings.response.modifications;
    let mut prefix = String::new();
    for (name, value) in &modifications.headers {
        prefix.push_str(&header::line(name, value));
    }
    if !modifications.quarantine_connect.is_empty() {
        prefix.push_str(&header::line("X-dlp-uniquemsgid", findings.facts.unique_id.as_str()));
        for policy in &modifications.quarantine_connect {
            prefix.push_str(&header::line("X-dlp-policyid", &policy.to_string()));
        }
    }
    if let Some(tag) = subject_tag(modifications).filter(|_| findings.facts.header.subjects.is_empty()) {
        prefix.push_str(&tag.as_new_field());
    }
    if let Some((name, value)) = &settings.pass_header {
        prefix.push_str(&header::line(name, value));
    } else if findings.facts.header.begins_folded && !prefix.is_empty() {
        prefix.push_str("X-Weir-Note: the next line was the first\r\n");
    }
    Changes { prefix: prefix.into_bytes(), edits: std::mem::take(&mut findings.edits) }
}

/// What a rule adds to the subject.
pub(crate) fn subject_tag(modifications: &Modifications) -> Option<SubjectTag<'_>> {
    let change = modifications.subject.as_ref()?;
    Some(SubjectTag {
        prefix: change.prefix.as_deref().unwrap_or_default(),
        suffix: change.suffix.as_deref().unwrap_or_default(),
    })
}
