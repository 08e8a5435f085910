//! What a verdict asks of the MTA: header lines, recipients, a hold, or a reply that refuses. Plain data in, plain data out.

use smtp::spool::Edit;

use super::wire::Answer;
use crate::header::HeaderScan;
use crate::inspect::Findings;
use crate::respond::{Changes, Responded, Verdict};
use crate::settings::Settings;

/// Everything to be said at the end of the message, the last word included.
///
/// `fields` are the names of the header fields as they came; `octets` the message as it was inspected.
pub(super) fn of(
    responded: &Responded,
    fields: &[String],
    octets: &[u8],
    settings: &Settings,
) -> Vec<Answer> {
    let question = responded.question();
    let mut answers = Vec::new();
    match responded.verdict() {
        Verdict::Block { code, enhanced, text } => return vec![Answer::Reply(reply(*code, enhanced, text))],
        Verdict::Redirect { changes, recipients } => {
            answers.extend(header(changes, responded.findings(), fields, octets, settings));
            answers.extend(question.recipients.iter().cloned().map(Answer::DeleteRecipient));
            answers.extend(recipients.iter().cloned().map(Answer::AddRecipient));
        }
        Verdict::Send { changes, copies } => {
            answers.extend(header(changes, responded.findings(), fields, octets, settings));
            answers.extend(copies.iter().cloned().map(Answer::AddRecipient));
        }
    }
    answers.extend(hold(responded, settings));
    answers.push(Answer::Continue);
    answers
}

/// A marked message waits at the MTA, where no gateway follows that would hold it.
fn hold(responded: &Responded, settings: &Settings) -> Option<Answer> {
    let findings = responded.findings();
    let marks = &findings.response.modifications.quarantine_connect;
    if !settings.milter_holds || marks.is_empty() {
        return None;
    }
    let policies = marks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Some(Answer::Quarantine(format!("Weir: {} policies {policies}", findings.facts.unique_id)))
}

fn header(
    changes: &Changes,
    findings: &Findings,
    fields: &[String],
    octets: &[u8],
    settings: &Settings,
) -> Vec<Answer> {
    let mut answers = deletions(fields, settings);
    answers.extend(subjects(&findings.facts.header, &changes.edits, octets));
    // Each goes to the top: the last one first.
    answers.extend(lines(&changes.prefix).into_iter().rev());
    answers
}

/// Lines that only we may write, from outside. From the last to the first: some MTAs count what is deleted, some do not.
fn deletions(fields: &[String], settings: &Settings) -> Vec<Answer> {
    let forged = |name: &str| smtp::header::is_ours(name.as_bytes(), settings.pass_header_name());
    let mut answers = Vec::new();
    for (at, name) in fields.iter().enumerate().rev().filter(|(_, name)| forged(name)) {
        let index = fields[..=at].iter().filter(|other| other.eq_ignore_ascii_case(name)).count() as u32;
        answers.push(Answer::ChangeHeader { index, name: name.clone(), value: Vec::new() });
    }
    answers
}

/// Subject fields with what the edits put into them.
fn subjects<'a>(
    header: &'a HeaderScan,
    edits: &'a [Edit],
    octets: &'a [u8],
) -> impl Iterator<Item = Answer> + 'a {
    header.subjects.iter().enumerate().filter_map(move |(at, field)| {
        let inside =
            |edit: &&Edit| edit.range.start >= field.start as u64 && edit.range.end <= field.end as u64;
        let mut edited = Vec::new();
        let mut from = field.start;
        for edit in edits.iter().filter(inside) {
            edited.extend_from_slice(octets.get(from..edit.range.start as usize)?);
            edited.extend_from_slice(&edit.replacement);
            from = edit.range.end as usize;
        }
        if from == field.start {
            return None;
        }
        edited.extend_from_slice(octets.get(from..field.end)?);
        let colon = memchr::memchr(b':', &edited)?;
        let value = unfolded(edited[colon + 1..].trim_ascii());
        Some(Answer::ChangeHeader { index: at as u32 + 1, name: "Subject".to_owned(), value })
    })
}

/// Lines of ours, each `Name: value` with CRLF, in order; a long value is folded.
fn lines(prefix: &[u8]) -> Vec<Answer> {
    let mut lines: Vec<(String, String)> = Vec::new();
    for line in std::str::from_utf8(prefix).unwrap_or_default().lines() {
        match (line.split_once(": "), lines.last_mut()) {
            (_, Some((_, value))) if line.starts_with(' ') => {
                value.push('\n');
                value.push_str(line);
            }
            (Some((name, value)), _) => lines.push((name.to_owned(), value.to_owned())),
            (None, _) => {}
        }
    }
    let answer = |(name, value): (String, String)| Answer::InsertHeader { name, value: value.into_bytes() };
    lines.into_iter().map(answer).collect()
}

/// Folds go to the MTA as they come from it.
fn unfolded(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut octets = value.iter().peekable();
    while let Some(octet) = octets.next() {
        if *octet != b'\r' || octets.peek() != Some(&&b'\n') {
            out.push(*octet);
        }
    }
    out
}

/// The reply's lines. Sendmail and Postfix read `%%` as one percent sign.
pub(super) fn reply(code: u16, enhanced: &str, text: &str) -> String {
    let clean = |line: &str| line.chars().filter(|c| !c.is_control()).take(400).collect::<String>();
    let lines: Vec<String> = text.lines().map(clean).filter(|line| !line.is_empty()).take(20).collect();
    let last = lines.len().saturating_sub(1);
    let line = |(at, line): (usize, &String)| {
        let mark = if at == last { ' ' } else { '-' };
        format!("{code}{mark}{enhanced} {}", line.replace('%', "%%"))
    };
    match lines.is_empty() {
        true => format!("{code} {enhanced} refused"),
        false => lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\r\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_ours_keep_their_order_and_folds_their_form() {
        let found = lines(b"X-A: 1\r\n 4\r\nX-B: 2: 3\r\n");
        let header =
            |name: &str, value: &str| Answer::InsertHeader { name: name.into(), value: value.into() };
        assert_eq!(found, [header("X-A", "1\n 4"), header("X-B", "2: 3")]);
        assert_eq!(unfolded(b"a\r\n b"), b"a\n b");
    }

    #[test]
    fn a_reply_has_its_code_on_each_line_and_no_octet_that_ends_it() {
        assert_eq!(reply(550, "5.7.1", "100% no\nask\rus"), "550-5.7.1 100%% no\r\n550 5.7.1 askus");
        assert_eq!(reply(451, "4.3.0", ""), "451 4.3.0 refused");
    }

    #[test]
    fn the_subject_goes_back_with_what_was_put_into_it() {
        let octets = b"To: a\r\nSubject: one\r\n two\r\n\r\n";
        let header = HeaderScan::read(octets, "X-Cfilter-Loop");
        let edit = Edit { range: 15..15, replacement: b" [DLP]".to_vec() };
        let found: Vec<Answer> = subjects(&header, &[edit], octets).collect();
        let value = b"[DLP] one\n two".to_vec();
        assert_eq!(found, [Answer::ChangeHeader { index: 1, name: "Subject".into(), value }]);
    }
}
