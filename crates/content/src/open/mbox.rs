//! The messages of an mbox file.

use std::ops::Range;

/// Where the messages are: behind `From ` lines that begin the file or follow an empty line, and are followed by a field.
pub(super) fn messages(octets: &[u8], most: usize) -> Vec<Range<usize>> {
    let mut starts: Vec<usize> = Vec::new();
    if is_start(octets) {
        starts.push(0);
    }
    for at in memchr::memmem::find_iter(octets, b"\nFrom ") {
        if starts.len() > most {
            break;
        }
        let before = octets[..at].strip_suffix(b"\r").unwrap_or(&octets[..at]);
        if before.ends_with(b"\n") && is_start(&octets[at + 1..]) {
            starts.push(at + 1);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([octets.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

/// `From `, anything up to the end of the line, and then a field.
pub(crate) fn is_start(octets: &[u8]) -> bool {
    let Some(rest) = octets.strip_prefix(b"From ") else { return false };
    let Some(end) = memchr::memchr(b'\n', &rest[..rest.len().min(1000)]) else { return false };
    let next = &rest[end + 1..rest.len().min(end + 200)];
    let colon = next.iter().position(|octet| !(33..=126).contains(octet) || *octet == b':');
    colon.is_some_and(|colon| colon > 0 && next[colon] == b':')
}

#[cfg(test)]
mod tests {
    use super::messages;

    #[test]
    fn messages_begin_at_from_lines_and_not_at_sentences() {
        let mbox = b"From a@b Mon\nSubject: 1\n\nx\nFrom me to you\n\nFrom here it goes\non\n\nFrom c@d Tue\nSubject: 2\n\ny\n";
        let found = messages(mbox, 10);
        assert_eq!(found.len(), 2);
        assert!(mbox[found[1].clone()].starts_with(b"From c@d"));
    }
}
